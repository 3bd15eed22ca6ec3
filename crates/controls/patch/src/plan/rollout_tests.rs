//! Weeks of a rollout, good and bad. A week is a script of events; what is asked of it is where it ends, and that a
//! machine that was saved and loaded between any two of them ends there as well.

use std::collections::BTreeSet;

use cordon_model::{Span, Time};

use super::*;

const MINUTE: u64 = 60_000;

fn at(minutes: u64) -> Time {
    Time::from_millis(1_790_000_000_000 + minutes * MINUTE)
}

fn ring(name: &str, hosts: &[&str], promote_at: u8, wait: Span) -> Assigned {
    Assigned {
        name: name.to_owned(),
        promote_at,
        wait,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    }
}

/// A week, a word an event: `MINUTE WHAT [HOST] [MORE]`.
fn event(line: &str) -> Event {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (minutes, what) = (words[0].parse().unwrap(), words[1]);
    let host = words
        .get(2)
        .map_or_else(String::new, |host| (*host).to_owned());
    let more = words.get(3).copied().unwrap_or("");
    let health = |text: &str| {
        (!text.is_empty()).then(|| Health {
            failed: Some(
                text.split(',')
                    .filter(|one| *one != "-")
                    .map(str::to_owned)
                    .collect(),
            ),
            crashes: Some(u64::from(text.contains("crash"))),
            findings: None,
        })
    };
    let audited = |proof: Proof| Happened::Audited {
        host: host.clone(),
        taken: at(minutes),
        proof,
        health: health(more),
    };
    let what = match what {
        "tick" => Happened::Tick,
        "began" => Happened::Began {
            host: host.clone(),
            health: health(more),
        },
        "ran" => Happened::Ran {
            host: host.clone(),
            exit: more.parse().ok(), // ok: because `-` is no exit code
        },
        "proven" => audited(Proof::Proven),
        "old" => audited(Proof::NotYet("openssl is old".to_owned())),
        "blind" => audited(Proof::CannotTell("it does not answer".to_owned())),
        "stale" => Happened::Audited {
            host: host.clone(),
            taken: at(0),
            proof: Proof::Proven,
            health: None,
        },
        "restarting" => Happened::Restarting { host: host.clone() },
        "back" => Happened::Back { host: host.clone() },
        "out" => Happened::LeftOut {
            host: host.clone(),
            why: "ute until June".to_owned(),
        },
        "resumed" => Happened::Resumed {
            by: "ute".to_owned(),
        },
        other => panic!("{other}"),
    };
    Event {
        at: at(minutes),
        what,
    }
}

/// The machine after a week; saved and loaded between any two events it is the same.
fn week(start: &Rollout, lines: &[&str]) -> Rollout {
    let mut straight = start.clone();
    let mut resumed = start.clone();
    for line in lines {
        straight.take(&event(line));
        let bytes = postcard::to_stdvec(&resumed).unwrap();
        resumed = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_stdvec(&resumed).unwrap(), bytes);
        resumed.take(&event(line));
        assert_eq!(straight, resumed, "{line}");
    }
    straight
}

fn words(rollout: &Rollout) -> String {
    let hosts = rollout.rings().iter().flat_map(|ring| &ring.hosts);
    let word = |(name, host): (&String, &HostState)| format!("{name}={}", host.stage.word());
    hosts.map(word).collect::<Vec<_>>().join(" ")
}

/// Two rings of one and of two hosts, an hour between them.
fn two() -> Rollout {
    let rings = vec![
        ring("canary", &["a"], 95, Span::hours(1)),
        ring("all", &["b", "c"], 95, Span::hours(1)),
    ];
    Rollout::new(rings, &BTreeSet::new(), at(0))
}

#[track_caller]
fn check(start: &Rollout, lines: &[&str], stages: &str, halted: Option<&str>) -> Rollout {
    let rollout = week(start, lines);
    assert_eq!(words(&rollout), stages);
    let why = rollout.halted().map(|halt| halt.why.as_str());
    match (why, halted) {
        (None, None) => {}
        (Some(why), Some(part)) => assert!(why.contains(part), "{why}"),
        (why, expected) => panic!("halted: {why:?}, expected {expected:?}"),
    }
    rollout
}

#[test]
fn a_good_week_goes_ring_by_ring_and_each_is_proven_twice() {
    let start = two();
    assert_eq!(start.next(at(0)), Next::Run(vec!["a"]));
    let canary = ["1 began a -", "2 ran a 0", "3 proven a -"];
    let rollout = check(&start, &canary, "a=proven b=waiting c=waiting", None);
    assert_eq!(rollout.next(at(4)), Next::Wait(at(63)));
    // The wait is over: what was proven before it is looked at again, and only then the next begins.
    let rollout = week(&rollout, &["63 tick"]);
    assert_eq!(rollout.next(at(63)), Next::Audit(vec!["a"]));
    let rollout = week(&rollout, &["64 proven a -"]);
    assert_eq!(rollout.next(at(64)), Next::Run(vec!["b", "c"]));
    let all = [
        "65 began b -",
        "65 began c -",
        "66 ran b 0",
        "66 ran c 0",
        "67 proven b -",
        "67 proven c -",
    ];
    let rollout = check(&rollout, &all, "a=proven b=proven c=proven", None);
    assert_eq!(
        rollout.next(at(67)),
        Next::Done,
        "nobody waits behind the last ring"
    );
    assert_eq!(rollout.notes(), (&[] as &[String], 0));
}

#[test]
fn an_exit_code_proves_nothing_and_an_audit_decides() {
    let start = two();
    let lie = ["1 began a -", "2 ran a 0", "3 old a -"];
    let rollout = check(
        &start,
        &lie,
        "a=contradicted b=waiting c=waiting",
        Some("the host says: openssl is old"),
    );
    assert!(matches!(rollout.next(at(4)), Next::Halted(halt) if halt.host.as_deref() == Some("a")));
    let failed = ["1 began a -", "2 ran a 100", "3 old a -"];
    check(
        &start,
        &failed,
        "a=failed b=waiting c=waiting",
        Some("at most 0 % of its hosts"),
    );
    let worked = ["1 began a -", "2 ran a 100", "3 proven a -"];
    let rollout = check(&start, &worked, "a=proven b=waiting c=waiting", None);
    let (notes, _) = rollout.notes();
    assert_eq!(
        notes,
        ["a: its command ended with 100, and the audit proves it"]
    );
    let blind = ["1 began a -", "2 ran a 0", "3 blind a -"];
    check(
        &start,
        &blind,
        "a=unknown b=waiting c=waiting",
        Some("at most 0 %"),
    );
    let stale = ["1 began a -", "2 ran a 0", "3 stale a"];
    check(
        &start,
        &stale,
        "a=unknown b=waiting c=waiting",
        Some("at most 0 %"),
    );
}

#[test]
fn what_is_proven_and_then_is_not_halts_it() {
    let lines = [
        "1 began a -",
        "2 ran a 0",
        "3 proven a -",
        "63 tick",
        "64 old a -",
    ];
    check(
        &two(),
        &lines,
        "a=contradicted b=waiting c=waiting",
        Some("is not any more"),
    );
}

#[test]
fn who_feels_worse_halts_it_and_who_does_not_say_is_told() {
    let start = two();
    let sick = ["1 began a ssh", "2 ran a 0", "3 proven a ssh,nginx"];
    check(
        &start,
        &sick,
        "a=sick b=waiting c=waiting",
        Some("failed since: nginx"),
    );
    let crash = ["1 began a -", "2 ran a 0", "3 proven a crash"];
    check(
        &start,
        &crash,
        "a=sick b=waiting c=waiting",
        Some("the worse for it"),
    );
    let better = ["1 began a ssh,nginx", "2 ran a 0", "3 proven a nginx"];
    check(&start, &better, "a=proven b=waiting c=waiting", None);
    let silent = ["1 began a", "2 ran a 0", "3 proven a"];
    let rollout = check(&start, &silent, "a=proven b=waiting c=waiting", None);
    assert!(rollout.notes().0[0].contains("how it feels was not told"));
    // A person who has seen it takes it as it is.
    let seen = [&sick[..], &["9 resumed", "10 proven a ssh,nginx"]].concat();
    check(&start, &seen, "a=proven b=waiting c=waiting", None);
}

#[test]
fn who_does_not_come_back_halts_it() {
    let rings = vec![
        ring("canary", &["a"], 95, Span::default()),
        ring("all", &["b"], 95, Span::default()),
    ];
    let start = Rollout::new(rings, &BTreeSet::from(["a".to_owned()]), at(0));
    let proven = ["1 began a -", "2 ran a 0", "3 proven a -"];
    let rollout = check(&start, &proven, "a=must restart b=waiting", None);
    assert_eq!(rollout.next(at(3)), Next::Restart(vec!["a"]));
    let away = [&proven[..], &["4 restarting a"]].concat();
    let rollout = week(&start, &away);
    assert_eq!(rollout.next(at(5)), Next::Await(vec![("a", at(4))]));
    let back = [&away[..], &["19 back a", "20 proven a -"]].concat();
    check(&start, &back, "a=proven b=waiting", None);
    let old = [&away[..], &["19 back a", "20 old a -"]].concat();
    check(
        &start,
        &old,
        "a=contradicted b=waiting",
        Some("contradicted"),
    );
    let lost = [&away[..], &["19 tick", "20 tick"]].concat();
    let rollout = check(
        &start,
        &lost,
        "a=not back b=waiting",
        Some("did not come back within 15 min"),
    );
    assert!(matches!(rollout.next(at(99)), Next::Halted(_)));
    let late = [&lost[..], &["30 resumed", "31 proven a -"]].concat();
    check(&start, &late, "a=must restart b=waiting", None);
}

#[test]
fn what_is_halted_stays_halted_until_a_person_resumes_it() {
    let start = two();
    let halted = ["1 began a -", "2 ran a 0", "3 old a -"];
    let long = [&halted[..], &["99 tick", "9999 tick"]].concat();
    let rollout = check(
        &start,
        &long,
        "a=contradicted b=waiting c=waiting",
        Some("contradicted"),
    );
    let rollout = week(&rollout, &["10000 resumed"]);
    assert_eq!(rollout.next(at(10_000)), Next::Run(vec!["a"]));
    let again = ["10001 began a -", "10002 ran a 0", "10003 proven a -"];
    check(&rollout, &again, "a=proven b=waiting c=waiting", None);
    let told = rollout.notes().0.join("\n");
    assert!(
        told.contains("ute resumed what was halted by a: contradicted"),
        "{told}"
    );
}

#[test]
fn who_was_killed_in_the_middle_looks_before_it_does_it_again() {
    let start = two();
    let killed = ["1 began a -"];
    let rollout = week(&start, &killed);
    assert_eq!(rollout.next(at(2)), Next::Audit(vec!["a"]));
    check(
        &start,
        &["1 began a -", "9 proven a -"],
        "a=proven b=waiting c=waiting",
        None,
    );
    let rollout = check(
        &start,
        &["1 began a -", "9 old a -"],
        "a=waiting b=waiting c=waiting",
        None,
    );
    assert_eq!(rollout.next(at(9)), Next::Run(vec!["a"]));
}

#[test]
fn a_share_is_enough_and_who_is_left_out_does_not_count() {
    let hosts: Vec<String> = (0..20).map(|nth| format!("h{nth:02}")).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let start = || {
        let rings = vec![
            ring("all", &names, 95, Span::default()),
            ring("rest", &["z"], 95, Span::default()),
        ];
        Rollout::new(rings, &BTreeSet::new(), at(0))
    };
    let lines = |bad: usize| {
        let end = |nth: usize| if nth < bad { "old" } else { "proven" };
        let host = |(nth, name): (usize, &String)| {
            [
                format!("1 began {name} -"),
                format!("2 ran {name} 1"),
                format!("3 {} {name} -", end(nth)),
            ]
        };
        hosts
            .iter()
            .enumerate()
            .flat_map(host)
            .collect::<Vec<String>>()
    };
    let run = |lines: &[String]| {
        week(
            &start(),
            &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    // 19 of 20 are 95 %.
    assert_eq!(run(&lines(1)).next(at(4)), Next::Run(vec!["z"]));
    let two = run(&lines(2));
    assert!(
        two.halted().unwrap().why.contains("at most 90 %"),
        "{:?}",
        two.halted()
    );
    // It does not do the rest of a ring that is lost already.
    let early = run(&lines(2)[..6]);
    assert!(early.halted().is_some());
    let mut left = vec!["0 out h00".to_owned(), "0 out h01".to_owned()];
    left.extend(
        lines(0)
            .into_iter()
            .filter(|line| !line.contains("h00") && !line.contains("h01")),
    );
    let rollout = run(&left);
    assert_eq!(rollout.next(at(4)), Next::Run(vec!["z"]));
    assert!(
        rollout
            .notes()
            .0
            .iter()
            .any(|note| note.contains("h00 is left out: ute until June"))
    );
}

/// Whatever happens in whatever order: a ring is never left with fewer proven than must be, nothing begins while all
/// stands still, and no host is called proven without an audit of it.
#[test]
fn no_order_of_events_leaves_a_ring_unproven() {
    let rings = || {
        let zero = Span::default();
        vec![
            ring("one", &["a", "b"], 50, zero),
            ring("two", &["c"], 100, zero),
        ]
    };
    let mut seed = 0x2004_u64;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let whats = [
        "tick",
        "began",
        "ran",
        "proven",
        "old",
        "blind",
        "stale",
        "restarting",
        "back",
        "out",
        "resumed",
    ];
    for _ in 0..400 {
        let mut rollout = Rollout::new(rings(), &BTreeSet::from(["b".to_owned()]), at(0));
        let (mut audited, mut was_left) = (BTreeSet::new(), false);
        for minute in 1..40 {
            let (what, host) = (whats[next(whats.len())], ["a", "b", "c", "nobody"][next(4)]);
            if what == "proven" {
                audited.insert(host.to_owned());
            }
            let code = ["0", "1", "-"][next(3)];
            rollout = week(&rollout, &[&format!("{minute} {what} {host} {code}")]);
            for ring in rollout.rings() {
                for (name, host) in &ring.hosts {
                    let proven = matches!(host.stage, Stage::Proven { .. });
                    assert!(!proven || audited.contains(name));
                }
            }
            // What is seen of a ring that was left may halt it, and takes nothing back.
            let left = rollout.current().is_none_or(|ring| ring.name != "one");
            if left && !was_left {
                let first = &rollout.rings()[0];
                let proven = first.count(|stage| matches!(stage, Stage::Proven { .. }));
                assert!(proven * 100 >= 50 * first.counted(), "{rollout:?}");
            }
            was_left = left;
            let begins =
                matches!(rollout.next(at(minute)), Next::Run(names) if names.contains(&"c"));
            assert!(
                !begins || (left && rollout.halted().is_none()),
                "{rollout:?}"
            );
        }
    }
}
