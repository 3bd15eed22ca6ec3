//! Lumberjack version 2, as Beats speak it: a window of events, each as JSON, often compressed.
//!
//! `2W` count; then as many events: `2J` number, length, JSON; or `2C` length, zlib of such events. The
//! answer is `2A` and the number of the last. Lengths are the sender's word, so each has a limit; what is
//! compressed may not be compressed again.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

/// Most events of a window. Beats send 2,048 at most where nobody tuned them.
pub const MAX_WINDOW_EVENTS: u32 = 65_536;

/// Largest event that is kept, in bytes; of a larger one only its size.
pub const MAX_EVENT_BYTES: u32 = 1 << 20;

/// Most bytes that one compressed frame may take, and become.
pub const MAX_COMPRESSED_BYTES: u32 = 64 << 20;
const MAX_INFLATED_BYTES: u64 = 512 << 20;

/// What stands before an event: two bytes, its number, its length.
const VERSION: u8 = b'2';

/// One event of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number within the window.
    pub number: u32,
    /// JSON; empty where it was too large.
    pub content: Vec<u8>,
    /// Bytes that were passed over.
    pub over: u64,
}

/// Who takes the events; an error of it ends the reading.
pub type Taker<'t> = &'t mut dyn FnMut(Event) -> io::Result<()>;

/// Reads one window, and says the number of its last event; none where the stream ends before one.
///
/// What is no lumberjack is an error of [`io::ErrorKind::InvalidData`].
pub fn read_window(from: &mut dyn Read, take: Taker<'_>) -> io::Result<Option<u32>> {
    let Some(kind) = frame(from)? else {
        return Ok(None);
    };
    if kind != b'W' {
        return bad("expected a window");
    }
    let count = number(from)?;
    if count > MAX_WINDOW_EVENTS {
        return bad("a window of too many events");
    }
    let (mut left, mut last) = (count, 0);
    while left > 0 {
        match frame(from)? {
            Some(b'J') => {
                last = event(from, take)?;
                left -= 1;
            }
            Some(b'C') => (left, last) = inflate(from, left, last, take)?,
            Some(_) => return bad("expected an event"),
            None => return bad("the window is not complete"),
        }
    }
    Ok(Some(last))
}

/// The answer to a window.
pub fn ack(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [VERSION, b'A', a, b, c, d]
}

/// The kind of the next frame; none at the end.
fn frame(from: &mut dyn Read) -> io::Result<Option<u8>> {
    let mut head = [0; 1];
    loop {
        match from.read(&mut head) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if head != [VERSION] {
        return bad("this is not version 2 of lumberjack");
    }
    let mut kind = [0; 1];
    from.read_exact(&mut kind)?;
    let [kind] = kind;
    Ok(Some(kind))
}

fn number(from: &mut dyn Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn event(from: &mut dyn Read, take: Taker<'_>) -> io::Result<u32> {
    let (number, length) = (number(from)?, number(from)?);
    let mut content = Vec::new();
    let mut over = 0;
    if length > MAX_EVENT_BYTES {
        over = io::copy(&mut from.take(u64::from(length)), &mut io::sink())?;
        if over < u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else {
        // As much as comes, not as much as is promised.
        let whole = io::copy(&mut from.take(u64::from(length)), &mut content)?;
        if whole < u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    take(Event {
        number,
        content,
        over,
    })?;
    Ok(number)
}

/// The events of a compressed frame: how many are missing of the window then, and the last number.
fn inflate(
    from: &mut dyn Read,
    mut left: u32,
    mut last: u32,
    take: Taker<'_>,
) -> io::Result<(u32, u32)> {
    let length = number(from)?;
    if length > MAX_COMPRESSED_BYTES {
        return bad("a compressed frame that is too large");
    }
    let mut inner = ZlibDecoder::new(from.take(u64::from(length))).take(MAX_INFLATED_BYTES);
    loop {
        match frame(&mut inner)? {
            Some(b'J') if left > 0 => {
                last = event(&mut inner, take)?;
                left -= 1;
            }
            Some(b'J') => return bad("more events than the window has"),
            Some(_) => return bad("expected an event in a compressed frame"),
            None if inner.limit() == 0 => return bad("a compressed frame that becomes too large"),
            None => break,
        }
    }
    let mut rest = inner.into_inner().into_inner();
    io::copy(&mut rest, &mut io::sink())?;
    Ok((left, last))
}

fn bad<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn window(count: u32) -> Vec<u8> {
        [b"2W".as_slice(), &count.to_be_bytes()].concat()
    }

    fn json(number: u32, content: &str) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [
            b"2J".as_slice(),
            &number.to_be_bytes(),
            &length,
            content.as_bytes(),
        ]
        .concat()
    }

    fn packed(frames: &[u8]) -> Vec<u8> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(frames).unwrap();
        let zlib = zlib.finish().unwrap();
        let length = u32::try_from(zlib.len()).unwrap().to_be_bytes();
        [b"2C".as_slice(), &length, &zlib].concat()
    }

    fn read(bytes: &[u8]) -> Result<(Option<u32>, Vec<String>), String> {
        let mut all = Vec::new();
        let mut from = bytes;
        let last = read_window(&mut from, &mut |event| {
            all.push(String::from_utf8(event.content).unwrap());
            Ok(())
        });
        last.map(|last| (last, all))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn windows_are_read_compressed_or_not() {
        let two = [json(1, "{}"), json(2, "{\"a\":1}")].concat();
        let expected = Ok((Some(2), vec!["{}".to_owned(), "{\"a\":1}".to_owned()]));
        assert_eq!(read(&[window(2), two.clone()].concat()), expected);
        assert_eq!(read(&[window(2), packed(&two)].concat()), expected);
        let split = [window(2), packed(&json(1, "{}")), json(2, "{\"a\":1}")].concat();
        assert_eq!(read(&split), expected);
        assert_eq!(read(b""), Ok((None, vec![])));
        assert_eq!(ack(2), *b"2A\0\0\0\x02");
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let check = |bytes: Vec<u8>, expected: &str| {
            let got = read(&bytes).unwrap_err();
            assert!(got.contains(expected), "{got}");
        };
        check(b"GET / HTTP/1.1\r\n".to_vec(), "not version 2");
        check(json(1, "{}"), "expected a window");
        check(window(MAX_WINDOW_EVENTS + 1), "too many events");
        check([window(2), json(1, "{}")].concat(), "not complete");
        let twice = packed(&packed(&json(1, "{}")));
        check([window(1), twice].concat(), "expected an event");
        check(
            [window(1), packed(&json(1, "{}").repeat(2))].concat(),
            "more events",
        );
        check(
            [window(1), b"2C\xff\xff\xff\xff".to_vec()].concat(),
            "too large",
        );
        check([window(1), b"2C\0\0\0\x04zlib".to_vec()].concat(), "");
    }

    #[test]
    fn a_large_event_is_passed_over_and_counted() {
        let large = "x".repeat(usize::try_from(MAX_EVENT_BYTES).unwrap() + 1);
        let bytes = [window(2), packed(&json(1, &large)), json(2, "{}")].concat();
        let mut overs = Vec::new();
        let mut from = bytes.as_slice();
        let last = read_window(&mut from, &mut |event| {
            overs.push((event.content.len(), event.over));
            Ok(())
        });
        assert_eq!(last.unwrap(), Some(2));
        assert_eq!(overs, [(0, large.len() as u64), (2, 0)]);
    }
}
