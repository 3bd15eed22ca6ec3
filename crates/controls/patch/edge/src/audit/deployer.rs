//! The deployer's word, held against the hosts. In 2004 the deployment tool said that all was well, and nobody
//! asked a host. A word makes nothing proven: it can only be contradicted, or be named where evidence is lacking.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use cordon_model::{Rung, Span, Text, Time, plural};
use sheet::{Deployed, Said};
use winaudit::Kb;

use super::{Rows, row::Line};
use crate::{HostFiles, auditor::plain, unpack};

/// Days without contact after which a tool's word on a host is old.
const STALE_DAYS: u64 = 10;

/// Most hosts that one line names.
const MAX_NAMED: usize = 10;

/// Most words that one row tells.
const MAX_TOLD: usize = 3;

/// Which export, and which word of it.
pub type At = (usize, usize);

/// What exports say.
#[derive(Debug, Default)]
pub struct Words {
    files: Vec<(String, Deployed)>,
    /// By host and update.
    by_kb: BTreeMap<(String, u32), Vec<At>>,
    /// By host and bulletin.
    by_bulletin: BTreeMap<(String, String), Vec<At>>,
}

/// An export that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}", path = path.display())]
pub struct WordUnread {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl Words {
    /// Reads exports.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<Self, WordUnread> {
        let mut words = Self::default();
        for path in paths {
            words.add(path)?;
        }
        Ok(words)
    }

    /// Reads one export more.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add(&mut self, path: &Path) -> Result<(), WordUnread> {
        let refuse = |error: &dyn std::fmt::Display| WordUnread {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let bytes = unpack(path).map_err(|error| refuse(&error))?;
        let deployed = sheet::deployer(&bytes).map_err(|error| refuse(&error))?;
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let file = self.files.len();
        for (at, word) in deployed.words.iter().enumerate() {
            let host = plain(&word.host);
            for kb in &word.kbs {
                let all = self.by_kb.entry((host.clone(), *kb)).or_default();
                all.push((file, at));
            }
            if let Some(bulletin) = &word.bulletin {
                let all = self.by_bulletin.entry((host, bulletin.clone()));
                all.or_default().push((file, at));
            }
        }
        self.files.push((name, deployed));
        Ok(())
    }

    /// Each export with the hosts that it names: they are among those that should answer.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.files
            .iter()
            .map(|(name, deployed)| (name.as_str(), deployed.names().into_iter().collect()))
    }

    /// Rows of an export, and those that were not understood.
    pub fn counts(&self) -> (u64, u64) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.files
            .iter()
            .fold((0, 0), |(rows, rejected), (_, deployed)| {
                (
                    rows + number(deployed.rows),
                    rejected + number(deployed.rejected.len()),
                )
            })
    }

    /// How the exports were understood, and every row that was not: a line each.
    pub fn understood(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, deployed) in &self.files {
            lines.push(format!(
                "{name}: the word of {}: {}: {} on updates, {} on hosts, {} not understood, {} of headings",
                deployed.product,
                plural(deployed.rows, "row"),
                deployed.words.len(),
                deployed.hosts.len(),
                deployed.rejected.len(),
                deployed.headings.len()
            ));
            lines.extend(
                deployed
                    .columns
                    .iter()
                    .map(|columns| format!("  columns {columns}")),
            );
            let rejected = deployed.rejected.iter();
            lines.extend(rejected.map(|row| format!("  {}: {}: {}", row.place, row.why, row.text)));
            let doubts = deployed.doubts.iter();
            lines.extend(doubts.map(|(place, doubt)| format!("  {place}: {doubt}")));
        }
        lines
    }

    /// What is said of the update of a row, the claims that it is there first.
    fn of(&self, line: &Line) -> Vec<At> {
        let host = plain(&line.host);
        let number = line.package.strip_prefix("KB");
        let number = number.and_then(|number| number.parse().ok()); // ok: because then it is no update
        let kbs = number.into_iter().chain(line.any_of.iter().copied());
        let by_kb = kbs.filter_map(|kb| self.by_kb.get(&(host.clone(), kb)));
        let asked = line.requirement.clone().unwrap_or_default(); // default: because then no bulletin asks
        let by_bulletin = self.by_bulletin.get(&(host.clone(), asked));
        let all: BTreeSet<At> = by_kb.chain(by_bulletin).flatten().copied().collect();
        let mut all: Vec<At> = all.into_iter().collect();
        let claims = |at: &At| self.said(*at).is_some_and(|said| *said == Said::Done);
        all.sort_by_key(|at| !claims(at));
        all
    }

    fn said(&self, (file, at): At) -> Option<&Said> {
        Some(&self.files.get(file)?.1.words.get(at)?.said)
    }

    /// Holds what is said against a row. Only the host's own evidence makes anything proven.
    pub(super) fn hold(&self, line: &mut Line, held: &mut BTreeSet<At>) {
        if self.files.is_empty() || matches!(line.state, "alternative" | "not_applicable") {
            return;
        }
        let all = self.of(line);
        held.extend(&all);
        let mut told = Vec::new();
        let mut claimed = false;
        for (file, at) in all {
            let Some((name, word)) = self
                .files
                .get(file)
                .and_then(|(name, deployed)| Some((name, deployed.words.get(at)?)))
            else {
                continue;
            };
            let says = format!("{name} {} says {}", word.place, word.said);
            told.push(match (&word.said, line.state) {
                (Said::Done, "proven" | "no_fix")
                | (Said::Unknown(_) | Said::NotNeeded, "proven") => continue,
                (Said::Done, "missing" | "contradicted") => {
                    claimed = true;
                    format!("{says}, the host says no")
                }
                (Said::Done, _) => format!("{says}, which is a word and no evidence"),
                (Said::Unknown(text), _) if !text.is_empty() => format!("{says} (`{text}`)"),
                _ => says,
            });
        }
        if claimed {
            line.contradict(&told.join("; "));
        } else if let (Some(ladder), Some(word)) = (&mut line.ladder, told.first()) {
            ladder.deployer = Some(Rung::Unknown(Text::new(word)));
        }
        let more = told.len().saturating_sub(MAX_TOLD);
        told.truncate(MAX_TOLD);
        if more > 0 {
            told.push(format!("{more} more words"));
        }
        if !told.is_empty() {
            line.reason = Some(
                line.reason
                    .take()
                    .into_iter()
                    .chain(told)
                    .collect::<Vec<_>>()
                    .join("; "),
            );
        }
    }

    /// What came of it at the end, a line each.
    pub fn told(&self, held: &BTreeSet<At>, now: Time) -> Vec<String> {
        let stale = Span::hours(24 * STALE_DAYS).millis();
        let since = Time::from_millis(now.millis().saturating_sub(stale)).day();
        let mut lines = Vec::new();
        for (file, (name, deployed)) in self.files.iter().enumerate() {
            let all = deployed.words.len();
            let held = held.iter().filter(|(of, _)| *of == file).count();
            if all > 0 {
                lines.push(format!(
                    "{name}: {held} of {} held against a row; the others are of updates that nothing here asks for, \
                     or of hosts without an inventory",
                    plural(all, "word")
                ));
            }
            let old: Vec<&str> = deployed
                .hosts
                .iter()
                .filter(|host| host.last_contact.as_ref().is_some_and(|day| *day < since))
                .map(|host| host.host.as_str())
                .collect();
            if !old.is_empty() {
                let named = old
                    .iter()
                    .take(MAX_NAMED)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", ");
                let more = old.len().saturating_sub(MAX_NAMED);
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                lines.push(format!(
                    "{name}: no contact for more than {STALE_DAYS} days: {named}{more}"
                ));
            }
        }
        lines
    }

    /// Updates that are said to be on a host, and that no row of it speaks of.
    fn unheld(&self, host: &str, held: &BTreeSet<At>) -> BTreeSet<u32> {
        let host = plain(host);
        let from = (host.clone(), 0)..=(host, u32::MAX);
        let all = self.by_kb.range(from);
        all.filter(|(_, all)| {
            all.iter()
                .any(|at| !held.contains(at) && self.said(*at) == Some(&Said::Done))
        })
        .map(|((_, kb), _)| *kb)
        .collect()
    }
}

/// What nobody else asks for: an update that is said to be there, and of which the host itself says yes or no.
/// That no list names it proves nothing, so then there is no row; it is counted in [`Words::told`].
pub(super) fn rows(host: &HostFiles, words: &Words, rows: &mut Rows) {
    let Some(windows) = &host.windows else {
        return;
    };
    for number in words.unheld(&host.name, &rows.held) {
        let Some(kb) = Kb::new(number) else { continue };
        let offered = windows.offered.as_ref();
        let (state, evidence) = if let Some(listed) = windows.hotfixes.get(&kb) {
            let files: Vec<&str> = listed
                .by
                .iter()
                .map(|by| windows.source_name(*by))
                .collect();
            ("proven", format!("listed by {}", files.join(", ")))
        } else if offered.is_some_and(|offered| offered.contains_key(&kb)) {
            ("missing", "Windows Update itself offers it".to_owned())
        } else {
            continue;
        };
        rows.put(Line {
            evidence,
            requisite: true,
            ..Line::of(&host.name, &kb.to_string(), state)
        });
    }
}
