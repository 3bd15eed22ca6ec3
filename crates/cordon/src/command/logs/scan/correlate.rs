//! Correlations of a scan: what they are made of is kept from all files, brought into the order of its time, and
//! judged at the end.

use std::collections::BTreeMap;

use records::{Place, Record};
use sigma::{Correlated, Event, Windows};

use super::{
    hit::{Hit, host_of, time_of},
    rules::Rules,
};

/// Most matches that are kept for correlations; what is beyond is told.
const MAX_PARTS: usize = 2_000_000;

/// A match of a rule that a correlation is made of.
#[derive(Debug)]
pub(super) struct Part {
    rule: usize,
    at: Option<u64>,
    host: Option<String>,
    file: String,
    place: Place,
    fields: Vec<(String, String)>,
}

impl Part {
    pub(super) fn new(
        rules: &Rules,
        rule: usize,
        file: &str,
        record: &Record,
        event: &Event,
    ) -> Self {
        let host = host_of(record, event);
        let mut fields = Vec::new();
        for name in rules.correlator.needs(rule) {
            let value = event.get(name).flatten().next().map(str::to_owned);
            // Rules group by the host; logs call it otherwise, or not at all.
            let value = value.or_else(|| {
                host.clone()
                    .filter(|_| name == "host" || name == "Computer")
            });
            if let Some(value) = value {
                fields.push((name.to_owned(), value));
            }
        }
        Self {
            rule,
            at: time_of(record).map(cordon_model::Time::millis),
            host,
            file: file.to_owned(),
            place: record.place,
            fields,
        }
    }
}

/// A correlation that was fulfilled.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) correlation: usize,
    pub(super) hit: Hit,
}

/// What was kept.
#[derive(Debug)]
pub(super) struct Parts {
    all: Vec<Part>,
    beyond: usize,
    timeless: usize,
    needed: bool,
    windows: Windows,
}

impl Parts {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            all: Vec::new(),
            beyond: 0,
            timeless: 0,
            needed: !rules.set.correlations.is_empty(),
            windows: Windows::default(),
        }
    }

    pub(super) fn extend(&mut self, parts: Vec<Part>) {
        for part in parts {
            if part.at.is_none() {
                self.timeless += 1;
            } else if self.all.len() >= MAX_PARTS {
                self.beyond += 1;
            } else {
                self.all.push(part);
            }
        }
    }

    pub(super) fn judge(&mut self, rules: &Rules) -> Vec<Whole> {
        if !self.needed {
            return Vec::new();
        }
        self.all.sort_by_key(|part| part.at);
        let mut event = Event::new();
        let mut wholes = Vec::new();
        for part in &self.all {
            let at = part.at.unwrap_or(0); // 0: because what has no time is not kept
            event.fill(|fields| {
                for (name, value) in &part.fields {
                    fields.text(name, value);
                }
            });
            let mut done = |correlated: Correlated| wholes.push(whole(&correlated, part));
            rules.correlator.advance(&mut self.windows, at, &mut done);
            rules
                .correlator
                .feed(&mut self.windows, part.rule, &event, at, &mut done);
        }
        if let Some(last) = self.all.last() {
            let mut done = |correlated: Correlated| wholes.push(whole(&correlated, last));
            rules
                .correlator
                .advance(&mut self.windows, u64::MAX, &mut done);
        }
        wholes.retain(|whole| rules.told_correlations.get(whole.correlation) == Some(&true));
        wholes
    }

    /// What correlations could not take into account.
    pub(super) fn lost(&self) -> Option<String> {
        let lost = self.windows.lost();
        let counts = [
            (
                u64::try_from(self.timeless).unwrap_or(u64::MAX),
                "matches without a time",
            ),
            (
                u64::try_from(self.beyond).unwrap_or(u64::MAX),
                "matches over the limit",
            ),
            (lost.groups, "groups over the limit"),
            (lost.events, "events of a group over the limit"),
            (lost.late, "events that came too late"),
            (lost.ungrouped, "events without what is grouped by"),
            (lost.valueless, "events without what is counted"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (!told.is_empty()).then(|| format!("left out of correlations: {}", told.join(", ")))
    }
}

fn whole(correlated: &Correlated, last: &Part) -> Whole {
    let mut fields: BTreeMap<String, Vec<String>> = correlated
        .group
        .iter()
        .map(|(name, value)| (name.clone(), vec![value.clone()]))
        .collect();
    fields.insert("measure".to_owned(), vec![correlated.measure.to_string()]);
    let from = cordon_model::Time::from_millis(correlated.from_ms);
    fields.insert("from".to_owned(), vec![from.to_string()]);
    Whole {
        correlation: correlated.correlation,
        hit: Hit {
            rule: last.rule,
            at: Some(cordon_model::Time::from_millis(correlated.at_ms)),
            host: last.host.clone(),
            file: last.file.clone(),
            place: last.place,
            fields,
        },
    }
}
