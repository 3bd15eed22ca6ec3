//! The six walks of `docs/adr/0001`, compiled and run: what the types must carry before anything is
//! built on them. The controls here are toys; the engine is the real one.

use std::{collections::BTreeSet, sync::Arc};

use cordon_engine::{Engine, Make, Outcome, Said, make};
use cordon_model::{
    Action, Approval, Control, Decision, Event, Fact, FactKind, Finding, Gate, Host, Key, Memory,
    Order, Package, PackageKind, PackageStatus, Policy, PolicyError, Receipt, Rule, Scope, Sensed,
    Set, Severity, Shard, ShardKey, Span, Spec, Subject, Text, Time, Verdict, Watched,
};
use cordon_patch::{Installed, Patch, RowState};
use serde::{Deserialize, Serialize};

const RULE: Rule = Rule {
    id: "toy.found",
    title: "",
    advice: "",
    command: None,
    severity: Severity::High,
    scope: Scope::Local,
    ocsf: 2004,
    attack: &[],
    explained_by: &[],
    settle: Span::secs(0),
};

fn told(engine: &mut Engine, secs: u64, host: &'static str, fact: Fact) -> Vec<Outcome> {
    let mut told = Vec::new();
    let sensed = Sensed {
        host: host.into(),
        said: None,
        fact,
    };
    engine.step(at(secs), sensed, &mut |said: Said| told.push(said.outcome));
    told
}

fn at(secs: u64) -> Time {
    Time::from_millis(1_000_000) + Span::secs(secs)
}

// --- 1 and 2: gates -----------------------------------------------------------------------------

/// Refuses names that end in one of the policy's, and remembers how often it did.
struct Doorman {
    blocked: Vec<String>,
    epoch: u64,
}

#[derive(Default, Deserialize)]
struct DoormanPolicy {
    blocked: Vec<String>,
}

impl Control for Doorman {
    const SPEC: &'static Spec = &Spec {
        name: "toy",
        prevents: "",
        does: "",
        consumes: &[FactKind::Decided],
        rules: &[RULE],
        probes: &[],
    };
    const STATE: u32 = 1;
    type State = u64;

    fn new(policy: &Policy) -> Result<Self, PolicyError> {
        let DoormanPolicy { blocked } = policy.section("toy")?;
        Ok(Self {
            blocked,
            epoch: policy.epoch,
        })
    }
    fn shard(&self, _: &Event) -> Shard {
        Shard::Host
    }
    fn judge(&self, memory: &mut Memory<u64>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let Fact::Decided(decision) = &event.fact else {
            return;
        };
        if decision.answer.as_str() == "refuse" {
            **memory += 1;
            let key = Key::new(&RULE, &event.host, decision.subject.clone());
            say(Verdict::Find(
                Finding::new(&RULE, key).with("times", **memory),
            ));
        }
    }
}

impl Gate for Doorman {
    type Ask = str;
    type Answer = Decision;
    fn answer(&self, name: &str) -> Decision {
        let refused = self.blocked.iter().any(|ending| name.ends_with(ending));
        Decision {
            by: "toy@mail1".into(),
            subject: Subject::Host,
            answer: Text::new(if refused { "refuse" } else { "accept" }),
            rule: None,
            epoch: self.epoch,
        }
    }
}

const DOORMAN: &[Make] = &[make::<Doorman>()];

#[test]
fn a_milter_answers_at_once_and_its_answer_follows_as_a_fact() {
    let policy = Policy::new("[toy]\nblocked = [\".pif\"]", 1);
    let mut engine = Engine::new("mail1".into(), DOORMAN, &policy).unwrap();
    let gate = engine.control::<Doorman>().unwrap();
    // The sensor's own thread answers from its snapshot; the engine is not asked.
    let answer =
        std::thread::scope(|s| s.spawn(|| gate.load().answer("details.pif")).join()).unwrap();
    assert_eq!(answer.answer.as_str(), "refuse");
    let outcomes = told(&mut engine, 1, "mail1", Fact::Decided(answer));
    assert!(
        matches!(outcomes.as_slice(), [Outcome::Opened(f)] if f.key.rule.as_str() == "toy.found")
    );
}

#[test]
fn an_exec_gate_sees_a_swap_at_its_next_question_and_never_waits() {
    let policy = Policy::new("[toy]\nblocked = []", 1);
    let mut engine = Engine::new("ws1".into(), DOORMAN, &policy).unwrap();
    let gate = engine.control::<Doorman>().unwrap();
    let before = gate.load_full(); // an answer under way keeps its snapshot
    let next = policy.reworded("[toy]\nblocked = [\"worm.exe\"]", 2);
    engine
        .swap(at(1), &"policy".into(), 2, &next, &mut |_| {})
        .unwrap();
    assert_eq!(before.answer("/tmp/worm.exe").answer.as_str(), "accept");
    let after = gate.load().answer("/tmp/worm.exe");
    assert_eq!((after.answer.as_str(), after.epoch), ("refuse", 2));
}

// --- 3: ten thousand hosts ----------------------------------------------------------------------

fn index(version: &str) -> Set {
    let text = format!("Package: openssl\nArchitecture: amd64\nVersion: {version}\n\n");
    Set {
        dated: None,
        format: cordon_patch::DEBIAN_PACKAGES,
        bytes: Arc::from(text.into_bytes()),
    }
}

#[test]
fn a_new_advisory_re_audits_ten_thousand_hosts_and_a_tick_saves_none() {
    const HOSTS: usize = 10_000;
    let name = "bookworm-security";
    let policy = Policy::new("", 1).with(name.into(), index("1.0"));
    let makes = &[make::<Patch>()];
    let mut engine = Engine::new("hub".into(), makes, &policy).unwrap();
    let package = Package {
        kind: PackageKind::Deb,
        name: "openssl".into(),
        arch: Text::new("amd64"),
        version: Text::new("1.0"),
        status: PackageStatus::Installed,
    };
    for number in 0..HOSTS {
        let host: Host = format!("h{number}").parse().unwrap();
        let pulse = Fact::Pulse {
            of: Watched::Control("patch".into()),
            seen: 1,
            errors: 0,
        };
        for fact in [Fact::Package(package.clone()), pulse] {
            let sensed = Sensed {
                host: host.clone(),
                said: None,
                fact,
            };
            engine.step(at(1), sensed, &mut |said| panic!("{said:?}"));
        }
    }
    engine.save();
    // The feed changes: every host is judged again, in one event, and each missing one is found.
    let next = policy.clone().with(name.into(), index("1.1"));
    let mut opened = 0;
    engine
        .swap(at(2), &name.into(), 1, &next, &mut |said| {
            opened += usize::from(matches!(said.outcome, Outcome::Opened(_)));
        })
        .unwrap();
    assert_eq!(opened, HOSTS);
    // The bulk path is the same pure function on the same rows.
    let patch = engine.control::<Patch>().unwrap().load_full();
    let key = ShardKey::Host("h77".into());
    let packages: Vec<Installed<'_>> = engine.state::<Patch>(&key).unwrap().packages().collect();
    let rows = patch.audit(&packages);
    assert!(matches!(rows.as_slice(), [row] if row.state == RowState::Missing));
    // Judging read the memories and changed none: nothing of them has to be written.
    let bytes = |engine: &mut Engine| {
        let mut snapshot = cordon_engine::Snapshot::default();
        snapshot.absorb(engine.save());
        snapshot.to_bytes().unwrap().len()
    };
    let with_findings = bytes(&mut engine);
    told(&mut engine, 3, "hub", Fact::Tick);
    let tick = bytes(&mut engine);
    assert!(
        with_findings > HOSTS * 100 && tick < 200,
        "{with_findings} then {tick} bytes"
    );
}

// --- 4: correlation over the fleet --------------------------------------------------------------

/// Finds a rule that stands on three hosts.
struct Spread;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Infected(BTreeSet<Host>);

impl Control for Spread {
    const SPEC: &'static Spec = &Spec {
        name: "spread",
        prevents: "",
        does: "",
        consumes: &[FactKind::Found],
        rules: &[Rule {
            id: "spread.three",
            scope: Scope::Fleet,
            ..RULE
        }],
        probes: &[],
    };
    const STATE: u32 = 1;
    type State = Infected;

    fn new(_: &Policy) -> Result<Self, PolicyError> {
        Ok(Self)
    }
    fn shard(&self, _: &Event) -> Shard {
        Shard::Fleet
    }
    fn judge(&self, memory: &mut Memory<Infected>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let Fact::Found(found) = &event.fact else {
            return;
        };
        if found.key.rule.as_str() != RULE.id {
            return; // its own findings come by here too
        }
        memory.0.insert(found.key.host.clone());
        if memory.0.len() == 3 {
            let rule = &Self::SPEC.rules[0];
            say(Verdict::Find(Finding::new(
                rule,
                Key::new(rule, &"fleet".into(), Subject::Host),
            )));
        }
    }
}

#[test]
fn what_agents_found_is_correlated_over_the_fleet() {
    let mut hub = Engine::new("hub".into(), &[make::<Spread>()], &Policy::default()).unwrap();
    let mut opened = Vec::new();
    for host in ["ws1", "ws2", "ws2", "ws3"] {
        // As it arrives from an agent: a base match, judged at the edge.
        let finding = Finding::new(&RULE, Key::new(&RULE, &host.into(), Subject::Host));
        opened.extend(told(&mut hub, 1, host, Fact::Found(Box::new(finding))));
    }
    assert!(
        matches!(opened.as_slice(), [Outcome::Opened(f)] if f.key.rule.as_str() == "spread.three")
    );
}

// --- 5: a definition swap -----------------------------------------------------------------------

#[test]
fn definitions_are_swapped_whole_or_not_at_all_and_never_backwards() {
    let makes = &[make::<Patch>()];
    let name = "bookworm-security";
    let policy = Policy::new("", 1).with(name.into(), index("1.0"));
    let mut engine = Engine::new("hub".into(), makes, &policy).unwrap();
    let handle = engine.control::<Patch>().unwrap();
    let swap = |engine: &mut Engine, epoch, set: Set| {
        let next = policy.clone().with(name.into(), set);
        engine
            .swap(at(1), &name.into(), epoch, &next, &mut |_| {})
            .map_err(|e| e.to_string())
    };
    let first = handle.load_full();
    let damaged = Set {
        bytes: Arc::from(*b"Package: x\0"),
        ..index("1")
    };
    let refused = swap(&mut engine, 5, damaged).unwrap_err();
    assert!(refused.contains("feed bookworm-security"), "{refused}");
    assert!(
        Arc::ptr_eq(&first, &handle.load_full()),
        "the old set stays in force"
    );
    swap(&mut engine, 6, index("1.1")).unwrap();
    assert!(!Arc::ptr_eq(&first, &handle.load_full()));
    assert_eq!(
        swap(&mut engine, 6, index("1.0")),
        Err("expected an epoch above 6, got 6".into())
    );
}

#[test]
fn a_feed_that_goes_away_makes_nothing_well() {
    let name = "bookworm-security";
    let policy = Policy::new("", 1).with(name.into(), index("2.0"));
    let mut engine = Engine::new("hub".into(), &[make::<Patch>()], &policy).unwrap();
    let package = Package {
        kind: PackageKind::Deb,
        name: "openssl".into(),
        arch: Text::new("amd64"),
        version: Text::new("1.0"),
        status: PackageStatus::Installed,
    };
    told(&mut engine, 1, "web1", Fact::Package(package));
    let pulse = || Fact::Pulse {
        of: Watched::Control("patch".into()),
        seen: 1,
        errors: 0,
    };
    assert!(matches!(
        told(&mut engine, 1, "web1", pulse()).as_slice(),
        [Outcome::Opened(_)]
    ));
    let bare = Policy::new("", 2);
    engine
        .swap(at(2), &"policy".into(), 2, &bare, &mut |said| {
            panic!("{said:?}")
        })
        .unwrap();
    assert!(
        told(&mut engine, 3, "web1", pulse()).is_empty(),
        "nothing was compared"
    );
    assert_eq!(
        engine.findings().count(),
        1,
        "what was missing is as missing as before"
    );
}

// --- 6: an approved action ----------------------------------------------------------------------

/// Wants every host that is found sick to be isolated, for an hour, if a person agrees.
struct Surgeon;

impl Control for Surgeon {
    const SPEC: &'static Spec = &Spec {
        name: "surgeon",
        prevents: "",
        does: "",
        consumes: &[FactKind::Found],
        rules: &[],
        probes: &[],
    };
    const STATE: u32 = 1;
    type State = ();

    fn new(_: &Policy) -> Result<Self, PolicyError> {
        Ok(Self)
    }
    fn shard(&self, _: &Event) -> Shard {
        Shard::Host
    }
    fn judge(&self, _: &mut Memory<()>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let Fact::Found(found) = &event.fact else {
            return;
        };
        let host = found.key.host.clone();
        say(Verdict::Do(Order {
            id: format!("isolate-{host}").parse().unwrap(),
            action: Action::Isolate { host },
            because: found.key.clone(),
            lease: Span::hours(1),
            needs: Approval::Person,
        }));
    }
}

#[test]
fn an_action_waits_for_a_person_is_done_once_and_ends_with_its_lease() {
    let mut hub = Engine::new("hub".into(), &[make::<Surgeon>()], &Policy::default()).unwrap();
    let finding = Finding::new(&RULE, Key::new(&RULE, &"ws1".into(), Subject::Host));
    let found = Fact::Found(Box::new(finding));
    let proposed = told(&mut hub, 1, "ws1", found.clone());
    assert!(matches!(proposed.as_slice(), [Outcome::Proposed(_)]));
    assert!(
        told(&mut hub, 2, "ws1", found).is_empty(),
        "the same order twice is one order"
    );
    let approved = || Fact::Approved {
        order: "isolate-ws1".into(),
        who: "anna".into(),
    };
    assert!(matches!(
        told(&mut hub, 3, "hub", approved()).as_slice(),
        [Outcome::Ready(_)]
    ));
    assert!(
        told(&mut hub, 4, "hub", approved()).is_empty(),
        "it is done once"
    );
    let receipt = Fact::Applied(Receipt::Holds {
        order: "isolate-ws1".into(),
    });
    assert!(told(&mut hub, 5, "ws1", receipt).is_empty());
    assert!(told(&mut hub, 3604, "hub", Fact::Tick).is_empty());
    assert!(matches!(
        told(&mut hub, 3605, "hub", Fact::Tick).as_slice(),
        [Outcome::Undo(_)]
    ));
}
