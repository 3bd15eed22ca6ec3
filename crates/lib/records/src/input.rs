//! The bytes of a file through one window that moves: lines, blocks and what does not fit into a
//! limit. A log of many gigabytes must not be in memory, nor one that was packed to look small.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

use crate::ReadError;

/// The longest line or JSON text of one event, in bytes; what is longer is lost and told.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// What a packed file may unpack to, in bytes; the rest is lost and told.
pub const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// Memory that an `.xz` may ask for to be unpacked, in KiB.
const MAX_XZ_KIB: u32 = 128 << 10;

/// How much is read at once.
const STEP_BYTES: usize = 128 << 10;

/// How much is looked at to know what a file is.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// A line without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'i> {
    pub(crate) bytes: &'i [u8],
    /// From 1.
    pub(crate) number: u64,
    /// Whether its end was seen: the last line of a file may be cut.
    pub(crate) ended: bool,
    /// Whether it was longer than [`MAX_LINE_BYTES`], so that there is only its head.
    pub(crate) long: bool,
}

pub(crate) struct Input<'r> {
    from: Box<dyn Read + 'r>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the window begins in the text.
    offset: u64,
    lines: u64,
    ended: bool,
    error: Option<String>,
}

impl<'r> Input<'r> {
    /// Unpacks, turns UTF-16 into UTF-8 and takes away a byte order mark.
    pub(crate) fn open(from: impl Read + 'r) -> Result<Self, ReadError> {
        let mut input = Self::plain(Box::new(from));
        // Packed text may be packed again by a rotation that does not look.
        for _ in 0..2 {
            input.fill_to(HEAD_BYTES);
            let head = input.window();
            if head.starts_with(&[0x1f, 0x8b]) {
                input = Self::plain(Box::new(Capped::new(flate2::read::MultiGzDecoder::new(
                    input,
                ))));
            } else if head.starts_with(b"\xfd7zXZ\0") {
                let xz = lzma_rust2::XzReader::new_mem_limit(input, true, MAX_XZ_KIB);
                input = Self::plain(Box::new(Capped::new(xz)));
            } else {
                break;
            }
        }
        input.fill_to(HEAD_BYTES);
        if let Some(packing) = packing(input.window()) {
            return Err(ReadError::Packed(packing));
        }
        if let Some(decoder) = utf16(input.window()) {
            input = Self::plain(Box::new(Utf16::new(input, decoder)));
            input.fill_to(HEAD_BYTES);
        }
        if input.window().starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
            input.fill_to(HEAD_BYTES);
        }
        Ok(input)
    }

    fn plain(from: Box<dyn Read + 'r>) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            lines: 0,
            ended: false,
            error: None,
        }
    }

    /// What is there and was not consumed.
    pub(crate) fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or(&[])
    }

    /// Where the window begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the window is all there will be.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Why reading ended before the file did.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Lines that were consumed by [`Self::line`], and those in what is consumed otherwise.
    pub(crate) fn count_lines(&mut self, count: u64) {
        self.lines += count;
    }

    /// The line in which the window begins.
    pub(crate) fn line_number(&self) -> u64 {
        self.lines + 1
    }

    /// Makes the window at least `count` bytes long, unless the file ends before.
    pub(crate) fn fill_to(&mut self, count: usize) {
        while self.end - self.start < count && self.more() {}
    }

    /// Reads on; whether the window grew.
    pub(crate) fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + STEP_BYTES {
            self.buffer.resize(self.end + STEP_BYTES, 0);
        }
        let Some(room) = self.buffer.get_mut(self.end..) else {
            return false;
        };
        match self.from.read(room) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count.min(room.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.error = Some(error.to_string());
                self.ended = true;
            }
        }
        !self.ended
    }

    /// The next line. Its end is a line feed, with or without a carriage return.
    pub(crate) fn line(&mut self) -> Option<Line<'_>> {
        let mut looked = 0;
        let (length, step, ended) = loop {
            let rest = self.window().get(looked..).unwrap_or(&[]);
            if let Some(at) = memchr::memchr(b'\n', rest) {
                break (looked + at, looked + at + 1, true);
            }
            looked = self.end - self.start;
            if looked > MAX_LINE_BYTES {
                return Some(self.long_line());
            }
            if !self.more() {
                if looked == 0 {
                    return None;
                }
                break (looked, looked, false);
            }
        };
        let from = self.start;
        self.consume(step);
        self.lines += 1;
        let bytes = self.buffer.get(from..from + length).unwrap_or(&[]);
        Some(Line {
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            number: self.lines,
            ended,
            long: length > MAX_LINE_BYTES,
        })
    }

    /// Passes over a line that is too long, without keeping it.
    fn long_line(&mut self) -> Line<'_> {
        let ended = loop {
            if let Some(at) = memchr::memchr(b'\n', self.window()) {
                self.consume(at + 1);
                break true;
            }
            self.consume(self.end - self.start);
            if !self.more() {
                break false;
            }
        };
        self.lines += 1;
        Line {
            bytes: b"",
            number: self.lines,
            ended,
            long: true,
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.window().is_empty() && !self.more() {
            return self
                .error
                .take()
                .map_or(Ok(0), |why| Err(io::Error::other(why)));
        }
        let count = self.window().len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..count), self.window().get(..count)) {
            into.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

/// A packing that is not unpacked here.
fn packing(head: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 5] = [
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"BZh", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\xfd7zXZ\0", "xz in xz in xz"),
    ];
    let found = KNOWN.into_iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, name)| name)
}

/// How the text is encoded, if it is UTF-16 with a mark or of Latin letters without one.
fn utf16(head: &[u8]) -> Option<Decoder> {
    let zeroes = |parity: usize| {
        let looked = head.get(..head.len().min(256)).unwrap_or(&[]);
        let wide = looked.iter().skip(parity).step_by(2).all(|byte| *byte == 0);
        let text = looked.iter().skip(1 - parity).step_by(2);
        wide && looked.len() >= 8 && text.clone().all(|byte| *byte >= 9)
    };
    if head.starts_with(&[0xff, 0xfe]) || zeroes(1) {
        Some(UTF_16LE.new_decoder_with_bom_removal())
    } else if head.starts_with(&[0xfe, 0xff]) || zeroes(0) {
        Some(UTF_16BE.new_decoder_with_bom_removal())
    } else {
        None
    }
}

/// Unpacked bytes up to [`MAX_UNPACKED_BYTES`]; beyond, an error and no silent end.
struct Capped<R> {
    from: R,
    left: u64,
}

impl<R> Capped<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            left: MAX_UNPACKED_BYTES,
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        if count as u64 > self.left {
            let why = format!("it unpacks to more than {MAX_UNPACKED_BYTES} bytes");
            return Err(io::Error::other(why));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// UTF-16 as UTF-8.
struct Utf16<'r> {
    from: Input<'r>,
    decoder: Decoder,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'r> Utf16<'r> {
    fn new(from: Input<'r>, decoder: Decoder) -> Self {
        Self {
            from,
            decoder,
            out: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && !self.ended {
            if self.from.window().is_empty() {
                self.from.more();
            }
            let last = self.from.ended();
            self.out.resize(STEP_BYTES, 0);
            let window = self.from.window();
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(window, &mut self.out, last);
            self.out.truncate(written);
            self.at = 0;
            self.ended = last && result == CoderResult::InputEmpty;
            self.from.consume(read);
        }
        let rest = self.out.get(self.at..).unwrap_or(&[]);
        if rest.is_empty() {
            return self
                .from
                .error
                .take()
                .map_or(Ok(0), |why| Err(io::Error::other(why)));
        }
        let count = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            into.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
