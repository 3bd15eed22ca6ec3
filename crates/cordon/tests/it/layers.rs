//! The path is the layer. Read off `cargo metadata`, so nobody has to keep a list.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::root;

/// Most packages that the pure half of a control may link, itself included.
const MAX_LINKED: usize = 40;

/// Crates by the path of their folder, and what they depend on in normal builds.
struct Workspace {
    /// Folder below the root -> folders of the workspace it depends on.
    arrows: BTreeMap<String, BTreeSet<String>>,
    /// Folder -> how many packages it links.
    linked: BTreeMap<String, usize>,
}

fn workspace() -> Workspace {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let base = root().to_str().unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut folders = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = text(&package["manifest_path"]);
        if let Some(below) = manifest.strip_prefix(&base) {
            let folder = below
                .trim_matches('/')
                .trim_end_matches("/Cargo.toml")
                .to_owned();
            folders.insert(text(&package["id"]), folder);
        }
    }
    let mut depends = BTreeMap::<String, Vec<String>>::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let normal = |dep: &&Value| {
            dep["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"].is_null())
        };
        let deps = node["deps"].as_array().unwrap().iter().filter(normal);
        depends.insert(
            text(&node["id"]),
            deps.map(|dep| text(&dep["pkg"])).collect(),
        );
    }
    let (mut arrows, mut linked) = (BTreeMap::new(), BTreeMap::new());
    for (id, folder) in &folders {
        let inside = depends[id]
            .iter()
            .filter_map(|dep| folders.get(dep).cloned());
        arrows.insert(folder.clone(), inside.collect());
        let (mut seen, mut open) = (BTreeSet::new(), vec![id.clone()]);
        while let Some(id) = open.pop() {
            if seen.insert(id.clone()) {
                open.extend(depends[&id].iter().cloned());
            }
        }
        linked.insert(folder.clone(), seen.len());
    }
    Workspace { arrows, linked }
}

/// Whether a crate in folder `from` may depend on one in folder `to`.
fn allowed(from: &str, to: &str) -> bool {
    let layer = |folder: &str| -> &'static str {
        match folder.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", "model"] => "model",
            ["crates", "engine"] => "engine",
            ["crates", "testkit"] => "testkit",
            ["crates", "lib", _] => "lib",
            ["crates", "controls", _] => "control",
            ["crates", "controls", _, "edge"] => "control edge",
            ["crates", "edge", _] => "edge",
            ["crates", "outbreak"] => "outbreak",
            ["crates", "cordon"] => "cordon",
            ["bench" | "xtask"] => "tool",
            _ => panic!("{folder} is in no layer: give it one in tests/it/layers.rs"),
        }
    };
    match (layer(from), layer(to)) {
        ("cordon", to) => to != "tool",
        // A library may use another; cargo itself refuses rings.
        ("tool", _) | ("lib", "lib") => true,
        ("model" | "lib", _) | (_, "cordon" | "tool" | "testkit") => false,
        ("testkit", to) => matches!(to, "model" | "engine"),
        (_, "model") => true,
        ("control" | "edge", to) => to == "lib",
        ("control edge", "control") => from.strip_suffix("/edge") == Some(to),
        ("control edge", to) => matches!(to, "lib" | "edge"),
        _ => false,
    }
}

#[test]
fn arrows_point_only_where_the_layers_allow() {
    let workspace = workspace();
    assert!(
        workspace.arrows.len() >= 10,
        "too few crates seen: {:?}",
        workspace.arrows
    );
    for (from, tos) in &workspace.arrows {
        for to in tos {
            assert!(allowed(from, to), "{from} must not depend on {to}");
        }
    }
}

#[test]
fn the_layers_refuse_what_they_are_for() {
    for (from, to) in [
        ("crates/controls/logs", "crates/controls/patch"),
        ("crates/controls/logs", "crates/controls/logs/edge"),
        ("crates/controls/logs/edge", "crates/controls/patch"),
        ("crates/controls/logs", "crates/edge/store"),
        ("crates/edge/wire", "crates/edge/store"),
        ("crates/lib/vercmp", "crates/model"),
        ("crates/model", "crates/engine"),
        ("crates/engine", "crates/controls/logs"),
        ("crates/testkit", "crates/controls/logs"),
        ("crates/engine", "crates/cordon"),
    ] {
        assert!(!allowed(from, to), "{from} -> {to}");
    }
}

#[test]
fn the_pure_half_of_a_control_stays_light() {
    let workspace = workspace();
    for (folder, linked) in workspace.linked {
        let pure = folder.starts_with("crates/controls/") && !folder.ends_with("/edge");
        assert!(
            !pure || linked <= MAX_LINKED,
            "{folder} links {linked} packages"
        );
    }
}
