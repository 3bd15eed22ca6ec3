//! How a segment of the spool is written: a head, then records, each with its length and a checksum.
//!
//! What a power cut or a bad disk leaves behind is read as [`Parsed::Damaged`] or as a record without its
//! end, never as a record that nobody sent.

use std::net::IpAddr;

use cordon_model::Time;
use serde::{Deserialize, Serialize};

/// What a segment begins with: the version of this format.
pub(crate) const MAGIC: &[u8; 8] = b"CordSpl1";

/// Size of a segment's head: magic, the number of its first record, a checksum of that.
pub const HEAD_BYTES: usize = 8 + 8 + 4;

/// Size of what stands before a record: its length, and a checksum of it.
const PREFIX_BYTES: usize = 8;

/// Largest content of one message, in bytes.
pub const MAX_CONTENT_BYTES: usize = 1 << 20;

/// Largest record, in bytes.
pub const MAX_RECORD_BYTES: usize = MAX_CONTENT_BYTES + 512;

/// How a message came, so that it can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Syslog that arrives in any order, or not at all.
    Datagram,
    /// Syslog over a stream.
    Stream,
    /// An event of Beats, as JSON.
    Beats,
    /// A line of JSON.
    Json,
}

/// A message as it was received.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record<'b> {
    /// Its number in this spool; the first is 1.
    pub seq: u64,
    /// When it was received.
    pub at: Time,
    /// How it came.
    pub kind: Kind,
    /// The name of the listener.
    pub listener: &'b str,
    /// Who sent it.
    pub peer: IpAddr,
    /// Bytes that were passed over because it was too long.
    pub over: u64,
    /// The message.
    pub content: &'b [u8],
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'b> {
    /// A record, and how many bytes it takes.
    Whole(Record<'b>, usize),
    /// The beginning of one.
    Partial,
    /// No record: from here on the segment cannot be read.
    Damaged,
}

/// The head of a segment whose first record will be `first`.
pub(crate) fn head(first: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let sum = crc32fast::hash(&first.to_le_bytes()).to_le_bytes();
    let bytes = MAGIC
        .iter()
        .chain(&first.to_le_bytes())
        .chain(&sum)
        .copied()
        .collect::<Vec<_>>();
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = from;
    }
    head
}

/// The number of the first record of the segment that begins with `bytes`.
pub fn read_head(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (sum, _) = rest.split_first_chunk::<4>()?;
    (crc32fast::hash(first) == u32::from_le_bytes(*sum)).then(|| u64::from_le_bytes(*first))
}

/// Writes `record` at the end of `to`; whether it fits in [`MAX_RECORD_BYTES`].
pub fn write(record: &Record<'_>, to: &mut Vec<u8>) -> bool {
    let Ok(body) = postcard::to_stdvec(record) else {
        return false;
    };
    if body.len() > MAX_RECORD_BYTES {
        return false;
    }
    let Ok(length) = u32::try_from(body.len()) else {
        return false;
    };
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&sum(length, &body).to_le_bytes());
    to.extend_from_slice(&body);
    true
}

/// What stands at the beginning of `bytes`.
pub fn read(bytes: &[u8]) -> Parsed<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Parsed::Partial;
    };
    let length = u32::from_le_bytes(*length);
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size == 0 || size > MAX_RECORD_BYTES {
        return Parsed::Damaged;
    }
    let Some((told, rest)) = rest.split_first_chunk::<4>() else {
        return Parsed::Partial;
    };
    let Some((body, _)) = rest.split_at_checked(size) else {
        return Parsed::Partial;
    };
    if sum(length, body) != u32::from_le_bytes(*told) {
        return Parsed::Damaged;
    }
    match postcard::from_bytes(body) {
        Ok(record) => Parsed::Whole(record, PREFIX_BYTES + size),
        Err(_) => Parsed::Damaged, // because another version wrote it
    }
}

/// Of length and content, so that a turned bit of the length is noticed too.
fn sum(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64) -> Record<'static> {
        Record {
            seq,
            at: Time::from_millis(7),
            kind: Kind::Stream,
            listener: "syslog",
            peer: IpAddr::from([127, 0, 0, 1]),
            over: 0,
            content: b"<13>x \xff",
        }
    }

    #[test]
    fn records_round_trip_and_no_turned_bit_passes() {
        let mut bytes = Vec::new();
        assert!(write(&record(1), &mut bytes));
        assert_eq!(read(&bytes), Parsed::Whole(record(1), bytes.len()));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Parsed::Partial, "cut at {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(read(&turned), Parsed::Whole(..)), "bit {bit}");
        }
        assert_eq!(
            read(&[0; 64]),
            Parsed::Damaged,
            "a hole that a power cut left"
        );
    }

    #[test]
    fn heads_round_trip() {
        assert_eq!(read_head(&head(77)), Some(77));
        assert_eq!(read_head(&head(77)[1..]), None);
        let mut turned = head(77);
        turned[9] ^= 1;
        assert_eq!(read_head(&turned), None);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let content = vec![0; MAX_RECORD_BYTES];
        let large = Record {
            content: &content,
            ..record(1)
        };
        assert!(!write(&large, &mut Vec::new()));
    }
}
