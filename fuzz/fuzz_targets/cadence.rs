#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cadence) = text.trim_end().parse::<cadence::Cadence>() {
        let last = 1_700_000_000_000;
        let _times = (cadence.expected_by(last), cadence.alarm_at(last, 0.5));
        assert_eq!(cadence.to_string().parse(), Ok(cadence));
    }
});
