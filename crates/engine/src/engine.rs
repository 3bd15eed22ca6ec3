//! One event at a time, in one order.

use std::{collections::VecDeque, sync::Arc};

use arc_swap::ArcSwap;
use cordon_model::{
    Blindness, Control, ControlName, Epoch, Event, Evidence, Fact, FactKind, Host, Instance, Key,
    Planting, Policy, PolicyError, ProbeId, Sensed, Seq, SetName, ShardKey, Spec, Text, Time,
    Verdict, Watched,
};

use crate::{
    ledger::{Entry, Ledger, Outcome},
    plantings::Plantings,
    slot::{Judged, Make, Running, Slot},
    snapshot::{Batch, Head, Snapshot},
};

/// Most events that one event may cause within one step. The rest waits for the next step, and is
/// saved with the engine: nothing is dropped.
pub const MAX_CASCADE: usize = 256;

/// The name of the policy among the sets.
const POLICY: &str = "policy";

/// An outcome, and the event that it came from.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// Place of the event.
    pub seq: Seq,
    /// Its time.
    pub at: Time,
    /// What people, the store and the outbox hear.
    pub outcome: Outcome,
}

/// Runs controls over events.
pub struct Engine {
    me: Host,
    specs: Vec<&'static Spec>,
    slots: Vec<Seat>,
    /// For each kind of fact, the slots that consume it.
    routes: [Vec<usize>; FactKind::COUNT],
    ledger: Ledger,
    plantings: Plantings,
    head: Head,
    /// As it was last saved.
    saved: Head,
    queue: VecDeque<Event>,
    verdicts: Vec<Verdict>,
    outcomes: Vec<Outcome>,
}

struct Seat {
    make: Make,
    name: ControlName,
    instance: Instance,
    slot: Box<dyn Slot>,
}

impl Engine {
    /// An engine on `me` with empty memory.
    ///
    /// # Errors
    /// The first control that refuses the policy.
    pub fn new(me: Host, makes: &[Make], policy: &Policy) -> Result<Self, PolicyError> {
        let compiled = compile(makes, policy)?;
        let mut slots = Vec::with_capacity(makes.len());
        for (make, compiled) in makes.iter().zip(compiled) {
            let name = ControlName::from(make.spec.name);
            let instance = Instance::new(&name, &me);
            let slot = (make.slot)(compiled)
                .ok_or_else(|| PolicyError::new(format!("control {name} is made of another")))?;
            slots.push(Seat {
                make: *make,
                name,
                instance,
                slot,
            });
        }
        let specs: Vec<&'static Spec> = makes.iter().map(|make| make.spec).collect();
        let mut routes = [const { Vec::new() }; FactKind::COUNT];
        for (index, spec) in specs.iter().enumerate() {
            for kind in spec.consumes {
                if let Some(route) = routes.get_mut(*kind as usize) {
                    route.push(index);
                }
            }
        }
        let mut ledger = Ledger::new(specs.iter());
        ledger.except(policy.exceptions()?, Time::default(), &mut Vec::new());
        let mut head = Head::default();
        head.epochs.insert(POLICY.into(), policy.epoch);
        let (plantings, queue) = (Plantings::default(), VecDeque::new());
        let saved = Head::default();
        let (verdicts, outcomes) = (Vec::new(), Vec::new());
        Ok(Self {
            me,
            specs,
            slots,
            routes,
            ledger,
            plantings,
            head,
            saved,
            queue,
            verdicts,
            outcomes,
        })
    }

    /// An engine that goes on from `snapshot`. Memory that cannot be read becomes `Blind`.
    ///
    /// # Errors
    /// The first control that refuses the policy.
    pub fn load(
        me: Host,
        makes: &[Make],
        policy: &Policy,
        snapshot: &Snapshot,
    ) -> Result<Self, PolicyError> {
        let mut engine = Self::new(me, makes, policy)?;
        let policy_epoch = policy.epoch;
        engine.head = snapshot.head.clone();
        engine.head.epochs.insert(POLICY.into(), policy_epoch);
        engine.queue = std::mem::take(&mut engine.head.queue).into();
        engine.plantings = Plantings::new(std::mem::take(&mut engine.head.plantings));
        engine.ledger.restore(snapshot.findings.clone());
        for ((control, key), (version, bytes)) in &snapshot.shards {
            let seat = engine.slots.iter_mut().find(|seat| seat.name == *control);
            let loaded = match seat {
                Some(seat) => seat
                    .slot
                    .load(key.clone(), *version, bytes)
                    .map_err(|e| e.to_string()),
                None => Err("memory was left out: there is no such control any more".to_owned()),
            };
            if let Err(why) = loaded {
                engine.blind(control.clone(), &why);
            }
        }
        Ok(engine)
    }

    /// Judges what was sensed when the wall clock said `now`, and whatever that causes.
    pub fn step(&mut self, now: Time, sensed: Sensed, say: &mut dyn FnMut(Said)) {
        let at = self.head.clock.stamp(now, &sensed.fact);
        let Sensed { host, said, fact } = sensed;
        self.process(
            Event {
                seq: 0,
                at,
                said,
                host,
                probe: None,
                fact,
            },
            say,
        );
        for _ in 0..MAX_CASCADE {
            let Some(event) = self.queue.pop_front() else {
                return;
            };
            self.process(Event { at, ..event }, say);
        }
    }

    /// Compiles every control anew, or none: a refused policy leaves the old one in force, and is an
    /// event like any other.
    ///
    /// # Errors
    /// Why it was refused; already told to the judges.
    pub fn swap(
        &mut self,
        now: Time,
        set: &SetName,
        epoch: Epoch,
        policy: &Policy,
        say: &mut dyn FnMut(Said),
    ) -> Result<(), PolicyError> {
        let me = self.me.clone();
        let (sensed, done) = match self.try_swap(set, epoch, policy) {
            Ok(()) => (
                Fact::Swapped {
                    set: set.clone(),
                    epoch,
                },
                Ok(()),
            ),
            Err(error) => {
                let why = Text::new(&error.to_string());
                (
                    Fact::Refused {
                        set: set.clone(),
                        epoch,
                        why,
                    },
                    Err(error),
                )
            }
        };
        self.step(
            now,
            Sensed {
                host: me,
                said: None,
                fact: sensed,
            },
            say,
        );
        done
    }

    fn try_swap(
        &mut self,
        set: &SetName,
        epoch: Epoch,
        policy: &Policy,
    ) -> Result<(), PolicyError> {
        let old = self.head.epochs.get(set).copied().unwrap_or(0);
        if epoch <= old {
            return Err(PolicyError::new(format!(
                "expected an epoch above {old}, got {epoch}"
            )));
        }
        let makes: Vec<Make> = self.slots.iter().map(|seat| seat.make).collect();
        let compiled = compile(&makes, policy)?;
        let exceptions = policy.exceptions()?;
        for (seat, compiled) in self.slots.iter_mut().zip(compiled) {
            seat.slot.swap(compiled);
        }
        self.ledger
            .except(exceptions, self.head.clock.last(), &mut self.outcomes);
        self.head.epochs.insert(set.clone(), epoch);
        Ok(())
    }

    /// What changed since the last save, for one transaction.
    pub fn save(&mut self) -> Batch {
        let mut head = self.head.clone();
        head.plantings = self.plantings.waiting().to_vec();
        head.queue = self.queue.iter().cloned().collect();
        let mut shards = Vec::new();
        for seat in &mut self.slots {
            seat.slot.save(&seat.name, &mut shards);
        }
        let quiet = head.stands_still(&self.saved);
        self.saved = head.clone();
        let findings = self.ledger.take_changed();
        Batch {
            head,
            quiet,
            shards,
            findings,
        }
    }

    /// Whether `other` would judge everything that is to come as this one does.
    pub fn same(&self, other: &Self) -> bool {
        let slots = self.slots.iter().zip(&other.slots);
        self.head == other.head
            && self.plantings == other.plantings
            && self.queue == other.queue
            && self.ledger.entries() == other.ledger.entries()
            && self.slots.len() == other.slots.len()
            && slots
                .into_iter()
                .all(|(mine, theirs)| mine.slot.same(&*theirs.slot))
    }

    /// The version of `set` that is in force; 0 if there never was one.
    pub fn epoch(&self, set: &SetName) -> Epoch {
        self.head.epochs.get(set).copied().unwrap_or(0)
    }

    /// Whether events that it caused itself wait for the next step.
    pub fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The host it runs on.
    pub const fn me(&self) -> &Host {
        &self.me
    }

    /// Place of the last event.
    pub const fn seq(&self) -> Seq {
        self.head.seq
    }

    /// Time of the last event.
    pub const fn at(&self) -> Time {
        self.head.clock.last()
    }

    /// What it runs.
    pub fn specs(&self) -> &[&'static Spec] {
        &self.specs
    }

    /// Every finding that stands, with its life.
    pub fn findings(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.ledger.entries().iter()
    }

    /// The compiled control, for a [`cordon_model::Gate`]: a swap is seen at the next `load`.
    pub fn control<C: Control>(&self) -> Option<Arc<ArcSwap<C>>> {
        self.running::<C>()
            .map(|running| Arc::clone(&running.control))
    }

    /// One shard of a control's memory, for those who show it.
    pub fn state<C: Control>(&self, key: &ShardKey) -> Option<&C::State> {
        self.running::<C>()?.state(key)
    }

    /// The shards that a control has.
    pub fn shards<C: Control>(&self) -> Vec<&ShardKey> {
        self.running::<C>()
            .map(|running| running.keys().collect())
            .unwrap_or_default() // default: because a control that is not here has none
    }

    fn running<C: Control>(&self) -> Option<&Running<C>> {
        self.slots
            .iter()
            .find_map(|seat| seat.slot.as_any().downcast_ref())
    }

    fn process(&mut self, mut event: Event, say: &mut dyn FnMut(Said)) {
        self.head.seq += 1;
        event.seq = self.head.seq;
        event.probe = self.plantings.echo(&event.host, &event.fact);
        self.attend(&event);
        let routes = self
            .routes
            .get(event.fact.kind() as usize)
            .map_or(0, Vec::len);
        for nth in 0..routes {
            let Some(&index) = self.routes[event.fact.kind() as usize].get(nth) else {
                continue;
            };
            let Some(seat) = self.slots.get_mut(index) else {
                continue;
            };
            let judged = seat.slot.judge(&event, &mut self.verdicts);
            let (name, instance) = (&seat.name, &seat.instance);
            if let Judged::Panicked { why, forgotten } = judged {
                let name = name.clone();
                let why = format!(
                    "its judge panicked at event {} ({why}); {forgotten} events since its last save are forgotten",
                    event.seq
                );
                self.blind(name, &why);
                continue;
            }
            if self.verdicts.is_empty() {
                continue;
            }
            let instance = instance.clone();
            for verdict in std::mem::take(&mut self.verdicts) {
                self.hear(verdict, &instance, &event);
            }
        }
        if matches!(event.fact, Fact::Tick) {
            self.plantings.expire(event.at);
            self.ledger.tick(event.at, &mut self.outcomes);
            self.head.orders.tick(event.at, &mut self.outcomes);
        }
        for outcome in self.outcomes.drain(..) {
            say(Said {
                seq: event.seq,
                at: event.at,
                outcome,
            });
        }
    }

    /// What the engine itself does with a fact, before the judges hear it.
    fn attend(&mut self, event: &Event) {
        let out = &mut self.outcomes;
        match &event.fact {
            Fact::Planted(planting) => self.plantings.plant(planting),
            Fact::Triaged { key, who, how } => self.ledger.triage(key, who, how, event.at, out),
            Fact::Approved { order, .. } => self.head.orders.approve(order, out),
            Fact::Applied(receipt) => self.head.orders.receive(receipt, event.at),
            Fact::Tick
            | Fact::ClockStep { .. }
            | Fact::Pulse { .. }
            | Fact::Blind { .. }
            | Fact::Gap { .. }
            | Fact::Found(_)
            | Fact::Cleared(_)
            | Fact::Decided(_)
            | Fact::Proven(_)
            | Fact::Swapped { .. }
            | Fact::Refused { .. }
            | Fact::Log(_)
            | Fact::Package(_)
            | Fact::Learned { .. }
            | Fact::Passed { .. }
            | Fact::Vitals { .. }
            | Fact::Audited(_)
            | Fact::Inventoried(_)
            | Fact::Parsed(_)
            | Fact::Part(_) => {}
        }
    }

    fn hear(&mut self, verdict: Verdict, by: &Instance, event: &Event) {
        match verdict {
            Verdict::Find(mut finding) => {
                finding.key.by = by.clone();
                finding.evidence.push(Evidence {
                    by: by.clone(),
                    seq: event.seq,
                });
                let specs = &self.specs;
                let expects = |probe: &ProbeId| expected_rule(specs, probe);
                if let Some(planting) = self.plantings.answered(&finding, event.at, expects) {
                    self.proven(planting);
                    return;
                }
                if self.heard(FactKind::Found) {
                    let found = Fact::Found(Box::new(finding.clone()));
                    self.push(finding.key.host.clone(), found);
                }
                self.ledger.find(finding, event.at, &mut self.outcomes);
            }
            Verdict::Clear(mut key) => {
                key.by = by.clone();
                if self.heard(FactKind::Cleared) {
                    self.push(key.host.clone(), Fact::Cleared(key.clone()));
                }
                self.ledger.clear(&key, event.at, &mut self.outcomes);
            }
            Verdict::Do(order) => self.head.orders.propose(order, &mut self.outcomes),
            Verdict::Part(mut finding) => {
                finding.key.by = by.clone();
                finding.evidence.push(Evidence {
                    by: by.clone(),
                    seq: event.seq,
                });
                if self.heard(FactKind::Part) {
                    self.push_at(
                        finding.key.host.clone(),
                        event.said,
                        Fact::Part(Box::new(finding)),
                    );
                }
            }
        }
    }

    fn proven(&mut self, planting: Planting) {
        self.outcomes.push(Outcome::Withheld(planting.clone()));
        self.push(self.me.clone(), Fact::Proven(planting));
    }

    fn heard(&self, kind: FactKind) -> bool {
        self.routes
            .get(kind as usize)
            .is_some_and(|route| !route.is_empty())
    }

    fn blind(&mut self, control: ControlName, why: &str) {
        let why = Blindness {
            why: Text::new(why),
            mend: None,
        };
        let fact = Fact::Blind {
            of: Watched::Control(control),
            why,
        };
        self.push(self.me.clone(), fact);
    }

    fn push(&mut self, host: Host, fact: Fact) {
        self.push_at(host, None, fact);
    }

    fn push_at(&mut self, host: Host, said: Option<Time>, fact: Fact) {
        let at = self.head.clock.last();
        self.queue.push_back(Event {
            seq: 0,
            at,
            said,
            host,
            probe: None,
            fact,
        });
    }
}

fn expected_rule(specs: &[&'static Spec], probe: &ProbeId) -> Option<&'static str> {
    let probes = specs.iter().flat_map(|spec| spec.probes);
    probes
        .into_iter()
        .find(|known| known.id == probe.as_str())
        .map(|known| known.expect)
}

fn compile(makes: &[Make], policy: &Policy) -> Result<Vec<crate::slot::Compiled>, PolicyError> {
    let mut known: Vec<&str> = makes.iter().map(|make| make.spec.name).collect();
    known.extend(["exception", "alert"]); // of no control: what is known, and who is told
    policy.only(&known)?;
    makes.iter().map(|make| (make.compile)(policy)).collect()
}
