//! `cargo run --release -p bench --bin store -- [FOLDER]`: durable findings a second.
//!
//! One caller says commits of 1, 10, 100 and 1,000 findings, each with its line of history, and waits
//! for each: what a hub does that lets nothing pass before it is on disk. The last row keeps 64
//! commits of one finding on their way, as many callers would: the group commit. FOLDER decides
//! which disk is measured; it is a folder `store-bench` below it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use cordon_model::{Severity, Time};
use cordon_store::{Commit, FindingRow, HistoryRow, Sqlite, StateStore, Ticket};

/// How long each row is measured.
const LONG: Duration = Duration::from_secs(5);

fn main() {
    let below = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = below.join("store-bench");
    println!(
        "| findings a commit | on their way | findings/s | CPU µs a finding | p99 commit ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for (batch, window) in [(1, 1), (10, 1), (100, 1), (1000, 1), (1, 64)] {
        if let Err(error) = fs::remove_dir_all(&dir) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
        measure(&dir, batch, window);
    }
    fs::remove_dir_all(&dir).expect("ours");
}

fn measure(dir: &Path, batch: u64, window: usize) {
    let store = Sqlite::open(dir).expect("a new store");
    let (mut took, mut waiting) = (Vec::new(), VecDeque::<(Instant, Ticket)>::new());
    let (start, before) = (Instant::now(), cpu_seconds());
    let mut seq = 0;
    while start.elapsed() < LONG {
        seq += 1;
        let said = Instant::now();
        let ticket = store.commit(Arc::new(commit(seq, batch))).expect("room");
        waiting.push_back((said, ticket));
        if waiting.len() >= window {
            finish(&mut waiting, &mut took);
        }
    }
    while !waiting.is_empty() {
        finish(&mut waiting, &mut took);
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - before;
    took.sort();
    let p99 = took[took.len() * 99 / 100].as_secs_f64() * 1e3;
    let findings = (seq * batch) as f64;
    let (rate, each) = (findings / seconds, cpu * 1e6 / findings);
    println!("| {batch} | {window} | {rate:.0} | {each:.1} | {p99:.2} |");
}

fn finish(waiting: &mut VecDeque<(Instant, Ticket)>, took: &mut Vec<Duration>) {
    let (said, ticket) = waiting.pop_front().expect("one waits");
    ticket.wait().expect("durable");
    took.push(said.elapsed());
}

/// New findings of about the size that the engine's are.
fn commit(seq: u64, batch: u64) -> Commit {
    let at = Time::from_millis(1_000_000_000_000 + seq);
    let finding = |number: u64| FindingRow {
        key: format!("PAT-1 host-{number} package-{seq}").into_bytes(),
        rule: "PAT-1".to_owned(),
        host: format!("host-{number}"),
        subject: format!("package-{seq}"),
        severity: Severity::High,
        life: "new".to_owned(),
        first: at,
        last: at,
        bytes: vec![7; 300],
    };
    let said = |number: u64| HistoryRow {
        seq,
        at,
        kind: "opened".to_owned(),
        rule: "PAT-1".to_owned(),
        host: format!("host-{number}"),
        subject: format!("package-{seq}"),
        severity: Severity::High,
        title: "a fixed version of this package is not installed".to_owned(),
        body: format!("{{\"text\":\"{}\"}}", "x".repeat(300)),
    };
    Commit {
        seq,
        after: seq - 1,
        at,
        head: vec![0; 100],
        findings: (0..batch).map(finding).collect(),
        said: (0..batch).map(said).collect(),
        ..Commit::default()
    }
}

/// User and system time of this process, in seconds, in steps of 10 ms (proc(5), fields 14 and 15).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().expect("a name in brackets");
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}
