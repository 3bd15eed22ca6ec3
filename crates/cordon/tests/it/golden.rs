//! Encodings are append-only. A line of these files is what a release wrote; it must be read for ever.
//! `BLESS=1` adds lines for new samples and never changes one.

use std::fs;

use cordon_engine::{Engine, Snapshot};
use cordon_model::{Event, Fact, FactKind, Policy};
use cordon_testkit::Scenario;
use serde::{Serialize, de::DeserializeOwned};

use crate::root;

const FOLDER: &str = "crates/cordon/tests/it/golden";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}

/// Each sample must still be written as its line says, and each line must still be read.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(file: &str, samples: &[T]) {
    let path = root().join(FOLDER).join(file);
    let mut golden = fs::read_to_string(&path).unwrap_or_default();
    let line = |sample: &T| {
        let json = serde_json::to_string(sample).unwrap();
        format!("{}\t{json}", hex(&postcard::to_stdvec(sample).unwrap()))
    };
    for sample in samples {
        let line = line(sample);
        if !golden.lines().any(|known| known == line) {
            assert!(
                std::env::var_os("BLESS").is_some(),
                "{file}: no line for {line}"
            );
            golden.push_str(&line);
            golden.push('\n');
            fs::write(&path, &golden).unwrap();
        }
    }
    for line in golden.lines() {
        let (binary, json) = line.split_once('\t').unwrap();
        let from_binary: T = postcard::from_bytes(&unhex(binary)).unwrap();
        let from_json: T = serde_json::from_str(json).unwrap();
        assert_eq!(from_binary, from_json, "{file}: {line}");
    }
}

/// Every kind of fact, once.
fn facts() -> Vec<Fact> {
    let text = r#"[
      "tick",
      {"clock_step":{"from":"2004-05-03T08:00:00Z","to":"2004-05-03T11:00:00Z"}},
      {"pulse":{"of":"source:mail.log","seen":12,"errors":3}},
      {"blind":{"of":"feed:bookworm-security","why":{"why":"it is truncated","mend":"apt-get update"}}},
      {"gap":{"of":"hub","from":"2004-05-03T08:00:00Z","to":"2004-05-03T08:00:01Z","lost":null}},
      {"found":{"key":{"rule":"patch.missing","host":"ws1","subject":"host","detail":null,"by":"patch@hub"},
        "severity":"high","fields":{"count":2,"names":"a b","packages":["a","b"]},
        "evidence":[{"by":"patch@hub","seq":7}],"excerpt":"line"}},
      {"cleared":{"rule":"watch.silent","host":"ws1","subject":"agent:ws1","detail":"d","by":"watch@hub"}},
      {"decided":{"by":"mail@mail1","subject":"host","answer":"hold","rule":"mail.type","epoch":3}},
      {"approved":{"order":"isolate-ws1","who":"anna"}},
      {"applied":{"failed":{"order":"isolate-ws1","why":"no route"}}},
      {"triaged":{"key":{"rule":"r.r","host":"h","subject":"package:p","detail":null,"by":"r@h"},
        "who":"anna","how":{"suppress":{"until":"2004-05-04T00:00:00Z"}}}},
      {"planted":{"probe":"logs.nonce-line","control":"logs","host":"hub","subject":"nonce:n1","until":"2004-05-03T08:00:05Z"}},
      {"proven":{"probe":"watch.withheld-pulse","control":"watch","host":"hub","subject":"control:x","until":"2004-05-03T08:00:05Z"}},
      {"swapped":{"set":"policy","epoch":2}},
      {"refused":{"set":"policy","epoch":3,"why":"unknown key"}},
      {"log":{"source":"mail.log","text":"Grüße","level":"error"}},
      {"package":{"kind":"kb","name":"KB835732","arch":"","version":"","status":"installed"}},
      {"learned":{"of":"source:mail.log","cadence":"1 0 0"}},
      {"passed":{"stage":"postfix","key":"4XyZ12"}},
      {"vitals":{"of":"source:mail.log","lines":5,"unparsed":1,"skew_secs":-3,"shapes":2}},
      {"audited":{"requirement":"MS04-011","package":"KB835732","asked":"baseline","source":"patches.xlsx Sheet1!A7",
        "seen":{"ladder":{"deployer":{"yes":"deployed"},"listed":null,"file":{"no":"older"},"running":{"unknown":"?"}}},
        "installed":"1","fixed":"2","severity":"high","owner":"ute","due":"2004-04-30T23:59:59Z","exploited":true,
        "needs":"running","unasked":true}},
      {"inventoried":{"from":"the share","dated":"2004-05-03T06:00:00Z","things":41,"rows":9,"whole":true,"trouble":"old","release":null}},
      {"parsed":{"source":"audit.log","product":"linux","category":"","service":"auditd","fields":"{\"type\":\"SYSCALL\"}"}},
      {"part":{"key":{"rule":"logs.part","host":"ws1","subject":"host","detail":"x","by":"logs@hub"},"severity":"info",
        "fields":{"rule":3},"evidence":[],"excerpt":null}}
    ]"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn facts_are_encoded_as_ever() {
    let facts = facts();
    assert_eq!(facts.len(), FactKind::COUNT, "a kind of fact has no sample");
    for (index, fact) in facts.iter().enumerate() {
        assert_eq!(
            fact.kind() as usize,
            index,
            "samples are in the order of the kinds"
        );
    }
    check("facts.tsv", &facts);
}

#[test]
fn events_and_plain_outcomes_are_encoded_as_ever() {
    let events: Vec<Event> = facts()
        .into_iter()
        .take(2)
        .map(|fact| Event {
            seq: 300,
            at: "2004-05-03T08:00:00.5Z"
                .replace(".5Z", ".500Z")
                .parse()
                .unwrap(),
            said: Some("2004-05-03T07:59:59Z".parse().unwrap()),
            host: "ws1".into(),
            probe: None,
            fact,
        })
        .collect();
    check("events.tsv", &events);
}

/// What each control remembers at the end of each scenario, as a release wrote it.
#[test]
fn memory_is_encoded_as_ever() {
    let mut lines = Vec::new();
    for name in [
        "spybot-2004",
        "missing-updates",
        "probes",
        "clock-step",
        "log-gap",
        "blind-feed",
    ] {
        let scenario = Scenario::read(&root().join("scenarios").join(name)).unwrap();
        let snapshot = scenario.snapshot(cordon::CONTROLS).unwrap();
        lines.push(format!("{name}\t{}\n", hex(&snapshot.to_bytes().unwrap())));
    }
    let path = root().join(FOLDER).join("memory-0.1.tsv");
    if std::env::var_os("BLESS").is_some() && !path.exists() {
        fs::write(&path, lines.concat()).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    for line in golden.lines() {
        let (name, bytes) = line.split_once('\t').unwrap();
        let snapshot = Snapshot::from_bytes(&unhex(bytes)).unwrap();
        let policy = fs::read_to_string(root().join("scenarios").join(name).join("policy.toml"));
        let policy = Policy::new(&policy.unwrap(), 1);
        let mut engine = Engine::load("hub".into(), cordon::CONTROLS, &policy, &snapshot).unwrap();
        let mut again = Snapshot::default();
        again.absorb(engine.save());
        assert!(
            engine
                .findings()
                .all(|(key, _)| !key.rule.as_str().is_empty())
        );
        let amnesia = engine.has_waiting();
        assert!(!amnesia, "{name}: memory of 0.1 was forgotten");
    }
}
