//! `rpmdb.sqlite`: table `Packages(hnum, blob)` out of `SQLite`'s own file format, read only and in
//! safe code, so that bytes of a strange host never reach a database engine. Three things would
//! give a shorter list without a word: a file cut at its end, a page that is reached twice or not at
//! all, and a write-ahead log that was left behind. Each is an error; and the rows are held against
//! rpm's own index `Name`, which knows every package a second time.

use std::collections::BTreeSet;

use crate::{
    Error, Listing, MAX_HEADER_BYTES, Wal,
    bytes::{Used, be16, be32, index, slice},
    header::rpm_header,
    package::corrupt,
    wal::Overlay,
};

pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Deepest b-tree: `SQLite`'s own limit.
const MAX_DEPTH: usize = 20;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// Reads `rpmdb.sqlite`. `wal` is what lies beside it as `rpmdb.sqlite-wal`. rpm never uses the other
/// journal, `-journal`, which would have to be played back: a caller that finds one must not call this.
pub fn rpmdb_sqlite(bytes: &[u8], wal: Wal<'_>) -> Result<Listing, Error> {
    let file = File::new(bytes, wal)?;
    let mut used = Used::new(index(file.pages) + 1);
    let tables = file.tables(&mut used)?;
    let root = |name: &str| tables.iter().find(|table| table.name == name);
    let Some(packages) = root("Packages") else {
        return Err(corrupt(
            "schema",
            "a table Packages",
            format!("{} tables", tables.len()),
        ));
    };
    let mut listing = Listing::default();
    let mut numbers = BTreeSet::new();
    for (hnum, payload) in file.rows(packages.root, &mut used)? {
        let blob = match field(&payload, 1)? {
            Value::Blob(blob) => blob,
            other => {
                return Err(corrupt(
                    format!("Packages row {hnum}"),
                    "a blob",
                    other.name(),
                ));
            }
        };
        listing.packages.push(rpm_header(blob)?);
        numbers.insert(hnum);
    }
    if let Some(name) = root("Name") {
        let mut named = BTreeSet::new();
        for (_, payload) in file.rows(name.root, &mut used)? {
            if let Value::Integer(hnum) = field(&payload, 1)? {
                named.insert(hnum);
            }
        }
        if named != numbers {
            return Err(corrupt(
                "Packages",
                "the packages that the index Name knows",
                format!("{} packages, {} in the index", numbers.len(), named.len()),
            ));
        }
    }
    listing.or_empty(bytes.len())
}

struct Table {
    name: String,
    root: u32,
}

struct File<'b> {
    bytes: &'b [u8],
    overlay: Overlay<'b>,
    page_size: usize,
    /// Bytes of a page that the format uses.
    usable: usize,
    pages: u32,
}

impl<'b> File<'b> {
    fn new(bytes: &'b [u8], wal: Wal<'b>) -> Result<Self, Error> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::NotA {
                expected: "a SQLite database",
                found: bytes.len(),
            });
        }
        let head = slice(bytes, 0, 100)?;
        let page_size = match be16(head, 16)? {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            size => {
                return Err(corrupt(
                    "header",
                    "a page size that is a power of two",
                    size,
                ));
            }
        };
        let overlay = Overlay::new(wal, page_size)?;
        let head = overlay.pages.get(&1).copied().unwrap_or(head);
        let byte = |at: usize| slice(head, at, 1).map(|byte| byte.first().copied().unwrap_or(0)); // 0: because one byte is there
        let usable = page_size - usize::from(byte(20)?);
        if usable < 480 || byte(19)? > 2 {
            return Err(corrupt(
                "header",
                "at least 480 usable bytes and read version 1 or 2",
                usable,
            ));
        }
        if be32(head, 56)? > 1 {
            return Err(Error::Unsupported("a SQLite database in UTF-16".to_owned()));
        }
        let in_file = bytes.len() / page_size;
        // The count in the header holds only if the last writer knew it (file format, 1.3.7).
        let told = (be32(head, 24)? == be32(head, 92)?).then_some(be32(head, 28)?);
        let whole = u32::try_from(in_file).unwrap_or(u32::MAX); // max: because more pages than that no format has
        let pages = overlay.size.or(told.filter(|n| *n > 0)).unwrap_or(whole);
        if overlay.size.is_none() && (pages > whole || !bytes.len().is_multiple_of(page_size)) {
            return Err(Error::Truncated {
                expected: u64::from(pages.max(whole + u32::from(pages <= whole)))
                    * page_size as u64,
                found: bytes.len() as u64,
            });
        }
        let most = in_file + overlay.pages.len();
        if index(pages) > most {
            return Err(Error::Truncated {
                expected: u64::from(pages) * page_size as u64,
                found: (most * page_size) as u64,
            });
        }
        Ok(Self {
            bytes,
            overlay,
            page_size,
            usable,
            pages,
        })
    }

    fn page(&self, number: u32, used: &mut Used) -> Result<&'b [u8], Error> {
        if number == 0 {
            return Err(corrupt(
                "a pointer to page 0",
                "a page inside the file",
                "0",
            ));
        }
        used.take(number)?;
        match self.overlay.pages.get(&number) {
            Some(page) => Ok(page),
            None => slice(
                self.bytes,
                (index(number) - 1) * self.page_size,
                self.page_size,
            ),
        }
    }

    /// The tables of the schema, which is the b-tree of page 1.
    fn tables(&self, used: &mut Used) -> Result<Vec<Table>, Error> {
        let mut tables = Vec::new();
        for (row, payload) in self.rows(1, used)? {
            let (kind, name) = (field(&payload, 0)?, field(&payload, 1)?);
            if let (Value::Text(b"table"), Value::Text(name)) = (kind, name) {
                let root = match field(&payload, 3)? {
                    Value::Integer(root) => u32::try_from(root).ok(), // ok: because no root is refused next
                    _ => None,
                };
                let Some(root) = root else {
                    return Err(corrupt(format!("schema row {row}"), "a root page", "none"));
                };
                let name = String::from_utf8_lossy(name).into_owned();
                tables.push(Table { name, root });
            }
        }
        Ok(tables)
    }

    /// Every row of a table, in the order of its key.
    fn rows(&self, root: u32, used: &mut Used) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let mut rows = Vec::new();
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            if depth > MAX_DEPTH {
                return Err(corrupt(
                    format!("page {number}"),
                    "a tree of at most 20 levels",
                    depth,
                ));
            }
            let page = self.page(number, used)?;
            let head = if number == 1 { 100 } else { 0 };
            let kind = slice(page, head, 1)?.first().copied().unwrap_or(0); // 0: because one byte is there
            let cells = usize::from(be16(page, head + 3)?);
            let place = || format!("page {number}");
            match kind {
                LEAF => {
                    for cell in 0..cells {
                        let at = usize::from(be16(page, head + 8 + 2 * cell)?);
                        rows.push(self.cell(page, at, number, used)?);
                    }
                }
                INTERIOR => {
                    open.push((be32(page, head + 8)?, depth + 1));
                    for cell in (0..cells).rev() {
                        let at = usize::from(be16(page, head + 12 + 2 * cell)?);
                        open.push((be32(page, at)?, depth + 1));
                    }
                }
                other => {
                    return Err(corrupt(
                        place(),
                        "a page of a table",
                        format!("type {other}"),
                    ));
                }
            }
        }
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            let found = format!("{} before {}", pair[0].0, pair[1].0);
            return Err(corrupt(
                format!("table of page {root}"),
                "keys that rise",
                found,
            ));
        }
        Ok(rows)
    }

    /// One leaf cell with what overflowed of it (file format, 1.6).
    fn cell(
        &self,
        page: &[u8],
        at: usize,
        number: u32,
        used: &mut Used,
    ) -> Result<(i64, Vec<u8>), Error> {
        let (length, a) = varint(page, at)?;
        let (key, b) = varint(page, at + a)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX); // max: because it is refused next
        if length > MAX_HEADER_BYTES
            || length > (self.bytes.len() + self.overlay.pages.len() * self.page_size)
        {
            return Err(corrupt(
                format!("page {number}"),
                "a row inside the file",
                format!("{length} bytes"),
            ));
        }
        let most = self.usable - 35;
        let local = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fitting = least + (length - least) % (self.usable - 4);
            if fitting <= most { fitting } else { least }
        };
        let start = at + a + b;
        let mut payload = Vec::with_capacity(length);
        payload.extend_from_slice(slice(page, start, local)?);
        let mut next = if local < length {
            be32(page, start + local)?
        } else {
            0
        };
        while payload.len() < length {
            let page = self.page(next, used)?;
            next = be32(page, 0)?;
            let take = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(slice(page, 4, take)?);
        }
        if next != 0 {
            return Err(corrupt(
                format!("page {number}"),
                "an overflow chain that ends",
                format!("page {next}"),
            ));
        }
        Ok((key, payload))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value<'b> {
    Null,
    Integer(i64),
    Real,
    Text(&'b [u8]),
    Blob(&'b [u8]),
}

impl Value<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "a number",
            Self::Real => "a real number",
            Self::Text(_) => "text",
            Self::Blob(_) => "a blob",
        }
    }
}

/// Column `wanted` of a record (file format, 2.1).
fn field(record: &[u8], wanted: usize) -> Result<Value<'_>, Error> {
    let (head, mut at) = varint(record, 0)?;
    let head = usize::try_from(head).unwrap_or(usize::MAX); // max: because it is past the end, refused below
    let mut body = head;
    let mut column = 0;
    while at < head {
        let (serial, bytes) = varint(record, at)?;
        at += bytes;
        let length = match serial {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(serial).unwrap_or(0), // 0: because 1 to 4 always fit
            5 => 6,
            6 | 7 => 8,
            n if n >= 12 => usize::try_from((n - 12) / 2).unwrap_or(usize::MAX), // max: because it is refused when sliced
            n => return Err(corrupt("a record", "a serial type", n)),
        };
        let content = slice(record, body, length)?;
        if column == wanted {
            return Ok(match serial {
                0 => Value::Null,
                8 => Value::Integer(0),
                9 => Value::Integer(1),
                1..=6 => Value::Integer(signed(content)),
                7 => Value::Real,
                n if n % 2 == 0 => Value::Blob(content),
                _ => Value::Text(content),
            });
        }
        body += length;
        column += 1;
    }
    Err(corrupt(
        "a record",
        "more columns",
        format!("{column} columns"),
    ))
}

fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let start = if negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |sum, byte| (sum << 8) | i64::from(*byte))
}

/// A number of 1 to 9 bytes, and how many it took.
fn varint(bytes: &[u8], at: usize) -> Result<(i64, usize), Error> {
    let mut value = 0_u64;
    for taken in 0..9 {
        let byte = slice(bytes, at + taken, 1)?.first().copied().unwrap_or(0); // 0: because one byte is there
        if taken == 8 {
            return Ok((((value << 8) | u64::from(byte)).cast_signed(), 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Ok((value.cast_signed(), taken + 1));
        }
    }
    Err(corrupt("a record", "a number of at most 9 bytes", "more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testgen;

    #[test]
    fn numbers_of_every_length() {
        assert_eq!(varint(&[0x7f], 0), Ok((127, 1)));
        assert_eq!(varint(&[0x81, 0x00], 0), Ok((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Ok((-1, 9)));
        assert!(varint(&[0xff; 3], 0).is_err());
        assert_eq!(signed(&[0xff, 0xfe]), -2);
    }

    #[test]
    fn a_small_database_is_read_whole_or_not_at_all() {
        let bytes = testgen::sqlite(&["bash", "openssl-libs", "zlib"]);
        let listing = rpmdb_sqlite(&bytes, Wal::Absent).unwrap();
        let names: Vec<&str> = listing.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["bash", "openssl-libs", "zlib"]);
        for end in 0..bytes.len() {
            assert!(rpmdb_sqlite(&bytes[..end], Wal::Absent).is_err(), "{end}");
        }
    }

    #[test]
    fn a_row_less_than_the_index_knows_is_told() {
        let mut bytes = testgen::sqlite(&["bash", "openssl-libs", "zlib"]);
        bytes[512 + 4] -= 1; // the count of cells of page 2, the table Packages
        let error = rpmdb_sqlite(&bytes, Wal::Absent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "corrupt at Packages: expected the packages that the index Name knows, found 2 packages, 3 in the index"
        );
    }

    #[test]
    fn a_tree_that_bites_its_tail_is_a_loop() {
        let mut bytes = testgen::sqlite(&["bash"]);
        bytes[512] = INTERIOR;
        bytes[512 + 3..512 + 12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(
            rpmdb_sqlite(&bytes, Wal::Absent),
            Err(Error::Loop { page: 2 })
        );
    }

    #[test]
    fn a_log_that_was_not_read_is_told() {
        let bytes = testgen::sqlite(&["bash"]);
        let left = Wal::Unread { bytes: 4152 };
        assert_eq!(
            rpmdb_sqlite(&bytes, left),
            Err(Error::WalUnread { bytes: 4152 })
        );
        assert!(rpmdb_sqlite(&bytes, Wal::Unread { bytes: 0 }).is_ok());
        assert!(rpmdb_sqlite(&bytes, Wal::Bytes(&[1; 40])).is_err());
    }
}
