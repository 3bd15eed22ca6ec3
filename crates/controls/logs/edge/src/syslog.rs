//! The header of a syslog line: RFC 3164 and RFC 5424, read by `syslog_loose` and then doubted.
//!
//! That crate takes almost anything for syslog, by design; here it must not make a host, a severity or a
//! time of what is none. What it is not trusted with is listed at [`parse`], each with a test.

use chrono::Utc;
use cordon_model::{Span, Time};
use syslog_loose::{Message, Protocol, Variant};

/// The least severity that is no error any more: 0 emergency, 1 alert, 2 critical, 3 error, 4 warning.
const WARNING: u8 = 4;

/// Years that are tried for a date without one: enough for a 29 February across 2100.
const YEARS_TRIED: u64 = 10;

/// How far ahead of UTC a clock is that writes no zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Zone {
    /// Minutes; negative in the west.
    pub minutes_east: i16,
}

/// What the header says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parsed<'l> {
    /// When it was written.
    pub at: Option<Time>,
    /// 0 (emergency) to 7 (debug).
    pub severity: Option<u8>,
    /// The host that wrote it, by its own word.
    pub host: Option<&'l str>,
    /// The program.
    pub app: Option<&'l str>,
    /// What is left: the whole line where there is no header.
    pub message: &'l str,
}

impl Parsed<'_> {
    /// Whether its severity is error or worse.
    pub fn is_error(&self) -> bool {
        self.severity.is_some_and(|severity| severity < WARNING)
    }
}

/// Reads the header of `line`.
///
/// RFC 3164 has no year: it is the one that puts the line at most a day after `around`. It has no zone
/// either: that is `zone`. The crate is not believed in
///
/// - a header with neither priority nor time: it is no header, and the whole line is the message;
/// - a priority above 191: it has no facility, so it has no severity;
/// - a date with a year (`Dec 28 2008 16:49:07`), which it takes for UTC whatever the zone;
/// - a word after an RFC 3164 host that is not followed by `[` or `:`: it is no program;
/// - brackets or a dash at the head of an RFC 3164 message, which it takes away as structured data.
pub fn parse(line: &str, around: Time, zone: Zone) -> Parsed<'_> {
    let none = Parsed {
        message: line,
        ..Parsed::default()
    };
    let year = |(month, day, hour, minute, second)| {
        let date = (u64::from(month), u64::from(day));
        let clock = (u64::from(hour), u64::from(minute), u64::from(second));
        year_of(date, clock, around, zone)
    };
    let read =
        syslog_loose::parse_message_with_year_exact_tz(line, year, Some(Utc), Variant::Either);
    let Ok(read) = read else {
        return none;
    };
    if read.facility.is_none() && read.timestamp.is_none() {
        return none;
    }
    let at = read.timestamp.and_then(|stamp| {
        // ok: because there is no time before 1970
        let time = Time::from_millis(u64::try_from(stamp.timestamp_millis()).ok()?);
        Some(if names_month(line) {
            zone.to_utc(time)
        } else {
            time
        })
    });
    let (app, message) = match read.protocol {
        Protocol::RFC5424(_) => {
            let message = from_part(line, read.msg);
            (read.appname, message.trim_start_matches('\u{feff}'))
        }
        Protocol::RFC3164 => tag_and_message(line, &read),
    };
    Parsed {
        at,
        severity: read.facility.and(read.severity).map(|level| level as u8),
        host: read.hostname,
        app,
        message,
    }
}

impl Zone {
    /// That of this host now, as `TZ` or `/etc/localtime` say: what its own programs write without one.
    pub fn here() -> Self {
        let secs_east = chrono::Local::now().offset().local_minus_utc();
        Self {
            minutes_east: i16::try_from(secs_east / 60).unwrap_or(0), // 0: because no zone is days away
        }
    }

    /// What a clock in UTC shows when a clock in this zone shows `local`.
    fn to_utc(self, local: Time) -> Time {
        let span = Span::minutes(u64::from(self.minutes_east.unsigned_abs()));
        if self.minutes_east >= 0 {
            local - span
        } else {
            local + span
        }
    }
}

/// The last year in which there is such a date, at most a day after `around`.
fn year_of(date: (u64, u64), clock: (u64, u64, u64), around: Time, zone: Zone) -> i32 {
    let latest = around + Span::days(1);
    let (last, ..) = (latest + Span::days(1)).civil(); // the zone may be in the next year already
    let fits = |year: &i32| {
        let time = Time::from_civil((i64::from(*year), date.0, date.1), clock);
        time.is_some_and(|time| zone.to_utc(time) <= latest)
    };
    let last = i32::try_from(last).unwrap_or(i32::MAX);
    (0..YEARS_TRIED)
        .filter_map(|back| last.checked_sub(i32::try_from(back).ok()?)) // ok: because it is small
        .find(fits)
        .unwrap_or(last)
}

/// Whether the time of a header begins with the name of a month, so that its zone was not written.
fn names_month(line: &str) -> bool {
    let line = line.trim_start();
    let stamp = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((_, rest)) => rest.trim_start(),
        None => line,
    };
    stamp.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `line` from where its `part` begins.
fn from_part<'l>(line: &'l str, part: &str) -> &'l str {
    let at = part.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    line.get(at..).unwrap_or(line)
}

/// The program of an RFC 3164 line and what follows it.
fn tag_and_message<'l>(line: &'l str, read: &Message<&'l str>) -> (Option<&'l str>, &'l str) {
    let after = |part: &str| {
        let from = from_part(line, part);
        from.get(part.len()..).unwrap_or(from)
    };
    let untagged = |text: &'l str| {
        let text = text.trim_start();
        text.strip_prefix(':').unwrap_or(text).trim_start()
    };
    let Some(app) = read.appname else {
        let message = read
            .hostname
            .map_or_else(|| from_part(line, read.msg), after);
        return (None, untagged(message));
    };
    let rest = after(app);
    if let Some((_, message)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (Some(app), untagged(message));
    }
    match rest.strip_prefix(':') {
        Some(message) => (Some(app), message.trim_start()),
        None => match app.strip_suffix(':') {
            Some(app) => (Some(app), rest.trim_start()),
            None => (None, from_part(line, app)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: &str = "2026-01-01T00:10:00Z";

    /// Time, severity, host, program, message.
    type Expected<'e> = (
        Option<&'e str>,
        Option<u8>,
        Option<&'e str>,
        Option<&'e str>,
        &'e str,
    );

    fn check(line: &str, minutes_east: i16, (at, severity, host, app, message): Expected<'_>) {
        let expected = Parsed {
            at: at.map(|at| at.parse().unwrap()),
            severity,
            host,
            app,
            message,
        };
        let got = parse(line, AROUND.parse().unwrap(), Zone { minutes_east });
        assert_eq!(got, expected, "{line}");
    }

    #[test]
    fn headers_of_both_kinds_are_read() {
        let now = Some("2025-12-31T23:59:58Z");
        let (mx, sshd) = (Some("mx1"), Some("sshd"));
        check(
            "Dec 31 23:59:58 mx1 sshd[7]: hi: x",
            0,
            (now, None, mx, sshd, "hi: x"),
        );
        check(
            "<11>Dec 31 23:59:58 mx1 sshd: hi",
            0,
            (now, Some(3), mx, sshd, "hi"),
        );
        check(
            "<14>2025-12-31T23:59:58Z mx1 sshd: hi",
            0,
            (now, Some(6), mx, sshd, "hi"),
        );
        let line = "<34>1 2003-10-11T22:14:15.003Z mx1 su - ID47 - \u{feff}'su root' failed ";
        let at = Some("2003-10-11T22:14:15.003Z");
        check(line, 0, (at, Some(2), mx, Some("su"), "'su root' failed "));
        let line = r#"<165>1 2003-10-11T22:14:15Z - evn 7 - [x@1 a="b\]" c="d"][y] 300 % full"#;
        let at = Some("2003-10-11T22:14:15Z");
        check(line, 0, (at, Some(5), None, Some("evn"), "300 % full"));
        let linux = "Dec 31 23:59:58 mx1 sshd(pam_unix)[19939]: check pass";
        check(
            linux,
            0,
            (now, None, mx, Some("sshd(pam_unix)"), "check pass"),
        );
    }

    #[test]
    fn a_date_without_year_is_at_most_a_day_ahead_and_in_the_zone_of_its_writer() {
        let at = |line: &str, east: i16, expected: &str| {
            let parsed = parse(line, AROUND.parse().unwrap(), Zone { minutes_east: east });
            assert_eq!(parsed.at, Some(expected.parse().unwrap()), "{line}");
        };
        at("Jan  1 23:00:00 mx1 a: b", 0, "2026-01-01T23:00:00Z");
        at("Jan  2 00:20:00 mx1 a: b", 0, "2025-01-02T00:20:00Z");
        at("Jan  1 02:00:00 mx1 a: b", 120, "2026-01-01T00:00:00Z");
        at("Dec 31 23:00:00 mx1 a: b", -60, "2026-01-01T00:00:00Z");
        at("Feb 29 12:00:00 mx1 a: b", 0, "2024-02-29T12:00:00Z");
        at("Dec 28 2008 16:49:07 mx1 a: b", 60, "2008-12-28T15:49:07Z");
        at(
            "2008-12-28T16:49:07+01:00 mx1 a: b",
            300,
            "2008-12-28T15:49:07Z",
        );
    }

    #[test]
    fn what_is_no_header_is_left_alone() {
        let nothing = |line: &str| check(line, 0, (None, None, None, None, line));
        for line in [
            "",
            "-",
            "- foo bar baz",
            "1 - a b c d - text",
            "just a sentence with words",
            "{\"level\":\"error\"}",
            "Feb 30 12:00:00 mx1 a: b",
            "<999>Dec 31 23:59:58 mx1 a: b",
            "\u{fc}Dec 31 23:59:58",
        ] {
            nothing(line);
        }
    }

    #[test]
    fn the_crate_is_not_believed_in_everything() {
        let now = Some("2025-12-31T23:59:58Z");
        let mx = Some("mx1");
        // No such facility, so no such severity: this is no emergency.
        check(
            "<200>Dec 31 23:59:58 mx1 a: b",
            0,
            (now, None, mx, Some("a"), "b"),
        );
        let line = "Dec 31 23:59:58 mx1 last message repeated 2 times";
        check(
            line,
            0,
            (now, None, mx, None, "last message repeated 2 times"),
        );
        let line = "Dec 31 23:59:58 mx1 kernel: [x a=\"b\"] - oops";
        check(
            line,
            0,
            (now, None, mx, Some("kernel"), "[x a=\"b\"] - oops"),
        );
        let line = "Dec 31 23:59:58 mx1 kernel: - oops";
        check(line, 0, (now, None, mx, Some("kernel"), "- oops"));
    }
}
