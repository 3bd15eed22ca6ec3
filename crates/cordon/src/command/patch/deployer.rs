//! The deployer's word, held against the hosts. In 2004 the deployment tool said that all was well, and nobody
//! asked a host. A word makes nothing proven: it can only be contradicted, or be named where evidence is lacking.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use cordon_model::{Span, Time, plural};
use cordon_patch_edge::{HostFiles, unpack};
use sheet::{Deployed, Said};
use winaudit::Kb;

use super::{
    coverage::{Expected, plain},
    line::{Desk, Line},
};
use crate::{
    clock,
    command::{Out, Stop},
    fault::{self, Fault},
    page::inert,
};

/// Days without contact after which a tool's word on a host is old.
const STALE_DAYS: u64 = 10;

/// Most hosts that one line names.
const MAX_NAMED: usize = 10;

/// Most words that one row tells.
const MAX_TOLD: usize = 3;

/// Which export, and which word of it.
type At = (usize, usize);

/// What exports say.
#[derive(Debug, Default)]
pub(super) struct Words {
    files: Vec<(String, Deployed)>,
    /// By host and update.
    by_kb: BTreeMap<(String, u32), Vec<At>>,
    /// By host and bulletin.
    by_bulletin: BTreeMap<(String, String), Vec<At>>,
    /// What was held against a row.
    held: BTreeSet<At>,
}

impl Words {
    /// Reads exports; their hosts are among those that should answer.
    pub(super) fn read(paths: &[PathBuf], expected: &mut Expected) -> Result<Self, Fault> {
        let mut words = Self::default();
        for path in paths {
            let refuse = |error: &dyn std::fmt::Display| {
                Fault::new(&fault::DEPLOYER_UNREADABLE, error).at(path.display())
            };
            let bytes = unpack(path).map_err(|error| refuse(&error))?;
            let deployed = sheet::deployer(&bytes).map_err(|error| refuse(&error))?;
            let name = path.file_name().map_or_else(
                || path.display().to_string(),
                |name| name.to_string_lossy().into_owned(),
            );
            expected.add(&name, deployed.names().into_iter());
            let file = words.files.len();
            for (at, word) in deployed.words.iter().enumerate() {
                let host = plain(&word.host);
                for kb in &word.kbs {
                    let all = words.by_kb.entry((host.clone(), *kb)).or_default();
                    all.push((file, at));
                }
                if let Some(bulletin) = &word.bulletin {
                    let all = words.by_bulletin.entry((host, bulletin.clone()));
                    all.or_default().push((file, at));
                }
            }
            words.files.push((name, deployed));
        }
        Ok(words)
    }

    /// How the exports were understood, and every row that was not.
    pub(super) fn tell(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        for (name, deployed) in &self.files {
            writeln!(
                out.talk,
                "{}: the word of {}: {}: {} on updates, {} on hosts, {} not understood, {} of headings",
                inert(name),
                deployed.product,
                plural(deployed.rows, "row"),
                deployed.words.len(),
                deployed.hosts.len(),
                deployed.rejected.len(),
                deployed.headings.len()
            )?;
            for columns in &deployed.columns {
                writeln!(out.talk, "  columns {}", inert(columns))?;
            }
            for row in &deployed.rejected {
                let (why, text) = (inert(&row.why), inert(&row.text));
                writeln!(out.talk, "  {}: {why}: {text}", row.place)?;
            }
            for (place, doubt) in &deployed.doubts {
                writeln!(out.talk, "  {place}: {}", inert(doubt))?;
            }
        }
        Ok(())
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
    pub(super) fn hold(&mut self, line: &mut Line) {
        if self.files.is_empty() || matches!(line.state, "alternative" | "not_applicable") {
            return;
        }
        let all = self.of(line);
        self.held.extend(&all);
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
            line.state = "contradicted";
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
    pub(super) fn told(&self) -> Vec<String> {
        let stale = Span::hours(24 * STALE_DAYS).millis();
        let since = Time::from_millis(clock::now().millis().saturating_sub(stale)).day();
        let mut lines = Vec::new();
        for (file, (name, deployed)) in self.files.iter().enumerate() {
            let all = deployed.words.len();
            let held = self.held.iter().filter(|(of, _)| *of == file).count();
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
    fn unheld(&self, host: &str) -> BTreeSet<u32> {
        let host = plain(host);
        let from = (host.clone(), 0)..=(host, u32::MAX);
        let all = self.by_kb.range(from);
        all.filter(|(_, all)| {
            all.iter()
                .any(|at| !self.held.contains(at) && self.said(*at) == Some(&Said::Done))
        })
        .map(|((_, kb), _)| *kb)
        .collect()
    }
}

/// What came of the words, at the end.
pub(super) fn tell(desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    let lines = desk.words.told();
    lines.iter().try_for_each(|line| desk.say(line))
}

/// What nobody else asks for: an update that is said to be there, and of which the host itself says yes or no.
/// That no list names it proves nothing, so then there is no row; it is counted in [`Words::told`].
pub(super) fn rows(host: &HostFiles, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    let Some(windows) = &host.windows else {
        return Ok(());
    };
    for number in desk.words.unheld(&host.name) {
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
        desk.put(Line {
            evidence,
            requisite: true,
            ..Line::of(&host.name, &kb.to_string(), state)
        })?;
    }
    Ok(())
}
