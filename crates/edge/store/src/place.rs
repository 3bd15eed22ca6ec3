//! Where the store lives, and what its errors mean there.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rusqlite::ErrorCode;

use crate::{
    StoreError,
    open::{BACKUPS, DATABASE},
};

/// Below this a disk counts as full, in bytes: one page and what `SQLite` keeps beside it.
const FULL_BELOW: u64 = 64 << 10;

/// Most characters of a damage report that are passed on.
const MAX_WHY: usize = 400;

/// The folder of a store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
}

impl Place {
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }

    pub(crate) fn backups(&self) -> PathBuf {
        self.dir.join(BACKUPS)
    }

    /// Bytes that may still be written.
    pub(crate) fn free(&self) -> Result<u64, StoreError> {
        let disk = rustix::fs::statvfs(&self.dir)
            .map_err(|error| self.io("ask for the free space of", &self.dir, &error.into()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// What an error of the system means.
    pub(crate) fn io(&self, doing: &'static str, path: &Path, error: &io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.full(),
            _ => StoreError::Io {
                path: path.to_owned(),
                doing,
                why: error.to_string(),
            },
        }
    }

    /// What an error of `SQLite` means.
    pub(crate) fn sql(&self, doing: &'static str, error: &rusqlite::Error) -> StoreError {
        let path = self.database();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => self.full(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self.corrupt(&why),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Busy { path, why }
            }
            // SQLite reports a failed sync, or a file beside it that cannot grow, without its cause.
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
                if self.free().is_ok_and(|free| free < FULL_BELOW) =>
            {
                self.full()
            }
            // The tables are strict: a value that cannot be read was not written by us.
            None if matches!(error, rusqlite::Error::FromSqlConversionFailure(..)) => {
                self.corrupt(&why)
            }
            _ => StoreError::Io { path, doing, why },
        }
    }

    /// Damaged, with the newest backup.
    pub(crate) fn corrupt(&self, why: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.database(),
            why: why.chars().take(MAX_WHY).collect(),
            backup: self.newest_backup(),
        }
    }

    fn full(&self) -> StoreError {
        StoreError::Full {
            dir: self.dir.clone(),
            free: self.free().unwrap_or(0),
        }
    }

    /// The newest finished backup in the folder for them.
    pub(crate) fn newest_backup(&self) -> Option<PathBuf> {
        // ok: because what cannot be listed cannot be named, and the error that asks is told anyway
        let entries = fs::read_dir(self.backups()).ok()?;
        let dated = entries.filter_map(|entry| {
            // ok: likewise
            let entry = entry.ok()?;
            let finished = entry.path().extension().is_some_and(|end| end == "db");
            let age = |meta: fs::Metadata| meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            finished.then_some((entry.metadata().ok().map(age)?, entry.path())) // ok: likewise
        });
        dated.max().map(|(_, path)| path)
    }

    /// Makes renames and new files in `dir` durable.
    pub(crate) fn sync(&self, dir: &Path) -> Result<(), StoreError> {
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| self.io("sync", dir, &error))
    }
}
