//! The administrator's own spreadsheets: read whole, shown as they were understood, and held against the feeds.

use std::path::{Path, PathBuf};

use cordon_patch::{Requirement, names_no_system};
use sheet::{Asked, Column, Mapping, Reading};
use winaudit::{Bulletin, Kb};

use super::{baseline::requirement, remember::Remembered};
use crate::{Feeds, unpack};

/// Sheets, and what their rows ask for.
#[derive(Debug, Default)]
pub struct Sheets {
    all: Vec<(PathBuf, Reading)>,
    /// What is to be said of what was remembered.
    notes: Vec<String>,
}

/// A sheet that cannot be read, or a word about its columns that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SheetUnread {
    /// Which; none where it is the word.
    pub path: Option<PathBuf>,
    /// Why.
    pub why: String,
    /// Whether it is the file that keeps what columns mean.
    pub memory: bool,
}

impl SheetUnread {
    fn of_sheet(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self {
            path: Some(path.to_owned()),
            why: error.to_string(),
            memory: false,
        }
    }

    pub(super) fn of_memory(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self {
            memory: true,
            ..Self::of_sheet(path, error)
        }
    }
}

impl Sheets {
    /// Reads them; `columns` are what a person says that headings mean, `HEADING=MEANING`, and `remember` is
    /// where that is kept for the next time.
    ///
    /// # Errors
    /// The first sheet that cannot be read, a word about columns that says nothing, a memory that cannot be kept.
    pub fn read(
        paths: &[PathBuf],
        columns: &[String],
        remember: Option<&Path>,
    ) -> Result<Self, SheetUnread> {
        let meanings = columns.iter().map(|text| meaning(text));
        let meanings: Vec<(&str, Column)> = meanings.collect::<Result<_, SheetUnread>>()?;
        let mut remembered = remember.map(Remembered::read).transpose()?;
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for path in paths {
            let refuse = |error: &dyn std::fmt::Display| SheetUnread::of_sheet(path, error);
            let bytes = unpack(path).map_err(|error| refuse(&error))?;
            let mut reading = sheet::read_as(&bytes, &meanings).map_err(|error| refuse(&error))?;
            let mut given = reading.mappings.clone();
            for mapping in &mut given {
                if let Some(remembered) = &remembered {
                    notes.extend(remembered.recall(path, mapping));
                }
                mean(mapping, &meanings);
            }
            if given != reading.mappings {
                reading = sheet::read(&bytes, Some(&given)).map_err(|error| refuse(&error))?;
            }
            if let Some(remembered) = &mut remembered {
                for mapping in &given {
                    remembered.keep(path, mapping);
                }
            }
            all.push((path.clone(), reading));
        }
        for meaning in &meanings {
            let is = |heading: &String| Column::said(heading, &[*meaning]).is_some();
            let mut mappings = all.iter().flat_map(|(_, read)| &read.mappings);
            if !mappings.any(|mapping| mapping.headings.values().any(is)) {
                let (heading, column) = (meaning.0, meaning.1.name());
                notes.push(format!(
                    "no sheet has the heading `{heading}` that was said to mean {column}"
                ));
            }
        }
        if let Some(remembered) = remembered {
            remembered.write()?;
        }
        Ok(Self { all, notes })
    }

    /// Rows that ask for something, and rows that were not understood.
    pub fn counts(&self) -> (u64, u64) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let all = self.all.iter();
        all.fold((0, 0), |(asked, rejected), (_, reading)| {
            (
                asked + number(reading.asked.len()),
                rejected + number(reading.rejected.len()),
            )
        })
    }

    /// These sheets as well.
    pub fn extend(&mut self, others: Self) {
        self.all.extend(others.all);
        self.notes.extend(others.notes);
    }

    /// What a person said of columns that fits no sheet, and what was remembered and does no more.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether none was given.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Their rows.
    pub fn asked(&self) -> impl Iterator<Item = (&Path, &Asked)> {
        self.all.iter().flat_map(|(path, reading)| {
            reading
                .asked
                .iter()
                .map(move |asked| (path.as_path(), asked))
        })
    }

    /// Whether a row asks for this update; none where there is no sheet.
    pub fn asks_for(&self, kb: u32) -> Option<bool> {
        (!self.is_empty()).then(|| self.asked().any(|(_, asked)| asked.kbs.contains(&kb)))
    }

    /// Whether a row asks for this package.
    pub(super) fn ask_for_package(&self, package: &str) -> bool {
        self.asked()
            .any(|(_, asked)| asked.package.as_deref() == Some(package))
    }

    /// The sheets by name.
    pub fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        self.all.iter().filter_map(|(path, _)| name(path)).collect()
    }

    /// Every row as a requirement.
    pub fn requirements(&self, feeds: &Feeds) -> Vec<Requirement> {
        let source = |path: &Path, asked: &Asked| format!("{} {}", path.display(), asked.place);
        let all = self.asked();
        all.map(|(path, asked)| requirement(&source(path, asked), asked, feeds))
            .collect()
    }

    /// How the sheets were understood, every row that was not, and what no feed knows: a line each.
    pub fn told(&self, feeds: &Feeds) -> Vec<String> {
        let mut told = self.notes.clone();
        for (path, reading) in &self.all {
            let path = path.display();
            let Reading {
                mappings,
                asked,
                rejected,
                headings,
                rows,
            } = reading;
            told.push(format!(
                "{path}: {rows} rows: {} asked for, {} not understood, {} of headings",
                asked.len(),
                rejected.len(),
                headings.len()
            ));
            let mappings = mappings.iter();
            told.extend(mappings.map(|mapping| format!("  columns {mapping}")));
            let rejected = rejected.iter();
            told.extend(rejected.map(|row| format!("  {}: {}: {}", row.place, row.why, row.text)));
            for row in asked {
                let doubts = row.doubts.iter();
                told.extend(doubts.map(|doubt| format!("  {}: {doubt}", row.place)));
                if let Some(applies) = row.applies.as_deref().filter(|text| names_no_system(text)) {
                    told.push(format!(
                        "  {}: `{applies}` names no system that is known: the row is held against every host",
                        row.place
                    ));
                }
                let names_update = !row.kbs.is_empty() || row.bulletin.is_some();
                if names_update && !known(row, feeds) {
                    let name = name_of(row);
                    told.push(format!(
                        "  {}: {name} is in no feed that was given",
                        row.place
                    ));
                }
            }
        }
        told
    }
}

/// `Wo=applies`.
fn meaning(text: &str) -> Result<(&str, Column), SheetUnread> {
    let parts = text.split_once('=');
    let parts =
        parts.and_then(|(heading, name)| Some((heading.trim(), Column::named(name.trim())?)));
    parts.ok_or_else(|| {
        let all = Column::ALL.map(Column::name).join(", ");
        let why = format!("`{text}` says no column: expected HEADING=MEANING with one of {all}");
        SheetUnread {
            path: None,
            why,
            memory: false,
        }
    })
}

/// Puts in what a person said in place of what was guessed.
fn mean(mapping: &mut Mapping, meanings: &[(&str, Column)]) {
    for (at, heading) in &mapping.headings {
        if let Some(column) = Column::said(heading, meanings) {
            mapping.columns.insert(*at, column);
        }
    }
}

fn known(row: &Asked, feeds: &Feeds) -> bool {
    let kbs = row.kbs.iter().filter_map(|number| Kb::new(*number));
    let by_feed = feeds
        .windows
        .as_ref()
        .is_some_and(|feed| kbs.clone().any(|kb| feed.knows(kb)));
    by_feed
        || feeds
            .bulletins
            .iter()
            .any(|bulletin| is_about(row, bulletin))
}

pub(super) fn is_about(asked: &Asked, bulletin: &Bulletin) -> bool {
    asked.bulletin.as_deref() == Some(bulletin.id.as_str())
        || asked.kbs.contains(&bulletin.kb.number())
}

/// What a row is called.
pub fn name_of(asked: &Asked) -> String {
    let kb = asked.kbs.first().map(|number| format!("KB{number}"));
    let all = [
        asked.bulletin.clone(),
        kb,
        asked.package.clone(),
        asked.file.clone(),
    ];
    all.into_iter().flatten().next().unwrap_or_default() // default: because a row that names nothing is rejected
}
