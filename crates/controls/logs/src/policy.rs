//! Which files are sources, what counts as an error in them, what is reported.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Policy, PolicyError, SourceName};
use serde::Deserialize;

use crate::{
    intake::{Journal, Listen, MIN_SPOOL_BYTES, spool_bytes},
    sigma_rules::{Rules, RulesSection},
};

/// Longest phrase, in bytes.
pub const MAX_PHRASE_BYTES: usize = 256;

/// The compiled policy.
#[derive(Debug, Clone)]
pub struct Logs {
    sources: BTreeMap<SourceName, Source>,
    listens: Vec<Listen>,
    journals: Vec<Journal>,
    spool_bytes: u64,
    rule_paths: Vec<String>,
    pub(crate) rules: Rules,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    source: Vec<Source>,
    listen: Vec<Listen>,
    journal: Vec<Journal>,
    spool_bytes: u64,
    rules: RulesSection,
}

impl Default for Section {
    fn default() -> Self {
        let (source, listen, journal) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            source,
            listen,
            journal,
            spool_bytes: spool_bytes(),
            rules: RulesSection::default(),
        }
    }
}

impl Logs {
    pub(crate) fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let section: Section = policy.section("logs")?;
        if section.spool_bytes < MIN_SPOOL_BYTES {
            return Err(PolicyError::new(format!(
                "expected `spool_bytes` of at least {MIN_SPOOL_BYTES}, got {}",
                section.spool_bytes
            )));
        }
        let mut taken = BTreeSet::new();
        let mut named = |name: &SourceName, phrases: [&[String]; 2]| {
            check_phrases(name, phrases)?;
            if taken.insert(name.clone()) {
                return Ok(());
            }
            Err(PolicyError::new(format!(
                "source {name} is named twice in [[logs.source]], [[logs.listen]], [[logs.journal]]"
            )))
        };
        let mut sources = BTreeMap::new();
        for source in section.source {
            named(&source.name, [&source.errors, &source.report])?;
            sources.insert(source.name.clone(), source);
        }
        for listen in &section.listen {
            named(&listen.name, [&listen.errors, &listen.report])?;
            listen.check()?;
        }
        for journal in &section.journal {
            named(&journal.name, [&journal.errors, &journal.report])?;
        }
        Ok(Self {
            sources,
            listens: section.listen,
            journals: section.journal,
            spool_bytes: section.spool_bytes,
            rules: Rules::read(&section.rules, policy)?,
            rule_paths: section.rules.paths,
        })
    }

    /// Every file, by name.
    pub const fn sources(&self) -> &BTreeMap<SourceName, Source> {
        &self.sources
    }

    /// Every listener.
    pub fn listens(&self) -> &[Listen] {
        &self.listens
    }

    /// Every journal.
    pub fn journals(&self) -> &[Journal] {
        &self.journals
    }

    /// What the spool of the listeners may hold, in bytes.
    pub const fn spool_bytes(&self) -> u64 {
        self.spool_bytes
    }

    /// The rules in force.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Files and folders of rules that policy names.
    pub fn rule_paths(&self) -> &[String] {
        &self.rule_paths
    }

    /// Whether nothing is read at all.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.listens.is_empty() && self.journals.is_empty()
    }

    /// The phrases of a source: its own, or those of the listener that its name begins with.
    pub(crate) fn reported(&self, source: &SourceName) -> impl Iterator<Item = &str> {
        let name = source.as_str();
        let listener = name.split_once('/').map_or(name, |(listener, _)| listener);
        let file = self.sources.get(source).map(|source| &source.report);
        let listens = self.listens.iter();
        let mut listens = listens.filter(|listen| listen.name.as_str() == listener);
        let journals = self.journals.iter();
        let mut journals = journals.filter(|journal| journal.name == *source);
        let phrases = file
            .or_else(|| listens.next().map(|listen| &listen.report))
            .or_else(|| journals.next().map(|journal| &journal.report));
        phrases.into_iter().flatten().map(String::as_str)
    }
}

fn check_phrases(name: &SourceName, phrases: [&[String]; 2]) -> Result<(), PolicyError> {
    for phrase in phrases.into_iter().flatten() {
        if phrase.is_empty() || phrase.len() > MAX_PHRASE_BYTES {
            return Err(PolicyError::new(format!(
                "source {name}: expected a phrase of 1 to {MAX_PHRASE_BYTES} bytes, got {}",
                phrase.len()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Logs, String> {
        Logs::read(&Policy::new(text, 1)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_listened_to_unless_policy_says_so() {
        let logs = read("").unwrap();
        assert!(logs.is_empty() && logs.listens().is_empty());
        assert_eq!(logs.spool_bytes(), 256 << 20);
    }

    #[test]
    fn a_listener_that_cannot_be_meant_is_refused() {
        let check = |fields: &str, expected: &str| {
            let text = format!("[[logs.listen]]\nname = \"syslog\"\n{fields}\n");
            let got = read(&text).unwrap_err();
            assert!(got.contains(expected), "{got}");
        };
        check("", "expected one of `udp`");
        check("udp = \"nowhere\"", "invalid socket address");
        check("tls = \"0.0.0.0:6514\"", "`tls` needs");
        check(
            "tcp = \"[::]:601\"\nclients = \"ca.pem\"",
            "`clients` needs",
        );
        check("tcp = \"[::]:601\"\nkey = \"k.pem\"", "need each other");
        check("udp = \"[::]:514\"\nmax_senders = 0", "max_senders");
        let twice = "[[logs.journal]]\nname = \"a\"\n[[logs.source]]\nname = \"a\"\n";
        assert!(read(twice).unwrap_err().contains("named twice"));
        assert!(
            read("[logs]\nspool_bytes = 5\n")
                .unwrap_err()
                .contains("spool_bytes")
        );
    }

    #[test]
    fn a_sender_has_the_phrases_of_its_listener() {
        let text = "[[logs.listen]]\nname = \"syslog\"\nudp = \"[::]:514\"\nreport = [\"x\"]\n";
        let logs = read(text).unwrap();
        let of = |name: &str| logs.reported(&name.parse().unwrap()).count();
        assert_eq!(
            [of("syslog/router1"), of("syslog"), of("syslogs/a")],
            [1, 1, 0]
        );
    }
}
