//! Which rules match an event. Routed by logsource first, then by the index: only rules of which
//! something rare was found are evaluated, and evaluating them is looking at bits.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    event::Event,
    explain::{Explanation, explain},
    index::Index,
    program::{Class, Node, Program, witness},
    rule::{LogSource, Rule},
    scratch::{Bits, Scratch},
    set::RuleSet,
    test::Look,
    windows,
};

/// How many engines were made, and one more: 0 is none.
static ENGINES: AtomicU64 = AtomicU64::new(1);

/// Rules, ready to be matched. It is not changed by matching: share it among threads, each with a
/// [`Scratch`] of its own.
#[derive(Debug)]
pub struct Engine {
    /// Differs from that of every other engine of this process.
    id: u64,
    rules: Vec<Rule>,
    pub(crate) program: Program,
    /// The node of each rule's condition; none if it is never evaluated.
    pub(crate) roots: Vec<Option<u32>>,
    /// The different logsources of rules, and which of them each rule has.
    pub(crate) groups: Vec<LogSource>,
    pub(crate) rule_group: Vec<u32>,
    /// For each source that a Windows event tells by itself, the groups that hold.
    pub(crate) windows: Vec<Bits>,
    /// By field, then the index over all values for keywords.
    indexes: Vec<Option<Index>>,
    keywords: Option<Index>,
    /// Groups whose rules need the index of a field.
    field_groups: Vec<Bits>,
    keyword_groups: Bits,
    /// For each atom, whose rules its hit makes candidates, by group.
    posts: Vec<(u32, u32)>,
    segments: Vec<Segment>,
    posted: Vec<u32>,
    /// For each group, rules that are always candidates.
    always: Vec<Vec<u32>>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    group: u32,
    from: u32,
    to: u32,
}

impl Engine {
    /// Of the rules of a set; its filters are applied already. Correlations are the matter of
    /// [`Correlator`](crate::Correlator).
    pub fn new(set: &RuleSet) -> Self {
        Self::of_rules(set.rules.clone())
    }

    /// Of these rules.
    pub fn of_rules(rules: Vec<Rule>) -> Self {
        let mut program = Program::default();
        let compile = |rule: &Rule| rule.unfilled.is_empty().then(|| program.rule(rule));
        let roots: Vec<Option<u32>> = rules.iter().map(compile).collect();
        program.seal();
        let mut groups: Vec<LogSource> = rules.iter().map(|rule| rule.source.clone()).collect();
        groups.sort();
        groups.dedup();
        let group = |rule: &Rule| groups.binary_search(&rule.source).map_or(0, narrow);
        let rule_group: Vec<u32> = rules.iter().map(group).collect();
        let holding = |source: &LogSource| {
            Bits::of(
                groups.len(),
                groups.iter().map(|group| group.holds_for(source)),
            )
        };
        let windows = windows::SOURCES.iter().map(holding).collect();
        let mut engine = Self {
            id: ENGINES.fetch_add(1, Ordering::Relaxed),
            rules,
            program,
            roots,
            rule_group,
            windows,
            indexes: Vec::new(),
            keywords: None,
            field_groups: Vec::new(),
            keyword_groups: Bits::new(groups.len()),
            posts: Vec::new(),
            segments: Vec::new(),
            posted: Vec::new(),
            always: vec![Vec::new(); groups.len()],
            groups,
        };
        engine.index();
        engine.post();
        engine
    }

    /// The rules, by the index that [`Self::matches`] gives.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether the source of a rule is one of the event's.
    pub fn source_holds(&self, rule: usize, event: &Event) -> bool {
        let rule = self.rules.get(rule);
        rule.is_some_and(|rule| {
            event
                .sources()
                .iter()
                .any(|source| rule.source.holds_for(source))
        })
    }

    /// Why a rule matches an event, or why not. None: there is no such rule.
    pub fn explain(&self, rule: usize, event: &Event) -> Option<Explanation> {
        self.rules.get(rule).map(|rule| explain(rule, event))
    }

    /// Builds the index of every field.
    fn index(&mut self) {
        let fields = self.program.fields.len();
        let mut by_field: Vec<Vec<u32>> = vec![Vec::new(); fields];
        let mut keywords = Vec::new();
        for (id, atom) in self.program.atoms.iter().enumerate() {
            if atom.class == Class::Lazy {
                continue;
            }
            match atom
                .field
                .and_then(|field| by_field.get_mut(field as usize))
            {
                Some(atoms) => atoms.push(narrow(id)),
                None => keywords.push(narrow(id)),
            }
        }
        let atoms = &self.program.atoms;
        let build = |ids: &[u32]| {
            let known = ids
                .iter()
                .filter_map(|id| Some((*id, atoms.get(*id as usize)?)));
            let index = (!ids.is_empty()).then(|| Index::new(known));
            (index.as_ref().is_none_or(Index::complete), index)
        };
        let mut incomplete = Vec::new();
        let mut indexes = Vec::with_capacity(fields);
        for ids in by_field.iter().chain(std::iter::once(&keywords)) {
            let (complete, index) = build(ids);
            if !complete {
                incomplete.extend_from_slice(ids);
            }
            indexes.push(index.filter(|_| complete));
        }
        self.keywords = indexes.pop().flatten();
        self.indexes = indexes;
        for atom in incomplete {
            if let Some(atom) = self.program.atoms.get_mut(atom as usize) {
                atom.class = Class::Lazy;
            }
        }
    }

    /// Decides for each rule which hits make it a candidate.
    fn post(&mut self) {
        let mut below: Vec<Vec<u32>> = Vec::with_capacity(self.rules.len());
        let mut uses = vec![0_u32; self.program.atoms.len()];
        for root in &self.roots {
            let mut atoms = Vec::new();
            if let Some(root) = root {
                self.atoms_below(*root, &mut atoms);
            }
            atoms.sort_unstable();
            atoms.dedup();
            for atom in &atoms {
                if let Some(uses) = uses.get_mut(*atom as usize) {
                    *uses += 1;
                }
            }
            below.push(atoms);
        }
        self.field_groups = vec![Bits::new(self.groups.len()); self.program.fields.len()];
        let mut posts: Vec<(u32, u32, u32)> = Vec::new();
        for (rule, root) in self.roots.iter().enumerate() {
            let Some(root) = root else {
                continue;
            };
            let group = self.rule_group.get(rule).copied().unwrap_or(0);
            for atom in below.get(rule).into_iter().flatten() {
                let Some(atom) = self.program.atoms.get(*atom as usize) else {
                    continue;
                };
                if atom.field.is_none() {
                    self.keyword_groups.set(group);
                }
                for field in [atom.field, atom.other].into_iter().flatten() {
                    if let Some(groups) = self.field_groups.get_mut(field as usize) {
                        groups.set(group);
                    }
                }
            }
            match witness(&self.program, *root, &uses) {
                Some((_, atoms)) => {
                    posts.extend(atoms.iter().map(|atom| (*atom, group, narrow(rule))));
                }
                None => {
                    if let Some(always) = self.always.get_mut(group as usize) {
                        always.push(narrow(rule));
                    }
                }
            }
        }
        self.lay_out(posts);
    }

    fn lay_out(&mut self, mut posts: Vec<(u32, u32, u32)>) {
        posts.sort_unstable();
        posts.dedup();
        self.posts = vec![(0, 0); self.program.atoms.len()];
        for of_atom in posts.chunk_by(|a, b| a.0 == b.0) {
            let from = narrow(self.segments.len());
            for of_group in of_atom.chunk_by(|a, b| a.1 == b.1) {
                let start = narrow(self.posted.len());
                self.posted
                    .extend(of_group.iter().map(|(_, _, rule)| *rule));
                let group = of_group.first().map_or(0, |(_, group, _)| *group);
                self.segments.push(Segment {
                    group,
                    from: start,
                    to: narrow(self.posted.len()),
                });
            }
            let to = narrow(self.segments.len());
            let atom = of_atom.first().map_or(0, |(atom, _, _)| *atom);
            if let Some(post) = self.posts.get_mut(atom as usize) {
                *post = (from, to);
            }
        }
    }

    fn atoms_below(&self, node: u32, out: &mut Vec<u32>) {
        match self.program.nodes.get(node as usize) {
            Some(Node::Atom(atom)) => out.push(*atom),
            Some(Node::Not(inner)) => self.atoms_below(*inner, out),
            Some(Node::AnyAtoms(from, to)) => {
                out.extend_from_slice(self.program.children(*from, *to));
            }
            Some(Node::All(from, to) | Node::Any(from, to) | Node::AtLeast(_, from, to)) => {
                for child in self.program.children(*from, *to) {
                    self.atoms_below(*child, out);
                }
            }
            None => {}
        }
    }

    /// Calls `found` with the index of each rule that matches, in ascending order.
    pub fn matches(&self, event: &Event, scratch: &mut Scratch, mut found: impl FnMut(usize)) {
        scratch.begin(self.id, &self.program, self.rules.len(), self.groups.len());
        self.route(event, scratch);
        if !scratch.groups.any() {
            return;
        }
        self.gather(event, scratch);
        scratch.candidates.sort_unstable();
        for at in 0..scratch.candidates.len() {
            let rule = scratch.candidates.get(at).copied().unwrap_or(0) as usize;
            let root = self.roots.get(rule).copied().flatten();
            if root.is_some_and(|root| self.holds(root, event, scratch)) {
                found(rule);
            }
        }
    }

    /// Which groups of rules hold for the event.
    fn route(&self, event: &Event, scratch: &mut Scratch) {
        for known in &event.known {
            if let Some(groups) = self.windows.get(usize::from(*known)) {
                scratch.groups.add(groups);
            }
        }
        if let Some(sources) = event.own_sources() {
            let groups = scratch.routes.of(sources, |source| {
                Bits::of(
                    self.groups.len(),
                    self.groups.iter().map(|group| group.holds_for(source)),
                )
            });
            scratch.groups.add(groups);
        }
    }

    /// Looks every value up, and gathers the rules of which something was found.
    fn gather(&self, event: &Event, scratch: &mut Scratch) {
        for entry in &event.entries {
            let name = event.name(entry);
            let Some(field) = self.program.fields.get_hashed(entry.hash, name.as_bytes()) else {
                continue;
            };
            if !self
                .field_groups
                .get(field as usize)
                .is_some_and(|groups| groups.meets(&scratch.groups))
            {
                continue;
            }
            scratch.link(field, entry.value);
            if let Some(Some(index)) = self.indexes.get(field as usize) {
                self.look_up(index, event, entry.value as usize, scratch);
            }
        }
        if let Some(index) = self
            .keywords
            .as_ref()
            .filter(|_| self.keyword_groups.meets(&scratch.groups))
        {
            for value in 0..event.values.len() {
                self.look_up(index, event, value, scratch);
            }
        }
        for group in 0..self.always.len() {
            if scratch.groups.has(narrow(group)) {
                for rule in self.always.get(group).into_iter().flatten() {
                    scratch.candidate(*rule);
                }
            }
        }
    }

    fn look_up(&self, index: &Index, event: &Event, value: usize, scratch: &mut Scratch) {
        if event.is_null(value) {
            return;
        }
        index.find(
            event.lower(value),
            || event.number(value),
            |atom| {
                if !scratch.hit(atom) {
                    return;
                }
                let (from, to) = self.posts.get(atom as usize).copied().unwrap_or((0, 0));
                for segment in self.segments.get(from as usize..to as usize).unwrap_or(&[]) {
                    if scratch.groups.has(segment.group) {
                        let rules = self.posted.get(segment.from as usize..segment.to as usize);
                        for rule in rules.unwrap_or(&[]) {
                            scratch.candidate(*rule);
                        }
                    }
                }
            },
        );
    }

    fn holds(&self, node: u32, event: &Event, scratch: &mut Scratch) -> bool {
        match self.program.nodes.get(node as usize) {
            Some(Node::Atom(atom)) => self.atom(*atom, event, scratch),
            Some(Node::Not(inner)) => !self.holds(*inner, event, scratch),
            Some(Node::AnyAtoms(from, to)) => self
                .program
                .children(*from, *to)
                .iter()
                .any(|atom| self.atom(*atom, event, scratch)),
            Some(Node::All(from, to)) => self
                .program
                .children(*from, *to)
                .iter()
                .all(|node| self.holds(*node, event, scratch)),
            Some(Node::Any(from, to)) => self
                .program
                .children(*from, *to)
                .iter()
                .any(|node| self.holds(*node, event, scratch)),
            Some(Node::AtLeast(least, from, to)) => {
                let mut left = *least;
                for node in self.program.children(*from, *to) {
                    left -= u32::from(self.holds(*node, event, scratch));
                    if left == 0 {
                        return true;
                    }
                }
                false
            }
            None => false,
        }
    }

    fn atom(&self, id: u32, event: &Event, scratch: &mut Scratch) -> bool {
        let Some(atom) = self.program.atoms.get(id as usize) else {
            return false;
        };
        let hit = scratch.was_hit(id);
        match atom.class {
            Class::Exact => return hit,
            Class::Verify if !hit => return false,
            Class::Verify | Class::Lazy => {}
        }
        if let Some(known) = scratch.known(id) {
            return known;
        }
        let look = Look { event, scratch };
        let holds = look.atom(atom);
        scratch.learn(id, holds);
        holds
    }
}

pub(crate) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
