//! What is fixed, by feed: a security index of packages, compiled once for all hosts.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Set, SetName, Time};
use vercmp::Kind;

use crate::deb822::{InventoryError, read_packages_index};

/// Format of a set that is a Debian `Packages` index.
pub const DEBIAN_PACKAGES: &str = "patch/debian-packages";

/// A compiled feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What it is called: `bookworm-security`.
    pub name: SetName,
    /// The date that it bears, where it bears one.
    pub dated: Option<Time>,
    /// Packages it names.
    pub rows: u64,
    /// Stanzas that could not be read.
    pub rejected: u64,
    fixes: BTreeMap<Box<str>, Vec<Fix>>,
    arches: BTreeSet<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fix {
    arch: Box<str>,
    version: Box<str>,
}

/// Why a set is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feed {name}: {why}")]
pub struct FeedError {
    /// Which.
    pub name: SetName,
    /// Why.
    pub why: InventoryError,
}

/// What a feed says of one package of one architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says<'f> {
    /// It does not name the package.
    Nothing,
    /// It names the package, and none of this architecture.
    OtherArch,
    /// It is fixed in this version.
    FixedIn(&'f str),
}

impl Feed {
    /// Compiles the content of a set.
    pub fn new(name: SetName, set: &Set) -> Result<Self, FeedError> {
        let listing = match read_packages_index(&set.bytes) {
            Ok(listing) => listing,
            Err(why) => return Err(FeedError { name, why }),
        };
        let rows = u64::try_from(listing.entries.len()).unwrap_or(u64::MAX);
        let mut fixes = BTreeMap::<Box<str>, Vec<Fix>>::new();
        let mut arches = BTreeSet::<Box<str>>::new();
        for row in listing.entries {
            if !arches.contains(row.arch) {
                arches.insert(row.arch.into());
            }
            let fix = Fix {
                arch: row.arch.into(),
                version: row.version.into(),
            };
            fixes.entry(row.name.into()).or_default().push(fix);
        }
        let (dated, rejected) = (set.dated, listing.rejected);
        Ok(Self {
            name,
            dated,
            rows,
            rejected,
            fixes,
            arches,
        })
    }

    /// The newest version that the feed has of a package. Whatever its origin label says: the fix may
    /// have come with a point release, and the feed's own label then differs.
    pub(crate) fn says(&self, name: &str, arch: &str) -> Says<'_> {
        let Some(fixes) = self.fixes.get(name) else {
            return Says::Nothing;
        };
        if !self.arches.contains(arch) {
            return Says::OtherArch;
        }
        let fits = |fix: &&Fix| *fix.arch == *arch || *fix.arch == *"all" || arch == "all";
        let newest = fixes.iter().filter(fits).max_by(|a, b| {
            // Equal: because a version that is none is found out when it is compared with a host's.
            vercmp::compare(Kind::Deb, &a.version, &b.version).unwrap_or(std::cmp::Ordering::Equal)
        });
        newest.map_or(Says::OtherArch, |fix| Says::FixedIn(&fix.version))
    }

    /// A package that it names, for a host that is invented to miss it.
    pub fn any(&self) -> Option<(&str, &str)> {
        let (name, fixes) = self.fixes.first_key_value()?;
        Some((name, &fixes.first()?.arch))
    }
}
