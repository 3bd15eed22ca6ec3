//! About how many shapes the lines of a source have: a scanner that only says "started" any more still
//! writes lines, but few shapes.
//!
//! A shape is a line with its numbers masked. Shapes are counted linearly: each sets one bit of a small
//! map, and from the bits left unset follows how many there were (Whang et al., 1990). That takes
//! [`MAP_BYTES`] a source whatever is sent, errs by a few per cent up to a thousand shapes, and says
//! [`MAX_SHAPES`] where it cannot know more.

/// Size of the map of one source, in bytes.
pub const MAP_BYTES: usize = 256;

/// Bits of the map.
const BITS: u32 = 2048;

/// What is said when every bit is set.
pub const MAX_SHAPES: u32 = 15_615; // BITS * ln(BITS)

/// Longest head of a line that its shape is made of, in bytes.
const MAX_SHAPED_BYTES: usize = 1024;

/// The shapes that were seen since the last [`Shapes::clear`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shapes {
    map: [u8; MAP_BYTES],
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            map: [0; MAP_BYTES],
        }
    }
}

impl Shapes {
    /// Takes the shape of `text` in.
    pub fn add(&mut self, text: &str) {
        let bit = shape(text) % u64::from(BITS);
        let at = usize::try_from(bit / 8).unwrap_or(0);
        if let Some(byte) = self.map.get_mut(at) {
            *byte |= 1 << (bit % 8);
        }
    }

    /// About how many there were.
    pub fn estimate(&self) -> u32 {
        let unset: u32 = self.map.iter().map(|byte| byte.count_zeros()).sum();
        if unset == 0 {
            return MAX_SHAPES;
        }
        let share = f64::from(unset) / f64::from(BITS);
        let shapes = -f64::from(BITS) * share.ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and MAX_SHAPES"
        )]
        let shapes = shapes.round() as u32;
        shapes.min(MAX_SHAPES)
    }

    /// Forgets them.
    pub const fn clear(&mut self) {
        self.map = [0; MAP_BYTES];
    }
}

/// A hash of `text` in which every word that bears a digit is the same: numbers, addresses, queue-ids,
/// hexadecimal of any length.
fn shape(text: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325; // FNV-1a
    const PRIME: u64 = 0x0100_0000_01b3;
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let (mut hash, mut word, mut masked) = (BASIS, BASIS, false);
    for byte in text.bytes().take(MAX_SHAPED_BYTES).chain([b' ']) {
        if byte.is_ascii_alphanumeric() || byte >= 0x80 {
            masked |= byte.is_ascii_digit();
            word = add(word, byte);
            continue;
        }
        hash = if masked {
            add(hash, b'#')
        } else {
            (hash ^ word).wrapping_mul(PRIME)
        };
        hash = add(hash, byte);
        (word, masked) = (BASIS, false);
    }
    hash ^ (hash >> 29) // the low bits choose the place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count<'l>(lines: impl IntoIterator<Item = &'l str>) -> u32 {
        let mut shapes = Shapes::default();
        for line in lines {
            shapes.add(line);
        }
        shapes.estimate()
    }

    #[test]
    fn numbers_are_no_shape_and_words_are() {
        assert_eq!(count([]), 0);
        assert_eq!(
            count([
                "Nov 23 17:31:04 mx1 sshd[77]: id 4F2A9 from 10.0.0.1 port 22",
                "Nov 24 09:02:59 mx1 sshd[8]: id 9B from 10.12.0.250 port 60000",
            ]),
            1
        );
        assert_eq!(count(["scanner started", "scanner stopped"]), 2);
        assert_eq!(count(["a b", "b a", "ab"]), 3);
    }

    #[test]
    fn the_estimate_is_near_up_to_a_thousand_and_bounded_beyond() {
        let words = |many: usize| -> Vec<String> {
            let letters = |n: usize| -> String {
                let digits = format!("{n:05}");
                digits
                    .bytes()
                    .map(|digit| char::from(digit - b'0' + b'a'))
                    .collect()
            };
            (0..many)
                .map(|n| format!("job {} done", letters(n)))
                .collect()
        };
        for many in [10_u32, 100, 1000] {
            let lines = words(usize::try_from(many).unwrap());
            let got = count(lines.iter().map(String::as_str));
            assert!(got.abs_diff(many) <= 2 + many / 10, "{got} of {many}");
        }
        let lines = words(99_999);
        assert_eq!(count(lines.iter().map(String::as_str)), MAX_SHAPES);
    }

    #[test]
    fn what_is_cleared_is_forgotten() {
        let mut shapes = Shapes::default();
        shapes.add("a");
        shapes.clear();
        assert_eq!(shapes, Shapes::default());
    }
}
