//! What each source said, hour by hour: what its cadence is learned from, and what a page draws.

use std::collections::{BTreeMap, BTreeSet};

use cordon_engine::Engine;
use cordon_model::{Fact, Host, Sensed, SourceName, Span, Subject, Time, Watched};
use cordon_store::HourRow;
use cordon_watch::is_about_times;

/// The hub's own row: an hour without it was not watched, and silence in it says nothing.
pub(super) const HUB: &str = "cordon hub";

/// The running hour of each source, and what changed since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Hours {
    rows: BTreeMap<Place, HourRow>,
    /// Those that changed since they were last taken.
    changed: BTreeSet<Place>,
    /// Hours that ended before they were taken.
    ended: Vec<HourRow>,
}

type Place = (Host, SourceName);

pub(super) const fn hour_of(at: Time) -> u64 {
    at.millis() / Span::hours(1).millis()
}

impl Hours {
    /// Takes in what a sensor saw at `at`.
    pub(super) fn hear(&mut self, sensed: &Sensed, at: Time) {
        match &sensed.fact {
            Fact::Pulse {
                of: Watched::Source(name),
                seen,
                errors,
            } if *seen > 0 => {
                let row = self.row(&sensed.host, name, at);
                row.minutes |= 1 << (at.millis() / Span::minutes(1).millis() % 60);
                row.lines += seen;
                row.errors += errors;
            }
            Fact::Vitals {
                of: Watched::Source(name),
                unparsed,
                shapes,
                ..
            } => {
                let row = self.row(&sensed.host, name, at);
                row.unparsed += unparsed;
                row.shapes = row.shapes.max(u64::from(*shapes));
            }
            _ => {}
        }
    }

    /// The hub looked.
    pub(super) fn tick(&mut self, me: &Host, at: Time) {
        let minute = 1 << (at.millis() / Span::minutes(1).millis() % 60);
        let row = self.rows.get(&(me.clone(), HUB.into()));
        if row.is_none_or(|row| row.hour != hour_of(at) || row.minutes & minute == 0) {
            self.row(me, &HUB.into(), at).minutes |= minute;
        }
    }

    fn row(&mut self, host: &Host, source: &SourceName, at: Time) -> &mut HourRow {
        let key = (host.clone(), source.clone());
        let hour = hour_of(at);
        let fresh = || HourRow {
            host: host.to_string(),
            source: source.to_string(),
            hour,
            ..HourRow::default()
        };
        let changed = self.changed.replace(key.clone()).is_some();
        let row = self.rows.entry(key).or_insert_with(fresh);
        if row.hour != hour {
            let ended = std::mem::replace(row, fresh());
            self.ended.extend(changed.then_some(ended));
        }
        row
    }

    /// Goes on with the running hour as the store has it.
    pub(super) fn resume(&mut self, rows: Vec<HourRow>) {
        for row in rows {
            if let (Ok(host), Ok(source)) = (row.host.parse(), row.source.parse()) {
                self.rows.insert((host, source), row);
            }
        }
    }

    /// What is to be written, with what stands against each source.
    pub(super) fn take(&mut self, engine: &Engine) -> Vec<HourRow> {
        let at = engine.at();
        let troubled: Vec<Place> = engine
            .findings()
            .filter(|(key, _)| !is_about_times(key.rule.as_str()))
            .filter_map(|(key, _)| match &key.subject {
                Subject::Watched(Watched::Source(name)) => Some((key.host.clone(), name.clone())),
                _ => None,
            })
            .collect();
        for (host, source) in troubled {
            let known = self.rows.get(&(host.clone(), source.clone()));
            if known.is_none_or(|row| row.hour != hour_of(at) || !row.wrong) {
                self.row(&host, &source, at).wrong = true;
            }
        }
        let mut out = std::mem::take(&mut self.ended);
        let changed = std::mem::take(&mut self.changed);
        out.extend(
            changed
                .iter()
                .filter_map(|place| self.rows.get(place).cloned()),
        );
        out
    }
}
