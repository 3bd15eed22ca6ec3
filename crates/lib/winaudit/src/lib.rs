//! Audits Windows hosts offline, from files: what is installed, against what Microsoft published.
//!
//! 2004: MS04-011 was missed on four hosts of five, nobody knew, and a worm went from one to the
//! next without a user doing anything. This crate reads what administrators can collect from a host
//! in any language ([`WindowsHost`]), parses a feed of updates once for a fleet ([`Feed`]), and
//! says for each update whether it is proven, missing, or cannot be told, with the evidence
//! ([`judge`]). A single bulletin, older than any feed, is judged by registry keys, file versions
//! and the last start ([`judge_bulletin`]).
//!
//! It is a pure function of its arguments: no I/O, no clock, no panic on any bytes.
#![warn(missing_docs)]

mod bulletin;
pub mod collector;
mod feed;
mod host;
mod inventory;
mod judge;
mod product;
mod text;
mod value;

pub use bulletin::{
    Bulletin, BulletinError, BulletinState, BulletinVerdict, MAX_BULLETIN_BYTES, MAX_ENTRIES, Rung,
    Undecided, judge_bulletin,
};
pub use feed::{
    Counts as FeedCounts, Feed, FeedBuilder, FeedError, MAX_REJECTS_KEPT, MAX_ROWS, Reject, Span,
};
pub use host::{
    Arch, FileSeen, List, Listed, MAX_FACTS, MAX_NOTES, NetVersion, Pending, Said, Source,
    SourceId, WindowsHost,
};
pub use inventory::{InventoryError, Kind, MAX_LINES, MAX_SOURCES};
pub use judge::{
    About, Basis, Counts, Install, Judgement, MAX_REPORT_ROWS, Reason, Report, ReportRow, Subject,
    judge,
};
pub use text::MAX_FILE_BYTES;
pub use value::{Date, FileVersion, Kb, Severity, Stamp, ValueError};
