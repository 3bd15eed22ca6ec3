//! A file as it can be read from any place: as it is, or through gzip.
//!
//! Rotation that packs at once leaves nothing of a log but its `.gz`. Who was down meanwhile and looks for the
//! plain file loses what it had not read; here the rest is read from what was packed.
//!
//! Unpacking is bounded: in pieces, and to [`MAX_RATIO`] times what is packed. Whoever can write beside a log
//! could else keep us busy for days with a few megabytes. What is beyond counts as damaged, which is told.

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

/// Most bytes that a byte of a packed file may become, on the whole. Logs become 10 to 100.
pub const MAX_RATIO: u64 = 400;

/// So much is unpacked whatever the ratio.
const FREE_BYTES: u64 = 16 << 20;

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

/// Hands out what is packed in `file` from `at` on; whether that was all, to a sound end.
pub fn unpack(file: File, at: u64, out: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    let mut source = Source::new(file, true);
    let (mut at, mut chunk) = (at, vec![0; STRIDE]);
    loop {
        let got = source.read_at(&mut chunk, at)?;
        if got == 0 {
            return Ok(!source.is_broken());
        }
        let (got_bytes, _) = chunk.split_at(got);
        out(got_bytes);
        at += got as u64;
    }
}

fn stream(file: &Arc<File>) -> MultiGzDecoder<From> {
    let file = Arc::clone(file);
    MultiGzDecoder::new(From { file, at: 0 })
}

impl Source {
    pub(crate) fn new(file: File, packed: bool) -> Self {
        #[cfg(test)]
        crate::stale::opened(&file);
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

    #[cfg(test)]
    fn file(&self) -> &File {
        match self {
            Self::Plain(file) => file,
            Self::Packed(packed) => &packed.file,
        }
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        #[cfg(test)]
        crate::stale::fails(self.file())?;
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Packed(packed) => packed.file.metadata(),
        }
    }

    /// What lies around `at`; none if it is shorter.
    pub(crate) fn near(&self, at: u64) -> io::Result<Option<Near>> {
        #[cfg(test)]
        crate::stale::fails(self.file())?;
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
        #[cfg(test)]
        crate::stale::fails(self.file())?;
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

    /// Whether more came out than a log can be. Judged by what was read of it, not by its size: a file may be
    /// large where nobody reads.
    fn is_bomb(&self) -> bool {
        let packed = self.stream.get_ref().at;
        self.at > FREE_BYTES.max(packed.saturating_mul(MAX_RATIO))
    }

    fn next(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.is_bomb() {
            self.broken = true;
            return Ok(0);
        }
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

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn unpacked(name: &str, plain: &[u8], times: usize) -> (u64, bool) {
        let path =
            std::env::temp_dir().join(format!("cordon-packed-{name}-{}", std::process::id()));
        let mut packer = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::best());
        for _ in 0..times {
            packer.write_all(plain).unwrap();
        }
        packer.finish().unwrap();
        let mut came = 0;
        let file = fs::File::open(&path).unwrap();
        let whole = unpack(file, 0, &mut |bytes| came += bytes.len() as u64).unwrap();
        fs::remove_file(path).unwrap();
        (came, whole)
    }

    #[test]
    fn a_bomb_is_bounded_and_told_and_a_busy_log_is_read_to_its_end() {
        let zeros = vec![0; 1 << 20];
        let (came, whole) = unpacked("bomb", &zeros, 40);
        assert!(!whole && came < FREE_BYTES + (4 << 20), "{came}");
        // The same message again and again, as a flood writes it.
        let line = |number: u32| {
            format!(
                "Nov 24 10:{:02}:{:02} gw kernel: DROP IN=eth0 SRC=10.0.0.{}\n",
                number / 60 % 60,
                number % 60,
                number % 251
            )
        };
        let flood: String = (0..20_000).map(line).collect();
        let (came, whole) = unpacked("flood", flood.as_bytes(), 18);
        assert_eq!((came, whole), (flood.len() as u64 * 18, true));
    }
}
