//! Which kind of package a KB is, derived from the feed alone, against Microsoft's release pages
//! (extracted by another project; used here and nowhere else).

use std::collections::BTreeMap;

use winaudit::{WindowsHost, judge};

use crate::corpus;

/// Product and release of the table, and a host of that kind.
const SYSTEMS: [(&str, &str, &str); 9] = [
    (
        "Windows 7",
        "SP1",
        "Microsoft Windows 7 Pro|6.1.7601 Service Pack 1 Build 7601",
    ),
    (
        "Windows 8.1",
        "",
        "Microsoft Windows 8.1 Pro|6.3.9600 N/A Build 9600",
    ),
    (
        "Windows Server 2012 R2",
        "",
        "Microsoft Windows Server 2012 R2 Standard|6.3.9600 N/A Build 9600",
    ),
    (
        "Windows Server 2012",
        "",
        "Microsoft Windows Server 2012 Standard|6.2.9200 N/A Build 9200",
    ),
    (
        "Windows Server 2008 R2",
        "SP1",
        "Microsoft Windows Server 2008 R2 Standard|6.1.7601 Service Pack 1 Build 7601",
    ),
    (
        "Windows Server 2008",
        "SP2",
        "Microsoft Windows Server 2008 Standard|6.0.6002 Service Pack 2 Build 6002",
    ),
    (
        "Windows 10",
        "17134",
        "Microsoft Windows 10 Pro|10.0.17134 N/A Build 17134",
    ),
    (
        "Windows 10",
        "17763",
        "Microsoft Windows 10 Pro|10.0.17763 N/A Build 17763",
    ),
    (
        "Windows Server 2016",
        "14393",
        "Microsoft Windows Server 2016 Standard|10.0.14393 N/A Build 14393",
    ),
];

fn host(name_and_version: &str) -> WindowsHost {
    let (name, version) = name_and_version.split_once('|').unwrap();
    let text = format!(
        "Host: X\nOS: {name}\nVersion: {version}\nType: x64-based PC\nP: 1\n    [01]: x\nFixes: N/A\nCards: 1\n    [01]: y\n"
    );
    let mut host = WindowsHost::default();
    host.add("synthetic", text.as_bytes()).unwrap();
    host
}

#[test]
fn a_package_is_of_the_kind_that_microsoft_says() {
    let Some(folder) = corpus::windows() else {
        return;
    };
    let Some(feed) = corpus::feed("definitions_20260628.zip") else {
        return;
    };
    let table = String::from_utf8(corpus::read(folder.join("windows_build_kb.tsv"))).unwrap();
    let mut kinds: BTreeMap<(&str, &str, u32), Vec<&str>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if let Ok(kb) = columns[5].parse() {
            kinds
                .entry((columns[0], columns[1], kb))
                .or_default()
                .push(columns[2]);
        }
    }
    let (mut right, mut wrong) = (0, Vec::new());
    for (product, release, name) in SYSTEMS {
        let report = judge(&host(name), &feed);
        for row in &report.rows {
            let Some(kb) = row.kb() else { continue };
            let Some(kinds) = kinds.get(&(product, release, kb.number())) else {
                continue;
            };
            let said = match () {
                () if row.title.starts_with("cumulative update of") => "rollup",
                () if row.title.starts_with("monthly rollup of") => "rollup",
                () if row.title.starts_with("security-only update of") => "securityOnly",
                () => "other",
            };
            if kinds.contains(&said) {
                right += 1;
            } else {
                wrong.push(format!(
                    "{product} {release} {kb}: {said}, not {kinds:?} ({:?})",
                    row.published
                ));
            }
        }
    }
    println!("{right} right, {} wrong", wrong.len());
    // A security-only update taken for a rollup would prove what is not there: none may be.
    assert!(
        !wrong
            .iter()
            .any(|line| line.contains(": rollup, not [\"securityOnly\"]"))
    );
    assert!(
        right > 1_000 && wrong.len() * 15 < right,
        "{right} right, {} wrong",
        wrong.len()
    );
}
