//! `cordon patch audit --deployer`: the deployer's word against what the hosts say.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{Ran, cordon, folder};

const XP: &str = "Microsoft Windows XP Professional";

/// A host of 2004 with the updates that it lists, and what Windows Update would still offer it.
fn windows(folder: &Path, name: &str, hotfixes: &[&str]) {
    let host = folder.join(name);
    fs::create_dir_all(&host).unwrap();
    let mut text = format!(
        "Host Name:                 {name}\r\nOS Name:                   {XP}\r\n\
         OS Version:                5.1.2600 Service Pack 1 Build 2600\r\n\
         OS Manufacturer:           Microsoft Corporation\r\n\
         System Boot Time:          2004-05-02, 08:00:00\r\nSystem type:               X86-based PC\r\n\
         Hotfix(s):                 {} Hotfix(s) Installed.\r\n",
        hotfixes.len()
    );
    for (at, hotfix) in hotfixes.iter().enumerate() {
        let line = format!("                           [{:02}]: {hotfix}\r\n", at + 1);
        text.push_str(&line);
    }
    fs::write(host.join("systeminfo.txt"), text).unwrap();
}

fn files(host: &Path, version: &str) {
    let list = format!(
        "\"Path\",\"FileVersion\"\r\n\"C:\\WINDOWS\\system32\\lsasrv.dll\",\"{version}\"\r\n"
    );
    fs::write(host.join("files.csv"), list).unwrap();
}

fn audit(args: &[&Path]) -> Ran {
    let words = ["patch", "audit", "--json", "--all"].map(Into::into);
    let args = args.iter().map(|arg| arg.as_os_str().to_owned());
    cordon(words.into_iter().chain(args))
}

#[track_caller]
fn row(ran: &Ran, host: &str, package: &str) -> Value {
    let rows = ran.lines().into_iter();
    let mut found: Vec<Value> = rows
        .filter(|row| row["host"] == host && row["package"] == package)
        .collect();
    assert_eq!(found.len(), 1, "{host} {package}: {}\n{}", ran.out, ran.err);
    found.remove(0)
}

/// The state of a row, and why.
#[track_caller]
fn told(ran: &Ran, host: &str, package: &str) -> (String, String) {
    let row = row(ran, host, package);
    let text = |name: &str| row[name].as_str().unwrap_or("").to_owned();
    (text("state"), text("reason"))
}

/// What the deployment tool says of them.
const EXPORT: &str = "Computer Name,KB,Status,Last Status Report\n\
        old.example.org,835732,Installed,2026-11-20\n\
        good.example.org,835732,Installed,2026-11-20\n\
        unseen.example.org,KB835732,Installed,2026-11-20\n\
        EXAMPLE\\FAILED,835732,Failed,2026-11-20\n\
        waits,835732,InstalledPendingReboot,2026-11-20\n\
        strange,835732,Frobnicated,2026-11-20\n\
        nowhere.example.org,835732,Installed,2026-11-20\n\
        old.example.org,999999,Installed,2026-11-20\n\
        ,835732,Installed,2026-11-20\n";

/// What is said at the end.
const TOLD: [&str; 5] = [
    "wsus.csv: the word of WSUS: 10 rows: 8 on updates, 0 on hosts, 1 not understood, 1 of headings",
    "row 10: it names no host: 835732 | Installed",
    "not in any list that was given: unsaid",
    "that answered (7 of 8 hosts)",
    "wsus.csv: 6 of 8 words held against a row",
];

/// Hosts with one file each, in the version that is asked for or an older one.
fn fleet(hosts: &Path) {
    for (name, version) in [
        ("old", Some("5.1.2600.1106")),
        ("good", Some("5.1.2600.1361")),
        ("unseen", None),
        ("failed", Some("5.1.2600.1106")),
        ("waits", Some("5.1.2600.1106")),
        ("unsaid", Some("5.1.2600.1106")),
        ("strange", None),
    ] {
        windows(hosts, name, &["KB111111"]);
        if let Some(version) = version {
            files(&hosts.join(name), version);
        }
    }
}

/// The administrator asks for a file of a version, which each host answers with what it has on its disk; the
/// deployer speaks of the update of that row.
#[test]
fn a_word_is_contradicted_named_or_told_and_makes_nothing_proven() {
    let dir = folder("deployer-words");
    let hosts = dir.join("hosts");
    fleet(&hosts);
    let sheet = dir.join("patches.csv");
    let rows = "File;Version;KB;Applies to\nlsasrv.dll;5.1.2600.1361;835732;Windows XP\n";
    fs::write(&sheet, rows).unwrap();
    let export = dir.join("wsus.csv");
    fs::write(&export, EXPORT).unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
        "--deployer".as_ref(),
        &export,
    ]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let check = |host: &str, state: &str, why: &str| {
        let (got, reason) = told(&ran, host, "lsasrv.dll");
        assert_eq!(got, state, "{host}: {reason}");
        assert!(reason.contains(why), "{host}: {reason}");
    };
    check(
        "old",
        "contradicted",
        "wsus.csv row 2 says installed, the host says no",
    );
    check("good", "proven", "");
    assert_eq!(row(&ran, "good", "lsasrv.dll")["reason"], Value::Null);
    check(
        "unseen",
        "unknown",
        "no list of files of this host has it with a version; wsus.csv row 4 says installed, which is a word and no evidence",
    );
    check("failed", "missing", "wsus.csv row 5 says failed");
    check(
        "waits",
        "missing",
        "wsus.csv row 6 says installed, a restart is pending",
    );
    check("unsaid", "missing", "");
    check(
        "strange",
        "unknown",
        "wsus.csv row 7 says unknown (`Frobnicated`)",
    );
    // Its hosts are among those that should have answered.
    let (state, why) = told(&ran, "nowhere", "inventory");
    assert_eq!(
        (state.as_str(), why.as_str()),
        (
            "unknown",
            "wsus.csv names it, and no inventory of it was given"
        )
    );
    for line in TOLD {
        assert!(ran.err.contains(line), "no `{line}` in {}", ran.err);
    }
    assert!(ran.err.contains("1 contradicted"), "{}", ran.err);
}

/// Nobody asks for it, and the host itself says that it is not there.
#[test]
fn windows_update_contradicts_a_word_that_no_sheet_asks_for() {
    let dir = folder("deployer-offered");
    let hosts = dir.join("hosts");
    windows(&hosts, "pc1", &["KB5034763", "KB111111"]);
    fs::write(
        hosts.join("pc1/updates.txt"),
        "KB5035845: 2024-03 Cumulative Update\r\n",
    )
    .unwrap();
    let export = dir.join("sccm.csv");
    let text = "Machine Name,ArticleID,StateName\nPC1,5034763,Update is installed\n\
                PC1,5035845,Update is installed\nPC1,5036892,Update is installed\n";
    fs::write(&export, text).unwrap();
    let sheet = dir.join("sheet.csv");
    fs::write(&sheet, "KB\n111111\n").unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
        "--deployer".as_ref(),
        &export,
    ]);
    assert_eq!(told(&ran, "pc1", "KB5034763").0, "proven");
    let (state, why) = told(&ran, "pc1", "KB5035845");
    assert_eq!(
        (state.as_str(), why.as_str()),
        (
            "contradicted",
            "sccm.csv row 3 says installed, the host says no"
        )
    );
    // That no list names it proves nothing: no row, and counted.
    assert!(!ran.out.contains("5036892"), "{}", ran.out);
    assert!(
        ran.err.contains("sccm.csv: 2 of 3 words held"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("the word of Configuration Manager"),
        "{}",
        ran.err
    );
}

#[test]
fn hosts_alone_are_the_denominator_and_old_contacts_are_told() {
    let dir = folder("deployer-hosts");
    let hosts = dir.join("hosts");
    windows(&hosts, "laptop-1", &["KB111111"]);
    let export = dir.join("devices.csv");
    let text = "Device name,Primary user UPN,OS version,Last check-in\n\
                LAPTOP-1,u@example.org,10.0.19045.4046,2999-01-01T00:00:00Z\n\
                LAPTOP-2,u@example.org,10.0.19045.4046,2020-01-01T00:00:00Z\n";
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    fs::write(&export, utf16).unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--deployer".as_ref(),
        &export,
    ]);
    assert_eq!(told(&ran, "laptop-2", "inventory").0, "unknown");
    for line in [
        "the word of Intune: 3 rows: 0 on updates, 2 on hosts",
        "(1 of 2 hosts)",
        "no contact for more than 10 days: LAPTOP-2",
    ] {
        assert!(ran.err.contains(line), "no `{line}` in {}", ran.err);
    }
}

#[test]
fn what_is_no_export_is_refused_with_its_name() {
    let dir = folder("deployer-bad");
    windows(&dir.join("hosts"), "pc1", &["KB111111"]);
    let letter = dir.join("letter.csv");
    fs::write(&letter, "Dear all,\nall is well.\n").unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &dir.join("hosts"),
        "--deployer".as_ref(),
        &letter,
    ]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.err.contains("error[E0209]") && ran.err.contains("letter.csv"),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, "");
}
