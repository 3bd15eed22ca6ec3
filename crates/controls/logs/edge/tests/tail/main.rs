//! The follower against everything that happens to a log file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod directed;
mod model;
mod odd;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use cordon_logs_edge::Tail;
use cordon_model::{Cursor, End, Fact, Level, Time};

/// A folder with a log in it, and a clock that the test turns: file systems have coarse ones.
struct Dir {
    folder: PathBuf,
    log: PathBuf,
    second: u64,
}

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tail-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let log = folder.join("mail.log");
        let mut dir = Self {
            folder,
            log,
            second: 1_750_000_000,
        };
        dir.write("mail.log", b"");
        dir
    }

    /// Appends to a file, making it where it is absent.
    fn write(&mut self, name: &str, bytes: &[u8]) {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(bytes).unwrap();
        self.touch(&file);
    }

    fn touch(&mut self, file: &File) {
        self.second += 1;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(self.second))
            .unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.join(from), self.folder.join(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.join(name)).unwrap();
    }

    fn cut(&mut self, name: &str) {
        let path = self.folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(path)
            .unwrap();
        self.touch(&file);
    }

    /// `mail.log.2` becomes `mail.log.3`, and so on, so that `mail.log.1` is free.
    fn age(&self) {
        let numbered = |number: u32| format!("mail.log.{number}");
        let is_there = |number: &u32| self.folder.join(numbered(*number)).exists();
        let last = (1..1000).take_while(is_there).last().unwrap_or(0);
        for number in (1..=last).rev() {
            self.rename(&numbered(number), &numbered(number + 1));
        }
    }

    fn rotate(&mut self) {
        self.age();
        self.rename("mail.log", "mail.log.1");
        self.write("mail.log", b"");
    }

    fn copy_and_cut(&mut self) {
        self.age();
        self.write("mail.log.1", &fs::read(&self.log).unwrap());
        self.cut("mail.log");
    }

    fn tail(&self) -> Tail {
        let errors = vec!["scan skipped".to_owned()];
        Tail::new("mx1".into(), "mail.log".into(), self.log.clone(), errors)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// What came of some polls.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    levels: Vec<Level>,
    said: Vec<Option<Time>>,
    gaps: Vec<Option<u64>>,
    pulses: Vec<(u64, u64)>,
    pulsed: Option<Time>,
    cursor: Option<Cursor>,
}

impl Heard {
    /// One poll, of which at most `most` facts are taken.
    fn poll_some(&mut self, tail: &mut Tail, most: usize) -> End {
        let mut left = most;
        tail.poll(&mut |sensed, cursor| {
            match sensed.fact {
                Fact::Log(line) => {
                    self.lines.push(line.text.as_str().to_owned());
                    self.levels.push(line.level);
                    self.said.push(sensed.said);
                }
                Fact::Gap { from, to, lost, .. } => {
                    assert!(from <= to);
                    self.gaps.push(lost);
                }
                Fact::Pulse { seen, errors, .. } => {
                    self.pulses.push((seen, errors));
                    self.pulsed = sensed.said;
                }
                other => panic!("a tail does not say {other:?}"),
            }
            self.cursor = cursor.or(self.cursor.take());
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    fn poll(tail: &mut Tail) -> Self {
        let mut heard = Self::default();
        let end = heard.poll_some(tail, usize::MAX);
        let seen = heard.lines.len() as u64;
        assert_eq!(end, End::Finished { seen });
        assert_eq!(heard.pulses.len(), 1);
        assert_eq!(heard.pulses[0].0, seen);
        heard
    }
}

/// Polls, and expects these lines and gaps.
#[track_caller]
fn check(tail: &mut Tail, lines: &[&str], gaps: &[Option<u64>]) {
    let heard = Heard::poll(tail);
    assert_eq!(heard.lines, lines);
    assert_eq!(heard.gaps, gaps);
}

/// The tail that a restart makes of this one.
fn restarted(dir: &Dir, tail: &Tail) -> Tail {
    let mut next = dir.tail();
    next.resume(tail.cursor().unwrap());
    next
}
