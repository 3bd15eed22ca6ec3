//! Between the engine's batches and the store's rows.

use std::collections::BTreeMap;

use cordon_engine::{Batch, Life, LoadError, Outcome, Row, Said, Snapshot};
use cordon_model::{Cursor, Finding, Key, Rule, Severity, Spec, Value};
use cordon_store::{Commit, FindingRow, HistoryRow, Loaded, ShardRow};
use cordon_tell::{Letter, News};

use crate::check::posture::fill;

/// The engine's memory, as the store kept it.
pub(super) fn snapshot(loaded: &Loaded) -> Result<Snapshot, LoadError> {
    let shards = loaded.shards.iter();
    let shards: Vec<Row> = shards
        .map(|row| Row {
            key: row.key.clone(),
            bytes: row.bytes.clone(),
        })
        .collect();
    let findings = loaded.findings.iter();
    let findings: Vec<Row> = findings
        .map(|row| Row {
            key: row.key.clone(),
            bytes: Some(row.bytes.clone()),
        })
        .collect();
    Snapshot::from_rows(
        loaded.head.as_ref().map(|head| head.bytes.as_slice()),
        &shards,
        &findings,
    )
}

/// One transaction's worth of what changed.
pub(super) fn commit(
    batch: &Batch,
    after: u64,
    cursors: &BTreeMap<String, Cursor>,
    said: &[HistoryRow],
) -> Result<Commit, LoadError> {
    let (mut findings, mut resolved) = (Vec::new(), Vec::new());
    for finding in batch.findings()? {
        let (Some(entry), Some(bytes)) = (finding.entry, finding.row.bytes) else {
            resolved.push(finding.row.key);
            continue;
        };
        findings.push(FindingRow {
            key: finding.row.key,
            rule: finding.key.rule.to_string(),
            host: finding.key.host.to_string(),
            subject: finding.key.subject.to_string(),
            severity: entry.finding.severity,
            life: life(&entry.life).to_owned(),
            first: entry.first,
            last: entry.last,
            bytes,
        });
    }
    let shard = |row: cordon_engine::ShardRow| ShardRow {
        control: row.control.to_string(),
        key: row.row.key,
        version: row.version,
        bytes: row.row.bytes,
    };
    Ok(Commit {
        seq: batch.seq(),
        after,
        at: batch.at(),
        head: batch.head()?,
        shards: batch.shards()?.into_iter().map(shard).collect(),
        cursors: cursors
            .iter()
            .map(|(name, place)| (name.clone(), place.0.clone()))
            .collect(),
        findings,
        resolved,
        outbox: Vec::new(),
        said: said.to_vec(),
        hours: Vec::new(),
    })
}

const fn life(life: &Life) -> &'static str {
    match life {
        Life::Settling { .. } => "settling",
        Life::Folded { .. } => "folded",
        Life::New => "new",
        Life::InProgress { .. } => "in_progress",
        Life::Suppressed { .. } => "suppressed",
    }
}

/// What people are told of, if it is something for them. `told` is how bad they last heard each to be.
pub(super) fn letter(
    said: &Said,
    specs: &[&'static Spec],
    told: &mut BTreeMap<Key, Severity>,
) -> Option<Letter> {
    let (news, finding) = match &said.outcome {
        Outcome::Opened(finding) => {
            told.insert(finding.key.clone(), finding.severity);
            (News::Opened, finding)
        }
        Outcome::Changed(finding) => {
            let before = told.insert(finding.key.clone(), finding.severity);
            let worse = before.is_some_and(|before| finding.severity > before);
            worse.then_some((News::Worse, finding))?
        }
        Outcome::Resolved(finding) => {
            told.remove(&finding.key)?; // what nobody heard of needs no end
            (News::Ended, finding)
        }
        Outcome::Folded { .. }
        | Outcome::Suppressed { .. }
        | Outcome::Acknowledged { .. }
        | Outcome::Withheld(_)
        | Outcome::Proposed(_)
        | Outcome::Ready(_)
        | Outcome::Undo(_) => return None,
    };
    let rules = specs.iter().flat_map(|spec| spec.rules);
    let rule = rules
        .into_iter()
        .find(|rule| rule.id == finding.key.rule.as_str())?;
    let items = LISTS
        .iter()
        .find_map(|name| match finding.fields.get(*name) {
            Some(Value::List(items)) => Some(items.iter().map(ToString::to_string).collect()),
            _ => None,
        });
    Some(Letter {
        at: said.at,
        news,
        rule: rule.id.to_owned(),
        host: finding.key.host.to_string(),
        subject: finding.key.subject.to_string(),
        detail: finding.key.detail.as_ref().map(ToString::to_string),
        severity: finding.severity,
        title: fill(rule.title, finding).unwrap_or_else(|| rule.title.to_owned()),
        advice: fill(rule.advice, finding).unwrap_or_else(|| rule.advice.to_owned()),
        command: rule.command.and_then(|command| fill(command, finding)),
        items: items.unwrap_or_default(), // default: because not all have a list
        excerpt: finding.excerpt.as_ref().map(ToString::to_string),
    })
}

/// Fields of a finding that list what it counts.
pub(super) const LISTS: [&str; 2] = ["packages", "keys"];

/// What was said, as a line of history.
pub(super) fn history(said: &Said, specs: &[&'static Spec]) -> HistoryRow {
    let rule = |id: &str| -> Option<&'static Rule> {
        specs
            .iter()
            .flat_map(|spec| spec.rules)
            .find(|rule| rule.id == id)
    };
    let of_finding = |finding: &Finding| {
        let rule = rule(finding.key.rule.as_str());
        let title = rule.and_then(|rule| fill(rule.title, finding));
        let title = title.unwrap_or_else(|| finding.key.rule.to_string());
        (Some(finding.key.clone()), finding.severity, title)
    };
    let of_key = |key: &Key| {
        let title = format!("{} {}", key.rule, key.subject);
        (Some(key.clone()), Severity::Info, title)
    };
    let (kind, (key, severity, title)) = match &said.outcome {
        Outcome::Opened(finding) => ("opened", of_finding(finding)),
        Outcome::Changed(finding) => ("changed", of_finding(finding)),
        Outcome::Folded { finding, .. } => ("folded", of_finding(finding)),
        Outcome::Suppressed { finding, .. } => ("suppressed", of_finding(finding)),
        Outcome::Acknowledged { key, .. } => ("acknowledged", of_key(key)),
        Outcome::Resolved(finding) => ("resolved", of_finding(finding)),
        Outcome::Withheld(planting) => {
            let title = format!("the probe of {} came back", planting.control);
            ("proven", (None, Severity::Info, title))
        }
        Outcome::Proposed(order) => ("proposed", (None, Severity::High, order.id.to_string())),
        Outcome::Ready(order) => ("ready", (None, Severity::High, order.id.to_string())),
        Outcome::Undo(order) => ("undo", (None, Severity::High, order.to_string())),
    };
    let text = |part: fn(&Key) -> String| key.as_ref().map(part).unwrap_or_default(); // default: because a probe has no key
    HistoryRow {
        seq: said.seq,
        at: said.at,
        kind: kind.to_owned(),
        rule: text(|key| key.rule.to_string()),
        host: text(|key| key.host.to_string()),
        subject: text(|key| key.subject.to_string()),
        severity,
        title,
        body: serde_json::to_string(&said.outcome).unwrap_or_else(|error| error.to_string()),
    }
}
