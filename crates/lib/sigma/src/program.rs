//! Rules as one program: fields and tests are shared among all rules that use them, so that what a
//! thousand rules ask of `Image` is asked once an event.

use crate::{
    intern::Interner,
    pattern::{Place, Shape},
    rule::{Condition, Item, Rule, Search, Test},
};

/// Nodes of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Atom(u32),
    Not(u32),
    /// Of children `.0` to `.1`, which are nodes.
    All(u32, u32),
    Any(u32, u32),
    /// Of children that are atoms.
    AnyAtoms(u32, u32),
    AtLeast(u32, u32, u32),
}

/// A test of a field, or of all fields.
#[derive(Debug, Clone)]
pub(crate) struct Atom {
    pub(crate) field: Option<u32>,
    pub(crate) test: Test,
    /// The other field of a comparison of two.
    pub(crate) other: Option<u32>,
    pub(crate) class: Class,
}

/// What the index says of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It holds if and only if the index hits.
    Exact,
    /// It holds only if the index hits, and then must be looked at.
    Verify,
    /// The index knows nothing.
    Lazy,
}

#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) fields: Interner,
    pub(crate) atoms: Vec<Atom>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) children: Vec<u32>,
    atom_keys: Interner,
    node_keys: Interner,
    key: Vec<u8>,
}

impl Program {
    /// Compiles a rule and gives the node of its condition.
    pub(crate) fn rule(&mut self, rule: &Rule) -> u32 {
        let searches: Vec<u32> = rule
            .searches
            .iter()
            .map(|(_, search)| self.search(search))
            .collect();
        self.condition(&rule.condition, &searches)
    }

    fn condition(&mut self, condition: &Condition, searches: &[u32]) -> u32 {
        let of = |index: &usize| searches.get(*index).copied().unwrap_or(0);
        match condition {
            Condition::Search(index) => of(index),
            Condition::Not(inner) => {
                let inner = self.condition(inner, searches);
                self.node(Tag::Not, 0, &[inner])
            }
            Condition::And(arms) => {
                let arms: Vec<u32> = arms
                    .iter()
                    .map(|arm| self.condition(arm, searches))
                    .collect();
                self.node(Tag::All, 0, &arms)
            }
            Condition::Or(arms) => {
                let arms: Vec<u32> = arms
                    .iter()
                    .map(|arm| self.condition(arm, searches))
                    .collect();
                self.node(Tag::Any, 0, &arms)
            }
            Condition::AtLeast(least, these) => {
                let arms: Vec<u32> = these.iter().map(of).collect();
                self.node(
                    Tag::AtLeast,
                    u32::try_from(*least).unwrap_or(u32::MAX),
                    &arms,
                )
            }
        }
    }

    fn search(&mut self, search: &Search) -> u32 {
        match search {
            Search::Item(item) => self.item(item),
            Search::All(parts) => {
                let parts: Vec<u32> = parts.iter().map(|part| self.search(part)).collect();
                self.node(Tag::All, 0, &parts)
            }
            Search::Any(parts) => {
                let parts: Vec<u32> = parts.iter().map(|part| self.search(part)).collect();
                self.node(Tag::Any, 0, &parts)
            }
        }
    }

    fn item(&mut self, item: &Item) -> u32 {
        let field = item
            .field
            .as_ref()
            .map(|field| self.fields.insert(field.as_bytes()));
        let mut parts = Vec::new();
        let tests: Vec<u32> = item
            .tests
            .iter()
            .map(|test| self.atom(field, test))
            .collect();
        if item.all {
            parts.extend(tests.iter().map(|atom| self.node(Tag::Atom, *atom, &[])));
        } else {
            parts.push(self.any_atoms(&tests));
        }
        for group in &item.more {
            let tests: Vec<u32> = group.iter().map(|test| self.atom(field, test)).collect();
            parts.push(self.any_atoms(&tests));
        }
        let node = self.node(Tag::All, 0, &parts);
        if item.negated {
            self.node(Tag::Not, 0, &[node])
        } else {
            node
        }
    }

    fn any_atoms(&mut self, atoms: &[u32]) -> u32 {
        match atoms {
            [atom] => self.node(Tag::Atom, *atom, &[]),
            atoms => self.node(Tag::AnyAtoms, 0, atoms),
        }
    }

    fn atom(&mut self, field: Option<u32>, test: &Test) -> u32 {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.extend_from_slice(&field.map_or(0, |field| field + 1).to_le_bytes());
        test_key(test, &mut key);
        let known = self.atom_keys.len();
        let atom = self.atom_keys.insert(&key);
        self.key = key;
        if atom as usize == known {
            let other = match test {
                Test::Field { other, .. } => Some(self.fields.insert(other.as_bytes())),
                _ => None,
            };
            self.atoms.push(Atom {
                field,
                test: test.clone(),
                other,
                class: class(test),
            });
        }
        atom
    }

    fn node(&mut self, tag: Tag, number: u32, children: &[u32]) -> u32 {
        if let ([only], Tag::All | Tag::Any) = (children, tag) {
            return *only;
        }
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.push(tag as u8);
        key.extend_from_slice(&number.to_le_bytes());
        for child in children {
            key.extend_from_slice(&child.to_le_bytes());
        }
        let known = self.node_keys.len();
        let node = self.node_keys.insert(&key);
        self.key = key;
        if node as usize == known {
            let from = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
            self.children.extend_from_slice(children);
            let to = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
            self.nodes.push(match tag {
                Tag::Atom => Node::Atom(number),
                Tag::Not => Node::Not(children.first().copied().unwrap_or(0)),
                Tag::All => Node::All(from, to),
                Tag::Any => Node::Any(from, to),
                Tag::AnyAtoms => Node::AnyAtoms(from, to),
                Tag::AtLeast => Node::AtLeast(number, from, to),
            });
        }
        node
    }

    pub(crate) fn children(&self, from: u32, to: u32) -> &[u32] {
        self.children.get(from as usize..to as usize).unwrap_or(&[])
    }

    /// What is only needed while rules are added.
    pub(crate) fn seal(&mut self) {
        self.atom_keys = Interner::default();
        self.node_keys = Interner::default();
        self.key = Vec::new();
    }
}

#[derive(Clone, Copy)]
enum Tag {
    Atom,
    Not,
    All,
    Any,
    AnyAtoms,
    AtLeast,
}

fn test_key(test: &Test, key: &mut Vec<u8>) {
    match test {
        Test::Text { pattern, cased } => {
            key.extend_from_slice(if *cased { b"T" } else { b"t" });
            key.extend_from_slice(&pattern.key());
        }
        other => key.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

fn class(test: &Test) -> Class {
    match test {
        Test::Text { pattern, cased } => match pattern.shape() {
            Shape::Any => Class::Exact,
            Shape::Glob if pattern.longest().is_none() => Class::Lazy,
            Shape::Glob => Class::Verify,
            _ if *cased => Class::Verify,
            _ => Class::Exact,
        },
        Test::Number { .. } => Class::Exact,
        Test::Regex(regex) if regex.required.is_some() => Class::Verify,
        Test::Regex(_)
        | Test::Order { .. }
        | Test::Network(_)
        | Test::Null
        | Test::Exists(_)
        | Test::Field { .. }
        | Test::Part { .. }
        | Test::Unfilled(_) => Class::Lazy,
    }
}

/// A text of the index: where it must occur for the atom to hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    Whole,
    Start,
    End,
    Inside,
}

impl Atom {
    /// The lowercased texts of which one must occur, each with its spot.
    pub(crate) fn texts(&self) -> Vec<(Spot, String)> {
        match &self.test {
            Test::Text { pattern, .. } => {
                let pattern = pattern.lowered();
                let one = |spot, text: &str| vec![(spot, text.to_owned())];
                match pattern.shape() {
                    Shape::Any => Vec::new(),
                    Shape::Equal(text) => one(Spot::Whole, text),
                    Shape::Starts(text) => one(Spot::Start, text),
                    Shape::Ends(text) => one(Spot::End, text),
                    Shape::Contains(text) => one(Spot::Inside, text),
                    Shape::Glob => match pattern.longest() {
                        Some((text, Place::Start)) => one(Spot::Start, text),
                        Some((text, Place::End)) => one(Spot::End, text),
                        Some((text, Place::Inside)) => one(Spot::Inside, text),
                        None => Vec::new(),
                    },
                }
            }
            Test::Number { spelled, .. } => vec![(Spot::Whole, spelled.clone())],
            Test::Regex(regex) => {
                let texts = regex.required.iter().flatten();
                texts.map(|text| (Spot::Inside, text.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How often it is expected to hit, from 0 to 1: long texts are rare, numbers are not.
    fn expected(&self) -> f64 {
        if self.class == Class::Lazy {
            return 1.0;
        }
        if matches!(self.test, Test::Number { .. }) {
            return 0.05;
        }
        let texts = self.texts();
        if texts.is_empty() {
            return 0.5;
        }
        let one = |(spot, text): &(Spot, String)| {
            let bits = i32::try_from(text.len().min(16)).unwrap_or(16);
            let place = if *spot == Spot::Inside { 2.0 } else { 1.0 };
            place * 0.75_f64.powi(bits)
        };
        texts.iter().map(one).sum::<f64>().min(0.6)
    }
}

/// Atoms of which one must hit for `node` to hold, the rarest that were found, and how often one
/// of them is expected to. None: it may hold though nothing hits.
pub(crate) fn witness(program: &Program, node: u32, uses: &[u32]) -> Option<(f64, Vec<u32>)> {
    let of_atom = |atom: u32| {
        let known = program
            .atoms
            .get(atom as usize)
            .filter(|known| known.class != Class::Lazy)?;
        let uses = uses.get(atom as usize).copied().unwrap_or(1);
        Some((known.expected() * f64::from(uses).sqrt(), atom))
    };
    match *program.nodes.get(node as usize)? {
        Node::Atom(atom) => of_atom(atom).map(|(cost, atom)| (cost, vec![atom])),
        Node::Not(_) => None,
        Node::All(from, to) => {
            let found = program
                .children(from, to)
                .iter()
                .filter_map(|child| witness(program, *child, uses));
            found.min_by(|(a, _), (b, _)| a.total_cmp(b))
        }
        Node::Any(from, to) | Node::AtLeast(_, from, to) => {
            let (mut cost, mut all) = (0.0, Vec::new());
            for child in program.children(from, to) {
                let (more, atoms) = witness(program, *child, uses)?;
                cost += more;
                all.extend(atoms);
            }
            Some((cost, all))
        }
        Node::AnyAtoms(from, to) => {
            let (mut cost, mut all) = (0.0, Vec::new());
            for atom in program.children(from, to) {
                let (more, atom) = of_atom(*atom)?;
                cost += more;
                all.push(atom);
            }
            Some((cost, all))
        }
    }
}
