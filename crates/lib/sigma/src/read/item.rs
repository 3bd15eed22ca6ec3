//! A field with its modifiers and values. Whatever cannot be evaluated as it is written is refused
//! here: a modifier that is ignored makes a rule that never fires, or always.

use crate::{
    error::{At, Reason},
    number::Number,
    pattern::Pattern,
    read::{
        Given, encode,
        modifier::{Modifiers, Place},
    },
    regexes,
    rule::{Item, Network, Relation, Test},
    yaml::{Key, Kind, Node},
};

/// Values of a field, with all that modifiers make of them.
pub const MAX_VALUES: usize = 20_000;

/// `field|modifiers: values`.
pub(crate) fn item(key: &Key, node: &Node, given: &mut Given<'_>) -> Result<Item, At> {
    let (field, modifiers) = key.text.split_once('|').unwrap_or((&key.text, ""));
    if modifiers.is_empty() && key.text.contains('|') {
        return Err(At::new(key.line, Reason::UnknownModifier(String::new())));
    }
    let modifiers = Modifiers::parse(modifiers, key.line)?;
    let field = (!field.is_empty()).then(|| field.to_owned());
    item_of(field, &modifiers, node, key.line, given)
}

pub(crate) fn item_of(
    field: Option<String>,
    modifiers: &Modifiers,
    node: &Node,
    line: u32,
    given: &mut Given<'_>,
) -> Result<Item, At> {
    let values = match &node.kind {
        Kind::List(values) => values.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if values.is_empty() {
        return Err(At::wrong(
            node.line,
            "values",
            "at least one",
            "an empty list",
        ));
    }
    let mut tests = Vec::with_capacity(values.len());
    let mut all_of: Vec<Vec<Test>> = Vec::new();
    for value in values {
        if matches!(value.kind, Kind::Null) && values.len() > 1 {
            return Err(At::wrong(
                value.line,
                "values",
                "`null` alone, never in a list",
                "null",
            ));
        }
        let made = value_tests(field.is_none(), modifiers, value, given)?;
        if tests.len() + made.len() > MAX_VALUES {
            return Err(At::new(
                value.line,
                Reason::Limit {
                    what: "values of a field",
                    limit: MAX_VALUES,
                },
            ));
        }
        if modifiers.all && made.len() > 1 {
            all_of.push(made);
        } else {
            tests.extend(made);
        }
    }
    let Some(more) = (!all_of.is_empty()).then_some(all_of) else {
        return Ok(Item {
            field,
            tests,
            all: modifiers.all,
            more: Vec::new(),
            negated: modifiers.neq,
            line,
        });
    };
    Ok(Item {
        field,
        tests,
        all: true,
        more,
        negated: modifiers.neq,
        line,
    })
}

/// What one value asks: one of these.
fn value_tests(
    keyword: bool,
    modifiers: &Modifiers,
    node: &Node,
    given: &mut Given<'_>,
) -> Result<Vec<Test>, At> {
    let wrong = |wanted| At::wrong(node.line, "value", wanted, &node.shown());
    if keyword && modifiers.needs_field() {
        let modifier = modifiers.first_that_needs_a_field().to_owned();
        return Err(At::new(
            node.line,
            Reason::Modifier {
                modifier,
                why: "needs a field",
            },
        ));
    }
    if modifiers.exists {
        return match node.kind {
            Kind::Bool(wanted) => Ok(vec![Test::Exists(wanted)]),
            _ => Err(wrong("true or false")),
        };
    }
    let text = match &node.kind {
        Kind::Null if keyword || modifiers.any_but_neq() => return Err(wrong("a value")),
        Kind::Null => return Ok(vec![Test::Null]),
        Kind::List(_) | Kind::Map(_) => return Err(wrong("text, a number, true, false or null")),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(text) | Kind::Text(text) => text.clone(),
    };
    if modifiers.order.is_some() || modifiers.part.is_some() {
        let number = Number::of_rule(&text).ok_or_else(|| wrong("a number"))?;
        return Ok(vec![match (modifiers.part, modifiers.order) {
            (Some(part), order) => Test::Part {
                part,
                order,
                number,
            },
            (None, Some(order)) => Test::Order { order, number },
            (None, None) => Test::Null,
        }]);
    }
    if modifiers.cidr {
        let network = Network::parse(&text).ok_or_else(|| wrong("a network such as 10.0.0.0/8"))?;
        return Ok(vec![Test::Network(network)]);
    }
    if let Some(flags) = modifiers.regex {
        let compiled =
            regexes::compile(&text, flags).map_err(|reason| At::new(node.line, reason))?;
        return Ok(vec![Test::Regex(compiled)]);
    }
    if modifiers.fieldref {
        let relation = match modifiers.place {
            None => Relation::Equal,
            Some(Place::Start) => Relation::Starts,
            Some(Place::End) => Relation::Ends,
            Some(Place::Inside) => Relation::Contains,
        };
        return Ok(vec![Test::Field {
            other: text,
            relation,
            cased: modifiers.cased,
        }]);
    }
    let number = matches!(node.kind, Kind::Number(_)) && !keyword && modifiers.is_plain();
    if let Some(number) = Number::of_rule(&text).filter(|_| number) {
        return Ok(vec![Test::Number {
            number,
            spelled: crate::pattern::lower(&text),
        }]);
    }
    texts(keyword, modifiers, &text, node.line, given)
}

fn texts(
    keyword: bool,
    modifiers: &Modifiers,
    text: &str,
    line: u32,
    given: &mut Given<'_>,
) -> Result<Vec<Test>, At> {
    let filled = if modifiers.expand {
        match given.fill(text, line)? {
            Ok(filled) => filled,
            Err(missing) => return Ok(vec![Test::Unfilled(missing)]),
        }
    } else {
        vec![text.to_owned()]
    };
    let mut tests = Vec::new();
    for text in filled {
        let patterns = encode::encoded(Pattern::parse(&text), &modifiers.encodings)
            .map_err(|reason| At::new(line, reason))?;
        for pattern in patterns {
            let (front, behind) = match modifiers.place {
                None => (keyword, keyword),
                Some(Place::Start) => (keyword, true),
                Some(Place::End) => (true, keyword),
                Some(Place::Inside) => (true, true),
            };
            let pattern = pattern.opened(front, behind);
            let pattern = if modifiers.cased {
                pattern
            } else {
                pattern.lowered()
            };
            tests.push(Test::Text {
                pattern,
                cased: modifiers.cased,
            });
        }
        if tests.len() > MAX_VALUES {
            return Err(At::new(
                line,
                Reason::Limit {
                    what: "values of a field",
                    limit: MAX_VALUES,
                },
            ));
        }
    }
    Ok(tests)
}
