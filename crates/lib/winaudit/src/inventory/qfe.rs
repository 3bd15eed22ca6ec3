//! `wmic qfe` and `Get-HotFix`, as list, table, CSV, HTML or XML. The names of properties
//! (`HotFixID`, `InstalledOn`) are WMI's and are not translated. An entry "File 1" is an update
//! whose name Windows XP lost: it is counted, and the list is not whole.

use crate::host::{Fact, List};
use crate::value::{DayOrder, Stamp, entry_kb, stamp};

pub(crate) fn read(text: &str) -> Vec<Fact> {
    // Without a hint, WMI writes month first; Get-HotFix writes as the user does.
    let order = match DayOrder::of(text) {
        DayOrder::Unknown if !text.contains("PSComputerName") => DayOrder::MonthFirst,
        order => order,
    };
    let mut list = List {
        stated: None,
        shown: 0,
        unnamed: 0,
    };
    let mut facts = Vec::new();
    if text.contains('<') && (text.contains("</") || text.contains("/>")) {
        tagged(text, order, &mut list, &mut facts);
    } else if let Some(separator) = property_separator(text) {
        properties(text, separator, order, &mut list, &mut facts);
    } else {
        rows(text, order, &mut list, &mut facts);
    }
    facts.push(Fact::List(list));
    facts
}

/// `=` of `wmic qfe list`, `:` of `Get-HotFix | Format-List`; none for tables.
fn property_separator(text: &str) -> Option<char> {
    let mut lines = text.lines().map(str::trim);
    lines.find_map(|line| {
        let rest = line.strip_prefix("HotFixID")?.trim_start();
        rest.starts_with(['=', ':'])
            .then(|| rest.chars().next())
            .flatten()
    })
}

fn properties(
    text: &str,
    separator: char,
    order: DayOrder,
    list: &mut List,
    facts: &mut Vec<Fact>,
) {
    let mut open: Option<(String, Option<Stamp>, Option<bool>)> = None;
    let mut security = None;
    let mut close = |open: &mut Option<(String, Option<Stamp>, Option<bool>)>| {
        if let Some((id, on, security)) = open.take() {
            entry(&id, on, security, list, facts);
        }
    };
    for line in text.lines() {
        let Some((key, value)) = line.split_once(separator) else {
            continue;
        };
        match key.trim() {
            "Description" => security = Some(value.contains("Security Update")),
            "HotFixID" => {
                close(&mut open);
                open = Some((value.trim().to_owned(), None, security.take()));
            }
            "InstalledOn" => {
                if let Some(open) = &mut open {
                    open.1 = stamp(value.trim(), order);
                }
            }
            _ => {}
        }
    }
    close(&mut open);
}

fn rows(text: &str, order: DayOrder, list: &mut List, facts: &mut Vec<Fact>) {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header = lines
        .by_ref()
        .find(|line| line.contains("HotFixID"))
        .unwrap_or("");
    let separator = [',', ';', '\t']
        .into_iter()
        .find(|&mark| header.contains(mark));
    for line in lines.take(super::MAX_LINES) {
        if line.trim_start().starts_with("--") || line.contains("HotFixID") {
            continue;
        }
        let words: Vec<String> = match separator {
            Some(mark) => super::fields(line, mark),
            None => columns(line),
        };
        let id = words.iter().find(|word| is_id(word));
        let on = words
            .iter()
            .rev()
            .find_map(|word| stamp(word.trim(), order));
        let security = words.iter().any(|word| word.contains("Security Update"));
        // A line of a table that holds no entry at all is a broken line of the one before.
        if let Some(id) = id {
            entry(id, on, Some(security), list, facts);
        }
    }
}

/// Whether a word is an entry: a KB, its bare number, or one of the names of updates without one.
fn is_id(word: &str) -> bool {
    let word = word.trim();
    let unnamed = word.starts_with("File ") || (word.starts_with('{') && word.len() == 38);
    unnamed || (word.len() <= 24 && !word.contains(' ') && entry_kb(word).is_some())
}

/// Columns of a table: two blanks part them.
fn columns(line: &str) -> Vec<String> {
    let mut all: Vec<String> = line
        .split("  ")
        .map(|word| word.trim().to_owned())
        .collect();
    all.retain(|word| !word.is_empty());
    // Where a column is full only one blank is left: "KB4487017 NT AUTHORITY\SYSTEM 2/13/2019".
    let split: Vec<String> = all
        .iter()
        .flat_map(|word| word.split(' '))
        .map(str::to_owned)
        .collect();
    if all.iter().any(|word| is_id(word))
        && all
            .iter()
            .any(|word| stamp(word, DayOrder::MonthFirst).is_some())
    {
        all
    } else {
        all.extend(split);
        all
    }
}

fn tagged(text: &str, order: DayOrder, list: &mut List, facts: &mut Vec<Fact>) {
    let words: Vec<&str> = text
        .split(['<', '>'])
        .skip(2)
        .step_by(2)
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        if !is_id(word) {
            continue;
        }
        let rest = words.get(at..).unwrap_or(&[]);
        let rest = rest.split(|word| is_id(word)).next().unwrap_or(&[]);
        entry(
            word,
            rest.iter().find_map(|word| stamp(word, order)),
            None,
            list,
            facts,
        );
    }
}

fn entry(
    id: &str,
    on: Option<Stamp>,
    security: Option<bool>,
    list: &mut List,
    facts: &mut Vec<Fact>,
) {
    list.shown += 1;
    match entry_kb(id) {
        Some(kb) => facts.push(Fact::Hotfix { kb, on, security }),
        None => list.unnamed += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let facts = read(text);
        let found = facts.iter().find_map(|fact| match fact {
            Fact::Hotfix { kb, on, .. } => Some((kb.number(), on.map(|on| on.to_string()))),
            _ => None,
        });
        assert_eq!(
            found,
            Some((4_487_017, Some("2019-02-13".into()))),
            "{text}"
        );
        let list = List {
            stated: None,
            shown: 1,
            unnamed: 0,
        };
        assert!(facts.contains(&Fact::List(list)), "{text} {facts:?}");
    }

    #[test]
    fn one_list_in_its_many_forms() {
        check(
            "Description      HotFixID   InstalledOn\nSecurity Update  KB4487017  2/13/2019   \n",
        );
        check("HotFixID=KB4487017\r\nInstalledBy=X\r\nInstalledOn=2/13/2019\r\n\r\n");
        check("HotFixID    : KB4487017\nInstalledOn : 2/13/2019\n");
        check("Node,Description,HotFixID,InstalledOn\nPC,Security Update,KB4487017,2/13/2019\n");
        check(
            "#TYPE X\n\"PSComputerName\",\"HotFixID\",\"InstalledOn\"\n\"PC\",\"KB4487017\",\"13.02.2019\"\n",
        );
        check(
            "<table><tr><td>HotFixID</td><td>InstalledOn</td></tr><tr><td>KB4487017</td><td>2/13/2019</td></tr></table>",
        );
        check(
            "Source  Description      HotFixID      InstalledBy          InstalledOn\n------  -----------      --------      -----------          -----------\nPC      Security Update  KB4487017     NT AUTHORITY\\SYSTEM  2/13/2019\n",
        );
    }

    #[test]
    fn an_entry_without_a_name_is_counted() {
        let facts = read(
            "HotFixID   Installed\nFile 1     x\nQ147222    x\n943729     x\n{7A068575-C5DB-43D9-BE20-3895D0C69B17}  x\n",
        );
        let list = List {
            stated: None,
            shown: 4,
            unnamed: 2,
        };
        assert!(facts.contains(&Fact::List(list)), "{facts:?}");
    }
}
