//! Every SPEC keeps its promises: names, advice, causes, probes.

use std::collections::BTreeSet;

use cordon::CONTROLS;
use cordon_model::{Rule, Span};

fn rules() -> impl Iterator<Item = (&'static str, &'static Rule)> {
    CONTROLS
        .iter()
        .flat_map(|make| make.spec.rules.iter().map(|rule| (make.spec.name, rule)))
}

#[test]
fn every_rule_can_be_acted_on() {
    let mut ids = BTreeSet::new();
    for (control, rule) in rules() {
        let Rule {
            id, title, advice, ..
        } = rule;
        assert!(ids.insert(id), "{id} is there twice");
        assert!(
            id.starts_with(&format!("{control}.")),
            "{id} must begin with its control"
        );
        assert!(
            !title.is_empty() && !title.ends_with('.'),
            "{id}: title {title:?}"
        );
        assert!(advice.len() >= 60, "{id}: nobody can act on {advice:?}");
        assert!(!advice.contains("  "), "{id}: double space in advice");
        assert!(rule.settle <= Span::minutes(5), "{id} would speak too late");
    }
}

#[test]
fn every_cause_is_a_rule() {
    let ids: BTreeSet<&str> = rules().map(|(_, rule)| rule.id).collect();
    for (_, rule) in rules() {
        for cause in rule.explained_by {
            assert!(
                ids.contains(cause.rule),
                "{} is explained by {}?",
                rule.id,
                cause.rule
            );
            assert_ne!(cause.rule, rule.id, "{} explains itself away", rule.id);
        }
    }
}

#[test]
fn every_control_has_a_probe_that_expects_one_of_its_rules() {
    for make in CONTROLS {
        let spec = make.spec;
        assert!(!spec.probes.is_empty(), "{} is never proven", spec.name);
        assert!(
            !spec.prevents.is_empty() && !spec.does.is_empty(),
            "{}",
            spec.name
        );
        assert!(!spec.consumes.is_empty(), "{} hears nothing", spec.name);
        for probe in spec.probes {
            let expected = spec.rules.iter().find(|rule| rule.id == probe.expect);
            assert!(expected.is_some(), "{} expects {}", probe.id, probe.expect);
            assert!(
                probe.within > Span::default(),
                "{} can never come back",
                probe.id
            );
        }
    }
}
