//! `reg export`: the parts of the registry that know what is installed. It is the only file here
//! that sees Office (patches of Windows Installer are in no list of hotfixes) and the revision of
//! the build. Keys are matched by their end, so an export of a mounted hive reads the same.

use std::collections::BTreeMap;

use crate::host::{Arch, Fact, List, NetVersion, Pending};
use crate::value::{Parsed, kbs_in};

/// States of a servicing package that mean it is there: installed, permanent, or superseded by a
/// newer one that is there.
const PRESENT: [u32; 3] = [0x70, 0x80, 0x50];
/// State of a package that a restart will install.
const PENDING: u32 = 0x60;

/// Values of one key, by their name in lower case.
type Values = BTreeMap<String, Value>;

enum Value {
    Text(String),
    Number(u32),
    Other(Vec<u8>),
}

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let mut facts = Vec::new();
    let mut packages = List {
        stated: None,
        shown: 0,
        unnamed: 0,
    };
    let mut saw_packages = false;
    for (key, values) in keys(text) {
        let path = key.to_ascii_lowercase();
        let path = path.as_str();
        if path.ends_with("\\windows nt\\currentversion") {
            current_version(&values, &mut facts);
        } else if path.contains("\\component based servicing\\packages") {
            saw_packages = true;
            package(&key, &values, &mut packages, &mut facts);
        } else if path.contains("\\installer\\") && path.contains("\\patches") {
            facts.push(Fact::MsiSeen);
            msi(&values, &mut facts);
        } else if path.contains("\\uninstall\\") {
            uninstall(&values, &mut facts);
        } else if path.contains("\\software\\microsoft\\updates") {
            facts.push(Fact::UpdateKeysSeen);
            if let Some(kb) = kbs_in(&key).next() {
                facts.push(Fact::UpdateKey {
                    kb,
                    path: key.clone(),
                });
            }
        } else {
            other(path, &values, &mut facts);
        }
    }
    if saw_packages {
        facts.push(Fact::List(packages));
    }
    if facts.is_empty() {
        return Err("a key that tells of updates, programs or the system");
    }
    Ok(facts)
}

/// Keys with their values, in order.
fn keys(text: &str) -> Vec<(String, Values)> {
    let mut all: Vec<(String, Values)> = Vec::new();
    let mut joined = String::new();
    for line in text.lines().take(super::MAX_LINES) {
        let line = line.trim_end();
        if let Some(part) = line
            .strip_suffix('\\')
            .filter(|part| part.ends_with(',') || !joined.is_empty())
        {
            joined.push_str(part.trim_start());
            continue;
        }
        joined.push_str(if joined.is_empty() {
            line
        } else {
            line.trim_start()
        });
        let whole = std::mem::take(&mut joined);
        if let Some(key) = whole
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            all.push((key.to_owned(), Values::new()));
        } else if let (Some((name, value)), Some((_, values))) = (pair(&whole), all.last_mut()) {
            values.insert(name, value);
        }
    }
    all
}

fn pair(line: &str) -> Option<(String, Value)> {
    let (name, rest) = if let Some(rest) = line.strip_prefix("@=") {
        (String::new(), rest)
    } else {
        let (name, rest) = quoted(line)?;
        (name.to_ascii_lowercase(), rest.strip_prefix('=')?)
    };
    let value = if rest.starts_with('"') {
        Value::Text(quoted(rest)?.0)
    } else if let Some(hex) = rest.strip_prefix("dword:") {
        // ok: a line that is no number is no value.
        Value::Number(u32::from_str_radix(hex.trim(), 16).ok()?)
    } else {
        let bytes = rest.split_once(':')?.1.split(',');
        // ok: what is no byte is left out; only names are read from these.
        let byte = |byte: &str| u8::from_str_radix(byte.trim(), 16).ok();
        Value::Other(bytes.filter_map(byte).collect())
    };
    Some((name, value))
}

/// A quoted text at the start, unescaped, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            '"' => return Some((out, inner.get(at + 1..)?)),
            c => out.push(c),
        }
    }
    None
}

fn text<'a>(values: &'a Values, name: &str) -> Option<&'a str> {
    match values.get(name)? {
        Value::Text(text) => Some(text.as_str()),
        Value::Number(_) | Value::Other(_) => None,
    }
}

fn number(values: &Values, name: &str) -> Option<u32> {
    match values.get(name)? {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.parsed(),
        Value::Other(_) => None,
    }
}

fn current_version(values: &Values, facts: &mut Vec<Fact>) {
    let build = number(values, "currentbuild").or_else(|| number(values, "currentbuildnumber"));
    let dotted = text(values, "currentversion").and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parsed()?, minor.parsed()?))
    });
    // Since Windows 10 the dotted version says 6.3 and the two numbers beside it the truth.
    let major = number(values, "currentmajorversionnumber")
        .zip(number(values, "currentminorversionnumber"));
    if let (Some(build), Some((major, minor))) = (build, major.or(dotted)) {
        facts.push(Fact::Version([major, minor, build]));
    }
    facts.extend(number(values, "ubr").map(Fact::Ubr));
    // Windows 11 still calls itself "Windows 10" here; the build tells them apart.
    facts.extend(text(values, "productname").map(|name| Fact::OsName(name.to_owned())));
    facts.extend(text(values, "editionid").map(|edition| Fact::Edition(edition.to_owned())));
    facts.extend(text(values, "installationtype").map(|kind| Fact::Installation(kind.to_owned())));
    let release = text(values, "displayversion").or_else(|| text(values, "releaseid"));
    facts.extend(release.map(|release| Fact::Release(release.to_owned())));
    if build.is_some() {
        let pack = text(values, "csdversion").unwrap_or("");
        let digits: String = pack.chars().filter(char::is_ascii_digit).take(2).collect();
        facts.push(Fact::ServicePack(digits.parse().unwrap_or(0)));
    }
    if let Some(lab) = text(values, "buildlabex") {
        let arch = [
            (".amd64", Arch::X64),
            (".x86", Arch::X86),
            (".arm64", Arch::Arm64),
            (".ia64", Arch::Ia64),
        ];
        facts.extend(
            arch.into_iter()
                .find(|(mark, _)| lab.contains(mark))
                .map(|(_, arch)| Fact::Arch(arch)),
        );
    }
}

fn package(key: &str, values: &Values, list: &mut List, facts: &mut Vec<Fact>) {
    let Some(name) = key.rsplit('\\').next() else {
        return;
    };
    let state = number(values, "currentstate").unwrap_or(0);
    if state == PENDING {
        facts.push(Fact::Pending(Pending::Servicing, name.to_owned()));
        return;
    }
    if !PRESENT.contains(&state) {
        return;
    }
    if let Some(kb) = super::package_kb(name) {
        list.shown += 1;
        facts.push(Fact::Hotfix {
            kb,
            on: None,
            security: None,
        });
    }
    facts.extend(super::rollup_revision(name).map(Fact::Ubr));
}

fn msi(values: &Values, facts: &mut Vec<Fact>) {
    let Some(name) = text(values, "displayname") else {
        return;
    };
    facts.extend(kbs_in(name).next().map(|kb| Fact::MsiPatch {
        kb,
        name: name.to_owned(),
    }));
}

fn uninstall(values: &Values, facts: &mut Vec<Fact>) {
    facts.push(Fact::ProgramsSeen);
    let Some(name) = text(values, "displayname") else {
        return;
    };
    // Entries of patches name their KB, and what they patch is another entry.
    if let Some(kb) = kbs_in(name).next() {
        facts.push(Fact::MsiPatch {
            kb,
            name: name.to_owned(),
        });
        return;
    }
    let version = text(values, "displayversion").unwrap_or("").to_owned();
    facts.push(Fact::Program {
        name: name.to_owned(),
        version,
    });
}

fn other(path: &str, values: &Values, facts: &mut Vec<Fact>) {
    if path.ends_with("\\control\\computername\\computername") {
        facts.extend(text(values, "computername").map(|name| Fact::Name(name.to_owned())));
    } else if path.contains("\\component based servicing\\rebootpending") {
        facts.push(Fact::Pending(Pending::Servicing, "RebootPending".into()));
    } else if path.contains("\\windowsupdate\\auto update") {
        facts.push(Fact::PendingSeen);
        if path.contains("\\rebootrequired") {
            facts.push(Fact::Pending(
                Pending::WindowsUpdate,
                "RebootRequired".into(),
            ));
        }
    } else if path.ends_with("\\control\\session manager") {
        facts.push(Fact::PendingSeen);
        if let Some(Value::Other(bytes)) = values.get("pendingfilerenameoperations") {
            let units = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let names: String = char::decode_utf16(units)
                .map(|c| c.unwrap_or('?'))
                .collect();
            facts.push(Fact::Pending(
                Pending::FileRename,
                names.replace('\0', " ").trim().to_owned(),
            ));
        }
    } else if path.ends_with("\\net framework setup\\ndp\\v4\\full") {
        facts.push(Fact::NetSeen);
        facts.extend(
            number(values, "release")
                .and_then(net_of_release)
                .map(Fact::Net),
        );
    } else if path.ends_with("\\net framework setup\\ndp\\v3.5") {
        facts.push(Fact::NetSeen);
        facts.extend((number(values, "install") == Some(1)).then_some(Fact::Net([3, 5, 1])));
    } else if path.ends_with("\\microsoft\\internet explorer") {
        let version = text(values, "svcversion").or_else(|| text(values, "version"));
        let major = version.and_then(|version| version.split('.').next()?.parsed());
        facts.extend(major.map(Fact::Ie));
    }
}

/// Microsoft's table of `Release` numbers ("Determine which .NET Framework versions are installed").
pub(crate) fn net_of_release(release: u32) -> Option<NetVersion> {
    let table = [
        (533_320, [4, 8, 1]),
        (528_040, [4, 8, 0]),
        (461_808, [4, 7, 2]),
        (461_308, [4, 7, 1]),
        (460_798, [4, 7, 0]),
        (394_802, [4, 6, 2]),
        (394_254, [4, 6, 1]),
        (393_295, [4, 6, 0]),
        (379_893, [4, 5, 2]),
        (378_675, [4, 5, 1]),
        (378_389, [4, 5, 0]),
    ];
    table
        .into_iter()
        .find(|&(least, _)| release >= least)
        .map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Kb;

    #[test]
    fn what_an_export_says() {
        let text = r#"Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]
"CurrentVersion"="6.3"
"CurrentBuild"="17134"
"CurrentMajorVersionNumber"=dword:0000000a
"CurrentMinorVersionNumber"=dword:00000000
"UBR"=dword:0000024e
"ProductName"="Windows 10 Pro"

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB4487038~31bf3856ad364e35~amd64~~10.0.1.0]
"CurrentState"=dword:00000070

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB4485449~31bf3856ad364e35~amd64~~17134.580.1.0]
"CurrentState"=dword:00000060

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\0001\Patches\0002]
"DisplayName"="Security Update for Microsoft Word 2016 (KB4461543) 64-Bit Edition"
"State"=dword:00000001

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full]
"Release"=dword:00070bf6

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):5c,00,61,00,\
  00,00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Updates\Windows XP\SP2\KB835732\Filelist\0]
"FileName"="lsasrv.dll"
"#;
        let facts = read(text).unwrap();
        let has = |fact: Fact| assert!(facts.contains(&fact), "{fact:?} not in {facts:#?}");
        has(Fact::Version([10, 0, 17134]));
        has(Fact::Ubr(590));
        has(Fact::Hotfix {
            kb: Kb(4_487_038),
            on: None,
            security: None,
        });
        has(Fact::Net([4, 7, 2]));
        has(Fact::Pending(Pending::FileRename, "\\a".into()));
        has(Fact::MsiSeen);
        assert!(facts.iter().any(|fact| matches!(
            fact,
            Fact::UpdateKey {
                kb: Kb(835_732),
                ..
            }
        )));
        assert!(facts.iter().any(|fact| matches!(
            fact,
            Fact::MsiPatch {
                kb: Kb(4_461_543),
                ..
            }
        )));
        assert!(!facts.iter().any(|fact| matches!(
            fact,
            Fact::Hotfix {
                kb: Kb(4_485_449),
                ..
            }
        )));
    }
}
