//! Lines of a stream of bytes, each of bounded size, whatever the bytes are.

use std::io::{self, BufRead};

/// Longest line that is kept, in bytes; the rest of a longer one is passed over and counted.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Hands out lines without their end. The last one counts even without a newline.
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    line: Vec<u8>,
    /// Bytes passed over in lines longer than [`MAX_LINE_BYTES`].
    pub cut: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `from`.
    pub const fn new(from: R) -> Self {
        Self {
            from,
            line: Vec::new(),
            cut: 0,
        }
    }

    /// The next line, with bytes that are no UTF-8 replaced; none at the end.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        self.line.clear();
        let mut begun = false;
        loop {
            let chunk = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if chunk.is_empty() {
                return Ok(begun.then(|| self.text()));
            }
            begun = true;
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let piece = chunk
                .get(..newline.unwrap_or(chunk.len()))
                .unwrap_or_default(); // default: because it is within
            let room = MAX_LINE_BYTES - self.line.len();
            let kept = piece.len().min(room);
            self.line
                .extend_from_slice(piece.get(..kept).unwrap_or_default()); // default: because it is within
            self.cut += (piece.len() - kept) as u64;
            let used = newline.map_or(chunk.len(), |at| at + 1);
            self.from.consume(used);
            if newline.is_some() {
                return Ok(Some(self.text()));
            }
        }
    }

    fn text(&self) -> String {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        String::from_utf8_lossy(line).into_owned()
    }
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
        let expected = ["first line", "\u{fffd}\u{fffd}", "no newline"].map(str::to_owned);
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
}
