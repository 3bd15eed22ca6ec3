//! Files of the corpora, and a zip reader as small as they need.

#[cfg(test)]
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use cordon_testkit::corpus;
use flate2::read::DeflateDecoder;
use winaudit::{Feed, FeedBuilder, WindowsHost};

/// The folder `patches/windows`, or a counted skip.
pub(crate) fn windows() -> Option<PathBuf> {
    corpus("patches").ok().map(|folder| folder.join("windows"))
}

/// A file of the corpora.
pub(crate) fn read(path: PathBuf) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// The files in a zip, by name.
pub(crate) fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize, length: usize| {
        bytes[at..at + length]
            .iter()
            .rev()
            .fold(0_usize, |n, &byte| n << 8 | usize::from(byte))
    };
    let end = bytes
        .windows(4)
        .rposition(|mark| mark == b"PK\x05\x06")
        .expect("a zip");
    let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
    let mut all = Vec::new();
    for _ in 0..count {
        let (method, packed) = (number(at + 10, 2), number(at + 20, 4));
        let (name, extra, comment) = (number(at + 28, 2), number(at + 30, 2), number(at + 32, 2));
        let local = number(at + 42, 4);
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let data = &bytes[start..start + packed];
        let mut content = Vec::new();
        match method {
            0 => content.extend_from_slice(data),
            _ => drop(DeflateDecoder::new(data).read_to_end(&mut content).unwrap()),
        }
        let title = String::from_utf8_lossy(&bytes[at + 46..at + 46 + name]).into_owned();
        all.push((title, content));
        at += 46 + name + extra + comment;
    }
    all
}

/// The feed of a zip of definitions.
pub(crate) fn feed(zip: &str) -> Option<Feed> {
    let path = windows()?.join("definitions").join(zip);
    let mut builder = FeedBuilder::new();
    for (name, content) in unzip(&fs::read(path).unwrap()) {
        if name.starts_with("CVEs_") || name.starts_with("Custom_") {
            builder = builder.csv(&content).unwrap();
        }
    }
    Some(builder.build())
}

/// The host of the files whose names begin with `stem`, without Windows Update's own answer.
pub(crate) fn host(stem: &str) -> Option<WindowsHost> {
    let mut host = WindowsHost::default();
    for (name, bytes) in files()? {
        let rest = name.strip_prefix(stem).unwrap_or_default();
        if rest.starts_with("_systeminfo") || rest.starts_with("_qfe") {
            host.add(&name, &bytes).unwrap();
        }
    }
    Some(host)
}

/// All files of the folder `systeminfo`, in order of their names.
pub(crate) fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = windows()?.join("systeminfo");
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut all: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    Some(all)
}

/// The seeds of a fuzz target.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus");
    let folder = PathBuf::from(root).join(target);
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| read(entry.path())).collect()
}
