#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(cordon_patch_edge::unpack_bytes("fuzz".as_ref(), bytes.to_vec())));
