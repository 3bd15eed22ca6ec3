//! Reads a systemd journal by asking `journalctl` for what came after a cursor, again and again.
//!
//! A follower that keeps files open goes deaf when journald rotates or vacuums them, and looks healthy.
//! Here each look opens the journal anew, so that there is nothing to go deaf; what journald threw away
//! between two looks shows as missing sequence numbers, which every cursor bears, and is a gap.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    ops::ControlFlow,
    os::fd::AsFd,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use cordon_logs::level;
use cordon_model::{
    Blindness, Cursor, End, Fact, Host, Level, LogLine, Sense, Sensed, SourceName, Span, Text,
    Time, Watched,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    lines::escape,
    listen::now,
    sequence::{Order, Sequence, Step},
    shapes::Shapes,
    voice::Out,
};

/// Entries of the past that are read where there is no cursor yet.
const FIRST_ENTRIES: &str = "1000";

/// Longest one look may take; then it goes on with the next.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes that one look reads.
const MAX_LOOK_BYTES: usize = 16 << 20;

/// Largest entry that is read, in bytes; a larger one is missing from the sequence, and told so.
const MAX_ENTRY_BYTES: usize = 1 << 20;

/// Most of what `journalctl` complains of, in bytes.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// Most sequences that are remembered: one for each journald that wrote.
const MAX_SEQUENCES: usize = 64;

/// The least priority that is no error any more.
const WARNING: u64 = 4;

/// Between two vitals.
const VITALS: Span = Span::minutes(1);

/// The fields that are asked for; cursor and times come always.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID,_COMM,_HOSTNAME";

/// A journal as a source.
#[derive(Debug)]
pub struct Journal {
    /// Whose it is.
    pub host: Host,
    /// What it is called.
    pub source: SourceName,
    /// The folder of its files; the host's own journal where there is none.
    pub directory: Option<PathBuf>,
    /// Only what this unit wrote.
    pub unit: Option<String>,
    /// Phrases that make a line an error, beside the usual words.
    pub errors: Vec<String>,
    memory: Memory,
    since: Since,
}

/// What outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memory {
    cursor: String,
    sequences: BTreeMap<String, Sequence>,
}

/// What was seen since the last vitals.
#[derive(Debug, Default)]
struct Since {
    told: Time,
    lines: u64,
    unparsed: u64,
    skew_secs: Option<i64>,
    shapes: Shapes,
}

/// An entry, as `journalctl -o json` writes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where to go on after it.
    pub cursor: String,
    /// Which journald wrote it, and its number there.
    pub number: Option<(String, u64)>,
    /// When it was received there.
    pub at: Option<Time>,
    /// 0 (emergency) to 7 (debug).
    pub priority: Option<u64>,
    /// Program, process and message.
    pub text: String,
}

/// What one look counted.
#[derive(Debug, Default)]
struct Count {
    seen: u64,
    errors: u64,
    last: Option<Time>,
}

impl Journal {
    /// Reads the journal in `directory`, or the host's own.
    pub fn new(host: Host, source: SourceName, directory: Option<PathBuf>) -> Self {
        Self {
            host,
            source,
            directory,
            unit: None,
            errors: Vec::new(),
            memory: Memory::default(),
            since: Since::default(),
        }
    }

    /// Goes on from `cursor`; from one that cannot be read, with the last entries.
    pub fn resume(&mut self, cursor: &Cursor) {
        // default: because what is missing then is not known either
        self.memory = postcard::from_bytes(&cursor.0).unwrap_or_default();
    }

    fn command(&self) -> Command {
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--no-pager", "--quiet", "--all", FIELDS]);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = &self.directory {
            command.arg("--directory").arg(directory);
        }
        if let Some(unit) = &self.unit {
            command.arg(format!("--unit={unit}"));
        }
        if self.memory.cursor.is_empty() {
            command.arg(format!("--lines={FIRST_ENTRIES}"));
        } else {
            command.arg(format!("--after-cursor={}", self.memory.cursor));
        }
        command
    }

    /// Everything new; how many entries that was, or why there are none.
    fn look(&mut self, count: &mut Count, out: Out<'_>) -> io::Result<ControlFlow<()>> {
        let mut child = self.command().spawn()?;
        let read = self.read(&mut child, count, out);
        let whole = matches!(read, Ok((ControlFlow::Continue(()), true)));
        if !whole {
            child.kill()?; // it is waited for, and what it had more comes with the next look
        }
        let status = child.wait()?;
        let (flow, _) = read?;
        if whole && !status.success() {
            return Err(io::Error::other(complaint(&mut child, status)));
        }
        Ok(flow)
    }

    /// Whether it was read to its end.
    fn read(
        &mut self,
        child: &mut Child,
        count: &mut Count,
        out: Out<'_>,
    ) -> io::Result<(ControlFlow<()>, bool)> {
        let Some(mut from) = child.stdout.take() else {
            return Err(io::Error::other("journalctl has no output"));
        };
        let until = Instant::now() + PATIENCE;
        let mut piece = vec![0; 64 * 1024];
        let (mut line, mut over, mut total) = (Vec::new(), false, 0);
        while total < MAX_LOOK_BYTES {
            let left = until.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).map_err(io::Error::other)?;
            let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, left)? == 0 {
                return Ok((ControlFlow::Continue(()), false));
            }
            let got = from.read(&mut piece)?;
            if got == 0 {
                return Ok((ControlFlow::Continue(()), true));
            }
            total += got;
            let bytes = piece.get(..got).unwrap_or_default(); // default: because it was read into it
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                over |= line.len() + part.len() > MAX_ENTRY_BYTES;
                if !over {
                    line.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    if !over && self.entry(&line, count, out).is_break() {
                        return Ok((ControlFlow::Break(()), false));
                    }
                    line.clear();
                    over = false;
                }
            }
        }
        Ok((ControlFlow::Continue(()), false))
    }

    fn entry(&mut self, line: &[u8], count: &mut Count, out: Out<'_>) -> ControlFlow<()> {
        let at = now();
        self.since.lines += 1;
        let Some(entry) = read_entry(line) else {
            // Without a cursor it is not told again either: its number will be missing.
            self.since.unparsed += 1;
            return ControlFlow::Continue(());
        };
        let lost = self.lost(&entry, at);
        self.memory.cursor.clone_from(&entry.cursor);
        self.since.shapes.add(&entry.text);
        let said = entry.at.map(|said| {
            let secs = |span: Span| i64::try_from(span.millis() / 1000).unwrap_or(i64::MAX);
            secs(at.since(said)) - secs(said.since(at))
        });
        self.since.skew_secs = said.or(self.since.skew_secs);
        if let Some((from, lost)) = lost {
            let (of, to, lost) = (self.of(), entry.at.unwrap_or(at), Some(lost));
            out(
                self.says(
                    None,
                    Fact::Gap {
                        of,
                        from: from.min(to),
                        to,
                        lost,
                    },
                ),
                None,
            )?;
        }
        let bad = entry.priority.is_some_and(|priority| priority < WARNING)
            || level(&entry.text, &self.errors) == Level::Error;
        count.seen += 1;
        count.errors += u64::from(bad);
        count.last = entry.at.or(count.last);
        let line = LogLine {
            source: self.source.clone(),
            text: Text::new(&entry.text),
            level: if bad { Level::Error } else { Level::Plain },
        };
        out(self.says(entry.at, Fact::Log(line)), self.cursor())
    }

    /// How many entries are missing before this one, and since when. Nobody can tell of one
    /// unit, nor where journald shows only a user's own entries.
    fn lost(&mut self, entry: &Entry, at: Time) -> Option<(Time, u64)> {
        let all = self.unit.is_none() && (self.directory.is_some() || geteuid().is_root());
        let (writer, number) = entry.number.as_ref().filter(|_| all)?;
        let sequences = &mut self.memory.sequences;
        if !sequences.contains_key(writer) && sequences.len() >= MAX_SEQUENCES {
            let oldest = sequences.iter().min_by_key(|(_, sequence)| sequence.at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                sequences.remove(&oldest);
            }
        }
        let sequence = sequences.entry(writer.clone()).or_default();
        let from = sequence.at;
        match sequence.step(*number, Order::Strict, entry.at, at) {
            Step::New { lost } if lost > 0 => Some((from, lost)),
            Step::New { .. } | Step::Again => None,
        }
    }

    fn vitals(&mut self) -> Option<Sensed> {
        let at = now();
        if self.since.lines == 0 || at.since(self.since.told) < VITALS {
            return None;
        }
        let Since {
            lines,
            unparsed,
            skew_secs,
            ..
        } = self.since;
        let shapes = self.since.shapes.estimate();
        self.since = Since {
            told: at,
            ..Since::default()
        };
        let of = self.of();
        Some(self.says(
            None,
            Fact::Vitals {
                of,
                lines,
                unparsed,
                skew_secs,
                shapes,
            },
        ))
    }

    fn cursor(&self) -> Option<Cursor> {
        postcard::to_stdvec(&self.memory).ok().map(Cursor) // ok: because the next entry has one again
    }

    fn of(&self) -> Watched {
        Watched::Source(self.source.clone())
    }

    fn says(&self, said: Option<Time>, fact: Fact) -> Sensed {
        let host = self.host.clone();
        Sensed { host, said, fact }
    }
}

impl Sense for Journal {
    fn sense(
        &mut self,
        from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        if let Some(cursor) = from {
            self.resume(cursor);
        }
        let mut count = Count::default();
        let looked = self.look(&mut count, out);
        let blind = match looked {
            Ok(ControlFlow::Break(())) => return End::Stopped,
            Ok(ControlFlow::Continue(())) => None,
            Err(error) => Some(blind(&error)),
        };
        let Count { seen, errors, last } = count;
        if blind.is_none() || seen > 0 {
            let of = self.of();
            let pulse = self.says(last, Fact::Pulse { of, seen, errors });
            let cursor = self.cursor().filter(|_| seen > 0);
            if out(pulse, cursor).is_break() {
                return End::Stopped;
            }
        }
        if let Some(vitals) = self.vitals()
            && out(vitals, None).is_break()
        {
            return End::Stopped;
        }
        match blind {
            Some(why) => End::Blind { why },
            None => End::Finished { seen },
        }
    }
}

/// Reads one line of `journalctl -o json`; none where it has no cursor.
pub fn read_entry(line: &[u8]) -> Option<Entry> {
    let value: Value = serde_json::from_slice(line).ok()?; // ok: because the caller counts what cannot be read
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok()); // ok: because no number is none
    let cursor = text("__CURSOR")?.to_owned();
    let named = number("__SEQNUM").zip(text("__SEQNUM_ID"));
    let numbered = named
        .map(|(number, writer)| (writer.to_owned(), number))
        .or_else(|| place(&cursor));
    let message = value.get("MESSAGE").map_or_else(String::new, message);
    let name = text("SYSLOG_IDENTIFIER")
        .or_else(|| text("_COMM"))
        .unwrap_or("");
    let text = match (name, text("_PID")) {
        ("", _) => message,
        (name, Some(pid)) => format!("{name}[{pid}]: {message}"),
        (name, None) => format!("{name}: {message}"),
    };
    Some(Entry {
        number: numbered,
        at: number("__REALTIME_TIMESTAMP").map(|micros| Time::from_millis(micros / 1000)),
        priority: number("PRIORITY").filter(|priority| *priority < 8),
        text,
        cursor,
    })
}

/// `s=…;i=…` of a cursor: who wrote, and the number there. Since systemd 254 fields of their own say it too.
fn place(cursor: &str) -> Option<(String, u64)> {
    let part = |name: &str| cursor.split(';').find_map(|part| part.strip_prefix(name));
    let number = u64::from_str_radix(part("i=")?, 16).ok()?; // ok: because then nothing is known of gaps
    Some((part("s=")?.to_owned(), number))
}

/// A message is text, or bytes as numbers, or several of them.
fn message(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok()); // ok: because no byte is none
            let bytes: Option<Vec<u8>> = all.iter().map(byte).collect();
            match bytes {
                Some(bytes) => escape(&bytes).into_owned(),
                None => all.iter().map(part).collect::<Vec<_>>().join("\n"),
            }
        }
        Value::Null => "a message too large for journalctl".to_owned(),
        other => other.to_string(),
    }
}

/// One of several messages; not deeper, because journald nests no deeper.
fn part(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn complaint(child: &mut Child, status: ExitStatus) -> String {
    let mut said = String::new();
    if let Some(from) = child.stderr.take()
        && from
            .take(MAX_COMPLAINT_BYTES)
            .read_to_string(&mut said)
            .is_err()
    {
        said.clear(); // because what is no text tells nobody anything
    }
    format!("journalctl: {status}: {}", said.trim())
}

fn blind(error: &io::Error) -> Blindness {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let (why, mend) = if missing {
        (
            "journalctl is not installed".to_owned(),
            "apt-get install systemd",
        )
    } else {
        (
            format!("the journal cannot be read: {error}"),
            "journalctl --verify",
        )
    };
    Blindness {
        why: Text::new(&why),
        mend: Some(Text::new(mend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_whatever_their_message_is() {
        let check = |message: &str, expected: &str| {
            let line = format!(
                r#"{{"__CURSOR":"s=ab;i=1f;b=c","__REALTIME_TIMESTAMP":"1700000000000000",
                "PRIORITY":"3","SYSLOG_IDENTIFIER":"clamd","_PID":"7","MESSAGE":{message}}}"#
            );
            let entry = read_entry(line.as_bytes()).unwrap();
            assert_eq!(entry.text, format!("clamd[7]: {expected}"));
            assert_eq!(entry.number, Some(("ab".to_owned(), 31)));
            assert_eq!(
                (entry.priority, entry.cursor.as_str()),
                (Some(3), "s=ab;i=1f;b=c")
            );
        };
        check(r#""plain""#, "plain");
        check("[104,105,255]", "hi\\xff");
        check(r#"["one","two"]"#, "one\ntwo");
        check("null", "a message too large for journalctl");
        check("[300]", "300");
        assert_eq!(read_entry(b"{\"MESSAGE\":\"no cursor\"}"), None);
        assert_eq!(read_entry(b"-- No entries --"), None);
    }

    #[test]
    fn what_was_vacuumed_between_two_looks_is_a_gap() {
        let directory = Some(PathBuf::from("/var/log/journal"));
        let mut journal = Journal::new("h".into(), "j".into(), directory);
        let mut lost = Vec::new();
        // `ab` and `cd` are two journalds, each with numbers of its own.
        for (writer, number) in [
            ("ab", 1),
            ("ab", 2),
            ("ab", 7),
            ("cd", 9),
            ("ab", 8),
            ("cd", 11),
        ] {
            let line = format!(
                r#"{{"__CURSOR":"s={writer};i={number:x}","__REALTIME_TIMESTAMP":"170000000{number:02}00000","MESSAGE":"x"}}"#
            );
            let flow = journal.entry(line.as_bytes(), &mut Count::default(), &mut |sensed, _| {
                if let Fact::Gap { lost: some, .. } = sensed.fact {
                    lost.push((number, some));
                }
                ControlFlow::Continue(())
            });
            assert!(flow.is_continue());
        }
        assert_eq!(lost, [(7, Some(4)), (11, Some(1))]);
        // The memory of it is part of the cursor.
        let mut later = Journal::new("h".into(), "j".into(), journal.directory.clone());
        later.resume(&journal.cursor().unwrap());
        assert_eq!(later.memory.sequences, journal.memory.sequences);
    }

    #[test]
    fn newer_journals_say_their_number_themselves() {
        let line = br#"{"__CURSOR":"s=ab;i=1f","__SEQNUM":"99","__SEQNUM_ID":"cd","MESSAGE":"x"}"#;
        assert_eq!(
            read_entry(line).unwrap().number,
            Some(("cd".to_owned(), 99))
        );
    }
}
