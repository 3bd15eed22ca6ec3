//! The events of one group, and what they add up to.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Compiled;
use crate::{
    number::Number,
    rule::{Aggregate, Bound, Condition, CorrelationKind, Together},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: u64,
    pub(crate) slot: u32,
    pub(crate) value: Option<String>,
    pub(crate) number: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Its values as they were first written.
    pub(crate) shown: Vec<String>,
    /// Fields of its last event that correlations over it need.
    pub(crate) carried: Vec<Option<String>>,
    /// When it was last told.
    pub(crate) told: Option<u64>,
    /// In order of time.
    entries: VecDeque<Entry>,
    /// How often each value is among the entries.
    values: BTreeMap<String, u32>,
    sum: f64,
}

pub(crate) struct Added {
    pub(crate) in_time: bool,
    pub(crate) evicted: u64,
}

impl Group {
    pub(crate) fn new(shown: Vec<String>, told: Option<u64>) -> Self {
        Self {
            shown,
            told,
            ..Self::default()
        }
    }

    fn first(&self) -> u64 {
        self.entries.front().map_or(0, |entry| entry.at)
    }

    fn last(&self) -> u64 {
        self.entries.back().map_or(0, |entry| entry.at)
    }

    /// When its window ends, or when it is stale.
    pub(crate) fn deadline(&self, compiled: &Compiled) -> u64 {
        let from = if compiled.at_end {
            self.first()
        } else {
            self.last().max(self.told.unwrap_or(0))
        };
        from.saturating_add(compiled.timespan)
    }

    /// Whether an event at `at` is of the next window.
    pub(crate) fn is_over(&self, compiled: &Compiled, at: u64) -> bool {
        compiled.at_end && !self.entries.is_empty() && at > self.deadline(compiled)
    }

    pub(crate) fn add(
        &mut self,
        entry: Entry,
        compiled: &Compiled,
        most: usize,
        carried: Vec<Option<String>>,
    ) -> Added {
        if !self.entries.is_empty() && entry.at.saturating_add(compiled.timespan) < self.last() {
            return Added {
                in_time: false,
                evicted: 0,
            };
        }
        if entry.at >= self.last() {
            self.carried = carried;
        }
        if let Some(value) = &entry.value {
            *self.values.entry(value.clone()).or_default() += 1;
        }
        self.sum += entry.number;
        let place = self.entries.partition_point(|known| known.at <= entry.at);
        self.entries.insert(place, entry);
        while !compiled.at_end && self.first().saturating_add(compiled.timespan) < self.last() {
            self.forget_first();
        }
        let mut evicted = 0;
        while self.entries.len() > most {
            self.forget_first();
            evicted += 1;
        }
        Added {
            in_time: true,
            evicted,
        }
    }

    fn forget_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        self.sum -= entry.number;
        if self.entries.is_empty() {
            self.sum = 0.0;
        }
        if let Some(value) = entry.value
            && let Some(count) = self.values.get_mut(&value)
        {
            *count -= 1;
            if *count == 0 {
                self.values.remove(&value);
            }
        }
    }

    /// Whether it is to be told now: it holds, and was not told within the timespan.
    pub(crate) fn judge(&mut self, compiled: &Compiled, at: u64) -> Option<(u64, f64)> {
        let recently = |told: u64| at.abs_diff(told) < compiled.timespan;
        if self.told.is_some_and(recently) {
            return None;
        }
        let measured = self.measure(compiled)?;
        self.told = Some(at);
        Some(measured)
    }

    /// Where it begins and what it measures, if it holds.
    pub(crate) fn measure(&self, compiled: &Compiled) -> Option<(u64, f64)> {
        if self.entries.is_empty() {
            return None;
        }
        let all = |measure: f64, bounds: &[Bound]| {
            let number = Number::of_real(measure)?;
            bounds
                .iter()
                .all(|bound| bound.holds(number))
                .then_some((self.first(), measure))
        };
        match &compiled.kind {
            CorrelationKind::EventCount(bounds) => all(self.entries.len() as f64, bounds),
            CorrelationKind::ValueCount(_, bounds) => all(self.values.len() as f64, bounds),
            CorrelationKind::Value(Aggregate::Sum, _, bounds) => all(self.sum, bounds),
            CorrelationKind::Value(Aggregate::Average, _, bounds) => {
                all(self.sum / self.entries.len() as f64, bounds)
            }
            CorrelationKind::Value(Aggregate::Percentile(percent), _, bounds) => {
                all(self.percentile(*percent), bounds)
            }
            CorrelationKind::Temporal(together) => {
                let seen = self.seen(compiled.slots);
                let count = count(&seen);
                let holds = match together {
                    Together::All => count == compiled.slots,
                    Together::Count(bounds) => all(count as f64, bounds).is_some(),
                    Together::Expression(condition) => fulfils(condition, &seen),
                };
                holds.then_some((self.first(), count as f64))
            }
            CorrelationKind::TemporalOrdered(together) => self.ordered(compiled, together),
        }
    }

    fn seen(&self, slots: usize) -> Vec<bool> {
        let mut seen = vec![false; slots];
        for entry in &self.entries {
            if let Some(seen) = seen.get_mut(entry.slot as usize) {
                *seen = true;
            }
        }
        seen
    }

    fn ordered(&self, compiled: &Compiled, together: &Together) -> Option<(u64, f64)> {
        let seen = self.seen(compiled.slots);
        match together {
            Together::All => {
                let every: Vec<usize> = (0..compiled.slots).collect();
                (count(&seen) == compiled.slots)
                    .then(|| self.chain(&every))
                    .flatten()
            }
            Together::Expression(condition) => {
                let wanted: Vec<usize> = (0..compiled.slots)
                    .filter(|slot| seen.get(*slot) == Some(&true) && positive(condition, *slot))
                    .collect();
                fulfils(condition, &seen)
                    .then(|| self.chain(&wanted))
                    .flatten()
            }
            Together::Count(bounds) => {
                let longest = self.longest(compiled.slots);
                let number = Number::Whole(i128::try_from(longest).unwrap_or(i128::MAX));
                bounds
                    .iter()
                    .all(|bound| bound.holds(number))
                    .then_some((self.first(), longest as f64))
            }
        }
    }

    /// The events of these rules one after the other: the latest start and how many rules.
    fn chain(&self, slots: &[usize]) -> Option<(u64, f64)> {
        let mut starts: Vec<Option<u64>> = vec![None; slots.len()];
        for entry in &self.entries {
            // From the end, so that one event takes one place.
            for place in (0..slots.len()).rev() {
                if slots.get(place) != Some(&(entry.slot as usize)) {
                    continue;
                }
                let before = match place.checked_sub(1) {
                    None => Some(entry.at),
                    Some(before) => starts.get(before).copied().flatten(),
                };
                if let (Some(start), Some(slot)) = (before, starts.get_mut(place)) {
                    *slot = Some(start);
                }
            }
        }
        let start = starts.last().copied().flatten()?;
        Some((start, slots.len() as f64))
    }

    /// How many different rules, in their order, the longest chain has.
    fn longest(&self, slots: usize) -> usize {
        let mut best = vec![0_usize; slots];
        for entry in &self.entries {
            let slot = entry.slot as usize;
            let before = best.iter().take(slot).max().copied().unwrap_or(0);
            if let Some(best) = best.get_mut(slot) {
                *best = (*best).max(before + 1);
            }
        }
        best.into_iter().max().unwrap_or(0)
    }

    /// Linear interpolation between the two nearest ranks.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank between 0 and the number of entries"
    )]
    fn percentile(&self, percent: f64) -> f64 {
        let mut numbers: Vec<f64> = self.entries.iter().map(|entry| entry.number).collect();
        numbers.sort_by(f64::total_cmp);
        let rank = percent / 100.0 * (numbers.len().saturating_sub(1)) as f64;
        let at = |rank: f64| numbers.get(rank as usize).copied().unwrap_or(0.0);
        let (below, above) = (at(rank.floor()), at(rank.ceil()));
        below + (above - below) * rank.fract()
    }
}

fn count(seen: &[bool]) -> usize {
    seen.iter().filter(|seen| **seen).count()
}

fn fulfils(condition: &Condition, seen: &[bool]) -> bool {
    let one = |slot: &usize| seen.get(*slot) == Some(&true);
    match condition {
        Condition::Search(slot) => one(slot),
        Condition::And(arms) => arms.iter().all(|arm| fulfils(arm, seen)),
        Condition::Or(arms) => arms.iter().any(|arm| fulfils(arm, seen)),
        Condition::Not(inner) => !fulfils(inner, seen),
        Condition::AtLeast(least, slots) => slots.iter().filter(|slot| one(slot)).count() >= *least,
    }
}

/// Whether a rule is named outside of `not`.
fn positive(condition: &Condition, slot: usize) -> bool {
    match condition {
        Condition::Search(named) => *named == slot,
        Condition::And(arms) | Condition::Or(arms) => arms.iter().any(|arm| positive(arm, slot)),
        Condition::Not(_) => false,
        Condition::AtLeast(_, slots) => slots.contains(&slot),
    }
}
