//! The running kernel against what is installed.

use vercmp::Kind;

use super::kernel::{Boot, Installed, judge_kernel};

const NONE: &str = "#1 SMP PREEMPT_DYNAMIC";

#[track_caller]
fn check(kind: Kind, release: &str, build: &str, list: &[(&str, &str)], expected: &str) {
    let arch = if kind == Kind::Deb { "amd64" } else { "x86_64" };
    let of = |(name, version): &(&str, &str)| Installed {
        kind,
        name: (*name).into(),
        version: (*version).into(),
        arch: arch.into(),
    };
    let installed: Vec<Installed> = list.iter().map(of).collect();
    let got = match judge_kernel(release, build, &installed) {
        Boot::Newest { package, version } => format!("newest {package} {version}"),
        Boot::Behind {
            package, version, ..
        } => format!("behind {package} {version}"),
        Boot::Unknown { why } => format!("unknown: {why}"),
    };
    assert!(
        got.starts_with(expected),
        "{release} {list:?}: {got}, not {expected}"
    );
}

#[test]
fn debian_and_its_children() {
    let check = |release, build, list: &[(&str, &str)], expected| {
        check(Kind::Deb, release, build, list, expected);
    };
    let old = ("linux-image-5.10.0-9-amd64", "5.10.70-1");
    let new = ("linux-image-5.10.0-28-amd64", "5.10.209-2");
    let meta = ("linux-image-amd64", "5.10.209-2");
    let cloud = ("linux-image-5.10.0-30-cloud-amd64", "5.10.218-1");
    let debug = ("linux-image-5.10.0-32-amd64-dbg", "5.10.223-1");
    let ran = "#1 SMP Debian 5.10.209-2 (2024-01-31)";
    check(
        "5.10.0-28-amd64",
        ran,
        &[old, new, meta, cloud, debug],
        "newest linux-image-5.10.0-28-amd64",
    );
    // As text, 9 is newer than 28.
    check(
        "5.10.0-9-amd64",
        NONE,
        &[old, new, meta, cloud],
        "behind linux-image-5.10.0-28-amd64 5.10.209-2",
    );
    check(
        "5.10.0-9-amd64",
        NONE,
        &[new],
        "behind linux-image-5.10.0-28-amd64",
    );
    check(
        "5.10.0-30-cloud-amd64",
        NONE,
        &[old, new, meta, cloud],
        "newest linux-image-5.10.0-30-cloud-amd64",
    );
    check(
        "5.10.0-29-amd64",
        NONE,
        &[old, new],
        "unknown: the running kernel 5.10.0-29-amd64 is newer",
    );
    check(
        "6.18.44-fc-v669",
        NONE,
        &[new, meta],
        "unknown: the running kernel 6.18.44-fc-v669 is of no",
    );
    check(
        "6.18.44-fc-v669",
        NONE,
        &[meta, ("libc6", "2.36-9")],
        "unknown: no kernel image",
    );
    check(
        "6.18.44-fc-v669",
        NONE,
        &[],
        "unknown: no kernel image is among the 0 packages",
    );
    // The same release, built anew.
    let anew = ("linux-image-5.10.0-28-amd64", "5.10.216-1");
    check(
        "5.10.0-28-amd64",
        ran,
        &[anew],
        "behind linux-image-5.10.0-28-amd64 5.10.216-1",
    );
}

#[test]
fn releases_that_name_their_vendor_and_builds_that_do() {
    let check = |release, build, list: &[(&str, &str)], expected| {
        check(Kind::Deb, release, build, list, expected);
    };
    let deb13 = [
        ("linux-image-6.12.48+deb13-amd64", "6.12.48-1"),
        ("linux-image-6.12.57+deb13-amd64", "6.12.57-1"),
    ];
    check(
        "6.12.48+deb13-amd64",
        NONE,
        &deb13,
        "behind linux-image-6.12.57+deb13-amd64",
    );
    check("6.12.57+deb13-amd64", NONE, &deb13, "newest");
    let unsigned = [("linux-image-unsigned-6.1.0-20-amd64", "6.1.85-1")];
    check(
        "6.1.0-18-amd64",
        NONE,
        &unsigned,
        "behind linux-image-unsigned-6.1.0-20-amd64",
    );
    let ubuntu = [
        ("linux-image-5.15.0-91-generic", "5.15.0-91.101"),
        ("linux-image-5.15.0-100-generic", "5.15.0-100.110"),
        ("linux-image-generic", "5.15.0.100.97"),
    ];
    check(
        "5.15.0-91-generic",
        "#101-Ubuntu SMP",
        &ubuntu,
        "behind linux-image-5.15.0-100-generic",
    );
    check("5.15.0-100-generic", "#110-Ubuntu SMP", &ubuntu, "newest");
    check(
        "5.15.0-100-generic",
        "#109-Ubuntu SMP",
        &ubuntu,
        "behind linux-image-5.15.0-100-generic",
    );
    check(
        "5.15.0-100-generic",
        "#110~20.04.1-Ubuntu SMP",
        &ubuntu,
        "newest",
    );
}

#[test]
fn red_hat_suse_and_their_children() {
    let check =
        |release, list: &[(&str, &str)], expected| check(Kind::Rpm, release, NONE, list, expected);
    let el9 = [
        ("kernel-core", "5.14.0-70.13.1.el9_0"),
        ("kernel-core", "0:5.14.0-503.11.1.el9_5"),
        ("kernel", "5.14.0-503.11.1.el9_5"),
        ("kernel-rt-core", "5.14.0-570.1.1.el9_6"),
        ("kernel-headers", "5.14.0-999.el9"),
        ("kernel-modules", "5.14.0-999.el9"),
    ];
    check("5.14.0-503.11.1.el9_5.x86_64", &el9, "newest kernel");
    // As text, 70 is newer than 503.
    check(
        "5.14.0-70.13.1.el9_0.x86_64",
        &el9,
        "behind kernel-core 0:5.14.0-503.11.1.el9_5",
    );
    check("5.14.0-70.22.1.el9_0.x86_64", &el9, "behind kernel-core");
    check(
        "5.14.0-570.1.1.el9_6.x86_64+rt",
        &el9,
        "newest kernel-rt-core",
    );
    check("5.14.0-503.11.1.el9_5.x86_64+debug", &el9, "unknown");
    check("6.6.9-hand.x86_64", &el9, "unknown");
    check("6.6.9", &el9, "unknown");
    let suse = [
        ("kernel-default", "5.14.21-150500.55.39.1"),
        ("kernel-default", "5.14.21-150500.55.7.1"),
    ];
    check(
        "5.14.21-150500.55.39-default",
        &suse,
        "newest kernel-default",
    );
    check(
        "5.14.21-150500.55.7-default",
        &suse,
        "behind kernel-default 5.14.21-150500.55.39.1",
    );
    let uek = [
        ("kernel-uek", "5.15.0-9.el8uek"),
        ("kernel-uek", "5.15.0-200.el8uek"),
        ("kernel-core", "4.18.0-553.el8"),
    ];
    check(
        "5.15.0-9.el8uek.x86_64",
        &uek,
        "behind kernel-uek 5.15.0-200.el8uek",
    );
}

#[test]
fn alpine() {
    let check =
        |release, list: &[(&str, &str)], expected| check(Kind::Apk, release, NONE, list, expected);
    let list = [
        ("linux-lts", "6.6.58-r0"),
        ("linux-pam", "1.6.1-r1"),
        ("linux-virt", "6.6.60-r0"),
    ];
    check("6.6.58-0-lts", &list, "newest linux-lts");
    check("6.6.9-0-lts", &list, "behind linux-lts 6.6.58-r0");
    check("6.6.58-0-hand", &list, "unknown");
}
