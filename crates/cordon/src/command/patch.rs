//! `cordon patch audit` and `cordon patch vercmp`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cordon_model::{Host, Package, PackageStatus, Policy, plural};
use cordon_patch::{Feed, Have, Installed, Patch, Requisite, Row, RowState};
use cordon_patch_edge::{LISTS, STATUS, advisories, inventory};
use serde::Serialize;
use vercmp::Kind;

use super::{Out, Stop, read_text};
use crate::{
    fault::{self, Exit, Fault},
    page::inert,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge hosts against security indexes; exits 1 when something is missing.
    ///
    /// With --json one row a line: {host, package, arch, state, installed, fixed, evidence, feed}.
    ///
    /// Example: cordon patch audit --inventory web1=status --advisories Packages.gz --json
    Audit(Audit),
    /// Hold our version order against a suite: `N agree, M differ`.
    ///
    /// Example: cordon patch vercmp --kind deb suite.tsv
    Vercmp(Vercmp),
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// A dpkg status file, or HOST=FILE; this host's own where it is left out.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    inventory: Vec<String>,
    /// A Packages index (plain, gz, xz, lz4) or a folder like apt's; apt's own where it is left out.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    advisories: Vec<PathBuf>,
    /// A policy whose [[patch.requirement]] rows are judged too.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What is proven as well, not only what is missing or unknown.
    #[arg(long)]
    all: bool,
    /// One row a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Vercmp {
    /// Whose version order: deb, rpm or apk.
    #[arg(long)]
    kind: Kind,
    /// A suite: `a<TAB>op<TAB>b`, or `version<TAB>valid`.
    file: PathBuf,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command, out: &mut Out<'_>) -> Result<Exit, Stop> {
    match command {
        Command::Audit(args) => audit(&args, out),
        Command::Vercmp(args) => vercmp(&args, out),
    }
}

/// A row as `--json` prints it.
#[derive(Serialize)]
struct Line<'r> {
    host: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirement: Option<&'r str>,
    package: &'r str,
    arch: &'r str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    installed: Option<&'r str>,
    fixed: Option<&'r str>,
    evidence: String,
    feed: Option<String>,
}

#[derive(Default)]
struct Tally {
    packages: usize,
    missing: usize,
    proven: usize,
    unknown: usize,
}

fn audit(args: &Audit, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let patch = compile(args)?;
    let own = crate::check::this_host();
    let wanted: Vec<(Host, PathBuf)> = if args.inventory.is_empty() {
        vec![(own?, PathBuf::from(STATUS))]
    } else {
        args.inventory
            .iter()
            .map(|text| named(text))
            .collect::<Result<_, _>>()?
    };
    let (mut tally, mut hosts, mut failed) = (Tally::default(), 0, Vec::new());
    for (host, path) in &wanted {
        match inventory(path) {
            Ok(listing) => {
                hosts += 1;
                tally.unknown += usize::try_from(listing.rejected).unwrap_or(usize::MAX);
                tally.packages += listing.entries.len();
                let mut listed: Vec<(&Package, Have)> = listing
                    .entries
                    .iter()
                    .map(|package| (package, Have::from(package)))
                    .collect();
                listed.sort_by(|(a, _), (b, _)| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
                let packages: Vec<Installed<'_>> = listed
                    .iter()
                    .map(|(package, have)| (&package.name, &package.arch, have))
                    .collect();
                print(host, &patch, &packages, args, &mut tally, out)?;
            }
            // A host that cannot be read is a result of its own, and stops none of the others.
            Err(why) => {
                failed.push(Fault::new(&fault::INVENTORY_UNREADABLE, &why.why).at(path.display()));
            }
        }
    }
    for fault in &failed {
        writeln!(out.talk, "{fault}")?;
    }
    if hosts == 0 {
        return Ok(Exit::Usage); // every input was bad, and each has been told
    }
    let feeds: Vec<String> = patch.feeds().iter().map(feed_plain).collect();
    writeln!(
        out.talk,
        "{} of {hosts} of {} hosts judged against {}: {} missing, {} proven, {} unknown",
        plural(tally.packages, "package"),
        wanted.len(),
        feeds.join(", "),
        tally.missing,
        tally.proven,
        tally.unknown,
    )?;
    let found = if tally.missing + tally.unknown > 0 {
        Exit::Findings
    } else {
        Exit::Nothing
    };
    Ok(if failed.is_empty() {
        found
    } else {
        Exit::Partial
    })
}

fn compile(args: &Audit) -> Result<Patch, Fault> {
    let text = match &args.policy {
        Some(path) => read_text(path, &fault::POLICY_UNREADABLE)?,
        None => String::new(),
    };
    let mut policy = Policy::new(&text, 1);
    let paths = if args.advisories.is_empty() {
        &vec![PathBuf::from(LISTS)]
    } else {
        &args.advisories
    };
    for path in paths {
        let indexes = advisories(path)
            .map_err(|why| Fault::new(&fault::FEED_MISSING, &why.why).at(path.display()))?;
        for index in indexes {
            // What cannot be unpacked names its own file; what is no index is named here.
            let set = index
                .load()
                .map_err(|error| Fault::new(&fault::FEED_UNREADABLE, error))?;
            Feed::new(index.name.clone(), &set)
                .map_err(|error| Fault::new(&fault::FEED_UNREADABLE, error).at(path.display()))?;
            policy = policy.with(index.name, set);
        }
    }
    let at = args.policy.as_deref().unwrap_or(Path::new("policy"));
    <Patch as cordon_model::Control>::new(&policy)
        .map_err(|error| Fault::new(&fault::POLICY_REFUSED, error).at(at.display()))
}

/// `HOST=FILE`, or a file whose name then stands for its host.
fn named(text: &str) -> Result<(Host, PathBuf), Fault> {
    let (host, path) = if let Some((host, path)) = text.split_once('=') {
        (host.to_owned(), PathBuf::from(path))
    } else {
        let path = PathBuf::from(text);
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_else(|| text.to_owned()), path)
    };
    let host = host.parse().map_err(|error| {
        Fault::new(
            &fault::INVENTORY_UNREADABLE,
            format!("`{host}` is no host name: {error}"),
        )
    })?;
    Ok((host, path))
}

fn feed_plain(feed: &Feed) -> String {
    match feed.dated {
        Some(dated) => format!("{} of {}", feed.name, dated.day()),
        None => format!("{} (undated)", feed.name),
    }
}

fn print(
    host: &Host,
    patch: &Patch,
    packages: &[Installed<'_>],
    args: &Audit,
    tally: &mut Tally,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    for row in patch.audit(host, packages) {
        let (state, reason) = match &row.state {
            RowState::Proven => ("proven", None),
            RowState::Missing => ("missing", None),
            RowState::Unknown(why) => ("unknown", Some(why.as_str())),
        };
        match row.state {
            RowState::Proven => tally.proven += 1,
            RowState::Missing => tally.missing += 1,
            RowState::Unknown(_) => tally.unknown += 1,
        }
        if row.state == RowState::Proven && !args.all {
            continue;
        }
        if args.json {
            let line = line(host, patch, &row, state, reason);
            serde_json::to_writer(&mut *out.data, &line).map_err(std::io::Error::from)?;
            writeln!(out.data)?;
        } else {
            let installed = row.installed.unwrap_or("nothing");
            let fixed = row.fixed.or(reason).unwrap_or("any version");
            writeln!(
                out.data,
                "{:<8} {:<16} {:<32} {} -> {}",
                state,
                inert(host.as_str()),
                inert(row.package.as_str()),
                inert(installed),
                inert(fixed)
            )?;
        }
    }
    Ok(())
}

fn line<'r>(
    host: &'r Host,
    patch: &Patch,
    row: &'r Row<'_>,
    state: &'static str,
    reason: Option<&'r str>,
) -> Line<'r> {
    let (requirement, feed) = match row.asked {
        Requisite::Baseline(id) => (Some(id.as_str()), None),
        Requisite::Feed(name) => (
            None,
            patch
                .feeds()
                .iter()
                .find(|feed| feed.name == *name)
                .map(feed_plain),
        ),
    };
    let evidence = match row.status {
        PackageStatus::Installed => "dpkg says installed",
        PackageStatus::Held => "dpkg says installed, on hold",
        PackageStatus::Partial => "dpkg says installed by half",
        PackageStatus::Absent => "dpkg does not list it",
    };
    Line {
        host: host.as_str(),
        requirement,
        package: row.package.as_str(),
        arch: row.arch,
        state,
        reason,
        installed: row.installed,
        fixed: row.fixed,
        evidence: evidence.to_owned(),
        feed,
    }
}

#[derive(Serialize)]
struct Compared {
    kind: String,
    agree: usize,
    differ: usize,
    differences: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    line: usize,
    case: String,
    got: String,
}

fn vercmp(args: &Vercmp, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let text = read_text(&args.file, &fault::SUITE_UNREADABLE)?;
    let suite = vercmp::run_suite(args.kind, &text)
        .map_err(|error| Fault::new(&fault::SUITE_UNREADABLE, error).at(args.file.display()))?;
    let (agree, differ) = (suite.agree, suite.differ.len());
    let exit = if differ == 0 {
        Exit::Nothing
    } else {
        Exit::Findings
    };
    if args.json {
        let case = |d: vercmp::Difference| Case {
            line: d.line,
            case: d.case,
            got: d.got,
        };
        let differences = suite.differ.into_iter().map(case).collect();
        let compared = Compared {
            kind: args.kind.to_string(),
            agree,
            differ,
            differences,
        };
        serde_json::to_writer_pretty(&mut *out.data, &compared).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
        return Ok(exit);
    }
    for difference in &suite.differ {
        let (case, got) = (inert(&difference.case), inert(&difference.got));
        writeln!(
            out.data,
            "{}:{}: {case}: got {got}",
            args.file.display(),
            difference.line
        )?;
    }
    writeln!(out.data, "{agree} agree, {differ} differ")?;
    Ok(exit)
}
