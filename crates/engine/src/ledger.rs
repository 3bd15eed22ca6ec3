//! The life of findings: new, in progress, suppressed, resolved.
//!
//! A finding opens once, however often its judge repeats it, and closes when its cause is gone. What a
//! standing finding explains is folded under it: one dead host is one finding, not seven. A fold never
//! drops: when the cause goes and the consequence stays, it speaks.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{
    Cause, Exception, Finding, Key, Order, OrderId, Person, Planting, Rule, Shares, Spec, Subject,
    Time, Triage,
};
use serde::{Deserialize, Serialize};

/// What the world hears of a judgement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// A finding people should see.
    Opened(Finding),
    /// The same finding, with other values.
    Changed(Finding),
    /// It stands, and a worse one explains it.
    Folded {
        /// The consequence.
        finding: Finding,
        /// The cause.
        under: Key,
    },
    /// An exception, or a person, answers for it.
    Suppressed {
        /// What.
        finding: Finding,
        /// Who.
        owner: Person,
        /// Until when.
        until: Time,
    },
    /// A person is on it.
    Acknowledged {
        /// What.
        key: Key,
        /// Who.
        who: Person,
    },
    /// Its cause is gone; as it was last found.
    Resolved(Finding),
    /// A probe came back; its finding is withheld from people.
    Withheld(Planting),
    /// An action that waits for a person.
    Proposed(Order),
    /// An action to apply now.
    Ready(Order),
    /// An action to take back now.
    Undo(OrderId),
}

/// A standing finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// What was found, as last said.
    pub finding: Finding,
    /// Where it stands.
    pub life: Life,
    /// When it was first found.
    pub first: Time,
    /// When it was last found.
    pub last: Time,
    /// How often.
    pub count: u64,
    /// Whether the world has heard of it, and so must hear of its end.
    pub told: bool,
}

/// Where a standing finding stands. A resolved one stands no more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Life {
    /// Found, and waiting for an explanation.
    Settling {
        /// When it speaks.
        due: Time,
    },
    /// Explained by another.
    Folded {
        /// Which.
        under: Key,
    },
    /// Told to people.
    New,
    /// Somebody is on it.
    InProgress {
        /// Who.
        who: Person,
    },
    /// Somebody answers for it, until then.
    Suppressed {
        /// Who.
        owner: Person,
        /// Until when.
        until: Time,
        /// Whether policy says so, rather than a person.
        by_policy: bool,
    },
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Ledger {
    rules: BTreeMap<&'static str, &'static Rule>,
    exceptions: Vec<Exception>,
    entries: BTreeMap<Key, Entry>,
    changed: BTreeSet<Key>,
    /// No entry does anything by itself before this.
    due: Option<Time>,
}

impl Ledger {
    pub(crate) fn new<'s>(specs: impl Iterator<Item = &'s &'static Spec>) -> Self {
        let rules = specs
            .flat_map(|spec| spec.rules)
            .map(|rule| (rule.id, rule))
            .collect();
        Self {
            rules,
            ..Self::default()
        }
    }

    pub(crate) fn restore(&mut self, entries: BTreeMap<Key, Entry>) {
        self.due = entries.values().filter_map(Entry::due).min();
        self.entries = entries;
    }

    pub(crate) const fn entries(&self) -> &BTreeMap<Key, Entry> {
        &self.entries
    }

    pub(crate) fn take_changed(&mut self) -> Vec<(Key, Option<Entry>)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|key| (key.clone(), self.entries.get(&key).cloned()))
            .collect()
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&'static Rule> {
        self.rules.get(id).copied()
    }

    /// New exceptions: what they cover falls silent, what they no longer cover speaks again.
    pub(crate) fn except(&mut self, exceptions: Vec<Exception>, at: Time, out: &mut Vec<Outcome>) {
        self.exceptions = exceptions;
        let keys: Vec<Key> = self.entries.keys().cloned().collect();
        for key in keys {
            let covered = self.exception(&key, at);
            let Some(entry) = self.entries.get(&key) else {
                continue;
            };
            let by_policy = matches!(
                entry.life,
                Life::Suppressed {
                    by_policy: true,
                    ..
                }
            );
            if covered.is_some() != by_policy {
                self.place(&key, at, out);
            }
        }
    }

    pub(crate) fn find(&mut self, finding: Finding, at: Time, out: &mut Vec<Outcome>) {
        let key = finding.key.clone();
        self.changed.insert(key.clone());
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.last = at;
            entry.count += 1;
            let news = !entry.finding.says_the_same(&finding);
            entry.finding = finding;
            if !news {
                return;
            }
            if matches!(entry.life, Life::New | Life::InProgress { .. }) {
                out.push(Outcome::Changed(entry.finding.clone()));
            }
            return;
        }
        let due = at
            + self
                .rule(key.rule.as_str())
                .map_or_else(Default::default, |rule| rule.settle);
        let life = Life::Settling { due };
        let (first, last) = (at, at);
        self.entries.insert(
            key.clone(),
            Entry {
                finding,
                life,
                first,
                last,
                count: 1,
                told: false,
            },
        );
        self.place(&key, at, out);
        for consequence in self.consequences(&key) {
            self.fold(&consequence, &key, out);
        }
    }

    pub(crate) fn clear(&mut self, key: &Key, at: Time, out: &mut Vec<Outcome>) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        self.changed.insert(key.clone());
        if entry.told {
            out.push(Outcome::Resolved(entry.finding));
        }
        let under = Life::Folded { under: key.clone() };
        let freed = self.entries.iter().filter(|(_, entry)| entry.life == under);
        let freed: Vec<Key> = freed.map(|(key, _)| key.clone()).collect();
        for key in freed {
            self.place(&key, at, out);
        }
    }

    pub(crate) fn triage(
        &mut self,
        key: &Key,
        who: &Person,
        how: &Triage,
        at: Time,
        out: &mut Vec<Outcome>,
    ) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        self.changed.insert(key.clone());
        match how {
            Triage::Acknowledge => {
                entry.life = Life::InProgress { who: who.clone() };
                out.push(Outcome::Acknowledged {
                    key: key.clone(),
                    who: who.clone(),
                });
            }
            Triage::Suppress { until } if *until > at => {
                let (owner, until) = (who.clone(), *until);
                self.due = earlier(self.due, Some(until));
                entry.life = Life::Suppressed {
                    owner: owner.clone(),
                    until,
                    by_policy: false,
                };
                out.push(Outcome::Suppressed {
                    finding: entry.finding.clone(),
                    owner,
                    until,
                });
            }
            Triage::Suppress { .. } => {} // already over
        }
    }

    /// What was settling speaks, what was suppressed speaks again.
    pub(crate) fn tick(&mut self, at: Time, out: &mut Vec<Outcome>) {
        if self.due.is_none_or(|due| at < due) {
            return;
        }
        let due = |entry: &Entry| entry.due().is_some_and(|due| due <= at);
        let keys = self
            .entries
            .iter()
            .filter(|(_, entry)| due(entry))
            .map(|(key, _)| key.clone());
        let keys: Vec<Key> = keys.collect();
        for key in keys {
            self.place(&key, at, out);
        }
        self.due = self.entries.values().filter_map(Entry::due).min();
    }

    /// Gives an entry the life that exceptions, causes and time leave to it, and says so.
    fn place(&mut self, key: &Key, at: Time, out: &mut Vec<Outcome>) {
        let excepted = self.exception(key, at);
        let cause = self.cause(key);
        let settle = self
            .rule(key.rule.as_str())
            .map_or_else(Default::default, |rule| rule.settle);
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let finding = || entry.finding.clone();
        self.changed.insert(key.clone());
        let life = if let Some((owner, until)) = excepted {
            out.push(Outcome::Suppressed {
                finding: finding(),
                owner: owner.clone(),
                until,
            });
            Life::Suppressed {
                owner,
                until,
                by_policy: true,
            }
        } else if let Some(under) = cause {
            out.push(Outcome::Folded {
                finding: finding(),
                under: under.clone(),
            });
            Life::Folded { under }
        } else {
            let due = match entry.life {
                Life::Settling { due } => due,
                Life::Folded { .. } => at + settle, // its cause went: it may go with it
                Life::New | Life::InProgress { .. } | Life::Suppressed { .. } => at,
            };
            if due <= at {
                out.push(Outcome::Opened(finding()));
                Life::New
            } else {
                Life::Settling { due }
            }
        };
        entry.told |= !matches!(life, Life::Settling { .. });
        entry.life = life;
        self.due = earlier(self.due, entry.due());
    }

    fn fold(&mut self, consequence: &Key, cause: &Key, out: &mut Vec<Outcome>) {
        let Some(entry) = self.entries.get_mut(consequence) else {
            return;
        };
        match entry.life {
            Life::Settling { .. } | Life::New | Life::InProgress { .. } => {
                let (finding, under) = (entry.finding.clone(), cause.clone());
                entry.life = Life::Folded {
                    under: under.clone(),
                };
                entry.told = true;
                self.changed.insert(consequence.clone());
                out.push(Outcome::Folded { finding, under });
            }
            Life::Folded { .. } | Life::Suppressed { .. } => {}
        }
    }

    fn exception(&self, key: &Key, at: Time) -> Option<(Person, Time)> {
        let fits = |exception: &&Exception| {
            exception.rule == key.rule
                && at < exception.until
                && exception.host.fits(key.host.as_str())
                && exception.subject.fits(&key.subject.to_string())
        };
        self.exceptions
            .iter()
            .find(fits)
            .map(|e| (e.owner.clone(), e.until))
    }

    fn cause(&self, key: &Key) -> Option<Key> {
        let rule = self.rule(key.rule.as_str())?;
        rule.explained_by.iter().find_map(|cause| {
            let shared = |other: &&Key| *other != key && cause.covers(other, key);
            self.on_host(cause.rule, key).find(shared).cloned()
        })
    }

    fn consequences(&self, cause: &Key) -> Vec<Key> {
        let mut found = Vec::new();
        for rule in self.rules.values() {
            for explains in rule
                .explained_by
                .iter()
                .filter(|c| cause.rule.as_str() == c.rule)
            {
                let shared = |other: &&Key| *other != cause && explains.covers(cause, other);
                found.extend(self.on_host(rule.id, cause).filter(shared).cloned());
            }
        }
        found
    }

    /// Standing findings of `rule` on the host of `near`, without looking at any others.
    fn on_host<'l>(&'l self, rule: &'static str, near: &'l Key) -> impl Iterator<Item = &'l Key> {
        let first = Key {
            rule: rule.into(),
            host: near.host.clone(),
            subject: Subject::Host, // the least of its order, as the two below
            detail: None,
            by: "".into(),
        };
        let keys = self.entries.range(first..).map(|(key, _)| key);
        keys.take_while(move |key| key.rule.as_str() == rule && key.host == near.host)
    }
}

impl Entry {
    /// Whether people were told, and it still stands.
    pub const fn is_open(&self) -> bool {
        matches!(self.life, Life::New | Life::InProgress { .. })
    }

    const fn due(&self) -> Option<Time> {
        match self.life {
            Life::Settling { due } => Some(due),
            Life::Suppressed { until, .. } => Some(until),
            Life::Folded { .. } | Life::New | Life::InProgress { .. } => None,
        }
    }
}

trait SaysTheSame {
    fn says_the_same(&self, other: &Self) -> bool;
}

impl SaysTheSame for Finding {
    /// Another line or another event that shows the same is no news.
    fn says_the_same(&self, other: &Self) -> bool {
        self.severity == other.severity && self.fields == other.fields
    }
}

trait Covers {
    fn covers(&self, cause: &Key, consequence: &Key) -> bool;
}

impl Covers for Cause {
    fn covers(&self, cause: &Key, consequence: &Key) -> bool {
        match self.shares {
            Shares::Host => cause.host == consequence.host,
            Shares::Subject => {
                cause.host == consequence.host && cause.subject == consequence.subject
            }
        }
    }
}

fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
