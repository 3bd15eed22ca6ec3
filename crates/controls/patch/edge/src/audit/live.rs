//! Rows of what is installed and is not what runs: of this host, and of those that told it in a bundle. A list of
//! packages calls both patched.

use std::collections::BTreeMap;

use super::{Rows, row::Line};
use crate::{
    HostFiles,
    remote::{RemoteHost, installed},
    running::{Boot, Build, How, Reboot, Roots, Running, Stale, running},
};

/// Most processes that one row names.
const MAX_NAMED: usize = 10;

/// Of this host, as it shows itself below `roots`.
pub(super) fn here(host: &HostFiles, roots: &Roots, rows: &mut Rows) {
    let installed = installed(host.dpkg.as_ref(), host.packages.as_ref());
    match running(roots, &installed) {
        Ok(found) => put(&host.name, &found, "", rows),
        Err(why) => rows.put(Line::unknown(&host.name, "running", &why.to_string())),
    }
}

/// Of a host that told it in a bundle.
pub(super) fn told(host: &HostFiles, remote: &RemoteHost, rows: &mut Rows) {
    let also = if remote.needs_restarting {
        "; needs-restarting is there and was not asked"
    } else {
        ""
    };
    let limits = format!("; what was overwritten in place is not seen from outside{also}");
    put(&host.name, &remote.running, &limits, rows);
}

/// `limits` is what this way of looking cannot see.
fn put(host: &str, found: &Running, limits: &str, rows: &mut Rows) {
    kernel(host, found, rows);
    for (file, stale) in by_file(found) {
        rows.put(of_file(host, &file, &stale));
    }
    unseen(host, found, limits, rows);
}

fn kernel(host: &str, found: &Running, rows: &mut Rows) {
    let line = |state| Line {
        installed: Some(found.kernel.release.clone()),
        evidence: format!("uname says {}", found.kernel.release),
        ..Line::of(host, "kernel", state)
    };
    rows.put(match &found.kernel.boot {
        Boot::Newest { .. } => line("proven"),
        Boot::Behind {
            package,
            version,
            release,
        } => {
            let why = format!("{package} {version} waits for a restart");
            Line {
                fixed: Some(release.clone()),
                ..line("missing").not_running(&why)
            }
        }
        Boot::Unknown { why } => Line {
            reason: Some(why.clone()),
            ..line("unknown")
        },
    });
    match &found.reboot {
        Reboot::NotAsked => {}
        Reboot::Required { packages } => {
            let why = format!("a restart is asked for by {}", packages.join(", "));
            rows.put(Line {
                evidence: "reboot-required".to_owned(),
                ..Line::of(host, "restart", "missing").not_running(&why)
            });
        }
        Reboot::Unknown { why } => rows.put(Line::unknown(host, "restart", why)),
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
    let line = Line {
        installed,
        fixed,
        evidence,
        ..Line::of(host, file, state)
    };
    let why = format!("it {what} after they began: {named}");
    if state == "missing" {
        return line.not_running(&why);
    }
    Line {
        reason: Some(format!("installed, not running: {why}")),
        ..line
    }
}

/// What could not be looked at is told once.
fn unseen(host: &str, found: &Running, limits: &str, rows: &mut Rows) {
    let looked = &found.looked;
    if found.unseen.is_empty() && !looked.others_hidden && looked.beyond_limit == 0 {
        let files = match looked.files {
            0 => String::new(),
            files => format!(", {files} files"),
        };
        let evidence = format!("{} processes{files}{limits}", looked.processes);
        if found.stale.is_empty() {
            rows.put(Line {
                evidence,
                ..Line::of(host, "running", "proven")
            });
        }
        return;
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
    rows.put(Line::unknown(host, "running", &why));
}
