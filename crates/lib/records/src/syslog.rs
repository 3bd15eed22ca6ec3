//! Lines of syslog: RFC 5424, RFC 3164 and what programs make of it. What a message carries is read too:
//! CEF, LEEF, audit, JSON, pairs. The message itself is kept, since keywords are searched in it.

use crate::{
    Record, Stamp, audit, journal,
    json::{self, Whole},
    pairs,
    stamp::Around,
    vendor,
};

/// The parts of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line<'l> {
    priority: Option<u8>,
    time: Option<Stamp>,
    host: Option<&'l str>,
    program: Option<&'l str>,
    pid: Option<&'l str>,
    id: Option<&'l str>,
    /// Structured data of RFC 5424, brackets included.
    data: &'l str,
    message: &'l str,
}

pub(crate) fn is_line(line: &str) -> bool {
    let around = Around {
        millis: Some(0),
        minutes_east: 0,
    };
    parse(line, around)
        .is_some_and(|line| line.host.or(line.program).is_some() || line.priority.is_some())
}

/// The parts of a line; none where it has neither priority nor time.
fn parse(line: &str, around: Around) -> Option<Line<'_>> {
    let mut parsed = Line::default();
    let mut rest = line;
    if let Some((number, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        && number.len() <= 3
        && let Ok(priority) = number.parse::<u8>()
    {
        // Above 191 there is no facility.
        parsed.priority = (priority <= 191).then_some(priority);
        rest = after;
        if let Some(after) = after.strip_prefix("1 ") {
            return new(after, parsed, around);
        }
    } else if let Some(after) = rest.strip_prefix("1 ")
        && around.iso(after).is_some()
    {
        return new(after, parsed, around);
    }
    // Cisco counts its messages before the time, and marks a clock that is not set.
    let counted = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if parsed.priority.is_some() && counted.len() < rest.len() && counted.starts_with(": ") {
        rest = counted.trim_start_matches([':', ' ']);
    }
    rest = rest.trim_start_matches([' ', '*', '.']);
    // Any program writes such a time; of syslog it is with a priority, or with a host and a program behind.
    let iso = around.iso(rest);
    let loose = parsed.priority.is_none() && iso.is_some();
    let dated = around.bsd(rest).or(iso);
    match dated {
        Some((time, after)) => {
            parsed.time = Some(time);
            rest = after;
        }
        // A date without a year, of which nobody knows the year.
        None => match undated(rest) {
            Some(after) => rest = after,
            None if parsed.priority.is_none() => return None,
            None => {
                parsed.message = rest.trim_start();
                tag(&mut parsed);
                return Some(parsed);
            }
        },
    }
    if let Some(after) = rest.strip_prefix(": ").filter(|_| !loose) {
        parsed.message = after;
        tag(&mut parsed);
        return Some(parsed);
    }
    if !rest.starts_with(' ') {
        return None;
    }
    rest = rest.trim_start();
    let (host, after) = rest.split_once(' ').unwrap_or((rest, ""));
    // Without a host the program follows at once.
    if host.ends_with(':') || host.ends_with(']') || host.contains(['|', '=', '"']) {
        parsed.message = rest;
    } else {
        parsed.host = Some(host);
        // Some write their name twice.
        let again = after
            .strip_prefix(host)
            .and_then(|rest| rest.strip_prefix(' '));
        parsed.message = again.unwrap_or(after).trim_start();
    }
    tag(&mut parsed);
    let tagged = parsed.host.is_some() && parsed.program.is_some();
    (!loose || tagged).then_some(parsed)
}

fn undated(text: &str) -> Option<&str> {
    let any = Around {
        millis: Some(0),
        minutes_east: 0,
    };
    any.bsd(text).map(|(_, rest)| rest)
}

/// RFC 5424, after its version.
fn new<'l>(text: &'l str, mut parsed: Line<'l>, around: Around) -> Option<Line<'l>> {
    let mut rest = text;
    let mut words = [""; 5];
    for word in &mut words {
        let (one, after) = rest.split_once(' ')?;
        (*word, rest) = (one, after);
    }
    let [time, host, program, pid, id] = words;
    let told = |word: &'l str| (word != "-" && !word.is_empty()).then_some(word);
    if let Some(time) = told(time) {
        parsed.time = Some(around.iso(time)?.0);
    }
    (parsed.host, parsed.program) = (told(host), told(program));
    (parsed.pid, parsed.id) = (told(pid), told(id));
    let length = data_len(rest);
    let (data, message) = rest.split_at_checked(length)?;
    parsed.data = data;
    let message = message.strip_prefix(' ').unwrap_or(message);
    parsed.message = message.trim_start_matches('\u{feff}');
    Some(parsed)
}

/// How long the structured data at the front is.
fn data_len(text: &str) -> usize {
    if text.starts_with('-') {
        return 1;
    }
    let (mut quoted, mut escaped, mut inside) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if inside => quoted = !quoted,
            '[' if !quoted => inside = true,
            ']' if !quoted => inside = false,
            _ if !inside => return at,
            _ => {}
        }
    }
    text.len()
}

/// `sshd[77]: ` at the front of an RFC 3164 message.
fn tag(line: &mut Line<'_>) {
    let message = line.message;
    let end = message.find([':', '[', ' ', '|']).unwrap_or(message.len());
    let Some((program, rest)) = message.split_at_checked(end) else {
        return;
    };
    // The tag of CEF is not one.
    if program.is_empty() || program.len() > 64 || matches!(program, "CEF" | "LEEF") {
        return;
    }
    if let Some((pid, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let Some(after) = after.strip_prefix(':') else {
            return;
        };
        (line.program, line.pid) = (Some(program), Some(pid));
        line.message = after.strip_prefix(' ').unwrap_or(after);
    } else if let Some(after) = rest.strip_prefix(": ") {
        line.program = Some(program);
        line.message = after;
    } else if rest == ":" {
        line.program = Some(program);
        line.message = "";
    }
}

/// Adds what a line of syslog says; whether it is one.
pub(crate) fn fields(text: &str, record: &mut Record, around: Around) -> bool {
    let Some(line) = parse(text, around) else {
        return false;
    };
    record.time = line.time;
    record.source = journal::source(line.program);
    record.text("message", line.message);
    record.text_of("hostname", line.host);
    if let Some(host) = line.host {
        record.set_host(host);
    }
    record.text_of("program", line.program);
    if let Some(pid) = line.pid {
        record.guess("pid", pid);
    }
    record.text_of("msgid", line.id);
    if let Some(priority) = line.priority {
        let words = (
            FACILITIES.get(usize::from(priority / 8)),
            SEVERITIES.get(usize::from(priority % 8)),
        );
        record.text_of("facility", words.0.copied());
        record.text_of("severity", words.1.copied());
    }
    structured(line.data, record);
    carried(line.message, record);
    true
}

/// The parameters of structured data, as `id.name`.
fn structured(data: &str, record: &mut Record) {
    for element in data.split_inclusive(']') {
        let inner = element.trim_start_matches('[').trim_end_matches(']');
        let Some((id, rest)) = inner.split_once(' ') else {
            continue;
        };
        for (name, value) in pairs::Pairs::new(rest) {
            record.guess(&format!("{id}.{name}"), value);
        }
    }
}

/// What a message carries beside words.
pub(crate) fn carried(message: &str, record: &mut Record) {
    let json = message
        .strip_prefix("@cee:")
        .unwrap_or(message)
        .trim_start();
    if json.starts_with("{\"") {
        let mark = record.len();
        if json::fields(json, record, Whole::Part).is_err() {
            record.truncate(mark); // because it is a message that only begins like JSON
        }
    } else if let Some(at) = message
        .find("type=")
        .filter(|_| message.contains("msg=audit("))
    {
        let from = message
            .get(..at)
            .and_then(|head| head.rfind("node="))
            .unwrap_or(at);
        audit::fields(message.get(from..).unwrap_or(""), record);
    } else if !vendor::fields(message, record) {
        pairs::fields(message, record);
    }
}

const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        line: &str,
        host: Option<&str>,
        program: Option<&str>,
        pid: Option<&str>,
        message: &str,
    ) {
        let around = Around {
            millis: Some(1_767_226_200_000),
            minutes_east: 0,
        };
        let parsed = parse(line, around).unwrap();
        assert_eq!(
            (parsed.host, parsed.program, parsed.pid, parsed.message),
            (host, program, pid, message),
            "{line}"
        );
    }

    #[test]
    fn headers_of_all_kinds() {
        let mx = Some("mx1");
        check(
            "Dec 31 23:59:58 mx1 sshd[7]: hi: x",
            mx,
            Some("sshd"),
            Some("7"),
            "hi: x",
        );
        check(
            "<11>Dec 31 23:59:58 mx1 sshd: hi",
            mx,
            Some("sshd"),
            None,
            "hi",
        );
        check(
            "Dec 31 23:59:58 mx1 sshd(pam_unix)[19]: no",
            mx,
            Some("sshd(pam_unix)"),
            Some("19"),
            "no",
        );
        check(
            "2025-12-31T23:59:58.5+01:00 mx1 kernel: [1.5] oops",
            mx,
            Some("kernel"),
            None,
            "[1.5] oops",
        );
        check(
            "<34>1 2003-10-11T22:14:15.003Z mx1 su 7 ID47 [a@1 b=\"c ] d\"] \u{feff}no",
            mx,
            Some("su"),
            Some("7"),
            "no",
        );
        check("<34>1 - mx1 su - - - no", mx, Some("su"), None, "no");
        check(
            "<189>Jan  1 00:00:01 CEF:0|a|b|1|2|c|3|",
            None,
            None,
            None,
            "CEF:0|a|b|1|2|c|3|",
        );
        check(
            "Dec 31 23:59:58 mx1 last message repeated",
            mx,
            None,
            None,
            "last message repeated",
        );
        check(
            "<189>29: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: by",
            None,
            Some("%SYS-5-CONFIG_I"),
            None,
            "by",
        );
        check(
            "Dec 31 23:59:58 postfix/smtpd[1]: x",
            None,
            Some("postfix/smtpd"),
            Some("1"),
            "x",
        );
    }

    #[test]
    fn what_is_no_header_is_none() {
        for line in [
            "",
            "-",
            "just words",
            "{\"a\":1}",
            "Feb 30 12:00:00 mx1 a: b",
            "1 - a b c d - text",
        ] {
            assert!(!is_line(line), "{line}");
        }
    }
}
