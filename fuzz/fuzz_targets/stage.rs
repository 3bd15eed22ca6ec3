#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        assert!(cordon_watch::keys(line).all(|key| line.contains(key)));
    }
});
