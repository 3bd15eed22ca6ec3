//! Who sends, each a source of its own: what it said since its last pulse, and where its numbers are.
//!
//! There are at most so many as policy says, each in a slot whose memory is a cursor: it is durable together
//! with the lines that it tells of. The rest share one source. A sender that was not heard for
//! [`FORGOTTEN`] makes room for another.

use std::{collections::BTreeMap, net::IpAddr};

use cordon_model::{Cursor, Fact, Level, LogLine, Sensed, SourceName, Span, Time, Watched};
use serde::{Deserialize, Serialize};

use crate::{
    decode::Heard,
    lines::kept,
    sequence::{Sequence, Step},
    shapes::Shapes,
};

/// How long a sender is known that says nothing.
const FORGOTTEN: Span = Span::days(7);

/// Most sequences that one sender is remembered by; of more, the oldest is forgotten.
const MAX_SEQUENCES: usize = 64;

/// What the senders are called that there was no room for. No sender can be called so.
const OTHERS: &str = "(others)";

/// What cursors of senders begin with; the listener and the slot follow.
pub(crate) const PREFIX: &str = "sender:";

/// The senders of one listener.
#[derive(Debug)]
pub(crate) struct Senders {
    listener: SourceName,
    pub(crate) limit: usize,
    slots: BTreeMap<String, Sender>,
    others: Sender,
}

/// One sender.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) source: SourceName,
    slot: u32,
    memory: Memory,
    pub(crate) since: Since,
}

/// What outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memory {
    sender: String,
    /// When it was last heard.
    heard: Time,
    sequences: BTreeMap<String, Sequence>,
}

/// What happened since the last pulse, or the last vitals.
#[derive(Debug, Default)]
pub(crate) struct Since {
    pub(crate) seen: u64,
    pub(crate) errors: u64,
    pub(crate) cut: u64,
    /// Of the vitals.
    lines: u64,
    unparsed: u64,
    skew_secs: Option<i64>,
    shapes: Shapes,
    pub(crate) pulsed: bool,
}

/// What policy says of how lines are to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'p> {
    pub(crate) errors: &'p [String],
    pub(crate) numbered: bool,
}

impl Senders {
    pub(crate) fn new(
        listener: &SourceName,
        limit: u32,
        cursors: &BTreeMap<String, Cursor>,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut senders = Self {
            listener: listener.clone(),
            limit,
            slots: BTreeMap::new(),
            others: Sender::new(listener, u32::MAX, OTHERS),
        };
        let prefix = format!("{PREFIX}{listener}/");
        for (name, cursor) in cursors {
            let slot = name
                .strip_prefix(&prefix)
                .and_then(|slot| slot.parse().ok()); // ok: because it is another's
            // ok: because what an older Cordon wrote is learned anew
            let memory = postcard::from_bytes::<Memory>(&cursor.0).ok();
            if let (Some(slot), Some(memory)) = (slot, memory)
                && slot != u32::MAX
            {
                let mut sender = Sender::new(listener, slot, &memory.sender);
                sender.memory = memory;
                senders.slots.insert(sender.memory.sender.clone(), sender);
            }
        }
        senders
    }

    /// The sender of that name, or that of all others.
    pub(crate) fn of(&mut self, name: &str, at: Time) -> &mut Sender {
        if !self.slots.contains_key(name) {
            let Some(slot) = self.room(at) else {
                return &mut self.others;
            };
            let sender = Sender::new(&self.listener, slot, name);
            self.slots.insert(name.to_owned(), sender);
        }
        self.slots.get_mut(name).unwrap_or(&mut self.others)
    }

    /// A free slot: one never used, or that of who was forgotten.
    fn room(&mut self, at: Time) -> Option<u32> {
        if self.slots.len() < self.limit {
            let used: std::collections::BTreeSet<u32> =
                self.slots.values().map(|one| one.slot).collect();
            return (0..u32::MAX).find(|slot| !used.contains(slot));
        }
        let oldest = self.slots.values().min_by_key(|one| one.memory.heard)?;
        if at.since(oldest.memory.heard) < FORGOTTEN {
            return None;
        }
        let (name, slot) = (oldest.memory.sender.clone(), oldest.slot);
        self.slots.remove(&name);
        Some(slot)
    }

    /// What is to be told when there are more than policy allows.
    pub(crate) fn overflow(&self) -> Option<String> {
        let others = self.others.memory.heard > Time::default();
        let limit = self.limit;
        others.then(|| {
            format!("there are more than {limit} senders: the others share the source {OTHERS}")
        })
    }

    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Sender> {
        let heard = self.others.memory.heard > Time::default();
        self.slots
            .values_mut()
            .chain(Some(&mut self.others).filter(|_| heard))
    }
}

impl Sender {
    fn new(listener: &SourceName, slot: u32, name: &str) -> Self {
        let source = format!("{listener}/{name}");
        Self {
            source: source.parse().unwrap_or_else(|_| listener.clone()), // both names were checked
            slot,
            memory: Memory {
                sender: name.to_owned(),
                ..Memory::default()
            },
            since: Since::default(),
        }
    }

    /// Takes a message in: what is to be told of it, and nothing if it came before.
    pub(crate) fn hear(
        &mut self,
        heard: &Heard<'_>,
        (peer, at, over): (IpAddr, Time, u64),
        rules: Rules<'_>,
        say: &mut dyn FnMut(Option<Time>, Fact),
    ) {
        match self.step(heard, peer, at, rules) {
            None => return,
            Some((_, 0)) => {}
            Some((from, lost)) => say(None, self.gap(from, at, lost)),
        }
        let bad = heard.is_error || cordon_logs::level(&heard.text, rules.errors) == Level::Error;
        let level = if bad { Level::Error } else { Level::Plain };
        self.memory.heard = at;
        self.since.seen += 1;
        self.since.errors += u64::from(bad);
        self.since.cut += over;
        self.since.lines += 1;
        self.since.unparsed += u64::from(!heard.parsed);
        self.since.shapes.add(&heard.text);
        if let Some(said) = heard.said {
            self.since.skew_secs = Some(skew(said, at));
        }
        let (source, text) = (self.source.clone(), kept(&heard.text, over));
        say(
            heard.said,
            Fact::Log(LogLine {
                source,
                text,
                level,
            }),
        );
    }

    /// How many are missing before this message, and since when; none if it was heard before.
    fn step(
        &mut self,
        heard: &Heard<'_>,
        peer: IpAddr,
        at: Time,
        rules: Rules<'_>,
    ) -> Option<(Time, u64)> {
        let Some(numbered) = &heard.number else {
            return Some((at, 0));
        };
        // By address too, so that nobody makes another's messages look lost or sent again.
        let channel = format!("{peer} {}", numbered.channel);
        let sequences = &mut self.memory.sequences;
        if !sequences.contains_key(&channel) && sequences.len() >= MAX_SEQUENCES {
            let oldest = sequences.iter().min_by_key(|(_, sequence)| sequence.at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                sequences.remove(&oldest);
            }
        }
        let sequence = sequences.entry(channel).or_default();
        let from = sequence.at;
        match sequence.step(numbered.number, numbered.order, heard.said, at) {
            Step::Again => None,
            Step::New { lost } => Some((from, if rules.numbered { lost } else { 0 })),
        }
    }

    /// Numbers that will not come any more.
    pub(crate) fn overdue(&mut self, at: Time, numbered: bool) -> Option<Fact> {
        let waiting = self
            .memory
            .sequences
            .values_mut()
            .filter(|sequence| sequence.waits());
        let mut from = at;
        let mut lost = 0;
        for sequence in waiting {
            let more = sequence.overdue(at);
            if more > 0 {
                from = from.min(sequence.at);
                lost += more;
            }
        }
        (lost > 0 && numbered).then(|| self.gap(from, at, lost))
    }

    fn gap(&self, from: Time, to: Time, lost: u64) -> Fact {
        let lost = Some(lost);
        Fact::Gap {
            of: self.of(),
            from,
            to,
            lost,
        }
    }

    /// Its count, and what of its lines was passed over.
    pub(crate) fn pulse(&mut self) -> Vec<(Option<Time>, Fact)> {
        let (of, at) = (self.of(), self.memory.heard);
        let (seen, errors, cut) = (self.since.seen, self.since.errors, self.since.cut);
        let gap = (cut > 0).then(|| (None, self.gap(at, at, cut)));
        (self.since.seen, self.since.errors, self.since.cut) = (0, 0, 0);
        self.since.pulsed = true;
        let said = Some(at).filter(|_| seen > 0);
        gap.into_iter()
            .chain([(said, Fact::Pulse { of, seen, errors })])
            .collect()
    }

    /// What its lines looked like, if there were any.
    pub(crate) fn vitals(&mut self) -> Option<Fact> {
        let Since {
            lines,
            unparsed,
            skew_secs,
            ..
        } = self.since;
        let shapes = self.since.shapes.estimate();
        if lines == 0 {
            return None;
        }
        (self.since.lines, self.since.unparsed, self.since.skew_secs) = (0, 0, None);
        self.since.shapes.clear();
        Some(Fact::Vitals {
            of: self.of(),
            lines,
            unparsed,
            skew_secs,
            shapes,
        })
    }

    /// Its memory under the name of its slot.
    pub(crate) fn cursor(&self, listener: &SourceName) -> Option<(String, Cursor)> {
        let bytes = postcard::to_stdvec(&self.memory).ok()?; // ok: because it is written with its next line
        let name = format!("{PREFIX}{listener}/{}", self.slot);
        (self.slot != u32::MAX).then_some((name, Cursor(bytes)))
    }

    fn of(&self) -> Watched {
        Watched::Source(self.source.clone())
    }
}

/// By how many seconds `said` is behind `at`; negative if ahead.
fn skew(said: Time, at: Time) -> i64 {
    let secs = |span: Span| i64::try_from(span.millis() / 1000).unwrap_or(i64::MAX);
    if said > at {
        -secs(said.since(at))
    } else {
        secs(at.since(said))
    }
}

/// A fact at this host.
pub(crate) fn sensed(me: &cordon_model::Host, (said, fact): (Option<Time>, Fact)) -> Sensed {
    Sensed {
        host: me.clone(),
        said,
        fact,
    }
}
