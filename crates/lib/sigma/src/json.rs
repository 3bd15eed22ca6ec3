//! Events out of JSON, streamed into the flat table: no tree is built. Windows events come in many
//! wrappings (`evtx`, Winlogbeat, `NXLog`); the fields of all of them get the names that rules use.

use flatjson::{Kind, Sink, walk};
use thiserror::Error;

use crate::{error::shorten, event::Event};

/// Bytes of one event's JSON.
pub const MAX_JSON_BYTES: usize = 8 << 20;

/// Objects and lists inside of one another.
pub const MAX_JSON_NESTING: usize = 127;

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
        let mut path = std::mem::take(&mut self.path);
        let read = walk(
            text,
            MAX_JSON_NESTING,
            &mut path,
            At::Root,
            &mut Named(self),
        );
        self.path = path;
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

/// Gives every value its path for a name, and those that rules use.
struct Named<'e>(&'e mut Event);

impl Sink for Named<'_> {
    type At = At;

    fn value(&mut self, path: &str, at: At, kind: Kind, write: impl FnOnce(&mut String)) {
        let Some(value) = self.0.value(kind, write) else {
            return;
        };
        self.0.named(path, value);
        match at {
            At::System(from) => self.system(path.get(from..).unwrap_or(""), value),
            At::Data(from) => {
                let short = path.get(from..).unwrap_or("");
                let short = short.strip_suffix(".#text").unwrap_or(short);
                let attribute = short.as_bytes().contains(&b'#') && short.contains("#attributes");
                if !short.is_empty() && !attribute {
                    self.0.named(short, value);
                }
            }
            At::Plain => self.winlogbeat(path, value),
            At::Root | At::Event | At::UserData | At::Winlog => {}
        }
    }

    fn below(&self, at: At, key: &str, end: usize) -> At {
        at.below(key, end)
    }
}

impl Named<'_> {
    /// `Provider.#attributes.Name` is `Provider_Name`, `EventID.#text` is `EventID`.
    fn system(&mut self, short: &str, value: u32) {
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
            self.0.named(element, value);
        } else {
            self.0.named_parts(&[element, "_", attribute], value);
        }
    }

    fn winlogbeat(&mut self, path: &str, value: u32) {
        let name = match path {
            "winlog.channel" => "Channel",
            "winlog.event_id" => "EventID",
            "winlog.provider_name" => "Provider_Name",
            "winlog.computer_name" => "Computer",
            "winlog.record_id" => "EventRecordID",
            _ => return,
        };
        self.0.named(name, value);
    }
}
