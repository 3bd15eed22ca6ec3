//! Windows events as XML: what the event viewer, `wevtutil` and forwarders write. The declaration and the
//! elements around the events are of no matter; each `<Event>` is one, wherever it is.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use crate::{
    LossKind, MAX_LINE_BYTES, MAX_NESTING, Place, input::Input, known, out::Out, record::Kind,
};

pub(crate) fn read(input: &mut Input<'_>, out: &mut Out<'_>) {
    // An event is cut out by its tags and read alone: one that is broken costs itself.
    while let Some((length, place)) = next(input, out) {
        let text = out.decoded(input.window().get(..length).unwrap_or(&[]), place);
        out.begin(place);
        match event(&text, out) {
            Ok(()) => {
                known::json(out);
                out.record.source.product = "windows";
                out.record.set_raw(&text);
                out.emit();
            }
            Err(why) => out.lose(LossKind::Malformed, place, &why),
        }
        input.consume(length);
    }
}

const BEGIN: &[u8] = b"<Event";
const END: &[u8] = b"</Event>";

/// Moves to the next event; its length.
fn next(input: &mut Input<'_>, out: &mut Out<'_>) -> Option<(usize, Place)> {
    loop {
        let window = input.window();
        let Some(at) = memchr::memmem::find(window, BEGIN) else {
            let keep = window.len().min(BEGIN.len() - 1);
            let passed = window.len() - keep;
            input.consume(passed);
            if !input.more() {
                return None;
            }
            continue;
        };
        input.consume(at);
        input.fill_to(BEGIN.len() + 1);
        // `<Events>` and `<EventData>` begin like it.
        let after = input.window().get(BEGIN.len()).copied();
        if after.is_some_and(|byte| byte == b'>' || byte == b'/' || byte.is_ascii_whitespace()) {
            break;
        }
        input.consume(BEGIN.len());
    }
    let place = Place::Byte(input.offset());
    let mut looked = 0;
    loop {
        let rest = input.window().get(looked..).unwrap_or(&[]);
        if let Some(at) = memchr::memmem::find(rest, END) {
            return Some((looked + at + END.len(), place));
        }
        looked = input.window().len().saturating_sub(END.len());
        if looked > MAX_LINE_BYTES {
            out.lose(LossKind::Long, place, "an event over the limit");
            input.consume(looked);
            return next(input, out);
        }
        if !input.more() {
            out.lose(LossKind::Cut, place, "the file ends in it");
            return None;
        }
    }
}

/// The character of `65` or `x41`.
fn numbered(digits: &str) -> Option<char> {
    let hex = digits.strip_prefix('x');
    let radix = if hex.is_some() { 16 } else { 10 };
    let code = u32::from_str_radix(hex.unwrap_or(digits), radix);
    code.map_or(None, char::from_u32)
}

/// Where in an event the reader is.
#[derive(Default)]
struct Inside {
    /// Names of the open elements.
    path: Vec<String>,
    /// `Name` of the open `Data`.
    data: Option<String>,
    text: String,
    /// Whether the open element has an element in it.
    parent: bool,
}

fn event(text: &str, out: &mut Out<'_>) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut at = Inside::default();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => at.open(&start, out)?,
            Event::Empty(start) => {
                at.open(&start, out)?;
                at.close(out);
            }
            Event::End(_) => at.close(out),
            Event::Text(inner) => at.text.push_str(&inner),
            Event::CData(inner) => at.text.push_str(&inner),
            Event::GeneralRef(inner) => at.refer(&inner),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

impl Inside {
    fn section(&self) -> &str {
        self.path.get(1).map_or("", String::as_str)
    }

    fn open(&mut self, start: &BytesStart<'_>, out: &mut Out<'_>) -> Result<(), String> {
        if self.path.len() >= MAX_NESTING {
            return Err(format!("nested deeper than {MAX_NESTING}"));
        }
        self.path.push(local(start.name().as_ref()));
        (self.data, self.parent) = (None, false);
        self.text.clear();
        for attribute in start.attributes().flatten() {
            let key = local(attribute.key.as_ref());
            let mut value = Self::default();
            value.unescape(&attribute.value);
            if self.section() == "System" && self.path.len() == 3 {
                let element = self.path.last().map_or("", String::as_str);
                out.record.guess(&format!("{element}_{key}"), &value.text);
            } else if key == "Name" {
                self.data = Some(value.text);
            }
        }
        Ok(())
    }

    fn unescape(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('&') {
            self.text.push_str(before);
            if let Some((name, after)) = after.split_once(';') {
                self.refer(name);
                rest = after;
            } else {
                self.text.push('&');
                rest = after;
            }
        }
        self.text.push_str(rest);
    }

    fn refer(&mut self, name: &str) {
        let known = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => name.strip_prefix('#').and_then(numbered),
        };
        match known {
            Some(c) => self.text.push(c),
            None => self.text.extend(["&", name, ";"]),
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some(name) = self.path.pop() else {
            return;
        };
        let (depth, section) = (
            self.path.len() + 1,
            self.path.get(1).map_or("", String::as_str),
        );
        let empty = self.text.trim().is_empty();
        if !self.parent {
            let record = &mut out.record;
            let named = self.data.take().unwrap_or(name);
            match section {
                "EventData" | "UserData" if depth >= 3 => {
                    if empty {
                        record.add(&named, Kind::Null, |_| {});
                    } else {
                        record.guess(&named, &self.text);
                    }
                }
                "System" if !empty => record.guess(&named, self.text.trim()),
                "RenderingInfo" if !empty && depth == 3 => {
                    record.text(&format!("RenderingInfo.{named}"), self.text.trim());
                    if named == "Message" {
                        record.text("Message", self.text.trim());
                    }
                }
                _ => {}
            }
        }
        self.parent = true;
        self.text.clear();
        self.data = None;
    }
}
