//! Every text of a feed once. 608,740 rows hold 3 million texts of which 1 in 60 is new; kept as
//! they come they cost half a gigabyte for each host that is looked at. Numbers are given in the
//! order of arrival, so the same feed gives the same numbers in every run.

use std::borrow::Cow;

/// Number of a text; 0 is the empty one.
pub(crate) type Id = u32;

/// Texts and their numbers, found by an open-addressed table of its own: std's maps with a hash are
/// banned here for their order, which this one never shows.
#[derive(Debug, Clone)]
pub(crate) struct Interner {
    bytes: String,
    /// End of each text; it begins where the one before ends.
    ends: Vec<u32>,
    /// Number + 1, or 0 for a free place. A power of two long.
    table: Vec<u32>,
}

impl Interner {
    pub(crate) fn new() -> Self {
        let mut new = Self {
            bytes: String::new(),
            ends: Vec::new(),
            table: vec![0; 1 << 12],
        };
        new.put("");
        new
    }

    /// The number of `text`; `None` when the texts together passed 4 GiB.
    pub(crate) fn put_bytes(&mut self, text: &[u8]) -> Option<Id> {
        match String::from_utf8_lossy(text) {
            Cow::Borrowed(text) => self.put(text),
            Cow::Owned(text) => self.put(&text),
        }
    }

    pub(crate) fn put(&mut self, text: &str) -> Option<Id> {
        let place = match self.place(text) {
            Ok(id) => return Some(id),
            Err(place) => place,
        };
        // ok: beyond 4 GiB there is no number, and the feed is refused as too large.
        let id = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.bytes.len() + text.len()).ok()?;
        self.bytes.push_str(text);
        self.ends.push(end);
        if let Some(slot) = self.table.get_mut(place) {
            *slot = id + 1;
        }
        if self.ends.len() * 2 > self.table.len() {
            self.grow();
        }
        Some(id)
    }

    /// The text of a number; an unknown number is the empty text.
    pub(crate) fn text(&self, id: Id) -> &str {
        let Ok(at) = usize::try_from(id) else {
            return "";
        };
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = start.map_or(0, |&start| start as usize);
        let end = self.ends.get(at).map_or(start, |&end| end as usize);
        self.bytes.get(start..end).unwrap_or("")
    }

    /// The number of `text`, or the free place where it would go.
    fn place(&self, text: &str) -> Result<Id, usize> {
        let mask = self.table.len() - 1;
        let mut at = hash(text.as_bytes()) & mask;
        loop {
            match self.table.get(at).copied() {
                None | Some(0) => return Err(at),
                Some(found) if self.text(found - 1) == text => return Ok(found - 1),
                Some(_) => at = (at + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for id in 0..u32::try_from(self.ends.len()).unwrap_or(u32::MAX) {
            let mut at = hash(self.text(id).as_bytes()) & mask;
            while table.get(at).is_some_and(|&slot| slot != 0) {
                at = (at + 1) & mask;
            }
            if let Some(slot) = table.get_mut(at) {
                *slot = id + 1;
            }
        }
        self.table = table;
    }
}

/// Eight bytes at a time, folded by a multiplication. A feed is not an attacker's to fill at will:
/// it is signed by whoever publishes it, and a bad one costs time, not truth.
fn hash(bytes: &[u8]) -> usize {
    let mut state: u64 = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        state =
            (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    usize::try_from((state >> 32) ^ (state & 0xffff_ffff)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_a_number_one_text() {
        let mut texts = Interner::new();
        assert_eq!(texts.put(""), Some(0));
        let all: Vec<String> = (0..10_000).map(|n| format!("text {n}")).collect();
        let ids: Vec<Id> = all.iter().map(|text| texts.put(text).unwrap()).collect();
        for (text, &id) in all.iter().zip(&ids) {
            assert_eq!(texts.text(id), text);
            assert_eq!(texts.put(text), Some(id));
        }
        assert_eq!(texts.put_bytes(b"text 7"), Some(ids[7]));
        assert_eq!(texts.text(u32::MAX), "");
    }
}
