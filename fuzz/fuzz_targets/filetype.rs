#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = filetype::Limits {
        bytes_out: 1 << 20,
        entries: 256,
        steps: 16 << 10,
        ..filetype::Limits::default()
    };
    let mut budget = filetype::Budget::new(limits);
    let part = filetype::inspect("fuzz", bytes, &mut budget);
    assert!(part.walk().count() <= 257);
    for found in part.executables() {
        assert!(found.part().kind.is_executable() && !found.to_string().is_empty());
    }
    assert!(budget.bytes_out() <= (1 << 20) + (4 << 20));
});
