//! dpkg's order. Compared as one string, `2.7.15-4ubuntu4~18.04` was called older than
//! `2.7.15~rc1`: the epoch, the upstream version and the revision are compared one after another.
//!
//! The order is the kept crate `deb-version`, the syntax is ours. Of the two crates that were read,
//! `deb-version` compares slices of its arguments (no dependency, no allocation, linear in the
//! length), but takes any text and cuts by counted characters, so it may see ASCII only.
//! `debversion` parses by regex into owned strings (more than twice the time), brings thirteen
//! crates with it, calls `1.` older than `1.0` where dpkg calls them equal, and cuts `0-0:0`
//! elsewhere than dpkg does. Neither refuses exactly what dpkg refuses.
//!
//! What dpkg warns about and then compares (a letter first, `_`, a colon in the revision) is well
//! formed here, because third-party packages are installed with such versions. Two things are
//! refused that dpkg lets pass: an epoch with a sign, and bytes that are not printable ASCII.

use std::cmp::Ordering;

use crate::{Kind, VersionError};

/// dpkg keeps the epoch in a C `int`.
const MAX_EPOCH: u64 = 2_147_483_647;

pub(crate) fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(deb_version::compare_versions(parse(a)?, parse(b)?))
}

pub(crate) fn check(version: &str) -> Result<(), VersionError> {
    parse(version).map(drop)
}

/// The version without the blanks around it, which dpkg drops too; printable ASCII from here on.
fn parse(text: &str) -> Result<&str, VersionError> {
    let version = text.trim_ascii();
    match fault(version) {
        None => Ok(version),
        Some(expected) => Err(VersionError::Malformed {
            kind: Kind::Deb,
            expected,
            found: text.to_owned(),
        }),
    }
}

/// What a well-formed version would have had and this one has not.
fn fault(version: &str) -> Option<&'static str> {
    if !version.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("printable ASCII and no space inside");
    }
    let rest = match version.split_once(':') {
        None => version,
        Some((epoch, _)) if !is_epoch(epoch) => {
            return Some("a number of at most 2147483647 before the first colon");
        }
        Some((_, rest)) => rest,
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        None => (rest, None),
        Some((upstream, revision)) => (upstream, Some(revision)),
    };
    if upstream.is_empty() {
        return Some("an upstream version");
    }
    if revision.is_some_and(str::is_empty) {
        return Some("a revision after the last hyphen");
    }
    None
}

fn is_epoch(epoch: &str) -> bool {
    // `parse` alone would take a plus sign.
    epoch.bytes().all(|byte| byte.is_ascii_digit())
        && epoch.parse::<u64>().is_ok_and(|epoch| epoch <= MAX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::testing::{check_all, laws};

    #[test]
    fn order() {
        check_all(
            Kind::Deb,
            &[
                // the parts, in their order of weight
                ("1:0.1-1", ">", "9.9-9"),
                ("1.0-9", "<", "1.1-1"),
                ("1.0-1", "<", "1.0-2"),
                // what is not written is zero
                ("0:1.0-0", "=", "1.0"),
                ("00:1.0", "=", "1.0"),
                ("1.", "=", "1.0"),
                ("1.0a", "=", "1.0a0"),
                // numbers, not text
                ("1.9", "<", "1.10"),
                ("1.01", "=", "1.1"),
                ("99999999999999999999", "<", "100000000000000000000"),
                // a tilde comes before the end, the end before letters, letters before the rest
                ("1.0~~", "<", "1.0~"),
                ("1.0~", "<", "1.0"),
                ("1.0", "<", "1.0a"),
                ("1.0a", "<", "1.0+"),
                ("1.0Z", "<", "1.0a"),
                // the last hyphen parts the revision
                ("1-2-3", ">", "1-1-4"),
                ("2.7.15-4ubuntu4~18.04", ">", "2.7.15~rc1"),
                // what dpkg only warns about
                ("1_0", ">", "1.0"),
                ("0:0-0:0", ">", "0"),
            ],
        );
    }

    #[test]
    fn dpkg_trims_and_refuses() {
        for well_formed in ["0", " 1.0-1\t", "2147483647:0", "0:0:0-0", "abc", "1!"] {
            assert_eq!(check(well_formed), Ok(()), "{well_formed:?}");
        }
        for malformed in [
            "",
            "1 0",
            "1.0\u{e9}",
            ":0",
            "+1:0",
            "-1:0",
            "a:0",
            "2147483648:0",
            "99999999999999999999999:0",
            "0:",
            "-0",
            "0:-0",
            "1-",
        ] {
            assert!(check(malformed).is_err(), "{malformed:?}");
            assert!(compare("1", malformed).is_err(), "{malformed:?}");
        }
    }

    #[test]
    fn an_error_names_what_was_expected() {
        assert_eq!(
            compare("1.0", "1.0-"),
            Err(VersionError::Malformed {
                kind: Kind::Deb,
                expected: "a revision after the last hyphen",
                found: "1.0-".to_owned(),
            })
        );
    }

    #[test]
    fn order_laws() {
        laws(
            Kind::Deb,
            &["0", "1", "9", "10", "01", "a", "B", "~", "+", ".", "-", ":"],
        );
    }
}
