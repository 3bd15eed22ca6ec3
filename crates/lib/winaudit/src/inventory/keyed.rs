//! `Get-ComputerInfo`: `Key : value`, keys never translated. It is the one common command that says
//! the revision of the build, without which a cumulative update can be named and not proven.

use crate::host::{Arch, Fact, List};
use crate::value::{DayOrder, Parsed, kbs_in, stamp};

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let mut facts = Vec::new();
    let mut hotfixes = String::new();
    let mut in_hotfixes = false;
    for line in text.lines().take(super::MAX_LINES) {
        match line.split_once(" :").or_else(|| line.split_once(':')) {
            Some((key, value)) if !key.starts_with(' ') => {
                in_hotfixes = key.trim() == "OsHotFixes";
                if in_hotfixes {
                    hotfixes.push_str(value);
                } else {
                    pair(key.trim(), value.trim(), text, &mut facts);
                }
            }
            _ if in_hotfixes => hotfixes.push_str(line.trim()),
            _ => {}
        }
    }
    if facts.is_empty() {
        return Err("a version, a name or a build");
    }
    if !hotfixes.trim().is_empty() {
        let all = kbs_in(&hotfixes).map(|kb| Fact::Hotfix {
            kb,
            on: None,
            security: None,
        });
        let before = facts.len();
        facts.extend(all);
        let shown = u32::try_from(facts.len() - before).unwrap_or(u32::MAX);
        // PowerShell shows four and three dots.
        let cut = hotfixes.contains("...") || hotfixes.contains('…');
        let stated = cut.then(|| shown.saturating_add(1));
        facts.push(Fact::List(List {
            stated,
            shown,
            unnamed: 0,
        }));
    }
    Ok(facts)
}

fn pair(key: &str, value: &str, text: &str, facts: &mut Vec<Fact>) {
    if value.is_empty() {
        return;
    }
    match key {
        "CsName" | "CsDNSHostName" => facts.push(Fact::Name(value.to_owned())),
        "OsName" => facts.push(Fact::OsName(value.to_owned())),
        "OsVersion" => {
            let mut parts = value
                .split('.')
                .filter_map(super::super::value::Parsed::parsed);
            if let (Some(a), Some(b), Some(c)) = (parts.next(), parts.next(), parts.next()) {
                facts.push(Fact::Version([a, b, c]));
            }
        }
        "WindowsUBR" | "OsUBR" => facts.extend(value.parsed().map(Fact::Ubr)),
        "OsServicePackMajorVersion" => facts.extend(value.parsed().map(Fact::ServicePack)),
        "WindowsInstallationType" => facts.push(Fact::Installation(value.to_owned())),
        "WindowsEditionId" => facts.push(Fact::Edition(value.to_owned())),
        "OSDisplayVersion" | "WindowsVersion" => facts.push(Fact::Release(value.to_owned())),
        "CsSystemType" | "OsArchitecture" => {
            let value = value.to_ascii_lowercase();
            let arch = if value.contains("arm") {
                Arch::Arm64
            } else if value.contains("64") {
                Arch::X64
            } else {
                Arch::X86
            };
            facts.push(Fact::Arch(arch));
        }
        "OsLastBootUpTime" => facts.extend(stamp(value, DayOrder::of(text)).map(Fact::Boot)),
        _ => {}
    }
}
