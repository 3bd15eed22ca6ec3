#![no_main]

use std::sync::Arc;

use sigma::{Correlator, Engine, Event, Limits, RuleSet, Scratch, Windows};

// Rules, a line with `%%%`, and events, one a line: the index says what the explanation says, and
// whatever correlations say they say within their limits.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (rules, events) = text.split_once("\n%%%\n").unwrap_or((&text, "{}"));
    let set = RuleSet::load([("fuzz", rules)]).set;
    let engine = Engine::new(&set);
    let limits = Limits { groups: 4, events: 4, value_bytes: 4 };
    let correlator = Correlator::new(&set, limits);
    let sources = set.rules.iter().step_by(2).map(|rule| rule.source.clone());
    let sources = Arc::new(sources.collect::<Vec<_>>());
    let (mut event, mut scratch, mut windows) = (Event::new(), Scratch::new(), Windows::default());
    event.set_sources(sources);
    for (at, line) in events.lines().enumerate() {
        if event.read_json(line.as_bytes()).is_err() {
            continue;
        }
        let mut found = vec![false; set.rules.len()];
        engine.matches(&event, &mut scratch, |rule| found[rule] = true);
        for (rule, found) in found.into_iter().enumerate() {
            let explanation = engine.explain(rule, &event).unwrap();
            assert_eq!(found, explanation.matches, "{explanation}");
            if found {
                let at = at as u64 * 7_000;
                correlator.feed(&mut windows, rule, &event, at, &mut |one| assert!(one.from_ms <= one.at_ms));
            }
        }
    }
    correlator.advance(&mut windows, u64::MAX, &mut |one| assert!(one.from_ms <= one.at_ms));
    assert!(windows.groups() <= set.correlations.len());
});
