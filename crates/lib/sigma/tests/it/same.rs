//! The engine with its index says what an evaluator without any says: no rule is lost, none is
//! made up, whatever the rules and events.

use std::sync::Arc;

use sigma::{Engine, Event, LogSource, RuleSet, Scratch};

use crate::{naive, random::Random};

#[test]
fn the_index_and_the_naive_evaluator_agree() {
    let (mut matches, mut pairs) = (0, 0);
    for seed in 1..=40 {
        let mut random = Random::new(seed);
        let rules: Vec<naive::Rule> = (0..60).map(|_| naive::rule(&mut random)).collect();
        let texts: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| rule.yaml(index))
            .collect();
        let loaded = RuleSet::load(
            texts
                .iter()
                .enumerate()
                .map(|(index, text)| (index.to_string(), text)),
        );
        assert_eq!(loaded.refused, [], "{texts:#?}");
        let engine = Engine::new(&loaded.set);
        let (mut event, mut scratch) = (Event::new(), Scratch::new());
        for _ in 0..100 {
            let made = naive::event(&mut random);
            let sources = made
                .sources
                .iter()
                .map(|(a, b, c)| LogSource::new(a, b, c))
                .collect();
            event.set_sources(Arc::new(sources));
            event.read_json(made.json().as_bytes()).unwrap();
            let mut found = vec![false; rules.len()];
            engine.matches(&event, &mut scratch, |rule| found[rule] = true);
            for (index, rule) in rules.iter().enumerate() {
                let expected = rule.matches(&made);
                matches += usize::from(expected);
                pairs += 1;
                assert_eq!(
                    found[index],
                    expected,
                    "seed {seed}\n{}\n{}",
                    texts[index],
                    made.json()
                );
                if pairs % 7 == 0 {
                    let explained = engine.explain(index, &event).unwrap();
                    assert_eq!(explained.matches, expected, "seed {seed}\n{explained}");
                }
            }
        }
    }
    assert!(
        matches * 20 > pairs && matches * 2 < pairs,
        "{matches} of {pairs}: neither rare nor usual"
    );
}
