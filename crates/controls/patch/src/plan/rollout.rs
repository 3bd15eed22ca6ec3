//! Ring by ring, on evidence. 2004: the tool said *done*, and the next thousand hosts were believed done as well.
//!
//! So a host counts when an audit that was made after the deed proves it; the exit code of whoever did the deed counts
//! for nothing. A ring is left when enough of its hosts are proven and none is the worse for it; at the first
//! contradiction, the first host that does not come back and the first that is sick, all stops and stays stopped until
//! a person resumes it. Pure: what happened goes in as [`Event`]s, [`Rollout::next`] says what may be done.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Span, Time};
use serde::{Deserialize, Serialize};

use super::{
    Assigned,
    stage::{Event, Halt, Happened, Health, Next, Proof, Stage},
};

/// How long a host may take to come back from its restart.
pub const BACK_WITHIN: Span = Span::minutes(15);

/// Most notes that are kept; how many more there were is told.
pub const MAX_NOTES: usize = 1000;

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    rings: Vec<RingState>,
    /// Which of them is at work; behind the last all is done.
    current: usize,
    halted: Option<Halt>,
    notes: Vec<String>,
    notes_lost: u64,
    now: Time,
}

/// A ring and its hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingState {
    /// What it is called.
    pub name: String,
    /// The share that must be proven, in percent.
    pub promote_at: u8,
    /// How long it is waited then.
    pub wait: Span,
    /// Its hosts by name.
    pub hosts: BTreeMap<String, HostState>,
    /// Since when enough of them are proven.
    pub enough_since: Option<Time>,
}

/// How far a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Where it stands.
    pub stage: Stage,
    /// How it was before its step.
    pub before: Option<Health>,
    /// It has yet to be restarted.
    pub must_restart: bool,
}

impl Rollout {
    /// Nothing is done yet. `restarts` are the hosts that are to be restarted after their steps.
    pub fn new(rings: Vec<Assigned>, restarts: &BTreeSet<String>, at: Time) -> Self {
        let host = |host: String| {
            let state = HostState {
                stage: Stage::Waiting,
                before: None,
                must_restart: restarts.contains(&host),
            };
            (host, state)
        };
        let ring = |ring: Assigned| RingState {
            name: ring.name,
            promote_at: ring.promote_at,
            wait: ring.wait,
            hosts: ring.hosts.into_iter().map(host).collect(),
            enough_since: None,
        };
        Self {
            rings: rings.into_iter().map(ring).collect(),
            current: 0,
            halted: None,
            notes: Vec::new(),
            notes_lost: 0,
            now: at,
        }
    }

    /// Its rings, the first first.
    pub fn rings(&self) -> &[RingState] {
        &self.rings
    }

    /// The ring that is at work; none when all are done.
    pub fn current(&self) -> Option<&RingState> {
        self.rings.get(self.current)
    }

    /// Why it stands still, if it does.
    pub const fn halted(&self) -> Option<&Halt> {
        self.halted.as_ref()
    }

    /// What is told besides, the first [`MAX_NOTES`], and how many more there were.
    pub fn notes(&self) -> (&[String], u64) {
        (&self.notes, self.notes_lost)
    }

    /// What may be done at `now`.
    pub fn next(&self, now: Time) -> Next<'_> {
        if let Some(halt) = &self.halted {
            return Next::Halted(halt);
        }
        let Some(ring) = self.current() else {
            return Next::Done;
        };
        let to_audit = |stage: &Stage| matches!(stage, Stage::Running { .. } | Stage::Ran { .. });
        let audit = ring.named(to_audit);
        if !audit.is_empty() {
            return Next::Audit(audit);
        }
        let away = ring
            .hosts
            .iter()
            .filter_map(|(name, host)| match host.stage {
                Stage::Restarting { since } => Some((name.as_str(), since)),
                _ => None,
            });
        let away: Vec<(&str, Time)> = away.collect();
        if !away.is_empty() {
            return Next::Await(away);
        }
        let due = ring.named(|stage| matches!(stage, Stage::Due { .. }));
        if !due.is_empty() {
            return Next::Restart(due);
        }
        let waiting = ring.named(|stage| matches!(stage, Stage::Waiting));
        if !waiting.is_empty() {
            return Next::Run(waiting);
        }
        let until = ring.until();
        if now < until {
            return Next::Wait(until);
        }
        let again = ring.to_look_at_again(until);
        if again.is_empty() {
            Next::Wait(until) // the next tick goes on
        } else {
            Next::Audit(again)
        }
    }

    /// Takes in what happened. Time never goes back.
    pub fn take(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        let at = self.now;
        match &event.what {
            Happened::Tick => {}
            Happened::Began { host, health } => {
                if self.may_begin(host) {
                    self.change(host, |state| {
                        state.stage = Stage::Running { since: at };
                        state.before.clone_from(health);
                    });
                } else {
                    self.note(format!("{host}: it was begun out of turn"));
                }
            }
            Happened::Ran { host, exit } => self.change(host, |state| {
                if matches!(state.stage, Stage::Running { .. }) {
                    state.stage = Stage::Ran { at, exit: *exit };
                }
            }),
            Happened::Audited {
                host,
                taken,
                proof,
                health,
            } => self.audited(host, *taken, proof, health.as_ref()),
            Happened::Restarting { host } => self.change(host, |state| {
                if matches!(state.stage, Stage::Due { .. }) {
                    state.stage = Stage::Restarting { since: at };
                }
            }),
            Happened::Back { host } => self.change(host, |state| {
                if matches!(state.stage, Stage::Restarting { .. } | Stage::Lost { .. }) {
                    state.must_restart = false;
                    let exit = Some(0); // whoever restarted it says that it is done
                    state.stage = Stage::Ran { at, exit };
                }
            }),
            Happened::LeftOut { host, why } => {
                if self
                    .state(host)
                    .is_some_and(|state| state.stage == Stage::Waiting)
                {
                    self.change(host, |state| {
                        state.stage = Stage::LeftOut { why: why.clone() };
                    });
                    self.note(format!("{host} is left out: {why}"));
                } else {
                    self.note(format!(
                        "{host} is not left out, its steps were begun: {why}"
                    ));
                }
            }
            Happened::Resumed { by } => self.resume(by),
        }
        self.miss_who_is_away();
        self.settle();
    }

    fn change(&mut self, host: &str, change: impl FnOnce(&mut HostState)) {
        let found = self
            .rings
            .iter_mut()
            .find_map(|ring| ring.hosts.get_mut(host));
        match found {
            Some(state) => change(state),
            None => self.note(format!("{host}: it is in no ring")),
        }
    }

    fn state(&self, host: &str) -> Option<&HostState> {
        self.rings.iter().find_map(|ring| ring.hosts.get(host))
    }

    fn may_begin(&self, host: &str) -> bool {
        let state = self.current().and_then(|ring| ring.hosts.get(host));
        self.halted.is_none() && state.is_some_and(|state| state.stage == Stage::Waiting)
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.notes_lost += 1;
        }
    }

    fn halt(&mut self, host: Option<&str>, why: String) {
        let ring = self
            .current()
            .map_or_else(String::new, |ring| ring.name.clone());
        if self.halted.is_some() {
            let who = host.unwrap_or(&ring);
            self.note(format!("{who}: {why}"));
            return;
        }
        self.halted = Some(Halt {
            at: self.now,
            ring,
            host: host.map(str::to_owned),
            why,
        });
    }

    fn audited(&mut self, host: &str, taken: Time, proof: &Proof, health: Option<&Health>) {
        let Some(known) = self.state(host).cloned() else {
            return self.note(format!("{host}: it is in no ring"));
        };
        let judged = judge(&known, taken, proof, self.now);
        let (mut stage, mut note) = (judged.stage, judged.note);
        let mut before = known.before;
        if matches!(stage, Stage::Proven { .. } | Stage::Due { .. }) {
            match (health, &before) {
                (Some(now), Some(was)) => {
                    if let Some(why) = now.worse_than(was) {
                        let at = self.now;
                        stage = Stage::Sick { at, why };
                    }
                }
                (Some(now), None) => before = Some(now.clone()),
                (None, _) => {
                    let told = "how it feels was not told, so nothing says that it is no worse";
                    note = note.or_else(|| Some(told.to_owned()));
                }
            }
        }
        let halt = match &stage {
            Stage::Contradicted { why, .. } => Some(format!("contradicted: {why}")),
            Stage::Sick { why, .. } => Some(format!("the worse for it: {why}")),
            _ => None,
        };
        self.change(host, |state| {
            state.stage = stage;
            state.before = before;
        });
        if let Some(note) = note {
            self.note(format!("{host}: {note}"));
        }
        if let Some(why) = halt {
            self.halt(Some(host), why);
        }
    }

    /// A host that does not come back from its restart.
    fn miss_who_is_away(&mut self) {
        let now = self.now;
        let mut lost = Vec::new();
        for ring in &mut self.rings {
            for (name, host) in &mut ring.hosts {
                if let Stage::Restarting { since } = host.stage
                    && now.since(since) > BACK_WITHIN
                {
                    host.stage = Stage::Lost { since };
                    lost.push(name.clone());
                }
            }
        }
        for name in lost {
            let why = format!("it did not come back within {}", BACK_WITHIN.plain());
            self.halt(Some(&name), why);
        }
    }

    /// Leaves the ring when it may be left; halts where it never can.
    fn settle(&mut self) {
        while self.halted.is_none()
            && let last = self.current + 1 >= self.rings.len()
            && let now = self.now
            && let Some(ring) = self.rings.get_mut(self.current)
        {
            let (all, bad) = (ring.counted(), ring.count(Stage::is_bad));
            if !ring.is_enough(all - bad, all) {
                let most = (all - bad) * 100 / all.max(1);
                let why = format!(
                    "at most {most} % of its hosts can still be proven, and {} % must be",
                    ring.promote_at
                );
                return self.halt(None, why);
            }
            let proven = ring.count(|stage| matches!(stage, Stage::Proven { .. }));
            if proven + bad < all {
                ring.enough_since = None;
                return;
            }
            ring.enough_since.get_or_insert(now);
            let until = ring.until();
            if !last && (now < until || !ring.to_look_at_again(until).is_empty()) {
                return;
            }
            self.current += 1;
        }
    }

    /// What went wrong is tried again; of what is not known it is looked first.
    fn resume(&mut self, by: &str) {
        let Some(halt) = self.halted.take() else {
            return;
        };
        let who = halt.host.as_deref().unwrap_or(&halt.ring);
        self.note(format!(
            "{by} resumed what was halted by {who}: {}",
            halt.why
        ));
        let now = self.now;
        // Rings that were left had enough without those of their hosts that went wrong.
        let Some(ring) = self.rings.get_mut(self.current) else {
            return;
        };
        ring.enough_since = None;
        for host in ring.hosts.values_mut() {
            match host.stage {
                Stage::Contradicted { .. } | Stage::Failed { .. } => host.stage = Stage::Waiting,
                Stage::Unclear { .. } | Stage::Lost { .. } => {
                    host.stage = Stage::Running { since: now };
                }
                Stage::Sick { .. } => {
                    host.before = None; // the person has seen how it feels
                    host.stage = Stage::Running { since: now };
                }
                _ => {}
            }
        }
    }
}

impl RingState {
    fn named(&self, is: impl Fn(&Stage) -> bool) -> Vec<&str> {
        let mine = self.hosts.iter().filter(|(_, host)| is(&host.stage));
        mine.map(|(name, _)| name.as_str()).collect()
    }

    /// How many of its hosts stand so.
    pub fn count(&self, is: impl Fn(&Stage) -> bool) -> usize {
        self.hosts.values().filter(|host| is(&host.stage)).count()
    }

    /// How many of its hosts count: who is left out does not.
    pub fn counted(&self) -> usize {
        self.hosts.len() - self.count(|stage| matches!(stage, Stage::LeftOut { .. }))
    }

    fn is_enough(&self, proven: usize, all: usize) -> bool {
        proven * 100 >= usize::from(self.promote_at) * all
    }

    /// Until when it is waited.
    fn until(&self) -> Time {
        self.enough_since.unwrap_or_default() + self.wait // default: because then nothing is proven yet
    }

    /// Hosts that were proven before the wait was over. What lasts a day is worth more than what held a minute.
    fn to_look_at_again(&self, until: Time) -> Vec<&str> {
        if self.wait == Span::default() {
            return Vec::new();
        }
        self.named(|stage| matches!(stage, Stage::Proven { at } if *at < until))
    }
}

/// What an audit makes of a host.
struct JudgedStage {
    stage: Stage,
    note: Option<String>,
}

fn judge(state: &HostState, taken: Time, proof: &Proof, now: Time) -> JudgedStage {
    let since = match &state.stage {
        Stage::Running { since } => since,
        Stage::Ran { at, .. } | Stage::Proven { at } | Stage::Due { at } => at,
        _ => {
            return JudgedStage {
                stage: state.stage.clone(),
                note: Some("it was audited out of turn, which counts for nothing".to_owned()),
            };
        }
    };
    let proof = if taken < *since {
        Proof::CannotTell(format!("the audit is of {taken}, older than {since}"))
    } else {
        proof.clone()
    };
    let plain = |stage: Stage| JudgedStage { stage, note: None };
    let proven = || {
        if state.must_restart {
            Stage::Due { at: taken }
        } else {
            Stage::Proven { at: taken }
        }
    };
    match (&state.stage, proof) {
        (Stage::Ran { exit, .. }, Proof::Proven) if *exit != Some(0) => JudgedStage {
            stage: proven(),
            note: Some(format!("{}, and the audit proves it", ended(*exit))),
        },
        (_, Proof::Proven) => plain(proven()),
        (_, Proof::CannotTell(why)) => plain(Stage::Unclear { at: now, why }),
        (Stage::Ran { exit: Some(0), .. }, Proof::NotYet(why)) => {
            let why = format!("its command said that all went well, and the host says: {why}");
            plain(Stage::Contradicted { at: now, why })
        }
        (Stage::Ran { exit, .. }, Proof::NotYet(why)) => {
            let why = format!("{}: {why}", ended(*exit));
            plain(Stage::Failed { at: now, why })
        }
        (Stage::Proven { at } | Stage::Due { at }, Proof::NotYet(why)) => {
            let why = format!("it was proven at {at}, and is not any more: {why}");
            plain(Stage::Contradicted { at: now, why })
        }
        (Stage::Running { .. }, Proof::NotYet(why)) => JudgedStage {
            stage: Stage::Waiting,
            note: Some(format!(
                "it is done again, because nobody saw its end: {why}"
            )),
        },
        (_, Proof::NotYet(_)) => plain(state.stage.clone()),
    }
}

fn ended(exit: Option<i32>) -> String {
    match exit {
        Some(code) => format!("its command ended with {code}"),
        None => "its command did not say how it ended".to_owned(),
    }
}
