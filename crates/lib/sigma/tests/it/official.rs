//! `SigmaHQ`'s rules and cases: all rules load, all cases match as often as they say.

use sigma::{Engine, Event, RuleSet, Scratch};

use crate::corpus;

/// Cases whose count is not what their rule says of their events, with the count that it does say:
/// three of six files are named `procdump*.exe`; both values of the share are set to zero.
const MISCOUNTED: &[(&str, usize)] = &[
    ("file_event_win_cred_dump_tools_dropped_files", 3),
    ("registry_set_disable_administrative_share", 2),
];

#[test]
fn every_rule_loads() {
    let Ok(rules) = corpus::all_rules() else {
        return;
    };
    let loaded = RuleSet::load(rules);
    assert_eq!(loaded.refused, []);
    assert_eq!(loaded.set.rules.len(), 3_780);
    let unfilled = loaded
        .set
        .rules
        .iter()
        .filter(|rule| !rule.unfilled.is_empty())
        .count();
    assert_eq!(
        unfilled, 25,
        "rules with placeholders are told, never silently dead"
    );
}

#[test]
fn every_case_matches_as_often_as_it_says_and_no_rule_of_another_source_does() {
    let (Ok(rules), Ok(cases)) = (corpus::all_rules(), corpus::cases()) else {
        return;
    };
    let engine = Engine::new(&RuleSet::load(rules).set);
    let (mut event, mut scratch) = (Event::new(), Scratch::new());
    let mut wrong = Vec::new();
    for case in &cases {
        let mut count = 0;
        for json in &case.events {
            event.read_json(&serde_json::to_vec(json).unwrap()).unwrap();
            engine.matches(&event, &mut scratch, |rule| {
                assert!(engine.source_holds(rule, &event), "{}", case.name);
                let id = engine.rules()[rule].meta.id.as_deref();
                count += usize::from(id == Some(case.rule.as_str()));
            });
        }
        let known = MISCOUNTED.iter().find(|(name, _)| *name == case.name);
        let right = match known.map(|(_, count)| *count).or(case.count) {
            Some(expected) => count == expected,
            None => count > 0,
        };
        if !right {
            wrong.push(format!("{}: {count} of {:?}", case.name, case.count));
        }
    }
    assert_eq!(cases.len(), 120);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
