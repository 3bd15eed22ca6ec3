//! What a way of telling silence comes to: false alarms a source and month, and how long outages last
//! before they are told.

use super::{AFTER_DAYS, DAY, Holiday, Random, Source, TEST_DAYS, site};
use crate::{
    Cadence, HOUR, History, MINUTE, NotYet, Options, Peer, Recent, SHORTEST, Wait, fit::Crossed,
    fit_site, pace,
};

/// Steps in which peers are looked at.
const STEP: i64 = 10 * MINUTE;

/// Outages are forgotten after this; one that is not told by then counts as this long.
const CENSORED: i64 = AFTER_DAYS * DAY;

/// A way to tell silence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Ours, with a budget of false alarms a source and month.
    Learned(f64),
    /// A timer, in hours.
    Timer(f64),
    /// So many times the longest gap of the days to learn.
    LongestGap(f64),
}

/// A site with what was learned of it.
pub struct Site {
    sources: Vec<Source>,
    holidays: Vec<i64>,
    /// From when on it is judged, and until when.
    judged: (i64, i64),
    fitted: Vec<Result<Cadence, NotYet>>,
    histories: Vec<History>,
    /// The longest gap of the days to learn, by source.
    longest: Vec<i64>,
    /// For each source, the pace of its clock at each step of the judged days and after.
    paces: Vec<Vec<f64>>,
}

/// One alarm or outage.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// Which source of the site.
    pub source: usize,
    /// The tick before.
    pub last: i64,
    /// When it was told.
    pub at: i64,
}

/// What a method came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Months times sources.
    pub months: f64,
    /// False alarms.
    pub false_alarms: usize,
    /// From the beginning of each outage to its alarm, in hours.
    pub delays: Vec<f64>,
    /// False alarms on a holiday or the day after, grouped by site and hours.
    pub holiday_findings: Vec<usize>,
    /// Sources.
    pub sources: usize,
    /// Sources that were not judged.
    pub not_judged: usize,
    /// The false alarms themselves.
    pub alarms: Vec<Judged>,
}

/// A method at one setting: false alarms a source and month, and delays in hours.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// The method and its setting.
    pub method: Method,
    /// False alarms a source and month.
    pub rate: f64,
    /// Half of the outages were told within this.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// Share that was told within a day.
    pub in_a_day: f64,
}

impl Site {
    /// The synthetic site of `seed`.
    pub fn new(seed: u64, kind: Holiday) -> Self {
        let (sources, holidays) = site(seed, kind);
        let begin = super::START + super::TRAIN_DAYS * DAY;
        Self::of(sources, holidays, (begin, begin + TEST_DAYS * DAY))
    }

    /// Sources of one site, judged in a span after learning from what is before.
    pub fn of(sources: Vec<Source>, holidays: Vec<i64>, judged: (i64, i64)) -> Self {
        let histories: Vec<History> = sources
            .iter()
            .map(|source| {
                let all = source.ticks.iter().zip(&source.lines);
                let mut gather = crate::Gather::default();
                all.filter(|(at, _)| **at < judged.0)
                    .for_each(|(at, lines)| gather.add(*at, *lines));
                gather.into_history(Some(judged.0))
            })
            .collect();
        let fitted = fit_site(&histories, &Options::default());
        let gaps = |history: &History| history.gaps().iter().map(|gap| gap.to - gap.from).max();
        let longest = histories
            .iter()
            .map(|history| gaps(history).unwrap_or(i64::MAX / 16))
            .collect();
        let mut new = Self {
            longest,
            sources,
            holidays,
            judged,
            fitted,
            histories,
            paces: Vec::new(),
        };
        new.paces = new.all_paces();
        new
    }

    /// What was learned, by source.
    pub fn learned(&self) -> impl Iterator<Item = (&'static str, &Result<Cadence, NotYet>)> {
        self.sources
            .iter()
            .map(|source| source.name)
            .zip(&self.fitted)
    }

    /// Ticks of a source.
    pub fn ticks(&self) -> impl Iterator<Item = usize> {
        self.sources.iter().map(|source| source.ticks.len())
    }

    /// The pace of each source's clock, from what its peers' [`Recent`] said at each step.
    fn all_paces(&self) -> Vec<Vec<f64>> {
        let steps = (self.judged.1 + CENSORED - self.judged.0) / STEP;
        let times: Vec<i64> = (0..=steps)
            .map(|step| self.judged.0 + step * STEP)
            .collect();
        let peers: Vec<Option<Vec<Peer>>> = self
            .sources
            .iter()
            .zip(&self.fitted)
            .map(|(source, fitted)| {
                let cadence = fitted.as_ref().ok()?; // ok: because who cannot be judged is no peer
                let office = cadence.is_office_shaped();
                told(source, cadence, &times).filter(|_| office)
            })
            .collect();
        let pace_of = |own: usize| {
            let others = peers.iter().enumerate().filter(|(other, _)| *other != own);
            let others: Vec<&Vec<Peer>> = others.filter_map(|(_, told)| told.as_ref()).collect();
            let at = |step| {
                others
                    .iter()
                    .filter_map(|told| told.get(step).copied())
                    .collect::<Vec<_>>()
            };
            (0..times.len()).map(|step| pace(&at(step))).collect()
        };
        let alone = vec![1.0; times.len()];
        (0..self.sources.len())
            .map(|own| match peers.get(own) {
                Some(Some(_)) => pace_of(own),
                _ => alone.clone(),
            })
            .collect()
    }

    /// When `method` tells that nothing came since `last`; none if something came before or it never
    /// tells.
    fn alarm(
        &self,
        source: usize,
        method: Method,
        learned: Option<&Cadence>,
        last: i64,
        next: i64,
    ) -> Option<i64> {
        let at = match method {
            Method::Timer(hours) => last + (hours * HOUR as f64) as i64,
            Method::LongestGap(times) => last + (times * *self.longest.get(source)? as f64) as i64,
            Method::Learned(_) => return self.learned_alarm(source, learned?, last, next),
        };
        (at < next).then_some(at)
    }

    fn learned_alarm(&self, source: usize, cadence: &Cadence, last: i64, next: i64) -> Option<i64> {
        let mut wait = Wait::since(last);
        if cadence.alarm_at(last, 1.0).is_none_or(|at| at >= next) {
            return None; // peers only ever slow the clock down
        }
        let paces = self.paces.get(source)?;
        let mut now = last;
        while now < next {
            let step = (now - self.judged.0).div_euclid(STEP).max(0);
            let pace = *paces.get(usize::try_from(step).ok()?)?; // ok: because it is not negative
            let until = (self.judged.0 + (step + 1) * STEP).min(next);
            if let Some(at) = cadence.alarm_after(&wait, pace).filter(|at| *at < until) {
                return Some(at.max(now));
            }
            wait.pass(cadence, until, pace);
            now = until;
        }
        None
    }

    fn learned_by(&self, method: Method) -> Vec<Option<Cadence>> {
        let Method::Learned(budget) = method else {
            return self.sources.iter().map(|_| None).collect();
        };
        let options = Options {
            budget,
            ..Options::default()
        };
        let fits = self.histories.iter().zip(&self.fitted);
        fits.map(|(history, fitted)| {
            let office = fitted.as_ref().ok()?.is_office_shaped(); // ok: because it is counted
            let crossed = Crossed::new(history, &options).ok()?; // ok: likewise
            let mut cadence = crossed.cadence(history, &options).ok()?; // ok: likewise
            cadence.office = office;
            Some(cadence)
        })
        .collect()
    }

    /// Judges each source with `method`, without outages and with `outages` of them.
    pub fn judge(&self, method: Method, outages: usize, tally: &mut Tally) {
        let (begin, end) = self.judged;
        let learned = self.learned_by(method);
        let mut alarms = Vec::new();
        for (place, source) in self.sources.iter().enumerate() {
            let cadence = learned.get(place).and_then(Option::as_ref);
            tally.months += (end - begin) as f64 / (30 * DAY) as f64;
            tally.sources += 1;
            tally.not_judged += usize::from(cadence.is_none());
            let first = source
                .ticks
                .partition_point(|at| *at < begin)
                .saturating_sub(1);
            let ticks = source.ticks.get(first..).unwrap_or(&[]);
            for pair in ticks.windows(2) {
                let &[last, next] = pair else { continue };
                if last >= end || next - last <= SHORTEST {
                    continue;
                }
                if let Some(at) = self.alarm(place, method, cadence, last, next.min(end)) {
                    alarms.push(Judged {
                        source: place,
                        last,
                        at,
                    });
                }
            }
            let mut random = Random::new(place as u64 + 1);
            for _ in 0..outages {
                let start = begin + random.below((end - begin) as u64) as i64;
                let before = ticks.partition_point(|at| *at < start);
                let Some(last) = before.checked_sub(1).and_then(|at| ticks.get(at)) else {
                    continue;
                };
                let told = self.alarm(place, method, cadence, *last, start + CENSORED);
                let delay = told.unwrap_or(start + CENSORED).max(start) - start;
                tally.delays.push(delay as f64 / HOUR as f64);
            }
        }
        tally.false_alarms += alarms.len();
        alarms.sort_by_key(|alarm| alarm.at);
        for holiday in &self.holidays {
            let near = alarms
                .iter()
                .filter(|alarm| (holiday - HOUR..holiday + DAY).contains(&alarm.at));
            tally
                .holiday_findings
                .push(groups(near.map(|alarm| alarm.at)));
        }
        tally.alarms.extend(alarms);
    }
}

/// How a source did against `cadence` at each of `times`.
fn told(source: &Source, cadence: &Cadence, times: &[i64]) -> Option<Vec<Peer>> {
    let mut recent = Recent::default();
    let mut ticks = source.ticks.iter().zip(&source.lines).peekable();
    times
        .iter()
        .map(|now| {
            while let Some((tick, lines)) = ticks.next_if(|(tick, _)| *tick < now) {
                recent.hear(*tick, *lines);
            }
            recent.against(cadence, *now)
        })
        .collect()
}

/// Alarms of one site within six hours of each other are one finding.
fn groups(times: impl Iterator<Item = i64>) -> usize {
    let (mut groups, mut last) = (0, i64::MIN);
    for at in times {
        if at.saturating_sub(last) > 6 * HOUR {
            groups += 1;
        }
        last = at;
    }
    groups
}

impl Tally {
    /// The figures.
    pub fn curve(&self, method: Method) -> Curve {
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (delays.len() as f64 * share) as usize;
            delays
                .get(place.min(delays.len().saturating_sub(1)))
                .copied()
                .unwrap_or(0.0)
        };
        let soon = delays.iter().filter(|delay| **delay <= 24.0).count();
        Curve {
            method,
            rate: self.false_alarms as f64 / self.months,
            p50: at(0.5),
            p90: at(0.9),
            in_a_day: soon as f64 / delays.len().max(1) as f64,
        }
    }
}
