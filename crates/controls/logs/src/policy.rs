//! Which files are sources, what counts as an error in them, what is reported.

use std::collections::BTreeMap;

use cordon_model::{Policy, PolicyError, SourceName};
use serde::Deserialize;

/// Longest phrase, in bytes.
pub const MAX_PHRASE_BYTES: usize = 256;

/// The compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    sources: BTreeMap<SourceName, Source>,
}

/// A file that is read: `[[logs.source]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called.
    pub name: SourceName,
    /// Where it is; absent where another host reads it.
    #[serde(default)]
    pub path: Option<String>,
    /// Phrases that make a line an error, beside the usual words.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Phrases that are reported as a finding.
    #[serde(default)]
    pub report: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    source: Vec<Source>,
}

impl Logs {
    pub(crate) fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let section: Section = policy.section("logs")?;
        let mut sources = BTreeMap::new();
        for source in section.source {
            let name = source.name.clone();
            let phrases = source.errors.iter().chain(&source.report);
            for phrase in phrases {
                if phrase.is_empty() || phrase.len() > MAX_PHRASE_BYTES {
                    return Err(PolicyError::new(format!(
                        "source {name}: expected a phrase of 1 to {MAX_PHRASE_BYTES} bytes, got {}",
                        phrase.len()
                    )));
                }
            }
            if sources.insert(name.clone(), source).is_some() {
                return Err(PolicyError::new(format!(
                    "source {name} is named twice in [[logs.source]]"
                )));
            }
        }
        Ok(Self { sources })
    }

    /// Every source, by name.
    pub const fn sources(&self) -> &BTreeMap<SourceName, Source> {
        &self.sources
    }

    pub(crate) fn reported(&self, source: &SourceName) -> impl Iterator<Item = &str> {
        let phrases = self
            .sources
            .get(source)
            .map(|source| source.report.as_slice());
        phrases.unwrap_or_default().iter().map(String::as_str) // default: because an unnamed source reports nothing
    }
}
