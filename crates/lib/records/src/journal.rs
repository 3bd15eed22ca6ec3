//! The export format of the journal (systemd, "Journal Export Formats"): fields by lines, binary ones with
//! their length, an empty line between entries.

use crate::{LossKind, MAX_LINE_BYTES, Place, Source, input::Input, known, out::Out};

pub(crate) fn read(input: &mut Input<'_>, out: &mut Out<'_>) {
    while let Some(place) = start(input) {
        out.begin(place);
        let from = input.offset();
        match entry(input, out) {
            Entry::Whole => {
                out.report.lines += 1;
                known::json(out);
                out.record.source = source(out.record.get("SYSLOG_IDENTIFIER"));
                let raw = raw(&out.record);
                out.record.set_raw(&raw);
                out.emit();
            }
            Entry::Broken(kind, why) => {
                out.report.lines += 1;
                out.lose(kind, place, why);
                pass(input);
            }
        }
        if input.offset() == from {
            return; // because nothing is left
        }
    }
}

enum Entry {
    Whole,
    Broken(LossKind, &'static str),
}

/// Passes over blank lines; where the next entry begins.
fn start(input: &mut Input<'_>) -> Option<Place> {
    loop {
        input.fill_to(1);
        match input.window().first()? {
            b'\n' | b'\r' => input.consume(1),
            _ => return Some(Place::Byte(input.offset())),
        }
    }
}

/// Passes over the rest of a broken entry.
fn pass(input: &mut Input<'_>) {
    while input
        .line()
        .is_some_and(|line| line.long || !line.bytes.is_empty())
    {}
}

fn entry(input: &mut Input<'_>, out: &mut Out<'_>) -> Entry {
    let mut total = 0;
    loop {
        let Some(line) = input.line() else {
            return Entry::Whole; // the empty line after the last entry is often not there
        };
        if line.long {
            return Entry::Broken(LossKind::Long, "a field over the limit");
        }
        if line.bytes.is_empty() {
            return Entry::Whole;
        }
        if !line.ended {
            return Entry::Broken(LossKind::Cut, "the file ends in it");
        }
        total += line.bytes.len();
        if total > MAX_LINE_BYTES {
            return Entry::Broken(LossKind::Long, "an entry over the limit");
        }
        let place = out.record.place;
        match memchr::memchr(b'=', line.bytes) {
            Some(at) => {
                let (name, value) = line.bytes.split_at(at);
                let name = out.decoded(name, place).into_owned();
                let value = out.decoded(value.get(1..).unwrap_or(&[]), place);
                out.record.guess(&name, &value);
            }
            None if is_name(line.bytes) => {
                let name = String::from_utf8_lossy(line.bytes).into_owned();
                match binary(input, out, &name) {
                    Ok(length) => total += length,
                    Err((kind, why)) => return Entry::Broken(kind, why),
                }
            }
            None => return Entry::Broken(LossKind::Malformed, "expected `NAME=value`"),
        }
    }
}

fn is_name(line: &[u8]) -> bool {
    line.iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// A field with a length of 64 bits before it and a line feed behind.
fn binary(
    input: &mut Input<'_>,
    out: &mut Out<'_>,
    name: &str,
) -> Result<usize, (LossKind, &'static str)> {
    const CUT: (LossKind, &str) = (LossKind::Cut, "the file ends in it");
    input.fill_to(8);
    let length = input.window().get(..8).ok_or(CUT)?;
    let length = length
        .iter()
        .rev()
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_LINE_BYTES {
        return Err((LossKind::Long, "a field over the limit"));
    }
    input.consume(8);
    input.fill_to(length + 1);
    let value = input.window().get(..length).ok_or(CUT)?;
    let text = String::from_utf8_lossy(value).into_owned();
    out.record.guess(name, &text);
    input.consume(length);
    if input.window().first().is_none_or(|byte| *byte != b'\n') {
        return Err(CUT);
    }
    input.consume(1);
    Ok(length)
}

/// The line that `journalctl` would show.
fn raw(record: &crate::Record) -> String {
    let part = |name| record.get(name).unwrap_or("");
    format!(
        "{} {}: {}",
        part("_HOSTNAME"),
        part("SYSLOG_IDENTIFIER"),
        part("MESSAGE")
    )
}

/// Programs that Sigma has a service for, by their identifier.
pub(crate) fn source(program: Option<&str>) -> Source {
    const SERVICES: [(&str, &str); 12] = [
        ("sshd", "sshd"),
        ("sshd-session", "sshd"),
        ("sudo", "sudo"),
        ("su", "auth"),
        ("login", "auth"),
        ("systemd-logind", "auth"),
        ("cron", "cron"),
        ("CRON", "cron"),
        ("crond", "cron"),
        ("vsftpd", "vsftpd"),
        ("clamd", "clamav"),
        ("guacd", "guacamole"),
    ];
    let found = SERVICES.iter().find(|(name, _)| Some(*name) == program);
    Source::new("linux", "", found.map_or("", |(_, service)| *service))
}
