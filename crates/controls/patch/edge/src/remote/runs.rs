//! What of a host runs that is not what it has installed, from the parts of its bundle. Over SSH only what was
//! replaced or deleted is seen: that a file was overwritten in place shows in no file that a script can compare.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
};

use super::{Parts, frame::shown};
use crate::running::{
    Boot, Build, How, Installed, Kernel, Livepatch, Looked, MAX_PROCESSES, Reboot, Running, Stale,
    TICKS_PER_SEC, Unseen, judge_kernel, maps,
};

/// Most kernels on the disk that a sentence names.
const MAX_NAMED: usize = 5;

/// Why nothing can be said of a build over SSH.
const NOT_READ: &str = "builds are not read over SSH";

pub(super) fn running(parts: &mut Parts, installed: &[Installed]) -> Running {
    let (mut looked, mut unseen) = (Looked::default(), Vec::new());
    let (names, blind) = processes(parts, &mut looked, &mut unseen);
    let boot_secs = boot_secs(parts);
    let told = parts.said("stale").map(Option::unwrap_or_default); // default: because no line is none
    let stale = match told {
        Ok(text) => stale(&text, boot_secs, &names, &mut looked, &mut unseen),
        Err(why) => {
            unseen.push(nobody(why));
            Vec::new()
        }
    };
    unseen.extend(blind.map(nobody));
    Running {
        stale,
        kernel: kernel(parts, installed),
        reboot: reboot(parts),
        looked,
        unseen,
    }
}

fn nobody(why: String) -> Unseen {
    Unseen {
        pid: 0,
        process: String::new(),
        path: None,
        why,
    }
}

/// When the host started; none costs only the start of processes.
fn boot_secs(parts: &mut Parts) -> Option<u64> {
    let line = parts.line("boot").ok()?; // ok: because it decides nothing
    maps::boot_secs(line.as_bytes()).ok() // ok: likewise
}

/// `/proc/12/status:Name:\tcat` and `/proc/12/maps:31` begin with the number of a process.
fn pid_of(line: &str) -> Option<(u32, &str)> {
    let rest = line.strip_prefix("/proc/")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (pid, rest) = rest.split_at_checked(end)?;
    Some((pid.parse().ok()?, rest)) // ok: because what has no number is no process
}

type Names = BTreeMap<u32, String>;

/// Who runs, and how many of them this user may look at. The names, and why even that is not known.
fn processes(
    parts: &mut Parts,
    looked: &mut Looked,
    unseen: &mut Vec<Unseen>,
) -> (Names, Option<String>) {
    let mut text = |name: &str| {
        let text = parts.said(name)?.unwrap_or_default(); // default: because no line is none
        Ok::<String, String>(String::from_utf8_lossy(&text).into_owned())
    };
    let (told, seen, still) = match (text("processes"), text("seen"), text("still")) {
        (Ok(told), Ok(seen), Ok(still)) => (told, seen, still),
        (Err(why), _, _) | (_, Err(why), _) | (_, _, Err(why)) => return (Names::new(), Some(why)),
    };
    let pairs = told.lines().filter_map(|line| {
        let (pid, rest) = pid_of(line)?;
        Some((pid, rest.strip_prefix("/status:Name:")?.trim().to_owned()))
    });
    let mut names: Names = pairs.collect();
    if names.is_empty() {
        return (names, Some("no process was told".to_owned()));
    }
    looked.others_hidden = !names.contains_key(&1);
    while names.len() > MAX_PROCESSES {
        names.pop_last();
        looked.beyond_limit += 1;
    }
    let still: BTreeSet<u32> = still
        .lines()
        .filter_map(|line| Some(pid_of(line)?.0))
        .collect();
    let mut counts = BTreeMap::new();
    for line in seen.lines() {
        let Some((pid, rest)) = pid_of(line) else {
            continue; // because grep names /dev/null as well
        };
        let count = rest
            .strip_prefix("/maps:")
            .and_then(|count| count.parse::<u64>().ok()); // ok: because then it is unseen
        counts.extend(count.map(|count| (pid, count)));
    }
    for (pid, process) in &names {
        match counts.get(pid) {
            Some(0) => looked.kernel_threads += 1,
            Some(_) => looked.processes += 1,
            None if !still.contains(pid) => looked.vanished += 1,
            None => unseen.push(Unseen {
                pid: *pid,
                process: process.clone(),
                path: None,
                why: format!("this user may not look at {process}"),
            }),
        }
    }
    (names, None)
}

/// `replaced 4711 /proc/12/maps:7f… r-xp … /usr/lib/libz.so.1 (deleted)`, one a mapping.
fn stale(
    text: &[u8],
    boot_secs: Option<u64>,
    names: &Names,
    looked: &mut Looked,
    unseen: &mut Vec<Unseen>,
) -> Vec<Stale> {
    let mut all = BTreeMap::new();
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let Some(read) = one_stale(line) else {
            let why = format!("a mapping was not understood: {:?}", shown(line));
            unseen.push(nobody(why));
            continue;
        };
        looked.files += 1;
        if maps::made_at_run_time(&read.raw) {
            looked.made_at_run_time += 1;
            continue;
        }
        let path = maps::names(&read.raw).into_iter().next();
        let path = path.map_or(read.raw, |name| name.path);
        let start = boot_secs.map(|boot| boot.saturating_add(read.ticks / TICKS_PER_SEC));
        let stale = Stale {
            pid: read.pid,
            process: names.get(&read.pid).cloned().unwrap_or_default(), // default: because it began after the names were told
            started_secs: start.unwrap_or(0), // 0: because the host does not say when it started
            path: OsStr::from_bytes(&path).into(),
            root: format!("/proc/{}/root", read.pid).into(),
            how: read.how,
        };
        all.entry((read.pid, path)).or_insert(stale);
    }
    all.into_values().collect()
}

struct Mapped {
    how: How,
    ticks: u64,
    pid: u32,
    raw: Vec<u8>,
}

fn one_stale(line: &[u8]) -> Option<Mapped> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (word, rest) = (line.get(..space)?, line.get(space + 1..)?);
    let how = match word {
        b"deleted" => How::Deleted,
        b"replaced" => How::Replaced {
            runs: Build::Unread(NOT_READ.to_owned()),
            on_disk: Build::Unread(NOT_READ.to_owned()),
        },
        _ => return None,
    };
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let ticks = str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?; // ok: because the caller tells of the line
    let rest = rest.get(space + 1..)?;
    let mark = b"/maps:";
    let at = memchr::memmem::find(rest, mark)?;
    let (pid, _) = pid_of(str::from_utf8(rest.get(..at)?).ok()?)?; // ok: likewise
    let mapping = maps::executable_mappings(rest.get(at + mark.len()..)?);
    let mapping = mapping.ok()?.into_iter().next()?; // ok: likewise
    Some(Mapped {
        how,
        ticks,
        pid,
        raw: mapping.name,
    })
}

fn kernel(parts: &mut Parts, installed: &[Installed]) -> Kernel {
    let livepatches = livepatches(parts);
    let container = parts.said("container");
    let on_disk = on_disk(parts);
    let (release, build) = match (parts.line("kernel"), parts.line("kernel-build")) {
        (Ok(release), Ok(build)) => (release, build),
        (Err(why), _) | (Ok(_), Err(why)) => {
            return Kernel {
                release: String::new(),
                boot: Boot::Unknown { why },
                livepatches,
            };
        }
    };
    let boot = match container {
        Ok(None) => match judge_kernel(&release, &build, installed) {
            Boot::Unknown { why } => Boot::Unknown {
                why: format!("{why}{on_disk}"),
            },
            told => told,
        },
        Ok(Some(marks)) => Boot::Unknown {
            why: format!(
                "it is a container ({}): its kernel is its host's",
                String::from_utf8_lossy(&marks).trim().replace('\n', ", ")
            ),
        },
        Err(why) => Boot::Unknown {
            why: format!("whether it is a container is not known: {why}"),
        },
    };
    Kernel {
        release,
        boot,
        livepatches,
    }
}

/// The kernels that lie on the disk, for who must find out what no package says.
fn on_disk(parts: &mut Parts) -> String {
    let all = match parts.said("kernels") {
        Ok(None) => return "; none lies in /boot".to_owned(),
        Ok(Some(all)) => String::from_utf8_lossy(&all).into_owned(),
        Err(why) => return format!("; {why}"),
    };
    let named: Vec<&str> = all.lines().take(MAX_NAMED).collect();
    let more = all.lines().count() - named.len();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("; on the disk: {}{more}", named.join(", "))
}

fn livepatches(parts: &mut Parts) -> Result<Vec<Livepatch>, String> {
    let text = parts.said("livepatches")?.unwrap_or_default(); // default: because no line is none
    let text = String::from_utf8_lossy(&text);
    let read = |line: &str| {
        let mut fields = line.split('\t');
        let (Some(name), Some(enabled), Some(transition)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(format!(
                "livepatches: expected three fields, found {line:?}"
            ));
        };
        Ok(Livepatch {
            name: name.to_owned(),
            enabled: enabled == "1",
            in_transition: transition == "1",
        })
    };
    text.lines().map(read).collect()
}

fn reboot(parts: &mut Parts) -> Reboot {
    let marks = match parts.said("restart") {
        Err(why) => return Reboot::Unknown { why },
        Ok(None) => return Reboot::NotAsked,
        Ok(Some(marks)) => marks,
    };
    let asking = match parts.said("restart-packages") {
        Err(why) => return Reboot::Unknown { why },
        Ok(packages) => packages.unwrap_or(marks), // or: because who asks need not say for whom
    };
    let asking = String::from_utf8_lossy(&asking);
    let mut packages: Vec<String> = asking.lines().map(|line| line.trim().to_owned()).collect();
    packages.retain(|package| !package.is_empty());
    packages.sort();
    packages.dedup();
    Reboot::Required { packages }
}
