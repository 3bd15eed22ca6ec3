//! Opens what is known, one within the other. Every reader here gives what it could read and says what it
//! could not: a container that breaks in the middle still shows its first half.

mod archive;
mod ole;
mod rar;
mod small;
mod stream;
pub(crate) mod tar;
mod text;
mod zip;

use std::{
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Budget, How, Limit, Part, Reason, Type, carve, kind};

/// What goes on the way down.
pub(crate) struct Opener<'a> {
    pub(crate) budget: &'a mut Budget,
    pub(crate) depth: u32,
    pub(crate) visit: &'a mut dyn FnMut(Type, &[u8]),
}

/// Bytes that are taken from an unpacker at a time.
const PIECE_BYTES: usize = 32 << 10;

impl Opener<'_> {
    /// A part and everything inside it. `reason` is why `bytes` are not all of it.
    pub(crate) fn look(
        &mut self,
        names: Vec<String>,
        how: How,
        bytes: &[u8],
        reason: Option<Reason>,
    ) -> Part {
        let mut part = Part::new(names, kind::type_of(bytes), bytes.len(), how);
        part.cannot_inspect = reason;
        if let Err(limit) = self.budget.work(bytes.len()) {
            part.closed(Reason::Limit(limit));
            return part;
        }
        if matches!(part.kind, Type::Text | Type::Html) {
            let by_name = part.names.iter().find_map(|name| kind::type_of_name(name));
            part.kind = by_name.unwrap_or(part.kind);
        }
        (self.visit)(part.kind, bytes);
        let depth = self.depth;
        self.depth += 1;
        // The readers of other crates index by what the file says (cab 0.6 does): that costs the part, not the
        // message. What was found before stays.
        let opened = catch_unwind(AssertUnwindSafe(|| self.open(&mut part, bytes)));
        self.depth = depth;
        if opened.is_err() {
            part.closed(Reason::Damaged("its reader gave up".to_owned()));
        }
        part
    }

    fn open(&mut self, part: &mut Part, bytes: &[u8]) {
        match part.kind {
            Type::Zip => zip::open(self, part, bytes),
            Type::Gzip | Type::Bzip2 | Type::Xz | Type::Lzma | Type::Lzip | Type::Zstd => {
                stream::open(self, part, bytes);
            }
            Type::Tar => tar::open(self, part, bytes),
            Type::Cpio => archive::cpio(self, part, bytes),
            Type::Ar => archive::ar(self, part, bytes),
            Type::Cab => archive::cab(self, part, bytes),
            Type::Lha => archive::lha(self, part, bytes),
            Type::Iso => archive::iso(self, part, bytes),
            Type::Rar => rar::rar(self, part, bytes),
            Type::Arj => rar::arj(self, part, bytes),
            Type::Szdd => small::szdd(self, part, bytes),
            Type::BinHex => small::binhex(self, part, bytes),
            Type::Tnef => small::tnef(self, part, bytes),
            Type::Rtf => small::rtf(self, part, bytes),
            Type::Pdf => small::pdf(self, part, bytes),
            Type::Ole => ole::open(self, part, bytes),
            Type::Text
            | Type::Html
            | Type::WindowsScript
            | Type::Batch
            | Type::PowerShell
            | Type::Shell => text::open(self, part, bytes),
            Type::SevenZip | Type::Compress | Type::Ace | Type::InstallShieldCab | Type::Chm => {
                carve::carve(self, part, bytes);
                part.closed(Reason::Unopened);
            }
            Type::OneNote => small::onenote(self, part, bytes),
            Type::Picture
            | Type::Sis
            | Type::Data
            | Type::Pe
            | Type::Dos
            | Type::Elf
            | Type::MachO => {
                carve::carve(self, part, bytes);
            }
            _ => {}
        }
    }

    /// Looks at a part inside `parent`, or says there why not. [`None`] if the budget is spent: then stop.
    pub(crate) fn child(
        &mut self,
        parent: &mut Part,
        names: Vec<String>,
        how: How,
        (bytes, reason): (&[u8], Option<Reason>),
    ) -> Option<()> {
        self.enter(parent)?;
        let part = self.look(names, how, bytes, reason);
        let spent = match part.cannot_inspect {
            Some(Reason::Limit(limit)) if limit != Limit::Depth => Some(limit),
            _ => None,
        };
        parent.children.push(part);
        if let Some(limit) = spent {
            // What comes after this child is not looked at either.
            parent.closed(Reason::Limit(limit));
        }
        spent.is_none().then_some(())
    }

    /// A part of which only the name and the size are known.
    pub(crate) fn name_only(
        &mut self,
        parent: &mut Part,
        names: Vec<String>,
        size: usize,
        reason: Reason,
    ) -> Option<()> {
        self.enter(parent)?;
        let kind = names.iter().find_map(|name| kind::type_of_name(name));
        let mut part = Part::new(names, kind.unwrap_or(Type::Data), size, How::Listed);
        part.closed(reason);
        parent.children.push(part);
        Some(())
    }

    fn enter(&mut self, parent: &mut Part) -> Option<()> {
        match self.budget.enter(self.depth) {
            Ok(()) => Some(()),
            Err(limit) => {
                parent.closed(Reason::Limit(limit));
                None
            }
        }
    }

    /// Work of a reader that gives no bytes; [`None`] if the budget is spent.
    pub(crate) fn work(&mut self, part: &mut Part, bytes: usize) -> Option<()> {
        match self.budget.work(bytes) {
            Ok(()) => Some(()),
            Err(limit) => {
                part.closed(Reason::Limit(limit));
                None
            }
        }
    }

    /// What an unpacker gives, as far as the budget lets it, and why that is not all.
    pub(crate) fn unpack(&mut self, from: &mut dyn Read) -> (Vec<u8>, Option<Reason>) {
        let (mut all, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
        loop {
            match from.read(&mut piece) {
                Ok(0) => return (all, None),
                Ok(len) => {
                    if let Err(limit) = self.budget.out(len) {
                        return (all, Some(Reason::Limit(limit)));
                    }
                    let piece = piece.get(..len).unwrap_or_default(); // default: because no reader gives more
                    all.extend_from_slice(piece);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (all, Some(Reason::Damaged(error.to_string()))),
            }
        }
    }

    /// What was decoded here, paid for.
    pub(crate) fn paid(&mut self, bytes: Vec<u8>) -> (Vec<u8>, Option<Reason>) {
        let spent = self.budget.out(bytes.len()).err();
        (bytes, spent.map(Reason::Limit))
    }
}
