//! When is it too long since the last event? Learned for each source, with a stated budget of false
//! alarms, in a few hundred bytes.
//!
//! A timer set by hand is wrong at night, at weekends and on holidays, so it is set to a day and tells
//! a dead mail scanner a day late. Here each source has its own clock, which runs as fast as the source
//! usually does at that hour of the week ([`Cadence::gap`]), slower while its peers are slow too
//! ([`pace`]); and a threshold on that clock which comes from gaps that the model had not seen. What
//! cannot be judged says so ([`NotYet`]). A source that still speaks may be sick: [`Sickness`]. Whether
//! what went in came out again: [`ratio`].
//!
//! Times are milliseconds since 1970 UTC. Nothing here reads a clock, does I/O or panics; the same
//! history gives the same cadence, and a cadence is [one line of text](Cadence#impl-Display-for-Cadence).
//!
//! ```
//! use cadence::{HOUR, History, Options, fit};
//!
//! // A job that runs every day at 06:25, for three weeks.
//! let start = 1_783_296_000_000 + 6 * HOUR + 25 * cadence::MINUTE;
//! let history = History::from_arrivals((0..21).map(|day| start + day * 24 * HOUR));
//! let cadence = fit(&history, &Options::default())?;
//! let last = start + 20 * 24 * HOUR;
//! let late = cadence.alarm_at(last, 1.0).expect("within 90 days") - (last + 24 * HOUR);
//! assert!((0..4 * HOUR).contains(&late));
//! # Ok::<(), cadence::NotYet>(())
//! ```
#![warn(missing_docs)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "rates become levels and times after they were clamped, and `as` saturates"
)]

mod baseline;
mod fit;
mod folds;
mod history;
mod model;
mod peers;
pub mod ratio;
mod series;
mod sickness;
mod special;
mod tail;
#[cfg(any(test, feature = "testgen"))]
pub mod testgen;
mod text;
mod week;

pub use baseline::{Baseline, SICKNESS_BUDGET};
pub use fit::{
    BUDGET, IRREGULAR_DAYS_TO_ALARM, LEAST_DAYS, LEAST_TICKS, MONTH_HOURS, MOST_DAYS_TO_ALARM,
    MOST_GAPS_TO_ALARM, NotYet, Options, fit, fit_site,
};
pub use history::{Gather, History, Hour, MAX_HOURS, Ticks};
pub use model::{Band, Cadence, PACE, SHORTEST, Wait};
pub use peers::{Peer, Recent, pace};
pub use series::{Report, Silence, judge_series};
pub use sickness::{Heard, MOST_SKEW, Sickness, Sign};
pub use text::{FormError, MAX_BYTES};
pub use week::MAX_AHEAD;

/// Milliseconds of a minute.
pub const MINUTE: i64 = 60_000;

/// Milliseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;

/// Milliseconds of a week.
pub const WEEK: i64 = 7 * 24 * HOUR;

#[cfg(test)]
mod proof;
