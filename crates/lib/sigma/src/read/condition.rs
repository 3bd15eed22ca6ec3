//! Conditions: `selection and not 1 of filter_*`. Binding, from weak to strong: or, and, not.

use crate::{
    error::{At, Reason, shorten},
    rule::Condition,
};

/// Bytes of a condition.
pub const MAX_CONDITION_BYTES: usize = 16 << 10;
/// Nesting of a condition.
pub const MAX_NESTING: usize = 64;

/// Reads `text` over the searches with these names.
pub(crate) fn condition(text: &str, names: &[&str], line: u32) -> Result<Condition, At> {
    if text.len() > MAX_CONDITION_BYTES {
        return Err(At::new(
            line,
            Reason::Limit {
                what: "bytes of a condition",
                limit: MAX_CONDITION_BYTES,
            },
        ));
    }
    let mut reader = Reader {
        words: words(text),
        at: 0,
        names,
        depth: 0,
    };
    let parsed = reader.or().and_then(|condition| match reader.peek() {
        None => Ok(condition),
        Some("|") => Err(Reason::Legacy(
            "an aggregation behind `|` in a condition",
            "write a correlation document",
        )),
        Some("near") => Err(Reason::Legacy(
            "`near`",
            "write a correlation of type temporal",
        )),
        Some(word) => Err(wanted("`and`, `or` or the end", Some(word))),
    });
    parsed.map_err(|reason| At::new(line, reason))
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let alone = matches!(first, '(' | ')' | '|');
        let end = if alone {
            1
        } else {
            rest.find(|char: char| char.is_whitespace() || matches!(char, '(' | ')' | '|'))
                .unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
    names: &'a [&'a str],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    fn or(&mut self) -> Result<Condition, Reason> {
        let mut arms = vec![self.and()?];
        while self.takes("or") {
            arms.push(self.and()?);
        }
        Ok(one_or(arms, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition, Reason> {
        let mut arms = vec![self.not()?];
        while self.takes("and") {
            arms.push(self.not()?);
        }
        Ok(one_or(arms, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, Reason> {
        let deeper = self
            .peek()
            .is_some_and(|word| word == "(" || word.eq_ignore_ascii_case("not"));
        if !deeper {
            return self.leaf();
        }
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(Reason::Limit {
                what: "nesting of a condition",
                limit: MAX_NESTING,
            });
        }
        let read = if self.takes("not") {
            self.not().map(|inner| Condition::Not(Box::new(inner)))
        } else {
            self.at += 1;
            let inner = self.or()?;
            if !self.takes(")") {
                return Err(wanted("`)`", self.peek()));
            }
            Ok(inner)
        };
        self.depth -= 1;
        read
    }

    fn leaf(&mut self) -> Result<Condition, Reason> {
        let Some(word) = self.peek() else {
            return Err(wanted("a search", None));
        };
        self.at += 1;
        let of = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case("of"));
        // A search may be called `1`; only `1 of` is a count.
        if of && let Some(count) = count(word) {
            self.at += 1;
            let Some(pattern) = self.peek() else {
                return Err(wanted("`them` or a pattern of names", None));
            };
            self.at += 1;
            return self.quantified(count, pattern);
        }
        let reserved = ["and", "or", "not", "of", ")", "|"];
        if reserved
            .iter()
            .any(|reserved| word.eq_ignore_ascii_case(reserved))
        {
            return Err(wanted("a search", Some(word)));
        }
        match self.names.iter().position(|name| *name == word) {
            Some(index) => Ok(Condition::Search(index)),
            None => Err(Reason::NoSuchSearch(shorten(word))),
        }
    }

    fn quantified(&self, count: Count, pattern: &str) -> Result<Condition, Reason> {
        let them = pattern.eq_ignore_ascii_case("them");
        let named = |(index, name): (usize, &&str)| {
            let hidden = name.starts_with('_') && !pattern.starts_with('_');
            let meant = !hidden && (them || fits(pattern, name));
            meant.then_some(index)
        };
        let indexes: Vec<usize> = self.names.iter().enumerate().filter_map(named).collect();
        let least = match count {
            Count::All => indexes.len(),
            Count::Least(least) => least,
        };
        if indexes.is_empty() || least > indexes.len() || least == 0 {
            return Err(if indexes.is_empty() {
                Reason::NoSuchSearch(shorten(pattern))
            } else {
                wanted("a count from 1 to as many as fit", Some(&least.to_string()))
            });
        }
        Ok(match count {
            Count::All => one_or(
                indexes.into_iter().map(Condition::Search).collect(),
                Condition::And,
            ),
            Count::Least(1) => one_or(
                indexes.into_iter().map(Condition::Search).collect(),
                Condition::Or,
            ),
            Count::Least(least) => Condition::AtLeast(least, indexes),
        })
    }
}

#[derive(Clone, Copy)]
enum Count {
    All,
    Least(usize),
}

fn count(word: &str) -> Option<Count> {
    match word.to_ascii_lowercase().as_str() {
        "all" => Some(Count::All),
        "any" => Some(Count::Least(1)),
        number => number.parse().ok().map(Count::Least), // ok: because a word that is no count is a search
    }
}

/// `*` is any characters; nothing else is special.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        let Some((_, after)) = name.split_once(part) else {
            return false;
        };
        name = after;
    }
    name.ends_with(last)
}

fn one_or(mut arms: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match arms.pop() {
        Some(only) if arms.is_empty() => only,
        Some(last) => {
            arms.push(last);
            many(arms)
        }
        None => many(arms),
    }
}

fn wanted(wanted: &'static str, got: Option<&str>) -> Reason {
    Reason::Condition {
        wanted,
        got: shorten(got.unwrap_or("the end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Condition::*;

    fn check(text: &str, expected: &Condition) {
        let names = ["a", "b", "sel_1", "sel_2", "_hidden"];
        assert_eq!(&condition(text, &names, 1).unwrap(), expected, "{text}");
    }

    #[test]
    fn or_binds_weaker_than_and_than_not() {
        let not = |inner| Not(Box::new(inner));
        check(
            "a or b and not sel_1",
            &Or(vec![Search(0), And(vec![Search(1), not(Search(2))])]),
        );
        check(
            "(a OR b) AND sel_1",
            &And(vec![Or(vec![Search(0), Search(1)]), Search(2)]),
        );
        check("not not a", &not(not(Search(0))));
        check("1 of sel_*", &Or(vec![Search(2), Search(3)]));
        check(
            "all of them",
            &And(vec![Search(0), Search(1), Search(2), Search(3)]),
        );
        check("2 of them", &AtLeast(2, vec![0, 1, 2, 3]));
        check("any of _*", &Search(4));
        check("all of *_2", &Search(3));
        check("_hidden", &Search(4));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in [
            "",
            "a b",
            "a and",
            "(a",
            "a)",
            "not",
            "missing",
            "1 of missing*",
            "9 of them",
            "0 of them",
            "a | count() > 5",
            "a near b",
            "1 of",
            "and a",
            "()",
        ] {
            assert!(
                condition(text, &["a", "b"], 7).is_err_and(|at| at.line == 7),
                "{text}"
            );
        }
        let deep = "(".repeat(100_000);
        assert!(condition(&deep, &["a"], 1).is_err());
        let deep = "not ".repeat(4_000) + "a";
        assert!(condition(&deep, &["a"], 1).is_err());
    }
}
