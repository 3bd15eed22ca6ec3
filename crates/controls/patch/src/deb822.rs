//! Reads the two files of a Debian host: dpkg's status and an index of packages. Both are stanzas of
//! `Field: value` lines (Debian Policy §5.1, deb-control(5)); only the fields that decide are read.
//!
//! The bytes may be hostile: nothing here panics, and what cannot be read is counted, never skipped.

use std::collections::BTreeMap;

use cordon_model::{Package, PackageKind, PackageStatus, SourceName, Text, Time};

/// What could be read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries, in the order of the file.
    pub entries: Vec<T>,
    /// Stanzas that could not be read.
    pub rejected: u64,
}

/// Why bytes are not an inventory or an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// Not text.
    #[error("expected text in stanzas, got a zero byte at offset {0}")]
    Binary(usize),
    /// Ends in the middle of a line.
    #[error("the file ends in the middle of a line after {0} bytes: it is truncated")]
    Truncated(usize),
    /// Nothing in it.
    #[error("expected at least one package, got {0} bytes without any")]
    NoPackages(usize),
}

/// A stanza of an index: which version of a package is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published<'b> {
    pub(crate) name: &'b str,
    pub(crate) arch: &'b str,
    pub(crate) version: &'b str,
}

/// Reads `/var/lib/dpkg/status`. Packages that left only configuration behind are not in the result.
pub fn read_status(bytes: &[u8]) -> Result<Listing<Package>, InventoryError> {
    let mut listing = Listing {
        entries: Vec::new(),
        rejected: 0,
    };
    for stanza in stanzas(bytes)? {
        match stanza.installed() {
            Ok(Some(package)) => listing.entries.push(package),
            Ok(None) => {}
            Err(Unreadable) => listing.rejected += 1,
        }
    }
    if listing.entries.is_empty() {
        return Err(InventoryError::NoPackages(bytes.len()));
    }
    Ok(listing)
}

/// What the packages of `/var/lib/dpkg/status` were built from: its field `Source` without the version in brackets.
/// A package that has none is its own source. What cannot be read has none, as [`read_status`] tells.
pub fn read_sources(bytes: &[u8]) -> BTreeMap<String, String> {
    let Ok(stanzas) = stanzas(bytes) else {
        return BTreeMap::new();
    };
    let both = stanzas.filter_map(|stanza| {
        let name = text(stanza.name).ok()?; // ok: because it is told as a rejected package
        let source = text(stanza.source).ok()?; // ok: because then the package is its own
        let source = source.split_ascii_whitespace().next()?;
        Some((name.to_owned(), source.to_owned()))
    });
    both.collect()
}

/// Reads a `Packages` index. An index may list a package more than once.
pub fn read_packages_index(bytes: &[u8]) -> Result<Listing<Published<'_>>, InventoryError> {
    let mut listing = Listing {
        entries: Vec::new(),
        rejected: 0,
    };
    for stanza in stanzas(bytes)? {
        match (text(stanza.name), text(stanza.arch), text(stanza.version)) {
            (Ok(name), Ok(arch), Ok(version)) => {
                listing.entries.push(Published {
                    name,
                    arch,
                    version,
                });
            }
            _ => listing.rejected += 1,
        }
    }
    if listing.entries.is_empty() {
        return Err(InventoryError::NoPackages(bytes.len()));
    }
    Ok(listing)
}

/// The date of a `Release` or `InRelease` file: its field `Date`, as in `Wed, 20 May 2026 16:28:12 UTC`.
/// None if it bears none.
pub fn read_release_date(bytes: &[u8]) -> Option<Time> {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"Date: "))?;
    let mut words = text(line).ok()?.split_ascii_whitespace().skip(1); // ok: because None is the answer
    let day: u64 = words.next()?.parse().ok()?; // ok: likewise
    let month = Time::month(words.next()?)?;
    let year: i64 = words.next()?.parse().ok()?; // ok: likewise
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let clock = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    ); // ok: likewise
    Time::from_civil((year, month, day), clock)
}

/// The size in bytes that a `Release` or `InRelease` file gives for `index`, unpacked, as
/// `main/binary-amd64/Packages`: a line ` checksum size path` (Debian's repository format, "Release").
pub fn read_release_size(bytes: &[u8], index: &str) -> Option<u64> {
    bytes.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = text(line).ok()?.strip_prefix(' ')?.split_ascii_whitespace(); // ok: because None is the answer
        let (_checksum, size, path) = (words.next()?, words.next()?, words.next()?);
        (path == index).then(|| size.parse().ok())? // ok: likewise
    })
}

/// The fields that decide, as bytes; empty where the stanza has none.
#[derive(Default, Clone, Copy)]
struct Stanza<'b> {
    name: &'b [u8],
    arch: &'b [u8],
    version: &'b [u8],
    status: &'b [u8],
    source: &'b [u8],
}

struct Unreadable;

fn text(field: &[u8]) -> Result<&str, Unreadable> {
    match std::str::from_utf8(field) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(Unreadable),
    }
}

impl Stanza<'_> {
    /// None: dpkg knows the name, and nothing of it is on the host but configuration.
    fn installed(&self) -> Result<Option<Package>, Unreadable> {
        let name: SourceName = text(self.name)?.parse().map_err(|_| Unreadable)?;
        let mut words = text(self.status)?.split_ascii_whitespace();
        let (Some(want), Some(_), Some(is)) = (words.next(), words.next(), words.next()) else {
            return Err(Unreadable);
        };
        let status = match (want, is) {
            (_, "not-installed" | "config-files") => return Ok(None),
            ("hold", "installed") => PackageStatus::Held,
            (_, "installed") => PackageStatus::Installed,
            (
                _,
                "half-installed" | "unpacked" | "half-configured" | "triggers-awaited"
                | "triggers-pending",
            ) => PackageStatus::Partial,
            _ => return Err(Unreadable),
        };
        let arch = Text::new(text(self.arch)?);
        let version = Text::new(text(self.version)?);
        Ok(Some(Package {
            kind: PackageKind::Deb,
            name,
            arch,
            version,
            status,
        }))
    }
}

/// Splits into stanzas, or says why these are none.
fn stanzas(bytes: &[u8]) -> Result<impl Iterator<Item = Stanza<'_>>, InventoryError> {
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(InventoryError::Binary(offset));
    }
    if bytes.last().is_some_and(|last| *last != b'\n') {
        return Err(InventoryError::Truncated(bytes.len()));
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    Ok(std::iter::from_fn(move || {
        let mut stanza = Stanza::default();
        let mut begun = false;
        loop {
            match lines.next() {
                None => return begun.then_some(stanza),
                Some(line) if line.trim_ascii().is_empty() => {
                    if begun {
                        return Some(stanza);
                    }
                }
                Some(line) => {
                    begun = true;
                    take_field(&mut stanza, line);
                }
            }
        }
    }))
}

fn take_field<'b>(stanza: &mut Stanza<'b>, line: &'b [u8]) {
    // Only five names decide, and their first letters tell most lines apart at once.
    if !matches!(line.first(), Some(b'P' | b'A' | b'V' | b'S')) {
        return;
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return;
    };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii(); // default: because the colon is there
    match name {
        b"Package" => stanza.name = value,
        b"Architecture" => stanza.arch = value,
        b"Version" => stanza.version = value,
        b"Status" => stanza.status = value,
        b"Source" => stanza.source = value,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Result<Vec<(String, PackageStatus)>, InventoryError> {
        let listing = read_status(text.as_bytes())?;
        Ok(listing
            .entries
            .iter()
            .map(|p| (p.name.to_string(), p.status))
            .collect())
    }

    #[test]
    fn only_whole_installations_are_installed() {
        let stanza = |name: &str, status: &str| {
            format!("Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: 1\n\n")
        };
        let text = stanza("a", "install ok installed")
            + &stanza("b", "hold ok installed")
            + &stanza("c", "install ok half-configured")
            + &stanza("d", "install reinstreq half-installed")
            + &stanza("e", "deinstall ok config-files")
            + &stanza("f", "purge ok not-installed");
        let expected = [
            ("a", PackageStatus::Installed),
            ("b", PackageStatus::Held),
            ("c", PackageStatus::Partial),
            ("d", PackageStatus::Partial),
        ];
        let expected = expected.map(|(name, status)| (name.to_owned(), status));
        assert_eq!(status(&text).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let text = "Package: a\nVersion: 1\n\nPackage: b\nStatus: install ok installed\n\
                    Architecture: all\nVersion: 2\nDescription: x\n more: Package: z\n";
        let listing = read_status(text.as_bytes()).unwrap();
        assert_eq!((listing.entries.len(), listing.rejected), (1, 1));
    }

    #[test]
    fn a_package_names_what_it_was_built_from() {
        let text = "Package: libc6\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\n\nPackage: bash\nVersion: 5\n";
        let sources = read_sources(text.as_bytes());
        let expected = BTreeMap::from([("libc6".to_owned(), "glibc".to_owned())]);
        assert_eq!(sources, expected);
    }

    #[test]
    fn a_release_bears_a_date() {
        let check = |text: &str, expected: Option<&str>| {
            let expected = expected.map(|text| text.parse::<Time>().unwrap());
            assert_eq!(read_release_date(text.as_bytes()), expected, "{text}");
        };
        let date = "Origin: Debian\nDate: Wed, 20 May 2026 16:28:12 UTC\n";
        check(date, Some("2026-05-20T16:28:12Z"));
        check("Origin: Debian\n", None);
        check("Date: soon\n", None);
    }

    #[test]
    fn a_release_tells_the_size_of_an_index() {
        let text = b"SHA256:\n ab12 2523192 main/binary-amd64/Packages\n cd34 7 main/binary-i386/Packages\n";
        assert_eq!(
            read_release_size(text, "main/binary-amd64/Packages"),
            Some(2_523_192)
        );
        assert_eq!(
            read_release_size(text, "contrib/binary-amd64/Packages"),
            None
        );
    }

    #[test]
    fn what_is_no_inventory_is_refused() {
        assert_eq!(read_status(b""), Err(InventoryError::NoPackages(0)));
        assert_eq!(read_status(b"\x7fELF\0\0"), Err(InventoryError::Binary(4)));
        assert_eq!(
            status("Package: a\nVersion: 1."),
            Err(InventoryError::Truncated(22))
        );
        assert_eq!(
            status("hello\nworld\n"),
            Err(InventoryError::NoPackages(12))
        );
    }
}
