//! From an audit to findings: grouped by what mends them, one command each.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{
    Amnesia, Event, Fact, Finding, Host, Key, MAX_LISTED, Memory, Package, PackageStatus, Rule,
    SetName, SourceName, Subject, Text, Time, Value, Verdict, Watched,
};
use serde::{Deserialize, Serialize};

use crate::{
    audit::{Have, Installed, Listed, Row, RowState},
    fleet::{self, Fleet},
    ladder::Stand,
    policy::Patch,
    rules::{MISSING, PARTIAL, SHRUNK, SPEC, UNKNOWN},
    usual::Usual,
};

/// Most packages named in a command; a longer command line helps nobody.
const MAX_NAMED: usize = 400;

/// Memory of one host: what it has, and what an audit of it elsewhere saw.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// By name, then by architecture.
    packages: BTreeMap<SourceName, BTreeMap<Text, Have>>,
    /// Whether a whole look was ever finished; before that an absence means nothing.
    looked: bool,
    /// What an auditor of inventories saw.
    fleet: Fleet,
    /// How much each feed and list names, on the host that reads them.
    feeds: BTreeMap<SetName, Usual>,
}

/// As version 1 wrote it: there was no auditor.
#[derive(Deserialize)]
struct First {
    packages: BTreeMap<SourceName, BTreeMap<Text, Have>>,
    looked: bool,
}

pub(crate) fn migrate(from: u32, bytes: &[u8]) -> Result<State, Amnesia> {
    let forgotten = |reason: String| Amnesia { reason };
    if from != 1 {
        return Err(forgotten(format!(
            "expected version 1 or 2 of its memory, got {from}"
        )));
    }
    let first: First =
        postcard::from_bytes(bytes).map_err(|error| forgotten(format!("version 1: {error}")))?;
    let First { packages, looked } = first;
    Ok(State {
        packages,
        looked,
        fleet: Fleet::default(),
        feeds: BTreeMap::new(),
    })
}

impl State {
    /// `(name, architecture, what the host has)`, sorted.
    pub fn packages(&self) -> impl Iterator<Item = Installed<'_>> {
        let all = self.packages.iter();
        all.flat_map(|(name, arches)| arches.iter().map(move |(arch, have)| (name, arch, have)))
    }

    /// Feeds and lists that are much shorter than they were.
    pub fn shrunk(&self) -> impl Iterator<Item = &SetName> {
        let shrunk = self.feeds.iter().filter(|(_, usual)| usual.is_shrunk());
        shrunk.map(|(name, _)| name)
    }

    /// What an auditor of inventories saw of this host.
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }
}

pub(crate) type Say<'s> = &'s mut dyn FnMut(Verdict);

pub(crate) fn judge(patch: &Patch, memory: &mut Memory<State>, event: &Event, say: Say<'_>) {
    let Some(host) = memory.key().host().cloned() else {
        return;
    };
    match &event.fact {
        Fact::Package(package) => remember(memory, package),
        Fact::Pulse { of, .. } if is_me(of) => {
            if !memory.looked && !memory.packages.is_empty() {
                memory.looked = true;
            }
            report(patch, &host, memory, event, say);
        }
        Fact::Pulse {
            of: Watched::Feed(name),
            seen,
            ..
        } => say(shrinks(memory, &host, name, *seen, event.at)),
        Fact::Swapped { .. } => report(patch, &host, memory, event, say),
        Fact::Audited(row) => memory.fleet.take(&host, row, say),
        Fact::Inventoried(inventory) => {
            memory.fleet.close(&host, inventory, event.at, say);
            forget_empty(memory);
        }
        _ => {}
    }
}

fn is_me(of: &Watched) -> bool {
    matches!(of, Watched::Control(name) if name.as_str() == SPEC.name)
}

fn remember(memory: &mut Memory<State>, package: &Package) {
    let Package { name, arch, .. } = package;
    if package.status != PackageStatus::Absent {
        let arches = memory.packages.entry(name.clone()).or_default();
        arches.insert(arch.clone(), Have::from(package));
        return;
    }
    if let Some(arches) = memory.packages.get_mut(name) {
        arches.remove(arch);
        if arches.is_empty() {
            memory.packages.remove(name);
        }
    }
    forget_empty(memory);
}

fn shrinks(memory: &mut Memory<State>, host: &Host, name: &SetName, now: u64, at: Time) -> Verdict {
    let subject = Subject::Watched(Watched::Feed(name.clone()));
    let key = Key::new(&SHRUNK, host, subject);
    let usual = memory.feeds.entry(name.clone()).or_default();
    match usual.shrinks(now, at) {
        None => Verdict::Clear(key),
        Some(before) => Verdict::Find(
            Finding::new(&SHRUNK, key)
                .with("feed", name.as_str())
                .with("now", now)
                .with("before", before),
        ),
    }
}

/// Nothing is left: a host as if never looked at.
fn forget_empty(memory: &mut Memory<State>) {
    if memory.packages.is_empty() && memory.feeds.is_empty() && memory.fleet == Fleet::default() {
        **memory = State::default();
    }
}

fn report(patch: &Patch, host: &Host, state: &State, event: &Event, say: Say<'_>) {
    if !state.looked {
        return;
    }
    let packages: Vec<Installed<'_>> = state.packages().collect();
    let listed = Listed {
        host,
        packages: &packages,
    };
    let (mut unclear, mut asked_for) = (Vec::new(), Vec::new());
    for asked in &patch.requirements {
        let Some(row) = fleet::row_of(asked, &asked.judge(&listed, patch.groups())) else {
            continue; // it is for others
        };
        let stand = fleet::say_row(host, &row, event.at, &mut |verdict| asked_for.push(verdict));
        if let Stand::Unknown(why) = stand {
            unclear.push((row.package.to_string(), why));
        }
    }
    // Without a feed nothing was compared: what was missing is as missing as before.
    if !patch.feeds.is_empty() {
        by_feeds(patch, host, &patch.audit(&packages), unclear, say);
    }
    say(half_installed(host, state));
    asked_for.into_iter().for_each(say);
}

fn by_feeds(
    patch: &Patch,
    host: &Host,
    rows: &[Row<'_>],
    mut unclear: Vec<(String, String)>,
    say: Say<'_>,
) {
    let missing = rows.iter().filter(|row| row.state == RowState::Missing);
    say(missing_updates(patch, host, &missing.collect::<Vec<_>>()));
    for row in rows {
        if let RowState::Unknown(why) = &row.state {
            unclear.push((row.package.to_string(), why.clone()));
        }
    }
    say(unknown(Key::new(&UNKNOWN, host, Subject::Host), &unclear));
}

fn missing_updates(patch: &Patch, host: &Host, missing: &[&Row<'_>]) -> Verdict {
    let key = Key::new(&MISSING, host, Subject::Host);
    if missing.is_empty() {
        return Verdict::Clear(key);
    }
    let listed = missing.iter().map(|row| {
        let (installed, fixed) = (row.installed.unwrap_or("-"), row.fixed.unwrap_or("-"));
        let note = match row.status {
            PackageStatus::Held => " (held)",
            PackageStatus::Partial => " (installed by half)",
            PackageStatus::Installed | PackageStatus::Absent => "",
        };
        let than = if installed == fixed {
            String::new()
        } else {
            format!(" < {fixed}")
        };
        format!("{} {installed}{than}{note}", row.package)
    });
    let names: BTreeSet<&str> = missing.iter().map(|row| row.package.as_str()).collect();
    let command: Vec<&str> = names.iter().copied().take(MAX_NAMED).collect();
    let feeds = patch.feeds.iter().map(|feed| match feed.dated {
        Some(dated) => format!("{} of {}", feed.name, dated.day()),
        None => format!("{}, undated", feed.name),
    });
    Verdict::Find(
        listing(&MISSING, key, "security update", listed)
            .with("names", command.join(" "))
            .with("feeds", feeds.collect::<Vec<_>>().join(", ")),
    )
}

fn half_installed(host: &Host, state: &State) -> Verdict {
    let key = Key::new(&PARTIAL, host, Subject::Host);
    let partial = state
        .packages()
        .filter(|(_, _, have)| have.status == PackageStatus::Partial);
    let names: Vec<String> = partial.map(|(name, _, _)| name.to_string()).collect();
    if names.is_empty() {
        return Verdict::Clear(key);
    }
    Verdict::Find(listing(&PARTIAL, key, "package", names.into_iter()))
}

pub(crate) fn unknown(key: Key, unclear: &[(String, String)]) -> Verdict {
    if unclear.is_empty() {
        return Verdict::Clear(key);
    }
    let names = unclear.iter().map(|(name, _)| name.clone());
    let reasons: BTreeSet<&str> = unclear.iter().map(|(_, why)| why.as_str()).collect();
    let reasons: Vec<&str> = reasons.into_iter().take(MAX_LISTED).collect();
    Verdict::Find(listing(&UNKNOWN, key, "package", names).with("reasons", reasons.join("; ")))
}

/// A finding with its count and at most [`MAX_LISTED`] of what it counts; how many more is said.
pub(crate) fn listing(
    rule: &Rule,
    key: Key,
    thing: &str,
    all: impl Iterator<Item = String>,
) -> Finding {
    let mut all: Vec<Text> = all.map(Text::from).collect();
    let count = all.len();
    let plural = if count == 1 { "" } else { "s" };
    let what = format!("{count} {thing}{plural}");
    let mut finding = Finding::new(rule, key)
        .with("count", count)
        .with("what", what);
    if count > MAX_LISTED {
        all.truncate(MAX_LISTED);
        finding = finding.with("unlisted", count - MAX_LISTED);
    }
    finding.with("packages", Value::List(all))
}
