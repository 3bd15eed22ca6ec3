//! Follows one log file through rotation, restart and truncation, and says what it could not follow.
//!
//! A reader that holds on to a file after its rotation hears nothing more, and looks healthy. Here a file
//! is known by what is in it; what cannot be read any more is a [`Gap`](cordon_model::Fact::Gap), and what
//! cannot be read at all is [`End::Blind`].
//!
//! What is promised: every line is handed out once, across a restart too if that goes on from the last
//! cursor that was handed out; from an older one, lines come again. Where it is known that something is
//! missing or may be, a `Gap` says so. `follow.rs` tells how each kind of rotation is followed, and what
//! no follower can know.

use std::{mem, ops::ControlFlow, path::PathBuf, time::Duration};

use cordon_model::{Cursor, End, Fact, Host, Sense, Sensed, SourceName, Time, Watched};

use crate::{
    follow::{Ended, Follow},
    open::{MAX_POLL_BYTES, Round},
    rest::SETTLED,
    shapes::Shapes,
    syslog::Zone,
    voice::{Voice, blind},
};

/// A file that is followed. Nothing happens but in [`Tail::poll`].
#[derive(Debug)]
pub struct Tail {
    /// Whose it is.
    pub host: Host,
    /// What it is called.
    pub source: SourceName,
    /// Where it is.
    pub path: PathBuf,
    /// Phrases that make a line an error, beside the usual words.
    pub errors: Vec<String>,
    /// Of times that are written without one.
    pub zone: Zone,
    /// How long a file must have been left alone until its metadata are believed, and nothing else of it is
    /// looked at.
    pub settled: Duration,
    follow: Follow,
    behind: bool,
    vital: Vital,
}

/// What its lines looked like since that was last told.
#[derive(Debug, Default)]
struct Vital {
    lines: u64,
    /// Lines of which no time could be read.
    unparsed: u64,
    shapes: Shapes,
    /// The own time of the last line that bears one, and when the file was written then.
    last: Option<Time>,
    written: Option<Time>,
}

impl Tail {
    /// Follows the file at `path` from its beginning.
    pub fn new(host: Host, source: SourceName, path: PathBuf, errors: Vec<String>) -> Self {
        Self {
            host,
            source,
            path,
            errors,
            zone: Zone::default(),
            settled: SETTLED,
            follow: Follow::default(),
            behind: false,
            vital: Vital::default(),
        }
    }

    /// Goes on from `cursor` with the next poll.
    ///
    /// A cursor that cannot be read, of an older Cordon or damaged, is no reason to skip anything: the file
    /// is read from its beginning, and a gap says that it is not known what came before.
    pub fn resume(&mut self, cursor: Cursor) {
        self.follow = Follow::from(cursor);
    }

    /// Where to go on after a restart; none before the first look.
    pub fn cursor(&self) -> Option<Cursor> {
        self.follow.cursor()
    }

    /// Whether the last poll ended at [`MAX_POLL_BYTES`], so that the next need not wait.
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    /// What the lines looked like since this was last asked; none if there were none.
    ///
    /// A line whose time cannot be read counts as one of unknown form. Skew is held against the time at which
    /// the file was written, so that a backlog looks no older than it is.
    pub fn vitals(&mut self) -> Option<Sensed> {
        let vital = mem::take(&mut self.vital);
        if vital.lines == 0 {
            return None;
        }
        let skew = |(said, written): (Time, Time)| {
            let secs = |time: Time| i64::try_from(time.millis() / 1000).unwrap_or(i64::MAX);
            secs(written).saturating_sub(secs(said))
        };
        Some(Sensed {
            host: self.host.clone(),
            said: None,
            fact: Fact::Vitals {
                of: Watched::Source(self.source.clone()),
                lines: vital.lines,
                unparsed: vital.unparsed,
                skew_secs: vital.last.zip(vital.written).map(skew),
                shapes: vital.shapes.estimate(),
            },
        })
    }

    /// Hands out everything that is new: each line, then a pulse, each with a cursor to go on from.
    ///
    /// A line without its newline is held back until that comes, and cursors point before it. Where the
    /// file cannot be read, lines of its rotated generations are still handed out, with their pulse.
    pub fn poll(&mut self, out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>) -> End {
        let mut follow = mem::take(&mut self.follow);
        let mut count = mem::take(&mut follow.count);
        let vital = &mut self.vital;
        let mut noted = |sensed: Sensed, cursor: Option<Cursor>| {
            vital.note(&sensed);
            out(sensed, cursor)
        };
        let voice = Voice {
            host: &self.host,
            source: &self.source,
            errors: &self.errors,
            zone: self.zone,
        };
        let mut round = Round {
            voice,
            out: &mut noted,
            count: &mut count,
            left: MAX_POLL_BYTES,
            seen: 0,
            settled: self.settled,
        };
        let ended = follow.run(&self.path, &mut round);
        let waiting = round.count.seen;
        let seen = round.seen + waiting;
        let (end, pulse) = match ended {
            Ok(Ended::Stopped) => (End::Stopped, false),
            Ok(Ended::Limit | Ended::Done) => (End::Finished { seen }, true),
            Err(ref error) => {
                let why = blind(&self.path, error);
                (End::Blind { why }, waiting > 0)
            }
        };
        let told = if pulse {
            round.pulse(follow.cursor().as_ref())
        } else {
            ControlFlow::Continue(()) // the next pulse counts it
        };
        follow.count = count;
        self.behind = matches!(ended, Ok(Ended::Limit));
        self.follow = follow;
        match told {
            ControlFlow::Continue(()) => end,
            ControlFlow::Break(()) => End::Stopped,
        }
    }
}

impl Vital {
    fn note(&mut self, sensed: &Sensed) {
        match &sensed.fact {
            Fact::Log(line) => {
                self.lines += 1;
                self.unparsed += u64::from(sensed.said.is_none());
                self.shapes.add(line.text.as_str());
                self.last = sensed.said.or(self.last);
            }
            Fact::Pulse { seen: 1.., .. } => self.written = sensed.said.or(self.written),
            _ => {}
        }
    }
}

impl Sense for Tail {
    /// One poll, from `from` if that is not where it is already.
    fn sense(
        &mut self,
        from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        if let Some(cursor) = from
            && self.cursor().as_ref() != Some(cursor)
        {
            self.resume(cursor.clone());
        }
        self.poll(out)
    }
}
