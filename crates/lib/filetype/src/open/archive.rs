//! Archives of files one after the other: cpio, ar, cab, LHA and ISO 9660.

use std::io::{Cursor, Read};

use super::Opener;
use crate::{
    How, Part, Reason,
    bytes::{clipped, le16, le32, name, piece, wide_name},
};

fn damaged(why: &str) -> Reason {
    Reason::Damaged(why.to_owned())
}

fn number(field: Option<&[u8]>, radix: u32) -> Option<usize> {
    let text = std::str::from_utf8(field?).ok()?; // ok: because a number that is none ends the archive
    usize::from_str_radix(text.trim(), radix).ok() // ok: because a number that is none ends the archive
}

/// Of a cpio header: its length, that of the name and of the content, and what both are rounded up to.
fn cpio_header(bytes: &[u8], at: usize) -> Option<(usize, usize, usize, usize)> {
    let field = |from: usize, len: usize| piece(bytes, at + from, len);
    match piece(bytes, at, 6)? {
        b"070701" | b"070702" => {
            Some((110, number(field(94, 8), 16)?, number(field(54, 8), 16)?, 4))
        }
        b"070707" => Some((76, number(field(59, 6), 8)?, number(field(65, 11), 8)?, 1)),
        old => {
            let little = old.starts_with(b"\xc7\x71");
            if !little && !old.starts_with(b"\x71\xc7") {
                return None;
            }
            let word = |from: usize| {
                let word = le16(bytes, at + from)?;
                Some(if little {
                    word
                } else {
                    (word >> 8) | ((word & 0xff) << 8)
                })
            };
            Some((26, word(20)?, (word(22)? << 16) | word(24)?, 2))
        }
    }
}

pub(super) fn cpio(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 0_usize;
    while let Some((header, name_len, size, round)) = cpio_header(bytes, at) {
        if opener.work(part, header).is_none() {
            return;
        }
        let (title, _) = clipped(bytes, at + header, name_len);
        let title = name(title);
        if title == "TRAILER!!!" {
            return;
        }
        let start = at
            .saturating_add(header)
            .saturating_add(name_len)
            .next_multiple_of(round);
        let (content, whole) = clipped(bytes, start, size);
        if size > 0 || !whole {
            let reason = (!whole).then(|| damaged("cut short"));
            if opener
                .child(part, vec![title], How::Listed, (content, reason))
                .is_none()
            {
                return;
            }
        }
        at = start
            .saturating_add(size)
            .min(bytes.len())
            .next_multiple_of(round);
    }
    part.closed(damaged("a cpio archive has no end"));
}

pub(super) fn ar(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 8;
    while let Some(header) = piece(bytes, at, 60) {
        let Some(size) = number(header.get(48..58), 10) else {
            part.closed(damaged("an ar header has no size"));
            return;
        };
        let title = name(header.get(..16).unwrap_or_default()); // default: because a header has 60 bytes
        let title = title.trim_end().trim_end_matches('/').to_owned();
        let (content, whole) = clipped(bytes, at + 60, size);
        let reason = (!whole).then(|| damaged("cut short"));
        if opener
            .child(part, vec![title], How::Listed, (content, reason))
            .is_none()
        {
            return;
        }
        at = (at + 60)
            .saturating_add(size)
            .min(bytes.len())
            .next_multiple_of(2);
    }
}

pub(super) fn cab(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut cabinet = match cab::Cabinet::new(Cursor::new(bytes)) {
        Ok(cabinet) => cabinet,
        Err(error) => {
            part.closed(damaged(&error.to_string()));
            crate::carve::carve(opener, part, bytes);
            return;
        }
    };
    let files: Vec<(String, u32)> = cabinet
        .folder_entries()
        .flat_map(|folder| {
            folder
                .file_entries()
                .map(|file| (file.name().to_owned(), file.uncompressed_size()))
        })
        .collect();
    for (title, size) in files {
        let looked = match cabinet.read_file(&title) {
            Ok(mut from) => {
                let (content, reason) = opener.unpack(&mut from);
                opener.child(part, vec![title], How::Listed, (&content, reason))
            }
            Err(error) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                opener.name_only(part, vec![title], size, damaged(&error.to_string()))
            }
        };
        if looked.is_none() {
            return;
        }
    }
}

pub(super) fn lha(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut reader = match delharc::LhaDecodeReader::new(Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(error) => return part.closed(damaged(&error.to_string())),
    };
    loop {
        let header = reader.header();
        let title = header.parse_pathname().to_string_lossy().into_owned();
        let size = usize::try_from(header.original_size).unwrap_or(usize::MAX);
        let folder = header.is_directory();
        let method = header.compression_method().map_or_else(
            |_| "an unknown LHA method".to_owned(),
            |method| format!("{method:?}"),
        );
        let looked = if folder {
            Some(())
        } else if reader.is_decoder_supported() {
            let (content, reason) = opener.unpack(&mut reader as &mut dyn Read);
            opener.child(part, vec![title], How::Listed, (&content, reason))
        } else {
            opener.name_only(part, vec![title], size, Reason::Method(method))
        };
        if looked.is_none() {
            return;
        }
        match reader.next_file() {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return part.closed(damaged(&error.to_string())),
        }
    }
}

const SECTOR: usize = 2048;

/// Most folders of an ISO that are walked; a loop in them ends here.
const MAX_ISO_FOLDERS: usize = 4096;

pub(super) fn iso(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut seen = std::collections::BTreeSet::new();
    for sector in 16..64 {
        let Some(volume) = piece(bytes, sector * SECTOR, SECTOR) else {
            break;
        };
        let kind = volume.first().copied().unwrap_or_default(); // default: because a sector has a first byte
        if volume.get(1..6) != Some(b"CD001") || kind == 255 {
            break;
        }
        if kind != 1 && kind != 2 {
            continue;
        }
        let mut folders: Vec<(usize, usize, String)> = Vec::new();
        folders.extend(
            le32(volume, 158)
                .zip(le32(volume, 166))
                .map(|(at, len)| (at, len, String::new())),
        );
        let mut walked = 0;
        while let Some((at, len, path)) = folders.pop() {
            walked += 1;
            if walked > MAX_ISO_FOLDERS {
                return part.closed(damaged("too many folders"));
            }
            let (table, _) = clipped(bytes, at.saturating_mul(SECTOR), len);
            if opener.work(part, table.len()).is_none() {
                return;
            }
            for (extent, size, title, folder) in iso_records(table, kind == 2) {
                let title = format!("{path}{title}");
                if folder {
                    folders.push((extent, size, format!("{title}/")));
                } else if seen.insert((extent, title.clone())) {
                    let (content, whole) = clipped(bytes, extent.saturating_mul(SECTOR), size);
                    let reason = (!whole).then(|| damaged("cut short"));
                    if opener
                        .child(part, vec![title], How::Listed, (content, reason))
                        .is_none()
                    {
                        return;
                    }
                }
            }
        }
    }
}

fn iso_records(table: &[u8], joliet: bool) -> Vec<(usize, usize, String, bool)> {
    let (mut records, mut at) = (Vec::new(), 0_usize);
    while let Some(len) = table.get(at).copied().map(usize::from) {
        if len == 0 {
            at = (at + 1).next_multiple_of(SECTOR);
            continue;
        }
        let record = clipped(table, at, len).0;
        at += len;
        let title_len = record.get(32).copied().map_or(0, usize::from);
        let title = clipped(record, 33, title_len).0;
        if matches!(title, [] | [0 | 1]) {
            continue;
        }
        let title = if joliet {
            wide_name(title, u16::from_be_bytes)
        } else {
            name(title)
        };
        let title = title.split(';').next().unwrap_or_default(); // default: because a split has one part
        let title = title.to_owned();
        if let (Some(extent), Some(size), Some(flags)) =
            (le32(record, 2), le32(record, 10), record.get(25))
        {
            records.push((extent, size, title, flags & 2 != 0));
        }
    }
    records
}
