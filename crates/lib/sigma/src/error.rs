//! Why a document was refused, and where. A rule that is dropped without a word is a hole nobody
//! knows of, so every refusal has the line and says what was expected and what came.

use thiserror::Error;

/// A document that does not load.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}: {reason}")]
pub struct Refused {
    /// The name under which the text was handed in.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
    /// Why.
    pub reason: Reason,
}

/// A reason with its line, before the file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) reason: Reason,
}

impl At {
    pub(crate) fn new(line: u32, reason: Reason) -> Self {
        Self { line, reason }
    }

    pub(crate) fn wrong(line: u32, what: &'static str, wanted: &'static str, got: &str) -> Self {
        Self::new(
            line,
            Reason::Wrong {
                what,
                wanted,
                got: shorten(got),
            },
        )
    }
}

/// Error text quotes what came, but not a megabyte of it.
pub(crate) fn shorten(text: &str) -> String {
    const MOST_CHARS: usize = 80;
    let mut short: String = text.chars().take(MOST_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// No YAML.
    #[error("no valid YAML: {0}")]
    Yaml(String),
    /// A limit of this crate was reached.
    #[error("{what} over the limit of {limit}")]
    Limit {
        /// What is too much.
        what: &'static str,
        /// How much is allowed, in the unit of `what`.
        limit: usize,
    },
    /// The text holds no document at all.
    #[error("no document: expected a rule, filter or correlation, got nothing")]
    Empty,
    /// A key that must be there is not.
    #[error("missing `{0}`")]
    Missing(&'static str),
    /// A key is given twice.
    #[error("duplicate key `{0}`")]
    Duplicate(String),
    /// A value of the wrong type or form.
    #[error("{what}: expected {wanted}, got `{got}`")]
    Wrong {
        /// Of which key.
        what: &'static str,
        /// What may be there.
        wanted: &'static str,
        /// What is there.
        got: String,
    },
    /// A modifier that the specification does not have.
    #[error("unknown modifier `{0}`")]
    UnknownModifier(String),
    /// Modifiers that cannot stand together, or not with this value.
    #[error("modifier `{modifier}`: {why}")]
    Modifier {
        /// The modifier.
        modifier: String,
        /// What is wrong with it here.
        why: &'static str,
    },
    /// A condition names a search that is not there.
    #[error("condition names `{0}`, and the detection has no such search")]
    NoSuchSearch(String),
    /// A condition that cannot be read.
    #[error("condition: expected {wanted}, got `{got}`")]
    Condition {
        /// What may stand there.
        wanted: &'static str,
        /// What stands there.
        got: String,
    },
    /// A feature of Sigma before version 2.
    #[error("{0} is of Sigma before version 2 and not supported: {1}")]
    Legacy(&'static str, &'static str),
    /// A regular expression that needs look-around or back references: not linear in time.
    #[error(
        "regular expression `{0}` needs look-around or a back reference, which no linear-time engine has"
    )]
    LookAround(String),
    /// A regular expression that cannot be compiled.
    #[error("regular expression: {0}")]
    Regex(String),
    /// A correlation or filter names a rule that did not load.
    #[error("names rule `{0}`, and no rule with this id or name was loaded")]
    NoSuchRule(String),
    /// A name or id that two rules carry.
    #[error("`{0}` is also the name or id of a rule in {1}")]
    Taken(String, String),
    /// A correlation that refers to itself, directly or through others.
    #[error("correlation `{0}` refers to itself")]
    Circle(String),
}
