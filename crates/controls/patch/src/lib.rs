//! Prevention 2: audit your systems.
//!
//! 2004: the deployment tool said that all was well; one bulletin, MS04-011, had never been installed,
//! and nobody checked. So evidence is what the host itself has, never what a tool was told to do: a
//! package counts when its version is at least the fixed one *and* it is installed whole. What cannot
//! be judged is *unknown* with a reason, and a feed that is not there is blindness, not health.

mod audit;
mod deb822;
mod feed;
mod fleet;
mod judge;
mod ladder;
pub mod plan;
mod policy;
mod requirement;
mod rules;
mod scope;
mod usual;

pub use audit::{Have, Installed, Row, RowState};
pub use deb822::{
    InventoryError, Listing, Published, read_packages_index, read_release_date, read_release_size,
    read_sources, read_status,
};
pub use feed::{DEBIAN_PACKAGES, Feed, FeedError};
pub use fleet::{Fleet, MAX_ROWS, row_of};
pub use judge::State;
pub use ladder::{NOT_RUNNING_WORDS, Stand, stand};
pub use policy::{Origin, Patch, Sources};
pub use requirement::{Demand, Found, Judged, Requirement, Want, What, Witnesses};
pub use rules::{SPEC, SYNTHETIC_HOST, SYNTHETIC_INVENTORY};
pub use scope::{Group, InScope, Scope, names_no_system};

use cordon_model::{
    Amnesia, Control, Event, Fact, Memory, Policy, PolicyError, Shard, Spec, Verdict,
};

impl Control for Patch {
    const SPEC: &'static Spec = &SPEC;
    const STATE: u32 = 2;
    type State = State;

    fn migrate(from: u32, bytes: &[u8]) -> Result<State, Amnesia> {
        judge::migrate(from, bytes)
    }

    fn new(policy: &Policy) -> Result<Self, PolicyError> {
        Self::read(policy)
    }

    fn shard(&self, event: &Event) -> Shard {
        match event.fact {
            Fact::Swapped { .. } => Shard::All,
            _ => Shard::Host,
        }
    }

    fn judge(&self, memory: &mut Memory<State>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        judge::judge(self, memory, event, say);
    }
}
