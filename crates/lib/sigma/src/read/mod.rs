//! From YAML to rules, filters and correlations. Every refusal has the line it is about.

pub(crate) mod condition;
pub(crate) mod correlation;
mod detection;
pub(crate) mod encode;
pub(crate) mod item;
pub(crate) mod meta;
pub(crate) mod modifier;

use std::collections::BTreeMap;

use crate::{
    error::{At, Reason},
    rule::{Correlation, Filter, Rule},
    yaml::{self, Node},
};

/// Bytes of one text.
pub const MAX_TEXT_BYTES: usize = 4 << 20;
/// Values that the placeholders of one text may make.
pub const MAX_FILLED: usize = 10_000;

/// A document.
#[derive(Debug)]
pub(crate) enum Document {
    Rule(Box<Rule>),
    Filter(Box<Filter>),
    Correlation(Box<Correlation>),
}

/// Values for placeholders, and which had none.
pub(crate) struct Given<'a> {
    values: &'a BTreeMap<String, Vec<String>>,
    missing: Vec<String>,
}

impl<'a> Given<'a> {
    pub(crate) fn new(values: &'a BTreeMap<String, Vec<String>>) -> Self {
        Self {
            values,
            missing: Vec::new(),
        }
    }

    pub(crate) fn missing(self) -> Vec<String> {
        self.missing
    }

    /// Each `%name%` replaced by each of its values, or the first that has none.
    pub(crate) fn fill(
        &mut self,
        text: &str,
        line: u32,
    ) -> Result<Result<Vec<String>, String>, At> {
        let mut filled = vec![String::new()];
        let mut rest = text;
        let mut any = false;
        while let Some(char) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\\%") {
                for begun in &mut filled {
                    begun.push('%');
                }
                rest = after;
                continue;
            }
            let placeholder = rest.strip_prefix('%').and_then(|rest| rest.split_once('%'));
            let placeholder = placeholder.filter(|(name, _)| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|char| char.is_alphanumeric() || "_-.".contains(char))
            });
            if let Some((name, after)) = placeholder {
                any = true;
                let Some(values) = self.values.get(name).filter(|values| !values.is_empty()) else {
                    if !self.missing.iter().any(|missing| missing == name) {
                        self.missing.push(name.to_owned());
                    }
                    return Ok(Err(name.to_owned()));
                };
                if filled.len().saturating_mul(values.len()) > MAX_FILLED {
                    return Err(At::new(
                        line,
                        Reason::Limit {
                            what: "values of placeholders",
                            limit: MAX_FILLED,
                        },
                    ));
                }
                let longer = |begun: &String| {
                    values
                        .iter()
                        .map(|value| format!("{begun}{value}"))
                        .collect::<Vec<_>>()
                };
                filled = filled.iter().flat_map(longer).collect();
                rest = after;
                continue;
            }
            for begun in &mut filled {
                begun.push(char);
            }
            rest = rest.get(char.len_utf8()..).unwrap_or("");
        }
        if !any {
            return Err(At::new(
                line,
                Reason::Modifier {
                    modifier: "expand".into(),
                    why: "the value has no %placeholder%",
                },
            ));
        }
        Ok(Ok(filled))
    }
}

/// The documents of `text`; what cannot be read is refused beside what can.
pub(crate) fn documents(
    text: &str,
    values: &BTreeMap<String, Vec<String>>,
) -> (Vec<Document>, Vec<At>) {
    let mut refused = Vec::new();
    if text.len() > MAX_TEXT_BYTES {
        refused.push(At::new(
            1,
            Reason::Limit {
                what: "bytes of a text",
                limit: MAX_TEXT_BYTES,
            },
        ));
        return (Vec::new(), refused);
    }
    let (nodes, error) = yaml::documents(text.strip_prefix('\u{feff}').unwrap_or(text));
    let empty = nodes.iter().all(|node| node.kind == yaml::Kind::Null);
    if empty && error.is_none() {
        refused.push(At::new(1, Reason::Empty));
    }
    let mut documents = Vec::new();
    for node in nodes.iter().filter(|node| node.kind != yaml::Kind::Null) {
        match document(node, values) {
            Ok(document) => documents.push(document),
            Err(at) => refused.push(at),
        }
    }
    refused.extend(error);
    (documents, refused)
}

fn document(node: &Node, values: &BTreeMap<String, Vec<String>>) -> Result<Document, At> {
    node.map("document")?;
    if let Some(action) = node.get("action") {
        return Err(At::new(
            action.line,
            Reason::Legacy(
                "`action` (global, repeat, reset)",
                "write each document out in full",
            ),
        ));
    }
    let meta = meta::meta(node)?;
    if let Some(body) = node.get("correlation") {
        return Ok(Document::Correlation(Box::new(correlation::correlation(
            meta, node, body,
        )?)));
    }
    if let Some(body) = node.get("filter") {
        return Ok(Document::Filter(Box::new(detection::filter(
            meta, node, body, values,
        )?)));
    }
    let Some(body) = node.get("detection") else {
        return Err(At::new(node.line, Reason::Missing("detection")));
    };
    Ok(Document::Rule(Box::new(detection::rule(
        meta, node, body, values,
    )?)))
}
