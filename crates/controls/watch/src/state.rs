//! What watch remembers of one host.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{
    Amnesia, Blindness, ControlName, PairName, Planting, SetName, Span, Time, Watched,
};
use serde::{Deserialize, Serialize};

use crate::{book::Book, habit::Habit};

/// Errors are counted over the running quarter of an hour and the one before.
const WINDOW: Span = Span::minutes(15);

/// Memory of one host.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    pub(crate) entries: BTreeMap<Watched, Entry>,
    /// Probes that have not come back.
    pub(crate) waiting: Vec<Planting>,
    /// When a probe of a control last came back.
    pub(crate) proofs: BTreeMap<ControlName, Time>,
    /// Controls whose last probe did not.
    pub(crate) missed: BTreeSet<ControlName>,
    /// Sets whose last version was refused.
    pub(crate) refused: BTreeSet<SetName>,
    /// Until when the clock step is told.
    pub(crate) stepped_until: Option<Time>,
    /// Whether what policy owes has been entered.
    pub(crate) enrolled: bool,
    /// Nothing here changes by time alone before this.
    pub(crate) due: Option<Time>,
    /// What passed the first stage of each pair; in the memory of all hosts alone.
    pub(crate) books: BTreeMap<PairName, Book>,
}

/// An entry as version 1 wrote it: nothing was learned, and no loss was remembered.
#[derive(Deserialize)]
struct FirstEntry {
    since: Time,
    pulsed: Option<Time>,
    event: Option<Time>,
    share: Share,
    blind: Option<Blindness>,
    gap_until: Option<Time>,
    invented: bool,
    wrong: BTreeSet<Wrong>,
}

impl From<FirstEntry> for Entry {
    fn from(first: FirstEntry) -> Self {
        Self {
            since: first.since,
            pulsed: first.pulsed,
            event: first.event,
            share: first.share,
            blind: first.blind,
            gap_until: first.gap_until,
            invented: first.invented,
            wrong: first.wrong,
            habit: Habit::default(),
            missed: None,
        }
    }
}

/// Memory as version 1 wrote it: without books.
#[derive(Deserialize)]
struct First {
    entries: BTreeMap<Watched, FirstEntry>,
    waiting: Vec<Planting>,
    proofs: BTreeMap<ControlName, Time>,
    missed: BTreeSet<ControlName>,
    refused: BTreeSet<SetName>,
    stepped_until: Option<Time>,
    enrolled: bool,
    due: Option<Time>,
}

/// Version of the encoding of [`State`].
pub(crate) const VERSION: u32 = 2;

/// Reads what an older version wrote.
pub(crate) fn migrate(from: u32, bytes: &[u8]) -> Result<State, Amnesia> {
    if from != 1 {
        let reason = format!("expected version 1 or {VERSION} of its memory, got {from}");
        return Err(Amnesia { reason });
    }
    let first: First = postcard::from_bytes(bytes).map_err(|error| Amnesia {
        reason: error.to_string(),
    })?;
    let entries = first.entries.into_iter();
    Ok(State {
        entries: entries.map(|(of, entry)| (of, entry.into())).collect(),
        waiting: first.waiting,
        proofs: first.proofs,
        missed: first.missed,
        refused: first.refused,
        stepped_until: first.stepped_until,
        enrolled: first.enrolled,
        due: first.due,
        books: BTreeMap::new(),
    })
}

/// One thing that owes a sign of life.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Since when it owes one.
    pub(crate) since: Time,
    /// Its last pulse.
    pub(crate) pulsed: Option<Time>,
    /// The last thing that it saw; for a feed, the date that it bears.
    pub(crate) event: Option<Time>,
    pub(crate) share: Share,
    pub(crate) blind: Option<Blindness>,
    /// Until when its gap is told.
    pub(crate) gap_until: Option<Time>,
    /// Set for the invented control of our own probe.
    pub(crate) invented: bool,
    /// What is wrong with it, and told.
    pub(crate) wrong: BTreeSet<Wrong>,
    /// When it speaks, as far as that was learned.
    pub(crate) habit: Habit,
    /// When it last missed something, and how much, if that is known.
    pub(crate) missed: Option<(Time, Option<u64>)>,
}

/// A lasting condition of one entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Wrong {
    Silent,
    Sick,
    Empty,
    Stale,
    Odd,
    Clock,
    Zone,
}

/// Errors among things seen, in two windows, so that old sins are forgotten.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Share {
    from: Time,
    now: (u64, u64),
    before: (u64, u64),
}

impl Entry {
    pub(crate) fn new(since: Time) -> Self {
        Self {
            since,
            pulsed: None,
            event: None,
            share: Share::default(),
            blind: None,
            gap_until: None,
            invented: false,
            wrong: BTreeSet::new(),
            habit: Habit::default(),
            missed: None,
        }
    }

    /// When it last gave the sign that it owes.
    pub(crate) fn last(&self, watched: &Watched) -> Time {
        let last = match watched {
            Watched::Source(_) => self.event,
            _ => self.pulsed,
        };
        last.unwrap_or(self.since)
    }
}

impl Share {
    pub(crate) fn add(&mut self, at: Time, seen: u64, errors: u64) {
        let age = at.since(self.from);
        if age >= WINDOW {
            let stale = age.millis() >= 2 * WINDOW.millis();
            self.before = if stale { (0, 0) } else { self.now };
            self.now = (0, 0);
            self.from = at;
        }
        self.now = (
            self.now.0.saturating_add(seen),
            self.now.1.saturating_add(errors),
        );
    }

    /// Things seen, and errors among them.
    pub(crate) const fn totals(&self) -> (u64, u64) {
        (
            self.now.0.saturating_add(self.before.0),
            self.now.1.saturating_add(self.before.1),
        )
    }

    pub(crate) fn shift(&mut self, span: Span) {
        self.from = self.from + span;
    }
}
