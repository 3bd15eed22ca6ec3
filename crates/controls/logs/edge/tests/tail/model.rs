//! Numbered lines, and at random everything that happens to a log: no line twice, none out of order, and
//! none missing but where a gap was owed and told.

use std::{collections::BTreeSet, fs};

use cordon_logs_edge::Tail;
use cordon_model::End;

use crate::{Dir, Heard};

const RUNS: u64 = 40;
const STEPS: usize = 100;

/// What may happen, besides lines and polls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Rename,
    RenameTwice,
    CopyAndCut,
    Cut,
    Recreate,
    Restart,
    StopEarly,
}

use Act::{CopyAndCut, Cut, Recreate, Rename, RenameTwice, Restart, StopEarly};

#[test]
fn renamed_logs_lose_nothing() {
    run(&[Rename, RenameTwice]);
}

#[test]
fn renamed_logs_lose_nothing_across_restarts() {
    run(&[Rename, RenameTwice, Restart, StopEarly]);
}

#[test]
fn copied_logs_lose_nothing_across_restarts() {
    run(&[CopyAndCut, Restart, StopEarly]);
}

#[test]
fn both_kinds_of_rotation_may_alternate() {
    run(&[Rename, RenameTwice, CopyAndCut, Restart, StopEarly]);
}

#[test]
fn what_was_destroyed_is_told() {
    run(&[Rename, CopyAndCut, Cut, Recreate, Restart, StopEarly]);
}

fn run(acts: &[Act]) {
    let (mut lines, mut lost, mut gaps) = (0, 0, 0);
    for seed in 1..=RUNS {
        let mut world = World::new(seed);
        world.poll(); // what was rotated before the first look is history
        for _ in 0..STEPS {
            match world.below(4) {
                0 => world.poll(),
                1 => {
                    let act = acts[world.below(acts.len())];
                    world.act(act);
                }
                _ => world.write(),
            }
        }
        world.poll();
        world.check(seed);
        lines += world.whole.len();
        lost += world.lost.len();
        gaps += world.heard.gaps.len();
    }
    assert!(lines > 5000, "too little happened: {lines} lines");
    let destroys = acts.contains(&Cut);
    let doubts = destroys || acts.contains(&CopyAndCut);
    assert_eq!((lost > 0, gaps > 0), (destroys, doubts));
}

struct World {
    dir: Dir,
    tail: Tail,
    heard: Heard,
    random: u64,
    /// Number of the next line.
    next: u64,
    /// The end of a line that is still to be written.
    rest: Option<String>,
    /// Lines that were written whole.
    whole: BTreeSet<u64>,
    /// Of these, the ones that are in the log itself.
    here: BTreeSet<u64>,
    /// Lines whose end was never written.
    torn: usize,
    /// Lines that were destroyed before they were read.
    lost: BTreeSet<u64>,
    /// A gap must be told beside so many by the next whole poll.
    owed: Option<usize>,
    /// A gap may be told, for it cannot be known whether something was lost.
    allowed: bool,
    /// It was copied and cut: that something may be missing may be told, but not how much.
    copied: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let dir = Dir::new();
        Self {
            tail: dir.tail(),
            dir,
            heard: Heard::default(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            next: 0,
            rest: None,
            whole: BTreeSet::new(),
            here: BTreeSet::new(),
            torn: 0,
            lost: BTreeSet::new(),
            owed: None,
            allowed: false,
            copied: false,
        }
    }

    fn below(&mut self, most: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % most as u64).unwrap()
    }

    fn write(&mut self) {
        let mut text = String::new();
        for _ in 0..self.below(6) {
            text += &self.end_line();
            let pad = "x".repeat(self.below(40));
            let line = format!("line {} {pad} end\n", self.next);
            self.next += 1;
            let half = if self.below(4) == 0 {
                1 + self.below(line.len() - 2)
            } else {
                0
            };
            let (half, rest) = line.split_at(half);
            self.rest = Some(rest.to_owned());
            text += half;
            if half.is_empty() {
                text += &self.end_line();
            }
        }
        self.dir.write("mail.log", text.as_bytes());
    }

    /// The end of the line that has none yet.
    fn end_line(&mut self) -> String {
        let rest = self.rest.take();
        if rest.is_some() {
            self.whole.insert(self.next - 1);
            self.here.insert(self.next - 1);
        }
        rest.unwrap_or_default()
    }

    /// Nothing more is written to this file: the line without end gets one, or never will.
    fn end_file(&mut self) {
        if self.below(2) == 0 {
            let rest = self.end_line();
            self.dir.write("mail.log", rest.as_bytes());
        } else if self.rest.take().is_some() {
            self.torn += 1;
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Rename => self.rotate(),
            RenameTwice => {
                self.rotate();
                self.write();
                self.rotate();
            }
            CopyAndCut => {
                self.end_file();
                self.dir.copy_and_cut();
                self.copied = true;
                self.here.clear();
            }
            Restart => self.restart(),
            StopEarly => {
                let most = 1 + self.below(5);
                self.heard.poll_some(&mut self.tail, most);
            }
            Cut | Recreate => self.destroy(act),
        }
    }

    fn rotate(&mut self) {
        self.end_file();
        self.dir.rotate();
        self.here.clear();
    }

    fn restart(&mut self) {
        if let Some(cursor) = self.heard.cursor.clone() {
            self.tail = self.dir.tail();
            self.tail.resume(cursor);
        }
    }

    /// Destroys a file of which the follower knows.
    fn destroy(&mut self, act: Act) {
        self.poll();
        if !fs::read(&self.dir.log).unwrap().contains(&b'\n') {
            return; // too little of it was read to tell it from the next
        }
        self.write();
        let forgets = self.below(2) == 0;
        if forgets {
            self.restart();
        }
        self.end_file();
        if act == Cut {
            self.dir.cut("mail.log");
        } else {
            self.dir.remove("mail.log");
            self.dir.write("mail.log", b"");
        }
        if act == Cut || forgets {
            let seen: BTreeSet<u64> = self.numbers().into_iter().collect();
            self.lost.extend(self.here.difference(&seen));
            self.owed = Some(self.heard.gaps.len());
        }
        self.allowed = true;
        self.here.clear();
        if act == Recreate && !forgets {
            self.poll(); // while it still holds the file
        }
    }

    fn poll(&mut self) {
        let before = self.heard.gaps.len();
        let end = self.heard.poll_some(&mut self.tail, usize::MAX);
        assert!(matches!(end, End::Finished { .. }), "{end:?}");
        let told = self.heard.gaps.len() > before;
        let paid = self.owed.is_none_or(|gaps| self.heard.gaps.len() > gaps);
        assert!(paid, "a gap was owed");
        let unknown = self.heard.gaps.iter().skip(before).all(Option::is_none);
        let may = self.allowed || (self.copied && unknown);
        assert!(!told || may, "nothing was lost, and a gap told");
        self.owed = None;
    }

    /// The numbers of the whole lines that were heard.
    fn numbers(&self) -> Vec<u64> {
        let whole = self
            .heard
            .lines
            .iter()
            .filter(|line| line.ends_with(" end"));
        whole
            .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
            .collect()
    }

    fn check(&self, seed: u64) {
        let heard = self.numbers();
        assert!(heard.is_sorted_by(|a, b| a < b), "seed {seed}: {heard:?}");
        let expected: Vec<u64> = self.whole.difference(&self.lost).copied().collect();
        assert_eq!(heard, expected, "seed {seed}");
        let fragments = self.heard.lines.len() - heard.len();
        assert!(
            fragments <= self.torn + self.lost.len(),
            "seed {seed}: {:?}",
            self.heard.lines
        );
    }
}
