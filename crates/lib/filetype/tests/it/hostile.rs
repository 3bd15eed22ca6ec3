//! Broken and hostile files: nothing panics, and what is broken is never silently whole.

use std::fs;

use cordon_testkit::corpus;
use filetype::{Budget, Limits, inspect};

/// Every file below a folder of the corpora, in order.
fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let Ok(root) = corpus(folder) else {
        return Vec::new();
    };
    let (mut folders, mut files) = (vec![root], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_mail_and_archive_of_the_corpora_is_looked_at_within_the_budget() {
    let (mut bytes, mut parts, mut programs, mut closed, mut spent) = (0, 0, 0, 0, 0);
    let files = files("mail");
    for path in &files {
        let content = fs::read(path).unwrap();
        let mut budget = Budget::new(Limits::default());
        let name = path.file_name().unwrap().to_string_lossy();
        let part = inspect(&name, &content, &mut budget);
        bytes += content.len();
        parts += part.walk().count();
        for found in part.closed_parts() {
            closed += 1;
            println!("{found}: {}", found.part().cannot_inspect.as_ref().unwrap());
        }
        for found in part.executables() {
            programs += 1;
            println!("program: {found}");
        }
        spent += budget.steps();
    }
    println!(
        "{} files, {bytes} bytes, {parts} parts, {programs} programs, {closed} cannot be inspected, {spent} steps",
        files.len()
    );
    assert!(files.is_empty() || parts > files.len());
}

#[test]
fn a_seed_cut_anywhere_shows_its_program_or_says_why_not() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus/filetype");
    // Their packed data has no end of its own that could be missed, or what is left is no container any more.
    let whole = [
        "zip",
        "gz",
        "bz2",
        "xz",
        "zstd",
        "cpio_newc",
        "rar3",
        "rar5",
        "arj",
        "cab",
    ];
    for seed in whole {
        let bytes = fs::read(format!("{folder}/{seed}")).unwrap();
        let kind = filetype::type_of(&bytes);
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            let part = inspect(seed, cut, &mut Budget::new(Limits::default()));
            let told = part.executables().next().is_some() || part.closed_parts().next().is_some();
            assert!(
                told || filetype::type_of(cut) != kind,
                "{seed} cut at {len}: {part:#?}"
            );
        }
    }
}

#[test]
fn a_seed_with_turned_bits_costs_its_part_alone() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus/filetype");
    let limits = Limits {
        bytes_out: 1 << 20,
        ..Limits::default()
    };
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for at in 0..bytes.len().min(512) {
            for mask in [1, 0x80, 0xff] {
                let mut turned = bytes.clone();
                turned[at] ^= mask;
                let mut budget = Budget::new(limits);
                let part = inspect("turned", &turned, &mut budget);
                assert!(budget.bytes_out() < 2 << 20, "{part:?}");
            }
        }
    }
}
