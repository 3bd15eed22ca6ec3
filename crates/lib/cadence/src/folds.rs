//! The rates of each week's hours, and those of all weeks but one.
//!
//! Rates are learned by hour of week and pulled towards their like: the same hour of all workdays or
//! weekend days, that hour of all days, the mean. Older weeks count less. To judge a week by what the
//! others teach, each week is kept apart until it is asked for.

use crate::{
    HOUR, Options, WEEK,
    fit::Rescaled,
    history::History,
    week::{HOURS, hour_of_week},
};

/// Pseudo-exposure of the steps of the shrinkage, in hours.
const SHRINK_HOURS: f64 = 3.0;

/// The same where weekends part from workdays: they are so different that little of one may leak into
/// the other, or the weekend of a source that rests then would be its longest gap by far.
const SHRINK_WEEKEND_HOURS: f64 = 0.25;

/// How fine the rates are. A job that runs every six hours give or take twenty minutes is regular by the
/// wall clock, and on a clock of hours of the week it is not: half of its runs fall into the hour beside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// Each hour of the week by itself.
    Week,
    /// Each hour with a quarter of those beside it.
    Smooth,
    /// The wall clock.
    Flat,
}

impl Clock {
    fn smooth(self, rates: &[f64; HOURS]) -> [f64; HOURS] {
        let at = |cell: usize| rates.get(cell % HOURS).copied().unwrap_or(0.0);
        match self {
            Self::Week => *rates,
            Self::Smooth => std::array::from_fn(|cell| {
                0.5 * at(cell) + 0.25 * (at(cell + 1) + at(cell + HOURS - 1))
            }),
            Self::Flat => [rates.iter().sum::<f64>() / HOURS as f64; HOURS],
        }
    }
}

/// Ticks and watched hours of each hour of week, week by week.
pub(crate) struct Folds {
    clock: Clock,
    from: i64,
    length: i64,
    pub(crate) rows: Vec<Fold>,
}

#[derive(Clone)]
pub(crate) struct Fold {
    /// How much it counts.
    weight: f64,
    ticks: [f64; HOURS],
    hours: [f64; HOURS],
}

impl Folds {
    pub(crate) fn new(
        clock: Clock,
        history: &History,
        options: &Options,
        outages: &[Rescaled],
    ) -> Self {
        let (from, until) = (history.from(), history.until());
        let span = until - from;
        // Under three weeks a third each: the rest must be enough to learn from.
        let length = if span >= 3 * WEEK { WEEK } else { span / 3 + 1 };
        let count = usize::try_from(span / length + 1).unwrap_or(1);
        let weight = |fold: usize| {
            let age = (until - from - length * fold as i64) as f64 / (24 * HOUR) as f64;
            0.5_f64.powf(age / options.half_life_days)
        };
        let mut rows: Vec<Fold> = (0..count)
            .map(|fold| Fold {
                weight: weight(fold),
                ticks: [0.0; HOURS],
                hours: [0.0; HOURS],
            })
            .collect();
        let mut kept = history.hours().iter().peekable();
        let mut start = from;
        while start < until {
            let row = kept.next_if(|row| row.start == start);
            let end = (start + HOUR).min(until);
            let out: i64 = outages
                .iter()
                .map(|outage| (outage.gap.to.min(end) - outage.gap.from.max(start)).max(0))
                .sum();
            let watched = (end - start - out).max(0) as f64 / HOUR as f64;
            let place = usize::try_from((start - from) / length).unwrap_or(0);
            let cell = hour_of_week(start, options.offset);
            if let (false, Some(fold)) = (row.is_some_and(|row| row.wrong), rows.get_mut(place))
                && let (Some(ticks), Some(hours)) =
                    (fold.ticks.get_mut(cell), fold.hours.get_mut(cell))
            {
                *hours += watched;
                *ticks += row.map_or(0.0, |row| f64::from(row.minutes.count_ones()));
            }
            start += HOUR;
        }
        Self {
            clock,
            from,
            length,
            rows,
        }
    }

    pub(crate) fn of(&self, at: i64) -> usize {
        let place = (at - self.from).div_euclid(self.length);
        usize::try_from(place)
            .unwrap_or(0)
            .min(self.rows.len().saturating_sub(1))
    }

    pub(crate) fn hours(&self) -> f64 {
        self.rows.iter().flat_map(|fold| fold.hours).sum()
    }

    /// The shrunk rates of all weeks but one.
    pub(crate) fn rates(&self, but: Option<usize>) -> [f64; HOURS] {
        let (mut ticks, mut hours) = ([0.0; HOURS], [0.0; HOURS]);
        for (place, fold) in self.rows.iter().enumerate() {
            if Some(place) == but {
                continue;
            }
            for cell in 0..HOURS {
                let at = |table: &[f64; HOURS]| table.get(cell).copied().unwrap_or(0.0);
                if let (Some(sum), Some(time)) = (ticks.get_mut(cell), hours.get_mut(cell)) {
                    *sum += at(&fold.ticks) * fold.weight;
                    *time += at(&fold.hours) * fold.weight;
                }
            }
        }
        self.clock.smooth(&shrink(&ticks, &hours))
    }
}

/// Each cell pulled towards its like: hour of week, (workday or weekend, hour), hour, mean.
fn shrink(ticks: &[f64; HOURS], hours: &[f64; HOURS]) -> [f64; HOURS] {
    let is_weekend = |cell: usize| cell >= 5 * 24;
    let sum = |of: &dyn Fn(usize) -> bool| {
        let cells = ticks.iter().zip(hours).enumerate();
        cells
            .filter(|(cell, _)| of(*cell))
            .fold((0.0, 0.0), |(t, h), (_, (ticks, hours))| {
                (t + ticks, h + hours)
            })
    };
    let pulled =
        |(ticks, hours): (f64, f64), prior: f64, by: f64| (ticks + by * prior) / (hours + by);
    let towards = |sums: (f64, f64), prior: f64| pulled(sums, prior, SHRINK_HOURS);
    let (all_ticks, all_hours) = sum(&|_| true);
    let mean = all_ticks / all_hours.max(1.0);
    let hourly: Vec<f64> = (0..24)
        .map(|hour| towards(sum(&|cell| cell % 24 == hour), mean))
        .collect();
    let classed: Vec<f64> = (0..48)
        .map(|class| {
            let (weekend, hour) = (class >= 24, class % 24);
            let like = sum(&|cell| cell % 24 == hour && is_weekend(cell) == weekend);
            let prior = hourly.get(hour).copied().unwrap_or(mean);
            pulled(like, prior, SHRINK_WEEKEND_HOURS)
        })
        .collect();
    let mut rates = [0.0; HOURS];
    for (cell, rate) in rates.iter_mut().enumerate() {
        let class = cell % 24 + if is_weekend(cell) { 24 } else { 0 };
        let own = (
            ticks.get(cell).copied().unwrap_or(0.0),
            hours.get(cell).copied().unwrap_or(0.0),
        );
        *rate = towards(own, classed.get(class).copied().unwrap_or(mean));
    }
    rates
}
