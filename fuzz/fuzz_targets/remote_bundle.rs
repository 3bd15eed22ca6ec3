#![no_main]

use cordon_patch_edge::remote::{is_bundle, read_bundle};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(host) = read_bundle(bytes) {
        assert!(is_bundle(bytes));
        assert!(host.dpkg.is_some() || host.packages.is_some());
        host.running.rung();
    }
});
