//! `SQLite`'s write-ahead log: pages that are newer than the database file. rpm keeps its database in
//! this mode, so a copy taken while a transaction was under way has the newest packages in the log
//! alone. Frames count up to the last commit whose checksum holds, as `SQLite` itself recovers.

use std::collections::BTreeMap;

use crate::{
    Error,
    bytes::{be32, index, le32, slice},
    package::corrupt,
};

/// What is known of the `-wal` beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wal<'b> {
    /// There is none, or it is empty.
    Absent,
    /// Its bytes.
    Bytes(&'b [u8]),
    /// It is there, this long, and could not be read: [`Error::WalUnread`] unless it is empty.
    Unread {
        /// Its length.
        bytes: u64,
    },
}

const HEADER: usize = 32;
const FRAME: usize = 24;
const VERSION: u32 = 3_007_000;

/// The pages of the log that are committed, and how many pages the database then has.
#[derive(Default)]
pub(crate) struct Overlay<'b> {
    pub(crate) pages: BTreeMap<u32, &'b [u8]>,
    pub(crate) size: Option<u32>,
}

impl<'b> Overlay<'b> {
    pub(crate) fn new(wal: Wal<'b>, page_size: usize) -> Result<Self, Error> {
        match wal {
            Wal::Absent | Wal::Unread { bytes: 0 } | Wal::Bytes([]) => Ok(Self::default()),
            Wal::Unread { bytes } => Err(Error::WalUnread { bytes }),
            Wal::Bytes(bytes) => Self::read(bytes, page_size),
        }
    }

    fn read(bytes: &'b [u8], page_size: usize) -> Result<Self, Error> {
        let head = slice(bytes, 0, HEADER)?;
        let big_endian = match be32(head, 0)? {
            0x377f_0682 => false,
            0x377f_0683 => true,
            other => {
                return Err(corrupt(
                    "write-ahead log",
                    "its magic number",
                    format!("{other:#x}"),
                ));
            }
        };
        if be32(head, 4)? != VERSION || index(be32(head, 8)?) != page_size {
            return Err(corrupt(
                "write-ahead log",
                "version 3007000 and the database's page size",
                format!("version {}, pages of {}", be32(head, 4)?, be32(head, 8)?),
            ));
        }
        let mut sum = checksum(slice(head, 0, 24)?, (0, 0), big_endian)?;
        if sum != (be32(head, 24)?, be32(head, 28)?) {
            return Err(corrupt(
                "write-ahead log",
                "a header whose checksum holds",
                "another",
            ));
        }
        let salts = slice(head, 16, 8)?;
        let mut overlay = Self::default();
        let mut open = Vec::new();
        let frames = bytes.get(HEADER..).unwrap_or_default(); // default: because the header was read
        for frame in frames.chunks_exact(FRAME + page_size) {
            let (head, page) = (slice(frame, 0, FRAME)?, slice(frame, FRAME, page_size)?);
            // What follows is left over from before the last checkpoint, or was never finished.
            if slice(head, 8, 8)? != salts {
                break;
            }
            sum = checksum(
                page,
                checksum(slice(head, 0, 8)?, sum, big_endian)?,
                big_endian,
            )?;
            if sum != (be32(head, 16)?, be32(head, 20)?) {
                break;
            }
            open.push((be32(head, 0)?, page));
            let size = be32(head, 4)?;
            if size != 0 {
                overlay.size = Some(size);
                overlay.pages.extend(open.drain(..));
            }
        }
        Ok(overlay)
    }
}

/// `SQLite`'s sum over pairs of words ("WAL-index format, checksum algorithm").
fn checksum(
    bytes: &[u8],
    (mut a, mut b): (u32, u32),
    big_endian: bool,
) -> Result<(u32, u32), Error> {
    let word = if big_endian { be32 } else { le32 };
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(word(pair, 0)?).wrapping_add(b);
        b = b.wrapping_add(word(pair, 4)?).wrapping_add(a);
    }
    Ok((a, b))
}
