//! apk-tools' order, written here because no crate has it. Read by dpkg's rules, `1.0_rc1` is newer
//! than `1.0`, and every release candidate on Alpine counts as patched.
//!
//! The form is that of apk-package(5):
//! `number{.number}...{letter}{_suffix{number}}...{~hash}{-r#}`. A version is read part by part,
//! and the first part that differs decides: two parts of one sort by their value, two parts of
//! different sorts by [`Part::standing`].
//!
//! - A number after a dot that begins with `0` is a decimal fraction (`1.01` < `1.1`), so it is
//!   compared as text. The first number and those after a suffix or `-r` are always numbers.
//! - A text that leaves the form still has a place, because apk answers for such texts too: what
//!   was read counts, and what follows counts as one [`Part::Bad`], older than the end.
//! - Digits right after the letter (opensmtpd `6.0.2p1`) were a number to apk 2 and leave the form
//!   for apk 3, which then calls `6.0.2p1-r0` and `6.0.2p1-r8` equal. Hosts still carry them: they
//!   are ordered as apk 2 did, and [`check`] refuses them as apk 3 does.

use std::cmp::Ordering;

use crate::{Kind, VersionError};

pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Reader::new(a), Reader::new(b));
    loop {
        let (left, right) = (a.part(), b.part());
        let order = left.order(right);
        if order.is_ne() || left.is_last() {
            return order;
        }
    }
}

pub(crate) fn check(version: &str) -> Result<(), VersionError> {
    let mut reader = Reader::new(version);
    loop {
        match reader.part() {
            Part::End => return Ok(()),
            Part::Bad | Part::LetterNumber(_) => {
                return Err(VersionError::Malformed {
                    kind: Kind::Apk,
                    expected: "the form number{.number}{letter}{_suffix{number}}{~hash}{-rnumber}",
                    found: version.to_owned(),
                });
            }
            Part::Number(_)
            | Part::Fraction(_)
            | Part::Letter(_)
            | Part::Suffix(_)
            | Part::SuffixNumber(_)
            | Part::Hash(_)
            | Part::Build(_) => {}
        }
    }
}

/// The words after an underscore, in their order; those before `Cvs` come before the release.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    Cvs,
    Svn,
    Git,
    Hg,
    P,
}

impl Suffix {
    fn of(word: &[u8]) -> Option<Self> {
        match word {
            b"alpha" => Some(Self::Alpha),
            b"beta" => Some(Self::Beta),
            b"pre" => Some(Self::Pre),
            b"rc" => Some(Self::Rc),
            b"cvs" => Some(Self::Cvs),
            b"svn" => Some(Self::Svn),
            b"git" => Some(Self::Git),
            b"hg" => Some(Self::Hg),
            b"p" => Some(Self::P),
            _ => None,
        }
    }
}

/// One part of a version; the bytes are what was written, without the sign before it.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// The first number.
    Number(&'a [u8]),
    /// `.number`
    Fraction(&'a [u8]),
    Letter(u8),
    /// The number right after a letter, which only apk 2 knows.
    LetterNumber(&'a [u8]),
    /// `_suffix`
    Suffix(Suffix),
    SuffixNumber(&'a [u8]),
    /// `~hash`
    Hash(&'a [u8]),
    /// `-r#`
    Build(&'a [u8]),
    End,
    /// Text that is outside the form; nothing is read after it.
    Bad,
}

impl Part<'_> {
    fn is_last(self) -> bool {
        matches!(self, Self::End | Self::Bad)
    }

    fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b))
            | (Self::LetterNumber(a), Self::LetterNumber(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Build(a), Self::Build(b)) => by_value(a, b),
            (Self::Fraction(a), Self::Fraction(b))
                if !a.starts_with(b"0") && !b.starts_with(b"0") =>
            {
                by_value(a, b)
            }
            (Self::Fraction(a), Self::Fraction(b)) | (Self::Hash(a), Self::Hash(b)) => a.cmp(b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (a, b) => a.standing().cmp(&b.standing()),
        }
    }

    /// Place among parts of other sorts, oldest first: what goes on is newer than what ends, and
    /// the earlier its sort stands in the form, the newer. Only a suffix that announces a release
    /// to come is older than the end.
    fn standing(self) -> u8 {
        match self {
            Self::Suffix(suffix) if suffix < Suffix::Cvs => 0,
            Self::Bad => 1,
            Self::End => 2,
            Self::Build(_) => 3,
            Self::Hash(_) => 4,
            Self::SuffixNumber(_) => 5,
            Self::Suffix(_) => 6,
            Self::Letter(_) => 7,
            Self::Number(_) | Self::Fraction(_) | Self::LetterNumber(_) => 8,
        }
    }
}

/// Where in the form the reader stands: behind which sort of part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    Nothing,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Build,
}

struct Reader<'a> {
    rest: &'a [u8],
    behind: Behind,
}

impl<'a> Reader<'a> {
    fn new(version: &'a str) -> Self {
        Self {
            rest: version.as_bytes(),
            behind: Behind::Nothing,
        }
    }

    /// The next part. Behind `End` and `Bad` there is nothing more to ask for.
    fn part(&mut self) -> Part<'a> {
        let Some((&sign, tail)) = self.rest.split_first() else {
            return if self.behind == Behind::Nothing {
                Part::Bad
            } else {
                Part::End
            };
        };
        let read = match (self.behind, sign) {
            (Behind::Nothing, _) => self.run(self.rest, Part::Number, Behind::Number),
            (Behind::Number, b'.') => self.run(tail, Part::Fraction, Behind::Number),
            (Behind::Number, b'a'..=b'z') => {
                self.rest = tail;
                self.behind = Behind::Letter;
                Some(Part::Letter(sign))
            }
            (Behind::Letter, b'0'..=b'9') => {
                self.run(self.rest, Part::LetterNumber, Behind::Number)
            }
            (Behind::Suffix, b'0'..=b'9') => {
                self.run(self.rest, Part::SuffixNumber, Behind::SuffixNumber)
            }
            (behind, b'_') if behind <= Behind::SuffixNumber => self.suffix(tail),
            (behind, b'~') if behind <= Behind::SuffixNumber => self.hash(tail),
            (behind, b'-') if behind <= Behind::Hash => tail
                .strip_prefix(b"r")
                .and_then(|digits| self.run(digits, Part::Build, Behind::Build)),
            _ => None,
        };
        read.unwrap_or(Part::Bad)
    }

    /// A part that is a run of at least one digit.
    fn run(
        &mut self,
        from: &'a [u8],
        part: impl FnOnce(&'a [u8]) -> Part<'a>,
        behind: Behind,
    ) -> Option<Part<'a>> {
        let (digits, rest) = span(from, |byte| byte.is_ascii_digit());
        self.rest = rest;
        self.behind = behind;
        (!digits.is_empty()).then(|| part(digits))
    }

    fn suffix(&mut self, from: &'a [u8]) -> Option<Part<'a>> {
        let (word, rest) = span(from, |byte| byte.is_ascii_lowercase());
        self.rest = rest;
        self.behind = Behind::Suffix;
        Suffix::of(word).map(Part::Suffix)
    }

    fn hash(&mut self, from: &'a [u8]) -> Option<Part<'a>> {
        let (hash, rest) = span(from, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        self.rest = rest;
        self.behind = Behind::Hash;
        (!hash.is_empty()).then_some(Part::Hash(hash))
    }
}

/// Cut behind the leading bytes that `belongs` takes.
fn span(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|&byte| !belongs(byte))
        .unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Order of two runs of digits by value, however long they are.
fn by_value(a: &[u8], b: &[u8]) -> Ordering {
    let (_, a) = span(a, |byte| byte == b'0');
    let (_, b) = span(b, |byte| byte == b'0');
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::testing::{check_all, laws};

    #[test]
    fn order_of_well_formed_versions() {
        check_all(
            Kind::Apk,
            &[
                // numbers by value, however long
                ("1.9", "<", "1.10"),
                ("013", ">", "12"),
                ("1.99999999999999999999", "<", "1.100000000000000000000"),
                // behind a dot a leading zero makes a fraction
                ("1.01", "<", "1.1"),
                ("1.09", "<", "1.1"),
                ("1.010", "<", "1.02"),
                ("1.0", "<", "1.00"),
                ("1.0.5", "<", "1.00.1"),
                // but not behind a suffix or -r
                ("1_p02", ">", "1_p1"),
                ("1-r1", "=", "1-r01"),
                // the letter
                ("1.0", "<", "1.0a"),
                ("1.0a", "<", "1.0b"),
                ("1.0b", "<", "1.0.0"),
                // suffixes, each against the next, around the release
                ("1_alpha", "<", "1_beta"),
                ("1_beta9", "<", "1_pre1"),
                ("1_pre", "<", "1_rc"),
                ("1_rc99", "<", "1"),
                ("1", "<", "1_cvs"),
                ("1_cvs", "<", "1_svn"),
                ("1_svn", "<", "1_git"),
                ("1_git", "<", "1_hg"),
                ("1_hg", "<", "1_p"),
                ("1_p9", "<", "1_p10"),
                ("1_p", "<", "1a"),
                ("1_alpha", "<", "1_alpha1"),
                ("1_alpha_pre2", "<", "1_alpha"),
                ("1_alpha_p1", ">", "1_alpha"),
                ("1_rc1-r9", "<", "1-r0"),
                // the hash is text, and newer than none
                ("1~0123", "<", "1~1234"),
                ("1~12", "<", "1~120"),
                ("1~abc", ">", "1"),
                ("1~abc", ">", "1-r5"),
                ("1~abc-r1", ">", "1~abc-r0"),
                // the build
                ("1", "<", "1-r0"),
                ("1-r9", "<", "1-r10"),
            ],
        );
    }

    #[test]
    fn order_of_texts_outside_the_form() {
        check_all(
            Kind::Apk,
            &[
                // what follows the form is older than nothing, but newer than a release to come
                ("1", ">", "1-ruff"),
                ("1", ">", "1-r"),
                ("1.2", ">", "1.2_blah"),
                ("1.2_rc1", "<", "1.2_blah"),
                ("1.2.0A", "<", "1.2.0d"),
                ("1.0bc", ">", "1.0"),
                ("1.", "<", "1"),
                ("", "<", "0"),
                ("release", "<", "0"),
                // two such texts are equal from there on
                ("1-r0-1", "=", "1-r0-2"),
                ("1_blah", "=", "1_foo"),
                ("", "=", "x"),
                // digits right behind the letter, as apk 2 has it
                ("6.6.2p1", "<", "6.6.2p2"),
                ("6.6.2p9", "<", "6.6.2p10"),
                ("6.6.2p1-r1", "<", "6.6.2p1-r2"),
                ("6.6.2p1", ">", "6.6.2_p2"),
                ("6.6.2p1", ">", "6.6.2p"),
            ],
        );
    }

    #[test]
    fn the_form_of_apk_3() {
        for well_formed in [
            "0",
            "013",
            "1.02.07",
            "1.2.3b_rc2_p20190101~0a1b2c3-r14",
            "2.9.11_pre20061021-r2",
            "1~abc",
            "1_git",
        ] {
            assert_eq!(check(well_formed), Ok(()), "{well_formed:?}");
        }
        for malformed in [
            "", " 1", "1 ", "a", ".1", "1.", "1..2", "1.a", "1A", "1ab", "1a.1", "6.6.2p1", "1_",
            "1_foo", "1_alphax", "1_p1_", "1_p1a", "1_p1.2", "1~", "1~xyz", "1~ab_p1", "1~a~b",
            "1-1", "1-r", "1-ra", "1-r-0", "1-r1-r2", "1-r1.2", "1\u{663}", "1:1",
        ] {
            assert!(check(malformed).is_err(), "{malformed:?}");
        }
    }

    #[test]
    fn order_laws() {
        laws(
            Kind::Apk,
            &[
                "0", "1", "10", ".", ".0", "a", "b", "_p", "_rc", "~", "-r", "_x",
            ],
        );
    }
}
