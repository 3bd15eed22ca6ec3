//! One file packed as a stream.

use std::io::{Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::{LzipReader, LzmaReader, XzReader};

use super::Opener;
use crate::{
    How, Part, Reason, Type,
    bytes::{byte, name, tail},
};

/// Most memory that an LZMA dictionary or a zstd window may ask for, in KiB.
pub(crate) const MAX_WINDOW_KIB: u32 = 64 << 10;

pub(crate) fn open(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let (content, reason) = match reader(part.kind, bytes) {
        Ok(mut from) => opener.unpack(&mut *from),
        Err(why) => (Vec::new(), Some(Reason::Damaged(why))),
    };
    if let Some(reason) = &reason {
        part.closed(reason.clone());
    }
    let (names, kind) = (inner_names(part, bytes), part.kind);
    let unpacked = opener.child(part, names, How::Unpacked, (&content, reason));
    if unpacked.is_some() {
        further(opener, part, bytes);
    }
    if unpacked.is_some() && kind == Type::Gzip && content.is_empty() {
        part.note("an empty stream");
    }
}

/// Streams that follow the first one: its reader stops before them, the user's does not.
fn further(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let magic: &[u8] = match part.kind {
        Type::Bzip2 => b"BZh",
        Type::Zstd => b"\x28\xb5\x2f\xfd",
        _ => return,
    };
    for at in memchr::memmem::find_iter(bytes, magic).filter(|at| *at > 0) {
        let rest = tail(bytes, at);
        if crate::type_of(rest) != part.kind {
            continue;
        }
        if opener.work(part, rest.len()).is_none() {
            return;
        }
        let Ok(mut from) = reader(part.kind, rest) else {
            continue;
        };
        let (content, reason) = opener.unpack(&mut *from);
        let limit = matches!(reason, Some(Reason::Limit(_)));
        part.note("more than one stream");
        if (limit || !content.is_empty())
            && opener
                .child(part, Vec::new(), How::Unlisted, (&content, reason))
                .is_none()
        {
            return;
        }
    }
}

/// A reader of such a stream that asks for no more than [`MAX_WINDOW_KIB`].
pub(crate) fn reader<'a>(kind: Type, bytes: &'a [u8]) -> Result<Box<dyn Read + 'a>, String> {
    let said = |error: std::io::Error| error.to_string();
    Ok(match kind {
        Type::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Type::Bzip2 => Box::new(bzip2_rs::DecoderReader::new(bytes)),
        Type::Xz => Box::new(XzReader::new_mem_limit(bytes, true, MAX_WINDOW_KIB)),
        Type::Lzma => {
            Box::new(LzmaReader::new_mem_limit(bytes, MAX_WINDOW_KIB, None).map_err(said)?)
        }
        Type::Lzip => Box::new(LzipReader::new(Cursor::new(bytes))),
        Type::Zstd => Box::new(
            ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|error| error.to_string())?,
        ),
        _ => return Err("no stream".to_owned()),
    })
}

/// The name that gzip keeps, and the outer one without its ending.
fn inner_names(part: &Part, bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let flags = byte(bytes, 3);
    if part.kind == Type::Gzip && flags & 0x0c == 0x08 {
        names.push(name(tail(bytes, 10)));
    }
    for outer in &part.names {
        let Some((stem, extension)) = outer.rsplit_once('.') else {
            continue;
        };
        let packed_tar = ["tgz", "tbz", "tbz2", "txz", "tzst"]
            .iter()
            .any(|short| extension.eq_ignore_ascii_case(short));
        let inner = if packed_tar {
            format!("{stem}.tar")
        } else {
            stem.to_owned()
        };
        if !names.contains(&inner) {
            names.push(inner);
        }
    }
    names
}
