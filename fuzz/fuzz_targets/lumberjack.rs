#![no_main]

use cordon_logs_edge::listen::lumberjack::read_window;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut from = bytes;
    while let Ok(Some(_)) = read_window(&mut from, &mut |_| Ok(())) {}
});
