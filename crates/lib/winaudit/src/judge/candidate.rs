//! The updates that a feed names for this host, and to which line of servicing each belongs. A line
//! is a row of packages of which a newer one contains the older: without it the audit of a server
//! names 9,000 fixes; with a wrong one it hides the one that is missing.
//!
//! Only MSRC's own documents say what a package is. The CSV does not; there a line shows by what a
//! package is published for:
//! * since October 2016 (Windows 7, 8.1, Server 2008 R2, 2012, 2012 R2) and September 2018 (Server
//!   2008), the *monthly rollup* is published for Windows and for Internet Explorer, the
//!   *security-only* update for Windows alone, the *cumulative update of Internet Explorer* for it
//!   alone (Microsoft, "Further simplifying servicing models for Windows 7 and Windows 8.1");
//! * Windows 10, Server 2016 and later have one *cumulative update* for Windows, Internet Explorer and
//!   Edge; beside it stand the servicing stack, .NET (since 1809), Flash, and few single packages.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::feed::{Feed, Row, STACK, superseded};
use crate::host::WindowsHost;
use crate::product::{App, Generation, System, app_of_component};
use crate::value::{Date, Severity};

/// A line of servicing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(crate) enum Line {
    /// The cumulative update of Windows 10, Server 2016 and later.
    Cumulative,
    /// The monthly rollup of the systems before.
    Rollup,
    /// Its security-only sister: not cumulative.
    SecurityOnly,
    /// Cumulative update of Internet Explorer.
    Ie,
    /// .NET Framework.
    Net,
    /// Adobe Flash Player in Windows.
    Flash,
    /// Servicing stack.
    Stack,
    /// Service pack.
    ServicePack,
    /// Only advisories, in the second half of a month: an optional preview.
    Preview,
    /// A package of its own on a system with cumulative updates.
    Standalone,
    /// A package of its own, from before the rollups or on a system without.
    Single,
    /// Of a component that is only there if somebody chose it.
    Optional,
}

/// An update that the feed names for this host.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) kb: u32,
    pub(crate) line: Line,
    /// First and last of the days on which most of its fixes were published: advisories that were
    /// reissued carry other days.
    pub(crate) low: Date,
    pub(crate) high: Date,
    /// The first of all its days.
    first: Date,
    /// Products, by number, with the KBs that it supersedes there.
    pub(crate) products: BTreeMap<u32, BTreeSet<u32>>,
    /// Product and CVE.
    pub(crate) cves: BTreeSet<(u32, u32)>,
    pub(crate) components: BTreeSet<u32>,
    /// Versions of .NET that it is for, of those that the host has.
    pub(crate) nets: BTreeSet<[u8; 3]>,
    pub(crate) optional: Option<&'static str>,
    pub(crate) title: u32,
    pub(crate) product: u32,
    pub(crate) has_cve: bool,
    pub(crate) fixed_build: Option<[u32; 4]>,
    pub(crate) restart: Option<bool>,
    pub(crate) severity: Option<Severity>,
    on: On,
}

/// For what it is published.
#[expect(clippy::struct_excessive_bools, reason = "each is its own fact")]
#[derive(Clone, Copy, Default, Debug)]
struct On {
    system: bool,
    ie: bool,
    edge: bool,
    flash: bool,
    net: bool,
    stack: bool,
    pack: bool,
    said: Option<Line>,
}

/// What a feed has for a host.
pub(crate) struct Found {
    pub(crate) system: System,
    pub(crate) products: Vec<String>,
    pub(crate) all: BTreeMap<u32, Candidate>,
    /// KBs that hang on a version of .NET or Internet Explorer that nobody knows.
    pub(crate) net_open: BTreeSet<u32>,
    pub(crate) ie_open: BTreeSet<u32>,
}

impl System {
    pub(crate) fn is_modern(self) -> bool {
        self.generation >= Generation::Client
    }

    pub(crate) fn is_server(self) -> bool {
        use Generation::*;
        matches!(
            self.generation,
            S2003 | S2008 | S2008R2 | S2012 | S2012R2 | Server
        )
    }

    /// The first day of monthly rollups on systems that have them.
    pub(crate) fn rollups_since(self) -> Option<Date> {
        use Generation::*;
        match self.generation {
            W7 | S2008R2 | W8 | S2012 | W81 | S2012R2 => Date::new(2016, 10, 11),
            S2008 => Date::new(2018, 9, 11),
            _ => None,
        }
    }
}

/// What the host has, as far as its files say.
struct Has<'a> {
    nets: Option<BTreeSet<[u8; 3]>>,
    ie: Option<u8>,
    host: &'a WindowsHost,
}

impl Has<'_> {
    fn lists(&self, kb: u32) -> bool {
        self.host.hotfixes.contains_key(&crate::value::Kb(kb))
    }
}

pub(crate) fn collect(host: &WindowsHost, feed: &Feed, system: System) -> Found {
    let mut found = Found {
        system,
        products: Vec::new(),
        all: BTreeMap::new(),
        net_open: BTreeSet::new(),
        ie_open: BTreeSet::new(),
    };
    let mine: Vec<(&str, &App, &[Row])> = feed
        .products_on(system)
        .filter(|(_, app, _)| **app != App::Other)
        .collect();
    // What a package is shows by all that it is published for, whether or not this host has it.
    let mut with_ie = BTreeSet::new();
    for (_, app, rows) in &mine {
        let ie = |row: &&Row| matches!(app_of_component(feed.text(row.component), app), App::Ie(_));
        with_ie.extend(rows.iter().filter(ie).map(|row| row.kb));
    }
    let has = Has {
        nets: nets(host, system),
        ie: ie(host, system, feed, &mine),
        host,
    };
    let mut days: BTreeMap<u32, BTreeMap<u32, usize>> = BTreeMap::new();
    for (name, app, rows) in &mine {
        found.products.push((*name).to_owned());
        for row in rows.iter().filter(|row| row.kb != 0) {
            let app = app_of_component(feed.text(row.component), app);
            if add(&mut found, feed, &has, row, &app) {
                *days.entry(row.kb).or_default().entry(row.date).or_default() += 1;
            }
        }
    }
    for (kb, candidate) in &mut found.all {
        candidate.on.ie |= with_ie.contains(kb);
        let Some(days) = days.remove(kb) else {
            continue;
        };
        let most = days.values().max().copied().unwrap_or(0);
        let mut modes = days
            .iter()
            .filter(|&(_, &count)| count == most)
            .filter_map(|(&day, _)| Date::from_number(day));
        candidate.first = days
            .keys()
            .next()
            .and_then(|&day| Date::from_number(day))
            .unwrap_or(candidate.first);
        if let Some(first) = modes.next() {
            candidate.low = first;
            candidate.high = modes.next_back().unwrap_or(first);
        }
    }
    classify(&mut found, feed);
    // A roll of older updates that was offered as a convenience is no requirement of its own.
    found
        .all
        .retain(|_, candidate| !candidate.on.pack || candidate.line == Line::ServicePack);
    found
}

/// Adds a row, if what it applies to is there.
fn add(found: &mut Found, feed: &Feed, has: &Has<'_>, row: &Row, app: &App) -> bool {
    let mut nets = BTreeSet::new();
    match app {
        App::Ie(version) => match has.ie {
            Some(there) if *version == 0 || *version == there => {}
            Some(_) => return false,
            None => {
                found.ie_open.insert(row.kb);
                if !has.lists(row.kb) {
                    return false;
                }
            }
        },
        App::Net(versions) if !versions.is_empty() => {
            let there = |version: &&[u8; 3]| {
                has.nets
                    .as_ref()
                    .is_some_and(|nets| nets.contains(*version))
            };
            nets.extend(versions.iter().filter(there));
            if has.nets.is_none() {
                found.net_open.insert(row.kb);
            }
            if nets.is_empty() && (has.nets.is_some() || !has.lists(row.kb)) {
                return false;
            }
        }
        App::Other => return false,
        App::System | App::Edge | App::Flash | App::Optional(_) | App::Net(_) => {}
    }
    let day = Date::from_number(row.date);
    let Some(day) = day else { return false };
    let candidate = found
        .all
        .entry(row.kb)
        .or_insert_with(|| Candidate::new(row, day));
    let optional = match app {
        App::Optional(name) => Some(*name),
        _ => None,
    };
    // Optional only if every row of it is.
    candidate.optional = candidate.optional.filter(|_| optional.is_some());
    if candidate.cves.is_empty() && candidate.components.is_empty() {
        candidate.optional = optional;
    }
    candidate.take(feed, row, app, nets);
    true
}

impl Candidate {
    fn new(row: &Row, day: Date) -> Self {
        Self {
            kb: row.kb,
            line: Line::Single,
            low: day,
            high: day,
            first: day,
            products: BTreeMap::new(),
            cves: BTreeSet::new(),
            components: BTreeSet::new(),
            nets: BTreeSet::new(),
            optional: None,
            title: row.title,
            product: row.product,
            has_cve: false,
            fixed_build: None,
            restart: None,
            severity: None,
            on: On::default(),
        }
    }

    fn take(&mut self, feed: &Feed, row: &Row, app: &App, nets: BTreeSet<[u8; 3]>) {
        let edges = self.products.entry(row.product).or_default();
        edges.extend(superseded(feed.text(row.supersedes)).filter(|&kb| kb != row.kb));
        self.cves.insert((row.product, row.cve));
        self.severity = self.severity.max(row.severity);
        self.components.insert(row.component);
        self.nets.extend(nets);
        let cve = feed.text(row.cve);
        self.has_cve |= cve.starts_with("CVE-");
        let component = feed.text(row.component);
        let on = &mut self.on;
        // "SP7X64SP1" stands in the CVE column of rows that a community list adds for packs.
        on.pack |= cve.starts_with("SP") && !cve.contains('-');
        if on.pack && feed.text(row.impact) == "No more updates" {
            on.said = Some(Line::ServicePack);
        }
        on.stack |= component.eq_ignore_ascii_case(STACK);
        on.flash |= component.eq_ignore_ascii_case("Adobe Flash Player");
        match app {
            App::System | App::Optional(_) => on.system = true,
            App::Ie(_) => on.ie = true,
            App::Edge => on.edge = true,
            App::Flash => on.flash = true,
            App::Net(versions) if versions.is_empty() => on.system = true,
            App::Net(_) => on.net = true,
            App::Other => {}
        }
        if let Some(extra) = feed.extra(row) {
            self.fixed_build = self
                .fixed_build
                .or(extra.fixed_build.map(|version| version.0));
            self.restart = self.restart.or(extra.restart);
            on.said = on.said.or(match extra.sub_type.as_str() {
                "Servicing Stack Update" => Some(Line::Stack),
                "Monthly Rollup" if !on.net => Some(Line::Rollup),
                "Security Only" if !on.net => Some(Line::SecurityOnly),
                "IE Cumulative" => Some(Line::Ie),
                _ => None,
            });
        }
    }

    /// How many CVEs it fixes on this host.
    pub(crate) fn fixes(&self) -> usize {
        let all: BTreeSet<u32> = self.cves.iter().map(|&(_, cve)| cve).collect();
        all.len()
    }

    /// Whether it contains what an update of that day fixed. Three days of grace within the month:
    /// rows of one Tuesday are posted until Friday.
    pub(crate) fn is_no_older_than(&self, other: &Self) -> bool {
        other.high.number() <= self.low.number() + 3
    }
}

fn classify(found: &mut Found, feed: &Feed) {
    let system = found.system;
    let since = system.rollups_since();
    for candidate in found.all.values_mut() {
        let on = candidate.on;
        let rollups = since.is_some_and(|since| candidate.high >= since);
        // Optional previews come in the second half of a month and fix nothing with a CVE.
        let preview = !candidate.has_cve && candidate.low.number() % 100 >= 15;
        candidate.line = match on.said {
            Some(line) => line,
            None if on.stack => Line::Stack,
            None if candidate.optional.is_some() => Line::Optional,
            None if on.flash && !on.system => Line::Flash,
            None if on.net && !on.system && !on.ie => Line::Net,
            None if system.is_modern() && (on.ie || on.edge || candidate.fixes() >= 5) => {
                Line::Cumulative
            }
            None if system.is_modern() && preview => Line::Preview,
            // One fix ships in the same kind of package on every release: where another release has
            // it in a servicing stack, so has this one.
            None if system.is_modern()
                && candidate
                    .cves
                    .iter()
                    .all(|&(_, cve)| feed.is_fixed_by_stack(cve)) =>
            {
                Line::Stack
            }
            None if system.is_modern() => Line::Standalone,
            None if on.ie && !on.system => Line::Ie,
            None if rollups && preview => Line::Preview,
            None if rollups => Line::SecurityOnly,
            None => Line::Single,
        };
    }
    join(found, Line::Standalone, Line::Stack);
    join(found, Line::Standalone, Line::Cumulative);
    for kb in rollups_by_edges(found) {
        if let Some(one) = found.all.get_mut(&kb) {
            one.line = Line::Rollup;
        }
    }
    stand_alone(found);
}

/// A security-only update has a sister: the rollup of its month fixes the same CVEs, or, in the four
/// months of which none is called a rollup, another package does. One without is a package of its
/// own (the SHA-2 update of 2019 is), and no rollup contains it.
fn stand_alone(found: &mut Found) {
    let split = Date::new(2017, 2, 1);
    let two_ways = |one: &&Candidate| matches!(one.line, Line::Rollup | Line::SecurityOnly);
    let mut fixed: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for one in found.all.values().filter(two_ways) {
        for &cve in one.cves.iter().filter(|_| one.has_cve) {
            fixed.entry(cve).or_default().push(one.kb);
        }
    }
    let has_sister = |one: &Candidate| {
        let mut others = one.cves.iter().filter_map(|cve| fixed.get(cve)).flatten();
        others.any(|&kb| {
            let rollup = found.all.get(&kb).is_some_and(|by| by.line == Line::Rollup);
            kb != one.kb && (rollup || split.is_some_and(|split| one.low < split))
        })
    };
    let alone = found
        .all
        .values()
        .filter(|one| one.line == Line::SecurityOnly && !has_sister(one));
    for kb in alone.map(|one| one.kb).collect::<Vec<_>>() {
        if let Some(one) = found.all.get_mut(&kb) {
            one.line = Line::Standalone;
        }
    }
}

/// What supersedes a package of a line, or is superseded by one, is of that line.
fn join(found: &mut Found, from: Line, line: Line) {
    loop {
        let members = || found.all.values().filter(|one| one.line == line);
        let numbers: BTreeSet<u32> = members().map(|one| one.kb).collect();
        let below: BTreeSet<u32> = members().flat_map(edges).collect();
        let joins = |one: &&Candidate| {
            let above = edges(one).any(|kb| numbers.contains(&kb));
            one.line == from && (above || below.contains(&one.kb))
        };
        let joining: Vec<u32> = found.all.values().filter(joins).map(|one| one.kb).collect();
        if joining.is_empty() {
            return;
        }
        for kb in joining {
            if let Some(one) = found.all.get_mut(&kb) {
                one.line = line;
            }
        }
    }
}

/// Which of the packages since the rollups are rollups. Both kinds are published for the same
/// CVEs, and until January 2017 both carried Internet Explorer; but a rollup supersedes the one of
/// the month before and is superseded by the next, and a security-only update is not. Feeds have
/// wrong edges: one between packages of one month is no edge, and a package that supersedes without
/// being superseded is a rollup only if it is of the newest month, or carries Internet Explorer
/// since security-only updates do not. Of the four months in which both carried it, none is called
/// a rollup: MSRC's edges of that time confuse the two. Where a doubt is left it is security-only,
/// which proves nothing but itself.
fn rollups_by_edges(found: &Found) -> Vec<u32> {
    let era: BTreeMap<u32, &Candidate> = found
        .all
        .values()
        .filter(|one| one.line == Line::SecurityOnly)
        .map(|one| (one.kb, one))
        .collect();
    let month = |day: Date| day.number() / 100;
    let newest = era.values().map(|one| month(one.low)).max().unwrap_or(0);
    let (mut above, mut below) = (BTreeSet::new(), BTreeSet::new());
    for one in era.values() {
        for other in edges(one).filter_map(|kb| era.get(&kb)) {
            if month(one.low) != month(other.low) && month(one.first) != month(other.first) {
                above.insert(one.kb);
                below.insert(other.kb);
            }
        }
    }
    let split = Date::new(2017, 2, 1);
    let is_rollup = |one: &&&Candidate| {
        let supersedes = above.contains(&one.kb);
        let chained = supersedes && (below.contains(&one.kb) || month(one.low) == newest);
        let carries_ie = one.on.ie && (below.contains(&one.kb) || edges(one).next().is_some());
        split.is_some_and(|split| one.low >= split) && (chained || carries_ie)
    };
    era.values().filter(is_rollup).map(|one| one.kb).collect()
}

fn edges(one: &Candidate) -> impl Iterator<Item = u32> + '_ {
    one.products.values().flatten().copied()
}

fn nets(host: &WindowsHost, system: System) -> Option<BTreeSet<[u8; 3]>> {
    match &host.net {
        Some(all) => Some(all.iter().copied().collect()),
        None if system.is_modern() => {
            Some(BTreeSet::from([crate::product::inbox_net(system.build)]))
        }
        None => None,
    }
}

/// The version of Internet Explorer: what a file says; what the system has built in; the package
/// that installed it; else the only version for which the feed has an update that is listed.
fn ie(
    host: &WindowsHost,
    system: System,
    feed: &Feed,
    mine: &[(&str, &App, &[Row])],
) -> Option<u8> {
    use Generation::*;
    if let Some(said) = &host.ie {
        return Some(said.value);
    }
    let lists = |kb| host.hotfixes.contains_key(&crate::value::Kb(kb));
    match system.generation {
        Client | Server | W81 | S2012R2 => return Some(11),
        W8 => return Some(10),
        S2012 => return Some(if lists(4_492_872) { 11 } else { 10 }),
        _ => {}
    }
    let packages = [(2_841_134, 11), (2_718_695, 10), (982_861, 9), (944_036, 8)];
    if let Some((_, version)) = packages.into_iter().find(|&(kb, _)| lists(kb)) {
        return Some(version);
    }
    let mut by_kb: BTreeMap<u32, BTreeSet<u8>> = BTreeMap::new();
    for (_, app, rows) in mine {
        for row in rows.iter().filter(|row| lists(row.kb)) {
            if let App::Ie(version @ 1..) = app_of_component(feed.text(row.component), app) {
                by_kb.entry(row.kb).or_default().insert(version);
            }
        }
    }
    let only = by_kb
        .values()
        .filter(|versions| versions.len() == 1)
        .flatten();
    only.max().copied()
}
