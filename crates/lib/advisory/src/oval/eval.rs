//! Three-valued evaluation. *Unknown* is what cannot be evaluated, and it survives unless the other
//! operands decide alone: false decides AND, true decides OR, two trues decide ONE.

use std::{cmp::Ordering, collections::BTreeMap};

use vercmp::Kind;

use super::{
    Criteria, Facts, Family, Have, MAX_DEPTH, Operator, Outcome, Oval, Part, Parts, Test, Truth,
    What, Witness, pattern::matches,
};

impl Oval {
    /// Evaluates every definition on one host, in their order.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Vec<Outcome<'_>> {
        let mut by_name = BTreeMap::<&str, Vec<&Have<'_>>>::new();
        for package in facts.packages {
            by_name.entry(package.name).or_default().push(package);
        }
        let by_id = (0..)
            .zip(&self.definitions)
            .map(|(nth, definition)| (definition.id.as_str(), nth));
        let mut run = Run {
            oval: self,
            facts,
            by_name,
            by_id: by_id.collect(),
            tests: BTreeMap::new(),
            definitions: vec![None; self.definitions.len()],
        };
        let all = (0..).zip(&self.definitions);
        all.map(|(nth, definition)| {
            let Answer { truth, witnesses } = run.definition(nth, 0);
            let witnesses = if truth == Truth::True {
                witnesses
            } else {
                Vec::new()
            };
            Outcome {
                definition,
                truth,
                witnesses,
            }
        })
        .collect()
    }
}

#[derive(Clone)]
struct Answer {
    truth: Truth,
    witnesses: Vec<Witness>,
}

impl From<Truth> for Answer {
    fn from(truth: Truth) -> Self {
        Self {
            truth,
            witnesses: Vec::new(),
        }
    }
}

struct Run<'r> {
    oval: &'r Oval,
    facts: &'r Facts<'r>,
    by_name: BTreeMap<&'r str, Vec<&'r Have<'r>>>,
    by_id: BTreeMap<&'r str, usize>,
    tests: BTreeMap<&'r str, Answer>,
    definitions: Vec<Option<Answer>>,
}

impl<'r> Run<'r> {
    fn definition(&mut self, nth: usize, depth: usize) -> Answer {
        let Some(place) = self.definitions.get_mut(nth) else {
            return unknown("a definition that is not there");
        };
        if let Some(answer) = place {
            return answer.clone();
        }
        // Whoever meets it again on the way has come round in a ring.
        *place = Some(unknown("a definition that extends itself"));
        let criteria = self
            .oval
            .definitions
            .get(nth)
            .and_then(|definition| definition.criteria.as_ref());
        let answer = match criteria {
            None => unknown("a definition without criteria"),
            Some(criteria) => self.criteria(criteria, depth),
        };
        if let Some(place) = self.definitions.get_mut(nth) {
            *place = Some(answer.clone());
        }
        answer
    }

    fn criteria(&mut self, criteria: &'r Criteria, depth: usize) -> Answer {
        if depth > 2 * MAX_DEPTH {
            return unknown("criteria and definitions nested too deeply");
        }
        let answer = match &criteria.what {
            What::NotRead(what) => unknown(what),
            What::Test(id) => self.test(id),
            What::Definition(id) => match self.by_id.get(id.as_str()).copied() {
                Some(nth) => self.definition(nth, depth + 1),
                None => unknown(&format!("the definition {id} is not there")),
            },
            What::All(operator, children) => {
                let answers: Vec<Answer> = children
                    .iter()
                    .map(|child| self.criteria(child, depth + 1))
                    .collect();
                let truth = combine(*operator, answers.iter().map(|answer| &answer.truth));
                let holding = answers
                    .into_iter()
                    .filter(|answer| answer.truth == Truth::True);
                Answer {
                    truth,
                    witnesses: holding.flat_map(|answer| answer.witnesses).collect(),
                }
            }
        };
        if criteria.negate {
            return negate(answer.truth).into();
        }
        answer
    }

    fn test(&mut self, id: &'r str) -> Answer {
        if let Some(answer) = self.tests.get(id) {
            return answer.clone();
        }
        let answer = match self.oval.tests.get(id) {
            None => unknown(&format!("the test {id} is not there")),
            Some(test) => self.evaluate(test).unwrap_or_else(|why| unknown(&why)),
        };
        self.tests.insert(id, answer.clone());
        answer
    }

    fn evaluate(&self, test: &'r Test) -> Result<Answer, String> {
        let family = test
            .family
            .clone()
            .map_err(|name| format!("{name} is not evaluable"))?;
        let object = test
            .object
            .as_deref()
            .and_then(|id| self.oval.objects.get(id));
        let object = object.ok_or("a test without its object")?;
        readable(object)?;
        let states: Option<Vec<&Parts>> = test
            .states
            .iter()
            .map(|id| self.oval.states.get(id))
            .collect();
        let states = states.ok_or("a test without its state")?;
        for state in &states {
            readable(state)?;
        }
        let items = self.items(family, object)?;
        let exists = match (test.existence.as_str(), items.len()) {
            ("at_least_one_exists" | "all_exist", n) => n >= 1,
            ("any_exist", _) => true,
            ("none_exist", n) => return Ok(truth(n == 0).into()),
            ("only_one_exists", n) => n == 1,
            (other, _) => return Err(format!("check_existence {other:?}")),
        };
        if !exists {
            return Ok(Truth::False.into());
        }
        if states.is_empty() || items.is_empty() {
            return Ok(truth(exists).into());
        }
        let mut witnesses = Vec::new();
        let mut truths = Vec::with_capacity(items.len());
        for item in &items {
            let of_states: Vec<Truth> = states
                .iter()
                .map(|state| item.meets(state, &mut witnesses))
                .collect();
            truths.push(combine(test.operator, of_states.iter()));
        }
        let truth = match test.check.as_str() {
            "all" => combine(Operator::And, truths.iter()),
            "at least one" => combine(Operator::Or, truths.iter()),
            "only one" => combine(Operator::One, truths.iter()),
            "none satisfy" | "none exist" => negate(combine(Operator::Or, truths.iter())),
            other => return Err(format!("check {other:?}")),
        };
        Ok(Answer { truth, witnesses })
    }

    /// What of the host an object means.
    fn items(&self, family: Family, object: &Parts) -> Result<Vec<Item<'r>>, String> {
        match (family, self.facts.kind) {
            (Family::Dpkg, Kind::Deb) | (Family::Rpm, Kind::Rpm) => self.packages(object),
            (Family::Dpkg | Family::Rpm, kind) => {
                Err(format!("a test of another package manager than {kind}"))
            }
            (Family::Uname, _) => {
                let uname = self.facts.uname.ok_or("nobody asked uname")?;
                Ok(vec![Item::Fields(vec![
                    ("machine_class", uname.machine_class.to_owned()),
                    ("node_name", uname.node_name.to_owned()),
                    ("os_name", uname.os_name.to_owned()),
                    ("os_release", uname.os_release.to_owned()),
                    ("os_version", uname.os_version.to_owned()),
                    ("processor_type", uname.processor_type.to_owned()),
                ])])
            }
            (Family::Text, _) => self.lines(object),
        }
    }

    fn packages(&self, object: &Parts) -> Result<Vec<Item<'r>>, String> {
        let [
            Part {
                name,
                operation,
                value,
                ..
            },
        ] = object.parts.as_slice()
        else {
            return Err("an object of other parts than a name".to_owned());
        };
        if name != "name" {
            return Err(format!("an object of a part {name}"));
        }
        let items = |packages: &[&'r Have<'r>]| {
            packages
                .iter()
                .map(|package| Item::Package(package))
                .collect()
        };
        match operation.as_str() {
            "" | "equals" => Ok(self
                .by_name
                .get(value.as_str())
                .map_or_else(Vec::new, |found| items(found))),
            "pattern match" => {
                let mut found = Vec::new();
                for (name, packages) in &self.by_name {
                    if matches(value, name)?.is_some() {
                        found.extend(items(packages));
                    }
                }
                Ok(found)
            }
            other => Err(format!("an object with operation {other:?}")),
        }
    }

    /// Matches of a pattern in a file, of which `instance` chooses.
    fn lines(&self, object: &Parts) -> Result<Vec<Item<'r>>, String> {
        let files = self.facts.files.ok_or("nobody looked at files")?;
        let part = |name: &str| object.parts.iter().find(|part| part.name == name);
        let equal = |name: &str| match part(name) {
            Some(part) if matches!(part.operation.as_str(), "" | "equals") => {
                Ok(Some(part.value.as_str()))
            }
            Some(part) => Err(format!("{name} with operation {:?}", part.operation)),
            None => Ok(None),
        };
        let path = match (equal("filepath")?, equal("path")?, equal("filename")?) {
            (Some(whole), None, None) => whole.to_owned(),
            (None, Some(path), Some(name)) => format!("{}/{name}", path.trim_end_matches('/')),
            _ => return Err("an object without a path".to_owned()),
        };
        let pattern = part("pattern").filter(|part| part.operation == "pattern match");
        let pattern = pattern.ok_or("an object without a pattern")?;
        let instance = part("instance").ok_or("an object without an instance")?;
        let first = match (instance.operation.as_str(), instance.value.trim()) {
            ("" | "equals", "1") => true,
            ("greater than or equal", "1") => false,
            (operation, value) => return Err(format!("instance {operation} {value}")),
        };
        let mut items = Vec::new();
        let mut rest = files.get(&path).map_or("", String::as_str);
        while let Some(found) = matches(&pattern.value, rest)? {
            let sub = found.groups.first().cloned().flatten().unwrap_or_default(); // default: because a pattern without groups has no subexpression
            items.push(Item::Fields(vec![
                ("text", found.text),
                ("subexpression", sub),
            ]));
            let next = found.end.max(1);
            match rest.get(next..) {
                Some(more) if !first && !more.is_empty() => rest = more,
                _ => break,
            }
        }
        Ok(items)
    }
}

enum Item<'r> {
    Package(&'r Have<'r>),
    Fields(Vec<(&'static str, String)>),
}

impl Item<'_> {
    fn meets(&self, state: &Parts, witnesses: &mut Vec<Witness>) -> Truth {
        let truths: Vec<Truth> = state
            .parts
            .iter()
            .map(|part| self.part(part, witnesses))
            .collect();
        combine(state.operator, truths.iter())
    }

    fn part(&self, part: &Part, witnesses: &mut Vec<Witness>) -> Truth {
        let found = match self {
            Self::Package(package) => match part.name.as_str() {
                "name" => package.name.to_owned(),
                "arch" => package.arch.to_owned(),
                "evr" => package.evr.to_owned(),
                "epoch" => split(package.evr).0.to_owned(),
                "version" => split(package.evr).1.to_owned(),
                "release" => split(package.evr).2.to_owned(),
                "signature_keyid" => match package.signature {
                    Some(key) => key.to_owned(),
                    None => return Truth::Unknown("nobody looked at signatures".to_owned()),
                },
                other => return Truth::Unknown(format!("a state with {other}")),
            },
            Self::Fields(fields) => match fields.iter().find(|(name, _)| *name == part.name) {
                Some((_, value)) => value.clone(),
                None => return Truth::Unknown(format!("a state with {}", part.name)),
            },
        };
        let held = holds(part, &found).map_or_else(Truth::Unknown, truth);
        if let (Truth::True, Self::Package(package), "evr", "less than") =
            (&held, self, part.name.as_str(), part.operation.as_str())
        {
            witnesses.push(Witness {
                package: package.name.to_owned(),
                arch: package.arch.to_owned(),
                installed: package.evr.to_owned(),
                fixed: part.value.clone(),
            });
        }
        held
    }
}

/// Epoch, version, release; `(none)` and an epoch that is left out are 0.
fn split(evr: &str) -> (&str, &str, &str) {
    let (epoch, rest) = evr.split_once(':').unwrap_or(("0", evr));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, version, release)
}

fn holds(part: &Part, found: &str) -> Result<bool, String> {
    let Part {
        operation,
        datatype,
        value,
        ..
    } = part;
    if operation == "pattern match" {
        return matches(value, found).map(|found| found.is_some());
    }
    let order = match datatype.as_str() {
        "" | "string" => match operation.as_str() {
            "case insensitive equals" => return Ok(found.eq_ignore_ascii_case(value)),
            "case insensitive not equal" => return Ok(!found.eq_ignore_ascii_case(value)),
            "" | "equals" | "not equal" => found.cmp(value),
            other => return Err(format!("{other} of strings")),
        },
        "int" => number(found)?.cmp(&number(value)?),
        "version" => version(found)?.cmp(&version(value)?),
        "debian_evr_string" => evr(Kind::Deb, found, value)?,
        "evr_string" => evr(Kind::Rpm, found, value)?,
        other => return Err(format!("datatype {other:?}")),
    };
    match operation.as_str() {
        "" | "equals" => Ok(order == Ordering::Equal),
        "not equal" => Ok(order != Ordering::Equal),
        "less than" => Ok(order == Ordering::Less),
        "less than or equal" => Ok(order != Ordering::Greater),
        "greater than" => Ok(order == Ordering::Greater),
        "greater than or equal" => Ok(order != Ordering::Less),
        other => Err(format!("operation {other:?}")),
    }
}

fn evr(kind: Kind, a: &str, b: &str) -> Result<Ordering, String> {
    let known = |text: &str| {
        text.trim()
            .strip_prefix("(none):")
            .unwrap_or(text.trim())
            .to_owned()
    };
    let (a, b) = (known(a), known(b));
    for text in [&a, &b] {
        vercmp::check(kind, text).map_err(|why| why.to_string())?;
    }
    vercmp::compare(kind, &a, &b).map_err(|why| why.to_string())
}

fn number(text: &str) -> Result<i64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("expected a number, found {text:?}"))
}

/// Numbers between anything else, of which missing ones are 0.
fn version(text: &str) -> Result<Vec<u64>, String> {
    let words = text.trim().split(|letter: char| !letter.is_ascii_digit());
    let numbers: Result<Vec<u64>, _> = words
        .filter(|word| !word.is_empty())
        .map(str::parse)
        .collect();
    let mut numbers = numbers.map_err(|_| format!("expected a version, found {text:?}"))?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Ok(numbers)
}

fn readable(parts: &Parts) -> Result<(), String> {
    parts
        .not_read
        .as_ref()
        .map_or(Ok(()), |why| Err(format!("{why} is not evaluable")))
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn unknown(why: &str) -> Answer {
    Truth::Unknown(why.to_owned()).into()
}

fn negate(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown(why) => Truth::Unknown(why),
    }
}

pub(super) fn combine<'t>(operator: Operator, operands: impl Iterator<Item = &'t Truth>) -> Truth {
    let (mut trues, mut falses, mut first) = (0_usize, 0_usize, None);
    for operand in operands {
        match operand {
            Truth::True => trues += 1,
            Truth::False => falses += 1,
            Truth::Unknown(why) => {
                first.get_or_insert(why);
            }
        }
    }
    if trues + falses == 0 && first.is_none() {
        return Truth::Unknown("nothing to combine".to_owned());
    }
    let decided = match operator {
        Operator::And if falses > 0 => Some(false),
        Operator::Or if trues > 0 => Some(true),
        Operator::One if trues > 1 => Some(false),
        _ => None,
    };
    match (decided, first) {
        (Some(holds), _) => truth(holds),
        (None, Some(why)) => Truth::Unknown(why.clone()),
        (None, None) => truth(match operator {
            Operator::And => true,
            Operator::Or => false,
            Operator::One => trues == 1,
            Operator::Xor => trues % 2 == 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_survives_unless_the_others_decide() {
        let (t, f, u) = (Truth::True, Truth::False, Truth::Unknown("?".to_owned()));
        let check = |operator, operands: &[&Truth], expected: &Truth| {
            assert_eq!(
                &combine(operator, operands.iter().copied()),
                expected,
                "{operator:?} {operands:?}"
            );
        };
        check(Operator::And, &[&t, &t], &t);
        check(Operator::And, &[&t, &u], &u);
        check(Operator::And, &[&u, &f], &f);
        check(Operator::Or, &[&u, &t], &t);
        check(Operator::Or, &[&u, &f], &u);
        check(Operator::One, &[&t, &f], &t);
        check(Operator::One, &[&t, &t, &u], &f);
        check(Operator::One, &[&t, &u], &u);
        check(Operator::Xor, &[&t, &t, &t], &t);
        check(Operator::Xor, &[&t, &u], &u);
        assert_eq!(negate(u.clone()), u);
        assert!(matches!(
            combine(Operator::And, [].into_iter()),
            Truth::Unknown(_)
        ));
    }

    #[test]
    fn versions_of_every_datatype() {
        let check = |datatype: &str, operation: &str, value: &str, found: &str, expected: bool| {
            let part = Part {
                name: "evr".to_owned(),
                operation: operation.to_owned(),
                datatype: datatype.to_owned(),
                value: value.to_owned(),
            };
            assert_eq!(
                holds(&part, found),
                Ok(expected),
                "{found} {operation} {value}"
            );
        };
        check(
            "debian_evr_string",
            "less than",
            "0:1.0-2",
            "1.0~rc1-2",
            true,
        );
        check("evr_string", "less than", "0:1.10-1", "(none):1.9-1", true);
        check("version", "greater than or equal", "1.10.0", "1.10", true);
        check("int", "not equal", "7", "8", true);
        check("", "equals", "x86_64", "x86_64", true);
        let float = Part {
            datatype: "float".to_owned(),
            ..Part::default()
        };
        assert!(holds(&float, "1").is_err());
        assert_eq!(split("1:2-3"), ("1", "2", "3"));
    }
}
