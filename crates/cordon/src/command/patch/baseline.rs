//! Rows of the administrator's own spreadsheet: each is judged on each host that it is for. In 2004 one such
//! row was held against no host.

use cordon_patch_edge::HostFiles;
use sheet::Asked;
use winaudit::{About, Judgement, Kb, Report, WindowsHost, judge, judge_bulletin};

use super::{
    bench::Bench,
    line::{Desk, Line},
    scope::{Scope, scope},
    sheets::{is_about, name_of},
    windows,
};
use crate::command::Stop;

/// Words by which a sheet claims that something is done.
const DONE: [&str; 25] = [
    "done",
    "deployed",
    "installed",
    "ok",
    "yes",
    "complete",
    "completed",
    "success",
    "succeeded",
    "compliant",
    "erledigt",
    "installiert",
    "verteilt",
    "ja",
    "fait",
    "installé",
    "oui",
    "hecho",
    "instalado",
    "instalada",
    "installato",
    "installata",
    "fatto",
    "geïnstalleerd",
    "x",
];

/// The rows of all sheets on one host.
pub(super) fn rows(host: &HostFiles, bench: &Bench, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    if bench.sheets.is_empty() {
        return Ok(());
    }
    let report = host.windows.as_ref().zip(bench.feeds.windows.as_ref());
    let report = report.map(|(windows, feed)| judge(windows, feed));
    for (path, asked) in bench.sheets.asked() {
        let mut line = one(host, asked, report.as_ref(), bench);
        line.source = Some(format!("{} {}", path.display(), asked.place));
        line.requirement = Some(name_of(asked));
        line.in_baseline = Some(true);
        line.requisite = true;
        line.any_of.clone_from(&asked.kbs);
        line.owner.clone_from(&asked.owner);
        line.until.clone_from(&asked.due);
        contradict(&mut line, asked);
        desk.put(line)?;
    }
    Ok(())
}

fn one(host: &HostFiles, asked: &Asked, report: Option<&Report>, bench: &Bench) -> Line {
    match scope(host, asked) {
        Scope::Not(why) => {
            return Line {
                reason: Some(why),
                evidence: "the sheet's own scope".to_owned(),
                ..Line::of(&host.name, &name_of(asked), "not_applicable")
            };
        }
        Scope::Unclear(why) => return Line::unknown(&host.name, &name_of(asked), &why),
        Scope::For => {}
    }
    if let Some(package) = &asked.package {
        return of_package(host, asked, package);
    }
    let Some(windows) = &host.windows else {
        let why = "a row for Windows, on a host that is none";
        return Line {
            reason: Some(why.to_owned()),
            ..Line::of(&host.name, &name_of(asked), "not_applicable")
        };
    };
    let bulletin = bench
        .feeds
        .bulletins
        .iter()
        .find(|one| is_about(asked, one));
    if let Some(bulletin) = bulletin {
        return windows::of_bulletin(&host.name, bulletin, &judge_bulletin(windows, bulletin));
    }
    if let Some(file) = &asked.file {
        return of_file(&host.name, windows, asked, file);
    }
    of_updates(&host.name, windows, asked, report, bench)
}

/// Any of the updates of a row will do.
fn of_updates(
    name: &str,
    host: &WindowsHost,
    asked: &Asked,
    report: Option<&Report>,
    bench: &Bench,
) -> Line {
    let mut lines: Vec<Line> = asked
        .kbs
        .iter()
        .filter_map(|number| Kb::new(*number))
        .map(|kb| of_update(name, host, kb, report, bench))
        .collect();
    if lines.is_empty() {
        let why =
            "the sheet names a bulletin without its update, and no feed that was given knows it";
        return Line::unknown(name, &name_of(asked), why);
    }
    let rank = |line: &Line| match line.state {
        "proven" => 0,
        "alternative" => 1,
        "unknown" => 2,
        _ => 3,
    };
    lines.sort_by_key(rank);
    lines.swap_remove(0)
}

fn of_update(
    name: &str,
    host: &WindowsHost,
    kb: Kb,
    report: Option<&Report>,
    bench: &Bench,
) -> Line {
    let about = report.zip(bench.feeds.windows.as_ref());
    let about = about.map(|(report, feed)| (report.about(kb, feed), report));
    if let Some((About::Row(row), report)) = about
        && row.judgement != Judgement::Unknown(winaudit::Reason::NoProduct)
    {
        let mut line = windows::of_row(name, row);
        line.feed = report.evaluated.map(|span| span.to_string());
        return line;
    }
    let listed = host.hotfixes.get(&kb);
    if let Some(listed) = listed {
        let files: Vec<&str> = listed.by.iter().map(|by| host.source_name(*by)).collect();
        return Line {
            evidence: format!("listed by {}", files.join(", ")),
            ..Line::of(name, &kb.to_string(), "proven")
        };
    }
    if host
        .offered
        .as_ref()
        .is_some_and(|offered| offered.contains_key(&kb))
    {
        return Line {
            evidence: "Windows Update itself offers it".to_owned(),
            ..Line::of(name, &kb.to_string(), "missing")
        };
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
    Line::unknown(name, &kb.to_string(), &why)
}

fn of_file(name: &str, host: &WindowsHost, asked: &Asked, file: &str) -> Line {
    let base = file
        .rsplit(['\\', '/'])
        .next()
        .unwrap_or(file)
        .to_lowercase(); // or: because a split has one part
    let Some(least) = asked.at_least.as_deref() else {
        return Line::unknown(name, file, "the sheet does not say from which version on");
    };
    let Ok(floor) = least.parse::<winaudit::FileVersion>() else {
        let why = format!("`{least}` is no version of a file: expected four numbers");
        return Line::unknown(name, file, &why);
    };
    let seen = host.files.get(&base).into_iter().flatten();
    let lowest = seen.filter_map(|said| said.value.version).min();
    let Some(lowest) = lowest else {
        return Line::unknown(
            name,
            file,
            "no list of files of this host has it with a version",
        );
    };
    let state = if lowest >= floor { "proven" } else { "missing" };
    Line {
        installed: Some(lowest.to_string()),
        fixed: Some(least.to_owned()),
        evidence: format!("{base} is on the disk in {lowest}"),
        ..Line::of(name, file, state)
    }
}

fn of_package(host: &HostFiles, asked: &Asked, package: &str) -> Line {
    let name = &host.name;
    let (kind, found) = if let Some(dpkg) = &host.dpkg {
        let found = dpkg.entries.iter().find(|one| one.name.as_str() == package);
        (vercmp::Kind::Deb, found.map(|one| one.version.to_string()))
    } else if let Some(listing) = &host.packages {
        let kind = match listing.packages.first().map(|one| one.manager) {
            Some(pkgdb::Manager::Apk) => vercmp::Kind::Apk,
            _ => vercmp::Kind::Rpm,
        };
        let found = listing.packages.iter().filter(|one| one.name == package);
        let newest = found.map(pkgdb::Package::evr).max_by(|a, b| {
            vercmp::compare(kind, a, b).unwrap_or(std::cmp::Ordering::Equal) // Equal: because it is compared again below
        });
        (kind, newest)
    } else {
        let why = "a package of Linux, on a host without a package manager that is known";
        return Line {
            reason: Some(why.to_owned()),
            ..Line::of(name, package, "not_applicable")
        };
    };
    let line = Line {
        fixed: asked.at_least.clone(),
        evidence: "the package manager lists it".to_owned(),
        ..Line::of(name, package, "proven")
    };
    let Some(installed) = found else {
        return Line {
            evidence: "the package manager does not list it".to_owned(),
            state: "missing",
            ..line
        };
    };
    let order = asked.at_least.as_deref().map(|least| {
        vercmp::check(kind, &installed).and_then(|()| vercmp::compare(kind, &installed, least))
    });
    let (state, reason) = match order {
        Some(Err(why)) => ("unknown", Some(why.to_string())),
        Some(Ok(std::cmp::Ordering::Less)) => ("missing", None),
        Some(Ok(_)) | None => ("proven", None),
    };
    Line {
        installed: Some(installed),
        reason,
        state,
        ..line
    }
}

/// The sheet's own word against what the host has: the loudest row there is.
fn contradict(line: &mut Line, asked: &Asked) {
    let Some(status) = &asked.status else { return };
    let said = status.to_lowercase();
    let claims = said
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .is_some_and(|word| DONE.contains(&word));
    if claims && line.state == "missing" {
        line.state = "contradicted";
        line.reason = Some(format!("the sheet says `{status}`, the host says no"));
    }
}
