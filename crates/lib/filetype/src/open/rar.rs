//! RAR and ARJ by their names. What is stored is opened; what is packed is *cannot inspect* under its name.

use super::Opener;
use crate::{
    How, Part, Reason,
    bytes::{byte, clipped, le16, le32, name, piece, tail},
};

fn damaged(why: &str) -> Reason {
    Reason::Damaged(why.to_owned())
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the format"
)]
/// A file of an archive.
struct Entry<'a> {
    names: Vec<String>,
    size: usize,
    data: &'a [u8],
    whole: bool,
    stored: bool,
    encrypted: bool,
    split: bool,
    method: String,
}

impl Entry<'_> {
    fn look(self, opener: &mut Opener<'_>, part: &mut Part) -> Option<()> {
        let reason = if self.encrypted {
            Some(Reason::Encrypted)
        } else if self.split {
            Some(Reason::Split)
        } else if self.stored {
            (!self.whole).then(|| damaged("cut short"))
        } else {
            Some(Reason::Method(self.method))
        };
        if self.stored && !self.encrypted {
            opener.child(part, self.names, How::Listed, (self.data, reason))
        } else {
            opener.name_only(
                part,
                self.names,
                self.size,
                reason.unwrap_or(Reason::Unopened),
            )
        }
    }
}

pub(super) fn rar(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    if bytes.starts_with(b"Rar!\x1a\x07\x01\0") {
        rar5(opener, part, bytes);
    } else if bytes.starts_with(b"Rar!\x1a\x07\0") {
        rar3(opener, part, bytes);
    } else {
        part.closed(Reason::Unopened);
    }
}

fn rar3(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 7_usize;
    while let Some(header) = piece(bytes, at, 7) {
        let kind = byte(header, 2);
        let (Some(flags), Some(len)) = (le16(header, 3), le16(header, 5)) else {
            break;
        };
        if len < 7 || opener.work(part, len).is_none() {
            return part.closed(damaged("a RAR block has no length"));
        }
        if kind == 0x73 && flags & 0x80 != 0 {
            return part.closed(Reason::Encrypted);
        }
        let mut data_len = if flags & 0x8000 != 0 {
            le32(bytes, at + 7).unwrap_or(0)
        } else {
            0
        };
        if kind == 0x7b {
            return;
        }
        if kind == 0x74 {
            let wide = flags & 0x100 != 0;
            if wide {
                let high = le32(bytes, at + 32).unwrap_or(0);
                data_len = data_len.saturating_add(high.saturating_mul(1 << 32));
            }
            let name_at = at + if wide { 40 } else { 32 };
            let title = clipped(bytes, name_at, le16(bytes, at + 26).unwrap_or(0)).0;
            let (data, whole) = clipped(bytes, at.saturating_add(len), data_len);
            let method = byte(bytes, at + 25);
            let folder = flags & 0xe0 == 0xe0;
            let entry = Entry {
                names: vec![name(title)],
                size: le32(bytes, at + 11).unwrap_or(0),
                data,
                whole,
                stored: method == 0x30,
                encrypted: flags & 4 != 0,
                split: flags & 3 != 0,
                method: format!("RAR3 method {method:#x}"),
            };
            if !folder && entry.look(opener, part).is_none() {
                return;
            }
        }
        at = at.saturating_add(len).saturating_add(data_len);
    }
    // Old archives have no end block: they end with their last file.
    if at != bytes.len() || part.children.is_empty() {
        part.closed(damaged("cut short"));
    }
}

/// A number of RAR5: seven bits a byte; and where it ends.
fn vint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn rar5(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 8;
    while at < bytes.len() {
        let Some(next) = rar5_block(opener, part, bytes, at) else {
            return;
        };
        at = next;
    }
    part.closed(damaged("a RAR has no end"));
}

/// Looks at one block; where the next one is. [`None`] ends it, with its reason in `part` where it is no good one.
fn rar5_block(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8], at: usize) -> Option<usize> {
    let mut here = at + 4;
    let head_len = vint(bytes, &mut here).filter(|len| *len > 0);
    let Some(header) = head_len.and_then(|len| piece(bytes, here, len)) else {
        part.closed(damaged("a RAR block is cut"));
        return None;
    };
    opener.work(part, header.len())?;
    let start = here + header.len();
    let mut field = 0;
    let kind = vint(header, &mut field)?;
    let flags = vint(header, &mut field)?;
    let extra_len = if flags & 1 != 0 {
        vint(header, &mut field)?
    } else {
        0
    };
    let data_len = if flags & 2 != 0 {
        vint(header, &mut field)?
    } else {
        0
    };
    match kind {
        2 => {
            let (data, whole) = clipped(bytes, start, data_len);
            if let Some(entry) = rar5_file(header, field, extra_len, (data, whole, flags)) {
                entry.look(opener, part)?;
            }
        }
        4 => {
            part.closed(Reason::Encrypted);
            return None;
        }
        5 => return None,
        _ => {}
    }
    Some(start.saturating_add(data_len))
}

fn rar5_file<'a>(
    header: &[u8],
    mut field: usize,
    extra_len: usize,
    (data, whole, block): (&'a [u8], bool, usize),
) -> Option<Entry<'a>> {
    let flags = vint(header, &mut field)?;
    let size = vint(header, &mut field)?;
    vint(header, &mut field)?;
    field += if flags & 2 != 0 { 4 } else { 0 };
    field += if flags & 4 != 0 { 4 } else { 0 };
    let packing = vint(header, &mut field)?;
    vint(header, &mut field)?;
    let name_len = vint(header, &mut field)?;
    let title = name(clipped(header, field, name_len).0);
    let extra = header.get(header.len().checked_sub(extra_len)?..)?;
    let mut at = 0;
    vint(extra, &mut at);
    // The first record says whether there is a key; a checksum of the content comes before it at times.
    let encrypted = extra_len > 0 && vint(extra, &mut at) == Some(1);
    if flags & 1 != 0 {
        return None;
    }
    let method = (packing >> 7) & 7;
    Some(Entry {
        names: vec![title],
        size,
        data,
        whole,
        stored: method == 0,
        encrypted,
        split: block & 0x18 != 0,
        method: format!("RAR5 method {method}"),
    })
}

pub(super) fn arj(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut at = 0_usize;
    loop {
        let Some(len) = le16(bytes, at + 2).filter(|_| piece(bytes, at, 2) == Some(b"\x60\xea"))
        else {
            return part.closed(damaged("an ARJ has no end"));
        };
        if len == 0 {
            return;
        }
        let (header, _) = clipped(bytes, at + 4, len);
        let mut data_at = at + 4 + len + 4;
        while let Some(extra) = le16(bytes, data_at).filter(|extra| *extra > 0) {
            data_at = data_at.saturating_add(extra + 6);
        }
        data_at += 2;
        let byte = |at: usize| byte(header, at);
        let (method, kind) = (byte(5), byte(6));
        let title = name(tail(header, usize::from(byte(0))));
        let packed = le32(header, 12).unwrap_or(0);
        if opener.work(part, len).is_none() {
            return;
        }
        // The first header is that of the archive itself; folders are kind 3.
        let mut next = data_at;
        if kind != 2 {
            next = data_at.saturating_add(packed);
            let (data, whole) = clipped(bytes, data_at, packed);
            let entry = Entry {
                names: vec![title],
                size: le32(header, 16).unwrap_or(0),
                data,
                whole,
                stored: method == 0,
                encrypted: byte(4) & 1 != 0,
                split: byte(4) & 4 != 0,
                method: format!("ARJ method {method}"),
            };
            if kind != 3 && entry.look(opener, part).is_none() {
                return;
            }
        }
        at = next;
    }
}
