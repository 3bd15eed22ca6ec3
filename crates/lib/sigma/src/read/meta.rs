//! What a document says about itself.

use crate::{
    error::{At, Reason, shorten},
    rule::{Level, LogSource, Meta, Status},
    yaml::{Kind, Node},
};

/// Characters of a title.
pub const MAX_TITLE_CHARS: usize = 256;

pub(crate) fn meta(node: &Node) -> Result<Meta, At> {
    let Some(title) = node.get("title") else {
        return Err(At::new(node.line, Reason::Missing("title")));
    };
    let text = title.text("title")?;
    if text.trim().is_empty() {
        return Err(At::wrong(title.line, "title", "text", text));
    }
    if text.chars().count() > MAX_TITLE_CHARS {
        return Err(At::new(
            title.line,
            Reason::Limit {
                what: "characters of a title",
                limit: MAX_TITLE_CHARS,
            },
        ));
    }
    Ok(Meta {
        file: String::new(),
        line: node.line,
        title: text.to_owned(),
        id: word(node, "id")?,
        name: word(node, "name")?,
        description: word(node, "description")?,
        author: word(node, "author")?,
        taxonomy: word(node, "taxonomy")?,
        status: node.get("status").map(status).transpose()?,
        level: node.get("level").map(level).transpose()?,
        tags: words(node, "tags")?,
        references: words(node, "references")?,
        false_positives: words(node, "falsepositives")?,
    })
}

pub(crate) fn source(node: &Node) -> Result<LogSource, At> {
    let Some(body) = node.get("logsource") else {
        return Err(At::new(node.line, Reason::Missing("logsource")));
    };
    body.map("logsource")?;
    let lower = |key| Ok(word(body, key)?.map(|text: String| text.to_lowercase()));
    let source = LogSource {
        product: lower("product")?,
        category: lower("category")?,
        service: lower("service")?,
    };
    if source == LogSource::default() {
        return Err(At::wrong(
            body.line,
            "logsource",
            "a product, category or service",
            "none of them",
        ));
    }
    Ok(source)
}

fn word(node: &Node, key: &'static str) -> Result<Option<String>, At> {
    match node.get(key) {
        None => Ok(None),
        Some(value) => Ok(Some(value.text(key)?.to_owned())),
    }
}

/// A list of texts, or one; `null` is none.
fn words(node: &Node, key: &'static str) -> Result<Vec<String>, At> {
    let Some(value) = node.get(key) else {
        return Ok(Vec::new());
    };
    match &value.kind {
        Kind::Null => Ok(Vec::new()),
        Kind::List(items) => {
            let text = |item: &Node| item.text(key).map(str::to_owned);
            items
                .iter()
                .filter(|item| item.kind != Kind::Null)
                .map(text)
                .collect()
        }
        _ => Ok(vec![value.text(key)?.to_owned()]),
    }
}

fn status(node: &Node) -> Result<Status, At> {
    Ok(match node.text("status")? {
        "stable" => Status::Stable,
        "test" => Status::Test,
        "experimental" => Status::Experimental,
        "deprecated" => Status::Deprecated,
        "unsupported" => Status::Unsupported,
        other => {
            let wanted = "stable, test, experimental, deprecated or unsupported";
            return Err(At::wrong(node.line, "status", wanted, &shorten(other)));
        }
    })
}

fn level(node: &Node) -> Result<Level, At> {
    Ok(match node.text("level")? {
        "informational" => Level::Informational,
        "low" => Level::Low,
        "medium" => Level::Medium,
        "high" => Level::High,
        "critical" => Level::Critical,
        other => {
            let wanted = "informational, low, medium, high or critical";
            return Err(At::wrong(node.line, "level", wanted, &shorten(other)));
        }
    })
}
