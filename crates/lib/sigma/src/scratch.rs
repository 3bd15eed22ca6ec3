//! What matching one event writes down, kept from event to event so that nothing is allocated.

use std::sync::Arc;

use crate::{program::Program, rule::LogSource};

/// Sets of sources whose route is remembered.
const MAX_ROUTES: usize = 64;

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            words: vec![0; length.div_ceil(64)],
        }
    }

    pub(crate) fn of(length: usize, members: impl Iterator<Item = bool>) -> Self {
        let mut bits = Self::new(length);
        for (index, member) in members.enumerate() {
            if member {
                bits.set(crate::engine::narrow(index));
            }
        }
        bits
    }

    /// Whether it was not there before.
    pub(crate) fn set(&mut self, index: u32) -> bool {
        let Some(word) = self.words.get_mut(index as usize / 64) else {
            return false;
        };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(crate) fn has(&self, index: u32) -> bool {
        self.words
            .get(index as usize / 64)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(crate) fn unset(&mut self, index: u32) {
        if let Some(word) = self.words.get_mut(index as usize / 64) {
            *word &= !(1 << (index % 64));
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, more)| *word |= more);
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    pub(crate) fn any(&self) -> bool {
        self.words.iter().any(|word| *word != 0)
    }

    fn fit(&mut self, length: usize) {
        self.words.resize(length.div_ceil(64), 0);
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }
}

/// Buffers of one thread. It may be used with several engines in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) groups: Bits,
    pub(crate) candidates: Vec<u32>,
    pub(crate) routes: Routes,
    is_candidate: Bits,
    hits: Bits,
    touched: Vec<u32>,
    decided: Bits,
    truth: Bits,
    learned: Vec<u32>,
    /// By field, one more than the place of its first link.
    first: Vec<u32>,
    links: Vec<Link>,
    linked: Vec<u32>,
    /// The engine that it is fitted to.
    engine: u64,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    value: u32,
    next: u32,
}

impl Scratch {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn begin(&mut self, engine: u64, program: &Program, rules: usize, groups: usize) {
        for rule in self.candidates.drain(..) {
            self.is_candidate.unset(rule);
        }
        for atom in self.touched.drain(..) {
            self.hits.unset(atom);
        }
        for atom in self.learned.drain(..) {
            self.decided.unset(atom);
            self.truth.unset(atom);
        }
        for field in self.linked.drain(..) {
            if let Some(first) = self.first.get_mut(field as usize) {
                *first = 0;
            }
        }
        self.links.clear();
        if self.engine != engine {
            self.engine = engine;
            self.routes = Routes::default();
            self.first.resize(program.fields.len(), 0);
            for atoms in [&mut self.hits, &mut self.decided, &mut self.truth] {
                atoms.fit(program.atoms.len());
            }
            self.is_candidate.fit(rules);
            self.groups.fit(groups);
        }
        self.groups.clear();
    }

    pub(crate) fn candidate(&mut self, rule: u32) {
        if self.is_candidate.set(rule) {
            self.candidates.push(rule);
        }
    }

    /// Whether it is the first hit of this atom.
    pub(crate) fn hit(&mut self, atom: u32) -> bool {
        let new = self.hits.set(atom);
        if new {
            self.touched.push(atom);
        }
        new
    }

    pub(crate) fn was_hit(&self, atom: u32) -> bool {
        self.hits.has(atom)
    }

    pub(crate) fn known(&self, atom: u32) -> Option<bool> {
        self.decided.has(atom).then(|| self.truth.has(atom))
    }

    pub(crate) fn learn(&mut self, atom: u32, holds: bool) {
        self.decided.set(atom);
        if holds {
            self.truth.set(atom);
        }
        self.learned.push(atom);
    }

    pub(crate) fn link(&mut self, field: u32, value: u32) {
        let Some(first) = self.first.get_mut(field as usize) else {
            return;
        };
        if *first == 0 {
            self.linked.push(field);
        }
        self.links.push(Link {
            value,
            next: *first,
        });
        *first = crate::engine::narrow(self.links.len());
    }

    /// The values of a field.
    pub(crate) fn values(&self, field: u32) -> impl Iterator<Item = usize> {
        let mut next = self.first.get(field as usize).copied().unwrap_or(0);
        std::iter::from_fn(move || {
            let link = self.links.get((next as usize).checked_sub(1)?)?;
            next = link.next;
            Some(link.value as usize)
        })
    }
}

static NONE: Bits = Bits { words: Vec::new() };

/// Routes of the sets of sources that were seen last.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: Vec<(Arc<Vec<LogSource>>, Bits)>,
}

impl Routes {
    pub(crate) fn of(
        &mut self,
        sources: &Arc<Vec<LogSource>>,
        of_one: impl Fn(&LogSource) -> Bits,
    ) -> &Bits {
        let place = self
            .known
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, sources));
        let place = place.unwrap_or_else(|| {
            if self.known.len() >= MAX_ROUTES {
                self.known.clear();
            }
            let mut all = of_one(&LogSource::default());
            sources.iter().for_each(|source| all.add(&of_one(source)));
            self.known.push((Arc::clone(sources), all));
            self.known.len() - 1
        });
        self.known.get(place).map_or(&NONE, |(_, bits)| bits)
    }
}
