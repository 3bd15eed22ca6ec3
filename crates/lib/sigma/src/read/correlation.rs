//! Correlations: what is counted, over which rules, by which fields, in how much time.

use std::collections::BTreeMap;

use crate::{
    error::{At, Reason},
    number::Number,
    read::condition,
    rule::{
        Aggregate, Bound, Compare, Condition, Correlation, CorrelationKind, Meta, Order, Together,
    },
    yaml::{Kind, Node},
};

/// Days of the longest timespan.
pub const MAX_TIMESPAN_DAYS: u64 = 366;
/// The highest bound of a count of events or values.
pub const MAX_COUNT: i128 = 1_000_000;
/// Rules that one correlation names.
pub const MAX_CORRELATED: usize = 1_000;

pub(crate) fn correlation(meta: Meta, document: &Node, body: &Node) -> Result<Correlation, At> {
    body.map("correlation")?;
    let kind = need(body, "type")?;
    let rules = names(need(body, "rules")?, "rules")?;
    if rules.is_empty() || rules.len() > MAX_CORRELATED {
        let line = need(body, "rules")?.line;
        return Err(At::wrong(
            line,
            "rules",
            "1 to 1,000 ids or names",
            &rules.len().to_string(),
        ));
    }
    let timespan = body.get("timespan").or_else(|| body.get("timeframe"));
    let timespan = timespan.ok_or_else(|| At::new(body.line, Reason::Missing("timespan")))?;
    let timespan_ms = timespan_ms(timespan)?;
    let group_by = match body.get("group-by") {
        None => Vec::new(),
        Some(node) => names(node, "group-by")?,
    };
    let generate = match body.get("generate").or_else(|| document.get("generate")) {
        None => false,
        Some(Node {
            kind: Kind::Bool(value),
            ..
        }) => *value,
        Some(node) => {
            return Err(At::wrong(
                node.line,
                "generate",
                "true or false",
                &node.shown(),
            ));
        }
    };
    let kind = self::kind(kind, body, &rules)?;
    let aliases = body
        .get("aliases")
        .map(|node| aliases(node, &rules))
        .transpose()?
        .unwrap_or_default(); // default: because aliases are optional
    Ok(Correlation {
        meta,
        kind,
        rules,
        group_by,
        timespan_ms,
        aliases,
        generate,
    })
}

fn need<'a>(body: &'a Node, key: &'static str) -> Result<&'a Node, At> {
    body.get(key)
        .ok_or_else(|| At::new(body.line, Reason::Missing(key)))
}

fn names(node: &Node, what: &'static str) -> Result<Vec<String>, At> {
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .map(|item| item.text(what).map(str::to_owned))
            .collect(),
        Kind::Text(one) => Ok(vec![one.clone()]),
        _ => Err(At::wrong(node.line, what, "a list of names", &node.shown())),
    }
}

/// A number and s, m, h or d (w, and M for 30 days, as some write).
fn timespan_ms(node: &Node) -> Result<u64, At> {
    const DAY: u64 = 86_400_000;
    let text = node.text("timespan")?;
    let wrong = || {
        At::wrong(
            node.line,
            "timespan",
            "a number and s, m, h or d, at most 366d",
            text,
        )
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number = text.strip_suffix(unit).ok_or_else(wrong)?;
    let ms = match unit {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY,
        'w' => 7 * DAY,
        'M' => 30 * DAY,
        'y' => 365 * DAY,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let span = number.saturating_mul(ms);
    if span == 0 || span > MAX_TIMESPAN_DAYS * DAY {
        return Err(wrong());
    }
    Ok(span)
}

fn kind(node: &Node, body: &Node, rules: &[String]) -> Result<CorrelationKind, At> {
    let condition = body.get("condition");
    let needed = || condition.ok_or_else(|| At::new(body.line, Reason::Missing("condition")));
    let value = |aggregate: Aggregate| {
        let mut fields = fields(needed()?)?;
        let Some(field) = fields.pop().filter(|_| fields.is_empty()) else {
            return Err(At::wrong(needed()?.line, "field", "one field", "several"));
        };
        Ok(CorrelationKind::Value(aggregate, field, bounds(needed()?)?))
    };
    match node.text("type")? {
        "event_count" => Ok(CorrelationKind::EventCount(counts(needed()?)?)),
        "value_count" => Ok(CorrelationKind::ValueCount(
            fields(needed()?)?,
            counts(needed()?)?,
        )),
        "value_sum" => value(Aggregate::Sum),
        "value_avg" => value(Aggregate::Average),
        "value_median" => value(Aggregate::Percentile(50.0)),
        "value_percentile" => value(Aggregate::Percentile(percentile(needed()?)?)),
        "temporal" | "temporal_extended" => {
            Ok(CorrelationKind::Temporal(together(condition, rules)?))
        }
        "temporal_ordered" | "ordered_temporal" | "temporal_ordered_extended" => Ok(
            CorrelationKind::TemporalOrdered(together(condition, rules)?),
        ),
        other => {
            let wanted = "event_count, value_count, value_sum, value_avg, value_median, value_percentile, \
                          temporal or temporal_ordered";
            Err(At::wrong(node.line, "type", wanted, other))
        }
    }
}

/// None: all rules. A map: how many. A text: a condition over their names.
fn together(node: Option<&Node>, rules: &[String]) -> Result<Together, At> {
    let Some(node) = node else {
        return Ok(Together::All);
    };
    match &node.kind {
        Kind::Text(text) => {
            let names: Vec<&str> = rules.iter().map(String::as_str).collect();
            let read = condition::condition(text, &names, node.line)?;
            if never_positive(&read) {
                return Err(At::wrong(
                    node.line,
                    "condition",
                    "a rule outside of `not`",
                    text,
                ));
            }
            Ok(Together::Expression(read))
        }
        _ => Ok(Together::Count(bounds(node)?)),
    }
}

/// Whether it holds where nothing happened at all: then no event would ever start it.
fn never_positive(condition: &Condition) -> bool {
    match condition {
        Condition::Search(_) => false,
        Condition::Not(inner) => !never_positive(inner),
        Condition::And(arms) => arms.iter().all(never_positive),
        Condition::Or(arms) => arms.iter().any(never_positive),
        Condition::AtLeast(least, _) => *least == 0,
    }
}

/// Bounds of a count, which is remembered event by event.
fn counts(node: &Node) -> Result<Vec<Bound>, At> {
    let bounds = bounds(node)?;
    let high = |bound: &Bound| bound.limit > Number::Whole(MAX_COUNT);
    if bounds.iter().any(high) {
        return Err(At::wrong(
            node.line,
            "condition",
            "counts of at most 1,000,000",
            "more",
        ));
    }
    Ok(bounds)
}

fn bounds(node: &Node) -> Result<Vec<Bound>, At> {
    let mut bounds = Vec::new();
    for (key, value) in node.map("condition")? {
        let compare = match key.text.as_str() {
            "gt" => Compare::Order(Order::Greater),
            "gte" => Compare::Order(Order::GreaterOrEqual),
            "lt" => Compare::Order(Order::Less),
            "lte" => Compare::Order(Order::LessOrEqual),
            "eq" => Compare::Equal,
            "neq" => Compare::NotEqual,
            "field" | "percentile" => continue,
            other => {
                return Err(At::wrong(
                    key.line,
                    "condition",
                    "gt, gte, lt, lte, eq, neq or field",
                    other,
                ));
            }
        };
        let number = Number::of_text(value.text("condition")?);
        let limit =
            number.ok_or_else(|| At::wrong(value.line, "condition", "a number", &value.shown()))?;
        bounds.push(Bound { compare, limit });
    }
    if bounds.is_empty() {
        return Err(At::new(
            node.line,
            Reason::Missing("a bound (gt, gte, lt, lte, eq or neq)"),
        ));
    }
    Ok(bounds)
}

fn fields(node: &Node) -> Result<Vec<String>, At> {
    let Some(field) = node.get("field") else {
        return Err(At::new(node.line, Reason::Missing("field")));
    };
    let fields = names(field, "field")?;
    if fields.is_empty() {
        return Err(At::wrong(field.line, "field", "a field", "an empty list"));
    }
    Ok(fields)
}

/// 50 if none is said: the specification's only example has none.
fn percentile(node: &Node) -> Result<f64, At> {
    let Some(value) = node.get("percentile") else {
        return Ok(50.0);
    };
    let number = Number::of_text(value.text("percentile")?).map(Number::real);
    number
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| At::wrong(value.line, "percentile", "0 to 100", &value.shown()))
}

type Aliases = BTreeMap<String, BTreeMap<String, String>>;

fn aliases(node: &Node, rules: &[String]) -> Result<Aliases, At> {
    let mut aliases = Aliases::new();
    for (alias, fields) in node.map("aliases")? {
        let mut by_rule = BTreeMap::new();
        for (rule, field) in fields.map("aliases")? {
            if !rules.contains(&rule.text) {
                return Err(At::new(rule.line, Reason::NoSuchRule(rule.text.clone())));
            }
            by_rule.insert(rule.text.clone(), field.text("aliases")?.to_owned());
        }
        aliases.insert(alias.text.clone(), by_rule);
    }
    Ok(aliases)
}
