//! The plan itself. Pure: the same audit gives the same plan, whatever the order of its rows.

use std::{cmp::Ordering, collections::BTreeMap};

use cordon_model::{Severity, Time};

use super::{
    Cannot, Deed, HostPlan, HostRows, Mends, NotMended, Open, OpenState, Plan, Rank, Reach,
    Restart, SCHEMA, Step, Update, Upgrade, reach::short,
};
use crate::policy::order_of;

/// Packages that no process can let go of: only a restart of the host puts them in force.
const OF_THE_HOST: [&str; 14] = [
    "glibc",
    "libc6",
    "musl",
    "systemd",
    "dbus",
    "dbus-broker",
    "dbus-daemon",
    "kernel",
    "kernel-core",
    "kernel-default",
    "kernel-modules",
    "kernel-rt",
    "linux-lts",
    "linux-virt",
];

/// Rows of what runs that only a restart of the host mends.
const RUNS_WITH_THE_HOST: [&str; 2] = ["kernel", "restart"];

/// Most files that a step to restart services names; what is beyond is mended by it all the same.
const MAX_NAMED: usize = 50;

/// Makes the plan of a fleet.
pub fn make(hosts: &[HostRows], reachable: &[Reach], made: Time) -> Plan {
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        made,
        hosts: Vec::new(),
        not_mended: Vec::new(),
        cannot: Vec::new(),
    };
    let mut by_name: BTreeMap<String, Vec<&Reach>> = BTreeMap::new();
    for one in reachable {
        by_name.entry(short(&one.host)).or_default().push(one);
    }
    for host in hosts {
        if let Some(why) = &host.not_audited {
            let (host, why) = (host.host.clone(), why.clone());
            plan.cannot.push(Cannot { host, why });
            continue;
        }
        let alike = by_name.get(&short(&host.host));
        let mine = alike.into_iter().flatten().copied();
        let mine: Vec<&Reach> = mine.filter(|one| one.is_on(&host.host)).collect();
        let mut on_host = OnHost {
            host,
            reachable: &mine,
            not_mended: Vec::new(),
        };
        let steps = on_host.steps();
        plan.not_mended.append(&mut on_host.not_mended);
        if !steps.is_empty() {
            plan.hosts.push(HostPlan {
                host: host.host.clone(),
                kind: host.kind,
                steps,
            });
        }
    }
    plan.hosts.sort_by(|a, b| a.host.cmp(&b.host));
    plan.not_mended.sort();
    plan.not_mended.dedup();
    plan.cannot.sort();
    plan
}

/// What is planned of one host.
struct OnHost<'a> {
    host: &'a HostRows,
    reachable: &'a [&'a Reach],
    not_mended: Vec<NotMended>,
}

/// What one package must become, and the rows that ask for it.
struct Target<'a> {
    name: &'a str,
    arch: &'a str,
    built_from: Option<&'a str>,
    from: &'a str,
    to: &'a str,
    rows: Vec<&'a Open>,
}

impl<'a> OnHost<'a> {
    fn steps(&mut self) -> Vec<Step> {
        let host = self.host;
        let (mut packages, mut updates, mut files, mut restarts) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in &host.rows {
            match self.sort(row) {
                Sort::Package { from, to } => packages.push((row, from, to)),
                Sort::Update => updates.push(row),
                Sort::File => files.push(row),
                Sort::Host => restarts.push(row),
                Sort::Not { why, excepted } => self.leave(row, why, excepted),
            }
        }
        let mut steps = self.upgrades(packages);
        steps.extend(self.installs(&updates));
        if restarts.is_empty() {
            steps.extend(self.services(&files));
        } else {
            // A host that is restarted restarts its services.
            restarts.append(&mut files);
            steps.push(self.step(Deed::RestartHost, Restart::Host, &restarts));
        }
        in_order(steps, &host.updates)
    }

    fn leave(&mut self, row: &Open, why: String, excepted: bool) {
        let package = if row.arch.is_empty() {
            row.package.clone()
        } else {
            format!("{}:{}", row.package, row.arch)
        };
        self.not_mended.push(NotMended {
            host: self.host.host.clone(),
            package,
            requirement: row.requirement.clone(),
            why,
            excepted,
        });
    }

    /// What kind of deed mends a row, if any does.
    fn sort(&self, row: &'a Open) -> Sort<'a> {
        let not = |why: &str| Sort::Not {
            why: why.to_owned(),
            excepted: false,
        };
        let reason = || row.reason.as_deref();
        match row.state {
            OpenState::NoFix => not(reason().unwrap_or("nobody has a fix")),
            OpenState::Unknown => not(reason().unwrap_or("nobody can tell")),
            OpenState::Excepted => Sort::Not {
                why: reason().unwrap_or("excepted").to_owned(),
                excepted: true,
            },
            OpenState::NotRunning if RUNS_WITH_THE_HOST.contains(&row.package.as_str()) => {
                Sort::Host
            }
            OpenState::NotRunning if row.package.starts_with('/') => Sort::File,
            OpenState::NotRunning => Sort::Host,
            OpenState::Missing | OpenState::Contradicted => self.sort_missing(row),
        }
    }

    fn sort_missing(&self, row: &'a Open) -> Sort<'a> {
        let not = |why: &str| Sort::Not {
            why: why.to_owned(),
            excepted: false,
        };
        let Some(kind) = self.host.kind else {
            return not("it is not known which package manager the host has");
        };
        let Some(order) = order_of(kind) else {
            return if is_update(&row.package) {
                Sort::Update
            } else {
                not("no update of Windows is named that would do")
            };
        };
        match (&row.installed, &row.fixed) {
            (_, None) => not(row
                .reason
                .as_deref()
                .unwrap_or("no version is named that would do")),
            (None, Some(_)) => not("it is not installed, and a plan upgrades: install it by hand"),
            (Some(_), Some(fixed)) if vercmp::check(order, fixed).is_err() => {
                let why = format!("`{fixed}` is not one whole version");
                Sort::Not {
                    why,
                    excepted: false,
                }
            }
            (Some(from), Some(to)) => Sort::Package { from, to },
        }
    }

    /// Packages of one source together, each in the newest version that any of its rows asks for.
    fn upgrades(&self, rows: Vec<(&'a Open, &'a str, &'a str)>) -> Vec<Step> {
        let Some(order) = self.host.kind.and_then(order_of) else {
            return Vec::new();
        };
        let mut targets: BTreeMap<(&str, &str), Target<'a>> = BTreeMap::new();
        // A row that tells no architecture speaks of the package in whichever it is there.
        let (told, bare): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|(row, _, _)| !row.arch.is_empty());
        for (row, from, to) in told.into_iter().chain(bare) {
            let (name, arch) = (row.package.as_str(), row.arch.as_str());
            let mut mine: Vec<(&str, &str)> = targets
                .keys()
                .filter(|(known, other)| *known == name && (*other == arch || arch.is_empty()))
                .copied()
                .collect();
            if mine.is_empty() {
                mine.push((name, arch));
            }
            for key in mine {
                let target = targets.entry(key).or_insert_with(|| Target {
                    name,
                    arch,
                    built_from: row.built_from.as_deref(),
                    from,
                    to,
                    rows: Vec::new(),
                });
                if vercmp::compare(order, target.to, to) == Ok(Ordering::Less) {
                    target.to = to;
                }
                target.rows.push(row);
            }
        }
        let mut sources: BTreeMap<&str, Vec<Target<'a>>> = BTreeMap::new();
        for target in targets.into_values() {
            let source = target.built_from.unwrap_or(target.name);
            sources.entry(source).or_default().push(target);
        }
        let steps = sources.into_values().map(|targets| {
            let restart = targets.iter().map(|one| restart(one.name, one.built_from));
            let restart = restart.max().unwrap_or(Restart::Nothing);
            let rows: Vec<&Open> = targets.iter().flat_map(|one| one.rows.clone()).collect();
            let packages = targets.iter().map(|one| Upgrade {
                name: one.name.to_owned(),
                arch: one.arch.to_owned(),
                from: one.from.to_owned(),
                to: one.to.to_owned(),
            });
            self.step(Deed::Upgrade(packages.collect()), restart, &rows)
        });
        steps.collect()
    }

    /// The updates that the feed's own plan names, and those that only a sheet or a bulletin asks for.
    fn installs(&self, rows: &[&Open]) -> Vec<Step> {
        let mut by_update: BTreeMap<&str, Vec<&Open>> = BTreeMap::new();
        for row in rows {
            let name = row.package.as_str();
            let brings = |update: &&Update| update.brings.iter().any(|one| one == name);
            let brought = self.host.updates.iter().find(brings);
            let key = brought.map_or(name, |update| update.kb.as_str());
            by_update.entry(key).or_default().push(row);
        }
        let mut steps = Vec::new();
        for (kb, rows) in by_update {
            let known = self.host.updates.iter().find(|one| one.kb == kb);
            let restart = match known.and_then(|one| one.restart) {
                Some(false) => Restart::Nothing,
                Some(true) | None => Restart::Host,
            };
            let deed = Deed::Install {
                kb: kb.to_owned(),
                title: known.map_or_else(String::new, |one| one.title.clone()),
                fixes: known.map_or(0, |one| one.fixes),
            };
            let mut step = self.step(deed, restart, &rows);
            if known.is_some_and(|one| one.exploited) {
                step.rank = step.rank.min(Rank::Exploited);
            }
            steps.push(step);
        }
        // What goes before the others is as urgent as they are.
        let worst = steps.iter().map(|step| step.rank).min();
        for step in &mut steps {
            let first = place_of(step, &self.host.updates).is_some_and(|(first, _)| first);
            if let (true, Some(worst)) = (first, worst) {
                step.rank = worst;
            }
        }
        steps
    }

    fn services(&self, files: &[&Open]) -> Option<Step> {
        let names = files.iter().take(MAX_NAMED);
        let names: Vec<String> = names.map(|row| row.package.clone()).collect();
        let deed = Deed::RestartServices(names);
        (!files.is_empty()).then(|| self.step(deed, Restart::Services, files))
    }

    fn step(&self, deed: Deed, needs_restart: Restart, rows: &[&Open]) -> Step {
        let mut why: Vec<Mends> = rows.iter().map(|row| self.mends(row)).collect();
        let place = |one: &Mends| {
            (
                one.rank,
                one.due.is_none(),
                one.due.clone(),
                (one.package.clone(), one.arch.clone()),
                (one.requirement.clone(), one.fixed.clone()),
                one.advisories.clone(),
            )
        };
        why.sort_by_cached_key(place);
        why.dedup();
        Step {
            deed,
            rank: why.first().map_or(Rank::Rest, |one| one.rank),
            needs_restart,
            why,
        }
    }

    fn mends(&self, row: &Open) -> Mends {
        let mut reachable: Vec<String> = self
            .reachable
            .iter()
            .filter(|one| one.is(&row.package, row.built_from.as_deref()))
            .map(|one| one.place())
            .collect();
        reachable.sort();
        reachable.dedup();
        let rank = match row.severity {
            _ if row.wormable && !reachable.is_empty() => Rank::ReachableAndWormable,
            _ if row.exploited => Rank::Exploited,
            Some(Severity::Critical) => Rank::Critical,
            Some(Severity::High) => Rank::High,
            Some(Severity::Medium) => Rank::Medium,
            Some(Severity::Low) => Rank::Low,
            Some(Severity::Info) | None => Rank::Rest,
        };
        Mends {
            requirement: row.requirement.clone(),
            package: row.package.clone(),
            arch: row.arch.clone(),
            rank,
            installed: row.installed.clone(),
            fixed: row.fixed.clone(),
            advisories: row.advisories.clone(),
            cves: row.cves.clone(),
            reachable,
            wormable: row.wormable,
            exploited: row.exploited,
            asked: row.asked,
            owner: row.owner.clone(),
            due: row.due.clone(),
        }
    }
}

enum Sort<'a> {
    Package { from: &'a str, to: &'a str },
    Update,
    File,
    Host,
    Not { why: String, excepted: bool },
}

/// Steps of one kind of restart together, the most urgent kind first; within it by rank.
fn in_order(mut steps: Vec<Step>, updates: &[Update]) -> Vec<Step> {
    let mut worst: BTreeMap<Restart, Rank> = BTreeMap::new();
    for step in &steps {
        let of_kind = worst.entry(step.needs_restart).or_insert(step.rank);
        *of_kind = step.rank.min(*of_kind);
    }
    steps.sort_by_cached_key(|step| {
        let of_kind = worst.get(&step.needs_restart).copied();
        // What is restarted is restarted after what needs it.
        let is_restart = matches!(step.deed, Deed::RestartHost | Deed::RestartServices(_));
        let place = place_of(step, updates);
        let fewer = std::cmp::Reverse(step.why.iter().map(|one| one.cves.len()).sum::<usize>());
        (
            (of_kind, step.needs_restart, is_restart, step.rank),
            (place.is_none(), place, fewer, name_of(&step.deed)),
        )
    });
    steps
}

/// Whether an update goes before all others, and where the feed's own plan puts it.
fn place_of(step: &Step, updates: &[Update]) -> Option<(bool, usize)> {
    let Deed::Install { kb, .. } = &step.deed else {
        return None;
    };
    let at = updates.iter().position(|one| one.kb == *kb)?;
    updates.get(at).map(|one| (one.first, at))
}

fn name_of(deed: &Deed) -> String {
    match deed {
        Deed::Upgrade(packages) => packages
            .first()
            .map_or_else(String::new, |one| format!("{}:{}", one.name, one.arch)),
        Deed::Install { kb, .. } => kb.clone(),
        Deed::RestartServices(_) => "services".to_owned(),
        Deed::RestartHost => "host".to_owned(),
    }
}

/// What must be restarted after a package of Linux was upgraded.
fn restart(name: &str, built_from: Option<&str>) -> Restart {
    let of_host = |name: &str| OF_THE_HOST.contains(&name);
    // The sources of these build little that does not run everywhere; that of a kernel builds headers and tools too.
    let by_source = built_from.is_some_and(|source| {
        of_host(source) && !source.starts_with("kernel") && !source.starts_with("linux")
    });
    let headers = name.ends_with("-dev") || name.ends_with("-devel") || name.ends_with("-doc");
    if headers {
        return Restart::Nothing;
    }
    if of_host(name) || by_source || name.starts_with("linux-image-") {
        return Restart::Host;
    }
    let library = name.starts_with("lib") || name.ends_with("-libs") || name.contains("-libs-");
    if library {
        Restart::Services
    } else {
        Restart::Nothing
    }
}

/// `KB5034441`.
fn is_update(name: &str) -> bool {
    name.strip_prefix("KB").is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
