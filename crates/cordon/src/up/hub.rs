//! The main loop: hears the sensors, judges, remembers, shows. It needs no privilege.
//!
//! Nothing is shown before it is durable. A store that cannot take a commit keeps nothing from being
//! judged: the batch is held, the hub says that it is blind, and the next commit carries both.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use cordon_console::Board;
use cordon_engine::{Engine, Outcome, Said};
use cordon_model::{
    Blindness, ControlName, Cursor, Epoch, Fact, Host, Key, Policy, Sensed, Severity, Span, Spec,
    Text, Time, Watched,
};
use cordon_patch::Feed;
use cordon_patch_edge::{LISTS, security_indexes};
use cordon_store::{StateStore, StoreError, Ticket};
use cordon_tell::Alerts;

use super::{
    audit::Auditing,
    content::RuleFiles,
    frames::Word,
    held::Held,
    hours::{Hours, hour_of},
    learn::Learning,
    rows,
    tell::{Beat, Teller},
    view,
};
use crate::{
    CONTROLS,
    check::{below, read_policy},
    clock,
    fault::{self, Exit, Fault},
};

/// Between two ticks.
const TICK: Duration = Duration::from_secs(1);

/// Longest time that something which nobody was told of waits to be written.
const COMMIT: Duration = Duration::from_secs(5);

/// Between two looks at policy and feeds.
const CONTENT: Duration = Duration::from_secs(5);

/// Between two signs of life of watch and of the hub.
const PULSE: Duration = Duration::from_secs(30);

/// Between two pages where nothing happened, so that the page's own age is true.
const SHOW: Duration = Duration::from_secs(10);

/// How long history is kept, how often what is older goes, and how much of it at once.
const KEPT: Span = Span::days(90);
const PRUNE: Duration = Duration::from_hours(1);
const MAX_PRUNED: usize = 10_000;

/// The wall clock and the steady one may differ by this much between two ticks; more is a step.
const DRIFT: Span = Span::secs(5);

/// Facts taken in before the loop looks up: what is said meanwhile waits its turn.
const MAX_TAKEN: usize = 4096;

/// Facts taken in after which they are made durable though nobody waits: who keeps them until then has
/// only so much room.
const MAX_UNCOMMITTED: usize = 32_768;

/// What reaches the main loop.
pub enum Input {
    /// From the sensors.
    Word(Word),
    /// Somebody wants it to end.
    Stop,
    /// The sensors are gone.
    Deaf,
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The name of this host.
    pub me: Host,
    /// The root of the system.
    pub root: PathBuf,
    /// A policy that a person named.
    pub policy: Option<PathBuf>,
    /// Where what hosts say over SSH is laid.
    pub fetched: PathBuf,
}

/// The hub of this host.
pub struct Hub {
    pub(super) places: Places,
    pub(super) engine: Engine,
    pub(super) policy: Policy,
    pub(super) policy_text: Result<String, String>,
    /// The version of the policy that was last offered, whether it was taken or refused.
    pub(super) offered: Epoch,
    pub(super) feeds_written: Option<SystemTime>,
    pub(super) rule_files: RuleFiles,
    pub(super) store: Arc<dyn StateStore>,
    pub(super) alerts: Arc<ArcSwap<Alerts>>,
    /// How bad people last heard each finding to be.
    pub(super) told: BTreeMap<Key, Severity>,
    pub(super) beat: Arc<Beat>,
    pub(super) hours: Hours,
    pub(super) board: Board,
    /// The last durable commit.
    pub(super) durable: u64,
    pub(super) durable_at: Option<Time>,
    /// What is not durable yet.
    pub(super) held: Held,
    pub(super) trouble: Option<String>,
    pub(super) started: Time,
    /// When watch's own probe last came back.
    pub(super) watched: Option<Time>,
    pub(super) specs: Vec<&'static Spec>,
    /// Both clocks at the last tick.
    pub(super) clocks: (Instant, Time),
}

/// Who is told which places are durable.
pub type Tell<'t> = &'t mut dyn FnMut(BTreeMap<String, Cursor>);

impl Hub {
    /// Goes on from what the store remembers.
    pub fn new(places: Places, store: Arc<dyn StateStore>, board: Board) -> Result<Self, Fault> {
        let (text, path) = read_policy(places.policy.as_deref(), &places.root)?;
        let refused = |error: &dyn std::fmt::Display| {
            let place = path
                .clone()
                .unwrap_or_else(|| PathBuf::from("the built-in policy"));
            Fault::new(&fault::POLICY_REFUSED, error).at(place.display())
        };
        let lost = |error: &dyn std::fmt::Display| Fault::new(&fault::STORE_UNREADABLE, error);
        let loaded = store.load().map_err(|error| lost(&error))?;
        let snapshot = rows::snapshot(&loaded).map_err(|error| lost(&error))?;
        let epoch = snapshot.epoch(&"policy".into()) + 1;
        // With the feeds from the first moment: memory must not be judged against none.
        let mut policy = Policy::new(&text, epoch);
        for index in security_indexes(&below(&places.root, LISTS))
            .iter()
            .flatten()
        {
            if let Ok(set) = index.load()
                && Feed::new(index.name.clone(), &set).is_ok()
            {
                policy = policy.with(index.name.clone(), set); // the others are told by `content`
            }
        }
        let alerts = Alerts::read(&policy).map_err(|error| refused(&error))?;
        let me = places.me.clone();
        let engine = Engine::load(me, CONTROLS, &policy, &snapshot).map_err(|e| refused(&e))?;
        let mut hours = Hours::default();
        let running = store.hours(hour_of(clock::now()));
        hours.resume(running.map_err(|error| lost(&error))?);
        let findings = engine.findings();
        let told = findings.map(|(key, entry)| (key.clone(), entry.finding.severity));
        Ok(Self {
            told: told.collect(),
            alerts: Arc::new(ArcSwap::from_pointee(alerts)),
            beat: Arc::new(Beat::new()),
            hours,
            specs: engine.specs().to_vec(),
            clocks: (Instant::now(), clock::now()),
            durable: loaded.seq(),
            durable_at: loaded.head.map(|head| head.at),
            places,
            engine,
            policy,
            policy_text: Ok(text),
            offered: epoch,
            feeds_written: None,
            rule_files: RuleFiles::default(),
            store,
            board,
            held: Held::default(),
            trouble: None,
            started: clock::now(),
            watched: None,
        })
    }

    /// What whoever tells people needs.
    pub(super) fn teller(&self) -> Teller {
        Teller {
            store: Arc::clone(&self.store),
            alerts: Arc::clone(&self.alerts),
            me: self.places.me.clone(),
            beat: Arc::clone(&self.beat),
        }
    }

    /// Starts whoever learns the cadence of sources.
    pub(super) fn learn(&self, words: SyncSender<Input>) -> Result<Learning, Fault> {
        Learning::start(Arc::clone(&self.store), self.places.me.clone(), words)
    }

    /// Starts whoever audits inventories.
    pub(super) fn audit(&self, words: SyncSender<Input>) -> Result<Auditing, Fault> {
        Auditing::start(self.places.clone(), &self.engine, words)
    }

    /// Where the sensors go on from.
    pub fn cursors(&self) -> Result<BTreeMap<String, Cursor>, Fault> {
        let loaded = self.store.load();
        let loaded = loaded.map_err(|error| Fault::new(&fault::STORE_UNREADABLE, error))?;
        Ok(loaded
            .cursors
            .into_iter()
            .map(|(name, bytes)| (name, Cursor(bytes)))
            .collect())
    }

    /// Runs until somebody wants it to end.
    pub fn run(mut self, inbox: &Receiver<Input>, tell: Tell<'_>) -> Exit {
        // The policy of this start, so that a refusal from before it is over.
        self.step(Fact::Swapped {
            set: "policy".into(),
            epoch: self.policy.epoch,
        });
        self.content();
        self.pulse();
        let now = Instant::now();
        let (mut ticked, mut committed, mut content, mut pulsed) = (now, now, now, now);
        let (mut shown, mut pruned) = (now, now);
        loop {
            let wait = TICK.saturating_sub(ticked.elapsed());
            let mut input = inbox.recv_timeout(wait);
            let mut taken = 0;
            loop {
                match input {
                    Ok(Input::Word(word)) => taken += self.hear(word),
                    Ok(Input::Stop) => return self.end(tell),
                    Ok(Input::Deaf) | Err(RecvTimeoutError::Disconnected) => {
                        return self.deaf(tell);
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                }
                if taken >= MAX_TAKEN {
                    break; // before the next is received: what is received is heard
                }
                input = inbox.try_recv().map_err(|error| match error {
                    std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                    std::sync::mpsc::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                });
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
            if content.elapsed() >= CONTENT {
                content = Instant::now();
                self.content();
            }
            if pulsed.elapsed() >= PULSE {
                pulsed = Instant::now();
                self.pulse();
            }
            if pruned.elapsed() >= PRUNE {
                pruned = Instant::now();
                self.prune();
            }
            let news = self.held.news;
            let many = self.held.facts >= MAX_UNCOMMITTED;
            if news || many || committed.elapsed() >= COMMIT {
                committed = Instant::now();
                self.commit(tell);
            }
            if news || shown.elapsed() >= SHOW {
                shown = Instant::now();
                self.show();
            }
        }
    }

    /// A second passed. If the wall clock says otherwise it was set, or the machine slept: nothing was
    /// looked at meanwhile, and deadlines move along.
    fn tick(&mut self) {
        if self.trouble.is_none() {
            self.beat.tick(); // else no message can go out, and somebody outside must notice
        }
        let (steady, wall) = (Instant::now(), clock::now());
        let passed = steady.duration_since(self.clocks.0).as_millis();
        let passed = Span::from_millis(u64::try_from(passed).unwrap_or(u64::MAX));
        let expected = self.clocks.1 + passed;
        self.clocks = (steady, wall);
        if wall.since(expected).max(expected.since(wall)) > DRIFT {
            self.step(Fact::ClockStep {
                from: expected,
                to: wall,
            });
        }
        self.step(Fact::Tick);
        self.hours.tick(&self.places.me, self.engine.at());
    }

    /// What is older than [`KEPT`] goes. A store that refuses says so at the next commit as well.
    fn prune(&mut self) {
        let before = self.engine.at() - KEPT;
        if let Err(error) = self.store.prune(before, MAX_PRUNED) {
            let (why, mend) = (Text::new(&plain(&error)), None);
            self.step(Fact::Blind {
                of: Watched::Hub,
                why: Blindness { why, mend },
            });
        }
    }

    /// Takes a word in; how many facts that was.
    fn hear(&mut self, word: Word) -> usize {
        let facts = match word {
            Word::Sensed { sensed, cursor } => {
                self.sense(sensed);
                self.held.cursors.extend(cursor);
                1
            }
            Word::Together { sensed, cursors } => {
                let facts = sensed.len().max(1);
                for sensed in sensed {
                    self.sense(sensed);
                }
                self.held.cursors.extend(cursors);
                facts
            }
            Word::LookedAtAll => {
                self.step(Fact::Tick);
                self.held.news = true; // the first verdict
                1
            }
        };
        self.held.facts += facts;
        facts
    }

    pub(super) fn step(&mut self, fact: Fact) {
        let host = self.places.me.clone();
        self.sense(Sensed {
            host,
            said: None,
            fact,
        });
    }

    pub(super) fn sense(&mut self, sensed: Sensed) {
        self.hours.hear(&sensed, clock::now());
        let (held, told) = (&mut self.held, &mut self.told);
        let (watched, specs) = (&mut self.watched, &self.specs);
        let tells = self.alerts.load().tells_somebody();
        self.engine.step(clock::now(), sensed, &mut |said: Said| {
            if let Outcome::Withheld(planting) = &said.outcome
                && planting.probe.as_str() == cordon_watch::WITHHELD_PULSE
            {
                *watched = Some(said.at);
            }
            if let Some(letter) = rows::letter(&said, specs, told).filter(|_| tells) {
                held.tell(&letter);
            }
            held.say(rows::history(&said, specs));
        });
    }

    fn pulse(&mut self) {
        let seen = u64::try_from(CONTROLS.len()).unwrap_or(u64::MAX);
        let of = Watched::Control(ControlName::from(cordon_watch::SPEC.name));
        self.step(Fact::Pulse {
            of,
            seen,
            errors: 0,
        });
        if self.trouble.is_none() {
            self.step(Fact::Pulse {
                of: Watched::Hub,
                seen: 1,
                errors: 0,
            });
        }
    }

    /// Makes durable what changed. What the store refuses is held and said again with the next.
    fn commit(&mut self, tell: Tell<'_>) {
        self.held.facts = 0;
        let batch = self.engine.save();
        let batch = match self.held.batch.take() {
            Some(held) => held.then(batch),
            None => batch,
        };
        self.held.news = false;
        self.held.hours.extend(self.hours.take(&self.engine));
        if batch.is_quiet()
            && self.held.hours.is_empty()
            && self.held.said.is_empty()
            && self.held.cursors.is_empty()
        {
            return;
        }
        let commit = rows::commit(&batch, self.durable, &self.held.cursors, &self.held.said);
        let done = match commit {
            Ok(mut commit) => {
                commit.outbox.clone_from(&self.held.outbox);
                commit.hours.clone_from(&self.held.hours);
                let stored = self.store.commit(Arc::new(commit)).and_then(Ticket::wait);
                stored.map_err(|error| self.refused(&error))
            }
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok(seq) => {
                (self.durable, self.durable_at) = (seq, Some(batch.at()));
                let mut cursors = std::mem::take(&mut self.held.cursors);
                cursors.retain(|name, _| name == cordon_logs_edge::SPOOL);
                if !cursors.is_empty() {
                    tell(cursors);
                }
                self.held.said.clear();
                self.held.outbox.clear();
                self.held.hours.clear();
                if self.trouble.take().is_some() {
                    self.step(Fact::Pulse {
                        of: Watched::Hub,
                        seen: 1,
                        errors: 0,
                    });
                }
            }
            Err(why) => {
                self.held.batch = Some(batch);
                let why = match self.held.dropped {
                    0 => why,
                    lines => format!("{why}; {lines} lines of history were not kept"),
                };
                let mend = Some(Text::new("df -h"));
                let blind = Blindness {
                    why: Text::new(&why),
                    mend,
                };
                self.trouble = Some(why);
                self.step(Fact::Blind {
                    of: Watched::Hub,
                    why: blind,
                });
            }
        }
    }

    /// What people hear of a refusal. One that says that more is durable than was known is believed:
    /// the next commit holds all that this one did.
    fn refused(&mut self, error: &StoreError) -> String {
        if let StoreError::Gap { last, .. } | StoreError::AlreadyThere { last, .. } = error {
            self.durable = self.durable.max(*last);
        }
        plain(error)
    }

    fn show(&self) {
        self.board.show(view::page(&view::Of {
            engine: &self.engine,
            store: &*self.store,
            watched: self.watched,
            started: self.started,
            durable_at: self.durable_at,
            trouble: self.trouble.as_deref(),
        }));
    }

    /// The sensors are gone: nothing is seen any more, and that is told before it ends.
    fn deaf(mut self, tell: Tell<'_>) -> Exit {
        let why = Blindness {
            why: Text::new("the sensors have ended"),
            mend: None,
        };
        self.step(Fact::Blind {
            of: Watched::Hub,
            why,
        });
        self.end(tell);
        Exit::Blind
    }

    fn end(mut self, tell: Tell<'_>) -> Exit {
        self.commit(tell);
        if self.trouble.is_some() {
            Exit::Store
        } else {
            Exit::Nothing
        }
    }
}

/// Without what changes from one try to the next, so that one trouble is one finding.
fn plain(error: &StoreError) -> String {
    match error {
        StoreError::Full { dir, .. } => format!("no room left in {}", dir.display()),
        other => other.to_string(),
    }
}
