//! The fields of one JSON text, streamed: no tree is built. Windows events come in many wrappings
//! (`evtx`, Winlogbeat, XML turned into JSON); their fields get the names that rules use.

use flatjson::{Kind, Sink, walk};

use crate::record::Record;

/// Objects and arrays inside of one another; an event that is deeper is lost and told.
pub const MAX_NESTING: usize = 64;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// An event, in whatever wrapping.
    Document,
    /// A part of one: its names are paths and nothing else.
    Part,
}

/// Adds the fields of an object to `record`.
pub(crate) fn fields(json: &str, record: &mut Record, whole: Whole) -> Result<(), String> {
    let at = match whole {
        Whole::Document => At::Root,
        Whole::Part => At::Plain,
    };
    let mut path = std::mem::take(&mut record.path);
    let read = walk(json, MAX_NESTING, &mut path, at, &mut Named(record));
    record.path = path;
    read.map_err(|error| error.to_string())
}

/// Where in a wrapping a value is; `usize` is where its short name begins in the path.
#[derive(Clone, Copy)]
enum At {
    Root,
    /// `Event` of the `evtx` crate and of XML turned into JSON.
    Event,
    /// `System`: attributes are joined to their element with `_`.
    System(usize),
    /// `EventData`.
    Data(usize),
    /// `UserData`, whose fields are one element deeper.
    UserData,
    /// `winlog` of Winlogbeat.
    Winlog,
    /// `event_data` of Winlogbeat.
    Beat(usize),
    /// Attributes of the XML that was there before, and nothing of the event.
    Nothing,
    /// Nowhere special.
    Plain,
}

impl At {
    /// Below `key`, whose name ends at `end` of the path.
    fn below(self, key: &str, end: usize) -> Self {
        match (self, key) {
            (Self::Root, "Event") => Self::Event,
            (Self::Root, "winlog") => Self::Winlog,
            (Self::Root | Self::Event, "System") => Self::System(end + 1),
            (Self::Root | Self::Event, "UserData") => Self::UserData,
            (Self::Winlog, "event_data" | "user_data") => Self::Beat(end + 1),
            (Self::Event | Self::UserData, "#attributes" | "@xmlns" | "$") => Self::Nothing,
            (Self::Root | Self::Event, "EventData") | (Self::UserData, _) => Self::Data(end + 1),
            (Self::System(_) | Self::Data(_) | Self::Beat(_) | Self::Nothing, _) => self,
            (Self::Root | Self::Event | Self::Winlog | Self::Plain, _) => Self::Plain,
        }
    }
}

/// Names fields as rules call them.
struct Named<'r>(&'r mut Record);

impl Sink for Named<'_> {
    type At = At;

    fn value(&mut self, path: &str, at: At, kind: Kind, write: impl FnOnce(&mut String)) {
        match at {
            At::System(from) => self.system(path.get(from..).unwrap_or(""), kind, write),
            At::Data(from) => {
                let short = path.get(from..).unwrap_or("");
                let short = short.strip_suffix(".#text").unwrap_or(short);
                // An element without fields is its own name; attributes are of XML and not of the event.
                let short = if short.is_empty() {
                    path.rsplit('.').next().unwrap_or("")
                } else {
                    short
                };
                if !(short.starts_with("#attributes") || short.starts_with("@xmlns")) {
                    self.0.add(short, kind, write);
                }
            }
            At::Beat(from) => {
                let index = self.0.len();
                self.0.add(path, kind, write);
                let short = path.get(from..).unwrap_or("");
                if !short.is_empty() {
                    self.0.alias(index, short);
                }
            }
            At::Nothing => {}
            At::Root | At::Event | At::UserData | At::Winlog | At::Plain => {
                self.0.add(path, kind, write);
            }
        }
    }

    fn below(&self, at: At, key: &str, end: usize) -> At {
        at.below(key, end)
    }

    fn taken(&self) -> usize {
        self.0.len()
    }

    fn closed(&mut self, path: &str, at: At, before: usize) {
        if matches!(at, At::Data(_)) && path.ends_with(".Data") {
            self.named_data(before);
        }
    }
}

impl Named<'_> {
    /// `Provider.#attributes.Name` is `Provider_Name`, `EventID.#text` is `EventID`.
    fn system(&mut self, short: &str, kind: Kind, write: impl FnOnce(&mut String)) {
        if !short.contains('.') {
            if !short.is_empty() {
                self.0.add(short, kind, write);
            }
            return;
        }
        let text = short
            .strip_suffix(".#text")
            .or_else(|| short.strip_suffix(".$t"));
        let mut parts = ".#attributes. _attributes. .@ .$.".split(' ');
        let (element, attribute) = parts
            .find_map(|between| short.split_once(between))
            .unwrap_or((text.unwrap_or(short), ""));
        if element.is_empty() {
            return;
        }
        if attribute.is_empty() {
            self.0.add(element, kind, write);
        } else {
            let mut name = String::with_capacity(element.len() + attribute.len() + 1);
            name.push_str(element);
            name.push('_');
            name.push_str(attribute);
            self.0.add(&name, kind, write);
        }
    }

    /// `{"@Name": "X", "#text": "v"}` in a list `Data` is the field `X`.
    fn named_data(&mut self, mark: usize) {
        let (mut name, mut text) = (None, None);
        for (index, (field, _, value)) in self.0.since(mark).enumerate() {
            match field.rsplit_once('.').map_or(field, |(_, last)| last) {
                "@Name" | "Name" | "name" | "_Name" => name = Some(value.to_owned()),
                "#text" | "$t" | "text" | "Value" | "content" | "_" | "Text" | "Data" => {
                    text = Some(index);
                }
                _ => return,
            }
        }
        let Some(name) = name else {
            return;
        };
        if let Some(index) = text {
            self.0.keep_as(mark, mark + index, &name);
        } else {
            self.0.truncate(mark);
            self.0.add(&name, Kind::Null, |_| {});
        }
    }
}
