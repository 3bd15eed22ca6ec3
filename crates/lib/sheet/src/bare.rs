//! Tables without a heading that is known, in whatever language: a column in which every other row names a bulletin or
//! an update says by that what it is. What the others mean a person can say.

use std::collections::BTreeMap;

use crate::{
    Column, Mapping,
    grid::{Cell, Grid, Row},
    heading::headings,
    row::{bulletin, numbers},
};

/// Longest text, in characters, that is the name of an update and no note in which one is mentioned.
const MAX_NAME_CHARS: usize = 160;

/// How such a table is understood; none where no column names updates.
pub(crate) fn guess(grid: &Grid, meanings: &[(&str, Column)]) -> Option<Mapping> {
    let mut naming = BTreeMap::<u32, usize>::new();
    for (at, cell) in grid.rows.values().flatten() {
        if names_update(cell) {
            *naming.entry(*at).or_default() += 1;
        }
    }
    let most = naming.values().copied().max()?;
    let mut rows = grid.rows.iter();
    let (first, _) = rows.find(|(_, row)| row.values().any(names_update))?;
    if most * 2 < rows.count() + 1 {
        return None;
    }
    let above = grid.rows.range(..first).next_back();
    let above = above.filter(|(_, row)| is_heading(row, &naming));
    let (at_heading, headings) = match above {
        Some((at, row)) => (*at, headings(&[row])),
        None => (0, letters(grid)),
    };
    let mut columns = BTreeMap::new();
    for (at, heading) in &headings {
        // Letters are no words, and what stands in a column says more than a word that may be of another language.
        let by_word = at_heading > 0 && !naming.contains_key(at);
        let meant = Column::of(heading, meanings).map(|(column, _)| column);
        let meant = meant.filter(|_| by_word || Column::said(heading, meanings).is_some());
        let by_content = || naming.contains_key(at).then_some(Column::Bulletin);
        if let Some(column) = meant.or_else(by_content) {
            columns.insert(*at, column);
        }
    }
    // A heading that a person gives another meaning may leave nothing that could be judged.
    let names = columns.values().any(|column| column.names_something());
    names.then(|| Mapping {
        table: grid.name.clone(),
        heading: at_heading,
        columns,
        headings,
    })
}

/// The columns of a table by their letters.
pub(crate) fn letters(grid: &Grid) -> BTreeMap<u32, String> {
    let all = grid.rows.values().flat_map(BTreeMap::keys);
    all.map(|at| (*at, letter(*at))).collect()
}

/// 0 is `A`, 26 is `AA`.
fn letter(column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        let of = u8::try_from((left - 1) % 26).unwrap_or(0); // or: because it is below 26
        letters.push(char::from(b'A' + of));
        left = (left - 1) / 26;
    }
    letters.iter().rev().collect()
}

fn names_update(cell: &Cell) -> bool {
    let text = cell.text();
    if text.chars().count() > MAX_NAME_CHARS {
        return false;
    }
    let mut kbs = Vec::new();
    numbers(text, false, &mut kbs);
    !kbs.is_empty() || bulletin(text).is_some()
}

/// The row above the first update: words alone, and one above the updates.
fn is_heading(row: &Row, naming: &BTreeMap<u32, usize>) -> bool {
    let words = |cell: &Cell| {
        let text = cell.text();
        matches!(cell, Cell::Text(_)) && !text.contains(|c: char| c.is_ascii_digit())
    };
    row.values().all(words) && row.keys().any(|at| naming.contains_key(at))
}
