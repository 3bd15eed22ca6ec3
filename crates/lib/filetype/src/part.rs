//! What was found: a tree of parts, and the way to each executable in it.

use std::fmt;

use crate::{Limit, Type};

/// How a part came to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was given.
    Given,
    /// The container lists it.
    Listed,
    /// A reading of the container that its own list does not tell, such as a local header of a zip.
    Unlisted,
    /// The stream that the container packs.
    Unpacked,
    /// Encoded in text.
    Decoded,
    /// Cut out of bytes that nobody knows.
    Carved,
}

/// Why a part, or some of it, could not be looked into. It is never clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The budget of the message.
    Limit(Limit),
    /// A password or key is needed.
    Encrypted,
    /// Packed by a method that is not read here.
    Method(String),
    /// Broken, or made to look so.
    Damaged(String),
    /// Other files are needed.
    Split,
    /// The format is known and not opened here.
    Unopened,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "{limit} is reached"),
            Self::Encrypted => f.write_str("it is encrypted"),
            Self::Method(method) => write!(f, "packed by {method}, which is not read"),
            Self::Damaged(why) => write!(f, "damaged: {why}"),
            Self::Split => f.write_str("its other volumes are needed"),
            Self::Unopened => f.write_str("this format is not opened"),
        }
    }
}

/// One file, stream or piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Every name that a reader may show for it, the likeliest first; may be empty.
    pub names: Vec<String>,
    /// What it is by its content; of a part whose content is closed, what its name says.
    pub kind: Type,
    /// Its bytes, as far as they could be read, or as its container says where they could not.
    pub size: u64,
    /// How it came to light.
    pub how: How,
    /// Why it could not be inspected as a whole.
    pub cannot_inspect: Option<Reason>,
    /// What is odd about it: overlaps, prefixes, names in conflict. For people and for policy.
    pub odd: Vec<&'static str>,
    /// What lies inside.
    pub children: Vec<Self>,
}

impl Part {
    pub(crate) fn new(names: Vec<String>, kind: Type, size: usize, how: How) -> Self {
        Self {
            names,
            kind,
            size: size as u64,
            how,
            cannot_inspect: None,
            odd: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Keeps the first reason: what comes after it is mostly its consequence.
    pub(crate) fn closed(&mut self, reason: Reason) {
        self.cannot_inspect.get_or_insert(reason);
    }

    pub(crate) fn note(&mut self, odd: &'static str) {
        if !self.odd.contains(&odd) {
            self.odd.push(odd);
        }
    }

    /// Its name for people: the first one, else its type.
    pub fn label(&self) -> &str {
        let named = self.names.iter().find(|name| !name.is_empty());
        named.map_or(self.kind.label(), String::as_str)
    }

    /// Every part from this one down, each with the way to it.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            stack: vec![(Vec::new(), self)],
        }
    }

    /// Every executable, script and installer, each with the way to it.
    pub fn executables(&self) -> impl Iterator<Item = Found<'_>> {
        self.walk()
            .filter(|found| found.part().kind.is_executable())
    }

    /// Every part that could not be inspected as a whole.
    pub fn closed_parts(&self) -> impl Iterator<Item = Found<'_>> {
        self.walk()
            .filter(|found| found.part().cannot_inspect.is_some())
    }
}

/// A part and the parts around it, the outermost first.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    around: Vec<&'a Part>,
    part: &'a Part,
}

impl<'a> Found<'a> {
    /// The part.
    pub fn part(&self) -> &'a Part {
        self.part
    }

    /// What lies around it, the outermost first.
    pub fn around(&self) -> &[&'a Part] {
        &self.around
    }
}

impl fmt::Display for Found<'_> {
    /// `a.tar.gz > clam.exe (PE)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.around {
            write!(f, "{} > ", part.label())?;
        }
        write!(f, "{} ({})", self.part.label(), self.part.kind.label())
    }
}

/// See [`Part::walk`].
#[derive(Debug)]
pub struct Walk<'a> {
    stack: Vec<(Vec<&'a Part>, &'a Part)>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let (around, part) = self.stack.pop()?;
        for child in part.children.iter().rev() {
            let mut way = around.clone();
            way.push(part);
            self.stack.push((way, child));
        }
        Some(Found { around, part })
    }
}
