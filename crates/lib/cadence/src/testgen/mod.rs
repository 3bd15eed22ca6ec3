//! Synthetic sites, from fixed seeds, and what judging them comes to. For tests and measurements only.
//!
//! Twelve sites of thirteen sources: office hours with overdispersed counts, jobs by the clock, jobs
//! with jitter, sources that write at any hour. 60 days to learn, 30 to judge with three holidays that
//! were never seen, 40 outages a source.

mod random;
mod trial;

pub use random::Random;
pub use trial::{Curve, Judged, Method, Site, Tally};

use crate::{HOUR, MINUTE, WEEK};

/// Monday 6 July 2026, 00:00 UTC.
pub const START: i64 = 1_783_296_000_000;
/// One day.
pub const DAY: i64 = 24 * HOUR;
/// Days to learn from.
pub const TRAIN_DAYS: i64 = 60;
/// Days that are judged.
pub const TEST_DAYS: i64 = 30;
/// Days after these, in which an outage goes on.
pub const AFTER_DAYS: i64 = 15;
/// How much is left of office work on a holiday.
const HOLIDAY: f64 = 0.05;

/// What a holiday takes from a source that follows people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holiday {
    /// What people do: machines go on.
    People,
    /// Everything, from midnight to midnight.
    Everything,
}

/// How a source behaves.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Follows people: events a day, share that goes on at night.
    Office { a_day: f64, night: f64 },
    /// At any hour: events a day.
    Always { a_day: f64 },
    /// By the clock: every so many hours at a minute, with jitter of so many minutes.
    Clock { every: i64, at: i64, jitter: f64 },
    /// Each workday evening, when the work is done: a log-normal time after.
    Backup { at: i64, spread: f64 },
}

const SOURCES: [(&str, Kind); 13] = [
    (
        "domain controller",
        Kind::Office {
            a_day: 20_000.0,
            night: 0.05,
        },
    ),
    (
        "firewall",
        Kind::Office {
            a_day: 9_000.0,
            night: 0.3,
        },
    ),
    (
        "mail server",
        Kind::Office {
            a_day: 2_000.0,
            night: 0.03,
        },
    ),
    (
        "scanner verdicts",
        Kind::Office {
            a_day: 1_500.0,
            night: 0.03,
        },
    ),
    (
        "file audit",
        Kind::Office {
            a_day: 200.0,
            night: 0.01,
        },
    ),
    (
        "small mail server",
        Kind::Office {
            a_day: 60.0,
            night: 0.02,
        },
    ),
    (
        "cron.hourly",
        Kind::Clock {
            every: 1,
            at: 17,
            jitter: 0.3,
        },
    ),
    (
        "cron.daily",
        Kind::Clock {
            every: 24,
            at: 385,
            jitter: 0.5,
        },
    ),
    (
        "update sync",
        Kind::Clock {
            every: 24,
            at: 182,
            jitter: 6.0,
        },
    ),
    (
        "definitions",
        Kind::Clock {
            every: 6,
            at: 40,
            jitter: 15.0,
        },
    ),
    (
        "backup",
        Kind::Backup {
            at: 22 * 60,
            spread: 0.7,
        },
    ),
    ("antivirus client", Kind::Always { a_day: 6.0 }),
    ("sparse", Kind::Always { a_day: 1.0 }),
];

/// The arrivals of one source, by minute, in order.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is.
    pub name: &'static str,
    /// The minutes in which something arrived.
    pub ticks: Vec<i64>,
    /// How much arrived in each of them.
    pub lines: Vec<u32>,
}

/// The site of `seed`: its sources over all days, and its holidays among the days that are judged.
pub fn site(seed: u64, kind: Holiday) -> (Vec<Source>, Vec<i64>) {
    let mut random = Random::new(seed);
    let mut holidays = Vec::new();
    while holidays.len() < 3 {
        let day = START + (TRAIN_DAYS + random.below(TEST_DAYS as u64) as i64) * DAY;
        let workday = (day - START).rem_euclid(WEEK) / DAY < 5;
        if workday && !holidays.contains(&day) {
            holidays.push(day);
        }
    }
    let opens = 7.0 + 2.0 * random.unit();
    let hours = Hours {
        opens,
        closes: opens + 8.5 + 2.0 * random.unit(),
        weekend: 0.02 + 0.1 * random.unit(),
    };
    let sources = SOURCES
        .iter()
        .map(|(name, source)| {
            let mut own = Random::new(random.next());
            series(name, arrivals(*source, &hours, (&holidays, kind), &mut own))
        })
        .collect();
    (sources, holidays)
}

/// When people of a site work.
struct Hours {
    opens: f64,
    closes: f64,
    weekend: f64,
}

impl Hours {
    /// How busy they are, relative to a full hour.
    fn busy(&self, day: i64, hour: f64) -> f64 {
        let middle = hour + 0.5;
        let ramp = |x: f64| x.clamp(0.0, 1.0);
        let at_work = ramp(middle - self.opens) * ramp(self.closes - middle);
        let lunch = if (12.0..13.0).contains(&middle) {
            0.6
        } else {
            1.0
        };
        let weekend = if day % 7 >= 5 { self.weekend } else { 1.0 };
        at_work * lunch * weekend
    }
}

fn arrivals(
    kind: Kind,
    hours: &Hours,
    (holidays, taken): (&[i64], Holiday),
    random: &mut Random,
) -> Vec<i64> {
    let days = TRAIN_DAYS + TEST_DAYS + AFTER_DAYS;
    let mut ticks = Vec::new();
    let size = 0.7 + 0.6 * random.unit();
    for day in 0..days {
        let start = START + day * DAY;
        let holiday = holidays.contains(&start);
        match kind {
            Kind::Office { a_day, night } => {
                let mood = random.gamma(30.0) / 30.0;
                for hour in 0..24 {
                    let people = hours.busy(day, f64::from(hour));
                    let share = match (holiday, taken) {
                        (false, _) => people + night,
                        (true, Holiday::People) => people * HOLIDAY + night,
                        (true, Holiday::Everything) => (people + night) * HOLIDAY,
                    };
                    let mean = size * a_day / 9.0 * share * mood * random.gamma(5.0) / 5.0;
                    scatter(start + i64::from(hour) * HOUR, mean, random, &mut ticks);
                }
            }
            Kind::Always { a_day } => {
                for hour in 0..24 {
                    scatter(start + hour * HOUR, size * a_day / 24.0, random, &mut ticks);
                }
            }
            Kind::Clock { every, at, jitter } => {
                for hour in (0..24).step_by(usize::try_from(every).unwrap_or(1)) {
                    let late = at as f64 + jitter * random.normal();
                    ticks.push(start + hour * HOUR + late.round() as i64 * MINUTE);
                }
            }
            Kind::Backup { at, spread } => {
                if (day % 7) < 5 {
                    let took = 40.0 * (spread * random.normal()).exp();
                    ticks.push(start + (at + took.min(420.0) as i64) * MINUTE);
                }
            }
        }
    }
    ticks
}

/// A Poisson number of arrivals anywhere in the hour from `start`, by minute.
fn scatter(start: i64, mean: f64, random: &mut Random, ticks: &mut Vec<i64>) {
    for _ in 0..random.poisson(mean) {
        ticks.push(start + random.below(60) as i64 * MINUTE);
    }
}

/// A recorded series as a source, for series that others recorded.
pub fn series(name: &'static str, mut ticks: Vec<i64>) -> Source {
    ticks.sort_unstable();
    let (mut minutes, mut lines) = (Vec::new(), Vec::new());
    for tick in ticks {
        let minute = tick.div_euclid(MINUTE) * MINUTE;
        if minutes.last() != Some(&minute) {
            minutes.push(minute);
            lines.push(0);
        }
        if let Some(count) = lines.last_mut() {
            *count += 1;
        }
    }
    Source {
        name,
        ticks: minutes,
        lines,
    }
}
