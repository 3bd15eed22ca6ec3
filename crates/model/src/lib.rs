//! The nouns of Cordon: Event, Fact, Finding, Action, Policy, Control, Probe.
//!
//! In 2004 nothing was missing: everything had silently stopped working, and "nothing found" looked
//! like "nothing looked". So absence is a value here. What looks at the world ends in [`End`], which
//! has no empty success; what could not look is a [`Fact::Blind`] that is judged like a worm.
//!
//! This crate does no I/O and reads no clock. Encodings of everything that derives `Serialize` are
//! append-only: golden files in `crates/cordon/tests/it/golden` hold them.
#![warn(missing_docs)]

mod audit;
mod control;
mod edge;
mod fact;
mod finding;
mod id;
mod plain;
mod policy;
mod time;
mod watched;

pub use audit::{Asked, Audited, Inventory, Ladder, Needs, Rung, Seen};
pub use control::{
    Amnesia, Cause, Control, Gate, Memory, Probe, Rule, Scope, Shard, ShardKey, Shares, Spec,
};
pub use edge::{Act, Cursor, End, Prove, Sense, Sensed, Withdrawn};
pub use fact::{
    Blindness, Decision, Event, Fact, FactKind, Level, LogLine, Package, PackageKind,
    PackageStatus, Parsed, Planting, Receipt, Triage, Version,
};
pub use finding::{
    Action, Approval, Evidence, Fields, Finding, Key, MAX_LISTED, Order, Severity, Value, Verdict,
};
pub use id::{
    ControlName, Epoch, Host, IdError, Instance, MAX_ID_BYTES, MAX_TEXT_BYTES, Nonce, OrderId,
    PairName, Pattern, Person, ProbeId, RuleId, Seq, SetName, SourceName, StageName, Text,
};
pub use plain::{count, inert, plural};
pub use policy::{Exception, Policy, PolicyError, Set};
pub use time::{Span, Time, TimeError};
pub use watched::{Standing, Subject, Watched, WatchedError};
