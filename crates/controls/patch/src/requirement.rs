//! The one internal row: what must be there, on which hosts, who says so, and what counts as evidence. A row
//! of a sheet, of the policy and of a bulletin all become one of these before they are held against a host.

use std::cmp::Ordering;

use cordon_model::{Ladder, Needs, PackageKind, PackageStatus, Rung, Severity, Text, Time};

use crate::{
    policy::order_of,
    scope::{Group, InScope, Scope},
};

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is called: `MS04-011`.
    pub id: Text,
    /// Where it is written: a sheet and its row, `policy`.
    pub source: Text,
    /// On which hosts.
    pub scope: Scope,
    /// What must be there.
    pub demand: Demand,
    /// Who answers for it.
    pub owner: Option<Text>,
    /// Until when.
    pub due: Option<Time>,
    /// How bad it is when it is not there.
    pub severity: Option<Severity>,
    /// The least that proves it.
    pub needs: Needs,
    /// What its sheet believes of it: a word, never evidence.
    pub claimed: Option<Text>,
    /// Updates that would bring it, by which a deployer may speak of it.
    pub brought_by: Vec<u32>,
}

/// What must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// A package.
    Package {
        /// Whose package manager; any where it is left out.
        kind: Option<PackageKind>,
        /// Its name.
        name: Text,
        /// In which version.
        want: Want,
    },
    /// Any of these updates of Windows; or what a bulletin that is called as the requirement says.
    Updates(Vec<u32>),
    /// A file, by its name without a folder.
    File {
        /// Its name.
        name: Text,
        /// In which version.
        want: Want,
    },
    /// A value of the registry, written `KEY\NAME`.
    Registry {
        /// Which.
        name: Text,
        /// What it must be.
        want: Want,
    },
    /// A setting that the inventory tells: `firewall.public`, `antivirus.state`.
    Setting {
        /// Which.
        name: Text,
        /// What it must be.
        want: Want,
    },
}

/// What of it must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// It, in whatever version.
    Present,
    /// Nothing of it.
    Absent,
    /// This version, or a newer one.
    AtLeast(Text),
    /// One of these, to the letter.
    AnyOf(Vec<Text>),
}

/// What a host says of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there; of several the oldest counts, and for packages the newest.
    There {
        /// Its version or value as written.
        version: String,
        /// Whose version order it has, where it is a package.
        kind: Option<PackageKind>,
        /// How far it got.
        status: PackageStatus,
    },
    /// Whoever lists such things does not name it.
    NotListed,
    /// It cannot be said, and why.
    NotTold(String),
}

/// What is known of one host, whoever collected it.
pub trait Witnesses {
    /// Its name.
    fn host(&self) -> &str;
    /// What it runs, in its own words; none if it does not say.
    fn system(&self) -> Option<&str>;
    /// Whether it is of a kind that can have this at all, or why not.
    fn can_have(&self, demand: &Demand) -> Result<(), String>;
    /// A package.
    fn package(&self, kind: Option<PackageKind>, name: &str) -> Found;
    /// A file; of several of that name the oldest.
    fn file(&self, name: &str) -> Found;
    /// A value of the registry.
    fn registry(&self, name: &str) -> Found;
    /// A setting.
    fn setting(&self, name: &str) -> Found;
    /// What the lists, files and restarts of a Windows host say of any of these updates.
    fn updates(&self, asked: &Requirement, kbs: &[u32]) -> Judged;
    /// Whether what is installed of this package is what runs.
    fn running(&self, package: &str) -> Option<Rung>;
    /// What the deployer says of this.
    fn deployer(&self, asked: &Requirement) -> Option<Rung>;
}

/// What came of one requirement on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it comes to.
    pub what: What,
    /// What of several decided it: `KB835732`.
    pub package: Option<String>,
    /// The version or value that the host has.
    pub installed: Option<String>,
    /// The version or value that is asked for.
    pub wanted: Option<String>,
    /// What shows it, in words.
    pub evidence: String,
    /// Which feed knows it.
    pub feed: Option<String>,
    /// What the feed calls it.
    pub title: Option<String>,
    /// The vulnerabilities that it mends.
    pub cves: Vec<String>,
}

/// What a requirement comes to on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// What each witness says.
    Ladder(Ladder),
    /// Another update settles it.
    Settled {
        /// Which.
        by: String,
        /// How.
        why: String,
    },
    /// It is for others, and why.
    NotFor(String),
}

impl Judged {
    /// Nothing but what it comes to.
    pub const fn plain(what: What, evidence: String) -> Self {
        Self {
            what,
            package: None,
            installed: None,
            wanted: None,
            evidence,
            feed: None,
            title: None,
            cves: Vec::new(),
        }
    }

    /// One witness's word.
    pub fn listed(rung: Rung, evidence: String) -> Self {
        let ladder = Ladder {
            listed: Some(rung),
            ..Ladder::default()
        };
        Self::plain(What::Ladder(ladder), evidence)
    }
}

/// Words by which a sheet claims that something is done.
const DONE: [&str; 25] = [
    "done",
    "deployed",
    "installed",
    "ok",
    "yes",
    "complete",
    "completed",
    "success",
    "succeeded",
    "compliant",
    "erledigt",
    "installiert",
    "verteilt",
    "ja",
    "fait",
    "installé",
    "oui",
    "hecho",
    "instalado",
    "instalada",
    "installato",
    "installata",
    "fatto",
    "geïnstalleerd",
    "x",
];

/// The sheet's own word.
fn claim(status: &Text) -> Rung {
    let said = status.as_str().to_lowercase();
    let mut words = said.split(|c: char| !c.is_alphanumeric());
    let words_of_sheet = Text::new(&format!("the sheet says `{status}`"));
    if words.next().is_some_and(|word| DONE.contains(&word)) {
        Rung::Yes(words_of_sheet)
    } else {
        Rung::Unknown(words_of_sheet)
    }
}

impl Requirement {
    /// Holds it against one host.
    pub fn judge(&self, host: &dyn Witnesses, groups: &[Group]) -> Judged {
        let scope = || "the requirement's own scope".to_owned();
        match self.scope.of(host.host(), host.system(), groups) {
            InScope::For => {}
            InScope::Not(why) => return Judged::plain(What::NotFor(why), scope()),
            InScope::Unclear(why) => {
                return Judged::listed(Rung::Unknown(Text::new(&why)), "none".to_owned());
            }
        }
        if let Err(why) = host.can_have(&self.demand) {
            return Judged::plain(What::NotFor(why), "the kind of the host".to_owned());
        }
        let mut judged = self.held(host);
        if let What::Ladder(ladder) = &mut judged.what {
            let word = || self.claimed.as_ref().map(claim);
            ladder.deployer = host.deployer(self).or_else(word);
        }
        judged
    }

    fn held(&self, host: &dyn Witnesses) -> Judged {
        let (found, want, running, is_file) = match &self.demand {
            Demand::Updates(kbs) => return host.updates(self, kbs),
            Demand::Package { kind, name, want } => {
                let found = host.package(*kind, name.as_str());
                (found, want, host.running(name.as_str()), false)
            }
            Demand::File { name, want } => (host.file(name.as_str()), want, None, true),
            Demand::Registry { name, want } => (host.registry(name.as_str()), want, None, false),
            Demand::Setting { name, want } => (host.setting(name.as_str()), want, None, false),
        };
        let rung = want.rung(&found);
        let evidence = rung.words().to_string();
        let (listed, file) = if is_file {
            (None, Some(rung))
        } else {
            (Some(rung), None)
        };
        let ladder = Ladder {
            deployer: None,
            listed,
            file,
            running,
        };
        Judged {
            installed: match found {
                Found::There { version, .. } => Some(version),
                Found::NotListed | Found::NotTold(_) => None,
            },
            wanted: want.plain(),
            ..Judged::plain(What::Ladder(ladder), evidence)
        }
    }
}

impl Want {
    /// What people read.
    pub fn plain(&self) -> Option<String> {
        match self {
            Self::Present => None,
            Self::Absent => Some("nothing of it".to_owned()),
            Self::AtLeast(version) => Some(version.to_string()),
            Self::AnyOf(any) => {
                let any: Vec<&str> = any.iter().map(Text::as_str).collect();
                Some(any.join(" or "))
            }
        }
    }

    /// What one witness says of it. Being there needs both: the right version, and an installation that is
    /// whole.
    pub fn rung(&self, found: &Found) -> Rung {
        let (version, kind, status) = match (found, self) {
            (Found::NotTold(why), _) => return Rung::Unknown(Text::new(why)),
            (Found::NotListed, Self::Absent) => return Rung::Yes("nothing of it is there".into()),
            (Found::NotListed, _) => return Rung::No("it is not there".into()),
            (
                Found::There {
                    version,
                    kind,
                    status,
                },
                _,
            ) => (version, *kind, *status),
        };
        let there = match status {
            PackageStatus::Installed | PackageStatus::Held => true,
            PackageStatus::Partial | PackageStatus::Absent => false,
        };
        let say = |text: String| Text::new(&text);
        let is = |good: bool| match (good, there) {
            (true, true) => Rung::Yes(say(format!("it is there in {version}"))),
            (true, false) => Rung::No(say(format!("{version} is installed by half"))),
            (false, _) => Rung::No(say(format!("it is there in {version}"))),
        };
        match self {
            Self::Present => is(true),
            Self::Absent => Rung::No(say(format!("it is there in {version}"))),
            Self::AnyOf(any) => is(any.iter().any(|one| one.as_str() == version)),
            Self::AtLeast(least) => match order(kind, version, least.as_str()) {
                Ok(order) => is(order != Ordering::Less),
                Err(why) => Rung::Unknown(say(why)),
            },
        }
    }
}

/// Packages have their manager's order; files and everything else that of four numbers.
fn order(kind: Option<PackageKind>, version: &str, least: &str) -> Result<Ordering, String> {
    if let Some(kind) = kind.and_then(order_of) {
        return vercmp::check(kind, version)
            .and_then(|()| vercmp::compare(kind, version, least))
            .map_err(|why| why.to_string());
    }
    Ok(numbers(version)?.cmp(&numbers(least)?))
}

/// `5.1.2600.1361` as numbers, without zeros at its end.
fn numbers(version: &str) -> Result<Vec<u64>, String> {
    let mut numbers = version
        .trim()
        .split('.')
        .map(|part| part.parse().ok()) // ok: because a part that is no number is told below
        .collect::<Option<Vec<u64>>>()
        .ok_or_else(|| format!("expected numbers with dots between them, got `{version}`"))?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Ok(numbers)
}
