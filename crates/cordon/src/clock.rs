//! The one clock. Everything else is told the time.

use std::time::{SystemTime, UNIX_EPOCH};

use cordon_model::Time;

/// What the wall clock says.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis()); // 0: because a clock before 1970 is one at 1970
    Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
