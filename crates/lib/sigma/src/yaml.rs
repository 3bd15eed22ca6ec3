//! YAML as a tree that knows its lines. Errors without a line cost an administrator an evening, and
//! an alias that doubles itself thirty times must cost nothing.
//!
//! Scalars follow the core schema of YAML 1.2 (`yes` is text, `010` is ten) and keep their spelling:
//! a rule that says `0x17` means the text as well as the number.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::{At, Reason, shorten};

/// Nesting of a document.
pub const MAX_DEPTH: usize = 64;
/// Nodes of a document, with those that aliases repeat.
pub const MAX_NODES: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// A plain scalar that reads as a number, as it is spelled.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) line: u32,
    pub(crate) text: String,
}

impl Node {
    /// What it is, for an error text.
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(text) | Kind::Text(text) => shorten(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    pub(crate) fn map(&self, what: &'static str) -> Result<&[(Key, Self)], At> {
        match &self.kind {
            Kind::Map(pairs) => Ok(pairs),
            _ => Err(At::wrong(self.line, what, "a map", &self.shown())),
        }
    }

    /// Text, or a number as it is spelled.
    pub(crate) fn text(&self, what: &'static str) -> Result<&str, At> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Ok(text),
            _ => Err(At::wrong(self.line, what, "text", &self.shown())),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(pairs) => pairs
                .iter()
                .find(|(name, _)| name.text == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }
}

/// The documents of `text` up to the first error, and that error.
pub(crate) fn documents(text: &str) -> (Vec<Node>, Option<At>) {
    let mut builder = Builder::default();
    let error = builder.read(text).err();
    (builder.documents, error)
}

/// A list or map that is not yet closed.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: Vec<(usize, Node, usize)>,
    nodes: usize,
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<(), At> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                At::new(
                    line(error.marker().line()),
                    Reason::Yaml(shorten(error.info())),
                )
            })?;
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), At> {
        let line = line(span.start.line());
        match event {
            Event::DocumentStart(_) => {
                self.open.clear();
                self.anchors.clear();
                self.nodes = 0;
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let kind = scalar(&text, style);
                self.close(Node { line, kind }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.begin(line, Kind::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.begin(line, Kind::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                self.close(open.node, open.anchor, 1)
            }
            Event::Alias(anchor) => {
                let found = self.anchors.iter().find(|(id, _, _)| *id == anchor);
                let Some((_, node, size)) = found else {
                    return Err(At::new(
                        line,
                        Reason::Yaml("alias before its anchor".into()),
                    ));
                };
                let (node, size) = (node.clone(), *size);
                self.close(node, 0, size)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, line: u32, kind: Kind, anchor: usize) -> Result<(), At> {
        if self.open.len() >= MAX_DEPTH {
            return Err(At::new(
                line,
                Reason::Limit {
                    what: "nesting",
                    limit: MAX_DEPTH,
                },
            ));
        }
        let node = Node { line, kind };
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    /// A node is whole: it goes into what is open around it.
    fn close(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), At> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > MAX_NODES {
            return Err(At::new(
                node.line,
                Reason::Limit {
                    what: "nodes of a document",
                    limit: MAX_NODES,
                },
            ));
        }
        if anchor != 0 {
            let size = count(&node);
            self.nodes = self.nodes.saturating_add(size);
            self.anchors.push((anchor, node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(pairs) => match open.key.take() {
                Some(key) => pairs.push((key, node)),
                None => open.key = Some(key(node, pairs)?),
            },
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
        }
        Ok(())
    }
}

fn key(node: Node, pairs: &[(Key, Node)]) -> Result<Key, At> {
    let line = node.line;
    let text = match node.kind {
        Kind::Text(text) | Kind::Number(text) => text,
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::List(_) | Kind::Map(_) => {
            return Err(At::wrong(line, "key", "text", &node.shown()));
        }
    };
    if text == "<<" {
        return Err(At::new(
            line,
            Reason::Yaml("merge keys (`<<`) are not of YAML 1.2".into()),
        ));
    }
    if pairs.iter().any(|(key, _)| key.text == text) {
        return Err(At::new(line, Reason::Duplicate(shorten(&text))));
    }
    Ok(Key { line, text })
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Kind::Map(pairs) => 1 + pairs.iter().map(|(_, node)| 1 + count(node)).sum::<usize>(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ if crate::number::Number::of_rule(text).is_some() => Kind::Number(text.to_owned()),
        _ => Kind::Text(text.to_owned()),
    }
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}
