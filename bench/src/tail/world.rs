//! The writer, the rotations and the kills.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    Heard,
    reader::{Reader, Running},
};

/// Length of a line with its end.
pub const LINE_BYTES: u64 = 96;

/// Lines a second.
const RATE: u64 = 10_000;

/// Rotated generations that are kept.
const KEPT: u32 = 50;

/// How long a reader may take to come to the end when nothing is written any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a log is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Rename,
    RenameTwice,
    GzipDelayed,
    Gzip,
    CopyTruncate,
    Delete,
}

/// All of them.
pub const STYLES: [Style; 6] = [
    Style::Rename,
    Style::RenameTwice,
    Style::GzipDelayed,
    Style::Gzip,
    Style::CopyTruncate,
    Style::Delete,
];

impl Style {
    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rename => "rename, create",
            Self::RenameTwice => "rename twice at once",
            Self::GzipDelayed => "rename, gzip the one before",
            Self::Gzip => "rename, gzip",
            Self::CopyTruncate => "copy, truncate",
            Self::Delete => "delete, create",
        }
    }

    /// Whether every line stays on the disk until it can be read.
    pub const fn keeps_all(self) -> bool {
        !matches!(self, Self::CopyTruncate | Self::Delete)
    }
}

/// Shared with the writer.
#[derive(Debug, Default)]
struct Desk {
    written: AtomicU64,
    /// How often it was told to open the log anew, and how often it did.
    asked: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

/// Numbers that look like chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn millis(&mut self, below: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Duration::from_micros((self.0 >> 33) % (below * 1000))
    }
}

/// How many lines were written, and what the reader made of them.
pub fn run(reader: Reader, style: Style, rounds: u32) -> (u64, Heard) {
    let folder = std::env::temp_dir().join(format!("cordon-bench-tail-{}", std::process::id()));
    if let Err(error) = fs::remove_dir_all(&folder) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    fs::create_dir_all(folder.join("logs")).expect("a folder");
    let log = folder.join("logs/app.log");
    drop(open(&log));
    let desk = Arc::new(Desk::default());
    let writing = {
        let (desk, log) = (Arc::clone(&desk), log.clone());
        thread::spawn(move || write(&desk, &log))
    };
    let mut chance = Chance(u64::from(rounds) + 7);
    let mut child = reader.start(&folder);
    for round in 0..rounds {
        thread::sleep(Duration::from_millis(100) + chance.millis(reader.longest_round()));
        let down = chance.millis(80);
        let kill = |running: Running| running.kill();
        child = match round % 3 {
            0 => {
                kill(child);
                rotate(style, &log, &desk, &mut chance);
                thread::sleep(down);
                reader.start(&folder)
            }
            1 => {
                let rest = chance.millis(30);
                let killing = thread::spawn(move || {
                    thread::sleep(rest);
                    kill(child);
                });
                rotate(style, &log, &desk, &mut chance);
                killing.join().expect("no panic");
                thread::sleep(down);
                reader.start(&folder)
            }
            _ => {
                rotate(style, &log, &desk, &mut chance);
                thread::sleep(down);
                kill(child);
                reader.start(&folder)
            }
        };
    }
    desk.stop.store(true, Ordering::SeqCst);
    writing.join().expect("no panic");
    let written = desk.written.load(Ordering::SeqCst);
    let heard = settled(reader, &child, &folder, written);
    child.kill();
    fs::remove_dir_all(&folder).expect("ours");
    (written, heard)
}

/// What was heard, once the last line has come and nothing more comes.
fn settled(reader: Reader, running: &Running, folder: &Path, written: u64) -> Heard {
    let began = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(500));
        let heard = Reader::heard(running, reader, folder);
        let last = heard.numbers.contains_key(&(written - 1));
        let all = last || heard.counted.is_some_and(|lines| lines >= written);
        if all || began.elapsed() > PATIENCE {
            thread::sleep(Duration::from_secs(2)); // what would come twice comes now
            return Reader::heard(running, reader, folder);
        }
    }
}

fn open(log: &Path) -> File {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(log)
        .expect("the log")
}

fn write(desk: &Desk, log: &Path) {
    let (mut file, began) = (open(log), Instant::now());
    let mut number = 0;
    while !desk.stop.load(Ordering::SeqCst) {
        let asked = desk.asked.load(Ordering::SeqCst);
        if asked != desk.done.load(Ordering::SeqCst) {
            file = open(log);
            desk.done.store(asked, Ordering::SeqCst);
        }
        let due = u64::try_from(began.elapsed().as_micros()).expect("short") * RATE / 1_000_000;
        for _ in number..due.min(number + 100) {
            let line = format!("2026-11-24T02:00:00Z host app[1]: number={number:016} ");
            let line = format!("{line:.<95}\n");
            file.write_all(line.as_bytes()).expect("room");
            number += 1;
            desk.written.store(number, Ordering::SeqCst);
        }
        if due <= number {
            thread::sleep(Duration::from_micros(500));
        }
    }
}

fn rotate(style: Style, log: &Path, desk: &Desk, chance: &mut Chance) {
    match style {
        Style::Rename => rename(log, desk, chance),
        Style::RenameTwice => {
            rename(log, desk, chance);
            rename(log, desk, chance);
        }
        Style::GzipDelayed => {
            rename(log, desk, chance);
            gzip(&numbered(log, 2, ""));
        }
        Style::Gzip => {
            rename(log, desk, chance);
            gzip(&numbered(log, 1, ""));
        }
        Style::CopyTruncate => {
            shift(log);
            fs::copy(log, numbered(log, 1, "")).expect("a copy");
            thread::sleep(chance.millis(3)); // what is written now is in neither
            open(log).set_len(0).expect("ours");
        }
        Style::Delete => {
            fs::remove_file(log).expect("ours");
            reopen(desk, chance);
        }
    }
}

fn rename(log: &Path, desk: &Desk, chance: &mut Chance) {
    shift(log);
    fs::rename(log, numbered(log, 1, "")).expect("ours");
    reopen(desk, chance);
}

/// Each generation becomes one older.
fn shift(log: &Path) {
    for age in (1..=KEPT).rev() {
        for end in ["", ".gz"] {
            let (from, to) = (numbered(log, age, end), numbered(log, age + 1, end));
            match fs::rename(&from, &to) {
                Ok(()) if age == KEPT => fs::remove_file(&to).expect("ours"),
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
            }
        }
    }
}

fn numbered(log: &Path, age: u32, end: &str) -> PathBuf {
    PathBuf::from(format!("{}.{age}{end}", log.display()))
}

/// The writer goes on with the old file for a moment, as one does that is told by a signal.
fn reopen(desk: &Desk, chance: &mut Chance) {
    thread::sleep(chance.millis(20));
    let asked = desk.asked.fetch_add(1, Ordering::SeqCst) + 1;
    while desk.done.load(Ordering::SeqCst) != asked {
        thread::sleep(Duration::from_micros(200));
    }
}

fn gzip(path: &Path) {
    if fs::metadata(path).is_ok() {
        let done = Command::new("gzip").arg("-1").arg(path).status();
        assert!(done.expect("gzip").success(), "gzip refused");
    }
}
