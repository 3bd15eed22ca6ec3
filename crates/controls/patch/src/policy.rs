//! What must be installed, and where that and the hosts' own word come from.

use std::{collections::BTreeMap, path::PathBuf};

use cordon_model::{
    Needs, PackageKind, Pattern, Policy, PolicyError, SetName, Severity, Span, Text, Time,
};
use serde::Deserialize;
use vercmp::Kind;

use crate::{
    feed::{DEBIAN_PACKAGES, Feed},
    plan::{Ring, RingRow},
    requirement::{Demand, Requirement, Want},
    scope::{Group, Scope},
};

/// The compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) requirements: Vec<Requirement>,
    groups: Vec<Group>,
    rings: Vec<Ring>,
    sources: Sources,
}

/// What an auditor reads besides this host: sections of `[patch]` that name files and hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Inventories: folders of files, or hosts that answer over SSH.
    pub inventories: Vec<Origin>,
    /// Advisories.
    pub advisories: Vec<Origin>,
    /// The administrator's own sheets.
    pub baselines: Vec<Origin>,
    /// What the deployment tool says.
    pub deployers: Vec<Origin>,
    /// Lists of the hosts that there are.
    pub expected: Vec<Origin>,
}

impl Sources {
    /// Whether there is a host to audit, or one that is missed.
    pub const fn is_empty(&self) -> bool {
        self.inventories.is_empty() && self.expected.is_empty() && self.deployers.is_empty()
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What it is called.
    pub name: SetName,
    /// The file or folder.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// For inventories: hosts that are asked over SSH, `user@host` or a name of `ssh_config`.
    #[serde(default)]
    pub ssh: Vec<String>,
    /// In place of the own `ssh_config` of whoever runs the hub.
    #[serde(default)]
    pub ssh_config: Option<PathBuf>,
    /// How often something new is due. What is older than twice that is stale.
    #[serde(default = "a_day")]
    pub every: Span,
    /// For sheets: what a heading means, where it is guessed wrong.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

const fn a_day() -> Span {
    Span::days(1)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    requirement: Vec<Row>,
    hosts: Vec<Group>,
    ring: Vec<RingRow>,
    inventory: Vec<Origin>,
    advisories: Vec<Origin>,
    baseline: Vec<Origin>,
    deployer: Vec<Origin>,
    expect: Vec<Origin>,
}

/// `[[patch.requirement]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Text,
    #[serde(default)]
    kind: Option<PackageKind>,
    #[serde(default)]
    package: Option<Text>,
    #[serde(default)]
    file: Option<Text>,
    #[serde(default)]
    registry: Option<Text>,
    #[serde(default)]
    setting: Option<Text>,
    #[serde(default)]
    at_least: Option<Text>,
    #[serde(default)]
    any_of: Vec<Text>,
    #[serde(default)]
    absent: bool,
    #[serde(default)]
    hosts: Option<Many<Pattern>>,
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    owner: Option<Text>,
    #[serde(default)]
    due: Option<Time>,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default)]
    needs: Needs,
}

/// One, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Many<T> {
    One(T),
    All(Vec<T>),
}

impl Patch {
    pub(crate) fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let section: Section = policy.section("patch")?;
        let requirements = section.requirement.into_iter().map(Requirement::try_from);
        let feeds = policy
            .sets()
            .iter()
            .filter(|(_, set)| set.format == DEBIAN_PACKAGES);
        let feeds = feeds.map(|(name, set)| Feed::new(name.clone(), set).map_err(PolicyError::new));
        let sources = Sources {
            inventories: section.inventory,
            advisories: section.advisories,
            baselines: section.baseline,
            deployers: section.deployer,
            expected: section.expect,
        };
        sources.check()?;
        Ok(Self {
            feeds: feeds.collect::<Result<_, _>>()?,
            requirements: requirements.collect::<Result<_, _>>()?,
            groups: section.hosts,
            rings: Ring::of_rows(section.ring)?,
            sources,
        })
    }

    /// The feeds it judges by.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// The rows of the policy's own baseline.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// What hosts are for.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// In which order hosts are patched, the first first; none where the policy says nothing of it.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// What an auditor reads.
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether there is anything to judge by.
    pub const fn is_set_up(&self) -> bool {
        !(self.feeds.is_empty() && self.requirements.is_empty() && self.sources.is_empty())
    }
}

impl Sources {
    fn check(&self) -> Result<(), PolicyError> {
        let refuse = |what: &str, origin: &Origin, why: &str| {
            Err(PolicyError::new(format!("{what} {}: {why}", origin.name)))
        };
        for origin in &self.inventories {
            if origin.path.is_none() == origin.ssh.is_empty() {
                let why = "expected a path or hosts for ssh, and not both";
                return refuse("inventory", origin, why);
            }
        }
        let others = [
            ("advisories", &self.advisories),
            ("baseline", &self.baselines),
            ("deployer", &self.deployers),
            ("expect", &self.expected),
        ];
        for (what, origins) in others {
            for origin in origins {
                if origin.path.is_none() || !origin.ssh.is_empty() {
                    return refuse(what, origin, "expected a path");
                }
            }
        }
        Ok(())
    }
}

impl TryFrom<Row> for Requirement {
    type Error = PolicyError;
    fn try_from(row: Row) -> Result<Self, PolicyError> {
        let refuse = |why: &dyn std::fmt::Display| {
            PolicyError::new(format!("requirement {}: {why}", row.id))
        };
        let want = want(&row).map_err(|why| refuse(&why))?;
        let demand = demand(&row, want).map_err(|why| refuse(&why))?;
        let brought_by = match &demand {
            Demand::Updates(kbs) => kbs.clone(),
            _ => Vec::new(),
        };
        let hosts = match row.hosts {
            None => Vec::new(),
            Some(Many::One(pattern)) => vec![pattern],
            Some(Many::All(patterns)) => patterns,
        };
        Ok(Self {
            id: row.id,
            source: "policy".into(),
            scope: Scope {
                hosts,
                os: row.os,
                role: row.role,
                tag: row.tag,
            },
            demand,
            owner: row.owner,
            due: row.due,
            severity: row.severity,
            needs: row.needs,
            claimed: None,
            brought_by,
        })
    }
}

fn want(row: &Row) -> Result<Want, String> {
    let is_update = row.kind == Some(PackageKind::Kb);
    match (&row.at_least, row.any_of.as_slice(), row.absent) {
        (None, [], false) => Ok(Want::Present),
        (None, [], true) => Ok(Want::Absent),
        (None, any, false) => Ok(Want::AnyOf(any.to_vec())),
        (Some(version), [], false) if is_update => Err(format!(
            "at_least = `{version}`: a hotfix has no version, it is there or it is not"
        )),
        (Some(version), [], false) => {
            if let Some(kind) = row.kind.and_then(order_of) {
                vercmp::check(kind, version.as_str())
                    .map_err(|why| format!("at_least = `{version}`: {why}"))?;
            }
            Ok(Want::AtLeast(version.clone()))
        }
        _ => Err("expected one of at_least, any_of and absent".to_owned()),
    }
}

fn demand(row: &Row, want: Want) -> Result<Demand, String> {
    let named = [&row.package, &row.file, &row.registry, &row.setting];
    if named.iter().filter(|name| name.is_some()).count() > 1 {
        return Err("expected one of package, file, registry and setting".to_owned());
    }
    if let Some(name) = row.file.clone() {
        return Ok(Demand::File { name, want });
    }
    if let Some(name) = row.registry.clone() {
        return Ok(Demand::Registry { name, want });
    }
    if let Some(name) = row.setting.clone() {
        return Ok(Demand::Setting { name, want });
    }
    if row.kind == Some(PackageKind::Kb) {
        let any = match want {
            Want::AnyOf(any) => any,
            Want::Present => row.package.clone().into_iter().collect(),
            Want::Absent | Want::AtLeast(_) => {
                return Err("of an update only its presence can be asked".to_owned());
            }
        };
        let numbers = any.iter().map(|text| number_of(text.as_str()));
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
        if numbers.is_empty() {
            return Err("expected a package such as `KB835732`".to_owned());
        }
        return Ok(Demand::Updates(numbers));
    }
    let Some(name) = row.package.clone() else {
        return Err("expected a package, file, registry or setting".to_owned());
    };
    let kind = row.kind;
    Ok(Demand::Package { kind, name, want })
}

/// 835732 of `KB835732`, `Q835732` and `835732`.
fn number_of(text: &str) -> Result<u32, String> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    digits
        .trim()
        .parse()
        .map_err(|_| format!("expected an update such as `KB835732`, got `{text}`"))
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
