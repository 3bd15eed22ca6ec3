//! What happened. An [`Event`] is the only input of every judge.

use serde::{Deserialize, Serialize};

use crate::{
    Audited, ControlName, Epoch, Finding, Host, Instance, Inventory, Key, OrderId, Person, ProbeId,
    Seq, SetName, SourceName, Span, StageName, Subject, Text, Time, Watched,
};

/// Something that happened, as the engine received it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Place in this engine's order.
    pub seq: Seq,
    /// When the engine received it. Never goes backwards, and is the only clock a judge may see.
    pub at: Time,
    /// When the source says it happened. Skew is a fact, not a surprise.
    pub said: Option<Time>,
    /// Where it happened.
    pub host: Host,
    /// Set by the engine alone, when this is the echo of a planted probe.
    pub probe: Option<ProbeId>,
    /// What happened.
    pub fact: Fact,
}

/// The content of an event: a closed set, at most 64 KiB each by the limits of its parts. The order of
/// the variants is their encoding: append, never insert.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fact {
    /// Time passed.
    Tick,
    /// The wall clock was set from one time to another while no time passed.
    ClockStep {
        /// What it showed before.
        from: Time,
        /// What it showed after.
        to: Time,
    },
    /// "I looked at `seen` things and failed on `errors` of them." For a control the things are what
    /// it looks *over* (packages, hosts, rules), and zero is odd. For a source they are its lines since
    /// the last pulse, zero is quiet, and [`Event::said`] is the last line's time. For a feed they are
    /// its rows, and `said` is the date of the feed.
    Pulse {
        /// Who looked.
        of: Watched,
        /// How many things.
        seen: u64,
        /// On how many it failed, or how many are errors.
        errors: u64,
    },
    /// Could not look. Never an empty list.
    Blind {
        /// Who could not.
        of: Watched,
        /// Why, and what mends it.
        why: Blindness,
    },
    /// Something was missed.
    Gap {
        /// By whom.
        of: Watched,
        /// Last thing seen before.
        from: Time,
        /// First thing seen after.
        to: Time,
        /// How much, if that is known.
        lost: Option<u64>,
    },
    /// A control found something; so that hub, watch and correlation can hear it.
    Found(Box<Finding>),
    /// A control found that the cause of a finding is gone.
    Cleared(Key),
    /// A gate answered.
    Decided(Decision),
    /// A person approved an order.
    Approved {
        /// Which.
        order: OrderId,
        /// Who.
        who: Person,
    },
    /// What became of an action.
    Applied(Receipt),
    /// A person took a finding in hand.
    Triaged {
        /// Which.
        key: Key,
        /// Who.
        who: Person,
        /// How.
        how: Triage,
    },
    /// A probe was planted and must come back.
    Planted(Planting),
    /// A planted probe came back: the engine withheld its finding.
    Proven(Planting),
    /// Controls were compiled anew from `set`.
    Swapped {
        /// Which set.
        set: SetName,
        /// Its version.
        epoch: Epoch,
    },
    /// `set` was refused; the old one stays in force.
    Refused {
        /// Which set.
        set: SetName,
        /// The version that was refused.
        epoch: Epoch,
        /// Why.
        why: Text,
    },
    /// A line of a log.
    Log(LogLine),
    /// A package was found to be in this state.
    Package(Package),
    /// What was learned of the cadence of something, in place of what was known before.
    Learned {
        /// Of what.
        of: Watched,
        /// As `lib/cadence` writes it.
        cadence: Text,
    },
    /// A thing that must be accounted for passed a stage: a message was accepted, or got a verdict.
    Passed {
        /// Which stage.
        stage: StageName,
        /// The thing's key, the same at each stage: a queue-id, a Message-ID.
        key: Text,
    },
    /// What the lines of a source looked like since the last such fact.
    Vitals {
        /// Which source.
        of: Watched,
        /// How many.
        lines: u64,
        /// Of how many the form could not be read.
        unparsed: u64,
        /// By how many seconds the last line's own time was behind its arrival; negative if ahead.
        skew_secs: Option<i64>,
        /// About how many shapes of line there were.
        shapes: u32,
    },
    /// What an audit saw of one requirement on this host.
    Audited(Box<Audited>),
    /// Whether this host could be audited at all; closes what was audited of it.
    Inventoried(Box<Inventory>),
    /// A line of a log, or lines that belong together, as named fields; beside the lines themselves.
    Parsed(Box<Parsed>),
    /// A part of something larger, which one memory judges over all hosts. Nobody is told of it by itself.
    Part(Box<Finding>),
}

/// Which [`Fact`]; what a SPEC says that it consumes, and how the engine routes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the variants are those of Fact")]
pub enum FactKind {
    Tick,
    ClockStep,
    Pulse,
    Blind,
    Gap,
    Found,
    Cleared,
    Decided,
    Approved,
    Applied,
    Triaged,
    Planted,
    Proven,
    Swapped,
    Refused,
    Log,
    Package,
    Learned,
    Passed,
    Vitals,
    Audited,
    Inventoried,
    Parsed,
    Part,
}

impl FactKind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::Part as usize + 1;
}

impl Fact {
    /// Which fact this is.
    pub const fn kind(&self) -> FactKind {
        match self {
            Self::Tick => FactKind::Tick,
            Self::ClockStep { .. } => FactKind::ClockStep,
            Self::Pulse { .. } => FactKind::Pulse,
            Self::Blind { .. } => FactKind::Blind,
            Self::Gap { .. } => FactKind::Gap,
            Self::Found(_) => FactKind::Found,
            Self::Cleared(_) => FactKind::Cleared,
            Self::Decided(_) => FactKind::Decided,
            Self::Approved { .. } => FactKind::Approved,
            Self::Applied(_) => FactKind::Applied,
            Self::Triaged { .. } => FactKind::Triaged,
            Self::Planted(_) => FactKind::Planted,
            Self::Proven(_) => FactKind::Proven,
            Self::Swapped { .. } => FactKind::Swapped,
            Self::Refused { .. } => FactKind::Refused,
            Self::Log(_) => FactKind::Log,
            Self::Package(_) => FactKind::Package,
            Self::Learned { .. } => FactKind::Learned,
            Self::Passed { .. } => FactKind::Passed,
            Self::Vitals { .. } => FactKind::Vitals,
            Self::Audited(_) => FactKind::Audited,
            Self::Inventoried(_) => FactKind::Inventoried,
            Self::Parsed(_) => FactKind::Parsed,
            Self::Part(_) => FactKind::Part,
        }
    }

    /// Whether this fact, seen on `host`, is the echo of `planting`.
    pub fn echoes(&self, host: &Host, planting: &Planting) -> bool {
        if *host != planting.host {
            return false;
        }
        match (&planting.subject, self) {
            (Subject::Host, _) => true, // a host that exists only for the probe
            (Subject::Watched(planted), Self::Pulse { of, .. }) => of == planted,
            (Subject::Nonce(nonce), Self::Log(line)) => line.text.as_str().contains(nonce.as_str()),
            _ => false,
        }
    }
}

/// Why something cannot look, and the command that mends it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blindness {
    /// One sentence.
    pub why: Text,
    /// A command an administrator can run, if one is known.
    #[serde(default)]
    pub mend: Option<Text>,
}

/// What a gate answered, after the fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Which gate.
    pub by: Instance,
    /// About what.
    pub subject: Subject,
    /// What it answered: `accept`, `hold`, `refuse`, …
    pub answer: Text,
    /// Because of which rule, if it was not plain acceptance.
    #[serde(default)]
    pub rule: Option<crate::RuleId>,
    /// The policy it answered from.
    pub epoch: Epoch,
}

/// What became of an [`crate::Action`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Receipt {
    /// In force, and seen so from outside.
    Holds {
        /// Which order.
        order: OrderId,
    },
    /// Applied, but it does not hold seen from outside; it was undone.
    Failed {
        /// Which order.
        order: OrderId,
        /// Why.
        why: Text,
    },
    /// Taken back.
    Undone {
        /// Which order.
        order: OrderId,
    },
}

/// What a person does with a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Triage {
    /// "I am on it."
    Acknowledge,
    /// "I know, and this is why not now." Ends by itself.
    Suppress {
        /// When it speaks again.
        until: Time,
    },
}

/// A probe in the world, waiting to come back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planting {
    /// Which probe.
    pub probe: ProbeId,
    /// The control that it proves.
    pub control: ControlName,
    /// Where its finding must appear.
    pub host: Host,
    /// What its finding must be about.
    pub subject: Subject,
    /// When it counts as missed.
    pub until: Time,
}

/// One line of a source, as the reader classed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// Which source of the event's host.
    pub source: SourceName,
    /// The line without its end.
    pub text: Text,
    /// Whether it tells of an error.
    pub level: Level,
}

/// An event of a log as named fields.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parsed {
    /// Which source of the event's host.
    pub source: SourceName,
    /// What wrote it, in the words of Sigma: `linux`; empty where that is not told.
    #[serde(default)]
    pub product: Text,
    /// `webserver`, `firewall`.
    #[serde(default)]
    pub category: Text,
    /// `auditd`, `sshd`.
    #[serde(default)]
    pub service: Text,
    /// Its fields, a JSON object: a name with several values has a list.
    pub fields: Text,
}

/// How bad a log line says things are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Work was not done.
    Error,
    /// Anything else.
    Plain,
}

/// A package on a host. Sensors send what changed since their cursor, not the whole list each time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Whose version order, and which feeds can speak of it.
    pub kind: PackageKind,
    /// `openssl`, `KB835732`.
    pub name: SourceName,
    /// `amd64`, `all`; empty where the kind has none.
    #[serde(default)]
    pub arch: Text,
    /// Version as the package manager wrote it; empty where the kind has none.
    #[serde(default)]
    pub version: Version,
    /// What the package manager says of it.
    pub status: PackageStatus,
}

/// A version as written; its order is `lib/vercmp`'s.
pub type Version = Text;

impl Default for Text {
    fn default() -> Self {
        Self::new("")
    }
}

/// Which package manager.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageKind {
    /// dpkg.
    Deb,
    /// rpm.
    Rpm,
    /// apk.
    Apk,
    /// A Windows hotfix.
    Kb,
}

/// How far a package got. Only `Installed` counts as evidence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageStatus {
    /// Unpacked and configured.
    Installed,
    /// Installed, and told not to change.
    Held,
    /// Between: unpacked, half-configured, half-installed, waiting for a trigger.
    Partial,
    /// Not there (any more).
    Absent,
}

impl Planting {
    /// How long until it counts as missed, seen from `at`.
    pub fn left(&self, at: Time) -> Span {
        self.until.since(at)
    }
}
