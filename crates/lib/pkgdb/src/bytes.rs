//! Numbers out of bytes that may end too early, and the set of pages already used. Every read is
//! checked here once, so no reader above can run past the end or round in a loop.

use crate::{Error, package::corrupt};

/// `len` bytes from `at`, or what is missing.
pub(crate) fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8], Error> {
    let end = at.checked_add(len);
    end.and_then(|end| bytes.get(at..end))
        .ok_or_else(|| Error::Truncated {
            expected: (at as u64).saturating_add(len as u64),
            found: bytes.len() as u64,
        })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Error> {
    let mut out = [0; N];
    out.copy_from_slice(slice(bytes, at, N)?);
    Ok(out)
}

pub(crate) fn be16(bytes: &[u8], at: usize) -> Result<u16, Error> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> Result<u32, Error> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> Result<u32, Error> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn le16(bytes: &[u8], at: usize) -> Result<u16, Error> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// A number of a file as an index; only a 16-bit machine would lose bits, and there is none here.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX) // max: because an index past the end is refused where it is used
}

/// Pages that are in use already. A page has one owner, so meeting it again is a loop.
pub(crate) struct Used(Vec<bool>);

impl Used {
    pub(crate) fn new(pages: usize) -> Self {
        Self(vec![false; pages])
    }

    pub(crate) fn take(&mut self, page: u32) -> Result<(), Error> {
        let pages = self.0.len();
        match self.0.get_mut(index(page)) {
            None => Err(corrupt(
                format!("page {page}"),
                "a page inside the file",
                format!("a file of {pages} pages"),
            )),
            Some(true) => Err(Error::Loop { page }),
            Some(free) => {
                *free = true;
                Ok(())
            }
        }
    }

    pub(crate) fn has(&self, page: u32) -> bool {
        self.0.get(index(page)).copied().unwrap_or(false)
    }
}
