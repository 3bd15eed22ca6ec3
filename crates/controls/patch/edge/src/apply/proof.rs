//! Whether the steps of a host helped, by the rows of an audit that was made after them. An exit code has no say here.

use cordon_model::PackageKind;
use cordon_patch::plan::{Deed, Mends, Proof, Step};
use vercmp::Kind;

use crate::audit::Line;

/// Most rows that a reason names.
const MAX_NAMED: usize = 5;

/// Holds every row that the steps mend against a new audit. `restarted`: the host was restarted since, so that what is
/// installed has to run as well.
pub fn proof(steps: &[Step], kind: Option<PackageKind>, lines: &[Line], restarted: bool) -> Proof {
    let (mut open, mut unclear) = (Vec::new(), Vec::new());
    for step in steps {
        let is_restart = matches!(step.deed, Deed::RestartHost | Deed::RestartServices(_));
        if is_restart && !restarted {
            continue;
        }
        for row in &step.why {
            let verdict = if is_restart {
                runs(row, lines)
            } else {
                installed(row, kind, lines)
            };
            match verdict {
                Ok(true) => {}
                Ok(false) => open.push(named(row, lines)),
                Err(why) => unclear.push(why),
            }
        }
    }
    if !open.is_empty() {
        return Proof::NotYet(short(&open));
    }
    if !unclear.is_empty() {
        return Proof::CannotTell(short(&unclear));
    }
    Proof::Proven
}

fn short(all: &[String]) -> String {
    let mut named: Vec<String> = all.iter().take(MAX_NAMED).cloned().collect();
    if all.len() > MAX_NAMED {
        named.push(format!("{} more", all.len() - MAX_NAMED));
    }
    named.join("; ")
}

/// The lines that answer for a row. A definition of OVAL that is satisfied names no package any more.
fn answers<'l>(row: &'l Mends, lines: &'l [Line]) -> impl Iterator<Item = &'l Line> {
    lines.iter().filter(move |line| {
        let same = line.package == row.package && line.arch == row.arch;
        let definition = row.requirement.as_ref() == Some(&line.package);
        line.requirement == row.requirement && (same || definition)
    })
}

fn installed(row: &Mends, kind: Option<PackageKind>, lines: &[Line]) -> Result<bool, String> {
    let mut answered = false;
    for line in answers(row, lines) {
        match line.state {
            "missing" if line.is_not_running() => {}
            "missing" | "contradicted" => return Ok(false),
            "unknown" if !is_new_enough(row, kind, line) => {
                let why = line.reason.as_deref().unwrap_or("the audit cannot tell");
                return Err(format!("{}: {why}", row.package));
            }
            _ => {}
        }
        answered = true;
    }
    if answered {
        return Ok(true);
    }
    // Of a host that could not be audited there is one row, and it says why.
    let nothing = lines.iter().find(|line| line.package == "inventory");
    let why = nothing.and_then(|line| line.reason.as_deref());
    let why = why.unwrap_or("the new audit says nothing of it");
    Err(format!("{}: {why}", row.package))
}

/// An advisory may have more to ask of a package than the plan mends.
fn is_new_enough(row: &Mends, kind: Option<PackageKind>, line: &Line) -> bool {
    let order = match kind {
        Some(PackageKind::Deb) => Kind::Deb,
        Some(PackageKind::Rpm) => Kind::Rpm,
        Some(PackageKind::Apk) => Kind::Apk,
        Some(PackageKind::Kb) | None => return false,
    };
    let (Some(have), Some(fixed)) = (&line.installed, &row.fixed) else {
        return false;
    };
    vercmp::compare(order, have, fixed).is_ok_and(std::cmp::Ordering::is_ge)
}

/// Whether what is installed runs, on a host that was started anew since: no process is older than that, so a row of old
/// processes that does not come back is mended. Which kernel was started somebody has to see.
fn runs(row: &Mends, lines: &[Line]) -> Result<bool, String> {
    if answers(row, lines).any(|line| line.state == "missing") {
        return Ok(false);
    }
    let seen = answers(row, lines).any(|line| line.state == "proven");
    if row.package != "kernel" || seen {
        return Ok(true);
    }
    let unknown = answers(row, lines).find_map(|line| line.reason.as_deref());
    let why = unknown.unwrap_or("the new audit does not tell which one runs");
    Err(format!("{}: {why}", row.package))
}

fn named(row: &Mends, lines: &[Line]) -> String {
    let line = answers(row, lines).find(|line| matches!(line.state, "missing" | "contradicted"));
    let have = line.and_then(|line| line.installed.as_deref());
    let why = line.and_then(|line| line.reason.as_deref());
    match (have, &row.fixed, why) {
        (Some(have), Some(fixed), _) => format!("{} is {have}, and {fixed} would do", row.package),
        (_, _, Some(why)) => format!("{}: {why}", row.package),
        _ => format!("{} is still missing", row.package),
    }
}
