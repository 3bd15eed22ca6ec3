//! OLE: every stream is a part. Packed objects (`Ole10Native`) give their file and its name; the storages of an
//! encrypted Office file say that it is one, and the class of the root tells an installer.

use std::io::Cursor;

use cfb::CompoundFile as Compound;

use super::Opener;
use crate::{
    How, Part, Reason, Type,
    bytes::{clipped, le32, name, tail},
};

/// The class of the root of an MSI, of a patch and of a transform, but for their last digit.
const MSI_CLASSES: [u128; 3] = [
    0x000c_1084_0000_0000_c000_0000_0000_0046,
    0x000c_1086_0000_0000_c000_0000_0000_0046,
    0x000c_1082_0000_0000_c000_0000_0000_0046,
];

/// Most streams of one file.
const MAX_STREAMS: usize = 4096;

pub(super) fn open(opener: &mut Opener<'_>, part: &mut Part, bytes: &[u8]) {
    let mut file = match Compound::open(Cursor::new(bytes)) {
        Ok(file) => file,
        Err(error) => {
            part.closed(Reason::Damaged(error.to_string()));
            crate::carve::carve(opener, part, bytes);
            return;
        }
    };
    if MSI_CLASSES.contains(&file.root_entry().clsid().as_u128()) {
        part.kind = Type::Msi;
    }
    let streams: Vec<_> = file
        .walk()
        .filter(cfb::Entry::is_stream)
        .take(MAX_STREAMS + 1)
        .map(|entry| (entry.path().to_path_buf(), entry.name().to_owned()))
        .collect();
    if streams.len() > MAX_STREAMS {
        part.closed(Reason::Damaged(format!("more than {MAX_STREAMS} streams")));
    }
    for (path, title) in streams {
        if title == "EncryptedPackage" {
            part.closed(Reason::Encrypted);
        }
        if title == "VBA" || title == "_VBA_PROJECT" {
            part.note("macros");
        }
        let (content, reason) = match file.open_stream(&path) {
            Ok(mut stream) => opener.unpack(&mut stream),
            Err(error) => (Vec::new(), Some(Reason::Damaged(error.to_string()))),
        };
        if title.ends_with("Ole10Native") && native(opener, part, &content).is_none() {
            return;
        }
        let names = vec![title];
        if opener
            .child(part, names, How::Listed, (&content, reason))
            .is_none()
        {
            return;
        }
    }
}

/// An `Ole10Native`: its length, a word, a label, a path, a temporary path, and the file.
pub(super) fn native(opener: &mut Opener<'_>, part: &mut Part, stream: &[u8]) -> Option<()> {
    let mut at = 6;
    let mut names = Vec::new();
    for skip in [0, 8] {
        let title = name(tail(stream, at));
        at += title.len() + 1 + skip;
        let base = title.rsplit(['\\', '/']).next();
        let base = base.unwrap_or_default().to_owned(); // default: because a split has one part
        if !base.is_empty() && !names.contains(&base) {
            names.push(base);
        }
    }
    let temporary = name(tail(stream, at));
    at += temporary.len() + 1;
    let Some(len) = le32(stream, at).filter(|len| *len > 0) else {
        return Some(());
    };
    let (content, whole) = clipped(stream, at + 4, len);
    let reason = (!whole).then(|| Reason::Damaged("cut short".to_owned()));
    opener.child(part, names, How::Listed, (content, reason))
}
