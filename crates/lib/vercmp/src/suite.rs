//! Runs a table of answers that the managers themselves gave. An order that is subtly wrong shows
//! nowhere but in a verdict on some host, so whoever relies on this crate can hold it against a
//! suite first. A line that cannot be read stops the run, and a table without a case is an error:
//! a suite that silently shrank would agree with anything.

use std::cmp::Ordering;

use crate::{Kind, check, compare};

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
    /// The case as the suite writes it: `1.9 < 1.10`, or a version and whether it is one.
    pub case: String,
    /// What came out instead.
    pub got: String,
}

/// Why a text is not a suite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// The first line names neither of the two forms.
    #[error("line 1: expected the header \"a\\top\\tb\" or \"version\\tvalid\", found {found:?}")]
    Header {
        /// The line that came, its beginning if it is long.
        found: String,
    },
    /// A line does not have the columns of its form.
    #[error(
        "line {line}: expected {expected} columns parted by tabs and perhaps a note, found {found}"
    )]
    Columns {
        /// Where, counted from 1.
        line: usize,
        /// How many the form has, without the note.
        expected: usize,
        /// How many columns came.
        found: usize,
    },
    /// The answer is none that the form knows.
    #[error("line {line}: expected one of {expected}, found {found:?}")]
    Answer {
        /// Where, counted from 1.
        line: usize,
        /// What the form knows.
        expected: &'static str,
        /// The column that came, its beginning if it is long.
        found: String,
    },
    /// There is a header and nothing else.
    #[error("line 2: expected a case, found the end of the text")]
    NoCase,
}

/// Hold every case of a suite against `kind` and count where the answers agree.
///
/// A suite has a header line and one of two forms: `a <TAB> op <TAB> b`, where `op` is `<`, `=` or
/// `>`, asks for an order; `version <TAB> valid`, where `valid` is `yes`, `warn` (valid, and not
/// nice) or `no`, asks whether something is a version at all. One more column is a note.
///
/// ```
/// use vercmp::{Kind, run_suite};
///
/// let suite = run_suite(Kind::Deb, "a\top\tb\tsource\n1.9\t<\t1.10\tmine\n1.0\t=\t1.0-0\n")?;
/// assert_eq!((suite.agree, suite.differ.len()), (2, 0));
/// let suite = run_suite(Kind::Deb, "version\tvalid\n1.0-1\tyes\n-1:0\tno\n")?;
/// assert_eq!((suite.agree, suite.differ.len()), (2, 0));
/// # Ok::<(), vercmp::SuiteError>(())
/// ```
pub fn run_suite(kind: Kind, tsv: &str) -> Result<Suite, SuiteError> {
    let mut lines = (1..).zip(tsv.lines());
    let header = lines.next().map_or("", |(_, text)| text);
    let mut names = header.split('\t');
    let judge = match (names.next(), names.next(), names.next()) {
        (Some("a"), Some("op"), Some("b")) => order,
        (Some("version"), Some("valid"), _) => syntax,
        _ => {
            return Err(SuiteError::Header {
                found: quoted(header),
            });
        }
    };
    let mut suite = Suite {
        agree: 0,
        differ: Vec::new(),
    };
    for (line, text) in lines {
        match judge(kind, line, text)? {
            None => suite.agree += 1,
            Some(difference) => suite.differ.push(difference),
        }
    }
    if suite.agree == 0 && suite.differ.is_empty() {
        return Err(SuiteError::NoCase);
    }
    Ok(suite)
}

/// The columns of a line, without the note.
fn columns<const N: usize>(line: usize, text: &str) -> Result<[&str; N], SuiteError> {
    let found = text.split('\t').count();
    let mut columns = text.split('\t');
    // default: because a line with too few columns is refused below
    let columns = [(); N].map(|()| columns.next().unwrap_or_default());
    if found == N || found == N + 1 {
        Ok(columns)
    } else {
        Err(SuiteError::Columns {
            line,
            expected: N,
            found,
        })
    }
}

fn order(kind: Kind, line: usize, text: &str) -> Result<Option<Difference>, SuiteError> {
    let [a, op, b] = columns(line, text)?;
    let Some(expected) = operator(op) else {
        return Err(SuiteError::Answer {
            line,
            expected: "< = >",
            found: quoted(op),
        });
    };
    let got = match compare(kind, a, b) {
        Ok(got) if got == expected => return Ok(None),
        Ok(Ordering::Less) => "<".to_owned(),
        Ok(Ordering::Equal) => "=".to_owned(),
        Ok(Ordering::Greater) => ">".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Some(Difference {
        line,
        case: format!("{a} {op} {b}"),
        got,
    }))
}

fn syntax(kind: Kind, line: usize, text: &str) -> Result<Option<Difference>, SuiteError> {
    let [version, answer] = columns(line, text)?;
    let expected = match answer {
        "yes" | "warn" => true,
        "no" => false,
        _ => {
            return Err(SuiteError::Answer {
                line,
                expected: "yes warn no",
                found: quoted(answer),
            });
        }
    };
    let got = match check(kind, version) {
        Ok(()) if expected => return Ok(None),
        Err(_) if !expected => return Ok(None),
        Ok(()) => "yes".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Some(Difference {
        line,
        case: format!("{version} {answer}"),
        got,
    }))
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
        let (case, got) = ("2 < 1".to_owned(), ">".to_owned());
        assert_eq!(*order, Difference { line: 4, case, got });
        assert_eq!(error.line, 5);
    }

    #[test]
    fn a_suite_may_ask_whether_something_is_a_version() {
        let suite = run_suite(
            Kind::Deb,
            "version\tvalid\tnote\n1\tyes\t\n-1:0\tyes\n\tno\n",
        );
        let suite = suite.unwrap();
        assert_eq!(
            (suite.agree, suite.differ.len(), suite.differ[0].line),
            (2, 1, 3)
        );
    }

    #[test]
    fn a_text_that_is_no_suite_says_where() {
        let check = |tsv: &str, expected: SuiteError| {
            assert_eq!(run_suite(Kind::Rpm, tsv), Err(expected), "{tsv:?}");
        };
        let header = |found: &str| SuiteError::Header {
            found: found.to_owned(),
        };
        check("", header(""));
        check("1\t<\t2\n", header("1\t<\t2"));
        check(&"x".repeat(1000), header(&"x".repeat(MAX_QUOTED_CHARS)));
        check("a\top\tb\n", SuiteError::NoCase);
        let columns = |line, found| SuiteError::Columns {
            line,
            expected: 3,
            found,
        };
        check("a\top\tb\n1\t<\t2\n\n", columns(3, 1));
        check("a\top\tb\n1\t<\t2\tx\ty\n", columns(2, 5));
        let found = "<=".to_owned();
        let expected = "< = >";
        check(
            "a\top\tb\n1\t<=\t2\n",
            SuiteError::Answer {
                line: 2,
                expected,
                found,
            },
        );
    }
}
