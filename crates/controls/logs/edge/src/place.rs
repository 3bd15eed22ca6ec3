//! Where a follower is in a file, and which file that is.
//!
//! A name is no identity, for files are renamed; an inode is none either, for it is used again. So a
//! place is known by what was read up to it: its first bytes and its last bytes.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use cordon_model::{Cursor, Time};

/// Bytes at the head of a file that tell it from another.
pub const FINGERPRINT_BYTES: usize = 1024;

/// Bytes before the place in a file that tell it from another with the same head.
pub const SEAM_BYTES: usize = 64;

/// First word of a cursor.
const VERSION: &str = "1";

/// Words of a place in a cursor.
const WORDS: usize = 8;

/// Longest cursor that is looked at, in bytes.
const MAX_CURSOR_BYTES: usize = 1024;

/// Device and inode.
pub(crate) type Id = (u64, u64);

/// The file that metadata are of.
pub(crate) fn id(about: &Metadata) -> Id {
    (about.dev(), about.ino())
}

/// When it was written last, in nanoseconds since 1970.
pub(crate) fn written(about: &Metadata) -> u64 {
    let nanos = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970 as a time.
pub(crate) const fn time(nanos: u64) -> Time {
    Time::from_millis(nanos / 1_000_000)
}

/// Where a follower is in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// End of the last line that was handed out.
    pub(crate) offset: u64,
    pub(crate) id: Id,
    /// How far it was read; what lies behind `offset` is of a line without end.
    pub(crate) read: u64,
    /// How long it was seen to be.
    pub(crate) size: u64,
    /// When it was seen to be written, in nanoseconds since 1970.
    pub(crate) written: u64,
    /// Of its first bytes, at most up to `read`.
    pub(crate) head: u64,
    /// Of its last bytes before `read`.
    pub(crate) seam: u64,
}

/// What lies around a place: its head and its seam.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Near {
    head: Vec<u8>,
    seam: Vec<u8>,
}

impl Near {
    /// Of the place `at` in `file`; none if the file is shorter.
    pub(crate) fn of(file: &File, at: u64) -> io::Result<Option<Self>> {
        let most = |limit: usize| usize::try_from(at).map_or(limit, |at| at.min(limit));
        let mut near = Self {
            head: vec![0; most(FINGERPRINT_BYTES)],
            seam: vec![0; most(SEAM_BYTES)],
        };
        let seam_at = at - near.seam.len() as u64;
        let read = file
            .read_exact_at(&mut near.head, 0)
            .and_then(|()| file.read_exact_at(&mut near.seam, seam_at));
        match read {
            Ok(()) => Ok(Some(near)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on by `bytes`.
    pub(crate) fn grow(&mut self, bytes: &[u8]) {
        let room = FINGERPRINT_BYTES - self.head.len();
        self.head.extend(bytes.iter().take(room));
        let last = bytes.len().saturating_sub(SEAM_BYTES);
        self.seam.extend(bytes.iter().skip(last));
        let over = self.seam.len().saturating_sub(SEAM_BYTES);
        self.seam.drain(..over);
    }

    /// Whether `other` begins like this, as far as both go.
    pub(crate) fn begins_like(&self, other: &Self) -> bool {
        let both = self.head.len().min(other.head.len());
        both > 0 && self.head.get(..both) == other.head.get(..both)
    }

    /// Hashes of head and seam.
    pub(crate) fn marks(&self) -> (u64, u64) {
        (fnv(&self.head), fnv(&self.seam))
    }
}

/// FNV-1a: tells files apart that nobody made alike on purpose. Who can do that can write what they like
/// into the log anyway.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where to go on: in the file that is followed, and in the one before it, which may still be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bookmark {
    pub(crate) prior: Option<Place>,
    pub(crate) current: Place,
}

impl Bookmark {
    /// As text: a version, then eight numbers for each place, the older first.
    pub(crate) fn cursor(&self) -> Cursor {
        Frame::new(self.prior.as_ref(), &self.current, None).at(self.current.offset)
    }

    /// From the bytes of a cursor; none if they are not ours.
    pub(crate) fn read(cursor: &Cursor) -> Option<Self> {
        if cursor.0.len() > MAX_CURSOR_BYTES {
            return None;
        }
        let text = std::str::from_utf8(&cursor.0).ok()?; // ok: because then it is not ours
        let mut words = text.split(' ');
        if words.next() != Some(VERSION) {
            return None;
        }
        let numbers: Vec<u64> = words
            .map(|word| word.parse().ok()) // ok: because then it is not ours
            .collect::<Option<_>>()?;
        let mut places = numbers.chunks(WORDS).map(place);
        let first = places.next()??;
        let second = places.next();
        if places.next().is_some() {
            return None;
        }
        Some(match second {
            Some(current) => Self {
                prior: Some(first),
                current: current?,
            },
            None => Self {
                prior: None,
                current: first,
            },
        })
    }
}

/// A cursor without the offset in the file that is being read: the lines of one chunk differ in nothing
/// else.
#[derive(Debug)]
pub(crate) struct Frame {
    before: String,
    after: String,
}

impl Frame {
    /// Of a place that is being read, the one before and the one after it.
    pub(crate) fn new(older: Option<&Place>, place: &Place, newer: Option<&Place>) -> Self {
        let lead = |place: &Place| {
            let (device, inode) = place.id;
            format!(
                " {device} {inode} {} {} {} {} {} ",
                place.read, place.size, place.written, place.head, place.seam
            )
        };
        let whole = |place: &Place| format!("{}{}", lead(place), place.offset);
        let older = older.map_or_else(String::new, whole);
        Self {
            before: format!("{VERSION}{older}{}", lead(place)),
            after: newer.map_or_else(String::new, whole),
        }
    }

    /// The cursor at `offset`.
    pub(crate) fn at(&self, offset: u64) -> Cursor {
        let offset = offset.to_string();
        Cursor(
            [self.before.as_str(), &offset, &self.after]
                .concat()
                .into_bytes(),
        )
    }
}

fn place(words: &[u64]) -> Option<Place> {
    let &[device, inode, read, size, written, head, seam, offset] = words else {
        return None;
    };
    let sane = offset <= read && read <= size;
    sane.then_some(Place {
        offset,
        id: (device, inode),
        read,
        size,
        written,
        head,
        seam,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(offset: u64) -> Place {
        Place {
            offset,
            id: (1, 2),
            read: offset + 3,
            size: offset + 4,
            written: u64::MAX,
            head: 6,
            seam: 7,
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for prior in [None, Some(sample(9))] {
            let current = sample(100);
            let bookmark = Bookmark { prior, current };
            assert_eq!(Bookmark::read(&bookmark.cursor()), Some(bookmark));
        }
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        let good = Bookmark {
            prior: None,
            current: sample(1),
        };
        let good = String::from_utf8(good.cursor().0).unwrap();
        assert!(Bookmark::read(&Cursor(good.clone().into_bytes())).is_some());
        for bad in [
            String::new(),
            "1".to_owned(),
            "1 ".to_owned(),
            good.replacen('1', "2", 1),
            format!("{good} 1"),
            format!("{good}x"),
            good.replace(" 5 ", " 3 "),
            "1 0 0 5 5 0 0 0 6".to_owned(),
            "1 1 1 1 1 1 1 1 99999999999999999999999".to_owned(),
            format!("1{}", " 0 0 0 0 0 0 0 0".repeat(3)),
            " 0".repeat(4096),
        ] {
            assert_eq!(
                Bookmark::read(&Cursor(bad.clone().into_bytes())),
                None,
                "{bad}"
            );
        }
        assert_eq!(Bookmark::read(&Cursor(vec![b'1', b' ', 0xff])), None);
    }
}
