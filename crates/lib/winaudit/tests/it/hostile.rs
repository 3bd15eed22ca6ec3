//! Bytes from outside never panic: the seeds of the fuzz targets, cut, turned and doubled.

use std::collections::BTreeMap;

use winaudit::{Bulletin, FeedBuilder, WindowsHost, judge, judge_bulletin};

use crate::corpus;

const HOST: &[u8] = b"Host: X\nOS: Microsoft Windows 7 Pro\nVersion: 6.1.7601 Service Pack 1 Build 7601\nType: x64-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB4486563\nCards: 1\n    [01]: y\n";

fn run(target: &str, bytes: &[u8]) {
    let mut host = WindowsHost::default();
    host.add("host", HOST).unwrap();
    match target {
        "windows_inventory" => drop(host.add("fuzz", bytes)),
        "windows_feed" => {
            let read = [
                FeedBuilder::new().csv(bytes),
                FeedBuilder::new().cvrf(bytes),
            ];
            for builder in read.into_iter().flatten() {
                let report = judge(&host, &builder.build());
                assert!(report.plan().len() <= report.counts().missing);
            }
        }
        _ => {
            if let Ok(bulletin) = Bulletin::from_json(bytes) {
                assert!(!judge_bulletin(&host, &bulletin).evidence.is_empty());
            }
        }
    }
}

#[test]
fn no_seed_and_no_variant_of_one_panics() {
    let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
    for target in ["windows_inventory", "windows_feed", "bulletin"] {
        for bytes in corpus::seeds(target) {
            *seeds.entry(target).or_default() += 1;
            run(target, &bytes);
            for variant in variants(&bytes) {
                run(target, &variant);
            }
        }
    }
    assert_eq!(seeds.len(), 3, "a target without seeds: {seeds:?}");
}

/// Cut short, bytes turned, pieces doubled: by a fixed generator, so a failure can be repeated.
fn variants(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut state: u64 = 0x2004_0413;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let mut all = Vec::new();
    for _ in 0..300 {
        let mut variant = bytes.to_vec();
        match random(3) {
            0 => variant.truncate(random(bytes.len() + 1)),
            1 => {
                for _ in 0..=random(6) {
                    let place = random(variant.len());
                    variant[place] = u8::try_from(random(256)).unwrap();
                }
            }
            _ => {
                let (from, to) = (random(bytes.len() + 1), random(bytes.len() + 1));
                let at = random(variant.len() + 1);
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                variant.splice(at..at, piece);
            }
        }
        all.push(variant);
    }
    all
}
