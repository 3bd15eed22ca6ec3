//! What is kept of a source's past: one row an hour, and which hours nobody may learn from.
//!
//! Learning an outage as the new normal is the commonest way to make a silence alarm useless, so an
//! hour in which something was wrong is left out, and so is every gap that touches it.

use crate::{HOUR, MINUTE};

/// Most hours that are looked at: two years. Older ones are left out, and [`History::left_out`] says
/// how many.
pub const MAX_HOURS: usize = 2 * 366 * 24;

/// Times beyond three million years are taken for that: sums of them must not overflow.
const FURTHEST: i64 = 100_000_000_000_000_000;

/// The 60 minutes of an hour.
const MINUTES: u64 = (1 << 60) - 1;

/// One hour of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hour {
    /// When it began, in milliseconds since 1970; rounded down to the hour.
    pub start: i64,
    /// A bit for each minute in which something arrived, the lowest for the first.
    pub minutes: u64,
    /// Lines that arrived.
    pub lines: u32,
    /// Lines among them that tell of an error.
    pub errors: u32,
    /// Lines among them whose form could not be read.
    pub unparsed: u32,
    /// Distinct shapes of line among them; 0 where nobody counted.
    pub shapes: u32,
    /// Whether something was wrong in this hour: nothing is learned from it.
    pub wrong: bool,
}

/// The past of one source, in order, between two times in which it was watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    hours: Vec<Hour>,
    from: i64,
    until: i64,
    left_out: usize,
}

/// Merges arrivals: a tick is a minute in which something arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ticks {
    last: Option<i64>,
}

impl Ticks {
    /// Hears an arrival, and says whether it begins a new tick. One from the past begins none.
    pub fn hear(&mut self, at: i64) -> bool {
        let minute = at.div_euclid(MINUTE);
        let new = self.last.is_none_or(|last| minute > last);
        if new {
            self.last = Some(minute);
        }
        new
    }
}

impl History {
    /// From hour rows in any order, seen until `until`. An hour without a row was quiet; the watch
    /// began with the first row. Rows of the same hour are added up, rows from `until` on left out.
    pub fn new(rows: impl IntoIterator<Item = Hour>, until: i64) -> Self {
        let mut rows: Vec<Hour> = rows.into_iter().collect();
        let until = until.clamp(-FURTHEST, FURTHEST);
        let all = rows.len();
        for row in &mut rows {
            row.start = row.start.clamp(-FURTHEST, FURTHEST).div_euclid(HOUR) * HOUR;
            row.minutes &= MINUTES;
        }
        rows.retain(|row| row.start < until);
        rows.sort_by_key(|row| row.start);
        let late = all - rows.len();
        rows.dedup_by(|row, kept| {
            let same = row.start == kept.start;
            if same {
                kept.add(row);
            }
            same
        });
        let surplus = rows.len().saturating_sub(MAX_HOURS);
        let earliest = until.saturating_sub(HOUR.saturating_mul(MAX_HOURS as i64));
        let hours: Vec<Hour> = rows
            .iter()
            .skip(surplus)
            .filter(|row| row.start >= earliest)
            .copied()
            .collect();
        let left_out = late + rows.len() - hours.len();
        let from = hours.first().map_or(until, |hour| hour.start);
        Self {
            hours,
            from,
            until,
            left_out,
        }
    }

    /// From single arrivals in any order, seen until the last of them.
    pub fn from_arrivals(arrivals: impl IntoIterator<Item = i64>) -> Self {
        let mut gather = Gather::default();
        for at in arrivals {
            gather.add(at, 1);
        }
        gather.into_history(None)
    }

    /// The rows, oldest first.
    pub fn hours(&self) -> &[Hour] {
        &self.hours
    }

    /// When watching began: the first row.
    pub const fn from(&self) -> i64 {
        self.from
    }

    /// When watching ended.
    pub const fn until(&self) -> i64 {
        self.until
    }

    /// Rows that were left out, because they were after the end or more than [`MAX_HOURS`] before it.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// How many ticks there are in hours that may be learned from.
    pub fn ticks(&self) -> u64 {
        let sound = self.hours.iter().filter(|hour| !hour.wrong);
        sound.map(|hour| u64::from(hour.minutes.count_ones())).sum()
    }

    /// The last minute in which something arrived.
    pub fn last_tick(&self) -> Option<i64> {
        let hour = self.hours.iter().rev().find(|hour| hour.minutes != 0)?;
        let minute = 63 - i64::from(hour.minutes.leading_zeros());
        Some(hour.start + minute * MINUTE)
    }

    /// Every gap from one tick to the next, with whether something was wrong within it.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let (mut gaps, mut last, mut wrong) = (Vec::new(), None, false);
        for hour in &self.hours {
            wrong |= hour.wrong;
            let mut minutes = hour.minutes;
            while minutes != 0 {
                let at = hour.start + i64::from(minutes.trailing_zeros()) * MINUTE;
                minutes &= minutes - 1;
                if let Some(from) = last {
                    gaps.push(Gap {
                        from,
                        to: at,
                        wrong,
                    });
                }
                (last, wrong) = (Some(at), hour.wrong);
            }
        }
        gaps
    }
}

/// From one tick to the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Gap {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) wrong: bool,
}

impl Hour {
    /// Marks the minute of `at`, which must be in this hour.
    fn mark(&mut self, at: i64, lines: u32) {
        self.minutes |= 1 << (at - self.start).div_euclid(MINUTE).clamp(0, 59);
        self.lines = self.lines.saturating_add(lines);
    }

    fn add(&mut self, other: &Self) {
        self.minutes |= other.minutes;
        self.lines = self.lines.saturating_add(other.lines);
        self.errors = self.errors.saturating_add(other.errors);
        self.unparsed = self.unparsed.saturating_add(other.unparsed);
        self.shapes = self.shapes.max(other.shapes);
        self.wrong |= other.wrong;
    }
}

/// Gathers arrivals into hour rows, in memory that grows with hours and not with lines.
#[derive(Clone, Debug, Default)]
pub struct Gather {
    hours: std::collections::BTreeMap<i64, Hour>,
    last: Option<i64>,
}

impl Gather {
    /// `lines` lines arrived at `at`. Beyond `i64`'s hours nothing is kept.
    pub fn add(&mut self, at: i64, lines: u32) {
        self.row(at).mark(at, lines);
        self.last = self.last.max(Some(at));
    }

    /// The row of the hour of `at`, to count errors and shapes in.
    pub fn row(&mut self, at: i64) -> &mut Hour {
        let start = at.div_euclid(HOUR).saturating_mul(HOUR);
        self.hours.entry(start).or_insert(Hour {
            start,
            ..Hour::default()
        })
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.hours.len()
    }

    /// Whether nothing arrived.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// The history, watched until `until` or just after its last arrival.
    pub fn into_history(self, until: Option<i64>) -> History {
        let end = self.last.map_or(0, |last| last.saturating_add(1));
        History::new(self.hours.into_values(), until.unwrap_or(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_within_a_minute_are_one_tick() {
        let mut ticks = Ticks::default();
        let heard = [0, 59_999, 60_000, 30_000, 180_001].map(|at| ticks.hear(at));
        assert_eq!(heard, [true, false, true, false, true]);
        let history = History::from_arrivals([180_001, 0, 59_999, 60_000, HOUR]);
        assert_eq!(history.ticks(), 4);
        assert_eq!(history.last_tick(), Some(HOUR));
        let gaps: Vec<i64> = history.gaps().iter().map(|gap| gap.to - gap.from).collect();
        assert_eq!(gaps, [MINUTE, 2 * MINUTE, 57 * MINUTE]);
    }

    #[test]
    fn a_gap_that_touches_a_wrong_hour_says_so() {
        let row = |hour: i64, minutes, wrong| Hour {
            start: hour * HOUR,
            minutes,
            wrong,
            ..Hour::default()
        };
        let rows = [
            row(5, 1, false),
            row(3, 0, true),
            row(1, 1, false),
            row(6, 1, false),
        ];
        let history = History::new(rows, 7 * HOUR);
        let wrong: Vec<bool> = history.gaps().iter().map(|gap| gap.wrong).collect();
        assert_eq!(wrong, [true, false]);
        assert_eq!(History::new(rows, 6 * HOUR).left_out(), 1);
    }
}
