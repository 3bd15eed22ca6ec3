//! `systeminfo` in any language. Two of 49 real files defeat the parser that most people use, by a
//! Spanish and a Russian heading. Headings are not read here: what never changes is the form of the
//! version (`10.0.17134 … 17134`), the brand "Windows", `KB` numbers, the `[01]:` numbering, and the
//! order of the sections, which has been the same since Windows XP.
//!
//! Windows 7 cuts the list of hotfixes at some 245 of them without a word. The number stated before
//! the list is compared with the entries shown: absence from a cut list means nothing.

use crate::host::{Arch, Fact, List};
use crate::value::{DayOrder, entry_kb, stamp};

/// A heading with its value, and the numbered entries below it.
struct Section<'a> {
    value: &'a str,
    entries: Vec<&'a str>,
    /// The list ends in a number without an entry, as the cut list of Windows 7 does.
    torn: bool,
}

pub(crate) fn is_one(text: &str) -> bool {
    lines(text).any(|line| os_version(line).is_some())
}

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let unfolded;
    let text = if text.trim_start().starts_with('"') {
        unfolded = unfold(text).ok_or("a line of values")?;
        unfolded.as_str()
    } else {
        text
    };
    let sections = sections(text);
    let at = sections
        .iter()
        .position(|section| os_version(section.value).is_some());
    let at = at.ok_or("a version such as 6.1.7601 … 7601")?;
    let value = |place: usize| sections.get(place).map_or("", |section| section.value);
    let mut facts = Vec::new();
    if let Some((version, pack)) = os_version(value(at)) {
        facts.push(Fact::Version(version));
        facts.push(Fact::ServicePack(pack));
    }
    let names = at
        .checked_sub(1)
        .map(value)
        .filter(|name| name.contains("Windows"));
    if let Some(name) = names {
        facts.push(Fact::OsName(name.to_owned()));
        let host = at
            .checked_sub(2)
            .map(value)
            .filter(|name| !name.is_empty() && *name != "...");
        facts.extend(host.map(|host| Fact::Name(host.to_owned())));
    }
    facts.extend(
        sections
            .iter()
            .find_map(|section| arch(section.value))
            .map(Fact::Arch),
    );
    boot(text, &sections, at, &mut facts);
    hotfixes(&sections, at, &mut facts);
    Ok(facts)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take(super::MAX_LINES)
}

/// `6.1.7601 Service Pack 1 Build 7601`: the version, and the service pack between it and the build.
fn os_version(value: &str) -> Option<([u32; 3], u8)> {
    let start = value.find(|c: char| c.is_ascii_digit())?;
    let rest = value.get(start..)?;
    let word = rest.split_whitespace().next()?;
    let mut parts = word
        .split('.')
        .map(super::super::value::Parsed::parsed::<u32>);
    let version = [parts.next()??, parts.next()??, parts.next()??];
    let [major, _, build] = version;
    if parts.next().is_some() || !(3..=15).contains(&major) || build < 1_000 {
        return None;
    }
    let numbers = rest.get(word.len()..)?.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u32> = numbers
        .filter_map(super::super::value::Parsed::parsed)
        .collect();
    // The build stands again at the end; what lies between is the service pack.
    numbers.contains(&build).then_some(())?;
    let pack = numbers.iter().find(|&&number| (1..=6).contains(&number));
    Some((
        version,
        pack.map_or(0, |&pack| u8::try_from(pack).unwrap_or(0)),
    ))
}

fn arch(value: &str) -> Option<Arch> {
    let value = value.trim().to_ascii_lowercase();
    let kinds = [
        ("x64", Arch::X64),
        ("x86", Arch::X86),
        ("arm64", Arch::Arm64),
        ("ia64", Arch::Ia64),
        ("itanium", Arch::Ia64),
    ];
    let mut found = kinds.iter().filter(|(name, _)| {
        let rest = value.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['-', ' ']) && !rest.contains("family"))
    });
    found.next().map(|&(_, arch)| arch)
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut all: Vec<Section<'_>> = Vec::new();
    // Entries of entries (addresses of a network card) are indented deeper than the first one.
    let mut depth = 0;
    for line in lines(text) {
        let indent = line.len() - line.trim_start().len();
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        if indent == 0 {
            let value = body
                .split_once([':', '：'])
                .map_or(body, |(_, value)| value)
                .trim();
            // A heading may itself hold a colon: "Virtual Memory: Max Size: 3.199 MB".
            all.push(Section {
                value,
                entries: Vec::new(),
                torn: false,
            });
            depth = 0;
        } else if let (Some(entry), Some(section)) = (entry(body), all.last_mut()) {
            if depth == 0 {
                depth = indent;
            }
            match entry {
                "" if indent <= depth => section.torn = true,
                entry if indent <= depth => section.entries.push(entry),
                _ => {}
            }
        }
    }
    all
}

/// `[01]: text`; empty for a torn `[246]`; `None` for other lines.
fn entry(body: &str) -> Option<&str> {
    let (number, rest) = body
        .strip_prefix('[')?
        .split_once(']')
        .unwrap_or((body, ""));
    let number = number.trim_start_matches('[');
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start().strip_prefix([':', '：']);
    Some(rest.map_or("", str::trim))
}

/// The section of hotfixes: the one whose entries name a KB; else, by order, the one before the
/// last numbered section, which is the network cards.
fn hotfixes(sections: &[Section<'_>], at: usize, facts: &mut Vec<Fact>) {
    let after = sections.get(at..).unwrap_or(&[]);
    let named = |section: &&Section<'_>| {
        section
            .entries
            .iter()
            .any(|entry| entry_kb(entry).is_some() || entry.starts_with("File "))
    };
    let found = after.iter().find(named).or_else(|| {
        let cards = after
            .iter()
            .rposition(|section| !section.entries.is_empty())?;
        // Processors are numbered too and stand first; what follows them is not the list.
        let before = after
            .iter()
            .filter(|section| !section.entries.is_empty())
            .count();
        (before > 1)
            .then(|| after.get(cards.checked_sub(1)?))
            .flatten()
    });
    let Some(section) = found else {
        facts.push(Fact::Note("systeminfo shows no list of hotfixes".into()));
        return;
    };
    let mut digits = section.value.split(|c: char| !c.is_ascii_digit());
    let stated = digits.find_map(super::super::value::Parsed::parsed::<u32>);
    let shown = u32::try_from(section.entries.len()).unwrap_or(u32::MAX);
    let mut unnamed = 0;
    for entry in &section.entries {
        match entry_kb(entry) {
            Some(kb) => facts.push(Fact::Hotfix {
                kb,
                on: None,
                security: None,
            }),
            None => unnamed += 1,
        }
    }
    let stated = if section.torn {
        Some(stated.unwrap_or(0).max(shown + 1))
    } else {
        stated
    };
    facts.push(Fact::List(List {
        stated,
        shown,
        unnamed,
    }));
}

/// Install date and start follow the product id; on XP the second is an uptime and no date.
fn boot(text: &str, sections: &[Section<'_>], at: usize, facts: &mut Vec<Fact>) {
    let after = sections.get(at..).unwrap_or(&[]);
    let id = after.iter().position(|section| {
        let mut parts = section.value.split('-').map(str::len);
        parts.next() == Some(5) && (3..=4).contains(&parts.count())
    });
    let candidate = id
        .and_then(|id| after.get(id + 2))
        .map(|section| section.value);
    let Some(value) = candidate
        .filter(|value| value.contains(':') && value.contains(|c: char| c.is_ascii_digit()))
    else {
        return;
    };
    match stamp(value, DayOrder::of(text)) {
        Some(boot) => facts.push(Fact::Boot(boot)),
        None => facts.push(Fact::Note(format!(
            "the start {value:?} could be two different days"
        ))),
    }
}

/// `/fo csv`: a line of headings and a line of values, back into the form of a list.
fn unfold(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (heads, values) = (
        super::fields(lines.next()?, ','),
        super::fields(lines.next()?, ','),
    );
    let mut out = String::new();
    for (head, value) in heads.iter().zip(&values) {
        out.push_str(head);
        out.push_str(": ");
        out.push_str(&value.replace(",[", "\n    ["));
        out.push('\n');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_itself_in_any_language() {
        assert_eq!(
            os_version("10.0.17134 N/A Build 17134"),
            Some(([10, 0, 17134], 0))
        );
        assert_eq!(
            os_version("6.1.7601 Service Pack 1 version 7601"),
            Some(([6, 1, 7601], 1))
        );
        assert_eq!(
            os_version("6.3.9600 Н/Д построение 9600"),
            Some(([6, 3, 9600], 0))
        );
        assert_eq!(
            os_version("10.0.17134 暂缺 Build 17134"),
            Some(([10, 0, 17134], 0))
        );
        assert_eq!(os_version("VMware, Inc. 1.6.1, 12/6/2017"), None);
        assert_eq!(os_version("Phoenix Technologies LTD 6.00, 13-4-2018"), None);
    }

    #[test]
    fn a_list_that_is_cut_is_told() {
        let text = "\nNombre: PC1\nNombre del SO: Microsoft Windows 7 Enterprise\nVersión: 6.1.7601 Service Pack 1 Compilación 7601\nProcesador: 1\n    [01]: x\nRevisiones: 3 revisiones\n    [01]: KB111111\n    [02]: KB222222\n    [03]\nTarjetas: 1\n    [01]: y\n";
        let facts = read(text).unwrap();
        let list = List {
            stated: Some(3),
            shown: 2,
            unnamed: 0,
        };
        assert!(
            facts.contains(&Fact::List(list)) && !list.is_complete(),
            "{facts:?}"
        );
        assert!(facts.contains(&Fact::Name("PC1".into())));
    }

    #[test]
    fn no_hotfix_is_a_whole_list() {
        let text = "A: PC1\nB: Microsoft Windows 10 Pro\nC: 10.0.17134 N/A Build 17134\nP: 1\n    [01]: x\nFixes: N/A\nCards: 1\n    [01]: y\n        [01]: 10.0.0.1\n";
        let list = List {
            stated: None,
            shown: 0,
            unnamed: 0,
        };
        assert!(read(text).unwrap().contains(&Fact::List(list)));
    }
}
