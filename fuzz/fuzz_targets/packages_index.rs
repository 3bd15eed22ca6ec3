#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(cordon_patch::read_packages_index(bytes)));
