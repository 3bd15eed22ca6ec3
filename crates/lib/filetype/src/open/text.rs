//! What hides in text: base64 (mails, HTML that smuggles, scripts), uuencode and yEnc, wherever they stand.
//! No MIME structure is asked: whatever a reader makes of the boundaries, the attachment's lines are there.

use super::Opener;
use crate::{
    How, Part, Type,
    bytes::{byte, low, name, tail},
};

/// Fewer base64 characters than this in a row are words, not files. A DOS header alone has more.
const MIN_BASE64_CHARS: usize = 64;

/// From so many base64 characters on, what nobody knows is searched too.
const BLOB_BASE64_CHARS: usize = 1024;

/// So many line starts of a run are tried as its beginning.
const MAX_LINES_TRIED: usize = 8;

/// How far before an encoded piece its name is looked for, in bytes.
const NAME_BEFORE_BYTES: usize = 1024;

pub(crate) fn open(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let narrow: Vec<u8>;
    let bytes = if bytes.starts_with(b"\xff\xfe") {
        narrow = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        &narrow
    } else {
        bytes
    };
    if base64_runs(opener, part, bytes).is_some() && uu(opener, part, bytes).is_some() {
        yenc(opener, part, bytes);
    }
}

fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// A run of base64 over line ends: its values, where its lines start in them, and where it ends in the text.
fn base64_run(bytes: &[u8], start: usize) -> (Vec<u8>, Vec<usize>, usize) {
    let (mut sixes, mut lines, mut at) = (Vec::new(), vec![0], start);
    let inside_a_line = start > 0 && bytes.get(start - 1) != Some(&b'\n');
    while let Some(byte) = bytes.get(at).copied() {
        if let Some(six) = value(byte) {
            sixes.push(six);
        } else if byte == b'\n' || byte == b'\r' {
            // The end of a line of words is no base64, but the next line may be.
            let words = inside_a_line && lines.len() == 1 && sixes.len() < MIN_BASE64_CHARS;
            if words {
                break;
            }
            if lines.last() != Some(&sixes.len()) {
                lines.push(sixes.len());
            }
        } else {
            break;
        }
        at += 1;
    }
    (sixes, lines, at)
}

fn decode(sixes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sixes.len() / 4 * 3);
    for four in sixes.chunks(4) {
        let held = (0..4).fold(0_u32, |held, at| (held << 6) | u32::from(byte(four, at)));
        let [_, bytes @ ..] = held.to_be_bytes();
        out.extend_from_slice(
            bytes
                .get(..four.len().saturating_sub(1))
                .unwrap_or_default(), // default: because three bytes are there
        );
    }
    out
}

/// A run ends at padding and at anything else; a word before it may shift it, so its first lines are tried.
fn base64_runs(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) -> Option<()> {
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let (sixes, lines, end) = base64_run(bytes, start);
        at = end + 1;
        if sixes.len() < MIN_BASE64_CHARS {
            continue;
        }
        let tries = lines.iter().take(MAX_LINES_TRIED);
        let decoded = tries
            .filter_map(|line| sixes.get(*line..))
            .map(decode)
            .find(|out| looks_like_a_file(out));
        let out = match decoded {
            Some(out) => out,
            None if sixes.len() >= BLOB_BASE64_CHARS => decode(&sixes),
            None => continue,
        };
        let names = names_before(bytes, start);
        let paid = opener.paid(out);
        opener.child(part, names, How::Decoded, (&paid.0, paid.1))?;
    }
    Some(())
}

/// Long words and hashes are base64 to a fault; a file has a type.
fn looks_like_a_file(bytes: &[u8]) -> bool {
    !matches!(crate::type_of(bytes), Type::Data | Type::Empty)
}

/// `name=` and `filename=` (and what follows a star) close before a piece, the nearest first.
fn names_before(bytes: &[u8], start: usize) -> Vec<String> {
    let from = start.saturating_sub(NAME_BEFORE_BYTES);
    let before = bytes.get(from..start).unwrap_or_default(); // default: because a start is within
    let mut names = Vec::new();
    for key in [&b"name="[..], b"name*=", b"download="] {
        let Some(at) = memchr::memmem::rfind(before, key) else {
            continue;
        };
        let rest = tail(before, at + key.len());
        let quote = |byte: &u8| *byte == b'"' || *byte == b'\'';
        let quoted = rest.first().is_some_and(quote);
        let ends = |byte: &u8| {
            let plain = byte.is_ascii_whitespace() || matches!(byte, b';' | b'>');
            if quoted { quote(byte) } else { plain }
        };
        let all = rest.iter().copied().skip(usize::from(quoted));
        let found: Vec<u8> = all.take_while(|byte| !ends(byte)).collect();
        let found = name(&found);
        if !found.is_empty() && !names.contains(&found) {
            names.push(found);
        }
    }
    names
}

fn uu(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) -> Option<()> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let Some(head) = line.trim_ascii().strip_prefix(b"begin ") else {
            continue;
        };
        let mut words = head.splitn(2, |byte| *byte == b' ');
        let mode = words.next().unwrap_or_default(); // default: because a split has one part
        if mode.is_empty() || !mode.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let names = vec![name(words.next().unwrap_or_default())]; // default: because then it has no name
        let mut out = Vec::new();
        for line in lines.by_ref() {
            let line = line.trim_ascii_end();
            if !uu_line(line, &mut out) {
                break;
            }
        }
        let paid = opener.paid(out);
        opener.child(part, names, How::Decoded, (&paid.0, paid.1))?;
    }
    Some(())
}

/// Adds a line; false at the end.
fn uu_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let six = |byte: u8| usize::from(byte.wrapping_sub(32) & 63);
    let Some((first, rest)) = line.split_first() else {
        return false;
    };
    let len = six(*first);
    if len == 0 || line == b"end" {
        return false;
    }
    let mut got = Vec::new();
    for four in rest.chunks(4) {
        let all = (0..4).fold(0_usize, |sum, at| {
            (sum << 6) | four.get(at).map_or(0, |byte| six(*byte))
        });
        got.extend([all >> 16, all >> 8, all].map(low));
    }
    got.resize(len, 0);
    out.extend_from_slice(&got);
    true
}

fn yenc(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) -> Option<()> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        if !line.starts_with(b"=ybegin ") {
            continue;
        }
        let at = memchr::memmem::find(line, b"name=").map_or(line.len(), |at| at + 5);
        let names = vec![name(tail(line, at).trim_ascii())];
        let mut out = Vec::new();
        for line in lines.by_ref() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.starts_with(b"=yend") {
                break;
            }
            if line.starts_with(b"=ypart") {
                continue;
            }
            let mut escaped = false;
            for byte in line {
                if *byte == b'=' && !escaped {
                    escaped = true;
                    continue;
                }
                out.push(byte.wrapping_sub(if escaped { 106 } else { 42 }));
                escaped = false;
            }
        }
        let paid = opener.paid(out);
        opener.child(part, names, How::Decoded, (&paid.0, paid.1))?;
    }
    Some(())
}
