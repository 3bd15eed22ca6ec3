//! The net below everything: executables and containers cut out of bytes that nobody knows.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::{
    How, Part, Reason, Type,
    bytes::{le16, le32, piece, tail},
    open::Opener,
    type_of,
};

/// Most pieces that are cut out of one part.
const MAX_CARVED: usize = 256;

/// So much of a program is shown that does not say where it ends.
const HEAD_BYTES: usize = 4096;

const STARTS: &[&[u8]] = &[
    b"MZ",
    b"\x7fELF",
    b"PK\x03\x04",
    b"MSCF",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x1f\x8b\x08",
    b"SZDD\x88\xf0\x27\x33",
    b"ISc(",
];

static PATTERNS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(STARTS).ok()); // ok: because a test finds each of them

/// Looks for known starts in `bytes`, but not for `part` itself at their beginning.
pub(crate) fn carve(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let Some(patterns) = PATTERNS.as_ref() else {
        part.closed(Reason::Unopened);
        return;
    };
    let (mut carved, mut next) = (0, 1);
    for start in patterns.find_iter(bytes) {
        let at = start.start();
        let rest = tail(bytes, at);
        if at < next || !plausible(rest) {
            continue;
        }
        if carved == MAX_CARVED {
            part.closed(Reason::Damaged(format!("more than {MAX_CARVED} pieces")));
            return;
        }
        carved += 1;
        // Without an end of its own a program is shown by its head, and the search goes on within it.
        let known = length(rest);
        let head = if type_of(rest).is_executable() {
            HEAD_BYTES
        } else {
            rest.len()
        };
        let len = known.unwrap_or(head);
        let found = rest.get(..len).unwrap_or(rest);
        if type_of(rest) == Type::InstallShieldCab {
            // Nobody opens it, and its bytes are searched right here.
            part.note("an InstallShield cab, which is not opened");
            continue;
        }
        if opener
            .child(part, Vec::new(), How::Carved, (found, None))
            .is_none()
        {
            return;
        }
        drop_false_start(part);
        if known.is_some() || type_of(rest) == Type::Zip {
            next = at.saturating_add(found.len());
        }
    }
}

/// Chance makes the start of a container, and then nothing comes out of it: that is no part.
fn drop_false_start(part: &mut Part) {
    let nothing = part.children.last().is_some_and(|last| {
        let empty = last.children.iter().all(|inner| inner.size == 0);
        empty && matches!(last.cannot_inspect, Some(Reason::Damaged(_)))
    });
    if nothing {
        part.children.pop();
        part.note("the start of a container that nothing comes out of");
    }
}

/// Two letters are no program: its header has to be where it says.
fn plausible(rest: &[u8]) -> bool {
    match type_of(rest) {
        Type::Dos | Type::Text | Type::Data | Type::Html | Type::WindowsScript | Type::Batch => {
            false
        }
        Type::Elf => rest.get(4).is_some_and(|class| matches!(class, 1 | 2)),
        _ => true,
    }
}

/// How long a piece is where its header says so.
fn length(rest: &[u8]) -> Option<usize> {
    match type_of(rest) {
        Type::Pe => pe_length(rest),
        Type::Cab => le32(rest, 8).filter(|len| *len > 36),
        _ => None,
    }
}

/// Where the last section of a PE ends in the file.
fn pe_length(rest: &[u8]) -> Option<usize> {
    let header = le32(rest, 0x3c)?;
    let (sections, optional) = (le16(rest, header + 6)?, le16(rest, header + 20)?);
    let mut end = 0;
    for index in 0..sections.min(96) {
        let section = piece(rest, header + 24 + optional + index * 40, 40)?;
        end = end.max(le32(section, 16)?.saturating_add(le32(section, 20)?));
    }
    (end > 0).then_some(end)
}
