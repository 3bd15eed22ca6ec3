//! The inventory of a Debian host.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use cordon_model::{
    Blindness, ControlName, Cursor, End, Fact, Host, Package, PackageKind, PackageStatus, Sense,
    Sensed, Text, Watched,
};
use cordon_patch::{InventoryError, Listing, SPEC, read_status};

use crate::unpack::{UnpackError, unpack};

/// Where dpkg keeps what is installed.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Reads dpkg's status of one host: what changed since the cursor as facts, then a pulse that closes
/// the look. The cursor is the whole list, so that what went away while nobody looked is told too.
#[derive(Debug, Clone)]
pub struct Dpkg {
    /// Whose it is.
    pub host: Host,
    /// Where it is.
    pub path: PathBuf,
}

impl Sense for Dpkg {
    fn sense(
        &mut self,
        from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        let listing = match inventory(&self.path) {
            Ok(listing) => listing,
            Err(why) => return End::Blind { why },
        };
        let mut known = from.map(known_at).unwrap_or_default(); // default: because the first look knows nothing
        let seen = u64::try_from(listing.entries.len()).unwrap_or(u64::MAX);
        let cursor = cursor_at(&listing.entries);
        let mut facts = Vec::new();
        for package in listing.entries {
            let name = (package.name.to_string(), package.arch.to_string());
            let told = known.remove(&name);
            if told.as_deref() != Some(state_of(&package).as_str()) {
                facts.push(Fact::Package(package));
            }
        }
        facts.extend(known.into_keys().filter_map(gone).map(Fact::Package));
        let of = Watched::Control(ControlName::from(SPEC.name));
        let pulse = Fact::Pulse {
            of,
            seen,
            errors: listing.rejected,
        };
        for fact in facts {
            if out(
                Sensed {
                    host: self.host.clone(),
                    said: None,
                    fact,
                },
                None,
            )
            .is_break()
            {
                return End::Stopped;
            }
        }
        let pulse = Sensed {
            host: self.host.clone(),
            said: None,
            fact: pulse,
        };
        match out(pulse, Some(cursor)) {
            ControlFlow::Continue(()) => End::Finished { seen },
            ControlFlow::Break(()) => End::Stopped,
        }
    }
}

/// What a cursor remembers of a package beside its name.
fn state_of(package: &Package) -> String {
    format!("{} {:?}", package.version, package.status)
}

/// One package a line: name, architecture, state, parted by tabs. None of them can hold one: they are
/// fields of a stanza that were trimmed and, for names, checked.
fn cursor_at(packages: &[Package]) -> Cursor {
    let line = |package: &Package| {
        format!(
            "{}\t{}\t{}\n",
            package.name,
            package.arch,
            state_of(package)
        )
    };
    Cursor(packages.iter().map(line).collect::<String>().into_bytes())
}

type Known = BTreeMap<(String, String), String>;

/// A line that cannot be read is left out: its package is then told again.
fn known_at(cursor: &Cursor) -> Known {
    let text = String::from_utf8_lossy(&cursor.0);
    let lines = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once('\t')?;
        let (arch, state) = rest.split_once('\t')?;
        Some(((name.to_owned(), arch.to_owned()), state.to_owned()))
    });
    lines.collect()
}

fn gone((name, arch): (String, String)) -> Option<Package> {
    let name = name.parse().ok()?; // ok: because it was a name when it was written
    let (kind, status) = (PackageKind::Deb, PackageStatus::Absent);
    Some(Package {
        kind,
        name,
        arch: Text::new(&arch),
        version: Text::default(),
        status,
    })
}

/// The packages that dpkg's status at `path` tells of.
///
/// # Errors
/// Blindness, with what mends it where that is known.
pub fn inventory(path: &Path) -> Result<Listing<Package>, Blindness> {
    let blind = |why: String, mend: Option<&str>| {
        let mend = mend.map(Text::new);
        Err(Blindness {
            why: Text::new(&why),
            mend,
        })
    };
    match unpack(path) {
        Err(UnpackError::Unreadable {
            kind: ErrorKind::NotFound,
            ..
        }) => blind(
            format!(
                "{} is not there, and no other package manager is read yet",
                path.display()
            ),
            None,
        ),
        Err(error) => blind(error.to_string(), None),
        Ok(bytes) => read_status(&bytes).or_else(|error| {
            let mend = match error {
                InventoryError::Binary(_) => None,
                InventoryError::Truncated(_) | InventoryError::NoPackages(_) => {
                    Some("cp /var/lib/dpkg/status-old /var/lib/dpkg/status")
                }
            };
            blind(
                format!("{} is no dpkg status: {error}", path.display()),
                mend,
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_second_look_tells_only_what_changed_and_what_went() {
        let path = std::env::temp_dir().join(format!("cordon-dpkg-{}", std::process::id()));
        let stanza = |name: &str, version: &str| {
            format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"
            )
        };
        let look = |text: String, from: Option<&Cursor>| {
            fs::write(&path, text).unwrap();
            let mut sensor = Dpkg {
                host: "h".into(),
                path: path.clone(),
            };
            let (mut told, mut last) = (Vec::new(), None);
            let end = sensor.sense(from, &mut |sensed, cursor| {
                if let Fact::Package(package) = sensed.fact {
                    told.push(format!("{} {:?}", package.name, package.status));
                }
                last = cursor.or(last.take());
                ControlFlow::Continue(())
            });
            assert!(matches!(end, End::Finished { .. }));
            (told, last)
        };
        let (first, cursor) = look(stanza("a", "1") + &stanza("b", "1"), None);
        assert_eq!(first, ["a Installed", "b Installed"]);
        let (second, cursor) = look(stanza("a", "2") + &stanza("b", "1"), cursor.as_ref());
        assert_eq!(second, ["a Installed"]);
        let (third, _) = look(stanza("a", "2"), cursor.as_ref());
        assert_eq!(third, ["b Absent"]);
        fs::remove_file(&path).unwrap();
    }
}
