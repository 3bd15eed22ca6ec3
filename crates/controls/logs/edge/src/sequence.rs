//! Numbers that a sender gives its messages: what is missing between two of them was lost, for certain.
//!
//! | what comes | what it means |
//! | --- | --- |
//! | the next number | nothing |
//! | a later one | those between are missing: lost, or on their way by another path |
//! | one of the missing | it was late |
//! | an earlier one, from an earlier time | it was sent again, as after an acknowledgement that was lost |
//! | an earlier one, from a later time; or 1 | the sender began anew: no gap |
//!
//! Missing numbers of datagrams, which may overtake each other, are told as lost when [`LATE`] has passed or
//! others are far ahead; all others at once.

use cordon_model::{Span, Time};
use serde::{Deserialize, Serialize};

/// How many numbers later a datagram may still come.
const LATE_BY: u64 = 64;

/// How long after the next one a datagram may still come.
pub const LATE: Span = Span::secs(5);

/// Most separate holes that are remembered; the oldest is told as lost before its time is up.
const MAX_HOLES: usize = 16;

/// Largest `sequenceId` of RFC 5424; after it comes 1.
pub const MAX_SYSLOG_SEQUENCE: u64 = 2_147_483_647;

/// How the numbers of a sender are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Numbers in order, each once; sent again where an acknowledgement was lost.
    Strict,
    /// `sequenceId` of RFC 5424 over a stream: in order, but begins anew at 1.
    Wrapping,
    /// The same over UDP: in any order.
    Loose,
    /// Numbers that rise but leave some out: only for knowing what was sent again.
    Rising,
}

/// What a number says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It is new, and so many are lost that should have come before it.
    New {
        /// How many.
        lost: u64,
    },
    /// It was seen before.
    Again,
}

/// What is known of one sequence.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// The highest number; 0 before the first.
    last: u64,
    /// The latest time that a message bore.
    said: Option<Time>,
    /// When `last` came.
    pub at: Time,
    /// What is missing and may still come: first, last, since when.
    holes: Vec<(u64, u64, Time)>,
}

impl Sequence {
    /// Takes `number` in, of a message that says it is from `said` and came at `at`.
    pub fn step(&mut self, number: u64, order: Order, said: Option<Time>, at: Time) -> Step {
        // Nobody makes what comes later look sent again by speaking from the future.
        let said = said.map(|said| said.min(at));
        let earlier = said.is_some() && said <= self.said;
        let lost = match order {
            _ if self.last == 0 => 0,
            Order::Loose => return self.loose(number, at),
            Order::Wrapping => {
                let Step::New { lost } = self.loose(number, at) else {
                    return Step::Again;
                };
                let holes = self.holes.drain(..).map(|(from, to, _)| to - from + 1);
                return Step::New {
                    lost: lost + holes.sum::<u64>(),
                };
            }
            Order::Rising if number > self.last => 0,
            Order::Strict if number > self.last => number - self.last - 1,
            Order::Strict | Order::Rising if earlier || number == self.last => return Step::Again,
            Order::Strict | Order::Rising => 0, // it began anew
        };
        (self.last, self.said, self.at) = (number, self.said.max(said), at);
        Step::New { lost }
    }

    fn loose(&mut self, number: u64, at: Time) -> Step {
        let hole = self
            .holes
            .iter()
            .position(|(from, to, _)| (*from..=*to).contains(&number));
        if let Some(index) = hole {
            self.fill(index, number);
            return Step::New {
                lost: self.overdue(at),
            };
        }
        let ahead = ahead(self.last, number);
        if number == 1 && ahead != 1 || ahead == 0 || ahead > MAX_SYSLOG_SEQUENCE / 2 {
            let near = MAX_SYSLOG_SEQUENCE - ahead < LATE_BY && number != 1;
            if near || ahead == 0 {
                return Step::New {
                    lost: self.overdue(at),
                }; // doubled by the network, or very late
            }
            let lost = self
                .holes
                .drain(..)
                .map(|(from, to, _)| to - from + 1)
                .sum();
            (self.last, self.at) = (number, at);
            return Step::New { lost }; // it began anew
        }
        if ahead > 1 {
            let (from, to) = (self.last + 1, self.last + ahead - 1);
            if to <= MAX_SYSLOG_SEQUENCE {
                self.holes.push((from, to, at));
            } else {
                // Over the end: two holes, either of which may be empty.
                if from <= MAX_SYSLOG_SEQUENCE {
                    self.holes.push((from, MAX_SYSLOG_SEQUENCE, at));
                }
                if number > 1 {
                    self.holes.push((1, number - 1, at));
                }
            }
        }
        (self.last, self.at) = (number, at);
        Step::New {
            lost: self.overdue(at),
        }
    }

    fn fill(&mut self, index: usize, number: u64) {
        let (from, to, since) = self.holes.remove(index);
        if number < to {
            self.holes.insert(index, (number + 1, to, since));
        }
        if number > from {
            self.holes.insert(index, (from, number - 1, since));
        }
    }

    /// How many numbers will not come any more, as it seems at `at`.
    pub fn overdue(&mut self, at: Time) -> u64 {
        let last = self.last;
        let mut missing = 0;
        self.holes.retain(|(from, to, since)| {
            let waits = ahead(*to, last) <= LATE_BY && at.since(*since) < LATE;
            missing += if waits { 0 } else { to - from + 1 };
            waits
        });
        while self.holes.len() > MAX_HOLES {
            let (from, to, _) = self.holes.remove(0);
            missing += to - from + 1;
        }
        missing
    }

    /// Whether something may still come late.
    pub const fn waits(&self) -> bool {
        !self.holes.is_empty()
    }
}

/// How far `to` is ahead of `from`, round the end.
const fn ahead(from: u64, to: u64) -> u64 {
    if to >= from {
        to - from
    } else {
        (MAX_SYSLOG_SEQUENCE - from).saturating_add(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::from_millis(1_000_000 + secs * 1000)
    }

    /// Feeds numbers a second apart; what was lost at each, `None` for what was seen before.
    fn check(order: Order, numbers: &[u64], expected: &[Option<u64>]) {
        let mut sequence = Sequence::default();
        let got: Vec<Option<u64>> = (0..)
            .zip(numbers)
            .map(
                |(secs, number)| match sequence.step(*number, order, Some(at(secs)), at(secs)) {
                    Step::New { lost } => Some(lost),
                    Step::Again => None,
                },
            )
            .collect();
        assert_eq!(got, expected, "{numbers:?}");
    }

    #[test]
    fn a_jump_forward_is_a_loss_and_a_fresh_start_is_none() {
        check(
            Order::Strict,
            &[7, 8, 12, 13],
            &[Some(0), Some(0), Some(3), Some(0)],
        );
        check(
            Order::Strict,
            &[5000, 1, 2, 4],
            &[Some(0), Some(0), Some(0), Some(1)],
        );
        check(
            Order::Rising,
            &[100, 350, 700],
            &[Some(0), Some(0), Some(0)],
        );
    }

    #[test]
    fn what_is_sent_again_is_known_by_its_number_and_time() {
        let mut sequence = Sequence::default();
        for number in 10..20 {
            sequence.step(number, Order::Strict, Some(at(number)), at(30));
        }
        for number in 12..20 {
            let step = sequence.step(number, Order::Strict, Some(at(number)), at(40));
            assert_eq!(step, Step::Again, "{number}");
        }
        let step = sequence.step(20, Order::Strict, Some(at(20)), at(41));
        assert_eq!(step, Step::New { lost: 0 });
        // The same low number at a later time: the log was cleared.
        let step = sequence.step(12, Order::Strict, Some(at(50)), at(50));
        assert_eq!(step, Step::New { lost: 0 });
    }

    #[test]
    fn datagrams_may_overtake_each_other() {
        check(Order::Loose, &[1, 3, 2, 4], &[Some(0); 4]);
        // Told when five seconds have passed.
        check(
            Order::Loose,
            &[1, 3, 4, 5, 6, 7, 8],
            &[
                Some(0),
                Some(0),
                Some(0),
                Some(0),
                Some(0),
                Some(0),
                Some(1),
            ],
        );
        let mut sequence = Sequence::default();
        sequence.step(1, Order::Loose, None, at(0));
        let far = sequence.step(100, Order::Loose, None, at(0));
        assert_eq!(far, Step::New { lost: 0 }, "they may still come");
        assert_eq!(sequence.overdue(at(4)), 0);
        assert_eq!(sequence.overdue(at(5)), 98);
        assert_eq!(sequence.overdue(at(6)), 0, "and is told once");
    }

    #[test]
    fn the_end_of_the_numbers_and_a_reboot_are_no_loss() {
        let end = MAX_SYSLOG_SEQUENCE;
        check(Order::Loose, &[end - 1, end, 1, 2], &[Some(0); 4]);
        check(Order::Loose, &[900_000, 1, 2, 3], &[Some(0); 4]);
        check(Order::Loose, &[5, 6, 7, 1, 2, 3], &[Some(0); 6]);
        check(
            Order::Wrapping,
            &[end, 1, 2, 5, 1, 2],
            &[Some(0), Some(0), Some(0), Some(2), Some(0), Some(0)],
        );
        let mut sequence = Sequence::default();
        sequence.step(end - 1, Order::Loose, None, at(0));
        sequence.step(3, Order::Loose, None, at(0));
        assert_eq!(sequence.overdue(at(9)), 3, "the last, 1 and 2");
    }

    #[test]
    fn holes_are_bounded() {
        let mut sequence = Sequence::default();
        let mut lost = 0;
        for number in 1..=60 {
            if let Step::New { lost: more } = sequence.step(number * 2, Order::Loose, None, at(0)) {
                lost += more;
            }
        }
        assert!(sequence.holes.len() <= MAX_HOLES);
        assert_eq!(lost + sequence.overdue(at(9)), 59);
    }
}
