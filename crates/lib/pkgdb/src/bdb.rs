//! `Packages` of RHEL 8 and older: a hash of Berkeley DB, version 9 or 10, in either byte order. Every
//! bucket is walked with what overflowed of it; then every page of the file is looked at, and a page
//! with entries that no bucket reaches is an error: the list would lack its packages.

use crate::{
    Error, Listing, MAX_HEADER_BYTES,
    bytes::{Used, index, slice},
    header::rpm_header,
    package::corrupt,
};

const HASH_MAGIC: u32 = 0x0006_1561;
const MAGIC_AT: usize = 12;
const META: usize = 512;
const PAGE_HEAD: usize = 26;

/// Types of pages (`dbinc/db_page.h`).
const INVALID: u8 = 0;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH: u8 = 13;

/// Types of entries on a hash page.
const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

pub(crate) fn is_hash(bytes: &[u8]) -> bool {
    order(bytes).is_some()
}

/// Reads `Packages` of Berkeley DB.
pub fn rpmdb_bdb(bytes: &[u8]) -> Result<Listing, Error> {
    let file = File::new(bytes)?;
    let mut used = Used::new(index(file.pages));
    used.take(0)?;
    let mut listing = Listing::default();
    for bucket in 0..=file.max_bucket {
        let mut next = file.page_of(bucket)?;
        while next != 0 {
            used.take(next)?;
            let page = file.page(next)?;
            match page.kind {
                HASH | HASH_UNSORTED => file.entries(&page, &mut used, &mut listing)?,
                // A bucket that nothing ever came into is a page of zeros.
                INVALID if page.entries == 0 && page.next == 0 => {}
                other => {
                    return Err(corrupt(
                        format!("page {next}"),
                        "a page of a hash",
                        format!("type {other}"),
                    ));
                }
            }
            next = page.next;
        }
    }
    for number in 1..file.pages {
        let page = file.page(number)?;
        if matches!(page.kind, HASH | HASH_UNSORTED) && page.entries > 0 && !used.has(number) {
            return Err(corrupt(
                format!("page {number}"),
                "a bucket that leads to it",
                format!("{} entries that none does", page.entries),
            ));
        }
    }
    listing.or_empty(bytes.len())
}

fn order(bytes: &[u8]) -> Option<bool> {
    let magic: [u8; 4] = bytes.get(MAGIC_AT..MAGIC_AT + 4)?.try_into().ok()?; // ok: because None is the answer
    if u32::from_le_bytes(magic) == HASH_MAGIC {
        Some(false)
    } else {
        (u32::from_be_bytes(magic) == HASH_MAGIC).then_some(true)
    }
}

struct File<'b> {
    bytes: &'b [u8],
    big_endian: bool,
    page_size: usize,
    pages: u32,
    max_bucket: u32,
}

struct Page<'b> {
    number: u32,
    bytes: &'b [u8],
    next: u32,
    entries: u16,
    /// On an overflow page: how many bytes it holds.
    held: u16,
    kind: u8,
}

impl<'b> File<'b> {
    fn new(bytes: &'b [u8]) -> Result<Self, Error> {
        let Some(big_endian) = order(bytes) else {
            return Err(Error::NotA {
                expected: "a hash of Berkeley DB",
                found: bytes.len(),
            });
        };
        let mut file = Self {
            bytes,
            big_endian,
            page_size: META,
            pages: 0,
            max_bucket: 0,
        };
        let meta = slice(bytes, 0, META)?;
        let version = file.word(meta, 16)?;
        let byte = |at: usize| meta.get(at).copied().unwrap_or(0); // 0: because META bytes are there
        if !matches!(version, 8..=10) || byte(25) != HASH_META {
            let found = format!("version {version}, page type {}", byte(25));
            return Err(Error::Unsupported(format!("a Berkeley DB hash of {found}")));
        }
        if byte(24) != 0 || byte(26) != 0 {
            return Err(Error::Unsupported(
                "Berkeley DB with encryption, checksums or parts".to_owned(),
            ));
        }
        let size = index(file.word(meta, 20)?);
        if !(512..=65536).contains(&size) || !size.is_power_of_two() {
            return Err(corrupt(
                "page 0",
                "a page size that is a power of two",
                size,
            ));
        }
        let last = file.word(meta, 32)?;
        let expected = (u64::from(last) + 1) * size as u64;
        if expected > bytes.len() as u64 {
            return Err(Error::Truncated {
                expected,
                found: bytes.len() as u64,
            });
        }
        file.page_size = size;
        file.pages = last.saturating_add(1);
        file.max_bucket = file.word(meta, 72)?;
        if file.max_bucket >= file.pages {
            return Err(corrupt(
                "page 0",
                "fewer buckets than pages",
                file.max_bucket,
            ));
        }
        Ok(file)
    }

    fn word(&self, bytes: &[u8], at: usize) -> Result<u32, Error> {
        if self.big_endian {
            crate::bytes::be32(bytes, at)
        } else {
            crate::bytes::le32(bytes, at)
        }
    }

    fn half(&self, bytes: &[u8], at: usize) -> Result<u16, Error> {
        if self.big_endian {
            crate::bytes::be16(bytes, at)
        } else {
            crate::bytes::le16(bytes, at)
        }
    }

    /// The page of a bucket: its number and the spare pages before its doubling.
    fn page_of(&self, bucket: u32) -> Result<u32, Error> {
        let doubling = (bucket + 1).next_power_of_two().trailing_zeros();
        let spare = self.word(self.bytes, 96 + 4 * index(doubling))?;
        match bucket.checked_add(spare) {
            Some(page) if page > 0 && page < self.pages => Ok(page),
            _ => Err(corrupt(
                format!("bucket {bucket}"),
                "a page inside the file",
                spare,
            )),
        }
    }

    fn page(&self, number: u32) -> Result<Page<'b>, Error> {
        let bytes = slice(
            self.bytes,
            index(number).saturating_mul(self.page_size),
            self.page_size,
        )?;
        let kind = bytes.get(25).copied().unwrap_or(0); // 0: because a page has 512 bytes or more
        let told = self.word(bytes, 8)?;
        if told != number && kind != INVALID {
            return Err(corrupt(format!("page {number}"), "its own number", told));
        }
        Ok(Page {
            number,
            bytes,
            next: self.word(bytes, 16)?,
            entries: self.half(bytes, 20)?,
            held: self.half(bytes, 22)?,
            kind,
        })
    }

    /// Keys and values by turns; each entry ends where the one before it begins.
    fn entries(
        &self,
        page: &Page<'b>,
        used: &mut Used,
        listing: &mut Listing,
    ) -> Result<(), Error> {
        let place = || format!("page {}", page.number);
        if !page.entries.is_multiple_of(2) {
            return Err(corrupt(
                place(),
                "keys with values",
                format!("{} entries", page.entries),
            ));
        }
        let (mut end, mut key) = (self.page_size, 0);
        for entry in 0..page.entries {
            let at = usize::from(self.half(page.bytes, PAGE_HEAD + 2 * usize::from(entry))?);
            let Some(length) = end.checked_sub(at).filter(|length| *length > 0) else {
                return Err(corrupt(place(), "entries that do not overlap", at));
            };
            let item = slice(page.bytes, at, length)?;
            end = at;
            if entry.is_multiple_of(2) {
                key = self
                    .key(item)
                    .ok_or_else(|| corrupt(place(), "a key of 4 bytes", length))?;
                continue;
            }
            // Record 0 counts the headers; it is none.
            if key != 0 {
                listing
                    .packages
                    .push(rpm_header(&self.value(page, item, used)?)?);
            }
        }
        Ok(())
    }

    fn key(&self, item: &[u8]) -> Option<u32> {
        match item {
            [KEY_DATA, key @ ..] if key.len() == 4 => self.word(key, 0).ok(), // ok: because its length was looked at
            _ => None,
        }
    }

    fn value(&self, page: &Page<'b>, item: &[u8], used: &mut Used) -> Result<Vec<u8>, Error> {
        let place = || format!("page {}", page.number);
        match item {
            [KEY_DATA, value @ ..] => Ok(value.to_vec()),
            [OFF_PAGE, ..] if item.len() == 12 => {
                let length = index(self.word(item, 8)?);
                if length > MAX_HEADER_BYTES || length > self.bytes.len() {
                    return Err(corrupt(
                        place(),
                        "a header inside the file",
                        format!("{length} bytes"),
                    ));
                }
                self.overflow(self.word(item, 4)?, length, used)
            }
            _ => Err(corrupt(
                place(),
                "a value or where it is",
                format!("{:02x?}", item.first()),
            )),
        }
    }

    fn overflow(&self, first: u32, length: usize, used: &mut Used) -> Result<Vec<u8>, Error> {
        let mut value = Vec::with_capacity(length);
        let mut next = first;
        while next != 0 {
            used.take(next)?;
            let page = self.page(next)?;
            let place = || format!("page {next}");
            if page.kind != OVERFLOW {
                return Err(corrupt(
                    place(),
                    "a page of overflow",
                    format!("type {}", page.kind),
                ));
            }
            value.extend_from_slice(slice(page.bytes, PAGE_HEAD, usize::from(page.held))?);
            if value.len() > length {
                return Err(corrupt(
                    place(),
                    "the length of the entry",
                    format!("more than {length} bytes"),
                ));
            }
            next = page.next;
        }
        if value.len() != length {
            return Err(corrupt(
                format!("page {first}"),
                "the length of the entry",
                format!("{} bytes for {length}", value.len()),
            ));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testgen;

    #[test]
    fn a_small_database_is_read_whole_or_not_at_all() {
        for big_endian in [false, true] {
            let bytes = testgen::bdb(&["bash", "zlib", "openssl-libs"], big_endian);
            let listing = rpmdb_bdb(&bytes).unwrap();
            let mut names: Vec<&str> = listing.packages.iter().map(|p| p.name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, ["bash", "openssl-libs", "zlib"]);
            for end in 0..bytes.len() {
                assert!(rpmdb_bdb(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn pages_in_a_ring_are_a_loop() {
        let mut bytes = testgen::bdb(&["bash"], false);
        // Page 3 is the first overflow page; its successor becomes itself.
        bytes[3 * 512 + 16..3 * 512 + 20].copy_from_slice(&3_u32.to_le_bytes());
        let error = rpmdb_bdb(&bytes).unwrap_err();
        assert!(
            matches!(error, Error::Loop { page: 3 } | Error::Corrupt { .. }),
            "{error}"
        );
        let mut bytes = testgen::bdb(&["bash"], false);
        bytes[512 + 16..512 + 20].copy_from_slice(&2_u32.to_le_bytes());
        assert_eq!(rpmdb_bdb(&bytes), Err(Error::Loop { page: 2 }));
    }

    #[test]
    fn entries_that_no_bucket_reaches_are_told() {
        let mut bytes = testgen::bdb(&["bash", "zlib"], false);
        bytes[72..76].copy_from_slice(&0_u32.to_le_bytes()); // one bucket instead of two
        let error = rpmdb_bdb(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "corrupt at page 2: expected a bucket that leads to it, found 2 entries that none does"
        );
    }
}
