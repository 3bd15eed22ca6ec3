//! The fields of one JSON text, streamed: no tree is built. Windows events come in many wrappings
//! (`evtx`, Winlogbeat, XML turned into JSON); their fields get the names that rules use.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::record::{Kind, Record};

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
    let mut walk = Walk {
        path: std::mem::take(&mut record.path),
        record,
        depth: 0,
    };
    walk.path.clear();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let member = Member {
        walk: &mut walk,
        at,
        root: true,
    };
    let read = member.deserialize(&mut deserializer);
    let read = read.and_then(|()| deserializer.end());
    let path = std::mem::take(&mut walk.path);
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

struct Walk<'r> {
    record: &'r mut Record,
    path: String,
    depth: usize,
}

impl Walk<'_> {
    /// A value is at the path.
    fn leaf(&mut self, at: At, kind: Kind, write: impl FnOnce(&mut String)) {
        match at {
            At::System(from) => self.system(from, kind, write),
            At::Data(from) => {
                let short = self.path.get(from..).unwrap_or("");
                let short = short.strip_suffix(".#text").unwrap_or(short);
                // An element without fields is its own name; attributes are of XML and not of the event.
                let short = if short.is_empty() {
                    self.path.rsplit('.').next().unwrap_or("")
                } else {
                    short
                };
                if !(short.starts_with("#attributes") || short.starts_with("@xmlns")) {
                    self.record.add(short, kind, write);
                }
            }
            At::Beat(from) => {
                let index = self.record.len();
                self.record.add(&self.path, kind, write);
                let short = self.path.get(from..).unwrap_or("");
                if !short.is_empty() {
                    self.record.alias(index, short);
                }
            }
            At::Nothing => {}
            At::Root | At::Event | At::UserData | At::Winlog | At::Plain => {
                self.record.add(&self.path, kind, write);
            }
        }
    }

    /// `Provider.#attributes.Name` is `Provider_Name`, `EventID.#text` is `EventID`.
    fn system(&mut self, from: usize, kind: Kind, write: impl FnOnce(&mut String)) {
        let short = self.path.get(from..).unwrap_or("");
        if !short.contains('.') {
            if !short.is_empty() {
                self.record.add(short, kind, write);
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
            self.record.add(element, kind, write);
        } else {
            let mut name = String::with_capacity(element.len() + attribute.len() + 1);
            name.push_str(element);
            name.push('_');
            name.push_str(attribute);
            self.record.add(&name, kind, write);
        }
    }

    /// `{"@Name": "X", "#text": "v"}` in a list `Data` is the field `X`.
    fn named_data(&mut self, mark: usize) {
        let (mut name, mut text) = (None, None);
        for (index, (field, _, value)) in self.record.since(mark).enumerate() {
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
            self.record.keep_as(mark, mark + index, &name);
        } else {
            self.record.truncate(mark);
            self.record.add(&name, Kind::Null, |_| {});
        }
    }
}

/// A value at the path.
struct Member<'w, 'r> {
    walk: &'w mut Walk<'r>,
    at: At,
    /// The whole text, which must be an object.
    root: bool,
}

impl Member<'_, '_> {
    fn leaf<E: serde::de::Error>(
        self,
        kind: Kind,
        write: impl FnOnce(&mut String),
    ) -> Result<(), E> {
        if self.root {
            return Err(E::custom("expected an object"));
        }
        self.walk.leaf(self.at, kind, write);
        Ok(())
    }

    fn display<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        self.leaf(Kind::Number, |values| {
            let written = write!(values, "{value}");
            debug_assert!(written.is_ok()); // a `String` takes all that is written
        })
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.walk.depth += 1;
        if self.walk.depth > MAX_NESTING {
            return Err(E::custom(format!("nested deeper than {MAX_NESTING}")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        let text = if value { "true" } else { "false" };
        self.leaf(Kind::Bool, |values| values.push_str(text))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Kind::Text, |values| values.push_str(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.leaf(Kind::Null, |_| {})
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        if self.root {
            return Err(A::Error::custom("expected an object"));
        }
        self.deeper()?;
        let mut any = false;
        while items
            .next_element_seed(Member {
                walk: &mut *self.walk,
                at: self.at,
                root: false,
            })?
            .is_some()
        {
            any = true;
        }
        if !any {
            self.walk.leaf(self.at, Kind::Null, |_| {});
        }
        self.walk.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.deeper()?;
        let (base, mark) = (self.walk.path.len(), self.walk.record.len());
        let mut any = false;
        loop {
            self.walk.path.truncate(base);
            if base != 0 {
                self.walk.path.push('.');
            }
            let from = self.walk.path.len();
            if members.next_key_seed(KeyOf(&mut self.walk.path))?.is_none() {
                break;
            }
            any = true;
            let end = self.walk.path.len();
            let at = self.at.below(self.walk.path.get(from..).unwrap_or(""), end);
            members.next_value_seed(Member {
                walk: &mut *self.walk,
                at,
                root: false,
            })?;
        }
        self.walk.path.truncate(base);
        if !any && base != 0 {
            self.walk.leaf(self.at, Kind::Null, |_| {});
        }
        if matches!(self.at, At::Data(_)) && self.walk.path.ends_with(".Data") {
            self.walk.named_data(mark);
        }
        self.walk.depth -= 1;
        Ok(())
    }
}

/// Appends a key to the path.
struct KeyOf<'p>(&'p mut String);

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        self.0.push_str(key);
        Ok(())
    }
}
