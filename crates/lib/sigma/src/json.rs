//! Events out of JSON, streamed into the flat table: no tree is built. Windows events come in many
//! wrappings (`evtx`, Winlogbeat, `NXLog`); the fields of all of them get the names that rules use.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use crate::{
    error::shorten,
    event::{Event, Kind},
};

/// Bytes of one event's JSON.
pub const MAX_JSON_BYTES: usize = 8 << 20;

/// JSON that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Too long.
    #[error("event of {0} bytes, over the limit of {MAX_JSON_BYTES}")]
    TooLong(usize),
    /// No JSON, or no object.
    #[error("no event: {0}")]
    Wrong(String),
}

impl Event {
    /// Empties it and reads a JSON object. Of an event that cannot be read nothing is kept.
    pub fn read_json(&mut self, json: &[u8]) -> Result<(), JsonError> {
        self.clear();
        if json.len() > MAX_JSON_BYTES {
            return Err(JsonError::TooLong(json.len()));
        }
        // Once for all is faster than once a string.
        let text =
            std::str::from_utf8(json).map_err(|error| JsonError::Wrong(error.to_string()))?;
        let mut walk = Walk {
            path: std::mem::take(&mut self.path),
            event: self,
        };
        walk.path.clear();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = Member {
            walk: &mut walk,
            at: At::Root,
            root: true,
        }
        .deserialize(&mut deserializer);
        let read = read.and_then(|()| deserializer.end());
        self.path = walk.path;
        if let Err(error) = read {
            self.clear();
            return Err(JsonError::Wrong(shorten(&error.to_string())));
        }
        self.finish();
        Ok(())
    }
}

/// Where in a wrapping a value is; `usize` is where its short name begins in the path.
#[derive(Clone, Copy)]
enum At {
    Root,
    /// `Event` of the `evtx` crate.
    Event,
    /// `System`: attributes are joined to their element with `_`.
    System(usize),
    /// `EventData`.
    Data(usize),
    /// `UserData`, whose fields are one element deeper.
    UserData,
    /// `winlog` of Winlogbeat.
    Winlog,
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
            (Self::Root | Self::Event, "EventData")
            | (Self::Winlog, "event_data" | "user_data")
            | (Self::UserData, _) => Self::Data(end + 1),
            (Self::Root | Self::Event, "UserData") => Self::UserData,
            (Self::System(from), _) => Self::System(from),
            (Self::Data(from), _) => Self::Data(from),
            (Self::Root | Self::Event | Self::Winlog | Self::Plain, _) => Self::Plain,
        }
    }
}

struct Walk<'e> {
    event: &'e mut Event,
    path: String,
}

impl Walk<'_> {
    /// A value is at the path: it gets its names.
    fn leaf(&mut self, at: At, kind: Kind, write: impl FnOnce(&mut String)) {
        let Some(value) = self.event.value(kind, write) else {
            return;
        };
        self.event.named(&self.path, value);
        match at {
            At::System(from) => self.system(from, value),
            At::Data(from) => {
                let short = self.path.get(from..).unwrap_or("");
                let short = short.strip_suffix(".#text").unwrap_or(short);
                let attribute = short.as_bytes().contains(&b'#') && short.contains("#attributes");
                if !short.is_empty() && !attribute {
                    self.event.named(short, value);
                }
            }
            At::Plain => self.winlogbeat(value),
            At::Root | At::Event | At::UserData | At::Winlog => {}
        }
    }

    /// `Provider.#attributes.Name` is `Provider_Name`, `EventID.#text` is `EventID`.
    fn system(&mut self, from: usize, value: u32) {
        let short = self.path.get(from..).unwrap_or("");
        let (element, attribute) = if short.as_bytes().contains(&b'.') {
            short
                .split_once(".#attributes.")
                .or_else(|| short.split_once("_attributes."))
                .unwrap_or((short.strip_suffix(".#text").unwrap_or(short), ""))
        } else {
            (short, "")
        };
        if element.is_empty() {
            return;
        }
        if attribute.is_empty() {
            self.event.named(element, value);
        } else {
            self.event.named_parts(&[element, "_", attribute], value);
        }
    }

    fn winlogbeat(&mut self, value: u32) {
        let name = match self.path.as_str() {
            "winlog.channel" => "Channel",
            "winlog.event_id" => "EventID",
            "winlog.provider_name" => "Provider_Name",
            "winlog.computer_name" => "Computer",
            "winlog.record_id" => "EventRecordID",
            _ => return,
        };
        self.event.named(name, value);
    }
}

/// A value at the path.
struct Member<'w, 'e> {
    walk: &'w mut Walk<'e>,
    at: At,
    /// The whole document, which must be an object.
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

    fn display<E: serde::de::Error>(self, kind: Kind, value: impl fmt::Display) -> Result<(), E> {
        self.leaf(kind, |texts| {
            use fmt::Write as _;
            // A `String` takes all that is written.
            let written = write!(texts, "{value}");
            debug_assert!(written.is_ok());
        })
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
        self.leaf(Kind::Bool, |texts| {
            texts.push_str(if value { "true" } else { "false" });
        })
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.display(Kind::Number, value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.display(Kind::Number, value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.display(Kind::Number, value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Kind::Text, |texts| texts.push_str(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.leaf(Kind::Null, |_| {})
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.root {
            return Err(A::Error::custom("expected an object"));
        }
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
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let base = self.walk.path.len();
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
            let at = self.at.below(
                self.walk.path.get(from..).unwrap_or(""),
                self.walk.path.len(),
            );
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
