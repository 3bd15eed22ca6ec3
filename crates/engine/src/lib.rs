//! Runs controls over events: step, save, load, swap.
//!
//! Decides nothing about security. It keeps the promises that judges may rely on: one order of events,
//! a clock that never goes backwards, memory that survives a restart at any event, a panic that costs
//! one event and is reported, a bad policy that leaves the old one in force, findings that open once
//! and close when their cause is gone, and probes that never alarm a person.

mod clock;
mod engine;
mod ledger;
mod orders;
mod plantings;
mod slot;
mod snapshot;

pub use engine::{Engine, MAX_CASCADE, Said};
pub use ledger::{Entry, Life, Outcome};
pub use slot::{Make, make};
pub use snapshot::{Batch, FindingRow, LoadError, Row, ShardRow, Snapshot};
