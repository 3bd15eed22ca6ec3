//! What is held in memory, in a process where nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "edge")]

#[path = "../intake/kit.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod kit;

use std::{fs, io::Write};

use kit::Kit;

/// Peak resident memory of this process, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .next()
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn a_line_of_100_megabytes_is_cut_counted_and_not_held() {
    let mut kit = Kit::new("long", "tcp = \"127.0.0.1:0\"");
    let mut stream = kit.connect();
    let before = peak();
    let piece = vec![b'a'; 1 << 20];
    stream.write_all(b"<13>").unwrap();
    for _ in 0..100 {
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(b"\n<13>next\n").unwrap();
    kit.until_lines(2);
    assert_eq!(kit.texts()[1], "<13>next");
    let bytes = 4 + (100 << 20);
    assert_eq!(kit.lost("in/127.0.0.1"), bytes - (64 << 10));
    assert!(kit.texts()[0].ends_with(" bytes cut)"));
    assert!(peak() - before < 40 << 20, "{} bytes more", peak() - before);
}
