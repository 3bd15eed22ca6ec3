//! Why a rule matches an event, or why not: the condition as a tree, each field with its values.
//!
//! A field that is absent under `not` is the commonest reason of a false alarm, so it is told.

use std::fmt;

use crate::{
    event::Event,
    rule::{Condition, Item, LogSource, Order, Relation, Rule, Search, Test},
    test,
};

/// Values of a field that an explanation shows.
pub const MAX_SHOWN_VALUES: usize = 16;

/// A rule against an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The rule's title.
    pub title: String,
    /// Whether it matches: its source holds, it has values for its placeholders, its condition holds.
    pub matches: bool,
    /// The source that the rule asks for.
    pub source: LogSource,
    /// Whether the event is of it.
    pub source_holds: bool,
    /// Sources of the event.
    pub event_sources: Vec<LogSource>,
    /// Placeholders without values; with any the rule is not evaluated.
    pub unfilled: Vec<String>,
    /// The condition.
    pub condition: Explained,
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it asks, in words of the rule.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// Of a field: its values, at most [`MAX_SHOWN_VALUES`]; none is null.
    pub values: Vec<Option<String>>,
    /// Of a field: the event does not have it.
    pub absent: bool,
    /// It is absent below a `not`, which therefore holds for every event without it.
    pub absent_under_not: bool,
    /// What it consists of.
    pub parts: Vec<Self>,
}

/// Explains `rule` for `event`.
pub fn explain(rule: &Rule, event: &Event) -> Explanation {
    let event_sources: Vec<LogSource> = event.sources().into_iter().cloned().collect();
    let source_holds = event_sources
        .iter()
        .any(|source| rule.source.holds_for(source));
    let condition = condition(&rule.condition, rule, event, false);
    Explanation {
        title: rule.meta.title.clone(),
        matches: source_holds && rule.unfilled.is_empty() && condition.holds,
        source: rule.source.clone(),
        source_holds,
        event_sources,
        unfilled: rule.unfilled.clone(),
        condition,
    }
}

fn joined(what: String, holds: bool, parts: Vec<Explained>) -> Explained {
    Explained {
        what,
        holds,
        values: Vec::new(),
        absent: false,
        absent_under_not: false,
        parts,
    }
}

fn condition(condition: &Condition, rule: &Rule, event: &Event, under_not: bool) -> Explained {
    let all = |arms: &[Condition]| -> Vec<Explained> {
        arms.iter()
            .map(|arm| self::condition(arm, rule, event, under_not))
            .collect()
    };
    match condition {
        Condition::Search(index) => named(*index, rule, event, under_not),
        Condition::And(arms) => {
            let parts = all(arms);
            joined("all of".into(), parts.iter().all(|part| part.holds), parts)
        }
        Condition::Or(arms) => {
            let parts = all(arms);
            joined("one of".into(), parts.iter().any(|part| part.holds), parts)
        }
        Condition::Not(inner) => {
            let inner = self::condition(inner, rule, event, !under_not);
            joined("not".into(), !inner.holds, vec![inner])
        }
        Condition::AtLeast(least, these) => {
            let parts: Vec<Explained> = these
                .iter()
                .map(|index| named(*index, rule, event, under_not))
                .collect();
            let count = parts.iter().filter(|part| part.holds).count();
            joined(format!("{least} of"), count >= *least, parts)
        }
    }
}

fn named(index: usize, rule: &Rule, event: &Event, under_not: bool) -> Explained {
    let Some((name, search)) = rule.searches.get(index) else {
        return joined("a search that is not there".into(), false, Vec::new());
    };
    let explained = self::search(search, event, under_not);
    joined(name.clone(), explained.holds, vec![explained])
}

fn search(search: &Search, event: &Event, under_not: bool) -> Explained {
    let all = |parts: &[Search]| -> Vec<Explained> {
        parts
            .iter()
            .map(|part| self::search(part, event, under_not))
            .collect()
    };
    match search {
        Search::Item(item) => self::item(item, event, under_not),
        Search::All(parts) => {
            let parts = all(parts);
            joined("all of".into(), parts.iter().all(|part| part.holds), parts)
        }
        Search::Any(parts) => {
            let parts = all(parts);
            joined("one of".into(), parts.iter().any(|part| part.holds), parts)
        }
    }
}

fn item(item: &Item, event: &Event, under_not: bool) -> Explained {
    let values: Vec<usize> = match &item.field {
        Some(field) => event.places(field).collect(),
        None => (0..event.values.len()).collect(),
    };
    let field = item.field.as_deref().unwrap_or("any field");
    let one = |test: &Test| {
        let holds = holds(test, event, &values, item.field.is_none());
        joined(format!("{field} {}", test.shown()), holds, Vec::new())
    };
    let mut parts: Vec<Explained> = item.tests.iter().map(one).collect();
    let whole = |parts: &[Explained]| {
        if item.all {
            parts.iter().all(|part| part.holds)
        } else {
            parts.iter().any(|part| part.holds)
        }
    };
    let mut holds = whole(&parts);
    for group in &item.more {
        let group: Vec<Explained> = group.iter().map(one).collect();
        let any = group.iter().any(|part| part.holds);
        holds &= any;
        parts.push(joined("one of".into(), any, group));
    }
    let absent = item.field.is_some() && values.is_empty();
    let shown = values
        .iter()
        .take(MAX_SHOWN_VALUES)
        .map(|value| (!event.is_null(*value)).then(|| event.text(*value).to_owned()));
    let asked = match (parts.len(), item.all) {
        (1, _) => parts
            .first()
            .map(|part| part.what.clone())
            .unwrap_or_default(), // default: because an item has a part
        (_, true) => format!("{field}: all of {}", parts.len()),
        (_, false) => format!("{field}: one of {}", parts.len()),
    };
    Explained {
        what: if item.negated {
            format!("not {asked}")
        } else {
            asked
        },
        holds: holds != item.negated,
        values: if item.field.is_some() {
            shown.collect()
        } else {
            Vec::new()
        },
        absent,
        absent_under_not: absent && under_not != item.negated,
        parts: if parts.len() > 1 { parts } else { Vec::new() },
    }
}

fn holds(test: &Test, event: &Event, values: &[usize], keyword: bool) -> bool {
    match test {
        Test::Null if !keyword => {
            values.is_empty() || values.iter().any(|value| event.is_null(*value))
        }
        Test::Exists(wanted) => values.is_empty() != *wanted,
        Test::Field {
            other,
            relation,
            cased,
        } => values.iter().any(|value| {
            event
                .places(other)
                .any(|other| test::related(event, *value, other, *relation, *cased))
        }),
        test => values.iter().any(|value| test::holds(test, event, *value)),
    }
}

impl Test {
    /// What it asks, in words of a rule.
    pub fn shown(&self) -> String {
        let order = |order: Order| match order {
            Order::Less => "<",
            Order::LessOrEqual => "<=",
            Order::Greater => ">",
            Order::GreaterOrEqual => ">=",
        };
        match self {
            Self::Text { pattern, cased } => {
                format!(
                    "{} `{}`",
                    if *cased { "is, with case," } else { "is" },
                    pattern.shown()
                )
            }
            Self::Number { spelled, .. } => format!("is {spelled}"),
            Self::Order {
                order: side,
                number,
            } => format!("{} {}", order(*side), number.real()),
            Self::Regex(regex) => format!("matches /{}/", regex.source),
            Self::Network(network) => format!("is in {}", network.shown()),
            Self::Null => "is absent or null".into(),
            Self::Exists(true) => "is there".into(),
            Self::Exists(false) => "is not there".into(),
            Self::Field {
                other,
                relation,
                cased,
            } => {
                let how = match relation {
                    Relation::Equal => "is",
                    Relation::Starts => "starts with",
                    Relation::Ends => "ends with",
                    Relation::Contains => "contains",
                };
                format!(
                    "{how} the value of {other}{}",
                    if *cased { ", with case" } else { "" }
                )
            }
            Self::Part {
                part,
                order: side,
                number,
            } => {
                let part = format!("{part:?}").to_lowercase();
                format!(
                    "has the {part} {} {}",
                    side.map_or("=", order),
                    number.real()
                )
            }
            Self::Unfilled(name) => format!("is one of %{name}%, which has no values"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {}",
            self.title,
            if self.matches {
                "matches"
            } else {
                "does not match"
            }
        )?;
        let sources: Vec<String> = self.event_sources.iter().map(ToString::to_string).collect();
        let sources = if sources.is_empty() {
            "no source".to_owned()
        } else {
            sources.join(", ")
        };
        writeln!(
            f,
            "{} source {}, the event is of {sources}",
            mark(self.source_holds),
            self.source
        )?;
        for name in &self.unfilled {
            writeln!(
                f,
                "{} placeholder %{name}% has no values, so the rule is not evaluated",
                mark(false)
            )?;
        }
        tree(f, &self.condition, 0)
    }
}

fn mark(holds: bool) -> char {
    if holds { '+' } else { '-' }
}

fn tree(f: &mut fmt::Formatter<'_>, node: &Explained, depth: usize) -> fmt::Result {
    write!(
        f,
        "{:1$}{2} {3}",
        "",
        depth * 2,
        mark(node.holds),
        node.what
    )?;
    if node.absent {
        write!(f, " (the event has no such field")?;
        write!(
            f,
            "{}",
            if node.absent_under_not {
                ", so the `not` around it holds)"
            } else {
                ")"
            }
        )?;
    }
    for value in &node.values {
        match value {
            Some(value) => write!(f, " [{}]", crate::error::shorten(value))?,
            None => write!(f, " [null]")?,
        }
    }
    writeln!(f)?;
    node.parts
        .iter()
        .try_for_each(|part| tree(f, part, depth + 1))
}
