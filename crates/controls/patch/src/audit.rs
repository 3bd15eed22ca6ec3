//! The audit itself: a host's packages against feeds and baseline, one row a judgement. Pure, so that
//! the event loop, the command line and a re-audit of ten thousand hosts all call the same function.

use std::cmp::Ordering;

use cordon_model::{Host, Package, PackageKind, PackageStatus, Rung, SetName, SourceName, Text};
use serde::{Deserialize, Serialize};

use crate::{
    feed::Says,
    policy::{Patch, order_of},
    requirement::{Demand, Found, Judged, Requirement, Witnesses},
};

/// One judgement of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Which feed has a fixed version.
    pub feed: &'a SetName,
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
    /// Judges every package of one host that a feed names.
    pub fn audit<'a>(&'a self, packages: &[Installed<'a>]) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        for (name, arch, have) in packages {
            self.by_feeds(name, arch.as_str(), have, &mut rows);
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
                feed: &feed.name,
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

/// A host of which its packages are known, and nothing else.
pub(crate) struct Listed<'a> {
    pub(crate) host: &'a Host,
    pub(crate) packages: &'a [Installed<'a>],
}

impl Listed<'_> {
    fn find(&self, kind: Option<PackageKind>, name: &str) -> Found {
        let named = |(of, _, have): &&Installed<'_>| {
            of.as_str() == name && kind.is_none_or(|kind| kind == have.kind)
        };
        match self.packages.iter().find(named) {
            Some((_, _, have)) => Found::There {
                version: have.version.to_string(),
                kind: Some(have.kind),
                status: have.status,
            },
            None => Found::NotListed,
        }
    }
}

const ONLY_PACKAGES: &str = "of this host only its packages are told";

impl Witnesses for Listed<'_> {
    fn host(&self) -> &str {
        self.host.as_str()
    }

    fn system(&self) -> Option<&str> {
        None
    }

    fn can_have(&self, _: &Demand) -> Result<(), String> {
        Ok(())
    }

    fn package(&self, kind: Option<PackageKind>, name: &str) -> Found {
        self.find(kind, name)
    }

    fn file(&self, _: &str) -> Found {
        Found::NotTold(ONLY_PACKAGES.to_owned())
    }

    fn registry(&self, _: &str) -> Found {
        Found::NotTold(ONLY_PACKAGES.to_owned())
    }

    fn setting(&self, _: &str) -> Found {
        Found::NotTold(ONLY_PACKAGES.to_owned())
    }

    fn updates(&self, _: &Requirement, kbs: &[u32]) -> Judged {
        let names = || kbs.iter().map(|kb| format!("KB{kb}"));
        let listed = names().find(|name| {
            let found = self.find(Some(PackageKind::Kb), name);
            matches!(found, Found::There { status, .. } if status != PackageStatus::Partial)
        });
        let no = "the host does not list it";
        listed.map_or_else(
            || Judged::listed(Rung::No(no.into()), no.to_owned()),
            |name| {
                let words = format!("the host lists {name}");
                Judged::listed(Rung::Yes(Text::new(&words)), words)
            },
        )
    }

    fn running(&self, _: &str) -> Option<Rung> {
        None
    }

    fn deployer(&self, _: &Requirement) -> Option<Rung> {
        None
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
