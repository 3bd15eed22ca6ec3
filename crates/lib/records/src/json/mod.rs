//! JSON by lines, in an array, one text after another, or in the list of a cloud's export. A text that
//! is broken costs itself and not the file: reading goes on at the next line.

mod walk;

use std::borrow::Cow;

use crate::{LossKind, MAX_LINE_BYTES, Place, input::Input, out::Out};

pub use walk::MAX_NESTING;
pub(crate) use walk::{Whole, fields};

/// Names under which clouds wrap a list of events.
const LISTS: [&str; 7] = [
    "Records",
    "records",
    "value",
    "events",
    "Events",
    "items",
    "logEvents",
];

pub(crate) fn read(input: &mut Input<'_>, out: &mut Out<'_>) {
    let mut by_line = true;
    loop {
        skip(input);
        let Some(first) = input.window().first().copied() else {
            return;
        };
        let place = Place::Line(input.line_number());
        match first {
            b'{' => object(input, out, place, &mut by_line),
            // An array of events, and what closes it or the object around it.
            b'[' | b']' | b'}' => input.consume(1),
            _ => broken(input, out, place, "expected `{`"),
        }
    }
}

/// Passes over blanks and commas, and the head of an object that only wraps a list.
fn skip(input: &mut Input<'_>) {
    loop {
        let window = input.window();
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',' || *byte == 0x1e;
        let count = window.iter().take_while(|byte| blank(byte)).count();
        if count == window.len() {
            consume(input, count);
            if !input.more() && input.window().is_empty() {
                return;
            }
            continue;
        }
        consume(input, count);
        match wrapper(input.window()) {
            Some(length) => consume(input, length),
            None => return,
        }
    }
}

/// The length of `{"Records": [`, if the text begins so and an object or the end follows.
fn wrapper(text: &[u8]) -> Option<usize> {
    let from = text
        .strip_prefix(b"{")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    let name = LISTS
        .iter()
        .find(|name| from.starts_with(name.as_bytes()))?;
    let rest = from
        .get(name.len()..)?
        .strip_prefix(b"\"")?
        .trim_ascii_start();
    let rest = rest
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"[")?;
    matches!(rest.trim_ascii_start().first(), Some(b'{' | b']')).then(|| text.len() - rest.len())
}

fn consume(input: &mut Input<'_>, count: usize) {
    let passed = input.window().get(..count).unwrap_or(&[]);
    let lines = memchr::memchr_iter(b'\n', passed).count() as u64;
    input.consume(count);
    input.count_lines(lines);
}

/// The object at the front of the window: its line where it is one, else up to its brace.
fn object(input: &mut Input<'_>, out: &mut Out<'_>, place: Place, by_line: &mut bool) {
    let mut limit = MAX_LINE_BYTES;
    if *by_line {
        let line = line_end(input);
        let text = input.window().get(..line).unwrap_or(&[]).trim_ascii_end();
        let read = match text.strip_suffix(b",") {
            Some(text) => event(text, out, place),
            None => event(text, out, place),
        };
        if line <= MAX_LINE_BYTES && read.is_ok() {
            consume(input, line);
            return;
        }
        // Where the next line is an event, this one does not reach into it.
        if input.window().get(line + 1) == Some(&b'{') {
            limit = line;
        }
    }
    match extent(input, limit) {
        Extent::Whole(length) => {
            let text = input.window().get(..length).unwrap_or(&[]);
            if let Err(why) = event(text, out, place) {
                out.lose(LossKind::Malformed, place, &why);
            }
            consume(input, length);
            *by_line = matches!(input.window().first(), Some(b'\n' | b'\r') | None);
        }
        Extent::Deep => {
            let why = format!("nested deeper than {MAX_NESTING}, or its braces are not closed");
            broken(input, out, place, &why);
        }
        Extent::Long if limit < MAX_LINE_BYTES => {
            broken(input, out, place, "its braces are not closed on its line");
        }
        Extent::Long => rest(input, out, place, LossKind::Long, "an event over the limit"),
        Extent::Open => rest(input, out, place, LossKind::Cut, "the file ends in it"),
    }
}

/// An event is lost with all that was looked at for its end, which may be of others: looking again from
/// each line of it would take for ever on a file that was made for that.
fn rest(input: &mut Input<'_>, out: &mut Out<'_>, place: Place, kind: LossKind, why: &str) {
    let all = input.window().len();
    out.lose(kind, place, why);
    if memchr::memchr(b'\n', input.window().trim_ascii_end()).is_some() {
        out.report.lose(LossKind::Bytes, all as u64, place, why);
    }
    consume(input, all);
    if kind == LossKind::Long {
        pass_line(input);
    }
}

/// Where the first line of the window ends; it is longer than the limit if that is.
fn line_end(input: &mut Input<'_>) -> usize {
    let mut looked = 0;
    loop {
        let rest = input.window().get(looked..).unwrap_or(&[]);
        if let Some(at) = memchr::memchr(b'\n', rest) {
            input.fill_to(looked + at + 2);
            return looked + at;
        }
        looked = input.window().len();
        if looked > MAX_LINE_BYTES || !input.more() {
            return input.window().len();
        }
    }
}

fn broken(input: &mut Input<'_>, out: &mut Out<'_>, place: Place, why: &str) {
    out.lose(LossKind::Malformed, place, why);
    pass_line(input);
}

fn pass_line(input: &mut Input<'_>) {
    // What the line says is lost, and was told.
    let _passed: bool = input.line().is_some();
}

enum Extent {
    Whole(usize),
    /// More braces are open than [`MAX_NESTING`].
    Deep,
    Long,
    /// The file ends before it is closed.
    Open,
}

/// How long the object at the front of the window is, up to `limit`.
fn extent(input: &mut Input<'_>, limit: usize) -> Extent {
    let (mut at, mut depth, mut quoted, mut escaped) = (0, 0_usize, false, false);
    loop {
        while let Some(byte) = input.window().get(at) {
            if at >= limit {
                return Extent::Long;
            }
            at += 1;
            if quoted {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => quoted = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' if depth > MAX_NESTING => return Extent::Deep,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Extent::Whole(at);
                    }
                }
                _ => {}
            }
        }
        if !input.more() && at >= input.window().len() {
            return Extent::Open;
        }
    }
}

fn event(text: &[u8], out: &mut Out<'_>, place: Place) -> Result<(), String> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(text)
                .0
        }
    };
    out.begin(place);
    fields(&text, &mut out.record, Whole::Document)?;
    if let Cow::Owned(_) = text {
        out.report.lose(LossKind::Encoding, 1, place, "not UTF-8");
    }
    crate::known::json(out);
    out.record.set_raw(&text);
    out.emit();
    Ok(())
}
