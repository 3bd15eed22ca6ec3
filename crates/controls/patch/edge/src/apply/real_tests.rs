//! A plan against the real audit: hosts with packages of `AlmaLinux` as its own advisories know them, what the plan says
//! done to their inventory, and audited again.

use std::collections::BTreeMap;

use cordon_model::{Control, Policy, Span, Time};
use cordon_patch::{
    Patch,
    plan::{Deed, Proof, Step, make},
};
use cordon_testkit::corpus;

use super::proof;
use crate::{
    HostFiles,
    audit::{Bench, Rows, Sheets, audit, host_rows},
    feeds,
};

const NOW: Time = Time::from_millis(1_790_000_000_000);

const NAMES: [&str; 18] = [
    "bash",
    "bind-libs",
    "curl",
    "libcurl",
    "openssl",
    "openssl-libs",
    "glibc",
    "glibc-common",
    "kernel",
    "kernel-core",
    "sudo",
    "vim-minimal",
    "python3-libs",
    "systemd",
    "systemd-libs",
    "libxml2",
    "zlib",
    "expat",
];

/// A host of `AlmaLinux` 8; versions by name, as `version-release`.
fn host(packages: &BTreeMap<String, String>) -> HostFiles {
    let line = |(name, evr): (&String, &String)| {
        let (epoch, rest) = evr.split_once(':').unwrap_or(("(none)", evr));
        let (version, release) = rest.split_once('-').unwrap();
        // Packages of one first letter are of one source.
        let source = name.get(..1).unwrap();
        format!("{name}\t{epoch}\t{version}\t{release}\tx86_64\t{source}-1-1.src.rpm\t(none)\t1\n")
    };
    let text: String = packages.iter().map(line).collect();
    HostFiles {
        name: "alma".to_owned(),
        packages: Some(pkgdb::rpm_query(text.as_bytes()).unwrap()),
        os: Some(pkgdb::Os::read(b"NAME=AlmaLinux\nID=almalinux\nVERSION_ID=\"8.10\"\n").unwrap()),
        ..HostFiles::default()
    }
}

fn apply(packages: &mut BTreeMap<String, String>, step: &Step) {
    if let Deed::Upgrade(all) = &step.deed {
        for one in all {
            packages.insert(one.name.clone(), one.to.clone());
        }
    }
}

#[test]
fn what_a_plan_says_it_mends_is_proven_by_the_next_audit_and_not_without_each_step() {
    let Ok(osv) = corpus("patches/osv") else {
        return;
    };
    let feeds = feeds(&[osv.join("almalinux8.zip")]).unwrap();
    let patch = Patch::new(&Policy::new("", 1)).unwrap();
    let bench = Bench::new(feeds, patch, Sheets::default(), NOW, Span::days(3650));
    let mut packages: BTreeMap<String, String> = NAMES
        .iter()
        .map(|name| ((*name).to_owned(), "0.1-1.el8".to_owned()))
        .collect();
    let look = |packages: &BTreeMap<String, String>| -> (HostFiles, Rows) {
        let host = host(packages);
        let rows = audit(&host, &bench, None);
        (host, rows)
    };
    let (files, rows) = look(&packages);
    let open = host_rows(&files, &rows.lines, &rows.updates);
    let plan = make(&[open], &[], NOW);
    let planned = plan.hosts.first().unwrap();
    assert!(planned.steps.len() >= 5, "{planned:#?}");
    assert!(
        planned
            .steps
            .iter()
            .any(|step| step.why.iter().any(|row| row.cves.len() > 3))
    );
    let before = packages.clone();
    for left_out in &planned.steps {
        let mut most = before.clone();
        for step in planned.steps.iter().filter(|step| *step != left_out) {
            apply(&mut most, step);
        }
        let lines = look(&most).1.lines;
        let verdict = proof(&planned.steps, planned.kind, &lines, false);
        assert!(
            matches!(verdict, Proof::NotYet(_)),
            "{left_out:?}: {verdict:?}"
        );
    }
    for step in &planned.steps {
        apply(&mut packages, step);
    }
    let lines = look(&packages).1.lines;
    assert_eq!(
        proof(&planned.steps, planned.kind, &lines, false),
        Proof::Proven
    );
    assert!(
        lines.iter().all(|line| line.state != "missing"),
        "{lines:?}"
    );
}
