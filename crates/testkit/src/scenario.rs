//! A scenario is a folder, not code: `policy.toml + events.jsonl -> verdicts.jsonl`.
//!
//! It is run twice. Once straight through, for exact verdicts. Once with a restart between any two
//! events: the engine is saved, loaded, must be the same, and goes on from what was loaded.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use cordon_engine::{Batch, Engine, LoadError, Make, Row, Said, Snapshot};
use cordon_model::{Epoch, Fact, Host, Policy, PolicyError, Sensed, Set, SetName, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most events of a scenario: a person must be able to read it.
pub const MAX_EVENTS: usize = 60;

/// Where the engine of a scenario runs.
const ME: &str = "hub";

/// A scenario as read from its folder.
#[derive(Debug)]
pub struct Scenario {
    dir: PathBuf,
    policy: Policy,
    events: Vec<(Time, Sensed)>,
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A file of it could not be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line is no event or no verdict.
    #[error("{path}:{line}: {why}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What was expected and what came.
        why: String,
    },
    /// Longer than a person reads.
    #[error("{path}: expected at most {MAX_EVENTS} events, got {got}")]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// How many there are.
        got: usize,
    },
    /// The first policy was refused.
    #[error("{path}: {error}")]
    Policy {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: PolicyError,
    },
    /// A restart would change what is judged.
    #[error("{dir}: not resumable after event {after}: {why}")]
    NotResumable {
        /// Which scenario.
        dir: PathBuf,
        /// After which event.
        after: usize,
        /// What differs.
        why: String,
    },
}

/// The first verdict that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Line of `verdicts.jsonl`, from 1.
    pub line: usize,
    /// What it says there, if it goes that far.
    pub expected: Option<Value>,
    /// What came, if anything came.
    pub got: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Time,
    host: Host,
    #[serde(default)]
    said: Option<Time>,
    fact: Fact,
}

#[derive(Serialize)]
struct Told<'s> {
    seq: u64,
    at: Time,
    #[serde(flatten)]
    outcome: &'s cordon_engine::Outcome,
}

impl Scenario {
    /// Reads the scenario in `dir`.
    pub fn read(dir: &Path) -> Result<Self, ScenarioError> {
        let policy = Policy::new(&read(&dir.join("policy.toml"))?, 1);
        let policy = with_sets(policy, &dir.join("sets"))?;
        let path = dir.join("events.jsonl");
        let mut events = Vec::new();
        for (index, text) in read(&path)?
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            let line: Line = serde_json::from_str(text).map_err(|error| ScenarioError::Line {
                path: path.clone(),
                line: index + 1,
                why: error.to_string(),
            })?;
            let Line {
                at,
                host,
                said,
                fact,
            } = line;
            events.push((at, Sensed { host, said, fact }));
        }
        if events.len() > MAX_EVENTS {
            return Err(ScenarioError::TooLong {
                path,
                got: events.len(),
            });
        }
        Ok(Self {
            dir: dir.to_owned(),
            policy,
            events,
        })
    }

    /// Straight through.
    pub fn run(&self, controls: &[Make]) -> Result<Vec<Said>, ScenarioError> {
        let mut stage = Stage::new(self, controls)?;
        for (now, sensed) in &self.events {
            stage.step(*now, sensed)?;
        }
        Ok(stage.told)
    }

    /// Straight through, with a look at the engine after every event.
    pub fn run_seen(
        &self,
        controls: &[Make],
        look: &mut dyn FnMut(&Engine),
    ) -> Result<(), ScenarioError> {
        let mut stage = Stage::new(self, controls)?;
        for (now, sensed) in &self.events {
            stage.step(*now, sensed)?;
            look(&stage.engine);
        }
        Ok(())
    }

    /// What is remembered at its end.
    pub fn snapshot(&self, controls: &[Make]) -> Result<Snapshot, ScenarioError> {
        let mut stage = Stage::new(self, controls)?;
        for (now, sensed) in &self.events {
            stage.step(*now, sensed)?;
        }
        let mut snapshot = Snapshot::default();
        snapshot.absorb(stage.engine.save());
        Ok(snapshot)
    }

    /// With a restart after every event.
    pub fn run_with_restarts(&self, controls: &[Make]) -> Result<Vec<Said>, ScenarioError> {
        let mut stage = Stage::new(self, controls)?;
        let (mut snapshot, mut rows) = (Snapshot::default(), Rows::default());
        for (index, (now, sensed)) in self.events.iter().enumerate() {
            stage.step(*now, sensed)?;
            let broken = |why: String| ScenarioError::NotResumable {
                dir: self.dir.clone(),
                after: index + 1,
                why,
            };
            let batch = stage.engine.save();
            rows.keep(&batch)
                .map_err(|error| broken(error.to_string()))?;
            snapshot.absorb(batch);
            if rows.snapshot().map_err(|error| broken(error.to_string()))? != snapshot {
                return Err(broken(
                    "the rows of a store would be another engine".to_owned(),
                ));
            }
            let bytes = snapshot
                .to_bytes()
                .map_err(|error| broken(error.to_string()))?;
            snapshot = Snapshot::from_bytes(&bytes).map_err(|error| broken(error.to_string()))?;
            let loaded = Engine::load(ME.into(), controls, &stage.policy, &snapshot)
                .map_err(|error| broken(error.to_string()))?;
            if !loaded.same(&stage.engine) {
                return Err(broken(
                    "what was loaded differs from what was saved".to_owned(),
                ));
            }
            stage.engine = loaded;
        }
        Ok(stage.told)
    }

    /// The first difference to `verdicts.jsonl`, if there is one.
    pub fn differs(&self, told: &[Said]) -> Result<Option<Difference>, ScenarioError> {
        let path = self.dir.join("verdicts.jsonl");
        let mut expected = Vec::new();
        for (index, line) in read(&path)?.lines().enumerate() {
            let value = serde_json::from_str(line).map_err(|error| ScenarioError::Line {
                path: path.clone(),
                line: index + 1,
                why: error.to_string(),
            })?;
            expected.push(value);
        }
        let got = lines_of(told);
        Ok((0..expected.len().max(got.len())).find_map(|index| {
            let (expected, got) = (expected.get(index), got.get(index));
            (expected != got).then(|| Difference {
                line: index + 1,
                expected: expected.cloned(),
                got: got.cloned(),
            })
        }))
    }

    /// Where it was read from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What a store would hold.
#[derive(Default)]
struct Rows {
    head: Option<Vec<u8>>,
    shards: BTreeMap<Vec<u8>, Vec<u8>>,
    findings: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Rows {
    fn keep(&mut self, batch: &Batch) -> Result<(), LoadError> {
        let put = |rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, row: Row| {
            match row.bytes {
                Some(bytes) => rows.insert(row.key, bytes),
                None => rows.remove(&row.key),
            };
        };
        self.head = Some(batch.head()?);
        batch
            .shards()?
            .into_iter()
            .for_each(|shard| put(&mut self.shards, shard.row));
        batch
            .findings()?
            .into_iter()
            .for_each(|finding| put(&mut self.findings, finding.row));
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot, LoadError> {
        let rows = |rows: &BTreeMap<Vec<u8>, Vec<u8>>| -> Vec<Row> {
            let rows = rows.iter();
            rows.map(|(key, bytes)| Row {
                key: key.clone(),
                bytes: Some(bytes.clone()),
            })
            .collect()
        };
        Snapshot::from_rows(
            self.head.as_deref(),
            &rows(&self.shards),
            &rows(&self.findings),
        )
    }
}

/// What was told, as the lines of `verdicts.jsonl`: without what is empty.
pub fn lines_of(told: &[Said]) -> Vec<Value> {
    let line = |said: &Said| {
        let told = Told {
            seq: said.seq,
            at: said.at,
            outcome: &said.outcome,
        };
        let mut value = serde_json::to_value(told).unwrap_or_else(|e| Value::String(e.to_string()));
        drop_empty(&mut value);
        value
    };
    told.iter().map(line).collect()
}

fn drop_empty(value: &mut Value) {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(drop_empty);
            fields.retain(|_, value| !empty(value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An engine under way, with the policy that is in force.
struct Stage<'s> {
    scenario: &'s Scenario,
    engine: Engine,
    policy: Policy,
    told: Vec<Said>,
}

impl<'s> Stage<'s> {
    fn new(scenario: &'s Scenario, controls: &[Make]) -> Result<Self, ScenarioError> {
        let policy = scenario.policy.clone();
        let engine =
            Engine::new(ME.into(), controls, &policy).map_err(|error| ScenarioError::Policy {
                path: scenario.dir.join("policy.toml"),
                error,
            })?;
        Ok(Self {
            scenario,
            engine,
            policy,
            told: Vec::new(),
        })
    }

    /// A `swapped` line is an attempt: `policy.N.toml` is offered, and may be refused.
    fn step(&mut self, now: Time, sensed: &Sensed) -> Result<(), ScenarioError> {
        let told = &mut self.told;
        match &sensed.fact {
            Fact::Swapped { set, epoch } => {
                let next = offered(self.scenario, &self.policy, set, *epoch)?;
                let swapped = self
                    .engine
                    .swap(now, set, *epoch, &next, &mut |said| told.push(said));
                if swapped.is_ok() {
                    self.policy = next;
                }
            }
            _ => self
                .engine
                .step(now, sensed.clone(), &mut |said| told.push(said)),
        }
        Ok(())
    }
}

fn offered(
    scenario: &Scenario,
    policy: &Policy,
    set: &SetName,
    epoch: Epoch,
) -> Result<Policy, ScenarioError> {
    let path = scenario.dir.join(format!("{set}.{epoch}.toml"));
    Ok(policy.reworded(&read(&path)?, epoch))
}

/// `sets/NAME` are Debian package indexes without a date.
fn with_sets(mut policy: Policy, folder: &Path) -> Result<Policy, ScenarioError> {
    let unreadable = |path: &Path, error: io::Error| ScenarioError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(policy),
        other => other.map_err(|error| unreadable(folder, error))?,
    };
    let mut sets = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default(); // default: because the parse below refuses it
        let name: SetName = name
            .parse()
            .map_err(|error: cordon_model::IdError| unreadable(&path, io::Error::other(error)))?;
        sets.insert(name, bytes);
    }
    for (name, bytes) in sets {
        let format = "patch/debian-packages";
        policy = policy.with(
            name,
            Set {
                dated: None,
                format,
                bytes: Arc::from(bytes),
            },
        );
    }
    Ok(policy)
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    fs::read_to_string(path).map_err(|error| ScenarioError::Unreadable {
        path: path.to_owned(),
        error,
    })
}
