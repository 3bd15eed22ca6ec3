//! One host against a feed: which updates are proven, which are missing, and what cannot be told.
//!
//! The errors are not alike. A missing patch called proven is how 2004 happened, so nothing is
//! proven but by a rule of Microsoft's own servicing, written down beside the code that applies it.
//! A present patch called missing costs an administrator's patience, so what a feed alone cannot
//! decide is `Unknown`, with the evidence that would decide it.
//!
//! # What a row is
//!
//! One row for each KB that the feed names as a fix for a product of this host, whatever its state;
//! KBs for products, versions and components that the host does not have make no row. Where one
//! missing piece of evidence (which .NET versions, which MSI patches, whether an optional component
//! is there) leaves many KBs open, they are one row that names the piece, because that is what there
//! is to do; KBs among them that a list names keep rows of their own. The share of unknown rows is
//! the number of unknown rows over all rows. [`Counts`] also gives the alternatives, so that a
//! reader can put either below the line.

mod apps;
mod candidate;
mod cover;
mod plan;
mod verdict;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::feed::{Feed, Span};
use crate::host::WindowsHost;
use crate::product::system_of;
use crate::value::{Date, Kb};

pub use plan::Install;

/// Most rows of one report; reaching it is told in its notes.
pub const MAX_REPORT_ROWS: usize = 20_000;

/// What is known of one update on one host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub enum Judgement {
    /// It is there, or its content is, by a rule of servicing.
    Proven,
    /// It is not there and nothing that contains it is.
    Missing,
    /// It is not there by its own name, and need not be installed by it.
    Alternative {
        /// What settles it, or would if it were installed (then that one is its own row).
        by: Kb,
        /// On what ground.
        basis: Basis,
    },
    /// The evidence does not say.
    Unknown(Reason),
}

/// Why an update need not be installed by its own name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Basis {
    /// A newer update supersedes it, and that one is open.
    Superseded,
    /// A cumulative update of the same line is newer, and that one is open.
    NewerOfLine,
    /// The host takes the other of two ways: monthly rollup, or security-only and Internet Explorer.
    OtherWay,
    /// A monthly rollup, installed or to be installed, services the same component after it. Microsoft added older
    /// updates to the rollups; that it added this one is not said anywhere. File versions decide.
    ComponentServiced,
    /// It is an optional preview, and what it fixes comes with the next cumulative update.
    Preview,
    /// Windows Update answered and does not offer it.
    NotOffered,
}

/// Which evidence is lacking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Reason {
    /// No file lists the updates of this host.
    NoList,
    /// The list of updates is cut, and it is not among those shown.
    ListCut,
    /// It was installed after the last known start of the host: installed, not proven running.
    InstalledAfterStart,
    /// An update that the feed does not know was installed later and may contain it; the revision of
    /// the build (UBR) decides.
    Stranger,
    /// A single update from before the monthly rollups; whether the rollup contains it is in no
    /// list. File versions decide.
    BeforeRollups,
    /// A standalone update beside the cumulative one.
    Standalone,
    /// Which versions of .NET are there.
    NoNetInventory,
    /// Which version of Internet Explorer is there.
    NoIeVersion,
    /// Which patches of Windows Installer are there.
    NoMsiInventory,
    /// Whether this part of Windows is there.
    OptionalComponent,
    /// Which system this is, or no feed that was given speaks of it.
    NoProduct,
}

/// What a row speaks of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Subject {
    /// One update.
    Update(Kb),
    /// A product or component of which nothing can be told.
    Product(String),
}

/// One judgement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ReportRow {
    /// Of what.
    pub subject: Subject,
    /// What is known.
    pub judgement: Judgement,
    /// Which evidence says so, in a sentence.
    pub evidence: String,
    /// What the update is, in words.
    pub title: String,
    /// The day most of its fixes were published.
    pub published: Option<Date>,
    /// How many CVEs it fixes on this host.
    pub cves: usize,
    /// Whether it restarts the host; `None` when the feed does not say.
    pub restart: Option<bool>,
    pub(crate) line: candidate::Line,
    pub(crate) cve_ids: Vec<u32>,
}

/// How many rows of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Proven.
    pub proven: usize,
    /// Missing.
    pub missing: usize,
    /// Alternatives.
    pub alternative: usize,
    /// Of these, on the ground of [`Basis::ComponentServiced`], the weakest one.
    pub component_serviced: usize,
    /// Unknown.
    pub unknown: usize,
}

/// What a feed says of one host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// From which day to which the feed reaches. Nothing outside of it was evaluated.
    pub evaluated: Option<Span>,
    /// The feed's products that are this host's.
    pub products: Vec<String>,
    /// The rows, updates first, in order of their number.
    pub rows: Vec<ReportRow>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What a report says of one KB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About<'a> {
    /// It has a row.
    Row(&'a ReportRow),
    /// The feed knows it, for other products or as superseded.
    NotForThisHost,
    /// The feed does not know it: it is *not covered*, which is not "not missing".
    NotCovered(Option<Span>),
}

/// Judges `host` by `feed`.
///
/// ```
/// use winaudit::{FeedBuilder, Kb, WindowsHost, About, judge};
///
/// let feed = FeedBuilder::new().csv(b"DatePosted,CVE,BulletinKB,Title,AffectedProduct,AffectedComponent,Severity,Impact,Supersedes,Exploits\n")?.build();
/// let report = judge(&WindowsHost::default(), &feed);
/// // An empty feed covers nothing, and says so.
/// let kb: Kb = "KB835732".parse().unwrap();
/// assert_eq!(report.about(kb, &feed), About::NotCovered(None));
/// assert_eq!(report.counts().unknown, 1);
/// # Ok::<(), winaudit::FeedError>(())
/// ```
pub fn judge(host: &WindowsHost, feed: &Feed) -> Report {
    let mut report = Report {
        evaluated: feed.span(),
        products: Vec::new(),
        rows: Vec::new(),
        notes: host.notes.clone(),
    };
    match system_of(host) {
        Err(why) => report.rows.push(unjudged("this host", why)),
        Ok(system) => {
            let found = candidate::collect(host, feed, system);
            report.products.clone_from(&found.products);
            if found.products.is_empty() {
                let name = host
                    .os_name
                    .as_ref()
                    .map_or("this system", |said| said.value.as_str());
                report
                    .rows
                    .push(unjudged(name, "the feed has no product of this system"));
            }
            let cover = cover::Cover::of(host, feed, &found);
            report
                .rows
                .extend(verdict::rows(host, feed, &found, &cover));
        }
    }
    report.rows.extend(apps::rows(host, feed));
    report.rows.sort_by(|a, b| a.subject.cmp(&b.subject));
    if report.rows.len() > MAX_REPORT_ROWS {
        report.notes.push(format!(
            "limit: only {MAX_REPORT_ROWS} of {} rows are shown",
            report.rows.len()
        ));
        report.rows.truncate(MAX_REPORT_ROWS);
    }
    report
}

fn unjudged(subject: &str, why: &str) -> ReportRow {
    ReportRow::product(subject, Reason::NoProduct, format!("not evaluated: {why}"))
}

impl ReportRow {
    pub(crate) fn product(name: &str, reason: Reason, evidence: String) -> Self {
        Self {
            subject: Subject::Product(name.to_owned()),
            judgement: Judgement::Unknown(reason),
            evidence,
            title: name.to_owned(),
            published: None,
            cves: 0,
            restart: None,
            line: candidate::Line::Single,
            cve_ids: Vec::new(),
        }
    }

    /// The CVEs that it fixes on this host; `feed` is the one it was judged by.
    pub fn cve_names<'f>(&self, feed: &'f Feed) -> impl Iterator<Item = &'f str> {
        self.cve_ids.iter().map(|id| feed.text(*id))
    }

    /// The update, if it is one.
    pub fn kb(&self) -> Option<Kb> {
        match self.subject {
            Subject::Update(kb) => Some(kb),
            Subject::Product(_) => None,
        }
    }
}

impl Report {
    /// How many rows of each kind.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for row in &self.rows {
            match &row.judgement {
                Judgement::Proven => counts.proven += 1,
                Judgement::Missing => counts.missing += 1,
                Judgement::Alternative { basis, .. } => {
                    counts.alternative += 1;
                    counts.component_serviced += usize::from(*basis == Basis::ComponentServiced);
                }
                Judgement::Unknown(_) => counts.unknown += 1,
            }
        }
        counts
    }

    /// The updates that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows
            .iter()
            .filter(|row| row.judgement == Judgement::Missing)
    }

    /// Unknown rows by what they lack.
    pub fn unknown(&self) -> BTreeMap<Reason, usize> {
        let mut all = BTreeMap::new();
        for row in &self.rows {
            if let Judgement::Unknown(reason) = row.judgement {
                *all.entry(reason).or_default() += 1;
            }
        }
        all
    }

    /// What is said of one KB; a KB that the feed does not know is not covered.
    pub fn about(&self, kb: Kb, feed: &Feed) -> About<'_> {
        match self.rows.iter().find(|row| row.kb() == Some(kb)) {
            Some(row) => About::Row(row),
            None if feed.knows(kb) => About::NotForThisHost,
            None => About::NotCovered(self.evaluated),
        }
    }

    /// The one minimal set to install.
    pub fn plan(&self) -> Vec<Install> {
        plan::of(self)
    }
}
