//! Each rule of servicing on a feed and a host of a few lines.

use winaudit::{
    About, Basis, Feed, FeedBuilder, Judgement, Kb, Reason, Report, WindowsHost, judge,
};

const W7: &str = "Windows 7 for x64-based Systems Service Pack 1";
const IE: &str = "Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1";
const W10: &str = "Windows 10 Version 1809 for x64-based Systems";

/// Rows `date, cve, kb, product, component, supersedes`, parted by `|`.
fn feed(rows: &[&str]) -> Feed {
    let mut text = "DatePosted,CVE,BulletinKB,Title,AffectedProduct,AffectedComponent,Severity,Impact,Supersedes,Exploits\n".to_owned();
    for row in rows {
        let columns: Vec<&str> = row.split('|').collect();
        let [date, cve, kb, product, component, supersedes] = columns[..] else {
            panic!("{row}")
        };
        let start = [date, cve, kb].join(",");
        let line = [
            start.as_str(),
            "Title",
            product,
            component,
            "",
            "",
            supersedes,
            "\n",
        ];
        text.push_str(&line.join(","));
    }
    FeedBuilder::new().csv(text.as_bytes()).unwrap().build()
}

fn host(version: &str, fixes: &[&str]) -> WindowsHost {
    let client = if version.starts_with("10") {
        "10 Pro"
    } else {
        "7 Pro"
    };
    let list: Vec<String> = (1..)
        .zip(fixes)
        .map(|(at, kb)| format!("    [{at:02}]: {kb}\n"))
        .collect();
    let list = list.concat();
    let text = format!(
        "Host: X\nOS: Microsoft Windows {client}\nVersion: {version}\nType: x64-based PC\nP: 1\n    [01]: x\nFixes: {}\n{list}Cards: 1\n    [01]: y\n",
        fixes.len(),
    );
    let mut host = WindowsHost::default();
    host.add("systeminfo", text.as_bytes()).unwrap();
    host
}

fn w7(fixes: &[&str]) -> WindowsHost {
    host("6.1.7601 Service Pack 1 Build 7601", fixes)
}

fn w10(fixes: &[&str]) -> WindowsHost {
    host("10.0.17763 N/A Build 17763", fixes)
}

fn check(report: &Report, kb: u32, expected: &Judgement) {
    let kb = Kb::new(kb).unwrap();
    let row = report.rows.iter().find(|row| row.kb() == Some(kb));
    let row = row.unwrap_or_else(|| panic!("{kb} has no row: {:#?}", report.rows));
    assert_eq!(&row.judgement, expected, "{row:#?}");
}

fn other(by: u32, basis: Basis) -> Judgement {
    Judgement::Alternative {
        by: Kb::new(by).unwrap(),
        basis,
    }
}

/// Two months of Windows 7: rollup, security-only, Internet Explorer.
const MONTHS: [&str; 8] = [
    "20190108|CVE-1|4480970|Windows 7 for x64-based Systems Service Pack 1|Kernel|4471318",
    "20190108|CVE-2|4480970|Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1|Internet Explorer|4471318",
    "20190108|CVE-1|4480960|Windows 7 for x64-based Systems Service Pack 1|Kernel|",
    "20190108|CVE-2|4480965|Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1|Internet Explorer|4470199",
    "20190212|CVE-3|4486563|Windows 7 for x64-based Systems Service Pack 1|Kernel|4480970",
    "20190212|CVE-4|4486563|Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1|Internet Explorer|4480970",
    "20190212|CVE-3|4486564|Windows 7 for x64-based Systems Service Pack 1|Kernel|",
    "20190212|CVE-4|4486474|Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1|Internet Explorer|4480965",
];

#[test]
fn a_rollup_contains_its_sisters_and_all_before() {
    let report = judge(&w7(&["KB2841134", "KB4486563"]), &feed(&MONTHS));
    for kb in [
        4_480_970, 4_480_960, 4_480_965, 4_486_563, 4_486_564, 4_486_474,
    ] {
        check(&report, kb, &Judgement::Proven);
    }
    assert_eq!(report.plan(), []);
}

#[test]
fn a_package_of_its_own_is_in_no_rollup() {
    let sha2 = format!("20190108|ADV1|4474419|{W7}|Code signing|");
    let mut rows = MONTHS.to_vec();
    rows.push(&sha2);
    let report = judge(&w7(&["KB2841134", "KB4486563"]), &feed(&rows));
    check(&report, 4_474_419, &Judgement::Unknown(Reason::Standalone));
}

#[test]
fn a_preview_need_not_be_installed_until_something_newer_could_contain_it() {
    let (late, early) = (
        format!("20190220|ADV1|4487029|{W10}|HTTP|"),
        format!("20190122|ADV2|4465065|{W10}|Microcode|"),
    );
    let mut rows = LCU.to_vec();
    rows.extend([late.as_str(), early.as_str()]);
    let report = judge(&w10(&["KB4487044"]), &feed(&rows));
    check(&report, 4_487_029, &other(4_487_029, Basis::Preview));
    check(&report, 4_465_065, &Judgement::Unknown(Reason::Standalone));
}

#[test]
fn an_older_rollup_leaves_one_to_install() {
    let report = judge(&w7(&["KB2841134", "KB4480970"]), &feed(&MONTHS));
    check(&report, 4_486_563, &Judgement::Missing);
    check(&report, 4_486_564, &other(4_486_563, Basis::OtherWay));
    check(&report, 4_486_474, &other(4_486_563, Basis::OtherWay));
    check(&report, 4_480_960, &Judgement::Proven);
    let plan = report.plan();
    assert_eq!(
        (
            plan.len(),
            plan[0].kb.number(),
            plan[0].fixes,
            plan[0].restart
        ),
        (1, 4_486_563, 2, Some(true))
    );
}

#[test]
fn a_security_only_update_proves_itself_and_nothing_before() {
    let report = judge(&w7(&["KB2841134", "KB4486564"]), &feed(&MONTHS));
    check(&report, 4_486_564, &Judgement::Proven);
    check(&report, 4_480_960, &Judgement::Missing);
    check(&report, 4_486_474, &Judgement::Missing);
    check(&report, 4_486_563, &other(4_486_563, Basis::OtherWay));
    // Both ways of one month together are the rollup of that month.
    let report = judge(
        &w7(&["KB2841134", "KB4486564", "KB4486474"]),
        &feed(&MONTHS),
    );
    check(&report, 4_486_563, &Judgement::Proven);
    check(&report, 4_480_960, &Judgement::Missing);
}

#[test]
fn an_emergency_fix_is_named_by_itself_until_it_is_covered() {
    let regular = format!("20181211|CVE-8|4470199|{IE}|Internet Explorer|");
    let out_of_band = format!("20181220|CVE-9|4483187|{IE}|Internet Explorer|4470199");
    let mut rows = MONTHS.to_vec();
    rows.extend([regular.as_str(), out_of_band.as_str()]);
    let next = rows[3].replace("4470199", "4483187");
    rows[3] = &next;
    let report = judge(&w7(&["KB2841134"]), &feed(&rows));
    check(&report, 4_483_187, &Judgement::Missing);
    // A regular package that a feed gives a later day is none.
    check(&report, 4_470_199, &other(4_486_474, Basis::Superseded));
    // The plan needs the rollup alone: it contains the fix.
    assert_eq!(report.plan().len(), 1);
    check(
        &judge(&w7(&["KB2841134", "KB4480970"]), &feed(&rows)),
        4_483_187,
        &Judgement::Proven,
    );
}

#[test]
fn supersedence_is_per_product_transitive_and_has_cycles() {
    let vista = "Windows Vista x64 Edition Service Pack 2";
    let rows = [
        format!("20110101|CVE-1|1000001|{W7}|A|"),
        format!("20120101|CVE-2|1000002|{W7}|A|1000001"),
        format!("20130101|CVE-3|1000003|{W7}|A|1000002"),
        // Only on Vista.
        format!("20110101|CVE-4|1000004|{W7}|B|"),
        format!("20140101|CVE-5|1000003|{vista}|B|1000004"),
        // In a circle.
        format!("20110101|CVE-6|1000005|{W7}|C|1000006"),
        format!("20110101|CVE-7|1000006|{W7}|C|1000005"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let report = judge(&w7(&["KB1000003"]), &feed(&rows));
    check(&report, 1_000_001, &Judgement::Proven);
    check(&report, 1_000_002, &Judgement::Proven);
    check(
        &report,
        1_000_004,
        &Judgement::Unknown(Reason::BeforeRollups),
    );
    check(&report, 1_000_005, &other(1_000_006, Basis::Superseded));
}

#[test]
fn a_single_update_before_the_rollups_is_not_proven_by_one() {
    let mut rows = MONTHS.to_vec();
    let (single, same) = (
        format!("20150113|CVE-8|3000001|{W7}|Windows OLE|"),
        format!("20150113|CVE-8|3000002|{W7}|Windows Kernel|"),
    );
    rows.extend([single.as_str(), same.as_str()]);
    let report = judge(&w7(&["KB2841134", "KB4486563"]), &feed(&rows));
    check(
        &report,
        3_000_001,
        &Judgement::Unknown(Reason::BeforeRollups),
    );
    check(
        &report,
        3_000_002,
        &other(4_486_563, Basis::ComponentServiced),
    );
    assert_eq!(report.counts().component_serviced, 1);
}

const LCU: [&str; 4] = [
    "20190108|CVE-1|4480116|Windows 10 Version 1809 for x64-based Systems|Kernel|",
    "20190108|CVE-2|4480116|Microsoft Edge on Windows 10 Version 1809 for x64-based Systems|Microsoft Edge|",
    "20190212|CVE-3|4487044|Windows 10 Version 1809 for x64-based Systems|Kernel|",
    "20190212|CVE-4|4487044|Microsoft Edge on Windows 10 Version 1809 for x64-based Systems|Microsoft Edge|",
];

#[test]
fn a_cumulative_update_contains_all_before_without_an_edge() {
    let report = judge(&w10(&["KB4487044"]), &feed(&LCU));
    check(&report, 4_480_116, &Judgement::Proven);
    let report = judge(&w10(&["KB4480116"]), &feed(&LCU));
    check(&report, 4_487_044, &Judgement::Missing);
    let report = judge(&w10(&[]), &feed(&LCU));
    check(&report, 4_480_116, &other(4_487_044, Basis::NewerOfLine));
    assert_eq!(report.plan().len(), 1);
}

#[test]
fn an_update_that_the_feed_does_not_know_leaves_a_doubt() {
    let report = judge(&w10(&["KB4482887"]), &feed(&LCU));
    check(&report, 4_487_044, &Judgement::Unknown(Reason::Stranger));
    // Not if it came before.
    let mut host = w10(&[]);
    host.add("qfe", b"HotFixID=KB4100347\nInstalledOn=1/20/2019\n")
        .unwrap();
    check(&judge(&host, &feed(&LCU)), 4_487_044, &Judgement::Missing);
}

#[test]
fn windows_10_flash_and_servicing_stack_are_lines_of_their_own() {
    let mut rows = LCU.to_vec();
    let flash = [
        format!("20181205|ADV1|4471331|Adobe Flash Player on {W10}|Adobe Flash Player|"),
        format!("20190108|ADV2|4480979|Adobe Flash Player on {W10}|Adobe Flash Player|4471331"),
        format!("20190212|ADV3|4487038|Adobe Flash Player on {W10}|Adobe Flash Player|4471331"),
        format!("20181203|ADV4|4470788|{W10}|Servicing Stack Updates|4465664"),
        format!("20181113|CVE-7|4465664|{W10}|BitLocker|"),
    ];
    rows.extend(flash.iter().map(String::as_str));
    let report = judge(&w10(&["KB4487038"]), &feed(&rows));
    check(&report, 4_480_979, &Judgement::Proven);
    check(&report, 4_487_044, &Judgement::Missing);
    check(&report, 4_470_788, &Judgement::Missing);
    check(&report, 4_465_664, &other(4_470_788, Basis::Superseded));
    let plan: Vec<u32> = report
        .plan()
        .iter()
        .map(|install| install.kb.number())
        .collect();
    assert_eq!(plan, [4_470_788, 4_487_044], "the servicing stack first");
}

#[test]
fn absence_from_a_cut_list_means_nothing() {
    let mut host = WindowsHost::default();
    let text = "H: X\nOS: Microsoft Windows 10 Pro\nV: 10.0.17763 N/A Build 17763\nT: x64-based PC\nP: 1\n    [01]: x\nFixes: 3\n    [01]: KB4100347\n    [02]\nCards: 1\n    [01]: y\n";
    host.add("systeminfo", text.as_bytes()).unwrap();
    check(
        &judge(&host, &feed(&LCU)),
        4_487_044,
        &Judgement::Unknown(Reason::ListCut),
    );
    // Another list, a whole one, decides.
    host.add("qfe", b"HotFixID=KB4100347\nInstalledOn=1/20/2019\n")
        .unwrap();
    check(&judge(&host, &feed(&LCU)), 4_487_044, &Judgement::Missing);
}

#[test]
fn what_came_after_the_last_start_is_not_proven() {
    let text = "H: X\nOS: Microsoft Windows 10 Pro\nV: 10.0.17763 N/A Build 17763\nId: 00330-50000-00000-AAOEM\nInstalled: 2018-01-01, 08:00:00\nBoot: 2019-02-13, 08:00:00\nT: x64-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB4487044\nCards: 1\n    [01]: y\n";
    let with = |day: &str| {
        let mut host = WindowsHost::default();
        host.add("systeminfo", text.as_bytes()).unwrap();
        host.add(
            "qfe",
            format!("HotFixID=KB4487044\nInstalledOn={day}\n").as_bytes(),
        )
        .unwrap();
        judge(&host, &feed(&LCU))
    };
    check(
        &with("2/14/2019"),
        4_487_044,
        &Judgement::Unknown(Reason::InstalledAfterStart),
    );
    check(&with("2/13/2019"), 4_487_044, &Judgement::Proven);
}

#[test]
fn windows_updates_own_answer_outweighs_lists() {
    let mut host = w10(&["KB4487044"]);
    host.add("updates", b"KB4487044: 2019-02 Cumulative Update\n")
        .unwrap();
    let report = judge(&host, &feed(&LCU));
    check(&report, 4_487_044, &Judgement::Missing);
    assert!(
        report
            .rows
            .iter()
            .any(|row| row.evidence.contains("although")),
        "{:#?}",
        report.rows
    );
}

#[test]
fn what_the_feed_does_not_reach_is_not_covered() {
    let feed = feed(&LCU);
    let report = judge(&w10(&["KB4487044"]), &feed);
    let about = report.about(Kb::new(835_732).unwrap(), &feed);
    assert_eq!(about, About::NotCovered(feed.span()));
    let report = judge(&w7(&[]), &feed);
    assert_eq!(
        report.about(Kb::new(4_487_044).unwrap(), &feed),
        About::NotForThisHost
    );
    assert_eq!(
        report.unknown().get(&Reason::NoProduct),
        Some(&1),
        "{:#?}",
        report.rows
    );
}

#[test]
fn a_host_without_a_list_is_unknown_not_clean() {
    let mut host = WindowsHost::default();
    let text = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\n\"CurrentVersion\"=\"6.3\"\n\"CurrentBuild\"=\"17763\"\n\"CurrentMajorVersionNumber\"=dword:0000000a\n\"CurrentMinorVersionNumber\"=dword:00000000\n\"UBR\"=dword:0000012f\n\"ProductName\"=\"Windows 10 Pro\"\n\"BuildLabEx\"=\"17763.1.amd64fre.rs5_release.180914-1434\"\n";
    host.add("reg", text.as_bytes()).unwrap();
    let report = judge(&host, &feed(&LCU));
    check(&report, 4_487_044, &Judgement::Unknown(Reason::NoList));
    assert_eq!(report.counts().missing, 0);
    // MSRC's own document says which revision an update brings: 303 is less than 316.
    let cvrf = |build: &str| {
        format!(
            "<cvrfdoc><DocumentTracking><InitialReleaseDate>2019-02-12T08:00:00</InitialReleaseDate></DocumentTracking><ProductTree><FullProductName ProductID=\"1\">{W10}</FullProductName></ProductTree><Vulnerability><Title>T &amp; U</Title><Notes><Note Title=\"C\" Type=\"Tag\">Windows Kernel</Note></Notes><CVE>CVE-3</CVE><Remediations><Remediation Type=\"Vendor Fix\"><Description>4487044</Description><URL/><Supercedence>4480116</Supercedence><ProductID>1</ProductID><RestartRequired>Yes</RestartRequired><SubType>Security Update</SubType><FixedBuild>10.0.17763.{build}</FixedBuild></Remediation></Remediations></Vulnerability></cvrfdoc>"
        )
    };
    let with = |build: &str| {
        let feed = FeedBuilder::new()
            .cvrf(cvrf(build).as_bytes())
            .unwrap()
            .build();
        assert_eq!((feed.counts.rows, feed.counts.rejected), (1, 0));
        judge(&host, &feed)
    };
    check(&with("303"), 4_487_044, &Judgement::Proven);
    check(&with("316"), 4_487_044, &Judgement::Unknown(Reason::NoList));
}

#[test]
fn office_is_one_row_without_its_patches_and_judged_with_them() {
    let rows = [
        "20190101|CVE-1|4461543|Microsoft Word 2016 (64-bit edition)|Microsoft Office|4461504",
        "20190101|CVE-2|4461601|Microsoft Outlook 2016 (64-bit edition)|Microsoft Office|",
        "20180101|CVE-3|4461504|Microsoft Word 2016 (64-bit edition)|Microsoft Office|",
        "20180101|CVE-4|4461999|Microsoft Word 2013 Service Pack 1|Microsoft Office|",
        "20180101|CVE-5|4461998|Microsoft Office 2016 for Mac|Microsoft Office|",
        "20180101|CVE-6|4461997|Microsoft Office 2016 (64-bit edition)|Microsoft Office|",
    ];
    let report = judge(&w10(&[]), &feed(&rows));
    assert_eq!(report.unknown().get(&Reason::NoMsiInventory), Some(&1));
    let mut host = w10(&[]);
    let export = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Office16.PROPLUS]\n\"DisplayName\"=\"Microsoft Office Professional Plus 2016\"\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\S-1-5-18\\Products\\0\\Patches\\1]\n\"DisplayName\"=\"Security Update for Microsoft Word 2016 (KB4461543) 64-Bit Edition\"\n";
    host.add("reg", export.as_bytes()).unwrap();
    let report = judge(&host, &feed(&rows));
    check(&report, 4_461_543, &Judgement::Proven);
    check(&report, 4_461_504, &Judgement::Proven);
    check(&report, 4_461_601, &Judgement::Missing);
    check(&report, 4_461_997, &Judgement::Missing);
    assert!(!report.rows.iter().any(|row| {
        row.kb()
            .is_some_and(|kb| [4_461_999, 4_461_998].contains(&kb.number()))
    }));
}
