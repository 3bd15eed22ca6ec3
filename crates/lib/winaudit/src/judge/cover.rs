//! What the installed updates contain. Each rule here may turn "not listed" into "proven", so each
//! says on whose word.
//!
//! 1. *Listed*: the list of the system itself names it, and not after the last known start.
//! 2. *Supersedence*: what an installed update supersedes on a product is there on that product,
//!    transitively ("a superseding update replaces the superseded one", Microsoft Update Catalog,
//!    Package Details). Per product: MS04-011 replaces MS03-007 on Windows 2000, not on XP. The walk is
//!    over a set of pairs, so cycles end.
//! 3. *Cumulative lines*: a cumulative update of Windows 10 and Server 2016, a monthly rollup, a
//!    cumulative update of Internet Explorer, a Flash update, a servicing stack contains all that its
//!    line published before ("Windows 10 quality updates are cumulative"; "Monthly Rollup: all fixes of
//!    this month and of all previous ones since October 2016"; "this cumulative update for Internet
//!    Explorer includes the previous ones"). A feed writes down about a third of these edges; the rest
//!    follow from line and day.
//! 4. *Rollup over its sisters*: a monthly rollup contains the security-only update and the cumulative
//!    update of Internet Explorer of its month and of those before ("the security-only update is a
//!    subset of the monthly rollup").
//! 5. *Build*: where MSRC says which build a package brings, a host of that build with a revision as
//!    high has it.
//! 6. *Baseline*: Windows 8.1 Update (KB2919355) "is a cumulative update that includes the previous
//!    security updates" of Windows 8.1 and Server 2012 R2: those of the days before its own.
//! 7. *Alternatives*: since the rollups, a CVE is fixed on a product by either way; where every CVE of
//!    a package is fixed there by something installed of the two ways, the package is. Not before: then
//!    one CVE was often fixed by two packages, of which each was needed.

use std::collections::{BTreeMap, BTreeSet};

use crate::feed::Feed;
use crate::host::WindowsHost;
use crate::product::Generation;
use crate::value::{Date, Kb};

use super::candidate::{Candidate, Found, Line};

/// Most rounds of the rules over each other; they settle in three.
const MAX_ROUNDS: usize = 32;

/// KB2919355, the baseline of Windows 8.1 and Server 2012 R2, and its day.
const BASELINE: (u32, u32) = (2_919_355, 20_140_408);

/// Why something is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    Listed,
    SupersededBy(u32),
    LineOf(u32),
    Build,
    Baseline,
    CvesFixedBy(u32),
}

/// What is there.
pub(crate) struct Cover {
    pub(crate) proven: BTreeMap<u32, Why>,
    /// Listed, installed after the last known start.
    pub(crate) after_start: BTreeSet<u32>,
    /// Product and KB that are there, and by which update.
    pairs: BTreeMap<(u32, u32), u32>,
}

impl Cover {
    pub(crate) fn of(host: &WindowsHost, feed: &Feed, found: &Found) -> Self {
        let mut cover = Self {
            proven: BTreeMap::new(),
            after_start: BTreeSet::new(),
            pairs: BTreeMap::new(),
        };
        cover.listed(host, found);
        for _ in 0..MAX_ROUNDS {
            let before = (cover.proven.len(), cover.pairs.len());
            cover.supersedence(found);
            cover.lines(found);
            cover.alternatives(feed, found);
            if before == (cover.proven.len(), cover.pairs.len()) {
                break;
            }
        }
        cover
    }

    pub(crate) fn has(&self, kb: u32) -> bool {
        self.proven.contains_key(&kb)
    }

    /// Whether its content is there. Where only its CVEs are fixed by another way, what it contains
    /// of the months before is not.
    fn is_itself(&self, kb: u32) -> bool {
        self.proven
            .get(&kb)
            .is_some_and(|why| !matches!(why, Why::CvesFixedBy(_)))
    }

    fn prove(&mut self, kb: u32, why: Why) {
        self.proven.entry(kb).or_insert(why);
    }

    fn listed(&mut self, host: &WindowsHost, found: &Found) {
        for (kb, listed) in &host.hotfixes {
            let start = host.boot.as_ref().map(|said| said.value);
            let late = listed
                .on
                .zip(start)
                .is_some_and(|(on, start)| on.is_after(start));
            if late {
                self.after_start.insert(kb.number());
            } else {
                self.prove(kb.number(), Why::Listed);
            }
        }
        let build = host.version.as_ref().map(|said| said.value[2]);
        let ubr = host.ubr.as_ref().map(|said| said.value);
        for one in found.all.values() {
            let fixed = one.fixed_build.filter(|fixed| Some(fixed[2]) == build);
            if fixed.zip(ubr).is_some_and(|(fixed, ubr)| ubr >= fixed[3]) {
                self.prove(one.kb, Why::Build);
            }
        }
        let based = matches!(
            found.system.generation,
            Generation::W81 | Generation::S2012R2
        );
        if based && self.has(BASELINE.0) {
            let day = Date::from_number(BASELINE.1);
            let before = found
                .all
                .values()
                .filter(|one| one.line == Line::Single && day.is_some_and(|day| one.high < day));
            for one in before.map(|one| one.kb).collect::<Vec<_>>() {
                self.prove(one, Why::Baseline);
            }
        }
    }

    fn supersedence(&mut self, found: &Found) {
        let mut open: Vec<(u32, u32, u32)> = Vec::new();
        for kb in self.proven.keys().filter(|&&kb| self.is_itself(kb)) {
            let products = found.all.get(kb).map(|one| one.products.keys());
            open.extend(
                products
                    .into_iter()
                    .flatten()
                    .map(|&product| (product, *kb, *kb)),
            );
        }
        while let Some((product, kb, by)) = open.pop() {
            if self.pairs.contains_key(&(product, kb)) && kb != by {
                continue;
            }
            self.pairs.entry((product, kb)).or_insert(by);
            let edges = found
                .all
                .get(&kb)
                .and_then(|one| one.products.get(&product));
            for &below in edges.into_iter().flatten() {
                if !self.pairs.contains_key(&(product, below)) {
                    open.push((product, below, by));
                }
            }
        }
        for one in found.all.values() {
            let by = one
                .products
                .keys()
                .map(|&product| self.pairs.get(&(product, one.kb)).copied());
            if let Some(Some(by)) = by.reduce(Option::and) {
                self.prove(one.kb, Why::SupersededBy(by));
            }
        }
    }

    /// The newest of a line that is there.
    pub(crate) fn best<'a>(&self, found: &'a Found, line: Line) -> Option<&'a Candidate> {
        let there = found
            .all
            .values()
            .filter(|one| one.line == line && self.is_itself(one.kb));
        there.max_by_key(|one| (one.low, one.kb))
    }

    fn lines(&mut self, found: &Found) {
        let contains: [(Line, &[Line]); 5] = [
            (Line::Cumulative, &[Line::Cumulative]),
            (Line::Rollup, &[Line::Rollup, Line::SecurityOnly, Line::Ie]),
            (Line::Ie, &[Line::Ie]),
            (Line::Flash, &[Line::Flash]),
            (Line::Stack, &[Line::Stack]),
        ];
        for (line, below) in contains {
            let Some(best) = self.best(found, line) else {
                continue;
            };
            for one in found
                .all
                .values()
                .filter(|one| below.contains(&one.line) && best.is_no_older_than(one))
            {
                self.prove(one.kb, Why::LineOf(best.kb));
            }
        }
        self.nets(found);
    }

    /// .NET has a line for each of its versions. Rollups supersede something, security-only updates
    /// nothing; on Windows 10 all are cumulative.
    fn nets(&mut self, found: &Found) {
        let since = if found.system.is_modern() {
            Date::new(2015, 7, 29)
        } else {
            Date::new(2016, 10, 11)
        };
        let all = || {
            found
                .all
                .values()
                .filter(|one| one.line == Line::Net && since.is_some_and(|since| one.high >= since))
        };
        let modern = found.system.is_modern();
        let rollup =
            |one: &&Candidate| modern || one.products.values().any(|edges| !edges.is_empty());
        let there: Vec<&Candidate> = all()
            .filter(rollup)
            .filter(|one| self.has(one.kb))
            .collect();
        for one in all() {
            let best = there
                .iter()
                .find(|best| best.nets.is_superset(&one.nets) && best.is_no_older_than(one));
            if let Some(best) = best.filter(|_| !one.nets.is_empty()) {
                self.prove(one.kb, Why::LineOf(best.kb));
            }
        }
    }

    fn alternatives(&mut self, feed: &Feed, found: &Found) {
        if found.system.rollups_since().is_none() {
            return;
        }
        let two_ways = |line| matches!(line, Line::Rollup | Line::SecurityOnly | Line::Ie);
        let mut fixed: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for one in found
            .all
            .values()
            .filter(|one| two_ways(one.line) && self.has(one.kb))
        {
            let cves = one
                .cves
                .iter()
                .filter(|&&(_, cve)| feed.text(cve).starts_with("CVE-"));
            fixed.extend(cves.map(|&cve| (cve, one.kb)));
        }
        for one in found
            .all
            .values()
            .filter(|one| matches!(one.line, Line::Rollup | Line::SecurityOnly))
        {
            let by = one.cves.iter().map(|cve| fixed.get(cve).copied());
            if let Some(Some(by)) = by.reduce(Option::and) {
                self.prove(one.kb, Why::CvesFixedBy(by));
            }
        }
    }

    /// In words.
    pub(crate) fn evidence(&self, host: &WindowsHost, kb: u32) -> String {
        match self.proven.get(&kb) {
            None => "no evidence".into(),
            Some(Why::Listed) => {
                let listed = host.hotfixes.get(&Kb(kb));
                let by = listed
                    .and_then(|listed| listed.by.first())
                    .map_or("", |&by| host.source_name(by));
                match listed.and_then(|listed| listed.on) {
                    Some(on) => format!("listed by {by}, installed {on}"),
                    None => format!("listed by {by}"),
                }
            }
            Some(Why::SupersededBy(by)) => format!("superseded by KB{by}, which is there"),
            Some(Why::LineOf(by)) => {
                format!("contained in KB{by} of a cumulative line, which is there")
            }
            Some(Why::Build) => format!(
                "revision {} of the build",
                host.ubr.as_ref().map_or(0, |ubr| ubr.value)
            ),
            Some(Why::Baseline) => format!(
                "contained in the baseline KB{}, which is listed",
                BASELINE.0
            ),
            Some(Why::CvesFixedBy(by)) => {
                format!("all its CVEs are fixed by KB{by} and its kind, which are there")
            }
        }
    }
}
