//! Small wrappings, each with a reader of its own: SZDD, `BinHex`, TNEF, RTF objects, `OneNote` and PDF streams.

use flate2::bufread::ZlibDecoder;

use super::{Opener, ole};
use crate::{
    How, Part, Reason, Type,
    bytes::{be32, clipped, le32, le64, low, name, tail},
};

fn damaged(why: &str) -> Reason {
    Reason::Damaged(why.to_owned())
}

/// `COMPRESS.EXE`: LZSS with a window of 4 KiB.
pub(super) fn szdd(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let old = bytes.starts_with(b"SZ ");
    let (head, start) = if old { (12, 0xfee) } else { (14, 0xff0) };
    let said = if old { None } else { le32(bytes, 10) };
    let (mut window, mut at) = ([b' '; 4096], start);
    let (mut out, mut rest) = (Vec::new(), tail(bytes, head).iter().copied());
    'all: while let Some(flags) = rest.next() {
        for bit in 0..8 {
            let (from, count) = if flags & (1 << bit) != 0 {
                let Some(byte) = rest.next() else { break 'all };
                if let Some(place) = window.get_mut(at) {
                    *place = byte;
                }
                (at, 1)
            } else {
                let Some((low, high)) = rest.next().zip(rest.next()) else {
                    break 'all;
                };
                let from = usize::from(low) | (usize::from(high & 0xf0) << 4);
                (from, usize::from(high & 0x0f) + 3)
            };
            for step in 0..count {
                let byte = window
                    .get((from + step) & 0xfff)
                    .copied()
                    .unwrap_or_default(); // default: because the window has 4096 bytes
                if let Some(place) = window.get_mut(at) {
                    *place = byte;
                }
                out.push(byte);
                at = (at + 1) & 0xfff;
            }
        }
    }
    let mut reason = None;
    match said {
        Some(said) if out.len() < said => reason = Some(damaged("cut short")),
        Some(said) => out.truncate(said),
        None => {}
    }
    let (out, spent) = opener.paid(out);
    let names: Vec<String> = part
        .names
        .iter()
        .map(|outer| szdd_name(outer, bytes))
        .collect();
    opener.child(part, names, How::Unpacked, (&out, spent.or(reason)));
}

/// The last letter of the name became `_`, and the header keeps it.
fn szdd_name(outer: &str, bytes: &[u8]) -> String {
    let letter = bytes.get(9).filter(|letter| letter.is_ascii_graphic());
    match (outer.strip_suffix('_'), letter) {
        (Some(stem), Some(letter)) => format!("{stem}{}", char::from(*letter)),
        _ => outer.strip_suffix(".szdd").unwrap_or(outer).to_owned(),
    }
}

const HQX: &[u8] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

/// `BinHex` 4: six bits a character, runs after 0x90, then a name and two forks.
pub(super) fn binhex(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let intro = memchr::memmem::find(bytes, b"BinHex").unwrap_or(0);
    let body = tail(bytes, intro);
    let body = memchr::memchr(b':', body).and_then(|at| body.get(at + 1..));
    let (mut bits, mut held) = (0_usize, 0_usize);
    let mut plain: Vec<u8> = Vec::new();
    for byte in body.unwrap_or_default() {
        // default: because then there is no body
        if byte.is_ascii_whitespace() {
            continue;
        }
        let Some(six) = HQX.iter().position(|letter| letter == byte) else {
            break;
        };
        held = (held << 6) | six;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            plain.push(low(held >> bits));
        }
    }
    let mut out: Vec<u8> = Vec::new();
    let mut plain = plain.into_iter();
    while let Some(byte) = plain.next() {
        match (byte, if byte == 0x90 { plain.next() } else { None }) {
            (0x90, Some(count)) if count > 0 => {
                let last = out.last().copied().unwrap_or_default(); // default: because before the first byte there is none to repeat
                out.resize(out.len() + usize::from(count) - 1, last);
            }
            _ => out.push(byte),
        }
    }
    let (out, spent) = opener.paid(out);
    let title_len = out.first().copied().map_or(0, usize::from);
    let title = name(clipped(&out, 1, title_len).0);
    let lens = be32(&out, title_len + 12).zip(be32(&out, title_len + 16));
    let Some((data_len, resource_len)) = lens else {
        return part.closed(damaged("BinHex without a header"));
    };
    let start = title_len + 22;
    let (data, whole) = clipped(&out, start, data_len);
    let reason = spent.or((!whole).then(|| damaged("cut short")));
    let names = vec![title.clone()];
    if opener
        .child(part, names, How::Decoded, (data, reason))
        .is_some()
        && resource_len > 0
    {
        let (fork, _) = clipped(
            &out,
            start.saturating_add(data_len).saturating_add(2),
            resource_len,
        );
        opener.child(
            part,
            vec![format!("{title}/rsrc")],
            How::Decoded,
            (fork, None),
        );
    }
}

/// TNEF (`winmail.dat`): attributes of a level, an id, a length and a checksum.
pub(super) fn tnef(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 6_usize;
    let mut properties = Vec::new();
    let (mut names, mut data): (Vec<String>, Option<&[u8]>) = (Vec::new(), None);
    while let (Some(id), Some(len)) = (le32(bytes, at + 1), le32(bytes, at + 5)) {
        let (value, whole) = clipped(bytes, at + 9, len);
        match id & 0xffff {
            // A new attachment begins.
            0x9002 => {
                if let Some(data) = data.take()
                    && opener
                        .child(part, names.clone(), How::Listed, (data, None))
                        .is_none()
                {
                    return;
                }
                names.clear();
            }
            0x8010 => names.push(name(value)),
            0x800f => data = Some(value),
            // Properties: objects stand within, and what they are is searched for.
            0x9005 | 0x9003 => properties.push(value),
            _ => {}
        }
        if !whole {
            part.closed(damaged("cut short"));
        }
        at = (at + 9).saturating_add(len).saturating_add(2);
    }
    if let Some(data) = data
        && opener
            .child(part, names, How::Listed, (data, None))
            .is_none()
    {
        return;
    }
    for value in properties {
        if opener
            .child(part, Vec::new(), How::Unpacked, (value, None))
            .is_none()
        {
            return;
        }
    }
}

/// Fewest hexadecimal digits in a row that are taken for an object.
const MIN_RTF_DIGITS: usize = 64;

/// RTF: every long run of hexadecimal digits, whatever stands around it; readers disagree about the rest.
pub(super) fn rtf(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let (mut out, mut half, mut digits) = (Vec::new(), None, 0_usize);
    let mut word = false;
    for byte in bytes.iter().copied().chain([b'}']) {
        // The letters of a control word are no digits, and a reader goes on behind it.
        word = byte == b'\\' || (word && byte.is_ascii_alphabetic());
        if word || byte.is_ascii_whitespace() {
            continue;
        }
        if let Some(digit) = char::from(byte).to_digit(16) {
            let digit = u8::try_from(digit).unwrap_or_default(); // default: because a digit is below 16
            digits += 1;
            half = match half {
                None => Some(digit),
                Some(high) => {
                    out.push((high << 4) | digit);
                    None
                }
            };
            continue;
        }
        if digits >= MIN_RTF_DIGITS {
            let (object, spent) = opener.paid(std::mem::take(&mut out));
            if rtf_object(opener, part, &object, spent).is_none() {
                return;
            }
        }
        out.clear();
        (half, digits) = (None, 0);
    }
}

/// An OLE 1 object: version, format, class, two names, length, data. A `Package` holds a file.
fn rtf_object(
    opener: &mut Opener<'_>,
    part: &mut Part,
    object: &[u8],
    spent: Option<Reason>,
) -> Option<()> {
    let mut at = 8;
    let mut class = String::new();
    for field in 0..3 {
        let len = le32(object, at).unwrap_or(0);
        if field == 0 {
            class = name(clipped(object, at + 4, len).0);
        }
        at = (at + 4).saturating_add(len);
    }
    if class.eq_ignore_ascii_case("package") {
        // The length that stands here is what an Ole10Native starts with too.
        ole::native(opener, part, tail(object, at))?;
    }
    opener.child(part, Vec::new(), How::Decoded, (object, spent))
}

/// PDF: every stream, unpacked if it is deflated. A stream that is known as something becomes a part.
pub(super) fn pdf(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut from = 0;
    let mut names = Vec::new();
    if let Some(at) = memchr::memmem::find(bytes, b"/Filespec") {
        names.extend(pdf_name(tail(bytes, at.saturating_sub(256))));
    }
    if memchr::memmem::find(bytes, b"/Encrypt").is_some() {
        part.closed(Reason::Encrypted);
    }
    while let Some(at) = memchr::memmem::find(tail(bytes, from), b"stream") {
        let mut start = from + at + b"stream".len();
        let head = bytes
            .get((from + at).saturating_sub(512)..from + at)
            .unwrap_or_default(); // default: because a find is within
        from = start;
        if head.ends_with(b"end") {
            continue;
        }
        start += usize::from(bytes.get(start) == Some(&b'\r'));
        start += usize::from(bytes.get(start) == Some(&b'\n'));
        let rest = tail(bytes, start);
        let len = memchr::memmem::find(rest, b"endstream").unwrap_or(rest.len());
        let data = rest.get(..len).unwrap_or_default(); // default: because it is within
        from = start + len;
        let (content, reason) = match data.first() {
            Some(first) if first & 0x0f == 8 => opener.unpack(&mut ZlibDecoder::new(data)),
            _ => (Vec::new(), None),
        };
        let content = if content.is_empty() { data } else { &content };
        let limit = matches!(reason, Some(Reason::Limit(_)));
        let dull = matches!(
            crate::type_of(content),
            Type::Data | Type::Text | Type::Empty | Type::Picture
        );
        let embedded = memchr::memmem::rfind(head, b"/EmbeddedFile").is_some();
        if (!dull || embedded || limit)
            && opener
                .child(part, names.clone(), How::Unpacked, (content, reason))
                .is_none()
        {
            return;
        }
        if opener.work(part, len).is_none() {
            return;
        }
    }
}

/// The file name `/F (…)` in what follows.
fn pdf_name(bytes: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(bytes, b"/F(")
        .map(|at| at + 3)
        .or_else(|| memchr::memmem::find(bytes, b"/F (").map(|at| at + 4))?;
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(b')', rest)?;
    rest.get(..end).map(name)
}

/// What stands before every embedded file of a `OneNote` section: the `FileDataStoreObject` of \[MS-ONESTORE\] 2.6.13.
const ONE_FILE: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";

/// `OneNote`: its embedded files by their headers, and what else stands in it.
pub(super) fn onenote(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut any = false;
    for at in memchr::memmem::find_iter(bytes, ONE_FILE) {
        let Some(len) = le64(bytes, at + 16) else {
            continue;
        };
        any = true;
        let (content, whole) = clipped(bytes, at + 36, len);
        let reason = (!whole).then(|| damaged("cut short"));
        if opener
            .child(part, Vec::new(), How::Listed, (content, reason))
            .is_none()
        {
            return;
        }
    }
    if !any {
        crate::carve::carve(opener, part, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_of_a_name_comes_back() {
        let header = b"SZDD\x88\xf0\x27\x33Ae";
        assert_eq!(szdd_name("CLAM.EX_", header), "CLAM.EXe");
        assert_eq!(szdd_name("a.exe.szdd", header), "a.exe");
    }
}
