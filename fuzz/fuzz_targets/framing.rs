#![no_main]

use cordon_logs_edge::listen::framing::{Framer, Framing, MAX_MESSAGE_BYTES};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for framing in [Framing::Lines, Framing::Syslog] {
        let split = |at_once: usize| {
            let mut all = Vec::new();
            let mut framer = Framer::new(framing);
            let mut out = |message: &[u8], over: u64| {
                assert!(message.len() <= MAX_MESSAGE_BYTES);
                all.push((message.to_vec(), over));
            };
            bytes.chunks(at_once).for_each(|piece| framer.push(piece, &mut out));
            framer.end(&mut out);
            all
        };
        assert_eq!(split(1), split(usize::MAX), "it does not matter in which pieces bytes come");
    }
});
