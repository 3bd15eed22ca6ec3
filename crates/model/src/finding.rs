//! Judgements, and what to do about them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Host, Instance, OrderId, Rule, RuleId, Seq, Span, Subject, Text};

/// Most items a [`Value::List`] may carry; a judge that has more says how many it left out.
pub const MAX_LISTED: usize = 400;

/// What makes two findings the same finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Which rule.
    pub rule: RuleId,
    /// Where.
    pub host: Host,
    /// About what.
    pub subject: Subject,
    /// Which requirement, phrase or Sigma rule, where one rule of a SPEC stands for many.
    #[serde(default)]
    pub detail: Option<Text>,
    /// Which control said so, and where it runs.
    pub by: Instance,
}

/// A judgement. Its life (new, in progress, suppressed, resolved) is the engine's ledger.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The dedup key.
    pub key: Key,
    /// How bad.
    pub severity: Severity,
    /// What the reader needs to act.
    #[serde(default)]
    pub fields: Fields,
    /// The events that prove it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The decisive line or value. Survives the evidence.
    #[serde(default)]
    pub excerpt: Option<Text>,
}

impl Key {
    /// The key of what a judge finds or clears. The engine signs it with the judge's [`Instance`].
    pub fn new(rule: &Rule, host: &Host, subject: Subject) -> Self {
        let (rule, by) = (RuleId::from(rule.id), Instance::from("?"));
        Self {
            rule,
            host: host.clone(),
            subject,
            detail: None,
            by,
        }
    }

    /// The same for one requirement or phrase among many.
    pub fn detailed(mut self, detail: impl Into<Text>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl Finding {
    /// What a judge found, as bad as `rule` says. The engine adds the event as evidence.
    pub fn new(rule: &Rule, key: Key) -> Self {
        let (fields, evidence) = (Fields::new(), Vec::new());
        Self {
            key,
            severity: rule.severity,
            fields,
            evidence,
            excerpt: None,
        }
    }

    /// With one more value for the reader.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}

/// Where to find the proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Whose order the place is in.
    pub by: Instance,
    /// The place.
    pub seq: Seq,
}

/// How bad, from worth knowing to drop everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// This month.
    Low,
    /// This week.
    Medium,
    /// Today.
    High,
    /// Now.
    Critical,
}

impl Severity {
    /// The word people read.
    pub const fn plain(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Named values of a finding.
pub type Fields = BTreeMap<String, Value>;

/// One value of a finding. Plain in JSON, tagged in the binary encoding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A count.
    Number(u64),
    /// A word or a sentence.
    Text(Text),
    /// At most [`MAX_LISTED`] words.
    List(Vec<Text>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Plain {
    Number(u64),
    Text(Text),
    List(Vec<Text>),
}

#[derive(Serialize, Deserialize)]
enum Tagged {
    Number(u64),
    Text(Text),
    List(Vec<Text>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (to.is_human_readable(), self.clone()) {
            (true, Self::Number(n)) => Plain::Number(n).serialize(to),
            (true, Self::Text(t)) => Plain::Text(t).serialize(to),
            (true, Self::List(l)) => Plain::List(l).serialize(to),
            (false, Self::Number(n)) => Tagged::Number(n).serialize(to),
            (false, Self::Text(t)) => Tagged::Text(t).serialize(to),
            (false, Self::List(l)) => Tagged::List(l).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            Plain::deserialize(from).map(|value| match value {
                Plain::Number(n) => Self::Number(n),
                Plain::Text(t) => Self::Text(t),
                Plain::List(l) => Self::List(l),
            })
        } else {
            Tagged::deserialize(from).map(|value| match value {
                Tagged::Number(n) => Self::Number(n),
                Tagged::Text(t) => Self::Text(t),
                Tagged::List(l) => Self::List(l),
            })
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Text::new(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Text::new(&text))
    }
}

impl From<&Text> for Value {
    fn from(text: &Text) -> Self {
        Self::Text(text.clone())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text}"),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

/// Something that changes the world to contain harm; always has an undo ([`crate::Act`]).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Cut a sick host off from everything but the hub.
    Isolate {
        /// Which.
        host: Host,
    },
}

/// An action somebody or something proposed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Once and for all: the same order twice is one order.
    pub id: OrderId,
    /// What to do.
    pub action: Action,
    /// Why: the finding.
    pub because: Key,
    /// How long it holds before it is taken back.
    pub lease: Span,
    /// Whether it may start by itself.
    pub needs: Approval,
}

/// Who must agree before an order is applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Nobody: policy allows it.
    None,
    /// One person.
    Person,
}

/// What a judge says.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// This is wrong.
    Find(Finding),
    /// This is no longer wrong.
    Clear(Key),
    /// Do this.
    Do(Order),
    /// This is a part of something that another memory judges: it travels as [`crate::Fact::Part`], and people hear
    /// of the whole.
    Part(Finding),
}
