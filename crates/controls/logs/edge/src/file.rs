//! One pass over a log file: every line as a fact, then a pulse with its count, its errors and its
//! last event.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    ops::ControlFlow,
    path::PathBuf,
    time::UNIX_EPOCH,
};

use cordon_logs::{level, stamp};
use cordon_model::{
    Blindness, Cursor, End, Fact, Host, Level, LogLine, Sense, Sensed, SourceName, Text, Time,
    Watched,
};

use crate::lines::Lines;

/// Bytes read at once.
const BUFFER: usize = 64 * 1024;

/// A file as a source.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Whose it is.
    pub host: Host,
    /// What it is called.
    pub source: SourceName,
    /// Where it is.
    pub path: PathBuf,
    /// Phrases that make a line an error, beside the usual words.
    pub errors: Vec<String>,
}

impl Sense for LogFile {
    fn sense(
        &mut self,
        _from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        let of = Watched::Source(self.source.clone());
        match self.pass(out) {
            Ok(Pass::Stopped) => End::Stopped,
            Ok(Pass::Done { seen, errors, last }) => {
                let fact = Fact::Pulse { of, seen, errors };
                let sensed = Sensed {
                    host: self.host.clone(),
                    said: last,
                    fact,
                };
                match out(sensed, None) {
                    ControlFlow::Continue(()) => End::Finished { seen },
                    ControlFlow::Break(()) => End::Stopped,
                }
            }
            Err(error) => End::Blind {
                why: self.blind(&error),
            },
        }
    }
}

enum Pass {
    Stopped,
    Done {
        seen: u64,
        errors: u64,
        last: Option<Time>,
    },
}

impl LogFile {
    fn pass(
        &self,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> io::Result<Pass> {
        let about = fs::metadata(&self.path)?;
        if !about.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let written = written_at(&about)?;
        let mut lines = Lines::new(BufReader::with_capacity(BUFFER, File::open(&self.path)?));
        let (mut seen, mut errors) = (0, 0);
        while let Some(text) = lines.next_line()? {
            let level = level(&text, &self.errors);
            seen += 1;
            errors += u64::from(level == Level::Error);
            let said = stamp(&text, written);
            let line = LogLine {
                source: self.source.clone(),
                text: Text::new(&text),
                level,
            };
            let sensed = Sensed {
                host: self.host.clone(),
                said,
                fact: Fact::Log(line),
            };
            if out(sensed, None).is_break() {
                return Ok(Pass::Stopped);
            }
        }
        // The file's own time, not the last line's: a line need not bear one, nor its zone.
        let last = (seen > 0).then_some(written);
        Ok(Pass::Done { seen, errors, last })
    }

    fn blind(&self, error: &io::Error) -> Blindness {
        let why = format!("{} cannot be read: {error}", self.path.display());
        let mend = match error.kind() {
            io::ErrorKind::PermissionDenied => Some(Text::new("sudo cordon check")),
            _ => None,
        };
        Blindness {
            why: Text::new(&why),
            mend,
        }
    }
}

fn written_at(about: &fs::Metadata) -> io::Result<Time> {
    let since = about
        .modified()?
        .duration_since(UNIX_EPOCH)
        .map_err(io::Error::other)?;
    Ok(Time::from_millis(
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    ))
}
