//! What was read and what was not. A reader that passes over what it does not understand makes a
//! search over the rest look clean.

use crate::{Format, Place, Stamp};

/// Why something is not among the events, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossKind {
    /// An event of which nothing could be read.
    Malformed,
    /// An event over [`crate::MAX_LINE_BYTES`].
    Long,
    /// The last event, cut by the end of the file.
    Cut,
    /// Records that a Windows log says it has and that are not there.
    Missing,
    /// A chunk of a Windows log.
    Chunk,
    /// Bytes between two things that could be read.
    Bytes,
    /// The rest of the file: the device, or its packing, gave an error.
    Rest,
    /// Fields over [`crate::MAX_FIELDS`]; their event is there.
    Fields,
    /// Events closed before their end was seen, because more than [`crate::MAX_OPEN_EVENTS`] were
    /// open; they are there, perhaps in two pieces.
    Open,
    /// Lines that are not UTF-8 and were read as Windows-1252; they are there.
    Encoding,
    /// A checksum that does not fit; what is there was read.
    Checksum,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole events that are not there.
    Events,
    /// Chunks of a Windows log, each of an unknown number of events.
    Chunks,
    /// Bytes, of an unknown number of events.
    Bytes,
    /// Things of events that are there.
    Parts,
}

impl LossKind {
    /// What its count counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Malformed | Self::Long | Self::Cut | Self::Missing => Unit::Events,
            Self::Chunk => Unit::Chunks,
            Self::Bytes | Self::Rest => Unit::Bytes,
            Self::Fields | Self::Open | Self::Encoding | Self::Checksum => Unit::Parts,
        }
    }
}

impl std::fmt::Display for LossKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "events that could not be read",
            Self::Long => "events that are too long",
            Self::Cut => "event cut off at the end",
            Self::Missing => "records missing",
            Self::Chunk => "chunks that could not be read",
            Self::Bytes => "bytes between what could be read",
            Self::Rest => "of the rest, of which nobody knows how much",
            Self::Fields => "fields over the limit",
            Self::Open => "events closed before their end",
            Self::Encoding => "lines that are not UTF-8",
            Self::Checksum => "checksums that do not fit",
        })
    }
}

/// What is lost, of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What.
    pub kind: LossKind,
    /// How much, in the unit of its kind. Of [`LossKind::Rest`] 0: nobody knows.
    pub count: u64,
    /// Where the first is.
    pub first: Place,
    /// Why the first is.
    pub why: String,
}

/// A file, accounted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it was read as.
    pub format: Format,
    /// Events handed out.
    pub events: u64,
    /// Text lines that are not blank, of formats made of lines; for each it is told above or below.
    pub lines: u64,
    /// What is lost, one of a kind.
    pub lost: Vec<Loss>,
    /// The first and last time that events say, in milliseconds since 1970.
    pub span: Option<(i64, i64)>,
}

impl Report {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            events: 0,
            lines: 0,
            lost: Vec::new(),
            span: None,
        }
    }

    /// Whether everything that is there was read.
    pub fn whole(&self) -> bool {
        self.lost.iter().all(|loss| loss.kind.unit() == Unit::Parts)
    }

    /// How many events are known to be lost. There may be more: see [`Self::whole`].
    pub fn lost_events(&self) -> u64 {
        let events = self
            .lost
            .iter()
            .filter(|loss| loss.kind.unit() == Unit::Events);
        events.map(|loss| loss.count).sum()
    }

    /// How much of a kind is lost.
    pub fn lost_of(&self, kind: LossKind) -> u64 {
        let found = self.lost.iter().find(|loss| loss.kind == kind);
        found.map_or(0, |loss| loss.count)
    }

    pub(crate) fn lose(&mut self, kind: LossKind, count: u64, first: Place, why: &str) {
        match self.lost.iter_mut().find(|loss| loss.kind == kind) {
            Some(loss) => loss.count = loss.count.saturating_add(count),
            None => self.lost.push(Loss {
                kind,
                count,
                first,
                why: shown(why.as_bytes()),
            }),
        }
    }

    pub(crate) fn seen(&mut self, time: Option<Stamp>) {
        if let Some(Stamp { millis, .. }) = time {
            let (from, to) = self.span.unwrap_or((millis, millis));
            self.span = Some((from.min(millis), to.max(millis)));
        }
    }
}

/// Bytes of a reason or of a file that are shown.
const SHOWN_BYTES: usize = 120;

/// The head of some bytes, for a person.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let head = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    let mut text: String = String::from_utf8_lossy(head)
        .chars()
        .map(|c| if c.is_control() { '.' } else { c })
        .collect();
    if bytes.len() > SHOWN_BYTES {
        text.push('…');
    }
    text
}
