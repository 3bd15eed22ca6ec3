//! What must be installed, read from the administrator's own spreadsheet.
//!
//! In 2004 the list of what had to be installed was a spreadsheet, and one row of it, MS04-011, was never
//! held against a host. A reader that passes over a row that it does not understand repeats that. So each row
//! ends as [`Asked`] or as [`Rejected`] with its reason, or was part of the heading: rows in are rows out, and
//! [`Reading::rows`] is their number.
//!
//! CSV and TSV, XLSX, XLSB, XLS and ODS are told apart by their content. What the columns mean is guessed from
//! their headings in several languages ([`Mapping`]), shown, and can be given back for the next reading.
//!
//! ```
//! let csv = b"Bulletin;Applies to;Due\nMS04-011 (835732);Windows XP;30.04.2004\nsoon more;;\n";
//! let reading = sheet::read(csv, None).unwrap();
//! assert_eq!(reading.asked[0].kbs, [835732]);
//! assert_eq!(reading.asked[0].due.as_deref(), Some("2004-04-30"));
//! assert_eq!(reading.rejected[0].why, "it names no bulletin, update, package or file");
//! assert_eq!(reading.rows, 3);
//! ```
#![warn(missing_docs)]

mod bare;
mod deployer;
mod grid;
mod guard;
mod heading;
mod row;
mod table;

pub use deployer::{Deployed, HostWord, Pending, Product, Said, Word, deployer};
pub use heading::{Column, Mapping};
pub use row::{Asked, Severity};
pub use table::decode;

use grid::Grid;

/// The largest file that is looked at, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// The most that a workbook may unpack to, in bytes.
pub const MAX_UNPACKED_BYTES: u64 = 512 << 20;

/// The most rows that are not blank, of all tables of a file.
pub const MAX_ROWS: usize = 200_000;

/// The most columns of a table.
pub const MAX_COLUMNS: u32 = 512;

/// The longest text of one cell that is kept, in characters; what is longer is cut with `…`.
pub const MAX_CELL_CHARS: usize = 4096;

/// Why a file is no spreadsheet that can be read whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Neither a workbook nor text.
    #[error("neither a workbook (XLSX, XLSB, XLS, ODS) nor text: {0}")]
    Unknown(String),
    /// A limit of this crate.
    #[error("{what} is larger than the limit of {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit, in the unit of its constant.
        limit: u64,
    },
    /// The workbook is damaged, or needs a password.
    #[error("the workbook cannot be read: {0}")]
    Damaged(String),
    /// No table has a heading that names an update, package or file, nor a column of bulletins or updates.
    #[error(
        "no heading was found: expected a row with a column such as Bulletin, KB, Patch, Package or File, or a column \
         in which every other row names a bulletin or an update (MS04-011, KB835732); the first row that is not blank reads `{0}`"
    )]
    NoHeading(String),
    /// No table of an export names hosts beside anything.
    #[error(
        "no heading was found: expected a row with a column of hosts (Computer Name, Machine Name, Device Name) \
         beside one of updates, of states or of last contacts; the first row that is not blank reads `{0}`"
    )]
    NoDeployerHeading(String),
    /// The mapping that was given names a row or column that is not there.
    #[error("the mapping does not fit: {0}")]
    Mapping(String),
}

/// Where a row is, as a person finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The table; empty in a text file.
    pub table: String,
    /// From 1, as spreadsheets count.
    pub row: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.table.is_empty() {
            write!(f, "row {}", self.row)
        } else {
            write!(f, "{}!{}", self.table, self.row)
        }
    }
}

/// A row that asks for nothing that could be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where.
    pub place: Place,
    /// Why, in a sentence.
    pub why: String,
    /// What it says, cells joined by ` | `.
    pub text: String,
}

/// A spreadsheet, every row accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// How the columns of each table were understood.
    pub mappings: Vec<Mapping>,
    /// What is asked for.
    pub asked: Vec<Asked>,
    /// What is not understood, and why.
    pub rejected: Vec<Rejected>,
    /// Titles and headings: everything up to the last row of the heading.
    pub headings: Vec<Place>,
    /// Rows that are not blank. Always the sum of the three.
    pub rows: usize,
}

/// Reads a spreadsheet. Tables in `mappings` are read by them; the others by what their headings say, or, where no
/// table has a heading that is known, by what stands in their columns.
pub fn read(bytes: &[u8], mappings: Option<&[Mapping]>) -> Result<Reading, SheetError> {
    read_by(bytes, mappings, &[])
}

/// Reads a spreadsheet of which a person says what some headings mean, also where nothing else in them is known.
/// A column of a table without a heading is called by its letter, `A`.
pub fn read_as(bytes: &[u8], meanings: &[(&str, Column)]) -> Result<Reading, SheetError> {
    read_by(bytes, None, meanings)
}

fn read_by(
    bytes: &[u8],
    mappings: Option<&[Mapping]>,
    meanings: &[(&str, Column)],
) -> Result<Reading, SheetError> {
    let grids = table::open(bytes)?;
    let mut reading = Reading::default();
    let mut strays = Vec::new(); // tables without a heading, told row by row at the end
    for grid in &grids {
        reading.rows += grid.rows.len();
        let given = mappings.and_then(|all| all.iter().find(|one| one.table == grid.name));
        let mapping = match given {
            Some(mapping) => Some(mapping.fits(grid)?),
            None => heading::guess(grid, meanings),
        };
        match mapping {
            Some(mapping) => row::read(grid, &mapping, &mut reading),
            None => strays.push(grid),
        }
    }
    if reading.mappings.is_empty() {
        strays.retain(|grid| match bare::guess(grid, meanings) {
            Some(mapping) => {
                row::read(grid, &mapping, &mut reading);
                false
            }
            None => true,
        });
    }
    if reading.mappings.is_empty() {
        let first = grids.iter().find_map(|grid| grid.rows.values().next());
        return Err(first.map_or(SheetError::Empty, |row| {
            SheetError::NoHeading(Grid::text(row))
        }));
    }
    for grid in strays {
        reading
            .rejected
            .extend(grid.rows.iter().map(|(row, cells)| Rejected {
                place: grid.place(*row),
                why: "its table has no heading that names an update, package or file".to_owned(),
                text: Grid::text(cells),
            }));
    }
    Ok(reading)
}
