//! Between the engine's batches and the store's rows.

use std::collections::BTreeMap;

use cordon_engine::{Batch, Life, LoadError, Outcome, Row, Said, Snapshot};
use cordon_model::{Cursor, Finding, Key, Rule, Severity, Spec};
use cordon_store::{Commit, FindingRow, HistoryRow, Loaded, ShardRow};

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
