//! `cargo run --release -p bench --bin records -- evtx FOLDER | json FOLDER TIMES | audit LINES | text FILE TIMES`:
//! what it costs to read logs into fields. Every field is handed to a sink that adds up lengths, so that
//! nothing is left out as unused.
//!
//! CPU seconds are user and system of this process, as the kernel counts them (ticks of 10 ms), so small
//! inputs are read several times; the median of five passes is shown. Peak memory is `VmHWM`; what makes the
//! input (the JSON, the audit lines) runs before in the same process where it says so.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Read, Write as _},
    path::{Path, PathBuf},
};

use records::{Options, Record, Sink, read};

/// Passes of which the median is shown.
const PASSES: usize = 5;

#[derive(Default)]
struct Sum {
    fields: u64,
    bytes: u64,
}

impl Sink for Sum {
    fn text(&mut self, name: &str, value: &str) {
        self.fields += 1;
        self.bytes += (name.len() + value.len()) as u64;
    }

    fn number(&mut self, name: &str, value: &str) {
        self.text(name, value);
    }

    fn bool(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    fn null(&mut self, name: &str) {
        self.text(name, "");
    }
}

fn main() {
    let argument = |at| std::env::args().nth(at);
    let what = argument(1).expect("evtx, json, audit or text");
    let number = |at, default| argument(at).map_or(default, |text| text.parse().expect("a number"));
    match what.as_str() {
        "evtx" => {
            let mut files = Vec::new();
            walk(Path::new(&argument(2).expect("a folder")), &mut files);
            // Ten times, because one pass is a few ticks.
            passes(&what, 10, &files);
        }
        "json" => {
            let path = converted(Path::new(&argument(2).expect("a folder")), number(3, 10));
            passes(&what, 1, &[path]);
        }
        "audit" => {
            let path = audit(number(2, 1_000_000));
            passes(&what, 1, &[path]);
        }
        _ => {
            let path = PathBuf::from(argument(2).expect("a file"));
            passes(&what, number(3, 1), &[path]);
        }
    }
}

fn passes(what: &str, times: u64, files: &[PathBuf]) {
    let (mut all, mut last) = (Vec::new(), (0, 0, Sum::default()));
    for _ in 0..PASSES {
        let before = cpu_secs();
        for _ in 0..times {
            last = once(files);
        }
        all.push((cpu_secs() - before) / times as f64);
    }
    all.sort_by(f64::total_cmp);
    let cpu = all.get(PASSES / 2).copied().expect("passes");
    let (events, missing, sum) = last;
    println!("| what | files | events | lost | fields | CPU s | events a CPU s | peak RSS MiB |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {what} | {} | {events} | {missing} | {} | {cpu:.3} | {:.0} | {:.0} |",
        files.len(),
        sum.fields,
        events as f64 / cpu,
        peak_mib()
    );
}

fn once(files: &[PathBuf]) -> (u64, u64, Sum) {
    let (mut events, mut lost, mut sum) = (0, 0, Sum::default());
    let options = Options {
        around: Some(1_795_600_000_000),
        ..Options::default()
    };
    for path in files {
        let file = File::open(path).expect("a file");
        let name = path.to_string_lossy();
        let report = read(&name, file, &options, &mut |record: &Record| {
            record.give(&mut sum);
        });
        let report = report.expect("a log");
        events += report.events;
        lost += report.lost_events();
    }
    (events, lost, sum)
}

/// All Windows logs below a folder as JSON lines, `times` times over.
fn converted(folder: &Path, times: u64) -> PathBuf {
    let (mut files, mut json) = (Vec::new(), Vec::new());
    walk(folder, &mut files);
    for path in files {
        let file = File::open(&path).expect("a file");
        let name = path.to_string_lossy().into_owned();
        let report = read(&name, file, &Options::default(), &mut |record: &Record| {
            json.extend_from_slice(record.raw().as_bytes());
            json.push(b'\n');
        });
        report.expect("a log");
    }
    let path = std::env::temp_dir().join("cordon-bench-records.jsonl");
    let mut file = BufWriter::new(File::create(&path).expect("room"));
    for _ in 0..times {
        file.write_all(&json).expect("room");
    }
    file.flush().expect("room");
    path
}

/// Lines of audit, five an event, two events interleaved.
fn audit(lines: u64) -> PathBuf {
    let path = std::env::temp_dir().join("cordon-bench-records-audit.log");
    let mut file = BufWriter::new(File::create(&path).expect("room"));
    for pair in 0..lines / 10 {
        let mut text = String::new();
        for part in 0..5 {
            for half in 0..2 {
                let serial = pair * 2 + half;
                let at = format!("{}.{:03}:{serial}", 1_795_000_000 + pair / 50, pair % 1000);
                line(&mut text, part, &at, serial);
            }
        }
        file.write_all(text.as_bytes()).expect("room");
    }
    file.flush().expect("room");
    path
}

fn line(text: &mut String, part: u64, at: &str, serial: u64) {
    let written = match part {
        0 => writeln!(
            text,
            "type=SYSCALL msg=audit({at}): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=4 pid={serial} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"curl\" exe=\"/usr/bin/curl\" subj=unconfined key=\"exec\""
        ),
        1 => writeln!(
            text,
            "type=EXECVE msg=audit({at}): argc=3 a0=\"curl\" a1=\"-o\" a2=2F746D702F61206220{serial:08x}"
        ),
        2 => writeln!(text, "type=CWD msg=audit({at}): cwd=\"/root\""),
        3 => writeln!(
            text,
            "type=PATH msg=audit({at}): item=0 name=\"/usr/bin/curl\" inode=1442 dev=fd:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0"
        ),
        _ => writeln!(
            text,
            "type=PROCTITLE msg=audit({at}): proctitle=6375726C002D6F002F746D702F612062"
        ),
    };
    written.expect("a String");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "evtx") {
            files.push(path);
        }
    }
}

fn cpu_secs() -> f64 {
    let mut text = String::new();
    File::open("/proc/self/stat")
        .and_then(|mut file| file.read_to_string(&mut text))
        .expect("proc");
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .expect("stat")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<u64>().ok())
            .expect("ticks")
    }; // ok: because it is checked
    (ticks(11) + ticks(12)) as f64 / 100.0
}

fn peak_mib() -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("proc");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("KiB");
    kib / 1024.0
}
