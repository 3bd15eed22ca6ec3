//! Audits inventories beside the hub, without privilege, in a thread of its own: what people drop, what is fetched,
//! and who never answers. What it sees reaches the judge as events like any other.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use cordon_engine::Engine;
use cordon_model::{
    Blindness, Control, ControlName, Fact, Host, Policy, Sensed, ShardKey, Text, Watched,
};
use cordon_patch::Patch;
use cordon_patch_edge::auditor::Auditor;
use cordon_watch::Watch;

use super::{
    fetch::{Fetching, asked},
    frames::Word,
    hub::{Input, Places},
};
use crate::{
    check::read_policy,
    clock,
    fault::{self, Fault},
    probes::nonce,
};

/// Between two looks at what may have changed: names, sizes and times of files.
const LOOK: Duration = Duration::from_secs(5);

/// A look that takes long is not repeated before so many times its length: ten thousand hosts are many files.
const REST: u32 = 50;

/// Longest time between two looks.
const MAX_REST: Duration = Duration::from_mins(2);

/// Between two plantings of the invented host.
const PROVE: Duration = Duration::from_mins(5);

/// Between two signs of life.
const PULSE: Duration = Duration::from_secs(30);

/// What the auditor is called among the watched.
pub(super) const AUDITOR: &str = "patch-audit";

/// An auditor that runs.
pub(super) struct Auditing {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Auditing {
    /// Starts it; it knows the hosts that were audited before the start.
    pub(super) fn start(
        places: Places,
        engine: &Engine,
        words: SyncSender<Input>,
    ) -> Result<Self, Fault> {
        let audited = |key: &ShardKey| {
            let fleet = engine.state::<Patch>(key)?.fleet();
            fleet.inventory()?;
            Some(key.host()?.to_string())
        };
        let shards = engine.shards::<Patch>();
        let known: Vec<String> = shards.into_iter().filter_map(audited).collect();
        let (stop, stopped) = channel();
        let run = move || {
            let fetched = places.fetched.clone();
            let auditor = Auditor::new(places.me.clone(), fetched, known);
            let me = places.me.clone();
            Loop {
                places,
                me,
                auditor,
                fetching: Fetching::default(),
                text: None,
                words,
                pulsed: None,
                proved: None,
            }
            .run(&stopped);
        };
        let thread = thread::Builder::new().name("auditor".into()).spawn(run);
        let thread = thread.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        drop(self.stop);
        drop(self.thread.join()); // because what it saw is seen again at the next start
    }
}

struct Loop {
    places: Places,
    me: Host,
    auditor: Auditor,
    fetching: Fetching,
    text: Option<String>,
    words: SyncSender<Input>,
    pulsed: Option<Instant>,
    proved: Option<Instant>,
}

impl Loop {
    fn run(mut self, stopped: &Receiver<()>) {
        let mut wait = Duration::ZERO;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let began = Instant::now();
            // A file that nobody foresaw must not end the audit of all the others in silence.
            let looked = catch_unwind(AssertUnwindSafe(|| self.look()));
            let flow = looked.unwrap_or_else(|_| {
                self.say(vec![self.of_me(Fact::Blind {
                    of: auditor(),
                    why: Blindness {
                        why: Text::new(
                            "it met a file that it could not survive; nothing new is audited",
                        ),
                        mend: None,
                    },
                })])
            });
            if flow.is_break() {
                return; // because nobody listens any more
            }
            wait = LOOK.max(began.elapsed().saturating_mul(REST).min(MAX_REST));
        }
    }

    fn look(&mut self) -> ControlFlow<()> {
        self.obey();
        if self.auditor.is_idle() {
            return ControlFlow::Continue(());
        }
        let origins = &self.auditor.sources().inventories;
        self.fetching.look(origins, &self.places.fetched);
        self.auditor.asked = asked(origins);
        self.auditor.silent = self.fetching.silent();
        let now = clock::now();
        let words = self.words.clone();
        let mut say = |sensed| send(&words, sensed);
        self.auditor.cycle(now, &mut say)?;
        let due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
        if due(self.proved, PROVE) {
            self.proved = Some(Instant::now());
            match nonce() {
                Ok(nonce) => self.auditor.prove(&nonce, now, &mut say)?,
                Err(why) => self.say(vec![self.of_me(Fact::Blind { of: auditor(), why })])?,
            }
        }
        if due(self.pulsed, PULSE) {
            self.pulsed = Some(Instant::now());
            let seen = u64::try_from(self.auditor.hosts()).unwrap_or(u64::MAX);
            let (of, errors) = (auditor(), 0);
            self.say(vec![self.of_me(Fact::Pulse { of, seen, errors })])?;
        }
        ControlFlow::Continue(())
    }

    /// Follows the policy. One that is refused changes nothing here; the hub tells.
    fn obey(&mut self) {
        let Places { root, policy, .. } = &self.places;
        let Ok((text, _)) = read_policy(policy.as_deref(), root) else {
            return;
        };
        if self.text.as_ref() == Some(&text) {
            return;
        }
        let policy = Policy::new(&text, 1);
        if let Ok(watch) = Watch::new(&policy) {
            self.auditor.obey(&policy, watch.feed_age());
        }
        self.text = Some(text);
    }

    fn of_me(&self, fact: Fact) -> Sensed {
        Sensed {
            host: self.me.clone(),
            said: None,
            fact,
        }
    }

    fn say(&self, sensed: Vec<Sensed>) -> ControlFlow<()> {
        send(&self.words, sensed)
    }
}

fn auditor() -> Watched {
    Watched::Control(ControlName::from(AUDITOR))
}

fn send(words: &SyncSender<Input>, sensed: Vec<Sensed>) -> ControlFlow<()> {
    if sensed.is_empty() {
        return ControlFlow::Continue(());
    }
    let cursors = std::collections::BTreeMap::new();
    let word = Word::Together { sensed, cursors };
    match words.send(Input::Word(word)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
