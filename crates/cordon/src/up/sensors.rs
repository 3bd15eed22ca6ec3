//! Everything that looks at this host, in one thread or one privileged process. It reads and reports;
//! it decides nothing, and it listens to nobody but its own end of a pipe.

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel},
    thread,
    time::{Duration, Instant, SystemTime},
};

use cordon_logs::Logs;
use cordon_logs_edge::{Batch, Collector, Journal, Parser, SPOOL, Tail, syslog::Zone};
use cordon_model::{
    Blindness, Control, ControlName, Cursor, End, Fact, Host, Policy, Prove, Sense, Sensed,
    SourceName, Text, Watched, Withdrawn,
};
use cordon_patch::Feed;
use cordon_patch_edge::{Dpkg, LISTS, STATUS, security_indexes};
use cordon_watch::{Canary, Watch};
use cordon_watch_edge::send_canary;

use super::{
    frames::{Send, Word},
    gather::Gather,
};
use crate::{
    check::{below, read_policy},
    clock,
    probes::{nonce, plantable},
};

/// How often logs are looked at.
const POLL: Duration = Duration::from_secs(1);

/// Polls between two signs of life of what has nothing new.
const QUIET: u64 = 30;

/// Polls between two looks at journals: each opens all files of the journal.
const JOURNALS: u64 = 5;

/// Polls between two looks at packages.
const PACKAGES: u64 = 60;

/// Polls between two words on what the lines of a source looked like.
const VITALS: u64 = 60;

/// Polls between two plantings of every probe.
const PROBES: u64 = 300;

/// Polls between two looks at the policy.
const POLICY: u64 = 5;

/// What the planting of probes is called among the watched.
const PLANTING: &str = "probes";

/// The name of dpkg's place among the cursors; a source's is `source:NAME`.
const DPKG: &str = "dpkg";

/// What to look at.
#[derive(Debug, Clone)]
pub struct Sensors {
    /// The name of this host.
    pub me: Host,
    /// The root of the system.
    pub root: PathBuf,
    /// A policy that a person named.
    pub policy: Option<PathBuf>,
    /// The folder of what listeners received.
    pub spool: PathBuf,
}

/// What the sensors are told while they look.
#[derive(Debug)]
pub enum Note {
    /// To end.
    Stop,
    /// That these places are durable.
    Durable(BTreeMap<String, Cursor>),
}

struct Running<'s> {
    sensors: &'s Sensors,
    cursors: BTreeMap<String, Cursor>,
    tails: BTreeMap<SourceName, Tail>,
    journals: BTreeMap<SourceName, Journal>,
    /// Sources that cannot be read, and why: told when it changes, and now and then.
    blind: BTreeMap<SourceName, Blindness>,
    policy_written: Option<SystemTime>,
    canary: Option<Canary>,
    /// What the canary that is under way will say, and when the last was sent.
    flying: Option<Receiver<Vec<Sensed>>>,
    sent: Option<Instant>,
    /// The policy that is followed.
    logs: Option<Logs>,
    /// What listens; none while policy names nothing that does.
    collector: Option<Collector>,
    /// What makes named fields of lines, by source.
    parsers: BTreeMap<SourceName, Parser>,
}

impl Sensors {
    /// Looks until `stop` says so, or nobody listens any more.
    pub fn run(&self, cursors: BTreeMap<String, Cursor>, notes: &Receiver<Note>, send: Send<'_>) {
        let (tails, blind) = (BTreeMap::new(), BTreeMap::new());
        let mut running = Running {
            sensors: self,
            cursors,
            tails,
            journals: BTreeMap::new(),
            blind,
            policy_written: None,
            canary: None,
            flying: None,
            sent: None,
            logs: None,
            collector: None,
            parsers: BTreeMap::new(),
        };
        for poll in 0.. {
            if running.look(poll, send).is_break() || running.rest(notes, send).is_break() {
                return;
            }
        }
    }
}

impl Running<'_> {
    /// Until the next look; meanwhile goes on with what listeners received, as room is made for it.
    fn rest(&mut self, notes: &Receiver<Note>, send: Send<'_>) -> ControlFlow<()> {
        let until = Instant::now() + POLL;
        loop {
            match notes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
                Ok(Note::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    return ControlFlow::Break(());
                }
                Ok(Note::Durable(cursors)) => {
                    if let (Some(collector), Some(cursor)) =
                        (&mut self.collector, cursors.get(SPOOL))
                    {
                        collector.durable(cursor);
                        self.cursors.extend(cursors);
                        self.collect(send)?;
                    }
                }
            }
        }
    }

    fn look(&mut self, poll: u64, send: Send<'_>) -> ControlFlow<()> {
        if poll.is_multiple_of(POLICY) {
            self.name_sources();
            self.listen(poll, send)?;
        }
        self.logs(poll, send)?;
        self.canary(send)?;
        self.collect(send)?;
        if poll.is_multiple_of(JOURNALS) {
            self.journals(poll, send)?;
        }
        if poll.is_multiple_of(PACKAGES) {
            self.packages(send)?;
        }
        if poll.is_multiple_of(QUIET) {
            let me = self.sensors.me.clone();
            let key = Text::new(&me.as_str().to_ascii_lowercase());
            self.pulse(Watched::Agent(me), 1, send)?;
            let stage = cordon_watch::AGENT.into();
            self.says(Fact::Passed { stage, key }, send)?;
            let listening = self.collector.as_ref().map_or(0, Collector::listening);
            let reading = self.tails.len() + self.journals.len() + listening;
            if reading > 0 {
                let of = Watched::Control(ControlName::from(cordon_logs::SPEC.name));
                self.pulse(of, reading, send)?;
            }
        }
        if poll.is_multiple_of(PROBES) {
            self.prove(send)?;
        }
        if poll == 0 {
            send(Word::LookedAtAll)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Follows the sources that the policy names now. A policy that is refused changes nothing here;
    /// the hub tells.
    fn name_sources(&mut self) {
        let Sensors {
            me, root, policy, ..
        } = self.sensors;
        let path = policy
            .clone()
            .unwrap_or_else(|| below(root, crate::check::POLICY));
        let zone = Zone::here(); // again each time, for summer begins and ends
        for tail in self.tails.values_mut() {
            tail.zone = zone;
        }
        // ok: because a policy that is not there is the built-in one, and a change of that is a change
        let written = fs::metadata(path).and_then(|about| about.modified()).ok();
        if written == self.policy_written && !self.tails.is_empty() {
            return;
        }
        self.policy_written = written;
        let Ok((text, _)) = read_policy(policy.as_deref(), root) else {
            return;
        };
        let policy = Policy::new(&text, 1);
        let (Ok(logs), Ok(watch)) = (Logs::new(&policy), Watch::new(&policy)) else {
            return;
        };
        self.canary = watch.canary().cloned();
        let mut tails = BTreeMap::new();
        for (name, source) in logs.sources() {
            let Some(path) = &source.path else { continue };
            let known = self.tails.remove(name);
            let mut tail = known.unwrap_or_else(|| {
                let (host, source, path) = (me.clone(), name.clone(), below(root, path));
                let mut tail = Tail::new(host, source, path, Vec::new());
                if let Some(place) = self.cursors.get(&format!("source:{name}")) {
                    tail.resume(place.clone());
                }
                tail
            });
            tail.errors.clone_from(&source.errors);
            tail.zone = zone;
            tails.insert(name.clone(), tail);
        }
        self.tails = tails;
        let mut journals = BTreeMap::new();
        for journal in logs.journals() {
            let name = &journal.name;
            let known = self.journals.remove(name);
            let mut reader = known.unwrap_or_else(|| {
                let mut reader = Journal::new(me.clone(), name.clone(), None);
                if let Some(place) = self.cursors.get(&format!("journal:{name}")) {
                    reader.resume(place);
                }
                reader
            });
            reader.directory = journal.directory.as_deref().map(|path| below(root, path));
            reader.unit.clone_from(&journal.unit);
            reader.errors.clone_from(&journal.errors);
            journals.insert(name.clone(), reader);
        }
        self.journals = journals;
        self.logs = Some(logs);
    }

    /// Whether there is anything that a line could come from.
    fn reads(&self) -> bool {
        !self.tails.is_empty() || !self.journals.is_empty() || self.collector.is_some()
    }

    fn journals(&mut self, poll: u64, send: Send<'_>) -> ControlFlow<()> {
        let mut journals = std::mem::take(&mut self.journals);
        for (name, journal) in &mut journals {
            let mut flow = ControlFlow::Continue(());
            let parser = self.parsers.entry(name.clone()).or_default();
            let me = self.sensors.me.clone();
            let gather = Gather::of(format!("journal:{name}"));
            let mut gather = gather.parsed(parser, me, name.clone());
            let end = journal.sense(None, &mut |sensed, cursor| {
                let quiet = matches!(sensed.fact, Fact::Pulse { seen: 0, .. });
                if quiet && !poll.is_multiple_of(QUIET) {
                    return ControlFlow::Continue(());
                }
                flow = gather.take(sensed, cursor, send);
                flow
            });
            flow?;
            gather.flush(send)?;
            self.ended(name, end, poll, send)?;
        }
        self.journals = journals;
        ControlFlow::Continue(())
    }

    /// Tells of a source that cannot be read: when that begins or changes, and now and then.
    fn ended(&mut self, name: &SourceName, end: End, poll: u64, send: Send<'_>) -> ControlFlow<()> {
        match end {
            End::Finished { .. } | End::Stopped => drop(self.blind.remove(name)),
            End::Blind { why } => {
                let known = self.blind.insert(name.clone(), why.clone());
                if known.as_ref() != Some(&why) || poll.is_multiple_of(PACKAGES) {
                    let of = Watched::Source(name.clone());
                    blind(&self.sensors.me, of, why, send)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Listens where the policy says now.
    fn listen(&mut self, poll: u64, send: Send<'_>) -> ControlFlow<()> {
        let Sensors {
            me, root, spool, ..
        } = self.sensors;
        let Some(logs) = &self.logs else {
            return ControlFlow::Continue(());
        };
        if logs.listens().is_empty() && self.collector.is_none() {
            return ControlFlow::Continue(());
        }
        if self.collector.is_none() {
            match Collector::open(me, spool, &self.cursors) {
                Ok(collector) => self.collector = Some(collector),
                Err(why) if poll.is_multiple_of(QUIET) => {
                    for listen in logs.listens() {
                        let of = Watched::Source(listen.name.clone());
                        blind(me, of, why.clone(), send)?;
                    }
                }
                Err(_) => {} // because it was told, and is told again
            }
        }
        if let Some(collector) = &mut self.collector {
            collector.listen(logs, &|file| below(root, file));
        }
        ControlFlow::Continue(())
    }

    fn collect(&mut self, send: Send<'_>) -> ControlFlow<()> {
        let Some(collector) = &mut self.collector else {
            return ControlFlow::Continue(());
        };
        let parsers = &mut self.parsers;
        collector.collect(&mut |Batch {
                                    mut sensed,
                                    cursors,
                                }| {
            parse(parsers, &mut sensed);
            send(Word::Together { sensed, cursors })
        })
    }

    fn logs(&mut self, poll: u64, send: Send<'_>) -> ControlFlow<()> {
        let mut tails = std::mem::take(&mut self.tails);
        for (name, tail) in &mut tails {
            let mut flow = ControlFlow::Continue(());
            let parser = self.parsers.entry(name.clone()).or_default();
            let me = self.sensors.me.clone();
            let gather = Gather::of(format!("source:{name}"));
            let mut gather = gather.parsed(parser, me, name.clone());
            let end = tail.poll(&mut |sensed, cursor| {
                let quiet = matches!(sensed.fact, Fact::Pulse { seen: 0, .. });
                if quiet && !poll.is_multiple_of(QUIET) {
                    return ControlFlow::Continue(());
                }
                flow = gather.take(sensed, cursor, send);
                flow
            });
            flow?;
            gather.flush(send)?;
            if poll.is_multiple_of(VITALS)
                && let Some(sensed) = tail.vitals()
            {
                send(Word::Sensed {
                    sensed,
                    cursor: None,
                })?;
            }
            self.ended(name, end, poll, send)?;
        }
        self.tails = tails;
        ControlFlow::Continue(())
    }

    /// Sends the canary when it is time, in a thread of its own: a mail server that hangs must not keep us
    /// from looking.
    fn canary(&mut self, send: Send<'_>) -> ControlFlow<()> {
        let said = self.flying.as_ref().map(Receiver::try_recv);
        match said {
            Some(Err(TryRecvError::Empty)) => return ControlFlow::Continue(()),
            Some(Ok(all)) => {
                self.flying = None;
                for sensed in all {
                    send(Word::Sensed {
                        sensed,
                        cursor: None,
                    })?;
                }
            }
            Some(Err(TryRecvError::Disconnected)) => self.flying = None,
            None => {}
        }
        let Some(canary) = self.canary.clone() else {
            return ControlFlow::Continue(());
        };
        let every = Duration::from_millis(canary.every.millis());
        if self.sent.is_some_and(|sent| sent.elapsed() < every) {
            return ControlFlow::Continue(());
        }
        self.sent = Some(Instant::now());
        let (me, (say, flying)) = (self.sensors.me.clone(), channel());
        let fly = move || {
            let said = match nonce() {
                Ok(nonce) => send_canary(&canary, &me, &nonce),
                Err(why) => vec![Sensed {
                    host: me,
                    said: None,
                    fact: Fact::Blind {
                        of: Watched::Channel("canary".into()),
                        why,
                    },
                }],
            };
            drop(say.send(said)); // because nobody listens only when all of it ends
        };
        // A thread that cannot be started is tried again; the channel then falls silent.
        if thread::Builder::new()
            .name("canary".into())
            .spawn(fly)
            .is_ok()
        {
            self.flying = Some(flying);
        }
        ControlFlow::Continue(())
    }

    fn packages(&mut self, send: Send<'_>) -> ControlFlow<()> {
        let Sensors { me, root, .. } = self.sensors;
        let mut dpkg = Dpkg {
            host: me.clone(),
            path: below(root, STATUS),
        };
        let mut flow = ControlFlow::Continue(());
        let before = self.cursors.get(DPKG).cloned();
        let cursors = &mut self.cursors;
        let end = dpkg.sense(before.as_ref(), &mut |sensed, cursor| {
            let new = cursor.filter(|cursor| before.as_ref() != Some(cursor));
            if let Some(cursor) = &new {
                cursors.insert(DPKG.to_owned(), cursor.clone());
            }
            let cursor = new.map(|cursor| (DPKG.to_owned(), cursor));
            flow = send(Word::Sensed { sensed, cursor });
            flow
        });
        flow?;
        match end {
            End::Finished { .. } | End::Stopped => ControlFlow::Continue(()),
            End::Blind { why } => {
                let of = Watched::Control(ControlName::from(cordon_patch::SPEC.name));
                blind(me, of, why, send)
            }
        }
    }

    /// Plants each probe, looks for it through the sensors above, and takes it out again. What could not
    /// be planted or taken out is told: else a proof of yesterday would go on looking like one of today.
    fn prove(&mut self, send: Send<'_>) -> ControlFlow<()> {
        let feed = any_feed(&self.sensors.root);
        let mut trouble = None;
        let mut planted = 0;
        for mut probe in plantable(self.reads(), feed.as_ref()) {
            match self.prove_one(&mut *probe, send) {
                ControlFlow::Continue(Ok(())) => planted += 1,
                ControlFlow::Continue(Err(why)) => trouble = Some(why),
                ControlFlow::Break(()) => return ControlFlow::Break(()),
            }
        }
        let of = Watched::Channel(PLANTING.into());
        match trouble {
            Some(why) => blind(&self.sensors.me, of, why, send),
            None => self.pulse(of, planted, send),
        }
    }

    fn prove_one(
        &self,
        probe: &mut dyn Prove,
        send: Send<'_>,
    ) -> ControlFlow<(), Result<(), Blindness>> {
        let me = &self.sensors.me;
        let planting = match nonce().and_then(|nonce| probe.plant(&nonce, me, clock::now())) {
            Ok(planting) => planting,
            Err(why) => return ControlFlow::Continue(Err(why)),
        };
        let (host, fact) = (me.clone(), Fact::Planted(planting));
        let sensed = Sensed {
            host,
            said: None,
            fact,
        };
        send(Word::Sensed {
            sensed,
            cursor: None,
        })?;
        let mut flow = ControlFlow::Continue(());
        let end = probe.look(&mut |sensed| {
            if flow.is_continue() {
                flow = send(Word::Sensed {
                    sensed,
                    cursor: None,
                });
            }
        });
        match end {
            // Missed, if it ended badly: watch says so when the time is up.
            End::Finished { .. } | End::Stopped | End::Blind { .. } => {}
        }
        let withdrawn = probe.withdraw();
        flow?;
        ControlFlow::Continue(match withdrawn {
            Withdrawn::Clean => Ok(()),
            Withdrawn::Left { what } => Err(Blindness {
                why: what,
                mend: None,
            }),
        })
    }

    fn pulse(&self, of: Watched, seen: usize, send: Send<'_>) -> ControlFlow<()> {
        let seen = u64::try_from(seen).unwrap_or(u64::MAX);
        let errors = 0;
        self.says(Fact::Pulse { of, seen, errors }, send)
    }

    fn says(&self, fact: Fact, send: Send<'_>) -> ControlFlow<()> {
        let sensed = Sensed {
            host: self.sensors.me.clone(),
            said: None,
            fact,
        };
        send(Word::Sensed {
            sensed,
            cursor: None,
        })
    }
}

fn blind(me: &Host, of: Watched, why: Blindness, send: Send<'_>) -> ControlFlow<()> {
    let sensed = Sensed {
        host: me.clone(),
        said: None,
        fact: Fact::Blind { of, why },
    };
    send(Word::Sensed {
        sensed,
        cursor: None,
    })
}

/// Named fields beside the lines of what listeners received.
fn parse(parsers: &mut BTreeMap<SourceName, Parser>, sensed: &mut Vec<Sensed>) {
    let mut seen = BTreeMap::<SourceName, Host>::new();
    for one in &*sensed {
        if let Fact::Log(line) = &one.fact {
            let parser = parsers.entry(line.source.clone()).or_default();
            parser.push(line.text.as_str(), one.said);
            seen.insert(line.source.clone(), one.host.clone());
        }
    }
    for (source, host) in seen {
        if let Some(parser) = parsers.get_mut(&source) {
            sensed.extend(parser.drain(&host, &source));
        }
    }
}

/// Some feed of this host, for the invented host of the probe.
fn any_feed(root: &Path) -> Option<Feed> {
    let indexes = security_indexes(&below(root, LISTS)).ok()?; // ok: because the hub tells that there is none
    let index = indexes.into_iter().next()?;
    let set = index.load().ok()?; // ok: likewise
    Feed::new(index.name, &set).ok() // ok: likewise
}
