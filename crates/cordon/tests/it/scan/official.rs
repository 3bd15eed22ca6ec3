//! The official cases, with all of `SigmaHQ`'s rules and through the real EVTX files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sigma::RuleSet;

use super::{folder, scan, text};

/// Cases whose count is not what their rule says of their events, with the count that it does say:
/// three of six files are named `procdump*.exe`; both values of the share are set to zero.
const MISCOUNTED: &[(&str, usize)] = &[
    ("file_event_win_cred_dump_tools_dropped_files", 3),
    ("registry_set_disable_administrative_share", 2),
];

/// Every EVTX file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "evtx") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rule of a case, and how often it matches if that is said.
fn case(evtx: &Path) -> (String, String, Option<usize>) {
    let folder = evtx.parent().unwrap();
    let info = fs::read_to_string(folder.join("info.yml")).unwrap();
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let value = |text: &str, key: &str| {
        let mut lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "));
        let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        found.map(|value| value.trim().to_owned())
    };
    let metadata = info.split_once("rule_metadata:").unwrap().1;
    let rule = value(metadata, "id").unwrap();
    let count = value(&info, "match_count").map(|count| count.parse().unwrap());
    (name, rule, count)
}

/// The rules of the archive, unpacked: texts by path.
fn unpack(archive: &Path, into: &Path) -> Vec<(String, String)> {
    let unpacked = lzma_rust2::XzReader::new(fs::File::open(archive).unwrap(), true);
    tar::Archive::new(unpacked).unpack(into).unwrap();
    let (mut texts, mut folders) = (Vec::new(), vec![into.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yml") {
                texts.push((text(&path).to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    texts
}

#[test]
fn every_official_case_fires_as_often_as_it_says_and_no_rule_of_another_source_does() {
    let Ok(root) = cordon_testkit::corpus("logs") else {
        return;
    };
    let rules = folder("scan-official");
    let texts = unpack(&root.join("sigma_all_rules.tar.xz"), &rules);
    let evtx = files(&root.join("sigma_regression"));
    assert_eq!((texts.len(), evtx.len()), (3_780, 120));
    let ran = scan(
        ["--rules", text(&rules)]
            .into_iter()
            .chain(evtx.iter().map(|path| text(path))),
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err
            .contains("120 files, 0 not read; 3,780 rules loaded, 0 refused"),
        "{}",
        ran.err
    );
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in ran.lines() {
        let of = |name: &str| line[name].as_str().unwrap().to_owned();
        *counts.entry((of("file"), of("rule"))).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for path in &evtx {
        let (name, rule, count) = case(path);
        let found = counts
            .get(&(text(path).to_owned(), rule))
            .copied()
            .unwrap_or(0);
        let known = MISCOUNTED.iter().find(|(known, _)| *known == name);
        let right = match known.map(|(_, count)| *count).or(count) {
            Some(expected) => found == expected,
            None => found > 0,
        };
        if !right {
            wrong.push(format!("{name}: {found} of {count:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    foreign(&root.join("thor_logsource_map.yml"), &texts, &counts);
}

/// `SigmaHQ`'s own table says which events a category is of: a rule of a category, service or product that no event of
/// the file is of has no business there.
fn foreign(map: &Path, texts: &[(String, String)], counts: &BTreeMap<(String, String), usize>) {
    let map = fs::read_to_string(map).unwrap();
    let set = RuleSet::load(
        texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    )
    .set;
    let sources: BTreeMap<&str, _> = set
        .rules
        .iter()
        .map(|rule| (rule.meta.id.as_deref().unwrap(), &rule.source))
        .collect();
    let mut judged = 0;
    for (file, rule) in counts.keys() {
        let decoded = fs::read_to_string(file.replace(".evtx", ".json")).unwrap();
        let has = |number: &str| {
            let mut lines = decoded.lines().map(str::trim);
            lines.any(|line| line.trim_end_matches(',') == format!("\"EventID\": {number}"))
        };
        let source = sources[rule.as_str()];
        assert!(
            matches!(source.product.as_deref(), None | Some("windows")),
            "{file}: {source}"
        );
        if let Some(category) = source.category.as_deref() {
            let numbers = events_of(&map, category);
            assert!(
                numbers.iter().any(|number| has(number)),
                "{file}: {source} of {numbers:?}"
            );
            judged += 1;
        }
        let channel = match source.service.as_deref() {
            Some("sysmon") => "Microsoft-Windows-Sysmon/Operational",
            Some("windefend") => "Microsoft-Windows-Windows Defender/Operational",
            Some("wmi") => "Microsoft-Windows-WMI-Activity/Operational",
            Some("security") => "Security",
            Some(other) => panic!("{file}: no case is of {other}"),
            None => continue,
        };
        assert!(
            decoded.contains(&format!("\"Channel\": \"{channel}\"")),
            "{file}: {source}"
        );
    }
    assert!(judged >= 110, "only {judged} rules with a category fired");
}

/// Numbers of the events that the table gives to a category of Windows.
fn events_of(map: &str, category: &str) -> Vec<String> {
    let blocks = map.split("        category: ").skip(1);
    let mut numbers = Vec::new();
    for block in blocks.filter(|block| block.lines().next() == Some(category)) {
        let block = block.split("rewrite:").next().unwrap();
        let told = block.split_once("EventID:").map_or("", |(_, rest)| rest);
        let words = told.split_whitespace().filter(|word| *word != "-");
        numbers.extend(
            words
                .take_while(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                .map(str::to_owned),
        );
    }
    numbers
}
