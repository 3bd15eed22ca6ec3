//! Whether anything can have happened to a log since it was looked at: most logs are quiet most of the time,
//! and a look at all that lies around each of them costs a hundred times as much as its metadata.
//!
//! Metadata are believed only when they were old already at the last look: who writes twice within one tick
//! of the kernel's clock leaves the same times twice.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::open::Open;

/// How long nothing may have happened until metadata are believed: far more than a tick of any kernel, and
/// than file systems whose times are whole seconds need.
pub(crate) const SETTLED: Duration = Duration::from_secs(3);

/// The metadata by which a change shows: device, inode, size, time of change and of writing.
type Marks = (u64, u64, u64, (i64, i64), (i64, i64));

/// What the log, and the file before it, looked like before they were read to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    live: Marks,
    prior: Option<Marks>,
}

impl Rest {
    /// Now, if it is old enough to be believed later, and the log is the file that is followed. None too
    /// where it cannot be had: whoever reads finds out why.
    pub(crate) fn of(
        path: &Path,
        current: Option<&Open>,
        prior: Option<&Open>,
        settled: Duration,
    ) -> Option<Self> {
        let followed = current?;
        let live = fs::metadata(path).ok()?; // ok: because then it is looked at in full, which tells
        if crate::place::id(&live) != followed.id {
            return None;
        }
        let prior: Option<Metadata> = match prior.map(Open::about) {
            Some(about) => Some(about.ok()?), // ok: because the same
            None => None,
        };
        let old = |about: &Metadata| is_old(about, settled);
        (old(&live) && prior.as_ref().is_none_or(old)).then(|| Self {
            live: marks(&live),
            prior: prior.as_ref().map(marks),
        })
    }
}

/// Whether it has been left alone for that long; one of the future has not.
fn is_old(about: &Metadata, settled: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let changed = u64::try_from(about.ctime()).map(Duration::from_secs);
    let (Ok(now), Ok(changed)) = (now, changed) else {
        return false;
    };
    settled.is_zero() || now.checked_sub(changed).is_some_and(|age| age >= settled)
}

fn marks(about: &Metadata) -> Marks {
    (
        about.dev(),
        about.ino(),
        about.len(),
        (about.ctime(), about.ctime_nsec()),
        (about.mtime(), about.mtime_nsec()),
    )
}
