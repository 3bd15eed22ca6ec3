//! What the hub gives the console to show. Plain data: nothing here is trusted, every text may have
//! been chosen by whoever attacks us.

use cordon_model::{Severity, Span, Standing, Time};

/// Everything on the first screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// When it was judged.
    pub at: Time,
    /// Which host is the hub.
    pub host: String,
    /// One sentence or two.
    pub verdict: String,
    /// What to do, most urgent first.
    pub next: Vec<Todo>,
    /// Each control of the registry.
    pub controls: Vec<Lamp>,
    /// Each log that is read.
    pub sources: Vec<Source>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// What opened and closed in the last day, in any order.
    pub timeline: Vec<Moment>,
    /// How the hub itself is.
    pub hub: Hub,
    /// What could not be proven, and why.
    pub notes: Vec<String>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Todo {
    /// What.
    pub what: String,
    /// How urgent.
    pub severity: Severity,
    /// The command that does it.
    pub command: Option<String>,
    /// Why, and what to mind.
    pub advice: String,
    /// The lines it rests on.
    pub evidence: Vec<String>,
    /// How many findings it mends.
    pub mends: usize,
}

/// How one control stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Lamp {
    /// Its name.
    pub control: String,
    /// What it is there to prevent.
    pub prevents: String,
    /// Its state.
    pub state: Standing,
    /// Since when.
    pub since: Option<Time>,
    /// When a probe last came back.
    pub last_proven: Option<Time>,
    /// What it works from.
    pub knows: String,
    /// The command that helps.
    pub command: Option<String>,
}

/// A log that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Where.
    pub host: String,
    /// Its state.
    pub state: Standing,
    /// When something last came.
    pub last_event: Option<Time>,
    /// How long it may say nothing.
    pub deadline: Option<Span>,
    /// Lines read.
    pub lines: u64,
    /// Lines, or reads, that failed.
    pub errors: u64,
    /// How many lines an hour are usual.
    pub lines_per_hour: Option<u64>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// `new`, `in_progress`, `suppressed` or `folded`.
    pub status: String,
    /// Where.
    pub host: String,
    /// About what.
    pub subject: String,
    /// What to do about it.
    pub advice: String,
    /// The command that mends it.
    pub command: Option<String>,
    /// The decisive line.
    pub excerpt: Option<String>,
    /// What it counts: packages, files.
    pub items: Vec<String>,
    /// The cause that explains it.
    pub under: Option<String>,
    /// When it was first found.
    pub since: Time,
}

/// Something that happened to a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// `opened`, `resolved`, `folded`, `withheld`, …
    pub kind: String,
    /// One line.
    pub title: String,
    /// Where.
    pub host: String,
    /// How bad, where that says something.
    pub severity: Option<Severity>,
}

/// How the hub itself is.
#[derive(Debug, Clone, PartialEq)]
pub struct Hub {
    /// What the store takes.
    pub store_bytes: u64,
    /// What is left on its file system.
    pub free_bytes: Option<u64>,
    /// When it last wrote.
    pub last_commit: Option<Time>,
    /// Events taken since it started.
    pub events: u64,
    /// When it started.
    pub started: Time,
    /// Its memory.
    pub rss_bytes: Option<u64>,
    /// What is wrong with it.
    pub trouble: Option<String>,
}
