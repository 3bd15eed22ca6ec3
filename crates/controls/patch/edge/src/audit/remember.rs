//! What the columns of sheets mean, kept from one audit to the next, so that a person says it once. A sheet is
//! known again by its headings, not by its name alone: a column that was moved in is not read as the one that
//! stood there before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sheet::{Column, Mapping};

use super::sheets::SheetUnread;

/// Longest file of this kind, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Most sheets that are kept.
const MAX_SHEETS: usize = 1000;

/// What a column is called that says nothing to us.
const NOTHING: &str = "nothing";

const PREFACE: &str = "\
# What the columns of baselines mean, written by `cordon patch audit --remember`. Mend it where it was guessed
# wrong: one of bulletin, kb, package, version, file, applies, host, owner, due, severity, status, cve, notes, nothing.
";

/// The file.
pub(super) struct Remembered {
    path: PathBuf,
    sheets: Vec<Sheet>,
    /// As it was read.
    before: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    sheet: Vec<Sheet>,
}

/// One table of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    file: String,
    #[serde(default)]
    table: String,
    /// By heading.
    columns: BTreeMap<String, String>,
}

impl Remembered {
    /// Reads it; one that is not there yet remembers nothing.
    pub(super) fn read(path: &Path) -> Result<Self, SheetUnread> {
        let refuse = |error: &dyn std::fmt::Display| SheetUnread::of_memory(path, error);
        let before = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(refuse(&error)),
            Ok(about) if !about.is_file() => return Err(refuse(&"it is no regular file")),
            Ok(about) if about.len() > MAX_BYTES => {
                return Err(refuse(&format!("it has more than {MAX_BYTES} bytes")));
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| refuse(&error))?,
        };
        let whole: Whole = toml::from_str(&before).map_err(|error| refuse(&error))?;
        for sheet in &whole.sheet {
            let mut columns = sheet.columns.iter();
            let strange =
                columns.find(|(_, name)| *name != NOTHING && Column::named(name).is_none());
            if let Some((heading, name)) = strange {
                let all = Column::ALL.map(Column::name).join(", ");
                let what = format!(
                    "`{name}`, for the column `{heading}` of {}, is no meaning: expected one of {all}, {NOTHING}",
                    sheet.file
                );
                return Err(refuse(&what));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            sheets: whole.sheet,
            before,
        })
    }

    /// Puts in what is remembered of a sheet with these headings. What is to be said of it.
    pub(super) fn recall(&self, path: &Path, mapping: &mut Mapping) -> Option<String> {
        let now = headings(mapping);
        let same = |sheet: &&Sheet| {
            sheet
                .columns
                .keys()
                .map(String::as_str)
                .eq(now.iter().copied())
        };
        let file = file_name(path);
        let of_it = |sheet: &&Sheet| sheet.file == file && sheet.table == mapping.table;
        // The sheet itself before another with the same headings; letters of columns are no headings.
        let mut alike = self.sheets.iter().filter(same);
        let itself = alike.clone().find(of_it);
        let known = itself.or_else(|| alike.find(|_| mapping.heading > 0));
        if let Some(known) = known {
            let columns = mapping.headings.iter();
            let columns = columns.filter_map(|(at, heading)| {
                Some((*at, Column::named(known.columns.get(heading)?)?)) // none: because it says nothing
            });
            mapping.columns = columns.collect();
            return None;
        }
        let old = self.sheets.iter().find(of_it)?;
        let before: BTreeSet<&str> = old.columns.keys().map(String::as_str).collect();
        let told = |title: &str, names: Vec<&str>| {
            (!names.is_empty()).then(|| format!("; {title}: {}", names.join(", ")))
        };
        let new = told("new", now.difference(&before).copied().collect());
        let gone = told("gone", before.difference(&now).copied().collect());
        Some(format!(
            "the headings of {file} have changed since they were remembered, and its columns are guessed anew{}{}",
            new.unwrap_or_default(),  // default: because none is new
            gone.unwrap_or_default()  // default: because none is gone
        ))
    }

    /// Keeps how a sheet was understood, in the place of what was known of it.
    pub(super) fn keep(&mut self, path: &Path, mapping: &Mapping) {
        let file = file_name(path);
        let meaning = |at: &u32| {
            mapping
                .columns
                .get(at)
                .map_or(NOTHING, |column| column.name())
        };
        let columns = mapping.headings.iter();
        let columns = columns.map(|(at, heading)| (heading.clone(), meaning(at).to_owned()));
        let sheet = Sheet {
            file,
            table: mapping.table.clone(),
            columns: columns.collect(),
        };
        self.sheets
            .retain(|old| old.file != sheet.file || old.table != sheet.table);
        self.sheets.push(sheet);
    }

    /// Writes it, if there is anything new: beside it first, so that a full disk leaves the old one.
    pub(super) fn write(mut self) -> Result<(), SheetUnread> {
        self.sheets
            .sort_by(|a, b| (&a.file, &a.table).cmp(&(&b.file, &b.table)));
        let refuse = |error: &dyn std::fmt::Display| SheetUnread::of_memory(&self.path, error);
        if self.sheets.len() > MAX_SHEETS {
            return Err(refuse(&format!(
                "it would keep more than {MAX_SHEETS} sheets"
            )));
        }
        let text = format!(
            "{PREFACE}{}",
            self.sheets.iter().map(written).collect::<String>()
        );
        if text == self.before {
            return Ok(());
        }
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let beside = PathBuf::from(name);
        fs::write(&beside, text).map_err(|error| refuse(&error))?;
        fs::rename(&beside, &self.path).map_err(|error| refuse(&error))
    }
}

/// As a string of TOML. A cell has no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn written(sheet: &Sheet) -> String {
    let table = if sheet.table.is_empty() {
        String::new()
    } else {
        format!("table = {}\n", quoted(&sheet.table))
    };
    let columns = sheet.columns.iter();
    let columns = columns
        .map(|(heading, meaning)| [quoted(heading), " = ".into(), quoted(meaning), "\n".into()]);
    let columns: String = columns.flatten().collect();
    format!(
        "\n[[sheet]]\nfile = {}\n{table}[sheet.columns]\n{columns}",
        quoted(&sheet.file)
    )
}

fn headings(mapping: &Mapping) -> BTreeSet<&str> {
    mapping.headings.values().map(String::as_str).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
