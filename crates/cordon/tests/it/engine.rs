//! What judges may rely on: a panic costs one event, memory that cannot be read is told, a probe's
//! finding is withheld only when it is exact.

use std::sync::Once;

use cordon_engine::{Engine, LoadError, Make, Outcome, Said, Snapshot, make};
use cordon_model::{
    Control, Event, Fact, FactKind, Finding, Key, Level, LogLine, Memory, Planting, Policy,
    PolicyError, Probe, Rule, Scope, Sensed, Severity, Shard, Span, Spec, Subject, Text, Time,
    Verdict, Watched,
};

const COUNTED: Rule = Rule {
    id: "counter.counted",
    title: "",
    advice: "",
    command: None,
    severity: Severity::Low,
    scope: Scope::Local,
    ocsf: 2004,
    attack: &[],
    explained_by: &[],
    settle: Span::secs(0),
};

/// Counts lines; says how many when asked; panics when told to.
struct Counter;

impl Control for Counter {
    const SPEC: &'static Spec = &Spec {
        name: "counter",
        prevents: "",
        does: "",
        consumes: &[FactKind::Log],
        rules: &[COUNTED],
        probes: &[Probe {
            id: "counter.probe",
            plants: "",
            expect: COUNTED.id,
            within: Span::secs(9),
        }],
    };
    const STATE: u32 = 2;
    type State = u64;

    fn new(_: &Policy) -> Result<Self, PolicyError> {
        Ok(Self)
    }
    fn shard(&self, _: &Event) -> Shard {
        Shard::Host
    }
    fn judge(&self, memory: &mut Memory<u64>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let Fact::Log(line) = &event.fact else { return };
        **memory += 1;
        match line.text.as_str() {
            "panic" => panic!("as told"),
            text if text.starts_with("say") => {
                let subject = match text.split_once("nonce ") {
                    Some((_, nonce)) => Subject::Nonce(nonce.parse().unwrap()),
                    None => Subject::Host,
                };
                let finding = Finding::new(&COUNTED, Key::new(&COUNTED, &event.host, subject));
                say(Verdict::Find(finding.with("count", **memory)));
            }
            _ => {}
        }
    }
}

const MAKES: &[Make] = &[make::<cordon_watch::Watch>(), make::<Counter>()];

fn engine() -> Engine {
    static QUIET: Once = Once::new();
    // The panics of this test are meant; others keep their words.
    QUIET.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"as told") {
                usual(info);
            }
        }));
    });
    Engine::new("hub".into(), MAKES, &Policy::default()).unwrap()
}

fn at(secs: u64) -> Time {
    Time::from_millis(1_000_000) + Span::secs(secs)
}

fn line(text: &str) -> Fact {
    Fact::Log(LogLine {
        source: "s".into(),
        text: Text::new(text),
        level: Level::Plain,
    })
}

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

fn count(outcomes: &[Outcome]) -> String {
    match outcomes {
        [Outcome::Opened(finding) | Outcome::Changed(finding)] => {
            finding.fields["count"].to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_costs_what_was_not_saved_and_is_told() {
    let mut engine = engine();
    told(&mut engine, 1, "a", line("x"));
    told(&mut engine, 1, "b", line("x"));
    engine.save();
    told(&mut engine, 2, "a", line("x"));
    told(&mut engine, 2, "b", line("x"));
    let outcomes = told(&mut engine, 3, "a", line("panic"));
    let [Outcome::Opened(blind)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert_eq!(blind.key.rule.as_str(), "watch.blind");
    let why = blind.fields["why"].to_string();
    assert!(
        why.contains("as told") && why.contains("2 events since its last save"),
        "{why}"
    );
    // a went back to 1 and counts on; b was not touched by it.
    assert_eq!(count(&told(&mut engine, 4, "a", line("say"))), "2");
    assert_eq!(count(&told(&mut engine, 4, "b", line("say"))), "3");
}

#[test]
fn memory_that_cannot_be_read_is_told_and_the_rest_goes_on() {
    let mut engine = engine();
    told(&mut engine, 1, "a", line("x"));
    let mut snapshot = Snapshot::default();
    snapshot.absorb(engine.save());
    let bytes = snapshot.to_bytes().unwrap();
    // The same, as a version of the control would have written it that this one cannot read.
    let from = |bytes: &[u8]| Snapshot::from_bytes(bytes);
    let name = bytes
        .windows(7)
        .position(|window| window == b"counter")
        .unwrap();
    let mut older = bytes.clone();
    let version = older[name..].iter().position(|byte| *byte == 2).unwrap() + name;
    older[version] = 1;
    let older = from(&older).unwrap();
    let mut loaded = Engine::load("hub".into(), MAKES, &Policy::default(), &older).unwrap();
    let outcomes = told(&mut loaded, 2, "hub", Fact::Tick);
    let [Outcome::Opened(blind)] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    let why = blind.fields["why"].to_string();
    assert!(
        why.contains("expected version 2 of its memory, got 1"),
        "{why}"
    );
    // Bytes that are no snapshot at all are an error, not an empty one.
    assert!(matches!(
        from(&bytes[..bytes.len() - 1]),
        Err(LoadError::Damaged(_))
    ));
    assert!(matches!(from(&[9]), Err(LoadError::Encoding(9))));
}

#[test]
fn only_the_exact_finding_of_a_planted_probe_is_withheld() {
    let planting = |nonce: &'static str| Planting {
        probe: "counter.probe".into(),
        control: "counter".into(),
        host: "a".into(),
        subject: Subject::Nonce(nonce.into()),
        until: at(10),
    };
    let check = |host: &'static str, secs: u64, text: &str, withheld: bool| {
        let mut engine = engine();
        told(&mut engine, 1, "hub", Fact::Planted(planting("n1")));
        let outcomes = told(&mut engine, secs, host, line(text));
        let was = matches!(outcomes.as_slice(), [Outcome::Withheld(_)]);
        assert_eq!(was, withheld, "{host} {secs} {text}: {outcomes:?}");
        assert!(
            was || matches!(outcomes.as_slice(), [Outcome::Opened(_)]),
            "{outcomes:?}"
        );
    };
    check("a", 5, "say nonce n1", true);
    check("a", 10, "say nonce n1", true);
    check("b", 5, "say nonce n1", false); // another host
    check("a", 5, "say nonce n2", false); // another nonce
    check("a", 5, "say", false); // another subject
    check("a", 11, "say nonce n1", false); // too late
}

#[test]
fn a_withheld_finding_is_withheld_once() {
    let mut engine = engine();
    let planting = Planting {
        probe: "counter.probe".into(),
        control: "counter".into(),
        host: "a".into(),
        subject: Subject::Nonce("n1".into()),
        until: at(10),
    };
    told(&mut engine, 1, "hub", Fact::Planted(planting));
    assert!(matches!(
        told(&mut engine, 2, "a", line("say nonce n1"))[..],
        [Outcome::Withheld(_)]
    ));
    assert!(matches!(
        told(&mut engine, 3, "a", line("say nonce n1"))[..],
        [Outcome::Opened(_)]
    ));
}

#[test]
fn an_event_that_says_nothing_leaves_nothing_to_save_but_its_place() {
    let mut engine = engine();
    let pulse = |of: Watched| Fact::Pulse {
        of,
        seen: 1,
        errors: 0,
    };
    told(&mut engine, 1, "a", pulse(Watched::Agent("a".into())));
    let mut snapshot = Snapshot::default();
    snapshot.absorb(engine.save());
    let before = snapshot.to_bytes().unwrap().len();
    told(&mut engine, 2, "hub", Fact::Tick); // watch enrols what policy owes, once
    engine.save();
    told(&mut engine, 3, "hub", Fact::Tick);
    let mut tick = Snapshot::default();
    tick.absorb(engine.save());
    assert!(
        tick.to_bytes().unwrap().len() < before,
        "a tick wrote memory"
    );
}
