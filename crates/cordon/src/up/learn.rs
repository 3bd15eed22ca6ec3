//! Learns the cadence of every source from what the store kept, in a thread of its own; the result reaches
//! watch as an event like any other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use cadence::{History, Hour, Options, fit_site};
use cordon_model::{Fact, Host, Sensed, Span, Text, Time, Watched};
use cordon_store::{HourRow, StateStore};

use super::{
    frames::Word,
    hours::{HUB, hour_of},
    hub::Input,
};
use crate::{
    clock,
    fault::{self, Fault},
};

/// After the start, and between two lessons.
const FIRST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_hours(1);

/// How far back is learned from.
pub(super) const LEARNED_FROM: Span = Span::days(70);

/// An hour of which the hub looked in fewer minutes is not learned from.
const LEAST_MINUTES: u32 = 50;

/// A learner that runs.
pub(super) struct Learning {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Learning {
    /// Starts it.
    pub(super) fn start(
        store: Arc<dyn StateStore>,
        me: Host,
        words: SyncSender<Input>,
    ) -> Result<Self, Fault> {
        let (stop, stopped) = channel();
        let run = move || {
            Learner {
                store,
                me,
                words,
                known: BTreeMap::new(),
            }
            .run(&stopped);
        };
        let thread = thread::Builder::new().name("learner".into()).spawn(run);
        let thread = thread.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        drop(self.stop);
        drop(self.thread.join()); // because what it learned is learned again at the next start
    }
}

struct Learner {
    store: Arc<dyn StateStore>,
    me: Host,
    words: SyncSender<Input>,
    /// What was last said of each source.
    known: BTreeMap<(String, String), String>,
}

impl Learner {
    fn run(mut self, stopped: &Receiver<()>) {
        let mut wait = FIRST;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = AGAIN;
            let now = clock::now();
            // A store that cannot be read says so at the next commit as well.
            let Ok(rows) = self.store.hours(hour_of(now - LEARNED_FROM)) else {
                continue;
            };
            for (place, cadence) in learn(&rows, self.me.as_str(), now) {
                if self.known.get(&place) != Some(&cadence) {
                    self.tell(&place, &cadence);
                    self.known.insert(place, cadence);
                }
            }
        }
    }

    fn tell(&self, (host, source): &(String, String), cadence: &str) {
        let (Ok(host), Ok(source)) = (host.parse(), source.parse()) else {
            return;
        };
        let (of, cadence) = (Watched::Source(source), Text::new(cadence));
        let sensed = Sensed {
            host,
            said: None,
            fact: Fact::Learned { of, cadence },
        };
        drop(self.words.send(Input::Word(Word::Sensed {
            sensed,
            cursor: None,
        }))); // because a main loop that has ended learns no more
    }
}

/// The cadence of each source as text, or why there is none.
fn learn(rows: &[HourRow], me: &str, now: Time) -> Vec<((String, String), String)> {
    let watched: BTreeMap<u64, u64> = rows
        .iter()
        .filter(|row| row.source == HUB && row.host == me)
        .map(|row| (row.hour, row.minutes))
        .collect();
    let Some(first) = watched.keys().next().copied() else {
        return Vec::new();
    };
    let mut sources: BTreeMap<(String, String), BTreeMap<u64, &HourRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.source != HUB) {
        let place = (row.host.clone(), row.source.clone());
        sources.entry(place).or_default().insert(row.hour, row);
    }
    let last = hour_of(now);
    let until = i64::try_from(now.millis()).unwrap_or(i64::MAX);
    let history = |hours: &BTreeMap<u64, &HourRow>| {
        let from = hours.keys().next().copied().unwrap_or(last).max(first);
        let hours = (from..=last).map(|hour| {
            let looked = watched
                .get(&hour)
                .is_some_and(|minutes| minutes.count_ones() >= LEAST_MINUTES);
            as_hour(hour, hours.get(&hour).copied(), looked || hour == last)
        });
        History::new(hours, until)
    };
    let histories: Vec<History> = sources.values().map(history).collect();
    let learned = fit_site(&histories, &Options::default());
    let said = learned.into_iter().map(|learned| match learned {
        Ok(cadence) => cadence.to_string(),
        Err(why) => why.to_string(),
    });
    sources.into_keys().zip(said).collect()
}

fn as_hour(hour: u64, row: Option<&HourRow>, looked: bool) -> Hour {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let start = i64::try_from(hour.saturating_mul(Span::hours(1).millis())).unwrap_or(i64::MAX);
    let none = HourRow::default();
    let row = row.unwrap_or(&none);
    Hour {
        start,
        minutes: row.minutes,
        lines: small(row.lines),
        errors: small(row.errors),
        unparsed: small(row.unparsed),
        shapes: small(row.shapes),
        wrong: row.wrong || !looked,
    }
}
