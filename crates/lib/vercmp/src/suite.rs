//! Runs a table of answers that the managers themselves gave. An order that is subtly wrong shows
//! nowhere but in a verdict on some host, so whoever relies on this crate can hold it against a
//! suite first. A line that cannot be read stops the run, and a table without a case is an error:
//! a suite that silently shrank would agree with anything.

use std::cmp::Ordering;

use crate::{Kind, VersionError, compare};

/// A line quoted in an error is cut to this many characters.
const MAX_QUOTED_CHARS: usize = 80;

/// What came of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// How many cases came out as the suite says.
    pub agree: usize,
    /// The others, in the order of their lines.
    pub differ: Vec<Difference>,
}

/// A case that came out otherwise than the suite says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its line in the suite; the header is line 1.
    pub line: usize,
    /// The version on the left.
    pub a: String,
    /// The order that the suite gives for `a` and `b`.
    pub expected: Ordering,
    /// The version on the right.
    pub b: String,
    /// The order that came out, or why none did.
    pub got: Result<Ordering, VersionError>,
}

/// Why a text is not a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// The first line does not begin with the names of the first three columns.
    #[error("line {line}: expected the header \"a\\top\\tb\", found {found:?}")]
    Header {
        /// Where, counted from 1.
        line: usize,
        /// The line that came, its beginning if it is long.
        found: String,
    },
    /// A line is not of three or four columns.
    #[error("line {line}: expected 3 or 4 columns parted by tabs, found {found}")]
    Columns {
        /// Where, counted from 1.
        line: usize,
        /// How many columns came.
        found: usize,
    },
    /// The second column is no order.
    #[error("line {line}: expected one of < = >, found {found:?}")]
    Operator {
        /// Where, counted from 1.
        line: usize,
        /// The column that came, its beginning if it is long.
        found: String,
    },
    /// There is a header and nothing else.
    #[error("line {line}: expected a case, found the end of the text")]
    NoCase {
        /// Where the first case would have been.
        line: usize,
    },
}

/// Compare every pair of a suite by `kind` and count where the answers agree.
///
/// A suite is lines of `a <TAB> op <TAB> b [<TAB> source]` under a header line; `op` is one of `<`,
/// `=`, `>`.
///
/// ```
/// use vercmp::{Kind, run_suite};
///
/// let suite = run_suite(Kind::Deb, "a\top\tb\tsource\n1.9\t<\t1.10\tmine\n1.0\t=\t1.0-0\n")?;
/// assert_eq!((suite.agree, suite.differ.len()), (2, 0));
/// # Ok::<(), vercmp::SuiteError>(())
/// ```
pub fn run_suite(kind: Kind, tsv: &str) -> Result<Suite, SuiteError> {
    let mut lines = (1..).zip(tsv.lines());
    let header = lines.next().map_or("", |(_, text)| text);
    if header != "a\top\tb" && !header.starts_with("a\top\tb\t") {
        return Err(SuiteError::Header {
            line: 1,
            found: quoted(header),
        });
    }
    let mut suite = Suite {
        agree: 0,
        differ: Vec::new(),
    };
    for (line, text) in lines {
        let (a, expected, b) = case(line, text)?;
        let got = compare(kind, a, b);
        if got == Ok(expected) {
            suite.agree += 1;
        } else {
            suite.differ.push(Difference {
                line,
                a: a.to_owned(),
                expected,
                b: b.to_owned(),
                got,
            });
        }
    }
    if suite.agree == 0 && suite.differ.is_empty() {
        return Err(SuiteError::NoCase { line: 2 });
    }
    Ok(suite)
}

fn case(line: usize, text: &str) -> Result<(&str, Ordering, &str), SuiteError> {
    let mut columns = text.split('\t');
    let (Some(a), Some(op), Some(b), _source, None) = (
        columns.next(),
        columns.next(),
        columns.next(),
        columns.next(),
        columns.next(),
    ) else {
        return Err(SuiteError::Columns {
            line,
            found: text.split('\t').count(),
        });
    };
    match operator(op) {
        Some(expected) => Ok((a, expected, b)),
        None => Err(SuiteError::Operator {
            line,
            found: quoted(op),
        }),
    }
}

fn operator(op: &str) -> Option<Ordering> {
    match op {
        "<" => Some(Ordering::Less),
        "=" => Some(Ordering::Equal),
        ">" => Some(Ordering::Greater),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).collect()
}

/// What the tests of every kind share.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::check;

    const TRIPLES: usize = 20_000;

    /// Each case, and the same case read from right to left.
    pub(crate) fn check_all(kind: Kind, cases: &[(&str, &str, &str)]) {
        for &(a, op, b) in cases {
            let expected = operator(op).unwrap();
            let case = format!("{kind}: {a:?} {op} {b:?}");
            assert_eq!(compare(kind, a, b), Ok(expected), "{case}");
            assert_eq!(compare(kind, b, a), Ok(expected.reverse()), "{case}");
        }
    }

    /// A total preorder over texts made of `pieces`, and an answer (not a panic) for any text.
    pub(crate) fn laws(kind: Kind, pieces: &[&str]) {
        let mut random = Random(0x2004_0430);
        let mut ordered = 0;
        for _ in 0..TRIPLES {
            let [a, b, c] = [(); 3].map(|()| random.text(pieces));
            let (Ok(ab), Ok(bc), Ok(ac)) = (
                compare(kind, &a, &b),
                compare(kind, &b, &c),
                compare(kind, &a, &c),
            ) else {
                continue;
            };
            ordered += 1;
            let case = format!("{kind}: {a:?} {b:?} {c:?}");
            assert_eq!(compare(kind, &a, &a), Ok(Ordering::Equal), "{case}");
            assert_eq!(compare(kind, &b, &a), Ok(ab.reverse()), "{case}");
            match (ab, bc) {
                (Ordering::Equal, other) | (other, Ordering::Equal) => {
                    assert_eq!(ac, other, "{case}");
                }
                (ab, bc) if ab == bc => assert_eq!(ac, ab, "{case}"),
                (Ordering::Less | Ordering::Greater, _) => {}
            }
        }
        assert!(ordered > TRIPLES / 20, "{kind}: only {ordered} triples");
        let hostile = ["", "\u{e9}", "\u{1f600}", "\0", "\t", " ", "\u{663}", "%s"];
        let pieces = [pieces, &hostile].concat();
        for _ in 0..TRIPLES {
            let [a, b] = [(); 2].map(|()| random.text(&pieces));
            let answer = compare(kind, &a, &b);
            let form = check(kind, &a).and(check(kind, &b));
            assert!(answer.is_ok() || form.is_err(), "{kind}: {a:?} {b:?}");
        }
    }

    /// Xorshift: the same texts in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 33).unwrap() % bound
        }

        fn text(&mut self, pieces: &[&str]) -> String {
            (0..self.below(7))
                .map(|_| pieces[self.below(pieces.len())])
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreements_are_counted_and_differences_kept() {
        let tsv = "a\top\tb\tsource\n1\t<\t2\tx\r\n1\t=\t1-0\n2\t<\t1\n1\t<\t1-\n";
        let suite = run_suite(Kind::Deb, tsv).unwrap();
        assert_eq!(suite.agree, 2);
        let [order, error] = suite.differ.as_slice() else {
            panic!("{suite:?}");
        };
        let expected = Difference {
            line: 4,
            a: "2".to_owned(),
            expected: Ordering::Less,
            b: "1".to_owned(),
            got: Ok(Ordering::Greater),
        };
        assert_eq!(*order, expected);
        assert_eq!((error.line, error.got.is_err()), (5, true));
    }

    #[test]
    fn a_text_that_is_no_suite_says_where() {
        let check = |tsv: &str, expected: SuiteError| {
            assert_eq!(run_suite(Kind::Rpm, tsv), Err(expected), "{tsv:?}");
        };
        let header = |found: &str| SuiteError::Header {
            line: 1,
            found: found.to_owned(),
        };
        check("", header(""));
        check("1\t<\t2\n", header("1\t<\t2"));
        check(&"x".repeat(1000), header(&"x".repeat(MAX_QUOTED_CHARS)));
        check("a\top\tb\n", SuiteError::NoCase { line: 2 });
        check(
            "a\top\tb\n1\t<\t2\n\n",
            SuiteError::Columns { line: 3, found: 1 },
        );
        check(
            "a\top\tb\n1\t<\t2\tx\ty\n",
            SuiteError::Columns { line: 2, found: 5 },
        );
        check(
            "a\top\tb\n1\t<=\t2\n",
            SuiteError::Operator {
                line: 2,
                found: "<=".to_owned(),
            },
        );
    }
}
