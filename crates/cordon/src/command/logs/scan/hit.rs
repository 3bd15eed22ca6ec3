//! A match as it is told: to a program a line of JSON, to a person a row.

use std::{collections::BTreeMap, io::Write};

use cordon_model::Time;
use records::{Place, Record};
use serde::Serialize;
use sigma::{Event, Level, Meta};

use super::{Form, correlate::Whole, ocsf, rules::Rules};
use crate::{command::Stop, page::inert};

/// Most bytes of one value that is shown of a match; the rest is cut with `…`.
const MAX_VALUE_BYTES: usize = 8 << 10;

/// Columns of a person's row that the title has.
const TITLE: usize = 56;

/// One match.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) rule: usize,
    pub(super) at: Option<Time>,
    pub(super) host: Option<String>,
    pub(super) file: String,
    pub(super) place: Place,
    /// What the rule speaks of, as the event has it.
    pub(super) fields: BTreeMap<String, Vec<String>>,
}

impl Hit {
    pub(super) fn new(
        rules: &Rules,
        rule: usize,
        file: &str,
        record: &Record,
        event: &Event,
    ) -> Self {
        let names = rules.fields.get(rule).into_iter().flatten();
        let mut fields = BTreeMap::new();
        for name in names {
            let values: Vec<String> = event.get(name).flatten().map(cut).collect();
            if !values.is_empty() {
                fields.insert(name.clone(), values);
            }
        }
        if fields.is_empty() {
            fields.insert("raw".to_owned(), vec![cut(record.raw())]); // keywords are of the whole
        }
        Self {
            rule,
            at: time_of(record),
            host: host_of(record, event),
            file: file.to_owned(),
            place: record.place,
            fields,
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_VALUE_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_VALUE_BYTES);
    format!("{}…", text.get(..end).unwrap_or_default()) // default: because it is a boundary
}

pub(super) fn time_of(record: &Record) -> Option<Time> {
    let millis = record.time?.millis;
    u64::try_from(millis).ok().map(Time::from_millis) // ok: because nothing was logged before 1970
}

pub(super) fn host_of(record: &Record, event: &Event) -> Option<String> {
    let said = record.host().map(str::to_owned);
    said.or_else(|| {
        let mut names = ["Computer", "host", "hostname"].iter();
        names.find_map(|name| event.get(name).flatten().next().map(str::to_owned))
    })
}

/// A finding as `--json` prints it.
#[derive(Serialize)]
struct Line<'h> {
    rule: &'h str,
    title: &'h str,
    level: &'static str,
    at: Option<String>,
    host: Option<&'h str>,
    file: &'h str,
    record: Option<String>,
    fields: BTreeMap<&'h str, OneOrMany<'h>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMany<'h> {
    One(&'h str),
    Many(Vec<&'h str>),
}

fn shown(fields: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, OneOrMany<'_>> {
    let all = fields.iter();
    all.map(|(name, values)| (name.as_str(), one_or_many(values)))
        .collect()
}

fn one_or_many(values: &[String]) -> OneOrMany<'_> {
    match values {
        [one] => OneOrMany::One(one),
        many => OneOrMany::Many(many.iter().map(String::as_str).collect()),
    }
}

/// How a rule is called: its id, else its name, else its file.
pub(super) fn id_of(meta: &Meta) -> &str {
    meta.id
        .as_deref()
        .or(meta.name.as_deref())
        .unwrap_or(&meta.file) // or: because a file has a name
}

pub(super) const fn level_of(meta: &Meta) -> &'static str {
    match meta.level {
        Some(Level::Informational) => "informational",
        Some(Level::Low) => "low",
        Some(Level::Medium) | None => "medium",
        Some(Level::High) => "high",
        Some(Level::Critical) => "critical",
    }
}

/// Writes findings.
pub(super) struct Writer<'r> {
    form: Form,
    rules: &'r Rules,
    pub(super) written: u64,
}

impl<'r> Writer<'r> {
    pub(super) const fn new(form: Form, rules: &'r Rules) -> Self {
        Self {
            form,
            rules,
            written: 0,
        }
    }

    pub(super) fn write(&mut self, hits: &[Hit], data: &mut dyn Write) -> Result<(), Stop> {
        for hit in hits {
            let Some(rule) = self.rules.set.rules.get(hit.rule) else {
                continue;
            };
            self.one(&rule.meta, hit, data)?;
        }
        Ok(())
    }

    fn one(&mut self, meta: &Meta, hit: &Hit, data: &mut dyn Write) -> Result<(), Stop> {
        self.written += 1;
        let at = hit.at.map(|at| at.to_string());
        match self.form {
            Form::Table => {
                let at = at.unwrap_or_else(|| "no time".to_owned());
                let host = hit.host.as_deref().unwrap_or("-");
                writeln!(
                    data,
                    "{:<13} {at:<24} {:<20} {:<TITLE$} {}:{}",
                    level_of(meta),
                    inert(host),
                    inert(&meta.title),
                    inert(&hit.file),
                    hit.place
                )?;
            }
            Form::Json => {
                let line = Line {
                    rule: id_of(meta),
                    title: &meta.title,
                    level: level_of(meta),
                    at,
                    host: hit.host.as_deref(),
                    file: &hit.file,
                    record: number_of(hit.place),
                    fields: shown(&hit.fields),
                };
                json(&line, data)?;
            }
            Form::Ocsf => json(&ocsf::finding(meta, hit), data)?,
        }
        Ok(())
    }

    /// Correlations that were fulfilled.
    pub(super) fn correlated(&mut self, all: &[Whole], data: &mut dyn Write) -> Result<(), Stop> {
        for whole in all {
            if let Some(correlation) = self.rules.set.correlations.get(whole.correlation) {
                self.one(&correlation.meta, &whole.hit, data)?;
            }
        }
        Ok(())
    }
}

/// The number or place of an event in its file.
pub(super) fn number_of(place: Place) -> Option<String> {
    match place {
        Place::File => None,
        Place::Line(number)
        | Place::Byte(number)
        | Place::Record(number)
        | Place::Chunk(number) => Some(number.to_string()),
    }
}

fn json(value: &impl Serialize, data: &mut dyn Write) -> Result<(), Stop> {
    serde_json::to_writer(&mut *data, value).map_err(std::io::Error::from)?;
    writeln!(data)?;
    Ok(())
}
