//! MSRC's own document of a month (CVRF 1.1) into the same rows as the CSV, plus what only it says:
//! the kind of package, the build that it brings, whether it restarts the host.
//!
//! Read as a stream. A document type is refused, so no entity but XML's five can be named; depth and
//! counts have limits.

use crate::value::{Parsed, Severity};
use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Extra, FeedBuilder, FeedError, Raw};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 32;
/// Most products of one document, and of one remediation.
const MAX_PRODUCTS: usize = 100_000;

#[derive(Default)]
struct Vulnerability {
    cve: String,
    title: String,
    component: String,
    fixes: Vec<Fix>,
    impact: String,
    severity: String,
}

#[derive(Default)]
struct Fix {
    vendor: bool,
    kb: String,
    sub_type: String,
    supersedes: String,
    build: String,
    restart: String,
    date: String,
    products: Vec<String>,
}

#[derive(Default)]
struct State {
    /// Local names of the open elements.
    path: Vec<String>,
    text: String,
    products: BTreeMap<String, String>,
    product_id: String,
    released: String,
    now: Vulnerability,
    note_is_tag: bool,
    /// The type of the threat that is open.
    threat: Option<String>,
    seen: bool,
}

/// Reads one document into `into`.
pub(crate) fn read(into: &mut FeedBuilder, bytes: &[u8]) -> Result<(), FeedError> {
    let broken = |why: String| FeedError::Xml { why };
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let mut state = State::default();
    let mut number = 0;
    loop {
        match reader
            .read_event()
            .map_err(|error| broken(error.to_string()))?
        {
            Event::DocType(_) => return Err(FeedError::DocumentType),
            Event::Start(start) => state.open(&start)?,
            Event::Empty(start) => {
                state.open(&start)?;
                state.close(into, &mut number)?;
            }
            Event::Text(text) => {
                state.text.push_str(&text);
            }
            Event::GeneralRef(entity) => state.text.push(match &*entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                _ => '\'',
            }),
            Event::CData(data) => state.text.push_str(&data),
            Event::End(_) => state.close(into, &mut number)?,
            Event::Eof if state.path.is_empty() => break,
            Event::Eof => return Err(broken("the text ends inside an element".into())),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    if state.seen {
        Ok(())
    } else {
        Err(FeedError::NotCvrf)
    }
}

impl State {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), FeedError> {
        if self.path.len() >= MAX_DEPTH {
            return Err(FeedError::Depth(MAX_DEPTH));
        }
        let name = start.local_name().as_ref().to_owned();
        let attribute = |wanted: &str| {
            let mut all = start.attributes().filter_map(Result::ok);
            let found = all.find(|attribute| attribute.key.local_name().as_ref() == wanted);
            found.map(|attribute| attribute.value.into_owned())
        };
        match name.as_str() {
            "FullProductName" => {
                self.product_id = attribute("ProductID").unwrap_or_else(String::new);
            }
            "Vulnerability" => self.now = Vulnerability::default(),
            "Remediation" => self.now.fixes.push(Fix {
                vendor: attribute("Type").is_some_and(|kind| kind == "Vendor Fix"),
                ..Fix::default()
            }),
            "Note" => self.note_is_tag = attribute("Type").is_some_and(|kind| kind == "Tag"),
            "Threat" => {
                self.threat = attribute("Type");
            }
            _ => {}
        }
        self.path.push(name);
        self.text.clear();
        Ok(())
    }

    fn close(&mut self, into: &mut FeedBuilder, number: &mut usize) -> Result<(), FeedError> {
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let Some(name) = self.path.pop() else {
            return Ok(());
        };
        let parent = self.path.last().map_or("", String::as_str);
        let fix = self
            .now
            .fixes
            .last_mut()
            .filter(|_| parent == "Remediation");
        match (name.as_str(), fix) {
            ("FullProductName", _) if self.products.len() < MAX_PRODUCTS => {
                self.seen = true;
                self.products
                    .insert(std::mem::take(&mut self.product_id), text);
            }
            ("InitialReleaseDate" | "CurrentReleaseDate", _) if self.released.is_empty() => {
                self.released = text;
            }
            ("CVE", _) => self.now.cve = text,
            ("Title", _) if parent == "Vulnerability" => self.now.title = text,
            ("Note", _) if self.note_is_tag => self.now.component = text,
            ("Description", None)
                if parent == "Threat" && self.threat.as_deref() == Some("Impact") =>
            {
                self.now.impact = text;
            }
            ("Description", None)
                if parent == "Threat" && self.threat.as_deref() == Some("Severity") =>
            {
                // A document has one a product: the worst is meant, for what is listed is what lacks.
                let named = |text: &str| Severity::named(text.as_bytes());
                if named(&text) > named(&self.now.severity) {
                    self.now.severity = text;
                }
            }
            ("Description", Some(fix)) => fix.kb = text,
            ("SubType", Some(fix)) => fix.sub_type = text,
            ("Supercedence", Some(fix)) => fix.supersedes = text,
            ("FixedBuild", Some(fix)) => fix.build = text,
            ("RestartRequired", Some(fix)) => fix.restart = text,
            ("Date", Some(fix)) => fix.date = text,
            ("ProductID", Some(fix)) if fix.products.len() < MAX_PRODUCTS => {
                fix.products.push(text);
            }
            ("Vulnerability", _) => {
                self.seen = true;
                self.rows(into, number)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn rows(&mut self, into: &mut FeedBuilder, number: &mut usize) -> Result<(), FeedError> {
        let now = std::mem::take(&mut self.now);
        for fix in now.fixes.iter().filter(|fix| fix.vendor) {
            let date = if fix.date.is_empty() {
                &self.released
            } else {
                &fix.date
            };
            let date: String = date.chars().take(10).filter(char::is_ascii_digit).collect();
            for product in &fix.products {
                *number += 1;
                let product = self
                    .products
                    .get(product)
                    .map_or(product.as_str(), String::as_str);
                into.row(
                    *number,
                    &Raw {
                        date: date.as_bytes(),
                        cve: now.cve.as_bytes(),
                        kb: fix.kb.as_bytes(),
                        title: now.title.as_bytes(),
                        product: product.as_bytes(),
                        component: now.component.as_bytes(),
                        impact: now.impact.as_bytes(),
                        supersedes: fix.supersedes.as_bytes(),
                        severity: now.severity.as_bytes(),
                    },
                )?;
                let Ok(kb) = fix.kb.trim_start_matches("KB").parse() else {
                    continue;
                };
                into.extra(
                    kb,
                    product.as_bytes(),
                    Extra {
                        sub_type: fix.sub_type.clone(),
                        fixed_build: fix.build.parsed(),
                        restart: match fix.restart.as_str() {
                            "Yes" => Some(true),
                            "No" => Some(false),
                            _ => None,
                        },
                    },
                )?;
            }
        }
        Ok(())
    }
}
