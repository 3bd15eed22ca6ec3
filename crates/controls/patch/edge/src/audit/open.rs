//! What an audit says of one host, as the input of a plan.

use cordon_model::{Asked, PackageKind};
use cordon_patch::{
    NOT_RUNNING_WORDS,
    plan::{HostRows, Open, OpenState, Update},
};

use super::row::Line;
use crate::HostFiles;

/// The open rows of a host. `lines` may have been marked as excepted meanwhile.
pub fn host_rows(host: &HostFiles, lines: &[Line], updates: &[Update]) -> HostRows {
    let kind = kind(host);
    HostRows {
        host: host.name.clone(),
        kind,
        not_audited: host.is_empty().then(|| host.why_nothing().to_owned()),
        rows: lines.iter().filter_map(|line| open(host, line)).collect(),
        updates: updates.to_vec(),
    }
}

/// Whose package manager a host has.
fn kind(host: &HostFiles) -> Option<PackageKind> {
    if host.windows.is_some() {
        return Some(PackageKind::Kb);
    }
    if host.dpkg.is_some() {
        return Some(PackageKind::Deb);
    }
    let first = host.packages.as_ref()?.packages.first()?;
    Some(match first.manager {
        pkgdb::Manager::Rpm => PackageKind::Rpm,
        pkgdb::Manager::Apk => PackageKind::Apk,
    })
}

fn open(host: &HostFiles, line: &Line) -> Option<Open> {
    let state = match line.state {
        "missing" if line.is_not_running() => OpenState::NotRunning,
        "missing" => OpenState::Missing,
        "contradicted" => OpenState::Contradicted,
        "no_fix" => OpenState::NoFix,
        "unknown" => OpenState::Unknown,
        "excepted" => OpenState::Excepted,
        _ => return None,
    };
    let asked = if line.in_baseline == Some(true) && line.requirement.is_some() {
        Asked::Baseline
    } else {
        Asked::Feed
    };
    Some(Open {
        requirement: line.requirement.clone(),
        package: line.package.clone(),
        arch: line.arch.clone(),
        built_from: built_from(host, &line.package),
        state,
        reason: line.reason.clone(),
        installed: line.installed.clone(),
        fixed: line.fixed.clone(),
        advisories: line.advisories.clone(),
        cves: line.cves.clone(),
        severity: line.severity.max(line.danger.level),
        exploited: line.exploited,
        wormable: line.danger.wormable,
        asked,
        owner: line.owner.clone(),
        due: line.until.clone(),
    })
}

fn built_from(host: &HostFiles, package: &str) -> Option<String> {
    if let Some(source) = host.built_from.get(package) {
        return Some(source.clone());
    }
    let listing = host.packages.as_ref()?;
    let found = listing.packages.iter().find(|one| one.name == package)?;
    found.source().map(str::to_owned)
}

impl Line {
    /// Whether it is on the disk, and only something older runs.
    pub fn is_not_running(&self) -> bool {
        let reason = self.reason.as_deref();
        self.state == "missing" && reason.is_some_and(|why| why.starts_with(NOT_RUNNING_WORDS))
    }
}
