//! Names and short texts. Text becomes a type at the door; afterwards nobody checks again, and every
//! one of them has a size, so that a fact stays under 64 KiB whatever a log line says.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};

/// Longest name, in bytes.
pub const MAX_ID_BYTES: usize = 255;

/// Longest free text (a log line, an excerpt, a reason), in bytes. Longer text is cut, and says so.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was there.
    #[error("expected a name, got an empty text")]
    Empty,
    /// Longer than [`MAX_ID_BYTES`].
    #[error("expected a name of at most {MAX_ID_BYTES} bytes, got {0}")]
    TooLong(usize),
    /// A control character, which would forge a line on a terminal or in a log.
    #[error("expected a printable name, got the control character U+{:04X}", *.0 as u32)]
    Unprintable(char),
}

fn name(text: &str) -> Result<Arc<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong(text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(IdError::Unprintable(c)),
        None => Ok(Arc::from(text)),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                name(text).map(Self)
            }
        }

        /// From a literal of our own source, which needs no check.
        impl From<&'static str> for $name {
            fn from(literal: &'static str) -> Self {
                Self(Arc::from(literal))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// A machine, by the name it goes by in this organisation.
    Host;
    /// A control: `watch`, `logs`, `patch`.
    ControlName;
    /// A log source of a host, by its name in policy.
    SourceName;
    /// Where a thing that must be accounted for passes: `accepted`, `scanned`.
    StageName;
    /// Two stages, of which the second must see every thing that the first saw.
    PairName;
    /// A row of a SPEC: `patch.missing`.
    RuleId;
    /// A probe of a SPEC: `patch.synthetic-host`.
    ProbeId;
    /// What marks one planting of a probe: never used twice.
    Nonce;
    /// Policy, or a named set of content that controls are compiled from (a feed, definitions).
    SetName;
    /// A proposed action, once.
    OrderId;
    /// A person who owns, acknowledges or approves.
    Person;
    /// A control running somewhere, `patch@hub1`. Instances never share memory.
    Instance;
}

impl Instance {
    /// `control` as it runs on `host`.
    pub fn new(control: &ControlName, host: &Host) -> Self {
        let mut text = format!("{control}@{host}");
        while text.len() > MAX_ID_BYTES {
            text.pop();
        }
        Self(Arc::from(text))
    }
}

/// Place of an event in the order of one engine; the first is 1.
pub type Seq = u64;

/// Version of a [`SetName`]; only ever grows.
pub type Epoch = u64;

/// Free text of bounded size. What is longer than [`MAX_TEXT_BYTES`] is cut at a character, and the
/// text then ends in how many bytes are missing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text(Arc<str>);

impl Text {
    /// `text`, cut if it must be.
    pub fn new(text: &str) -> Self {
        const NOTE: usize = 40; // room for "… (+18446744073709551615 bytes cut)"
        if text.len() <= MAX_TEXT_BYTES {
            return Self(Arc::from(text));
        }
        let kept = text.floor_char_boundary(MAX_TEXT_BYTES - NOTE);
        let head = text.get(..kept).unwrap_or_default(); // default: because `kept` is a boundary within
        Self(Arc::from(format!(
            "{head}… (+{} bytes cut)",
            text.len() - kept
        )))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::new(text.as_ref())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self::new(&text))
    }
}

/// A name in which `*` stands for any run of characters: `ws*`, `*.lab`, `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Whether the whole of `text` fits. Linear in `text` for each `*`.
    pub fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        // default: because a split has at least one part
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let mut middle: Vec<&str> = parts.collect();
        let Some(last) = middle.pop() else {
            return rest.is_empty(); // no `*` at all: equality
        };
        for part in middle {
            match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl FromStr for Pattern {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        name(text).map(Self)
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Self(Arc::from("*"))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        let check = |pattern: &str, text: &str, fits: bool| {
            let got = pattern.parse::<Pattern>().unwrap().fits(text);
            assert_eq!(got, fits, "{pattern} on {text}");
        };
        check("ws1", "ws1", true);
        check("ws1", "ws12", false);
        check("ws*", "ws12", true);
        check("*", "", true);
        check("*.lab", "a.lab", true);
        check("*.lab", "a.lab.example", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("ab*ba", "aba", false);
    }

    #[test]
    fn names_refuse_what_forges_a_line() {
        assert_eq!("".parse::<Host>(), Err(IdError::Empty));
        assert_eq!("a\nb".parse::<Host>(), Err(IdError::Unprintable('\n')));
        assert_eq!("x".repeat(256).parse::<Host>(), Err(IdError::TooLong(256)));
        assert!("mail-1.example".parse::<Host>().is_ok());
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_says_so() {
        let text = Text::new(&"ä".repeat(MAX_TEXT_BYTES));
        assert!(text.as_str().len() <= MAX_TEXT_BYTES);
        assert!(text.as_str().ends_with(" bytes cut)"));
    }
}
