//! What goes in and what comes out.

use std::path::PathBuf;

use cordon_model::{Severity, Time};

/// One transaction's worth: everything or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Its place in the order; more than [`Self::after`], gaps are fine.
    pub seq: u64,
    /// The commit that it builds on, 0 for the first: it holds only what changed since that one,
    /// so without that one it would be wrong, and is refused.
    pub after: u64,
    /// When.
    pub at: Time,
    /// The engine's head.
    pub head: Vec<u8>,
    /// Memory that changed.
    pub shards: Vec<ShardRow>,
    /// Where sensors go on from, by name.
    pub cursors: Vec<(String, Vec<u8>)>,
    /// Findings that stand, as they now are.
    pub findings: Vec<FindingRow>,
    /// Keys of findings that no longer stand. Their rows are kept, with [`Self::at`] as their end.
    pub resolved: Vec<Vec<u8>>,
    /// What is to be sent to people.
    pub outbox: Vec<OutboxRow>,
    /// What was said to people.
    pub said: Vec<HistoryRow>,
    /// What sources said in an hour, as it now stands.
    pub hours: Vec<HourRow>,
}

/// What one source said in one hour: what its cadence is learned from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HourRow {
    /// Where.
    pub host: String,
    /// Which.
    pub source: String,
    /// Hours since 1970.
    pub hour: u64,
    /// A bit for each minute in which something came, the lowest for the first.
    pub minutes: u64,
    /// Lines.
    pub lines: u64,
    /// Errors among them.
    pub errors: u64,
    /// Lines whose form could not be read.
    pub unparsed: u64,
    /// The most shapes of line that were counted at once.
    pub shapes: u64,
    /// Whether something was wrong with it then: nothing is learned from such an hour.
    pub wrong: bool,
}

/// The memory of one control for one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardRow {
    /// Whose.
    pub control: String,
    /// Which.
    pub key: Vec<u8>,
    /// Version of its encoding.
    pub version: u32,
    /// Its bytes; none where it has become empty and goes.
    pub bytes: Option<Vec<u8>>,
}

/// A standing finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Its key, encoded.
    pub key: Vec<u8>,
    /// Of which rule.
    pub rule: String,
    /// Where.
    pub host: String,
    /// About what.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub life: String,
    /// When it was first found.
    pub first: Time,
    /// When it was last found.
    pub last: Time,
    /// All of it, encoded.
    pub bytes: Vec<u8>,
}

/// A message that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// By which channel, or of which kind.
    pub kind: String,
    /// The message.
    pub body: Vec<u8>,
}

/// A message that waits, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Never used twice: a receiver can tell a repetition.
    pub id: u64,
    /// The commit that it came with.
    pub seq: u64,
    /// The message.
    pub row: OutboxRow,
}

/// One thing that was said to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The event that it was said at.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// `opened`, `resolved`, …
    pub kind: String,
    /// Of which rule.
    pub rule: String,
    /// Where.
    pub host: String,
    /// About what.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// One line for people.
    pub title: String,
    /// All of it, as JSON.
    pub body: String,
}

/// The last durable commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its sequence.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// The engine's head.
    pub bytes: Vec<u8>,
}

/// Where to go on from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The last commit; none if there never was one.
    pub head: Option<Head>,
    /// Memory, by control and key.
    pub shards: Vec<ShardRow>,
    /// Where sensors go on from, by name.
    pub cursors: Vec<(String, Vec<u8>)>,
    /// Findings that stand, by key.
    pub findings: Vec<FindingRow>,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// Version of the tables.
    pub schema: u32,
    /// The last durable commit, and its time; none if there never was one.
    pub last: Option<(u64, Time)>,
    /// Bytes on disk: database and write-ahead log.
    pub bytes: u64,
    /// Bytes that may still be written to that disk.
    pub free: u64,
    /// Shards.
    pub shards: u64,
    /// Findings that stand.
    pub standing: u64,
    /// Findings that stand no more.
    pub resolved: u64,
    /// Messages that wait.
    pub outbox: u64,
    /// Things said.
    pub history: u64,
    /// The last backup that was asked for.
    pub backup: Option<Backup>,
}

/// A backup that was made and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// The last commit in it, and its time; none if there was none.
    pub last: Option<(u64, Time)>,
}

impl Loaded {
    /// What the next commit builds on.
    pub fn seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.seq)
    }
}

impl Commit {
    /// Rows that it writes.
    pub(crate) const fn rows(&self) -> usize {
        self.shards.len()
            + self.cursors.len()
            + self.findings.len()
            + self.resolved.len()
            + self.outbox.len()
            + self.said.len()
            + self.hours.len()
            + 1
    }

    /// Bytes that it keeps waiting, about.
    pub(crate) fn bytes(&self) -> usize {
        let shards = self
            .shards
            .iter()
            .map(|row| row.control.len() + row.key.len() + row.bytes.as_ref().map_or(0, Vec::len));
        let cursors = self
            .cursors
            .iter()
            .map(|(name, bytes)| name.len() + bytes.len());
        let findings = self.findings.iter().map(|row| {
            let texts = row.rule.len() + row.host.len() + row.subject.len() + row.life.len();
            row.key.len() + texts + row.bytes.len()
        });
        let resolved = self.resolved.iter().map(Vec::len);
        let outbox = self
            .outbox
            .iter()
            .map(|row| row.kind.len() + row.body.len());
        let said = self.said.iter().map(|row| {
            let texts = row.kind.len() + row.rule.len() + row.host.len() + row.subject.len();
            texts + row.title.len() + row.body.len()
        });
        let rows = shards.chain(cursors).chain(findings).chain(resolved);
        let hours = self
            .hours
            .iter()
            .map(|row| row.host.len() + row.source.len() + 56);
        self.head.len() + rows.chain(outbox).chain(said).chain(hours).sum::<usize>()
    }
}
