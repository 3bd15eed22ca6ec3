//! The words of a rollout: where a host stands, what can happen to it, and what may be done next.

use std::collections::BTreeSet;

use cordon_model::Time;
use serde::{Deserialize, Serialize};

/// Where a host stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was done yet.
    Waiting,
    /// Something was begun; whether it ended nobody knows.
    Running {
        /// Since when.
        since: Time,
    },
    /// It ended. Whether it helped nobody knows.
    Ran {
        /// When.
        at: Time,
        /// As it said; none if it did not.
        exit: Option<i32>,
    },
    /// It is proven, and has yet to be restarted.
    Due {
        /// When it was proven.
        at: Time,
    },
    /// It was told to restart.
    Restarting {
        /// When.
        since: Time,
    },
    /// An audit that was made afterwards proves it.
    Proven {
        /// When that was made.
        at: Time,
    },
    /// Whoever did it said yes, or an audit once did; the host says no.
    Contradicted {
        /// When.
        at: Time,
        /// What the audit says.
        why: String,
    },
    /// It went wrong, and whoever did it said so.
    Failed {
        /// When.
        at: Time,
        /// What the audit says.
        why: String,
    },
    /// It cannot be told.
    Unclear {
        /// When.
        at: Time,
        /// Why not.
        why: String,
    },
    /// It did not come back.
    Lost {
        /// Since when.
        since: Time,
    },
    /// It is proven, and the worse for it.
    Sick {
        /// When.
        at: Time,
        /// In what way.
        why: String,
    },
    /// Somebody answers for leaving it out.
    LeftOut {
        /// Who, and until when.
        why: String,
    },
}

impl Stage {
    /// The word people read, and `--json` prints.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running { .. } => "running",
            Self::Ran { .. } => "ran",
            Self::Due { .. } => "must restart",
            Self::Restarting { .. } => "restarting",
            Self::Proven { .. } => "proven",
            Self::Contradicted { .. } => "contradicted",
            Self::Failed { .. } => "failed",
            Self::Unclear { .. } => "unknown",
            Self::Lost { .. } => "not back",
            Self::Sick { .. } => "sick",
            Self::LeftOut { .. } => "left out",
        }
    }

    /// Why it stands there, where there is more to say.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Contradicted { why, .. }
            | Self::Failed { why, .. }
            | Self::Unclear { why, .. }
            | Self::Sick { why, .. }
            | Self::LeftOut { why } => Some(why),
            Self::Waiting
            | Self::Running { .. }
            | Self::Ran { .. }
            | Self::Due { .. }
            | Self::Restarting { .. }
            | Self::Proven { .. }
            | Self::Lost { .. } => None,
        }
    }

    /// Whether it is over for now, and not well.
    pub(super) const fn is_bad(&self) -> bool {
        matches!(
            self,
            Self::Contradicted { .. }
                | Self::Failed { .. }
                | Self::Unclear { .. }
                | Self::Lost { .. }
                | Self::Sick { .. }
        )
    }
}

/// How a host feels. What is not told is none, and is held against nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Services that failed.
    pub failed: Option<BTreeSet<String>>,
    /// How many crashes are on record.
    pub crashes: Option<u64>,
    /// How many findings are open.
    pub findings: Option<u64>,
}

impl Health {
    /// In what way it is worse than `before`.
    pub(super) fn worse_than(&self, before: &Self) -> Option<String> {
        if let (Some(now), Some(before)) = (&self.failed, &before.failed) {
            let new: Vec<&str> = now.difference(before).map(String::as_str).collect();
            if !new.is_empty() {
                return Some(format!("failed since: {}", new.join(", ")));
            }
        }
        let more = |now: Option<u64>, before: Option<u64>, what: &str| {
            let (now, before) = (now?, before?);
            (now > before).then(|| format!("{} {what} since", now - before))
        };
        let crashes = more(self.crashes, before.crashes, "crashes");
        crashes.or_else(|| more(self.findings, before.findings, "findings"))
    }
}

/// Why all stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Since when.
    pub at: Time,
    /// In which ring.
    pub ring: String,
    /// Because of which host; none where it is their number.
    pub host: Option<String>,
    /// Why.
    pub why: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the clock of whoever drives the rollout.
    pub at: Time,
    /// What.
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Time went on.
    Tick,
    /// The steps of a host are about to be done. This is durable before they are.
    Began {
        /// Which.
        host: String,
        /// How it feels now.
        health: Option<Health>,
    },
    /// They ended.
    Ran {
        /// On which.
        host: String,
        /// Their exit code; none if it was not told.
        exit: Option<i32>,
    },
    /// It was audited.
    Audited {
        /// Which.
        host: String,
        /// When what the audit rests on was taken.
        taken: Time,
        /// What it says of the rows that the steps mend.
        proof: Proof,
        /// How it feels now.
        health: Option<Health>,
    },
    /// It was told to restart.
    Restarting {
        /// Which.
        host: String,
    },
    /// It came back.
    Back {
        /// Which.
        host: String,
    },
    /// Somebody answers for leaving it out.
    LeftOut {
        /// Which.
        host: String,
        /// Who, and until when.
        why: String,
    },
    /// A person looked and lets it go on.
    Resumed {
        /// Who.
        by: String,
    },
}

/// What an audit says of what the steps of a host mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// All of it is there.
    Proven,
    /// Something is not, and what.
    NotYet(String),
    /// It cannot be told, and why.
    CannotTell(String),
}

/// What may be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<'a> {
    /// Audit these.
    Audit(Vec<&'a str>),
    /// Do the steps of these.
    Run(Vec<&'a str>),
    /// Restart these.
    Restart(Vec<&'a str>),
    /// Look whether these came back, and since when they are away.
    Await(Vec<(&'a str, Time)>),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing until a person resumes it.
    Halted(&'a Halt),
    /// Nothing any more.
    Done,
}
