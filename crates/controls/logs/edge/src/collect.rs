//! From the listeners' spool to facts: in order, as far as the hub keeps up.
//!
//! Facts go out in batches that the hub takes in as one, each with the place after it in the spool and the
//! memory of the senders that it told of: a restart goes on behind the last batch that was made durable,
//! and none is judged twice. What is not durable yet is bounded by [`WINDOW_BYTES`]: a hub that cannot write
//! any more is not handed more, and the spool fills behind it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::SocketAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use cordon_logs::{Listen, Logs};
use cordon_model::{
    Blindness, Cursor, Fact, Host, Level, LogLine, Sensed, SourceName, Span, Text, Time, Watched,
};

use crate::{
    decode::decode,
    listen::{Listener, now},
    senders::{Rules, Senders, sensed},
    spool::{Position, Reader, Seen, Spool, SpoolError},
};

/// The name of the spool among the cursors.
pub const SPOOL: &str = "spool";

/// Most messages of one batch, and about how many bytes of them.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// Most bytes of messages that were handed out and are not durable yet.
const WINDOW_BYTES: usize = 8 << 20;

/// Between two signs of life of a sender or a listener that has nothing new.
const QUIET: Span = Span::secs(30);

/// Between two vitals of a sender.
const VITALS: Span = Span::minutes(1);

/// Facts that belong together, and the places to go on from after them.
#[derive(Debug, Default)]
pub struct Batch {
    /// What was seen.
    pub sensed: Vec<Sensed>,
    /// By the names of their sensors.
    pub cursors: BTreeMap<String, Cursor>,
}

/// Who takes a batch.
pub type Taker<'t> = &'t mut dyn FnMut(Batch) -> ControlFlow<()>;

/// Everything that listens on this host.
#[derive(Debug)]
pub struct Collector {
    me: Host,
    spool: Spool,
    reader: Reader,
    listeners: BTreeMap<SourceName, Listener>,
    senders: BTreeMap<SourceName, Senders>,
    cursors: BTreeMap<String, Cursor>,
    /// What was handed out and is not durable: the last record of each batch, and its bytes.
    under_way: VecDeque<(u64, usize)>,
    /// Why listeners cannot look, as it was told.
    blind: BTreeMap<SourceName, String>,
    told: Told,
}

/// When things were told last.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    health: Time,
    quiet: Time,
    vitals: Time,
}

impl Collector {
    /// Goes on from `cursors`, with the spool in the folder `dir`.
    pub fn open(
        me: &Host,
        dir: &Path,
        cursors: &BTreeMap<String, Cursor>,
    ) -> Result<Self, Blindness> {
        let durable = cursors
            .get(SPOOL)
            .and_then(Position::read)
            .unwrap_or_default(); // default: because nothing is durable yet
        let opened = Spool::open(dir, cordon_logs::SPOOL_BYTES, durable);
        let (spool, reader) = opened.map_err(|error| Blindness {
            why: Text::new(&error.to_string()),
            mend: Some(Text::new("df -h")),
        })?;
        let cursors = cursors
            .iter()
            .filter(|(name, _)| name.starts_with(crate::senders::PREFIX));
        let start = now();
        Ok(Self {
            me: me.clone(),
            spool,
            reader,
            listeners: BTreeMap::new(),
            senders: BTreeMap::new(),
            cursors: cursors
                .map(|(name, cursor)| (name.clone(), cursor.clone()))
                .collect(),
            under_way: VecDeque::new(),
            blind: BTreeMap::new(),
            told: Told {
                health: start,
                quiet: Time::default(),
                vitals: start,
            },
        })
    }

    /// Listens where `logs` says: what changed begins anew, and what could not be had is tried again.
    ///
    /// `place` says where a file of the policy is.
    pub fn listen(&mut self, logs: &Logs, place: &dyn Fn(&str) -> PathBuf) {
        self.spool.limit(logs.spool_bytes());
        let wanted: BTreeSet<&SourceName> =
            logs.listens().iter().map(|listen| &listen.name).collect();
        self.listeners.retain(|name, _| wanted.contains(name));
        self.blind.retain(|name, _| wanted.contains(name));
        for listen in logs.listens() {
            let listen = &placed(listen, place);
            let name = &listen.name;
            let limit = usize::try_from(listen.max_senders).unwrap_or(usize::MAX);
            let cursors = &self.cursors;
            let senders = self.senders.entry(name.clone());
            senders
                .or_insert_with(|| Senders::new(name, listen.max_senders, cursors))
                .limit = limit;
            if let Some(listener) = self.listeners.get_mut(name)
                && listener.becomes(listen)
            {
                listener.retry(&self.spool);
                continue;
            }
            self.listeners.remove(name); // its sockets must be free before the next takes them
            self.listeners
                .insert(name.clone(), Listener::new(listen, &self.spool));
        }
    }

    /// How many places are listened at.
    pub fn listening(&self) -> usize {
        self.addresses().len()
    }

    /// Where is listened, by the names of the listeners.
    pub fn addresses(&self) -> Vec<(SourceName, SocketAddr)> {
        let all = self.listeners.iter();
        all.flat_map(|(name, listener)| listener.addresses().map(|at| (name.clone(), at)))
            .collect()
    }

    /// The hub made this place durable.
    pub fn durable(&mut self, cursor: &Cursor) {
        let Some(position) = Position::read(cursor) else {
            return;
        };
        self.under_way.retain(|(seq, _)| *seq > position.seq);
        self.spool.free(position);
    }

    /// Hands out what is new, and what is to be said of the listeners themselves.
    pub fn collect(&mut self, out: Taker<'_>) -> ControlFlow<()> {
        let at = now();
        let read = match self.spool.sync_all() {
            Ok(()) => self.drain(out)?,
            Err(error) => Err(error.to_string()),
        };
        let mut batch = Batch::default();
        self.late(at, &mut batch);
        self.health(at, read.err(), &mut batch);
        self.signs(at, &mut batch);
        if batch.sensed.is_empty() && batch.cursors.is_empty() {
            return ControlFlow::Continue(());
        }
        out(batch)
    }

    fn drain(&mut self, out: Taker<'_>) -> ControlFlow<(), Result<(), String>> {
        loop {
            let waiting: usize = self.under_way.iter().map(|(_, bytes)| bytes).sum();
            if waiting >= WINDOW_BYTES {
                return ControlFlow::Continue(Ok(()));
            }
            let read = self.batch();
            match read {
                Ok(None) => return ControlFlow::Continue(Ok(())),
                Ok(Some((batch, bytes))) => {
                    self.under_way
                        .push_back((self.reader.position().seq, bytes));
                    out(batch)?;
                }
                Err(error) => return ControlFlow::Continue(Err(error.to_string())),
            }
        }
    }

    /// The next messages; none where there are none.
    fn batch(&mut self) -> io::Result<Option<(Batch, usize)>> {
        let (mut batch, mut bytes, mut count) = (Batch::default(), 0, 0);
        let mut touched = BTreeSet::new();
        while count < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let me = &self.me;
            let mut say = |said, fact| batch.sensed.push(sensed(me, (said, fact)));
            let record = match self.reader.next()? {
                Seen::End => break,
                Seen::Skipped { lost } => {
                    count += 1;
                    let at = now();
                    // Whose they were cannot be read any more.
                    for name in self.listeners.keys() {
                        let of = Watched::Source(name.clone());
                        say(
                            None,
                            Fact::Gap {
                                of,
                                from: at,
                                to: at,
                                lost,
                            },
                        );
                    }
                    continue;
                }
                Seen::Record(record) => record,
            };
            count += 1;
            bytes += record.content.len();
            // default: because only names of listeners are spooled
            let name: SourceName = record.listener.parse().unwrap_or("spool".into());
            let policy = self.listeners.get(&name).map(|listener| &listener.policy);
            let limit = policy.map_or(u32::MAX, |policy| policy.max_senders);
            let cursors = &self.cursors;
            let senders = self.senders.entry(name.clone());
            let senders = senders.or_insert_with(|| Senders::new(&name, limit, cursors));
            let heard = decode(&record);
            let sender = senders.of(&heard.sender, record.at);
            sender.hear(
                &heard,
                (record.peer, record.at, record.over),
                rules(policy),
                &mut say,
            );
            touched.insert((name, heard.sender));
        }
        if count == 0 {
            return Ok(None);
        }
        for (listener, sender) in touched {
            let Some(senders) = self.senders.get_mut(&listener) else {
                continue;
            };
            let sender = senders.of(&sender, Time::default());
            if sender.since.seen > 0 {
                batch.sensed.extend(
                    sender
                        .pulse()
                        .into_iter()
                        .map(|told| sensed(&self.me, told)),
                );
            }
            batch.cursors.extend(sender.cursor(&listener));
        }
        batch
            .cursors
            .insert(SPOOL.to_owned(), self.reader.position().cursor());
        Ok(Some((batch, bytes)))
    }

    /// Numbers that were waited for and did not come.
    fn late(&mut self, at: Time, batch: &mut Batch) {
        for (name, senders) in &mut self.senders {
            let numbered = self
                .listeners
                .get(name)
                .is_none_or(|listener| listener.policy.numbered);
            for sender in senders.all() {
                if let Some(gap) = sender.overdue(at, numbered) {
                    batch.sensed.push(sensed(&self.me, (None, gap)));
                    batch.cursors.extend(sender.cursor(name));
                }
            }
        }
    }

    /// What listeners dropped, and why they cannot look.
    fn health(&mut self, at: Time, unread: Option<String>, batch: &mut Batch) {
        let since = std::mem::replace(&mut self.told.health, at);
        let spool = unread.or_else(|| self.spool.trouble());
        for (name, listener) in &self.listeners {
            let of = || Watched::Source(name.clone());
            let mut say = |fact| batch.sensed.push(sensed(&self.me, (None, fact)));
            let noted = listener.notes.take();
            if noted.dropped > 0 {
                let lost = Some(noted.dropped);
                say(Fact::Gap {
                    of: of(),
                    from: since,
                    to: at,
                    lost,
                });
            }
            for text in noted.complaints {
                let source = name.clone();
                say(Fact::Log(LogLine {
                    source,
                    text,
                    level: Level::Error,
                }));
            }
            let refused = (noted.refused > 0)
                .then(|| "there are too many connections: more are refused".to_owned());
            let many = self.senders.get(name).and_then(Senders::overflow);
            let why = listener
                .trouble
                .clone()
                .or_else(|| spool.clone())
                .or(refused)
                .or(many);
            let known = self.blind.get(name);
            let again = at.since(self.told.quiet) >= QUIET;
            if let Some(why) = why {
                if known != Some(&why) || again {
                    let mend = (spool.as_ref() == Some(&why)).then(|| Text::new("df -h"));
                    let why = Text::new(&why);
                    let why = Blindness { why, mend };
                    say(Fact::Blind { of: of(), why });
                }
                self.blind.insert(name.clone(), why);
            } else if self.blind.remove(name).is_some() || noted.bad > 0 || again {
                let (seen, errors) = (noted.bad, noted.bad);
                let of = of();
                say(Fact::Pulse { of, seen, errors });
            }
        }
    }

    /// Signs of life of who is quiet, and vitals of who is not.
    fn signs(&mut self, at: Time, batch: &mut Batch) {
        let quiet = at.since(self.told.quiet) >= QUIET;
        let vitals = at.since(self.told.vitals) >= VITALS;
        for (name, senders) in &mut self.senders {
            if !self.listeners.contains_key(name) {
                continue;
            }
            for sender in senders.all() {
                if quiet && !std::mem::take(&mut sender.since.pulsed) {
                    batch.sensed.extend(
                        sender
                            .pulse()
                            .into_iter()
                            .map(|told| sensed(&self.me, told)),
                    );
                    sender.since.pulsed = false;
                }
                if vitals && let Some(fact) = sender.vitals() {
                    batch.sensed.push(sensed(&self.me, (None, fact)));
                }
            }
        }
        if quiet {
            self.told.quiet = at;
        }
        if vitals {
            self.told.vitals = at;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.spool.close();
        // An error here is one at the next start: what is not synced was not acknowledged.
        drop::<Result<(), SpoolError>>(self.spool.sync_all());
    }
}

/// With its files where they are.
fn placed(listen: &Listen, place: &dyn Fn(&str) -> PathBuf) -> Listen {
    let mut listen = listen.clone();
    for file in [
        &mut listen.certificate,
        &mut listen.key,
        &mut listen.clients,
    ] {
        *file = file
            .as_deref()
            .map(|file| place(file).display().to_string());
    }
    listen
}

fn rules(policy: Option<&Listen>) -> Rules<'_> {
    Rules {
        errors: policy.map_or(&[], |policy| &policy.errors),
        numbered: policy.is_none_or(|policy| policy.numbered),
    }
}
