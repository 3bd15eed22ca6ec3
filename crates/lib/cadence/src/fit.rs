//! Learning: from a history to a cadence, or to the reason why there is none yet.
//!
//! - **Rates** by hour of week, shrunk towards the same hour of all workdays or weekend days, then of
//!   all days, then the mean; older weeks count less.
//! - **Threshold** out of sample: each week is rescaled with rates that were learned from the *other*
//!   weeks, as a week to come will be. Fitted on its own past a threshold is too low: the prototype
//!   raised 2.5 times the false alarms that it promised.
//! - **Outages in the history** are found by how far they are beyond all the rest, and left out.

use crate::{
    HOUR,
    baseline::Baseline,
    folds::{Clock, Folds},
    history::{Gap, History},
    model::{Cadence, Wait},
    tail::{MOST_BEYOND, Tail},
    week::{HOURS, Week, hour_of_week},
};

/// Least ticks that can be learned from.
pub const LEAST_TICKS: u64 = 12;

/// Least days that can be learned from.
pub const LEAST_DAYS: u32 = 7;

/// Hours of the mean month.
pub const MONTH_HOURS: f64 = 730.5;

/// Longest silence that is worth an alarm of this kind, in days: beyond it a probe has to tell.
pub const MOST_DAYS_TO_ALARM: f64 = 14.0;

/// A source that rests for days and for more mean gaps than this comes and goes as it likes: one that
/// comes by chance alone would be told by then.
pub const MOST_GAPS_TO_ALARM: f64 = 15.0;

/// The days of [`MOST_GAPS_TO_ALARM`].
pub const IRREGULAR_DAYS_TO_ALARM: f64 = 3.0;

/// What comes at such gaps in the median and yet rests for weeks comes in bursts: it is irregular and not
/// rare, in milliseconds.
const BURST: i64 = 12 * HOUR;

/// An outage of the history is a gap this many times beyond what all the rest allow.
const OUTAGE: f64 = 1.5;

/// A tick as busy as this makes a source a peer, a day.
const PEER_TICKS_A_DAY: f64 = 8.0;

/// Least correlation of an office-shaped source with its site.
const PEER_CORRELATION: f64 = 0.6;

/// What is asked for when learning.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Options {
    /// Milliseconds that local time is ahead of UTC; whole hours count.
    pub offset: i64,
    /// False alarms a source and month.
    pub budget: f64,
    /// After how long a week counts half, in days.
    pub half_life_days: f64,
}

/// The false alarms a source and month that are allowed by default: one in fifty months.
pub const BUDGET: f64 = 0.02;

impl Default for Options {
    fn default() -> Self {
        Self {
            offset: 0,
            budget: BUDGET,
            half_life_days: 28.0,
        }
    }
}

/// Why a source cannot be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotYet {
    /// Too little happened.
    #[error("{ticks} ticks of at least {LEAST_TICKS}")]
    FewTicks {
        /// How many there were.
        ticks: u64,
    },
    /// It was watched too short.
    #[error("{days} days of at least {LEAST_DAYS}")]
    FewDays {
        /// How many there were.
        days: u32,
    },
    /// It comes and goes as it likes.
    #[error(
        "irregular: it may rest {days:.0} days, {gaps:.0} times its mean gap, without being broken"
    )]
    Irregular {
        /// The threshold that it would need, in mean gaps.
        gaps: f64,
        /// The same in days.
        days: f64,
    },
    /// It fell silent so often that silence is what it does.
    #[error("irregular: {outages} gaps in {days} days look like outages")]
    OftenOut {
        /// How many.
        outages: usize,
        /// In how many days.
        days: u32,
    },
    /// It comes so seldom that silence would be told too late to help.
    #[error(
        "too rare: silence would take {days:.0} days to tell, at most {MOST_DAYS_TO_ALARM}; give it a probe or a period"
    )]
    Rare {
        /// How long.
        days: f64,
    },
}

/// Learns one source. Office-shaped is a source that is at least twice as busy from 9 to 17 on
/// workdays as in the mean, with at least 8 ticks a day.
pub fn fit(history: &History, options: &Options) -> Result<Cadence, NotYet> {
    let crossed = Crossed::new(history, options)?;
    let mut cadence = crossed.cadence(history, options)?;
    cadence.office = is_by_day_shaped(&cadence);
    Ok(cadence)
}

/// Whether a source alone looks like one that follows people.
pub(crate) fn is_by_day_shaped(cadence: &Cadence) -> bool {
    cadence.ticks_a_day() >= PEER_TICKS_A_DAY && is_by_day(cadence.rates())
}

/// Learns the sources of one site. Office-shaped is a source with at least 8 ticks a day whose week
/// of lines correlates with the sum of
/// the others' (each in its own measure) beyond 0.6. Ticks would not do: of a source that ticks every
/// minute they say nothing.
pub fn fit_site(histories: &[History], options: &Options) -> Vec<Result<Cadence, NotYet>> {
    let mut all: Vec<Result<Cadence, NotYet>> = histories
        .iter()
        .map(|history| fit(history, options))
        .collect();
    let shapes: Vec<Option<[f64; HOURS]>> = all
        .iter()
        .zip(histories)
        .map(|(fitted, history)| {
            let busy = fitted
                .as_ref()
                .is_ok_and(|cadence| cadence.ticks_a_day() >= PEER_TICKS_A_DAY);
            busy.then(|| shape(history, options))
        })
        .collect();
    if shapes.iter().flatten().count() < 2 {
        return all; // alone, so by the workdays
    }
    let mut site = [0.0; HOURS];
    for shape in shapes.iter().flatten() {
        for (sum, share) in site.iter_mut().zip(shape) {
            *sum += share;
        }
    }
    for (fitted, shape) in all.iter_mut().zip(&shapes) {
        if let (Ok(cadence), Some(shape)) = (fitted, shape) {
            let mut others = site;
            for (sum, share) in others.iter_mut().zip(shape) {
                *sum -= share;
            }
            cadence.office = correlation(shape, &others) > PEER_CORRELATION;
        }
    }
    all
}

/// A history rescaled week by week with rates of the other weeks.
pub(crate) struct Crossed {
    folds: Folds,
    /// The rates of all weeks but one, for each.
    weeks: Vec<Week>,
    /// All gaps that may be learned from, longest first on their own clock.
    pub(crate) gaps: Vec<Rescaled>,
    /// Gaps that are outages: nothing is learned from them.
    pub(crate) outages: Vec<Rescaled>,
    months: f64,
    budget: f64,
    offset: i64,
}

/// A gap on the clock of the other weeks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rescaled {
    pub(crate) gap: Gap,
    pub(crate) length: f64,
    fold: usize,
}

impl Crossed {
    /// On the clock that tells soonest.
    pub(crate) fn new(history: &History, options: &Options) -> Result<Self, NotYet> {
        let first = Self::on(Clock::Week, history, options);
        let mut best = first.as_ref().ok().and_then(Self::mean_delay); // ok: because the others may do
        let mut chosen = first;
        for clock in [Clock::Smooth, Clock::Flat] {
            let other = Self::on(clock, history, options);
            let delay = other.as_ref().ok().and_then(Self::mean_delay); // ok: likewise
            if delay.is_some_and(|delay| best.is_none_or(|best| delay < best)) {
                (best, chosen) = (delay, other);
            }
        }
        chosen
    }

    /// How long an outage at any time of the history would last before it is told, in hours.
    fn mean_delay(&self) -> Option<f64> {
        let week = Week::new(&self.folds.rates(None), self.offset);
        let threshold = self.threshold(None)?;
        let (mut delay, mut whole) = (0.0, 0.0);
        for gap in self.gaps.iter().step_by(1 + self.gaps.len() / 500) {
            let length = (gap.gap.to - gap.gap.from) as f64 / HOUR as f64;
            let alarm = crate::model::told(&week, threshold, &Wait::since(gap.gap.from), 1.0)?;
            let wait = (alarm - gap.gap.from) as f64 / HOUR as f64;
            delay += wait * length - length * length / 2.0;
            whole += length;
        }
        Some(delay / whole)
    }

    fn on(clock: Clock, history: &History, options: &Options) -> Result<Self, NotYet> {
        let ticks = history.ticks();
        if ticks < LEAST_TICKS {
            return Err(NotYet::FewTicks { ticks });
        }
        let days = sound_days(history);
        if days < LEAST_DAYS {
            return Err(NotYet::FewDays { days });
        }
        let mut crossed = Self::without(clock, history, options, &[]);
        let most = 1 + days as usize / 30;
        let outages = crossed.find_outages(most);
        if outages.len() > most {
            return Err(NotYet::OftenOut {
                outages: outages.len(),
                days,
            });
        }
        if !outages.is_empty() {
            crossed = Self::without(clock, history, options, &outages);
            crossed.outages = outages;
        }
        Ok(crossed)
    }

    /// With the rates that are learned when `outages` are left out.
    fn without(clock: Clock, history: &History, options: &Options, outages: &[Rescaled]) -> Self {
        let folds = Folds::new(clock, history, options, outages);
        let weeks: Vec<Week> = (0..folds.rows.len())
            .map(|fold| Week::new(&folds.rates(Some(fold)), options.offset))
            .collect();
        let out = |gap: &Gap| outages.iter().any(|outage| outage.gap == *gap);
        let mut gaps: Vec<Rescaled> = history
            .gaps()
            .into_iter()
            .filter(|gap| !gap.wrong && !out(gap))
            .map(|gap| {
                let fold = folds.of(gap.from);
                let length = weeks
                    .get(fold)
                    .map_or(0.0, |week| week.gap(gap.from, gap.to));
                Rescaled { gap, length, fold }
            })
            .collect();
        gaps.sort_by(|a, b| b.length.total_cmp(&a.length));
        let months = folds.hours() / MONTH_HOURS;
        Self {
            folds,
            weeks,
            gaps,
            outages: Vec::new(),
            months,
            budget: options.budget,
            offset: options.offset,
        }
    }

    /// The gaps that are far beyond what the rest allow. From the inside out, so that two outages do
    /// not hide each other (Rosner's test of many outliers reads likewise); more than `most` are all
    /// given.
    fn find_outages(&self, most: usize) -> Vec<Rescaled> {
        let suspects = (most + 1).min(self.gaps.len() / 4);
        for suspects in (1..=suspects).rev() {
            let lengths: Vec<f64> = self
                .gaps
                .iter()
                .skip(suspects)
                .take(MOST_BEYOND + 1)
                .map(|gap| gap.length)
                .collect();
            let Some(tail) = Tail::new(&lengths, self.gaps.len() - suspects) else {
                return Vec::new();
            };
            let limit = OUTAGE * tail.threshold(crate::BUDGET * self.months);
            let beyond = self
                .gaps
                .iter()
                .take(suspects)
                .all(|gap| gap.length > limit);
            if beyond {
                return self.gaps.iter().take(suspects).copied().collect();
            }
        }
        Vec::new()
    }

    /// The threshold from the gaps of all weeks but one, or of all.
    fn threshold(&self, but: Option<usize>) -> Option<f64> {
        let (tail, share) = self.tail(but)?;
        Some(tail.threshold(self.budget * self.months * share))
    }

    /// The tail of the gaps of all weeks but one, or of all, and which share of the history it is.
    pub(crate) fn tail(&self, but: Option<usize>) -> Option<(Tail, f64)> {
        let lengths: Vec<f64> = self
            .gaps
            .iter()
            .filter(|gap| Some(gap.fold) != but)
            .take(MOST_BEYOND + 1)
            .map(|gap| gap.length)
            .collect();
        let all = match but {
            Some(but) => self.gaps.iter().filter(|gap| gap.fold != but).count(),
            None => self.gaps.len(),
        };
        let share = all as f64 / self.gaps.len().max(1) as f64;
        if all < 2 {
            return None;
        }
        Some((Tail::new(&lengths, all)?, share))
    }

    /// The cadence of all weeks.
    pub(crate) fn cadence(&self, history: &History, options: &Options) -> Result<Cadence, NotYet> {
        let week = Week::new(&self.folds.rates(None), options.offset);
        let days = sound_days(history);
        let ticks = history.ticks();
        let few = NotYet::FewTicks { ticks };
        let threshold = self.threshold(None).ok_or(few.clone())?;
        let due = self.gaps.get(self.gaps.len() / 2).ok_or(few)?.length;
        let to_alarm = threshold / week.total() * 7.0;
        let bursts = median(
            self.gaps
                .iter()
                .map(|gap| gap.gap.to - gap.gap.from)
                .collect(),
        ) < BURST;
        let rests = threshold > MOST_GAPS_TO_ALARM && to_alarm > IRREGULAR_DAYS_TO_ALARM;
        if rests || (bursts && to_alarm > MOST_DAYS_TO_ALARM) {
            return Err(NotYet::Irregular {
                gaps: threshold,
                days: to_alarm,
            });
        }
        if to_alarm > MOST_DAYS_TO_ALARM {
            return Err(NotYet::Rare { days: to_alarm });
        }
        let out: Vec<(i64, i64)> = self
            .outages
            .iter()
            .map(|out| (out.gap.from, out.gap.to))
            .collect();
        Ok(Cadence {
            week,
            threshold: short(threshold),
            due: short(due),
            ticks,
            days,
            budget: short(options.budget),
            office: false,
            baseline: Baseline::new(history, options.offset, &out),
        })
    }

    /// The cadences by which each week is judged: made of the others.
    pub(crate) fn judges(&self, whole: &Cadence) -> Vec<Option<Cadence>> {
        let judge = |(week, rates): (usize, &Week)| {
            Some(Cadence {
                week: rates.clone(),
                threshold: self.threshold(Some(week))?,
                ..whole.clone()
            })
        };
        self.weeks.iter().enumerate().map(judge).collect()
    }

    /// The place in [`Crossed::judges`] for a gap that begins at `at`.
    pub(crate) fn week_of(&self, at: i64) -> usize {
        self.folds.of(at)
    }
}

/// Lines in each hour of the week, in their mean.
fn shape(history: &History, options: &Options) -> [f64; HOURS] {
    let mut lines = [0.0; HOURS];
    for hour in history.hours().iter().filter(|hour| !hour.wrong) {
        if let Some(sum) = lines.get_mut(hour_of_week(hour.start, options.offset)) {
            *sum += f64::from(hour.lines);
        }
    }
    let mean = lines.iter().sum::<f64>() / HOURS as f64;
    lines.map(|sum| if mean > 0.0 { sum / mean } else { 0.0 })
}

/// Days of hours in which nothing was wrong.
fn sound_days(history: &History) -> u32 {
    let wrong = history.hours().iter().filter(|hour| hour.wrong).count() as i64;
    let hours = (history.until() - history.from()) / HOUR - wrong;
    u32::try_from(hours.max(0) / 24).unwrap_or(u32::MAX)
}

fn is_by_day(rates: &[f64; HOURS]) -> bool {
    let mean = rates.iter().sum::<f64>() / HOURS as f64;
    let by_day = |cell: usize| cell < 120 && (9..17).contains(&(cell % 24));
    let day = rates.iter().enumerate().filter(|(cell, _)| by_day(*cell));
    day.map(|(_, rate)| rate).sum::<f64>() / 40.0 >= 2.0 * mean
}

fn median(mut gaps: Vec<i64>) -> i64 {
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or(i64::MAX)
}

fn correlation(a: &[f64; HOURS], b: &[f64; HOURS]) -> f64 {
    let mean = |x: &[f64; HOURS]| x.iter().sum::<f64>() / HOURS as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        of_a += (a - mean_a).powi(2);
        of_b += (b - mean_b).powi(2);
    }
    let size = (of_a * of_b).sqrt();
    if size > 0.0 { both / size } else { 0.0 }
}

/// Four significant digits, so that the line stays short and says exactly what is judged with.
pub(crate) fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
