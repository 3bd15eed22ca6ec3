//! `Packages.db`, rpm's own "new database" of SUSE (`lib/backend/ndb/rpmpkg.c`): pages of 16-byte slots
//! that say where each header lies, and headers framed by a magic number, their length and an
//! Adler-32. Every slot is read and every frame is checked, so a damaged header is an error and not
//! one package less.

use crate::{
    Error, Listing,
    bytes::{Used, index, le32, slice},
    header::rpm_header,
    package::corrupt,
};

pub(crate) const MAGIC: &[u8] = b"RpmP";

const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: usize = 16;
/// The first page begins with a header as long as two slots.
const FIRST_SLOT: usize = 2;
/// Most pages of slots: 16 million packages.
const MAX_SLOT_PAGES: usize = 65536;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

/// Reads `Packages.db`.
pub fn rpmdb_ndb(bytes: &[u8]) -> Result<Listing, Error> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::NotA {
            expected: "an ndb package database",
            found: bytes.len(),
        });
    }
    let version = le32(bytes, 4)?;
    if version != 0 {
        return Err(Error::Unsupported(format!(
            "version {version} of the ndb format"
        )));
    }
    let pages = index(le32(bytes, 12)?);
    if pages == 0 || pages > MAX_SLOT_PAGES {
        return Err(corrupt("header", "1 to 65536 pages of slots", pages));
    }
    let table = slice(bytes, 0, pages * PAGE)?;
    let next = le32(bytes, 16)?;
    let mut listing = Listing::default();
    let mut blocks = Used::new(bytes.len() / BLOCK + 1);
    let mut numbers = std::collections::BTreeSet::new();
    for (nth, slot) in table.chunks_exact(SLOT).enumerate().skip(FIRST_SLOT) {
        if !slot.starts_with(b"Slot") {
            return Err(corrupt(
                format!("slot {nth}"),
                "the word Slot",
                format!("{:02x?}", slot.get(..4)),
            ));
        }
        let (number, at, count) = (le32(slot, 4)?, le32(slot, 8)?, le32(slot, 12)?);
        if at == 0 {
            continue; // a free slot is one without a place, whatever its number
        }
        if number == 0 || number >= next || !numbers.insert(number) {
            return Err(corrupt(
                format!("slot {nth}"),
                "a number of its own below the next",
                number,
            ));
        }
        for block in at..at.saturating_add(count) {
            blocks.take(block)?;
        }
        listing
            .packages
            .push(rpm_header(blob(bytes, number, at, count)?)?);
    }
    listing.or_empty(bytes.len())
}

fn blob(bytes: &[u8], number: u32, at: u32, count: u32) -> Result<&[u8], Error> {
    let place = || format!("header {number}");
    let frame = slice(
        bytes,
        index(at).saturating_mul(BLOCK),
        index(count).saturating_mul(BLOCK),
    )?;
    let length = index(le32(frame, 12)?);
    if !frame.starts_with(b"BlbS") || le32(frame, 4)? != number {
        return Err(corrupt(
            place(),
            "the word BlbS and its number",
            le32(frame, 4)?,
        ));
    }
    if length.saturating_add(BLOB_HEAD + BLOB_TAIL).div_ceil(BLOCK) != index(count) {
        return Err(corrupt(
            place(),
            "as many blocks as its slot says",
            format!("{length} bytes in {count}"),
        ));
    }
    let end = frame.len() - BLOB_TAIL;
    let tail = slice(frame, end, BLOB_TAIL)?;
    if !tail.ends_with(b"BlbE") || index(le32(tail, 4)?) != length {
        return Err(corrupt(
            place(),
            "the word BlbE and its length",
            le32(tail, 4)?,
        ));
    }
    if adler32(slice(frame, 0, end)?) != le32(tail, 0)? {
        return Err(corrupt(place(), "a checksum that holds", "another"));
    }
    slice(frame, BLOB_HEAD, length)
}

/// RFC 1950, section 9.
pub(crate) fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for chunk in bytes.chunks(5552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testgen;

    #[test]
    fn a_small_database_is_read_whole_or_not_at_all() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        let bytes = testgen::ndb(&["bash", "zlib"]);
        let listing = rpmdb_ndb(&bytes).unwrap();
        let names: Vec<&str> = listing.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["bash", "zlib"]);
        for end in 0..bytes.len() {
            assert!(rpmdb_ndb(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_bit_that_turned_is_told() {
        let whole = testgen::ndb(&["bash"]);
        for at in PAGE..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(rpmdb_ndb(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn two_slots_of_one_header_are_a_loop() {
        let mut bytes = testgen::ndb(&["bash", "zlib"]);
        let (first, second) = (PAGE - 4096 + 32, 48);
        let at: [u8; 8] = bytes[first + 8..first + 16].try_into().unwrap();
        bytes[second + 8..second + 16].copy_from_slice(&at);
        assert_eq!(rpmdb_ndb(&bytes), Err(Error::Loop { page: 256 }));
    }
}
