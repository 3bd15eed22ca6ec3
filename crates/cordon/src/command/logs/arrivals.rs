//! From a file to the hours in which its sources wrote, whatever kind of file it is.
//!
//! What bears no time is counted and told: a log that nobody can date must not look like one that is
//! well. Memory grows with the hours of a log and the programs in it, not with its lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use ::cadence::{Gather, HOUR, History};
use cordon_logs_edge::{
    Lines,
    syslog::{self, Zone},
};
use cordon_model::{Level, Time};

/// Most files of one run.
const MAX_FILES: usize = 10_000;

/// Deepest folder below one that was named.
const MAX_DEPTH: usize = 16;

/// Most sources of one file; lines of further programs count for the file's last one, [`OTHERS`].
const MAX_PROGRAMS: usize = 500;

/// Most hours that are kept of a source: twenty years. A line of a further one counts as timeless.
const MAX_ROWS: usize = 20 * 366 * 24;

/// Lines of the programs beyond [`MAX_PROGRAMS`].
const OTHERS: &str = "(other programs)";

/// Lines of no program.
const NOBODY: &str = "(no program)";

/// Most shapes of line that are told apart in an hour.
const MAX_SHAPES: usize = 4096;

/// Words of a line that make its shape.
const SHAPE_WORDS: usize = 12;

/// Lines that are read to tell what kind of file it is.
const LOOK: usize = 20;

/// One source of a file.
#[derive(Default)]
pub(super) struct Source {
    gather: Gather,
    /// Lines.
    pub(super) lines: u64,
    /// Lines that bear no time.
    pub(super) timeless: u64,
    /// The hour of the last line, and shapes of line in it.
    hour: i64,
    shapes: BTreeSet<u64>,
}

/// What a file gave.
pub(super) struct Arrivals {
    /// Its sources by program, or one without a name.
    pub(super) sources: BTreeMap<String, Source>,
    /// Bytes passed over in lines that were too long.
    pub(super) cut: u64,
    /// The last time that any of them bears.
    pub(super) last: Option<i64>,
}

/// How to read.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) by_program: bool,
    /// Hours that local time is ahead of UTC.
    pub(super) offset: i8,
}

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A time a line.
    Times,
    /// `timestamp,value`.
    Counts,
    Log,
}

impl Source {
    /// The hours of this source, until `until` or just after its last line.
    pub(super) fn into_history(mut self, until: Option<i64>) -> Option<History> {
        self.end_hour();
        (!self.gather.is_empty()).then(|| self.gather.into_history(until))
    }

    fn line(&mut self, at: i64, error: bool, shape: Option<u64>) {
        let hour = at.div_euclid(HOUR);
        if hour != self.hour && self.gather.len() >= MAX_ROWS {
            self.timeless();
            return;
        }
        self.lines += 1;
        self.gather.add(at, 1);
        if hour != self.hour {
            self.end_hour();
            self.hour = hour;
        }
        self.gather.row(at).errors += u32::from(error);
        if let Some(shape) = shape.filter(|_| self.shapes.len() < MAX_SHAPES) {
            self.shapes.insert(shape);
        }
    }

    /// A line without a time belongs to the hour of the one before it.
    fn timeless(&mut self) {
        self.lines += 1;
        self.timeless += 1;
        if !self.gather.is_empty() {
            let row = self.gather.row(self.hour.saturating_mul(HOUR));
            row.lines = row.lines.saturating_add(1);
            row.unparsed = row.unparsed.saturating_add(1);
        }
    }

    fn end_hour(&mut self) {
        if !self.shapes.is_empty() {
            let row = self.gather.row(self.hour.saturating_mul(HOUR));
            row.shapes = row
                .shapes
                .max(u32::try_from(self.shapes.len()).unwrap_or(u32::MAX));
            self.shapes.clear();
        }
    }
}

/// Every file at or below `path`, in order, and whether some were left out.
pub(super) fn files(path: &Path) -> io::Result<(Vec<PathBuf>, bool)> {
    if !fs::metadata(path)?.is_dir() {
        return Ok((vec![path.to_owned()], false));
    }
    let (mut found, mut left_out) = (Vec::new(), false);
    let mut folders = vec![(path.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            // A link is not followed: it may lead back, or out of what was named.
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() && found.len() < MAX_FILES {
                found.push(entry.path());
            } else {
                left_out |= !kind.is_symlink();
            }
        }
    }
    found.sort();
    Ok((found, left_out))
}

/// Reads one file. Packed ones are unpacked up to the limits of [`cordon_patch_edge::unpack`]; others
/// are read as a stream.
pub(super) fn read(path: &Path, how: How) -> Result<Arrivals, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    let written = about.modified().map_err(|error| error.to_string())?;
    let since = written
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let around = Time::from_millis(u64::try_from(since).unwrap_or(u64::MAX));
    let mut magic = Vec::new();
    io::copy(&mut (&mut file).take(6), &mut magic).map_err(|error| error.to_string())?;
    let packed = matches!(
        magic.as_slice(),
        [0x1f, 0x8b, ..] | [0xfd, b'7', b'z', ..] | [4, 0x22, 0x4d, 0x18, ..]
    );
    if packed {
        let bytes = cordon_patch_edge::unpack(path).map_err(|error| error.to_string())?;
        return lines(bytes.as_slice(), around, how).map_err(|error| error.to_string());
    }
    let all = BufReader::with_capacity(64 * 1024, io::Cursor::new(magic).chain(file));
    lines(all, around, how).map_err(|error| error.to_string())
}

/// What a log of these bytes comes to: its sources by program, judged. For what is hostile.
pub(super) fn judged(bytes: &[u8], around: Time) -> io::Result<Vec<(String, ::cadence::Report)>> {
    let how = How {
        by_program: true,
        offset: 0,
    };
    let sources = lines(bytes, around, how)?.sources.into_iter();
    let options = ::cadence::Options::default();
    let judge = |(name, source): (String, Source)| {
        let history = source.into_history(None)?;
        Some((name, ::cadence::judge_series(&history, &options)))
    };
    Ok(sources.filter_map(judge).collect())
}

fn lines(from: impl BufRead, around: Time, how: How) -> io::Result<Arrivals> {
    let mut lines = Lines::new(from);
    let mut first = Vec::new();
    while first.len() < LOOK {
        match lines.next_line()? {
            Some(line) => first.push(line),
            None => break,
        }
    }
    let kind = kind(&first);
    let mut read = Arrivals {
        sources: BTreeMap::new(),
        cut: 0,
        last: None,
    };
    for line in first {
        read.line(&line, kind, around, how);
    }
    while let Some(line) = lines.next_line()? {
        read.line(&line, kind, around, how);
    }
    read.cut = lines.cut;
    Ok(read)
}

impl Arrivals {
    fn line(&mut self, line: &str, kind: Kind, around: Time, how: How) {
        if line.trim().is_empty() {
            return;
        }
        match kind {
            Kind::Times => self.add(epoch(line), 1),
            Kind::Counts => match count(line) {
                Some((_, 0)) => {
                    self.source("").lines += 1;
                }
                Some((at, value)) => self.add(Some(at), value),
                None if self.sources.is_empty() => {} // because the first line names the columns
                None => self.add(None, 1),
            },
            Kind::Log => self.log_line(line, around, how),
        }
    }

    fn add(&mut self, at: Option<i64>, lines: u32) {
        let source = self.source("");
        let Some(at) = at else {
            source.timeless();
            return;
        };
        source.line(at, false, None);
        if lines > 1 {
            source.gather.add(at, lines - 1);
        }
        self.last = self.last.max(Some(at));
    }

    fn log_line(&mut self, line: &str, around: Time, how: How) {
        let zone = Zone {
            minutes_east: i16::from(how.offset) * 60,
        };
        let parsed = syslog::parse(line, around, zone);
        let at = parsed.at.or_else(|| cordon_logs::stamp(line, around));
        let at = at.and_then(|at| i64::try_from(at.millis()).ok()); // ok: because later is no time
        let program = match parsed.app {
            _ if !how.by_program => "",
            Some(app) => program(app),
            None => NOBODY,
        };
        let source = self.source(program);
        let Some(at) = at else {
            source.timeless();
            return;
        };
        let error = parsed.is_error() || cordon_logs::level(parsed.message, &[]) == Level::Error;
        source.line(at, error, Some(shape(parsed.app, parsed.message)));
        self.last = self.last.max(Some(at));
    }

    fn source(&mut self, name: &str) -> &mut Source {
        let full = self.sources.len() >= MAX_PROGRAMS && !self.sources.contains_key(name);
        let name = if full { OTHERS } else { name };
        self.sources.entry(name.to_owned()).or_default()
    }
}

/// What most of the first lines are.
fn kind(first: &[String]) -> Kind {
    let lines = first.iter().filter(|line| !line.trim().is_empty());
    let (mut all, mut times, mut counts) = (0, 0, 0);
    for line in lines {
        all += 1;
        times += usize::from(epoch(line).is_some());
        counts += usize::from(count(line).is_some());
    }
    if all > 0 && times == all {
        Kind::Times
    } else if all > 1 && counts + 1 >= all {
        Kind::Counts
    } else {
        Kind::Log
    }
}

/// Seconds since 1970, or milliseconds where seconds would be beyond the year 5138.
fn epoch(line: &str) -> Option<i64> {
    const MOST_SECONDS: f64 = 1e11;
    const MOST: f64 = 1e15;
    let value: f64 = line.trim().parse().ok()?; // ok: because None is told as a line without a time
    let millis = if value.abs() < MOST_SECONDS {
        value * 1000.0
    } else {
        value
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is in range, and parts of a millisecond are not kept"
    )]
    (millis.is_finite() && (0.0..MOST).contains(&millis)).then_some(millis as i64)
}

/// `2015-02-26 21:42:53,104` or `1424986973,104`: when, and how many.
fn count(line: &str) -> Option<(i64, u32)> {
    let (at, value) = line.trim().split_once(',')?;
    let value: f64 = value.trim().trim_matches('"').parse().ok()?; // ok: because None is no such row
    let at = at.trim().trim_matches('"');
    let time = cordon_logs::stamp(at, Time::from_millis(0)).map(Time::millis);
    let at = match time {
        Some(millis) => i64::try_from(millis).ok()?, // ok: likewise
        None => epoch(at)?,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped before"
    )]
    Some((at, value.ceil().clamp(0.0, 1e9) as u32))
}

/// `sshd` of `sshd(pam_unix)`: what a program says of itself beyond its name is no source of its own.
fn program(app: &str) -> &str {
    let name = app.split(['(', '[', ':']).next().unwrap_or(app);
    if name.is_empty() { NOBODY } else { name }
}

/// The shape of a line: its first words, where each that has a digit in it counts as one and the same.
fn shape(app: Option<&str>, message: &str) -> u64 {
    // FNV-1a: two shapes that fall together cost one in 2^64.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let words = message.split_whitespace().take(SHAPE_WORDS);
    for word in app.into_iter().chain(words) {
        if word.bytes().any(|byte| byte.is_ascii_digit()) {
            add(b'#');
        } else {
            word.bytes().for_each(&mut add);
        }
        add(b' ');
    }
    hash
}
