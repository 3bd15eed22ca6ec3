#![no_main]

use cordon_logs_edge::spool::segment::{HEAD_BYTES, Parsed, read, read_head, write};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _first = read_head(bytes);
    let mut rest = bytes.get(HEAD_BYTES..).unwrap_or_default();
    while let Parsed::Whole(record, length) = read(rest) {
        let mut again = Vec::new();
        assert!(write(&record, &mut again));
        assert_eq!(read(&again), Parsed::Whole(record, again.len()));
        rest = &rest[length..];
    }
});
