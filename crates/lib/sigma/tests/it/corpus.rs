//! Rules, official cases and schema examples, out of the corpora.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use cordon_testkit::Skip;

/// All rules of `SigmaHQ`: path and text.
pub(crate) fn all_rules() -> Result<Vec<(String, String)>, Skip> {
    let path = cordon_testkit::corpus("logs")?.join("sigma_all_rules.tar.xz");
    let unpacked = lzma_rust2::XzReader::new(fs::File::open(path).unwrap(), true);
    let mut archive = tar::Archive::new(unpacked);
    let mut rules = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if std::path::Path::new(&path)
            .extension()
            .is_some_and(|ending| ending == "yml")
        {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            rules.push((path, text));
        }
    }
    rules.sort();
    Ok(rules)
}

/// An official case: the rule that must match, how often if that is said, and the events.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rule: String,
    pub(crate) count: Option<usize>,
    pub(crate) events: Vec<serde_json::Value>,
}

/// The official cases.
pub(crate) fn cases() -> Result<Vec<Case>, Skip> {
    let root = cordon_testkit::corpus("logs")?.join("sigma_regression");
    let mut infos = Vec::new();
    files(&root, "info.yml", &mut infos);
    infos.sort();
    Ok(infos.iter().flat_map(|info| case(info)).collect())
}

fn case(info: &Path) -> Vec<Case> {
    let text = fs::read_to_string(info).unwrap();
    let folder = info.parent().unwrap();
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.trim().trim_start_matches("- ").split_once(':')?;
            (name == key).then(|| value.trim().to_owned())
        })
    };
    let metadata = text.split_once("rule_metadata:").unwrap().1;
    let rule = metadata
        .split_once("- id:")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .trim()
        .to_owned();
    let count = value("match_count").map(|count| count.parse().unwrap());
    let mut jsons: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    jsons.sort();
    let mut events = Vec::new();
    for path in &jsons {
        let bytes = fs::read(path).unwrap();
        for value in serde_json::Deserializer::from_slice(&bytes).into_iter::<serde_json::Value>() {
            match value.unwrap() {
                serde_json::Value::Array(all) => events.extend(all),
                one => events.push(one),
            }
        }
    }
    assert!(!events.is_empty(), "{name} has no events");
    vec![Case {
        name,
        rule,
        count,
        events,
    }]
}

pub(crate) fn files(folder: &Path, name: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, name, out);
        } else if path.to_string_lossy().ends_with(name) {
            out.push(path);
        }
    }
}
