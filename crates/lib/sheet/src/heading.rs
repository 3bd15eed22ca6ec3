//! What the columns mean. Headings are in the language of whoever keeps the sheet, and may be two rows high.

use std::collections::BTreeMap;

use crate::{
    SheetError, bare,
    grid::{Grid, Row},
};

/// Rows of a table among which its heading is looked for.
const MAX_HEADING_ROWS: usize = 40;

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// A bulletin, `MS04-011`, or the update in whatever words.
    Bulletin,
    /// The number of an update.
    Kb,
    /// A package.
    Package,
    /// The version from which on it is good.
    Version,
    /// A file on the disk.
    File,
    /// Which systems it is for.
    Applies,
    /// Which hosts.
    Host,
    /// Who answers for it.
    Owner,
    /// Until when it must be there.
    Due,
    /// How bad it is when it is not.
    Severity,
    /// What somebody believes of it: `done`, `deployed`.
    Status,
    /// What it mends.
    Cve,
    /// Anything else that a person wrote.
    Notes,
}

impl Column {
    /// All of them, with the words of their headings: whole words, in lower case, the longest first in mind.
    const WORDS: [(Self, &'static [&'static str]); 13] = [
        (
            Self::Kb,
            &[
                "kb",
                "kbs",
                "kb number",
                "kb article",
                "kb-nummer",
                "hotfix",
                "hotfix id",
                "hotfixid",
                "article",
                "artikel",
                "knowledge base",
                "q number",
                "article kb",
                "artículo",
            ],
        ),
        (
            Self::Bulletin,
            &[
                "bulletin",
                "bulletins",
                "bulletin id",
                "patch",
                "patches",
                "update",
                "updates",
                "security update",
                "advisory",
                "sicherheitsupdate",
                "aktualisierung",
                "mise à jour",
                "correctif",
                "actualización",
                "parche",
                "boletín",
                "aggiornamento",
                "bollettino",
                "beveiligingsupdate",
                "actualización de seguridad",
                "aggiornamento di sicurezza",
                "bollettino di sicurezza",
                "bulletin de sécurité",
                "requirement",
                "anforderung",
                "id",
            ],
        ),
        (
            Self::Package,
            &[
                "package",
                "packages",
                "paket",
                "pakete",
                "paquet",
                "paquete",
                "pacchetto",
                "pakket",
                "software",
                "product name",
                "component",
                "rpm",
                "deb",
                "program",
                "programm",
            ],
        ),
        (
            Self::Version,
            &[
                "version",
                "min version",
                "minimum version",
                "at least",
                "mindestversion",
                "fixed version",
                "fixed in",
                "versión",
                "version minimale",
                "versione",
                "versie",
                ">=",
                "minimum",
            ],
        ),
        (
            Self::File,
            &[
                "file",
                "file name",
                "filename",
                "datei",
                "dateiname",
                "fichier",
                "archivo",
                "bestand",
                "bestandsnaam",
            ],
        ),
        (
            Self::Applies,
            &[
                "applies to",
                "os",
                "operating system",
                "affected",
                "affected systems",
                "betriebssystem",
                "betrifft",
                "gilt für",
                "product",
                "produkt",
                "produit",
                "système",
                "s'applique à",
                "sistema operativo",
                "sistema",
                "se aplica a",
                "besturingssysteem",
                "sistemi",
                "si applica a",
                "van toepassing op",
                "platform",
                "scope",
                "role",
                "rolle",
                "systeme",
                "systems",
            ],
        ),
        (
            Self::Host,
            &[
                "host",
                "hosts",
                "hostname",
                "computer",
                "machine",
                "server",
                "rechner",
                "pc",
                "device",
                "equipo",
                "servidor",
                "dispositivo",
            ],
        ),
        (
            Self::Owner,
            &[
                "owner",
                "responsible",
                "verantwortlich",
                "zuständig",
                "besitzer",
                "responsable",
                "propriétaire",
                "responsabile",
                "eigenaar",
                "assigned to",
                "who",
                "wer",
                "contact",
            ],
        ),
        (
            Self::Due,
            &[
                "due",
                "due date",
                "deadline",
                "fällig",
                "fällig am",
                "frist",
                "termin",
                "échéance",
                "date limite",
                "fecha límite",
                "vencimiento",
                "scadenza",
                "uiterste datum",
                "vervaldatum",
                "fecha de vencimiento",
                "data di scadenza",
                "until",
                "bis",
                "target date",
            ],
        ),
        (
            Self::Severity,
            &[
                "severity",
                "priority",
                "criticality",
                "rating",
                "schweregrad",
                "priorität",
                "kritikalität",
                "gravité",
                "priorité",
                "gravedad",
                "prioridad",
                "gravità",
                "prio",
                "impact",
                "ernst",
                "prioriteit",
                "priorità",
            ],
        ),
        (
            Self::Status,
            &[
                "status",
                "state",
                "deployed",
                "installed",
                "done",
                "installiert",
                "erledigt",
                "verteilt",
                "état",
                "statut",
                "estado",
                "stato",
                "sus",
                "wsus",
                "sccm",
                "intune",
                "ok",
            ],
        ),
        (
            Self::Cve,
            &[
                "cve",
                "cves",
                "vulnerability",
                "schwachstelle",
                "vulnérabilité",
                "can",
            ],
        ),
        (
            Self::Notes,
            &[
                "notes",
                "note",
                "remarks",
                "comment",
                "comments",
                "bemerkung",
                "bemerkungen",
                "kommentar",
                "remarque",
                "commentaire",
                "notas",
                "observaciones",
                "osservazioni",
                "opmerking",
                "opmerkingen",
                "description",
                "beschreibung",
                "title",
                "titel",
                "reboot",
                "neustart",
            ],
        ),
    ];

    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Bulletin,
        Self::Kb,
        Self::Package,
        Self::Version,
        Self::File,
        Self::Applies,
        Self::Host,
        Self::Owner,
        Self::Due,
        Self::Severity,
        Self::Status,
        Self::Cve,
        Self::Notes,
    ];

    /// As a mapping is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bulletin => "bulletin",
            Self::Kb => "kb",
            Self::Package => "package",
            Self::Version => "version",
            Self::File => "file",
            Self::Applies => "applies",
            Self::Host => "host",
            Self::Owner => "owner",
            Self::Due => "due",
            Self::Severity => "severity",
            Self::Status => "status",
            Self::Cve => "cve",
            Self::Notes => "notes",
        }
    }

    /// Of the name that a mapping writes.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The column of a heading, and whether the heading says only that, which is so where a person says it.
    pub(crate) fn of(heading: &str, meanings: &[(&str, Self)]) -> Option<(Self, bool)> {
        if let Some(column) = Self::said(heading, meanings) {
            return Some((column, true));
        }
        let lower = heading.to_lowercase();
        let plain = lower.trim_matches(|c: char| !c.is_alphanumeric() && c != '=' && c != '>');
        let exact = Self::WORDS.iter().find(|(_, words)| words.contains(&plain));
        if let Some((column, _)) = exact {
            return Some((*column, true));
        }
        if plain.split_whitespace().count() > 5 {
            return None; // a sentence is no heading
        }
        let parts: Vec<&str> = plain
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .collect();
        Self::WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| parts.contains(word)))
            .map(|(column, _)| (*column, false))
    }

    /// What a person says that a heading means, in capitals or not.
    pub fn said(heading: &str, meanings: &[(&str, Self)]) -> Option<Self> {
        let heading = heading.trim().to_lowercase();
        let mut all = meanings.iter();
        all.find(|(of, _)| of.trim().to_lowercase() == heading)
            .map(|(_, column)| *column)
    }

    /// Whether a row can be judged by it.
    pub(crate) const fn names_something(self) -> bool {
        matches!(self, Self::Bulletin | Self::Kb | Self::Package | Self::File)
    }
}

/// How a table was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Which table; empty in a text file.
    pub table: String,
    /// The last row of the heading, from 1; 0 where there is none, and its columns are called by their letters.
    pub heading: u32,
    /// Columns from 0, and what they say.
    pub columns: BTreeMap<u32, Column>,
    /// The headings as they are written, also of columns that say nothing to us.
    pub headings: BTreeMap<u32, String>,
}

impl Mapping {
    /// The same, if the table has such a heading.
    pub(crate) fn fits(&self, grid: &Grid) -> Result<Self, SheetError> {
        if self.heading == 0 {
            let mut mapping = self.clone();
            mapping.headings = bare::letters(grid);
            return Ok(mapping);
        }
        let Some(row) = grid.rows.get(&self.heading) else {
            let why = format!("{} is blank", grid.place(self.heading));
            return Err(SheetError::Mapping(why));
        };
        if !self.columns.values().any(|column| column.names_something()) {
            let why = "no column names an update, package or file";
            return Err(SheetError::Mapping(why.to_owned()));
        }
        let mut mapping = self.clone();
        mapping.headings = headings(&[row]);
        Ok(mapping)
    }

    /// The columns that say `wanted`.
    pub(crate) fn of(&self, wanted: Column) -> impl Iterator<Item = u32> + '_ {
        let all = self.columns.iter();
        all.filter(move |(_, column)| **column == wanted)
            .map(|(at, _)| *at)
    }
}

impl std::fmt::Display for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.headings.iter().map(|(at, heading)| {
            let says = self
                .columns
                .get(at)
                .map_or("nothing", |column| column.name());
            format!("{heading} = {says}")
        });
        let columns: Vec<String> = columns.collect();
        let table = if self.table.is_empty() {
            String::new()
        } else {
            format!("{}!", self.table)
        };
        let columns = columns.join(", ");
        if self.heading == 0 {
            return write!(f, "{table}without a heading: {columns}");
        }
        write!(f, "{table}{}: {columns}", self.heading)
    }
}

/// What a row would be worth as a heading: a heading that says only one thing counts twice.
fn worth(columns: &BTreeMap<u32, (Column, bool)>) -> usize {
    columns
        .values()
        .map(|(_, exact)| 1 + usize::from(*exact))
        .sum()
}

/// The heading of a table: the row, or two rows, that name the most columns.
pub(crate) fn guess(grid: &Grid, meanings: &[(&str, Column)]) -> Option<Mapping> {
    let rows: Vec<(u32, &Row)> = grid
        .rows
        .iter()
        .take(MAX_HEADING_ROWS)
        .map(|(row, cells)| (*row, cells))
        .collect();
    let mut best: Option<(usize, Mapping)> = None;
    for (at, (row, cells)) in rows.iter().enumerate() {
        let mut choices = vec![(*row, vec![*cells])];
        if let Some((next, below)) = rows.get(at + 1).filter(|(next, _)| *next == row + 1) {
            choices.push((*next, vec![*cells, *below]));
        }
        for (heading, parts) in choices {
            let headings = headings(&parts);
            let found: BTreeMap<u32, (Column, bool)> = headings
                .iter()
                .filter_map(|(at, text)| Some((*at, Column::of(text, meanings)?)))
                .collect();
            let names = found.values().any(|(column, _)| column.names_something());
            // One word of a sentence is no heading.
            let names = names && (found.len() > 1 || worth(&found) > 1);
            let worth = worth(&found);
            let better = best.as_ref().is_none_or(|(most, _)| worth > *most);
            if names && reads_as_heading(&parts, meanings) && better {
                let columns = once_each(found);
                let mapping = Mapping {
                    table: grid.name.clone(),
                    heading,
                    columns,
                    headings,
                };
                best = Some((worth, mapping));
            }
        }
    }
    best.map(|(_, mapping)| mapping)
}

/// Half of the first row says what columns are, or a person says of one what it means; a second row is of words alone, for a row of data has a number
/// somewhere.
fn reads_as_heading(parts: &[&Row], meanings: &[(&str, Column)]) -> bool {
    let Some((first, more)) = parts.split_first() else {
        return false;
    };
    let known = first
        .values()
        .filter(|cell| Column::of(cell.text(), meanings).is_some())
        .count();
    let all = headings(parts);
    let said = all
        .values()
        .any(|heading| Column::said(heading, meanings).is_some());
    let mut below = more.iter().flat_map(|row| row.values());
    (said || known * 2 >= first.len())
        && below.all(|cell| !cell.text().contains(|c: char| c.is_ascii_digit()))
}

/// Of two columns with the same meaning both are kept: a person reads both. But where one heading says it
/// exactly, those that only contain the word are notes.
fn once_each(found: BTreeMap<u32, (Column, bool)>) -> BTreeMap<u32, Column> {
    let exact: Vec<Column> = found
        .values()
        .filter(|(_, exact)| *exact)
        .map(|(column, _)| *column)
        .collect();
    found
        .into_iter()
        .map(|(at, (column, is_exact))| {
            let doubtful = !is_exact && exact.contains(&column);
            (at, if doubtful { Column::Notes } else { column })
        })
        .collect()
}

pub(crate) fn headings(parts: &[&Row]) -> BTreeMap<u32, String> {
    let mut headings = BTreeMap::<u32, String>::new();
    for part in parts {
        for (at, cell) in *part {
            let heading = headings.entry(*at).or_default();
            if !heading.is_empty() {
                heading.push(' ');
            }
            heading.push_str(cell.text());
        }
    }
    headings
}
