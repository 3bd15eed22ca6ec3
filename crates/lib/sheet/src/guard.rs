//! Workbooks before the reader that trusts them sees them. Their tables say themselves how large
//! they are, and a reader that takes room by that word would end the program, not only the sheet.

use std::{
    io::{Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use cfb::CompoundFile as Compound;

use crate::SheetError;

/// Most rows and columns of a table of this form.
const MAX_XLS_ROWS: u32 = 65_536;
const MAX_XLS_COLUMNS: u32 = 256;

const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;

fn damaged(why: &str) -> SheetError {
    SheetError::Damaged(why.to_owned())
}

/// Whether an XLS is what it says it is, as far as a reader takes room or goes somewhere by its word.
pub(crate) fn xls(bytes: &[u8]) -> Result<(), SheetError> {
    let error = |error: std::io::Error| SheetError::Damaged(error.to_string());
    let mut file = Compound::open(Cursor::new(bytes)).map_err(error)?;
    let names = ["/Workbook", "/Book"];
    let name = names.into_iter().find(|name| file.is_stream(name));
    let stream = file
        .open_stream(name.ok_or_else(|| damaged("it has no stream Workbook"))?)
        .map_err(error)?;
    if stream.len() > bytes.len() as u64 {
        return Err(damaged("its stream is longer than the file"));
    }
    let (mut records, limit) = (Vec::new(), stream.len());
    std::io::copy(&mut stream.take(limit), &mut records).map_err(error)?;
    let mut at = 0;
    while let Some(head) = records.get(at..at + 4) {
        let (kind, len) = (word(head, 0)?, usize::from(word(head, 2)?));
        let outside = || damaged("a record of it ends outside of it");
        let data = records.get(at + 4..at + 4 + len).ok_or_else(outside)?;
        match kind {
            BOUND_SHEET => {
                let place = usize::try_from(long(data, 0)?).unwrap_or(usize::MAX);
                if place > records.len() || data.len() < 8 {
                    return Err(damaged("a table of it begins outside of it"));
                }
            }
            DIMENSIONS => dimensions(data)?,
            _ => {}
        }
        at += 4 + len;
    }
    Ok(())
}

fn dimensions(data: &[u8]) -> Result<(), SheetError> {
    let (rows, columns) = if data.len() == 10 {
        let word = |at| word(data, at).map(u32::from);
        ((word(0)?, word(2)?), (word(4)?, word(6)?))
    } else {
        let columns = (word(data, 8)?.into(), word(data, 10)?.into());
        ((long(data, 0)?, long(data, 4)?), columns)
    };
    // The last of each is the one behind.
    let fits = |(from, to): (u32, u32), most: u32| from <= to && to <= most;
    if fits(rows, MAX_XLS_ROWS) && fits(columns, MAX_XLS_COLUMNS) {
        Ok(())
    } else {
        Err(damaged(
            "a table of it says that it is larger than its form allows",
        ))
    }
}

fn word(data: &[u8], at: usize) -> Result<u16, SheetError> {
    let bytes = data.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()); // ok: because it has two bytes
    bytes
        .map(u16::from_le_bytes)
        .ok_or_else(|| damaged("a record of it is cut"))
}

fn long(data: &[u8], at: usize) -> Result<u32, SheetError> {
    let bytes = data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()); // ok: because it has four bytes
    bytes
        .map(u32::from_le_bytes)
        .ok_or_else(|| damaged("a record of it is cut"))
}

/// A reader that is not ours and goes where a damaged file sends it: what it cannot do is an error of the file.
pub(crate) fn caught<T>(read: impl FnOnce() -> Result<T, SheetError>) -> Result<T, SheetError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged("its records contradict each other")))
}
