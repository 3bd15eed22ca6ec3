//! A set of documents that belong together: rules, the filters that narrow them, the correlations
//! over them. Names are resolved here, once; what names nothing is refused, never silently dead.

use std::collections::BTreeMap;

use crate::{
    error::{Reason, Refused},
    read::{self, Document},
    rule::{Condition, Correlation, Filter, Named, Rule},
};

/// Rules, filters and correlations, read and bound to each other.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Rules, in the order in which they came, with their filters applied.
    pub rules: Vec<Rule>,
    /// Filters, as they were read; already applied.
    pub filters: Vec<Filter>,
    /// Correlations, those that others use first.
    pub correlations: Vec<Correlation>,
    /// For each correlation what it is over, in its own order.
    pub bound: Vec<Vec<Bound>>,
}

/// What a correlation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// The rule with this index.
    Rule(usize),
    /// The correlation with this index.
    Correlation(usize),
}

/// What came of loading.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What loaded.
    pub set: RuleSet,
    /// What did not, and why; in the order of the texts.
    pub refused: Vec<Refused>,
    /// What loaded and is probably not meant: a filter that only narrows, a placeholder without values.
    pub notes: Vec<Refused>,
}

impl RuleSet {
    /// Reads documents: pairs of a name for messages, such as a path, and a text of YAML.
    pub fn load<N: Into<String>, T: AsRef<str>>(texts: impl IntoIterator<Item = (N, T)>) -> Loaded {
        Self::load_with(texts, &BTreeMap::new())
    }

    /// [`Self::load`], with values for the placeholders of `expand`, by their name without `%`.
    pub fn load_with<N: Into<String>, T: AsRef<str>>(
        texts: impl IntoIterator<Item = (N, T)>,
        placeholders: &BTreeMap<String, Vec<String>>,
    ) -> Loaded {
        let mut binder = Binder::default();
        for (name, text) in texts {
            let name: String = name.into();
            let (documents, refused) = read::documents(text.as_ref(), placeholders);
            for document in documents {
                binder.add(document, &name);
            }
            for at in refused {
                binder.refuse(&name, at.line, at.reason);
            }
        }
        binder.bind()
    }
}

#[derive(Default)]
struct Binder {
    loaded: Loaded,
    /// Ids and names of rules and correlations, and how many carry each.
    names: BTreeMap<String, Vec<Bound>>,
    correlations: Vec<Correlation>,
}

impl Binder {
    fn refuse(&mut self, file: &str, line: u32, reason: Reason) {
        self.loaded.refused.push(Refused {
            file: file.to_owned(),
            line,
            reason,
        });
    }

    fn add(&mut self, document: Document, file: &str) {
        match document {
            Document::Rule(mut rule) => {
                file.clone_into(&mut rule.meta.file);
                let index = Bound::Rule(self.loaded.set.rules.len());
                if self.name(&rule.meta, index) {
                    self.loaded.set.rules.push(*rule);
                }
            }
            Document::Correlation(mut correlation) => {
                file.clone_into(&mut correlation.meta.file);
                let index = Bound::Correlation(self.correlations.len());
                if self.name(&correlation.meta, index) {
                    self.correlations.push(*correlation);
                }
            }
            Document::Filter(mut filter) => {
                file.clone_into(&mut filter.meta.file);
                self.loaded.set.filters.push(*filter);
            }
        }
    }

    /// Ids are of one rule each; of a name that several carry all are meant.
    fn name(&mut self, meta: &crate::rule::Meta, index: Bound) -> bool {
        if let Some(id) = &meta.id
            && let Some(first) = self.names.get(id).and_then(|all| all.first())
        {
            let other = match first {
                Bound::Rule(rule) => self.loaded.set.rules.get(*rule).map(|rule| &rule.meta.file),
                Bound::Correlation(at) => self.correlations.get(*at).map(|rule| &rule.meta.file),
            };
            let reason = Reason::Taken(id.clone(), other.cloned().unwrap_or_default()); // default: because a name is of one that is there
            self.refuse(&meta.file, meta.line, reason);
            return false;
        }
        for name in [&meta.id, &meta.name].into_iter().flatten() {
            self.names.entry(name.clone()).or_default().push(index);
        }
        true
    }

    fn bind(mut self) -> Loaded {
        self.correlate();
        let filters = std::mem::take(&mut self.loaded.set.filters);
        for filter in &filters {
            self.filter(filter);
        }
        self.loaded.set.filters = filters;
        for rule in &self.loaded.set.rules {
            for name in &rule.unfilled {
                self.loaded.notes.push(Refused {
                    file: rule.meta.file.clone(),
                    line: rule.meta.line,
                    reason: Reason::Modifier {
                        modifier: format!("expand: %{name}%"),
                        why: "no values are given, so the rule is not evaluated",
                    },
                });
            }
        }
        self.loaded
    }

    /// Resolves what correlations are over, used ones first.
    fn correlate(&mut self) {
        let all = std::mem::take(&mut self.correlations);
        let mut state = vec![State::New; all.len()];
        for index in 0..all.len() {
            self.place(index, &all, &mut state, 0);
        }
        let over = |set: &RuleSet, correlation: &Correlation, bound: &[Bound]| -> Vec<usize> {
            let rules = bound.iter().filter_map(|bound| match bound {
                Bound::Rule(rule) => Some(*rule),
                Bound::Correlation(_) => None,
            });
            if correlation.generate {
                Vec::new()
            } else {
                rules.filter(|rule| *rule < set.rules.len()).collect()
            }
        };
        let set = &mut self.loaded.set;
        let pairs = set.correlations.iter().zip(&set.bound);
        let quiet: Vec<usize> = pairs
            .flat_map(|(correlation, bound)| over(set, correlation, bound))
            .collect();
        for rule in quiet {
            if let Some(rule) = set.rules.get_mut(rule) {
                rule.alone = false;
            }
        }
    }

    fn place(
        &mut self,
        index: usize,
        all: &[Correlation],
        state: &mut [State],
        depth: usize,
    ) -> Option<usize> {
        const MAX_CHAIN: usize = 16;
        let correlation = all.get(index)?;
        let meta = &correlation.meta;
        match state.get(index)? {
            State::Placed(at) => return Some(*at),
            State::Refused => return None,
            State::Under => {
                self.refuse(&meta.file, meta.line, Reason::Circle(meta.title.clone()));
                *state.get_mut(index)? = State::Refused;
                return None;
            }
            State::New if depth > MAX_CHAIN => {
                let reason = Reason::Limit {
                    what: "correlations over each other",
                    limit: MAX_CHAIN,
                };
                self.refuse(&meta.file, meta.line, reason);
                *state.get_mut(index)? = State::Refused;
                return None;
            }
            State::New => {}
        }
        *state.get_mut(index)? = State::Under;
        let mut bound = Vec::new();
        for name in &correlation.rules {
            let found = self
                .names
                .get(name)
                .and_then(|found| found.first())
                .copied();
            let found = match found {
                Some(Bound::Correlation(other)) => self
                    .place(other, all, state, depth + 1)
                    .map(Bound::Correlation),
                other => other,
            };
            let Some(found) = found else {
                if !matches!(state.get(index), Some(State::Refused)) {
                    self.refuse(&meta.file, meta.line, Reason::NoSuchRule(name.clone()));
                    *state.get_mut(index)? = State::Refused;
                }
                return None;
            };
            bound.push(found);
        }
        let at = self.loaded.set.correlations.len();
        self.loaded.set.correlations.push(correlation.clone());
        self.loaded.set.bound.push(bound);
        *state.get_mut(index)? = State::Placed(at);
        Some(at)
    }

    /// `(condition of the rule) and (condition of the filter)`, for the rules that it names.
    fn filter(&mut self, filter: &Filter) {
        if never_narrows_by_not(&filter.condition) {
            let why = "its condition has no `not`: the rules match only what it names; to leave that out write `not …`";
            let reason = Reason::Modifier {
                modifier: "filter".into(),
                why,
            };
            let (file, line) = (filter.meta.file.clone(), filter.meta.line);
            self.loaded.notes.push(Refused { file, line, reason });
        }
        let targets: Vec<usize> = match &filter.rules {
            Named::Any => (0..self.loaded.set.rules.len()).collect(),
            Named::These(names) => {
                let mut targets = Vec::new();
                for name in names {
                    let found = self.names.get(name).cloned().unwrap_or_default(); // default: because none is told below
                    if found.is_empty() {
                        self.refuse(
                            &filter.meta.file,
                            filter.meta.line,
                            Reason::NoSuchRule(name.clone()),
                        );
                    }
                    targets.extend(found.into_iter().filter_map(|bound| match bound {
                        Bound::Rule(rule) => Some(rule),
                        Bound::Correlation(_) => None,
                    }));
                }
                targets.sort_unstable();
                targets.dedup();
                targets
            }
        };
        for target in targets {
            if let Some(rule) = self.loaded.set.rules.get_mut(target)
                && filter.source.holds_for(&rule.source)
            {
                narrow(rule, filter);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    New,
    Under,
    Placed(usize),
    Refused,
}

fn narrow(rule: &mut Rule, filter: &Filter) {
    let offset = rule.searches.len();
    let renamed = filter
        .searches
        .iter()
        .map(|(name, search)| (format!("{}: {name}", filter.meta.title), search.clone()));
    rule.searches.extend(renamed);
    let own = std::mem::replace(&mut rule.condition, Condition::And(Vec::new()));
    rule.condition = Condition::And(vec![own, shifted(&filter.condition, offset)]);
}

fn shifted(condition: &Condition, by: usize) -> Condition {
    let all = |arms: &[Condition]| arms.iter().map(|arm| shifted(arm, by)).collect();
    match condition {
        Condition::Search(at) => Condition::Search(at + by),
        Condition::And(arms) => Condition::And(all(arms)),
        Condition::Or(arms) => Condition::Or(all(arms)),
        Condition::Not(inner) => Condition::Not(Box::new(shifted(inner, by))),
        Condition::AtLeast(least, these) => {
            Condition::AtLeast(*least, these.iter().map(|at| at + by).collect())
        }
    }
}

fn never_narrows_by_not(condition: &Condition) -> bool {
    match condition {
        Condition::Search(_) | Condition::AtLeast(..) => true,
        Condition::And(arms) | Condition::Or(arms) => arms.iter().all(never_narrows_by_not),
        Condition::Not(_) => false,
    }
}
