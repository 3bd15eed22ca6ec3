#![no_main]

use std::io::{Seek, Write};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("cordon-fuzz-packed-{}", std::process::id()));
    let unpacked = |at| {
        let mut file = std::fs::File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut all = Vec::new();
        let whole = cordon_logs_edge::packed::unpack(file, at, &mut |piece| all.extend_from_slice(piece));
        (all, whole.unwrap())
    };
    let (all, whole) = unpacked(0);
    let middle = all.len() / 2;
    assert_eq!(unpacked(middle as u64), (all[middle..].to_vec(), whole));
});
