//! `--explain`: why a rule fires on an event, or does not.

use std::path::Path;

use serde_json::{Value, json};
use sigma::{Explained, Explanation};

use super::{
    super::super::{Out, Stop},
    files::{Read, one_event},
    rules::Rules,
};
use crate::{
    fault::{self, Exit, Fault},
    page::inert,
};

pub(super) fn run(
    rules: &Rules,
    rule: &str,
    event: &str,
    json: bool,
    read: &Read,
    out: &mut Out<'_>,
) -> Result<Exit, Stop> {
    let Some(index) = rules.find(rule) else {
        let what = format!("no rule is called `{rule}`: expected its id, name, title or file");
        return Err(Fault::new(&fault::RULES_UNREADABLE, what).into());
    };
    let (path, number) = match event.rsplit_once(':') {
        Some((path, number)) if !Path::new(event).exists() => match number.parse() {
            Ok(number) => (path, Some(number)),
            Err(_) => (event, None),
        },
        _ => (event, None),
    };
    let refuse = |why: String| Fault::new(&fault::LOG_UNREADABLE, why).at(path);
    let found = one_event(Path::new(path), number, rules, read)
        .map_err(|error| refuse(error.to_string()))?;
    let Some(found) = found else {
        let what = number.map_or_else(
            || "there is no event in it".to_owned(),
            |number| format!("no event of it has the number {number}"),
        );
        return Err(refuse(what).into());
    };
    let Some(told) = rules.engine.explain(index, &found) else {
        return Err(refuse("the rule cannot be explained".to_owned()).into());
    };
    if json {
        serde_json::to_writer_pretty(&mut *out.data, &whole(&told))
            .map_err(std::io::Error::from)?;
        writeln!(out.data)?;
    } else {
        tell(&told, out)?;
    }
    Ok(if told.matches {
        Exit::Findings
    } else {
        Exit::Nothing
    })
}

fn tell(told: &Explanation, out: &mut Out<'_>) -> Result<(), Stop> {
    let verdict = if told.matches {
        "fires"
    } else {
        "does not fire"
    };
    writeln!(out.data, "{}: {verdict}", inert(&told.title))?;
    let of: Vec<String> = told.event_sources.iter().map(ToString::to_string).collect();
    let holds = if told.source_holds {
        "holds"
    } else {
        "does not hold"
    };
    writeln!(
        out.data,
        "  source {} {holds}: the event is of {}",
        told.source,
        of.join(", ")
    )?;
    if !told.unfilled.is_empty() {
        let names = told.unfilled.join(", ");
        writeln!(
            out.data,
            "  no value was given for {names}: it is never evaluated"
        )?;
    }
    part(&told.condition, 1, out)
}

fn part(part: &Explained, depth: usize, out: &mut Out<'_>) -> Result<(), Stop> {
    let mark = if part.holds { "+" } else { "-" };
    let note = match (part.absent_under_not, part.absent) {
        (true, _) => "  (absent, below a not: this holds for every event without it)".to_owned(),
        (false, true) => "  (absent)".to_owned(),
        (false, false) if part.values.is_empty() => String::new(),
        (false, false) => {
            let values = part.values.iter();
            let values: Vec<&str> = values.map(|one| one.as_deref().unwrap_or("null")).collect();
            format!("  = {}", inert(&values.join(" | ")))
        }
    };
    writeln!(
        out.data,
        "{:indent$}{mark} {}{note}",
        "",
        inert(&part.what),
        indent = depth * 2
    )?;
    for one in &part.parts {
        self::part(one, depth + 1, out)?;
    }
    Ok(())
}

fn whole(told: &Explanation) -> Value {
    let of: Vec<String> = told.event_sources.iter().map(ToString::to_string).collect();
    json!({
        "title": told.title,
        "matches": told.matches,
        "source": told.source.to_string(),
        "source_holds": told.source_holds,
        "event_sources": of,
        "unfilled": told.unfilled,
        "condition": tree(&told.condition),
    })
}

fn tree(part: &Explained) -> Value {
    json!({
        "what": part.what,
        "holds": part.holds,
        "values": part.values,
        "absent": part.absent,
        "absent_under_not": part.absent_under_not,
        "parts": part.parts.iter().map(tree).collect::<Vec<_>>(),
    })
}
