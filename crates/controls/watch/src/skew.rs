//! Whether the times that a source bears are those at which it wrote.
//!
//! A log dated 1970, 2100 or an hour away is searched at the wrong hour after an incident. That needs no
//! learning, so it is told of a source that is new as well. Off by whole quarters of an hour, as far as clocks
//! of this world differ, looks like another time zone and is told as that: nothing is broken then.

use cordon_model::Span;

/// A clock is off beyond this, and right again within half of it.
const MOST: u64 = cadence::MOST_SKEW.unsigned_abs() / 1000;

/// Time zones differ by multiples of this, in seconds.
const QUARTER: u64 = 15 * 60;

/// How near to such a multiple the difference must be.
const NEAR: u64 = 60;

/// The farthest zone from UTC, in seconds: Kiritimati.
const FARTHEST: u64 = 14 * 3600;

/// A year of days, in seconds.
const YEAR: u64 = 365 * 86_400;

/// What a clock looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    Right,
    /// As right as before: between the two limits.
    Either,
    /// Minutes that another zone is ahead; negative behind.
    Zone(i64),
    /// Seconds that it is ahead; negative behind.
    Off(i64),
}

impl Clock {
    /// Of a source whose lines are `secs` behind their arrival.
    pub(crate) fn of(secs: i64) -> Self {
        let (off, ahead) = (secs.unsigned_abs(), secs.saturating_neg());
        let quarters = (off + QUARTER / 2) / QUARTER;
        let zone = quarters * QUARTER;
        if off <= MOST / 2 {
            Self::Right
        } else if off <= MOST {
            Self::Either
        } else if off.abs_diff(zone) <= NEAR && (QUARTER..=FARTHEST).contains(&zone) {
            let minutes = i64::try_from(zone / 60).unwrap_or(i64::MAX);
            Self::Zone(minutes * ahead.signum())
        } else {
            Self::Off(ahead)
        }
    }

    /// In words; none for a clock that is right.
    pub(crate) fn told(self) -> Option<String> {
        let (secs, ahead) = match self {
            Self::Right | Self::Either => return None,
            Self::Zone(minutes) => (minutes.unsigned_abs() * 60, minutes > 0),
            Self::Off(secs) => (secs.unsigned_abs(), secs > 0),
        };
        let by = match secs {
            _ if secs >= 2 * YEAR => format!("{} years", secs / YEAR),
            _ if matches!(self, Self::Zone(_)) => {
                format!("{}:{:02} h", secs / 3600, secs / 60 % 60)
            }
            _ => Span::secs(secs).plain(),
        };
        Some(format!("{by} {}", if ahead { "ahead" } else { "behind" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_zone_and_a_wrong_clock_is_wrong() {
        let hour = 3600;
        for (secs, is, told) in [
            (0, Clock::Right, None),
            (150, Clock::Right, None),
            (-151, Clock::Either, None),
            (300, Clock::Either, None),
            (301, Clock::Off(-301), Some("5 min behind")),
            (-14 * 60, Clock::Zone(15), Some("0:15 h ahead")),
            (-16 * 60 - 1, Clock::Off(961), Some("16 min ahead")),
            (-hour + 2, Clock::Zone(60), Some("1:00 h ahead")),
            (2 * hour + 60, Clock::Zone(-120), Some("2:00 h behind")),
            (2 * hour + 61, Clock::Off(-7261), Some("2 h behind")),
            (-20_700, Clock::Zone(345), Some("5:45 h ahead")), // Nepal
            (-14 * hour, Clock::Zone(840), Some("14:00 h ahead")),
            (15 * hour, Clock::Off(-54_000), Some("15 h behind")),
            (
                1_795_000_000,
                Clock::Off(-1_795_000_000),
                Some("56 years behind"),
            ),
            (
                i64::MIN,
                Clock::Off(i64::MAX),
                Some("292471208677 years ahead"),
            ),
            (
                i64::MAX,
                Clock::Off(-i64::MAX),
                Some("292471208677 years behind"),
            ),
        ] {
            assert_eq!(Clock::of(secs), is, "{secs}");
            assert_eq!(is.told().as_deref(), told, "{secs}");
        }
    }
}
