//! The auditor from folders to facts: what it says, when it says it again, and when it is quiet.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use cordon_model::{Asked, Fact, Policy, Seen, Sensed, Span, Time, Watched};

use super::Auditor;

const DAY: &str = "2026-11-25T12:00:00Z";

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

struct Office {
    dir: PathBuf,
    auditor: Auditor,
}

/// An Alma host by its `rpm -qa`.
fn alma(dir: &Path, name: &str, openssl: &str) {
    let host = dir.join("inventories").join(name);
    fs::create_dir_all(&host).unwrap();
    fs::write(
        host.join("os-release"),
        "ID=\"almalinux\"\nNAME=A\nVERSION_ID=\"8.9\"\n",
    )
    .unwrap();
    let row = |name: &str, version: &str| {
        format!("{name}\t1\t{version}\t1.el8\tx86_64\t{name}-{version}-1.el8.src.rpm\t(none)\t1\n")
    };
    let mut text = row("openssl", openssl);
    for number in 0..9 {
        text += &row(&format!("filler{number}"), "1.0");
    }
    fs::write(host.join("rpm-qa.txt"), text).unwrap();
}

fn advise(dir: &Path, fixed: &str, name: &str) {
    let folder = dir.join("advisories");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        r#"{{"id":"{name}","modified":"2026-11-25T00:00:00Z","affected":[{{"package":{{"ecosystem":"AlmaLinux:8",
        "name":"openssl"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    );
    fs::write(folder.join(format!("{name}.json")), text).unwrap();
}

impl Office {
    fn new(name: &str, more: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("cordon-auditor-{name}-{}", std::process::id()));
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::create_dir_all(&dir).unwrap();
        alma(&dir, "web1", "1.1.1g");
        alma(&dir, "web2", "1.1.1k");
        advise(&dir, "1:1.1.1k-1.el8", "ALSA-1");
        let text = format!(
            "[[patch.inventory]]\nname = \"inventories\"\npath = \"{0}/inventories\"\n\
             [[patch.advisories]]\nname = \"alma\"\npath = \"{0}/advisories\"\n{more}",
            dir.display()
        )
        .replace("DIR", &dir.display().to_string());
        let mut auditor = Auditor::new("hub".into(), dir.join("fetched"), []);
        auditor.obey(&Policy::new(&text, 1), Span::days(7));
        Self { dir, auditor }
    }

    /// A cycle long after everything was written.
    fn cycle(&mut self, now: &str) -> Vec<Sensed> {
        let mut said = Vec::new();
        let flow = self.auditor.cycle(at(now), &mut |all| {
            said.extend(all);
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        said
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir)); // because a folder that stays in /tmp is no failure
    }
}

fn rows(said: &[Sensed]) -> Vec<(String, String, bool)> {
    let row = |sensed: &Sensed| match &sensed.fact {
        Fact::Audited(row) => Some((
            sensed.host.to_string(),
            format!("{} {}", row.requirement, row.package),
            matches!(row.seen, Seen::Ladder(_)),
        )),
        _ => None,
    };
    said.iter().filter_map(row).collect()
}

fn closings(said: &[Sensed]) -> Vec<(String, Option<String>)> {
    let closing = |sensed: &Sensed| match &sensed.fact {
        Fact::Inventoried(inventory) => Some((
            sensed.host.to_string(),
            inventory.trouble.as_ref().map(ToString::to_string),
        )),
        _ => None,
    };
    said.iter().filter_map(closing).collect()
}

fn of(host: &str, row: &str, open: bool) -> (String, String, bool) {
    (host.to_owned(), row.to_owned(), open)
}

#[test]
fn only_what_changed_is_said() {
    let mut office = Office::new("changes", "");
    let first = office.cycle(DAY);
    assert_eq!(rows(&first), [of("web1", "openssl openssl:x86_64", true)]);
    assert_eq!(closings(&first).len(), 2);
    let seen = first.iter().any(|sensed| {
        matches!(&sensed.fact, Fact::Pulse { of: Watched::Feed(name), seen: 1, .. } if name.as_str() == "alma")
    });
    assert!(seen, "{first:?}");

    let again = office.cycle("2026-11-25T12:00:10Z");
    assert_eq!((rows(&again), closings(&again)), (Vec::new(), Vec::new()));

    // A host is mended: its row is settled, the other host says nothing.
    alma(&office.dir, "web1", "1.1.1k");
    let mended = office.cycle("2026-11-26T12:00:20Z");
    assert_eq!(rows(&mended), [of("web1", "openssl openssl:x86_64", false)]);

    // A new advisory: both are exposed, without anybody having sent anything.
    advise(&office.dir, "1:3.0.7-1.el8", "ALSA-2");
    let exposed = office.cycle("2026-11-26T12:00:30Z");
    assert_eq!(
        rows(&exposed),
        [
            of("web1", "openssl openssl:x86_64", true),
            of("web2", "openssl openssl:x86_64", true)
        ]
    );
    // A host that is gone from everywhere is taken back.
    fs::remove_dir_all(office.dir.join("inventories/web2")).unwrap();
    let gone = office.cycle("2026-11-26T12:00:40Z");
    let empty = gone.iter().filter(|sensed| {
        matches!(&sensed.fact, Fact::Inventoried(inventory) if inventory.from.as_str().is_empty())
    });
    assert_eq!(
        empty.map(|sensed| sensed.host.as_str()).collect::<Vec<_>>(),
        ["web2"]
    );
}

#[test]
fn a_bundle_that_does_not_come_is_told_and_so_is_a_host_that_never_came() {
    let list = "[[patch.expect]]\nname = \"ad\"\npath = \"DIR/ad.csv\"\n";
    let mut office = Office::new("late", list);
    fs::write(
        office.dir.join("ad.csv"),
        "Name,OU\nWEB1.example.org,x\npc9,y\n",
    )
    .unwrap();
    let first = closings(&office.cycle(DAY));
    let never = first.iter().find(|(host, _)| host == "pc9").unwrap();
    assert!(
        never.1.as_ref().unwrap().contains("ad names it"),
        "{never:?}"
    );
    assert!(
        first
            .iter()
            .all(|(host, trouble)| host == "pc9" || trouble.is_none()),
        "{first:?}"
    );
    // Twice the day in which one is due goes by.
    let late = closings(&office.cycle("2030-01-01T00:00:00Z"));
    let told = late.iter().filter(|(_, trouble)| {
        trouble
            .as_ref()
            .is_some_and(|why| why.contains("one is due every 1 day"))
    });
    assert_eq!(told.count(), 2, "{late:?}");
}

/// 2004 in one test: the deployment tool says that all was well.
#[test]
fn a_deployers_word_is_held_against_the_hosts_and_its_hosts_must_answer() {
    let more = "[[patch.deployer]]\nname = \"wsus\"\npath = \"DIR/wsus.csv\"\n\
                [[patch.baseline]]\nname = \"sheet\"\npath = \"DIR/soll.csv\"\n";
    let mut office = Office::new("word", more);
    let sheet = "Bulletin;File;Version\nMS04-011 (835732);lsasrv.dll;5.1.2600.1361\n";
    fs::write(office.dir.join("soll.csv"), sheet).unwrap();
    let host = office.dir.join("inventories/ws1");
    fs::create_dir_all(&host).unwrap();
    let systeminfo = "Host Name:                 ws1\r\nOS Name:                   Microsoft Windows XP Professional\r\n\
                      OS Version:                5.1.2600 Service Pack 1 Build 2600\r\n\
                      OS Manufacturer:           Microsoft Corporation\r\nSystem type:               X86-based PC\r\n\
                      Hotfix(s):                 1 Hotfix(s) Installed.\r\n                           [01]: KB111111\r\n";
    fs::write(host.join("systeminfo.txt"), systeminfo).unwrap();
    let files =
        "\"Path\",\"FileVersion\"\r\n\"C:\\WINDOWS\\system32\\lsasrv.dll\",\"5.1.2600.1106\"\r\n";
    fs::write(host.join("files.csv"), files).unwrap();
    let export = "Computer Name,Update,Status\nws1,KB835732,Installed\nws7,KB835732,Installed\n";
    fs::write(office.dir.join("wsus.csv"), export).unwrap();
    let said = office.cycle(DAY);
    let contradicted = said.iter().any(|sensed| {
        let Fact::Audited(row) = &sensed.fact else {
            return false;
        };
        let Seen::Ladder(ladder) = &row.seen else {
            return false;
        };
        sensed.host.as_str() == "ws1"
            && row.asked == Asked::Baseline
            && cordon_patch::stand(ladder, row.needs).word() == "contradicted"
    });
    assert!(contradicted, "{said:?}");
    let silent = closings(&said);
    assert!(
        silent.iter().any(|(host, why)| {
            host == "ws7"
                && why
                    .as_ref()
                    .is_some_and(|why| why.contains("wsus.csv names it"))
        }),
        "{silent:?}"
    );
}

#[test]
fn a_feed_that_cannot_be_read_is_told_and_nothing_that_rested_on_it_is_fine() {
    let mut office = Office::new("feed", "");
    office.cycle(DAY);
    fs::write(office.dir.join("advisories/ALSA-1.json"), "{\"id\":").unwrap();
    let said = office.cycle("2026-11-26T12:00:00Z");
    let blind = said.iter().any(|sensed| {
        matches!(&sensed.fact, Fact::Blind { of: Watched::Feed(name), .. } if name.as_str() == "alma")
    });
    assert!(blind, "{said:?}");
    let uncovered = said.iter().filter(|sensed| {
        matches!(&sensed.fact, Fact::Inventoried(inventory) if inventory.release.is_some())
    });
    assert_eq!(uncovered.count(), 2, "{said:?}");
}

#[test]
fn the_administrators_own_columns_are_remembered_by_the_policy() {
    let sheet = "[[patch.baseline]]\nname = \"sheet\"\npath = \"DIR/soll.csv\"\ncolumns = { Wer = \"owner\" }\n";
    let mut office = Office::new("sheet", sheet);
    fs::write(
        office.dir.join("soll.csv"),
        "Paket;Version;Wer\nopenssl;1:3.5;Ute\n",
    )
    .unwrap();
    let said = office.cycle(DAY);
    let asked = said.iter().filter(|sensed| {
        matches!(&sensed.fact, Fact::Audited(row) if row.asked == Asked::Baseline && row.owner.as_str() == "Ute")
    });
    assert_eq!(asked.count(), 2, "{said:?}");
    // Somebody renames the column: what the policy says of it is true of nothing any more.
    let renamed = "Paket;Version;Zuletzt von\nopenssl;1:3.5;Ute\n";
    fs::write(office.dir.join("soll.csv"), renamed).unwrap();
    let said = office.cycle("2026-11-25T12:01:00Z");
    let told = said.iter().any(|sensed| {
        matches!(&sensed.fact, Fact::Blind { why, .. } if why.why.as_str().contains("no sheet has the heading `Wer`"))
    });
    assert!(told, "{said:?}");
}

/// What PowerShell writes by itself is UTF-16, and a host that is not read from a list is missed by nobody.
#[test]
fn a_list_is_read_in_whatever_coding_and_a_line_that_names_no_host_is_told() {
    let more = "[[patch.expect]]\nname = \"directory\"\npath = \"DIR/list.csv\"\n";
    let mut office = Office::new("coding", more);
    let list = office.dir.join("list.csv");
    let utf16 = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect()
    };
    fs::write(&list, utf16("Name\r\nWEB1\r\nKIOSK7.example.org\r\n")).unwrap();
    let said = closings(&office.cycle(DAY));
    assert!(said.iter().any(|(host, _)| host == "kiosk7"), "{said:?}");
    fs::write(&list, "web1\nkiosk7\nweb\u{7}9\n").unwrap();
    let said = office.cycle("2026-11-25T12:01:00Z");
    let blind = said.iter().find_map(|sensed| match &sensed.fact {
        Fact::Blind {
            of: Watched::Feed(name),
            why,
        } if name.as_str() == "directory" => Some(why.why.to_string()),
        _ => None,
    });
    let blind = blind.unwrap_or_else(|| panic!("{said:?}"));
    assert!(blind.starts_with("line 3 names no host"), "{blind}");
    // A folder may be called what no host can be.
    alma(&office.dir, "web\u{1}1", "1.1.1k");
    let said = office.cycle("2026-11-25T12:02:00Z");
    let told = said.iter().any(|sensed| {
        matches!(&sensed.fact, Fact::Blind { why, .. } if why.why.as_str().contains("is not audited"))
    });
    assert!(told, "{said:?}");
}

#[test]
fn the_invented_host_is_red_and_leaves_nothing_behind() {
    let sheet = "[[patch.baseline]]\nname = \"sheet\"\npath = \"DIR/soll.csv\"\n";
    let mut office = Office::new("probe", sheet);
    fs::write(
        office.dir.join("soll.csv"),
        "Package;Version\nopenssl;1:3.5\nnano;5\n",
    )
    .unwrap();
    office.cycle(DAY);
    let mut said = Vec::new();
    let nonce = "n77".parse().unwrap();
    let flow = office.auditor.prove(&nonce, at(DAY), &mut |all| {
        said.extend(all);
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    assert!(
        matches!(said.first().unwrap().fact, Fact::Planted(_)),
        "{said:?}"
    );
    assert_eq!(
        rows(&said),
        [of("cordon-probe-n77", "openssl openssl:x86_64", true)]
    );
    assert_eq!(closings(&said).len(), 2);
    assert!(!std::env::temp_dir().join("cordon-probe-n77").exists());
}
