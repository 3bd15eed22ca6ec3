//! Our own rules: none is forgotten, none is refused, each fires exactly as its events say.

use std::{collections::BTreeMap, fs};

use cordon::content::RULES;
use serde_json::Value;
use sigma::RuleSet;

use super::{fired, folder, lines, scan, text};
use crate::root;

#[test]
fn every_rule_of_the_folder_is_shipped_loads_and_has_events() {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("content/rules")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yml") {
            let name = path.file_name().unwrap().display();
            names.push(format!("builtin/{name}"));
        }
    }
    names.sort();
    let shipped: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(shipped, names);
    let loaded = RuleSet::load(RULES);
    assert_eq!(loaded.refused, []);
    let mut ids = BTreeMap::new();
    let metas = loaded.set.rules.iter().map(|rule| &rule.meta);
    for meta in metas.chain(loaded.set.correlations.iter().map(|one| &one.meta)) {
        let id = meta.id.clone().expect("a rule has an id");
        assert_eq!(ids.insert(id, meta.file.clone()), None, "{}", meta.file);
        assert!(meta.level.is_some() && meta.name.is_some(), "{}", meta.file);
    }
    for (name, text) in RULES {
        assert!(
            text.contains("Cannot see:"),
            "{name}: a rule says what it cannot see"
        );
    }
}

/// What a file of events says: each event, and how often the rule fires on it; for a correlation all events, and how
/// often it fires over them.
fn expected(name: &str) -> (bool, Vec<(Vec<Value>, usize)>) {
    let path = root().join("content/rules/tests").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    if let Some(count) = rows[0]["fires"].as_u64() {
        let events = rows[1..].iter().map(|row| row["event"].clone()).collect();
        return (true, vec![(events, usize::try_from(count).unwrap())]);
    }
    let one = |row: &Value| {
        let fires = row["fires"].as_bool().unwrap();
        (vec![row["event"].clone()], usize::from(fires))
    };
    (false, rows.iter().map(one).collect())
}

#[test]
fn every_rule_fires_exactly_as_its_events_say() {
    let folder = folder("scan-own");
    for (name, rule) in RULES {
        let name = name.trim_start_matches("builtin/");
        let meta = RuleSet::load([(name, rule)]).set;
        let (correlated, runs) = expected(&name.replace(".yml", ".jsonl"));
        assert_eq!(correlated, !meta.correlations.is_empty(), "{name}");
        let id = match meta.correlations.first() {
            Some(correlation) => correlation.meta.id.clone().unwrap(),
            None => meta.rules[0].meta.id.clone().unwrap(),
        };
        if !correlated {
            assert!(
                runs.iter().any(|(_, count)| *count == 0),
                "{name} is never quiet"
            );
        }
        assert!(
            runs.iter().any(|(_, count)| *count > 0),
            "{name} never fires"
        );
        for (at, (events, count)) in runs.iter().enumerate() {
            let log = folder.join(format!("{name}-{at}.jsonl"));
            fs::write(&log, lines(events)).unwrap();
            let mut args = vec![text(&log)];
            match events[0]["service"].as_str() {
                Some("auditd") => args.extend(["--source", "linux//auditd"]),
                _ if events[0]["product"] == "linux" => args.extend(["--source", "linux//"]),
                _ => {}
            }
            // All of our own rules are in force: none of them may disturb another, either.
            let ran = scan(&args);
            let fires = fired(&ran).iter().filter(|rule| **rule == id).count();
            assert_eq!(fires, *count, "{name} event {at}: {} {}", ran.out, ran.err);
            assert_eq!(ran.code, i32::from(!ran.out.is_empty()), "{}", ran.err);
        }
    }
}

#[test]
fn a_correlation_fires_below_its_count_never() {
    let folder = folder("scan-below");
    for (name, rule) in RULES {
        let set = RuleSet::load([(name, rule)]).set;
        if set.correlations.is_empty() {
            continue;
        }
        let file = name
            .trim_start_matches("builtin/")
            .replace(".yml", ".jsonl");
        let (_, runs) = expected(&file);
        // The first three are too few for any of ours.
        let log = folder.join(&file);
        fs::write(&log, lines(&runs[0].0[..3])).unwrap();
        let ran = scan([text(&log), "--source", "linux//auditd"]);
        let id = set.correlations[0].meta.id.clone().unwrap();
        assert!(!fired(&ran).contains(&id), "{name}: {}", ran.out);
    }
}
