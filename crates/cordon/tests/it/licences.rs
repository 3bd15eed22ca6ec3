//! Nothing in the binary under a licence that it may not carry: `deny.toml`, held without its tool.

use std::{fs, process::Command};

use serde_json::Value;

use crate::root;

#[test]
fn every_package_is_under_a_licence_that_deny_toml_allows() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny
        .split_once("allow = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    let allowed: Vec<&str> = list
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .collect();
    assert!(allowed.contains(&"Apache-2.0") && !allowed.iter().any(|name| name.contains("GPL")));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 20);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} has none"));
        assert!(fits(licence, &allowed), "{name} is under {licence}");
    }
}

/// An SPDX expression of `OR` and `AND`, as crates write it: each `AND` part needs one allowed `OR`.
fn fits(licence: &str, allowed: &[&str]) -> bool {
    let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| {
        part.split(" OR ").any(|one| {
            let one = one.trim().split(" WITH ").next().unwrap();
            allowed.contains(&one)
        })
    })
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert!(fits(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-2.0", "LGPL-2.1 OR GPL-3.0", ""] {
        assert!(!fits(bad, &allowed), "{bad}");
    }
}
