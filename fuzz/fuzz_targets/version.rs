#![no_main]

use std::cmp::Ordering;

use vercmp::{Kind, compare};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (a, b) = text.split_once('\n').unwrap_or((text, ""));
    for kind in [Kind::Deb, Kind::Rpm, Kind::Apk] {
        if let (Ok(forward), Ok(backward)) = (compare(kind, a, b), compare(kind, b, a)) {
            assert_eq!(forward, Ordering::reverse(backward), "{kind} {a:?} {b:?}");
        }
    }
});
