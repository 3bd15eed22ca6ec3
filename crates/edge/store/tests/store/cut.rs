//! `kill -9`, at any moment.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use cordon_store::{
    BACKUPS, DATABASE, KEPT_BACKUPS, Moment, SCHEMA, Sqlite, StateStore, StoreError,
};
use rusqlite::Connection;

use crate::{Process, commit, folder, say, store, whole};

/// One commit of ten findings each: 1,000 findings a second.
const PACE: Duration = Duration::from_millis(10);

/// In the child: goes on where it was, and says each sequence when it is durable.
pub(crate) fn drive(dir: &Path) {
    let opened = Sqlite::open(dir).unwrap();
    let last = opened.load().unwrap().seq();
    if last > 0 {
        let again = store(&opened, commit(last));
        assert_eq!(again, Err(StoreError::AlreadyThere { seq: last, last }));
    }
    let (sender, tickets) = mpsc::channel::<cordon_store::Ticket>();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            for ticket in tickets {
                say(&ticket.wait().unwrap().to_string());
            }
        });
        for number in 1.. {
            sender
                .send(opened.commit(Arc::new(commit(last + number))).unwrap())
                .unwrap();
            let due = PACE * u32::try_from(number).unwrap();
            thread::sleep(due.saturating_sub(start.elapsed())); // the pace, nothing waits for it
        }
    });
}

#[test]
fn what_was_said_to_be_stored_is_there_once_after_each_of_a_hundred_kills() {
    let dir = folder("kill");
    let (mut told, mut running) = (BTreeSet::new(), Duration::ZERO);
    for round in 0..100_u64 {
        let process = Process::start("drive", &dir);
        let mut heard = vec![process.lines.recv().unwrap()];
        let start = Instant::now();
        let wanted = 1 + (round * 7) % 24;
        while (heard.len() as u64) < wanted {
            heard.push(process.lines.recv().unwrap());
        }
        // Not always just after a commit: anywhere on the way to the next one.
        let moment = Duration::from_micros((round * 1_777) % 10_000);
        heard.extend(process.lines.recv_timeout(moment));
        running += start.elapsed();
        heard.extend(process.kill());
        let before = told.last().copied().unwrap_or(0);
        for seq in heard {
            let seq: u64 = seq.parse().unwrap();
            assert!(told.insert(seq), "{seq} was said twice");
        }
        let last = whole(&dir);
        assert!(last >= *told.last().unwrap(), "round {round}: lost");
        assert!(last > before);
    }
    println!(
        "{} commits of 10 findings told in {:.1} s between first word and kill",
        told.len(),
        running.as_secs_f64()
    );
}

const MOMENTS: [(&str, Moment); 4] = [
    ("backup unnamed", Moment::BackupUnnamed),
    ("backed up", Moment::BackedUp),
    ("uncommitted", Moment::Uncommitted(2)),
    ("committed", Moment::Committed(2)),
];

/// In the child: upgrades, and stops for good at that moment.
pub(crate) fn upgrade_up_to(dir: &Path, moment: &str) {
    let stop = |at: Moment| {
        if MOMENTS.contains(&(moment, at)) {
            say(moment);
            loop {
                thread::park();
            }
        }
    };
    drop(Sqlite::open_watched(dir, SCHEMA, &stop));
    panic!("there was no such moment: {moment}");
}

fn of_schema_1(dir: &Path) {
    let old = Sqlite::open_watched(dir, 1, &|_| {}).unwrap();
    for seq in 1..=20 {
        let mut commit = commit(seq);
        commit.said.clear(); // schema 1 has no history
        commit.hours.clear(); // nor hours
        store(&old, commit).unwrap();
    }
}

fn schema(database: &Path) -> (u32, bool) {
    let conn = Connection::open(database).unwrap();
    let version = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    (version, conn.table_exists(None, "history").unwrap())
}

fn backups(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join(BACKUPS)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_upgrade_that_is_cut_leaves_the_old_schema_and_is_done_at_the_next_start() {
    for (name, moment) in MOMENTS {
        let dir = folder(&format!("upgrade {name}"));
        of_schema_1(&dir);
        let before = Sqlite::open_watched(&dir, 1, &|_| {})
            .unwrap()
            .load()
            .unwrap();
        let process = Process::start(name, &dir);
        assert_eq!(process.lines.recv().unwrap(), name);
        process.kill();
        let committed = moment == Moment::Committed(2);
        let expected = if committed { (2, true) } else { (1, false) };
        assert_eq!(schema(&dir.join(DATABASE)), expected, "{name}");
        let named = backups(&dir);
        if moment == Moment::BackupUnnamed {
            assert_eq!(named, ["before-v2-000001.db.part"]);
        } else {
            assert_eq!(named, ["before-v2-000001.db"]);
            let backup = dir.join(BACKUPS).join(&named[0]);
            assert_eq!(schema(&backup), (1, false), "{name}");
            // What a person would do with it.
            let restored = folder(&format!("upgrade {name} restored"));
            fs::create_dir_all(&restored).unwrap();
            fs::copy(backup, restored.join(DATABASE)).unwrap();
            assert_eq!(Sqlite::open(&restored).unwrap().load().unwrap(), before);
        }
        let opened = Sqlite::open(&dir).unwrap();
        assert_eq!(opened.load().unwrap(), before, "{name}");
        assert_eq!(opened.facts().unwrap().schema, SCHEMA);
        assert!(!backups(&dir).iter().any(|name| name.contains("part")));
        assert_eq!(store(&opened, commit(21)), Ok(21));
    }
}

#[test]
fn the_newest_backups_from_before_upgrades_are_kept() {
    let (dir, old) = (folder("upgrades"), folder("upgrades old"));
    of_schema_1(&old);
    fs::create_dir_all(&dir).unwrap();
    for _ in 0..5 {
        fs::copy(old.join(DATABASE), dir.join(DATABASE)).unwrap();
        drop(Sqlite::open(&dir).unwrap());
    }
    let kept = backups(&dir);
    assert_eq!(kept.len(), KEPT_BACKUPS);
    assert_eq!(kept.last().unwrap(), "before-v2-000005.db");
    fs::remove_file(dir.join(DATABASE)).unwrap();
    let Err(StoreError::Corrupt { backup, .. }) = Sqlite::open(&dir) else {
        panic!("a missing database with backups is no new beginning");
    };
    assert!(backup.unwrap().ends_with("before-v2-000005.db"));
}
