//! The rules of judging, one host and one fleet at a time, on feeds that the test writes.

#![expect(clippy::unwrap_used, reason = "a helper fails its test")]

use advisory::{
    Feed, Fleet, HostId, Index, Installed, Inventory, Options, Release, State, Stream, Why, csaf,
    osv, secdb,
};

fn release(text: &str) -> Release {
    text.parse().unwrap()
}

/// An OSV document about one package.
fn document(id: &str, ecosystem: &str, summary: &str, package: &str, events: &str) -> String {
    format!(
        r#"{{"id":"{id}","summary":"{summary}","modified":"2026-01-02T00:00:00Z","affected":[{{"package":
        {{"ecosystem":"{ecosystem}","name":"{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
    )
}

fn fixed(version: &str) -> String {
    format!(r#"{{"introduced":"0"}},{{"fixed":"{version}"}}"#)
}

fn feed(documents: &[String]) -> Feed {
    osv("x", documents.iter().map(String::as_bytes))
}

fn states(feed: &Feed, release_text: &str, package: Installed<'_>) -> Vec<State> {
    let index = Index::new(std::slice::from_ref(feed), Options::default());
    let release = release(release_text);
    let packages = [package];
    let audit = index.judge(&Inventory {
        release: &release,
        packages: &packages,
    });
    assert!(audit.covered, "{release_text}");
    assert_eq!(audit.named + audit.unnamed + audit.older_kernels, 1);
    audit.rows.iter().map(|row| row.verdict.state).collect()
}

fn bash(version: &str) -> Installed<'_> {
    Installed {
        name: "bash",
        arch: "x86_64",
        version,
        ..Installed::default()
    }
}

#[test]
fn missing_and_exposed_without_a_fix_are_two_states() {
    let alma = |id: &str, events: &str| document(id, "AlmaLinux:8", "", "bash", events);
    let open = r#"{"introduced":"0"}"#;
    let feed = feed(&[
        alma("ALSA-1", &fixed("4-2.el8")),
        alma("ALSA-2", open),
        alma("ALSA-3", &fixed("4-9.el8")),
    ]);
    assert_eq!(
        states(&feed, "almalinux:8", bash("4-1.el8")),
        [State::Missing, State::NoFix]
    );
    assert_eq!(
        states(&feed, "almalinux:8", bash("4-9.el8")),
        [State::NoFix]
    );
    let index = Index::new(std::slice::from_ref(&feed), Options::default());
    let release = release("almalinux:8");
    let packages = [bash("4-3.el8")];
    let audit = index.judge(&Inventory {
        release: &release,
        packages: &packages,
    });
    let missing = &audit.rows[0].verdict;
    assert_eq!(missing.fixed.as_deref(), Some("4-9.el8"));
    let ids: Vec<&str> = missing
        .advisories
        .iter()
        .map(|advisory| advisory.id.as_str())
        .collect();
    assert_eq!(ids, ["ALSA-3"], "ALSA-1 is mended");
}

#[test]
fn a_release_that_no_feed_speaks_of_is_not_judged() {
    let feed = feed(&[document(
        "ALSA-1",
        "AlmaLinux:9",
        "",
        "bash",
        &fixed("4-2.el9"),
    )]);
    let index = Index::new(&[feed], Options::default());
    let (release, packages) = (release("almalinux:8"), [bash("4-1.el8")]);
    let audit = index.judge(&Inventory {
        release: &release,
        packages: &packages,
    });
    assert!(!audit.covered && audit.rows.is_empty());
}

#[test]
fn a_module_stream_speaks_of_itself_alone() {
    let alma = |id: &str, summary: &str, version: &str| {
        document(id, "AlmaLinux:8", summary, "nodejs", &fixed(version))
    };
    let feed = feed(&[
        alma(
            "ALSA-14",
            "Important: nodejs:14 security update",
            "1:14.9-1.module_el8.4.0+1+a",
        ),
        alma(
            "ALSA-18",
            "Important: nodejs:18 security update",
            "1:18.9-1.module_el8.8.0+1+a",
        ),
    ]);
    let check = |version: &str, stream: Stream<'_>, expected: &[State]| {
        let package = Installed {
            name: "nodejs",
            arch: "x86_64",
            version,
            stream,
            ..Installed::default()
        };
        assert_eq!(
            states(&feed, "almalinux:8", package),
            expected,
            "{version} {stream:?}"
        );
    };
    let fourteen = "1:14.9-1.module_el8.4.0+1+a";
    check(fourteen, Stream::Of("nodejs:14"), &[State::Proven]);
    check(
        fourteen,
        Stream::Of("nodejs:14:8040020210708131418:522a0ee4"),
        &[State::Proven],
    );
    check(fourteen, Stream::Of("nodejs:16"), &[]);
    check(
        "1:18.1-1.module_el8.8.0+1+a",
        Stream::Of("nodejs:18"),
        &[State::Missing],
    );
    check(
        fourteen,
        Stream::NotTold,
        &[State::Unknown(Why::StreamNotTold)],
    );
    // A package that is not modular is not older than a module.
    check("1:10.1-1.el8", Stream::NotTold, &[]);
}

#[test]
fn an_epoch_that_is_not_told_is_not_guessed() {
    let feed = feed(&[
        document("ALSA-1", "AlmaLinux:8", "", "bash", &fixed("1:4-5.el8")),
        document("ALSA-2", "AlmaLinux:8", "", "zlib", &fixed("4-5.el8")),
    ]);
    let check = |name: &'static str, version: &'static str, expected: State| {
        let package = Installed {
            name,
            version,
            epoch_not_told: true,
            ..Installed::default()
        };
        assert_eq!(
            states(&feed, "almalinux:8", package),
            [expected],
            "{name} {version}"
        );
    };
    check("bash", "4-4.el8", State::Missing);
    check("bash", "4-5.el8", State::Unknown(Why::EpochNotTold));
    check("zlib", "4-5.el8", State::Proven);
    check("zlib", "4-4.el8", State::Missing);
    // And told: no epoch is older than epoch 1.
    assert_eq!(
        states(&feed, "almalinux:8", bash("5-1.el8")),
        [State::Missing]
    );
}

#[test]
fn names_of_a_language_are_never_packages_of_the_system() {
    let feed = feed(&[
        document("GHSA-1", "PyPI", "", "rpm", &fixed("4.15.0")),
        document("ALSA-1", "AlmaLinux:8", "", "rpm", &fixed("4.14.3-19.el8")),
    ]);
    assert_eq!((feed.rows.len(), feed.rejected), (1, 1));
    let package = Installed {
        name: "rpm",
        version: "4.14.3",
        ..Installed::default()
    };
    assert_eq!(
        states(&feed, "almalinux:8", package),
        [State::Unknown(Why::NoVersion)]
    );
}

#[test]
fn sources_are_judged_by_their_own_version() {
    let feed = feed(&[document(
        "DSA-1",
        "Debian:12",
        "",
        "samba",
        &fixed("2:4.17.12+dfsg-0+deb12u2"),
    )]);
    let check = |source_version: Option<&'static str>, expected: State| {
        let libldb2 = Installed {
            name: "libldb2",
            arch: "amd64",
            version: "2:2.6.2+samba4.17.12+dfsg-0+deb12u1",
            source: Some("samba"),
            source_version,
            ..Installed::default()
        };
        assert_eq!(states(&feed, "debian:12", libldb2), [expected]);
    };
    check(Some("2:4.17.12+dfsg-0+deb12u1"), State::Missing);
    check(Some("2:4.17.12+dfsg-0+deb12u2"), State::Proven);
}

#[test]
fn the_newest_kernel_counts() {
    let feed = feed(&[document(
        "ALSA-1",
        "AlmaLinux:8",
        "",
        "kernel-core",
        &fixed("4.18.0-500.el8"),
    )]);
    let index = Index::new(std::slice::from_ref(&feed), Options::default());
    let release = release("almalinux:8");
    let kernel = |version| Installed {
        name: "kernel-core",
        arch: "x86_64",
        version,
        ..Installed::default()
    };
    let check = |versions: &[&'static str], expected: State| {
        let packages: Vec<Installed<'_>> = versions.iter().map(|version| kernel(version)).collect();
        let audit = index.judge(&Inventory {
            release: &release,
            packages: &packages,
        });
        assert_eq!(audit.older_kernels, versions.len() as u64 - 1);
        assert_eq!(audit.rows.len(), 1);
        assert_eq!(audit.rows[0].verdict.state, expected, "{versions:?}");
        let mut fleet = Fleet::default();
        let items: Vec<_> = packages
            .iter()
            .map(|package| fleet.intern(&release, package).unwrap())
            .collect();
        fleet.add(&release, &items);
        let mut of_fleet = Vec::new();
        fleet.audit(&index, &mut |row| {
            of_fleet.extend(row.verdicts.iter().map(|verdict| verdict.state));
        });
        assert_eq!(of_fleet, [expected]);
    };
    check(
        &["4.18.0-80.el8", "4.18.0-553.el8", "4.18.0-348.el8"],
        State::Proven,
    );
    check(&["4.18.0-80.el8", "4.18.0-348.el8"], State::Missing);
}

#[test]
fn bug_fixes_are_kept_and_count_only_when_asked_for() {
    let feed = feed(&[document(
        "ALBA-1",
        "AlmaLinux:8",
        "",
        "bash",
        &fixed("4-2.el8"),
    )]);
    assert_eq!(feed.rows.len(), 1);
    assert_eq!(states(&feed, "almalinux:8", bash("4-1.el8")), []);
    let index = Index::new(&[feed], Options { all_classes: true });
    let (release, packages) = (release("almalinux:8"), [bash("4-1.el8")]);
    let audit = index.judge(&Inventory {
        release: &release,
        packages: &packages,
    });
    assert_eq!(audit.rows[0].verdict.state, State::Missing);
}

#[test]
fn alpine_is_judged_by_its_origins() {
    let text = br#"{"distroversion":"v3.19","archs":["x86_64"],"packages":[{"pkg":{"name":"openssl","secfixes":
        {"3.1.4-r6":["CVE-2024-0727"],"0":["CVE-2024-0001"]}}}]}"#;
    let feed = secdb("alpine", [text.as_slice()]);
    let libcrypto = |version, arch| Installed {
        name: "libcrypto3",
        arch,
        version,
        source: Some("openssl"),
        ..Installed::default()
    };
    assert_eq!(
        states(&feed, "alpine:3.19", libcrypto("3.1.4-r5", "x86_64")),
        [State::Missing]
    );
    assert_eq!(
        states(&feed, "alpine:3.19", libcrypto("3.1.4-r6", "x86_64")),
        [State::Proven]
    );
    assert_eq!(
        states(&feed, "alpine:3.19", libcrypto("3.1.4-r5", "s390x")),
        [State::Unknown(Why::OtherArch)]
    );
}

#[test]
fn what_the_vendor_still_looks_at_is_unknown() {
    let text = br#"{"document":{"csaf_version":"2.0","tracking":{"id":"CVE-2026-0001"}},"product_tree":{"branches":[
        {"product":{"product_id":"el8","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:8"}}},
        {"product":{"product_id":"bash","product_identification_helper":{"purl":"pkg:rpm/redhat/bash"}}}],
        "relationships":[{"product_reference":"bash","relates_to_product_reference":"el8",
        "full_product_name":{"product_id":"el8:bash"}}]},
        "vulnerabilities":[{"cve":"CVE-2026-0001","product_status":{"under_investigation":["el8:bash"]}}]}"#;
    let feed = csaf("vex", [text.as_slice()]);
    assert_eq!(
        (feed.rows.len(), feed.rejected),
        (1, 0),
        "{:?}",
        feed.reasons
    );
    assert_eq!(
        states(&feed, "rhel:8", bash("4-1.el8")),
        [State::Unknown(Why::Investigating)]
    );
}

#[test]
fn a_fleet_is_handed_only_what_changed() {
    let release = release("almalinux:8");
    let first = document("ALSA-1", "AlmaLinux:8", "", "bash", &fixed("4-2.el8"));
    let mut index = Index::new(&[feed(&[first])], Options::default());
    let mut fleet = Fleet::default();
    let old = fleet.intern(&release, &bash("4-1.el8")).unwrap();
    let new = fleet.intern(&release, &bash("4-2.el8")).unwrap();
    let zlib = Installed {
        name: "zlib",
        version: "1-1.el8",
        ..Installed::default()
    };
    let zlib = fleet.intern(&release, &zlib).unwrap();
    let hosts = [[old, zlib], [new, zlib], [old, zlib]].map(|items| fleet.add(&release, &items));
    fleet.add(&"debian:12".parse().unwrap(), &[]);
    let mut rows = Vec::new();
    let tally = fleet.audit(&index, &mut |row| {
        rows.push((row.host, row.item, row.verdicts[0].state));
    });
    let expected = [
        (hosts[0], old, State::Missing),
        (hosts[1], new, State::Proven),
        (hosts[2], old, State::Missing),
    ];
    assert_eq!(rows, expected);
    assert_eq!((tally.rows, tally.uncovered), (3, 1));

    let zlib_fix = document("ALSA-2", "AlmaLinux:8", "", "zlib", &fixed("1-2.el8"));
    let touched = index.extend(&feed(&[zlib_fix]));
    let mut exposed: Vec<HostId> = Vec::new();
    let tally = fleet.update(&index, &touched, &mut |row| exposed.push(row.host));
    assert_eq!(exposed, hosts);
    assert_eq!((tally.rows, tally.judged, tally.changed), (3, 1, 1));

    // The same again changes nothing; the same advisory with another version replaces its older self.
    let again = |index: &mut Index, fleet: &mut Fleet, version: &str| {
        let text = document("ALSA-2", "AlmaLinux:8", "", "zlib", &fixed(version));
        let touched = index.extend(&feed(&[text]));
        let mut states = Vec::new();
        fleet.update(index, &touched, &mut |row| {
            states.push(row.verdicts[0].state);
        });
        states
    };
    assert_eq!(again(&mut index, &mut fleet, "1-2.el8"), []);
    assert_eq!(again(&mut index, &mut fleet, "1-1.el8"), [State::Proven; 3]);

    // A host that is updated is no longer among the owners of what it had.
    fleet.replace(hosts[0], &[new, zlib]);
    let text = document("ALSA-1", "AlmaLinux:8", "", "bash", r#"{"introduced":"0"}"#);
    let touched = index.extend(&feed(&[text]));
    let mut rows = Vec::new();
    fleet.update(&index, &touched, &mut |row| rows.push((row.host, row.item)));
    rows.sort_unstable();
    assert_eq!(rows, [(hosts[0], new), (hosts[1], new), (hosts[2], old)]);
}
