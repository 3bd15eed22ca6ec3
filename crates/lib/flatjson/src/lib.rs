//! The values of a JSON object with their paths, streamed: no tree is built, and nothing is allocated but the path.
//!
//! Names of objects are joined by a dot; the members of a list have the path of the list. An empty list, and an empty
//! object below the first, is a [`Kind::Null`]. What a path means is for the [`Sink`].
//!
//! ```
//! use flatjson::{Kind, Sink, walk};
//!
//! struct Lines(Vec<String>);
//!
//! impl Sink for Lines {
//!     type At = ();
//!     fn value(&mut self, path: &str, (): (), _: Kind, write: impl FnOnce(&mut String)) {
//!         let mut line = format!("{path}=");
//!         write(&mut line);
//!         self.0.push(line);
//!     }
//!     fn below(&self, (): (), _: &str, _: usize) {}
//! }
//!
//! let mut lines = Lines(Vec::new());
//! walk(r#"{"a":{"b":[1,true]},"c":"d"}"#, 64, &mut String::new(), (), &mut lines).unwrap();
//! assert_eq!(lines.0, ["a.b=1", "a.b=true", "c=d"]);
//! ```
#![warn(missing_docs)]

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There, and nothing. Absent is something else, and so is an empty text.
    Null,
    /// `true` or `false`, as text.
    Bool,
    /// A number, in decimal as it was written.
    Number,
    /// Text.
    Text,
}

/// Who takes the values.
pub trait Sink {
    /// What the sink makes of a place in the text, handed down from the root.
    type At: Copy;

    /// A value; `write` appends it.
    fn value(&mut self, path: &str, at: Self::At, kind: Kind, write: impl FnOnce(&mut String));

    /// What is below `key`, whose name ends at byte `end` of the path.
    fn below(&self, at: Self::At, key: &str, end: usize) -> Self::At;

    /// How much was taken so far, for [`Sink::closed`].
    fn taken(&self) -> usize {
        0
    }

    /// An object at a path ended; the last is what [`Sink::taken`] said when it began.
    fn closed(&mut self, _path: &str, _at: Self::At, _before: usize) {}
}

/// Hands every value of an object to `sink`. `path` is a buffer; `root` is what the text is to the sink.
///
/// # Errors
/// No JSON, no object, or more than `depth` objects and lists inside of one another. Values that came before were
/// handed over.
pub fn walk<S: Sink>(
    json: &str,
    depth: usize,
    path: &mut String,
    root: S::At,
    sink: &mut S,
) -> Result<(), serde_json::Error> {
    path.clear();
    let mut walk = Walk {
        sink,
        path,
        left: depth,
        depth,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let member = Member {
        walk: &mut walk,
        at: root,
        root: true,
    };
    member.deserialize(&mut deserializer)?;
    deserializer.end()
}

struct Walk<'w, S> {
    sink: &'w mut S,
    path: &'w mut String,
    /// How much deeper it may go.
    left: usize,
    depth: usize,
}

/// A value at the path.
struct Member<'m, 'w, S: Sink> {
    walk: &'m mut Walk<'w, S>,
    at: S::At,
    /// The whole text, which must be an object.
    root: bool,
}

impl<S: Sink> Member<'_, '_, S> {
    fn leaf<E: serde::de::Error>(
        self,
        kind: Kind,
        write: impl FnOnce(&mut String),
    ) -> Result<(), E> {
        if self.root {
            return Err(E::custom("expected an object"));
        }
        self.walk.sink.value(self.walk.path, self.at, kind, write);
        Ok(())
    }

    fn number<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        self.leaf(Kind::Number, |values| {
            let written = write!(values, "{value}");
            debug_assert!(written.is_ok()); // a `String` takes all that is written
        })
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let depth = self.walk.depth;
        let left = self.walk.left.checked_sub(1);
        self.walk.left = left.ok_or_else(|| E::custom(format!("nested deeper than {depth}")))?;
        Ok(())
    }
}

impl<'de, S: Sink> DeserializeSeed<'de> for Member<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Member<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        let text = if value { "true" } else { "false" };
        self.leaf(Kind::Bool, |values| values.push_str(text))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.number(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.number(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.number(value)
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
        self.walk.left += 1;
        if any {
            Ok(())
        } else {
            self.leaf(Kind::Null, |_| {})
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.deeper()?;
        let (base, before) = (self.walk.path.len(), self.walk.sink.taken());
        let mut any = false;
        loop {
            self.walk.path.truncate(base);
            if base != 0 {
                self.walk.path.push('.');
            }
            let from = self.walk.path.len();
            if members.next_key_seed(KeyOf(self.walk.path))?.is_none() {
                break;
            }
            any = true;
            let (key, end) = (self.walk.path.get(from..), self.walk.path.len());
            let key = key.unwrap_or_default(); // default: because it was appended there
            let at = self.walk.sink.below(self.at, key, end);
            members.next_value_seed(Member {
                walk: &mut *self.walk,
                at,
                root: false,
            })?;
        }
        self.walk.path.truncate(base);
        self.walk.left += 1;
        let Walk { sink, path, .. } = self.walk;
        if !any && base != 0 {
            sink.value(path, self.at, Kind::Null, |_| {});
        }
        sink.closed(path, self.at, before);
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
