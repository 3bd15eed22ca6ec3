//! A feed as it was read: its rows, how new it is, of which releases it speaks, and what of it could not
//! be read. An auditor whose feed stopped 17 months ago was green all the time; a feed that cannot say
//! its date says that too.

use std::collections::BTreeSet;

use crate::{Release, Row};

/// Longest JSON document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024 * 1024;
/// Most rows of a feed; those over it are rejected with that reason.
pub const MAX_ROWS: usize = 10_000_000;
/// Most reasons that are kept; the count goes on.
pub const MAX_REASONS: usize = 20;

/// The format of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OSV documents.
    Osv,
    /// CSAF 2.0 or VEX documents.
    Csaf,
    /// Alpine's secdb.
    Secdb,
}

/// What was read of a feed. Statements in = rows + rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What the caller calls it.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// The newest day that stands in it, as `2026-08-22`; none where it bears no date.
    pub dated: Option<String>,
    /// Documents it was made of.
    pub documents: u64,
    /// What it says.
    pub rows: Vec<Row>,
    /// Statements and documents that could not be read.
    pub rejected: u64,
    /// The first [`MAX_REASONS`] of them: which, and why.
    pub reasons: Vec<String>,
    /// Of which releases it speaks.
    pub releases: BTreeSet<Release>,
}

impl Feed {
    pub(crate) fn new(name: &str, format: Format) -> Self {
        Self {
            name: name.to_owned(),
            format,
            dated: None,
            documents: 0,
            rows: Vec::new(),
            rejected: 0,
            reasons: Vec::new(),
            releases: BTreeSet::new(),
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        if self.rows.len() >= MAX_ROWS {
            return self.reject(format!(
                "{}: a feed has at most {MAX_ROWS} rows",
                row.advisory.id
            ));
        }
        if !self.releases.contains(&row.release) {
            self.releases.insert(row.release.clone());
        }
        self.rows.push(row);
    }

    pub(crate) fn reject(&mut self, why: String) {
        self.rejected += 1;
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(why);
        }
    }

    /// Keeps the day of an RFC 3339 date if it is newer.
    pub(crate) fn date(&mut self, stamp: &str) {
        if let Some(day) = day(stamp)
            && self.dated.as_deref().is_none_or(|newest| newest < day)
        {
            self.dated = Some(day.to_owned());
        }
    }

    /// Reads a document as JSON; serde refuses more than 128 levels.
    pub(crate) fn document<T: serde::de::DeserializeOwned>(&mut self, bytes: &[u8]) -> Option<T> {
        self.documents += 1;
        let which = self.documents;
        if bytes.len() > MAX_DOCUMENT_BYTES {
            let found = bytes.len();
            self.reject(format!(
                "document {which}: expected at most {MAX_DOCUMENT_BYTES} bytes, found {found}"
            ));
            return None;
        }
        match serde_json::from_slice(bytes) {
            Ok(document) => Some(document),
            Err(why) => {
                self.reject(format!("document {which}: {why}"));
                None
            }
        }
    }
}

/// The day of a date as `2026-08-22` or `2026-08-22T01:02:03Z`, if it is one.
pub(crate) fn day(stamp: &str) -> Option<&str> {
    let day = stamp.get(..10)?;
    let number = |from: usize, to: usize| day.get(from..to)?.parse::<u16>().ok(); // ok: because None is the answer
    let real = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let fits = (1..=12).contains(&number(5, 7)?) && (1..=31).contains(&number(8, 10)?);
    let rest = stamp.as_bytes().get(10);
    (real && fits && matches!(rest, None | Some(b'T' | b' '))).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_real_day_counts() {
        let mut feed = Feed::new("x", Format::Osv);
        for stamp in [
            "2026-01-02T03:04:05Z",
            "2025-12-31",
            "2026-13-01",
            "soon",
            "9999x12-31",
        ] {
            feed.date(stamp);
        }
        assert_eq!(feed.dated.as_deref(), Some("2026-01-02"));
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let mut feed = Feed::new("x", Format::Osv);
        let deep = "[".repeat(1_000_000);
        assert_eq!(feed.document::<serde_json::Value>(deep.as_bytes()), None);
        assert_eq!(feed.rejected, 1);
        assert!(
            feed.reasons[0].contains("recursion limit"),
            "{:?}",
            feed.reasons
        );
    }
}
