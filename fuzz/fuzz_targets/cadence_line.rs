#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(learned) = text.parse::<cadence::Cadence>() {
        assert_eq!(learned.to_string(), text);
        let now = 1_790_000_000_000;
        assert!(learned.alarm_at(now, 0.5).is_none_or(|at| at > now));
    }
});
