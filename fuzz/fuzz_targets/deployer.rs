#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(deployed) = sheet::deployer(bytes) {
        assert_eq!(deployed.rows, deployed.accounted());
    }
});
