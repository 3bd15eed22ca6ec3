//! Sends what waits in the outbox, and says how each way to people is.
//!
//! A way that fails is a finding at once, and what waits stays where it is. The note of what a person was
//! told is written after it was sent: a crash between the two repeats a message, whose name says so, and
//! loses none.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, Sender, SyncSender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use cordon_model::{Blindness, Fact, Host, Sensed, Text, Watched};
use cordon_store::{StateStore, StoreError};
use cordon_tell::{Alerts, Desk, Message, Rows, TellError, Who, mail, ping, plan, webhook};

use super::{frames::Word, hub::Input};
use crate::{
    clock,
    fault::{self, Fault},
};

/// Between two looks at the outbox.
const LOOK: Duration = Duration::from_secs(1);

/// Between two tests of a way that nothing was sent by.
const TEST: Duration = Duration::from_hours(12);

/// Before a way that failed is tried again: from the first to the last, doubling.
const RETRY: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(5));

/// Most rows that are read of the outbox at one look.
const MAX_READ: usize = 1_000;

/// A main loop that did not tick for this long is not alive, and nobody outside is told that it is.
const ALIVE: Duration = Duration::from_secs(30);

/// When the main loop last ticked.
#[derive(Debug)]
pub(super) struct Beat {
    began: Instant,
    last: AtomicU64,
}

impl Beat {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    pub(super) fn tick(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }
}

/// What the sender needs of the hub.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) store: Arc<dyn StateStore>,
    pub(super) alerts: Arc<ArcSwap<Alerts>>,
    pub(super) me: Host,
    pub(super) beat: Arc<Beat>,
}

/// A thread and what ends it.
type Thread = (Sender<()>, JoinHandle<()>);

/// Senders that run.
pub(super) struct Telling {
    both: [Thread; 2],
}

impl Telling {
    /// Ends them, after what they send at this moment.
    pub(super) fn stop(self) {
        let threads = self.both.map(|(stop, thread)| {
            drop(stop);
            thread
        });
        for thread in threads {
            drop(thread.join()); // because one that panicked fell silent, and watch has said so
        }
    }
}

impl Teller {
    /// Sends until it is stopped. The ping has a thread of its own: a mail server that hangs must not keep
    /// anybody outside from hearing that we live.
    pub(super) fn start(self, words: &SyncSender<Input>) -> Result<Telling, Fault> {
        let pinging = self
            .clone()
            .spawn("pinger", words.clone(), |running, alerts| {
                running.ping(alerts);
            })?;
        let sending = self.spawn("teller", words.clone(), |running, alerts| {
            running.test(alerts);
            if let Err(error) = running.send(alerts) {
                running.report("outbox", Err(error.to_string()));
            }
        })?;
        Ok(Telling {
            both: [pinging, sending],
        })
    }

    fn spawn(
        self,
        name: &str,
        words: SyncSender<Input>,
        look: fn(&mut Running, &Alerts),
    ) -> Result<Thread, Fault> {
        let (stop, stopped) = channel();
        let (ways, rows) = (BTreeMap::new(), Rows::new());
        let mut running = Running {
            teller: self,
            words,
            ways,
            rows,
            read: 0,
        };
        let run = move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let alerts = running.teller.alerts.load_full();
                look(&mut running, &alerts);
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(run);
        let thread = thread.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
        Ok((stop, thread))
    }
}

struct Running {
    teller: Teller,
    words: SyncSender<Input>,
    ways: BTreeMap<String, Way>,
    /// What waits, as far as it was read.
    rows: Rows,
    read: u64,
}

/// What is known of one way.
#[derive(Default)]
struct Way {
    /// When it last worked.
    worked: Option<Instant>,
    /// When it last failed, how long it is left alone, and why.
    failed: Option<(Instant, Duration, String)>,
}

impl Way {
    fn rests(&self) -> bool {
        self.failed
            .as_ref()
            .is_some_and(|(when, rest, _)| when.elapsed() < *rest)
    }

    fn works(&self, every: Duration) -> bool {
        self.worked.is_some_and(|when| when.elapsed() < every)
    }
}

impl Running {
    fn ping(&mut self, alerts: &Alerts) {
        let Some(outside) = &alerts.outside else {
            return;
        };
        let every = Duration::from_millis(outside.every.millis());
        let way = self.ways.entry("outside".to_owned()).or_default();
        if way.rests() || way.works(every) || self.teller.beat.age() > ALIVE {
            return;
        }
        let pinged = ping::ping(outside).map_err(|error| error.to_string());
        self.report("outside", pinged);
    }

    /// Proves each way that nothing was sent by for a while.
    fn test(&mut self, alerts: &Alerts) {
        let me = self.teller.me.to_string();
        for person in &alerts.people {
            let name = format!("mail:{}", person.name);
            let Some(server) = &alerts.mail else { continue };
            self.try_way(&name, || mail::test(server, &person.mail, &me));
        }
        for hook in &alerts.webhooks {
            let name = format!("webhook:{}", hook.name);
            self.try_way(&name, || webhook::test(hook, &me, clock::now()));
        }
    }

    fn try_way(&mut self, name: &str, test: impl FnOnce() -> Result<(), TellError>) {
        let way = self.ways.entry(name.to_owned()).or_default();
        let due = way.failed.is_some() || !way.works(TEST);
        if due && !way.rests() {
            let tested = test().map_err(|error| error.to_string());
            self.report(name, tested);
        }
    }

    fn send(&mut self, alerts: &Alerts) -> Result<(), StoreError> {
        let store = Arc::clone(&self.teller.store);
        for outgoing in store.outbox(self.read, MAX_READ)? {
            self.read = outgoing.id;
            match serde_json::from_slice(&outgoing.row.body) {
                Ok(letter) => drop(self.rows.insert(outgoing.id, letter)),
                Err(error) => {
                    let why = format!("row {} cannot be read: {error}", outgoing.id);
                    self.report("outbox", Err(why));
                    store.sent(outgoing.id)?;
                }
            }
        }
        let notes = store.notes()?;
        let rows = std::mem::take(&mut self.rows);
        let mut desks = Vec::new();
        let mut served = Ok(());
        for (name, who) in alerts.desks() {
            // ok: because one that cannot be read is a new one, who is told again
            let kept = notes
                .get(&name)
                .and_then(|bytes| serde_json::from_slice::<Desk>(bytes).ok());
            let desk = kept.clone();
            let desk = desk.unwrap_or_else(|| Desk::new(&who, clock::now()));
            match self.serve(alerts, (&name, &who), desk, kept.as_ref(), &rows) {
                Ok(desk) => desks.push(desk),
                Err(error) => served = Err(error),
            }
        }
        self.rows = rows;
        served?;
        let needed = |id: &u64| desks.iter().any(|desk| desk.needs(*id));
        let done: Vec<u64> = self.rows.keys().copied().filter(|id| !needed(id)).collect();
        for id in done {
            store.sent(id)?;
            self.rows.remove(&id);
        }
        Ok(())
    }

    /// Sends what is due to one recipient; what is known of them afterwards.
    fn serve(
        &mut self,
        alerts: &Alerts,
        (name, who): (&str, &Who),
        mut desk: Desk,
        kept: Option<&Desk>,
        rows: &Rows,
    ) -> Result<Desk, StoreError> {
        let me = self.teller.me.to_string();
        loop {
            let url = alerts.url.as_deref();
            let (message, next) = plan(&desk, rows, who, (&me, url), clock::now());
            let Some(message) = message else {
                if kept != Some(&next) {
                    self.note(name, &next)?;
                }
                return Ok(next);
            };
            if self.ways.get(name).is_some_and(Way::rests) {
                return Ok(desk);
            }
            let sent = deliver(alerts, name, &me, &message);
            let failed = sent.is_err();
            self.report(name, sent.map_err(|error| error.to_string()));
            if failed {
                return Ok(desk);
            }
            self.note(name, &next)?;
            desk = next;
        }
    }

    fn note(&self, name: &str, desk: &Desk) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(desk).unwrap_or_default(); // default: because it is plain data, and nothing read is a new desk
        self.teller.store.note(name, &bytes)
    }

    /// Tells the main loop how a way is. A failure is told when it begins and when it changes.
    fn report(&mut self, name: &str, done: Result<(), String>) {
        let Ok(channel) = name.parse() else { return };
        let of = Watched::Channel(channel);
        let way = self.ways.entry(name.to_owned()).or_default();
        let now = Instant::now();
        let fact = match done {
            Ok(()) => {
                (way.worked, way.failed) = (Some(now), None);
                Fact::Pulse {
                    of,
                    seen: 1,
                    errors: 0,
                }
            }
            Err(why) => {
                let rest = way
                    .failed
                    .as_ref()
                    .map_or(RETRY.0, |(_, rest, _)| (*rest * 2).min(RETRY.1));
                let known = way.failed.replace((now, rest, why.clone()));
                if known.is_some_and(|(_, _, known)| known == why) {
                    return;
                }
                let mend = Some(Text::new("cordon alert test"));
                let why = Text::new(&format!("nobody can be told: {why}"));
                Fact::Blind {
                    of,
                    why: Blindness { why, mend },
                }
            }
        };
        let sensed = Sensed {
            host: self.teller.me.clone(),
            said: None,
            fact,
        };
        let word = Word::Sensed {
            sensed,
            cursor: None,
        };
        drop(self.words.send(Input::Word(word))); // because a main loop that has ended needs no word
    }
}

/// By the way that `name` says.
pub(crate) fn deliver(
    alerts: &Alerts,
    name: &str,
    me: &str,
    message: &Message,
) -> Result<(), TellError> {
    for person in &alerts.people {
        if let Some(server) = alerts
            .mail
            .as_ref()
            .filter(|_| name == format!("mail:{}", person.name))
        {
            return mail::send(server, &person.mail, me, message);
        }
    }
    for hook in &alerts.webhooks {
        if name == format!("webhook:{}", hook.name) {
            return webhook::send(hook, me, message, clock::now());
        }
    }
    let why = "the policy names nobody of this name".to_owned();
    Err(TellError::Unusable {
        what: name.to_owned(),
        why,
    })
}
