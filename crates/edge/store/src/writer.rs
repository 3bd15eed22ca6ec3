//! The one writer. While the disk syncs one group the next one gathers, so a group grows with the
//! load by itself; there is no waiting for company, which would only delay a lone commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, TransactionBehavior, params};

use crate::{Commit, StoreError, place::Place, read, read::int};

/// Commits that may wait.
pub const MAX_QUEUED: usize = 1024;

/// Bytes that may wait; also the largest commit.
pub const MAX_QUEUED_BYTES: usize = 256 << 20;

/// Commits in one transaction.
pub const MAX_GROUP: usize = 1024;

/// Rows after which a transaction takes no further commit.
pub const MAX_GROUP_ROWS: usize = 100_000;

/// A commit on its way to the disk.
#[derive(Debug)]
#[must_use = "a commit counts only when its ticket says so"]
pub struct Ticket {
    answer: Receiver<Result<u64, StoreError>>,
}

/// Waits in the queue.
pub(crate) enum Job {
    Commit(Queued),
    Other(Box<dyn FnOnce(&Connection) + Send>),
}

pub(crate) struct Queued {
    commit: Arc<Commit>,
    bytes: usize,
    answer: SyncSender<Result<u64, StoreError>>,
}

struct Writer {
    place: Place,
    conn: Connection,
    /// The last durable commit.
    last: u64,
    /// Found damaged while running: nothing more is written to it.
    damaged: Option<StoreError>,
    waiting: Arc<AtomicUsize>,
}

impl Ticket {
    /// Waits until the commit is durable, and gives its sequence; or why it is not.
    ///
    /// After an error of the disk it is unknown only whether the bytes reach it in the end: whoever
    /// says the commit again, after a restart too, gets it stored or is told that it is there.
    pub fn wait(self) -> Result<u64, StoreError> {
        self.answer.recv().unwrap_or(Err(StoreError::Down))
    }
}

impl Queued {
    pub(crate) fn new(commit: Arc<Commit>, bytes: usize) -> (Self, Ticket) {
        let (sender, answer) = sync_channel(1);
        let queued = Self {
            commit,
            bytes,
            answer: sender,
        };
        (queued, Ticket { answer })
    }

    fn answer(&self, answer: Result<u64, StoreError>) {
        drop(self.answer.send(answer)); // ok: because who dropped its ticket does not ask
    }
}

pub(crate) fn spawn(
    place: Place,
    conn: Connection,
    jobs: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
) -> Result<JoinHandle<()>, StoreError> {
    let at = place.clone();
    let last = read::last(&conn).map_err(|error| place.sql("read", &error))?;
    let last = last.map_or(0, |(seq, _)| seq);
    let mut writer = Writer {
        place,
        conn,
        last,
        damaged: None,
        waiting,
    };
    std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || writer.run(&jobs))
        .map_err(|error| at.io("start the writer of", &at.dir, &error))
}

impl Writer {
    fn run(&mut self, jobs: &Receiver<Job>) {
        let mut next = jobs.recv().ok(); // ok: because an error says that nobody can ask any more
        while let Some(job) = next.take() {
            match job {
                Job::Commit(first) => next = self.gather(first, jobs),
                Job::Other(other) => other(&self.conn),
            }
            next = next.or_else(|| jobs.recv().ok()); // ok: likewise
        }
        // The log goes into the database, so that whoever copies that one file has all of it.
        let folded = self
            .conn
            .pragma(None, "wal_checkpoint", "truncate", |_| Ok(()));
        drop(folded); // ok: because all is durable already, and the next start does it
    }

    /// Writes `first` and what waits behind it; gives back what was taken and is no commit.
    fn gather(&mut self, first: Queued, jobs: &Receiver<Job>) -> Option<Job> {
        let mut rows = first.commit.rows();
        let mut group = vec![first];
        let mut other = None;
        while group.len() < MAX_GROUP && rows < MAX_GROUP_ROWS {
            match jobs.try_recv() {
                Ok(Job::Commit(queued)) => {
                    rows += queued.commit.rows();
                    group.push(queued);
                }
                Ok(job) => {
                    other = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        let bytes = group.iter().map(|queued| queued.bytes).sum();
        self.write(group);
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        other
    }

    fn write(&mut self, group: Vec<Queued>) {
        let (mut taken, mut last) = (Vec::new(), self.last);
        for queued in group {
            if let Some(why) = self.refuses(&queued.commit, last) {
                queued.answer(Err(why));
            } else {
                last = queued.commit.seq;
                taken.push(queued);
            }
        }
        if taken.is_empty() {
            return;
        }
        match transaction(&self.conn, &taken) {
            Ok(()) => {
                self.last = last;
                for queued in taken {
                    queued.answer(Ok(queued.commit.seq));
                }
            }
            Err(error) => {
                let why = self.place.sql("write", &error);
                if matches!(why, StoreError::Corrupt { .. }) {
                    self.damaged = Some(why.clone());
                }
                for queued in taken {
                    queued.answer(Err(why.clone()));
                }
            }
        }
    }

    fn refuses(&self, commit: &Commit, last: u64) -> Option<StoreError> {
        let (seq, after) = (commit.seq, commit.after);
        if let Some(damaged) = &self.damaged {
            Some(damaged.clone())
        } else if seq <= last {
            Some(StoreError::AlreadyThere { seq, last })
        } else if after != last {
            Some(StoreError::Gap { seq, after, last })
        } else {
            None
        }
    }
}

/// One group, one sync.
fn transaction(conn: &Connection, group: &[Queued]) -> rusqlite::Result<()> {
    let tx = rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    for queued in group {
        write_shards(&tx, &queued.commit)?;
        write_findings(&tx, &queued.commit)?;
        write_messages(&tx, &queued.commit)?;
    }
    if let Some(Queued { commit, .. }) = group.last() {
        tx.prepare_cached(
            "INSERT INTO head (id, seq, at, bytes) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET seq = ?1, at = ?2, bytes = ?3",
        )?
        .execute(params![
            int(commit.seq),
            int(commit.at.millis()),
            commit.head
        ])?;
    }
    tx.commit()
}

fn write_shards(conn: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    for row in &commit.shards {
        match &row.bytes {
            Some(bytes) => conn
                .prepare_cached(
                    "INSERT INTO shards (control, key, version, bytes) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (control, key) DO UPDATE SET version = ?3, bytes = ?4",
                )?
                .execute(params![row.control, row.key, row.version, bytes])?,
            None => conn
                .prepare_cached("DELETE FROM shards WHERE control = ?1 AND key = ?2")?
                .execute(params![row.control, row.key])?,
        };
    }
    for (name, bytes) in &commit.cursors {
        conn.prepare_cached(
            "INSERT INTO cursors (name, bytes) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET bytes = ?2",
        )?
        .execute(params![name, bytes])?;
    }
    Ok(())
}

fn write_findings(conn: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    for row in &commit.findings {
        let (first, last) = (int(row.first.millis()), int(row.last.millis()));
        conn.prepare_cached(
            "INSERT INTO findings
                 (key, rule, host, subject, severity, life, first, last, bytes, resolved)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)
             ON CONFLICT (key) DO UPDATE SET rule = ?2, host = ?3, subject = ?4, severity = ?5,
                 life = ?6, first = ?7, last = ?8, bytes = ?9, resolved = NULL",
        )?
        .execute(params![
            row.key,
            row.rule,
            row.host,
            row.subject,
            row.severity.plain(),
            row.life,
            first,
            last,
            row.bytes
        ])?;
    }
    for key in &commit.resolved {
        conn.prepare_cached("UPDATE findings SET resolved = ?2, life = 'resolved' WHERE key = ?1")?
            .execute(params![key, int(commit.at.millis())])?;
    }
    Ok(())
}

fn write_messages(conn: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    for row in &commit.hours {
        conn.prepare_cached(
            "INSERT INTO hours (host, source, hour, minutes, lines, errors, unparsed, shapes, wrong)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (host, source, hour) DO UPDATE SET minutes = ?4, lines = ?5, errors = ?6,
                 unparsed = ?7, shapes = ?8, wrong = ?9",
        )?
        .execute(params![
            row.host,
            row.source,
            int(row.hour),
            int(row.minutes),
            int(row.lines),
            int(row.errors),
            int(row.unparsed),
            int(row.shapes),
            row.wrong
        ])?;
    }
    for row in &commit.outbox {
        conn.prepare_cached("INSERT INTO outbox (seq, kind, body) VALUES (?1, ?2, ?3)")?
            .execute(params![int(commit.seq), row.kind, row.body])?;
    }
    for row in &commit.said {
        conn.prepare_cached(
            "INSERT INTO history (seq, at, kind, rule, host, subject, severity, title, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            int(row.seq),
            int(row.at.millis()),
            row.kind,
            row.rule,
            row.host,
            row.subject,
            row.severity.plain(),
            row.title,
            row.body
        ])?;
    }
    Ok(())
}
