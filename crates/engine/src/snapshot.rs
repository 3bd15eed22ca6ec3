//! What is saved: only what changed, in one batch, so that a store can write it in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use cordon_model::{ControlName, Epoch, Event, Key, Planting, SetName, ShardKey};
use serde::{Deserialize, Serialize};

use crate::{clock::Clock, ledger::Entry, orders::Orders};

/// Version of the encoding of [`Batch`] and [`Snapshot`] themselves.
const ENCODING: u32 = 1;

/// What changed since the last [`crate::Engine::save`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Batch {
    pub(crate) head: Head,
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

impl Snapshot {
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
