//! The world side of logs: reads files, plants the nonce line.
#![expect(clippy::disallowed_methods, reason = "edge")]

mod file;
mod lines;
mod prove;

pub use file::LogFile;
pub use lines::{Lines, MAX_LINE_BYTES};
pub use prove::NonceLine;
