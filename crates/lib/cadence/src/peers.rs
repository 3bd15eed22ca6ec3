//! Whether a source is slow alone or with its site.
//!
//! On a holiday everything that follows people is quiet; without peers each such source would be told
//! as silent, and the one that is really dead would drown among them. So each tells how it did lately
//! against what it learned, and the clocks of the others run as slowly as the one in the middle.

use serde::{Deserialize, Serialize};

use crate::{Cadence, HOUR, MINUTE, model::clamp};

/// Counts that [`Recent`] keeps of each size, the present one included.
const KEPT: usize = 7;

/// The smaller count: ten minutes.
const TEN: i64 = 10 * MINUTE;

/// What a source wrote lately: enough to be a peer of others. Of the same size for any source.
///
/// Lines, not ticks: a source that ticks every minute still does so when it fell to a tenth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Recent {
    /// When it was last heard.
    last: i64,
    /// Lines of the ten minutes of that time and of the six before.
    tens: [u32; KEPT],
    /// Lines of the hour of that time and of the six before.
    hours: [u32; KEPT],
}

/// What was seen of a source, and what was to be expected, in two windows: about an hour, which tells
/// that a holiday begins, and this hour with the six before it, which tells that one goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peer {
    /// (seen, expected) in these ten minutes so far and the hour before.
    pub hour: (f64, f64),
    /// (seen, expected) in this hour so far and the six before it.
    pub hours: (f64, f64),
}

impl Recent {
    /// Lines arrived. Late ones count as if they had come with the last.
    pub fn hear(&mut self, at: i64, lines: u32) {
        let at = if *self == Self::default() {
            at
        } else {
            at.max(self.last)
        };
        (self.tens, self.hours) = (self.at(self.tens, at, TEN), self.at(self.hours, at, HOUR));
        self.last = at;
        for counts in [&mut self.tens, &mut self.hours] {
            if let Some(count) = counts.first_mut() {
                *count = count.saturating_add(lines);
            }
        }
    }

    /// How it did lately against what was learned of it; none if its lines were not learned.
    pub fn against(&self, cadence: &Cadence, now: i64) -> Option<Peer> {
        let baseline = cadence.baseline()?;
        let window = |counts: [u32; KEPT], size: i64| {
            let seen = self
                .at(counts, now, size)
                .iter()
                .map(|count| f64::from(*count))
                .sum();
            let begin = now
                .div_euclid(size)
                .saturating_sub(KEPT as i64 - 1)
                .saturating_mul(size);
            (seen, baseline.expected(begin, now, cadence.offset()))
        };
        Some(Peer {
            hour: window(self.tens, TEN),
            hours: window(self.hours, HOUR),
        })
    }

    /// Counts of pieces of `size` when it is `now`.
    fn at(&self, kept: [u32; KEPT], now: i64, size: i64) -> [u32; KEPT] {
        let mut counts = [0; KEPT];
        let ago = now
            .div_euclid(size)
            .saturating_sub(self.last.div_euclid(size));
        let ago = usize::try_from(ago.max(0)).unwrap_or(KEPT).min(KEPT);
        for (to, from) in counts.iter_mut().skip(ago).zip(kept) {
            *to = from;
        }
        counts
    }
}

/// How fast the clocks of office-shaped sources run, from the *other* ones: the median of seen against
/// expected (half a line added to both), in the window that is slower. 1 with no others; at least
/// [`PACE`](crate::PACE)`.0`.
pub fn pace(others: &[Peer]) -> f64 {
    let hours = median(others.iter().map(|peer| peer.hours));
    let hour = median(others.iter().map(|peer| peer.hour));
    clamp(hours.min(hour))
}

fn median(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut ratios: Vec<f64> = pairs
        .map(|(seen, expected)| (seen + 0.5) / (expected + 0.5))
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    match (
        ratios.get(middle),
        middle.checked_sub(1).and_then(|below| ratios.get(below)),
    ) {
        (Some(upper), Some(lower)) if ratios.len().is_multiple_of(2) => {
            f64::midpoint(*upper, *lower)
        }
        (Some(upper), _) => *upper,
        (None, _) => 1.0,
    }
}
