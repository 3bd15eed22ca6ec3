//! What the store says no to, and that it leaves everything as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use cordon_store::{
    BACKUPS, Commit, DATABASE, MAX_GROUP, MAX_QUEUED, MAX_QUEUED_BYTES, OutboxRow, SCHEMA, Sqlite,
    StateStore, StoreError,
};
use rusqlite::Connection;

use crate::{Process, commit, folder, say, store};

/// In the child: has the store, and keeps it.
pub(crate) fn hold(dir: &Path) {
    let _opened = Sqlite::open(dir).unwrap();
    say("open");
    loop {
        thread::park();
    }
}

#[test]
fn a_second_one_is_refused_and_told_who_has_it() {
    let dir = folder("second");
    let process = Process::start("hold", &dir);
    assert_eq!(process.lines.recv().unwrap(), "open");
    let pid = Some(process.child.id());
    let in_use = |pid| {
        let dir = dir.clone();
        StoreError::InUse { dir, pid }
    };
    assert_eq!(Sqlite::open(&dir).unwrap_err(), in_use(pid));
    process.kill();
    let opened = Sqlite::open(&dir).unwrap();
    let me = Some(std::process::id());
    assert_eq!(Sqlite::open(&dir).unwrap_err(), in_use(me));
    drop(opened);
    Sqlite::open(&dir).unwrap();
}

/// A store of 50 commits and one backup, closed.
fn filled(test: &str) -> (PathBuf, PathBuf) {
    let dir = folder(test);
    let opened = Sqlite::open(&dir).unwrap();
    for seq in 1..=50 {
        store(&opened, commit(seq)).unwrap();
    }
    let backup = dir.join(BACKUPS).join("yesterday.db");
    opened.backup(&backup).unwrap();
    (dir, backup)
}

#[test]
fn a_newer_schema_is_refused() {
    let (dir, _) = filled("newer");
    let path = dir.join(DATABASE);
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", SCHEMA + 1)
        .unwrap();
    drop(conn);
    let newer = StoreError::Newer {
        path,
        found: SCHEMA + 1,
        known: SCHEMA,
    };
    assert_eq!(Sqlite::open(&dir).unwrap_err(), newer);
}

#[test]
fn what_is_damaged_is_refused_left_alone_and_its_backup_named() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("empty", Vec::clear),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("its first page", |bytes| bytes[..100].fill(0xaa)),
        ("its middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 8192].fill(0xaa);
        }),
        ("a text", |bytes| {
            *bytes = b"not a database at all\n".repeat(99);
        }),
    ];
    for (name, damage) in damages {
        let (dir, newest) = filled(&format!("damaged {name}"));
        let file = dir.join(DATABASE);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let refused = Sqlite::open(&dir).unwrap_err();
        let StoreError::Corrupt { path, backup, .. } = &refused else {
            panic!("{name}: {refused}");
        };
        assert_eq!((path, backup), (&file, &Some(newest.clone())), "{name}");
        assert!(fs::read(&file).unwrap() == bytes, "{name} was touched");
        // What the hint says, and it goes on.
        for ending in ["", "-wal", "-shm"] {
            let gone = fs::remove_file(dir.join(format!("{DATABASE}{ending}")));
            assert!(gone.is_ok() || !ending.is_empty());
        }
        fs::copy(&newest, &file).unwrap();
        assert_eq!(crate::whole(&dir), 50, "{name}");
    }
}

#[test]
fn a_database_of_somebody_else_is_refused() {
    let dir = folder("foreign");
    fs::create_dir_all(&dir).unwrap();
    let conn = Connection::open(dir.join(DATABASE)).unwrap();
    conn.execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1;")
        .unwrap();
    drop(conn);
    let refused = StoreError::Corrupt {
        path: dir.join(DATABASE),
        why: "it is not a database of Cordon".to_owned(),
        backup: None,
    };
    assert_eq!(Sqlite::open(&dir).unwrap_err(), refused);
}

#[test]
fn a_queue_that_is_full_says_so_and_what_it_took_is_stored() {
    let dir = folder("queue");
    let opened = Sqlite::open(&dir).unwrap();
    let other = Connection::open(dir.join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap(); // the disk that does not answer
    let (mut tickets, mut seq) = (Vec::new(), 0);
    let refused = loop {
        let next = Commit {
            seq: seq + 1,
            after: seq,
            ..Commit::default()
        };
        match opened.commit(Arc::new(next)) {
            Ok(ticket) => tickets.push(ticket),
            Err(refused) => break refused,
        }
        seq += 1;
        assert!(tickets.len() <= MAX_QUEUED + MAX_GROUP, "no limit");
    };
    let full = StoreError::QueueFull {
        limit: MAX_QUEUED,
        unit: "commits",
    };
    assert_eq!(refused, full);
    other.execute_batch("COMMIT").unwrap();
    for (stored, ticket) in (1..).zip(tickets) {
        assert_eq!(ticket.wait(), Ok(stored));
    }
    assert_eq!(opened.load().unwrap().seq(), seq);
    let next = Commit {
        seq: seq + 1,
        after: seq,
        ..Commit::default()
    };
    assert_eq!(store(&opened, next), Ok(seq + 1), "there is room again");
}

#[test]
fn a_commit_larger_than_the_queue_is_refused_and_one_that_does_not_fit_beside_others_waits() {
    let dir = folder("large");
    let opened = Sqlite::open(&dir).unwrap();
    let of = |seq: u64, bytes: usize| {
        let row = OutboxRow {
            kind: String::new(),
            body: vec![0; bytes],
        };
        Arc::new(Commit {
            seq,
            after: seq - 1,
            outbox: vec![row],
            ..Commit::default()
        })
    };
    let (bytes, limit) = (MAX_QUEUED_BYTES + 1, MAX_QUEUED_BYTES);
    let refused = opened.commit(of(1, bytes)).unwrap_err();
    assert_eq!(refused, StoreError::TooLarge { bytes, limit });
    let other = Connection::open(dir.join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ticket = opened.commit(of(1, 100)).unwrap();
    let refused = opened.commit(of(2, limit - 99)).unwrap_err();
    let unit = "bytes";
    assert_eq!(refused, StoreError::QueueFull { limit, unit });
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(ticket.wait(), Ok(1));
}

#[test]
fn what_is_queued_is_still_stored_when_the_store_closes() {
    let dir = folder("close");
    let opened = Sqlite::open(&dir).unwrap();
    let tickets: Vec<_> = (1..=100)
        .map(|seq| opened.commit(Arc::new(commit(seq))).unwrap())
        .collect();
    drop(opened);
    assert_eq!(crate::whole(&dir), 100);
    for (seq, ticket) in (1..).zip(tickets) {
        assert_eq!(ticket.wait(), Ok(seq));
    }
}
