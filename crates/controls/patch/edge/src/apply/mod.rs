//! Does what a plan says, through the host's own package manager, and believes nothing of what that says of itself.
//!
//! 2004: the deployment tool's word was the only one anybody heard. So what is done here ends in a record (the commands,
//! how they ended, the end of what they said, how it would be undone) and in nothing else: whether it helped is said by
//! [`proof`], from an audit that was made afterwards.
//!
//! A plan is a file that somebody hands us. Every name and version of it is held against the few characters that its
//! package manager allows before it comes near a command line, and no line is ever put together by pasting.

mod health;
mod managers;
mod proof;
#[cfg(test)]
mod real_tests;
mod run;
mod script;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;

use cordon_model::PackageKind;
use cordon_patch::plan::{Deed, Step, Upgrade};
use serde::{Deserialize, Serialize};

pub use health::{HEALTH_SCRIPT, RESTART_SCRIPT, Vitals, read_vitals};
pub use managers::{Apk, Apt, Dnf, MAX_NAME_BYTES, MAX_PACKAGES, Refused};
pub use proof::proof;
pub use run::{RunError, run};
pub use script::{AnswerError, SCRIPT_END, answer, script};
pub use state::{
    MAX_JOURNAL_BYTES, MAX_PLAN_BYTES, Opened, PlanError, State, StateError, read_plan,
};

/// Most bytes that are kept of what a command says: its end, where package managers say what went wrong.
pub const MAX_TAIL_BYTES: usize = 16 << 10;

/// Said with every undo, because it is so.
pub const UNDO_NOTE: &str =
    "whether the old version can still be had is not known; what its scripts changed is not undone";

/// One way to upgrade packages.
pub trait Executor {
    /// Its name: `apt-get`.
    fn name(&self) -> &'static str;
    /// The command that brings these to their versions. It asks nobody anything.
    fn upgrade(&self, packages: &[Upgrade]) -> Result<Call, Refused>;
    /// The command that would bring them back.
    fn undo(&self, packages: &[Upgrade]) -> Result<Call, Refused>;
}

/// The executor of a kind of packages; updates of Windows have none here.
pub fn executor(kind: PackageKind) -> Option<&'static dyn Executor> {
    match kind {
        PackageKind::Deb => Some(&Apt),
        PackageKind::Rpm => Some(&Dnf),
        PackageKind::Apk => Some(&Apk),
        PackageKind::Kb => None,
    }
}

/// A command: its environment and its words. As text it is what a person would type into a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What is set for it besides.
    pub env: Vec<(String, String)>,
    /// The program and its arguments.
    pub words: Vec<String>,
}

impl Call {
    pub(crate) fn new(env: &[(&str, &str)], words: &[&str]) -> Self {
        let owned = |text: &&str| (*text).to_owned();
        Self {
            env: env
                .iter()
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
            words: words.iter().map(owned).collect(),
        }
    }

    pub(crate) fn with(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.words.extend(words);
        self
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.env.is_empty() {
            f.write_str("env ")?;
        }
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// A word as any `sh` reads it back: within quotes nothing but the quote itself means more than it is.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What is done on one host, in this order, and how it would be undone, the last first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The commands.
    pub calls: Vec<Call>,
    /// The commands that would bring the old versions back.
    pub undo: Vec<Call>,
}

impl Job {
    /// The commands of a host's steps; steps that only restart something have none.
    pub fn of(kind: Option<PackageKind>, steps: &[Step]) -> Result<Self, Refused> {
        let mut job = Self::default();
        for step in steps {
            match &step.deed {
                Deed::Upgrade(packages) => {
                    let executor = kind.and_then(executor).ok_or(Refused::NoExecutor)?;
                    job.calls.push(executor.upgrade(packages)?);
                    job.undo.push(executor.undo(packages)?);
                }
                Deed::Install { .. } => return Err(Refused::NoExecutor),
                Deed::RestartServices(_) | Deed::RestartHost => {}
            }
        }
        job.undo.reverse();
        Ok(job)
    }
}

/// What came of a host's commands, in their words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The commands as a person would type them.
    pub ran: Vec<String>,
    /// How they ended: 0 if all did well, else as the first that did not; none if that was not told.
    pub exit: Option<i32>,
    /// The end of what they said.
    pub tail: String,
    /// How it would be undone.
    pub undo: Vec<String>,
    /// What is not known of that.
    pub undo_note: String,
}

impl Record {
    /// Of these commands.
    pub fn of(job: &Job, exit: Option<i32>, said: &[u8]) -> Self {
        let mut all = Said::default();
        all.push(said);
        Self::of_said(job, exit, &all)
    }

    fn of_said(job: &Job, exit: Option<i32>, said: &Said) -> Self {
        let texts = |calls: &[Call]| calls.iter().map(Call::to_string).collect();
        Self {
            ran: texts(&job.calls),
            exit,
            tail: said.plain(),
            undo: texts(&job.undo),
            undo_note: UNDO_NOTE.to_owned(),
        }
    }
}

/// The end of what was said, at most [`MAX_TAIL_BYTES`], and how much was said before it.
#[derive(Debug, Default)]
struct Said {
    end: Vec<u8>,
    before: usize,
}

impl Said {
    fn push(&mut self, bytes: &[u8]) {
        self.end.extend_from_slice(bytes);
        let over = self.end.len().saturating_sub(MAX_TAIL_BYTES);
        self.end.drain(..over);
        self.before += over;
    }

    fn plain(&self) -> String {
        let text = String::from_utf8_lossy(&self.end);
        match self.before {
            0 => text.trim().to_owned(),
            before => format!("({before} bytes before) {}", text.trim()),
        }
    }
}
