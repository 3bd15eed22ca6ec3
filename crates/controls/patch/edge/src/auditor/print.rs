//! Whether files changed, told from their names, sizes and times, without reading them.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use cordon_model::{Span, Time};

use crate::hosts::{MAX_DEPTH, MAX_FILES};

/// A file that was written less than this ago may still be being written: it is read when two looks agree.
const SETTLED: Span = Span::secs(2);

/// What files looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    /// Of names, sizes and times.
    pub(super) hash: u64,
    /// When the newest of them was written.
    pub(super) newest: Option<Time>,
}

/// What was seen of a place, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct Place {
    seen: Option<u64>,
    read: Option<u64>,
}

impl Place {
    /// Whether there is something new to read; if so it counts as read.
    pub(super) fn changed(&mut self, print: Print, now: Time) -> bool {
        let settled = print
            .newest
            .is_none_or(|newest| now.since(newest) >= SETTLED);
        let same = self.seen.replace(print.hash) == Some(print.hash);
        if self.read == Some(print.hash) || !(settled || same) {
            return false;
        }
        self.read = Some(print.hash);
        true
    }
}

/// Looks at files and folders.
pub(super) fn print(paths: &[PathBuf]) -> Print {
    let mut hasher = DefaultHasher::new();
    let mut walk = Walk {
        newest: None,
        left: MAX_FILES,
    };
    for path in paths {
        walk.look(path, 0, &mut hasher);
    }
    Print {
        hash: hasher.finish(),
        newest: walk.newest,
    }
}

struct Walk {
    newest: Option<Time>,
    left: usize,
}

impl Walk {
    fn look(&mut self, path: &Path, depth: usize, hasher: &mut DefaultHasher) {
        path.hash(hasher);
        let Some(left) = self.left.checked_sub(1) else {
            return; // because whoever reads them tells that there are too many
        };
        self.left = left;
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(error) => return error.raw_os_error().hash(hasher),
        };
        if about.is_dir() && depth <= MAX_DEPTH {
            let Ok(entries) = fs::read_dir(path) else {
                return "unreadable".hash(hasher);
            };
            let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            all.sort();
            for one in all {
                self.look(&one, depth + 1, hasher);
            }
            return;
        }
        about.len().hash(hasher);
        let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH); // or: because such a system has no times
        let since = written.duration_since(UNIX_EPOCH).unwrap_or_default(); // default: because before 1970 nothing was written
        since.hash(hasher);
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let written = Time::from_millis(millis);
        self.newest = Some(self.newest.map_or(written, |newest| newest.max(written)));
    }
}
