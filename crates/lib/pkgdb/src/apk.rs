//! `lib/apk/db/installed` of Alpine: records of `X:value` lines, parted by empty ones. Only the fields that
//! decide are read; a record without name or version is counted with its reason.

use crate::{Epoch, Error, Listing, Manager, Package};

/// Reads `lib/apk/db/installed`.
pub fn apk_installed(bytes: &[u8]) -> Result<Listing, Error> {
    if bytes.contains(&0) {
        return Err(Error::NotA {
            expected: "apk's database of installed packages",
            found: bytes.len(),
        });
    }
    if bytes.last().is_some_and(|last| *last != b'\n') {
        return Err(Error::Truncated {
            expected: bytes.len() as u64 + 1,
            found: bytes.len() as u64,
        });
    }
    let mut listing = Listing::default();
    let mut record = Record::default();
    for (nth, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match line {
            [] => std::mem::take(&mut record).end(&mut listing),
            [field, b':', value @ ..] => record.take(nth + 1, *field, value),
            _ => record.odd(nth + 1, line),
        }
    }
    record.end(&mut listing);
    listing.or_empty(bytes.len())
}

#[derive(Default)]
struct Record<'b> {
    /// Its first line; 0 before there is one.
    line: usize,
    name: &'b [u8],
    version: &'b [u8],
    arch: &'b [u8],
    origin: &'b [u8],
    odd: Option<String>,
}

impl<'b> Record<'b> {
    fn begin(&mut self, line: usize) {
        if self.line == 0 {
            self.line = line;
        }
    }

    fn take(&mut self, line: usize, field: u8, value: &'b [u8]) {
        self.begin(line);
        match field {
            b'P' => self.name = value,
            b'V' => self.version = value,
            b'A' => self.arch = value,
            b'o' => self.origin = value,
            _ => {}
        }
    }

    fn odd(&mut self, line: usize, text: &[u8]) {
        self.begin(line);
        let text = String::from_utf8_lossy(text);
        self.odd
            .get_or_insert_with(|| format!("expected a letter and a colon, found {text:?}"));
    }

    fn end(self, listing: &mut Listing) {
        if self.line == 0 {
            return;
        }
        let text = |bytes: &[u8], what: &str| match std::str::from_utf8(bytes) {
            Ok("") => Err(format!("expected {what}, found none")),
            Ok(text) => Ok(text.to_owned()),
            Err(why) => Err(format!("expected {what} in UTF-8: {why}")),
        };
        let package = || -> Result<Package, String> {
            if let Some(odd) = &self.odd {
                return Err(odd.clone());
            }
            Ok(Package {
                manager: Manager::Apk,
                name: text(self.name, "a name")?,
                epoch: Epoch::Absent,
                version: text(self.version, "a version")?,
                release: String::new(),
                arch: text(self.arch, "an architecture").unwrap_or_default(), // default: because apk 2 records of virtual packages lack it
                built_from: text(self.origin, "an origin").ok(), // ok: because not every package has one
                vendor: None,
                module: None,
                installed_at: None,
                is_key: false,
            })
        };
        match package() {
            Ok(package) => listing.packages.push(package),
            Err(why) => listing.reject(self.line, why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_in_are_packages_and_rejects_out() {
        let text =
            b"C:x\nP:musl\nV:1.1-r1\nA:x86_64\no:musl\nF:lib\n\nP:none\n\nhello\n\nP:a\nV:1\n\n";
        let listing = apk_installed(text).unwrap();
        let names: Vec<&str> = listing.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["musl", "a"]);
        let reasons: Vec<String> = listing.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "line 8: expected a version, found none",
                "line 10: expected a letter and a colon, found \"hello\""
            ]
        );
        assert_eq!(listing.rejected, 2);
    }

    #[test]
    fn what_ends_in_a_line_is_truncated() {
        assert!(matches!(
            apk_installed(b"P:a\nV:1"),
            Err(Error::Truncated { .. })
        ));
        assert!(matches!(
            apk_installed(b"hello\n"),
            Err(Error::Empty { rejected: 1, .. })
        ));
    }
}
