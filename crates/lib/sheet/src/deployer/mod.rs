//! What a deployment tool says of hosts and updates: its word, never evidence.
//!
//! In 2004 the tool said that all was well, and that was all that anybody looked at. An export of WSUS,
//! Configuration Manager or Intune is read to be held *against* the hosts: so each row ends as a [`Word`] on
//! one update of one host, as a [`HostWord`], or as [`Rejected`] with its reason, and what the tool calls
//! `Installed/Not Applicable` is not taken for installed.
//!
//! The names of columns and states are those that Microsoft documents (the states of WSUS and Configuration
//! Manager, of Intune those of its exports as they are known) with the usual words of people's scripts, in
//! English, German and French. No real export was at hand: the forms that the tests read are made by hand.
//!
//! ```
//! let csv = b"Computer Name,KB,Status,Last Contact\npc7.example.org,835732,Installed,2026-11-20\n";
//! let deployed = sheet::deployer(csv).unwrap();
//! let word = &deployed.words[0];
//! assert_eq!((word.host.as_str(), &word.kbs[..]), ("pc7.example.org", &[835732][..]));
//! assert_eq!(word.said, sheet::Said::Done);
//! assert_eq!(deployed.rows, deployed.accounted());
//! ```

mod column;
mod said;

use std::collections::BTreeMap;

pub use said::{Pending, Said};

use crate::{
    Place, Rejected, SheetError,
    grid::{Cell, Grid, Row},
    row, table,
};
use column::{Column, Heading};

/// Most updates that one row may name.
const MAX_KBS: usize = 64;

/// Whose export it is, as its headings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// Windows Server Update Services.
    Wsus,
    /// Configuration Manager, once SCCM.
    ConfigMgr,
    /// Intune.
    Intune,
    /// Another, or one that cannot be told.
    Other,
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wsus => "WSUS",
            Self::ConfigMgr => "Configuration Manager",
            Self::Intune => "Intune",
            Self::Other => "a deployment tool",
        })
    }
}

/// What is said of one update on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it is written.
    pub place: Place,
    /// The host, without the `DOMAIN\` in front and the `$` behind.
    pub host: String,
    /// The numbers of the update.
    pub kbs: Vec<u32>,
    /// `MS04-011`, if it names a bulletin.
    pub bulletin: Option<String>,
    /// The name of the update.
    pub title: Option<String>,
    /// What became of it.
    pub said: Said,
    /// The same as it is written; empty where the row says nothing.
    pub text: String,
}

/// What is said of a host and of no update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostWord {
    /// Where it is written.
    pub place: Place,
    /// The host, as in [`Word`].
    pub host: String,
    /// When it last spoke to the tool, `YYYY-MM-DD`.
    pub last_contact: Option<String>,
    /// What it runs.
    pub os: Option<String>,
    /// The build of Windows within that: `10.0.19045.4046`.
    pub build: Option<String>,
}

/// An export, every row accounted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Whose.
    pub product: Product,
    /// Rows on an update of a host.
    pub words: Vec<Word>,
    /// Rows on a host alone.
    pub hosts: Vec<HostWord>,
    /// Rows that say neither, and why.
    pub rejected: Vec<Rejected>,
    /// Titles, headings, and the lines of a report that head a section.
    pub headings: Vec<Place>,
    /// Rows that are not blank.
    pub rows: usize,
    /// How the columns were understood, a line a table.
    pub columns: Vec<String>,
    /// What in rows that were understood could not be read.
    pub doubts: Vec<(Place, String)>,
}

impl Deployed {
    /// The rows of the four kinds. Always [`Deployed::rows`].
    pub fn accounted(&self) -> usize {
        self.words.len() + self.hosts.len() + self.rejected.len() + self.headings.len()
    }

    /// Every host that it names, once, as it is written first.
    pub fn names(&self) -> Vec<&str> {
        let words = self.words.iter().map(|word| word.host.as_str());
        let hosts = self.hosts.iter().map(|host| host.host.as_str());
        let mut seen = BTreeMap::new();
        for name in words.chain(hosts) {
            seen.entry(name.to_lowercase()).or_insert(name);
        }
        seen.into_values().collect()
    }
}

/// Reads an export: CSV with any of the usual separators, in UTF-8, UTF-16 or the code page of western
/// Windows, or a workbook.
///
/// # Errors
/// As [`crate::read`]; [`SheetError::NoDeployerHeading`] if no table names hosts beside anything.
pub fn deployer(bytes: &[u8]) -> Result<Deployed, SheetError> {
    let grids = table::open(bytes)?;
    let headings: Vec<Option<Heading>> = grids.iter().map(column::find).collect();
    let product = column::product(&grids);
    let mut deployed = Deployed {
        product,
        words: Vec::new(),
        hosts: Vec::new(),
        rejected: Vec::new(),
        headings: Vec::new(),
        rows: grids.iter().map(|grid| grid.rows.len()).sum(),
        columns: Vec::new(),
        doubts: Vec::new(),
    };
    if headings.iter().all(Option::is_none) {
        let first = grids.iter().find_map(|grid| grid.rows.values().next());
        return Err(first.map_or(SheetError::Empty, |row| {
            SheetError::NoDeployerHeading(Grid::text(row))
        }));
    }
    for (grid, heading) in grids.iter().zip(headings) {
        match heading {
            Some(heading) => Section::default().read(grid, &heading, &mut deployed),
            None => deployed
                .rejected
                .extend(grid.rows.iter().map(|(row, cells)| Rejected {
                    place: grid.place(*row),
                    why: "its table has no heading that names hosts".to_owned(),
                    text: Grid::text(cells),
                })),
        }
    }
    Ok(deployed)
}

/// What the lines above a table of a report say of all its rows.
#[derive(Debug, Default)]
struct Section {
    host: Option<String>,
    last_contact: Option<String>,
    os: Option<String>,
}

/// What one row is.
enum Either {
    Word(Word),
    Host(HostWord),
}

impl Section {
    fn read(mut self, grid: &Grid, heading: &Heading, deployed: &mut Deployed) {
        deployed.columns.push(heading.to_string());
        for (row, cells) in &grid.rows {
            let place = grid.place(*row);
            let heard = self.heard(cells);
            if heard || *row <= heading.row || heading.is_repeated_by(cells) {
                deployed.headings.push(place);
            } else {
                match self.row(place.clone(), cells, heading, deployed) {
                    Ok(Either::Word(word)) => deployed.words.push(word),
                    Ok(Either::Host(host)) => deployed.hosts.push(host),
                    Err(why) => deployed.rejected.push(Rejected {
                        place,
                        why,
                        text: Grid::text(cells),
                    }),
                }
            }
        }
    }

    /// `Computer Name: | pc7`, a line of a report that speaks of the rows below it.
    fn heard(&mut self, cells: &Row) -> bool {
        let mut texts = cells.values().map(Cell::text);
        let (Some(first), second, None) = (texts.next(), texts.next(), texts.next()) else {
            return false;
        };
        let Some((label, rest)) = first.split_once(':') else {
            return false;
        };
        let value = match (rest.trim(), second) {
            ("", Some(second)) => second,
            (rest, None) => rest,
            _ => return false,
        };
        let Some(column) = Column::of(label) else {
            return false;
        };
        let said = (!value.is_empty()).then(|| value.to_owned());
        match column {
            Column::Host => {
                *self = Self {
                    host: said.as_deref().and_then(host_name),
                    ..Self::default()
                }
            }
            Column::LastContact => self.last_contact = said,
            Column::Os => self.os = said,
            Column::Kb
            | Column::Bulletin
            | Column::Title
            | Column::Status
            | Column::Installed
            | Column::Required => return false,
        }
        true
    }

    fn row(
        &self,
        place: Place,
        cells: &Row,
        heading: &Heading,
        deployed: &mut Deployed,
    ) -> Result<Either, String> {
        let text = |column: Column| heading.text(column, cells);
        let host = match text(Column::Host) {
            Some(host) => host_name(&host),
            None => self.host.clone(),
        };
        let host = host.ok_or("it names no host")?;
        let (title, kb) = (text(Column::Title), text(Column::Kb));
        let said_bulletin = text(Column::Bulletin);
        let mut kbs = Vec::new();
        row::numbers(title.as_deref().unwrap_or_default(), false, &mut kbs); // default: because it may be told by its number alone
        row::numbers(kb.as_deref().unwrap_or_default(), true, &mut kbs); // default: likewise by its name
        if kbs.len() > MAX_KBS {
            return Err(format!("it names more than {MAX_KBS} updates"));
        }
        let named = [&said_bulletin, &title, &kb];
        let bulletin = named
            .into_iter()
            .flatten()
            .find_map(|text| row::bulletin(text));
        if kbs.is_empty() && bulletin.is_none() && title.is_none() {
            let on_host = self.of_host(place, host, cells, heading, deployed);
            let says_more = on_host.last_contact.is_some() || on_host.os.is_some();
            return if says_more || !heading.has_updates() {
                Ok(Either::Host(on_host))
            } else {
                Err("it names no update".to_owned())
            };
        }
        let (said, text) = heading
            .said(cells, deployed.product)
            .ok_or("no column says what became of the update")?;
        Ok(Either::Word(Word {
            place,
            host,
            kbs,
            bulletin,
            title,
            said,
            text,
        }))
    }

    fn of_host(
        &self,
        place: Place,
        host: String,
        cells: &Row,
        heading: &Heading,
        deployed: &mut Deployed,
    ) -> HostWord {
        let contact = heading.cell(Column::LastContact, cells);
        let said = self.last_contact.clone().map(Cell::Text);
        let last_contact = contact.cloned().or(said).and_then(|cell| match day(&cell) {
            Ok(day) => day,
            Err(why) => {
                deployed.doubts.push((place.clone(), why));
                None
            }
        });
        let os = heading.text(Column::Os, cells).or_else(|| self.os.clone());
        HostWord {
            place,
            host,
            last_contact,
            build: os.as_deref().and_then(build),
            os,
        }
    }
}

/// A name of a host as it is called elsewhere.
fn host_name(text: &str) -> Option<String> {
    let last = text.rsplit('\\').next().unwrap_or(text); // or: because a split has one part
    let name = last.trim().trim_end_matches('$').trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The day of a time; none where the tool says that there was none.
fn day(cell: &Cell) -> Result<Option<String>, String> {
    let text = cell.text();
    if matches!(
        text.to_lowercase().as_str(),
        "never" | "nie" | "jamais" | "n/a" | "-" | "not reported"
    ) || text.starts_with("0001-01-01")
        || text.starts_with("1/1/0001")
    {
        return Ok(None);
    }
    if let Cell::Text(text) = cell
        && let Some((day, time)) = text.split_once('T')
        && time.starts_with(|c: char| c.is_ascii_digit())
    {
        return row::date(&Cell::Text(day.to_owned())).map(Some);
    }
    row::date(cell).map(Some)
}

/// `10.0.19045.4046`, if the text has one.
fn build(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let of_windows = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.len() == 4
            && parts.iter().all(|part| !part.is_empty() && part.len() <= 6)
            && parts
                .first()
                .is_some_and(|major| matches!(*major, "5" | "6" | "10"))
    };
    words.find(of_windows).map(str::to_owned)
}
