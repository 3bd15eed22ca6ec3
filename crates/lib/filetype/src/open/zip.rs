//! Zip by its central directory *and* by its local headers: what one reader shows and another does not is
//! where executables hide. Where they differ, both are opened and the difference is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read},
};

use flate2::bufread::DeflateDecoder;
use lzma_rust2::LzmaReader;

use super::{Opener, stream};
use crate::{
    How, Part, Reason, Type,
    bytes::{clipped, le16, le32, le64, piece},
};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;

/// An entry as one of the two headers tells it.
struct Entry {
    name: String,
    flags: usize,
    method: usize,
    packed: usize,
    size: usize,
}

impl Entry {
    /// `fields` is where version, flags and so on start, which both headers share.
    fn read(header: &[u8], fields: usize, name: &[u8], extra: &[u8]) -> Option<Self> {
        let (mut packed, mut size) = (le32(header, fields + 14)?, le32(header, fields + 18)?);
        let big = 0xffff_ffff;
        if let Some(wide) = zip64(extra) {
            let mut at = 0;
            if size == big {
                size = le64(wide, at)?;
                at = 8;
            }
            if packed == big {
                packed = le64(wide, at)?;
            }
        }
        Some(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            flags: le16(header, fields + 2)?,
            method: le16(header, fields + 4)?,
            packed,
            size,
        })
    }
}

fn zip64(extra: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while let (Some(id), Some(len)) = (le16(extra, at), le16(extra, at + 2)) {
        if id == 1 {
            return piece(extra, at + 4, len);
        }
        at += 4 + len;
    }
    None
}

pub(crate) fn open(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let listed = central(opener, part, bytes);
    let mut offsets: BTreeSet<usize> = listed.keys().copied().collect();
    let mut data_end = 0;
    for at in memchr::memmem::find_iter(bytes, LOCAL) {
        // Within the data of an entry that is listed a local header is that entry's own content.
        if at >= data_end || listed.contains_key(&at) {
            offsets.insert(at);
            if let Some((_, start, local)) = local(bytes, at) {
                let packed = listed.get(&at).map_or(local.packed, |entry| entry.packed);
                data_end = data_end.max(start.saturating_add(packed));
            }
        }
    }
    if offsets.first().is_some_and(|first| *first > 4) {
        part.note("bytes before the first entry");
    }
    let mut last_end = 0;
    for at in offsets {
        let Some(end) = entry(opener, part, (bytes, at), listed.get(&at)) else {
            return;
        };
        if at < last_end {
            part.note("entries that overlap");
            part.closed(Reason::Damaged("entries of the zip overlap".to_owned()));
        }
        last_end = last_end.max(end);
    }
}

/// The central directory, by the place of each local header.
fn central(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) -> BTreeMap<usize, Entry> {
    let mut listed = BTreeMap::new();
    let Some(end) = memchr::memmem::rfind(bytes, END) else {
        part.note("no central directory");
        part.closed(Reason::Damaged("no central directory".to_owned()));
        return listed;
    };
    if le16(bytes, end + 4).is_some_and(|disk| disk != 0 && disk != 0xffff) {
        part.closed(Reason::Split);
    }
    let said = le32(bytes, end + 16).unwrap_or_default(); // default: because a cut end is told where it is read
    let len = le32(bytes, end + 12).unwrap_or_default(); // default: likewise
    // Bytes before the archive move everything: the directory ends where its end record starts.
    let really = end.saturating_sub(len);
    let shift = if len == 0xffff_ffff {
        0
    } else {
        really.saturating_sub(said)
    };
    let mut at = if len == 0xffff_ffff {
        memchr::memmem::find(bytes, CENTRAL).unwrap_or(end)
    } else {
        really
    };
    while piece(bytes, at, 4) == Some(CENTRAL) {
        if opener.work(part, CENTRAL_LEN).is_none() {
            return listed;
        }
        let lens = [28, 30, 32].map(|field| le16(bytes, at + field).unwrap_or_default()); // default: because a cut header is told below
        let [name_len, extra_len, comment_len] = lens;
        let (name, _) = clipped(bytes, at + CENTRAL_LEN, name_len);
        let (extra, _) = clipped(bytes, at + CENTRAL_LEN + name_len, extra_len);
        let header = piece(bytes, at, CENTRAL_LEN).unwrap_or_default(); // default: likewise
        let (Some(entry), Some(place)) = (Entry::read(header, 6, name, extra), le32(header, 42))
        else {
            part.closed(Reason::Damaged("the central directory is cut".to_owned()));
            break;
        };
        if listed.insert(place.saturating_add(shift), entry).is_some() {
            part.note("entries that overlap");
            part.closed(Reason::Damaged("entries of the zip overlap".to_owned()));
        }
        at += CENTRAL_LEN + name_len + extra_len + comment_len;
    }
    if le16(bytes, end + 10).is_some_and(|count| count != listed.len() & 0xffff && count != 0xffff)
    {
        part.note("the number of entries does not fit");
    }
    listed
}

/// The local header at `at`: its length with name and extra is where the data starts.
fn local(bytes: &[u8], at: usize) -> Option<(usize, usize, Entry)> {
    let header = piece(bytes, at, LOCAL_LEN)?;
    if !header.starts_with(LOCAL) {
        return None;
    }
    let (name_len, extra_len) = (le16(header, 26)?, le16(header, 28)?);
    let name = piece(bytes, at + LOCAL_LEN, name_len)?;
    let extra = piece(bytes, at + LOCAL_LEN + name_len, extra_len)?;
    let entry = Entry::read(header, 4, name, extra)?;
    Some((at, at + LOCAL_LEN + name_len + extra_len, entry))
}

/// Looks at one entry; where its data ends.
fn entry(
    opener: &mut Opener<'_>,
    part: &mut Part,
    (bytes, at): (&[u8], usize),
    listed: Option<&Entry>,
) -> Option<usize> {
    let Some((_, start, local)) = local(bytes, at) else {
        if let Some(listed) = listed {
            let reason = Reason::Damaged("no local header where the directory says".to_owned());
            opener.name_only(part, vec![listed.name.clone()], listed.size, reason)?;
        }
        return Some(at);
    };
    let mut names = vec![listed.map_or(&local, |listed| listed).name.clone()];
    if local.name != names.concat() {
        part.note("names in conflict");
        names.push(local.name.clone());
    }
    if names.iter().all(|name| name.ends_with('/')) && local.packed == 0 {
        return Some(start);
    }
    let told = listed.unwrap_or(&local);
    let how = if listed.is_some() {
        How::Listed
    } else {
        How::Unlisted
    };
    if how == How::Unlisted {
        part.note("an entry that the directory does not list");
    }
    if (local.flags | told.flags) & 1 != 0 {
        opener.name_only(part, names, told.size, Reason::Encrypted)?;
        return Some(start.saturating_add(told.packed));
    }
    // A size that follows the data is known to the directory alone: without it the stream ends itself.
    let unknown = told.packed == 0 && local.flags & 8 != 0;
    let len = if unknown { bytes.len() } else { told.packed };
    let (data, whole) = clipped(bytes, start, len);
    let (content, mut reason) = content(opener, (bytes, at), told, data);
    if !whole && !unknown {
        reason = reason.or(Some(Reason::Damaged("cut short".to_owned())));
    }
    if local.method != told.method {
        part.note("methods in conflict");
        part.closed(Reason::Damaged("two methods for one entry".to_owned()));
    }
    if let (Some(Reason::Method(_)), true) = (&reason, content.is_empty()) {
        let reason = reason.unwrap_or(Reason::Unopened);
        opener.name_only(part, names, told.size, reason)?;
    } else {
        opener.child(part, names, how, (&content, reason))?;
    }
    Some(start.saturating_add(told.packed))
}

fn content(
    opener: &mut Opener<'_>,
    (bytes, at): (&[u8], usize),
    told: &Entry,
    data: &[u8],
) -> (Vec<u8>, Option<Reason>) {
    let damaged = |why: String| (Vec::new(), Some(Reason::Damaged(why)));
    match told.method {
        0 => opener.unpack(&mut { data }),
        8 => opener.unpack(&mut DeflateDecoder::new(data)),
        12 | 93 | 95 => {
            let kind = match told.method {
                12 => Type::Bzip2,
                93 => Type::Zstd,
                _ => Type::Xz,
            };
            match stream::reader(kind, data) {
                Ok(mut from) => opener.unpack(&mut *from),
                Err(why) => damaged(why),
            }
        }
        14 => {
            let head = (data.get(4).copied(), le32(data, 5), data.get(9..));
            let (Some(props), Some(dict), Some(rest)) = head else {
                return damaged("no LZMA header".to_owned());
            };
            let dict = u32::try_from(dict).unwrap_or(u32::MAX);
            if dict > stream::MAX_WINDOW_KIB << 10 {
                return damaged("an LZMA window beyond the limit".to_owned());
            }
            match LzmaReader::new_with_props(rest, told.size as u64, props, dict, None) {
                Ok(mut from) => opener.unpack(&mut from),
                Err(error) => damaged(error.to_string()),
            }
        }
        1..=6 | 9 => old_method(opener, bytes, at, told),
        other => (
            Vec::new(),
            Some(Reason::Method(format!("zip method {other}"))),
        ),
    }
}

/// Shrink, reduce, implode and deflate64, which the crate reads if it finds the entry by itself.
fn old_method(
    opener: &mut Opener<'_>,
    bytes: &[u8],
    at: usize,
    told: &Entry,
) -> (Vec<u8>, Option<Reason>) {
    let method = || Some(Reason::Method(format!("zip method {}", told.method)));
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
        return (Vec::new(), method());
    };
    for index in 0..archive.len() {
        let Ok(mut file) = archive.by_index(index) else {
            continue;
        };
        if file.header_start() == at as u64 {
            return opener.unpack(&mut file as &mut dyn Read);
        }
    }
    (Vec::new(), method())
}
