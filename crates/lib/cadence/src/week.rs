//! The rate of each hour of the week, and the clock that runs as fast as the source does.
//!
//! A source that writes all day and rests at night has no usual gap in hours, but it has one on its
//! own clock: the *operational time* between two ticks, the integral of the rate from one to the
//! next, is 1 in the mean whatever the hour (the time-rescaling theorem). Silence is judged there.

use crate::{HOUR, WEEK};

/// Hours of a week.
pub(crate) const HOURS: usize = 168;

/// The rates that one character can say, in ticks an hour: `.` is none, `0` the least, `z` the most.
/// A step is a factor of 1.21, so what is judged with is at most a tenth off what was learned.
const LEVELS: &[u8; 63] = b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LEAST_RATE: f64 = 0.000_5;
const MOST_RATE: f64 = 60.0;

/// Longest time that is looked ahead.
pub const MAX_AHEAD: i64 = 90 * 24 * HOUR;

/// Rates of the 168 hours of a week from Monday 00:00 on, as they are written down.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Week {
    levels: [u8; HOURS],
    rates: [f64; HOURS],
    /// Ticks from Monday 00:00 to the beginning of each hour, and of the whole week.
    before: [f64; HOURS + 1],
    /// Milliseconds that local time is ahead of UTC, in whole hours.
    offset: i64,
}

impl Week {
    /// The rates that can be written nearest to `rates`.
    pub(crate) fn new(rates: &[f64; HOURS], offset: i64) -> Self {
        Self::of_levels(rates.map(level_of), offset)
    }

    fn of_levels(levels: [u8; HOURS], offset: i64) -> Self {
        let rates = levels.map(rate_of);
        let mut before = [0.0; HOURS + 1];
        let mut sum = 0.0;
        for (place, rate) in before.iter_mut().skip(1).zip(rates) {
            sum += rate;
            *place = sum;
        }
        Self {
            levels,
            rates,
            before,
            offset,
        }
    }

    /// The rates that `text` writes down: 168 characters, not all of them nothing.
    pub(crate) fn parse(text: &str, offset: i64) -> Option<Self> {
        let mut levels = [0; HOURS];
        if text.len() != HOURS {
            return None;
        }
        for (level, byte) in levels.iter_mut().zip(text.bytes()) {
            let found = LEVELS.iter().position(|level| *level == byte)?;
            *level = u8::try_from(found).ok()?; // ok: because there are 63
        }
        let week = Self::of_levels(levels, offset);
        (week.total() > 0.0).then_some(week)
    }

    /// The characters.
    pub(crate) fn text(&self) -> String {
        let char_of = |level: &u8| {
            LEVELS
                .get(usize::from(*level))
                .map_or('.', |byte| char::from(*byte))
        };
        self.levels.iter().map(char_of).collect()
    }

    /// Ticks of a week.
    pub(crate) fn total(&self) -> f64 {
        self.before.last().copied().unwrap_or(0.0)
    }

    pub(crate) const fn offset(&self) -> i64 {
        self.offset
    }

    pub(crate) const fn rates(&self) -> &[f64; HOURS] {
        &self.rates
    }

    /// Ticks an hour at `at`.
    pub(crate) fn rate(&self, at: i64) -> f64 {
        self.rates
            .get(hour_of_week(at, self.offset))
            .copied()
            .unwrap_or(0.0)
    }

    /// Operational time from `from` to `to`; none if that is not ahead.
    pub(crate) fn gap(&self, from: i64, to: i64) -> f64 {
        if to <= from {
            return 0.0;
        }
        let (weeks_from, within_from) = self.place(from);
        let (weeks_to, within_to) = self.place(to);
        ((weeks_to - weeks_from) * self.total() + within_to - within_from).max(0.0)
    }

    /// When operational time `amount` will have passed since `from`; none beyond [`MAX_AHEAD`].
    pub(crate) fn when(&self, from: i64, amount: f64) -> Option<i64> {
        if !amount.is_finite() || self.gap(from, from.saturating_add(MAX_AHEAD)) < amount {
            return None;
        }
        let whole = (amount / self.total()).floor().max(0.0);
        let mut left = amount - whole * self.total();
        // Whole weeks first; at most 90 days, so it fits.
        let mut at = from.saturating_add((whole * WEEK as f64).round() as i64);
        for _ in 0..=HOURS + 1 {
            let rate = self.rate(at);
            let next = (at.div_euclid(HOUR) + 1).saturating_mul(HOUR);
            let here = rate * (next.saturating_sub(at)) as f64 / HOUR as f64;
            if left <= here {
                let part = if rate > 0.0 {
                    left / rate * HOUR as f64
                } else {
                    0.0
                };
                return Some(at.saturating_add(part.ceil() as i64));
            }
            left -= here;
            at = next;
        }
        Some(at)
    }

    /// Whole weeks before `at`, and the ticks of its own week before it.
    fn place(&self, at: i64) -> (f64, f64) {
        let local = since_monday(at, self.offset);
        let hour = hour_of_week(at, self.offset);
        let within = local.rem_euclid(HOUR) as f64 / HOUR as f64;
        let before = self.before.get(hour).copied().unwrap_or(0.0);
        let ticks = before + within * self.rate(at);
        (local.div_euclid(WEEK) as f64, ticks)
    }
}

/// Local milliseconds since a Monday: 1 January 1970 was a Thursday.
fn since_monday(at: i64, offset: i64) -> i64 {
    at.saturating_add(offset).saturating_add(3 * 24 * HOUR)
}

/// 0 is the hour from Monday 00:00 on.
pub(crate) fn hour_of_week(at: i64, offset: i64) -> usize {
    let hour = since_monday(at, offset).rem_euclid(WEEK).div_euclid(HOUR);
    usize::try_from(hour).unwrap_or(0)
}

fn rate_of(level: u8) -> f64 {
    if level == 0 {
        return 0.0;
    }
    let share = f64::from(level - 1) / (LEVELS.len() - 2) as f64;
    LEAST_RATE * (MOST_RATE / LEAST_RATE).powf(share)
}

/// The nearest level in ratio; less than half of the least rate is none.
fn level_of(rate: f64) -> u8 {
    if rate.is_nan() || rate < LEAST_RATE / 2.0 {
        return 0;
    }
    let share = (rate / LEAST_RATE).ln() / (MOST_RATE / LEAST_RATE).ln();
    let levels = (LEVELS.len() - 2) as f64;
    1 + (share * levels).round().clamp(0.0, levels) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Week {
        let mut rates = [0.01; HOURS];
        for (hour, rate) in rates.iter_mut().enumerate() {
            if hour < 120 && (8..18).contains(&(hour % 24)) {
                *rate = 12.0;
            }
        }
        Week::new(&rates, 2 * HOUR)
    }

    #[test]
    fn what_is_written_is_what_is_judged_with() {
        let week = office();
        assert_eq!(Week::parse(&week.text(), 2 * HOUR), Some(week.clone()));
        assert_eq!(Week::parse(&".".repeat(168), 0), None);
        assert_eq!(Week::parse(&"é".repeat(84), 0), None);
        for level in 0..63 {
            assert_eq!(level_of(rate_of(level)), level);
        }
    }

    #[test]
    fn gaps_add_up_and_are_turned_back_into_times() {
        let week = office();
        let start = 1_790_000_000_000;
        for (hours, step) in [(0, 1), (100, 7), (500, 31), (2000, 3)] {
            let (from, to) = (
                start + hours * HOUR + step,
                start + (hours + 3 * step) * HOUR,
            );
            let middle = from + (to - from) / 3;
            let (whole, parts) = (
                week.gap(from, to),
                week.gap(from, middle) + week.gap(middle, to),
            );
            assert!((whole - parts).abs() < 1e-6);
            let back = week.when(from, whole).unwrap();
            assert!(back <= to + 1 && (week.gap(from, back) - whole).abs() < 1e-5);
        }
        assert_eq!(week.when(start, 1e6), None);
        assert_eq!(week.when(i64::MAX - 5, 1.0), None);
        assert!(week.gap(start, start - 1).abs() < 1e-12);
        // Monday 5 October 2026, 08:30 where clocks are two hours ahead.
        let monday = 1_791_181_800_000;
        assert!(
            (week.rate(monday) - 12.0).abs() < 1.3,
            "{}",
            week.rate(monday)
        );
    }
}
