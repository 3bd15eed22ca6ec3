//! Opening: the lock, the check, the migrations. Nothing that is damaged is replaced by something empty.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use cordon_model::Time;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{
    SCHEMA, StoreError,
    place::Place,
    read,
    schema::{APPLICATION, STEPS},
};

/// The database, in the store's folder.
pub const DATABASE: &str = "cordon.db";

/// Where backups from before an upgrade are, in the store's folder.
pub const BACKUPS: &str = "backups";

/// Backups from before an upgrade that are kept.
pub const KEPT_BACKUPS: usize = 3;

/// Size to which the write-ahead log is cut back, in bytes.
const WAL_BYTES: i64 = 64 << 20;

/// How long to wait for a lock of another program.
const PATIENCE: Duration = Duration::from_secs(5);

/// A moment of an upgrade, at which a test may pull the plug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The backup is written and not yet named.
    BackupUnnamed,
    /// The backup is there; nothing is changed.
    BackedUp,
    /// This step is written and not yet committed.
    Uncommitted(u32),
    /// This step is committed.
    Committed(u32),
}

/// The sequence and time of a commit, if there was one.
type Last = Option<(u64, Time)>;

/// Called at each [`Moment`].
pub(crate) type Watch<'w> = &'w dyn Fn(Moment);

/// The folder, held against all others until dropped. The kernel lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// In so many words: a process that is just being started shares the file until it is running.
    fn drop(&mut self) {
        drop(self.file.unlock()); // ok: because closing it, which comes next, does it too
    }
}

impl Place {
    /// Makes the folder if it is not there, and takes it.
    pub(crate) fn take(dir: &Path) -> Result<(Self, Lock), StoreError> {
        let place = Self {
            dir: dir.to_owned(),
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700); // findings say where a network is weak
        let backups = place.backups();
        builder
            .create(&backups)
            .map_err(|error| place.io("create", &backups, &error))?;
        let path = dir.join("lock");
        let unlocked = |error: &io::Error| place.io("lock", &path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options
            .mode(0o600)
            .open(&path)
            .map_err(|error| unlocked(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = (&mut file).take(20).read_to_string(&mut holder);
                // ok: because the lock is what counts, and who holds it a courtesy
                let pid = read.ok().and_then(|_| holder.trim().parse().ok());
                let dir = place.dir;
                return Err(StoreError::InUse { dir, pid });
            }
            Err(TryLockError::Error(error)) => return Err(unlocked(&error)),
        }
        let mut signed = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        drop(signed()); // ok: likewise; a full disk must not keep one from reading
        Ok((place, Lock { file }))
    }

    /// A connection that writes: to a database that is whole, ours, and of schema `upto`.
    pub(crate) fn writer(&self, upto: u32, watch: Watch<'_>) -> Result<Connection, StoreError> {
        self.sweep()?;
        let path = self.database();
        let there = path
            .try_exists()
            .map_err(|error| self.io("look for", &path, &error))?;
        if !there {
            self.create(upto)?;
        }
        // By a connection that cannot write: what is refused is left as it is.
        self.check(&self.reader()?)?;
        let mut conn = self.connect(&path)?;
        self.migrate(&mut conn, upto, watch)?;
        Ok(conn)
    }

    /// A connection that cannot write.
    pub(crate) fn reader(&self) -> Result<Connection, StoreError> {
        let read_only = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = Connection::open_with_flags(self.database(), flags)?;
            conn.busy_timeout(PATIENCE)?;
            Ok(conn)
        };
        read_only().map_err(|error| self.sql("open", &error))
    }

    /// Writes a backup to `to`, which must not be there yet; gives the last commit in it.
    pub(crate) fn back_up(
        &self,
        conn: &Connection,
        to: &Path,
        watch: Watch<'_>,
    ) -> Result<Last, StoreError> {
        let said = |error: io::Error| self.io("write the backup", to, &error);
        if to.try_exists().map_err(said)? {
            return Err(said(io::ErrorKind::AlreadyExists.into()));
        }
        let part = part_of(to);
        remove(&part).map_err(said)?;
        let written = self.write_backup(conn, &part).and_then(|last| {
            watch(Moment::BackupUnnamed);
            fs::rename(&part, to).map_err(said)?;
            Ok(last)
        });
        if written.is_err() {
            drop(remove(&part)); // ok: because the first error is the one to tell
        }
        let last = written?;
        self.sync(folder_of(to))?;
        Ok(last)
    }

    fn write_backup(&self, conn: &Connection, part: &Path) -> Result<Last, StoreError> {
        let failed = |why: String| {
            let error = io::Error::other(why);
            self.io("write the backup", part, &error)
        };
        let Some(text) = part.to_str() else {
            return Err(failed("its name is not UTF-8".to_owned()));
        };
        if let Err(error) = conn.execute("VACUUM INTO ?1", [text]) {
            // It may be the other disk that is full.
            let there = Self {
                dir: folder_of(part).to_owned(),
            };
            return Err(match there.sql("back up", &error) {
                full @ StoreError::Full { .. } => full,
                _ => self.sql("back up", &error),
            });
        }
        // `SQLite` leaves syncing what `VACUUM INTO` made to its caller.
        let synced = File::open(part).and_then(|file| file.sync_all());
        synced.map_err(|error| self.io("sync", part, &error))?;
        let read_back = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let copy = Connection::open_with_flags(part, flags)?;
            Ok((problems(&copy, "quick_check")?, read::last(&copy)?))
        };
        match read_back().map_err(|error: rusqlite::Error| failed(error.to_string()))? {
            (None, last) => Ok(last),
            (Some(why), _) => Err(failed(format!("it is not whole: {why}"))),
        }
    }

    /// Removes what a cut left half made; such files never had their final name.
    fn sweep(&self) -> Result<(), StoreError> {
        for dir in [self.dir.clone(), self.backups()] {
            let said = |error: io::Error| self.io("clean up", &dir, &error);
            for entry in fs::read_dir(&dir).map_err(said)? {
                let path = entry.map_err(said)?.path();
                let half = path.to_string_lossy().contains(".db.part");
                if half {
                    remove(&path).map_err(said)?;
                }
            }
        }
        Ok(())
    }

    /// A new database, made beside its name and renamed when whole: an empty file of that name is
    /// damage, not a beginning. So is a missing one where its log or a backup is left.
    fn create(&self, upto: u32) -> Result<(), StoreError> {
        let path = self.database();
        let log = self.dir.join(format!("{DATABASE}-wal"));
        let log_left = log
            .try_exists()
            .map_err(|error| self.io("look for", &log, &error))?;
        if log_left || self.newest_backup().is_some() {
            return Err(self.corrupt("it is missing, and what belongs to it is there"));
        }
        let part = part_of(&path);
        let conn = self.connect(&part)?;
        let made = conn
            .pragma_update(None, "application_id", APPLICATION)
            .and_then(|()| (1..=upto).try_for_each(|step| apply(&conn, step, &|_| {})));
        made.map_err(|error| self.sql("create", &error))?;
        conn.close()
            .map_err(|(_, error)| self.sql("create", &error))?;
        fs::rename(&part, &path).map_err(|error| self.io("name", &path, &error))?;
        self.sync(&self.dir)
    }

    fn connect(&self, path: &Path) -> Result<Connection, StoreError> {
        let connect = || {
            let conn = Connection::open(path)?;
            conn.busy_timeout(PATIENCE)?;
            let mode: String =
                conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
            conn.pragma_update(None, "synchronous", "full")?;
            conn.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
            conn.pragma_update(None, "cell_size_check", true)?;
            conn.pragma_update(None, "trusted_schema", false)?;
            conn.pragma_update(None, "temp_store", "memory")?; // no files elsewhere
            Ok((conn, mode))
        };
        let (conn, mode) = connect().map_err(|error| self.sql("open", &error))?;
        if mode != "wal" {
            let error = io::Error::other("this file system has no shared memory for its log");
            return Err(self.io("open", path, &error));
        }
        Ok(conn)
    }

    fn check(&self, conn: &Connection) -> Result<(), StoreError> {
        let check = |error: &rusqlite::Error| self.sql("check", error);
        if let Some(quick) = problems(conn, "quick_check").map_err(|error| check(&error))? {
            let whole = problems(conn, "integrity_check").map_err(|error| check(&error))?;
            return Err(self.corrupt(&whole.unwrap_or(quick)));
        }
        let whose: u32 = conn
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|error| check(&error))?;
        let version = version(conn).map_err(|error| check(&error))?;
        if whose != APPLICATION || version == 0 {
            return Err(self.corrupt("it is not a database of Cordon"));
        }
        if version > SCHEMA {
            return Err(StoreError::Newer {
                path: self.database(),
                found: version,
                known: SCHEMA,
            });
        }
        Ok(())
    }

    fn migrate(&self, conn: &mut Connection, upto: u32, watch: Watch) -> Result<(), StoreError> {
        let version = version(conn).map_err(|error| self.sql("read the version of", &error))?;
        if version >= upto {
            return Ok(());
        }
        let earlier = self.before_upgrades()?;
        let number = earlier.last().map_or(1, |(number, _)| number + 1);
        let name = format!("before-v{}-{number:06}.db", version + 1);
        self.back_up(conn, &self.backups().join(name), watch)?;
        watch(Moment::BackedUp);
        for step in version + 1..=upto {
            apply(conn, step, watch).map_err(|error| self.sql("upgrade", &error))?;
            watch(Moment::Committed(step));
        }
        let surplus = (earlier.len() + 1).saturating_sub(KEPT_BACKUPS);
        for (_, path) in earlier.iter().take(surplus) {
            remove(path).map_err(|error| self.io("remove the old backup", path, &error))?;
        }
        Ok(())
    }

    /// Backups from before upgrades by their number, oldest first.
    fn before_upgrades(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let dir = self.backups();
        let said = |error: io::Error| self.io("list", &dir, &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(said)? {
            let path = entry.map_err(said)?.path();
            let number = path.file_name().and_then(|name| {
                let name = name.to_str()?.strip_prefix("before-v")?;
                // ok: because another name is no backup of ours
                name.strip_suffix(".db")?.split_once('-')?.1.parse().ok()
            });
            found.extend(number.map(|number: u64| (number, path)));
        }
        found.sort();
        Ok(found)
    }
}

/// One step and its number, in one transaction: cut anywhere, the old schema stands.
fn apply(conn: &Connection, step: u32, watch: Watch<'_>) -> rusqlite::Result<()> {
    let sql = STEPS.get(step as usize - 1).copied().unwrap_or(""); // default: because `upto` is at most SCHEMA
    let step_taken = rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    step_taken.execute_batch(sql)?;
    step_taken.pragma_update(None, "user_version", step)?;
    watch(Moment::Uncommitted(step));
    step_taken.commit()
}

pub(crate) fn version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// What a check says if not "ok".
fn problems(conn: &Connection, check: &str) -> rusqlite::Result<Option<String>> {
    let mut lines: Vec<String> = Vec::new();
    conn.pragma(None, check, 10, |row| {
        lines.push(row.get(0)?);
        Ok(())
    })?;
    let whole = lines == ["ok"];
    Ok((!whole).then(|| lines.join("; ")))
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// `parent` of a bare name is the empty path, which cannot be opened.
fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|dir| *dir != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
