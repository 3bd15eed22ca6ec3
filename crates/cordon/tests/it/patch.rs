//! The audit on real data, against truth that others computed.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use cordon_testkit::{corpus, skip};

use crate::{Ran, cordon, folder};

type Missing = BTreeSet<(String, String, String, String)>;

fn missing(ran: &Ran) -> Missing {
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = ran.lines();
    // By a feed: what is installed and does not run is missing as well, and no feed says so.
    let rows = rows
        .iter()
        .filter(|row| row["state"] == "missing" && row["feed"].is_string());
    rows.map(|row| {
        (
            text(row, "package"),
            text(row, "arch"),
            text(row, "installed"),
            text(row, "fixed"),
        )
    })
    .collect()
}

#[test]
fn the_frozen_debian_host_misses_exactly_the_68_of_the_truth() {
    let Ok(dpkg) = corpus("patches/dpkg") else {
        return;
    };
    let truth = fs::read_to_string(dpkg.join("truth_missing_security.tsv")).unwrap();
    let truth: Missing = truth
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let column = |index: usize| columns[index].to_owned();
            (column(0), column(1), column(2), column(3))
        })
        .collect();
    assert_eq!(truth.len(), 68);
    let (status, index) = (dpkg.join("dpkg-status"), dpkg.join("security-Packages.gz"));
    let ran = cordon(
        ["patch", "audit", "--json", "--inventory"]
            .map(Into::into)
            .into_iter()
            .chain([
                status.into_os_string(),
                "--advisories".into(),
                index.into_os_string(),
            ]),
    );
    assert_eq!((ran.code, missing(&ran)), (1, truth), "{}", ran.err);
    assert_eq!(
        ran.lines().len(),
        68,
        "nothing but the missing ones is printed"
    );
    for row in ran.lines() {
        for name in [
            "host",
            "package",
            "state",
            "installed",
            "fixed",
            "evidence",
            "feed",
        ] {
            assert!(row[name].is_string(), "{name} is missing in {row}");
        }
    }
}

#[test]
fn all_version_suites_agree() {
    let Ok(versions) = corpus("patches/versions") else {
        return;
    };
    let mut suites = 0;
    for entry in fs::read_dir(versions).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let kind = name.split('_').next().unwrap();
        let ran = cordon(["patch", "vercmp", "--kind", kind, path.to_str().unwrap()]);
        assert!(
            ran.code == 0 && ran.out.ends_with(" agree, 0 differ\n"),
            "{name}: {}",
            ran.out
        );
        suites += 1;
    }
    assert!(suites >= 6, "only {suites} suites");
}

/// This machine, judged by apt's own reader and dpkg's own comparison, package by package.
#[test]
fn the_live_host_misses_what_apt_and_dpkg_say_it_misses() {
    let lists = Path::new("/var/lib/apt/lists");
    let security = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.contains("security") && name.contains("_Packages")
    };
    let indexes: Vec<_> = fs::read_dir(lists)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|p| security(p))
                .collect()
        })
        .unwrap_or_default();
    let helper = "/usr/lib/apt/apt-helper";
    if indexes.is_empty() || !Path::new(helper).exists() {
        skip("no apt with a security index here");
        return;
    }
    let text = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let format = "${Package}\t${Architecture}\t${Version}\t${db:Status-Status}\n";
    let installed = text(Command::new("dpkg-query").args(["-W", "-f", format]));
    let mut truth = Missing::new();
    for index in indexes {
        let stanzas = text(Command::new(helper).arg("cat-file").arg(&index));
        for stanza in stanzas.split("\n\n") {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let (Some(name), Some(fixed), Some(arch)) =
                (field("Package"), field("Version"), field("Architecture"))
            else {
                continue;
            };
            for line in installed.lines() {
                let columns: Vec<&str> = line.split('\t').collect();
                let [package, has, version, "installed"] = columns.as_slice() else {
                    continue;
                };
                let fits = arch == *has || arch == "all" || *has == "all";
                if *package == name && fits && is_older(version, fixed) {
                    let row = (name, *has, *version, fixed);
                    truth.insert((row.0.into(), row.1.into(), row.2.into(), row.3.into()));
                }
            }
        }
    }
    // An index may name a package twice; the newest counts.
    let newest = truth.clone().into_iter().filter(|(name, arch, _, fixed)| {
        !truth
            .iter()
            .any(|(n, a, _, other)| n == name && a == arch && is_older(fixed, other))
    });
    let truth: Missing = newest.collect();
    let ran = cordon(["patch", "audit", "--json"]);
    assert_eq!(missing(&ran), truth, "{}", ran.err);
    assert_eq!(ran.code, i32::from(!ran.lines().is_empty()));
}

fn is_older(a: &str, b: &str) -> bool {
    Command::new("dpkg")
        .args(["--compare-versions", a, "lt", b])
        .status()
        .unwrap()
        .success()
}

#[test]
fn the_same_index_packed_in_any_form_gives_the_same_answer() {
    let Ok(dpkg) = corpus("patches/dpkg") else {
        return;
    };
    let folder = folder("packed");
    let index = cordon_patch_edge::unpack(&dpkg.join("security-Packages.gz")).unwrap();
    let plain = folder.join("Packages");
    fs::write(&plain, index).unwrap();
    let mut answers = BTreeSet::new();
    for (name, packer) in [
        ("Packages", None),
        ("Packages.xz", Some("xz")),
        ("Packages.lz4", Some("lz4")),
    ] {
        let path = folder.join(name);
        if let Some(packer) = packer {
            let out = fs::File::create(&path).unwrap();
            let packed = Command::new(packer)
                .args(["-c", "-1"])
                .arg(&plain)
                .stdout(Stdio::from(out))
                .status();
            if !packed.is_ok_and(|status| status.success()) {
                skip(&format!("{packer} is not installed"));
                continue;
            }
        }
        let status = dpkg.join("dpkg-status");
        let (status, path) = (status.to_str().unwrap(), path.to_str().unwrap());
        let ran = cordon([
            "patch",
            "audit",
            "--json",
            "--inventory",
            status,
            "--advisories",
            path,
        ]);
        let rows: Missing = missing(&ran);
        assert_eq!(rows.len(), 68, "{name}: {}", ran.err);
        answers.insert(rows);
    }
    assert_eq!(answers.len(), 1);
}
