//! Requirements held against a host: those of the administrator's own sheets and those of the policy. In 2004
//! one such row was held against no host.

use cordon_model::{Ladder, PackageKind, PackageStatus, Rung, Severity, Text, Time};
use cordon_patch::{Demand, Found, Judged, Requirement, Scope, Want, What, Witnesses};
use sheet::Asked;
use winaudit::{
    About, Bulletin, BulletinState, BulletinVerdict, Judgement, Kb, Reason, Report, WindowsHost,
    judge, judge_bulletin,
};

use super::{
    Bench, Rows,
    row::Line,
    sheets::{is_about, name_of},
    windows,
};
use crate::{Feeds, HostFiles};

/// The rows of all sheets and of the policy on one host.
pub(super) fn rows(host: &HostFiles, bench: &Bench, rows: &mut Rows) {
    if bench.asked.is_empty() {
        return;
    }
    let report = host.windows.as_ref().zip(bench.feeds.windows.as_ref());
    let report = report.map(|(windows, feed)| judge(windows, feed));
    let of_host = OfHost {
        host,
        bench,
        report: report.as_ref(),
        system: system(host),
    };
    for asked in &bench.asked {
        let judged = asked.judge(&of_host, bench.patch.groups());
        rows.put(Line::judged(&host.name, asked, judged));
    }
}

/// A row of a sheet as a requirement. A bulletin that a feed knows is held against all that it says; a file that the
/// row names decides where none does.
pub fn requirement(source: &str, asked: &Asked, feeds: &Feeds) -> Requirement {
    let text = |of: &Option<String>| of.as_deref().map(Text::new);
    let want = || match &asked.at_least {
        Some(version) => Want::AtLeast(Text::new(version)),
        None => Want::Present,
    };
    let demand = match (&asked.package, &asked.file) {
        (Some(package), _) => Demand::Package {
            kind: None,
            name: Text::new(package),
            want: want(),
        },
        (None, Some(file)) if !feeds.bulletins.iter().any(|one| is_about(asked, one)) => {
            let name = file.rsplit(['\\', '/']).next().unwrap_or(file); // or: because a split has one part
            Demand::File {
                name: Text::new(&name.to_lowercase()),
                want: want(),
            }
        }
        _ => Demand::Updates(asked.kbs.clone()),
    };
    let patterns = asked.host.as_deref().unwrap_or(""); // none: for all
    let patterns = patterns
        .split([',', ';', ' '])
        .filter(|one| !one.is_empty());
    let all = patterns
        .clone()
        .any(|one| matches!(one.to_lowercase().as_str(), "all" | "alle" | "*"));
    let hosts = patterns.filter(|_| !all);
    Requirement {
        id: Text::new(&name_of(asked)),
        source: Text::new(source),
        scope: Scope {
            hosts: hosts
                .filter_map(|one| one.to_lowercase().parse().ok()) // ok: because no host has such a name
                .collect(),
            os: asked.applies.clone(),
            role: None,
            tag: None,
        },
        demand,
        owner: text(&asked.owner),
        due: asked
            .due
            .as_ref()
            .and_then(|day| format!("{day}T23:59:59Z").parse::<Time>().ok()), // ok: because it is a day
        severity: asked.severity.map(|severity| match severity {
            sheet::Severity::Low => Severity::Low,
            sheet::Severity::Medium => Severity::Medium,
            sheet::Severity::High => Severity::High,
            sheet::Severity::Critical => Severity::Critical,
        }),
        needs: cordon_model::Needs::default(),
        claimed: text(&asked.status),
        brought_by: asked.kbs.clone(),
    }
}

fn system(host: &HostFiles) -> Option<String> {
    if let Some(windows) = &host.windows {
        return windows.os_name.as_ref().map(|name| name.value.clone());
    }
    if let Some(os) = &host.os {
        let version = os.version.as_deref().unwrap_or(""); // none: a rolling release
        return Some(format!("{} {version}", os.id));
    }
    host.dpkg
        .is_some()
        .then(|| "debian or ubuntu: a host with dpkg".to_owned())
}

struct OfHost<'a> {
    host: &'a HostFiles,
    bench: &'a Bench,
    report: Option<&'a Report>,
    system: Option<String>,
}

impl Witnesses for OfHost<'_> {
    fn host(&self) -> &str {
        &self.host.name
    }

    fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    fn can_have(&self, demand: &Demand) -> Result<(), String> {
        let HostFiles {
            windows,
            dpkg,
            packages,
            ..
        } = self.host;
        let linux = dpkg.is_some() || packages.is_some();
        match demand {
            Demand::Updates(_) | Demand::Registry { .. } if windows.is_none() => {
                Err("a row for Windows, on a host that is none".to_owned())
            }
            Demand::Package { .. } if !linux => Err(
                "a package of Linux, on a host without a package manager that is known".to_owned(),
            ),
            Demand::File { .. } if windows.is_none() => {
                Err("a file with a version, on a host that is not Windows".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn package(&self, kind: Option<PackageKind>, name: &str) -> Found {
        if let Some(dpkg) = &self.host.dpkg
            && kind.is_none_or(|kind| kind == PackageKind::Deb)
        {
            let found = dpkg.entries.iter().find(|one| one.name.as_str() == name);
            return found.map_or(Found::NotListed, |one| Found::There {
                version: one.version.to_string(),
                kind: Some(PackageKind::Deb),
                status: one.status,
            });
        }
        let Some(listing) = &self.host.packages else {
            return Found::NotListed;
        };
        let (mine, order) = match listing.packages.first().map(|one| one.manager) {
            Some(pkgdb::Manager::Apk) => (PackageKind::Apk, vercmp::Kind::Apk),
            _ => (PackageKind::Rpm, vercmp::Kind::Rpm),
        };
        let found = listing.packages.iter().filter(|one| one.name == name);
        let newest = found.map(pkgdb::Package::evr).max_by(|a, b| {
            vercmp::compare(order, a, b).unwrap_or(std::cmp::Ordering::Equal) // Equal: because it is compared again
        });
        match newest {
            Some(version) if kind.is_none_or(|kind| kind == mine) => Found::There {
                version,
                kind: Some(mine),
                status: PackageStatus::Installed,
            },
            _ => Found::NotListed,
        }
    }

    fn file(&self, name: &str) -> Found {
        let Some(windows) = &self.host.windows else {
            return Found::NotTold("no list of files of this host was given".to_owned());
        };
        let seen = windows.files.get(&name.to_lowercase());
        let versions = seen.into_iter().flatten();
        match versions.filter_map(|said| said.value.version).min() {
            Some(version) => Found::There {
                version: version.to_string(),
                kind: None,
                status: PackageStatus::Installed,
            },
            None => {
                Found::NotTold("no list of files of this host has it with a version".to_owned())
            }
        }
    }

    fn registry(&self, name: &str) -> Found {
        let keys = self
            .host
            .windows
            .as_ref()
            .and_then(|host| host.update_keys.as_ref());
        let Some(keys) = keys else {
            return Found::NotTold("no file of this host shows its registry".to_owned());
        };
        // What is kept of a registry is the tree of updates; of the rest nothing can be said.
        let lower = name.to_lowercase();
        if !lower.contains("\\software\\microsoft\\updates\\") {
            return Found::NotTold("of the registry only the keys of updates are kept".to_owned());
        }
        let there = keys.values().find(|said| {
            let key = said.value.to_lowercase();
            key.ends_with(&lower) || lower.ends_with(&key)
        });
        there.map_or(Found::NotListed, |said| Found::There {
            version: said.value.clone(),
            kind: None,
            status: PackageStatus::Installed,
        })
    }

    fn setting(&self, name: &str) -> Found {
        let Some(windows) = &self.host.windows else {
            return Found::NotTold("settings are told by the bundle of a Windows host".to_owned());
        };
        setting(windows, name)
    }

    fn updates(&self, asked: &Requirement, kbs: &[u32]) -> Judged {
        let Some(windows) = &self.host.windows else {
            return Judged::plain(What::NotFor("a row for Windows".to_owned()), String::new());
        };
        let known = self.bench.feeds.bulletins.iter().find(|bulletin| {
            asked.id.as_str() == bulletin.id || kbs.contains(&bulletin.kb.number())
        });
        if let Some(bulletin) = known {
            let verdict = judge_bulletin(windows, bulletin);
            return of_bulletin(bulletin, &verdict);
        }
        any_of(windows, kbs, self.report, self.bench)
    }

    fn running(&self, _: &str) -> Option<Rung> {
        None
    }

    fn deployer(&self, _: &Requirement) -> Option<Rung> {
        None
    }
}

/// `firewall.public`: `on` or `off`; `antivirus.NAME`: its state.
fn setting(host: &WindowsHost, name: &str) -> Found {
    let there = |version: &str| Found::There {
        version: version.to_owned(),
        kind: None,
        status: PackageStatus::Installed,
    };
    match name.split_once('.') {
        Some(("firewall", profile)) => {
            let mut profiles = host.firewall.iter();
            let found = profiles.find(|(name, _)| name.eq_ignore_ascii_case(profile));
            match found {
                Some((_, on)) => there(if *on { "on" } else { "off" }),
                None => Found::NotTold(format!("the host does not tell its profile {profile}")),
            }
        }
        Some(("antivirus", product)) => {
            let mut products = host.antivirus.iter();
            let found = products.find(|(name, _, _)| name.eq_ignore_ascii_case(product));
            found.map_or(Found::NotListed, |(_, state, _)| there(state))
        }
        _ => Found::NotTold(format!(
            "`{name}` is no setting that is known: firewall.PROFILE or antivirus.PRODUCT"
        )),
    }
}

/// How far up the ladder a bulletin got.
pub(super) fn of_bulletin(bulletin: &Bulletin, verdict: &BulletinVerdict) -> Judged {
    let (what, evidence) = ladder_of(verdict);
    Judged {
        package: Some(bulletin.kb.to_string()),
        cves: bulletin.cves.clone(),
        ..Judged::plain(what, evidence)
    }
}

fn ladder_of(verdict: &BulletinVerdict) -> (What, String) {
    let evidence = verdict.evidence.join("; ");
    let words = || Text::new(&evidence);
    let first = verdict.evidence.first().map_or("", String::as_str);
    let up_to = match verdict.rung {
        winaudit::Rung::Nothing => Ladder::default(),
        winaudit::Rung::Listed => Ladder {
            listed: Some(Rung::Yes(words())),
            ..Ladder::default()
        },
        winaudit::Rung::OnDisk => Ladder {
            file: Some(Rung::Yes(words())),
            ..Ladder::default()
        },
        winaudit::Rung::Running => Ladder {
            file: Some(Rung::Yes(words())),
            running: Some(Rung::Yes(words())),
            ..Ladder::default()
        },
    };
    let ladder = match verdict.state {
        BulletinState::NotApplicable => {
            let why = "the system is none of those affected";
            return (What::NotFor(why.to_owned()), evidence);
        }
        BulletinState::Included if verdict.rung == winaudit::Rung::Nothing => Ladder {
            listed: Some(Rung::Yes(words())),
            ..Ladder::default()
        },
        BulletinState::Included | BulletinState::Proven => up_to,
        BulletinState::InstalledNotRunning => Ladder {
            listed: up_to.listed.or_else(|| Some(Rung::Yes(words()))),
            running: Some(Rung::No("the host was not restarted since".into())),
            ..up_to
        },
        BulletinState::Missing => Ladder {
            file: Some(Rung::No(words())),
            ..Ladder::default()
        },
        BulletinState::Contradicted => Ladder {
            listed: Some(Rung::Yes("a key or list says that it is installed".into())),
            file: Some(Rung::No(Text::new(&format!("a file is older: {first}")))),
            ..Ladder::default()
        },
        BulletinState::Unknown(_) => Ladder {
            listed: Some(Rung::Unknown(Text::new(first))),
            ..Ladder::default()
        },
    };
    (What::Ladder(ladder), evidence)
}

/// Any of the updates of a row will do.
fn any_of(host: &WindowsHost, kbs: &[u32], report: Option<&Report>, bench: &Bench) -> Judged {
    let known = kbs.iter().filter_map(|number| Kb::new(*number));
    let mut all: Vec<Judged> = known.map(|kb| of_update(host, kb, report, bench)).collect();
    all.sort_by_key(|judged| match &judged.what {
        What::Ladder(ladder) => match &ladder.listed {
            Some(Rung::Yes(_)) => 0,
            Some(Rung::Unknown(_)) | None => 2,
            Some(Rung::No(_)) => 3,
        },
        What::Settled { .. } => 1,
        What::NotFor(_) => 4,
    });
    all.into_iter().next().unwrap_or_else(|| {
        let why =
            "the sheet names a bulletin without its update, and no feed that was given knows it";
        Judged::listed(Rung::Unknown(why.into()), "none".to_owned())
    })
}

fn of_update(host: &WindowsHost, kb: Kb, report: Option<&Report>, bench: &Bench) -> Judged {
    let about = report.zip(bench.feeds.windows.as_ref());
    let about = about.map(|(report, feed)| (report.about(kb, feed), report));
    let named = |judged: Judged| Judged {
        package: Some(kb.to_string()),
        ..judged
    };
    if let Some((About::Row(row), report)) = about
        && row.judgement != Judgement::Unknown(Reason::NoProduct)
    {
        return named(Judged {
            feed: report.evaluated.map(|span| span.to_string()),
            title: Some(row.title.clone()),
            ..windows::of_judgement(row)
        });
    }
    if let Some(listed) = host.hotfixes.get(&kb) {
        let files: Vec<&str> = listed.by.iter().map(|by| host.source_name(*by)).collect();
        let evidence = format!("listed by {}", files.join(", "));
        return named(Judged::listed(Rung::Yes(Text::new(&evidence)), evidence));
    }
    let offered = host.offered.as_ref();
    if offered.is_some_and(|offered| offered.contains_key(&kb)) {
        let evidence = "Windows Update itself offers it";
        return named(Judged::listed(
            Rung::No(evidence.into()),
            evidence.to_owned(),
        ));
    }
    let why = match about {
        Some((About::NotCovered(Some(span)), _)) => {
            format!("no feed knows {kb} ({span}), and that no list names it proves nothing")
        }
        Some((About::NotForThisHost, _)) => format!(
            "the feed knows {kb} only for other systems, or as superseded, and no list of the host names it"
        ),
        _ => format!("no feed that was given knows {kb}, and that no list names it proves nothing"),
    };
    named(Judged::listed(
        Rung::Unknown(Text::new(&why)),
        "none".to_owned(),
    ))
}

/// Whether a requirement speaks of this bulletin.
pub(super) fn speaks_of(asked: &Requirement, bulletin: &Bulletin) -> bool {
    let kbs = match &asked.demand {
        Demand::Updates(kbs) => kbs.as_slice(),
        _ => &[],
    };
    asked.id.as_str() == bulletin.id || kbs.contains(&bulletin.kb.number())
}
