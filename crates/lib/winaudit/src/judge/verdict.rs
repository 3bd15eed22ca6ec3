//! From what is there to a verdict on each update. What is open is looked at in this order: did
//! Windows Update speak; is there a list at all, and a whole one; is something newer the one to
//! install; and only then, by line, missing or unknown.

use std::collections::{BTreeMap, BTreeSet};

use crate::feed::Feed;
use crate::host::WindowsHost;
use crate::value::{Date, Kb, Stamp};

use super::candidate::{Candidate, Found, Line};
use super::cover::Cover;
use super::{Basis, Judgement, Reason, ReportRow, Subject};

/// Most steps from an update to the head of its chain.
const MAX_CHAIN: usize = 1_000;

struct Judge<'a> {
    host: &'a WindowsHost,
    feed: &'a Feed,
    found: &'a Found,
    cover: &'a Cover,
    /// Who supersedes whom: KB below, then the one above.
    above: BTreeMap<u32, BTreeSet<u32>>,
    heads: BTreeMap<Line, u32>,
    /// Components that rollups serviced: on which last day, and by which.
    serviced: BTreeMap<String, (Date, u32)>,
    security_only_way: bool,
}

pub(crate) fn rows(
    host: &WindowsHost,
    feed: &Feed,
    found: &Found,
    cover: &Cover,
) -> Vec<ReportRow> {
    let judge = Judge::new(host, feed, found, cover);
    let mut rows = Vec::new();
    let mut folded: BTreeMap<&str, (Reason, usize)> = BTreeMap::new();
    for one in found.all.values() {
        let (judgement, evidence) = judge.one(one);
        match judgement {
            Judgement::Unknown(reason @ Reason::OptionalComponent) => {
                let name = one.optional.unwrap_or("Adobe Flash Player");
                folded.entry(name).or_insert((reason, 0)).1 += 1;
            }
            judgement => rows.push(judge.row(one, judgement, evidence)),
        }
    }
    let open = |kbs: &BTreeSet<u32>| kbs.iter().filter(|kb| !found.all.contains_key(kb)).count();
    let (nets, ies) = (open(&found.net_open), open(&found.ie_open));
    if nets > 0 {
        folded.insert("Microsoft .NET Framework", (Reason::NoNetInventory, nets));
    }
    if ies > 0 {
        folded.insert("Internet Explorer", (Reason::NoIeVersion, ies));
    }
    for (name, (reason, count)) in folded {
        let lacks = match reason {
            Reason::NoNetInventory => "which versions are installed (NDP keys of the registry)",
            Reason::NoIeVersion => "which version is installed (svcVersion in the registry)",
            _ => "whether it is installed",
        };
        let evidence = format!("{count} updates depend on {lacks}, and no file says so");
        rows.push(ReportRow::product(name, reason, evidence));
    }
    rows
}

impl<'a> Judge<'a> {
    fn new(host: &'a WindowsHost, feed: &'a Feed, found: &'a Found, cover: &'a Cover) -> Self {
        let mut judge = Self {
            host,
            feed,
            found,
            cover,
            above: BTreeMap::new(),
            heads: BTreeMap::new(),
            serviced: BTreeMap::new(),
            security_only_way: false,
        };
        for one in found.all.values() {
            for &below in one.products.values().flatten() {
                judge.above.entry(below).or_default().insert(one.kb);
            }
            let head = judge.heads.entry(one.line).or_insert(one.kb);
            let newer = found
                .all
                .get(head)
                .is_none_or(|head| (one.low, one.kb) > (head.low, head.kb));
            if newer {
                *head = one.kb;
            }
        }
        judge.services();
        judge.security_only_way = judge.takes_security_only();
        judge
    }

    /// Whether the host takes security-only updates: of those since its newest rollup it lists at
    /// least half. Only packages with a rollup beside them in their month speak, so that a rollup
    /// which the feed's edges do not show as one is no evidence.
    fn takes_security_only(&self) -> bool {
        let all = || self.found.all.values();
        let month = |one: &Candidate| one.low.number() / 100;
        let newest = self.cover.best(self.found, Line::Rollup).map_or(0, month);
        let has_sister = |one: &&Candidate| {
            let mut rollups = all().filter(|by| by.line == Line::Rollup && month(by) == month(one));
            rollups.any(|by| !by.cves.is_disjoint(&one.cves))
        };
        let since = all().filter(|one| one.line == Line::SecurityOnly && month(one) > newest);
        let since: Vec<&Candidate> = since.filter(has_sister).collect();
        let listed = since
            .iter()
            .filter(|one| self.host.hotfixes.contains_key(&Kb(one.kb)))
            .count();
        listed > 0 && listed * 2 >= since.len()
    }

    /// Of each component the newest rollup that serviced it, of those that are there; else of all,
    /// for a rollup that is to be installed services it then.
    fn services(&mut self) {
        let all = || {
            self.found
                .all
                .values()
                .filter(|one| one.line == Line::Rollup)
        };
        let any = all().any(|one| self.cover.has(one.kb));
        let mut serviced = BTreeMap::new();
        for one in all().filter(|one| !any || self.cover.has(one.kb)) {
            for &component in &one.components {
                let key = component_words(self.feed.text(component));
                let slot = serviced.entry(key).or_insert((one.low, one.kb));
                *slot = (*slot).max((one.low, one.kb));
            }
        }
        serviced.remove("");
        self.serviced = serviced;
    }

    fn one(&self, one: &Candidate) -> (Judgement, String) {
        let kb = Kb(one.kb);
        if let Some(offer) = self.host.offered.as_ref().and_then(|all| all.get(&kb)) {
            let by = self.host.source_name(offer.by);
            let contradiction = if self.cover.has(one.kb) {
                ", although other evidence names it"
            } else {
                ""
            };
            return (
                Judgement::Missing,
                format!("Windows Update offers it ({by}){contradiction}"),
            );
        }
        if self.cover.has(one.kb) {
            return (Judgement::Proven, self.cover.evidence(self.host, one.kb));
        }
        if self.cover.after_start.contains(&one.kb) {
            let on = self.host.hotfixes.get(&kb).and_then(|listed| listed.on);
            let start = self.host.boot.as_ref().map(|said| said.value);
            let word =
                |stamp: Option<Stamp>| stamp.map_or_else(String::new, |stamp| stamp.to_string());
            let (on, start) = (word(on), word(start));
            return unknown(
                Reason::InstalledAfterStart,
                format!("installed {on}, the last known start was {start}: not proven running"),
            );
        }
        if one.line == Line::ServicePack {
            return (
                Judgement::Missing,
                "the host says that its service pack is lower".into(),
            );
        }
        if self.host.lists.is_empty() {
            return unknown(
                Reason::NoList,
                "no file lists the updates of this host".into(),
            );
        }
        if let Some(found) = self.settled_by_other(one) {
            return found;
        }
        if !self.host.has_whole_list() {
            return unknown(
                Reason::ListCut,
                "the list of updates is cut, and this is not among those shown".into(),
            );
        }
        if self
            .host
            .offered
            .as_ref()
            .is_some_and(|all| !all.is_empty())
        {
            let basis = Basis::NotOffered;
            return (
                Judgement::Alternative { by: kb, basis },
                "Windows Update answered and does not offer it".into(),
            );
        }
        self.open(one)
    }

    /// Whether another update is the one to install.
    fn settled_by_other(&self, one: &Candidate) -> Option<(Judgement, String)> {
        let other = |by: u32, basis, why: &str| {
            let judgement = Judgement::Alternative { by: Kb(by), basis };
            Some((judgement, format!("KB{by} {why}")))
        };
        // An emergency fix of Internet Explorer goes to Windows Update, the monthly cumulative
        // updates that supersede it go to WSUS and the catalogue alone: it stays what is offered.
        let is_ie = |by: &u32| self.found.all.get(by).is_some_and(|by| by.line == Line::Ie);
        let chain = self.chain_head(one);
        if let Some(by) = chain.filter(|by| !(self.is_emergency(one) && is_ie(by))) {
            return other(
                by,
                Basis::Superseded,
                "supersedes it and is the one to install",
            );
        }
        let newest = Basis::NewerOfLine;
        match one.line {
            Line::Rollup if self.security_only_way => {
                let head = *self.heads.get(&Line::Rollup)?;
                other(
                    head,
                    Basis::OtherWay,
                    "is the way that this host does not take",
                )
            }
            Line::Cumulative | Line::Flash | Line::Stack | Line::Rollup => {
                let by = self.newer(one, one.line)?;
                other(by, newest, "is the newest of its line")
            }
            Line::SecurityOnly if !self.security_only_way => {
                let by = self.newer(one, Line::Rollup)?;
                other(by, Basis::OtherWay, "is the way that this host takes")
            }
            Line::Ie if self.security_only_way => {
                let by = self.newer(one, Line::Ie)?;
                other(by, newest, "is the newest of its line")
            }
            Line::Ie if !self.is_emergency(one) => {
                let by = self.newer(one, Line::Rollup)?;
                other(by, Basis::OtherWay, "contains Internet Explorer's updates")
            }
            Line::Net => {
                let by = self.newer_net(one)?;
                other(by, newest, "is the newest for its .NET versions")
            }
            Line::SecurityOnly
            | Line::Ie
            | Line::ServicePack
            | Line::Preview
            | Line::Standalone
            | Line::Single
            | Line::Optional => None,
        }
    }

    /// The head of a line, if it is another update and contains this one.
    fn newer(&self, one: &Candidate, line: Line) -> Option<u32> {
        let head = self.found.all.get(self.heads.get(&line)?)?;
        (head.kb != one.kb && head.is_no_older_than(one)).then_some(head.kb)
    }

    /// Published for Internet Explorer out of band, as a second package in its month, since there
    /// are rollups. The day alone does not show it: feeds give regular packages the day of a
    /// later revision.
    fn is_emergency(&self, one: &Candidate) -> bool {
        let month = |one: &Candidate| one.low.number() / 100;
        let since = self.found.system.rollups_since();
        let mut below = one.products.values().flatten();
        let second = below.any(|kb| {
            let regular = self
                .found
                .all
                .get(kb)
                .filter(|other| other.line == Line::Ie);
            regular.is_some_and(|other| month(other) == month(one) && other.low < one.low)
        });
        one.line == Line::Ie
            && second
            && !one.low.is_patch_tuesday()
            && since.is_some_and(|since| one.low > since)
    }

    /// The newest update above that nothing supersedes, on every product of this one.
    fn chain_head(&self, one: &Candidate) -> Option<u32> {
        let mut now = one;
        let mut seen = BTreeSet::from([one.kb]);
        for _ in 0..MAX_CHAIN {
            let above = self.above.get(&now.kb).into_iter().flatten();
            let above = above
                .filter_map(|kb| self.found.all.get(kb))
                .filter(|by| !seen.contains(&by.kb));
            let whole = |by: &&Candidate| {
                one.products
                    .keys()
                    .all(|product| by.products.contains_key(product))
            };
            let Some(next) = above.filter(whole).max_by_key(|by| (by.low, by.kb)) else {
                break;
            };
            seen.insert(next.kb);
            now = next;
        }
        (now.kb != one.kb).then_some(now.kb)
    }

    fn newer_net(&self, one: &Candidate) -> Option<u32> {
        let supersedes = |one: &Candidate| one.products.values().any(|edges| !edges.is_empty());
        let all = self
            .found
            .all
            .values()
            .filter(|by| by.line == Line::Net && by.kb != one.kb);
        let better = |by: &&Candidate| {
            let same_day = one.is_no_older_than(by);
            let wins = if same_day {
                supersedes(by) && !supersedes(one)
            } else {
                true
            };
            by.nets.is_superset(&one.nets) && by.is_no_older_than(one) && wins
        };
        all.filter(better)
            .max_by_key(|by| (supersedes(by), by.low, by.kb))
            .map(|by| by.kb)
    }

    /// Nothing contains it and nothing newer is the one to install.
    fn open(&self, one: &Candidate) -> (Judgement, String) {
        let missing = |why: &str| (Judgement::Missing, why.to_owned());
        match one.line {
            Line::Cumulative | Line::Net if self.found.system.is_modern() => {
                match self.stranger(one) {
                    Some(kb) => unknown(
                        Reason::Stranger,
                        format!(
                            "{kb} is installed and unknown to the feed; it may be a later cumulative update, the revision (UBR) decides"
                        ),
                    ),
                    None => missing("not listed, and nothing newer of its line is"),
                }
            }
            // Only while it is newer than all that could contain it; else it may be a package of its
            // own, as the microcode updates were.
            Line::Preview if !self.is_passed(one) => (
                Judgement::Alternative {
                    by: Kb(one.kb),
                    basis: Basis::Preview,
                },
                "an optional preview: its content comes with the next cumulative update".to_owned(),
            ),
            Line::Preview => unknown(
                Reason::Standalone,
                "only advisories name it; a preview that is contained, or a package of its own"
                    .into(),
            ),
            Line::Standalone => unknown(
                Reason::Standalone,
                "a package beside the cumulative update; whether it applies is not in the feed"
                    .into(),
            ),
            Line::Optional => unknown(Reason::OptionalComponent, String::new()),
            Line::Flash if self.found.system.is_server() && !self.flash_is_there() => {
                unknown(Reason::OptionalComponent, String::new())
            }
            Line::Single | Line::Net
                if self
                    .found
                    .system
                    .rollups_since()
                    .is_some_and(|since| one.high < since) =>
            {
                self.before_rollups(one)
            }
            Line::ServicePack
            | Line::Cumulative
            | Line::Net
            | Line::Rollup
            | Line::SecurityOnly
            | Line::Ie
            | Line::Flash
            | Line::Stack
            | Line::Single => missing("not listed, and nothing that contains it is"),
        }
    }

    /// Whether a cumulative update or rollup of the feed is newer.
    fn is_passed(&self, one: &Candidate) -> bool {
        [Line::Cumulative, Line::Rollup]
            .iter()
            .any(|&line| self.newer(one, line).is_some())
    }

    /// Servers have Flash only with the desktop experience: a listed Flash update shows it.
    fn flash_is_there(&self) -> bool {
        let mut all = self
            .found
            .all
            .values()
            .filter(|one| one.line == Line::Flash);
        all.any(|one| self.cover.has(one.kb))
    }

    /// Single updates from before the rollups, on a system that has rollups.
    fn before_rollups(&self, one: &Candidate) -> (Judgement, String) {
        let title = title_component(self.feed.text(one.title));
        let named = one
            .components
            .iter()
            .map(|&id| self.feed.text(id))
            .filter(|text| !text.is_empty());
        let words = named.chain(title).map(component_words);
        let by = words
            .filter_map(|word| self.serviced.get(&word))
            .find(|(day, _)| *day > one.high);
        match by {
            Some(&(day, kb)) => (
                Judgement::Alternative {
                    by: Kb(kb),
                    basis: Basis::ComponentServiced,
                },
                format!("KB{kb} of {day} services the same component; file versions decide"),
            ),
            None => unknown(
                Reason::BeforeRollups,
                "from before the monthly rollups, not listed; file versions decide".into(),
            ),
        }
    }

    /// An installed update that no feed knows, that is not called a security update, and that may
    /// be newer. Servicing stacks and Flash updates are all in the feed; previews of cumulative
    /// updates are not.
    fn stranger(&self, one: &Candidate) -> Option<Kb> {
        let mut all = self.host.hotfixes.iter().filter(|(kb, listed)| {
            let later = listed.on.is_none_or(|on| on.date >= one.low);
            !self.feed.knows(**kb) && listed.security != Some(true) && later
        });
        all.next_back().map(|(kb, _)| *kb)
    }

    fn row(&self, one: &Candidate, judgement: Judgement, evidence: String) -> ReportRow {
        let product = self.feed.text(one.product);
        let title = match one.line {
            Line::Cumulative => format!("cumulative update of {}", one.low),
            Line::Rollup => format!("monthly rollup of {}", one.low),
            Line::SecurityOnly => format!("security-only update of {}", one.low),
            Line::Ie => format!("cumulative update for Internet Explorer of {}", one.low),
            Line::Net => format!(".NET Framework update of {}", one.low),
            Line::Flash => format!("Adobe Flash Player update of {}", one.low),
            Line::Stack => format!("servicing stack update of {}", one.low),
            Line::ServicePack
            | Line::Preview
            | Line::Standalone
            | Line::Single
            | Line::Optional => self.feed.text(one.title).to_owned(),
        };
        ReportRow {
            subject: Subject::Update(Kb(one.kb)),
            judgement,
            evidence,
            title: format!("{title}, {product}"),
            published: Some(one.low),
            cves: one.fixes(),
            restart: one.restart,
            severity: one.severity,
            line: one.line,
            cve_ids: one.cves.iter().map(|&(_, cve)| cve).collect(),
        }
    }
}

fn unknown(reason: Reason, why: String) -> (Judgement, String) {
    (Judgement::Unknown(reason), why)
}

/// A component without the words that vary: "Windows Kernel-Mode Drivers" is "kernel-mode driver".
fn component_words(component: &str) -> String {
    let lower = component.to_lowercase();
    let words = lower
        .split_whitespace()
        .map(|word| word.trim_end_matches('s'));
    let kept: Vec<&str> = words
        .filter(|word| !["window", "microsoft", "component", "service", "server"].contains(word))
        .collect();
    kept.join(" ")
}

/// The component in a bulletin's title: "Vulnerabilities in X Could Allow …", "Security Update for X
/// to Address …".
fn title_component(title: &str) -> Option<&str> {
    let after = title
        .split_once(" in ")
        .filter(|(head, _)| head.starts_with("Vulnerabilit"));
    let rest = match after {
        Some((_, rest)) => rest,
        None => title
            .strip_prefix("Security Update for ")
            .or_else(|| title.strip_prefix("Cumulative Security Update for "))?,
    };
    let end = [" Could ", " to Address"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min();
    rest.get(..end.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_names_its_component() {
        assert_eq!(
            title_component("Vulnerabilities in Windows Kernel-Mode Drivers Could Allow X"),
            Some("Windows Kernel-Mode Drivers")
        );
        assert_eq!(
            title_component("Security Update for Microsoft Windows to Address X"),
            Some("Microsoft Windows")
        );
        assert_eq!(
            component_words("Windows Kernel-Mode Drivers"),
            "kernel-mode driver"
        );
        assert_eq!(component_words("Microsoft Windows"), "");
    }
}
