//! The one integration binary. A module per promise; ARCHITECTURE.md names them beside the invariants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod advisory;
mod alert;
mod audit;
mod bad;
mod cadence;
mod check;
mod cli;
mod collect;
mod debian;
mod deployer;
mod disk;
mod docs;
mod engine;
mod fleet;
mod fuzz;
mod golden;
mod inventories;
mod lab;
mod layers;
mod learned;
mod licences;
mod live_rules;
mod patch;
mod pkgdb;
mod plan;
mod rollout;
mod scan;
mod scanner;
mod scenarios;
mod sheets;
mod spec;
mod ssh;
mod sshd;
mod tidy;
mod up;
mod upgrade;
mod walks;

use std::path::PathBuf;

/// The project's root.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .unwrap()
}

/// How long a test takes its time: `name` in the environment, in seconds, for those who measure it at length.
fn seconds(name: &str, usual: u64) -> std::time::Duration {
    let said = std::env::var(name).map_or(usual, |said| said.parse().unwrap());
    std::time::Duration::from_secs(said)
}

/// Every `.rs` file below `folder`.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    assert!(
        !found.is_empty(),
        "no sources below {folder}: the test would see nothing"
    );
    found.sort();
    found
}

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a run of the binary printed, and how it ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(mut command: std::process::Command) -> Self {
        let output = command.env("NO_COLOR", "1").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self {
            code,
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }

    /// Each line of stdout.
    fn lines(&self) -> Vec<serde_json::Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Runs the binary.
fn cordon<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cordon"));
    command.args(args);
    Ran::of(command)
}
