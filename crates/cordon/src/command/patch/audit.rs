//! `cordon patch audit`: hosts as people hand them to us, against everything that says what must be there.
//!
//! What no feed covers is *unknown* with its reason, never fine; a host that cannot be read is a result and
//! stops no other.

use std::path::Path;

use cordon_model::{Exception, Host, Pattern, Policy, plural};
use cordon_patch::{Feed, Patch, read_sources};
use cordon_patch_edge::{
    FeedUnread, Feeds, HostFiles, LISTS, STATUS, advisories,
    audit::{Bench, SheetUnread, Sheets, WordUnread, Words, audit as judge},
    feeds, hosts, inventory,
    running::Roots,
};

use super::{
    Audit,
    coverage::Expected,
    line::{Desk, Tally},
    ssh,
};
use crate::{
    clock,
    command::{Out, Stop, read_text},
    fault::{self, Exit, Fault},
};

/// Everything that was named, read.
pub(super) struct Inputs {
    pub(super) hosts: Vec<HostFiles>,
    pub(super) bench: Bench,
    pub(super) exceptions: Vec<Exception>,
    pub(super) expected: Expected,
    /// Where this host shows itself, if it is the one.
    pub(super) here: Option<Roots>,
}

/// What hosts are held against, but for Debian's own indexes.
pub(super) fn held_against(args: &Audit) -> Result<(Feeds, Sheets, Words), Fault> {
    let feeds = feeds(&args.advisories).map_err(|error| of_feed(&error))?;
    let sheets = Sheets::read(&args.baseline, &args.column, args.remember.as_deref());
    let sheets = sheets.map_err(|error| of_sheet(&error))?;
    let words = Words::read(&args.deployer).map_err(|error| of_word(&error))?;
    Ok((feeds, sheets, words))
}

/// Where this host shows itself.
pub(super) fn roots(args: &Audit) -> Roots {
    Roots {
        proc: args.at("/proc"),
        sys: args.at("/sys"),
        run: args.at("/run"),
    }
}

/// What is read of people comes before what takes minutes. Of hosts only those that fit `only` are asked.
pub(super) fn inputs(args: &Audit, only: &[Pattern], out: &mut Out<'_>) -> Result<Inputs, Stop> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|pattern| pattern.fits(name));
    let (feeds, sheets, words) = held_against(args)?;
    let mut expected = Expected::read(&args.expect)?;
    for (list, hosts) in words.hosts() {
        expected.add(list, hosts.into_iter());
    }
    let here = args.inventory.is_empty() && args.ssh.is_empty();
    let mut hosts = if here {
        vec![this_host(args, &crate::check::this_host()?)]
    } else {
        hosts(&args.inventory)
    };
    if !args.ssh.is_empty() {
        let mut targets = args.ssh.targets(&hosts)?;
        targets.retain(|target| wanted(&target.name));
        if !targets.is_empty() {
            hosts.extend(args.ssh.collect_from(&targets, out)?);
        }
    }
    hosts.retain(|host| wanted(&host.name));
    let any_dpkg = hosts.iter().any(|host| host.dpkg.is_some());
    let (patch, exceptions) = compile(args, &feeds, any_dpkg)?;
    let mut bench = Bench::new(feeds, patch, sheets, clock::now(), args.feed_age);
    bench.words = words;
    Ok(Inputs {
        hosts,
        bench,
        exceptions,
        expected,
        here: here.then(|| roots(args)),
    })
}

/// How what was named was understood, and what of it was not: a line each.
pub(super) fn understood(bench: &Bench) -> Vec<String> {
    let mut notes = bench.sheets.told(&bench.feeds);
    notes.extend(bench.words.understood());
    notes.extend(bench.rejects());
    let age = bench.feed_age.plain();
    notes.extend(bench.old().into_iter().map(|(feed, day)| {
        format!("{feed} is of {day}, older than {age}: nothing that rests on it is green")
    }));
    notes
}

pub(super) fn audit(args: &Audit, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let Inputs {
        hosts: all,
        bench,
        exceptions,
        expected,
        here,
    } = inputs(args, &[], out)?;
    let mut desk = Desk::new(args, &exceptions, out);
    for note in understood(&bench) {
        desk.say(&note)?;
    }
    let (mut judged, mut failed) = (0, Vec::new());
    for host in &all {
        failed.extend(ssh::faults(host));
        judged += usize::from(!host.is_empty());
        let rows = judge(host, &bench, here.as_ref());
        desk.tally.packages += rows.packages;
        desk.tally.unknown += rows.unread;
        desk.held.extend(rows.held);
        if rows.unjudged {
            desk.unjudged.push(host.name.clone());
        }
        for note in &rows.notes {
            desk.say(note)?;
        }
        for line in rows.lines {
            desk.put(line)?;
        }
    }
    let read = all.iter().filter(|host| !host.is_empty());
    let answered: Vec<String> = read.map(|host| host.name.clone()).collect();
    expected.tell(&answered, &mut desk)?;
    for note in bench.words.told(&desk.held, bench.now) {
        desk.say(&note)?;
    }
    desk.tell_missed()?;
    let tally = desk.tally;
    let unjudged = std::mem::take(&mut desk.unjudged);
    for fault in &failed {
        writeln!(out.talk, "{fault}")?;
    }
    if judged == 0 && args.ssh.is_empty() {
        return Ok(Exit::Usage); // every input was bad, and each has been told
    }
    close(&bench, tally, &unjudged, (judged, all.len()), out)?;
    let found = tally.missing + tally.unknown + tally.contradicted + tally.no_fix > 0;
    let whole = failed.is_empty() && judged == all.len();
    Ok(match (whole, found || !bench.old().is_empty()) {
        (false, _) => Exit::Partial,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Nothing,
    })
}

/// The last words: of how many, by what, and what was not judged.
fn close(
    bench: &Bench,
    tally: Tally,
    unjudged: &[String],
    (judged, all): (usize, usize),
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    if !unjudged.is_empty() {
        let hosts = unjudged.join(", ");
        writeln!(
            out.talk,
            "without an os-release it was not judged whether the release is still mended: {hosts}"
        )?;
    }
    writeln!(
        out.talk,
        "{} of {judged} of {all} hosts judged against {}: {}",
        plural(tally.packages, "package"),
        bench.named(),
        tally.words(),
    )?;
    Ok(())
}

fn of_word(error: &WordUnread) -> Fault {
    Fault::new(&fault::DEPLOYER_UNREADABLE, &error.why).at(error.path.display())
}

fn of_sheet(error: &SheetUnread) -> Fault {
    let code = if error.memory {
        &fault::MAPPING_UNREADABLE
    } else {
        &fault::BASELINE_UNREADABLE
    };
    let fault = Fault::new(code, &error.why);
    match &error.path {
        Some(path) => fault.at(path.display()),
        None => fault,
    }
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

/// What is on this host.
pub(super) fn this_host(args: &Audit, me: &Host) -> HostFiles {
    let status = args.at(STATUS);
    let mut host = HostFiles {
        name: me.to_string(),
        ..HostFiles::default()
    };
    match inventory(&status) {
        Ok(listing) => host.dpkg = Some(listing),
        Err(why) => host.failed.push((status.clone(), why.why.to_string())),
    }
    if let Ok(status) = std::fs::read(status) {
        host.built_from = read_sources(&status); // what cannot be read is told above
    }
    if let Ok(bytes) = std::fs::read(args.at("/etc/os-release")) {
        host.os = pkgdb::Os::read(&bytes).ok(); // ok: because then the host does not say what it runs, which is told
    }
    host
}

/// The compiled policy with Debian's indexes: those that were named, or apt's own where none were.
pub(super) fn compile(
    args: &Audit,
    feeds: &Feeds,
    any_dpkg: bool,
) -> Result<(Patch, Vec<Exception>), Fault> {
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
