//! Office and other programs that Windows Installer keeps. No list of hotfixes names their patches:
//! seven of eight updates that a real host lacked were Office's, and every offline tool was blind to
//! them. Without the patches of Windows Installer this is one row that says so; with them Office is
//! judged by the year in its name.
//!
//! "Security updates for Office 2016 replace the previous one for the same program"; the feed's
//! supersedence, per product, is the only edge taken here.

use std::collections::{BTreeMap, BTreeSet};

use crate::feed::{Feed, Row, superseded};
use crate::host::WindowsHost;
use crate::value::{Date, Kb, Severity};

use super::candidate::Line;
use super::{Basis, Judgement, Reason, ReportRow, Subject};

/// Years in names of Office.
const YEARS: [&str; 6] = ["2003", "2007", "2010", "2013", "2016", "2019"];
/// Programs that every Office suite brings.
const SUITE: [&str; 8] = [
    "office",
    "word",
    "excel",
    "outlook",
    "powerpoint",
    "access",
    "publisher",
    "onenote",
];
/// Programs that are bought by themselves.
const ALONE: [&str; 5] = [
    "visio",
    "project",
    "skype for business",
    "lync",
    "sharepoint designer",
];

#[derive(Default)]
struct Patch {
    /// Product, and the KBs that are superseded there.
    products: BTreeMap<u32, BTreeSet<u32>>,
    cves: BTreeSet<u32>,
    title: u32,
    day: u32,
    severity: Option<Severity>,
}

pub(crate) fn rows(host: &WindowsHost, feed: &Feed) -> Vec<ReportRow> {
    let knows_office = feed
        .products()
        .any(|name| name.starts_with("Microsoft Office 2"));
    if !knows_office {
        return Vec::new();
    }
    let editions = host
        .programs
        .as_ref()
        .map(|programs| editions(programs.keys().map(String::as_str)));
    let Some(patches) = &host.msi_patches else {
        let none = editions.as_ref().is_some_and(BTreeSet::is_empty);
        let evidence = "no file lists patches of Windows Installer: export Installer\\UserData or run the collector";
        let row = ReportRow::product("Microsoft Office", Reason::NoMsiInventory, evidence.into());
        return if none { Vec::new() } else { vec![row] };
    };
    // Where programs are not listed, names of patches say what they patch.
    let editions = editions
        .unwrap_or_else(|| self::editions(patches.values().map(|said| said.value.as_str())));
    let mut all: BTreeMap<u32, Patch> = BTreeMap::new();
    for (product, rows) in feed.product_rows() {
        if editions
            .iter()
            .any(|(program, year)| is_of(product, program, year))
        {
            rows.iter()
                .filter(|row| row.kb != 0)
                .for_each(|row| take(&mut all, feed, row));
        }
    }
    judge(host, feed, &all)
}

/// Programs with their year. A suite counts as each of its programs.
fn editions<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<(&'static str, &'static str)> {
    let mut all = BTreeSet::new();
    for name in names {
        let name = name.to_lowercase();
        let Some(year) = YEARS.into_iter().find(|year| name.contains(year)) else {
            continue;
        };
        if name.contains("microsoft office") {
            all.extend(SUITE.into_iter().map(|program| (program, year)));
        }
        let single = SUITE.into_iter().chain(ALONE).filter(|program| {
            name.contains(&format!("microsoft {program}"))
                || name.contains(&format!("for {program}"))
        });
        all.extend(single.map(|program| (program, year)));
    }
    all
}

/// Whether a product of the feed is that program of that year, on Windows.
fn is_of(product: &str, program: &str, year: &str) -> bool {
    let lower = product.to_lowercase();
    let Some(rest) = lower
        .strip_prefix("microsoft ")
        .and_then(|rest| rest.strip_prefix(program))
    else {
        return false;
    };
    let rest = rest.trim_start();
    rest.starts_with(year) && !rest.contains("mac") && !rest.contains("click")
}

fn take(all: &mut BTreeMap<u32, Patch>, feed: &Feed, row: &Row) {
    let patch = all.entry(row.kb).or_default();
    let edges = patch.products.entry(row.product).or_default();
    edges.extend(superseded(feed.text(row.supersedes)).filter(|&kb| kb != row.kb));
    patch.cves.insert(row.cve);
    patch.title = row.product;
    patch.day = patch.day.max(row.date);
    patch.severity = patch.severity.max(row.severity);
}

fn judge(host: &WindowsHost, feed: &Feed, all: &BTreeMap<u32, Patch>) -> Vec<ReportRow> {
    let there = there(host, all);
    let row = |(&kb, patch): (&u32, &Patch)| {
        let (judgement, evidence) = one(host, all, &there, kb, patch);
        ReportRow {
            subject: Subject::Update(Kb(kb)),
            judgement,
            evidence,
            title: format!("update for {}", feed.text(patch.title)),
            published: Date::from_number(patch.day),
            cves: patch.cves.len(),
            restart: None,
            severity: patch.severity,
            line: Line::Single,
            cve_ids: patch.cves.iter().copied().collect(),
        }
    };
    all.iter().map(row).collect()
}

/// Product and KB that are there, and by which patch; a walk over a set, so cycles end.
fn there(host: &WindowsHost, all: &BTreeMap<u32, Patch>) -> BTreeMap<(u32, u32), u32> {
    let mut there = BTreeMap::new();
    let mut open: Vec<(u32, u32, u32)> = Vec::new();
    for kb in host.msi_patches.iter().flatten().map(|(kb, _)| kb.number()) {
        let patch = all.get(&kb).into_iter();
        let products = patch.flat_map(|patch| patch.products.keys());
        open.extend(products.map(|&product| (product, kb, kb)));
    }
    while let Some((product, kb, by)) = open.pop() {
        if there.insert((product, kb), by).is_none() {
            let edges = all.get(&kb).and_then(|patch| patch.products.get(&product));
            let below = edges.into_iter().flatten();
            open.extend(below.map(|&below| (product, below, by)));
        }
    }
    there
}

fn one(
    host: &WindowsHost,
    all: &BTreeMap<u32, Patch>,
    there: &BTreeMap<(u32, u32), u32>,
    kb: u32,
    patch: &Patch,
) -> (Judgement, String) {
    let offered = host.offered.as_ref();
    if offered.is_some_and(|all| all.contains_key(&Kb(kb))) {
        return (Judgement::Missing, "Windows Update offers it".into());
    }
    // 32-bit and 64-bit are two products of the feed and one on the host: either is enough.
    let products = patch.products.keys();
    let mut by = products.filter_map(|&product| there.get(&(product, kb)));
    match by.next() {
        Some(&by) if by == kb => {
            let why = "among the patches of Windows Installer";
            return (Judgement::Proven, why.into());
        }
        Some(by) => return (Judgement::Proven, format!("superseded by the patch KB{by}")),
        None => {}
    }
    let supersedes = |(_, other): &(&u32, &Patch)| {
        let products = patch.products.keys();
        let mut edges = products.filter_map(|product| other.products.get(product));
        edges.any(|edges| edges.contains(&kb))
    };
    if let Some((&by, _)) = all.iter().rev().find(supersedes) {
        let basis = Basis::Superseded;
        let judgement = Judgement::Alternative { by: Kb(by), basis };
        return (judgement, format!("KB{by} supersedes it"));
    }
    let why = "not among the patches of Windows Installer";
    (Judgement::Missing, why.into())
}
