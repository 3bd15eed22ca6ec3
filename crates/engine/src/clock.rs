//! The engine's time: what the wall clock says, but never backwards.

use cordon_model::{Fact, Span, Time};
use serde::{Deserialize, Serialize};

/// `at = wall clock + ahead`, and at least the last `at`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    last: Time,
    /// How far the engine's time is ahead of a wall clock that was set back.
    ahead: Span,
}

impl Clock {
    /// Stamps an event that arrived when the wall clock said `now`.
    ///
    /// A clock set back does not stop time: the difference is carried, so that deadlines still pass.
    /// A clock set forward is let through; judges hear of the step and move their deadlines.
    pub(crate) fn stamp(&mut self, now: Time, fact: &Fact) -> Time {
        if let Fact::ClockStep { from, to } = fact {
            let back = from.since(*to);
            self.ahead = Span::from_millis(self.ahead.millis().saturating_add(back.millis()));
        }
        self.last = self.last.max(now + self.ahead);
        self.last
    }

    pub(crate) const fn last(&self) -> Time {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_after_the_wall_clock_was_set_back() {
        let at = Time::from_millis;
        let mut clock = Clock::default();
        assert_eq!(clock.stamp(at(10_000), &Fact::Tick), at(10_000));
        assert_eq!(
            clock.stamp(at(9_000), &Fact::Tick),
            at(10_000),
            "a small jitter is held"
        );
        let step = Fact::ClockStep {
            from: at(10_000),
            to: at(4_000),
        };
        assert_eq!(clock.stamp(at(4_000), &step), at(10_000));
        assert_eq!(
            clock.stamp(at(5_000), &Fact::Tick),
            at(11_000),
            "a second passed"
        );
    }
}
