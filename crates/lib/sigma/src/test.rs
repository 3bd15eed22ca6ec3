//! One test against the values of an event, without any index.

use crate::{
    event::{Event, Kind},
    number::Number,
    program::Atom,
    rule::{Relation, Test},
    scratch::Scratch,
};

/// Where the values of a field are found.
pub(crate) struct Look<'a> {
    pub(crate) event: &'a Event,
    pub(crate) scratch: &'a Scratch,
}

impl Look<'_> {
    pub(crate) fn atom(&self, atom: &Atom) -> bool {
        let Some(field) = atom.field else {
            return (0..self.event.values.len()).any(|value| holds(&atom.test, self.event, value));
        };
        let mut values = self.scratch.values(field);
        match &atom.test {
            Test::Null => {
                let mut any = false;
                let null = values.any(|value| {
                    any = true;
                    self.event.is_null(value)
                });
                null || !any
            }
            Test::Exists(wanted) => values.next().is_some() == *wanted,
            Test::Field {
                relation, cased, ..
            } => {
                let others = |value| {
                    let mut others = atom
                        .other
                        .into_iter()
                        .flat_map(|other| self.scratch.values(other));
                    others.any(|other| related(self.event, value, other, *relation, *cased))
                };
                values.any(others)
            }
            test => values.any(|value| holds(test, self.event, value)),
        }
    }
}

/// Whether a test of a single value holds; those of a whole field are not of this kind.
pub(crate) fn holds(test: &Test, event: &Event, value: usize) -> bool {
    let Some(kind) = event.values.get(value).map(|value| value.kind) else {
        return false;
    };
    if kind == Kind::Null {
        return false;
    }
    match test {
        Test::Text {
            pattern,
            cased: true,
        } => pattern.matches(event.text(value)),
        Test::Text {
            pattern,
            cased: false,
        } => pattern.matches(event.lower(value)),
        Test::Number { number, spelled } => {
            event.lower(value) == spelled || event.number(value) == Some(*number)
        }
        Test::Order { order, number } => event
            .number(value)
            .is_some_and(|value| order.holds(value, *number)),
        Test::Regex(regex) => regex.compiled.is_match(event.text(value)),
        Test::Network(network) => network.contains(event.text(value)),
        Test::Part {
            part,
            order,
            number,
        } => part.of(event.text(value)).is_some_and(|part| {
            let part = Number::Whole(part.into());
            order.map_or(part == *number, |order| order.holds(part, *number))
        }),
        Test::Null | Test::Exists(_) | Test::Field { .. } | Test::Unfilled(_) => false,
    }
}

pub(crate) fn related(
    event: &Event,
    value: usize,
    other: usize,
    relation: Relation,
    cased: bool,
) -> bool {
    if event.is_null(value) || event.is_null(other) {
        return false;
    }
    let (a, b) = if cased {
        (event.text(value), event.text(other))
    } else {
        (event.lower(value), event.lower(other))
    };
    match relation {
        Relation::Equal => {
            a == b
                || event
                    .number(value)
                    .is_some_and(|number| event.number(other) == Some(number))
        }
        Relation::Starts => a.starts_with(b),
        Relation::Ends => a.ends_with(b),
        Relation::Contains => a.contains(b),
    }
}
