//! The seeds of the fuzz target each hold the head of a program: every format shows it under its name.

use std::fs;

use filetype::{Budget, Limits, inspect};

/// Formats that keep no name for their file.
const NAMELESS: &[&str] = &["blob", "onenote", "bz2", "gz", "lzma", "xz", "zstd", "szdd"];

#[test]
fn every_format_shows_the_program_in_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus/filetype");
    let mut wrong = Vec::new();
    let mut seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let seed = path.file_name().unwrap().to_str().unwrap().to_owned();
        let part = inspect(
            &seed,
            &fs::read(&path).unwrap(),
            &mut Budget::new(Limits::default()),
        );
        let found: Vec<String> = part.executables().map(|found| found.to_string()).collect();
        let end = if NAMELESS.contains(&seed.as_str()) {
            "(PE)"
        } else {
            "run.exe (PE)"
        };
        if !found
            .iter()
            .any(|way| way.starts_with(&seed) && way.ends_with(end))
        {
            wrong.push((seed, found, part));
        }
        seeds += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seeds > 25);
}

#[test]
fn a_program_in_the_second_stream_is_found() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus/filetype");
    for seed in ["gz", "bz2", "xz", "zstd"] {
        let bytes = fs::read(format!("{folder}/{seed}")).unwrap().repeat(2);
        let mut programs = 0;
        let mut visit = |kind: filetype::Type, bytes: &[u8]| {
            programs += usize::from(kind == filetype::Type::Pe) * bytes.len() / 128;
        };
        let mut budget = Budget::new(Limits::default());
        filetype::inspect_with(seed, &bytes, &mut budget, &mut visit);
        assert!(programs >= 2, "{seed}");
    }
}
