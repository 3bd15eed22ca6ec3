//! The audit itself: a host's packages against feeds and baseline, one row a judgement. Pure, so that
//! the event loop, the command line and a re-audit of ten thousand hosts all call the same function.

use std::cmp::Ordering;

use cordon_model::{Host, Package, PackageKind, PackageStatus, SetName, SourceName, Text};
use serde::{Deserialize, Serialize};

use crate::{
    feed::Says,
    policy::{Patch, Requirement, order_of},
};

/// One judgement of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// What was asked for.
    pub asked: Requisite<'a>,
    /// The package.
    pub package: &'a SourceName,
    /// Its architecture; empty where it is not there.
    pub arch: &'a str,
    /// Whether it is there.
    pub state: RowState,
    /// The version on the host, if one is.
    pub installed: Option<&'a str>,
    /// The version that is asked for; none where any will do.
    pub fixed: Option<&'a str>,
    /// What the package manager says of it.
    pub status: PackageStatus,
}

/// Who asks for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requisite<'a> {
    /// A feed: it has a fixed version.
    Feed(&'a SetName),
    /// The baseline.
    Baseline(&'a Text),
}

/// The state of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowState {
    /// The host itself has it, whole.
    Proven,
    /// The host itself has an older one, none, or half of it.
    Missing,
    /// It cannot be said, and why.
    Unknown(String),
}

/// A package as a host has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Have {
    /// Whose package manager.
    pub kind: PackageKind,
    /// The version as written.
    pub version: Text,
    /// How far it got.
    pub status: PackageStatus,
}

impl From<&Package> for Have {
    fn from(package: &Package) -> Self {
        let Package {
            kind,
            version,
            status,
            ..
        } = package;
        Self {
            kind: *kind,
            version: version.clone(),
            status: *status,
        }
    }
}

/// A package of a host: name, architecture, what the host has.
pub type Installed<'a> = (&'a SourceName, &'a Text, &'a Have);

impl Patch {
    /// Judges one host: every package that a feed names, and every requirement in whose scope it is.
    pub fn audit<'a>(&'a self, host: &Host, packages: &[Installed<'a>]) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        for (name, arch, have) in packages {
            self.by_feeds(name, arch.as_str(), have, &mut rows);
        }
        for asked in self
            .requirements
            .iter()
            .filter(|asked| asked.hosts.fits(host.as_str()))
        {
            let named = |(name, _, have): &&Installed<'a>| {
                **name == asked.package && have.kind == asked.kind
            };
            rows.push(by_baseline(asked, packages.iter().find(named).copied()));
        }
        rows
    }

    fn by_feeds<'a>(
        &'a self,
        name: &'a SourceName,
        arch: &'a str,
        have: &'a Have,
        rows: &mut Vec<Row<'a>>,
    ) {
        if have.kind != PackageKind::Deb {
            return; // every feed of today is Debian's
        }
        for feed in &self.feeds {
            let (state, fixed) = match feed.says(name.as_str(), arch) {
                Says::Nothing => continue,
                Says::OtherArch => (
                    RowState::Unknown(format!("{} does not cover {arch}", feed.name)),
                    None,
                ),
                Says::FixedIn(fixed) => (state(have, Some(fixed)), Some(fixed)),
            };
            rows.push(Row {
                asked: Requisite::Feed(&feed.name),
                package: name,
                arch,
                state,
                installed: Some(have.version.as_str()),
                fixed,
                status: have.status,
            });
        }
    }
}

fn by_baseline<'a>(asked: &'a Requirement, found: Option<Installed<'a>>) -> Row<'a> {
    let fixed = asked.at_least.as_ref().map(Text::as_str);
    let requisite = Requisite::Baseline(&asked.id);
    match found {
        Some((_, arch, have)) => Row {
            asked: requisite,
            package: &asked.package,
            arch: arch.as_str(),
            state: state(have, fixed),
            installed: Some(have.version.as_str()),
            fixed,
            status: have.status,
        },
        None => Row {
            asked: requisite,
            package: &asked.package,
            arch: "",
            state: RowState::Missing,
            installed: None,
            fixed,
            status: PackageStatus::Absent,
        },
    }
}

/// Proven needs both: a version that is new enough, and an installation that is whole.
fn state(have: &Have, fixed: Option<&str>) -> RowState {
    let installed = have.version.as_str();
    let order = match (fixed, order_of(have.kind)) {
        (Some(fixed), Some(kind)) => {
            vercmp::check(kind, installed).and_then(|()| vercmp::compare(kind, installed, fixed))
        }
        _ => Ok(Ordering::Equal), // nothing to compare: being there is all that is asked
    };
    match (order, have.status) {
        (Err(why), _) => RowState::Unknown(why.to_string()),
        (Ok(Ordering::Less), _) | (Ok(_), PackageStatus::Partial | PackageStatus::Absent) => {
            RowState::Missing
        }
        (Ok(_), PackageStatus::Installed | PackageStatus::Held) => RowState::Proven,
    }
}
