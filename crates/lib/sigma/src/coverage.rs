//! Which rules can fire here at all. A thousand rules that wait for a source which nobody collects
//! look like a thousand rules that found nothing; this is how they are told apart.

use crate::{
    engine::Engine,
    event::Event,
    program::Node,
    rule::{LogSource, Test},
    scratch::Bits,
};

/// What was seen so far: sources, and the fields of each. It belongs to the engine that made it.
#[derive(Debug, Clone)]
pub struct Coverage {
    seen: Bits,
    /// By group of rules, the fields that its events had.
    fields: Vec<Bits>,
    /// Fields and groups of the event that is looked at.
    here: Bits,
    groups: Bits,
    events: u64,
    unsourced: u64,
}

/// Whether a rule can fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanFire {
    /// All that it needs was seen.
    Yes,
    /// It cannot: no event of this source was seen.
    NoSource(LogSource),
    /// It cannot: no event of its source had these fields.
    NoField(Vec<String>),
    /// It cannot: these placeholders have no values.
    Unfilled(Vec<String>),
}

impl Coverage {
    /// Events that were seen.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events for whose source there is no rule.
    pub fn without_rules(&self) -> u64 {
        self.unsourced
    }

    /// What another thread saw, with an engine of the same rules.
    pub fn merge(&mut self, other: &Self) {
        self.seen.add(&other.seen);
        for (mine, more) in self.fields.iter_mut().zip(&other.fields) {
            mine.add(more);
        }
        self.events += other.events;
        self.unsourced += other.unsourced;
    }
}

impl Engine {
    /// Nothing seen yet.
    pub fn coverage(&self) -> Coverage {
        let fields = Bits::new(self.program.fields.len());
        Coverage {
            seen: Bits::new(self.groups.len()),
            here: fields.clone(),
            groups: Bits::new(self.groups.len()),
            fields: vec![fields; self.groups.len()],
            events: 0,
            unsourced: 0,
        }
    }

    /// Takes an event into account.
    pub fn saw(&self, event: &Event, coverage: &mut Coverage) {
        coverage.events += 1;
        coverage.groups.clear();
        for known in &event.known {
            if let Some(groups) = self.windows.get(usize::from(*known)) {
                coverage.groups.add(groups);
            }
        }
        if let Some(own) = event.own_sources() {
            for (group, asked) in self.groups.iter().enumerate() {
                if own.iter().any(|source| asked.holds_for(source)) {
                    coverage.groups.set(crate::engine::narrow(group));
                }
            }
        }
        if !coverage.groups.any() {
            coverage.unsourced += 1;
            return;
        }
        coverage.here.clear();
        for entry in &event.entries {
            let name = event.name(entry);
            if let Some(field) = self.program.fields.get_hashed(entry.hash, name.as_bytes()) {
                coverage.here.set(field);
            }
        }
        coverage.seen.add(&coverage.groups);
        for (group, fields) in coverage.fields.iter_mut().enumerate() {
            if coverage.groups.has(crate::engine::narrow(group)) {
                fields.add(&coverage.here);
            }
        }
    }

    /// Whether `rule` can fire on events like those that were seen. None: there is no such rule.
    pub fn can_fire(&self, rule: usize, coverage: &Coverage) -> Option<CanFire> {
        let known = self.rules().get(rule)?;
        let Some(root) = self.roots.get(rule).copied().flatten() else {
            return Some(CanFire::Unfilled(known.unfilled.clone()));
        };
        let group = self.rule_group.get(rule).copied()?;
        if !coverage.seen.has(group) {
            return Some(CanFire::NoSource(known.source.clone()));
        }
        let fields = coverage.fields.get(group as usize)?;
        if self.possible(root, fields).0 {
            return Some(CanFire::Yes);
        }
        let mut missing = Vec::new();
        self.missing(root, fields, &mut missing);
        missing.sort();
        missing.dedup();
        Some(CanFire::NoField(missing))
    }

    /// How many rules cannot fire on events like those that were seen: [`Engine::can_fire`] without the reasons.
    pub fn cannot_fire(&self, coverage: &Coverage) -> usize {
        let can = |rule: usize| {
            let root = self.roots.get(rule).copied().flatten()?;
            let group = self.rule_group.get(rule).copied()?;
            let fields = coverage.fields.get(group as usize)?;
            Some(coverage.seen.has(group) && self.possible(root, fields).0)
        };
        let all = 0..self.rules().len();
        all.filter(|rule| can(*rule) != Some(true)).count()
    }

    /// Whether a node can be true and can be false.
    fn possible(&self, node: u32, seen: &Bits) -> (bool, bool) {
        let children = |from: u32, to: u32| self.program.children(from, to).iter();
        match self.program.nodes.get(node as usize) {
            Some(Node::Atom(atom)) => self.atom_possible(*atom, seen),
            Some(Node::Not(inner)) => {
                let (yes, no) = self.possible(*inner, seen);
                (no, yes)
            }
            Some(Node::All(from, to)) => children(*from, *to)
                .map(|child| self.possible(*child, seen))
                .fold((true, false), |(yes, no), (can, cannot)| {
                    (yes && can, no || cannot)
                }),
            Some(Node::Any(from, to)) => children(*from, *to)
                .map(|child| self.possible(*child, seen))
                .fold((false, true), |(yes, no), (can, cannot)| {
                    (yes || can, no && cannot)
                }),
            Some(Node::AnyAtoms(from, to)) => children(*from, *to)
                .map(|atom| self.atom_possible(*atom, seen))
                .fold((false, true), |(yes, no), (can, cannot)| {
                    (yes || can, no && cannot)
                }),
            Some(Node::AtLeast(least, from, to)) => {
                let can = children(*from, *to)
                    .filter(|child| self.possible(**child, seen).0)
                    .count();
                let must = children(*from, *to)
                    .filter(|child| !self.possible(**child, seen).1)
                    .count();
                (can >= *least as usize, must < *least as usize)
            }
            None => (false, true),
        }
    }

    fn atom_possible(&self, atom: u32, seen: &Bits) -> (bool, bool) {
        let Some(atom) = self.program.atoms.get(atom as usize) else {
            return (false, true);
        };
        let there = atom.field.is_none_or(|field| seen.has(field))
            && atom.other.is_none_or(|field| seen.has(field));
        match &atom.test {
            _ if there => (true, true),
            Test::Null | Test::Exists(false) => (true, false),
            _ => (false, true),
        }
    }

    /// Fields that were not seen, of what cannot be true.
    fn missing(&self, node: u32, seen: &Bits, out: &mut Vec<String>) {
        if self.possible(node, seen).0 {
            return;
        }
        let mut of_atom = |atom: u32| {
            let atom = self.program.atoms.get(atom as usize);
            let fields = atom
                .into_iter()
                .flat_map(|atom| [atom.field, atom.other])
                .flatten();
            let unseen = fields.filter(|field| !seen.has(*field));
            out.extend(unseen.map(|field| self.program.fields.text(field).to_owned()));
        };
        match self.program.nodes.get(node as usize) {
            Some(Node::Atom(atom)) => of_atom(*atom),
            Some(Node::AnyAtoms(from, to)) => {
                self.program
                    .children(*from, *to)
                    .iter()
                    .for_each(|atom| of_atom(*atom));
            }
            Some(Node::All(from, to) | Node::Any(from, to) | Node::AtLeast(_, from, to)) => {
                for child in self.program.children(*from, *to) {
                    self.missing(*child, seen, out);
                }
            }
            Some(Node::Not(_)) | None => {}
        }
    }
}
