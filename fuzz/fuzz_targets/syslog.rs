#![no_main]

use cordon_logs_edge::{escape, syslog, unescape};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let line = escape(bytes);
    assert_eq!(unescape(&line), bytes);
    let around = cordon_model::Time::from_millis(1_700_000_000_000);
    for minutes_east in [0, i16::MIN, i16::MAX] {
        let parsed = syslog::parse(&line, around, syslog::Zone { minutes_east });
        assert!(line.ends_with(parsed.message));
    }
});
