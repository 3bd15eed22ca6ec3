//! What the collector writes: sections of lines whose columns are parted by tabs, closed by `[end]`
//! with the number of lines. A section that stands there was looked at, even if it is empty; one
//! that failed stands under `[errors]` instead. A bundle that was cut says so by its end.

use crate::host::{Arch, Fact, FileSeen, List, Pending};
use crate::value::{DayOrder, Kb, Parsed, stamp};

/// The first words of a bundle; the number is the version of its form.
pub(crate) const MARK: &str = "winaudit-bundle";
/// The version that is read.
const VERSION: &str = "1";

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| !line.is_empty()).unwrap_or("");
    if first.trim_start_matches(MARK).trim() != VERSION {
        return Err("the form 1 of bundles");
    }
    let mut section = "";
    let mut facts = Vec::new();
    let mut hotfixes: Option<u32> = None;
    let mut unnamed = 0;
    let (mut count, mut whole) = (0_usize, false);
    for line in lines.take(super::MAX_LINES) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name;
            match name {
                "hotfixes" => hotfixes = Some(0),
                "msi" => facts.push(Fact::MsiSeen),
                "programs" => facts.push(Fact::ProgramsSeen),
                "updatekeys" => facts.push(Fact::UpdateKeysSeen),
                "pending" => facts.push(Fact::PendingSeen),
                "net" => facts.push(Fact::NetSeen),
                _ => {}
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if section == "end" {
            whole = line.parse() == Ok(count);
            continue;
        }
        count += 1;
        let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
        let column = |at: usize| columns.get(at).copied().unwrap_or("");
        if section == "hotfixes" {
            hotfixes = hotfixes.map(|shown| shown + 1);
            unnamed += u32::from(column(0).parse::<Kb>().is_err());
        }
        line_of(section, &column, &mut facts);
    }
    if !whole {
        facts.push(Fact::Note(
            "the bundle is cut: its end is missing or counts other lines".into(),
        ));
    }
    if let Some(shown) = hotfixes {
        let stated = (!whole).then_some(shown + 1);
        facts.push(Fact::List(List {
            stated,
            shown,
            unnamed,
        }));
    }
    Ok(facts)
}

fn line_of<'a>(section: &str, column: &dyn Fn(usize) -> &'a str, facts: &mut Vec<Fact>) {
    let when = |text: &str| stamp(text, DayOrder::Unknown);
    match section {
        "host" => host(column(0), column(1), facts),
        "hotfixes" => facts.extend(column(0).parsed().map(|kb| Fact::Hotfix {
            kb,
            on: when(column(1)),
            security: Some(column(2).contains("Security")),
        })),
        "files" => facts.push(Fact::File(FileSeen {
            path: column(0).to_owned(),
            version: column(1).parsed(),
            modified: when(column(2)),
        })),
        "windowsupdate" => match column(0) {
            "ok" => facts.push(Fact::OfferSeen),
            "failed" => facts.push(Fact::Note(format!(
                "Windows Update gave no answer: {}",
                column(1)
            ))),
            _ => facts.extend(column(1).parsed().map(|kb| Fact::Offered {
                kb,
                title: column(2).to_owned(),
            })),
        },
        "antivirus" => facts.push(Fact::Antivirus {
            product: column(0).to_owned(),
            state: column(1).to_owned(),
            signatures: column(2).to_owned(),
        }),
        "firewall" => facts.push(Fact::Firewall {
            profile: column(0).to_owned(),
            on: column(1) == "1",
        }),
        "pending" => {
            let why = match column(0) {
                "servicing" => Pending::Servicing,
                "windowsupdate" => Pending::WindowsUpdate,
                _ => Pending::FileRename,
            };
            facts.push(Fact::Pending(why, column(1).to_owned()));
        }
        "msi" => facts.extend(column(0).parsed().map(|kb| Fact::MsiPatch {
            kb,
            name: column(1).to_owned(),
        })),
        "programs" => facts.push(Fact::Program {
            name: column(0).to_owned(),
            version: column(1).to_owned(),
        }),
        "updatekeys" => facts.extend(column(0).parsed().map(|kb| Fact::UpdateKey {
            kb,
            path: column(1).to_owned(),
        })),
        "net" => match (column(0), column(1).parse()) {
            ("release", Ok(release)) => {
                facts.extend(super::registry::net_of_release(release).map(Fact::Net));
            }
            ("v3.5", _) => facts.push(Fact::Net([3, 5, 1])),
            _ => {}
        },
        "errors" => facts.push(Fact::Note(format!(
            "the collector could not read {}: {}",
            column(0),
            column(1)
        ))),
        other => facts.push(Fact::Note(format!(
            "the bundle has a section that is not known: {other:?}"
        ))),
    }
}

fn host(key: &str, value: &str, facts: &mut Vec<Fact>) {
    if value.is_empty() {
        return;
    }
    let when = || stamp(value, DayOrder::Unknown);
    match key {
        "name" => facts.push(Fact::Name(value.to_owned())),
        "taken" => facts.extend(when().map(Fact::Taken)),
        "os" => facts.push(Fact::OsName(value.to_owned())),
        "version" => {
            let mut parts = value
                .split('.')
                .filter_map(super::super::value::Parsed::parsed);
            if let (Some(a), Some(b), Some(c)) = (parts.next(), parts.next(), parts.next()) {
                facts.push(Fact::Version([a, b, c]));
            }
        }
        "ubr" => facts.extend(value.parsed().map(Fact::Ubr)),
        "servicepack" => facts.extend(value.parsed().map(Fact::ServicePack)),
        "arch" => facts.extend(match value {
            "AMD64" => Some(Fact::Arch(Arch::X64)),
            "x86" => Some(Fact::Arch(Arch::X86)),
            "ARM64" => Some(Fact::Arch(Arch::Arm64)),
            "IA64" => Some(Fact::Arch(Arch::Ia64)),
            _ => None,
        }),
        "edition" => facts.push(Fact::Edition(value.to_owned())),
        "release" => facts.push(Fact::Release(value.to_owned())),
        "installation" => facts.push(Fact::Installation(value.to_owned())),
        "boot" => facts.extend(when().map(Fact::Boot)),
        "ie" => facts.extend(
            value
                .split('.')
                .next()
                .and_then(super::super::value::Parsed::parsed)
                .map(Fact::Ie),
        ),
        _ => {}
    }
}
