//! The store against what it is for: a power cut, a full disk, a damaged file, a second process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod cut;
mod full;
mod kept;
mod refused;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
};

use cordon_model::{Severity, Time};
use cordon_store::{
    Commit, DATABASE, FindingRow, HistoryRow, HourRow, OutboxRow, Sqlite, StateStore, StoreError,
};
use rusqlite::Connection;

/// Findings in one commit of [`commit`].
const FINDINGS: u64 = 10;

/// Says to a process of this binary what to be; see [`child`].
const ROLE: &str = "CORDON_STORE_CHILD";

/// Says to it where.
const DIR: &str = "CORDON_STORE_DIR";

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

/// Commit `seq` of a run in which each builds on the one before: ten new findings, each said to
/// people; one message; a shard, a cursor and a head that hold the sequence.
fn commit(seq: u64) -> Commit {
    let at = Time::from_millis(1_000_000_000_000 + seq);
    let mark = seq.to_be_bytes().to_vec();
    let subject = |number: u64| format!("subject-{seq}-{number}");
    let finding = |number: u64| FindingRow {
        key: format!("{seq:08}/{number}").into_bytes(),
        rule: "LOG-1".to_owned(),
        host: "web-1".to_owned(),
        subject: subject(number),
        severity: Severity::High,
        life: "new".to_owned(),
        first: at,
        last: at,
        bytes: vec![7; 200],
    };
    let said = |number: u64| HistoryRow {
        seq,
        at,
        kind: "opened".to_owned(),
        rule: "LOG-1".to_owned(),
        host: "web-1".to_owned(),
        subject: subject(number),
        severity: Severity::High,
        title: "a title".to_owned(),
        body: "{}".to_owned(),
    };
    Commit {
        seq,
        after: seq - 1,
        at,
        head: mark.clone(),
        shards: vec![shard("logs", b"web-1", Some(&mark))],
        cursors: vec![("app.log".to_owned(), mark.clone())],
        findings: (0..FINDINGS).map(finding).collect(),
        resolved: Vec::new(),
        outbox: vec![OutboxRow {
            kind: "mail".to_owned(),
            body: mark,
        }],
        said: (0..FINDINGS).map(said).collect(),
        hours: vec![hour(seq)],
    }
}

fn hour(seq: u64) -> HourRow {
    HourRow {
        host: "web-1".to_owned(),
        source: "app.log".to_owned(),
        hour: 500_000 + seq / 10,
        minutes: 1 << (seq % 60),
        lines: seq,
        errors: 1,
        unparsed: 2,
        shapes: 3,
        wrong: seq.is_multiple_of(2),
    }
}

fn shard(control: &str, key: &[u8], bytes: Option<&[u8]>) -> cordon_store::ShardRow {
    cordon_store::ShardRow {
        control: control.to_owned(),
        key: key.to_vec(),
        version: 3,
        bytes: bytes.map(<[u8]>::to_vec),
    }
}

/// Stores it, and waits.
fn store(store: &Sqlite, commit: Commit) -> Result<u64, StoreError> {
    store.commit(Arc::new(commit))?.wait()
}

/// What is on disk must be commits 1 to some last one of [`commit`], each whole and once. Gives the last.
fn whole(dir: &Path) -> u64 {
    let opened = Sqlite::open(dir).unwrap();
    let loaded = opened.load().unwrap();
    let last = loaded.seq();
    let sent = opened.outbox(0, usize::MAX).unwrap();
    drop(opened);
    let conn = Connection::open(dir.join(DATABASE)).unwrap();
    let ok: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(ok, "ok");
    let mut said = conn
        .prepare("SELECT seq, COUNT(*), COUNT(DISTINCT subject) FROM history GROUP BY seq")
        .unwrap();
    let said: BTreeMap<i64, (i64, i64)> = said
        .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let each = (FINDINGS.cast_signed(), FINDINGS.cast_signed());
    let expected: BTreeMap<i64, _> = (1..=last.cast_signed()).map(|seq| (seq, each)).collect();
    assert_eq!(said, expected, "said, once each");
    let found: Vec<Vec<u8>> = loaded.findings.into_iter().map(|row| row.key).collect();
    let keys = |seq: u64| (0..FINDINGS).map(move |n| format!("{seq:08}/{n}").into_bytes());
    assert!(found.into_iter().eq((1..=last).flat_map(keys)), "findings");
    assert!(sent.iter().map(|out| out.seq).eq(1..=last), "outbox");
    if last > 0 {
        let mark = last.to_be_bytes().to_vec();
        assert_eq!(loaded.head.unwrap().bytes, mark);
        assert_eq!(loaded.cursors, [("app.log".to_owned(), mark.clone())]);
        assert_eq!(loaded.shards, [shard("logs", b"web-1", Some(&mark))]);
    }
    last
}

/// This binary again, as another process; ended without a word when dropped.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    fn start(role: &str, dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(ROLE, role)
            .env(DIR, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A line without its end was cut: it says nothing.
            while out.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                if let Some(said) = line.trim_end().strip_prefix("said ")
                    && sender.send(said.to_owned()).is_err()
                {
                    return;
                }
                line.clear();
            }
        });
        Self { child, lines }
    }

    /// `kill -9`, and what it had said by then.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Tells the parent process.
fn say(what: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nsaid {what}").unwrap();
    out.flush().unwrap();
}

/// Not a test: what [`Process::start`] runs. Without a role it has nothing to do.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let dir = PathBuf::from(std::env::var(DIR).unwrap());
    match role.as_str() {
        "drive" => cut::drive(&dir),
        "hold" => refused::hold(&dir),
        moment => cut::upgrade_up_to(&dir, moment),
    }
}
