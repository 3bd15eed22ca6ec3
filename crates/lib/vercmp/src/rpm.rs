//! librpm's order. Advisories say which release fixes a hole, and `80.el8` is older than `553.el8`
//! whatever the alphabet says.
//!
//! The order of one segment is the kept crate `rpm-version` (MIT, no dependency, no allocation).
//! The cut into epoch, version and release is ours, because the crate cuts at the first hyphen and
//! takes any text before a colon for an epoch; librpm cuts at the last hyphen and takes digits.

use std::cmp::Ordering;

use rpm_version::Evr;

use crate::{Kind, VersionError};

pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::cut(a), Parts::cut(b));
    match (a.release, b.release) {
        (Some(left), Some(right)) => a.evr(left).cmp(&b.evr(right)),
        // librpm puts a missing release before every release, even `~1`.
        (left, right) => (a.evr("").cmp(&b.evr(""))).then(left.is_some().cmp(&right.is_some())),
    }
}

/// Stricter than [`compare`], which gives every text a place: what `rpmbuild` would build.
pub(crate) fn check(version: &str) -> Result<(), VersionError> {
    let parts = Parts::cut(version);
    let expected = if parts.epoch.parse::<u32>().is_err() {
        "a number of at most 4294967295 before the colon"
    } else if !is_segment(parts.version) {
        "a version of letters, digits and . _ + ~ ^"
    } else if parts.release.is_some_and(|release| !is_segment(release)) {
        "a release of letters, digits and . _ + ~ ^ after the hyphen"
    } else {
        return Ok(());
    };
    Err(VersionError::Malformed {
        kind: Kind::Rpm,
        expected,
        found: version.to_owned(),
    })
}

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+~^".contains(&byte))
}

#[derive(Clone, Copy)]
struct Parts<'a> {
    /// Digits only, so that `a:1` is a version without an epoch; `0` if not written.
    epoch: &'a str,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn cut(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some(("", rest)) => ("0", rest),
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            Some(_) | None => ("0", text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        Self {
            epoch,
            version,
            release,
        }
    }

    fn evr(self, release: &'a str) -> Evr<'a> {
        Evr::new(self.epoch, self.version, release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::testing::{check_all, laws};

    #[test]
    fn order() {
        check_all(
            Kind::Rpm,
            &[
                // the parts, in their order of weight
                ("1:0.1-1", ">", "9.9-9"),
                ("1.0-9", "<", "1.1-1"),
                ("4.18.0-80.el8", "<", "4.18.0-553.el8"),
                // an epoch that is not written is zero, one that is no number is none
                ("0:1.0-1", "=", "1.0-1"),
                (":1.0-1", "=", "1.0-1"),
                ("013:5", ">", "4:2"),
                ("a:9", "<", "1"),
                // a release that is not written comes before every release
                ("1", "<", "1-0"),
                ("1", "<", "1-~1"),
                ("1", "<", "1-"),
                // the last hyphen parts the release
                ("1-2-3", ">", "1-4"),
                // numbers, not text, and newer than letters
                ("10.0001", "=", "10.1"),
                ("99999999999999999999", "<", "100000000000000000000"),
                ("1.a", "<", "1.0"),
                // only letters, digits, tilde and caret count
                ("2.0", "=", "2_0"),
                ("1.1.\u{3b1}", "=", "1.1.\u{3b2}"),
                // a tilde comes before the end, a caret after the end and before all else
                ("1.0~rc1", "<", "1.0"),
                ("1.0^git1", ">", "1.0"),
                ("1.0^git1", "<", "1.0.1"),
                ("1.0^git1~pre", "<", "1.0^git1"),
            ],
        );
    }

    #[test]
    fn what_rpmbuild_would_build() {
        for well_formed in ["1", "0:1-1", "4294967295:1.0~rc1^git_2+x-1.el8"] {
            assert_eq!(check(well_formed), Ok(()), "{well_formed:?}");
        }
        for malformed in [
            "",
            "1:",
            "-1",
            "1-",
            "1-2-3",
            "a:1",
            "(none):1.0-1",
            "4294967296:1",
            "1 0",
            "1.\u{3b1}",
        ] {
            assert!(check(malformed).is_err(), "{malformed:?}");
        }
    }

    #[test]
    fn order_laws() {
        laws(
            Kind::Rpm,
            &["0", "1", "9", "10", "01", "a", "B", "~", "^", ".", "-", ":"],
        );
    }
}
