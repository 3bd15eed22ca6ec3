//! What is saved: only what changed, in one batch, so that a store can write it in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use cordon_model::{ControlName, Epoch, Event, Key, Planting, SetName, ShardKey, Time};
use serde::{Deserialize, Serialize};

use crate::{clock::Clock, ledger::Entry, orders::Orders};

/// Version of the encoding of [`Batch`] and [`Snapshot`] themselves.
const ENCODING: u32 = 1;

/// What changed since the last [`crate::Engine::save`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Batch {
    pub(crate) head: Head,
    pub(crate) quiet: bool,
    pub(crate) shards: Vec<Record>,
    pub(crate) findings: Vec<(Key, Option<Entry>)>,
}

/// The small part that is saved each time.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) clock: Clock,
    pub(crate) epochs: BTreeMap<SetName, Epoch>,
    pub(crate) plantings: Vec<Planting>,
    pub(crate) orders: Orders,
    pub(crate) queue: Vec<Event>,
}

impl Head {
    /// Whether nothing but its place and its time differs.
    pub(crate) fn stands_still(&self, other: &Self) -> bool {
        self.epochs == other.epochs
            && self.plantings == other.plantings
            && self.orders == other.orders
            && self.queue == other.queue
    }
}

/// One shard of one control; no bytes where it has become empty.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) control: ControlName,
    pub(crate) key: ShardKey,
    pub(crate) version: u32,
    pub(crate) bytes: Option<Arc<[u8]>>,
}

/// Version of a shard's encoding, and its bytes.
pub(crate) type Versioned = (u32, Arc<[u8]>);

/// All batches up to one, folded together: what an engine starts from.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub(crate) head: Head,
    pub(crate) shards: BTreeMap<(ControlName, ShardKey), Versioned>,
    pub(crate) findings: BTreeMap<Key, Entry>,
}

/// Why saved bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Written by another version of Cordon.
    #[error("expected a snapshot of encoding {ENCODING}, got {0}")]
    Encoding(u32),
    /// Cut short or damaged.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
    /// It could not be written.
    #[error("the snapshot could not be encoded: {0}")]
    Unwritable(String),
}

/// A row for a store: a key, and bytes or nothing where the row is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Encoded key.
    pub key: Vec<u8>,
    /// Encoded content; none where it is gone.
    pub bytes: Option<Vec<u8>>,
}

/// A shard's row, and what it says in the open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardRow {
    /// For a store.
    pub row: Row,
    /// Whose memory it is.
    pub control: ControlName,
    /// Version of its encoding.
    pub version: u32,
}

/// A finding's row, and what it says in the open.
#[derive(Clone, PartialEq, Debug)]
pub struct FindingRow<'b> {
    /// For a store.
    pub row: Row,
    /// Its key.
    pub key: &'b Key,
    /// How it stands; none where it is resolved.
    pub entry: Option<&'b Entry>,
}

impl Batch {
    /// Whether losing it would lose nothing but the place in the order of events.
    pub const fn is_quiet(&self) -> bool {
        self.quiet && self.shards.is_empty() && self.findings.is_empty()
    }

    /// Place of its last event.
    pub const fn seq(&self) -> u64 {
        self.head.seq
    }

    /// Time of its last event.
    pub const fn at(&self) -> Time {
        self.head.clock.last()
    }

    /// This batch and the one after it as one: for a store that could not take the first.
    pub fn then(mut self, next: Self) -> Self {
        self.head = next.head;
        self.quiet &= next.quiet;
        self.shards.extend(next.shards); // in order, so that the later row wins
        self.findings.extend(next.findings);
        self
    }

    /// The small part that is saved each time.
    pub fn head(&self) -> Result<Vec<u8>, LoadError> {
        encode(&(ENCODING, &self.head))
    }

    /// Memory: one row a shard. The row's bytes carry the version too.
    pub fn shards(&self) -> Result<Vec<ShardRow>, LoadError> {
        let row = |record: &Record| {
            let key = encode(&(&record.control, &record.key))?;
            let bytes = record
                .bytes
                .as_ref()
                .map(|bytes| encode(&(record.version, bytes)));
            let row = Row {
                key,
                bytes: bytes.transpose()?,
            };
            Ok(ShardRow {
                row,
                control: record.control.clone(),
                version: record.version,
            })
        };
        self.shards.iter().map(row).collect()
    }

    /// Findings: one row each, and what it is about for those who query.
    pub fn findings(&self) -> Result<Vec<FindingRow<'_>>, LoadError> {
        self.findings
            .iter()
            .map(|(key, entry)| {
                let bytes = entry.as_ref().map(encode).transpose()?;
                Ok(FindingRow {
                    row: Row {
                        key: encode(key)?,
                        bytes,
                    },
                    key,
                    entry: entry.as_ref(),
                })
            })
            .collect()
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, LoadError> {
    postcard::to_stdvec(value).map_err(|error| LoadError::Unwritable(error.to_string()))
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, LoadError> {
    postcard::from_bytes(bytes).map_err(|error| LoadError::Damaged(error.to_string()))
}

impl Snapshot {
    /// From the rows that a store kept: the last head, and what has bytes of the others.
    pub fn from_rows(
        head: Option<&[u8]>,
        shards: &[Row],
        findings: &[Row],
    ) -> Result<Self, LoadError> {
        let mut snapshot = Self::default();
        if let Some(head) = head {
            let (encoding, rest) = postcard::take_from_bytes::<u32>(head)
                .map_err(|error| LoadError::Damaged(error.to_string()))?;
            if encoding != ENCODING {
                return Err(LoadError::Encoding(encoding));
            }
            snapshot.head = decode(rest)?;
        }
        for Row { key, bytes } in shards {
            let Some(bytes) = bytes else { continue };
            snapshot.shards.insert(decode(key)?, decode(bytes)?);
        }
        for Row { key, bytes } in findings {
            let Some(bytes) = bytes else { continue };
            snapshot.findings.insert(decode(key)?, decode(bytes)?);
        }
        Ok(snapshot)
    }

    /// Adds the next batch.
    pub fn absorb(&mut self, batch: Batch) {
        self.head = batch.head;
        for Record {
            control,
            key,
            version,
            bytes,
        } in batch.shards
        {
            match bytes {
                Some(bytes) => self.shards.insert((control, key), (version, bytes)),
                None => self.shards.remove(&(control, key)),
            };
        }
        for (key, entry) in batch.findings {
            match entry {
                Some(entry) => self.findings.insert(key, entry),
                None => self.findings.remove(&key),
            };
        }
    }

    /// The epoch of `set` that is in force.
    pub fn epoch(&self, set: &SetName) -> Epoch {
        self.head.epochs.get(set).copied().unwrap_or(0)
    }

    /// As bytes; encoding is append-only, golden files hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LoadError> {
        postcard::to_stdvec(&(ENCODING, self)).map_err(|e| LoadError::Unwritable(e.to_string()))
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let damaged = |error: postcard::Error| LoadError::Damaged(error.to_string());
        let (encoding, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(damaged)?;
        if encoding != ENCODING {
            return Err(LoadError::Encoding(encoding));
        }
        postcard::from_bytes(rest).map_err(damaged)
    }
}
