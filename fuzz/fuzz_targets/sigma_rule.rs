#![no_main]

use sigma::{Correlator, Engine, Event, Limits, RuleSet, explain};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let loaded = RuleSet::load([("fuzz", &text)]);
    assert!(loaded.refused.iter().all(|refused| refused.line > 0));
    let engine = Engine::new(&loaded.set);
    let _correlator = Correlator::new(&loaded.set, Limits::default());
    for (index, rule) in loaded.set.rules.iter().enumerate() {
        assert!(!explain(rule, &Event::new()).matches, "it has no source");
        assert!(engine.can_fire(index, &engine.coverage()).is_some());
    }
});
