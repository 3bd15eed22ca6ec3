//! By which names a process loaded its libraries: the loader's own list, in the memory of the process.
//!
//! `maps` calls a file by where it is *now*. A library that was moved aside, before another took its
//! name, is mapped under its new name, where it is unchanged: nothing there says that whoever asks
//! for the library today gets another. The loader keeps for debuggers a list of what it loaded
//! (`r_debug` and `link_map` of the System V ABI, found by `DT_DEBUG`; of glibc and musl alike), with
//! the name by which it opened each.
//!
//! It is memory of the process, and may say anything: it is followed for [`MAX_LINKS`] steps, and what
//! cannot be read ends it. A process can hide a library from us in this way, and only its own.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::{elf::Bytes, place::Pieces};

/// Most libraries of one process that are looked at.
pub const MAX_LINKS: usize = 4096;

/// Longest name of a library, in bytes: the kernel's own limit.
pub const MAX_NAME_BYTES: usize = 4096;

/// Most entries of the dynamic section of a program.
const MAX_DYNAMIC: u64 = 4096;

/// `AT_PHDR`, `AT_PHENT`, `AT_PHNUM` of the auxiliary vector.
const AT_PROGRAM_HEADERS: u64 = 3;
const AT_HEADER_BYTES: u64 = 4;
const AT_HEADERS: u64 = 5;

const PT_DYNAMIC: u32 = 2;
const PT_PHDR: u32 = 6;
const DT_NULL: u64 = 0;
const DT_DEBUG: u64 = 21;

/// Bytes of a program header of 64 bits: other programs are not asked.
const HEADER_BYTES: u64 = 56;

/// A library as the loader remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The name by which it was opened.
    pub name: Vec<u8>,
    /// Where its dynamic section lies: within a mapping of its file.
    pub dynamic: u64,
}

/// The libraries of the process at `folder` of `/proc`. None of a program that was linked statically,
/// or that is of another word size.
///
/// # Errors
/// If its memory may not be read.
pub(super) fn links(folder: &Path) -> io::Result<Vec<Link>> {
    let vector = fs::read(folder.join("auxv"))?;
    let memory = Pieces(File::open(folder.join("mem"))?);
    Ok(listed(&vector, &memory))
}

/// The list that begins where the auxiliary vector says that the program is, in its memory.
pub fn listed<B: Bytes + ?Sized>(vector: &[u8], memory: &B) -> Vec<Link> {
    let mut links = Vec::new();
    let Some(mut next) = first(vector, memory) else {
        return links;
    };
    // link_map: l_addr, l_name, l_ld, l_next, l_prev
    while next != 0
        && links.len() < MAX_LINKS
        && let Some(map) = memory.at(next, 40)
        && let (Some(name), Some(dynamic), Some(after)) =
            (word(&map, 8), word(&map, 16), word(&map, 24))
    {
        links.push(Link {
            name: text(memory, name).unwrap_or_default(), // default: because the program itself has none
            dynamic,
        });
        next = after;
    }
    links
}

/// The first `link_map`.
fn first<B: Bytes + ?Sized>(vector: &[u8], memory: &B) -> Option<u64> {
    let entries = vector.chunks_exact(16);
    let value = |wanted: u64| {
        let mut found = entries
            .clone()
            .filter(|entry| word(entry, 0) == Some(wanted));
        word(found.next()?, 8)
    };
    if value(AT_HEADER_BYTES)? != HEADER_BYTES {
        return None;
    }
    let (at, count) = (value(AT_PROGRAM_HEADERS)?, value(AT_HEADERS)?);
    let len = usize::try_from(count.checked_mul(HEADER_BYTES)?).ok()?; // ok: because such a program cannot be
    let table = memory.at(at, len.min(super::elf::MAX_HEADERS * 56))?;
    let headers = || table.chunks_exact(56);
    let of_kind =
        |kind: u32| headers().find(|header| header.get(..4) == Some(kind.to_le_bytes().as_slice()));
    // The program lies where its headers are, less where they say that they are.
    let base = of_kind(PT_PHDR).map_or(Some(0), |header| at.checked_sub(word(header, 16)?))?;
    let dynamic = base.checked_add(word(of_kind(PT_DYNAMIC)?, 16)?)?;
    for index in 0..MAX_DYNAMIC {
        let entry = memory.at(dynamic.checked_add(index * 16)?, 16)?;
        match word(&entry, 0)? {
            DT_NULL => return None,
            // r_debug: r_version, r_map
            DT_DEBUG => return word(&memory.at(word(&entry, 8)?.checked_add(8)?, 8)?, 0),
            _ => {}
        }
    }
    None
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(word.try_into().ok()?)) // ok: because it has eight bytes
}

/// A text that ends with a zero; memory after its page may not be there.
fn text<B: Bytes + ?Sized>(memory: &B, at: u64) -> Option<Vec<u8>> {
    const PAGE_BYTES: u64 = 4096;
    let mut all = Vec::new();
    let mut at = at;
    while all.len() < MAX_NAME_BYTES {
        let len = (PAGE_BYTES - at % PAGE_BYTES).min(256);
        let piece = memory.at(at, usize::try_from(len).ok()?)?; // ok: because it is at most 256
        if let Some(end) = piece.iter().position(|byte| *byte == 0) {
            all.extend_from_slice(piece.get(..end)?);
            return Some(all);
        }
        all.extend_from_slice(&piece);
        at = at.checked_add(len)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory whose words are these, from address 0 on.
    fn memory(words: &[(usize, u64)], texts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 0x2000];
        for (at, value) in words {
            bytes[*at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, text) in texts {
            bytes[*at..at + text.len()].copy_from_slice(text);
        }
        bytes
    }

    fn vector(entries: &[(u64, u64)]) -> Vec<u8> {
        let words = entries.iter().flat_map(|(kind, value)| [*kind, *value]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    #[test]
    fn the_list_is_followed_from_the_program_and_a_ring_of_it_ends() {
        let vector = vector(&[(3, 0x40), (4, 56), (5, 2), (0, 0)]);
        let words = [
            (0x40, 6), // PT_PHDR, at 0x40 of the program
            (0x50, 0x40),
            (0x78, 2), // PT_DYNAMIC, at 0x200
            (0x88, 0x200),
            (0x200, 21), // DT_DEBUG
            (0x208, 0x300),
            (0x308, 0x400), // r_map
            (0x408, 0x500), // the program: no name
            (0x418, 0x600),
            (0x608, 0x700), // a library
            (0x610, 0x1234),
            (0x618, 0x600), // and itself again
        ];
        let memory = memory(&words, &[(0x700, b"/lib/x.so.1\0")]);
        let links = listed(&vector, memory.as_slice());
        assert_eq!(links.len(), MAX_LINKS);
        assert_eq!(links[0].name, b"");
        let library = Link {
            name: b"/lib/x.so.1".to_vec(),
            dynamic: 0x1234,
        };
        assert_eq!(links[1], library);
    }

    #[test]
    fn what_is_no_program_of_64_bits_has_no_list() {
        let bytes = memory(&[], &[]);
        for entries in [
            &[][..],
            &[(3, 0x40), (4, 32), (5, 2)],
            &[(3, 0x40), (4, 56), (5, u64::MAX)],
            &[(3, u64::MAX), (4, 56), (5, 2)],
            &[(3, 0x40), (4, 56), (5, 2)],
        ] {
            assert_eq!(listed(&vector(entries), bytes.as_slice()), []);
        }
    }
}
