//! A list of files with versions, as `Get-Item … | Select FullName, VersionInfo | Export-Csv` and its
//! many relatives write it: the proof that outweighs any list of KBs.

use crate::host::{Fact, FileSeen};
use crate::value::{DayOrder, Parsed, stamp};

/// Headings that name the place of a file.
const PATHS: [&str; 6] = ["fullname", "path", "filepath", "filename", "file", "name"];
/// Headings that name its version.
const VERSIONS: [&str; 5] = [
    "fileversion",
    "version",
    "fileversionraw",
    "versioninfo",
    "productversion",
];
/// Headings that name when it was written.
const TIMES: [&str; 4] = ["lastwritetime", "modified", "mtime", "lastwrite"];

struct Columns {
    separator: char,
    path: usize,
    version: usize,
    modified: Option<usize>,
}

pub(crate) fn is_one(text: &str) -> bool {
    header(text).is_some()
}

fn header(text: &str) -> Option<Columns> {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let separator = [',', ';', '\t']
        .into_iter()
        .find(|&mark| line.contains(mark))?;
    let heads: Vec<String> = super::fields(line, separator)
        .iter()
        .map(|head| head.trim().to_ascii_lowercase())
        .collect();
    let place = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| heads.iter().position(|head| head == name))
    };
    Some(Columns {
        separator,
        path: place(&PATHS)?,
        version: place(&VERSIONS)?,
        modified: place(&TIMES),
    })
}

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let columns = header(text).ok_or("columns for path and version")?;
    let order = DayOrder::of(text);
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut facts = Vec::new();
    let mut rejected = 0_usize;
    for line in lines.skip(1).take(super::MAX_LINES) {
        let all = super::fields(line, columns.separator);
        let field = |place: usize| all.get(place).map(|field| field.trim());
        match (field(columns.path), field(columns.version)) {
            (Some(path), Some(version)) if !path.is_empty() => facts.push(Fact::File(FileSeen {
                path: path.to_owned(),
                version: version.parsed(),
                modified: columns
                    .modified
                    .and_then(field)
                    .and_then(|text| stamp(text, order)),
            })),
            _ => rejected += 1,
        }
    }
    if rejected > 0 {
        facts.push(Fact::Note(format!(
            "{rejected} lines of a list of files name no file"
        )));
    }
    if facts.is_empty() {
        return Err("a line with a file");
    }
    Ok(facts)
}
