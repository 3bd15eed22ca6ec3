#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for format in [Some(records::Format::Audit), None] {
        let options = records::Options { around: Some(1_790_000_000_000), format, minutes_east: 60 };
        let mut events = 0;
        let report = records::read("fuzz", bytes, &options, &mut |_| events += 1);
        assert!(report.is_err() || report.is_ok_and(|report| report.events == events));
    }
});
