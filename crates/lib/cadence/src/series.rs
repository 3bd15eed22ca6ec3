//! Judging a whole recorded series: what a console would have said while it was written.
//!
//! Each week is judged by what the *other* weeks teach, so nothing is excused by itself; and an outage
//! is left out of learning, so none excuses the next.

use crate::{
    Cadence, HOUR, Heard, History, NotYet, Options, Sickness, Sign,
    baseline::{Baseline, sound_hours},
    fit::{Crossed, is_by_day_shaped},
};

/// Parts of a series for sickness: each is judged by what the others teach.
const PARTS: usize = 8;

/// What a recorded series came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What was learned of all of it, or why nothing was.
    pub cadence: Result<Cadence, NotYet>,
    /// Minutes in which something arrived.
    pub ticks: u64,
    /// When watching began, and when it ended.
    pub span: (i64, i64),
    /// The median time between ticks, in milliseconds.
    pub typical_gap: Option<i64>,
    /// The last tick.
    pub last: Option<i64>,
    /// When the next one is due, and when silence is told if it does not come.
    pub next: Option<(i64, i64)>,
    /// Every silence, oldest first.
    pub silences: Vec<Silence>,
    /// Every sign of sickness with its hour, oldest first.
    pub sickness: Vec<(i64, Sign)>,
}

/// A source said nothing for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last tick before it.
    pub from: i64,
    /// When the next was due.
    pub expected_by: i64,
    /// When it was told.
    pub alarm_at: i64,
    /// The first tick after it; none if it goes on at the end of the series.
    pub ended_at: Option<i64>,
}

/// Judges a whole series.
pub fn judge_series(history: &History, options: &Options) -> Report {
    let mut gaps: Vec<i64> = history.gaps().iter().map(|gap| gap.to - gap.from).collect();
    gaps.sort_unstable();
    let mut report = Report {
        cadence: Err(NotYet::FewTicks { ticks: 0 }),
        ticks: history.ticks(),
        span: (history.from(), history.until()),
        typical_gap: gaps.get(gaps.len() / 2).copied(),
        last: history.last_tick(),
        next: None,
        silences: Vec::new(),
        sickness: Vec::new(),
    };
    let judged = Crossed::new(history, options).and_then(|crossed| {
        let mut cadence = crossed.cadence(history, options)?;
        cadence.office = is_by_day_shaped(&cadence);
        Ok((crossed, cadence))
    });
    let (crossed, cadence) = match judged {
        Ok(judged) => judged,
        Err(why) => {
            report.cadence = Err(why);
            return report;
        }
    };
    report.silences = silences(history, &crossed, &cadence);
    report.sickness = sickness(history, &report.silences, &cadence);
    report.next = history
        .last_tick()
        .and_then(|last| Some((cadence.expected_by(last)?, cadence.alarm_at(last, 1.0)?)));
    report.cadence = Ok(cadence);
    report
}

fn silences(history: &History, crossed: &Crossed, whole: &Cadence) -> Vec<Silence> {
    let by_week = crossed.judges(whole);
    let told = |from: i64, until: i64, ended_at: Option<i64>| {
        let cadence = by_week.get(crossed.week_of(from))?.as_ref()?;
        let alarm_at = cadence.alarm_at(from, 1.0).filter(|at| *at <= until)?;
        let expected_by = cadence.expected_by(from)?.min(alarm_at);
        Some(Silence {
            from,
            expected_by,
            alarm_at,
            ended_at,
        })
    };
    let gaps = crossed.gaps.iter().chain(&crossed.outages);
    let mut all: Vec<Silence> = gaps
        .filter_map(|gap| told(gap.gap.from, gap.gap.to, Some(gap.gap.to)))
        .collect();
    all.extend(
        history
            .last_tick()
            .and_then(|last| told(last, history.until(), None)),
    );
    all.sort_by_key(|silence| silence.from);
    all
}

fn sickness(history: &History, silences: &[Silence], whole: &Cadence) -> Vec<(i64, Sign)> {
    let out: Vec<(i64, i64)> = silences
        .iter()
        .map(|silence| (silence.from, silence.ended_at.unwrap_or(history.until())))
        .collect();
    let hours = sound_hours(history, &out);
    let mut signs = Vec::new();
    let size = hours.len().div_ceil(PARTS).max(1);
    let mut state = Sickness::default();
    for part in hours.chunks(size) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            continue;
        };
        let mut but: Vec<(i64, i64)> = out.clone();
        but.push((first.start, last.start + HOUR));
        let judge = Cadence {
            baseline: Baseline::new(history, whole.offset(), &but),
            ..whole.clone()
        };
        for hour in part {
            let heard = Heard::from(hour);
            signs.extend(
                state
                    .hear(&judge, &heard)
                    .into_iter()
                    .map(|sign| (hour.start, sign)),
            );
        }
    }
    signs
}
