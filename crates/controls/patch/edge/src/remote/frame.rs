//! The frame of a bundle: that all of it is there, and which parts it has. A list that was cut on its way looks
//! like a host with fewer packages.

use std::collections::BTreeMap;

use super::BundleError;

/// Most bytes of a bundle.
pub const MAX_BUNDLE_BYTES: usize = 64 << 20;

/// Most bytes that a login shell may print before the bundle begins.
pub const MAX_NOISE_BYTES: usize = 64 << 10;

/// Most parts of a bundle.
pub const MAX_PARTS: usize = 64;

const FIRST: &[u8] = b"cordon-bundle ";

/// A part as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// What it says, and the status with which its command ended.
    Said { text: Vec<u8>, status: u32 },
    /// It is not there.
    Absent,
    /// It is there, and the user of the script may not read it.
    Unreadable,
}

/// Where a bundle begins.
fn start(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..bytes.len().min(MAX_NOISE_BYTES + FIRST.len()))?;
    if head.starts_with(FIRST) {
        return Some(0);
    }
    let found = memchr::memmem::find_iter(head, b"\ncordon-bundle ").next()?;
    Some(found + 1)
}

/// Whether a bundle begins in `bytes`.
pub fn is_bundle(bytes: &[u8]) -> bool {
    start(bytes).is_some()
}

/// The parts by name.
pub(super) fn parts(bytes: &[u8]) -> Result<BTreeMap<String, Part>, BundleError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLarge(bytes.len()));
    }
    let from = start(bytes).ok_or_else(|| BundleError::None(shown(bytes)))?;
    let bundle = bytes.get(from..).unwrap_or_default(); // default: because `from` is within
    let mut lines = bundle.split_inclusive(|byte| *byte == b'\n').enumerate();
    let mut next = || -> Result<(usize, &[u8]), BundleError> {
        let cut = || BundleError::Truncated(bundle.len());
        let (at, line) = lines.next().ok_or_else(cut)?;
        Ok((at, line.strip_suffix(b"\n").ok_or_else(cut)?))
    };
    let (_, first) = next()?;
    if first != b"cordon-bundle 1" {
        return Err(BundleError::Form(shown(first)));
    }
    let mut parts = BTreeMap::new();
    loop {
        let (at, line) = next()?;
        let odd = || BundleError::Odd(at + 1, shown(line));
        let text = str::from_utf8(line).map_err(|_| odd())?;
        let (word, rest) = text.split_once(' ').ok_or_else(odd)?;
        let part = match word {
            "@begin" => said(rest, &mut next)?,
            "@absent" => Part::Absent,
            "@unreadable" => Part::Unreadable,
            "@done" => {
                let done: usize = rest.parse().map_err(|_| odd())?;
                if done != parts.len() {
                    return Err(BundleError::Parts(done, parts.len()));
                }
                break;
            }
            _ => return Err(odd()),
        };
        if parts.insert(rest.to_owned(), part).is_some() || parts.len() > MAX_PARTS {
            return Err(odd());
        }
    }
    let (at, line) = next()?;
    let count = line.strip_prefix(b"@bundle-end ").and_then(number);
    match count {
        Some(count) if count == at as u64 => Ok(parts),
        Some(count) => Err(BundleError::Lines(count, at)),
        None => Err(BundleError::Odd(at + 1, shown(line))),
    }
}

/// The lines of a part up to its end.
fn said<'a>(
    name: &str,
    next: &mut impl FnMut() -> Result<(usize, &'a [u8]), BundleError>,
) -> Result<Part, BundleError> {
    let (mut text, mut count) = (Vec::new(), 0_u64);
    loop {
        let (at, line) = next()?;
        if let Some(line) = line.strip_prefix(b"|") {
            text.extend_from_slice(line);
            text.push(b'\n');
            count += 1;
            continue;
        }
        let read = || {
            let end = str::from_utf8(line).ok()?; // ok: because the caller tells of the line
            let mut words = end.strip_prefix("@end ")?.strip_prefix(name)?.split(' ');
            let ("", lines, status, None) =
                (words.next()?, words.next()?, words.next()?, words.next())
            else {
                return None;
            };
            Some((lines.parse::<u64>().ok()?, status.parse().ok()?)) // ok: likewise
        };
        let (lines, status) = read().ok_or_else(|| BundleError::Odd(at + 1, shown(line)))?;
        if lines != count {
            return Err(BundleError::Lines(
                lines,
                usize::try_from(count).unwrap_or(usize::MAX),
            ));
        }
        return Ok(Part::Said { text, status });
    }
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok() // ok: because the caller tells of the line
}

/// The beginning of what came, for a sentence.
pub(super) fn shown(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes); // or: because split gives one
    String::from_utf8_lossy(line.get(..line.len().min(120)).unwrap_or(line)).into_owned()
}
