//! A table as cells that are there: a million blank rows cost nothing.

use std::collections::BTreeMap;

use crate::{MAX_CELL_CHARS, MAX_COLUMNS, MAX_ROWS, Place, SheetError};

/// A cell that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Text, or a number as text.
    Text(String),
    /// A date, `YYYY-MM-DD`.
    Date(String),
    /// An error value such as `#REF!`.
    Error(String),
    /// A formula whose result was not saved.
    Formula,
}

impl Cell {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Date(text) | Self::Error(text) => text,
            Self::Formula => "=…",
        }
    }
}

/// The cells of one row, by column.
pub(crate) type Row = BTreeMap<u32, Cell>;

/// A table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    pub(crate) name: String,
    /// Rows that are not blank, from 1.
    pub(crate) rows: BTreeMap<u32, Row>,
}

/// How many rows a file has had so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    rows: usize,
}

impl Grid {
    pub(crate) fn place(&self, row: u32) -> Place {
        Place {
            table: self.name.clone(),
            row,
        }
    }

    /// Puts a cell in its place; a blank one is none.
    pub(crate) fn put(
        &mut self,
        (row, column): (u32, u32),
        cell: Cell,
        budget: &mut Budget,
    ) -> Result<(), SheetError> {
        let cell = match cell {
            Cell::Text(text) => match clean(&text) {
                text if text.is_empty() => return Ok(()),
                text => Cell::Text(text),
            },
            other => other,
        };
        if column >= MAX_COLUMNS {
            return Err(SheetError::TooLarge {
                what: "the number of columns",
                limit: u64::from(MAX_COLUMNS),
            });
        }
        if !self.rows.contains_key(&row) {
            budget.rows += 1;
            if budget.rows > MAX_ROWS {
                return Err(SheetError::TooLarge {
                    what: "the number of rows",
                    limit: MAX_ROWS as u64,
                });
            }
        }
        self.rows.entry(row).or_default().insert(column, cell);
        Ok(())
    }

    /// What a merged area says it says in each of its rows that has something of its own.
    pub(crate) fn spread(&mut self, (from, to): ((u32, u32), (u32, u32))) {
        let Some(cell) = self.rows.get(&from.0).and_then(|row| row.get(&from.1)) else {
            return;
        };
        if to.0 < from.0 {
            return; // an area that ends before it begins covers nothing
        }
        let cell = cell.clone();
        for (_, row) in self.rows.range_mut(from.0..=to.0).skip(1) {
            // Only downwards: sideways it is one cell that is wide.
            row.entry(from.1).or_insert_with(|| cell.clone());
        }
    }

    /// A row as a person reads it.
    pub(crate) fn text(row: &Row) -> String {
        let cells: Vec<&str> = row.values().map(Cell::text).collect();
        cut(&cells.join(" | "))
    }
}

/// White space of every kind as one blank; what is invisible goes.
fn clean(text: &str) -> String {
    let visible = text
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}'));
    let spaced: String = visible
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    cut(&words.join(" "))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL_CHARS) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}
