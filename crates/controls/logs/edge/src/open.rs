//! An open file that is being followed: what was read of it, and what of that was handed out.

use std::{fs::Metadata, io, mem, ops::ControlFlow, time::Duration};

use cordon_model::Cursor;

use crate::{
    lines::Splitter,
    packed::Source,
    place::{FINGERPRINT_BYTES, Frame, Id, Near, Place, id, time, written},
    voice::{Count, Out, Voice},
};

/// Most bytes that one poll reads; what is left comes with the next.
pub const MAX_POLL_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// One poll: who speaks, who listens, and how much may still be read.
pub(crate) struct Round<'r> {
    pub(crate) voice: Voice<'r>,
    pub(crate) out: Out<'r>,
    pub(crate) count: &'r mut Count,
    pub(crate) left: u64,
    /// Lines that pulses of this poll counted.
    pub(crate) seen: u64,
    /// How long a file must have been left alone until its metadata are believed.
    pub(crate) settled: Duration,
}

impl Round<'_> {
    /// Tells how much was seen since it was last told.
    pub(crate) fn pulse(&mut self, cursor: Option<&Cursor>) -> ControlFlow<()> {
        let count = mem::take(self.count);
        self.seen += count.seen;
        let facts = self.voice.cut(&count).into_iter();
        let mut facts = facts.chain([self.voice.pulse(&count)]);
        facts.try_for_each(|fact| (self.out)(fact, cursor.cloned()))
    }
}

/// How reading a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Whoever listened wanted no more.
    Stopped,
    /// The poll has read as much as it may.
    Limit,
    /// Everything that there is was read.
    All,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Open {
    file: Source,
    pub(crate) id: Id,
    /// Made by copying: nobody writes to it any more.
    pub(crate) copied: bool,
    near: Near,
    splitter: Splitter,
    chunk: Vec<u8>,
    used: usize,
    offset: u64,
    pub(crate) read: u64,
    size: u64,
    pub(crate) written: u64,
}

impl Open {
    /// `file` from `offset` on; none if it is shorter.
    pub(crate) fn new(file: Source, offset: u64, copied: bool) -> io::Result<Option<Self>> {
        let about = file.metadata()?;
        let Some(near) = file.near(offset)? else {
            return Ok(None);
        };
        let packed = file.is_packed();
        Ok(Some(Self {
            file,
            id: id(&about),
            copied: copied || packed,
            near,
            splitter: Splitter::new(),
            chunk: Vec::new(),
            used: 0,
            offset,
            read: offset,
            size: if packed {
                offset
            } else {
                about.len().max(offset)
            },
            written: written(&about),
        }))
    }

    pub(crate) fn place(&self) -> Place {
        let (head, seam) = self.near.marks();
        Place {
            offset: self.offset,
            id: self.id,
            read: self.read,
            size: self.size,
            written: self.written,
            head,
            seam,
        }
    }

    pub(crate) fn about(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Remembers how the file was seen.
    pub(crate) fn note(&mut self, about: &Metadata) {
        self.size = if self.file.is_packed() {
            self.read
        } else {
            about.len().max(self.read)
        };
        self.written = written(about).max(self.written);
    }

    /// Whether the file still has what was read of it.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        // Nobody writes to what was packed, and looking would unpack it all again.
        Ok(self.is_packed() || self.file.near(self.read)?.as_ref() == Some(&self.near))
    }

    /// Whether it is read through gzip.
    pub(crate) const fn is_packed(&self) -> bool {
        self.file.is_packed()
    }

    /// Whether its end could not be unpacked.
    pub(crate) const fn is_broken(&self) -> bool {
        self.file.is_broken()
    }

    /// Whether `file` begins with what was read here, as far as both go.
    pub(crate) fn begins(&self, file: &Source, size: u64) -> io::Result<bool> {
        let head = self.read.min(size).min(FINGERPRINT_BYTES as u64);
        let near = file.near(head)?;
        Ok(near.is_some_and(|near| near.begins_like(&self.near)))
    }

    /// Hands out every line that there is.
    pub(crate) fn read(
        &mut self,
        older: Option<&Place>,
        newer: Option<&Place>,
        round: &mut Round<'_>,
    ) -> io::Result<Read> {
        loop {
            if self.hand_out(older, newer, round).is_break() {
                return Ok(Read::Stopped);
            }
            if round.left == 0 {
                return Ok(Read::Limit);
            }
            if self.fill(round)? == 0 {
                self.chunk = Vec::new(); // whoever is quiet needs no memory
                self.used = 0;
                return Ok(Read::All);
            }
        }
    }

    /// Hands out the lines of what was read already.
    pub(crate) fn hand_out(
        &mut self,
        older: Option<&Place>,
        newer: Option<&Place>,
        round: &mut Round<'_>,
    ) -> ControlFlow<()> {
        let (_, rest) = self.chunk.split_at(self.used);
        if rest.is_empty() {
            return ControlFlow::Continue(());
        }
        let frame = Frame::new(older, &self.place(), newer);
        let around = time(self.written);
        loop {
            let (_, rest) = self.chunk.split_at(self.used);
            let (used, ended) = self.splitter.take(rest);
            self.used += used;
            if !ended {
                return ControlFlow::Continue(());
            }
            self.offset = self.read - (self.chunk.len() - self.used) as u64;
            round.count.last = Some(around);
            let (text, over) = (self.splitter.text(), self.splitter.over);
            let sensed = round.voice.line(&text, over, around, round.count);
            self.splitter.clear();
            (round.out)(sensed, Some(frame.at(self.offset)))?;
            if round.count.is_full() {
                round.pulse(Some(&frame.at(self.offset)))?;
            }
        }
    }

    fn fill(&mut self, round: &mut Round<'_>) -> io::Result<usize> {
        let most = usize::try_from(round.left).map_or(CHUNK, |left| left.min(CHUNK));
        self.used = 0;
        self.chunk.resize(most, 0);
        let got = loop {
            match self.file.read_at(&mut self.chunk, self.read) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.chunk.clear();
                    return Err(error);
                }
                Ok(got) => break got,
            }
        };
        self.chunk.truncate(got);
        self.near.grow(&self.chunk);
        self.read += got as u64;
        self.size = self.size.max(self.read);
        round.left -= got as u64;
        Ok(got)
    }

    /// Whether a line without end is held back.
    pub(crate) const fn holds(&self) -> bool {
        self.splitter.holds()
    }

    /// Hands out the line without end, for it will have none. `cursor` says where to go on then.
    pub(crate) fn let_go(
        &mut self,
        cursor: impl FnOnce(&Place) -> Option<Cursor>,
        round: &mut Round<'_>,
    ) -> ControlFlow<()> {
        if !self.holds() {
            return ControlFlow::Continue(());
        }
        self.offset = self.read;
        let around = time(self.written);
        round.count.last = Some(around);
        let (text, over) = (self.splitter.text(), self.splitter.over);
        let sensed = round.voice.line(&text, over, around, round.count);
        self.splitter.clear();
        (round.out)(sensed, cursor(&self.place()))
    }
}
