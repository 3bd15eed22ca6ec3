//! What no compiler sees: sizes, excuses, leftovers, and clocks in judges.

use std::{fs, path::Path};

use crate::{root, sources};

/// Longest hand-written file, in lines.
const MAX_LINES: usize = 600;

fn rel(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn files_stay_readable() {
    for path in sources("crates")
        .into_iter()
        .chain(sources("xtask"))
        .chain(sources("bench"))
    {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= MAX_LINES,
            "{} has {lines} lines, at most {MAX_LINES}",
            rel(&path)
        );
    }
}

#[test]
fn an_error_is_dropped_only_with_a_reason() {
    let mut bare: Vec<String> = Vec::new();
    let excuses = [".ok()", "unwrap_or_default()", "let _ ="];
    for path in sources("crates") {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        if rel(&path).contains("/tests/") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("//") || !excuses.iter().any(|e| line.contains(e)) {
                continue;
            }
            // On the line, or within the statement's few lines around it.
            let near = &lines[index.saturating_sub(5)..(index + 3).min(lines.len())];
            let reason = near.iter().any(|line| {
                line.split_once("//").is_some_and(|(_, comment)| {
                    ["because", "likewise", "ok:", "default:"]
                        .iter()
                        .any(|w| comment.contains(w))
                })
            });
            if !reason {
                bare.push(format!("{}:{}: `{}`", rel(&path), index + 1, line.trim()));
            }
        }
    }
    assert!(
        bare.is_empty(),
        "no reason given:
{}",
        bare.join(
            "
"
        )
    );
}

#[test]
fn nothing_is_left_lying_about() {
    let marks = [["TO", "DO"], ["FIX", "ME"]].map(|mark| format!("// {}", mark.concat()));
    for path in sources("crates") {
        let text = fs::read_to_string(&path).unwrap();
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has a {mark}", rel(&path));
        }
        for (index, line) in text.lines().enumerate() {
            let ignored = line.trim_start().starts_with("#[ignore");
            assert!(
                !ignored || line.contains("because"),
                "{}:{}",
                rel(&path),
                index + 1
            );
        }
    }
    for name in ["rust-toolchain", "rust-toolchain.toml"] {
        assert!(
            !root().join(name).exists(),
            "{name} would make rustup download"
        );
    }
}

#[test]
fn only_edges_may_read_clocks_and_files() {
    let config = fs::read_to_string(root().join("clippy.toml")).unwrap();
    let banned: Vec<String> = config
        .lines()
        .filter_map(|line| line.split_once("path = \"")?.1.split_once('"'))
        .map(|(path, _)| path.rsplit("::").take(2).collect::<Vec<_>>())
        .map(|mut ends| {
            ends.reverse();
            ends.join("::")
        })
        .collect();
    assert!(
        banned.contains(&"SystemTime::now".to_owned()),
        "clippy.toml was not understood"
    );
    let mut edges = Vec::new();
    for path in sources("crates") {
        let (name, text) = (rel(&path), fs::read_to_string(&path).unwrap());
        if name.contains("/tests/") {
            continue; // what tests read is no product's
        }
        let edge = name.contains("/edge/")
            || ["crates/cordon/", "crates/testkit/", "crates/edge/"]
                .iter()
                .any(|e| name.starts_with(e));
        if text.contains("expect(clippy::disallowed_methods") {
            assert!(edge, "{name} is no edge and may not excuse itself");
            edges.push(name.clone());
        }
        if edge {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (index, line) in code.lines().enumerate() {
            for call in &banned {
                let called = line.contains(call) && !line.trim_start().starts_with("//");
                assert!(!called, "{name}:{}: {call} outside an edge", index + 1);
            }
        }
    }
    assert!(!edges.is_empty());
}

#[test]
fn every_crate_takes_the_lints_and_the_licence_of_the_workspace() {
    for path in sources("crates")
        .into_iter()
        .chain(sources("xtask"))
        .chain(sources("bench"))
    {
        let manifest = path
            .ancestors()
            .map(|dir| dir.join("Cargo.toml"))
            .find(|p| p.exists());
        let manifest = manifest.unwrap();
        let text = fs::read_to_string(&manifest).unwrap();
        for part in [
            "[lints]\nworkspace = true",
            "license.workspace = true",
            "description = ",
        ] {
            assert!(text.contains(part), "{} lacks {part:?}", rel(&manifest));
        }
    }
}
