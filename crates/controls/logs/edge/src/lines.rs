//! Lines of a stream of bytes, each of bounded size, whatever the bytes are.
//!
//! What an attacker writes into a log is evidence, so no byte of it is replaced: see [`escape`].

use std::{
    borrow::Cow,
    fmt::Write,
    io::{self, BufRead},
};

use cordon_model::{MAX_TEXT_BYTES, Text};

/// Longest line that is kept, in bytes; the rest of a longer one is passed over and counted.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Hands out lines without their end. The last one counts even without a newline.
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    splitter: Splitter,
    /// Bytes passed over in lines longer than [`MAX_LINE_BYTES`].
    pub cut: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `from`.
    pub const fn new(from: R) -> Self {
        Self {
            from,
            splitter: Splitter::new(),
            cut: 0,
        }
    }

    /// The next line, with bytes that are no UTF-8 [escaped](escape); none at the end.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let chunk = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let (used, ended) = self.splitter.take(chunk);
            let last = chunk.is_empty() && self.splitter.holds();
            if !ended && !last && chunk.is_empty() {
                return Ok(None);
            }
            self.from.consume(used);
            if ended || last {
                self.cut += self.splitter.over;
                let text = self.splitter.text().into_owned();
                self.splitter.clear();
                return Ok(Some(text));
            }
        }
    }
}

/// Puts a line together from pieces.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    line: Vec<u8>,
    begun: bool,
    /// Bytes of this line that were passed over.
    pub(crate) over: u64,
}

impl Splitter {
    pub(crate) const fn new() -> Self {
        Self {
            line: Vec::new(),
            begun: false,
            over: 0,
        }
    }

    /// Takes what belongs to this line: how many bytes that was, and whether the line has ended.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> (usize, bool) {
        let newline = memchr::memchr(b'\n', chunk);
        let (piece, _) = chunk.split_at(newline.unwrap_or(chunk.len()));
        let (kept, over) = piece.split_at(piece.len().min(MAX_LINE_BYTES - self.line.len()));
        self.line.extend_from_slice(kept);
        self.over += over.len() as u64;
        self.begun |= !chunk.is_empty();
        (newline.map_or(chunk.len(), |at| at + 1), newline.is_some())
    }

    /// Whether there is anything of a line.
    pub(crate) const fn holds(&self) -> bool {
        self.begun
    }

    /// The line, without its end.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        escape(self.line.strip_suffix(b"\r").unwrap_or(&self.line))
    }

    /// Makes room for the next line.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
        self.begun = false;
        self.over = 0;
    }
}

/// `text` as a fact keeps it; what is missing at its end is told, with the bytes that were `over`.
pub(crate) fn kept(text: &str, over: u64) -> Text {
    const NOTE: usize = 40; // room for "… (+18446744073709551615 bytes cut)"
    if over == 0 {
        return Text::new(text);
    }
    let end = text.floor_char_boundary(MAX_TEXT_BYTES - NOTE);
    let (head, tail) = text.split_at(end);
    Text::new(&format!(
        "{head}… (+{} bytes cut)",
        tail.len() as u64 + over
    ))
}

/// Bytes as text of which none is lost: what is no UTF-8 is written `\xNN`, in lower case.
///
/// Such bytes are all above `\x7f`. So that [`unescape`] is exact, the backslash of a text that already
/// looks like one of our escapes (`\x5c`, `\x80` to `\xff` in lower case) is written `\x5c`; nothing else
/// is touched: neither `C:\xampp` nor the `\x16\x03` and `\xE2` that nginx writes.
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains("\\x") => return Cow::Borrowed(text),
        _ => {}
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find("\\x") {
            let (plain, escape) = rest.split_at(at);
            out.push_str(plain);
            let looks = escaped(escape.as_bytes()).is_some();
            out.push_str(if looks { "\\x5c" } else { "\\" });
            rest = escape.strip_prefix('\\').unwrap_or(escape);
        }
        out.push_str(rest);
        for byte in chunk.invalid() {
            let written = write!(out, "\\x{byte:02x}");
            debug_assert!(written.is_ok(), "a String takes everything");
        }
    }
    Cow::Owned(out)
}

/// The bytes that [`escape`] was given.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, left) = match escaped(rest) {
            Some(byte) => (byte, rest.get(4..).unwrap_or_default()), // default: because it has four
            None => (*first, after),
        };
        out.push(byte);
        rest = left;
    }
    out
}

/// The byte that an escape of ours at the start of `text` stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let &[b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let byte = digit(high)? * 16 + digit(low)?;
    (byte >= 0x80 || byte == b'\\').then_some(byte)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(bytes: &[u8]) -> (Vec<String>, u64) {
        let mut lines = Lines::new(BufReader::with_capacity(7, bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push(line);
        }
        (all, lines.cut)
    }

    #[test]
    fn every_line_comes_once_whatever_its_bytes() {
        assert_eq!(lines(b""), (vec![], 0));
        assert_eq!(lines(b"\n\r\n"), (vec![String::new(), String::new()], 0));
        let got = lines(b"first line\r\n\xff\xfe\nno newline");
        let expected = ["first line", "\\xff\\xfe", "no newline"].map(str::to_owned);
        assert_eq!(got, (expected.to_vec(), 0));
    }

    #[test]
    fn a_line_without_end_is_cut_and_counted() {
        let mut bytes = vec![b'a'; MAX_LINE_BYTES + 10];
        bytes.extend_from_slice(b"\nnext\n");
        let (all, cut) = lines(&bytes);
        assert_eq!(
            (all[0].len(), all[1].as_str(), cut),
            (MAX_LINE_BYTES, "next", 10)
        );
    }

    #[test]
    fn no_byte_is_lost() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(escape(bytes), expected);
            assert_eq!(unescape(expected), bytes, "{expected}");
        };
        check(b"plain \0 text", "plain \0 text");
        check("gr\u{fc}n".as_bytes(), "gr\u{fc}n");
        check(b"gr\xfcn", "gr\\xfcn");
        check(b"\xe2\x82", "\\xe2\\x82");
        check(b"C:\\xampp \\x16\\x03 \\xE2", "C:\\xampp \\x16\\x03 \\xE2");
        check(b"\\xfc \\x5c \\\\xfc", "\\x5cxfc \\x5cx5c \\\\x5cxfc");
        check(b"\\\xff \\x\xff \\xf\xff", "\\\\xff \\x\\xff \\xf\\xff");
    }

    #[test]
    fn escaping_is_undone_exactly_for_every_short_mixture() {
        let alphabet = [b'\\', b'x', b'5', b'c', b'f', 0xff, 0xc3, 0xa4];
        for code in 0..8_usize.pow(6) {
            let bytes: Vec<u8> = (0..6).map(|at| alphabet[code >> (3 * at) & 7]).collect();
            assert_eq!(unescape(&escape(&bytes)), bytes, "{bytes:x?}");
        }
    }

    #[test]
    fn a_cut_text_says_how_much_is_missing() {
        assert_eq!(kept("short", 0).as_str(), "short");
        let text = kept(&"a".repeat(MAX_LINE_BYTES), 10);
        let missing = MAX_LINE_BYTES - (MAX_TEXT_BYTES - 40) + 10;
        assert!(
            text.as_str()
                .ends_with(&format!("a… (+{missing} bytes cut)"))
        );
    }
}
