//! The shape every control has, and its description as data.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Event, FactKind, Host, Policy, PolicyError, Severity, SourceName, Span, Verdict};

/// One prevention. `Self` is the compiled policy, [`Control::State`] its memory.
///
/// From that split follow, without more code: hot reload (a new `Self` over the same memory), restart
/// without amnesia, *simulate before enforce* (a second `Self` over the same events), retro-hunt
/// (replay) and exact tests.
pub trait Control: Send + Sync + Sized + 'static {
    /// Everything about the control that is data. Help, manual and OCSF mapping are made from it.
    const SPEC: &'static Spec;

    /// Version of [`Control::State`]'s encoding. Raised with every change of it, with a `migrate`.
    const STATE: u32;

    /// What one shard of the memory holds.
    type State: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send;

    /// Compiles the policy: the only step that can fail.
    fn new(policy: &Policy) -> Result<Self, PolicyError>;

    /// Which part of the memory an event touches.
    fn shard(&self, event: &Event) -> Shard;

    /// Shards that policy names, so that a host that never said a word is judged as well.
    fn expected(&self) -> Vec<ShardKey> {
        Vec::new()
    }

    /// Judges one event. Total and pure: no clock but [`Event::at`], no I/O, no panic.
    fn judge(&self, memory: &mut Memory<Self::State>, event: &Event, say: &mut dyn FnMut(Verdict));

    /// Reads memory that version `from` wrote. Forgetting is reported, never a silent default.
    fn migrate(from: u32, _bytes: &[u8]) -> Result<Self::State, Amnesia> {
        Err(Amnesia {
            reason: format!("expected version {} of its memory, got {from}", Self::STATE),
        })
    }
}

/// A control that must answer before the world goes on: the milter, the exec gate.
///
/// `answer` is pure and has no memory. It is called in the sensor's own thread on a snapshot; the
/// answer follows as [`crate::Fact::Decided`]. A swap replaces the snapshot: nothing waits for it.
pub trait Gate: Control {
    /// What the world asks; may be borrowed bytes of a message still in the sensor's buffer.
    type Ask: ?Sized;
    /// What it is told.
    type Answer;
    /// Answers at once.
    fn answer(&self, ask: &Self::Ask) -> Self::Answer;
}

/// Memory that could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("memory was lost: {reason}")]
pub struct Amnesia {
    /// Why.
    pub reason: String,
}

/// The part of a control's memory that an event touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shard {
    /// The memory of the event's host.
    Host,
    /// The memory of one source of the event's host.
    Source(SourceName),
    /// The one memory that spans hosts.
    Fleet,
    /// Every memory there is and that of the event's host, one after the other: what `Tick` and a
    /// swap cost.
    All,
}

/// Name of one shard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum ShardKey {
    /// The memory that spans hosts.
    Fleet,
    /// A host's.
    Host(Host),
    /// A source's on a host.
    Source(Host, SourceName),
}

impl ShardKey {
    /// The host it belongs to; none for [`ShardKey::Fleet`].
    pub const fn host(&self) -> Option<&Host> {
        match self {
            Self::Fleet => None,
            Self::Host(host) | Self::Source(host, _) => Some(host),
        }
    }
}

/// One shard of a control's memory. Taking it mutably marks it as touched, and only touched shards are
/// saved: a judge that merely reads on `Tick` costs no write.
#[derive(Clone, Debug)]
pub struct Memory<S> {
    key: ShardKey,
    state: S,
    touched: bool,
}

impl<S> Memory<S> {
    /// A shard that holds `state`, untouched.
    pub const fn new(key: ShardKey, state: S) -> Self {
        Self {
            key,
            state,
            touched: false,
        }
    }

    /// Which shard this is.
    pub const fn key(&self) -> &ShardKey {
        &self.key
    }

    /// Whether it was taken mutably since [`Memory::settle`].
    pub const fn touched(&self) -> bool {
        self.touched
    }

    /// Called by whoever saved it.
    pub const fn settle(&mut self) {
        self.touched = false;
    }
}

impl<S> Deref for Memory<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Memory<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.touched = true;
        &mut self.state
    }
}

/// Everything about a control that is data.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// The word for it: `patch`.
    pub name: &'static str,
    /// The sentence of 2004 that it answers.
    pub prevents: &'static str,
    /// What people read beside its name.
    pub does: &'static str,
    /// Which facts reach its judge.
    pub consumes: &'static [FactKind],
    /// What it can find.
    pub rules: &'static [Rule],
    /// How it is proven.
    pub probes: &'static [Probe],
}

/// Something a control can find.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// `patch.missing`.
    pub id: &'static str,
    /// One line, lower case, no full stop.
    pub title: &'static str,
    /// What an overworked administrator does about it. `{field}` is filled in from the finding.
    pub advice: &'static str,
    /// The command that mends or explains it, if there is one. `{field}` is filled in.
    pub command: Option<&'static str>,
    /// How bad, unless the judge knows better.
    pub severity: Severity,
    /// Where its findings are judged.
    pub scope: Scope,
    /// OCSF class of its findings.
    pub ocsf: u32,
    /// MITRE ATT&CK techniques, where one applies.
    pub attack: &'static [&'static str],
    /// Findings that explain this one away while they stand.
    pub explained_by: &'static [Cause],
    /// How long it waits for an explanation before it speaks.
    pub settle: Span,
}

/// A rule whose finding explains another.
#[derive(Debug, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: &'static str,
    /// What both findings must share.
    pub shares: Shares,
}

/// What a cause and its consequence must have in common.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Shares {
    /// The host.
    Host,
    /// Host and subject.
    Subject,
}

/// Where a rule is judged.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Scope {
    /// On the host, at the edge.
    Local,
    /// At the hub, over what many hosts found.
    Fleet,
}

/// A planted harmless test.
#[derive(Debug, PartialEq, Eq)]
pub struct Probe {
    /// `patch.synthetic-host`.
    pub id: &'static str,
    /// What is planted, in one sentence.
    pub plants: &'static str,
    /// The rule that must find it.
    pub expect: &'static str,
    /// How soon.
    pub within: Span,
}
