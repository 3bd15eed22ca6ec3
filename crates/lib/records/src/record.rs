//! One event as names and values, in buffers that are used again for the next one: a reader that
//! allocates for each field is slower than the engine behind it.

pub use flatjson::Kind;

use crate::stamp::Stamp;

/// Fields of one event; what is over is counted as [`crate::LossKind::Fields`].
pub const MAX_FIELDS: usize = 8192;

/// Takes the fields of an event. It is what an event of a rule engine offers; a name may come
/// several times, each with another value.
pub trait Sink {
    /// A field with text.
    fn text(&mut self, name: &str, value: &str);
    /// A field with a number, as it is spelled in decimal.
    fn number(&mut self, name: &str, value: &str);
    /// A field with `true` or `false`.
    fn bool(&mut self, name: &str, value: bool);
    /// A field that is there and holds nothing.
    fn null(&mut self, name: &str);
}

/// Where an event is in its file. Bytes are those of the text, unpacked and as UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Place {
    /// Nowhere in particular: the whole file.
    #[default]
    File,
    /// Its line, from 1.
    Line(u64),
    /// Its first byte, from 0.
    Byte(u64),
    /// The record number that Windows gave it.
    Record(u64),
    /// A chunk of a Windows log, from 0.
    Chunk(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::Chunk(number) => write!(f, "chunk {number}"),
        }
    }
}

/// What wrote an event, in the words of Sigma's logsources. What is not known is empty. The channel
/// and provider of a Windows event are its fields `Channel` and `Provider_Name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Source {
    /// `windows`, `linux`, `aws`.
    pub product: &'static str,
    /// `webserver`, `proxy`, `firewall`.
    pub category: &'static str,
    /// `auditd`, `sshd`, `cloudtrail`.
    pub service: &'static str,
}

impl Source {
    pub(crate) const fn new(
        product: &'static str,
        category: &'static str,
        service: &'static str,
    ) -> Self {
        Self {
            product,
            category,
            service,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: (usize, usize),
    value: (usize, usize),
    kind: Kind,
}

/// An event. It is lent for the time of a call and filled again for the next one.
#[derive(Debug, Clone, Default)]
pub struct Record {
    names: String,
    values: String,
    fields: Vec<Field>,
    left_out: u64,
    host: Option<(usize, usize)>,
    raw: String,
    /// Where a reader of JSON is; kept for its buffer.
    pub(crate) path: String,
    /// Where it is.
    pub place: Place,
    /// When it happened, by its own word.
    pub time: Option<Stamp>,
    /// What wrote it.
    pub source: Source,
}

impl Record {
    /// Its fields, in the order in which they were written. A name may come again.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.fields.iter().map(|field| {
            let name = span(&self.names, field.name);
            (name, field.kind, span(&self.values, field.value))
        })
    }

    /// Hands its fields to `sink`.
    pub fn give(&self, sink: &mut impl Sink) {
        for (name, kind, value) in self.fields() {
            match kind {
                Kind::Null => sink.null(name),
                Kind::Bool => sink.bool(name, value == "true"),
                Kind::Number => sink.number(name, value),
                Kind::Text => sink.text(name, value),
            }
        }
    }

    /// The first value of a field that is not null.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .fields()
            .find(|(known, kind, _)| *known == name && *kind != Kind::Null);
        found.map(|(_, _, value)| value)
    }

    /// All values of a field that are not null.
    pub fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let mut fields = self.fields();
        std::iter::from_fn(move || {
            let found = fields.find(|(known, kind, _)| *known == name && *kind != Kind::Null);
            found.map(|(_, _, value)| value)
        })
    }

    /// The host it names.
    pub fn host(&self) -> Option<&str> {
        self.host.map(|host| span(&self.values, host))
    }

    /// It as it was written: its line or lines; of a Windows log the JSON that its crate makes of it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Fields over [`MAX_FIELDS`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
        self.fields.clear();
        self.left_out = 0;
        self.host = None;
        self.raw.clear();
        self.place = Place::File;
        self.time = None;
        self.source = Source::default();
    }

    /// How many fields there are now, to look at those that come after.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.fields.truncate(len);
    }

    /// Its fields from the one at `from`.
    pub(crate) fn since(&self, from: usize) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.fields().skip(from)
    }

    pub(crate) fn set_raw(&mut self, raw: &str) {
        self.raw.push_str(raw);
    }

    pub(crate) fn set_host(&mut self, host: &str) {
        if self.host.is_none() && !host.is_empty() {
            let from = self.values.len();
            self.values.push_str(host);
            self.host = Some((from, self.values.len()));
        }
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.add(name, Kind::Text, |values| values.push_str(value));
    }

    /// Text if there is some.
    pub(crate) fn text_of(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A number if it is spelled like one, else text.
    pub(crate) fn guess(&mut self, name: &str, value: &str) {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let number = !digits.is_empty()
            && digits.len() < 20
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        let kind = if number { Kind::Number } else { Kind::Text };
        self.add(name, kind, |values| values.push_str(value));
    }

    pub(crate) fn add(&mut self, name: &str, kind: Kind, write: impl FnOnce(&mut String)) {
        if self.fields.len() >= MAX_FIELDS {
            self.left_out += 1;
            return;
        }
        let from = self.names.len();
        self.names.push_str(name);
        let name = (from, self.names.len());
        let from = self.values.len();
        write(&mut self.values);
        let value = (from, self.values.len());
        self.fields.push(Field { name, value, kind });
    }

    /// Another name of the value of the field at `index`.
    pub(crate) fn alias(&mut self, index: usize, name: &str) {
        let Some(field) = self.fields.get(index).copied() else {
            return;
        };
        if self.fields.len() >= MAX_FIELDS {
            self.left_out += 1;
            return;
        }
        let from = self.names.len();
        self.names.push_str(name);
        let name = (from, self.names.len());
        self.fields.push(Field { name, ..field });
    }

    /// Of the fields from `mark` only the one at `index` stays, under another name.
    pub(crate) fn keep_as(&mut self, mark: usize, index: usize, name: &str) {
        if let Some(field) = self.fields.get(index).copied() {
            self.fields.truncate(mark);
            let from = self.names.len();
            self.names.push_str(name);
            let name = (from, self.names.len());
            self.fields.push(Field { name, ..field });
        }
    }

    /// The place among the fields of the first of this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields()
            .position(|(known, kind, _)| known == name && kind != Kind::Null)
    }

    /// `to` is added as a name of `from`, unless it is there already.
    pub(crate) fn also(&mut self, from: &str, to: &str) {
        if let (Some(index), None) = (self.position(from), self.position(to)) {
            self.alias(index, to);
        }
    }

    /// The host is the value of the field at `index`.
    pub(crate) fn host_is(&mut self, index: usize) {
        if let Some(field) = self.fields.get(index)
            && self.host.is_none()
            && field.value.0 < field.value.1
        {
            self.host = Some(field.value);
        }
    }
}

fn span(text: &str, (from, to): (usize, usize)) -> &str {
    text.get(from..to).unwrap_or("")
}
