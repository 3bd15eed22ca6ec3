//! `cordon logs scan` through the binary: our own rules fire on what they are for and on nothing beside it, the
//! official cases fire as often as they say, and what could not be looked at never looks clean.

mod account;
mod forms;
mod official;
mod own;

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{Ran, folder};

/// Runs a scan with `--json`.
fn scan<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command.args(["logs", "scan", "--json"]).args(args);
    Ran::of(command)
}

/// The rules that fired, in the order of the findings.
fn fired(ran: &Ran) -> Vec<String> {
    let all = ran.lines();
    all.iter()
        .map(|line| line["rule"].as_str().unwrap().to_owned())
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One line of JSON an event.
fn lines<'v>(events: impl IntoIterator<Item = &'v Value>) -> String {
    let mut text = String::new();
    for event in events {
        text.push_str(&event.to_string());
        text.push('\n');
    }
    text
}

/// A rule of Windows.
fn rule(title: &str, more: &str) -> String {
    format!("title: {title}\nlogsource: {{ product: windows }}\n{more}\n")
}

/// A whole official EVTX file of six events.
fn evtx() -> Option<Vec<u8>> {
    let root = cordon_testkit::corpus("logs").ok()?; // ok: because the skip is counted
    let mut files = official::files(&root.join("sigma_regression"));
    files.retain(|path| text(path).contains("file_event_win_cred_dump_tools_dropped_files"));
    files.first().map(|path| fs::read(path).unwrap())
}
