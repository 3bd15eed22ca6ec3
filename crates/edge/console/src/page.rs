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
    /// What must come out where it went in.
    pub accounts: Vec<Account>,
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
    /// How long it may say nothing, where policy says so.
    pub deadline: Option<Span>,
    /// When it should say something again, where that was learned.
    pub expected: Option<Time>,
    /// When its silence is an alarm.
    pub alarm: Option<Time>,
    /// Why its silence cannot be judged yet.
    pub unjudged: Option<String>,
    /// Lines of each hour, the oldest first; the last is the running hour. Empty where none is kept.
    pub hours: Vec<u64>,
    /// What was lost, and when.
    pub lost: Option<String>,
    /// Lines read.
    pub lines: u64,
    /// Lines, or reads, that failed.
    pub errors: u64,
    /// How many lines an hour are usual.
    pub lines_per_hour: Option<u64>,
}

/// Two stages of which the second must see what the first saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// What is counted: `mail`.
    pub what: String,
    /// What the first stage makes of it: `messages accepted`.
    pub passed: String,
    /// What the second gives it: `scanner verdict`.
    pub missing: String,
    /// How it stands: proven, if all that was seen not long ago is accounted for.
    pub state: Standing,
    /// Seen at the first stage in the last quarter of an hour to half an hour.
    pub recent: u64,
    /// Waiting, within the time that it has.
    pub waiting: u64,
    /// Unaccounted.
    pub unaccounted: u64,
    /// Since when.
    pub since: Option<Time>,
    /// Last seen at the second stage.
    pub last: Option<Time>,
    /// How long the second has.
    pub within: Span,
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
