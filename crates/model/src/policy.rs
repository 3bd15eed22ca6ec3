//! What is allowed, and what must be there. Text becomes types in `Control::new`, the only step of a
//! control that can fail: a bad policy is refused there, and the old one stays in force.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};

use crate::{Epoch, Pattern, Person, RuleId, SetName, Time};

/// A policy as TOML text, and the content sets (feeds) that controls are compiled from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    text: Arc<str>,
    /// Version of the text; only ever grows.
    pub epoch: Epoch,
    sets: BTreeMap<SetName, Set>,
}

/// Content that a control is compiled from: a feed of advisories, definitions.
#[derive(Clone, Debug)]
pub struct Set {
    /// The date that the content bears, where it bears one.
    pub dated: Option<Time>,
    /// Which control's content it is, and how it is written: `patch/debian-packages`.
    pub format: &'static str,
    /// The content, unpacked.
    pub bytes: Arc<[u8]>,
}

/// "This finding is known, this person answers for it, until then."
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Which rule.
    pub rule: RuleId,
    /// On which hosts.
    #[serde(default)]
    pub host: Pattern,
    /// About what, as the finding writes it: `source:mail.log`, `package:KB835732`.
    #[serde(default)]
    pub subject: Pattern,
    /// Who answers for it.
    pub owner: Person,
    /// When it ends by itself.
    pub until: Time,
    /// Why.
    pub reason: String,
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", place(*line, *column))]
pub struct PolicyError {
    /// What was expected and what came.
    pub message: String,
    /// 1-based line of the policy's text, where it is known.
    pub line: Option<usize>,
    /// 1-based column.
    pub column: Option<usize>,
}

fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    }
}

impl PolicyError {
    /// An error that no place in the text can be given for.
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            line: None,
            column: None,
        }
    }

    fn at(text: &str, error: &toml::de::Error) -> Self {
        let place = error
            .span()
            .map(|span: Range<usize>| line_and_column(text, span.start));
        let (line, column) = place.unzip();
        Self {
            message: error.message().replace('\n', " "),
            line,
            column,
        }
    }
}

/// Both from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
}

impl Policy {
    /// A policy of this text and nothing else.
    pub fn new(text: &str, epoch: Epoch) -> Self {
        Self {
            text: Arc::from(text),
            epoch,
            sets: BTreeMap::new(),
        }
    }

    /// The same policy with one more content set, or a newer version of one.
    pub fn with(mut self, name: SetName, set: Set) -> Self {
        self.sets.insert(name, set);
        self
    }

    /// The same sets under another text.
    pub fn reworded(&self, text: &str, epoch: Epoch) -> Self {
        Self {
            text: Arc::from(text),
            epoch,
            sets: self.sets.clone(),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The content sets by name.
    pub const fn sets(&self) -> &BTreeMap<SetName, Set> {
        &self.sets
    }

    /// The section `name`, or its default where the policy is silent about it.
    pub fn section<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, PolicyError> {
        self.section_if(name).map(Option::unwrap_or_default)
    }

    /// The section `name`, if the policy has one.
    pub fn section_if<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, PolicyError> {
        let refuse = |error: toml::de::Error| PolicyError::at(&self.text, &error);
        let text = toml::Deserializer::parse(&self.text).map_err(refuse)?;
        Section {
            name,
            kind: std::marker::PhantomData,
        }
        .deserialize(text)
        .map_err(refuse)
    }

    /// The exceptions: the section that belongs to no control.
    pub fn exceptions(&self) -> Result<Vec<Exception>, PolicyError> {
        self.section("exception")
    }

    /// Refuses a section that is none of `known`: a typo must not switch a control off.
    pub fn only(&self, known: &[&str]) -> Result<(), PolicyError> {
        let table = toml::de::DeTable::parse(&self.text)
            .map_err(|error| PolicyError::at(&self.text, &error))?;
        for name in table.get_ref().keys() {
            if !known.contains(&name.get_ref().as_ref()) {
                let (line, column) = line_and_column(&self.text, name.span().start);
                let (line, column) = (Some(line), Some(column));
                let known = known.join(", ");
                let message = format!(
                    "unknown section `{}`, expected one of {known}",
                    name.get_ref()
                );
                return Err(PolicyError {
                    message,
                    line,
                    column,
                });
            }
        }
        Ok(())
    }
}

/// Reads one top-level key straight from the text, so that errors keep their place in it.
struct Section<'n, T> {
    name: &'n str,
    kind: std::marker::PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Section<'_, T> {
    type Value = Option<T>;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Section<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.name {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Toy {
        #[serde(default)]
        deadline: crate::Span,
    }

    fn check(text: &str, expected: &str) {
        let got = Policy::new(text, 1).section::<Toy>("toy").unwrap_err();
        assert_eq!(got.to_string(), expected);
    }

    #[test]
    fn a_refusal_says_what_and_where() {
        check(
            "[other]\nx = 1\n[toy]\ndedline = \"5m\"\n",
            "unknown field `dedline`, expected `deadline` (line 4, column 1)",
        );
        check(
            "[toy]\ndeadline = \"-5m\"\n",
            "expected a length of time of zero or more, got the negative `-5m` (line 2, column 12)",
        );
    }

    #[test]
    fn an_exception_needs_an_owner_and_an_end() {
        let text = "[[exception]]\nrule = \"patch.missing\"\nreason = \"later\"\n";
        let got = Policy::new(text, 1).exceptions().unwrap_err();
        assert_eq!(got.to_string(), "missing field `owner` (line 1, column 1)");
    }

    #[test]
    fn a_misspelt_section_is_refused_in_its_place() {
        let got = Policy::new("[watch]\n\n[ptach]\n", 1)
            .only(&["patch", "watch"])
            .unwrap_err();
        let expected = "unknown section `ptach`, expected one of patch, watch (line 3, column 2)";
        assert_eq!(got.to_string(), expected);
    }
}
