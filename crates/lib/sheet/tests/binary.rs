//! The binary forms, byte by byte as their specifications (MS-XLS, MS-XLSB) have them: as few records as make a
//! workbook. No program wrote them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{Cursor, Write};

use sheet::{Reading, SheetError, read};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A cell.
#[derive(Clone, Copy)]
enum Value {
    Text(&'static str),
    Number(f64),
    /// A day as the number that spreadsheets keep.
    Date(f64),
    /// `#REF!`
    Error,
}

use Value::{Date, Error, Number, Text};

type Cells<'c> = &'c [(u16, u16, Value)];

const CELLS: Cells<'static> = &[
    (0, 0, Text("Bulletin")),
    (0, 1, Text("KB")),
    (0, 2, Text("Zuständig")),
    (0, 3, Text("Fällig am")),
    (1, 0, Text("MS04-011")),
    (1, 1, Number(835_732.0)),
    (1, 2, Text("Jürgen, Łukasz")),
    (1, 3, Date(38_107.0)),
    (2, 1, Number(828_741.0)),
    (2, 3, Text("30.04.2004")),
    (4, 0, Error),
    (5, 2, Text("ask Ute")),
];

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), data].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn xls_cell((row, column, value): (u16, u16, Value)) -> Vec<u8> {
    let at = |format: u16| [row, column, format].map(u16::to_le_bytes).concat();
    let (kind, data) = match value {
        Text(text) => {
            let units = u16::try_from(text.encode_utf16().count()).unwrap();
            let head = [&units.to_le_bytes()[..], &[1]].concat();
            (0x0204, [at(0), head, wide(text)].concat())
        }
        Number(number) => (0x0203, [at(0), number.to_le_bytes().into()].concat()),
        Date(number) => (0x0203, [at(1), number.to_le_bytes().into()].concat()),
        Error => (0x0205, [at(0), vec![0x17, 1]].concat()),
    };
    record(kind, &data)
}

/// The stream of a workbook with one table: BOF, formats, BOUNDSHEET, EOF; BOF, DIMENSIONS, cells, merged, EOF.
fn xls_stream(cells: Cells<'_>, last_row: u32, merged: &[[u16; 4]]) -> Vec<u8> {
    let begin = |what: u16| {
        let head = [0x0600, what, 0, 0].map(u16::to_le_bytes).concat();
        record(0x0809, &[head, vec![0; 8]].concat())
    };
    let format = |number: u16| {
        let head = [0, number].map(u16::to_le_bytes).concat();
        record(0x00e0, &[head, vec![0; 16]].concat())
    };
    let bound = |place: u32| {
        let head = [&place.to_le_bytes()[..], &[0, 0, 7, 0], b"Patches"].concat();
        record(0x0085, &head)
    };
    let globals = |place: u32| {
        let end = record(0x000a, &[]);
        [begin(5), format(0), format(14), bound(place), end].concat()
    };
    let place = u32::try_from(globals(0).len()).unwrap();
    let rows = [0_u32, last_row].map(u32::to_le_bytes).concat();
    let columns = [0_u16, 4, 0].map(u16::to_le_bytes).concat();
    let areas = merged.iter().flatten();
    let areas = areas.flat_map(|number| number.to_le_bytes());
    let count = u16::try_from(merged.len()).unwrap().to_le_bytes();
    let merged: Vec<u8> = count.into_iter().chain(areas).collect();
    [
        globals(place),
        begin(0x0010),
        record(0x0200, &[rows, columns].concat()),
        cells.iter().flat_map(|cell| xls_cell(*cell)).collect(),
        record(0x00e5, &merged),
        record(0x000a, &[]),
    ]
    .concat()
}

fn compound(stream: &[u8]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let mut workbook = file.create_stream("/Workbook").unwrap();
    workbook.write_all(stream).unwrap();
    drop(workbook);
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// A record of XLSB: its number and its length in groups of seven bits.
fn brt(kind: u16, data: &[u8]) -> Vec<u8> {
    let groups = |mut number: usize| {
        let mut all = Vec::new();
        loop {
            let group = u8::try_from(number & 0x7f).unwrap();
            number >>= 7;
            all.push(if number > 0 { group | 0x80 } else { group });
            if number == 0 {
                return all;
            }
        }
    };
    [groups(kind.into()), groups(data.len()), data.to_vec()].concat()
}

fn brt_text(text: &str) -> Vec<u8> {
    let units = u32::try_from(text.encode_utf16().count()).unwrap();
    [units.to_le_bytes().to_vec(), wide(text)].concat()
}

type LongCells = Vec<(u32, u32, Value)>;

fn xlsb_sheet(cells: &LongCells) -> Vec<u8> {
    let mut all = [brt(0x81, &[]), brt(0x94, &[0; 16]), brt(0x91, &[])].concat();
    let mut last = None;
    for (row, column, value) in cells {
        if last != Some(*row) {
            last = Some(*row);
            let head = [row.to_le_bytes().to_vec(), vec![0; 13]].concat();
            all.extend(brt(0, &head));
        }
        let at = [column.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        let (kind, data) = match value {
            Text(text) => (6, brt_text(text)),
            Number(number) | Date(number) => (5, number.to_le_bytes().to_vec()),
            Error => (3, vec![0x17]),
        };
        all.extend(brt(kind, &[at, data].concat()));
    }
    all.extend([brt(0x92, &[]), brt(0x82, &[])].concat());
    all
}

fn xlsb_book() -> Vec<u8> {
    let bundle = [
        vec![0; 4],
        1_u32.to_le_bytes().to_vec(),
        brt_text("rId1"),
        brt_text("Patches"),
    ];
    let book = [
        brt(0x83, &[]),
        brt(0x8f, &[]),
        brt(0x9c, &bundle.concat()),
        brt(0x90, &[]),
        brt(0x9d, &[]),
        brt(0x84, &[]),
    ];
    book.concat()
}

fn xlsb(cells: &LongCells) -> Vec<u8> {
    xlsb_of(&xlsb_book(), &xlsb_sheet(cells))
}

fn xlsb_of(book: &[u8], sheet: &[u8]) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org";
    let relations = format!(
        "<Relationships xmlns=\"{office}/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{office}/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.bin\"/>\
         </Relationships>"
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in [
        ("xl/workbook.bin", book),
        ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
        ("xl/worksheets/sheet1.bin", sheet),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(part).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn long_cells() -> LongCells {
    let cells = CELLS.iter();
    cells
        .map(|(row, column, value)| ((*row).into(), (*column).into(), *value))
        .collect()
}

#[track_caller]
fn holds(reading: &Reading) {
    let parts = reading.asked.len() + reading.rejected.len() + reading.headings.len();
    assert_eq!((reading.rows, parts), (5, 5), "rows in are rows out");
    let first = &reading.asked[0];
    assert_eq!(first.place.to_string(), "Patches!2");
    assert_eq!(first.bulletin.as_deref(), Some("MS04-011"));
    assert_eq!(first.kbs, [835_732]);
    assert_eq!(first.owner.as_deref(), Some("Jürgen, Łukasz"));
    for asked in &reading.asked {
        assert_eq!(asked.due.as_deref(), Some("2004-04-30"));
    }
    assert_eq!(reading.asked[1].kbs, [828_741]);
    let rejected = reading.rejected.iter();
    let rejected: Vec<(String, &str)> = rejected
        .map(|row| (row.place.to_string(), row.why.as_str()))
        .collect();
    let nothing = "it names no bulletin, update, package or file";
    let expected = [
        ("Patches!5", "its bulletin is the error #REF!"),
        ("Patches!6", nothing),
    ];
    assert_eq!(
        rejected,
        expected.map(|(place, why)| (place.to_owned(), why))
    );
}

#[test]
fn xls_is_read_with_its_dates_and_merged_cells() {
    holds(&read(&compound(&xls_stream(CELLS, 6, &[])), None).unwrap());
    // The owner's cell covers the row below.
    let merged = compound(&xls_stream(CELLS, 6, &[[1, 2, 2, 2]]));
    let merged = read(&merged, None).unwrap();
    assert_eq!(merged.asked[1].owner, merged.asked[0].owner);
    // An area that ends before it begins covers nothing.
    let backwards = compound(&xls_stream(CELLS, 6, &[[2, 1, 2, 2]]));
    holds(&read(&backwards, None).unwrap());
}

#[test]
fn xlsb_is_read() {
    holds(&read(&xlsb(&long_cells()), None).unwrap());
}

/// Two cells in opposite corners: what lies between them is not there, and costs nothing.
#[test]
fn a_binary_table_with_a_cell_in_each_corner_costs_two_cells() {
    let mut cells = long_cells();
    cells.push((1_048_575, 0, Text("MS04-012 (828741)")));
    cells.push((1_048_575, 400, Text("x")));
    let reading = read(&xlsb(&cells), None).unwrap();
    assert_eq!(reading.rows, 6);
    assert_eq!(reading.asked[2].place.to_string(), "Patches!1048576");
}

/// The reader takes room by what the table says of itself.
#[test]
fn an_xls_that_says_it_is_vast_or_elsewhere_is_refused() {
    let check = |stream: &[u8], says: &str| {
        let error = read(&compound(stream), None).unwrap_err();
        assert_eq!(error, SheetError::Damaged(says.to_owned()));
    };
    let vast = "a table of it says that it is larger than its form allows";
    check(&xls_stream(CELLS, u32::MAX, &[]), vast);
    let mut elsewhere = xls_stream(CELLS, 6, &[]);
    let bound = elsewhere.windows(2).position(|at| at == [0x85, 0]).unwrap();
    elsewhere[bound + 4..bound + 8].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    check(&elsewhere, "a table of it begins outside of it");
    let mut cut = xls_stream(CELLS, 6, &[]);
    cut.truncate(cut.len() - 5);
    check(&cut, "a record of it ends outside of it");
}

/// No byte of either may end the program, whatever it is.
#[test]
fn a_damaged_binary_workbook_is_an_error_or_is_read() {
    let (mut wrong, mut tried) = (0, 0);
    let mut attempt = |bytes: &[u8]| {
        tried += 1;
        wrong += usize::from(read(bytes, None).is_err());
    };
    let stream = xls_stream(CELLS, 6, &[[1, 2, 2, 2]]);
    for at in 0..stream.len() {
        let mut bytes = stream.clone();
        bytes[at] ^= 0xff;
        attempt(&compound(&bytes));
    }
    let whole = compound(&stream);
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        attempt(&bytes);
        attempt(&whole[..at]);
    }
    let (book, sheet) = (xlsb_book(), xlsb_sheet(&long_cells()));
    for at in 0..book.len() + sheet.len() {
        let (mut book, mut sheet) = (book.clone(), sheet.clone());
        let byte = book.iter_mut().chain(&mut sheet).nth(at).unwrap();
        *byte ^= 0xff;
        attempt(&xlsb_of(&book, &sheet));
    }
    assert!(wrong > 0 && wrong < tried, "{wrong} of {tried}");
}
