//! The rules of a scan: those of the folders that were named, or our own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sigma::{Correlator, Engine, Level, Limits, Refused, Rule, RuleSet, Search};

use crate::{
    content::RULES,
    fault::{self, Fault},
};

/// Most folders within folders.
const MAX_DEPTH: usize = 16;

/// Most files of rules.
const MAX_FILES: usize = 200_000;

/// The largest file of rules, in bytes.
const MAX_BYTES: u64 = 8 << 20;

/// Rules, ready to be matched.
pub(super) struct Rules {
    pub(super) set: RuleSet,
    pub(super) engine: Engine,
    pub(super) correlator: Correlator,
    pub(super) refused: Vec<Refused>,
    /// Of each rule, the fields that it speaks of.
    pub(super) fields: Vec<Vec<String>>,
    /// Of each rule, whether its match is told by itself: its level is wanted, and nobody else tells it.
    pub(super) told: Vec<bool>,
    /// Of each correlation, likewise.
    pub(super) told_correlations: Vec<bool>,
}

impl Rules {
    pub(super) fn load(
        paths: &[PathBuf],
        expand: &[String],
        least: Option<Level>,
    ) -> Result<Self, Fault> {
        let placeholders = placeholders(expand)?;
        let loaded = if paths.is_empty() {
            RuleSet::load_with(RULES.iter().copied(), &placeholders)
        } else {
            let mut texts = Vec::new();
            for path in paths {
                read(path, 0, &mut texts)?;
            }
            RuleSet::load_with(texts, &placeholders)
        };
        let set = loaded.set;
        if set.rules.is_empty() {
            let named: Vec<String> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let refused = loaded.refused.len();
            let what = format!("no rule could be loaded, {refused} were refused");
            return Err(Fault::new(&fault::RULES_UNREADABLE, what).at(named.join(", ")));
        }
        let wanted = |level: Option<Level>| least.is_none() || level >= least;
        let told = set.rules.iter();
        let told = told
            .map(|rule| rule.alone && wanted(rule.meta.level))
            .collect();
        let told_correlations = set.correlations.iter();
        let told_correlations = told_correlations
            .map(|one| wanted(one.meta.level))
            .collect();
        Ok(Self {
            engine: Engine::new(&set),
            correlator: Correlator::new(&set, Limits::default()),
            refused: loaded.refused,
            fields: set.rules.iter().map(fields).collect(),
            told,
            told_correlations,
            set,
        })
    }

    /// Rules and correlations.
    pub(super) fn count(&self) -> usize {
        self.set.rules.len() + self.set.correlations.len()
    }

    /// A rule by its id, its name, its file or the name of its file.
    pub(super) fn find(&self, text: &str) -> Option<usize> {
        let is = |rule: &Rule| {
            let meta = &rule.meta;
            let file = Path::new(&meta.file)
                .file_name()
                .and_then(|name| name.to_str());
            meta.id.as_deref() == Some(text)
                || meta.name.as_deref() == Some(text)
                || meta.file == text
                || file == Some(text)
                || meta.title == text
        };
        self.set.rules.iter().position(is)
    }
}

/// The names of all fields of a rule, each once.
fn fields(rule: &Rule) -> Vec<String> {
    fn walk(search: &Search, names: &mut BTreeSet<String>) {
        match search {
            Search::All(all) | Search::Any(all) => all.iter().for_each(|one| walk(one, names)),
            Search::Item(item) => names.extend(item.field.clone()),
        }
    }
    let mut names = BTreeSet::new();
    for (_, search) in &rule.searches {
        walk(search, &mut names);
    }
    names.into_iter().collect()
}

fn placeholders(expand: &[String]) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for text in expand {
        let Some((name, value)) = text.split_once('=') else {
            let what = format!("expected NAME=VALUE for --expand, got `{text}`");
            return Err(Fault::new(&fault::RULES_UNREADABLE, what));
        };
        let name = name.trim_matches('%').to_owned();
        all.entry(name).or_default().push(value.to_owned());
    }
    Ok(all)
}

/// Every text of rules below `path`, with the name of its file.
pub(crate) fn rule_texts(path: &Path) -> Result<Vec<(String, String)>, Fault> {
    let mut texts = Vec::new();
    read(path, 0, &mut texts)?;
    Ok(texts)
}

/// Every file of rules below `path`. A folder that cannot be read is an error: its rules would be missing without
/// a word.
fn read(path: &Path, depth: usize, texts: &mut Vec<(String, String)>) -> Result<(), Fault> {
    let refuse =
        |why: &dyn std::fmt::Display| Fault::new(&fault::RULES_UNREADABLE, why).at(path.display());
    let about = fs::metadata(path).map_err(|error| refuse(&error))?;
    if about.is_dir() {
        if depth > MAX_DEPTH {
            return Err(refuse(&format!(
                "more than {MAX_DEPTH} folders in each other"
            )));
        }
        let entries = fs::read_dir(path).map_err(|error| refuse(&error))?;
        let all = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut all: Vec<PathBuf> = all
            .collect::<Result<_, _>>()
            .map_err(|error| refuse(&error))?;
        all.sort();
        for one in all {
            let is_rule = one
                .extension()
                .is_some_and(|ending| ending == "yml" || ending == "yaml");
            if is_rule || one.is_dir() {
                read(&one, depth + 1, texts)?;
            }
        }
        return Ok(());
    }
    if about.len() > MAX_BYTES {
        return Err(refuse(&format!("more than {MAX_BYTES} bytes")));
    }
    if texts.len() >= MAX_FILES {
        return Err(refuse(&format!("more than {MAX_FILES} files of rules")));
    }
    let bytes = fs::read(path).map_err(|error| refuse(&error))?;
    // A rule that is no text is refused by name, and stops no other.
    let text = String::from_utf8(bytes).unwrap_or_else(|_| "\u{0}".to_owned());
    texts.push((path.display().to_string(), text));
    Ok(())
}
