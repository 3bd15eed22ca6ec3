//! Correlations over matches: so many of them, of so many values, together, in order, or one that
//! did not come. Memory is bounded by names: what is evicted is counted, never forgotten in silence.
//!
//! Time is the event's, in milliseconds since 1970, given by the caller, and never read from a
//! clock. Events may come out of order by up to a timespan; later ones are counted as late.
//!
//! What can only become true with more events (counts, values and sums with `gt` or `gte`, rules
//! together) is told at once, and then at most once a timespan for each group. All else (upper
//! bounds, averages, percentiles, absence) is judged when the window of a group ends, a timespan
//! after its first event: [`Correlator::advance`].

mod window;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::Event,
    number::Number,
    pattern::lower,
    rule::{Bound as Limit, Compare, Condition, Correlation, CorrelationKind, Order, Together},
    set::{Bound, RuleSet},
};
use window::{Entry, Group};

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Groups of one correlation, such as hosts or users.
    pub groups: usize,
    /// Events of one group. A correlation that counts further is given as many as it counts.
    pub events: usize,
    /// Bytes of a value that is grouped by or counted; the rest is cut off.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            groups: 10_000,
            events: 10_000,
            value_bytes: 256,
        }
    }
}

/// A correlation that was fulfilled.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlated {
    /// Its index in [`RuleSet::correlations`].
    pub correlation: usize,
    /// The fields that it groups by, with their values.
    pub group: Vec<(String, String)>,
    /// Time of the first event of its window, milliseconds.
    pub from_ms: u64,
    /// Time of the last event, or the end of the window if it was judged there, milliseconds.
    pub at_ms: u64,
    /// What was counted or aggregated; for rules that come together how many did.
    pub measure: f64,
}

/// What was left out of account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Groups forgotten because there were more than [`Limits::groups`].
    pub groups: u64,
    /// Events forgotten because a group had more than [`Limits::events`].
    pub events: u64,
    /// Events that came more than a timespan late.
    pub late: u64,
    /// Events without a field that is grouped by.
    pub ungrouped: u64,
    /// Events without the value that is counted, or with one that is no number.
    pub valueless: u64,
}

/// The memory of all correlations of a set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    of: Vec<Memory>,
    lost: Lost,
}

impl Windows {
    /// What was left out of account so far.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Groups that are remembered, of all correlations.
    pub fn groups(&self) -> usize {
        self.of.iter().map(|memory| memory.groups.len()).sum()
    }
}

/// The memory of one correlation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Memory {
    #[serde(with = "pairs")]
    groups: BTreeMap<Vec<String>, Group>,
    /// When each group ends or is stale, the first first.
    deadlines: BTreeSet<(u64, Vec<String>)>,
}

/// A map whose keys are lists is a list of pairs: in JSON keys are texts.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Group;

    type Groups = BTreeMap<Vec<String>, Group>;

    pub(super) fn serialize<S: Serializer>(groups: &Groups, to: S) -> Result<S::Ok, S::Error> {
        let pairs: Vec<(&Vec<String>, &Group)> = groups.iter().collect();
        pairs.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Groups, D::Error> {
        let pairs: Vec<(Vec<String>, Group)> = Vec::deserialize(from)?;
        Ok(pairs.into_iter().collect())
    }
}

/// The correlations of a set, compiled. It has no memory of its own: that is [`Windows`].
#[derive(Debug)]
pub struct Correlator {
    correlations: Vec<Compiled>,
    /// By rule, which correlations it feeds and as which of their rules.
    of_rule: BTreeMap<usize, Vec<(usize, usize)>>,
    of_correlation: BTreeMap<usize, Vec<(usize, usize)>>,
    limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) kind: CorrelationKind,
    pub(crate) slots: usize,
    pub(crate) timespan: u64,
    names: Vec<String>,
    /// For each rule the fields to group by.
    group_by: Vec<Vec<String>>,
    /// Fields that correlations over this one need of its last event.
    carry: Vec<String>,
    /// Judged when the window ends.
    pub(crate) at_end: bool,
    events: usize,
}

impl Correlator {
    /// Of the correlations of `set`.
    pub fn new(set: &RuleSet, limits: Limits) -> Self {
        let mut correlator = Self {
            correlations: Vec::new(),
            of_rule: BTreeMap::new(),
            of_correlation: BTreeMap::new(),
            limits,
        };
        for (index, (correlation, bound)) in set.correlations.iter().zip(&set.bound).enumerate() {
            for (slot, bound) in bound.iter().enumerate() {
                let (feeds, from) = match bound {
                    Bound::Rule(rule) => (&mut correlator.of_rule, *rule),
                    Bound::Correlation(other) => (&mut correlator.of_correlation, *other),
                };
                feeds.entry(from).or_default().push((index, slot));
            }
            correlator.correlations.push(compile(correlation, limits));
        }
        // Those that others are over come first, so needs are passed down from the last to the first.
        for index in (0..correlator.correlations.len()).rev() {
            let mut carry: Vec<String> = Vec::new();
            for (parent, slot) in correlator.of_correlation.get(&index).into_iter().flatten() {
                if let Some(parent) = correlator.correlations.get(*parent) {
                    carry.extend(parent.group_by.get(*slot).into_iter().flatten().cloned());
                    carry.extend(parent.carry.iter().cloned());
                    carry.extend(value_fields(&parent.kind).iter().cloned());
                }
            }
            carry.sort();
            carry.dedup();
            if let Some(compiled) = correlator.correlations.get_mut(index) {
                compiled.carry = carry;
            }
        }
        correlator
    }

    /// Whether matches of this rule are used at all.
    pub fn uses(&self, rule: usize) -> bool {
        self.of_rule.contains_key(&rule)
    }

    /// The fields of a rule's match that correlations need: what a match must carry to be judged elsewhere.
    pub fn needs(&self, rule: usize) -> Vec<&str> {
        let mut names = BTreeSet::new();
        for (index, slot) in self.of_rule.get(&rule).into_iter().flatten() {
            let Some(compiled) = self.correlations.get(*index) else {
                continue;
            };
            let grouped = compiled.group_by.get(*slot).into_iter().flatten();
            let counted = value_fields(&compiled.kind).iter();
            names.extend(
                grouped
                    .chain(counted)
                    .chain(&compiled.carry)
                    .map(String::as_str),
            );
        }
        names.into_iter().collect()
    }

    /// A rule, by its index, matched `event`, which happened at `at_ms`.
    pub fn feed(
        &self,
        windows: &mut Windows,
        rule: usize,
        event: &Event,
        at_ms: u64,
        out: &mut dyn FnMut(Correlated),
    ) {
        let field = |name: &str| first_value(event, name);
        for (correlation, slot) in self.of_rule.get(&rule).into_iter().flatten() {
            self.one(windows, (*correlation, *slot), &field, at_ms, out);
        }
    }

    /// It is `now_ms`: windows that ended before are judged, and what is stale is forgotten.
    pub fn advance(&self, windows: &mut Windows, now_ms: u64, out: &mut dyn FnMut(Correlated)) {
        for index in 0..self.correlations.len() {
            while let Some(memory) = self.memory(windows, index) {
                let due = memory
                    .deadlines
                    .first()
                    .is_some_and(|(deadline, _)| *deadline < now_ms);
                let Some((deadline, key)) = due.then(|| memory.deadlines.pop_first()).flatten()
                else {
                    break;
                };
                if let Some(group) = memory.groups.remove(&key) {
                    self.end(windows, index, &group, deadline, out);
                }
            }
        }
    }

    fn memory<'w>(&self, windows: &'w mut Windows, index: usize) -> Option<&'w mut Memory> {
        if windows.of.len() < self.correlations.len() {
            windows
                .of
                .resize_with(self.correlations.len(), Memory::default);
        }
        windows.of.get_mut(index)
    }

    fn one(
        &self,
        windows: &mut Windows,
        (index, slot): (usize, usize),
        field: &dyn Fn(&str) -> Option<String>,
        at_ms: u64,
        out: &mut dyn FnMut(Correlated),
    ) {
        let Some(compiled) = self.correlations.get(index) else {
            return;
        };
        let cut = |value: String| shorten(value, self.limits.value_bytes);
        let fields = compiled.group_by.get(slot).map_or(&[][..], Vec::as_slice);
        let shown: Option<Vec<String>> = fields.iter().map(|name| field(name).map(cut)).collect();
        let Some(shown) = shown else {
            windows.lost.ungrouped += 1;
            return;
        };
        let Some((value, number)) = self.value(compiled, field) else {
            windows.lost.valueless += 1;
            return;
        };
        let key: Vec<String> = shown.iter().map(|value| lower(value)).collect();
        let carried = compiled
            .carry
            .iter()
            .map(|name| field(name).map(cut))
            .collect();
        let entry = Entry {
            at: at_ms,
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            value,
            number,
        };
        let (mut group, old) = self.take(windows, index, &key, shown);
        if group.is_over(compiled, at_ms) {
            let deadline = group.deadline(compiled);
            self.end(windows, index, &group, deadline, out);
            group = Group::new(group.shown, group.told);
        }
        let taken = group.add(entry, compiled, compiled.events, carried);
        windows.lost.late += u64::from(!taken.in_time);
        windows.lost.events += taken.evicted;
        let told = if compiled.at_end {
            None
        } else {
            group.judge(compiled, at_ms)
        };
        let carried = told.as_ref().map(|_| group.carried.clone());
        let group_shown = group.shown.clone();
        self.put_back(windows, index, key, group, old);
        if let Some((from_ms, measure)) = told {
            let told = Correlated {
                correlation: index,
                group: named(compiled, &group_shown),
                from_ms,
                at_ms,
                measure,
            };
            self.tell(windows, told, &carried.unwrap_or_default(), out); // default: because there is one if it is told
        }
    }

    /// The group of a key, out of the memory, with its deadline.
    fn take(
        &self,
        windows: &mut Windows,
        index: usize,
        key: &Vec<String>,
        shown: Vec<String>,
    ) -> (Group, Option<u64>) {
        let found = self
            .memory(windows, index)
            .and_then(|memory| memory.groups.remove(key));
        match (found, self.correlations.get(index)) {
            (Some(group), Some(compiled)) => {
                let deadline = group.deadline(compiled);
                (group, Some(deadline))
            }
            _ => (Group::new(shown, None), None),
        }
    }

    fn put_back(
        &self,
        windows: &mut Windows,
        index: usize,
        key: Vec<String>,
        group: Group,
        old: Option<u64>,
    ) {
        let Some(compiled) = self.correlations.get(index) else {
            return;
        };
        let most = self.limits.groups.max(1);
        let Some(memory) = self.memory(windows, index) else {
            return;
        };
        if let Some(old) = old {
            memory.deadlines.remove(&(old, key.clone()));
        }
        let mut forgotten = 0;
        while memory.groups.len() >= most {
            let Some((_, oldest)) = memory.deadlines.pop_first() else {
                break;
            };
            memory.groups.remove(&oldest);
            forgotten += 1;
        }
        memory
            .deadlines
            .insert((group.deadline(compiled), key.clone()));
        memory.groups.insert(key, group);
        windows.lost.groups += forgotten;
    }

    /// A window ended.
    fn end(
        &self,
        windows: &mut Windows,
        index: usize,
        group: &Group,
        deadline: u64,
        out: &mut dyn FnMut(Correlated),
    ) {
        let Some(compiled) = self
            .correlations
            .get(index)
            .filter(|compiled| compiled.at_end)
        else {
            return;
        };
        if let Some((from_ms, measure)) = group.measure(compiled) {
            let group_shown = named(compiled, &group.shown);
            let told = Correlated {
                correlation: index,
                group: group_shown,
                from_ms,
                at_ms: deadline,
                measure,
            };
            self.tell(windows, told, &group.carried, out);
        }
    }

    /// Tells it, and feeds it to the correlations over it.
    fn tell(
        &self,
        windows: &mut Windows,
        told: Correlated,
        carried: &[Option<String>],
        out: &mut dyn FnMut(Correlated),
    ) {
        let (index, at_ms) = (told.correlation, told.at_ms);
        let names = self
            .correlations
            .get(index)
            .map_or(&[][..], |compiled| compiled.carry.as_slice());
        let group = told.group.clone();
        out(told);
        let field = |name: &str| {
            let grouped = group
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone());
            grouped.or_else(|| {
                let place = names.iter().position(|known| known == name)?;
                carried.get(place).cloned().flatten()
            })
        };
        for (parent, slot) in self.of_correlation.get(&index).into_iter().flatten() {
            self.one(windows, (*parent, *slot), &field, at_ms, out);
        }
    }

    /// The value that is counted, as text or number; none if it should be there and is not.
    fn value(
        &self,
        compiled: &Compiled,
        field: &dyn Fn(&str) -> Option<String>,
    ) -> Option<(Option<String>, f64)> {
        match &compiled.kind {
            CorrelationKind::ValueCount(fields, _) => {
                let mut joined = String::new();
                for name in fields {
                    joined.push_str(&lower(&shorten(field(name)?, self.limits.value_bytes)));
                    joined.push('\0');
                }
                Some((Some(joined), 0.0))
            }
            CorrelationKind::Value(_, name, _) => {
                Some((None, Number::of_text(field(name)?.trim())?.real()))
            }
            CorrelationKind::EventCount(_)
            | CorrelationKind::Temporal(_)
            | CorrelationKind::TemporalOrdered(_) => Some((None, 0.0)),
        }
    }
}

fn compile(correlation: &Correlation, limits: Limits) -> Compiled {
    let field = |name: &String, rule: &String| {
        let aliased = correlation
            .aliases
            .get(name)
            .and_then(|by_rule| by_rule.get(rule));
        aliased.unwrap_or(name).clone()
    };
    let group_by = |rule: &String| {
        correlation
            .group_by
            .iter()
            .map(|name| field(name, rule))
            .collect()
    };
    Compiled {
        kind: correlation.kind.clone(),
        slots: correlation.rules.len(),
        timespan: correlation.timespan_ms,
        names: correlation.group_by.clone(),
        group_by: correlation.rules.iter().map(group_by).collect(),
        carry: Vec::new(),
        at_end: at_end(&correlation.kind),
        events: limits.events.max(most_counted(&correlation.kind)).max(1),
    }
}

fn value_fields(kind: &CorrelationKind) -> &[String] {
    match kind {
        CorrelationKind::ValueCount(fields, _) => fields,
        CorrelationKind::Value(_, field, _) => std::slice::from_ref(field),
        CorrelationKind::EventCount(_)
        | CorrelationKind::Temporal(_)
        | CorrelationKind::TemporalOrdered(_) => &[],
    }
}

/// Whether more events can make it false again.
fn at_end(kind: &CorrelationKind) -> bool {
    use crate::rule::Aggregate;
    let grows = |bound: &Limit| {
        matches!(
            bound.compare,
            Compare::Order(Order::Greater | Order::GreaterOrEqual)
        )
    };
    match kind {
        CorrelationKind::EventCount(bounds)
        | CorrelationKind::ValueCount(_, bounds)
        | CorrelationKind::Value(Aggregate::Sum, _, bounds) => !bounds.iter().all(grows),
        CorrelationKind::Value(Aggregate::Average | Aggregate::Percentile(_), _, _) => true,
        CorrelationKind::Temporal(together) | CorrelationKind::TemporalOrdered(together) => {
            match together {
                Together::All => false,
                Together::Count(bounds) => !bounds.iter().all(grows),
                Together::Expression(condition) => has_not(condition),
            }
        }
    }
}

fn has_not(condition: &Condition) -> bool {
    match condition {
        Condition::Search(_) | Condition::AtLeast(..) => false,
        Condition::Not(_) => true,
        Condition::And(arms) | Condition::Or(arms) => arms.iter().any(has_not),
    }
}

/// One more event than the highest bound of a count.
fn most_counted(kind: &CorrelationKind) -> usize {
    let (CorrelationKind::EventCount(bounds) | CorrelationKind::ValueCount(_, bounds)) = kind
    else {
        return 0;
    };
    let limit = |bound: &Limit| match bound.limit {
        Number::Whole(whole) => usize::try_from(whole.max(0)).unwrap_or(usize::MAX),
        Number::Real(_) => 0,
    };
    bounds
        .iter()
        .map(limit)
        .max()
        .unwrap_or(0)
        .saturating_add(2)
}

fn named(compiled: &Compiled, shown: &[String]) -> Vec<(String, String)> {
    compiled
        .names
        .iter()
        .cloned()
        .zip(shown.iter().cloned())
        .collect()
}

fn first_value(event: &Event, name: &str) -> Option<String> {
    event.get(name).next().flatten().map(str::to_owned)
}

fn shorten(mut value: String, most: usize) -> String {
    if value.len() > most {
        let end = value.floor_char_boundary(most);
        value.truncate(end);
    }
    value
}
