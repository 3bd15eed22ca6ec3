#![no_main]

use winaudit::WindowsHost;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut host = WindowsHost::default();
    if let Err(error) = host.add("fuzz", bytes) {
        assert!(!error.to_string().is_empty());
    }
});
