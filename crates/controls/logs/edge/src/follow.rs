//! Which file comes next.
//!
//! | what happened | what is done |
//! | --- | --- |
//! | renamed, a new file made | the old one is read to its end and held, for it may still be written; then the generations between, the oldest first; then the new one |
//! | renamed more often than files were kept | a gap where the numbers have a hole, or where the file that was followed is gone and others came |
//! | copied and truncated | the rest is read from the copy, then generations since, then the file from 0; what was written between copy and cut is in neither, so that a gap of unknown size is told unless the log was quiet; without a copy a gap |
//! | packed | what was read is found again in the `.gz` and read on from there; one that is damaged is a gap |
//! | deleted, made anew | the old one is read to its end and let go; then the new one |
//! | restarted meanwhile | the files of the cursor are found by device and inode and by what is in them, else as copies; if they are gone, a gap |
//!
//! What cannot be known: whether files came and went between two polls without leaving a trace; whether a
//! generation that was both begun and ended between two polls was renamed or copied and cut; whether a
//! file was cut and written again with the same first [`FINGERPRINT_BYTES`](crate::FINGERPRINT_BYTES) and
//! the same [`SEAM_BYTES`](crate::SEAM_BYTES) before the place, as when little of a first line was read. A line that was torn by truncation is
//! handed out as two. What a writer adds to a file after the next rotation is not followed.

use std::{
    collections::VecDeque, io, ops::ControlFlow, os::unix::fs::MetadataExt, path::Path,
    time::Duration,
};

use cordon_model::Cursor;

use crate::{
    open::{Open, Read, Round},
    packed::Source,
    place::{self, Bookmark, Id, Place, time},
    rest::Rest,
    siblings::{self, Sibling},
    voice::Count,
};

/// Most generations that one poll goes through.
const MAX_STEPS: usize = siblings::MAX_SIBLINGS;

/// The state of a follower.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    /// Where to begin; none to begin at the beginning.
    from: Option<Cursor>,
    /// The file before, which may still be written.
    prior: Option<Open>,
    /// The file that is followed.
    current: Option<Open>,
    /// What was missed and is not told yet.
    gaps: VecDeque<Gap>,
    /// Since the last pulse.
    pub(crate) count: Count,
    /// How all of it looked when it was last read to its end, if nothing can have happened since that does
    /// not show.
    rest: Option<Rest>,
}

/// Something that was missed.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// When the last thing before it was written, in nanoseconds since 1970.
    from: u64,
    /// When the first thing after it was written.
    to: u64,
    /// At least how many bytes, if that is known.
    lost: Option<u64>,
}

impl Gap {
    fn new(from: u64, to: u64, lost: u64) -> Self {
        Self {
            from,
            to: to.max(from),
            lost: (lost > 0).then_some(lost),
        }
    }
}

fn is_stale(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StaleNetworkFileHandle
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Stopped,
    Limit,
    Done,
}

/// What follows the file that was read to its end.
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, for a moment"
)]
enum Next {
    /// Nothing: it is the log itself, or what comes is not settled yet.
    Stay,
    /// Another file; and whether something between is missing.
    Move(Open, bool),
}

impl From<Cursor> for Follow {
    fn from(cursor: Cursor) -> Self {
        Self {
            from: Some(cursor),
            ..Self::default()
        }
    }
}

impl Follow {
    /// Where to go on after a restart.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let Some(current) = &self.current else {
            return self.from.clone();
        };
        let bookmark = Bookmark {
            prior: self.prior.as_ref().map(Open::place),
            current: current.place(),
        };
        Some(bookmark.cursor())
    }

    /// Reads everything new.
    ///
    /// A handle that has gone stale, as those of a network file system do when its server restarts or the file
    /// was replaced there, never works again: it is let go of, and the next poll finds the file by its place.
    pub(crate) fn run(&mut self, path: &Path, round: &mut Round<'_>) -> io::Result<Ended> {
        let ended = self.read_on(path, round);
        if ended.as_ref().is_err_and(is_stale) {
            self.from = self.cursor();
            (self.current, self.prior) = (None, None);
        }
        ended
    }

    fn read_on(&mut self, path: &Path, round: &mut Round<'_>) -> io::Result<Ended> {
        if self.current.is_none() {
            self.begin(path)?;
        }
        let before = self.resting(path, round.settled);
        if before.is_some() && before == self.rest && self.gaps.is_empty() {
            return Ok(Ended::Done);
        }
        self.rest = None;
        let ended = self.look(path, round)?;
        if ended == Ended::Done && self.resting(path, round.settled) == before {
            self.rest = before; // the same before it was read and after: that is what was read
        }
        Ok(ended)
    }

    fn resting(&self, path: &Path, settled: Duration) -> Option<Rest> {
        Rest::of(path, self.current.as_ref(), self.prior.as_ref(), settled)
    }

    /// Reads everything new, whatever the metadata say.
    fn look(&mut self, path: &Path, round: &mut Round<'_>) -> io::Result<Ended> {
        for _ in 0..MAX_STEPS {
            if self.tell(round).is_break() {
                return Ok(Ended::Stopped);
            }
            match self.read_prior(round)? {
                Read::All => {}
                Read::Limit => return Ok(Ended::Limit),
                Read::Stopped => return Ok(Ended::Stopped),
            }
            if self.settle(path, round)?.is_break() || self.tell(round).is_break() {
                return Ok(Ended::Stopped);
            }
            match self.read_current(round)? {
                Read::All => {}
                Read::Limit => return Ok(Ended::Limit),
                Read::Stopped => return Ok(Ended::Stopped),
            }
            match self.next(path)? {
                Next::Stay => return Ok(Ended::Done),
                Next::Move(next, missing) => match self.shift(next, missing, round)? {
                    Read::All => {}
                    Read::Limit => return Ok(Ended::Limit),
                    Read::Stopped => return Ok(Ended::Stopped),
                },
            }
        }
        Ok(Ended::Limit)
    }

    /// Says what was missed. Only the last of it has a cursor, so that a restart between says the rest again.
    fn tell(&mut self, round: &mut Round<'_>) -> ControlFlow<()> {
        while let Some(gap) = self.gaps.pop_front() {
            let cursor = self.cursor().filter(|_| self.gaps.is_empty());
            let span = (time(gap.from), time(gap.to));
            (round.out)(round.voice.gap(span, gap.lost), cursor)?;
        }
        ControlFlow::Continue(())
    }

    /// Finds the first file.
    fn begin(&mut self, path: &Path) -> io::Result<()> {
        let beside = siblings::siblings(path)?;
        let Some(cursor) = &self.from else {
            let mut open = start(path)?;
            // What lies beside the log at the beginning was not missed.
            let written = beside.iter().map(|one| one.written).max();
            open.written = open.written.max(written.unwrap_or(0));
            self.current = Some(open);
            return Ok(());
        };
        if let Some(bookmark) = Bookmark::read(cursor) {
            self.find(path, &bookmark, &beside)?;
        } else {
            let open = start(path)?;
            self.gaps.push_back(Gap::new(open.written, open.written, 0));
            self.current = Some(open);
        }
        self.from = None;
        Ok(())
    }

    /// Finds the files of a cursor again.
    fn find(&mut self, path: &Path, bookmark: &Bookmark, beside: &[Sibling]) -> io::Result<()> {
        let mut among = beside.to_vec();
        let live = siblings::live(path)?;
        among.extend(live.clone());
        let mut holes = Vec::new();
        let mut held = |place: &Place| -> io::Result<Option<Open>> {
            let Some((one, file)) = siblings::holder(place, &among)? else {
                return Ok(None);
            };
            let copied = one.id != place.id && one.path != path;
            let cut = live.as_ref().is_some_and(|live| live.id == place.id);
            if copied && cut {
                holes.extend(between(place, &one));
            }
            let mut open = Open::new(file, place.offset, copied)?;
            if let Some(open) = &mut open {
                open.written = place.written; // what came beside it since then was not seen
            }
            Ok(open)
        };
        let prior = bookmark.prior.as_ref();
        let current = &bookmark.current;
        let found = prior.map(&mut held).transpose()?.flatten();
        let (open, gone) = if let Some(open) = held(current)? {
            (open, false)
        } else {
            let known: Vec<Id> = prior.iter().map(|prior| prior.id).collect();
            (oldest_or_log(path, beside, current.written, &known)?, true)
        };
        self.gaps.extend(holes);
        if let (Some(prior), None) = (prior, &found)
            && prior.size > prior.offset
        {
            let lost = prior.size - prior.offset;
            self.gaps
                .push_back(Gap::new(prior.written, open.written, lost));
        }
        if gone {
            let lost = current.size - current.offset;
            self.gaps
                .push_back(Gap::new(current.written, open.written, lost));
        }
        self.prior = found;
        self.current = Some(open);
        Ok(())
    }

    fn read_prior(&mut self, round: &mut Round<'_>) -> io::Result<Read> {
        let Some(prior) = &mut self.prior else {
            return Ok(Read::All);
        };
        let newer = self.current.as_ref().map(Open::place);
        let about = prior.about()?;
        if !prior.is_packed() && about.len() < prior.read {
            return Ok(Read::All); // whoever cuts a rotated file does not mean us
        }
        prior.note(&about);
        let read = prior.read(None, newer.as_ref(), round)?;
        if read == Read::All && about.nlink() == 0 {
            return Ok(self.let_prior_go(round)); // deleted: holding it keeps its blocks on the disk
        }
        Ok(read)
    }

    fn read_current(&mut self, round: &mut Round<'_>) -> io::Result<Read> {
        let older = self.prior.as_ref().map(Open::place);
        match &mut self.current {
            Some(current) => current.read(older.as_ref(), None, round),
            None => Ok(Read::All),
        }
    }

    /// The line without end of the file before will have none.
    fn let_prior_go(&mut self, round: &mut Round<'_>) -> Read {
        let Some(mut prior) = self.prior.take() else {
            return Read::All;
        };
        let cursor = self.cursor();
        match prior.let_go(|_| cursor, round) {
            ControlFlow::Continue(()) => Read::All,
            ControlFlow::Break(()) => Read::Stopped,
        }
    }

    /// Makes sure that the file that is followed still is what was read.
    fn settle(&mut self, path: &Path, round: &mut Round<'_>) -> io::Result<ControlFlow<()>> {
        let older = self.prior.as_ref().map(Open::place);
        let Some(current) = &mut self.current else {
            return Ok(ControlFlow::Continue(()));
        };
        if current.hand_out(older.as_ref(), None, round).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let about = current.about()?;
        if !current.is_whole()? {
            return self.recover(path, round);
        }
        if !current.is_packed()
            && current.read < place::SEAM_BYTES as u64
            && let Some(open) = copied_away(path, current, older.as_ref())?
        {
            self.current = Some(open);
            return Ok(ControlFlow::Continue(()));
        }
        current.note(&about);
        Ok(ControlFlow::Continue(()))
    }

    /// The file was cut: goes on in its copy, or says what is missing.
    fn recover(&mut self, path: &Path, round: &mut Round<'_>) -> io::Result<ControlFlow<()>> {
        let Some(current) = &mut self.current else {
            return Ok(ControlFlow::Continue(()));
        };
        let beside = siblings::siblings(path)?;
        let place = current.place();
        if let Some((one, file)) = siblings::copy(&place, &beside)?
            && let Some(open) = Open::new(file, place.offset, true)?
        {
            self.gaps.extend(between(&place, &one));
            self.current = Some(open);
            return Ok(ControlFlow::Continue(()));
        }
        let prior = self.prior.as_ref().map(Open::place);
        let mut known: Vec<Id> = prior.iter().map(|prior| prior.id).collect();
        known.extend(copies_of(current, &beside)?);
        let next = oldest_or_log(path, &beside, place.written, &known)?;
        let lost = place.size.saturating_sub(place.read);
        self.gaps
            .push_back(Gap::new(place.written, next.written, lost));
        // What was read of a line is not lost, though its end may be.
        let flow = current.let_go(|current| Some(cursor_of(prior, *current)), round);
        self.current = Some(next);
        Ok(flow)
    }

    /// What follows the file that is followed, now that it is read to its end.
    fn next(&self, path: &Path) -> io::Result<Next> {
        let Some(current) = &self.current else {
            return Ok(Next::Stay);
        };
        let live = siblings::live(path)?;
        if live.as_ref().is_some_and(|live| live.id == current.id) {
            return Ok(Next::Stay);
        }
        let known = [
            current.id,
            self.prior.as_ref().map_or(current.id, |prior| prior.id),
            live.as_ref().map_or(current.id, |live| live.id),
        ];
        let mut beside = siblings::siblings(path)?;
        beside.retain(|one| one.is_generation() && Some(one.id) != live.as_ref().map(|l| l.id));
        let mine = match beside.iter().position(|one| one.id == current.id) {
            None => packed_position(&current.place(), &beside)?,
            at => at,
        };
        let (open, missing) = if let Some(at) = mine {
            let (_, newer) = beside.split_at(at + 1);
            let hole = beside.get(at).is_some_and(|one| one.misses(newer.first()));
            let (open, refused) = unseen(newer, 0, &known)?;
            (open, hole || refused)
        } else {
            // It is gone: whether others went with it is not known, if others came.
            let (open, refused) = unseen(&beside, current.written, &known)?;
            let missing = open.is_some() || refused;
            (open, missing)
        };
        if let Some(open) = open {
            return Ok(Next::Move(open, missing));
        }
        let Some(live) = live else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let open = start(path)?;
        Ok(if open.id == live.id {
            Next::Move(open, missing)
        } else {
            Next::Stay // rotated while we looked: the next poll sees it whole
        })
    }

    /// Goes on to the next file.
    fn shift(&mut self, next: Open, missing: bool, round: &mut Round<'_>) -> io::Result<Read> {
        let read = self.read_prior(round)?;
        if read != Read::All {
            return Ok(read);
        }
        if self.let_prior_go(round) == Read::Stopped {
            return Ok(Read::Stopped);
        }
        let Some(mut current) = self.current.take() else {
            return Ok(Read::All);
        };
        let flow = if current.copied {
            current.let_go(|current| Some(cursor_of(None, *current)), round)
        } else {
            ControlFlow::Continue(())
        };
        if missing || current.is_broken() {
            self.gaps
                .push_back(Gap::new(current.written, next.written, 0));
        }
        self.prior = Some(current);
        self.current = Some(next);
        Ok(match flow {
            ControlFlow::Continue(()) => Read::All,
            ControlFlow::Break(()) => Read::Stopped,
        })
    }
}

fn cursor_of(prior: Option<Place>, current: Place) -> Cursor {
    Bookmark { prior, current }.cursor()
}

/// What was in a file of which too little was read to tell it from one that was filled, copied, cut and
/// filled again: its copy tells it. Somebody's copy of a file that was not cut is read twice then.
fn copied_away(path: &Path, current: &Open, older: Option<&Place>) -> io::Result<Option<Open>> {
    let place = current.place();
    let known = [place.id, older.map_or(place.id, |prior| prior.id)];
    let mut beside = siblings::siblings(path)?;
    let mine = beside.iter().position(|one| one.id == place.id);
    beside.truncate(mine.unwrap_or(beside.len()));
    if place.read == 0 {
        return Ok(unseen(&beside, place.written, &known)?.0);
    }
    beside.retain(|one| one.written > place.written && !known.contains(&one.id));
    match siblings::copy(&place, &beside)? {
        Some((_, file)) => Open::new(file, place.offset, true),
        None => Ok(None),
    }
}

/// What may be missing between a copy and the cut of the file it was made of: whoever wrote in between
/// wrote for nobody, and no trace tells how much. A log that was quiet before its copy was made is taken to
/// have been quiet until the cut.
fn between(place: &Place, copy: &Sibling) -> Option<Gap> {
    let busy = copy.packed || copy.size > place.size;
    busy.then(|| Gap::new(place.written, copy.written, 0))
}

/// The copies of less than was read of `current`: to read them would be to read it again.
fn copies_of(current: &Open, beside: &[Sibling]) -> io::Result<Vec<Id>> {
    let mut known = Vec::new();
    for one in beside {
        let fresh = one.is_generation() && one.id != current.id && !one.is_empty();
        let size = if one.packed { u64::MAX } else { one.size };
        if fresh
            && (one.packed || one.size < current.read)
            && let Some(file) = siblings::candidate(one)?
            && current.begins(&file, size)?
        {
            known.push(one.id);
        }
    }
    Ok(known)
}

/// Where the file of `place` lies among the generations, if it was packed meanwhile.
fn packed_position(place: &Place, beside: &[Sibling]) -> io::Result<Option<usize>> {
    for (at, one) in beside.iter().enumerate() {
        if one.packed
            && place.read > 0
            && one.written >= place.written
            && let Some(file) = siblings::candidate(one)?
            && file.fits(place)?
        {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// The log itself from its beginning.
fn start(path: &Path) -> io::Result<Open> {
    let live = siblings::live(path)?.ok_or(io::ErrorKind::NotFound)?;
    let file = std::fs::File::open(&live.path)?;
    let open = Open::new(Source::new(file, false), 0, false)?;
    open.ok_or_else(|| io::Error::other("it was cut while it was opened"))
}

/// The oldest generation that was not seen, else the log itself.
fn oldest_or_log(path: &Path, beside: &[Sibling], than: u64, known: &[Id]) -> io::Result<Open> {
    match unseen(beside, than, known)? {
        (Some(open), _) => Ok(open),
        (None, _) => start(path),
    }
}

/// The oldest generation that is not `known` and was written after `than`, and whether one that may not be
/// read was passed over.
fn unseen(beside: &[Sibling], than: u64, known: &[Id]) -> io::Result<(Option<Open>, bool)> {
    let mut refused = false;
    for one in beside {
        let fresh = one.is_generation() && one.written > than && !known.contains(&one.id);
        if !fresh || one.is_empty() {
            continue;
        }
        match siblings::open(one) {
            Ok(Some(file)) => {
                if let Some(open) = Open::new(file, 0, false)? {
                    return Ok((Some(open), refused));
                }
            }
            Ok(None) => {
                let why = "it was rotated while it was looked at";
                return Err(io::Error::other(why));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = true,
            Err(error) => return Err(error),
        }
    }
    Ok((None, refused))
}
