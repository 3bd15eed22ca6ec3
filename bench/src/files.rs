//! `cargo run --release -p bench --bin files -- FILES RATE SECS`: what the agent costs that follows FILES logs
//! of RATE lines a second together, for SECS seconds; RATE 0 is an idle host.
//!
//! `cordon up` is the real binary, started by root as two processes, all of it on one core (`taskset -c 0`);
//! the writer runs on the others. It is paced, one write a file and tenth of a second. The work is proven by
//! the page: it must name as many lines as were written before the CPU seconds are read.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bench_kit::up::Up;

/// Between two writes to one file.
const STEP_MILLIS: u64 = 100;

/// How long the page may take to name every line.
const PATIENCE: Duration = Duration::from_mins(2);

fn main() {
    let number = |at, default| {
        let text = std::env::args().nth(at);
        text.map_or(default, |text| text.parse::<u64>().expect("a number"))
    };
    let (files, rate, secs) = (number(1, 200), number(2, 50_000), number(3, 20));
    let root = std::env::temp_dir().join(format!("cordon-bench-files-{}", std::process::id()));
    if let Err(error) = fs::remove_dir_all(&root) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    let logs = prepare(&root, files);
    let up = Up::start(&root, Some("0"));
    thread::sleep(Duration::from_secs(5)); // the first look, the packages and the probes are not what is measured
    let (cpu, began) = (up.cpu_secs(), Instant::now());
    let written = write(&logs, rate, secs);
    let lines = if written == 0 {
        0
    } else {
        settled(&up, written)
    };
    let (took, cpu) = (began.elapsed().as_secs_f64(), up.cpu_secs() - cpu);
    println!("| files | lines/s asked | lines | CPU s | of one core | µs a line | peak RSS MiB |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let each = if lines == 0 {
        "-".to_owned()
    } else {
        format!("{:.1}", cpu * 1e6 / lines as f64)
    };
    let peaks = up.peak_mib();
    let peaks: Vec<String> = peaks.iter().map(|mib| format!("{mib:.0}")).collect();
    println!(
        "| {files} | {rate} | {lines} | {cpu:.2} | {:.2} % | {each} | {} |",
        cpu / took * 100.0,
        peaks.join(" + ")
    );
    drop(up);
    fs::remove_dir_all(&root).expect("ours");
}

/// A system with a policy that names the logs.
fn prepare(root: &Path, files: u64) -> Vec<PathBuf> {
    for folder in ["var/log/many", "etc/cordon", "var/lib/dpkg", "data"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("room");
    let (mut policy, mut logs) = (String::new(), Vec::new());
    for file in 0..files {
        let path = format!("/var/log/many/{file}.log");
        writeln!(
            policy,
            "[[logs.source]]\nname = \"{file}.log\"\npath = \"{path}\""
        )
        .expect("a String");
        let path = root.join(path.trim_start_matches('/'));
        fs::write(&path, "").expect("room");
        logs.push(path);
    }
    fs::write(root.join("etc/cordon/policy.toml"), policy).expect("room");
    logs
}

/// How many lines were written; sleeps the same time where there are none to write.
fn write(logs: &[PathBuf], rate: u64, secs: u64) -> u64 {
    if rate == 0 {
        thread::sleep(Duration::from_secs(secs));
        return 0;
    }
    let mut files: Vec<File> = logs
        .iter()
        .map(|path| OpenOptions::new().append(true).open(path).expect("a log"))
        .collect();
    let (mut written, began) = (0, Instant::now());
    let count = u64::try_from(files.len()).expect("few");
    for step in 1.. {
        let due = rate * STEP_MILLIS * step / 1000;
        for (at, file) in files.iter_mut().enumerate() {
            let share = (due - written) / (count - at as u64);
            let mut text = String::new();
            for line in 0..share {
                let number = written + line;
                writeln!(
                    text,
                    "2026-11-24T02:00:00Z host app[{at}]: request number={number:012} took 12 ms from 192.0.2.7"
                )
                .expect("a String");
            }
            file.write_all(text.as_bytes()).expect("room");
            written += share;
        }
        if step * STEP_MILLIS >= secs * 1000 {
            return written;
        }
        let next = Duration::from_millis(STEP_MILLIS * step);
        thread::sleep(next.saturating_sub(began.elapsed()));
    }
    written
}

/// Waits until the page names every line; how many it names.
fn settled(up: &Up, written: u64) -> u64 {
    let began = Instant::now();
    loop {
        let lines = up.lines();
        if lines >= written {
            return lines;
        }
        assert!(began.elapsed() < PATIENCE, "{lines} of {written}");
        thread::sleep(Duration::from_millis(200));
    }
}
