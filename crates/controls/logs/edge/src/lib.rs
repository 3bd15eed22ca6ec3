//! The world side of logs: reads files once or follows them through rotation, plants the nonce line.
#![expect(clippy::disallowed_methods, reason = "edge")]

pub mod collect;
pub mod decode;
mod file;
mod follow;
pub mod journal;
mod lines;
pub mod listen;
mod open;
pub mod packed;
mod parse;
mod place;
mod prove;
mod rest;
mod senders;
pub mod sequence;
mod shapes;
mod siblings;
pub mod spool;
#[cfg(test)]
mod stale;
pub mod syslog;
mod tail;
mod voice;

pub use collect::{Batch, Collector, SPOOL};
pub use file::LogFile;
pub use journal::Journal;
pub use lines::{Lines, MAX_LINE_BYTES, escape, unescape};
pub use open::MAX_POLL_BYTES;
pub use parse::Parser;
pub use place::{FINGERPRINT_BYTES, SEAM_BYTES};
pub use prove::NonceLine;
pub use shapes::{MAP_BYTES, MAX_SHAPES, Shapes};
pub use siblings::MAX_SIBLINGS;
pub use tail::Tail;
