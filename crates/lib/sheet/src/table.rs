//! From bytes to tables. A workbook is unpacked once into nothing, so that a bomb is known before a reader
//! that trusts it sees it.

use std::io::{Cursor, Read};

use calamine::{Data, Dimensions, Ods, Reader, Xls, Xlsb, Xlsx};

use crate::{
    MAX_FILE_BYTES, MAX_UNPACKED_BYTES, SheetError,
    grid::{Budget, Cell, Grid},
    guard,
};

/// Opens a file by what it is.
pub(crate) fn open(bytes: &[u8]) -> Result<Vec<Grid>, SheetError> {
    if bytes.is_empty() {
        return Err(SheetError::Empty);
    }
    if bytes.len() > MAX_FILE_BYTES {
        return Err(SheetError::TooLarge {
            what: "the file",
            limit: MAX_FILE_BYTES as u64,
        });
    }
    let damaged = |error: &dyn std::fmt::Display| SheetError::Damaged(error.to_string());
    let from = || Cursor::new(bytes);
    if bytes.starts_with(b"PK\x03\x04") {
        let names = survey(bytes)?;
        let has = |name: &str| names.iter().any(|one| one == name);
        if has("xl/workbook.xml") {
            return guard::caught(|| xlsx(Xlsx::new(from()).map_err(|error| damaged(&error))?));
        }
        if has("xl/workbook.bin") {
            return guard::caught(|| xlsb(Xlsb::new(from()).map_err(|error| damaged(&error))?));
        }
        if has("content.xml") {
            return guard::caught(|| plain(Ods::new(from()).map_err(|error| damaged(&error))?));
        }
        let why = "it is a ZIP archive without a workbook";
        return Err(SheetError::Unknown(why.to_owned()));
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        guard::xls(bytes)?;
        return guard::caught(|| xls(Xls::new(from()).map_err(|error| damaged(&error))?));
    }
    text(bytes)
}

/// The names of an archive whose content is within [`MAX_UNPACKED_BYTES`], whatever it says of itself.
fn survey(bytes: &[u8]) -> Result<Vec<String>, SheetError> {
    let damaged = |error: &dyn std::fmt::Display| SheetError::Damaged(error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let (mut names, mut left) = (Vec::new(), MAX_UNPACKED_BYTES);
    let mut chunk = vec![0; 64 << 10];
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?;
        names.push(name.replace('\\', "/"));
        loop {
            let got = entry.read(&mut chunk).map_err(|error| damaged(&error))?;
            if got == 0 {
                break;
            }
            left = left.checked_sub(got as u64).ok_or(SheetError::TooLarge {
                what: "what the workbook unpacks to",
                limit: MAX_UNPACKED_BYTES,
            })?;
        }
    }
    Ok(names)
}

/// Cell by cell, so that what is formatted and blank costs nothing.
fn xlsx(mut book: Xlsx<Cursor<&[u8]>>) -> Result<Vec<Grid>, SheetError> {
    let damaged = |error: calamine::XlsxError| SheetError::Damaged(error.to_string());
    let (mut grids, mut budget) = (Vec::new(), Budget::default());
    for name in book.sheet_names() {
        let mut grid = Grid {
            name: name.clone(),
            ..Grid::default()
        };
        let mut cells = match book.worksheet_cells_reader(&name) {
            Err(calamine::XlsxError::NotAWorksheet(_)) => continue, // a chart has no rows
            other => other.map_err(damaged)?,
        };
        while let Some(found) = cells.next_cell_with_formula().map_err(damaged)? {
            let (row, column) = found.pos;
            let value = Data::from(found.value);
            let formula = found.formula.is_some();
            if let Some(cell) = cell(&value, formula) {
                grid.put((row + 1, column), cell, &mut budget)?;
            }
        }
        drop(cells);
        let merged = book.merge_cells_by_sheet_name(&name).map_err(damaged)?;
        for area in &merged {
            grid.spread(corners(area));
        }
        grids.push(grid);
    }
    Ok(grids)
}

/// Likewise: two cells in opposite corners are two cells. Areas that are merged are not told of this form.
fn xlsb(mut book: Xlsb<Cursor<&[u8]>>) -> Result<Vec<Grid>, SheetError> {
    let damaged = |error: calamine::XlsbError| SheetError::Damaged(error.to_string());
    let (mut grids, mut budget) = (Vec::new(), Budget::default());
    for name in book.sheet_names() {
        let mut grid = Grid {
            name: name.clone(),
            ..Grid::default()
        };
        let mut cells = book.worksheet_cells_reader(&name).map_err(damaged)?;
        while let Some(found) = cells.next_cell().map_err(damaged)? {
            let (row, column) = found.get_position();
            if let Some(cell) = cell(&Data::from(found.get_value().clone()), false) {
                grid.put((row + 1, column), cell, &mut budget)?;
            }
        }
        drop(cells);
        let mut formulas = book.worksheet_cells_reader(&name).map_err(damaged)?;
        while let Some(found) = formulas.next_formula().map_err(damaged)? {
            let (row, column) = found.get_position();
            let known = grid.rows.get(&(row + 1));
            if !known.is_some_and(|row| row.contains_key(&column)) {
                grid.put((row + 1, column), Cell::Formula, &mut budget)?;
            }
        }
        drop(formulas);
        grids.push(grid);
    }
    Ok(grids)
}

fn xls(mut book: Xls<Cursor<&[u8]>>) -> Result<Vec<Grid>, SheetError> {
    let damaged = |error: calamine::XlsError| SheetError::Damaged(error.to_string());
    let names = book.sheet_names();
    let merged = names
        .iter()
        .map(|name| book.merge_cells_by_sheet_name(name));
    let merged: Vec<Vec<Dimensions>> = merged.collect::<Result<_, _>>().map_err(damaged)?;
    let mut grids = tables(&mut book)?;
    for (grid, merged) in grids.iter_mut().zip(merged) {
        for area in &merged {
            grid.spread(corners(area));
        }
    }
    Ok(grids)
}

fn plain<'b, R: Reader<Cursor<&'b [u8]>>>(mut book: R) -> Result<Vec<Grid>, SheetError>
where
    R::Error: std::fmt::Display,
{
    tables(&mut book)
}

fn tables<'b, R: Reader<Cursor<&'b [u8]>>>(book: &mut R) -> Result<Vec<Grid>, SheetError>
where
    R::Error: std::fmt::Display,
{
    let damaged = |error: R::Error| SheetError::Damaged(error.to_string());
    let (mut grids, mut budget) = (Vec::new(), Budget::default());
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).map_err(damaged)?;
        let formulas = book.worksheet_formula(&name).map_err(damaged)?;
        let mut grid = Grid {
            name,
            ..Grid::default()
        };
        let (row_of, column_of) = range.start().unwrap_or_default(); // default: because it is blank
        for (row, column, value) in range.used_cells() {
            let at = (place(row) + row_of, place(column) + column_of);
            if let Some(cell) = cell(value, false) {
                grid.put((at.0 + 1, at.1), cell, &mut budget)?;
            }
        }
        let (row_of, column_of) = formulas.start().unwrap_or_default(); // default: because there is none
        for (row, column, _) in formulas.used_cells() {
            let at = (place(row) + row_of + 1, place(column) + column_of);
            let known = grid
                .rows
                .get(&at.0)
                .is_some_and(|row| row.contains_key(&at.1));
            if !known {
                grid.put(at, Cell::Formula, &mut budget)?;
            }
        }
        grids.push(grid);
    }
    Ok(grids)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn corners(area: &Dimensions) -> ((u32, u32), (u32, u32)) {
    let (from, to) = (area.start, area.end);
    ((from.0 + 1, from.1), (to.0 + 1, to.1))
}

/// A value; none of a cell that is blank.
fn cell(value: &Data, formula: bool) -> Option<Cell> {
    Some(match value {
        Data::Empty if formula => Cell::Formula,
        Data::Empty => return None,
        Data::String(text) | Data::DurationIso(text) => Cell::Text(text.clone()),
        Data::Int(number) => Cell::Text(number.to_string()),
        Data::Float(number) => Cell::Text(number.to_string()),
        Data::Bool(yes) => Cell::Text(if *yes { "yes" } else { "no" }.to_owned()),
        Data::DateTime(at) => match at.to_ymd_hms_milli() {
            (year, month, day, ..) if at.is_datetime() => {
                Cell::Date(format!("{year:04}-{month:02}-{day:02}"))
            }
            _ => Cell::Text(at.as_f64().to_string()),
        },
        Data::DateTimeIso(text) => Cell::Date(text.split('T').next().unwrap_or(text).to_owned()), // or: because split gives one
        Data::Error(error) => Cell::Error(error.to_string()),
    })
}

/// CSV, TSV and their kin: the separator is the one that the first lines agree on.
fn text(bytes: &[u8]) -> Result<Vec<Grid>, SheetError> {
    // One kind of line's end: the reader counts `\r\n` for a line of its own to come.
    let text = decode(bytes)?.replace("\r\n", "\n").replace('\r', "\n");
    let separator = separator(&text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let (mut grid, mut budget) = (Grid::default(), Budget::default());
    let (mut seen, mut row) = (0, 1);
    for record in reader.records() {
        let record = record.map_err(|error| SheetError::Damaged(error.to_string()))?;
        let from = record.position().map_or(0, csv::Position::byte);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        // Blank lines before a record are of its position, and not of it.
        let rest = text.as_bytes().get(from..).unwrap_or_default(); // default: because a position is within
        let blank = rest.iter().take_while(|byte| **byte == b'\n').count();
        let begins = from.saturating_add(blank);
        let between = text.as_bytes().get(seen..begins).unwrap_or_default(); // default: likewise
        row += place(between.split(|byte| *byte == b'\n').count() - 1);
        seen = begins;
        for (column, field) in record.iter().enumerate() {
            grid.put(
                (row, place(column)),
                Cell::Text(field.to_owned()),
                &mut budget,
            )?;
        }
    }
    Ok(vec![grid])
}

/// The text of a file that a person or a script saved: UTF-16 by its mark or its zeros, UTF-8, else the code page of
/// western Windows.
///
/// # Errors
/// [`SheetError::Unknown`] of what has zero bytes elsewhere and is no text.
pub fn decode(bytes: &[u8]) -> Result<String, SheetError> {
    let utf16 = |encoding: &'static encoding_rs::Encoding| encoding.decode(bytes).0.into_owned();
    let zeros = |parity: usize| {
        let head = bytes.iter().take(256).skip(parity).step_by(2);
        head.clone().count() > 0
            && head.filter(|byte| **byte == 0).count() * 2 > bytes.len().min(256) / 2
    };
    if bytes.starts_with(&[0xff, 0xfe]) || zeros(1) {
        return Ok(utf16(encoding_rs::UTF_16LE));
    }
    if bytes.starts_with(&[0xfe, 0xff]) || zeros(0) {
        return Ok(utf16(encoding_rs::UTF_16BE));
    }
    if bytes.contains(&0) {
        return Err(SheetError::Unknown("it has zero bytes".to_owned()));
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    })
}

/// Lines that are looked at for the separator.
const MAX_LINES: usize = 50;

fn separator(text: &str) -> u8 {
    let count = |separator: u8| {
        text.lines()
            .take(MAX_LINES)
            .map(|line| line.bytes().filter(|byte| *byte == separator).count())
            .filter(|count| *count > 0)
            .count()
    };
    // Of those that as many lines have, the one that text has seldom.
    [b'\t', b';', b'|', b',']
        .into_iter()
        .rev()
        .max_by_key(|separator| count(*separator))
        .unwrap_or(b',') // or: because there are four
}
