//! Tar: `ustar`, GNU long names and pax paths. A header that does not add up ends it, and that is told.

use super::Opener;
use crate::{
    How, Part, Reason,
    bytes::{byte, clipped, name, piece},
};

const BLOCK: usize = 512;

/// Whether the sum of a header is the one that it says.
pub(crate) fn checksum_fits(header: &[u8]) -> bool {
    let said = piece(header, 148, 8).and_then(octal);
    let sum: usize = header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                usize::from(*byte)
            }
        })
        .sum();
    said == Some(sum)
}

fn octal(field: &[u8]) -> Option<usize> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        // GNU: base 256, of which only the last bytes can matter.
        let low = field.get(field.len().checked_sub(7)?..)?;
        return Some(
            low.iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
        );
    }
    let text = std::str::from_utf8(field).ok()?; // ok: because a number that is none ends the archive
    let digits = text.trim_matches(|c: char| c == '\0' || c == ' ');
    usize::from_str_radix(digits, 8).ok() // ok: because a number that is none ends the archive
}

pub(crate) fn open(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let (mut at, mut long) = (0, None);
    while let Some(header) = piece(bytes, at, BLOCK) {
        if header.iter().all(|byte| *byte == 0) {
            return;
        }
        if opener.work(part, BLOCK).is_none() {
            return;
        }
        let size = piece(header, 124, 12).and_then(octal);
        let Some(size) = size.filter(|_| checksum_fits(header)) else {
            part.closed(Reason::Damaged("a tar header does not add up".to_owned()));
            return;
        };
        let (content, whole) = clipped(bytes, at + BLOCK, size);
        let kind = byte(header, 156);
        match kind {
            b'L' => long = Some(name(content)),
            b'x' => long = pax_path(content).or(long),
            b'5' | b'g' | b'K' | b'1' | b'2' | b'3' | b'4' | b'6' => {}
            _ => {
                let mut names = vec![short_name(header)];
                if let Some(long) = long.take() {
                    names.insert(0, long);
                }
                let reason = (!whole).then(|| Reason::Damaged("cut short".to_owned()));
                if opener
                    .child(part, names, How::Listed, (content, reason))
                    .is_none()
                {
                    return;
                }
            }
        }
        let blocks = size.div_ceil(BLOCK).saturating_mul(BLOCK);
        at = at.saturating_add(BLOCK).saturating_add(blocks);
    }
}

fn short_name(header: &[u8]) -> String {
    let first = name(piece(header, 0, 100).unwrap_or_default()); // default: because a header has 512 bytes
    let prefix = match piece(header, 257, 6) {
        Some(b"ustar\0") => name(piece(header, 345, 155).unwrap_or_default()), // default: likewise
        _ => String::new(),
    };
    if prefix.is_empty() {
        first
    } else {
        format!("{prefix}/{first}")
    }
}

fn pax_path(content: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(content, b" path=")? + b" path=".len();
    let rest = content.get(at..)?;
    let end = memchr::memchr(b'\n', rest)?;
    rest.get(..end).map(name)
}
