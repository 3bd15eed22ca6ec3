//! Why the store refused. Each is told to a person: a hub that cannot remember is blind.

use std::path::PathBuf;

/// Why something was not stored or not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another part of this one, has it open.
    #[error("{dir} is in use{}", pid.map_or_else(String::new, |pid| format!(" by process {pid}")))]
    InUse {
        /// Which folder.
        dir: PathBuf,
        /// Who, if it could say.
        pid: Option<u32>,
    },
    /// No room on the disk. Nothing of it was stored; say it again when there is room.
    #[error("no room left in {dir}: {free} bytes are free")]
    Full {
        /// Which folder.
        dir: PathBuf,
        /// What is left.
        free: u64,
    },
    /// Not whole, or not a database of ours. It is left as it is.
    #[error("{path} is damaged: {why}; {}", newest(backup.as_ref()))]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What the check says.
        why: String,
        /// The newest backup.
        backup: Option<PathBuf>,
    },
    /// Written by a newer version of Cordon.
    #[error("{path} has schema {found}, this version knows up to {known}")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Somebody else keeps the database locked, a shell for instance.
    #[error("{path} is locked by another program ({why})")]
    Busy {
        /// Which file.
        path: PathBuf,
        /// What `SQLite` says.
        why: String,
    },
    /// More is queued than may be; the disk does not keep up.
    #[error("the disk does not keep up: at most {limit} {unit} may wait")]
    QueueFull {
        /// The limit.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// One commit is larger than all that may wait.
    #[error("a commit has {bytes} bytes, at most {limit} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It was stored before.
    #[error("commit {seq} is there already: the last one is {last}")]
    AlreadyThere {
        /// Which.
        seq: u64,
        /// The last durable one.
        last: u64,
    },
    /// It builds on one that is not there.
    #[error("commit {seq} builds on {after}, but the last one is {last}")]
    Gap {
        /// Which.
        seq: u64,
        /// What it builds on.
        after: u64,
        /// The last durable one.
        last: u64,
    },
    /// The writer is gone.
    #[error("the store is closed: its writer ended")]
    Down,
    /// The disk or the system said no.
    #[error("could not {doing} {path}: {why}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        why: String,
    },
}

fn newest(backup: Option<&PathBuf>) -> String {
    backup.map_or_else(
        || "there is no backup".to_owned(),
        |path| format!("the newest backup is {}", path.display()),
    )
}

impl StoreError {
    /// What a person can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "stop the other one first, or give this one a folder of its own",
            Self::Full { .. } => "make room; nothing was damaged, and it goes on by itself",
            Self::Corrupt { .. } => {
                "move the database away together with its -wal and -shm files, then copy the \
                 backup into its place"
            }
            Self::Newer { .. } => {
                "run the newer version, or put the backup from before its upgrade in place"
            }
            Self::Busy { .. } => "close the other program; Cordon is to be alone with its database",
            Self::QueueFull { .. } => {
                "look at the disk: it is slow, or something else keeps it busy"
            }
            Self::TooLarge { .. } | Self::Gap { .. } | Self::Down => {
                "this is a fault in Cordon: restart it, and report it with the log"
            }
            Self::AlreadyThere { .. } => "nothing: it is stored",
            Self::Io { .. } => "check the disk and the rights of the folder",
        }
    }
}
