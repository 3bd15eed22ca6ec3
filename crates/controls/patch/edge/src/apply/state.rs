//! A rollout on the disk. It is a plan with its rings, written once, and a journal of what happened, a line each; what
//! stands in the journal is durable before anything rests on it. After a `kill -9` the same events give the same
//! rollout: nothing is done twice unseen, and what was halted is halted still.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cordon_patch::plan::{Event, Happened, Plan, Rollout, SCHEMA};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::Record;

/// Longest plan.
pub const MAX_PLAN_BYTES: u64 = 256 << 20;

/// Longest journal: 10,000 hosts with the most that each may have said are less than half of it.
pub const MAX_JOURNAL_BYTES: u64 = 1 << 30;

/// The form of what is on the disk.
const FORM: &str = "cordon-rollout/1";

const START: &str = "rollout.json";
const JOURNAL: &str = "journal.ndjson";
const LOCK: &str = "lock";

/// Why a plan is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not its JSON.
    #[error("expected a plan in JSON: {0}")]
    Json(String),
    /// Of a form that is not known.
    #[error("expected a plan of the form {SCHEMA}, got {0:?}")]
    Form(String),
}

/// Reads a plan.
pub fn read_plan(bytes: &[u8]) -> Result<Plan, PlanError> {
    let plan: Plan =
        serde_json::from_slice(bytes).map_err(|error| PlanError::Json(error.to_string()))?;
    if plan.schema != SCHEMA {
        return Err(PlanError::Form(plan.schema));
    }
    Ok(plan)
}

/// Why a rollout cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The disk says no.
    #[error("{}: {why}", .path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// There is one already.
    #[error("{}: a rollout is there already: go on with it by --resume, or name another folder", .0.display())]
    There(PathBuf),
    /// There is none.
    #[error("{}: no rollout is there", .0.display())]
    None(PathBuf),
    /// Somebody else is at it.
    #[error("{}: another process is at this rollout", .0.display())]
    Busy(PathBuf),
    /// What is on the disk cannot be read.
    #[error("{} line {line}: {why}", .path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Start {
    form: String,
    plan: Plan,
    rollout: Rollout,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    event: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Record>,
    /// Which start the host lived in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// A rollout that is open.
#[derive(Debug)]
pub struct State {
    /// What is to be done.
    pub plan: Plan,
    /// How far it is.
    pub rollout: Rollout,
    journal: File,
    path: PathBuf,
    /// Held until this is dropped.
    _lock: File,
}

/// What was found on the disk besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// What came of each host's commands the last time, in the order in which they ended.
    pub records: Vec<(String, Record)>,
    /// Which start a host lived in when it was told to restart.
    pub boots: Vec<(String, String)>,
    /// Bytes of a last line that was never whole: it was being written when somebody was killed.
    pub torn_bytes: usize,
}

impl State {
    /// Begins one in a folder that has none.
    pub fn create(dir: &Path, plan: Plan, rollout: Rollout) -> Result<Self, StateError> {
        fs::create_dir_all(dir).map_err(|why| disk(dir, why))?;
        let lock = lock(dir)?;
        let start = dir.join(START);
        if is_there(&start)? {
            return Err(StateError::There(dir.to_owned()));
        }
        let path = dir.join(JOURNAL);
        let journal = File::create(&path).map_err(|why| disk(&path, why))?;
        journal.sync_all().map_err(|why| disk(&path, why))?;
        let new = Start {
            form: FORM.to_owned(),
            plan,
            rollout,
        };
        let text = serde_json::to_vec(&new).map_err(|why| disk(&start, why.into()))?;
        let new_path = dir.join(format!("{START}.new"));
        let write = || {
            let mut file = File::create(&new_path)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new_path, &start)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|why| disk(&new_path, why))?;
        Ok(Self {
            plan: new.plan,
            rollout: new.rollout,
            journal,
            path,
            _lock: lock,
        })
    }

    /// Goes on with one. Nobody else may be at it.
    pub fn open(dir: &Path) -> Result<(Self, Opened), StateError> {
        let start = dir.join(START);
        if !is_there(&start)? {
            return Err(StateError::None(dir.to_owned()));
        }
        let lock = lock(dir)?;
        let (plan, rollout, opened, whole) = load(dir)?;
        let path = dir.join(JOURNAL);
        let open = || {
            let journal = OpenOptions::new().append(true).open(&path)?;
            journal.set_len(whole)?;
            journal.sync_all()?;
            Ok(journal)
        };
        let journal = open().map_err(|why| disk(&path, why))?;
        let state = Self {
            plan,
            rollout,
            journal,
            path,
            _lock: lock,
        };
        Ok((state, opened))
    }

    /// Looks at one without touching it, also while somebody is at it.
    pub fn look(dir: &Path) -> Result<(Plan, Rollout, Opened), StateError> {
        if !is_there(&dir.join(START))? {
            return Err(StateError::None(dir.to_owned()));
        }
        let (plan, rollout, opened, _) = load(dir)?;
        Ok((plan, rollout, opened))
    }

    /// Takes in what happened, once it is durable.
    pub fn take(
        &mut self,
        event: Event,
        record: Option<Record>,
        boot: Option<String>,
    ) -> Result<(), StateError> {
        let entry = Entry {
            event,
            record,
            boot,
        };
        let mut line = serde_json::to_vec(&entry).map_err(|why| disk(&self.path, why.into()))?;
        line.push(b'\n');
        let mut write = || {
            self.journal.write_all(&line)?;
            self.journal.sync_data()
        };
        write().map_err(|why| disk(&self.path, why))?;
        self.rollout.take(&entry.event);
        Ok(())
    }
}

fn disk(path: &Path, why: io::Error) -> StateError {
    StateError::Disk {
        path: path.to_owned(),
        why,
    }
}

fn is_there(path: &Path) -> Result<bool, StateError> {
    path.try_exists().map_err(|why| disk(path, why))
}

fn lock(dir: &Path) -> Result<File, StateError> {
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(|why| disk(&path, why))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::Busy(dir.to_owned())),
        Err(error) => Err(disk(&path, error.into())),
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, StateError> {
    let read = || {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?.take(most + 1);
        io::copy(&mut file, &mut bytes)?;
        if bytes.len() as u64 > most {
            let why = format!("expected at most {most} bytes, found more");
            return Err(io::Error::other(why));
        }
        Ok(bytes)
    };
    read().map_err(|why| disk(path, why))
}

/// The rollout after all that is in the journal, and how many bytes of that are whole lines.
fn load(dir: &Path) -> Result<(Plan, Rollout, Opened, u64), StateError> {
    let damaged = |path: &Path, line: usize, why: String| StateError::Damaged {
        path: path.to_owned(),
        line,
        why,
    };
    let path = dir.join(START);
    let bytes = read(&path, 2 * MAX_PLAN_BYTES)?;
    let start: Start = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(&path, error.line(), error.to_string()))?;
    if start.form != FORM || start.plan.schema != SCHEMA {
        let why = format!("expected the form {FORM}, found {:?}", start.form);
        return Err(damaged(&path, 1, why));
    }
    let Start {
        plan, mut rollout, ..
    } = start;
    let path = dir.join(JOURNAL);
    let bytes = read(&path, MAX_JOURNAL_BYTES)?;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut opened = Opened {
        torn_bytes: bytes.len() - whole,
        ..Opened::default()
    };
    let lines = bytes.get(..whole).unwrap_or_default(); // default: because it is within
    for (nth, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue; // behind the last
        }
        let entry: Entry = serde_json::from_slice(line)
            .map_err(|error| damaged(&path, nth + 1, error.to_string()))?;
        let host = match &entry.event.what {
            Happened::Ran { host, .. } | Happened::Restarting { host } => Some(host.clone()),
            _ => None,
        };
        if let (Some(host), Some(record)) = (&host, entry.record) {
            opened.records.push((host.clone(), record));
        }
        if let (Some(host), Some(boot)) = (host, entry.boot) {
            opened.boots.push((host, boot));
        }
        rollout.take(&entry.event);
    }
    Ok((plan, rollout, opened, whole as u64))
}
