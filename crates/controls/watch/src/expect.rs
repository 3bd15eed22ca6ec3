//! What is owed, and when: the policy of watch.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Fact, Host, PairName, Policy, PolicyError, SourceName, Span, Watched};
use serde::Deserialize;

use crate::pair::{self, Canary, Pair, Stage};

/// The compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub(crate) limits: Limits,
    /// Deadlines by name on every host.
    anywhere: BTreeMap<Watched, Span>,
    /// Deadlines of what must exist on one host, seen or not.
    there: BTreeMap<Host, BTreeMap<Watched, Span>>,
    /// What must come out where it went in.
    pub(crate) pairs: BTreeMap<PairName, Pair>,
    canary: Option<Canary>,
    /// The sources of whose lines the pairs are made.
    paired: BTreeSet<SourceName>,
    packages: bool,
}

/// Section `[watch]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// An agent that pulses nothing for this long is lost.
    pub(crate) agent_deadline: Span,
    /// A control that pulses nothing for this long is silent.
    pub(crate) control_deadline: Span,
    /// A channel that was not tested for this long is silent.
    pub(crate) channel_deadline: Span,
    /// A feed that bears an older date is stale.
    pub(crate) feed_age: Span,
    /// A probe that came back proves for this long.
    pub(crate) proof_age: Span,
    /// A source or control with at least this share of errors is sick.
    pub(crate) error_percent: Percent,
    /// Fewer errors than this in the window are no sickness, whatever their share.
    pub(crate) error_floor: u64,
    /// `"source:mail.log@mail1" = "5m"`; without a host, the deadline holds on all.
    expect: BTreeMap<String, Span>,
    /// `[[watch.pair]]`, which `pair.rs` reads.
    #[serde(rename = "pair")]
    _pair: Elsewhere,
    /// `[watch.canary]`, likewise.
    #[serde(rename = "canary")]
    _canary: Elsewhere,
}

/// A part of the section that another file reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere;

impl<'de> Deserialize<'de> for Elsewhere {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Self)
    }
}

/// 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Percent(pub(crate) u64);

impl TryFrom<i64> for Percent {
    type Error = String;
    fn try_from(number: i64) -> Result<Self, String> {
        match u64::try_from(number) {
            Ok(percent @ 1..=100) => Ok(Self(percent)),
            _ => Err(format!("expected a percentage from 1 to 100, got {number}")),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            agent_deadline: Span::secs(90),
            control_deadline: Span::minutes(10),
            channel_deadline: Span::days(1),
            feed_age: Span::days(7), // Debian's security Release is valid for seven days
            proof_age: Span::days(1),
            error_percent: Percent(20),
            error_floor: 10,
            expect: BTreeMap::new(),
            _pair: Elsewhere,
            _canary: Elsewhere,
        }
    }
}

impl Watch {
    pub(crate) fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let limits: Limits = policy.section("watch")?;
        let (mut anywhere, mut there) = (BTreeMap::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
        for (text, span) in &limits.expect {
            let refuse = |why: &dyn std::fmt::Display| {
                PolicyError::new(format!("in [watch.expect], `{text}`: {why}"))
            };
            let (watched, host) = match text.split_once('@') {
                Some((watched, host)) => {
                    (watched, Some(host.parse::<Host>().map_err(|e| refuse(&e))?))
                }
                None => (text.as_str(), None),
            };
            let watched: Watched = watched.parse().map_err(|e| refuse(&e))?;
            match host {
                Some(host) => there.entry(host).or_default().insert(watched, *span),
                None => anywhere.insert(watched, *span),
            };
        }
        let pairs = pair::read(policy)?;
        let stages = || pairs.values().flat_map(Pair::stages);
        let paired = stages().filter_map(|stage| match stage {
            Stage::Lines(source, _) => Some(source.clone()),
            Stage::Passed(_) | Stage::Packages => None,
        });
        let (paired, packages) = (
            paired.collect(),
            stages().any(|stage| *stage == Stage::Packages),
        );
        Ok(Self {
            limits,
            anywhere,
            there,
            pairs,
            canary: pair::read_canary(policy)?,
            paired,
            packages,
        })
    }

    /// Whether a pair is made of what this fact tells.
    pub(crate) fn pairs_up(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Log(line) => self.paired.contains(&line.source),
            Fact::Package(_) => self.packages,
            Fact::Passed { .. } => true,
            _ => false,
        }
    }

    /// The canary that policy wants sent.
    pub const fn canary(&self) -> Option<&Canary> {
        self.canary.as_ref()
    }

    /// How old a feed may be.
    pub const fn feed_age(&self) -> Span {
        self.limits.feed_age
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.there.keys()
    }

    /// What must exist on `host`, seen or not.
    pub(crate) fn owed(&self, host: &Host) -> impl Iterator<Item = &Watched> {
        self.there.get(host).into_iter().flat_map(BTreeMap::keys)
    }

    /// How long `watched` may say nothing. None: silence is not judged.
    pub fn deadline(&self, watched: &Watched, host: Option<&Host>) -> Option<Span> {
        let here = host
            .and_then(|host| self.there.get(host))
            .and_then(|here| here.get(watched));
        if let Some(deadline) = here.or_else(|| self.anywhere.get(watched)) {
            return Some(*deadline);
        }
        match watched {
            Watched::Agent(_) => Some(self.limits.agent_deadline),
            Watched::Control(_) | Watched::Hub => Some(self.limits.control_deadline),
            Watched::Channel(_) => Some(self.limits.channel_deadline),
            Watched::Source(_) | Watched::Feed(_) => None,
        }
    }
}
