//! Conservation: what went in must come out. Keeps, for each pair of stages, what the first saw and the
//! second did not see yet.

use std::collections::BTreeMap;

use cadence::ratio::{CERTAIN, shortfall};
use cordon_model::{
    Event, Fact, Finding, Host, Key, MAX_LISTED, Memory, PackageStatus, PairName, Span, Subject,
    Text, Time, Value, Verdict, count,
};
use serde::{Deserialize, Serialize};

use crate::{
    Watch,
    pair::{How, Pair, Seen, Stage},
    rules::{SHORT, UNACCOUNTED},
    state::{Share, State},
};

/// Most things of a pair that wait for their second stage, unless policy says another number; also most
/// that are remembered to have passed it, or to be unaccounted. What is beyond is counted, and told as not
/// kept track of.
pub const MAX_OPEN: usize = 50_000;

/// How long a thing that came may take to be accepted: Postfix gives a client an hour at most.
const CAME_FOR: Span = Span::hours(2);

/// A share is not judged of fewer things than this.
const LEAST_COUNTED: u64 = 30;

/// Between two words on how many are unaccounted: a busy server would fill the history with one's count.
const AGAIN: Span = Span::minutes(1);

type Say<'s> = &'s mut dyn FnMut(Verdict);

/// What is known of one pair.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Where the first stage is.
    host: Option<Host>,
    /// On their way to the first stage.
    came: BTreeMap<Text, Time>,
    /// Seen at the first stage and not yet at the second.
    open: BTreeMap<Text, Time>,
    /// Seen at the second stage not long ago, whether or not the first was seen yet.
    arrived: BTreeMap<Text, Time>,
    /// Seen at the first stage, and not at the second in time.
    lost: BTreeMap<Text, Time>,
    /// Not kept track of, because there were too many.
    untracked: u64,
    /// Seen at the first stage and unaccounted; for a pair without keys, seen at the first and the second.
    share: Share,
    last_from: Option<Time>,
    last_to: Option<Time>,
    /// When the last thing became unaccounted.
    lost_at: Option<Time>,
    /// Whether too small a share arrives.
    short: bool,
    /// When it was last said how many are unaccounted, and whether it is another number now.
    told: Option<Time>,
    stale: bool,
}

/// How one pair stands: what a page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Which pair.
    pub name: PairName,
    /// What is counted: `mail`.
    pub what: String,
    /// What the first stage makes of it: `messages accepted`.
    pub passed: String,
    /// What the second stage gives it: `scanner verdict`.
    pub missing: String,
    /// Seen at the first stage in the last quarter of an hour to half an hour.
    pub recent: u64,
    /// Waiting for the second stage, within the time that it has.
    pub waiting: usize,
    /// Unaccounted.
    pub unaccounted: usize,
    /// Since when, if any are.
    pub since: Option<Time>,
    /// Last seen at the first stage.
    pub last_from: Option<Time>,
    /// Last seen at the second stage.
    pub last_to: Option<Time>,
    /// How long the second stage has.
    pub within: Span,
    /// Whether too small a share arrives, where things have no key.
    pub short: bool,
}

/// What the memory of all hosts makes of `event`.
pub(crate) fn judge(watch: &Watch, memory: &mut Memory<State>, event: &Event, say: Say<'_>) {
    if event.probe.is_some() {
        return; // a planted line is no message
    }
    match &event.fact {
        Fact::Tick => tick(watch, memory, event.at, say),
        Fact::ClockStep { from, to } => {
            let forward = to.since(*from);
            for book in memory.books.values_mut() {
                book.shift(forward);
            }
            memory.due = memory.due.map(|due| due + forward);
        }
        Fact::Swapped { .. } => {
            let gone: Vec<PairName> = memory
                .books
                .keys()
                .filter(|name| !watch.pairs.contains_key(*name))
                .cloned()
                .collect();
            for name in gone {
                if let Some(book) = memory.books.remove(&name) {
                    book.clear(&name, say);
                }
            }
        }
        Fact::Log(line) => {
            for (name, pair) in &watch.pairs {
                let heard = |stages: &[Stage]| stages.iter().find_map(|stage| stage.hear(line));
                hear(
                    memory,
                    (name, pair),
                    (heard(&pair.from), heard(&pair.to)),
                    event,
                    say,
                );
            }
        }
        Fact::Passed { stage, key } => {
            let here = |at: &Stage| matches!(at, Stage::Passed(name) if name == stage);
            passed(watch, memory, here, key.as_str(), event, say);
        }
        Fact::Package(package)
            if matches!(
                package.status,
                PackageStatus::Installed | PackageStatus::Held
            ) =>
        {
            let key = format!("{} {}", event.host, package.name);
            passed(watch, memory, |at| *at == Stage::Packages, &key, event, say);
        }
        _ => {}
    }
}

fn passed(
    watch: &Watch,
    memory: &mut Memory<State>,
    here: impl Fn(&Stage) -> bool,
    key: &str,
    event: &Event,
    say: Say<'_>,
) {
    for (name, pair) in &watch.pairs {
        let heard = |stages: &[Stage]| {
            let key = key.to_owned();
            stages.iter().any(&here).then_some(Seen {
                key,
                how: How::Passed,
            })
        };
        hear(
            memory,
            (name, pair),
            (heard(&pair.from), heard(&pair.to)),
            event,
            say,
        );
    }
}

fn hear(
    memory: &mut Memory<State>,
    (name, pair): (&PairName, &Pair),
    (from, to): (Option<Seen>, Option<Seen>),
    event: &Event,
    say: Say<'_>,
) {
    if from.is_none() && to.is_none() {
        return;
    }
    let book = memory.books.entry(name.clone()).or_default();
    if from.is_some() && book.host.is_none() {
        book.host = Some(event.host.clone());
    }
    if let Some(seen) = &from {
        book.first(pair, seen, event.at);
    }
    let late = to.is_some_and(|seen| book.second(pair, &seen, event.at));
    if late {
        book.report((name, pair), event.at, say);
    }
    let due = book.due(pair);
    memory.due = [memory.due, due].into_iter().flatten().min();
}

fn tick(watch: &Watch, memory: &mut Memory<State>, at: Time, say: Say<'_>) {
    if memory.due.is_none_or(|due| at < due) {
        return; // read only: the shard stays untouched and is not saved
    }
    let mut due = None;
    for (name, pair) in &watch.pairs {
        let Some(book) = memory.books.get_mut(name) else {
            continue;
        };
        let news = book.review(pair, at);
        if news || book.stale {
            book.report((name, pair), at, say);
        }
        if pair.ratio.is_some() {
            book.weigh((name, pair), say);
        }
        due = [due, book.due(pair)].into_iter().flatten().min();
    }
    memory.due = due;
}

impl Book {
    /// Seen at the first stage.
    fn first(&mut self, pair: &Pair, seen: &Seen, at: Time) {
        let key = Text::new(&seen.key);
        match seen.how {
            How::Came => {
                self.untracked += keep(&mut self.came, key, at, pair.most);
                return;
            }
            How::Left => {
                self.came.remove(&key);
                return;
            }
            How::PassedIfCame if self.came.remove(&key).is_none() => return,
            How::PassedIfCame | How::Passed => {}
        }
        self.last_from = Some(at);
        self.share.add(at, 1, 0);
        let known = self.arrived.contains_key(&key)
            || self.open.contains_key(&key)
            || self.lost.contains_key(&key);
        if pair.ratio.is_none() && !known && !pair.excepts(&seen.key) {
            self.untracked += keep(&mut self.open, key, at, pair.most);
        }
    }

    /// Seen at the second stage; whether it was already missed.
    fn second(&mut self, pair: &Pair, seen: &Seen, at: Time) -> bool {
        self.last_to = Some(at);
        if pair.ratio.is_some() {
            self.share.add(at, 0, 1);
            return false;
        }
        let key = Text::new(&seen.key);
        let late = self.open.remove(&key).is_none() && self.lost.remove(&key).is_some();
        if self.arrived.len() >= pair.most {
            let old = at - pair.within;
            self.arrived.retain(|_, when| *when > old);
        }
        if self.arrived.len() < pair.most {
            self.arrived.insert(key, at); // without it a first stage that is read later would wait in vain
        }
        late
    }

    /// What time says; whether people must hear of it.
    fn review(&mut self, pair: &Pair, at: Time) -> bool {
        let before = (self.lost.len(), self.untracked);
        let late: Vec<Text> = self
            .open
            .iter()
            .filter(|(_, since)| **since + pair.within <= at)
            .map(|(key, _)| key.clone())
            .collect();
        for key in late {
            if let Some(since) = self.open.remove(&key) {
                self.untracked += keep(&mut self.lost, key, since, pair.most);
                self.share.add(at, 0, 1);
                self.lost_at = Some(at);
            }
        }
        self.arrived.retain(|_, when| *when + pair.within > at);
        self.came.retain(|_, when| *when + CAME_FOR > at);
        if self.lost_at.is_some_and(|when| when + pair.told_for <= at) {
            self.lost.clear();
            (self.lost_at, self.untracked) = (None, 0);
        }
        before != (self.lost.len(), self.untracked)
    }

    fn due(&self, pair: &Pair) -> Option<Time> {
        let open = self.open.values().min().map(|since| *since + pair.within);
        let note = self.lost_at.map(|when| when + pair.told_for);
        let weigh = pair
            .ratio
            .and(self.last_from)
            .map(|last| last + pair.within);
        let again = self.told.filter(|_| self.stale).map(|told| told + AGAIN);
        [open, note, weigh, again].into_iter().flatten().min()
    }

    /// Says how many are unaccounted, unless that was said just now: then a little later.
    fn report(&mut self, of: (&PairName, &Pair), at: Time, say: Say<'_>) {
        let soon = self.told.is_some_and(|told| at < told + AGAIN);
        if soon && !self.lost.is_empty() {
            self.stale = true;
            return;
        }
        self.stale = false;
        self.told = (!self.lost.is_empty()).then_some(at);
        self.tell(of, at, say);
    }

    fn tell(&self, (name, pair): (&PairName, &Pair), at: Time, say: Say<'_>) {
        let key = Key::new(&UNACCOUNTED, &self.place(), Subject::Pair(name.clone()));
        if self.lost.is_empty() {
            say(Verdict::Clear(key));
            return;
        }
        let keys: Vec<Text> = self.lost.keys().take(MAX_LISTED).cloned().collect();
        let mut finding = Finding::new(&UNACCOUNTED, key);
        finding.severity = pair.severity;
        finding = finding
            .with("what", pair.what.as_str())
            .with("told", self.told(pair, at))
            .with("count", self.lost.len() as u64)
            .with(
                "since",
                self.since()
                    .map_or_else(String::new, |since| since.to_string()),
            )
            .with("missing", pair.missing.as_str())
            .with("within", pair.within.to_string())
            .with("keys", Value::List(keys));
        say(Verdict::Find(finding));
    }

    fn since(&self) -> Option<Time> {
        self.lost.values().min().copied()
    }

    /// `14 messages accepted, no scanner verdict since 10:32 UTC`.
    fn told(&self, pair: &Pair, at: Time) -> String {
        let number = self.lost.len() as u64;
        let (things, rest) = match pair.passed.find(' ') {
            Some(at) => pair.passed.split_at(at),
            None => (pair.passed.as_str(), ""),
        };
        let one = things.strip_suffix('s').filter(|_| number == 1);
        let passed = format!("{}{rest}", one.unwrap_or(things));
        let (many, missing) = (count(number), &pair.missing);
        let since = self.since().unwrap_or(at);
        let mut told = match self.last_to {
            None => format!("{many} {passed}, no {missing} yet"),
            Some(last) if last <= since => {
                format!("{many} {passed}, no {missing} since {}", clock(last, at))
            }
            Some(_) => format!(
                "{many} {passed} since {} got no {missing}",
                clock(since, at)
            ),
        };
        if self.untracked > 0 {
            told = format!(
                "{told}; {} more were too many to keep track of",
                count(self.untracked)
            );
        }
        told
    }

    /// Where things have no key, how many arrive is all there is to judge by.
    fn weigh(&mut self, (name, pair): (&PairName, &Pair), say: Say<'_>) {
        let Some(ratio) = pair.ratio else { return };
        let (first, second) = self.share.totals();
        let second = second.min(first);
        let least = ratio.0 as f64 / 100.0;
        let short = first >= LEAST_COUNTED && shortfall(first, second, least) > CERTAIN;
        let key = Key::new(&SHORT, &self.place(), Subject::Pair(name.clone()));
        if short && !self.short {
            let finding = Finding::new(&SHORT, key)
                .with("what", pair.what.as_str())
                .with("first", first)
                .with("second", second)
                .with("passed", pair.passed.as_str())
                .with("missing", pair.missing.as_str())
                .with("least", format!("{} %", ratio.0));
            say(Verdict::Find(finding));
        } else if !short && self.short && second * 100 >= first * ratio.0 {
            say(Verdict::Clear(key));
        } else {
            return;
        }
        self.short = short;
    }

    fn clear(&self, name: &PairName, say: Say<'_>) {
        for rule in [&UNACCOUNTED, &SHORT] {
            say(Verdict::Clear(Key::new(
                rule,
                &self.place(),
                Subject::Pair(name.clone()),
            )));
        }
    }

    fn place(&self) -> Host {
        self.host.clone().unwrap_or_else(|| Host::from("?"))
    }

    fn shift(&mut self, span: Span) {
        for kept in [
            &mut self.came,
            &mut self.open,
            &mut self.arrived,
            &mut self.lost,
        ] {
            for when in kept.values_mut() {
                *when = *when + span;
            }
        }
        for when in [&mut self.last_from, &mut self.last_to, &mut self.lost_at]
            .into_iter()
            .flatten()
        {
            *when = *when + span;
        }
        self.share.shift(span);
    }

    pub(crate) fn account(&self, name: &PairName, pair: &Pair) -> Account {
        Account {
            name: name.clone(),
            what: pair.what.clone(),
            passed: pair.passed.clone(),
            missing: pair.missing.clone(),
            recent: self.share.totals().0,
            waiting: self.open.len(),
            unaccounted: self.lost.len(),
            since: self.since(),
            last_from: self.last_from,
            last_to: self.last_to,
            within: pair.within,
            short: self.short,
        }
    }
}

/// Keeps it unless there are `most` already; how many were not kept.
fn keep(kept: &mut BTreeMap<Text, Time>, key: Text, at: Time, most: usize) -> u64 {
    if kept.len() >= most {
        return 1;
    }
    kept.insert(key, at);
    0
}

/// The time of day, with the day where it is another.
fn clock(when: Time, at: Time) -> String {
    let day = if when.day() == at.day() {
        String::new()
    } else {
        format!("{} ", when.day())
    };
    format!("{day}{} UTC", when.hour_minute())
}
