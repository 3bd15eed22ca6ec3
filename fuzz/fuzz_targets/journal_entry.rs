#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(cordon_logs_edge::journal::read_entry(bytes)));
