#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(advisory::kev_csv(bytes));
    drop(advisory::kev_json(bytes));
});
