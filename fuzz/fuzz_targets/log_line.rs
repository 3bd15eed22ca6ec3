#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut lines = cordon_logs_edge::Lines::new(bytes);
    while let Ok(Some(line)) = lines.next_line() {
        let around = cordon_model::Time::from_millis(1_700_000_000_000);
        let _level = cordon_logs::level(&line, &["x".to_owned()]);
        let _stamp = cordon_logs::stamp(&line, around);
    }
});
