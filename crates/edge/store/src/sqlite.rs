//! The store on one disk. One thread writes, all others read beside it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use cordon_model::{Span, Time};
use rusqlite::{Connection, params};

use crate::{
    Commit, HistoryRow, HourRow, Loaded, MAX_QUEUED, MAX_QUEUED_BYTES, Moment, Outgoing, SCHEMA,
    StateStore, StoreError, StoreFacts, Ticket,
    open::{DATABASE, Lock, Watch},
    place::Place,
    read::{self, int},
    writer::{self, Job, Queued},
};

/// `SQLite` in a folder of its own: write-ahead log, every commit synced.
#[derive(Debug)]
pub struct Sqlite {
    place: Place,
    reader: Mutex<Connection>,
    /// None only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
    /// Last, so that the next one may come only when all is closed.
    _lock: Lock,
}

impl Sqlite {
    /// Opens the store in `dir`, which is made if it is not there: takes it against all others,
    /// checks it, and brings it to the schema of this version after a backup.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_watched(dir, SCHEMA, &|_| {})
    }

    /// [`Sqlite::open`] for tests: up to schema `upto`, with a call at each moment of the upgrade.
    #[doc(hidden)]
    pub fn open_watched(dir: &Path, upto: u32, watch: &dyn Fn(Moment)) -> Result<Self, StoreError> {
        let watch: Watch<'_> = watch;
        let (place, lock) = Place::take(dir)?;
        let conn = place.writer(upto.min(SCHEMA), watch)?;
        let reader = Mutex::new(place.reader()?);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (jobs, queue) = sync_channel(MAX_QUEUED);
        let writer = writer::spawn(place.clone(), conn, queue, Arc::clone(&waiting))?;
        Ok(Self {
            place,
            reader,
            jobs: Some(jobs),
            writer: Some(writer),
            waiting,
            _lock: lock,
        })
    }

    fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // A panic elsewhere leaves a connection that only reads as good as it was.
        let conn = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read(&conn).map_err(|error| self.place.sql(doing, &error))
    }

    /// Has the writer do something between two groups, and waits for it.
    fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = sync_channel(1);
        let job = Job::Other(Box::new(move |conn| {
            drop(sender.send(write(conn))); // ok: because the asker waits below, or is gone
        }));
        self.queue(job)?;
        let done = answer.recv().map_err(|_| StoreError::Down)?;
        done.map_err(|error| self.place.sql(doing, &error))
    }

    fn queue(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Down)?;
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::QueueFull {
                limit: MAX_QUEUED,
                unit: "commits",
            },
            TrySendError::Disconnected(_) => StoreError::Down,
        })
    }

    fn reserve(&self, bytes: usize) -> Result<(), StoreError> {
        let limit = MAX_QUEUED_BYTES;
        if bytes > limit {
            return Err(StoreError::TooLarge { bytes, limit });
        }
        let fits = |waiting: usize| waiting.checked_add(bytes).filter(|sum| *sum <= limit);
        let reserved = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        reserved.map(|_| ()).map_err(|_| StoreError::QueueFull {
            limit,
            unit: "bytes",
        })
    }
}

impl StateStore for Sqlite {
    fn commit(&self, commit: Arc<Commit>) -> Result<Ticket, StoreError> {
        let bytes = commit.bytes();
        self.reserve(bytes)?;
        let (queued, ticket) = Queued::new(commit, bytes);
        if let Err(refused) = self.queue(Job::Commit(queued)) {
            self.waiting.fetch_sub(bytes, Ordering::AcqRel);
            return Err(refused);
        }
        Ok(ticket)
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        self.read("load", read::load)
    }

    fn history(&self, since: Time, limit: usize) -> Result<Vec<HistoryRow>, StoreError> {
        self.read("read", |conn| read::history(conn, since, limit))
    }

    fn outbox(&self, after: u64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.read("read", |conn| read::outbox(conn, after, limit))
    }

    fn sent(&self, id: u64) -> Result<(), StoreError> {
        self.write("write", move |conn| {
            conn.prepare_cached("DELETE FROM outbox WHERE id = ?1")?
                .execute([int(id)])
                .map(|_| ())
        })
    }

    fn note(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.write("write", move |conn| {
            conn.prepare_cached(
                "INSERT INTO notes (name, bytes) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET bytes = ?2",
            )?
            .execute(params![name, bytes])
            .map(|_| ())
        })
    }

    fn notes(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.read("read", read::notes)
    }

    fn hours(&self, since: u64) -> Result<Vec<HourRow>, StoreError> {
        self.read("read", |conn| read::hours(conn, since))
    }

    fn facts(&self) -> Result<StoreFacts, StoreError> {
        let facts = self.read("read", read::facts)?;
        let mut bytes = 0;
        for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
            let path = self.place.dir.join(name);
            match fs::metadata(&path) {
                Ok(size) => bytes += size.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // no log as yet
                Err(error) => return Err(self.place.io("measure", &path, &error)),
            }
        }
        let free = self.place.free()?;
        Ok(StoreFacts {
            bytes,
            free,
            ..facts
        })
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        // A connection of its own: it takes long, and others read meanwhile.
        let copied = self.place.back_up(&self.place.reader()?, to, &|_| {})?;
        let path = to.display().to_string();
        let (seq, at) = copied.map(|(seq, at)| (int(seq), int(at.millis()))).unzip();
        self.write("write", move |conn| {
            conn.prepare_cached(
                "INSERT INTO backup (id, path, seq, at) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET path = ?1, seq = ?2, at = ?3",
            )?
            .execute(params![path, seq, at])
            .map(|_| ())
        })
    }

    fn prune(&self, before: Time, limit: usize) -> Result<usize, StoreError> {
        self.write("prune", move |conn| {
            let hour = before.millis() / Span::hours(1).millis();
            conn.prepare_cached("DELETE FROM hours WHERE hour < ?1")?
                .execute([int(hour)])?;
            conn.prepare_cached(
                "DELETE FROM history WHERE id IN
                     (SELECT id FROM history WHERE at < ?1 ORDER BY at, id LIMIT ?2)",
            )?
            .execute(params![int(before.millis()), int(limit as u64)])
        })
    }
}

impl Drop for Sqlite {
    /// What is queued is still written.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join()); // ok: because a writer that panicked left its tickets to say so
        }
    }
}
