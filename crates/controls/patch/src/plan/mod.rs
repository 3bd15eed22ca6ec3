//! From what is open on a fleet to the few deeds that mend it, the most urgent first.
//!
//! A list of 9,000 vulnerabilities is read by nobody; the seven updates that mend them are. So a plan names of each
//! host the smallest set, why each of it is there, what has to be restarted, and what no deed mends. It promises
//! nothing: whether a row is mended is said by the next audit alone (see [`Rollout`]).

mod make;
mod reach;
mod ring;
mod rollout;
#[cfg(test)]
mod rollout_tests;
mod stage;
#[cfg(test)]
mod tests;

use cordon_model::{Asked, PackageKind, Severity, Time};
use serde::{Deserialize, Serialize};

pub use make::make;
pub use reach::{MAX_REACH_ROWS, Reach, ReachError, read_reachable};
pub(crate) use ring::Row as RingRow;
pub use ring::{Assigned, Ring, assign};
pub use rollout::{BACK_WITHIN, HostState, MAX_NOTES, RingState, Rollout};
pub use stage::{Event, Halt, Happened, Health, Next, Proof, Stage};

/// The form of a plan, as its document says it.
pub const SCHEMA: &str = "cordon-plan/1";

/// What an audit says of one host, as far as it is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostRows {
    /// Which.
    pub host: String,
    /// Whose package manager it has; none if that is not known.
    pub kind: Option<PackageKind>,
    /// Why it was not audited, if it was not.
    pub not_audited: Option<String>,
    /// What is open.
    pub rows: Vec<Open>,
    /// For Windows: the smallest set of updates that its feed knows, in the order in which they are installed.
    pub updates: Vec<Update>,
}

/// An update of Windows that heads a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// `KB5034441`.
    pub kb: String,
    /// What it is, in words.
    pub title: String,
    /// How many vulnerabilities it mends, with those of the updates that it contains.
    pub fixes: usize,
    /// Whether the host must be restarted; none where nobody says.
    pub restart: Option<bool>,
    /// Updates that are missing too and come with it.
    pub brings: Vec<String>,
    /// It goes before the others.
    pub first: bool,
    /// One of the vulnerabilities that it mends is known to be exploited.
    pub exploited: bool,
}

/// A row of an audit that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Who asks, where it is not a feed.
    pub requirement: Option<String>,
    /// The package, update or file.
    pub package: String,
    /// Its architecture; empty where it is not told.
    pub arch: String,
    /// What it was built from.
    pub built_from: Option<String>,
    /// In what way it is open.
    pub state: OpenState,
    /// Why it is so.
    pub reason: Option<String>,
    /// What the host has.
    pub installed: Option<String>,
    /// What would do.
    pub fixed: Option<String>,
    /// The advisories.
    pub advisories: Vec<String>,
    /// The vulnerabilities.
    pub cves: Vec<String>,
    /// How bad it is, by the baseline or the advisories.
    pub severity: Option<Severity>,
    /// One of the vulnerabilities is known to be exploited.
    pub exploited: bool,
    /// One of them is what a worm needs.
    pub wormable: bool,
    /// Who asks.
    pub asked: Asked,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when it must be there.
    pub due: Option<String>,
}

/// In what way a row is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
    /// It is not there.
    Missing,
    /// It is there and something older runs.
    NotRunning,
    /// Somebody says that it is there, and the host says no.
    Contradicted,
    /// Nobody has a fix.
    NoFix,
    /// Nobody can tell.
    Unknown,
    /// Somebody answers for it until a day.
    Excepted,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// When it was made.
    pub made: Time,
    /// What to do on each host; hosts with nothing to do are not here.
    pub hosts: Vec<HostPlan>,
    /// What no step mends, and why.
    pub not_mended: Vec<NotMended>,
    /// Hosts of which nothing is known.
    pub cannot: Vec<Cannot>,
}

/// What to do on one host. Steps of one kind of restart stand together; the most urgent group comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPlan {
    /// Which.
    pub host: String,
    /// Whose package manager it has.
    pub kind: Option<PackageKind>,
    /// In this order.
    pub steps: Vec<Step>,
}

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub deed: Deed,
    /// How urgent.
    pub rank: Rank,
    /// What must be restarted, so that it is what runs.
    pub needs_restart: Restart,
    /// The rows that it mends, the worst first.
    pub why: Vec<Mends>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Packages that were built from one source are upgraded together.
    Upgrade(Vec<Upgrade>),
    /// An update of Windows is installed.
    Install {
        /// `KB5034441`.
        kb: String,
        /// What it is, in words; empty where no feed says.
        title: String,
        /// How many vulnerabilities it mends, where a feed counts them.
        fixes: usize,
    },
    /// What is named is started anew.
    RestartServices(Vec<String>),
    /// The host is.
    RestartHost,
}

/// A package and its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Upgrade {
    /// Its name.
    pub name: String,
    /// Its architecture; empty where it is not told.
    pub arch: String,
    /// What the host has.
    pub from: String,
    /// What it is to have; the audit is content with anything newer as well.
    pub to: String,
}

/// How urgent. The order is that of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// A worm could use it, and it can be reached over the network.
    ReachableAndWormable,
    /// It is known to be exploited.
    Exploited,
    /// By its severity.
    Critical,
    /// By its severity.
    High,
    /// By its severity.
    Medium,
    /// By its severity.
    Low,
    /// Nobody says how bad it is.
    Rest,
}

impl Rank {
    /// For a tired reader.
    pub const fn plain(self) -> &'static str {
        match self {
            Self::ReachableAndWormable => "reachable and wormable",
            Self::Exploited => "exploited",
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Rest => "not rated",
        }
    }
}

/// What must be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Nothing, or its package does it itself.
    Nothing,
    /// What uses it.
    Services,
    /// The host.
    Host,
}

impl Restart {
    /// For a tired reader.
    pub const fn plain(self) -> &'static str {
        match self {
            Self::Nothing => "no restart",
            Self::Services => "then restart what uses it",
            Self::Host => "then restart the host",
        }
    }
}

/// A row that a step mends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mends {
    /// Who asks, where it is not a feed.
    pub requirement: Option<String>,
    /// The package, update or file.
    pub package: String,
    /// Its architecture.
    pub arch: String,
    /// How urgent by itself.
    pub rank: Rank,
    /// What the host has.
    pub installed: Option<String>,
    /// What would do.
    pub fixed: Option<String>,
    /// The advisories.
    pub advisories: Vec<String>,
    /// The vulnerabilities.
    pub cves: Vec<String>,
    /// Where it can be reached: `tcp/443`.
    pub reachable: Vec<String>,
    /// One of the vulnerabilities is what a worm needs.
    pub wormable: bool,
    /// One of them is known to be exploited.
    pub exploited: bool,
    /// Who asks.
    pub asked: Asked,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when it must be there.
    pub due: Option<String>,
}

/// What no step mends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotMended {
    /// On which host.
    pub host: String,
    /// The package, update or file.
    pub package: String,
    /// Who asks, where it is not a feed.
    pub requirement: Option<String>,
    /// Why no step does.
    pub why: String,
    /// Somebody answers for it until a day.
    pub excepted: bool,
}

/// A host of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cannot {
    /// Which.
    pub host: String,
    /// Why.
    pub why: String,
}
