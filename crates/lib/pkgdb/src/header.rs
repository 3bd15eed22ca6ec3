//! An rpm header blob: name, version and what else decides, out of the tag table of rpm's own format
//! (`lib/header.c`: two counts, an index of 16-byte entries, the data). A blob whose counts disagree
//! with its length is corrupt as a whole; half a header is no package.

use crate::{
    Epoch, Error, Manager, Package,
    bytes::{be32, index, slice},
    package::corrupt,
};

/// Longest header that is read, in bytes: rpm's own limit of a header's data.
pub const MAX_HEADER_BYTES: usize = 0x0fff_ffff;
/// Most tags of a header: rpm's own limit.
pub const MAX_HEADER_TAGS: usize = 0xffff;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const INSTALLTIME: u32 = 1008;
const VENDOR: u32 = 1011;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const MODULARITYLABEL: u32 = 5096;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// Reads one header blob, as it lies in any of the databases (without the magic of an `.rpm` file).
pub fn rpm_header(blob: &[u8]) -> Result<Package, Error> {
    let header = Header::new(blob)?;
    let mut text = Texts::default();
    let (mut epoch, mut installed_at) = (Epoch::Absent, None);
    for entry in header.index.chunks_exact(16) {
        let (tag, kind, at) = (be32(entry, 0)?, be32(entry, 4)?, index(be32(entry, 8)?));
        match tag {
            NAME => text.name = Some(header.string(tag, kind, at)?),
            VERSION => text.version = Some(header.string(tag, kind, at)?),
            RELEASE => text.release = Some(header.string(tag, kind, at)?),
            ARCH => text.arch = Some(header.string(tag, kind, at)?),
            VENDOR => text.vendor = Some(header.string(tag, kind, at)?),
            SOURCERPM => text.source = Some(header.string(tag, kind, at)?),
            MODULARITYLABEL => text.module = Some(header.string(tag, kind, at)?),
            EPOCH => epoch = Epoch::Is(header.number(tag, kind, at)?),
            INSTALLTIME => installed_at = Some(u64::from(header.number(tag, kind, at)?)),
            _ => {}
        }
    }
    let needed = |value: Option<String>, tag: &str| {
        value.filter(|text| !text.is_empty()).ok_or_else(|| {
            corrupt(
                "rpm header",
                "a name, a version and a release",
                format!("no {tag}"),
            )
        })
    };
    let name = needed(text.name, "name")?;
    Ok(Package {
        manager: Manager::Rpm,
        version: needed(text.version, "version")?,
        release: needed(text.release, "release")?,
        is_key: name == "gpg-pubkey",
        name,
        epoch,
        arch: text.arch.unwrap_or_default(), // default: because a gpg-pubkey has no architecture
        built_from: told(text.source),
        vendor: told(text.vendor),
        module: told(text.module),
        installed_at,
    })
}

#[derive(Default)]
struct Texts {
    name: Option<String>,
    version: Option<String>,
    release: Option<String>,
    arch: Option<String>,
    vendor: Option<String>,
    source: Option<String>,
    module: Option<String>,
}

/// rpm writes `(none)` where it has nothing.
pub(crate) fn told(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty() && text != "(none)")
}

struct Header<'b> {
    index: &'b [u8],
    data: &'b [u8],
}

impl<'b> Header<'b> {
    fn new(blob: &'b [u8]) -> Result<Self, Error> {
        if blob.len() > MAX_HEADER_BYTES {
            return Err(Error::TooLarge {
                what: "an rpm header",
                limit: MAX_HEADER_BYTES,
                found: blob.len(),
            });
        }
        let (tags, data) = (index(be32(blob, 0)?), index(be32(blob, 4)?));
        if tags == 0 || tags > MAX_HEADER_TAGS {
            return Err(corrupt("rpm header", "1 to 65535 tags", tags));
        }
        let expected = data.saturating_add(8 + 16 * tags);
        if blob.len() < expected {
            return Err(Error::Truncated {
                expected: expected as u64,
                found: blob.len() as u64,
            });
        }
        if blob.len() > expected {
            return Err(corrupt(
                "rpm header",
                "the length that its counts give",
                format!("{} bytes for {expected}", blob.len()),
            ));
        }
        Ok(Self {
            index: slice(blob, 8, 16 * tags)?,
            data: slice(blob, 8 + 16 * tags, data)?,
        })
    }

    fn string(&self, tag: u32, kind: u32, at: usize) -> Result<String, Error> {
        if !matches!(kind, STRING | STRING_ARRAY | I18N_STRING) {
            return Err(corrupt(
                format!("tag {tag}"),
                "a string",
                format!("type {kind}"),
            ));
        }
        let rest = self.data.get(at..).unwrap_or_default(); // default: because no bytes have no end, refused next
        let Some(end) = rest.iter().position(|byte| *byte == 0) else {
            return Err(corrupt(
                format!("tag {tag}"),
                "a string that ends",
                "no end",
            ));
        };
        let bytes = slice(rest, 0, end)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            // A vendor of 1999 is written in Latin-1; a name or a version never is.
            Err(_) if tag == VENDOR => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Err(why) => Err(corrupt(format!("tag {tag}"), "text in UTF-8", why)),
        }
    }

    fn number(&self, tag: u32, kind: u32, at: usize) -> Result<u32, Error> {
        if kind != INT32 {
            return Err(corrupt(
                format!("tag {tag}"),
                "a 32-bit number",
                format!("type {kind}"),
            ));
        }
        be32(self.data, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testgen;

    #[test]
    fn a_header_gives_what_was_put_in() {
        let package =
            rpm_header(&testgen::header("openssl-libs", Some(1), "1.1.1k", "9.el8")).unwrap();
        assert_eq!(package.evr(), "1:1.1.1k-9.el8");
        assert_eq!(package.source(), Some("openssl-libs"));
        assert_eq!(
            (package.arch.as_str(), package.installed_at),
            ("x86_64", Some(1_700_000_000))
        );
        assert_eq!(package.stream(), Some("nodejs:18"));
        assert!(!package.is_key);
        let key = rpm_header(&testgen::header("gpg-pubkey", None, "ced7258b", "6525146f")).unwrap();
        assert!(key.is_key);
    }

    #[test]
    fn cut_anywhere_it_is_an_error() {
        let whole = testgen::header("a", None, "1", "1");
        for end in 0..whole.len() {
            assert!(rpm_header(&whole[..end]).is_err(), "{end}");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert!(matches!(rpm_header(&longer), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn counts_that_lie_cost_nothing() {
        let lie = [0xff_u8; 64];
        assert_eq!(
            rpm_header(&lie).unwrap_err().to_string(),
            "corrupt at rpm header: expected 1 to 65535 tags, found 4294967295"
        );
    }
}
