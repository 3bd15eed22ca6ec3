//! What a healthy hour looks like: lines by hour of day, how much they scatter, usual shares of errors
//! and of lines that cannot be read, and the variety of lines.
//!
//! Only what was learned is judged: without lines there is no baseline, and a figure that swings too
//! much while all is well has no limit and is never judged.

use crate::{Band, HOUR, Heard, History, Hour, fit::short, sickness, week::hour_of_week};

/// Workday or weekend, and hour of day.
pub(crate) const CLASSES: usize = 48;

/// Hours with lines below which nothing is learned.
const LEAST_HOURS: usize = 24;

/// False alarms a source, month and sign that the limits allow.
pub const SICKNESS_BUDGET: f64 = 0.02;

/// A figure whose sum went this many times beyond its limit in health has no limit.
const MOST_SWING: f64 = 4.0;

/// The lines an hour that one character can say: `.` is none, `0` a hundredth, `z` ten million.
const LEVELS: &[u8; 63] = b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LEAST_LINES: f64 = 0.01;
const MOST_LINES: f64 = 1e7;

/// The least dispersion, and the most, that is believed.
const SPREAD: (f64, f64) = (0.1, 1000.0);

/// What a healthy hour looks like.
#[derive(Clone, PartialEq, Debug)]
pub struct Baseline {
    pub(crate) levels: [u8; CLASSES],
    /// Size of the negative binomial law of an hour's lines: small scatters much.
    pub(crate) spread: f64,
    /// Limit of the sum for fewer lines; none if it cannot be judged.
    pub(crate) fewer: Option<f64>,
    pub(crate) errors: Option<Share>,
    pub(crate) unread: Option<Share>,
    pub(crate) shapes: Option<Shapes>,
}

/// A usual share of an hour's lines.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Share {
    pub(crate) usual: f64,
    /// Weight of the beta law behind it: small scatters much.
    pub(crate) weight: f64,
    /// Limit of the sum.
    pub(crate) limit: f64,
}

/// The usual variety of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shapes {
    /// One hour in a hundred has fewer.
    pub(crate) least: u32,
    /// Hours with fewer lines are not judged.
    pub(crate) lines: u32,
}

impl Baseline {
    /// From the hours in which nothing was wrong and which are not within `outages`.
    pub(crate) fn new(history: &History, offset: i64, outages: &[(i64, i64)]) -> Option<Self> {
        let hours = sound_hours(history, outages);
        if hours.iter().filter(|hour| hour.lines > 0).count() < LEAST_HOURS {
            return None;
        }
        let levels = profile(&hours, offset);
        let mut new = Self {
            levels,
            spread: 1.0,
            fewer: None,
            errors: None,
            unread: None,
            shapes: shapes(&hours),
        };
        new.spread = short(new.spread_of(&hours, offset));
        let limit = sickness::limit();
        new.fewer = swing(hours.iter().map(|hour| {
            let mean = new.mean(hour.start, offset);
            sickness::fewer_step(mean, new.spread, f64::from(hour.lines), limit)
        }));
        new.errors = share(&hours, |hour| hour.errors);
        new.unread = share(&hours, |hour| hour.unparsed);
        Some(new)
    }

    /// Lines that the hour of `at` has in the mean.
    pub(crate) fn mean(&self, at: i64, offset: i64) -> f64 {
        let level = self.levels.get(class_of(at, offset)).copied();
        lines_of(level.unwrap_or(0))
    }

    /// Lines that are expected from `from` to `to`, at most a week.
    pub(crate) fn expected(&self, from: i64, to: i64, offset: i64) -> f64 {
        let (mut lines, mut at) = (0.0, from);
        for _ in 0..=168 {
            if at >= to {
                break;
            }
            let next = at
                .div_euclid(HOUR)
                .saturating_add(1)
                .saturating_mul(HOUR)
                .min(to);
            lines += self.mean(at, offset) * next.saturating_sub(at) as f64 / HOUR as f64;
            at = next;
        }
        lines
    }

    pub(crate) fn band(&self, at: i64, offset: i64) -> Band {
        const ONE_IN_TWENTY: f64 = 1.645;
        let mean = self.mean(at, offset);
        // The square root of a count scatters evenly (Anscombe 1948), which keeps the low end above 0.
        let deviation = (mean + mean * mean / self.spread).sqrt();
        let root = (mean + 0.375).sqrt();
        let half = ONE_IN_TWENTY * deviation / (2.0 * root);
        let square = |root: f64| (root.max(0.0).powi(2) - 0.375).max(0.0);
        Band {
            low: square(root - half),
            mean,
            high: square(root + half),
        }
    }

    fn spread_of(&self, hours: &[Hour], offset: i64) -> f64 {
        let (mut squares, mut surplus) = (0.0, 0.0);
        for hour in hours {
            let mean = self.mean(hour.start, offset);
            squares += mean * mean;
            surplus += (f64::from(hour.lines) - mean).powi(2) - mean;
        }
        (squares / surplus.max(1e-9)).clamp(SPREAD.0, SPREAD.1)
    }

    /// The characters of the 48 classes.
    pub(crate) fn text(&self) -> String {
        let char_of = |level: &u8| {
            LEVELS
                .get(usize::from(*level))
                .map_or('.', |byte| char::from(*byte))
        };
        self.levels.iter().map(char_of).collect()
    }

    /// The classes that `text` writes down.
    pub(crate) fn parse_levels(text: &str) -> Option<[u8; CLASSES]> {
        let mut levels = [0; CLASSES];
        if text.len() != CLASSES {
            return None;
        }
        for (level, byte) in levels.iter_mut().zip(text.bytes()) {
            let found = LEVELS.iter().position(|level| *level == byte)?;
            *level = u8::try_from(found).ok()?; // ok: because there are 63
        }
        Some(levels)
    }
}

/// Every hour from the first to the last whole one, but those that nobody may learn from.
pub(crate) fn sound_hours(history: &History, outages: &[(i64, i64)]) -> Vec<Hour> {
    let mut rows = history.hours().iter().peekable();
    let mut hours = Vec::new();
    let mut start = history.from();
    while start + HOUR <= history.until() {
        let row = rows.next_if(|row| row.start == start).copied();
        let row = row.unwrap_or(Hour {
            start,
            ..Hour::default()
        });
        let out = outages
            .iter()
            .any(|(from, to)| start < *to && start + HOUR > *from);
        if !row.wrong && !out {
            hours.push(row);
        }
        start += HOUR;
    }
    hours
}

fn class_of(at: i64, offset: i64) -> usize {
    let cell = hour_of_week(at, offset);
    cell % 24 + if cell >= 120 { 24 } else { 0 }
}

/// The mean of each class, in which no hour counts more than the 95 % quantile: one burst is no habit.
fn profile(hours: &[Hour], offset: i64) -> [u8; CLASSES] {
    let mut classes: [Vec<u32>; CLASSES] = std::array::from_fn(|_| Vec::new());
    for hour in hours {
        if let Some(class) = classes.get_mut(class_of(hour.start, offset)) {
            class.push(hour.lines);
        }
    }
    let all =
        hours.iter().map(|hour| f64::from(hour.lines)).sum::<f64>() / hours.len().max(1) as f64;
    classes.map(|mut lines| {
        lines.sort_unstable();
        let top = lines.get(lines.len() * 19 / 20).copied().unwrap_or(0);
        let sum: f64 = lines.iter().map(|lines| f64::from(*lines.min(&top))).sum();
        // Half an hour of the overall mean stands behind each class.
        level_of((sum + 0.5 * all) / (lines.len() as f64 + 0.5))
    })
}

/// A share below this is not told from none: a handful of errors in months is no habit to judge by.
const LEAST_SHARE: f64 = 0.002;

fn share(hours: &[Hour], of: impl Fn(&Hour) -> u32) -> Option<Share> {
    const WEIGHT: (f64, f64) = (2.0, 300.0);
    let counts = |hour: &Hour| (f64::from(of(hour).min(hour.lines)), f64::from(hour.lines));
    let heard: Vec<(f64, f64)> = hours
        .iter()
        .filter(|hour| hour.lines > 0)
        .map(counts)
        .collect();
    let (some, all) = heard
        .iter()
        .fold((0.0, 0.0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    let usual = short(((some + 0.5) / (all + 1.0)).max(LEAST_SHARE));
    // Moments of the beta-binomial law: its variance is n p q (1 + (n - 1) / (weight + 1)).
    let (mut plain, mut extra, mut seen) = (0.0, 0.0, 0.0);
    for (count, of) in &heard {
        let variance = of * usual * (1.0 - usual);
        plain += variance;
        extra += variance * (of - 1.0);
        seen += (count - of * usual).powi(2);
    }
    let weight = (extra / (seen - plain).max(1e-9) - 1.0).clamp(WEIGHT.0, WEIGHT.1);
    let share = Share {
        usual,
        weight: short(weight),
        limit: sickness::limit(),
    };
    let steps = heard
        .iter()
        .map(|(count, of)| sickness::share_step(&share, *count, *of));
    let limit = swing(steps)?;
    Some(Share { limit, ..share })
}

/// The limit of a sum that goes by `steps` in health; none if it swings too much.
fn swing(steps: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut most) = (0.0_f64, 0.0_f64);
    for step in steps {
        sum = (sum + step).max(0.0);
        most = most.max(sum);
    }
    let limit = sickness::limit();
    let needed = limit.max(1.1 * most);
    (needed <= MOST_SWING * limit).then(|| short(needed))
}

fn shapes(hours: &[Hour]) -> Option<Shapes> {
    let mut lines: Vec<u32> = hours
        .iter()
        .map(|hour| hour.lines)
        .filter(|lines| *lines > 0)
        .collect();
    lines.sort_unstable();
    let median = lines.get(lines.len() / 2).copied()?;
    let full = hours
        .iter()
        .filter(|hour| hour.lines >= median && hour.shapes > 0);
    let mut shapes: Vec<u32> = full.map(|hour| hour.shapes).collect();
    shapes.sort_unstable();
    let least = *shapes.get(shapes.len() / 100)?;
    (shapes.len() >= LEAST_HOURS && least > 1).then_some(Shapes {
        least,
        lines: median,
    })
}

fn lines_of(level: u8) -> f64 {
    if level == 0 {
        return 0.0;
    }
    let share = f64::from(level - 1) / (LEVELS.len() - 2) as f64;
    LEAST_LINES * (MOST_LINES / LEAST_LINES).powf(share)
}

fn level_of(lines: f64) -> u8 {
    if lines.is_nan() || lines < LEAST_LINES / 2.0 {
        return 0;
    }
    let share = (lines / LEAST_LINES).ln() / (MOST_LINES / LEAST_LINES).ln();
    let levels = (LEVELS.len() - 2) as f64;
    1 + (share * levels).round().clamp(0.0, levels) as u8
}

impl From<&Hour> for Heard {
    fn from(hour: &Hour) -> Self {
        Self {
            at: hour.start,
            lines: hour.lines,
            errors: hour.errors,
            unparsed: hour.unparsed,
            shapes: hour.shapes,
            skew: None,
            pace: 1.0,
        }
    }
}
