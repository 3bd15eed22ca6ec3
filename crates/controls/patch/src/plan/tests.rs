//! What a plan promises, held against a small world: hosts with packages, advisories that name versions, an audit, and
//! somebody who does what the plan says.

use std::collections::BTreeMap;

use cordon_model::{Asked, PackageKind, Severity, Time};

use super::*;

const MADE: Time = Time::from_millis(1_790_000_000_000);

fn open(package: &str, state: OpenState) -> Open {
    Open {
        requirement: None,
        package: package.to_owned(),
        arch: String::new(),
        built_from: None,
        state,
        reason: None,
        installed: None,
        fixed: None,
        advisories: Vec::new(),
        cves: Vec::new(),
        severity: None,
        exploited: false,
        wormable: false,
        asked: Asked::Feed,
        owner: None,
        due: None,
    }
}

fn missing(package: &str, from: &str, to: &str) -> Open {
    Open {
        installed: Some(from.to_owned()),
        fixed: Some(to.to_owned()),
        ..open(package, OpenState::Missing)
    }
}

fn host(kind: PackageKind, rows: Vec<Open>) -> HostRows {
    HostRows {
        host: "web1".to_owned(),
        kind: Some(kind),
        rows,
        ..HostRows::default()
    }
}

fn plan(host: &HostRows, reachable: &str) -> Plan {
    let reachable = if reachable.is_empty() {
        Vec::new()
    } else {
        read_reachable(reachable).unwrap()
    };
    make(std::slice::from_ref(host), &reachable, MADE)
}

/// A step a line: what, rank, restart.
fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.hosts.iter().flat_map(|host| &host.steps);
    let line = |step: &Step| {
        let what = match &step.deed {
            Deed::Upgrade(all) => {
                let all = all
                    .iter()
                    .map(|one| format!("{}:{}={}", one.name, one.arch, one.to));
                all.collect::<Vec<_>>().join("+")
            }
            Deed::Install { kb, .. } => kb.clone(),
            Deed::RestartServices(files) => format!("services {}", files.join("+")),
            Deed::RestartHost => "host".to_owned(),
        };
        format!("{what} {:?} {:?}", step.rank, step.needs_restart)
    };
    steps.map(line).collect()
}

#[track_caller]
fn check(host: &HostRows, reachable: &str, expected: &[&str], not_mended: &[(&str, &str)]) {
    let plan = plan(host, reachable);
    assert_eq!(lines(&plan), expected);
    let left: Vec<(&str, &str)> = plan
        .not_mended
        .iter()
        .map(|one| (one.package.as_str(), one.why.as_str()))
        .collect();
    assert_eq!(left.len(), not_mended.len(), "{left:?}");
    for ((package, why), (expected, part)) in left.iter().zip(not_mended) {
        assert!(
            package == expected && why.contains(part),
            "{package}: {why}"
        );
    }
}

#[test]
fn packages_of_one_source_are_one_step_in_the_newest_version_that_is_asked_for() {
    let of = |package: &str, arch: &str, to: &str| Open {
        arch: arch.to_owned(),
        built_from: Some("openssl".to_owned()),
        ..missing(package, "3.0.1-1", to)
    };
    let rows = vec![
        of("openssl", "amd64", "3.0.9-1"),
        of("libssl3", "amd64", "3.0.10-1"),
        of("libssl3", "amd64", "3.0.9-1"),
        of("libssl3", "i386", "3.0.9-1"),
        // A sheet tells no architecture: it means each.
        Open {
            requirement: Some("MY-1".to_owned()),
            arch: String::new(),
            ..of("libssl3", "", "3.0.11-1")
        },
        missing("bash", "5.1-1", "5.2-1"),
    ];
    let expected = [
        "libssl3:amd64=3.0.11-1+libssl3:i386=3.0.11-1+openssl:amd64=3.0.9-1 Rest Services",
        "bash:=5.2-1 Rest Nothing",
    ];
    let mut sorted = expected;
    sorted.sort_unstable();
    let mut found = lines(&plan(&host(PackageKind::Deb, rows.clone()), ""));
    found.sort();
    assert_eq!(found, sorted);
    let mut backwards = rows.clone();
    backwards.reverse();
    let (forward, backward) = (
        host(PackageKind::Deb, rows),
        host(PackageKind::Deb, backwards),
    );
    assert_eq!(
        plan(&forward, ""),
        plan(&backward, ""),
        "the order of rows says nothing"
    );
}

#[test]
fn what_can_be_reached_by_a_worm_goes_first_then_what_is_exploited_then_the_worst() {
    let rated = |package: &str, severity: Option<Severity>| Open {
        severity,
        ..missing(package, "1-1", "2-1")
    };
    let rows = vec![
        rated("rest", None),
        rated("low", Some(Severity::Low)),
        rated("critical", Some(Severity::Critical)),
        Open {
            exploited: true,
            ..rated("exploited", Some(Severity::Low))
        },
        Open {
            wormable: true,
            ..rated("inside", Some(Severity::High))
        },
        Open {
            wormable: true,
            built_from: Some("openssh".to_owned()),
            ..rated("sshd", Some(Severity::Medium))
        },
    ];
    let expected = [
        "sshd:=2-1 ReachableAndWormable Nothing",
        "exploited:=2-1 Exploited Nothing",
        "critical:=2-1 Critical Nothing",
        "inside:=2-1 High Nothing",
        "low:=2-1 Low Nothing",
        "rest:=2-1 Rest Nothing",
    ];
    let reachable = "web1.example.org,22,openssh\nweb1,25,critical\nweb2,80,inside\n";
    check(&host(PackageKind::Deb, rows), reachable, &expected, &[]);
}

#[test]
fn steps_of_one_restart_stand_together_and_the_most_urgent_kind_is_first() {
    let rows = vec![
        Open {
            severity: Some(Severity::Low),
            ..missing("glibc", "1-1", "2-1")
        },
        Open {
            severity: Some(Severity::Critical),
            ..missing("zlib-libs", "1-1", "2-1")
        },
        Open {
            severity: Some(Severity::High),
            ..missing("bash", "1-1", "2-1")
        },
        Open {
            severity: Some(Severity::High),
            ..missing("kernel-core", "1-1", "2-1")
        },
        missing("kernel-headers", "1-1", "2-1"),
        missing("openssl-libs", "1-1", "2-1"),
        open("kernel", OpenState::NotRunning),
        open("/usr/lib64/libz.so.1", OpenState::NotRunning),
    ];
    let expected = [
        "zlib-libs:=2-1 Critical Services",
        "openssl-libs:=2-1 Rest Services",
        "bash:=2-1 High Nothing",
        "kernel-headers:=2-1 Rest Nothing",
        "kernel-core:=2-1 High Host",
        "glibc:=2-1 Low Host",
        "host Rest Host",
    ];
    check(&host(PackageKind::Rpm, rows), "", &expected, &[]);
    let files = ["/usr/lib/a.so", "/usr/lib/b.so"].map(|file| open(file, OpenState::NotRunning));
    let expected = ["services /usr/lib/a.so+/usr/lib/b.so Rest Services"];
    check(&host(PackageKind::Rpm, files.to_vec()), "", &expected, &[]);
}

#[test]
fn what_no_step_mends_is_told_with_its_reason() {
    let reason = |row: Open, why: &str| Open {
        reason: Some(why.to_owned()),
        ..row
    };
    let rows = vec![
        reason(open("a", OpenState::NoFix), "exposed, and no fix is known"),
        reason(open("b", OpenState::Unknown), "the vendor is still looking"),
        reason(open("release", OpenState::Missing), "past its end"),
        Open {
            fixed: Some("2-1".to_owned()),
            ..open("d", OpenState::Missing)
        },
        missing("e", "1-1", "1 or 2"),
        reason(open("f", OpenState::Excepted), "until the move"),
    ];
    let left = [
        ("a", "no fix is known"),
        ("b", "still looking"),
        ("d", "not installed"),
        ("e", "not one whole version"),
        ("f", "until the move"),
        ("release", "past its end"),
    ];
    let deb = host(PackageKind::Deb, rows);
    check(&deb, "", &[], &left);
    let excepted: Vec<bool> = plan(&deb, "")
        .not_mended
        .iter()
        .map(|one| one.excepted)
        .collect();
    assert_eq!(excepted, [false, false, false, false, true, false]);
    let blind = HostRows {
        not_audited: Some("it is off".to_owned()),
        ..host(PackageKind::Deb, Vec::new())
    };
    let plan = plan(&blind, "");
    assert!(plan.hosts.is_empty() && plan.cannot.len() == 1);
}

#[test]
fn of_windows_the_heads_of_the_chains_are_installed_and_what_must_go_first_does() {
    let update = |kb: &str, restart: Option<bool>| Update {
        kb: kb.to_owned(),
        title: format!("update {kb}"),
        fixes: 7,
        restart,
        ..Update::default()
    };
    let sheet = Open {
        requirement: Some("MS04-011".to_owned()),
        severity: Some(Severity::Critical),
        wormable: true,
        ..open("KB835732", OpenState::Contradicted)
    };
    let rows = vec![
        open("KB3", OpenState::Missing),
        open("KB2", OpenState::Missing),
        open("KB4", OpenState::Missing),
        sheet,
        open("setting", OpenState::Missing),
    ];
    let windows = HostRows {
        updates: vec![
            Update {
                first: true,
                ..update("KB2", Some(false))
            },
            Update {
                brings: vec!["KB4".to_owned()],
                exploited: true,
                ..update("KB3", None)
            },
        ],
        ..host(PackageKind::Kb, rows)
    };
    let expected = [
        "KB2 ReachableAndWormable Nothing",
        "KB835732 ReachableAndWormable Host",
        "KB3 Exploited Host",
    ];
    check(
        &windows,
        "web1,445,*\n",
        &expected,
        &[("setting", "no update of Windows is named")],
    );
    let steps = &plan(&windows, "").hosts[0].steps;
    let kb3 = steps
        .iter()
        .find(|step| matches!(&step.deed, Deed::Install { kb, .. } if kb == "KB3"));
    let mends: Vec<&str> = kb3
        .unwrap()
        .why
        .iter()
        .map(|one| one.package.as_str())
        .collect();
    assert_eq!(mends, ["KB3", "KB4"]);
}

/// A world: what is installed, and what advisories ask for.
#[derive(Clone, Default)]
struct World {
    installed: BTreeMap<String, (String, u64)>,
    advisories: Vec<(String, u64, Severity)>,
}

impl World {
    fn audit(&self) -> HostRows {
        let open = self
            .advisories
            .iter()
            .filter_map(|(package, fixed, severity)| {
                let (source, version) = &self.installed[package];
                (version < fixed).then(|| Open {
                    built_from: Some(source.clone()),
                    severity: Some(*severity),
                    advisories: vec![format!("A-{package}-{fixed}")],
                    ..missing(package, &format!("{version}-1"), &format!("{fixed}-1"))
                })
            });
        host(PackageKind::Rpm, open.collect())
    }

    /// Does what a step says, and nothing else.
    fn apply(&mut self, step: &Step) {
        let Deed::Upgrade(all) = &step.deed else {
            panic!("{step:?}");
        };
        for one in all {
            let to = one.to.strip_suffix("-1").unwrap().parse().unwrap();
            self.installed.get_mut(&one.name).unwrap().1 = to;
        }
    }
}

#[test]
fn a_plan_mends_what_it_says_and_no_step_of_it_can_be_left_out() {
    let mut seed = 0x2004_0413_u64;
    let mut next = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let severities = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let mut steps_seen = 0;
    for _ in 0..300 {
        let packages: Vec<String> = (0..12).map(|nth| format!("p{nth}")).collect();
        let mut start = World::default();
        for package in &packages {
            let source = format!("s{}", next(5));
            start
                .installed
                .insert(package.clone(), (source, 1 + next(9)));
        }
        for _ in 0..next(30) {
            let package = packages[usize::try_from(next(12)).unwrap()].clone();
            let severity = severities[usize::try_from(next(4)).unwrap()];
            start.advisories.push((package, 1 + next(12), severity));
        }
        let plan = plan(&start.audit(), "");
        assert_eq!(plan.not_mended, []);
        let steps = plan.hosts.first().map_or(&[][..], |host| &host.steps[..]);
        steps_seen += steps.len();
        let rows: usize = steps.iter().map(|step| step.why.len()).sum();
        let mut distinct = start.audit().rows;
        distinct.dedup();
        assert!(rows <= distinct.len());
        assert!(
            steps.windows(2).all(|two| two[0].rank <= two[1].rank),
            "{:?}",
            lines(&plan)
        );
        assert!(
            steps
                .iter()
                .all(|step| step.why.windows(2).all(|two| two[0].rank <= two[1].rank))
        );
        let mut all = start.clone();
        for step in steps {
            all.apply(step);
        }
        assert_eq!(all.audit().rows, [], "a row is open that the plan mends");
        for left_out in 0..steps.len() {
            let mut most = start.clone();
            let others = steps.iter().enumerate().filter(|(nth, _)| *nth != left_out);
            others.for_each(|(_, step)| most.apply(step));
            let open = most.audit().rows;
            assert!(!open.is_empty(), "step {left_out} was not needed");
            let mends = &steps[left_out].why;
            assert!(
                open.iter()
                    .all(|row| mends.iter().any(|one| one.package == row.package))
            );
        }
    }
    assert!(steps_seen > 500, "{steps_seen}");
}
