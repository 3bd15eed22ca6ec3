//! One row: what it asks for, or why it asks for nothing.

use crate::{
    Place, Reading, Rejected,
    grid::{Cell, Grid, Row},
    heading::{Column, Mapping},
};

/// Most updates that one row may name.
const MAX_KBS: usize = 64;

/// How bad it is when it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Low.
    Low,
    /// Moderate, medium.
    Medium,
    /// Important, high.
    High,
    /// Critical.
    Critical,
}

/// What a row asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where it is written.
    pub place: Place,
    /// `MS04-011`, if it names a bulletin.
    pub bulletin: Option<String>,
    /// Numbers of updates, any of which will do.
    pub kbs: Vec<u32>,
    /// A package, if it names one.
    pub package: Option<String>,
    /// The version from which on it is good.
    pub at_least: Option<String>,
    /// A file, if it names one.
    pub file: Option<String>,
    /// Which systems it is for; all where it does not say.
    pub applies: Option<String>,
    /// Which hosts; all where it does not say.
    pub host: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when, `YYYY-MM-DD`.
    pub due: Option<String>,
    /// How bad.
    pub severity: Option<Severity>,
    /// What somebody believes of it: a word, never evidence.
    pub status: Option<String>,
    /// What it mends.
    pub cves: Vec<String>,
    /// What in it could not be read, though it can be judged.
    pub doubts: Vec<String>,
}

/// Reads the rows of a table behind its heading.
pub(crate) fn read(grid: &Grid, mapping: &Mapping, reading: &mut Reading) {
    let heading = grid.rows.get(&mapping.heading).map(Grid::text);
    for (row, cells) in &grid.rows {
        let place = grid.place(*row);
        if *row <= mapping.heading {
            reading.headings.push(place);
            continue;
        }
        let text = Grid::text(cells);
        let asked = if heading.as_deref() == Some(text.as_str()) {
            Err("it repeats the heading".to_owned())
        } else {
            asked(place.clone(), cells, mapping)
        };
        match asked {
            Ok(asked) => reading.asked.push(asked),
            Err(why) => reading.rejected.push(Rejected { place, why, text }),
        }
    }
    reading.mappings.push(mapping.clone());
}

fn asked(place: Place, cells: &Row, mapping: &Mapping) -> Result<Asked, String> {
    let all = |column: Column| -> Vec<&Cell> {
        mapping.of(column).filter_map(|at| cells.get(&at)).collect()
    };
    let text = |column: Column| -> Option<String> {
        let texts: Vec<&str> = all(column).iter().map(|cell| cell.text()).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    readable(&all)?;
    let named = text(Column::Bulletin).unwrap_or_default(); // default: because it may name a package instead
    let mut kbs = Vec::new();
    numbers(&named, false, &mut kbs);
    for cell in all(Column::Kb) {
        numbers(cell.text(), true, &mut kbs);
    }
    let bulletin = bulletin(&named).or_else(|| bulletin(&text(Column::Kb)?));
    let cves = cves(&[Some(named.clone()), text(Column::Cve), text(Column::Notes)]);
    let mut doubts = Vec::new();
    if kbs.len() > MAX_KBS {
        return Err(format!("it names more than {MAX_KBS} updates"));
    }
    let package = text(Column::Package).filter(|_| kbs.is_empty() && bulletin.is_none());
    let file = text(Column::File);
    if kbs.is_empty() && bulletin.is_none() && package.is_none() && file.is_none() {
        return Err("it names no bulletin, update, package or file".to_owned());
    }
    let mut due = None;
    for cell in all(Column::Due) {
        match date(cell) {
            Ok(date) => due = Some(date),
            Err(why) => doubts.push(why),
        }
    }
    let severity = text(Column::Severity).and_then(|text| {
        let known = severity(&text);
        if known.is_none() {
            doubts.push(format!("the severity `{text}` is none that is known"));
        }
        known
    });
    Ok(Asked {
        place,
        bulletin,
        kbs,
        package,
        at_least: text(Column::Version).map(|text| version(&text)),
        file,
        applies: text(Column::Applies),
        host: text(Column::Host),
        owner: text(Column::Owner),
        due,
        severity,
        status: text(Column::Status),
        cves,
        doubts,
    })
}

/// What a row is judged by must be there: neither an error nor a formula without its result.
fn readable<'c>(all: &impl Fn(Column) -> Vec<&'c Cell>) -> Result<(), String> {
    let naming = [
        Column::Bulletin,
        Column::Kb,
        Column::Package,
        Column::File,
        Column::Version,
    ];
    for column in naming {
        for cell in all(column) {
            match cell {
                Cell::Error(error) => {
                    return Err(format!("its {} is the error {error}", column.name()));
                }
                Cell::Formula => {
                    let name = column.name();
                    return Err(format!(
                        "its {name} is a formula whose result was not saved"
                    ));
                }
                Cell::Text(_) | Cell::Date(_) => {}
            }
        }
    }
    Ok(())
}

/// `>= 1.2`, `ab 1.2`, `v1.2`: the version alone.
fn version(text: &str) -> String {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let words = text.split_whitespace().last().unwrap_or(text); // or: because a blank cell is none
    match words.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => words.to_owned(),
    }
}

/// `MS04-011` in any writing.
pub(crate) fn bulletin(text: &str) -> Option<String> {
    let upper: String = text
        .to_uppercase()
        .chars()
        .map(|c| {
            if matches!(c, '\u{2010}'..='\u{2015}' | '_') {
                '-'
            } else {
                c
            }
        })
        .filter(|c| !c.is_whitespace())
        .collect();
    upper.match_indices("MS").find_map(|(at, _)| {
        let before = upper.get(..at)?.chars().next_back();
        let digits: String = upper
            .get(at + 2..)?
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '-')
            .collect();
        let (year, number) = digits.split_once('-')?;
        let sound = year.len() == 2 && number.len() == 3 && number.parse::<u32>().is_ok();
        (sound && !before.is_some_and(char::is_alphanumeric)).then(|| format!("MS{year}-{number}"))
    })
}

/// `KB835732`, `KB 835732`, `Q835732`, `(835732)`; in a column of such numbers the digits alone.
pub(crate) fn numbers(text: &str, plain: bool, into: &mut Vec<u32>) {
    let chars: Vec<char> = text.to_uppercase().chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let digits: String = chars
            .iter()
            .skip(at)
            .take_while(|c| c.is_ascii_digit())
            .collect();
        if digits.is_empty() {
            at += 1;
            continue;
        }
        let before: String = chars.iter().take(at).collect();
        let lead = before
            .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '-' | ':' | '#' | '.'));
        let marked = ends_with_word(lead, "KB")
            || ends_with_word(lead, "Q")
            || (lead.ends_with('(') && chars.get(at + digits.len()) == Some(&')'));
        let alone = plain
            && !lead.ends_with(|c: char| c.is_alphanumeric())
            && !before.ends_with(['.', '-', '/']);
        if (5..=8).contains(&digits.len())
            && (marked || alone)
            && let Ok(number) = digits.parse()
            && !into.contains(&number)
        {
            into.push(number);
        }
        at += digits.len();
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word)
        .is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}

fn cves(texts: &[Option<String>]) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts.iter().flatten() {
        let upper = text.to_uppercase();
        for word in upper.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            let rest = word
                .strip_prefix("CVE-")
                .or_else(|| word.strip_prefix("CAN-"));
            let Some((year, number)) = rest.and_then(|rest| rest.split_once('-')) else {
                continue;
            };
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let name = format!("CVE-{year}-{number}");
            if year.len() == 4 && digits(year) && digits(number) && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// A day as ISO writes it; one that could be two days is neither.
pub(crate) fn date(cell: &Cell) -> Result<String, String> {
    let text = cell.text();
    if let Cell::Date(date) = cell {
        return Ok(date.clone());
    }
    let refuse = || format!("the date `{text}` is none that is known");
    let first = text.split_whitespace().next().unwrap_or(text); // or: because a blank cell is none
    let parts: Vec<&str> = first
        .split(['.', '/', '-'])
        .filter(|part| !part.is_empty())
        .collect();
    let numbers: Option<Vec<u32>> = parts.iter().map(|part| part.parse().ok()).collect(); // ok: because then it is no date
    let (year, month, day) = match numbers.as_deref() {
        Some(&[year, month, day]) if year > 1900 => (year, month, day),
        Some(&[day, month, year]) if first.contains('.') => (full(year), month, day),
        Some(&[day, month, year]) if day > 12 => (full(year), month, day),
        Some(&[month, day, year]) if day > 12 || day == month => (full(year), month, day),
        Some(&[_, _, _]) => {
            return Err(format!(
                "the date `{text}` could be two days: write it as 2026-12-31"
            ));
        }
        Some(&[serial]) if (20_000..=80_000).contains(&serial) => return Ok(of_serial(serial)),
        _ => return Err(refuse()),
    };
    let sound =
        (1..=12).contains(&month) && (1..=31).contains(&day) && (1990..=2100).contains(&year);
    if sound {
        Ok(format!("{year:04}-{month:02}-{day:02}"))
    } else {
        Err(refuse())
    }
}

const fn full(year: u32) -> u32 {
    match year {
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        other => other,
    }
}

/// Days since 1899-12-30, as spreadsheets count: Howard Hinnant's `civil_from_days`.
fn of_serial(serial: u32) -> String {
    let days = i64::from(serial) - 25_569 + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn severity(text: &str) -> Option<Severity> {
    let lower = text.to_lowercase();
    let word = lower.split_whitespace().next()?;
    Some(match word.trim_matches(|c: char| !c.is_alphanumeric()) {
        "critical" | "kritisch" | "kritiek" | "critique" | "crítico" | "crítica" | "critico"
        | "critica" | "p1" | "1" => Severity::Critical,
        "important" | "high" | "hoch" | "wichtig" | "élevée" | "élevé" | "haute" | "alta"
        | "alto" | "hoog" | "p2" | "2" => Severity::High,
        "moderate" | "medium" | "mittel" | "moyen" | "moyenne" | "media" | "medio" | "middel"
        | "p3" | "3" => Severity::Medium,
        "low" | "niedrig" | "gering" | "faible" | "baja" | "bajo" | "bassa" | "laag" | "p4"
        | "4" => Severity::Low,
        _ => return None,
    })
}
