#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(reading) = sheet::read(bytes, None) {
        let parts = reading.asked.len() + reading.rejected.len() + reading.headings.len();
        assert_eq!(reading.rows, parts);
    }
});
