//! The one form into which every feed is read.

use std::fmt;

use crate::{Level, Release};

/// One statement of an advisory about one package of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of which release.
    pub release: Release,
    /// Name of the package.
    pub package: String,
    /// Whether that is a binary package or a source.
    pub speaks: Speaks,
    /// Of which architectures; empty for every one.
    pub arches: Vec<String>,
    /// Of which module streams.
    pub streams: Streams,
    /// Versions older than this are not affected.
    pub introduced: Option<String>,
    /// What mends it.
    pub fix: Fix,
    /// Who says so.
    pub advisory: Advisory,
}

/// Which name an advisory uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaks {
    /// The package that is installed: `openssl-libs`.
    Binary,
    /// What it was built from: `openssl`.
    Source,
}

/// Module streams of a row.
///
/// The newest `nodejs` of stream 14 is older than the oldest of stream 18, so a row holds only for
/// packages of its own stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streams {
    /// Not modular.
    Plain,
    /// Modular, of these streams: `nodejs:18`.
    Of(Vec<String>),
    /// Modular, and the advisory does not say which.
    NotTold,
}

/// What mends what a row tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// This version.
    In(String),
    /// A version newer than this one, the last that is affected.
    After(String),
    /// Nothing yet, and perhaps never: the package is exposed.
    NoneKnown,
    /// Nothing has to be mended.
    NotAffected,
    /// The vendor is still looking.
    Investigating,
}

/// Who says so, of which vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advisory {
    /// `ALSA-2021:2363`.
    pub id: String,
    /// CVE names, sorted.
    pub cves: Vec<String>,
    /// What sort of advisory.
    pub class: Class,
    /// CVSS vectors as written.
    pub vectors: Vec<String>,
    /// How bad the vendor says that it is, in a word.
    pub said: Option<Level>,
}

/// What sort of advisory; only the first is a matter of security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Security.
    Security,
    /// Bug fixes (`ALBA`, `RHBA`).
    BugFix,
    /// Enhancements (`ALEA`, `RHEA`).
    Enhancement,
}

impl Class {
    /// By the vendor's prefix: `RHSA-`, `ALBA-`, `RLEA-`.
    pub(crate) fn of(id: &str) -> Self {
        match id.as_bytes() {
            [b'A' | b'R', b'L' | b'H', b'B', b'A', b'-', ..] => Self::BugFix,
            [b'A' | b'R', b'L' | b'H', b'E', b'A', b'-', ..] => Self::Enhancement,
            _ => Self::Security,
        }
    }
}

impl Advisory {
    /// With the CVE names among `names`, and its own if it is one.
    pub(crate) fn new<'n>(id: &'n str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter().chain([id]);
        let mut cves: Vec<String> = names
            .filter(|name| is_cve(name))
            .map(str::to_owned)
            .collect();
        cves.sort_unstable();
        cves.dedup();
        Self {
            id: id.to_owned(),
            cves,
            class: Class::of(id),
            vectors: Vec::new(),
            said: None,
        }
    }
}

/// `CVE-`, a year of four digits, a number of four or more.
pub(crate) fn is_cve(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| {
            year.len() == 4 && digits(year) && number.len() >= 4 && digits(number)
        })
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Security => "security",
            Self::BugFix => "bug fix",
            Self::Enhancement => "enhancement",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_classes_and_names_are_cves() {
        assert_eq!(Class::of("ALBA-2021:1"), Class::BugFix);
        assert_eq!(Class::of("RHEA-2021:1"), Class::Enhancement);
        assert_eq!(Class::of("DSA-1"), Class::Security);
        assert!(is_cve("CVE-2026-1234") && !is_cve("CVE-2026-x") && !is_cve("CVE-26-1234"));
        let advisory = Advisory::new("CVE-2026-0002", ["CVE-2026-0001", "XSA-1", "CVE-2026-0002"]);
        assert_eq!(advisory.cves, ["CVE-2026-0001", "CVE-2026-0002"]);
    }
}
