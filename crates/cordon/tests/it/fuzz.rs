//! Every parser of hostile bytes, on the corpus of its fuzz target and on what the test makes of it.

use std::fs;

use crate::root;

/// What the targets do with bytes is written once.
#[path = "../../../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "the fuzz targets reach it from another crate"
)]
mod targets;

use targets::TARGETS;

#[test]
fn no_corpus_makes_a_parser_panic() {
    for (name, target) in TARGETS {
        let folder = root().join("fuzz/corpus").join(name);
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            seeds += 1;
            target(&bytes);
            for variant in variants(&bytes) {
                target(&variant);
            }
        }
        assert!(seeds > 0, "{name} has no corpus");
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let target = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let target = fs::read_to_string(target).unwrap();
        assert!(
            target.contains(&format!("cordon_fuzz::{name}(bytes)")),
            "{name}"
        );
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

/// Cut short, bits turned, pieces doubled: by a fixed generator, so a failure can be repeated.
fn variants(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut seed: u64 = 0x2004_0503;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below.max(1) as u64).unwrap()
    };
    let mut all = Vec::new();
    for _ in 0..200 {
        let mut variant = bytes.to_vec();
        match random(3) {
            0 => variant.truncate(random(bytes.len() + 1)),
            1 if !variant.is_empty() => {
                for _ in 0..=random(4) {
                    let place = random(variant.len());
                    variant[place] = u8::try_from(random(256)).unwrap();
                }
            }
            _ => {
                let (from, to) = (random(bytes.len() + 1), random(bytes.len() + 1));
                variant.extend_from_slice(&bytes[from.min(to)..from.max(to)]);
            }
        }
        all.push(variant);
    }
    all
}
