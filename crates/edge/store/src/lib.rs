//! What the hub remembers across a restart, a `kill -9` and a full disk.
//!
//! Decides when something counts as remembered: when it is on disk and synced, not before. A commit
//! is everything or nothing; a refused one says why and stays in its caller's hands. The failure it
//! prevents is the one of 2004 turned inwards: a hub that forgets what it had found, and is calm.
//!
//! Three rules carry it. Commits form a chain ([`Commit::after`]): after a refused one nothing that
//! builds on it is taken, so no change is skipped. A sequence is taken once
//! ([`StoreError::AlreadyThere`]): who does not know whether its commit came through says it again.
//! What is damaged is never replaced by something empty ([`StoreError::Corrupt`]).
//!
//! The store speaks bytes: what they mean is the engine's business, and the store does not know it.
#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod error;
mod open;
mod place;
mod read;
mod rows;
mod schema;
mod sqlite;
mod writer;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use cordon_model::Time;

pub use error::StoreError;
pub use open::{BACKUPS, DATABASE, KEPT_BACKUPS, Moment};
pub use rows::{
    Backup, Commit, FindingRow, Head, HistoryRow, HourRow, Loaded, OutboxRow, Outgoing, ShardRow,
    StoreFacts,
};
pub use schema::SCHEMA;
pub use sqlite::Sqlite;
pub use writer::{MAX_GROUP, MAX_GROUP_ROWS, MAX_QUEUED, MAX_QUEUED_BYTES, Ticket};

/// Durable memory. One process has it; any of its threads may use it.
pub trait StateStore: Send + Sync {
    /// Queues a commit and returns at once; the ticket says when it is durable, or why it is not.
    /// Keep a clone of the commit until then: what is refused is to be said again, in order.
    fn commit(&self, commit: Arc<Commit>) -> Result<Ticket, StoreError>;

    /// What the last durable commit left: where to go on from.
    fn load(&self) -> Result<Loaded, StoreError>;

    /// What was said to people at `since` or later, oldest first, at most `limit`.
    fn history(&self, since: Time, limit: usize) -> Result<Vec<HistoryRow>, StoreError>;

    /// What waits to be sent and came after the row `after`, oldest first, at most `limit`.
    fn outbox(&self, after: u64, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// Forgets what was sent, once its receipt is there.
    fn sent(&self, id: u64) -> Result<(), StoreError>;

    /// Keeps `bytes` under `name`, in place of what was kept there. Durable when it returns.
    fn note(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// All notes, by name.
    fn notes(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError>;

    /// What sources said since `since`, in hours since 1970; by host, source and hour.
    fn hours(&self, since: u64) -> Result<Vec<HourRow>, StoreError>;

    /// How the store is.
    fn facts(&self) -> Result<StoreFacts, StoreError>;

    /// Writes all of it to the new file `to`, checks what was written, and only then gives it its
    /// name. Others read and write meanwhile.
    fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Forgets the hours from before `before`, and the history, oldest first, at most `limit` rows; how many
    /// of these.
    fn prune(&self, before: Time, limit: usize) -> Result<usize, StoreError>;
}
