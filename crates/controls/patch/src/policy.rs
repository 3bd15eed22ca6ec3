//! What must be installed: the feeds, and the baseline of the policy.

use cordon_model::{PackageKind, Pattern, Policy, PolicyError, SourceName, Text};
use serde::Deserialize;
use vercmp::Kind;

use crate::feed::{DEBIAN_PACKAGES, Feed};

/// The compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) requirements: Vec<Requirement>,
}

/// A row of the baseline: `[[patch.requirement]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Who asks for it: `MS04-011`.
    pub id: Text,
    /// Whose package manager.
    pub kind: PackageKind,
    /// What must be there: `KB835732`, `openssl`.
    pub package: SourceName,
    /// From which version on; any version where it is left out.
    #[serde(default)]
    pub at_least: Option<Text>,
    /// On which hosts.
    #[serde(default)]
    pub hosts: Pattern,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    requirement: Vec<Requirement>,
}

impl Patch {
    pub(crate) fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let Section {
            requirement: requirements,
        } = policy.section("patch")?;
        for Requirement {
            id, kind, at_least, ..
        } in &requirements
        {
            let Some(version) = at_least else { continue };
            let refuse = |why: &dyn std::fmt::Display| {
                PolicyError::new(format!("requirement {id}: at_least = `{version}`: {why}"))
            };
            match order_of(*kind) {
                Some(kind) => vercmp::check(kind, version.as_str()).map_err(|e| refuse(&e))?,
                None => return Err(refuse(&"a hotfix has no version, it is there or it is not")),
            }
        }
        let feeds = policy
            .sets()
            .iter()
            .filter(|(_, set)| set.format == DEBIAN_PACKAGES);
        let feeds = feeds.map(|(name, set)| Feed::new(name.clone(), set).map_err(PolicyError::new));
        Ok(Self {
            feeds: feeds.collect::<Result<_, _>>()?,
            requirements,
        })
    }

    /// The feeds it judges by.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// Whether there is anything to judge by.
    pub const fn is_set_up(&self) -> bool {
        !(self.feeds.is_empty() && self.requirements.is_empty())
    }
}

/// Whose version order a kind has, if it has versions.
pub(crate) const fn order_of(kind: PackageKind) -> Option<Kind> {
    match kind {
        PackageKind::Deb => Some(Kind::Deb),
        PackageKind::Rpm => Some(Kind::Rpm),
        PackageKind::Apk => Some(Kind::Apk),
        PackageKind::Kb => None,
    }
}
