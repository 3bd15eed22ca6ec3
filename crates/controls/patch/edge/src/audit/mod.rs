//! One host against everything that says what must be there. The command line, the main loop and the tests
//! call the same function; what it says of a host it says as rows.

mod baseline;
mod bench;
mod deployer;
mod linux;
mod live;
mod open;
mod remember;
mod row;
mod sheets;
mod windows;

pub use baseline::requirement;
pub use bench::{Bench, feed_plain};
pub use deployer::{At, WordUnread, Words};
pub use open::host_rows;
pub use row::{Danger, Line};
pub use sheets::{SheetUnread, Sheets, name_of};

use std::collections::BTreeSet;

use cordon_model::{Package, PackageStatus};
use cordon_patch::{Have, Installed, RowState, plan::Update};

use crate::{HostFiles, running::Roots};

/// What an audit said of one host.
#[derive(Debug, Default)]
pub struct Rows {
    /// Its rows.
    pub lines: Vec<Line>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// Packages and updates that were looked over.
    pub packages: usize,
    /// What of its own lists could not be read.
    pub unread: usize,
    /// For Windows: the smallest set of updates that its feed knows.
    pub updates: Vec<Update>,
    /// Why its release is no good, whatever is installed.
    pub release: Option<String>,
    /// What a deployer said and was held against a row.
    pub held: BTreeSet<At>,
    /// Whether it was not judged if the release is still mended.
    pub unjudged: bool,
}

impl Rows {
    fn put(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn say(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }
}

/// Judges one host; `here`: it is this one, and shows below these roots what runs.
pub fn audit(host: &HostFiles, bench: &Bench, here: Option<&Roots>) -> Rows {
    let mut rows = Rows::default();
    if host.is_empty() {
        rows.put(Line::unknown(&host.name, "inventory", host.why_nothing()));
        came(host, &mut rows);
        return rows;
    }
    if let Some(windows) = &host.windows {
        windows::rows(&host.name, windows, bench, &mut rows);
    }
    if let Some(dpkg) = &host.dpkg {
        rows.packages += dpkg.entries.len();
        rows.unread += usize::try_from(dpkg.rejected).unwrap_or(usize::MAX);
        by_indexes(&host.name, &dpkg.entries, bench, &mut rows);
    }
    linux::rows(host, bench, &mut rows);
    baseline::rows(host, bench, &mut rows);
    match &host.remote {
        Some(remote) => live::told(host, remote, &mut rows),
        None => {
            if let Some(roots) = here {
                live::here(host, roots, &mut rows);
            }
        }
    }
    let held = &mut rows.held;
    for line in &mut rows.lines {
        bench.words.hold(line, held);
    }
    let before = rows.lines.len();
    deployer::rows(host, &bench.words, &mut rows);
    let held = &mut rows.held;
    for line in rows.lines.iter_mut().skip(before) {
        bench.words.hold(line, held);
    }
    for line in &mut rows.lines {
        bench.mark(line);
    }
    came(host, &mut rows);
    rows
}

/// How what is known of a host came here is a part of the evidence of each of its rows.
fn came(host: &HostFiles, rows: &mut Rows) {
    let Some(came) = &host.came else { return };
    for line in &mut rows.lines {
        line.evidence = match line.evidence.as_str() {
            "" | "none" => came.clone(),
            evidence => format!("{evidence}, {came}"),
        };
    }
}

/// Debian's own indexes.
fn by_indexes(name: &str, entries: &[Package], bench: &Bench, rows: &mut Rows) {
    let mut listed: Vec<(&Package, Have)> = entries
        .iter()
        .map(|package| (package, Have::from(package)))
        .collect();
    listed.sort_by(|(a, _), (b, _)| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    let packages: Vec<Installed<'_>> = listed
        .iter()
        .map(|(package, have)| (&package.name, &package.arch, have))
        .collect();
    for row in bench.patch.audit(&packages) {
        let (state, reason) = match &row.state {
            RowState::Proven => ("proven", None),
            RowState::Missing => ("missing", None),
            RowState::Unknown(why) => ("unknown", Some(why.clone())),
        };
        let feed = bench
            .patch
            .feeds()
            .iter()
            .find(|feed| feed.name == *row.feed);
        let evidence = match row.status {
            PackageStatus::Installed => "dpkg says installed",
            PackageStatus::Held => "dpkg says installed, on hold",
            PackageStatus::Partial => "dpkg says installed by half",
            PackageStatus::Absent => "dpkg does not list it",
        };
        rows.put(Line {
            arch: row.arch.to_owned(),
            reason,
            installed: row.installed.map(str::to_owned),
            fixed: row.fixed.map(str::to_owned),
            evidence: evidence.to_owned(),
            feed: feed.map(feed_plain),
            ..Line::of(name, row.package.as_str(), state)
        });
    }
}
