//! What Microsoft published, parsed once for a fleet. Loading the feed for each host is what makes
//! offline audits take hours (2.7 s and 608 MB a host in the tool that most people use); here 10,000
//! hosts share one index by product.
//!
//! A feed knows its first and last day, and everything that is judged by it carries them: MS04-011
//! is older than any public feed, and "the feed has nothing" must never read as "nothing is missing".

mod csv;
mod cvrf;
mod intern;

use std::collections::BTreeMap;

use crate::product::{App, System, target};
use crate::value::{Date, FileVersion, Kb, Parsed, Severity};
use intern::{Id, Interner};

/// Most rows of a feed; the newest public one has 608,740.
pub const MAX_ROWS: usize = 8_000_000;
/// The component of servicing stacks.
pub(crate) const STACK: &str = "Servicing Stack Updates";
/// Most rejected lines of which line and reason are kept; all are counted.
pub const MAX_REJECTS_KEPT: usize = 100;

/// Why a text is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Nothing in it.
    #[error("expected a header line and rows, found nothing")]
    Empty,
    /// A CSV without one of the columns.
    #[error("expected a CSV with the column {missing:?}, found none of that name")]
    Header {
        /// The column.
        missing: &'static str,
    },
    /// More than [`MAX_ROWS`].
    #[error("expected at most {MAX_ROWS} rows")]
    TooManyRows,
    /// The XML is broken.
    #[error("expected a CVRF document, found broken XML: {why}")]
    Xml {
        /// What the reader said.
        why: String,
    },
    /// A document type can define entities that unfold without end.
    #[error("expected a CVRF document without a document type, found one")]
    DocumentType,
    /// Nested deeper than any CVRF document.
    #[error("expected a CVRF document nested at most {0} deep")]
    Depth(usize),
    /// XML, but nothing of CVRF in it.
    #[error("expected products and vulnerabilities of CVRF, found none")]
    NotCvrf,
}

/// Why a line is not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Fewer columns than the header has.
    Columns,
    /// A quote that nothing closes.
    OpenQuote,
    /// Something between a closing quote and the comma.
    BehindQuote,
    /// A field longer than 64 KiB.
    FieldTooLong,
    /// No date of the form 20190212.
    Date,
    /// No product.
    Product,
}

/// One statement of the feed: this KB fixes this CVE in this product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) product: Id,
    pub(crate) kb: u32,
    pub(crate) date: u32,
    pub(crate) cve: Id,
    pub(crate) title: Id,
    pub(crate) component: Id,
    pub(crate) supersedes: Id,
    pub(crate) impact: Id,
    pub(crate) severity: Option<Severity>,
}

/// What a CVRF document knows of a KB on a product and the CSV does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) sub_type: String,
    pub(crate) fixed_build: Option<FileVersion>,
    pub(crate) restart: Option<bool>,
}

/// A line as it came.
pub(crate) struct Raw<'a> {
    pub(crate) date: &'a [u8],
    pub(crate) cve: &'a [u8],
    pub(crate) kb: &'a [u8],
    pub(crate) title: &'a [u8],
    pub(crate) product: &'a [u8],
    pub(crate) component: &'a [u8],
    pub(crate) impact: &'a [u8],
    pub(crate) supersedes: &'a [u8],
    pub(crate) severity: &'a [u8],
}

/// Reads the files of a feed, then makes it one [`Feed`].
#[derive(Debug)]
pub struct FeedBuilder {
    texts: Interner,
    rows: Vec<Row>,
    extras: BTreeMap<(u32, Id), Extra>,
    rejects: Vec<(usize, Reject)>,
    rejected: usize,
    without_kb: usize,
    /// The texts of the row before: neighbours mostly share them.
    last: [(Vec<u8>, Id); 6],
}

/// A feed, indexed by product.
#[derive(Debug)]
pub struct Feed {
    texts: Interner,
    /// In order of product, KB, date.
    rows: Vec<Row>,
    /// In order of their names.
    products: Vec<Product>,
    /// Every KB of the feed, named as a fix or as superseded, in order.
    known: Vec<u32>,
    /// CVEs whose fix is a servicing stack on some product, in order.
    stack_cves: Vec<Id>,
    extras: BTreeMap<(u32, Id), Extra>,
    span: Option<Span>,
    /// What was read and what was not.
    pub counts: Counts,
}

/// A product and its rows.
#[derive(Debug)]
struct Product {
    name: Id,
    from: usize,
    to: usize,
    /// What its name says it is, taken apart once for all hosts.
    target: Option<(App, System)>,
}

/// What was read and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the feed.
    pub rows: usize,
    /// Rows of these without a KB number ("Release Notes"): they name no update to look for.
    pub without_kb: usize,
    /// Lines that are no rows.
    pub rejected: usize,
    /// The first of them, with line and reason, at most [`MAX_REJECTS_KEPT`].
    pub rejects: Vec<(usize, Reject)>,
    /// Products.
    pub products: usize,
}

/// From which day to which a feed reaches. Nothing outside of it was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Span {
    /// The day of the oldest row.
    pub oldest: Date,
    /// The day of the newest row.
    pub newest: Date,
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "evaluated from {} to {}", self.oldest, self.newest)
    }
}

impl Default for FeedBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FeedBuilder {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            texts: Interner::new(),
            rows: Vec::new(),
            extras: BTreeMap::new(),
            rejects: Vec::new(),
            rejected: 0,
            without_kb: 0,
            last: Default::default(),
        }
    }

    /// Adds a CSV (`CVEs_*.csv`, `Custom_*.csv`).
    pub fn csv(mut self, bytes: &[u8]) -> Result<Self, FeedError> {
        csv::read(&mut self, bytes)?;
        Ok(self)
    }

    /// Adds a CVRF document of Microsoft's Security Response Center.
    pub fn cvrf(mut self, bytes: &[u8]) -> Result<Self, FeedError> {
        cvrf::read(&mut self, bytes)?;
        Ok(self)
    }

    /// Rows read so far.
    pub const fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The day of the newest row so far, as `2026-06-26`.
    pub fn newest(&self) -> Option<String> {
        let newest = self.rows.iter().map(|row| row.date).max();
        newest
            .and_then(Date::from_number)
            .map(|date| date.to_string())
    }

    /// The feed of all that was read.
    pub fn build(self) -> Feed {
        let Self {
            texts,
            mut rows,
            extras,
            ..
        } = self;
        rows.sort_unstable_by_key(|row| (row.product, row.kb, row.date, row.cve, row.component));
        let mut products: Vec<Product> = Vec::new();
        let mut known: Vec<u32> = Vec::new();
        let mut lists: Vec<Id> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            match products.last_mut() {
                Some(product) if product.name == row.product => product.to = at + 1,
                _ => products.push(Product {
                    name: row.product,
                    from: at,
                    to: at + 1,
                    target: target(texts.text(row.product)),
                }),
            }
            if known.last() != Some(&row.kb) {
                known.push(row.kb);
            }
            if lists.last() != Some(&row.supersedes) {
                lists.push(row.supersedes);
            }
        }
        lists.sort_unstable();
        lists.dedup();
        known.extend(
            lists
                .into_iter()
                .flat_map(|list| superseded(texts.text(list))),
        );
        known.sort_unstable();
        known.dedup();
        let stack_cves = stack_cves(&texts, &rows);
        products.sort_by(|a, b| texts.text(a.name).cmp(texts.text(b.name)));
        let dates = || rows.iter().filter_map(|row| Date::from_number(row.date));
        let span = dates().min().zip(dates().max());
        let counts = Counts {
            rows: rows.len(),
            without_kb: self.without_kb,
            rejected: self.rejected,
            rejects: self.rejects,
            products: products.len(),
        };
        let span = span.map(|(oldest, newest)| Span { oldest, newest });
        Feed {
            texts,
            rows,
            products,
            known,
            stack_cves,
            extras,
            span,
            counts,
        }
    }

    pub(crate) fn reject(&mut self, line: usize, why: Reject) {
        self.rejected += 1;
        if self.rejects.len() < MAX_REJECTS_KEPT {
            self.rejects.push((line, why));
        }
    }

    pub(crate) fn row(&mut self, line: usize, raw: &Raw<'_>) -> Result<(), FeedError> {
        let Some(date) = number(raw.date).and_then(Date::from_number) else {
            self.reject(line, Reject::Date);
            return Ok(());
        };
        if raw.product.trim_ascii().is_empty() {
            self.reject(line, Reject::Product);
            return Ok(());
        }
        if self.rows.len() >= MAX_ROWS {
            return Err(FeedError::TooManyRows);
        }
        let kb = number(raw.kb)
            .filter(|&kb| Kb::new(kb).is_some())
            .unwrap_or(0);
        self.without_kb += usize::from(kb == 0);
        let row = Row {
            product: self.text(0, raw.product)?,
            kb,
            date: date.number(),
            cve: self.text(1, raw.cve)?,
            title: self.text(2, raw.title)?,
            component: self.text(3, raw.component)?,
            supersedes: self.text(4, raw.supersedes)?,
            impact: self.text(5, raw.impact)?,
            severity: Severity::named(raw.severity),
        };
        self.rows.push(row);
        Ok(())
    }

    fn text(&mut self, column: usize, bytes: &[u8]) -> Result<Id, FeedError> {
        let Some((last, id)) = self.last.get_mut(column) else {
            return Ok(0);
        };
        if last.as_slice() != bytes {
            *id = self
                .texts
                .put_bytes(bytes.trim_ascii())
                .ok_or(FeedError::TooManyRows)?;
            last.clear();
            last.extend_from_slice(bytes);
        }
        Ok(*id)
    }

    pub(crate) fn extra(&mut self, kb: u32, product: &[u8], extra: Extra) -> Result<(), FeedError> {
        let product = self.text(0, product)?;
        self.extras.insert((kb, product), extra);
        Ok(())
    }
}

impl Feed {
    /// From which day to which it reaches; `None` when it has no row.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// Whether it names this KB at all, as a fix or as superseded by one.
    pub fn knows(&self, kb: Kb) -> bool {
        self.known.binary_search(&kb.number()).is_ok()
    }

    /// The names of all products, in order.
    pub fn products(&self) -> impl Iterator<Item = &str> {
        self.products
            .iter()
            .map(|product| self.texts.text(product.name))
    }

    /// Whether the fix of this CVE ships as a servicing stack on some product.
    pub(crate) fn is_fixed_by_stack(&self, cve: Id) -> bool {
        self.stack_cves.binary_search(&cve).is_ok()
    }

    /// Name and rows of each product.
    pub(crate) fn product_rows(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.products.iter().map(|product| self.rows_of(product))
    }

    /// Name, application and rows of each product of this system.
    pub(crate) fn products_on(&self, system: System) -> impl Iterator<Item = (&str, &App, &[Row])> {
        self.products.iter().filter_map(move |product| {
            let (app, of) = product.target.as_ref()?;
            let (name, rows) = self.rows_of(product);
            (*of == system).then_some((name, app, rows))
        })
    }

    fn rows_of(&self, product: &Product) -> (&str, &[Row]) {
        let rows = self.rows.get(product.from..product.to).unwrap_or(&[]);
        (self.texts.text(product.name), rows)
    }

    pub(crate) fn text(&self, id: Id) -> &str {
        self.texts.text(id)
    }

    pub(crate) fn extra(&self, row: &Row) -> Option<&Extra> {
        self.extras.get(&(row.kb, row.product))
    }
}

/// CVEs of the packages that a servicing stack supersedes: these were servicing stacks too.
fn stack_cves(texts: &Interner, rows: &[Row]) -> Vec<Id> {
    let is_stack = |row: &&Row| texts.text(row.component).eq_ignore_ascii_case(STACK);
    let mut below: Vec<u32> = rows
        .iter()
        .filter(is_stack)
        .flat_map(|row| superseded(texts.text(row.supersedes)))
        .collect();
    below.sort_unstable();
    below.dedup();
    let mine = rows
        .iter()
        .filter(|row| below.binary_search(&row.kb).is_ok());
    let mut cves: Vec<Id> = mine
        .map(|row| row.cve)
        .filter(|&cve| texts.text(cve).starts_with("CVE-"))
        .collect();
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// The KB numbers of a `Supersedes` column: `;` parts them, and some are words.
pub(crate) fn superseded(list: &str) -> impl Iterator<Item = u32> + '_ {
    list.split([';', ',']).filter_map(|word| {
        let word = word.trim();
        let bare = word.strip_prefix("KB").unwrap_or(word);
        bare.parsed().filter(|&kb| Kb::new(kb).is_some())
    })
}

fn number(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.trim_ascii();
    let bytes = bytes.strip_prefix(b"KB").unwrap_or(bytes);
    if bytes.is_empty() || bytes.len() > 9 {
        return None;
    }
    bytes.iter().try_fold(0_u32, |n, byte| match byte {
        b'0'..=b'9' => Some(n * 10 + u32::from(byte - b'0')),
        _ => None,
    })
}
