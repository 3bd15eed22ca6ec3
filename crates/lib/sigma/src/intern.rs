//! Byte strings to dense numbers, fast: field names are looked up some sixty times an event. Order
//! of insertion alone decides the numbers, so the same rules give the same numbers in every run.

/// A hash of a name; the same everywhere in this crate.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (bytes.len() as u64).wrapping_mul(ODD);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        state = (state ^ word).wrapping_mul(ODD).rotate_left(29);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(chunks.remainder()) {
        *to = *from;
    }
    state = (state ^ u64::from_le_bytes(last)).wrapping_mul(ODD);
    state ^ (state >> 32)
}

/// Byte strings and their numbers. Open addressing, at most half full.
#[derive(Debug, Default, Clone)]
pub(crate) struct Interner {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// `number` is one more than the index; 0 is free.
#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    hash: u64,
    number: u32,
}

impl Interner {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get_hashed(&self, hash: u64, name: &[u8]) -> Option<u32> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = usize::try_from(hash).unwrap_or(0) & mask;
        loop {
            let slot = self.slots.get(at)?;
            let index = slot.number.checked_sub(1)?;
            if slot.hash == hash && self.name(index) == name {
                return Some(index);
            }
            at = (at + 1) & mask;
        }
    }

    pub(crate) fn insert(&mut self, name: &[u8]) -> u32 {
        let hash = hash(name);
        if let Some(index) = self.get_hashed(hash, name) {
            return index;
        }
        let index = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(name);
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            self.put(Slot {
                hash,
                number: index + 1,
            });
        }
        index
    }

    pub(crate) fn name(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start as usize..end as usize).unwrap_or(&[])
    }

    pub(crate) fn text(&self, index: u32) -> &str {
        std::str::from_utf8(self.name(index)).unwrap_or("")
    }

    fn grow(&mut self) {
        self.slots = vec![Slot::default(); (self.slots.len() * 2).max(16)];
        for index in 0..self.ends.len() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let hash = hash(self.name(index));
            self.put(Slot {
                hash,
                number: index + 1,
            });
        }
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = usize::try_from(slot.hash).unwrap_or(0) & mask;
        while self.slots.get(at).is_some_and(|taken| taken.number != 0) {
            at = (at + 1) & mask;
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_keeps_its_number() {
        let mut interner = Interner::default();
        let names: Vec<String> = (0..5_000)
            .map(|n| "x".repeat(n % 40) + &n.to_string())
            .collect();
        for (number, name) in names.iter().enumerate() {
            assert_eq!(interner.insert(name.as_bytes()) as usize, number);
        }
        for (number, name) in names.iter().enumerate() {
            assert_eq!(
                interner
                    .get_hashed(hash(name.as_bytes()), name.as_bytes())
                    .map(|index| index as usize),
                Some(number)
            );
            assert_eq!(interner.text(u32::try_from(number).unwrap()), name);
        }
        assert_eq!(interner.get_hashed(hash(b"absent"), b"absent"), None);
        assert_eq!(Interner::default().get_hashed(0, b""), None);
    }
}
