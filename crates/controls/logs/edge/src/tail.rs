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

use std::{mem, ops::ControlFlow, path::PathBuf};

use cordon_model::{Cursor, End, Host, Sense, Sensed, SourceName};

use crate::{
    follow::{Ended, Follow},
    open::{MAX_POLL_BYTES, Round},
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
    follow: Follow,
    behind: bool,
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
            follow: Follow::default(),
            behind: false,
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

    /// Hands out everything that is new: each line, then a pulse, each with a cursor to go on from.
    ///
    /// A line without its newline is held back until that comes, and cursors point before it. Where the
    /// file cannot be read, lines of its rotated generations are still handed out, with their pulse.
    pub fn poll(&mut self, out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>) -> End {
        let mut follow = mem::take(&mut self.follow);
        let mut count = mem::take(&mut follow.count);
        let voice = Voice {
            host: &self.host,
            source: &self.source,
            errors: &self.errors,
            zone: self.zone,
        };
        let ended = follow.run(
            &self.path,
            &mut Round {
                voice,
                out,
                count: &mut count,
                left: MAX_POLL_BYTES,
            },
        );
        let seen = count.seen;
        let (end, pulse) = match ended {
            Ok(Ended::Stopped) => (End::Stopped, false),
            Ok(Ended::Limit | Ended::Done) => (End::Finished { seen }, true),
            Err(ref error) => {
                let why = blind(&self.path, error);
                (End::Blind { why }, seen > 0)
            }
        };
        self.behind = matches!(ended, Ok(Ended::Limit));
        let mut told = ControlFlow::Continue(());
        if pulse {
            let facts = voice.cut(&count).into_iter().chain([voice.pulse(&count)]);
            let cursor = follow.cursor();
            told = facts
                .into_iter()
                .try_for_each(|fact| out(fact, cursor.clone()));
        } else {
            follow.count = count; // the next pulse counts it
        }
        self.follow = follow;
        match told {
            ControlFlow::Continue(()) => end,
            ControlFlow::Break(()) => End::Stopped,
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
