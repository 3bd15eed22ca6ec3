//! Which of two package versions is older, as dpkg, rpm and apk themselves would say.
//!
//! A host is missing a patch when its installed version is older than the fixed one. Compared as
//! plain text, or by the wrong manager's rules, `1.10` is older than `1.9` and `2.0~rc1` is newer
//! than `2.0`: one mistake hides a hole, the other raises an alarm that nobody can close. This
//! crate is a pure function of its arguments: no I/O, no state, no allocation while two well-formed
//! versions are compared, linear time, and no panic on any text.
//!
//! ```
//! use std::cmp::Ordering;
//! use vercmp::{Kind, compare};
//!
//! assert_eq!(compare(Kind::Deb, "1:1.0~rc1-2", "1:1.0-1"), Ok(Ordering::Less));
//! assert_eq!(compare(Kind::Rpm, "4.18.0-553.el8", "4.18.0-80.el8"), Ok(Ordering::Greater));
//! assert_eq!(compare(Kind::Apk, "1.2.3-r1", "1.2.3-r01"), Ok(Ordering::Equal));
//! ```
#![warn(missing_docs)]

mod apk;
mod deb;
mod rpm;
mod suite;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

pub use suite::{Difference, Suite, SuiteError, run_suite};

/// The longest version that is looked at, in bytes; a longer one is [`VersionError::TooLong`].
pub const MAX_VERSION_BYTES: usize = 4096;

/// Which package manager's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Debian and its children: `[epoch:]upstream[-revision]`, as dpkg and apt compare.
    Deb,
    /// Red Hat, SUSE and their children: `[epoch:]version[-release]`, as librpm compares.
    Rpm,
    /// Alpine and its children: `number{.number}{letter}{_suffix}{~hash}{-r#}`, as apk-tools 3
    /// compares.
    Apk,
}

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Longer than [`MAX_VERSION_BYTES`].
    #[error("expected a version of at most {MAX_VERSION_BYTES} bytes, found {found} bytes")]
    TooLong {
        /// How many bytes came.
        found: usize,
    },
    /// Not of the manager's form.
    #[error("expected {expected}, found the {kind} version {found:?}")]
    Malformed {
        /// The manager whose form it should have had.
        kind: Kind,
        /// What the manager's form asks for and the text lacks.
        expected: &'static str,
        /// The text that came.
        found: String,
    },
}

/// A name that is no [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of deb, rpm, apk, found {found:?}")]
pub struct UnknownKind {
    /// The name that came.
    pub found: String,
}

/// Order of two versions, or why one of them is not a version of that kind.
///
/// dpkg refuses to compare what it cannot parse, and so does [`Kind::Deb`]. rpm and apk give every
/// text a place, so [`Kind::Rpm`] and [`Kind::Apk`] fail on length alone: where the text is not
/// known to be a version (`(none):1.0-1`, an error message), ask [`check`] first.
///
/// Versions of unequal text may be equal in order:
///
/// ```
/// use std::cmp::Ordering;
/// use vercmp::{Kind, compare};
///
/// assert_eq!(compare(Kind::Deb, "0:1.0-0", "1.0"), Ok(Ordering::Equal));
/// assert!(compare(Kind::Deb, "1.0 beta", "1.0").is_err());
/// ```
pub fn compare(kind: Kind, a: &str, b: &str) -> Result<Ordering, VersionError> {
    within_limit(a)?;
    within_limit(b)?;
    match kind {
        Kind::Deb => deb::compare(a, b),
        Kind::Rpm => Ok(rpm::compare(a, b)),
        Kind::Apk => Ok(apk::compare(a, b)),
    }
}

/// Whether `version` is well formed for `kind`.
///
/// ```
/// use vercmp::{Kind, check};
///
/// assert_eq!(check(Kind::Deb, "1:2.36-9+deb12u4"), Ok(()));
/// assert_eq!(
///     check(Kind::Deb, "1.0-").unwrap_err().to_string(),
///     "expected a revision after the last hyphen, found the deb version \"1.0-\"",
/// );
/// ```
pub fn check(kind: Kind, version: &str) -> Result<(), VersionError> {
    within_limit(version)?;
    match kind {
        Kind::Deb => deb::check(version),
        Kind::Rpm => rpm::check(version),
        Kind::Apk => apk::check(version),
    }
}

fn within_limit(version: &str) -> Result<(), VersionError> {
    let found = version.len();
    if found > MAX_VERSION_BYTES {
        return Err(VersionError::TooLong { found });
    }
    Ok(())
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
        })
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "deb" => Ok(Self::Deb),
            "rpm" => Ok(Self::Rpm),
            "apk" => Ok(Self::Apk),
            other => Err(UnknownKind {
                found: other.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Deb, Kind::Rpm, Kind::Apk];

    #[test]
    fn a_kind_reads_what_it_writes() {
        for kind in KINDS {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let error = "dpkg".parse::<Kind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected one of deb, rpm, apk, found \"dpkg\""
        );
    }

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        let most = "1".repeat(MAX_VERSION_BYTES);
        let more = "1".repeat(MAX_VERSION_BYTES + 1);
        let too_long = VersionError::TooLong {
            found: MAX_VERSION_BYTES + 1,
        };
        for kind in KINDS {
            assert_eq!(check(kind, &most), Ok(()));
            assert_eq!(compare(kind, &most, "1"), Ok(Ordering::Greater));
            assert_eq!(check(kind, &more), Err(too_long.clone()));
            assert_eq!(compare(kind, &more, "1"), Err(too_long.clone()));
            assert_eq!(compare(kind, "1", &more), Err(too_long.clone()));
        }
    }
}
