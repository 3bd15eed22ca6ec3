//! How much there usually is of something, and whether it is suddenly far less: half of a list that was cut has no
//! missing patch, and half of a feed has no advisory.

use cordon_model::{Span, Time};
use serde::{Deserialize, Serialize};

/// Less than this share of what there used to be is not believed, in percent.
const SHRUNK_PERCENT: u64 = 80;

/// What stays so much smaller is believed after this long: somebody took it apart.
const BELIEVED_AFTER: Span = Span::days(7);

/// What there usually is.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Usual {
    usual: u64,
    shrunk: Option<Time>,
}

impl Usual {
    /// Takes in how much there is now; how much there used to be, if that is not believed.
    pub(crate) fn shrinks(&mut self, now: u64, at: Time) -> Option<u64> {
        let fewer = now.saturating_mul(100) < self.usual.saturating_mul(SHRUNK_PERCENT);
        let since = *self.shrunk.get_or_insert(at);
        if !fewer || at.since(since) >= BELIEVED_AFTER {
            self.shrunk = None;
            self.usual = now;
            return None;
        }
        Some(self.usual)
    }

    /// Whether it is not believed.
    pub(crate) const fn is_shrunk(&self) -> bool {
        self.shrunk.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shrinks_is_told_until_it_grows_back_or_a_week_goes_by() {
        let mut usual = Usual::default();
        let at = |day: u64| Time::from_millis(Span::days(day).millis());
        let mut check = |day: u64, now: u64, expected: Option<u64>| {
            assert_eq!(usual.shrinks(now, at(day)), expected, "day {day}: {now}");
        };
        check(1, 100, None);
        check(2, 81, None); // a little less is taken as usual
        check(3, 60, Some(81));
        check(4, 80, None);
        check(5, 0, Some(80));
        check(6, 0, Some(80));
        check(13, 0, None);
        check(14, 0, None);
        check(15, 500, None);
    }
}
