//! Rows of this host alone: what is installed and is not what runs. A list of packages calls both patched.

use std::collections::BTreeMap;

use cordon_patch_edge::{
    HostFiles,
    running::{Boot, Build, How, Installed, Reboot, Roots, Running, Stale, running},
};
use vercmp::Kind;

use super::{
    Audit,
    line::{Desk, Line},
};
use crate::command::Stop;

/// Most processes that one row names.
const MAX_NAMED: usize = 10;

pub(super) fn rows(host: &HostFiles, args: &Audit, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    let roots = Roots {
        proc: args.at("/proc"),
        sys: args.at("/sys"),
        run: args.at("/run"),
    };
    let packages = host.dpkg.iter().flat_map(|dpkg| &dpkg.entries);
    let installed: Vec<Installed> = packages
        .map(|package| Installed {
            kind: Kind::Deb,
            name: package.name.to_string(),
            version: package.version.to_string(),
            arch: package.arch.to_string(),
        })
        .collect();
    let found = match running(&roots, &installed) {
        Ok(found) => found,
        Err(why) => return desk.put(Line::unknown(&host.name, "running", &why.to_string())),
    };
    kernel(&host.name, &found, desk)?;
    for (file, stale) in by_file(&found) {
        desk.put(of_file(&host.name, &file, &stale))?;
    }
    unseen(&host.name, &found, desk)
}

fn kernel(host: &str, found: &Running, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    let line = |state| Line {
        installed: Some(found.kernel.release.clone()),
        evidence: format!("uname says {}", found.kernel.release),
        ..Line::of(host, "kernel", state)
    };
    desk.put(match &found.kernel.boot {
        Boot::Newest { .. } => line("proven"),
        Boot::Behind {
            package,
            version,
            release,
        } => Line {
            fixed: Some(release.clone()),
            reason: Some(format!(
                "installed, not running: {package} {version} waits for a restart"
            )),
            ..line("missing")
        },
        Boot::Unknown { why } => Line {
            reason: Some(why.clone()),
            ..line("unknown")
        },
    })?;
    match &found.reboot {
        Reboot::NotAsked => Ok(()),
        Reboot::Required { packages } => desk.put(Line {
            reason: Some(format!(
                "installed, not running: a restart is asked for by {}",
                packages.join(", ")
            )),
            evidence: "reboot-required".to_owned(),
            ..Line::of(host, "restart", "missing")
        }),
        Reboot::Unknown { why } => desk.put(Line::unknown(host, "restart", why)),
    }
}

/// The processes of each file, as seen from their own root.
fn by_file(found: &Running) -> BTreeMap<String, Vec<&Stale>> {
    let mut files = BTreeMap::<String, Vec<&Stale>>::new();
    for stale in found.stale.iter().filter(|stale| !stale.how.same_build()) {
        let file = stale.path.display().to_string();
        files.entry(file).or_default().push(stale);
    }
    files
}

fn of_file(host: &str, file: &str, all: &[&Stale]) -> Line {
    let mut named: Vec<String> = all
        .iter()
        .take(MAX_NAMED)
        .map(|stale| format!("{} ({})", stale.process, stale.pid))
        .collect();
    if all.len() > MAX_NAMED {
        named.push(format!("{} more", all.len() - MAX_NAMED));
    }
    let named = named.join(", ");
    let how = all.first().map(|stale| &stale.how);
    let (state, what) = match how {
        Some(How::Replaced { .. }) => ("missing", "was replaced"),
        Some(How::Deleted) => ("missing", "was deleted"),
        Some(How::Overwritten { .. }) => ("missing", "was overwritten in place"),
        Some(How::Suspected { .. }) | None => ("unknown", "was changed"),
    };
    let build = |build: &Build| match build {
        Build::Id(id) => Some(id.clone()),
        Build::Without | Build::Unread(_) => None,
    };
    let (installed, fixed, evidence) = match how {
        Some(How::Replaced { runs, on_disk }) => (
            build(runs),
            build(on_disk),
            "another file has its name".to_owned(),
        ),
        Some(How::Deleted) => (None, None, "no file has its name".to_owned()),
        Some(How::Overwritten { evidence, on_disk }) => (None, build(on_disk), evidence.clone()),
        Some(How::Suspected { why }) => (None, None, why.clone()),
        None => (None, None, String::new()),
    };
    Line {
        installed,
        fixed,
        evidence,
        reason: Some(format!(
            "installed, not running: it {what} after they began: {named}"
        )),
        ..Line::of(host, file, state)
    }
}

/// What could not be looked at is told once.
fn unseen(host: &str, found: &Running, desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
    let looked = &found.looked;
    if found.unseen.is_empty() && !looked.others_hidden && looked.beyond_limit == 0 {
        let evidence = format!("{} processes, {} files", looked.processes, looked.files);
        if found.stale.is_empty() {
            return desk.put(Line {
                evidence,
                ..Line::of(host, "running", "proven")
            });
        }
        return Ok(());
    }
    let hidden = if looked.others_hidden {
        "; the processes of others are hidden"
    } else {
        ""
    };
    let first = found
        .unseen
        .first()
        .map_or_else(String::new, |one| format!(", the first: {}", one.why));
    let why = format!(
        "{} processes or files could not be looked at{hidden}{first}; as root more can be seen",
        found.unseen.len() as u64 + looked.beyond_limit
    );
    desk.put(Line::unknown(host, "running", &why))
}
