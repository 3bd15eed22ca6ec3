//! A plan as a person reads it: by host, or by step where many hosts share it.

use std::collections::BTreeMap;

use cordon_model::plural;
use cordon_patch::plan::{Deed, Mends, Plan, Rank, Restart, Step, Upgrade};

use crate::{
    command::{Out, Stop},
    page::inert,
};

/// With more hosts than these a plan is shown by step.
const MANY_HOSTS: usize = 10;

/// Most hosts that a step names, and most vulnerabilities that a row does, without --all.
const MAX_NAMED: usize = 12;

pub(super) fn show(plan: &Plan, all: bool, out: &mut Out<'_>) -> Result<(), Stop> {
    if plan.hosts.len() > MANY_HOSTS && !all {
        by_step(plan, out)?;
    } else {
        by_host(plan, all, out)?;
    }
    for one in &plan.not_mended {
        let package = inert(&named(one.requirement.as_deref(), &one.package));
        let state = if one.excepted {
            "excepted"
        } else {
            "not mended"
        };
        let (host, why) = (inert(&one.host), inert(&one.why));
        writeln!(out.data, "{state:<12} {host:<16} {package:<32} {why}")?;
    }
    for one in &plan.cannot {
        let (host, why) = (inert(&one.host), inert(&one.why));
        writeln!(out.data, "{:<12} {host:<16} {why}", "not audited")?;
    }
    Ok(())
}

fn named(requirement: Option<&str>, package: &str) -> String {
    match requirement {
        Some(asked) if asked != package => format!("{asked}: {package}"),
        _ => package.to_owned(),
    }
}

fn by_host(plan: &Plan, all: bool, out: &mut Out<'_>) -> Result<(), Stop> {
    for host in &plan.hosts {
        writeln!(out.data, "{}", inert(&host.host))?;
        for (nth, step) in (1..).zip(&host.steps) {
            let (rank, deed) = (step.rank.plain(), inert(&plain(&step.deed)));
            let restart = match (&step.deed, step.needs_restart) {
                (Deed::RestartHost | Deed::RestartServices(_), _) | (_, Restart::Nothing) => "",
                (_, Restart::Services) => "; then restart what uses it",
                (_, Restart::Host) => "; then restart the host",
            };
            writeln!(out.data, "  {nth}. {deed} [{rank}]{restart}")?;
            let count = if all { step.why.len() } else { MAX_NAMED };
            for row in step.why.iter().take(count) {
                writeln!(out.data, "     mends {}", inert(&why(row, all)))?;
            }
            if step.why.len() > count {
                writeln!(out.data, "     and {} more (--all)", step.why.len() - count)?;
            }
        }
    }
    Ok(())
}

fn why(row: &Mends, all: bool) -> String {
    let name = named(row.requirement.as_deref(), &row.package);
    let names = if row.cves.is_empty() {
        &row.advisories
    } else {
        &row.cves
    };
    let count = if all { names.len() } else { MAX_NAMED };
    let mut shown: Vec<String> = names.iter().take(count).cloned().collect();
    if names.len() > count {
        shown.push(format!("{} more", names.len() - count));
    }
    let name = if shown.is_empty() {
        name
    } else {
        format!("{name} ({})", shown.join(", "))
    };
    let parts = [
        Some(name),
        row.exploited.then(|| "exploited".to_owned()),
        row.wormable.then(|| "wormable".to_owned()),
        (!row.reachable.is_empty()).then(|| format!("reachable at {}", row.reachable.join(", "))),
        row.owner
            .as_ref()
            .map(|owner| format!("{owner} answers for it")),
        row.due.as_ref().map(|due| format!("due {due}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What is done, in words.
pub(in crate::command::patch) fn plain(deed: &Deed) -> String {
    match deed {
        Deed::Upgrade(packages) => format!("upgrade {}", upgrades(packages)),
        Deed::Install { kb, title, fixes } => {
            let title = if title.is_empty() {
                String::new()
            } else {
                format!(" ({title})")
            };
            let fixes = match fixes {
                0 => String::new(),
                fixes => format!(", mends {}", plural(*fixes, "CVE")),
            };
            format!("install {kb}{title}{fixes}")
        }
        Deed::RestartServices(files) => format!("restart what still runs {}", files.join(", ")),
        Deed::RestartHost => "restart the host".to_owned(),
    }
}

fn upgrades(packages: &[Upgrade]) -> String {
    let mut by_version: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for one in packages {
        let name = match one.arch.as_str() {
            "" => one.name.clone(),
            arch => format!("{}:{arch}", one.name),
        };
        by_version
            .entry((&one.from, &one.to))
            .or_default()
            .push(name);
    }
    let all = by_version
        .iter()
        .map(|((from, to), names)| format!("{} {from} -> {to}", names.join(", ")));
    all.collect::<Vec<_>>().join("; ")
}

/// What hosts share is what becomes of them, not what they had.
fn key(deed: &Deed) -> String {
    match deed {
        Deed::Upgrade(packages) => {
            let all = packages
                .iter()
                .map(|one| format!("{} -> {}", one.name, one.to));
            let mut all: Vec<String> = all.collect();
            all.dedup();
            all.join(", ")
        }
        Deed::RestartServices(_) => "restart services".to_owned(),
        Deed::Install { .. } | Deed::RestartHost => plain(deed),
    }
}

fn by_step(plan: &Plan, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut steps: BTreeMap<(Rank, Restart, String), Vec<&str>> = BTreeMap::new();
    let mut worst: BTreeMap<String, (Rank, Restart)> = BTreeMap::new();
    let all = || {
        plan.hosts
            .iter()
            .flat_map(|host| host.steps.iter().map(move |step| (host, step)))
    };
    for (_, step) in all() {
        let place = |step: &Step| (step.rank, step.needs_restart);
        let of = worst.entry(key(&step.deed)).or_insert_with(|| place(step));
        *of = place(step).min(*of);
    }
    for (host, step) in all() {
        let key = key(&step.deed);
        let (rank, restart) = worst
            .get(&key)
            .copied()
            .unwrap_or((step.rank, step.needs_restart));
        steps
            .entry((rank, restart, key))
            .or_default()
            .push(&host.host);
    }
    let mut steps: Vec<_> = steps.into_iter().collect();
    steps.sort_by_key(|((rank, restart, key), hosts)| {
        (*rank, std::cmp::Reverse(hosts.len()), *restart, key.clone())
    });
    for ((rank, restart, key), hosts) in steps {
        let (count, rank, restart) = (plural(hosts.len(), "host"), rank.plain(), restart.plain());
        writeln!(out.data, "{count}: {} [{rank}; {restart}]", inert(&key))?;
        let shown: Vec<&str> = hosts.iter().take(MAX_NAMED).copied().collect();
        let more = match hosts.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out.data, "    {}{more}", inert(&shown.join(", ")))?;
    }
    Ok(())
}

/// The last words.
pub(super) fn words(plan: &Plan) -> String {
    let steps: usize = plan.hosts.iter().map(|host| host.steps.len()).sum();
    let mends = plan.hosts.iter().flat_map(|host| &host.steps);
    let mends: usize = mends.map(|step| step.why.len()).sum();
    let excepted = plan.not_mended.iter().filter(|one| one.excepted).count();
    let open = plan.not_mended.len() - excepted;
    format!(
        "{} on {} mend {}; {open} not mended, {excepted} excepted, {} not audited",
        plural(steps, "step"),
        plural(plan.hosts.len(), "host"),
        plural(mends, "row"),
        plural(plan.cannot.len(), "host"),
    )
}
