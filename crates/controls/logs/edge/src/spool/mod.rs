//! What was received and is not durable at the hub yet: a log of segments in a folder, of bounded size.
//!
//! Without it a hub that is slow, full or dead would make senders drop lines that nobody hears of. What
//! is promised:
//!
//! - [`Spool::append`] hands messages to the kernel: they outlive `kill -9`. [`Spool::sync`] makes them
//!   outlive a power cut; one sync serves everybody who waits for one. Who acknowledges does so after it.
//! - Only what is synced is read, so that the hub never knows more than the spool.
//! - A segment goes when the place that the hub made durable is beyond it, not before.
//! - [`Spool::append`] takes all of what it is given or nothing. Nothing is taken when the budget is used
//!   up or the disk is full: who reads a stream waits, who reads datagrams drops them and counts.
//! - On a full disk what is durable of the segment that is written gives its blocks back too. Else nobody could
//!   ever write again: a segment goes with the next, and the next finds no room.
//! - What a power cut tore, or a disk damaged, is skipped to the next segment and told by the reader. Each
//!   start begins a segment of its own, so that nothing is ever written behind a torn end.

mod folder;
mod read;
pub mod segment;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cordon_model::{Cursor, Time};

use folder::Folder;
use rustix::fs::{FallocateFlags, fallocate};
use segment::{HEAD_BYTES, Kind, Record, head};

pub(crate) use read::{Reader, Seen};

/// Largest segment, in bytes; a smaller budget has segments of an eighth of it.
const SEGMENT_BYTES: u64 = 8 << 20;

/// How long who waits for room waits before it tries again by itself.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// Why the spool took nothing.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The budget of the policy is used up.
    #[error("the spool holds all of the {budget} bytes that policy allows")]
    Full {
        /// The budget.
        budget: u64,
    },
    /// The folder cannot be opened, read or written.
    #[error("the spool at {}: {error}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not wanted any more.
    #[error("the spool is closed")]
    Closed,
}

/// A message to be spooled.
#[derive(Debug, Clone, Copy)]
pub struct Item<'i> {
    /// How it came.
    pub kind: Kind,
    /// The name of the listener.
    pub listener: &'i str,
    /// Who sent it.
    pub peer: IpAddr,
    /// Bytes of it that were passed over.
    pub over: u64,
    /// The message.
    pub content: &'i [u8],
}

/// A place in the spool: before the record after `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// The last record before this place.
    pub(crate) seq: u64,
}

/// The spool, for all that share it.
#[derive(Debug, Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    folder: Folder,
    inner: Mutex<Inner>,
    /// Room was made, or the spool was closed.
    room: Condvar,
    /// A sync ended.
    synced: Condvar,
}

#[derive(Debug)]
struct Inner {
    budget: u64,
    /// The sizes of the segments, the one that is written last.
    sizes: BTreeMap<u64, u64>,
    writing: Option<Writing>,
    /// The hub needs nothing before this.
    durable: Position,
    /// The last record that was written, and the last that was synced.
    written: Position,
    safe: Position,
    syncing: bool,
    /// Up to here a sync has failed: whether it outlives a power cut is not known.
    doubtful: u64,
    /// The segment that is written has bytes behind its end.
    torn: bool,
    closed: bool,
    /// Since when nothing is taken, and why: until it is.
    trouble: Option<String>,
}

/// The segment that is written.
#[derive(Debug, Clone)]
struct Writing {
    number: u64,
    file: Arc<File>,
}

impl Position {
    pub(crate) fn cursor(self) -> Cursor {
        let parts = [self.segment, self.offset, self.seq].map(u64::to_le_bytes);
        Cursor(parts.concat())
    }

    pub(crate) fn read(cursor: &Cursor) -> Option<Self> {
        let (segment, rest) = cursor.0.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let seq = rest.first_chunk::<8>()?;
        Some(Self {
            segment: u64::from_le_bytes(*segment),
            offset: u64::from_le_bytes(*offset),
            seq: u64::from_le_bytes(*seq),
        })
    }
}

impl Spool {
    /// Opens the spool at `path`, from which everything up to `durable` is not needed any more.
    pub(crate) fn open(
        path: &Path,
        budget: u64,
        durable: Position,
    ) -> Result<(Self, Reader), SpoolError> {
        let failed = |error: io::Error| SpoolError::Disk {
            path: path.to_owned(),
            error,
        };
        let folder = Folder::open(path).map_err(failed)?;
        let mut sizes = BTreeMap::new();
        for number in folder.segments().map_err(failed)? {
            let size = folder
                .read(number)
                .and_then(|file| Ok(file.metadata()?.len()));
            sizes.insert(number, size.map_err(failed)?);
        }
        let last = read::last_record(&folder, &sizes, durable).map_err(failed)?;
        // Numbers of segments and of records go on, even if the hub knows more than this disk does.
        let newest = sizes
            .keys()
            .next_back()
            .copied()
            .unwrap_or(0)
            .max(durable.segment);
        let safe = Position {
            segment: newest,
            offset: sizes.get(&newest).copied().unwrap_or(0),
            seq: last.max(durable.seq),
        };
        let inner = Inner {
            budget,
            sizes,
            writing: None,
            durable,
            written: safe,
            safe,
            syncing: false,
            doubtful: 0,
            torn: false,
            closed: false,
            trouble: None,
        };
        let spool = Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                folder,
                inner: Mutex::new(inner),
                room: Condvar::new(),
                synced: Condvar::new(),
            }),
        };
        spool.free(durable);
        let reader = Reader::new(spool.clone(), durable);
        Ok((spool, reader))
    }

    /// Takes all of `items`, or none.
    pub fn append(&self, items: &[Item<'_>], at: Time) -> Result<u64, SpoolError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(SpoolError::Closed);
        }
        let done = self.write(&mut inner, items, at);
        inner.trouble = done.as_ref().err().map(ToString::to_string);
        done
    }

    fn write(&self, inner: &mut Inner, items: &[Item<'_>], at: Time) -> Result<u64, SpoolError> {
        let mut bytes = Vec::new();
        let mut seq = inner.written.seq;
        for item in items {
            seq += 1;
            let Item {
                kind,
                listener,
                peer,
                mut over,
                mut content,
            } = *item;
            if content.len() > segment::MAX_CONTENT_BYTES {
                let (head, tail) = content.split_at(segment::MAX_CONTENT_BYTES);
                (content, over) = (head, over + tail.len() as u64);
            }
            let record = Record {
                seq,
                at,
                kind,
                listener,
                peer,
                over,
                content,
            };
            if !segment::write(&record, &mut bytes) {
                let error = io::Error::other("a record cannot be written");
                return Err(self.failed(error));
            }
        }
        let budget = inner.budget;
        if inner.sizes.values().sum::<u64>() + bytes.len() as u64 + HEAD_BYTES as u64 > budget {
            return Err(SpoolError::Full { budget });
        }
        let full = inner.written.offset >= SEGMENT_BYTES.min(budget / 8);
        if full || inner.torn || inner.writing.is_none() {
            self.begin_segment(inner)?;
        }
        let Some(writing) = inner.writing.clone() else {
            return Err(SpoolError::Closed);
        };
        let offset = inner.written.offset;
        if let Err(error) = writing.file.write_all_at(&bytes, offset) {
            inner.torn = writing.file.set_len(offset).is_err();
            self.release(inner);
            return Err(self.failed(error));
        }
        inner.written.offset += bytes.len() as u64;
        inner.written.seq = seq;
        let size = inner.written.offset;
        inner.sizes.insert(writing.number, size);
        Ok(seq)
    }

    /// Ends the segment that is written, durably, and begins the next.
    fn begin_segment(&self, inner: &mut Inner) -> Result<(), SpoolError> {
        if let Some(writing) = inner.writing.take() {
            let done = writing.file.sync_data();
            if let Err(error) = done {
                inner.writing = Some(writing);
                return Err(self.failed(error));
            }
        }
        (inner.safe, inner.torn) = (inner.written, false);
        let number = inner.written.segment + 1;
        let begun = self.shared.folder.create(number).and_then(|mut file| {
            file.write_all(&head(inner.written.seq + 1))?;
            self.shared.folder.sync()?;
            Ok(file)
        });
        let file = match begun {
            Ok(file) => file,
            Err(error) => {
                // Its number is used again; if it is there still, with the next try's error.
                drop(self.shared.folder.remove(number));
                self.release(inner);
                return Err(self.failed(error));
            }
        };
        inner.writing = Some(Writing {
            number,
            file: Arc::new(file),
        });
        inner.written = Position {
            segment: number,
            offset: HEAD_BYTES as u64,
            seq: inner.written.seq,
        };
        inner.sizes.insert(number, HEAD_BYTES as u64);
        Ok(())
    }

    /// Returns when the record `seq` outlives a power cut.
    pub fn sync(&self, seq: u64) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        while inner.safe.seq < seq || (1..=inner.doubtful).contains(&seq) {
            if (1..=inner.doubtful).contains(&seq) {
                return Err(self.failed(io::Error::other("it could not be synced")));
            }
            if inner.syncing {
                inner = self
                    .shared
                    .synced
                    .wait(inner)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(writing) = inner.writing.clone() else {
                return Err(SpoolError::Closed);
            };
            let upto = inner.written;
            inner.syncing = true;
            drop(inner);
            let done = writing.file.sync_data();
            inner = self.lock();
            inner.syncing = false;
            self.shared.synced.notify_all();
            if let Err(error) = done {
                // What the kernel could not write may be gone: nothing more is written behind it.
                (inner.writing, inner.doubtful) = (None, inner.written.seq);
                return Err(self.failed(error));
            }
            if upto.seq > inner.safe.seq {
                inner.safe = upto;
            }
        }
        Ok(())
    }

    /// Syncs everything that was written.
    pub(crate) fn sync_all(&self) -> Result<(), SpoolError> {
        let written = self.lock().written.seq;
        self.sync(written)
    }

    /// Waits until there may be room; whether the spool is still wanted.
    pub(crate) fn wait_for_room(&self) -> bool {
        let inner = self.lock();
        if inner.closed {
            return false;
        }
        let waited = self.shared.room.wait_timeout(inner, RETRY);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !inner.closed
    }

    /// Lets go of the segments before `durable`.
    pub(crate) fn free(&self, durable: Position) {
        let mut inner = self.lock();
        inner.durable = durable;
        let writing = inner.writing.as_ref().map(|writing| writing.number);
        let old: Vec<u64> = inner
            .sizes
            .keys()
            .copied()
            .filter(|number| *number < durable.segment)
            .collect();
        for number in old {
            // One that cannot be removed still takes its room, and is tried again with the next.
            if Some(number) != writing && self.shared.folder.remove(number).is_ok() {
                inner.sizes.remove(&number);
                self.shared.room.notify_all();
            }
        }
        if inner.trouble.is_some() {
            self.release(&mut inner);
        }
    }

    /// Gives back the disk that durable records take in the segment that was written last. That is tried while
    /// nothing can be written, because that segment is not let go of before there is another.
    fn release(&self, inner: &mut Inner) {
        let Position {
            segment, offset, ..
        } = inner.durable;
        match &inner.writing {
            Some(writing) if writing.number == segment => {
                let head = HEAD_BYTES as u64;
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                let length = offset.saturating_sub(head);
                // A file system without holes keeps what it has; that there is no room is told already.
                if length > 0 && fallocate(&writing.file, flags, head, length).is_ok() {
                    self.shared.room.notify_all();
                }
            }
            Some(_) => {}
            None => {
                let whole = inner
                    .sizes
                    .get(&segment)
                    .is_some_and(|size| *size <= offset);
                if whole && self.shared.folder.remove(segment).is_ok() {
                    inner.sizes.remove(&segment);
                    self.shared.room.notify_all();
                }
            }
        }
    }

    /// From now on the budget is this.
    pub(crate) fn limit(&self, budget: u64) {
        self.lock().budget = budget;
        self.shared.room.notify_all();
    }

    /// Nothing more is taken; everybody who waits is told.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.shared.room.notify_all();
    }

    /// Why it took nothing the last time, if so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// How many bytes of disk it takes.
    pub fn size(&self) -> u64 {
        self.lock().sizes.values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked with it did so between two whole steps.
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: io::Error) -> SpoolError {
        SpoolError::Disk {
            path: self.shared.path.clone(),
            error,
        }
    }
}
