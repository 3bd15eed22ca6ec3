//! What was learned of a source, in a few hundred bytes whatever its size, and what follows from it.
//!
//! Everything here is arithmetic on a table of 168 rates: it costs microseconds, never loops for
//! longer than [`MAX_AHEAD`](crate::MAX_AHEAD), and gives the same answer after a restart.

use serde::{Deserialize, Serialize};

use crate::{baseline::Baseline, week::Week};

/// Silences shorter than this are never told, however busy the source: collectors pause as long.
pub const SHORTEST: i64 = 5 * crate::MINUTE;

/// What comes late by less than this part of the wait is not silent: a daily job may take half an hour
/// longer on a Sunday.
const SLACK: i64 = 50;

/// Slowest that peers may make a clock run, and fastest.
pub const PACE: (f64, f64) = (0.03, 1.0);

/// A learned source. Written as one line of at most 400 ASCII characters; see [`FormError`](crate::FormError).
#[derive(Clone, PartialEq, Debug)]
pub struct Cadence {
    pub(crate) week: Week,
    /// Operational time at which silence is told.
    pub(crate) threshold: f64,
    /// The median operational time between ticks.
    pub(crate) due: f64,
    pub(crate) ticks: u64,
    pub(crate) days: u32,
    /// False alarms a month that the threshold allows.
    pub(crate) budget: f64,
    pub(crate) office: bool,
    pub(crate) baseline: Option<Baseline>,
}

/// What an hour of lines usually holds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Band {
    /// One hour in twenty has less.
    pub low: f64,
    /// The mean.
    pub mean: f64,
    /// One hour in twenty has more.
    pub high: f64,
}

/// How long a source has been waited for on its own clock, while its peers made that run slower or
/// faster. Without this a holiday that is over would count in full the moment that peers are back.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// The last tick.
    pub last: i64,
    /// Until when waiting has been counted.
    pub until: i64,
    /// Operational time that has been counted.
    pub spent: f64,
}

impl Wait {
    /// Waiting begins.
    pub const fn since(last: i64) -> Self {
        Self {
            last,
            until: last,
            spent: 0.0,
        }
    }

    /// Counts on to `now` at `pace`, but not beyond the instant at which it is enough. Once an hour will
    /// do; a time before the last one counts nothing.
    pub fn pass(&mut self, cadence: &Cadence, now: i64, pace: f64) {
        if now <= self.until {
            return;
        }
        let pace = clamp(pace);
        let spent = self.spent + cadence.gap(self.until, now) * pace;
        let left = (cadence.threshold - self.spent).max(0.0) / pace;
        match cadence.week.when(self.until, left) {
            Some(enough) if spent >= cadence.threshold && enough <= now => {
                (self.until, self.spent) = (enough, cadence.threshold);
            }
            _ => (self.until, self.spent) = (now, spent),
        }
    }
}

impl Cadence {
    /// Ticks an hour at `at`.
    pub fn rate(&self, at: i64) -> f64 {
        self.week.rate(at)
    }

    /// Operational time from `last` to `now`: how many ticks were to be expected.
    pub fn gap(&self, last: i64, now: i64) -> f64 {
        self.week.gap(last, now)
    }

    /// How many ticks are expected from `from` to `to`.
    pub fn expected(&self, from: i64, to: i64) -> f64 {
        self.week.gap(from, to)
    }

    /// When the next tick is due: in half of the cases it came by then. None beyond
    /// [`MAX_AHEAD`](crate::MAX_AHEAD).
    pub fn expected_by(&self, last: i64) -> Option<i64> {
        self.week.when(last, self.due)
    }

    /// The instant at which silence since `last` is told, when the clock runs at `pace`: 1 with no
    /// peers, less when they are slow too. None beyond [`MAX_AHEAD`](crate::MAX_AHEAD).
    pub fn alarm_at(&self, last: i64, pace: f64) -> Option<i64> {
        self.alarm_after(&Wait::since(last), pace)
    }

    /// The same for a wait of which a part is counted already.
    pub fn alarm_after(&self, wait: &Wait, pace: f64) -> Option<i64> {
        told(&self.week, self.threshold, wait, pace)
    }

    /// The median operational time between ticks.
    pub const fn due(&self) -> f64 {
        self.due
    }

    /// The operational time at which silence is told.
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// False alarms a month that the threshold allows.
    pub const fn budget(&self) -> f64 {
        self.budget
    }

    /// Ticks it was learned from.
    pub const fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Days it was learned from.
    pub const fn days(&self) -> u32 {
        self.days
    }

    /// Milliseconds that its local time is ahead of UTC, in whole hours.
    pub const fn offset(&self) -> i64 {
        self.week.offset()
    }

    /// Whether it follows the hours of people, so that its peers say whether today is a holiday.
    pub const fn is_office_shaped(&self) -> bool {
        self.office
    }

    /// Ticks a day in the mean.
    pub fn ticks_a_day(&self) -> f64 {
        self.week.total() / 7.0
    }

    /// The learned state of health; none where lines were not counted.
    pub const fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// How many lines the hour of `at` usually has; none where lines were not counted.
    pub fn band(&self, at: i64) -> Option<Band> {
        Some(self.baseline.as_ref()?.band(at, self.offset()))
    }

    /// The rates of the week's 168 hours from Monday 00:00 local time on, in ticks an hour.
    pub const fn rates(&self) -> &[f64; 168] {
        self.week.rates()
    }
}

pub(crate) fn clamp(pace: f64) -> f64 {
    if pace.is_nan() {
        1.0
    } else {
        pace.clamp(PACE.0, PACE.1)
    }
}

/// When a wait is enough: the threshold, then the slack.
pub(crate) fn told(week: &Week, threshold: f64, wait: &Wait, pace: f64) -> Option<i64> {
    let left = (threshold - wait.spent).max(0.0) / clamp(pace);
    let at = week.when(wait.until, left)?;
    let slack = at.saturating_sub(wait.last) / SLACK;
    Some(
        at.saturating_add(slack.max(0))
            .max(wait.last.saturating_add(SHORTEST)),
    )
}
