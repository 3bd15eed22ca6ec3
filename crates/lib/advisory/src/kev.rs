//! The vulnerabilities that CISA knows to be exploited. They order what is missing; they are never the list
//! of what is missing: none of the 14 of MS04-011 is in it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{MAX_DOCUMENT_BYTES, MAX_REASONS, feed::day, row::is_cve};

/// The catalogue. Entries in = known + rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kev {
    /// By CVE name.
    pub known: BTreeMap<String, Known>,
    /// The newest day that stands in it.
    pub dated: Option<String>,
    /// Entries that could not be read, and those whose name came twice.
    pub rejected: u64,
    /// The first of them.
    pub reasons: Vec<String>,
}

impl Kev {
    /// Both catalogues as one: of what stands in both, the later catalogue's word counts.
    pub fn merge(&mut self, other: Self) {
        let mine = std::mem::take(self);
        let (earlier, later) = if other.dated < mine.dated {
            (other, mine)
        } else {
            (mine, other)
        };
        *self = earlier;
        self.known.extend(later.known);
        self.dated = later.dated;
        self.rejected += later.rejected;
        self.reasons.extend(later.reasons);
        self.reasons.truncate(MAX_REASONS);
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The day on which it was added.
    pub added: String,
    /// The day by which it has to be mended.
    pub due: Option<String>,
    /// Ransomware is known to use it.
    pub ransomware: bool,
    /// Whose product.
    pub vendor: String,
    /// Which product.
    pub product: String,
}

/// Why bytes are no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KevError {
    /// Too long.
    #[error("expected at most {MAX_DOCUMENT_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// Not text.
    #[error("expected text in UTF-8, found another byte at offset {0}")]
    NotText(usize),
    /// Not the JSON of the catalogue.
    #[error("expected the catalogue in JSON: {0}")]
    Json(String),
    /// A column is missing.
    #[error("expected a column {0}, found none")]
    Column(&'static str),
    /// Ends inside quotes.
    #[error("the file ends inside the quotes that open in line {line}: it is truncated")]
    OpenQuote {
        /// From 1.
        line: usize,
    },
    /// Says itself that it has another number of entries.
    #[error("the catalogue says that it has {told} entries, found {found}: it is truncated")]
    Count {
        /// What it says.
        told: u64,
        /// What it has.
        found: u64,
    },
    /// No entries.
    #[error("expected at least one entry, found none")]
    Empty,
}

#[derive(Deserialize)]
struct Catalogue {
    #[serde(rename = "dateReleased", default)]
    released: String,
    count: Option<u64>,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    #[serde(default)]
    vendor_project: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    date_added: String,
    #[serde(default)]
    due_date: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
}

/// Reads `known_exploited_vulnerabilities.json`.
pub fn kev_json(bytes: &[u8]) -> Result<Kev, KevError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(KevError::TooLong(bytes.len()));
    }
    let catalogue: Catalogue =
        serde_json::from_slice(bytes).map_err(|why| KevError::Json(why.to_string()))?;
    let found = catalogue.vulnerabilities.len() as u64;
    if let Some(told) = catalogue.count
        && told != found
    {
        return Err(KevError::Count { told, found });
    }
    let mut kev = Kev {
        dated: day(&catalogue.released).map(str::to_owned),
        ..Kev::default()
    };
    catalogue
        .vulnerabilities
        .into_iter()
        .for_each(|entry| kev.take(entry));
    kev.or_empty()
}

/// Reads `known_exploited_vulnerabilities.csv` (RFC 4180, columns by their names).
pub fn kev_csv(bytes: &[u8]) -> Result<Kev, KevError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(KevError::TooLong(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|why| KevError::NotText(why.valid_up_to()))?;
    let mut rows = rows(text)?.into_iter();
    let head = rows.next().unwrap_or_default(); // default: because without a head every column is missing
    let column = |name: &'static str| {
        let at = head
            .iter()
            .position(|title| title.trim_start_matches('\u{feff}') == name);
        at.ok_or(KevError::Column(name))
    };
    let (cve, vendor, product) = (
        column("cveID")?,
        column("vendorProject")?,
        column("product")?,
    );
    let (added, due) = (column("dateAdded")?, column("dueDate")?);
    let ransomware = column("knownRansomwareCampaignUse")?;
    let mut kev = Kev::default();
    for row in rows {
        if row.len() != head.len() {
            kev.reject(format!(
                "expected {} fields, found {}: {:?}",
                head.len(),
                row.len(),
                row.first()
            ));
            continue;
        }
        let field = |at: usize| row.get(at).cloned().unwrap_or_default(); // default: because the length was compared
        kev.take(Entry {
            cve: field(cve),
            vendor_project: field(vendor),
            product: field(product),
            date_added: field(added),
            due_date: field(due),
            known_ransomware_campaign_use: field(ransomware),
        });
    }
    kev.or_empty()
}

impl Kev {
    fn take(&mut self, entry: Entry) {
        let Some(added) = day(&entry.date_added).map(str::to_owned) else {
            return self.reject(format!(
                "{}: expected the day it was added, found {:?}",
                entry.cve, entry.date_added
            ));
        };
        if !is_cve(&entry.cve) {
            return self.reject(format!("expected a CVE name, found {:?}", entry.cve));
        }
        if self.known.contains_key(&entry.cve) {
            return self.reject(format!("{}: came twice", entry.cve));
        }
        if self.dated.as_ref().is_none_or(|newest| *newest < added) {
            self.dated = Some(added.clone());
        }
        let known = Known {
            added,
            due: day(&entry.due_date).map(str::to_owned),
            ransomware: entry.known_ransomware_campaign_use == "Known",
            vendor: entry.vendor_project,
            product: entry.product,
        };
        self.known.insert(entry.cve, known);
    }

    fn reject(&mut self, why: String) {
        self.rejected += 1;
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(why);
        }
    }

    fn or_empty(self) -> Result<Self, KevError> {
        if self.known.is_empty() {
            return Err(KevError::Empty);
        }
        Ok(self)
    }
}

/// Rows of fields; quotes may hold commas, line ends and doubled quotes.
fn rows(text: &str) -> Result<Vec<Vec<String>>, KevError> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut opened) = (1, None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            line += 1;
        }
        match (letter, opened) {
            ('"', Some(_)) if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            ('"', Some(_)) => opened = None,
            ('"', None) => opened = Some(line),
            (',', None) => row.push(std::mem::take(&mut field)),
            ('\r', None) if letters.peek() == Some(&'\n') => {}
            ('\n', None) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (letter, _) => field.push(letter),
        }
    }
    if let Some(line) = opened {
        return Err(KevError::OpenQuote { line });
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows.retain(|row: &Vec<String>| {
        row.len() > 1 || row.first().is_some_and(|field| !field.is_empty())
    });
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "cveID,vendorProject,product,dateAdded,dueDate,knownRansomwareCampaignUse\n";

    #[test]
    fn quotes_hold_what_parts_rows() {
        let text = format!(
            "{HEAD}CVE-2026-0001,\"A, \"\"B\"\"\n\",p,2026-01-02,2026-02-01,Known\nx,a,b,2026-01-01,,\n"
        );
        let kev = kev_csv(text.as_bytes()).unwrap();
        let known = &kev.known["CVE-2026-0001"];
        assert_eq!(
            (known.vendor.as_str(), known.ransomware),
            ("A, \"B\"\n", true)
        );
        assert_eq!(
            (kev.rejected, kev.dated.as_deref()),
            (1, Some("2026-01-02"))
        );
        let cut = &text.as_bytes()[..HEAD.len() + 20];
        assert_eq!(kev_csv(cut), Err(KevError::OpenQuote { line: 2 }));
        assert_eq!(kev_csv(b"a,b\n"), Err(KevError::Column("cveID")));
    }

    #[test]
    fn two_catalogues_are_one_and_the_later_word_counts() {
        let read = |rows: &str| kev_csv(format!("{HEAD}{rows}").as_bytes()).unwrap();
        let old =
            read("CVE-2026-0001,old,p,2026-01-02,,\nCVE-2026-0002,a,p,2026-01-03,,\nx,a,b,c,,\n");
        let new = read("CVE-2026-0001,new,p,2026-01-02,,Known\nCVE-2026-0003,a,p,2026-02-01,,\n");
        for (mut all, other) in [(old.clone(), new.clone()), (new, old)] {
            all.merge(other);
            let names: Vec<&str> = all.known.keys().map(String::as_str).collect();
            assert_eq!(names, ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"]);
            let first = &all.known["CVE-2026-0001"];
            assert_eq!((first.vendor.as_str(), first.ransomware), ("new", true));
            assert_eq!(
                (all.dated.as_deref(), all.rejected),
                (Some("2026-02-01"), 1)
            );
        }
    }

    #[test]
    fn the_catalogue_counts_itself() {
        let text = |count: u64| {
            format!(
                r#"{{"dateReleased":"2026-01-05T00:00:00Z","count":{count},"vulnerabilities":
                [{{"cveID":"CVE-2026-0001","dateAdded":"2026-01-02","knownRansomwareCampaignUse":"Unknown"}}]}}"#
            )
        };
        let kev = kev_json(text(1).as_bytes()).unwrap();
        assert_eq!(kev.dated.as_deref(), Some("2026-01-05"));
        assert_eq!(
            kev_json(text(2).as_bytes()),
            Err(KevError::Count { told: 2, found: 1 })
        );
    }
}
