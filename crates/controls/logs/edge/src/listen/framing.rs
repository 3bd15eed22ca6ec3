//! Messages out of a stream of bytes: octet-counted or ended by a newline, told apart as RFC 6587 says.
//!
//! A count is believed only if the message begins like one of syslog (`83 <34>1 …`): else a line that
//! begins with a number would swallow what follows it.

/// Longest message that is kept, in bytes; the rest of a longer one is passed over and counted.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Most digits of a count. A longer number is part of a line.
const MAX_DIGITS: usize = 9;

/// How messages may be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line a message.
    Lines,
    /// Octet-counted, or a line: each message tells.
    Syslog,
}

/// Puts messages together. Holds at most [`MAX_MESSAGE_BYTES`] of one.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    message: Vec<u8>,
    over: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a message, or within what may be its count.
    Begin,
    /// Within a line.
    Line,
    /// Within a counted message, of which so many bytes are missing.
    Counted(u64),
}

/// What a beginning is.
enum Head {
    /// Not known yet.
    Short,
    Line,
    /// A count, and how many bytes it took.
    Count(u64, usize),
}

impl Framer {
    /// Of messages framed like this.
    pub const fn new(framing: Framing) -> Self {
        Self {
            framing,
            message: Vec::new(),
            over: 0,
            state: State::Begin,
        }
    }

    /// Takes `bytes` in, and hands out each message that they end, with the bytes of it passed over.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(&[u8], u64)) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Begin => self.begin(bytes),
                State::Line => self.line(bytes, out),
                State::Counted(left) => self.counted(left, bytes, out),
            };
        }
    }

    /// The stream has ended: what is left of a message is one.
    pub fn end(&mut self, out: &mut dyn FnMut(&[u8], u64)) {
        if let State::Counted(left) = self.state {
            self.over += left;
        }
        self.hand_out(out);
    }

    fn begin<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.framing == Framing::Lines {
            self.state = State::Line;
            return bytes;
        }
        // One byte after the other: a count has eleven at most, and they may come in pieces.
        let Some((byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        self.message.push(*byte);
        match head(&self.message) {
            Head::Short => {}
            Head::Line if self.message == b"\n" => self.message.clear(),
            Head::Line if self.message.last() == Some(&b'\n') => {
                // A short line that began like a count: its end is seen once more.
                self.message.pop();
                self.state = State::Line;
                return bytes;
            }
            Head::Line => self.state = State::Line,
            Head::Count(count, digits) => {
                self.message.drain(..digits);
                self.state = State::Counted(count.saturating_sub(1)); // the `<` is there already
            }
        }
        rest
    }

    fn line<'b>(&mut self, bytes: &'b [u8], out: &mut dyn FnMut(&[u8], u64)) -> &'b [u8] {
        let newline = memchr::memchr(b'\n', bytes);
        let (piece, rest) = bytes.split_at(newline.unwrap_or(bytes.len()));
        self.keep(piece);
        if newline.is_some() {
            self.hand_out(out);
        }
        rest.get(1..).unwrap_or_default() // default: because the piece was all of it
    }

    fn counted<'b>(
        &mut self,
        left: u64,
        bytes: &'b [u8],
        out: &mut dyn FnMut(&[u8], u64),
    ) -> &'b [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(here);
        self.keep(piece);
        let left = left - here as u64;
        self.state = State::Counted(left);
        if left == 0 {
            self.hand_out(out);
        }
        rest
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_MESSAGE_BYTES.saturating_sub(self.message.len());
        let (kept, over) = piece.split_at(piece.len().min(room));
        self.message.extend_from_slice(kept);
        self.over += over.len() as u64;
    }

    fn hand_out(&mut self, out: &mut dyn FnMut(&[u8], u64)) {
        let end = self
            .message
            .iter()
            .rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        let message = self.message.get(..end.map_or(0, |end| end + 1));
        if let Some(message) = message.filter(|message| !message.is_empty() || self.over > 0) {
            out(message, self.over);
        }
        self.message.clear();
        (self.over, self.state) = (0, State::Begin);
    }
}

fn head(bytes: &[u8]) -> Head {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 || digits > MAX_DIGITS || bytes.first() == Some(&b'0') {
        return Head::Line;
    }
    match bytes.get(digits..) {
        None | Some([] | [b' ']) => Head::Short,
        Some([b' ', b'<', ..]) => {
            let count = bytes
                .iter()
                .take(digits)
                .fold(0, |n, byte| n * 10 + u64::from(byte - b'0'));
            Head::Count(count, digits + 1)
        }
        Some(_) => Head::Line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(framing: Framing, bytes: &[u8], at_once: usize) -> Vec<(String, u64)> {
        let mut framer = Framer::new(framing);
        let mut all = Vec::new();
        let mut out = |message: &[u8], over: u64| {
            all.push((String::from_utf8_lossy(message).into_owned(), over));
        };
        for piece in bytes.chunks(at_once) {
            framer.push(piece, &mut out);
        }
        framer.end(&mut out);
        all
    }

    fn check(bytes: &str, expected: &[&str]) {
        let expected: Vec<(String, u64)> = expected
            .iter()
            .map(|text| ((*text).to_owned(), 0))
            .collect();
        for at_once in 1..=bytes.len().max(1) {
            let got = messages(Framing::Syslog, bytes.as_bytes(), at_once);
            assert_eq!(got, expected, "{bytes:?} in pieces of {at_once}");
        }
    }

    #[test]
    fn each_message_tells_how_it_is_framed() {
        check("", &[]);
        check("<13>a\n<13>b\r\n\n<13>c", &["<13>a", "<13>b", "<13>c"]);
        check("5 <13>a6 <13>b\n5 <13>c", &["<13>a", "<13>b", "<13>c"]);
        check("5 <13>a<13>line\n5 <13>b", &["<13>a", "<13>line", "<13>b"]);
        check("7 <13>a\nb<13>c\n", &["<13>a\nb", "<13>c"]);
        check(
            "2026-11-24 started\n5 apples\n12\n<13>x\n",
            &["2026-11-24 started", "5 apples", "12", "<13>x"],
        );
        check(
            "0 <13>a\n1234567890 <13>b\n",
            &["0 <13>a", "1234567890 <13>b"],
        );
    }

    #[test]
    fn json_lines_are_never_counted() {
        let got = messages(Framing::Lines, b"5 <13>a\n{}\n", 3);
        assert_eq!(got, [("5 <13>a".to_owned(), 0), ("{}".to_owned(), 0)]);
    }

    #[test]
    fn a_message_without_end_is_cut_and_counted() {
        let long = "<13>".to_owned() + &"a".repeat(3 * MAX_MESSAGE_BYTES);
        let over = (long.len() - MAX_MESSAGE_BYTES) as u64;
        for bytes in [
            format!("{long}\n<13>b\n"),
            format!("{} {long}5 <13>b", long.len()),
        ] {
            let got = messages(Framing::Syslog, bytes.as_bytes(), 4096);
            assert_eq!((got[0].0.len(), got[0].1), (MAX_MESSAGE_BYTES, over));
            assert_eq!(got[1], ("<13>b".to_owned(), 0));
        }
    }

    #[test]
    fn what_the_end_tore_off_is_counted() {
        let got = messages(Framing::Syslog, b"100 <13>abc", 4096);
        assert_eq!(got, [("<13>abc".to_owned(), 93)]);
    }
}
