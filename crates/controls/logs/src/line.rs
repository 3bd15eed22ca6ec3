//! What a line says of itself: whether it tells of an error, and when it was written.

use cordon_model::{Level, Span, Time};

/// Words that make a line an error, as whole words in any case.
const ERROR_WORDS: [&str; 14] = [
    "error", "errors", "fail", "failed", "failure", "fatal", "panic", "critical", "emerg", "alert",
    "timeout", "refused", "denied", "cannot",
];

/// Whether a line tells of an error: one of the usual words, or a phrase that policy adds. A line with a NUL
/// byte is one too: what wrote there wrote no text, or a disk lost a block.
pub fn level(text: &str, phrases: &[String]) -> Level {
    let word = |word: &str| {
        ERROR_WORDS
            .iter()
            .any(|error| word.eq_ignore_ascii_case(error))
    };
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    if text.contains('\0')
        || words.any(word)
        || phrases.iter().any(|phrase| text.contains(phrase.as_str()))
    {
        Level::Error
    } else {
        Level::Plain
    }
}

/// The time a line begins with: RFC 3339, `2026-11-23 17:31:04`, or RFC 3164's `Nov 23 17:31:04`.
///
/// Times without a zone are taken as UTC, and RFC 3164's missing year is the one that puts the line
/// at most a day after `around`: good for rates, which need differences, not for the moment itself.
pub fn stamp(text: &str, around: Time) -> Option<Time> {
    let text = strip_priority(text);
    rfc3339(text).or_else(|| rfc3164(text, around))
}

/// `<34>1 2003-10-11T…` and `<34>Oct 11 …` begin with a priority, the first with a version too.
fn strip_priority(text: &str) -> &str {
    let Some(rest) = text.strip_prefix('<') else {
        return text;
    };
    let Some((priority, rest)) = rest.split_once('>') else {
        return text;
    };
    if priority.len() > 3 || !priority.bytes().all(|b| b.is_ascii_digit()) {
        return text;
    }
    rest.strip_prefix("1 ").unwrap_or(rest)
}

fn rfc3339(text: &str) -> Option<Time> {
    let head = text.get(..19)?;
    let shaped = head
        .bytes()
        .zip(*b"dddd-dd-ddTdd:dd:dd")
        .all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'T' => byte == b'T' || byte == b' ',
            _ => byte == shape,
        });
    if !shaped {
        return None;
    }
    let number = |from: usize, to: usize| head.get(from..to)?.parse::<u64>().ok(); // ok: because `shaped` saw digits
    let year = i64::try_from(number(0, 4)?).ok()?; // ok: because four digits fit
    let date = (year, number(5, 7)?, number(8, 10)?);
    let time = Time::from_civil(date, (number(11, 13)?, number(14, 16)?, number(17, 19)?))?;
    let rest = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    Some(match offset(rest) {
        Some((b'+', span)) => time - span,
        Some((_, span)) => time + span,
        None => time,
    })
}

/// `+02:00` or `-0730`, as its sign and size.
fn offset(text: &str) -> Option<(u8, Span)> {
    let sign = *text
        .as_bytes()
        .first()
        .filter(|byte| matches!(byte, b'+' | b'-'))?;
    let digits: String = text.chars().skip(1).filter(|c| *c != ':').take(4).collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?; // ok: because they are four digits
    Some((sign, Span::minutes(number / 100 * 60 + number % 100)))
}

fn rfc3164(text: &str, around: Time) -> Option<Time> {
    let mut words = text.split_ascii_whitespace();
    let month = Time::month(words.next()?)?;
    let day: u64 = words.next()?.parse().ok()?; // ok: because a line need not bear a time
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let clock = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    ); // ok: likewise
    let (year, ..) = (around + Span::days(1)).civil();
    [year, year.saturating_sub(1)].into_iter().find_map(|year| {
        let year = i64::try_from(year).ok()?; // ok: because years are small
        let time = Time::from_civil((year, month, day), clock)?;
        (time <= around + Span::days(1)).then_some(time)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_by_whole_words_or_by_policy() {
        let check = |text: &str, expected: Level| {
            assert_eq!(
                level(text, &["scan skipped".to_owned()]),
                expected,
                "{text}"
            );
        };
        check("scanner: ERROR loading definitions", Level::Error);
        check("connect to 10.0.0.1:25: Connection refused", Level::Error);
        check("message 5 scan skipped, delivered", Level::Error);
        check("message 5 scanned, clean", Level::Plain);
        check("terrors of the deep, failover done", Level::Plain);
        check("MZ\u{90}\0\u{3}", Level::Error);
        check("", Level::Plain);
    }

    #[test]
    fn stamps_are_read_in_the_three_common_forms() {
        let around: Time = "2026-01-01T00:10:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<&str>| {
            let expected = expected.map(|text| text.parse::<Time>().unwrap());
            assert_eq!(stamp(text, around), expected, "{text}");
        };
        check("2026-01-01T00:00:00Z x", Some("2026-01-01T00:00:00Z"));
        check(
            "2026-01-01T02:00:00.123456+02:00 x",
            Some("2026-01-01T00:00:00Z"),
        );
        check(
            "<34>1 2025-12-31T23:00:00-0030 x",
            Some("2025-12-31T23:30:00Z"),
        );
        check("2026-01-01 00:00:00,001 x", Some("2026-01-01T00:00:00Z"));
        check("Dec 31 23:59:58 mail1 x", Some("2025-12-31T23:59:58Z"));
        check("<13>Jan  1 00:00:00 mail1 x", Some("2026-01-01T00:00:00Z"));
        check("Feb 30 00:00:00 x", None);
        check("no time at all", None);
        check("ä2026-01-01T00:00:0", None);
    }
}
