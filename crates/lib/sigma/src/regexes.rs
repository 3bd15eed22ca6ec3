//! Regular expressions: linear in time or refused, and with a text that must occur, so that most
//! are never run at all.

use regex_syntax::{
    ParserBuilder,
    ast::ErrorKind,
    hir::{Class, Hir, HirKind},
};

use crate::{error::Reason, error::shorten, pattern::lower, rule::Regex};

/// Bytes of a compiled expression.
pub const MAX_REGEX_BYTES: usize = 8 << 20;
/// Texts of which one must occur; with more the expression is run on every value of its field.
const MAX_REQUIRED: usize = 64;

/// Flags of an expression.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) ignore_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
}

pub(crate) fn compile(source: &str, flags: Flags) -> Result<Regex, Reason> {
    let relaxed;
    let (source, hir) = match parse(source, flags) {
        Ok(hir) => (source, hir),
        Err(Reason::Regex(_)) => {
            relaxed = relax(source);
            let hir = parse(&relaxed, flags)?;
            (relaxed.as_str(), hir)
        }
        Err(reason) => return Err(reason),
    };
    let compiled = regex::RegexBuilder::new(source)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| Reason::Regex(shorten(&error.to_string())))?;
    let mut shown = String::new();
    let set = [
        (flags.ignore_case, 'i'),
        (flags.multi_line, 'm'),
        (flags.dot_all, 's'),
    ];
    let letters: String = set
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, letter)| letter)
        .collect();
    if !letters.is_empty() {
        shown = format!("(?{letters})");
    }
    shown.push_str(source);
    Ok(Regex {
        source: shown,
        compiled,
        required: required(&hir),
    })
}

fn parse(source: &str, flags: Flags) -> Result<Hir, Reason> {
    let parsed = ParserBuilder::new()
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .build()
        .parse(source);
    parsed.map_err(|error| match &error {
        regex_syntax::Error::Parse(parse)
            if matches!(
                parse.kind(),
                ErrorKind::UnsupportedLookAround | ErrorKind::UnsupportedBackreference
            ) =>
        {
            Reason::LookAround(shorten(source))
        }
        regex_syntax::Error::Parse(parse) => Reason::Regex(parse.kind().to_string()),
        other => Reason::Regex(shorten(&other.to_string())),
    })
}

/// A `{` that begins no `{n,m}` stands for itself in PCRE.
fn relax(source: &str) -> String {
    let mut relaxed = String::with_capacity(source.len() + 8);
    let mut rest = source;
    let mut class = false;
    while let Some(char) = rest.chars().next() {
        let (_, after) = rest.split_at(char.len_utf8());
        match char {
            '\\' => {
                let escaped = after.chars().next();
                let name = matches!(escaped, Some('p' | 'P' | 'x' | 'u' | 'U'));
                let length = 1 + escaped.map_or(0, char::len_utf8);
                let braces = rest
                    .get(length..)
                    .filter(|tail| name && tail.starts_with('{'));
                let braces = braces
                    .and_then(|tail| tail.find('}'))
                    .map_or(0, |end| end + 1);
                let (whole, after) = rest.split_at(length + braces);
                relaxed.push_str(whole);
                rest = after;
                continue;
            }
            '[' => class = true,
            ']' => class = false,
            '{' if !class && !counts(after) => relaxed.push('\\'),
            _ => {}
        }
        relaxed.push(char);
        rest = after;
    }
    relaxed
}

fn counts(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else {
        return false;
    };
    let (from, to) = inside.split_once(',').unwrap_or((inside, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !from.is_empty() && digits(from) && digits(to)
}

/// Texts, lowercased, of which one is in the lowercase of whatever matches.
fn required(hir: &Hir) -> Option<Vec<String>> {
    let texts = walk(hir)?;
    let good = |text: &String| {
        let rare = |char: char| {
            !char.is_alphanumeric() && !matches!(char, ' ' | '\\' | '/' | '.' | '-' | '"')
        };
        text.chars().count() >= 2 || text.chars().all(rare) && !text.is_empty()
    };
    texts.iter().all(good).then_some(texts)
}

fn walk(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Concat(parts) => concat(parts),
        HirKind::Capture(capture) => walk(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min >= 1 => walk(&repetition.sub),
        HirKind::Alternation(arms) => {
            let mut all = Vec::new();
            for arm in arms {
                all.extend(walk(arm)?);
            }
            (all.len() <= MAX_REQUIRED).then_some(all)
        }
        HirKind::Literal(_) | HirKind::Class(_) => single(hir).map(|text| vec![text]),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// The best of the runs of literals, and of what the other parts require.
fn concat(parts: &[Hir]) -> Option<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut run = String::new();
    for part in parts {
        if let Some(text) = single(part) {
            run.push_str(&text);
        } else if !matches!(part.kind(), HirKind::Look(_)) {
            found.push(vec![std::mem::take(&mut run)]);
            found.extend(walk(part));
        }
    }
    found.push(vec![run]);
    let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
    let best = found
        .into_iter()
        .max_by_key(|texts| (shortest(texts), usize::MAX - texts.len()))?;
    (shortest(&best) > 0).then_some(best)
}

/// The one lowercased text that this matches, if it is one.
fn single(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?; // ok: because no text gives no index, and the expression is run
            Some(lower(text))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut chars = class
                .iter()
                .take(3)
                .flat_map(|range| range.start()..=range.end())
                .take(8);
            let first = lower(&chars.next()?.to_string());
            let few = class.iter().count() <= 3;
            (few && chars.all(|char| lower(&char.to_string()) == first)).then_some(first)
        }
        HirKind::Capture(capture) => single(&capture.sub),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_occur_is_found() {
        let found = |source: &str| compile(source, Flags::default()).unwrap().required;
        let texts = |texts: &[&str]| {
            Some(
                texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(found(r"net\s+user"), texts(&["user"]));
        assert_eq!(
            found(r"(?i)\\(venv|python(.+)?)\\lib\\site-packages\\"),
            texts(&["ite-package"])
        );
        assert_eq!(
            found(r"(Copy-Item|cpi) .{2,128}"),
            texts(&["copy-item", "cpi"])
        );
        assert_eq!(found(r".{150}"), None);
        assert_eq!(found(r"[a-z]+\d"), None);
        assert_eq!(found(r"^[Cc]:\\.{1,9}\.exe"), texts(&[".exe"]));
    }

    #[test]
    fn look_around_is_refused_and_a_lone_brace_is_text() {
        let refused = |source: &str| compile(source, Flags::default()).unwrap_err();
        assert_eq!(refused("a(?!b)"), Reason::LookAround("a(?!b)".into()));
        assert_eq!(refused(r"(a)\1"), Reason::LookAround(r"(a)\1".into()));
        assert!(matches!(refused("a("), Reason::Regex(_)));
        let brace = compile(r"\${?input", Flags::default()).unwrap();
        assert!(brace.compiled.is_match("${input") && brace.compiled.is_match("$input"));
    }
}
