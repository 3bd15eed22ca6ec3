//! An event as a flat table of names and values, in buffers that are used again. A value may have
//! several names: the path it was read from, its short name, the name without spaces, an alias.
//! Names are added and never replaced, so no rule loses its field.

use std::sync::Arc;

pub use flatjson::Kind;

use crate::{intern, number::Number, pattern::lower_into, rule::LogSource, windows};

/// Values of one event; the rest is counted in [`Event::left_out`].
pub const MAX_VALUES: usize = 16_384;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    text: (u32, u32),
    lower: (u32, u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) hash: u64,
    name: (u32, u32),
    pub(crate) value: u32,
}

/// An event. Fill it by [`Event::fill`] or [`Event::read_json`], as often as you like.
#[derive(Debug, Clone, Default)]
pub struct Event {
    names: String,
    texts: String,
    lower: String,
    pub(crate) values: Vec<Value>,
    pub(crate) entries: Vec<Entry>,
    sources: Option<Arc<Vec<LogSource>>>,
    pub(crate) known: Vec<u16>,
    left_out: usize,
    /// Where the reader of JSON is; kept for its buffer.
    pub(crate) path: String,
}

impl Event {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sources of all events that follow, beside those that Windows channels tell by themselves.
    pub fn set_sources(&mut self, sources: Arc<Vec<LogSource>>) {
        self.sources = Some(sources);
    }

    pub(crate) fn own_sources(&self) -> Option<&Arc<Vec<LogSource>>> {
        self.sources.as_ref()
    }

    /// All sources it is of.
    pub fn sources(&self) -> Vec<&LogSource> {
        let known = self
            .known
            .iter()
            .filter_map(|index| windows::SOURCES.get(usize::from(*index)));
        let own = self.sources.iter().flat_map(|sources| sources.iter());
        own.chain(known).collect()
    }

    /// Values that were left out, because there were more than [`MAX_VALUES`].
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Empties it and takes the fields that `fill` adds.
    pub fn fill(&mut self, fill: impl FnOnce(&mut Fields<'_>)) {
        self.clear();
        fill(&mut Fields { event: self });
        self.finish();
    }

    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.texts.clear();
        self.lower.clear();
        self.values.clear();
        self.entries.clear();
        self.known.clear();
        self.left_out = 0;
    }

    /// Its names with their values, in the order in which they were added. A name may come twice.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.entries.iter().map(|entry| {
            let index = entry.value as usize;
            let kind = self
                .values
                .get(index)
                .map_or(Kind::Null, |value| value.kind);
            (self.name(entry), kind, self.text(index))
        })
    }

    /// The values of a field, as text; none for null.
    pub fn get<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.places(name)
            .map(|value| (!self.is_null(value)).then(|| self.text(value)))
    }

    /// Places of the values of a field.
    pub(crate) fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        let hash = intern::hash(name.as_bytes());
        let named = self
            .entries
            .iter()
            .filter(move |entry| entry.hash == hash && self.name(entry) == name);
        named.map(|entry| entry.value as usize)
    }

    pub(crate) fn name(&self, entry: &Entry) -> &str {
        span(&self.names, entry.name)
    }

    pub(crate) fn text(&self, value: usize) -> &str {
        self.values
            .get(value)
            .map_or("", |value| span(&self.texts, value.text))
    }

    pub(crate) fn lower(&self, value: usize) -> &str {
        self.values
            .get(value)
            .map_or("", |value| span(&self.lower, value.lower))
    }

    pub(crate) fn is_null(&self, value: usize) -> bool {
        self.values
            .get(value)
            .is_none_or(|value| value.kind == Kind::Null)
    }

    pub(crate) fn number(&self, value: usize) -> Option<Number> {
        let known = self.values.get(value)?;
        match known.kind {
            Kind::Number | Kind::Text => Number::of_text(span(&self.texts, known.text)),
            Kind::Null | Kind::Bool => None,
        }
    }

    /// A new value, or none if there are too many.
    pub(crate) fn value(&mut self, kind: Kind, write: impl FnOnce(&mut String)) -> Option<u32> {
        if self.values.len() >= MAX_VALUES {
            self.left_out += 1;
            return None;
        }
        let from = position(&self.texts);
        write(&mut self.texts);
        let text = (from, position(&self.texts));
        let index = position_of(self.values.len());
        self.values.push(Value {
            kind,
            text,
            lower: text,
        });
        Some(index)
    }

    /// Another name of a value.
    pub(crate) fn named(&mut self, name: &str, value: u32) {
        self.named_parts(&[name], value);
    }

    /// Another name, given in parts.
    pub(crate) fn named_parts(&mut self, parts: &[&str], value: u32) {
        let from = position(&self.names);
        for part in parts {
            self.names.push_str(part);
        }
        let name = (from, position(&self.names));
        self.entry(name, value);
        if parts.iter().any(|part| part.as_bytes().contains(&b' ')) {
            let from = position(&self.names);
            let spaceless =
                |part: &&str| part.chars().filter(|char| *char != ' ').collect::<String>();
            let short: String = parts.iter().map(spaceless).collect();
            self.names.push_str(&short);
            self.entry((from, position(&self.names)), value);
        }
    }

    fn entry(&mut self, name: (u32, u32), value: u32) {
        let hash = intern::hash(span(&self.names, name).as_bytes());
        self.entries.push(Entry { hash, name, value });
    }

    pub(crate) fn finish(&mut self) {
        if self.texts.is_ascii() {
            lower_into(&self.texts, &mut self.lower);
        } else {
            for value in &mut self.values {
                let from = position(&self.lower);
                lower_into(span(&self.texts, value.text), &mut self.lower);
                value.lower = (from, position(&self.lower));
            }
        }
        self.classify();
    }

    fn first(&self, hash: u64) -> Option<u32> {
        self.entries
            .iter()
            .find(|entry| entry.hash == hash)
            .map(|entry| entry.value)
    }

    fn classify(&mut self) {
        let [channel, provider, source, id, kind, computer, computer_name] = *WELL_KNOWN;
        let mut found = [None; 7];
        for entry in &self.entries {
            let places = [channel, provider, source, id, kind, computer, computer_name];
            if let Some(place) = places.iter().position(|hash| *hash == entry.hash)
                && let Some(slot) = found.get_mut(place)
                && slot.is_none()
            {
                *slot = Some(entry.value);
            }
        }
        let [channel, provider, source, id, kind, computer, computer_name] = found;
        let Some(id) = id else {
            return;
        };
        let number = self.text(id as usize).parse::<u32>().ok(); // ok: because an id that is no number is of no known kind
        let mut known = std::mem::take(&mut self.known);
        let lower = |value: Option<u32>| value.map(|value| self.lower(value as usize));
        let service = windows::classify(
            lower(channel),
            lower(provider.or(source)),
            number,
            lower(kind),
            &mut known,
        );
        self.known = known;
        if let (Some(value), None) = (computer, computer_name) {
            self.named("ComputerName", value);
        }
        for (of, ids, from, to) in windows::ALIASES {
            if service == Some(*of) && number.is_some_and(|number| ids.contains(&number)) {
                let value = self.first(intern::hash(from.as_bytes()));
                let taken = self.first(intern::hash(to.as_bytes())).is_some();
                if let (Some(value), false) = (value, taken) {
                    self.named(to, value);
                }
            }
        }
    }
}

/// Hashes of the names that say what a Windows event is.
static WELL_KNOWN: std::sync::LazyLock<[u64; 7]> = std::sync::LazyLock::new(|| {
    [
        "Channel",
        "Provider_Name",
        "SourceName",
        "EventID",
        "EventType",
        "Computer",
        "ComputerName",
    ]
    .map(|name| intern::hash(name.as_bytes()))
});

/// Adds fields to an event. A name may come again: any of its values may match.
#[derive(Debug)]
pub struct Fields<'a> {
    event: &'a mut Event,
}

impl Fields<'_> {
    /// A field with text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.add(name, Kind::Text, text);
    }

    /// A field with a number, as it is spelled in decimal.
    pub fn number(&mut self, name: &str, number: impl std::fmt::Display) {
        self.add(name, Kind::Number, &number.to_string());
    }

    /// A field with `true` or `false`.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.add(name, Kind::Bool, if value { "true" } else { "false" });
    }

    /// A field that is there and holds nothing.
    pub fn null(&mut self, name: &str) {
        self.add(name, Kind::Null, "");
    }

    fn add(&mut self, name: &str, kind: Kind, text: &str) {
        if let Some(value) = self.event.value(kind, |texts| texts.push_str(text)) {
            self.event.named(name, value);
        }
    }
}

fn span(text: &str, (from, to): (u32, u32)) -> &str {
    text.get(from as usize..to as usize).unwrap_or("")
}

fn position(text: &str) -> u32 {
    position_of(text.len())
}

fn position_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
