//! draft
#![warn(missing_docs)]
mod baseline;
mod fit;
mod history;
mod model;
mod peers;
pub mod ratio;
mod sickness;
mod special;
mod tail;
#[cfg(any(test, feature = "testgen"))]
pub mod testgen;
mod text;
mod week;
pub use baseline::Baseline;
pub use fit::*;
pub use history::*;
pub use model::*;
pub use peers::*;
pub use sickness::*;
pub use text::{FormError, MAX_BYTES};
pub use week::MAX_AHEAD;
/// m
pub const MINUTE: i64 = 60_000;
/// h
pub const HOUR: i64 = 60 * MINUTE;
/// w
pub const WEEK: i64 = 168 * HOUR;
