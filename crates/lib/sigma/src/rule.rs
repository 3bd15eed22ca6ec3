//! What a document says, once it was read: rules, filters, correlations as types. Afterwards nobody
//! looks at YAML again.

use std::collections::BTreeMap;

use crate::{number::Number, pattern::Pattern, stamp::Part};

/// A detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What every document has.
    pub meta: Meta,
    /// Which events it is for.
    pub source: LogSource,
    /// The named searches, in their order.
    pub searches: Vec<(String, Search)>,
    /// The condition; of several, one is enough.
    pub condition: Condition,
    /// Placeholders for which no value was given. Such a rule is listed and never evaluated.
    pub unfilled: Vec<String>,
    /// Whether its matches are told by themselves; not if only correlations use it.
    pub alone: bool,
}

/// A filter: the rules it names match only where its condition does too.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What every document has.
    pub meta: Meta,
    /// Rules of another source are left alone.
    pub source: LogSource,
    /// Ids or names, or all rules of the source.
    pub rules: Named,
    /// The named searches.
    pub searches: Vec<(String, Search)>,
    /// The condition.
    pub condition: Condition,
}

/// Which rules are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// All.
    Any,
    /// Those with these ids or names.
    These(Vec<String>),
}

/// What every document may say about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// The file it is of.
    pub file: String,
    /// The line of its first key.
    pub line: u32,
    /// Its title.
    pub title: String,
    /// Its id, often a UUID.
    pub id: Option<String>,
    /// Its name, by which correlations call it.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Taxonomy of its fields; `sigma` if nothing else is said.
    pub taxonomy: Option<String>,
    /// How far it was tried.
    pub status: Option<Status>,
    /// How bad a match is.
    pub level: Option<Level>,
    /// Tags, such as `attack.t1059`.
    pub tags: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What else may look like it.
    pub false_positives: Vec<String>,
}

/// How far a rule was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not to be used any more.
    Unsupported,
    /// Replaced by another.
    Deprecated,
    /// Hardly.
    Experimental,
    /// Mostly stable.
    Test,
    /// For production.
    Stable,
}

/// How bad a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For correlation and inventory.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at now.
    High,
    /// An incident.
    Critical,
}

/// Which log: what is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogSource {
    /// `windows`, `linux`, …
    pub product: Option<String>,
    /// `process_creation`, …
    pub category: Option<String>,
    /// `security`, `sysmon`, …
    pub service: Option<String>,
}

impl LogSource {
    /// Of an event: an empty word is not said.
    pub fn new(product: &str, category: &str, service: &str) -> Self {
        let word = |text: &str| (!text.is_empty()).then(|| text.to_lowercase());
        Self {
            product: word(product),
            category: word(category),
            service: word(service),
        }
    }

    /// Whether all that this one asks is said by `event`.
    pub fn holds_for(&self, event: &Self) -> bool {
        let same = |asked: &Option<String>, said: &Option<String>| asked.is_none() || asked == said;
        same(&self.product, &event.product)
            && same(&self.category, &event.category)
            && same(&self.service, &event.service)
    }
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = [&self.product, &self.category, &self.service];
        let words: Vec<&str> = words
            .into_iter()
            .map(|word| word.as_deref().unwrap_or("*"))
            .collect();
        write!(f, "{}", words.join("/"))
    }
}

/// A search: what is written below its name.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// A map: all of them.
    All(Vec<Self>),
    /// A list: one of them.
    Any(Vec<Self>),
    /// A field, or the whole event, and what is asked of it.
    Item(Item),
}

/// A field and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The field; none for keywords, which may be anywhere in the event.
    pub field: Option<String>,
    /// What is asked of it.
    pub tests: Vec<Test>,
    /// All of the tests, not one of them.
    pub all: bool,
    /// Groups of which one each must hold too: what an encoding made of one value under `all`.
    pub more: Vec<Vec<Test>>,
    /// Not so (`neq`).
    pub negated: bool,
    /// Line of the key.
    pub line: u32,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Text, with wildcards.
    Text {
        /// Lowercased unless `cased`.
        pattern: Pattern,
        /// Upper and lower case differ.
        cased: bool,
    },
    /// This number, or the text that it is spelled with.
    Number {
        /// The number.
        number: Number,
        /// As the rule spells it, lowercased.
        spelled: String,
    },
    /// A number on this side of another.
    Order {
        /// Which side.
        order: Order,
        /// The other.
        number: Number,
    },
    /// A regular expression, somewhere in the text.
    Regex(Regex),
    /// An address inside of a network.
    Network(Network),
    /// Absent or null.
    Null,
    /// There, even if null; or not there.
    Exists(bool),
    /// The value of another field.
    Field {
        /// The other field.
        other: String,
        /// Where it is found in this one.
        relation: Relation,
        /// Upper and lower case differ.
        cased: bool,
    },
    /// A part of a date.
    Part {
        /// Which part.
        part: Part,
        /// Which side; none for equality.
        order: Option<Order>,
        /// Of what.
        number: Number,
    },
    /// A placeholder without a value.
    Unfilled(String),
}

/// A side of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
}

impl Order {
    /// Whether `value` is on this side of `limit`.
    pub fn holds(self, value: Number, limit: Number) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}

/// Where one field's value is found in another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// They are the same.
    Equal,
    /// At its start.
    Starts,
    /// At its end.
    Ends,
    /// In it.
    Contains,
}

/// A regular expression, compiled.
#[derive(Debug, Clone)]
pub struct Regex {
    /// As it is compiled, with its flags in front.
    pub source: String,
    pub(crate) compiled: regex::Regex,
    /// Texts of which one must be in every match, lowercased; none if none is known.
    pub(crate) required: Option<Vec<String>>,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// Its address, IPv4 mapped to IPv6, host bits zero.
    pub(crate) base: u128,
    /// Bits of the mask, of 128.
    pub(crate) bits: u8,
}

/// A condition over the searches of its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The search with this index.
    Search(usize),
    /// All of these.
    And(Vec<Self>),
    /// One of these.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// At least so many of the searches with these indexes.
    AtLeast(usize, Vec<usize>),
}

/// A correlation: what its rules' matches add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// What every document has.
    pub meta: Meta,
    /// What is counted.
    pub kind: CorrelationKind,
    /// Ids or names of rules and correlations, in the order of the document.
    pub rules: Vec<String>,
    /// Fields whose values keep matches apart.
    pub group_by: Vec<String>,
    /// Length of the window, milliseconds.
    pub timespan_ms: u64,
    /// Alias, then rule, then the field that the alias means in it.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether its rules are told by themselves too.
    pub generate: bool,
}

/// What a correlation asks.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationKind {
    /// So many matches.
    EventCount(Vec<Bound>),
    /// So many different values.
    ValueCount(Vec<String>, Vec<Bound>),
    /// This aggregate of a number.
    Value(Aggregate, String, Vec<Bound>),
    /// The rules together, in any order. The condition is over indexes into `rules`, if one is given.
    Temporal(Together),
    /// The rules together, in the order of the document.
    TemporalOrdered(Together),
}

/// Which rules must come together.
#[derive(Debug, Clone, PartialEq)]
pub enum Together {
    /// All of them.
    All,
    /// So many different ones.
    Count(Vec<Bound>),
    /// As a condition over their names says; under `not` is absence, told when the window ends.
    Expression(Condition),
}

/// An aggregate of a number field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// Sum.
    Sum,
    /// Arithmetic mean.
    Average,
    /// The value below which this percentage lies, interpolated; 50 is the median.
    Percentile(f64),
}

/// A bound of a count or aggregate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How it compares.
    pub compare: Compare,
    /// With what.
    pub limit: Number,
}

impl Bound {
    /// Whether `value` is as asked.
    pub fn holds(&self, value: Number) -> bool {
        match self.compare {
            Compare::Order(order) => order.holds(value, self.limit),
            Compare::Equal => value == self.limit,
            Compare::NotEqual => value != self.limit,
        }
    }
}

/// How a bound compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// On a side.
    Order(Order),
    /// `eq`
    Equal,
    /// `neq`
    NotEqual,
}
