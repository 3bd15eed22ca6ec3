//! Who watches the watchers.
//!
//! 2004: "it had been misbehaving for a few days; no one had looked at the logs." Mail still flowed,
//! so nothing rang. This control alone judges silence, sickness, blindness and missed probes of every
//! other control, of every source, agent and feed, and of the hub; the others only pulse.
//!
//! Who watches this one: the main loop asks it for [`Watch::outlook`] of itself after its own probe,
//! a pulse withheld on purpose, and says so in its stead when that did not come back.

mod book;
mod expect;
mod habit;
mod judge;
mod outlook;
mod pair;
mod rules;
mod skew;
mod stage;
mod state;

pub use book::{Account, MAX_OPEN};
pub use expect::Watch;
pub use outlook::Outlook;
pub use pair::{AGENT, CANARY_REFUSED, CANARY_SENT, Canary, MAX_PAIRS, Pair, Server};
pub use rules::{SPEC, WITHHELD_PULSE, is_about_times};
pub use stage::{CANARY_MARK, keys};
pub use state::State;

use cordon_model::{
    Amnesia, Control, Event, Fact, Memory, Policy, PolicyError, Shard, ShardKey, Spec, Verdict,
};

impl Control for Watch {
    const SPEC: &'static Spec = &SPEC;
    const STATE: u32 = state::VERSION;
    type State = State;

    fn migrate(from: u32, bytes: &[u8]) -> Result<State, Amnesia> {
        state::migrate(from, bytes)
    }

    fn new(policy: &Policy) -> Result<Self, PolicyError> {
        Self::read(policy)
    }

    fn shard(&self, event: &Event) -> Shard {
        match event.fact {
            Fact::Tick | Fact::ClockStep { .. } | Fact::Swapped { .. } => Shard::All,
            _ if self.pairs_up(&event.fact) => Shard::Fleet,
            _ => Shard::Host,
        }
    }

    fn expected(&self) -> Vec<ShardKey> {
        self.hosts().cloned().map(ShardKey::Host).collect()
    }

    fn judge(&self, memory: &mut Memory<State>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        match memory.key() {
            ShardKey::Fleet => book::judge(self, memory, event, say),
            _ => judge::judge(self, memory, event, say),
        }
    }
}
