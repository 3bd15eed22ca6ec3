//! Detections: named searches and the condition over them.

use std::collections::BTreeMap;

use crate::{
    error::{At, Reason},
    read::{Given, condition, item, meta, modifier::Modifiers},
    rule::{Condition, Filter, Meta, Named, Rule, Search},
    yaml::{Kind, Node},
};

pub(crate) fn rule(
    meta: Meta,
    node: &Node,
    body: &Node,
    values: &BTreeMap<String, Vec<String>>,
) -> Result<Rule, At> {
    let source = meta::source(node)?;
    let mut given = Given::new(values);
    let searches = searches(body, &["condition", "timeframe"], "detection", &mut given)?;
    let condition = conditions(body, &searches)?;
    let unfilled = given.missing();
    Ok(Rule {
        meta,
        source,
        searches,
        condition,
        unfilled,
        alone: true,
    })
}

pub(crate) fn filter(
    meta: Meta,
    node: &Node,
    body: &Node,
    values: &BTreeMap<String, Vec<String>>,
) -> Result<Filter, At> {
    let source = meta::source(node)?;
    let mut given = Given::new(values);
    let searches = searches(body, &["condition", "rules"], "filter", &mut given)?;
    let condition = conditions(body, &searches)?;
    let Some(rules) = body.get("rules") else {
        return Err(At::new(body.line, Reason::Missing("rules")));
    };
    let rules = match &rules.kind {
        Kind::List(items) if !items.is_empty() => {
            let text = |item: &Node| item.text("rules").map(str::to_owned);
            Named::These(items.iter().map(text).collect::<Result<_, _>>()?)
        }
        Kind::Text(any) if any.eq_ignore_ascii_case("any") => Named::Any,
        Kind::Text(one) => Named::These(vec![one.clone()]),
        _ => {
            return Err(At::wrong(
                rules.line,
                "rules",
                "a list of ids or names, or `any`",
                &rules.shown(),
            ));
        }
    };
    if let Some(missing) = given.missing().into_iter().next() {
        // An unfilled filter would filter nothing, or everything.
        let why = "a placeholder of a filter needs values";
        return Err(At::new(
            body.line,
            Reason::Modifier {
                modifier: format!("expand: %{missing}%"),
                why,
            },
        ));
    }
    Ok(Filter {
        meta,
        source,
        rules,
        searches,
        condition,
    })
}

type Searches = Vec<(String, Search)>;

fn searches(
    body: &Node,
    others: &[&str],
    what: &'static str,
    given: &mut Given<'_>,
) -> Result<Searches, At> {
    let mut searches = Vec::new();
    for (key, node) in body.map(what)? {
        if others.contains(&key.text.as_str()) {
            continue;
        }
        searches.push((key.text.clone(), search(node, given)?));
    }
    if searches.is_empty() {
        return Err(At::new(body.line, Reason::Missing("a search")));
    }
    Ok(searches)
}

fn conditions(body: &Node, searches: &Searches) -> Result<Condition, At> {
    let Some(node) = body.get("condition") else {
        return Err(At::new(body.line, Reason::Missing("condition")));
    };
    let names: Vec<&str> = searches.iter().map(|(name, _)| name.as_str()).collect();
    let one = |node: &Node| condition::condition(node.text("condition")?, &names, node.line);
    match &node.kind {
        Kind::List(nodes) if !nodes.is_empty() => Ok(Condition::Or(
            nodes.iter().map(one).collect::<Result<_, _>>()?,
        )),
        _ => one(node),
    }
}

/// A map is all of its fields, a list one of its members, a text a keyword.
fn search(node: &Node, given: &mut Given<'_>) -> Result<Search, At> {
    match &node.kind {
        Kind::Map(pairs) if !pairs.is_empty() => {
            let items = pairs
                .iter()
                .map(|(key, value)| item::item(key, value, given).map(Search::Item));
            Ok(Search::All(items.collect::<Result<_, _>>()?))
        }
        Kind::List(members) if members.is_empty() => Err(At::wrong(
            node.line,
            "search",
            "a map, a list or text",
            "an empty list",
        )),
        Kind::List(members)
            if members
                .iter()
                .all(|member| !matches!(member.kind, Kind::Map(_))) =>
        {
            keywords(node, given)
        }
        Kind::List(members) => {
            let searches = members.iter().map(|member| match member.kind {
                Kind::List(_) => Err(At::wrong(
                    member.line,
                    "search",
                    "a map or text",
                    "a list in a list",
                )),
                _ => search(member, given),
            });
            Ok(Search::Any(searches.collect::<Result<_, _>>()?))
        }
        Kind::Text(_) | Kind::Number(_) => keywords(node, given),
        Kind::Map(_) | Kind::Null | Kind::Bool(_) => {
            let shown = if matches!(node.kind, Kind::Map(_)) {
                "an empty map".to_owned()
            } else {
                node.shown()
            };
            Err(At::wrong(
                node.line,
                "search",
                "a map, a list or text",
                &shown,
            ))
        }
    }
}

fn keywords(node: &Node, given: &mut Given<'_>) -> Result<Search, At> {
    item::item_of(None, &Modifiers::default(), node, node.line, given).map(Search::Item)
}
