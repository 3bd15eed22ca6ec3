//! What `rpm -qa` prints. With [`RPM_QUERY`] it says all that an audit needs. Plain, it lacks the epoch,
//! the source and the module stream, and then [`Epoch::NotTold`] keeps anybody from guessing.

use crate::{Epoch, Error, Listing, Manager, Package, header::told};

/// The query whose output [`rpm_query`] reads: `rpm -qa --qf "$RPM_QUERY"`.
pub const RPM_QUERY: &str = "%{NAME}\\t%{EPOCH}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\t%{SOURCERPM}\\t%{MODULARITYLABEL}\\t%{INSTALLTIME}\\n";

/// Reads the output of `rpm -qa --qf` with [`RPM_QUERY`].
pub fn rpm_query(bytes: &[u8]) -> Result<Listing, Error> {
    read(bytes, |line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, epoch, version, release, arch, source, module, time] = fields.as_slice() else {
            return Err(format!(
                "expected 8 fields between tabs, found {}",
                fields.len()
            ));
        };
        let epoch = match *epoch {
            "(none)" => Epoch::Absent,
            number => match number.parse() {
                Ok(epoch) => Epoch::Is(epoch),
                Err(_) => return Err(format!("expected an epoch or (none), found {number:?}")),
            },
        };
        let mut package = package(name, version, release, arch)?;
        package.epoch = epoch;
        package.built_from = told(Some((*source).to_owned()));
        package.module = told(Some((*module).to_owned()));
        package.installed_at = time.parse().ok(); // ok: because the time decides nothing
        Ok(package)
    })
}

/// Reads the output of plain `rpm -qa`: `name-version-release.arch` a line.
pub fn rpm_plain(bytes: &[u8]) -> Result<Listing, Error> {
    read(bytes, |line| {
        let whole = || format!("expected name-version-release.arch, found {line:?}");
        // A key has no architecture: gpg-pubkey-ced7258b-6525146f, or with (none).
        let (rest, arch) = if line.starts_with("gpg-pubkey-") {
            (line.trim_end_matches(".(none)"), "")
        } else {
            line.rsplit_once('.').ok_or_else(whole)?
        };
        let (rest, release) = rest.rsplit_once('-').ok_or_else(whole)?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(whole)?;
        if line.contains(char::is_whitespace) || arch.contains('-') {
            return Err(whole());
        }
        package(name, version, release, arch)
    })
}

fn package(name: &str, version: &str, release: &str, arch: &str) -> Result<Package, String> {
    if [name, version, release]
        .iter()
        .any(|text| text.is_empty() || *text == "(none)")
    {
        return Err("expected a name, a version and a release, found none".to_owned());
    }
    Ok(Package {
        manager: Manager::Rpm,
        name: name.to_owned(),
        epoch: Epoch::NotTold,
        version: version.to_owned(),
        release: release.to_owned(),
        arch: if arch == "(none)" {
            String::new()
        } else {
            arch.to_owned()
        },
        built_from: None,
        vendor: None,
        module: None,
        installed_at: None,
        is_key: name == "gpg-pubkey",
    })
}

fn read(bytes: &[u8], parse: impl Fn(&str) -> Result<Package, String>) -> Result<Listing, Error> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Error::NotA {
            expected: "the text of rpm -qa",
            found: at,
        });
    }
    if bytes.last().is_some_and(|last| *last != b'\n') {
        return Err(Error::Truncated {
            expected: bytes.len() as u64 + 1,
            found: bytes.len() as u64,
        });
    }
    let mut listing = Listing::default();
    for (nth, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        match std::str::from_utf8(line)
            .map_err(|why| why.to_string())
            .and_then(&parse)
        {
            Ok(package) => listing.packages.push(package),
            Err(why) => listing.reject(nth + 1, why),
        }
    }
    listing.or_empty(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_keeps_the_epoch_open() {
        let listing = rpm_plain(
            b"openssl-libs-1.1.1k-9.el8_7.x86_64\ngpg-pubkey-ced7258b-6525146f\nerror: no\n",
        )
        .unwrap();
        let [ssl, key] = listing.packages.as_slice() else {
            panic!("{listing:?}");
        };
        assert_eq!(
            (ssl.name.as_str(), ssl.epoch),
            ("openssl-libs", Epoch::NotTold)
        );
        assert_eq!(
            (ssl.evr().as_str(), ssl.arch.as_str()),
            ("1.1.1k-9.el8_7", "x86_64")
        );
        assert!(key.is_key);
        assert_eq!((listing.rejected, listing.reasons[0].line), (1, 3));
    }

    #[test]
    fn a_query_says_the_epoch_and_the_stream() {
        let text = b"nodejs\t1\t18.1\t2.el8\tx86_64\tnodejs-18.1-2.el8.src.rpm\tnodejs:18:80:ab\t17\na\t(none)\t1\t1\tnoarch\t(none)\t(none)\t17\nb\tx\n";
        let listing = rpm_query(text).unwrap();
        assert_eq!(listing.packages[0].stream(), Some("nodejs:18"));
        assert_eq!(listing.packages[0].evr(), "1:18.1-2.el8");
        assert_eq!(listing.packages[1].epoch, Epoch::Absent);
        assert_eq!(listing.packages[1].source(), None);
        assert_eq!(listing.rejected, 1);
    }

    #[test]
    fn no_inventory_is_refused() {
        assert_eq!(
            rpm_plain(b""),
            Err(Error::Empty {
                bytes: 0,
                rejected: 0
            })
        );
        assert_eq!(
            rpm_plain(b"a-1-1.noarch"),
            Err(Error::Truncated {
                expected: 13,
                found: 12
            })
        );
        assert!(rpm_query(b"\0").is_err());
    }
}
