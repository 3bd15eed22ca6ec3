//! The few updates to install. Thousands of CVEs come down to the heads of their chains; an update
//! that another one of the set contains is not in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::value::Kb;

use super::candidate::Line;
use super::{Judgement, Report};

/// One update to install.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Install {
    /// Which.
    pub kb: Kb,
    /// What it is, in words.
    pub title: String,
    /// How many CVEs are fixed by it, with those of the updates that it contains.
    pub fixes: usize,
    /// Whether the host must be restarted; `None` when the feed does not say.
    pub restart: Option<bool>,
    /// Updates that are missing too and that it brings along.
    pub brings: Vec<Kb>,
    /// It goes before the others, which may refuse to install without it.
    pub first: bool,
}

pub(crate) fn of(report: &Report) -> Vec<Install> {
    let mut contained: BTreeMap<Kb, BTreeSet<u32>> = BTreeMap::new();
    for row in &report.rows {
        if let Judgement::Alternative { by, .. } = row.judgement {
            contained.entry(by).or_default().extend(&row.cve_ids);
        }
    }
    let rollup = report
        .missing()
        .filter(|row| row.line == Line::Rollup)
        .filter_map(|row| Some((row.published?, row.kb()?)))
        .max();
    let in_rollup = |line, published| {
        line == Line::Ie && rollup.is_some_and(|(rollup, _)| Some(rollup) >= published)
    };
    let brought = report
        .missing()
        .filter(|row| in_rollup(row.line, row.published));
    let brought: Vec<Kb> = brought.filter_map(super::ReportRow::kb).collect();
    let mut all: Vec<(usize, Install)> = Vec::new();
    for row in report
        .missing()
        .filter(|row| !in_rollup(row.line, row.published))
    {
        let Some(kb) = row.kb() else { continue };
        let mut cves: BTreeSet<u32> = row.cve_ids.iter().copied().collect();
        cves.extend(contained.get(&kb).into_iter().flatten());
        // The servicing stack first: without it newer updates may refuse to install.
        let rank = match row.line {
            Line::ServicePack => 0,
            Line::Stack => 1,
            _ => 2,
        };
        all.push((
            rank,
            Install {
                kb,
                title: row.title.clone(),
                fixes: cves.len(),
                // A servicing stack replaces no running file of the system; cumulative updates and
                // service packs always do ("You must restart the computer after you apply").
                restart: row.restart.or(match row.line {
                    Line::Stack => Some(false),
                    Line::Cumulative | Line::Rollup | Line::ServicePack => Some(true),
                    _ => None,
                }),
                brings: match rollup {
                    Some((_, newest)) if newest == kb => brought.clone(),
                    Some(_) | None => Vec::new(),
                },
                first: rank < 2,
            },
        ));
    }
    all.sort_by(|(a, x), (b, y)| a.cmp(b).then(y.fixes.cmp(&x.fixes)).then(x.kb.cmp(&y.kb)));
    all.into_iter().map(|(_, install)| install).collect()
}
