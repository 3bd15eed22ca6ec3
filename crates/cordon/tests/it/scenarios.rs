//! Every scenario: exact verdicts, and the same with a restart after every event.

use std::{collections::BTreeSet, fs, path::PathBuf};

use cordon::CONTROLS;
use cordon_engine::Engine;
use cordon_model::Control;
use cordon_testkit::{Scenario, lines_of};
use serde_json::Value;

use crate::root;

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 10, "scenarios are missing");
    folders
}

fn is_quiet(folder: &std::path::Path) -> bool {
    folder
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .starts_with("quiet-")
}

#[test]
fn every_scenario_gives_exactly_its_verdicts() {
    for folder in folders() {
        let scenario = Scenario::read(&folder).unwrap();
        let told = scenario.run(CONTROLS).unwrap();
        let difference = scenario.differs(&told).unwrap();
        assert_eq!(difference, None, "{}", folder.display());
    }
}

#[test]
fn a_restart_after_any_event_changes_nothing() {
    for folder in folders() {
        let scenario = Scenario::read(&folder).unwrap();
        let straight = lines_of(&scenario.run(CONTROLS).unwrap());
        let restarted = lines_of(&scenario.run_with_restarts(CONTROLS).unwrap());
        assert_eq!(straight, restarted, "{}", folder.display());
    }
}

#[test]
fn every_rule_fires_in_some_scenario_and_no_quiet_one_says_anything() {
    let mut fired = BTreeSet::new();
    let (mut quiet, mut loud) = (0, 0);
    for folder in folders() {
        let told = Scenario::read(&folder).unwrap().run(CONTROLS).unwrap();
        if is_quiet(&folder) {
            quiet += 1;
            assert!(
                told.is_empty(),
                "{} says {:?}",
                folder.display(),
                lines_of(&told)
            );
        } else {
            loud += 1;
        }
        for said in told {
            if let cordon_engine::Outcome::Opened(finding) = said.outcome {
                fired.insert(finding.key.rule.to_string());
            }
        }
    }
    for id in &fired {
        let known = |rule: &cordon_model::Rule| rule.id == id;
        let mut rules = CONTROLS.iter().flat_map(|make| make.spec.rules);
        assert!(
            rules.any(known),
            "{id} is in no SPEC: nobody is told what to do"
        );
    }
    for rule in CONTROLS.iter().flat_map(|make| make.spec.rules) {
        assert!(fired.contains(rule.id), "{} fires in no scenario", rule.id);
    }
    assert!(
        quiet >= loud,
        "{quiet} quiet scenarios beside {loud} loud ones"
    );
}

#[test]
fn every_probe_comes_back_in_some_scenario() {
    let mut proven = BTreeSet::new();
    for folder in folders() {
        for said in Scenario::read(&folder).unwrap().run(CONTROLS).unwrap() {
            if let cordon_engine::Outcome::Withheld(planting) = said.outcome {
                proven.insert(planting.probe.to_string());
            }
        }
    }
    for probe in CONTROLS.iter().flat_map(|make| make.spec.probes) {
        assert!(
            proven.contains(probe.id),
            "{} comes back in no scenario",
            probe.id
        );
    }
}

/// Maps whose keys are names that a policy gives, and may be plain words.
const NAMED: [&str; 1] = ["watch.books"];

/// Counts of what is over a limit of thousands: no scenario of sixty events reaches them. `lib/sigma` holds them.
const OVER_LIMITS: [&str; 2] = ["logs.windows.lost.groups", "logs.windows.lost.events"];

/// Fields of memory that never held anything, and those that did.
#[derive(Default)]
struct Fields {
    known: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Fields {
    fn look<C: Control>(&mut self, engine: &Engine) {
        for key in engine.shards::<C>() {
            let state = engine.state::<C>(key).unwrap();
            self.visit(C::SPEC.name, &serde_json::to_value(state).unwrap());
        }
    }

    fn visit(&mut self, path: &str, value: &Value) {
        self.known.insert(path.to_owned());
        let empty = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_u64() == Some(0),
            Value::String(text) => text.is_empty() || text == "1970-01-01T00:00:00Z",
            Value::Array(items) => items.iter().all(|item| item.as_u64() == Some(0)),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(true) => false,
        };
        if !empty {
            self.used.insert(path.to_owned());
        }
        if let Value::Object(fields) = value {
            for (name, value) in fields {
                // The keys of a map are data; those of a struct are plain words.
                let word = !NAMED.contains(&path)
                    && !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                self.visit(&format!("{path}.{}", if word { name } else { "*" }), value);
            }
        }
    }
}

/// A field that is empty in every scenario could be lost in a restart and no test would know.
#[test]
fn every_field_of_memory_holds_something_in_some_scenario() {
    let mut fields = Fields::default();
    for folder in folders() {
        let scenario = Scenario::read(&folder).unwrap();
        scenario
            .run_seen(CONTROLS, &mut |engine| {
                fields.look::<cordon_watch::Watch>(engine);
                fields.look::<cordon_logs::Logs>(engine);
                fields.look::<cordon_patch::Patch>(engine);
            })
            .unwrap();
    }
    let unused = fields.known.difference(&fields.used);
    let unused: Vec<&String> = unused
        .filter(|field| !OVER_LIMITS.contains(&field.as_str()))
        .collect();
    assert!(
        fields.known.len() > 20 && unused.is_empty(),
        "never used: {unused:?}"
    );
}
