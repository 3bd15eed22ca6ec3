//! A control with its memory, behind one type. A panic in a judge costs one event of one shard.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arc_swap::ArcSwap;
use cordon_model::{
    Amnesia, Control, ControlName, Event, Memory, Policy, PolicyError, Shard, ShardKey, Spec,
    Verdict,
};

use crate::snapshot::Record;

/// How to make a control: one line of the registry.
#[derive(Clone, Copy)]
pub struct Make {
    /// Its description.
    pub spec: &'static Spec,
    pub(crate) compile: fn(&Policy) -> Result<Compiled, PolicyError>,
    pub(crate) slot: fn(Compiled) -> Option<Box<dyn Slot>>,
}

/// A compiled policy of some control.
pub(crate) type Compiled = Box<dyn Any + Send>;

/// The registry's line for `C`.
pub const fn make<C: Control>() -> Make {
    Make {
        spec: C::SPEC,
        compile: |policy| C::new(policy).map(|control| Box::new(control) as Compiled),
        slot: |compiled| {
            let control = compiled.downcast::<C>().ok()?; // ok: because the caller reports it
            Some(Box::new(Running::<C>::new(*control)))
        },
    }
}

/// What became of an event in a judge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Fine,
    /// The shard went back to what was last saved.
    Panicked {
        why: String,
        forgotten: u64,
    },
}

pub(crate) trait Slot: Send {
    fn swap(&mut self, compiled: Compiled);
    fn judge(&mut self, event: &Event, verdicts: &mut Vec<Verdict>) -> Judged;
    fn save(&mut self, name: &ControlName, out: &mut Vec<Record>);
    fn load(&mut self, key: ShardKey, version: u32, bytes: &Arc<[u8]>) -> Result<(), Amnesia>;
    fn same(&self, other: &dyn Slot) -> bool;
    fn as_any(&self) -> &dyn Any;
}

struct Cell<S> {
    memory: Memory<S>,
    /// Named by policy, so it is judged even while it is empty.
    expected: bool,
    saved: Option<Arc<[u8]>>,
    since_saved: u64,
}

pub(crate) struct Running<C: Control> {
    pub(crate) control: Arc<ArcSwap<C>>,
    shards: BTreeMap<ShardKey, Cell<C::State>>,
}

impl<C: Control> Running<C> {
    fn new(control: C) -> Self {
        let control = Arc::new(ArcSwap::from_pointee(control));
        let mut running = Self {
            control,
            shards: BTreeMap::new(),
        };
        running.expect_shards();
        running
    }

    pub(crate) fn state(&self, key: &ShardKey) -> Option<&C::State> {
        self.shards.get(key).map(|cell| &*cell.memory)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ShardKey> {
        self.shards.keys()
    }

    fn shard(&mut self, key: ShardKey) -> &mut Cell<C::State> {
        self.shards
            .entry(key)
            .or_insert_with_key(|key| Cell::fresh(key.clone()))
    }

    fn expect_shards(&mut self) {
        for key in self.control.load().expected() {
            let cell = self.shard(key);
            cell.expected = true;
        }
    }
}

impl<S: Default> Cell<S> {
    fn fresh(key: ShardKey) -> Self {
        let memory = Memory::new(key, S::default());
        Self {
            memory,
            expected: false,
            saved: None,
            since_saved: 0,
        }
    }
}

impl<C: Control> Slot for Running<C> {
    fn swap(&mut self, compiled: Compiled) {
        if let Ok(control) = compiled.downcast::<C>() {
            self.control.store(Arc::from(control));
            self.expect_shards();
        }
    }

    fn judge(&mut self, event: &Event, verdicts: &mut Vec<Verdict>) -> Judged {
        let control = self.control.load();
        let key = match catch_unwind(AssertUnwindSafe(|| control.shard(event))) {
            Err(panic) => {
                return Judged::Panicked {
                    why: said_by(&*panic),
                    forgotten: 0,
                };
            }
            Ok(Shard::All) => {
                self.shard(ShardKey::Host(event.host.clone()));
                let mut judged = Judged::Fine;
                for cell in self.shards.values_mut() {
                    if let bad @ Judged::Panicked { .. } = cell.judge(&**control, event, verdicts) {
                        judged = bad;
                    }
                }
                return judged;
            }
            Ok(Shard::Host) => ShardKey::Host(event.host.clone()),
            Ok(Shard::Source(source)) => ShardKey::Source(event.host.clone(), source),
            Ok(Shard::Fleet) => ShardKey::Fleet,
        };
        self.shard(key).judge(&**control, event, verdicts)
    }

    fn save(&mut self, name: &ControlName, out: &mut Vec<Record>) {
        let default = C::State::default();
        self.shards.retain(|key, cell| {
            cell.since_saved = 0;
            if !cell.memory.touched() {
                return cell.expected || cell.saved.is_some(); // else it was only looked at
            }
            let empty = *cell.memory == default;
            let bytes = if empty { None } else { encode(&*cell.memory) };
            if bytes.is_none() && !empty {
                return true; // could not be encoded: it stays touched, and is tried again next time
            }
            cell.memory.settle();
            cell.saved.clone_from(&bytes);
            let (control, key) = (name.clone(), key.clone());
            out.push(Record {
                control,
                key,
                version: C::STATE,
                bytes,
            });
            cell.expected || !empty
        });
    }

    fn load(&mut self, key: ShardKey, version: u32, bytes: &Arc<[u8]>) -> Result<(), Amnesia> {
        let state = decode::<C>(version, bytes)?;
        let memory = Memory::new(key.clone(), state);
        let cell = self.shard(key);
        (cell.memory, cell.saved) = (memory, Some(Arc::clone(bytes)));
        Ok(())
    }

    fn same(&self, other: &dyn Slot) -> bool {
        let Some(other) = other.as_any().downcast_ref::<Self>() else {
            return false;
        };
        let default = C::State::default();
        let live = |shards: &BTreeMap<ShardKey, Cell<C::State>>| {
            let live = shards.iter().filter(|(_, cell)| *cell.memory != default);
            live.map(|(key, cell)| (key.clone(), (*cell.memory).clone()))
                .collect::<Vec<_>>()
        };
        live(&self.shards) == live(&other.shards)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<S: Default> Cell<S> {
    fn judge<C: Control<State = S>>(
        &mut self,
        control: &C,
        event: &Event,
        verdicts: &mut Vec<Verdict>,
    ) -> Judged {
        let before = verdicts.len();
        self.since_saved += 1;
        let judged = catch_unwind(AssertUnwindSafe(|| {
            control.judge(&mut self.memory, event, &mut |verdict| {
                verdicts.push(verdict);
            });
        }));
        match judged {
            Ok(()) => Judged::Fine,
            Err(panic) => {
                verdicts.truncate(before);
                // ok, default: because these bytes are this process's own, and none means it was new
                let saved = self
                    .saved
                    .as_ref()
                    .and_then(|bytes| decode::<C>(C::STATE, bytes).ok());
                let state = saved.unwrap_or_default();
                self.memory = Memory::new(self.memory.key().clone(), state);
                let forgotten = std::mem::take(&mut self.since_saved);
                Judged::Panicked {
                    why: said_by(&*panic),
                    forgotten,
                }
            }
        }
    }
}

fn encode<S: serde::Serialize>(state: &S) -> Option<Arc<[u8]>> {
    postcard::to_stdvec(state).ok().map(Arc::from) // ok: because `save` then keeps the shard touched
}

fn decode<C: Control>(version: u32, bytes: &[u8]) -> Result<C::State, Amnesia> {
    if version == C::STATE {
        postcard::from_bytes(bytes).map_err(|error| Amnesia {
            reason: error.to_string(),
        })
    } else {
        C::migrate(version, bytes)
    }
}

fn said_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
