//! Files below a folder that are no logs. Beside logs lie notes, scripts and captures; were each an error, nobody
//! would read the errors any more. But a damaged log must not pass as a note: what is named as a log, or was named by
//! a person, and cannot be read stays an error of its own.

use std::path::Path;

use cordon_model::plural;
use records::ReadError;

use crate::page::inert;

/// Most names of files that are passed over that are told; the others are counted.
const MAX_NAMES: usize = 10;

/// Endings of logs.
const LOGS: &[&str] = &[
    "evtx", "json", "jsonl", "ndjson", "log", "xml", "csv", "export", "audit",
];

/// Endings of what is packed, those too that are not unpacked here: a log is still named in front of them.
const PACKED: &[&str] = &["gz", "xz", "bz2", "zst", "lz4", "zip"];

/// Why a file gave no events at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It should be a log, and could not be read.
    Unread(String),
    /// It lies below a folder, and nothing says that it is a log.
    NoLog,
    /// It lies below a folder, and there is nothing in it.
    Empty,
}

impl Failed {
    /// What `error` means for the file; `below` says that it was not named itself.
    pub(super) fn new(path: &Path, below: bool, error: &ReadError) -> Self {
        match error {
            ReadError::Empty if below && ending(path).as_deref() != Some("evtx") => Self::Empty,
            ReadError::Unknown(_) | ReadError::Packed(_) if below && !is_log(path) => Self::NoLog,
            ReadError::Empty
            | ReadError::Unknown(_)
            | ReadError::Packed(_)
            | ReadError::Unreadable(_) => Self::Unread(error.to_string()),
        }
    }
}

fn is_log(path: &Path) -> bool {
    ending(path).is_some_and(|ending| LOGS.contains(&ending.as_str()))
}

/// The ending in lower case, without what packing and rotation put behind it: `log` of `auth.log.2.gz`.
fn ending(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let mut parts: Vec<&str> = name.split('.').skip(1).collect();
    while let Some(last) = parts.pop() {
        let rotated = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        if !rotated && !PACKED.contains(&last) {
            return Some(last.to_owned());
        }
    }
    None
}

/// Files of one kind that were passed over.
#[derive(Debug, Default)]
pub(super) struct Passed {
    count: usize,
    names: Vec<String>,
}

impl Passed {
    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < MAX_NAMES {
            self.names.push(inert(name));
        }
    }

    /// One line: how many, `what` they are, and the first of them.
    pub(super) fn told(&self, what: &str) -> Option<String> {
        let is = if self.count == 1 { "is" } else { "are" };
        let more = if self.count > self.names.len() {
            ", …"
        } else {
            ""
        };
        (self.count > 0).then(|| {
            let names = self.names.join(", ");
            format!("{} {is} {what}: {names}{more}", plural(self.count, "file"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stays_a_log_however_it_was_packed_and_rotated() {
        let logs = [
            "Security.evtx",
            "SECURITY.EVTX",
            "auth.log",
            "auth.log.1",
            "auth.log.2.gz",
            "a.b.json.xz",
            "x.ndjson.zip",
            "t.csv",
        ];
        let others = [
            "README.md",
            ".gitignore",
            "run.ps1",
            "a.pcap",
            "log",
            "x.gz",
            "1.2",
            "logs.zip",
        ];
        for name in logs {
            assert!(is_log(Path::new(name)), "{name}");
        }
        for name in others {
            assert!(!is_log(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_passed_over_is_never_a_log_or_named_by_a_person() {
        let unknown = ReadError::Unknown("x".to_owned());
        let unread = |error: &ReadError| Failed::Unread(error.to_string());
        let check = |name: &str, below, error: &ReadError, expected: Failed| {
            assert_eq!(
                Failed::new(Path::new(name), below, error),
                expected,
                "{name}"
            );
        };
        check("a.md", true, &unknown, Failed::NoLog);
        check("a.md", false, &unknown, unread(&unknown));
        check("a.log", true, &unknown, unread(&unknown));
        check("a.zip", true, &ReadError::Packed("zip"), Failed::NoLog);
        check("a.log", true, &ReadError::Empty, Failed::Empty);
        check("a.log", false, &ReadError::Empty, unread(&ReadError::Empty));
        check("a.evtx", true, &ReadError::Empty, unread(&ReadError::Empty));
        let broken = ReadError::Unreadable("x".to_owned());
        check("a.md", true, &broken, unread(&broken));
    }
}
