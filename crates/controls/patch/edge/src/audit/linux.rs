//! Rows of a Linux host: by advisories, by OVAL, and by the end of its release.

use std::sync::Arc;

use advisory::{Advisory, Facts, Installed, Inventory, Level, Release, State, Stream, Truth};
use cordon_model::{Severity, Time};
use pkgdb::{
    Epoch, Manager,
    eol::{Date, Support, support},
};
use vercmp::Kind;

use super::{
    Bench, Rows,
    row::{Danger, Line},
};
use crate::HostFiles;

/// A package, whoever manages it.
struct Have {
    name: String,
    arch: String,
    version: String,
    epoch_not_told: bool,
    source: Option<String>,
    stream: Option<String>,
}

pub(super) fn rows(host: &HostFiles, bench: &Bench, rows: &mut Rows) {
    let Some((kind, packages)) = packages(host) else {
        return;
    };
    if let Some(listing) = &host.packages {
        rows.packages += listing.packages.len();
        for reason in &listing.reasons {
            rows.put(Line::unknown(&host.name, "inventory", &reason.to_string()));
        }
    }
    lifetime(host, bench.now, rows);
    by_advisories(host, &packages, bench, rows);
    by_oval(&host.name, kind, &packages, bench, rows);
}

fn packages(host: &HostFiles) -> Option<(Kind, Vec<Have>)> {
    if let Some(listing) = &host.packages {
        let kind = match listing.packages.first()?.manager {
            Manager::Rpm => Kind::Rpm,
            Manager::Apk => Kind::Apk,
        };
        let software = listing.packages.iter().filter(|package| !package.is_key);
        let have = software.map(|package| Have {
            name: package.name.clone(),
            arch: package.arch.clone(),
            version: package.evr(),
            epoch_not_told: package.epoch == Epoch::NotTold,
            source: package.source().map(str::to_owned),
            stream: package.stream().map(str::to_owned),
        });
        return Some((kind, have.collect()));
    }
    let listing = host.dpkg.as_ref()?;
    let have = listing.entries.iter().map(|package| Have {
        name: package.name.to_string(),
        arch: package.arch.to_string(),
        version: package.version.to_string(),
        epoch_not_told: false,
        source: None,
        stream: None,
    });
    Some((Kind::Deb, have.collect()))
}

/// A release that nobody mends any more has no missing patch, and is no better for it.
fn lifetime(host: &HostFiles, now: Time, rows: &mut Rows) {
    let Some(os) = &host.os else {
        let why = "the host does not say which release it runs: no os-release was given";
        if host.dpkg.is_some() {
            rows.unjudged = true; // Debian's indexes name their suite themselves
        } else {
            rows.put(Line::unknown(&host.name, "release", why));
        }
        return;
    };
    let today = now.day();
    let mut parts = today
        .split('-')
        .map(|part| part.parse::<u16>().unwrap_or(0)); // 0: because a day has three numbers
    let mut part = || parts.next().unwrap_or(0);
    let (year, month, day) = (part(), part(), part());
    let small = |number: u16| u8::try_from(number).unwrap_or(0);
    let today = Date(year, small(month), small(day));
    let version = os.version.as_deref().unwrap_or("");
    let named = format!("{} {version}", os.id);
    let date = |Date(year, month, day): Date| format!("{year:04}-{month:02}-{day:02}");
    let line = |state, evidence: String| Line {
        evidence,
        installed: Some(named.clone()),
        ..Line::of(&host.name, "release", state)
    };
    let line = match support(&os.id, version, today) {
        Support::Until(until) => line("proven", format!("mended until {}", date(until))),
        Support::ExtendedUntil(until) => {
            let until = date(until);
            let said = format!("free updates have ended; long-term ones until {until}");
            line("proven", said)
        }
        Support::EndedOn(ended) => {
            let why = format!("{named} is past its end: not mended since {}", date(ended));
            rows.release = Some(why.clone());
            Line {
                reason: Some(why),
                ..line("missing", "the table of ends of life".to_owned())
            }
        }
        Support::Unknown => Line {
            reason: Some(format!("{named} is in no table of ends of life")),
            ..line("unknown", "none".to_owned())
        },
    };
    rows.put(line);
}

fn by_advisories(host: &HostFiles, packages: &[Have], bench: &Bench, rows: &mut Rows) {
    let index = &bench.feeds.index;
    let others = !bench.patch.feeds().is_empty() || !bench.feeds.oval.is_empty();
    let uncovered = |rows: &mut Rows, why: &str| {
        rows.release.get_or_insert_with(|| why.to_owned());
        rows.put(Line::unknown(&host.name, "release", why));
    };
    if index.is_empty() {
        let judged = others && (host.dpkg.is_some() || !bench.feeds.oval.is_empty());
        if !judged && bench.sheets.is_empty() {
            uncovered(rows, "no feed was given that speaks of this host");
        }
        return;
    }
    let version = host.os.as_ref().and_then(|os| os.version.as_deref());
    let release = match (&host.os, version) {
        (Some(os), Some(version)) => Release::of_os(&os.id, version).map_err(|why| why.to_string()),
        _ => Err("the host does not say which release it runs".to_owned()),
    };
    let release = match release {
        Ok(release) => release,
        Err(why) => return uncovered(rows, &why),
    };
    let installed = installed(packages);
    let audit = index.judge(&Inventory {
        release: &release,
        packages: &installed,
    });
    if !audit.covered {
        let why = format!("no feed that was given speaks of {}", release.as_str());
        return uncovered(rows, &why);
    }
    let feeds = named(bench);
    let old = bench
        .feeds
        .indexed
        .iter()
        .any(|feed| bench.is_old(feed.dated.as_deref()));
    for row in audit.rows {
        let (state, reason) = match row.verdict.state {
            State::Proven => ("proven", None),
            State::Missing => ("missing", None),
            State::NoFix => (
                "no_fix",
                Some("exposed, and no fix is known to the feeds".to_owned()),
            ),
            State::Unknown(why) => ("unknown", Some(why.text().to_owned())),
        };
        let advisories = row.verdict.advisories.iter();
        let mut cves: Vec<String> = advisories
            .clone()
            .flat_map(|one| one.cves.clone())
            .collect();
        cves.sort();
        cves.dedup();
        rows.put(Line {
            arch: row.package.arch.to_owned(),
            reason,
            installed: Some(row.package.version.to_owned()),
            fixed: row.verdict.fixed.as_deref().map(str::to_owned),
            evidence: "the package manager lists it".to_owned(),
            feed: Some(feeds.clone()),
            stale: old,
            advisories: advisories.map(|one| one.id.clone()).collect(),
            cves,
            danger: danger(&row.verdict.advisories),
            ..Line::of(&host.name, row.package.name, state)
        });
    }
}

fn danger(advisories: &[Arc<Advisory>]) -> Danger {
    let levels = advisories.iter().filter_map(|one| one.level());
    Danger {
        level: levels.max().map(severity),
        wormable: advisories.iter().any(|one| one.wormable() == Some(true)),
    }
}

const fn severity(level: Level) -> Severity {
    match level {
        Level::Low => Severity::Low,
        Level::Medium => Severity::Medium,
        Level::High => Severity::High,
        Level::Critical => Severity::Critical,
    }
}

/// The feeds of the index, with their dates.
fn named(bench: &Bench) -> String {
    let feeds = bench.feeds.indexed.iter().map(|feed| match &feed.dated {
        Some(day) => format!("{} of {day}", feed.name),
        None => format!("{} (undated)", feed.name),
    });
    feeds.collect::<Vec<_>>().join(", ")
}

/// As the index wants them.
fn installed(packages: &[Have]) -> Vec<Installed<'_>> {
    packages
        .iter()
        .map(|have| Installed {
            name: &have.name,
            arch: &have.arch,
            version: &have.version,
            epoch_not_told: have.epoch_not_told,
            source: have.source.as_deref(),
            source_version: None,
            stream: have.stream.as_deref().map_or(Stream::NotTold, Stream::Of),
        })
        .collect()
}

fn by_oval(name: &str, kind: Kind, packages: &[Have], bench: &Bench, rows: &mut Rows) {
    let have: Vec<advisory::Have<'_>> = packages
        .iter()
        .map(|have| advisory::Have {
            name: &have.name,
            arch: &have.arch,
            evr: &have.version,
            signature: None,
        })
        .collect();
    for (feed, oval) in &bench.feeds.oval {
        let facts = Facts {
            kind,
            packages: &have,
            uname: None,
            files: None,
        };
        let stale = bench.is_old(oval.dated.as_deref());
        let feed = match &oval.dated {
            Some(day) => format!("{feed} of {day}"),
            None => format!("{feed} (undated)"),
        };
        for outcome in oval.evaluate(&facts) {
            let cves = outcome.definition.references.iter();
            let line = Line {
                requirement: Some(outcome.definition.id.clone()),
                title: Some(outcome.definition.title.clone()),
                evidence: "the package manager lists it".to_owned(),
                feed: Some(feed.clone()),
                stale,
                cves: cves
                    .filter(|name| name.starts_with("CVE-"))
                    .cloned()
                    .collect(),
                ..Line::of(name, &outcome.definition.id, "proven")
            };
            match outcome.truth {
                Truth::False => rows.put(line),
                Truth::Unknown(why) => rows.put(Line {
                    reason: Some(why),
                    state: "unknown",
                    ..line
                }),
                Truth::True => {
                    let first = outcome.witnesses.first();
                    rows.put(Line {
                        package: first.map_or(line.package, |one| one.package.clone()),
                        arch: first.map_or_else(String::new, |one| one.arch.clone()),
                        installed: first.map(|one| one.installed.clone()),
                        fixed: first.map(|one| one.fixed.clone()),
                        state: "missing",
                        ..line
                    });
                }
            }
        }
    }
}
