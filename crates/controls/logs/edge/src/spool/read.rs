//! Reads the spool in order, up to what is synced, and says what it had to skip.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt};

use super::{
    Position, Spool,
    folder::Folder,
    segment::{self, HEAD_BYTES, Parsed, Record, read_head},
};

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What came next.
#[derive(Debug)]
pub(crate) enum Seen<'r> {
    /// A record.
    Record(Record<'r>),
    /// A part of the spool could not be read.
    Skipped {
        /// How many records are missing, if that is known.
        lost: Option<u64>,
    },
    /// Everything was read.
    End,
}

#[derive(Debug)]
pub(crate) struct Reader {
    spool: Spool,
    /// Before the next record.
    at: Position,
    open: Option<Open>,
}

/// A segment that is read.
#[derive(Debug)]
struct Open {
    number: u64,
    file: File,
    /// What was read of it from `start` on, of which `used` bytes are handed out.
    buffer: Vec<u8>,
    start: u64,
    used: usize,
}

/// Where a look into the segment ended.
enum Look {
    Found(usize),
    /// No whole record before the limit.
    Short,
    Damaged,
}

/// What follows a segment.
enum Shift {
    Nowhere,
    /// Another; how many records are missing between, where that is known.
    Next {
        lost: Option<u64>,
    },
}

impl Reader {
    pub(super) const fn new(spool: Spool, at: Position) -> Self {
        Self {
            spool,
            at,
            open: None,
        }
    }

    /// The place after what was seen last.
    pub(crate) const fn position(&self) -> Position {
        self.at
    }

    /// What comes next. After an error the same place is tried again.
    pub(crate) fn next(&mut self) -> io::Result<Seen<'_>> {
        loop {
            let (safe, size) = {
                let inner = self.spool.lock();
                (inner.safe, inner.sizes.get(&self.at.segment).copied())
            };
            let is_last = self.at.segment == safe.segment;
            let size = size.unwrap_or(0); // 0: because it is gone, or not there yet
            let limit = if is_last { safe.offset.min(size) } else { size };
            let damaged = if self.at.offset < limit {
                match self.look(limit)? {
                    Look::Found(length) => return Ok(self.hand_out(length)),
                    Look::Short | Look::Damaged => true, // what is safe is whole: this was torn
                }
            } else {
                false
            };
            match self.shift(damaged)? {
                Shift::Next { lost: Some(0) } => {}
                Shift::Next { lost } => return Ok(Seen::Skipped { lost }),
                Shift::Nowhere if damaged => {
                    self.at.offset = limit;
                    return Ok(Seen::Skipped { lost: None });
                }
                Shift::Nowhere => return Ok(Seen::End),
            }
        }
    }

    /// Looks for a whole record at the place, reading more of the segment as needed.
    fn look(&mut self, limit: u64) -> io::Result<Look> {
        if self
            .open
            .as_ref()
            .is_none_or(|open| open.number != self.at.segment)
        {
            let file = self.spool.shared.folder.read(self.at.segment)?;
            let mut head = [0; HEAD_BYTES];
            if file.read_exact_at(&mut head, 0).is_err() || read_head(&head).is_none() {
                return Ok(Look::Damaged);
            }
            self.at.offset = self.at.offset.max(HEAD_BYTES as u64);
            self.open = Some(Open {
                number: self.at.segment,
                file,
                buffer: Vec::new(),
                start: self.at.offset,
                used: 0,
            });
        }
        let Some(open) = &mut self.open else {
            return Ok(Look::Damaged);
        };
        loop {
            let rest = open.buffer.get(open.used..).unwrap_or_default(); // default: because `used` is within
            match segment::read(rest) {
                Parsed::Whole(_, length) => return Ok(Look::Found(length)),
                Parsed::Damaged => return Ok(Look::Damaged),
                Parsed::Partial => {}
            }
            open.buffer.drain(..open.used);
            (open.start, open.used) = (open.start + open.used as u64, 0);
            let end = open.start + open.buffer.len() as u64;
            let left = usize::try_from(limit.saturating_sub(end)).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(Look::Short);
            }
            let had = open.buffer.len();
            open.buffer.resize(had + left.min(CHUNK_BYTES), 0);
            let room = open.buffer.get_mut(had..).unwrap_or_default(); // default: because it was just made
            let got = open.file.read_at(room, end)?;
            open.buffer.truncate(had + got);
            if got == 0 {
                return Ok(Look::Short);
            }
        }
    }

    fn hand_out(&mut self, length: usize) -> Seen<'_> {
        let Some(open) = &mut self.open else {
            return Seen::End;
        };
        let from = open.used;
        open.used += length;
        self.at.offset += length as u64;
        let bytes = open.buffer.get(from..).unwrap_or_default(); // default: because it was found there
        match segment::read(bytes) {
            Parsed::Whole(record, _) => {
                self.at.seq = record.seq;
                Seen::Record(record)
            }
            Parsed::Partial | Parsed::Damaged => Seen::Skipped { lost: None },
        }
    }

    /// Goes on to the next segment.
    fn shift(&mut self, damaged: bool) -> io::Result<Shift> {
        let next = {
            let inner = self.spool.lock();
            let after = inner.sizes.range(self.at.segment + 1..);
            // Of a segment that is not safe yet nothing is known.
            after
                .map(|(number, _)| *number)
                .find(|number| *number <= inner.safe.segment)
        };
        let Some(next) = next else {
            return Ok(Shift::Nowhere);
        };
        let file = self.spool.shared.folder.read(next)?;
        let mut head = [0; HEAD_BYTES];
        let first = match file.read_exact_at(&mut head, 0) {
            Ok(()) => read_head(&head),
            Err(_) => None, // because a head that a power cut tore is none
        };
        let expected = self.at.seq + 1;
        let lost = first.map(|first| first.saturating_sub(expected));
        self.at = Position {
            segment: next,
            offset: HEAD_BYTES as u64,
            seq: first.map_or(self.at.seq, |first| {
                first.saturating_sub(1).max(self.at.seq)
            }),
        };
        self.open = None;
        // The end of a segment was torn: how many records that were is not known.
        let lost = lost.filter(|lost| *lost > 0 || !damaged);
        Ok(Shift::Next { lost })
    }
}

/// The number of the last record that can be read on this disk.
pub(super) fn last_record(
    folder: &Folder,
    sizes: &BTreeMap<u64, u64>,
    durable: Position,
) -> io::Result<u64> {
    let mut last = durable.seq;
    for number in sizes.keys().rev() {
        let file = folder.read(*number)?;
        let mut head = [0; HEAD_BYTES];
        if file.read_exact_at(&mut head, 0).is_err() {
            continue;
        }
        let Some(first) = read_head(&head) else {
            continue;
        };
        last = last.max(first.saturating_sub(1));
        // What is durable may have given its blocks back.
        let durable = (*number == durable.segment).then_some(durable.offset);
        let mut at = durable.unwrap_or(0).max(HEAD_BYTES as u64);
        let mut buffer = Vec::new();
        loop {
            match segment::read(&buffer) {
                Parsed::Whole(record, length) => {
                    last = last.max(record.seq);
                    at += length as u64;
                    buffer.drain(..length);
                }
                Parsed::Damaged => return Ok(last),
                Parsed::Partial => {
                    let filled = buffer.len();
                    buffer.resize(filled + CHUNK_BYTES, 0);
                    let room = buffer.get_mut(filled..).unwrap_or_default(); // default: because it was just made
                    let got = file.read_at(room, at + filled as u64)?;
                    buffer.truncate(filled + got);
                    if got == 0 {
                        return Ok(last);
                    }
                }
            }
        }
    }
    Ok(last)
}
