#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(cordon_engine::Snapshot::from_bytes(bytes)));
