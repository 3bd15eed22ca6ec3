//! The index of one field: which tests hit a value, found by walking the value once. Nothing that
//! holds may be missed; `tests/it/same.rs` compares with an evaluator that has no index.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::{
    intern::Interner,
    number::Number,
    program::{Atom, Spot},
    rule::Test,
};

/// Bytes of all texts up to which the faster, larger automaton is built.
const SMALL_AUTOMATON_BYTES: usize = 10_000;

/// A list in [`Lists`].
type List = (u32, u32);

#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Texts at the start, and whole ones.
    forward: Trie,
    /// Texts at the end, from their last byte.
    backward: Trie,
    inside: Option<AhoCorasick>,
    inside_lists: Vec<List>,
    numbers: Vec<(Number, List)>,
    /// Hit by any value but null.
    any: List,
    lists: Vec<u32>,
}

/// Atoms under keys, before they are laid flat.
#[derive(Default)]
struct Gathered {
    keys: Interner,
    atoms: Vec<Vec<u32>>,
}

impl Gathered {
    fn add(&mut self, key: &[u8], atom: u32) {
        let index = self.keys.insert(key) as usize;
        if index >= self.atoms.len() {
            self.atoms.push(Vec::new());
        }
        if let Some(atoms) = self.atoms.get_mut(index)
            && atoms.last() != Some(&atom)
        {
            atoms.push(atom);
        }
    }
}

impl Index {
    /// Of the atoms that can be found in a value.
    pub(crate) fn new<'a>(atoms: impl Iterator<Item = (u32, &'a Atom)>) -> Self {
        let [mut whole, mut start, mut end, mut inside] = [(); 4].map(|()| Gathered::default());
        let mut numbers: Vec<(Number, u32)> = Vec::new();
        let mut any = Vec::new();
        for (id, atom) in atoms {
            let texts = atom.texts();
            if texts.is_empty() {
                any.push(id);
            }
            for (spot, text) in &texts {
                match spot {
                    Spot::Whole => whole.add(text.as_bytes(), id),
                    Spot::Start => start.add(text.as_bytes(), id),
                    Spot::End => end.add(&text.bytes().rev().collect::<Vec<u8>>(), id),
                    Spot::Inside => inside.add(text.as_bytes(), id),
                }
            }
            if let Test::Number { number, .. } = &atom.test {
                numbers.push((*number, id));
            }
        }
        let mut index = Self::default();
        index.any = index.list(&any);
        numbers.sort();
        for group in numbers.chunk_by(|a, b| a.0 == b.0) {
            let atoms: Vec<u32> = group.iter().map(|(_, atom)| *atom).collect();
            if let Some((number, _)) = group.first() {
                let list = index.list(&atoms);
                index.numbers.push((*number, list));
            }
        }
        index.forward = Trie::new(&start, &whole, &mut index.lists);
        index.backward = Trie::new(&end, &Gathered::default(), &mut index.lists);
        index.automaton(&inside);
        index
    }

    fn list(&mut self, atoms: &[u32]) -> List {
        list(&mut self.lists, atoms)
    }

    fn automaton(&mut self, inside: &Gathered) {
        if inside.atoms.is_empty() {
            return;
        }
        let texts = (0..inside.atoms.len())
            .map(|at| inside.keys.name(u32::try_from(at).unwrap_or(u32::MAX)));
        let bytes: usize = texts.clone().map(<[u8]>::len).sum();
        let kind = if bytes <= SMALL_AUTOMATON_BYTES {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(kind))
            .prefilter(false)
            .build(texts);
        self.inside_lists = inside
            .atoms
            .iter()
            .map(|atoms| list(&mut self.lists, atoms))
            .collect();
        // It fails only above 2^31 states, which the limits on texts and values keep away.
        self.inside = built.ok(); // ok: because then the atoms are in no list, see `complete`
    }

    /// Whether every text is in it.
    pub(crate) fn complete(&self) -> bool {
        self.inside.is_some() || self.inside_lists.is_empty()
    }

    /// Calls `hit` with each atom that `value`, lowercased and not null, may hold for.
    pub(crate) fn find(
        &self,
        value: &str,
        number: impl FnOnce() -> Option<Number>,
        mut hit: impl FnMut(u32),
    ) {
        let bytes = value.as_bytes();
        let mut all = |list: List| {
            let atoms = self.lists.get(list.0 as usize..list.1 as usize);
            atoms.unwrap_or(&[]).iter().for_each(|atom| hit(*atom));
        };
        if self.any.0 != self.any.1 {
            all(self.any);
        }
        self.forward.walk(bytes.iter(), &mut all);
        self.backward.walk(bytes.iter().rev(), &mut all);
        if let Some(automaton) = &self.inside {
            for found in automaton.find_overlapping_iter(bytes) {
                if let Some(list) = self.inside_lists.get(found.pattern().as_usize()) {
                    all(*list);
                }
            }
        }
        if !self.numbers.is_empty()
            && let Some(number) = number()
            && let Ok(at) = self
                .numbers
                .binary_search_by(|(known, _)| known.cmp(&number))
            && let Some((_, list)) = self.numbers.get(at)
        {
            all(*list);
        }
    }
}

fn list(lists: &mut Vec<u32>, atoms: &[u32]) -> List {
    let from = u32::try_from(lists.len()).unwrap_or(u32::MAX);
    lists.extend_from_slice(atoms);
    (from, u32::try_from(lists.len()).unwrap_or(u32::MAX))
}

/// Texts from their first byte on, for those that begin a value and those that are all of it.
#[derive(Debug, Default)]
struct Trie {
    nodes: Vec<TrieNode>,
    edges: Vec<(u8, u32)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct TrieNode {
    from: u32,
    to: u32,
    begun: List,
    whole: List,
}

impl Trie {
    fn new(begun: &Gathered, whole: &Gathered, lists: &mut Vec<u32>) -> Self {
        let mut keys: Vec<(&[u8], bool, &[u32])> = Vec::new();
        for (gathered, is_whole) in [(begun, false), (whole, true)] {
            for (at, atoms) in gathered.atoms.iter().enumerate() {
                keys.push((
                    gathered.keys.name(u32::try_from(at).unwrap_or(u32::MAX)),
                    is_whole,
                    atoms,
                ));
            }
        }
        keys.sort_unstable_by_key(|(key, is_whole, _)| (*key, *is_whole));
        let mut trie = Self::default();
        if keys.is_empty() {
            return trie;
        }
        // Breadth first, so that the children of a node lie beside each other.
        let mut queue = std::collections::VecDeque::from([(0, keys.len(), 0)]);
        while let Some((mut from, to, depth)) = queue.pop_front() {
            let mut node = TrieNode::default();
            while let Some((key, is_whole, atoms)) = keys.get(from).filter(|_| from < to) {
                if key.len() > depth {
                    break;
                }
                let list = list(lists, atoms);
                if *is_whole {
                    node.whole = list;
                } else {
                    node.begun = list;
                }
                from += 1;
            }
            node.from = u32::try_from(trie.edges.len()).unwrap_or(u32::MAX);
            for group in keys
                .get(from..to)
                .unwrap_or(&[])
                .chunk_by(|a, b| a.0.get(depth) == b.0.get(depth))
            {
                let byte = group
                    .first()
                    .and_then(|(key, _, _)| key.get(depth))
                    .copied()
                    .unwrap_or(0);
                let child = trie.nodes.len() + 1 + queue.len();
                trie.edges
                    .push((byte, u32::try_from(child).unwrap_or(u32::MAX)));
                queue.push_back((from, from + group.len(), depth + 1));
                from += group.len();
            }
            node.to = u32::try_from(trie.edges.len()).unwrap_or(u32::MAX);
            trie.nodes.push(node);
        }
        trie
    }

    fn walk<'b>(&self, bytes: impl Iterator<Item = &'b u8>, all: &mut impl FnMut(List)) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        for byte in bytes {
            if node.begun.0 != node.begun.1 {
                all(node.begun);
            }
            let edges = self
                .edges
                .get(node.from as usize..node.to as usize)
                .unwrap_or(&[]);
            let Some((_, child)) = edges.iter().find(|(label, _)| label == byte) else {
                return;
            };
            let Some(next) = self.nodes.get(*child as usize) else {
                return;
            };
            node = next;
        }
        all(node.begun);
        all(node.whole);
    }
}
