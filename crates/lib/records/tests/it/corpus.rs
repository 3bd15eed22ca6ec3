//! Files out of the corpora, and events as plain values that a test can compare.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use cordon_testkit::Skip;
use records::{Kind, Options, Place, ReadError, Record, Report, Source};

/// The time around which dates without a year are, in tests: 25 November 2026.
pub(crate) const AROUND: i64 = 1_795_600_000_000;

/// An event, kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) place: Place,
    pub(crate) time: Option<i64>,
    pub(crate) host: Option<String>,
    pub(crate) source: Source,
    pub(crate) raw: String,
    pub(crate) fields: Vec<(String, Kind, String)>,
}

impl Kept {
    fn of(record: &Record) -> Self {
        Self {
            place: record.place,
            time: record.time.map(|time| time.millis),
            host: record.host().map(str::to_owned),
            source: record.source,
            raw: record.raw().to_owned(),
            fields: record
                .fields()
                .map(|(name, kind, value)| (name.to_owned(), kind, value.to_owned()))
                .collect(),
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(known, _, _)| known == name);
        named.map(|(_, _, value)| value.as_str()).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

pub(crate) fn options() -> Options {
    Options {
        around: Some(AROUND),
        ..Options::default()
    }
}

/// All events of some bytes.
pub(crate) fn kept(name: &str, bytes: &[u8]) -> Result<(Vec<Kept>, Report), ReadError> {
    let mut all = Vec::new();
    let report = records::read(name, bytes, &options(), &mut |record| {
        all.push(Kept::of(record));
    })?;
    assert_eq!(report.events, all.len() as u64, "{name}");
    Ok((all, report))
}

/// The files of a packed corpus whose name ends so.
pub(crate) fn packed(archive: &str, ending: &str) -> Result<Vec<(String, Vec<u8>)>, Skip> {
    let path = cordon_testkit::corpus("logs")?.join(archive);
    let unpacked = lzma_rust2::XzReader::new(File::open(path).unwrap(), true);
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path.to_ascii_lowercase().ends_with(ending) {
            let (mut bytes, size) = (Vec::new(), entry.size());
            std::io::copy(&mut (&mut entry).take(size), &mut bytes).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    Ok(files)
}

/// The files below a folder whose name ends so.
pub(crate) fn below(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, ending, out);
        } else if path.to_string_lossy().ends_with(ending) {
            out.push(path);
        }
    }
    out.sort();
}
