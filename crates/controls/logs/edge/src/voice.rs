//! What the readers of this crate say, in the same words.

use std::{io, ops::ControlFlow, path::Path};

use cordon_logs::{level, stamp};
use cordon_model::{
    Blindness, Cursor, Fact, Host, Level, LogLine, Sensed, SourceName, Text, Time, Watched,
};

use crate::{
    lines::kept,
    syslog::{self, Zone},
};

/// Most lines of one batch, and about how many bytes of them: a batch ends with the pulse that counts it, so
/// that both become durable together.
pub(crate) const MAX_BATCH: u64 = 512;
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// Who listens.
pub(crate) type Out<'o> = &'o mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>;

/// Who speaks, and how its lines are to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice<'v> {
    pub(crate) host: &'v Host,
    pub(crate) source: &'v SourceName,
    pub(crate) errors: &'v [String],
    pub(crate) zone: Zone,
}

/// What was counted since the last pulse.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    pub(crate) seen: u64,
    pub(crate) errors: u64,
    /// Bytes of what was seen.
    pub(crate) bytes: usize,
    /// Bytes that were passed over in lines that are too long.
    pub(crate) cut: u64,
    /// When what was read last was written.
    pub(crate) last: Option<Time>,
}

impl Count {
    /// Whether a pulse is due before more is handed out.
    pub(crate) const fn is_full(&self) -> bool {
        self.seen >= MAX_BATCH || self.bytes >= MAX_BATCH_BYTES
    }
}

impl Voice<'_> {
    /// A line of a file last written at `around`, without the bytes that were passed `over`.
    pub(crate) fn line(self, text: &str, over: u64, around: Time, count: &mut Count) -> Sensed {
        let header = syslog::parse(text, around, self.zone);
        let level = if header.is_error() {
            Level::Error
        } else {
            level(text, self.errors)
        };
        count.seen += 1;
        count.bytes += text.len();
        count.errors += u64::from(level == Level::Error);
        count.cut += over;
        let line = LogLine {
            source: self.source.clone(),
            text: kept(text, over),
            level,
        };
        let said = header.at.or_else(|| stamp(text, around));
        self.says(said, Fact::Log(line))
    }

    /// "I looked."
    pub(crate) fn pulse(self, count: &Count) -> Sensed {
        let (seen, errors) = (count.seen, count.errors);
        let of = self.of();
        // The file's own time, not the last line's: a line need not bear one, nor its zone.
        self.says(count.last, Fact::Pulse { of, seen, errors })
    }

    /// "I missed something."
    pub(crate) fn gap(self, (from, to): (Time, Time), lost: Option<u64>) -> Sensed {
        let of = self.of();
        self.says(None, Fact::Gap { of, from, to, lost })
    }

    /// "I passed something over", if that is so.
    pub(crate) fn cut(self, count: &Count) -> Option<Sensed> {
        let at = count.last.filter(|_| count.cut > 0)?;
        Some(self.gap((at, at), Some(count.cut)))
    }

    fn of(self) -> Watched {
        Watched::Source(self.source.clone())
    }

    fn says(self, said: Option<Time>, fact: Fact) -> Sensed {
        Sensed {
            host: self.host.clone(),
            said,
            fact,
        }
    }
}

/// Why a file cannot be read.
pub(crate) fn blind(path: &Path, error: &io::Error) -> Blindness {
    let why = format!("{} cannot be read: {error}", path.display());
    let mend = match error.kind() {
        io::ErrorKind::PermissionDenied => Some(Text::new("sudo cordon check")),
        _ => None,
    };
    Blindness {
        why: Text::new(&why),
        mend,
    }
}
