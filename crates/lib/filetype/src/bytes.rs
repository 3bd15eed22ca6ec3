//! Numbers and pieces out of hostile bytes: outside of them there is nothing, and never a panic.

/// Two bytes, little-endian.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?))) // ok: because it is two bytes
}

/// Four bytes, little-endian.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    let number = u32::from_le_bytes(four.try_into().ok()?); // ok: because it is four bytes
    usize::try_from(number).ok() // ok: because what does not fit lies outside of every slice
}

/// Eight bytes, little-endian.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<usize> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    let number = u64::from_le_bytes(eight.try_into().ok()?); // ok: because it is eight bytes
    usize::try_from(number).ok() // ok: because what does not fit lies outside of every slice
}

/// Four bytes, big-endian.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    let number = u32::from_be_bytes(four.try_into().ok()?); // ok: because it is four bytes
    usize::try_from(number).ok() // ok: because what does not fit lies outside of every slice
}

/// `len` bytes from `at`.
pub(crate) fn piece(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

/// What is there from `at` on; nothing where it ends before.
pub(crate) fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default() // default: because it ends before
}

/// The byte at `at`; 0 where it ends before.
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default() // default: because it ends before
}

/// The lowest eight bits.
pub(crate) fn low(bits: usize) -> u8 {
    u8::try_from(bits & 0xff).unwrap_or_default() // default: because eight bits are a byte
}

/// What is there of `len` bytes from `at`, and whether that is all of them.
pub(crate) fn clipped(bytes: &[u8], at: usize, len: usize) -> (&[u8], bool) {
    let rest = tail(bytes, at);
    match rest.get(..len) {
        Some(whole) => (whole, true),
        None => (rest, false),
    }
}

/// A name up to its first NUL, whatever its bytes are.
pub(crate) fn name(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let name = bytes.get(..end).unwrap_or_default(); // default: because the end is within
    String::from_utf8_lossy(name).into_owned()
}

/// A name in UTF-16; `wide` is how two bytes become a unit.
pub(crate) fn wide_name(bytes: &[u8], wide: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|two| match two {
        [a, b] => wide([*a, *b]),
        _ => 0,
    });
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}
