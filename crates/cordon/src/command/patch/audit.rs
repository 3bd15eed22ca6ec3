//! `cordon patch audit`: hosts as people hand them to us, against everything that says what must be there.
//!
//! What no feed covers is *unknown* with its reason, never fine; a host that cannot be read is a result and
//! stops no other.

use std::path::Path;

use cordon_model::{Exception, Host, Package, PackageStatus, Policy, plural};
use cordon_patch::{Feed, Have, Installed, Patch, Requisite, RowState};
use cordon_patch_edge::{
    FeedUnread, Feeds, HostFiles, LISTS, STATUS, advisories, feeds, hosts, inventory,
};

use super::{
    Audit, baseline,
    bench::{Bench, feed_plain},
    coverage::Expected,
    deployer::{self, Words},
    line::{Desk, Line},
    linux, live,
    sheets::Sheets,
    windows,
};
use crate::{
    clock,
    command::{Out, Stop, read_text},
    fault::{self, Exit, Fault},
};

pub(super) fn audit(args: &Audit, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let all = if args.inventory.is_empty() {
        vec![this_host(args, &crate::check::this_host()?)]
    } else {
        hosts(&args.inventory)
    };
    let feeds = feeds(&args.advisories).map_err(|error| of_feed(&error))?;
    let any_dpkg = all.iter().any(|host| host.dpkg.is_some());
    let (patch, exceptions) = compile(args, &feeds, any_dpkg)?;
    let sheets = Sheets::read(&args.baseline, &args.column, args.remember.as_deref())?;
    let mut expected = Expected::read(&args.expect)?;
    let words = Words::read(&args.deployer, &mut expected)?;
    sheets.tell(&feeds, out)?;
    words.tell(out)?;
    let bench = Bench {
        feeds,
        patch,
        sheets,
    };
    let (mut judged, mut failed) = (0, Vec::new());
    let mut desk = Desk::new(args, &exceptions, bench.feeds.kev.as_ref(), out);
    desk.words = words;
    for reject in bench.rejects() {
        desk.say(&reject)?;
    }
    for host in &all {
        failed.extend(faults(host));
        if host.is_empty() {
            let why = "nothing of this host could be read";
            desk.put(Line::unknown(&host.name, "inventory", why))?;
            continue;
        }
        judged += 1;
        one(host, &bench, &mut desk)?;
        if args.inventory.is_empty() {
            live::rows(host, args, &mut desk)?;
        }
    }
    let read = all.iter().filter(|host| !host.is_empty());
    let answered: Vec<String> = read.map(|host| host.name.clone()).collect();
    expected.tell(&answered, &mut desk)?;
    deployer::tell(&mut desk)?;
    let tally = desk.tally;
    let unjudged = std::mem::take(&mut desk.unjudged);
    for fault in &failed {
        writeln!(out.talk, "{fault}")?;
    }
    if judged == 0 {
        return Ok(Exit::Usage); // every input was bad, and each has been told
    }
    if !unjudged.is_empty() {
        let hosts = unjudged.join(", ");
        writeln!(
            out.talk,
            "without an os-release it was not judged whether the release is still mended: {hosts}"
        )?;
    }
    writeln!(
        out.talk,
        "{} of {judged} of {} hosts judged against {}: {}",
        plural(tally.packages, "package"),
        all.len(),
        bench.named(),
        tally.words(),
    )?;
    let found = tally.missing + tally.unknown + tally.contradicted + tally.no_fix > 0;
    Ok(match (failed.is_empty() && judged == all.len(), found) {
        (false, _) => Exit::Partial,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Nothing,
    })
}

/// Nothing to judge by is blindness; a feed that is damaged is bad input.
fn of_feed(error: &FeedUnread) -> Fault {
    let code = if error.nothing {
        &fault::FEED_MISSING
    } else {
        &fault::FEED_UNREADABLE
    };
    Fault::new(code, &error.why).at(error.path.display())
}

/// Files of a host that could not be read.
fn faults(host: &HostFiles) -> impl Iterator<Item = Fault> {
    let failed = host.failed.iter();
    failed.map(|(path, why)| Fault::new(&fault::INVENTORY_UNREADABLE, why).at(path.display()))
}

fn one(host: &HostFiles, bench: &Bench, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    if let Some(windows) = &host.windows {
        windows::rows(&host.name, windows, bench, desk)?;
    }
    if let Some(dpkg) = &host.dpkg {
        desk.tally.packages += dpkg.entries.len();
        desk.tally.unknown += usize::try_from(dpkg.rejected).unwrap_or(usize::MAX);
        by_indexes(&host.name, &dpkg.entries, bench, desk)?;
    }
    linux::rows(host, bench, desk)?;
    baseline::rows(host, bench, desk)?;
    deployer::rows(host, desk)
}

/// Debian's own indexes, and the requirements of the policy.
fn by_indexes(
    name: &str,
    entries: &[Package],
    bench: &Bench,
    desk: &mut Desk<'_, '_>,
) -> Result<(), Stop> {
    let host: Host = name.parse().map_err(|error| {
        let what = format!("`{name}` is no host name: {error}");
        Fault::new(&fault::INVENTORY_UNREADABLE, what)
    })?;
    let mut listed: Vec<(&Package, Have)> = entries
        .iter()
        .map(|package| (package, Have::from(package)))
        .collect();
    listed.sort_by(|(a, _), (b, _)| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    let packages: Vec<Installed<'_>> = listed
        .iter()
        .map(|(package, have)| (&package.name, &package.arch, have))
        .collect();
    for row in bench.patch.audit(&host, &packages) {
        let (state, reason) = match &row.state {
            RowState::Proven => ("proven", None),
            RowState::Missing => ("missing", None),
            RowState::Unknown(why) => ("unknown", Some(why.clone())),
        };
        let (requirement, feed) = match row.asked {
            Requisite::Baseline(id) => (Some(id.to_string()), None),
            Requisite::Feed(name) => {
                let feed = bench.patch.feeds().iter().find(|feed| feed.name == *name);
                (None, feed.map(feed_plain))
            }
        };
        let evidence = match row.status {
            PackageStatus::Installed => "dpkg says installed",
            PackageStatus::Held => "dpkg says installed, on hold",
            PackageStatus::Partial => "dpkg says installed by half",
            PackageStatus::Absent => "dpkg does not list it",
        };
        desk.put(Line {
            requirement,
            arch: row.arch.to_owned(),
            reason,
            installed: row.installed.map(str::to_owned),
            fixed: row.fixed.map(str::to_owned),
            evidence: evidence.to_owned(),
            feed,
            ..Line::of(name, row.package.as_str(), state)
        })?;
    }
    Ok(())
}

/// What is on this host.
fn this_host(args: &Audit, me: &Host) -> HostFiles {
    let status = args.at(STATUS);
    let mut host = HostFiles {
        name: me.to_string(),
        ..HostFiles::default()
    };
    match inventory(&status) {
        Ok(listing) => host.dpkg = Some(listing),
        Err(why) => host.failed.push((status, why.why.to_string())),
    }
    if let Ok(bytes) = std::fs::read(args.at("/etc/os-release")) {
        host.os = pkgdb::Os::read(&bytes).ok(); // ok: because then the host does not say what it runs, which is told
    }
    host
}

/// The compiled policy with Debian's indexes: those that were named, or apt's own where none were.
fn compile(args: &Audit, feeds: &Feeds, any_dpkg: bool) -> Result<(Patch, Vec<Exception>), Fault> {
    let text = match &args.policy {
        Some(path) => read_text(path, &fault::POLICY_UNREADABLE)?,
        None => String::new(),
    };
    let mut policy = Policy::new(&text, 1);
    let apt = vec![args.at(LISTS)];
    let paths = if args.advisories.is_empty() && any_dpkg {
        &apt
    } else {
        &feeds.debian
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
    let refused =
        |error: &dyn std::fmt::Display| Fault::new(&fault::POLICY_REFUSED, error).at(at.display());
    let patch = <Patch as cordon_model::Control>::new(&policy).map_err(|e| refused(&e))?;
    let exceptions = policy.exceptions().map_err(|error| refused(&error))?;
    let now = clock::now();
    let running = exceptions.into_iter().filter(|one| one.until > now);
    Ok((patch, running.collect()))
}
