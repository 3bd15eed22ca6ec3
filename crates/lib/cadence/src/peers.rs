//! Whether a source is slow alone or with its site.
//!
//! On a holiday everything that follows people is quiet; without peers each such source would be told
//! as silent, and the one that is really dead would drown among them. So each tells how it did lately
//! against what it learned, and the clocks of the others run as slowly as the one in the middle.

use serde::{Deserialize, Serialize};

use crate::{Cadence, HOUR, MINUTE, model::clamp};

/// Hours of tick counts that [`Recent`] keeps, this one included.
const HOURS: usize = 7;

/// What a source ticked lately: enough to be a peer of others. Of the same size for any source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Recent {
    /// The minute of the last tick, since 1970.
    minute: i64,
    /// A bit for each of the last 64 minutes up to that one, the lowest for it.
    minutes: u64,
    /// Ticks of the hour of that minute and of the six before it.
    hours: [u8; HOURS],
}

/// What was seen of a source, and what was to be expected, in two windows: the last hour, which tells
/// that a holiday begins, and this hour with the six before it, which tells that one goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peer {
    /// (seen, expected) of the last 60 minutes.
    pub hour: (f64, f64),
    /// (seen, expected) of this hour so far and the six before it.
    pub hours: (f64, f64),
}

impl Recent {
    /// Something arrived. What is from the past, or in a minute that ticked already, counts nothing.
    pub fn tick(&mut self, at: i64) {
        let minute = at.div_euclid(MINUTE);
        if self.minutes != 0 && minute <= self.minute {
            return;
        }
        self.hours = self.hours_at(at);
        self.minutes = self.minutes_at(at) | 1;
        self.minute = minute;
        if let Some(count) = self.hours.first_mut() {
            *count = count.saturating_add(1);
        }
    }

    /// Ticks in this hour so far and the six before it.
    pub fn count(&self, now: i64) -> u32 {
        self.hours_at(now)
            .iter()
            .map(|count| u32::from(*count))
            .sum()
    }

    /// How it did lately, against what was learned of it.
    pub fn against(&self, cadence: &Cadence, now: i64) -> Peer {
        let hour = now.div_euclid(HOUR).saturating_mul(HOUR);
        let seen = f64::from((self.minutes_at(now) & ((1 << 60) - 1)).count_ones());
        let expected = cadence.expected(now.saturating_sub(HOUR), now);
        let mut hours = (0.0, 0.0);
        for (ago, count) in self.hours_at(now).iter().enumerate() {
            let from = hour.saturating_sub(HOUR.saturating_mul(ago as i64));
            let to = from.saturating_add(HOUR).min(now);
            let minutes = to.saturating_sub(from) as f64 / MINUTE as f64;
            hours.0 += arrivals(f64::from(*count), minutes);
            hours.1 += arrivals(cadence.expected(from, to), minutes);
        }
        Peer {
            hour: (arrivals(seen, 60.0), arrivals(expected, 60.0)),
            hours,
        }
    }

    /// The hours' counts when it is `now`.
    fn hours_at(&self, now: i64) -> [u8; HOURS] {
        let mut counts = [0; HOURS];
        let ago = now
            .div_euclid(HOUR)
            .saturating_sub(self.minute.div_euclid(60));
        let ago = usize::try_from(ago.max(0)).unwrap_or(HOURS).min(HOURS);
        for (to, from) in counts.iter_mut().skip(ago).zip(self.hours) {
            *to = from;
        }
        counts
    }

    /// The minutes' bits when it is `now`.
    fn minutes_at(&self, now: i64) -> u64 {
        let ago = now.div_euclid(MINUTE).saturating_sub(self.minute);
        let ago = u32::try_from(ago.max(0)).unwrap_or(u32::MAX);
        self.minutes.checked_shl(ago).unwrap_or(0)
    }
}

/// How much arrived when `ticks` of `minutes` minutes ticked: of a source that ticks nearly every
/// minute the ticks alone would not show that it fell to a tenth.
fn arrivals(ticks: f64, minutes: f64) -> f64 {
    if minutes < 1.0 {
        return ticks;
    }
    let share = (ticks / minutes).min(1.0 - 0.5 / minutes.max(1.0));
    -minutes * (-share.max(0.0)).ln_1p()
}

/// How fast the clocks of office-shaped sources run, from the *other* ones: the median of seen against
/// expected (half a tick added to both), in the window that is slower. 1 with no others; at least
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
        (Some(upper), Some(lower)) if ratios.len() % 2 == 0 => f64::midpoint(*upper, *lower),
        (Some(upper), _) => *upper,
        (None, _) => 1.0,
    }
}
