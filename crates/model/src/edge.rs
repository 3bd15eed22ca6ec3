//! The traits of the edges: blocking code that turns the world into facts, and verdicts into deeds.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Action, Blindness, Fact, Host, Nonce, Planting, Text, Time};

/// What a sensor saw, before the engine stamps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sensed {
    /// Where.
    pub host: Host,
    /// When, if the source says.
    pub said: Option<Time>,
    /// What.
    pub fact: Fact,
}

/// How looking ended. There is no empty success: `Finished` says how much was looked over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Whoever listened wanted no more.
    Stopped,
    /// Everything was seen.
    Finished {
        /// How many things were looked over.
        seen: u64,
    },
    /// It could not look.
    Blind {
        /// Why, and what mends it.
        why: Blindness,
    },
}

/// A place to go on from after a restart; only its sensor knows what it means.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor(pub Vec<u8>);

/// Looks at the world.
pub trait Sense {
    /// Looks from `from` on, and hands each thing seen to `out`, with a cursor where one can go on.
    fn sense(
        &mut self,
        from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End;
}

/// Changes the world, and can take it back.
pub trait Act {
    /// What is needed to take it back. It is made durable before [`Act::apply`] is called.
    type Undo: Serialize + DeserializeOwned;
    /// What taking it back will need, from the world as it is.
    fn prepare(&self, action: &Action) -> Result<Self::Undo, Text>;
    /// Does it.
    fn apply(&self, action: &Action) -> Result<(), Text>;
    /// Whether it is in force, seen from outside.
    fn holds(&self, action: &Action) -> Result<bool, Text>;
    /// Takes it back.
    fn undo(&self, undo: Self::Undo) -> Result<(), Text>;
}

/// Plants a harmless test and looks for it through the same sensor that watches the world.
pub trait Prove {
    /// Puts the harmless thing into the world.
    fn plant(&mut self, nonce: &Nonce, me: &Host, at: Time) -> Result<Planting, Blindness>;
    /// Looks where it was planted.
    fn look(&mut self, out: &mut dyn FnMut(Sensed)) -> End;
    /// Takes it out again.
    fn withdraw(&mut self) -> Withdrawn;
}

/// What became of a probe's remains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Withdrawn {
    /// Nothing is left of it.
    Clean,
    /// Something is left: what, and where.
    Left {
        /// What and where.
        what: Text,
    },
}
