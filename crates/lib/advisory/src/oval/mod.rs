//! OVAL 5: definitions are logic over tests of a host. Whoever treats a test that cannot be evaluated as
//! *false* calls a host clean because a feature was missing: here such a test is *unknown*, says why,
//! and stays unknown through AND, OR, ONE and negation unless the others decide.
//!
//! Read are tests, objects and states of dpkginfo, rpminfo, uname and textfilecontent54; variables,
//! sets, filters and every other test are not evaluable. A DTD or an entity of one's own is refused.

mod eval;
mod pattern;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use vercmp::Kind;

pub use pattern::MAX_PATTERN_STEPS;

/// Longest document that is read, in bytes.
pub const MAX_OVAL_BYTES: usize = 1 << 30;
/// Most levels of elements, and of definitions that extend each other.
pub const MAX_DEPTH: usize = 64;

/// A document. Definitions in = definitions out; what of them cannot be evaluated is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oval {
    /// The day of its generator's time stamp.
    pub dated: Option<String>,
    /// Platforms that its definitions name: `Debian GNU/Linux 12`.
    pub platforms: BTreeSet<String>,
    /// Its definitions, in their order.
    pub definitions: Vec<Definition>,
    tests: BTreeMap<String, Test>,
    objects: BTreeMap<String, Object>,
    states: BTreeMap<String, Parts>,
}

/// One definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// `oval:com.redhat.rhsa:def:20212363`.
    pub id: String,
    /// `vulnerability`, `patch`, `inventory`.
    pub class: String,
    /// Its title.
    pub title: String,
    /// Its references: CVE names and advisories.
    pub references: Vec<String>,
    criteria: Option<Criteria>,
}

/// Why bytes are no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OvalError {
    /// Too long.
    #[error("expected at most {MAX_OVAL_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// Not XML.
    #[error("not XML at offset {at}: {why}")]
    Xml {
        /// Where.
        at: u64,
        /// Why.
        why: String,
    },
    /// A document type, which could define entities that grow without end.
    #[error("a DTD at offset {at} is refused: entities can grow without end")]
    Dtd {
        /// Where.
        at: u64,
    },
    /// An entity that XML itself does not have.
    #[error("expected one of XML's own five entities, found &{name}; at offset {at}")]
    Entity {
        /// Where.
        at: u64,
        /// Its name.
        name: String,
    },
    /// Too many levels.
    #[error("expected at most {MAX_DEPTH} levels of elements, found more at offset {at}")]
    TooDeep {
        /// Where.
        at: u64,
    },
    /// Ends before its root does.
    #[error("the document ends inside {open}: it is truncated")]
    Truncated {
        /// The innermost element that is open.
        open: String,
    },
    /// Another document.
    #[error("expected oval_definitions, found {0}")]
    NotOval(String),
    /// An id twice: one of both would be judged in the place of the other.
    #[error("{0} comes twice")]
    Twice(String),
    /// No definitions.
    #[error("expected at least one definition, found none")]
    Empty,
}

/// What is known of a host.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whose packages these are.
    pub kind: Kind,
    /// The installed packages.
    pub packages: &'a [Have<'a>],
    /// What uname says; none if nobody asked.
    pub uname: Option<Uname<'a>>,
    /// Text of files by path; none if nobody looked. A path that is not in it is a file that is absent.
    pub files: Option<&'a BTreeMap<String, String>>,
}

/// An installed package, as OVAL sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Have<'a> {
    /// Name.
    pub name: &'a str,
    /// Architecture.
    pub arch: &'a str,
    /// Whole version: `epoch:version-release`, without the epoch where there is none.
    pub evr: &'a str,
    /// Key id of the signature; none if nobody looked.
    pub signature: Option<&'a str>,
}

/// What uname says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uname<'a> {
    /// `-m`
    pub machine_class: &'a str,
    /// `-n`
    pub node_name: &'a str,
    /// `-s`
    pub os_name: &'a str,
    /// `-r`
    pub os_release: &'a str,
    /// `-v`
    pub os_version: &'a str,
    /// `-p`
    pub processor_type: &'a str,
}

/// What a definition comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be said, and why.
    Unknown(String),
}

/// The outcome of one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'o> {
    /// The definition.
    pub definition: &'o Definition,
    /// What it comes to.
    pub truth: Truth,
    /// Where it holds: installed packages that are older than a version it names.
    pub witnesses: Vec<Witness>,
}

/// An installed package that is older than a definition asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Witness {
    /// The package.
    pub package: String,
    /// Its architecture.
    pub arch: String,
    /// What is installed.
    pub installed: String,
    /// The version it is older than.
    pub fixed: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Criteria {
    negate: bool,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    All(Operator, Vec<Criteria>),
    Test(String),
    Definition(String),
    NotRead(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Operator {
    #[default]
    And,
    Or,
    One,
    Xor,
}

/// Which family of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Dpkg,
    Rpm,
    Uname,
    Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Test {
    /// None: a test that is not read, by its element's name.
    family: Result<Family, String>,
    check: String,
    existence: String,
    operator: Operator,
    object: Option<String>,
    states: Vec<String>,
}

/// An object: its parts, and why it cannot be evaluated if so.
type Object = Parts;

/// Parts of an object or a state, by element name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Parts {
    operator: Operator,
    parts: Vec<Part>,
    not_read: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Part {
    name: String,
    operation: String,
    datatype: String,
    value: String,
}
