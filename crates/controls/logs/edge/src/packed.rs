//! A file as it can be read from any place: as it is, or through gzip.
//!
//! Rotation that packs at once leaves nothing of a log but its `.gz`. Who was down meanwhile and looks for the
//! plain file loses what it had not read; here the rest is read from what was packed.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use flate2::read::MultiGzDecoder;

use crate::place::{Near, Place};

/// Bytes unpacked at once on the way to a place.
const STRIDE: usize = 64 * 1024;

/// What is read from.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "two live for each log that is followed"
)]
pub(crate) enum Source {
    /// The log or a generation of it.
    Plain(File),
    /// A generation that was packed.
    Packed(Packed),
}

/// A packed file. Nobody writes to it any more.
#[derive(Debug)]
pub(crate) struct Packed {
    file: Arc<File>,
    stream: MultiGzDecoder<From>,
    at: u64,
    /// It ends in the middle, or is no gzip: what comes after is missing.
    broken: bool,
}

/// A reader with a place of its own, for the clones of a file share theirs.
#[derive(Debug)]
struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(to, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

fn stream(file: &Arc<File>) -> MultiGzDecoder<From> {
    let file = Arc::clone(file);
    MultiGzDecoder::new(From { file, at: 0 })
}

impl Source {
    pub(crate) fn new(file: File, packed: bool) -> Self {
        if !packed {
            return Self::Plain(file);
        }
        let file = Arc::new(file);
        Self::Packed(Packed {
            stream: stream(&file),
            file,
            at: 0,
            broken: false,
        })
    }

    pub(crate) const fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Whether its end could not be unpacked.
    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self, Self::Packed(Packed { broken: true, .. }))
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Packed(packed) => packed.file.metadata(),
        }
    }

    /// What lies around `at`; none if it is shorter.
    pub(crate) fn near(&self, at: u64) -> io::Result<Option<Near>> {
        match self {
            Self::Plain(file) => Near::of(file, at),
            Self::Packed(packed) => packed.near(at),
        }
    }

    /// Whether it has what `place` was read from.
    pub(crate) fn fits(&self, place: &Place) -> io::Result<bool> {
        let near = self.near(place.read)?;
        Ok(near.is_some_and(|near| near.marks() == (place.head, place.seam)))
    }

    /// Fills `to` from `at` on as far as one reading goes; 0 at the end.
    pub(crate) fn read_at(&mut self, to: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read_at(to, at),
            Self::Packed(packed) => packed.read_at(to, at),
        }
    }
}

impl Packed {
    fn near(&self, at: u64) -> io::Result<Option<Near>> {
        let (mut stream, mut near, mut left) = (stream(&self.file), Near::default(), at);
        let mut chunk = vec![0; STRIDE];
        while left > 0 {
            let most = usize::try_from(left).map_or(STRIDE, |left| left.min(STRIDE));
            let (room, _) = chunk.split_at_mut(most);
            let got = match stream.read(room) {
                Err(error) if is_damage(&error) => 0,
                other => other?,
            };
            if got == 0 {
                return Ok(None);
            }
            let (got_bytes, _) = room.split_at(got);
            near.grow(got_bytes);
            left -= got as u64;
        }
        Ok(Some(near))
    }

    fn read_at(&mut self, to: &mut [u8], at: u64) -> io::Result<usize> {
        if at < self.at {
            (self.stream, self.at) = (stream(&self.file), 0);
        }
        let mut chunk = Vec::new();
        while self.at < at {
            let most = usize::try_from(at - self.at).map_or(STRIDE, |left| left.min(STRIDE));
            chunk.resize(most, 0);
            if self.next(&mut chunk)? == 0 {
                return Ok(0);
            }
        }
        self.next(to)
    }

    fn next(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let got = match self.stream.read(to) {
            Err(error) if is_damage(&error) => {
                self.broken = true;
                0
            }
            other => other?,
        };
        self.at += got as u64;
        Ok(got)
    }
}

/// Whether it is the content that is wrong, and not the disk.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}
