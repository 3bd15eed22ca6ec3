//! The administrator's own spreadsheets: read whole, shown as they were understood, and held against the feeds.

use std::path::{Path, PathBuf};

use cordon_patch_edge::{Feeds, unpack};
use sheet::{Asked, Column, Mapping, Reading};
use winaudit::{Bulletin, Kb};

use super::{remember::Remembered, scope::names_no_system};
use crate::{
    command::{Out, Stop},
    fault::{self, Fault},
    page::inert,
};

/// Sheets, and what their rows ask for.
pub(super) struct Sheets {
    all: Vec<(PathBuf, Reading)>,
    /// What is to be said of what was remembered.
    notes: Vec<String>,
}

impl Sheets {
    /// Reads them; `columns` are what a person says that headings mean, `HEADING=MEANING`, and `remember` is
    /// where that is kept for the next time.
    pub(super) fn read(
        paths: &[PathBuf],
        columns: &[String],
        remember: Option<&Path>,
    ) -> Result<Self, Fault> {
        let meanings = columns.iter().map(|text| meaning(text));
        let meanings: Vec<(&str, Column)> = meanings.collect::<Result<_, Fault>>()?;
        let mut remembered = remember.map(Remembered::read).transpose()?;
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for path in paths {
            let refuse = |error: &dyn std::fmt::Display| {
                Fault::new(&fault::BASELINE_UNREADABLE, error).at(path.display())
            };
            let bytes = unpack(path).map_err(|error| refuse(&error))?;
            let mut reading = sheet::read(&bytes, None).map_err(|error| refuse(&error))?;
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
        if let Some(remembered) = remembered {
            remembered.write()?;
        }
        Ok(Self { all, notes })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn asked(&self) -> impl Iterator<Item = (&Path, &Asked)> {
        self.all.iter().flat_map(|(path, reading)| {
            reading
                .asked
                .iter()
                .map(move |asked| (path.as_path(), asked))
        })
    }

    /// Whether a row asks for this update; none where there is no sheet.
    pub(super) fn asks_for(&self, kb: u32) -> Option<bool> {
        (!self.is_empty()).then(|| self.asked().any(|(_, asked)| asked.kbs.contains(&kb)))
    }

    /// Whether a row names this bulletin or its update.
    pub(super) fn names_bulletin(&self, bulletin: &Bulletin) -> bool {
        self.asked().any(|(_, asked)| is_about(asked, bulletin))
    }

    /// The sheets by name.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        self.all.iter().filter_map(|(path, _)| name(path)).collect()
    }

    /// How the sheets were understood, every row that was not, and what no feed knows.
    pub(super) fn tell(&self, feeds: &Feeds, out: &mut Out<'_>) -> Result<(), Stop> {
        for note in &self.notes {
            writeln!(out.talk, "{}", inert(note))?;
        }
        for (path, reading) in &self.all {
            let path = path.display();
            let Reading {
                mappings,
                asked,
                rejected,
                headings,
                rows,
            } = reading;
            writeln!(
                out.talk,
                "{path}: {rows} rows: {} asked for, {} not understood, {} of headings",
                asked.len(),
                rejected.len(),
                headings.len()
            )?;
            for mapping in mappings {
                writeln!(out.talk, "  columns {}", inert(&mapping.to_string()))?;
            }
            for row in rejected {
                let text = inert(&row.text);
                writeln!(out.talk, "  {}: {}: {text}", row.place, inert(&row.why))?;
            }
            for row in asked {
                for doubt in &row.doubts {
                    writeln!(out.talk, "  {}: {}", row.place, inert(doubt))?;
                }
                if let Some(applies) = row.applies.as_deref().filter(|text| names_no_system(text)) {
                    writeln!(
                        out.talk,
                        "  {}: `{}` names no system that is known: the row is held against every host",
                        row.place,
                        inert(applies)
                    )?;
                }
                let names_update = !row.kbs.is_empty() || row.bulletin.is_some();
                if names_update && !known(row, feeds) {
                    let name = name_of(row);
                    writeln!(
                        out.talk,
                        "  {}: {} is in no feed that was given",
                        row.place,
                        inert(&name)
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// `Wo=applies`.
fn meaning(text: &str) -> Result<(&str, Column), Fault> {
    let parts = text.split_once('=');
    let parts =
        parts.and_then(|(heading, name)| Some((heading.trim(), Column::named(name.trim())?)));
    parts.ok_or_else(|| {
        let all = Column::ALL.map(Column::name).join(", ");
        let what = format!("`{text}` says no column: expected HEADING=MEANING with one of {all}");
        Fault::new(&fault::BASELINE_UNREADABLE, what)
    })
}

/// Puts in what a person said in place of what was guessed.
fn mean(mapping: &mut Mapping, meanings: &[(&str, Column)]) {
    for (at, heading) in &mapping.headings {
        let said = meanings
            .iter()
            .find(|(said, _)| said.eq_ignore_ascii_case(heading));
        if let Some((_, column)) = said {
            mapping.columns.insert(*at, *column);
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
pub(super) fn name_of(asked: &Asked) -> String {
    let kb = asked.kbs.first().map(|number| format!("KB{number}"));
    let all = [
        asked.bulletin.clone(),
        kb,
        asked.package.clone(),
        asked.file.clone(),
    ];
    all.into_iter().flatten().next().unwrap_or_default() // default: because a row that names nothing is rejected
}
