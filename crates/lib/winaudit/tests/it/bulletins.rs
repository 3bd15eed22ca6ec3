//! MS04-011, from its own facts, on hosts that differ in one thing each.

use winaudit::{
    Bulletin, BulletinState, BulletinVerdict, Kind, Rung, Undecided, WindowsHost, judge_bulletin,
};

use crate::corpus;

const XP: &str =
    "Microsoft Windows XP Professional|5.1.2600 Service Pack {} Build 2600|X86-based PC";
const XP_RTM: &str = "Microsoft Windows XP Professional|5.1.2600 N/A Build 2600|X86-based PC";
const W2003: &str =
    "Microsoft(R) Windows(R) Server 2003, Standard Edition|5.2.3790 N/A Build 3790|X86-based PC";
const KEY: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Updates\Windows XP\SP2\KB835732\Filelist";

fn bulletin() -> Option<Bulletin> {
    let path = corpus::windows()?
        .with_file_name("ms04-011")
        .join("ms04-011.json");
    Some(Bulletin::from_json(&corpus::read(path)).unwrap())
}

struct Given {
    host: WindowsHost,
}

fn on(system: &str) -> Given {
    let mut parts = system.split('|');
    let mut next = || parts.next().unwrap();
    let text = format!(
        "Host: X\nOS: {}\nVersion: {}\nId: 55274-640-8935532-23076\nInstalled: 2003-01-01, 10:00:00\nBoot: 2004-05-03, 08:00:00\nType: {}\nP: 1\n    [01]: x\nFixes: N/A\nCards: 1\n    [01]: y\n",
        next(),
        next(),
        next(),
    );
    let mut host = WindowsHost::default();
    assert_eq!(
        host.add("systeminfo", text.as_bytes()),
        Ok(Kind::Systeminfo)
    );
    Given { host }
}

fn xp(pack: u8) -> Given {
    on(&XP.replace("{}", &pack.to_string()))
}

/// Windows 2000 and NT 4 have no systeminfo: their registry says it.
fn by_registry(version: &str, build: u32, name: &str, pack: u8) -> Given {
    let text = format!(
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\n\"CurrentVersion\"=\"{version}\"\n\"CurrentBuildNumber\"=\"{build}\"\n\"ProductName\"=\"{name}\"\n\"CSDVersion\"=\"Service Pack {pack}\"\n"
    );
    let mut host = WindowsHost::default();
    host.add("reg", text.as_bytes()).unwrap();
    Given { host }
}

impl Given {
    fn key(mut self, key: &str) -> Self {
        let text = format!("Windows Registry Editor Version 5.00\n\n[{key}]\n\"x\"=\"y\"\n");
        self.host.add("updates.reg", text.as_bytes()).unwrap();
        self
    }

    fn listed(mut self, kb: &str) -> Self {
        let text = format!("HotFixID={kb}\nInstalledOn=4/20/2004\n");
        self.host.add("qfe", text.as_bytes()).unwrap();
        self
    }

    fn file(self, name: &str, version: &str) -> Self {
        self.written(name, version, "2004-04-20 09:00:00")
    }

    fn written(mut self, name: &str, version: &str, when: &str) -> Self {
        let path = if name.contains('\\') {
            name.to_owned()
        } else {
            format!("C:\\WINDOWS\\system32\\{name}")
        };
        let text = format!("Path,Version,LastWriteTime\n\"{path}\",\"{version}\",\"{when}\"\n");
        self.host.add("files.csv", text.as_bytes()).unwrap();
        self
    }

    fn check(self, state: &BulletinState, rung: Rung) -> Option<BulletinVerdict> {
        let verdict = judge_bulletin(&self.host, &bulletin()?);
        assert_eq!(
            (&verdict.state, verdict.rung),
            (state, rung),
            "{verdict:#?}"
        );
        assert!(!verdict.evidence.is_empty());
        Some(verdict)
    }
}

#[test]
fn the_floor_is_that_of_the_branch() {
    on(XP_RTM)
        .file("lsasrv.dll", "5.1.2600.134")
        .check(&BulletinState::Proven, Rung::Running);
    on(XP_RTM)
        .file("lsasrv.dll", "5.1.2600.133")
        .check(&BulletinState::Missing, Rung::Nothing);
    xp(1)
        .file("lsasrv.dll", "5.1.2600.1361")
        .check(&BulletinState::Proven, Rung::Running);
    xp(1)
        .file("lsasrv.dll", "5.1.2600.1106")
        .check(&BulletinState::Missing, Rung::Nothing);
    // The fixed number of the lower branch, on SP1.
    xp(1)
        .file("lsasrv.dll", "5.1.2600.134")
        .check(&BulletinState::Missing, Rung::Nothing);
    // The unfixed file of SP1 has a higher number than the fixed one without.
    on(XP_RTM)
        .file("lsasrv.dll", "5.1.2600.1106")
        .check(&BulletinState::Missing, Rung::Nothing);
    on(XP_RTM)
        .file("lsasrv.dll", "5.1.2600.1361")
        .check(&BulletinState::Proven, Rung::Running);
    on(W2003)
        .file("lsasrv.dll", "5.2.3790.134")
        .check(&BulletinState::Proven, Rung::Running);
    on(W2003)
        .file("lsasrv.dll", "5.2.3790.0")
        .check(&BulletinState::Missing, Rung::Nothing);
    by_registry("5.0", 2195, "Microsoft Windows 2000", 4)
        .file("Lsasrv.dll", "5.0.2195.6902")
        .check(&BulletinState::Proven, Rung::OnDisk);
    by_registry("5.0", 2195, "Microsoft Windows 2000", 2)
        .file("Lsasrv.dll", "5.0.2195.6901")
        .check(&BulletinState::Missing, Rung::Nothing);
    by_registry("4.0", 1381, "Windows NT Workstation", 6)
        .file("Winsrv.dll", "4.0.1381.7260")
        .check(&BulletinState::Proven, Rung::OnDisk);
    by_registry("4.0", 1381, "Windows NT Workstation", 6)
        .file("Winsrv.dll", "4.0.1381.7224")
        .check(&BulletinState::Missing, Rung::Nothing);
}

#[test]
fn one_older_file_among_newer_ones_decides() {
    xp(1)
        .file("lsasrv.dll", "5.1.2600.1361")
        .file("schannel.dll", "5.1.2600.1106")
        .check(&BulletinState::Missing, Rung::Nothing);
    // Copies that Windows keeps are neither proof nor doubt.
    xp(1)
        .file("lsasrv.dll", "5.1.2600.1361")
        .file(
            "C:\\WINDOWS\\$NtUninstallKB835732$\\lsasrv.dll",
            "5.1.2600.1106",
        )
        .check(&BulletinState::Proven, Rung::Running);
    xp(1)
        .file(
            "C:\\WINDOWS\\system32\\dllcache\\lsasrv.dll",
            "5.1.2600.1361",
        )
        .check(
            &BulletinState::Unknown(Undecided::NoFileVersion),
            Rung::Nothing,
        );
}

#[test]
fn the_absence_of_a_key_is_no_proof_of_absence() {
    // Slipstreamed: the tree of keys is there and has none of it, and the file is new.
    let other = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Updates\Windows XP\SP2\KB824146";
    xp(1)
        .key(other)
        .file("lsasrv.dll", "5.1.2600.1361")
        .check(&BulletinState::Proven, Rung::Running);
    xp(1).key(other).check(
        &BulletinState::Unknown(Undecided::NoFileVersion),
        Rung::Nothing,
    );
    xp(1).check(
        &BulletinState::Unknown(Undecided::NoFileVersion),
        Rung::Nothing,
    );
}

#[test]
fn a_key_or_a_list_is_the_lowest_rung() {
    xp(1).key(KEY).check(&BulletinState::Proven, Rung::Listed);
    xp(1)
        .listed("KB835732")
        .check(&BulletinState::Proven, Rung::Listed);
    xp(1)
        .key(KEY)
        .file("lsasrv.dll", "5.1.2600.1361")
        .check(&BulletinState::Proven, Rung::Running);
}

#[test]
fn a_key_beside_an_older_file_is_the_loudest() {
    let verdict = xp(1)
        .key(KEY)
        .file("lsasrv.dll", "5.1.2600.1106")
        .check(&BulletinState::Contradicted, Rung::Nothing);
    let Some(verdict) = verdict else { return };
    assert!(
        verdict
            .evidence
            .iter()
            .any(|text| text.contains("older than 5.1.2600.1361")),
        "{verdict:?}"
    );
    assert!(
        verdict
            .evidence
            .iter()
            .any(|text| text.contains("registry")),
        "{verdict:?}"
    );
    xp(1)
        .listed("KB835732")
        .file("lsasrv.dll", "5.1.2600.134")
        .check(&BulletinState::Contradicted, Rung::Nothing);
}

#[test]
fn a_later_update_counts_where_it_supersedes_and_nowhere_else() {
    xp(1)
        .listed("KB885835")
        .check(&BulletinState::Proven, Rung::Listed);
    on(W2003)
        .listed("KB885835")
        .check(&BulletinState::Proven, Rung::Listed);
    on(XP_RTM).listed("KB885835").check(
        &BulletinState::Unknown(Undecided::NoFileVersion),
        Rung::Nothing,
    );
    by_registry("5.0", 2195, "Microsoft Windows 2000", 4)
        .listed("KB885835")
        .check(
            &BulletinState::Unknown(Undecided::NoFileVersion),
            Rung::Nothing,
        );
    xp(1)
        .file("lsasrv.dll", "5.1.2600.1597")
        .check(&BulletinState::Proven, Rung::Running);
}

#[test]
fn what_it_supersedes_it_supersedes_per_system() {
    let Some(bulletin) = bulletin() else { return };
    let two_thousand = by_registry("5.0", 2195, "Microsoft Windows 2000", 4).host;
    assert_eq!(
        bulletin.supersedes_on("MS03-007", &two_thousand),
        Some(true)
    );
    assert_eq!(bulletin.supersedes_on("MS03-007", &xp(1).host), Some(false));
    assert_eq!(bulletin.supersedes_on("MS04-007", &xp(1).host), Some(true));
    assert_eq!(
        bulletin.supersedes_on("MS04-007", &WindowsHost::default()),
        None
    );
}

#[test]
fn a_service_pack_that_includes_it_is_enough() {
    xp(2).check(&BulletinState::Included, Rung::Listed);
    xp(3).check(&BulletinState::Included, Rung::Listed);
    xp(2)
        .file("lsasrv.dll", "5.1.2600.2180")
        .check(&BulletinState::Included, Rung::OnDisk);
    on(&W2003.replace("N/A", "Service Pack 1")).check(&BulletinState::Included, Rung::Listed);
    // Unless a file says otherwise.
    xp(2)
        .file("lsasrv.dll", "5.1.2600.1106")
        .check(&BulletinState::Contradicted, Rung::Nothing);
}

#[test]
fn what_is_not_affected_is_not_applicable() {
    on("Microsoft Windows 7 Enterprise|6.1.7601 Service Pack 1 Build 7601|x64-based PC")
        .check(&BulletinState::NotApplicable, Rung::Nothing);
    on("Microsoft Windows XP Professional x64 Edition|5.2.3790 Service Pack 1 Build 3790|x64-based PC").check(&BulletinState::NotApplicable, Rung::Nothing);
    by_registry("5.0", 2195, "Microsoft Windows 2000", 1).check(
        &BulletinState::Unknown(Undecided::OldServicePack),
        Rung::Nothing,
    );
    by_registry("4.0", 1381, "Windows NT Workstation", 5).check(
        &BulletinState::Unknown(Undecided::OldServicePack),
        Rung::Nothing,
    );
    let nobody = Given {
        host: WindowsHost::default(),
    };
    nobody.check(&BulletinState::Unknown(Undecided::System), Rung::Nothing);
}

#[test]
fn on_the_disk_and_not_started_is_not_running() {
    xp(1)
        .written("lsasrv.dll", "5.1.2600.1361", "2004-05-03 09:00:00")
        .check(&BulletinState::InstalledNotRunning, Rung::OnDisk);
    xp(1)
        .written("lsasrv.dll", "5.1.2600.1361", "2004-05-03 08:00:00")
        .check(&BulletinState::InstalledNotRunning, Rung::OnDisk);
    xp(1)
        .written("lsasrv.dll", "5.1.2600.1361", "2004-05-03 07:59:59")
        .check(&BulletinState::Proven, Rung::Running);
    let rename = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager";
    let waits = |name: &str| {
        let hex: Vec<String> = name
            .encode_utf16()
            .chain([0, 0])
            .flat_map(u16::to_le_bytes)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!(
            "Windows Registry Editor Version 5.00\n\n[{rename}]\n\"PendingFileRenameOperations\"=hex(7):{}\n",
            hex.join(",")
        )
    };
    let mut given = xp(1).file("lsasrv.dll", "5.1.2600.1361");
    given
        .host
        .add(
            "pending.reg",
            waits("\\??\\C:\\WINDOWS\\system32\\SET1.tmp lsasrv.dll").as_bytes(),
        )
        .unwrap();
    given.check(&BulletinState::InstalledNotRunning, Rung::OnDisk);
    // The print spooler renames files all day.
    let mut given = xp(1).file("lsasrv.dll", "5.1.2600.1361");
    given
        .host
        .add(
            "pending.reg",
            waits("\\??\\C:\\WINDOWS\\spool\\old.tmp").as_bytes(),
        )
        .unwrap();
    given.check(&BulletinState::Proven, Rung::Running);
    let mut given = xp(1).file("lsasrv.dll", "5.1.2600.1361");
    let due = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired]\n";
    given.host.add("due.reg", due.as_bytes()).unwrap();
    given.check(&BulletinState::InstalledNotRunning, Rung::OnDisk);
}

#[test]
fn a_text_that_is_no_bulletin_is_refused() {
    assert!(Bulletin::from_json(b"{}").is_err());
    let odd = br#"{"bulletin":"X","kb":"KB835732","affected":["OS/2 Warp"]}"#;
    let error = Bulletin::from_json(odd).unwrap_err().to_string();
    assert_eq!(
        error,
        "expected a Windows system in a list of systems, found \"OS/2 Warp\""
    );
}
