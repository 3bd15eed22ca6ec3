//! What an ELF file says of itself: its build-id, and which words of a running image only this file
//! can have made.
//!
//! A file that is overwritten in place stays mapped: the clean pages of every process that maps it
//! show the *new* bytes at once, the build-id among them, so a build-id read from such a process
//! always equals the one on disk and tells nothing. What remembers the old file are the pages that
//! the loader wrote to when it relocated the image and then made read-only (RELRO). There, each
//! relative relocation of the file must be found applied, and its dynamic section as it is. If the
//! file was cut first, those pages are gone as well, and the words are found unrelocated. Where all
//! of it agrees, the code that runs is the code on disk: its pages are those of the file.

/// Most program headers of a file.
pub const MAX_HEADERS: usize = 256;

/// Most bytes of a note segment.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Most relocations that are looked at.
pub const MAX_WORDS: usize = 4096;

/// Longest build-id, in bytes.
const MAX_BUILD_ID_BYTES: usize = 64;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const PF_X: u32 = 1;
const NT_GNU_BUILD_ID: u32 = 3;
const DT_RELA: u64 = 7;
const DT_RELA_BYTES: u64 = 8;
const DT_DEBUG: u64 = 21;
const DT_RELR_BYTES: u64 = 35;
const DT_RELR: u64 = 36;
/// Machine and the number of its relative relocation.
const RELATIVE: [(u16, u64); 4] = [(62, 8), (183, 1027), (243, 3), (258, 3)];

/// Bytes that can be read in pieces: a file, a slice.
pub trait Bytes {
    /// Exactly `len` bytes from `offset` on, or none.
    fn at(&self, offset: u64, len: usize) -> Option<Vec<u8>>;
}

impl Bytes for [u8] {
    fn at(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let start = usize::try_from(offset).ok()?; // ok: because what cannot be addressed is not there
        self.get(start..start.checked_add(len)?).map(<[u8]>::to_vec)
    }
}

/// Why bytes are no ELF file that we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It does not begin like one.
    #[error("expected an ELF file")]
    NotElf,
    /// It ends before it should, or points outside itself.
    #[error("expected {0} within the ELF file")]
    Outside(&'static str),
    /// More than [`MAX_HEADERS`].
    #[error("expected at most {MAX_HEADERS} program headers, found {0}")]
    TooManyHeaders(usize),
}

/// A program header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    in_file: u64,
    in_memory: u64,
    align: u64,
}

/// The program headers of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    wide: bool,
    big: bool,
    machine: u16,
    segments: Vec<Segment>,
}

/// A word that the loader wrote: `value` plus where the image lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Where, from the image's base.
    pub at: u64,
    /// What, from the image's base.
    pub value: u64,
    /// What the file holds there.
    pub raw: u64,
}

/// Reads the program headers.
pub fn read_elf<B: Bytes + ?Sized>(bytes: &B) -> Result<Elf, ElfError> {
    let head = bytes.at(0, 52).ok_or(ElfError::NotElf)?;
    if !head.starts_with(b"\x7fELF") {
        return Err(ElfError::NotElf);
    }
    let wide = head.get(4) == Some(&2);
    let big = head.get(5) == Some(&2);
    let header = "its header";
    let head = bytes
        .at(0, if wide { 64 } else { 52 })
        .ok_or(ElfError::Outside(header))?;
    let head = Fields { bytes: &head, big };
    let (table, size, count) = if wide {
        (head.u64(32), head.u16(54), head.u16(56))
    } else {
        (head.u32(28).map(u64::from), head.u16(42), head.u16(44))
    };
    let parts = table.zip(size).zip(count).zip(head.u16(18));
    let (((table, size), count), machine) = parts.ok_or(ElfError::Outside(header))?;
    let (size, count) = (usize::from(size), usize::from(count));
    if count > MAX_HEADERS {
        return Err(ElfError::TooManyHeaders(count));
    }
    let outside = ElfError::Outside("its program headers");
    if count > 0 && size < if wide { 56 } else { 32 } {
        return Err(outside);
    }
    let table = bytes.at(table, size * count).ok_or(outside.clone())?;
    let segments = table
        .chunks_exact(size.max(1))
        .map(|entry| segment(entry, wide, big));
    let segments = segments.collect::<Option<Vec<Segment>>>().ok_or(outside)?;
    Ok(Elf {
        wide,
        big,
        machine,
        segments,
    })
}

fn segment(entry: &[u8], wide: bool, big: bool) -> Option<Segment> {
    let entry = Fields { bytes: entry, big };
    let small = |at| entry.u32(at).map(u64::from);
    Some(if wide {
        Segment {
            kind: entry.u32(0)?,
            flags: entry.u32(4)?,
            offset: entry.u64(8)?,
            vaddr: entry.u64(16)?,
            in_file: entry.u64(32)?,
            in_memory: entry.u64(40)?,
            align: entry.u64(48)?,
        }
    } else {
        Segment {
            kind: entry.u32(0)?,
            flags: entry.u32(24)?,
            offset: small(4)?,
            vaddr: small(8)?,
            in_file: small(16)?,
            in_memory: small(20)?,
            align: small(28)?,
        }
    })
}

/// The build-id in hexadecimal, if the file has one.
pub fn build_id<B: Bytes + ?Sized>(bytes: &B, elf: &Elf) -> Result<Option<String>, ElfError> {
    for note in elf
        .segments
        .iter()
        .filter(|segment| segment.kind == PT_NOTE)
    {
        let len = usize::try_from(note.in_file)
            .unwrap_or(usize::MAX)
            .min(MAX_NOTE_BYTES);
        let notes = bytes
            .at(note.offset, len)
            .ok_or(ElfError::Outside("its notes"))?;
        if let Some(id) = build_id_among(&notes, if note.align == 8 { 8 } else { 4 }, elf.big) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn build_id_among(notes: &[u8], align: usize, big: bool) -> Option<String> {
    let mut at = 0;
    loop {
        let note = Fields {
            bytes: notes.get(at..)?,
            big,
        };
        let name_bytes = usize::try_from(note.u32(0)?).ok()?; // ok: because such a note is outside anyway
        let desc_bytes = usize::try_from(note.u32(4)?).ok()?; // ok: likewise
        let desc_at = 12_usize
            .checked_add(name_bytes)?
            .checked_next_multiple_of(align)?;
        let end = desc_at.checked_add(desc_bytes)?;
        let name = note.bytes.get(12..12 + name_bytes)?;
        if note.u32(8)? == NT_GNU_BUILD_ID && name == b"GNU\0" {
            let id = note.bytes.get(desc_at..end)?;
            let fits = (1..=MAX_BUILD_ID_BYTES).contains(&id.len());
            let mut text = String::with_capacity(2 * id.len());
            for digit in id.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
            return fits.then_some(text);
        }
        at = at.checked_add(end.checked_next_multiple_of(align)?)?;
    }
}

impl Elf {
    /// Where the image lies whose executable part is mapped at `start` from `offset` of the file;
    /// none if no executable part of this file begins there: then another file was mapped.
    pub fn base(&self, start: u64, offset: u64) -> Option<u64> {
        let mut parts = self
            .segments
            .iter()
            .filter(|s| s.kind == PT_LOAD && s.flags & PF_X != 0);
        parts.find_map(|part| {
            let before = part.offset.checked_sub(offset)?;
            let begins = [0x1000_u64, 0x4000, 0x1_0000]
                .iter()
                .any(|page| part.offset & !(page - 1) == offset);
            begins
                .then(|| start.checked_add(before)?.checked_sub(part.vaddr))
                .flatten()
        })
    }

    /// Whether any part of it is executable: otherwise [`Elf::base`] tells nothing.
    pub fn has_code(&self) -> bool {
        self.segments
            .iter()
            .any(|s| s.kind == PT_LOAD && s.flags & PF_X != 0)
    }

    /// From where to how many bytes it is read-only after relocation.
    pub fn read_only_after(&self) -> Option<(u64, u64)> {
        let part = self
            .segments
            .iter()
            .find(|segment| segment.kind == PT_GNU_RELRO)?;
        Some((part.vaddr, part.in_memory))
    }

    fn file_offset(&self, vaddr: u64) -> Option<u64> {
        let mut loads = self
            .segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD);
        loads.find_map(|load| {
            let within = vaddr.checked_sub(load.vaddr)?;
            (within < load.in_file)
                .then(|| load.offset.checked_add(within))
                .flatten()
        })
    }

    /// The words that the loader wrote to pages that nobody may write to any more, at most
    /// [`MAX_WORDS`]. Empty where the file has none or is of a machine whose relocations we do not
    /// know.
    pub fn words<B: Bytes + ?Sized>(&self, bytes: &B) -> Result<Vec<Word>, ElfError> {
        let machine = RELATIVE
            .iter()
            .find(|(machine, _)| *machine == self.machine);
        let dynamic = self
            .segments
            .iter()
            .find(|segment| segment.kind == PT_DYNAMIC);
        let (Some((_, relative)), Some(dynamic), Some((from, len)), true, false) = (
            machine,
            dynamic,
            self.read_only_after(),
            self.wide,
            self.big,
        ) else {
            return Ok(Vec::new());
        };
        let outside = ElfError::Outside("its dynamic section");
        let len_dynamic = usize::try_from(dynamic.in_file).unwrap_or(usize::MAX);
        let table = bytes
            .at(dynamic.offset, len_dynamic.min(MAX_NOTE_BYTES))
            .ok_or(outside)?;
        let within = |at: &u64| {
            at.checked_sub(from)
                .is_some_and(|at| at.saturating_add(8) <= len)
        };
        let raw = |at: u64| little(&bytes.at(self.file_offset(at)?, 8)?).u64(0);
        let mut words = Vec::new();
        for entry in self
            .table(bytes, &table, DT_RELA, DT_RELA_BYTES, 24)?
            .chunks_exact(24)
        {
            let entry = little(entry);
            let (at, info, value) = (entry.u64(0), entry.u64(8), entry.u64(16));
            let at = at.filter(within).filter(|_| info == Some(*relative));
            if let (Some(at), Some(value), Some(raw)) = (at, value, at.and_then(raw)) {
                words.push(Word { at, value, raw });
            }
        }
        let packed = self.table(bytes, &table, DT_RELR, DT_RELR_BYTES, 8)?;
        for at in unpack_relr(&packed).into_iter().filter(within) {
            if let Some(raw) = raw(at) {
                let value = raw;
                words.push(Word { at, value, raw });
            }
        }
        Ok(words)
    }

    /// The entries of the dynamic section that lie among what is read-only after relocation: where,
    /// tag and value. The loader adds the base to some values, and writes one of its own, which is
    /// left out.
    pub fn dynamic<B: Bytes + ?Sized>(&self, bytes: &B) -> Result<Vec<(u64, u64, u64)>, ElfError> {
        let part = self
            .segments
            .iter()
            .find(|segment| segment.kind == PT_DYNAMIC);
        let (Some(part), Some((from, len)), true, false) =
            (part, self.read_only_after(), self.wide, self.big)
        else {
            return Ok(Vec::new());
        };
        let outside = ElfError::Outside("its dynamic section");
        let in_file = usize::try_from(part.in_file)
            .unwrap_or(usize::MAX)
            .min(MAX_NOTE_BYTES);
        let table = bytes.at(part.offset, in_file).ok_or(outside)?;
        let mut entries = Vec::new();
        for (entry, step) in table.chunks_exact(16).zip((0_u64..).step_by(16)) {
            let at = part.vaddr.saturating_add(step);
            let entry = little(entry);
            let within = at
                .checked_sub(from)
                .is_some_and(|at| at.saturating_add(16) <= len);
            if let (Some(tag), Some(value), true) = (entry.u64(0), entry.u64(8), within)
                && tag != DT_DEBUG
            {
                entries.push((at, tag, value));
            }
        }
        Ok(entries)
    }

    /// The table that the dynamic section names by the tag `at`, its bytes by the tag `len`, of at
    /// most [`MAX_WORDS`] entries; empty if it names none.
    fn table<B: Bytes + ?Sized>(
        &self,
        bytes: &B,
        dynamic: &[u8],
        at: u64,
        len: u64,
        entry_bytes: usize,
    ) -> Result<Vec<u8>, ElfError> {
        let value = |tag: u64| {
            let mut entries = dynamic.chunks_exact(16).map(little);
            entries.find_map(|entry| (entry.u64(0)? == tag).then(|| entry.u64(8)).flatten())
        };
        let (Some(at), Some(len)) = (value(at), value(len)) else {
            return Ok(Vec::new());
        };
        let len = usize::try_from(len)
            .unwrap_or(usize::MAX)
            .min(MAX_WORDS * entry_bytes);
        let outside = ElfError::Outside("its relocations");
        let at = self.file_offset(at).ok_or(outside.clone())?;
        bytes.at(at, len).ok_or(outside)
    }
}

/// Places of packed relative relocations: an even entry is a place, an odd one a map of the next
/// 63.
fn unpack_relr(table: &[u8]) -> Vec<u64> {
    let (mut all, mut next) = (Vec::new(), 0_u64);
    for entry in table.chunks_exact(8) {
        let Some(entry) = little(entry).u64(0) else {
            break;
        };
        if entry & 1 == 0 {
            all.push(entry);
            next = entry.wrapping_add(8);
        } else {
            let places = (0..63_u64).filter(|bit| entry >> (bit + 1) & 1 == 1);
            all.extend(places.map(|bit| next.wrapping_add(8 * bit)));
            next = next.wrapping_add(63 * 8);
        }
        if all.len() > MAX_WORDS {
            break;
        }
    }
    all
}

fn little(bytes: &[u8]) -> Fields<'_> {
    Fields { bytes, big: false }
}

struct Fields<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let bytes = self.bytes.get(at..at.checked_add(N)?)?;
        let mut bytes: [u8; N] = bytes.try_into().ok()?; // ok: because the slice has N bytes
        if self.big {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files made by hand, also the seeds of the fuzz target.
    fn seed(name: &str) -> Vec<u8> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read(folder.join("../../../../fuzz/corpus/elf_note").join(name)).unwrap()
    }

    #[test]
    fn a_build_id_is_read_of_either_class_and_order() {
        let wide = seed("shared64");
        let image = read_elf(wide.as_slice()).unwrap();
        assert_eq!(
            build_id(wide.as_slice(), &image),
            Ok(Some("000102030405060708090a0b0c0d0e0f10111213".into()))
        );
        let big = seed("big32");
        let image = read_elf(big.as_slice()).unwrap();
        assert_eq!(
            build_id(big.as_slice(), &image),
            Ok(Some("0102030405060708".into()))
        );
        assert_eq!(read_elf(&b"#!/bin/sh"[..]), Err(ElfError::NotElf));
        let cut = wide.get(..100).unwrap();
        assert_eq!(read_elf(cut), Err(ElfError::Outside("its program headers")));
        let notes_outside = big.get(..90).unwrap();
        assert_eq!(
            build_id(notes_outside, &image),
            Err(ElfError::Outside("its notes"))
        );
    }

    /// Found by fuzzing.
    #[test]
    fn r001_a_dynamic_section_at_the_end_of_addresses_is_no_overflow() {
        let bytes = seed("dynamic_at_the_end_of_addresses");
        let image = read_elf(bytes.as_slice()).unwrap();
        assert!(image.dynamic(bytes.as_slice()).is_ok());
    }

    #[test]
    fn words_are_those_that_the_loader_writes_plain_and_packed() {
        let bytes = seed("shared64");
        let image = read_elf(bytes.as_slice()).unwrap();
        let words: Vec<(u64, u64)> = image
            .words(bytes.as_slice())
            .unwrap()
            .iter()
            .map(|word| (word.at, word.value))
            .collect();
        // Two plain ones; then, packed, 0x2010 and, two words behind it, bit 2 of 0b101.
        assert_eq!(
            words,
            [(0x2000, 0x1000), (0x2008, 0x1008), (0x2010, 0), (0x2020, 0)]
        );
        assert_eq!(image.base(0x7000_0000, 0), Some(0x7000_0000));
        let dynamic = image.dynamic(bytes.as_slice()).unwrap();
        assert_eq!(
            dynamic,
            [],
            "it is not among what is read-only after relocation"
        );
        let mut less = image.clone();
        for part in less
            .segments
            .iter_mut()
            .filter(|part| part.kind == PT_GNU_RELRO)
        {
            part.in_memory = 8;
        }
        let words = less.words(bytes.as_slice()).unwrap();
        assert_eq!(words.len(), 1, "a program may write to the others");
        assert_eq!(
            image.base(0x7000_0000, 0x5000),
            None,
            "no code begins there"
        );
    }

    #[test]
    fn packed_relocations_are_a_place_and_maps_of_63() {
        let table: Vec<u8> = [0x1000_u64, 0b11, 0b11, 0x9000]
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect();
        assert_eq!(
            unpack_relr(&table),
            [0x1000, 0x1008, 0x1008 + 63 * 8, 0x9000]
        );
    }
}
