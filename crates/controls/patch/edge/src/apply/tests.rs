//! What comes near a command line, what a record says, and what a rollout on the disk outlives.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use cordon_model::{Asked, PackageKind, Span, Time};
use cordon_patch::plan::{
    Assigned, Deed, Event, Happened, Mends, Next, Plan, Proof, Rank, Restart, Rollout, SCHEMA,
    Step, Upgrade,
};

use super::*;
use crate::audit::Line;

fn upgrade(name: &str, arch: &str, from: &str, to: &str) -> Upgrade {
    let owned = str::to_owned;
    Upgrade {
        name: owned(name),
        arch: owned(arch),
        from: owned(from),
        to: owned(to),
    }
}

fn step(packages: Vec<Upgrade>) -> Step {
    Step {
        deed: Deed::Upgrade(packages),
        rank: Rank::Rest,
        needs_restart: Restart::Nothing,
        why: Vec::new(),
    }
}

#[test]
fn each_manager_is_asked_for_exactly_these_versions() {
    let check = |kind: PackageKind, one: Upgrade, does: &str, undoes: &str| {
        let job = Job::of(Some(kind), &[step(vec![one])]).unwrap();
        let texts = |calls: &[Call]| calls.iter().map(Call::to_string).collect::<Vec<_>>();
        assert_eq!(
            (texts(&job.calls), texts(&job.undo)),
            (vec![does.to_owned()], vec![undoes.to_owned()])
        );
    };
    check(
        PackageKind::Deb,
        upgrade("libssl3", "amd64", "3.0.1-1", "1:3.0.11-1~deb12u2"),
        "env LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install --only-upgrade -y --no-remove \
         -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold 'libssl3:amd64=1:3.0.11-1~deb12u2'",
        "env LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install --allow-downgrades -y \
         -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold libssl3:amd64=3.0.1-1",
    );
    check(
        PackageKind::Rpm,
        upgrade(
            "openssl-libs",
            "x86_64",
            "1:3.0.1-1.el9",
            "1:3.0.7-28.el9_4",
        ),
        "env LC_ALL=C dnf upgrade -y openssl-libs-1:3.0.7-28.el9_4.x86_64",
        "env LC_ALL=C dnf downgrade -y openssl-libs-1:3.0.1-1.el9.x86_64",
    );
    check(
        PackageKind::Apk,
        upgrade("openssl", "x86_64", "3.1.4-r4", "3.1.4-r5"),
        "env LC_ALL=C apk add --upgrade openssl=3.1.4-r5",
        "env LC_ALL=C apk add openssl=3.1.4-r4",
    );
}

/// What a plan from a stranger may try.
const HOSTILE: [&str; 22] = [
    "", " ", "-o", "--help", "-y", "a b", "a;id", "a&&id", "$(id)", "`id`", "a|id", "a\nid",
    "a'id", "a\"id", "../a", "a/b", "a*", "a?", "a=1", "a\0", "ä", "a\\",
];

#[test]
fn no_hostile_name_comes_near_a_command_line() {
    let long = "a".repeat(MAX_NAME_BYTES + 1);
    for kind in [PackageKind::Deb, PackageKind::Rpm, PackageKind::Apk] {
        for text in HOSTILE.into_iter().chain([long.as_str()]) {
            for one in [
                upgrade(text, "", "1-1", "2-1"),
                upgrade("a", "", "1-1", text),
                upgrade("a", "", text, "2-1"),
                upgrade("a", if text.is_empty() { " " } else { text }, "1-1", "2-1"),
            ] {
                let job = Job::of(Some(kind), &[step(vec![one.clone()])]);
                assert!(job.is_err(), "{kind:?} {one:?}: {job:?}");
            }
        }
    }
    // Behind a package apt reads a last + or - as install or remove.
    for version in ["1.0-", "1.0+", "a1"] {
        assert!(
            Apt.upgrade(&[upgrade("a", "", "1", version)]).is_err(),
            "{version}"
        );
    }
    assert_eq!(Apt.upgrade(&[]), Err(Refused::Count(0)));
    let many = vec![upgrade("a", "", "1", "2"); MAX_PACKAGES + 1];
    assert_eq!(Dnf.upgrade(&many), Err(Refused::Count(MAX_PACKAGES + 1)));
    let kb = Deed::Install {
        kb: "KB1".to_owned(),
        title: String::new(),
        fixes: 0,
    };
    let windows = Step {
        deed: kb,
        ..step(Vec::new())
    };
    assert_eq!(
        Job::of(Some(PackageKind::Kb), &[windows]),
        Err(Refused::NoExecutor)
    );
}

/// Whatever a word holds, a shell reads it back as it is.
#[test]
fn a_shell_reads_every_word_back() {
    for word in HOSTILE.into_iter().filter(|word| !word.contains('\0')) {
        let call = Call::new(&[("LC_ALL", word)], &["printf", "%s", word]);
        let line = format!("{call}; printf '|%s' \"$X\"");
        let said = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert_eq!(
            String::from_utf8(said.stdout).unwrap(),
            format!("{word}|"),
            "{word:?}"
        );
    }
}

fn shell(line: &str) -> Call {
    Call::new(&[], &["sh", "-c", line])
}

fn jobs(lines: &[&str]) -> Job {
    Job {
        calls: lines.iter().map(|line| shell(line)).collect(),
        undo: vec![shell("false")],
    }
}

#[test]
fn the_first_bad_end_is_told_and_the_others_are_done_here_and_by_a_script() {
    let check = |lines: &[&str], exit: Option<i32>, said: &[&str]| {
        let job = jobs(lines);
        let here = run(&job, Duration::from_secs(20)).unwrap();
        let ran = Command::new("sh")
            .arg("-c")
            .arg(script(&job, false))
            .output()
            .unwrap();
        let by_script = answer(&job, &ran.stdout).unwrap();
        for record in [here, by_script] {
            assert_eq!(record.exit, exit, "{record:?}");
            for part in said {
                assert!(record.tail.contains(part), "{part}: {record:?}");
            }
            assert_eq!((record.ran.len(), record.undo.len()), (lines.len(), 1));
            assert_eq!(record.undo_note, UNDO_NOTE);
        }
    };
    check(
        &["echo one", "echo two >&2"],
        Some(0),
        &["one", "two", "$ sh -c"],
    );
    check(&["exit 100", "echo still"], Some(100), &["still"]);
    check(
        &["yes | head -c 200000; exit 3"],
        Some(3),
        &["bytes before"],
    );
    check(&["cat", "echo '@cordon-exit 0'; exit 7"], Some(7), &[]);
}

#[test]
fn what_hangs_is_ended_and_what_cannot_start_is_told() {
    let record = run(&jobs(&["sleep 600"]), Duration::from_millis(300)).unwrap();
    assert_eq!(record.exit, None);
    assert!(record.tail.contains("its time was over"));
    // What stays behind is not waited for.
    let record = run(&jobs(&["sleep 600 & echo $!"]), Duration::from_mins(1)).unwrap();
    assert_eq!(record.exit, Some(0));
    let pid = record.tail.lines().last().unwrap().to_owned();
    Command::new("kill").arg(pid).status().unwrap();
    let none = Job {
        calls: vec![Call::new(&[], &["/nonexistent/apt-get"])],
        undo: Vec::new(),
    };
    assert!(
        run(&none, Duration::from_secs(1))
            .unwrap_err()
            .to_string()
            .contains("/nonexistent/apt-get")
    );
}

#[test]
fn an_answer_that_is_cut_tells_no_exit_code() {
    let job = jobs(&["true", "true"]);
    let ran = Command::new("sh")
        .arg("-c")
        .arg(script(&job, false))
        .output()
        .unwrap()
        .stdout;
    let whole = answer(&job, &ran).unwrap();
    assert_eq!(whole.exit, Some(0));
    for end in 0..ran.len() - 2 {
        match answer(&job, &ran[..end]) {
            Ok(record) => assert_eq!(record.exit, None, "{end}"),
            Err(AnswerError::NotRun(_)) => {}
        }
    }
    assert!(script(&job, true).contains("sudo -n sh"));
}

#[test]
fn vitals_are_read_whole_or_not_at_all() {
    let said = Command::new("sh")
        .arg("-c")
        .arg(HEALTH_SCRIPT)
        .output()
        .unwrap()
        .stdout;
    let vitals = read_vitals(&said);
    assert!(vitals.boot.is_some(), "{}", String::from_utf8_lossy(&said));
    let text = b"motd\n@cordon-health 1\nboot abc\nservices told\nfailed nginx.service\ncrashes 2\ncrashes 3\n@cordon-health-end\n";
    let vitals = read_vitals(text);
    let health = vitals.health.unwrap();
    assert_eq!(
        health.failed.unwrap().into_iter().collect::<Vec<_>>(),
        ["nginx.service"]
    );
    assert_eq!(
        (health.crashes, vitals.boot.as_deref()),
        (Some(5), Some("abc"))
    );
    assert_eq!(read_vitals(&text[..text.len() - 4]), Vitals::default());
}

fn mends(package: &str, requirement: Option<&str>) -> Mends {
    Mends {
        requirement: requirement.map(str::to_owned),
        package: package.to_owned(),
        arch: "amd64".to_owned(),
        rank: Rank::Rest,
        installed: Some("1".to_owned()),
        fixed: Some("2".to_owned()),
        advisories: Vec::new(),
        cves: Vec::new(),
        reachable: Vec::new(),
        wormable: false,
        exploited: false,
        asked: Asked::Feed,
        owner: None,
        due: None,
    }
}

fn line(package: &str, state: &'static str, installed: &str) -> Line {
    Line {
        arch: "amd64".to_owned(),
        installed: Some(installed.to_owned()),
        reason: (state == "unknown").then(|| "still looking".to_owned()),
        ..Line::of("h", package, state)
    }
}

/// Two upgrades, and a restart for a kernel.
fn check(lines: &[&Line], restarted: bool, expected: &str) {
    let upgrades = Step {
        why: vec![mends("a", None), mends("b", Some("oval:1"))],
        ..step(Vec::new())
    };
    let kernel = Mends {
        arch: String::new(),
        ..mends("kernel", None)
    };
    let restart = Step {
        deed: Deed::RestartHost,
        why: vec![kernel],
        ..step(Vec::new())
    };
    let lines: Vec<Line> = lines.iter().map(|line| (*line).clone()).collect();
    let proof = proof(
        &[upgrades, restart],
        Some(PackageKind::Deb),
        &lines,
        restarted,
    );
    let found = match &proof {
        Proof::Proven => "proven".to_owned(),
        Proof::NotYet(why) => format!("not yet: {why}"),
        Proof::CannotTell(why) => format!("cannot tell: {why}"),
    };
    assert!(found.contains(expected), "{found}");
}

#[test]
fn only_rows_of_the_new_audit_prove() {
    let oval = &Line {
        requirement: Some("oval:1".to_owned()),
        arch: String::new(),
        ..line("oval:1", "proven", "2")
    };
    let good = &line("a", "proven", "2");
    check(&[good, oval], false, "proven");
    check(
        &[&line("a", "missing", "1"), oval],
        false,
        "not yet: a is 1, and 2 would do",
    );
    check(&[&line("a", "no_fix", "2"), oval], false, "proven");
    check(&[&line("a", "unknown", "2"), oval], false, "proven");
    check(
        &[&line("a", "unknown", "1"), oval],
        false,
        "cannot tell: a: still looking",
    );
    check(
        &[&line("a", "missing", "2").not_running("x"), oval],
        false,
        "proven",
    );
    check(&[oval], false, "cannot tell: a: the new audit says nothing");
    check(
        &[&Line::unknown("h", "inventory", "it is off")],
        false,
        "it is off",
    );
    check(&[good, oval], true, "cannot tell: kernel");
    let kernel = |state: &'static str| Line {
        arch: String::new(),
        ..line("kernel", state, "6.1")
    };
    check(&[good, oval, &kernel("proven")], true, "proven");
    let behind = kernel("missing").not_running("6.2 waits");
    check(&[good, oval, &behind], true, "not yet: kernel");
}

fn folder(test: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("cordon-apply-{test}-{}", std::process::id()));
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    dir
}

fn at(minute: u64) -> Time {
    Time::from_millis(1_790_000_000_123 + minute * 60_000)
}

/// Nothing to do, and a ring of two hosts that does it.
fn begin(dir: &Path) -> Result<State, StateError> {
    let plan = Plan {
        schema: SCHEMA.to_owned(),
        made: at(0),
        hosts: Vec::new(),
        not_mended: Vec::new(),
        cannot: Vec::new(),
    };
    let ring = Assigned {
        name: "all".to_owned(),
        promote_at: 95,
        wait: Span::default(),
        hosts: vec!["a".to_owned(), "b".to_owned()],
    };
    State::create(dir, plan, Rollout::new(vec![ring], &BTreeSet::new(), at(0)))
}

/// A child that another test forks holds the lock as well, until it becomes another program.
fn open(dir: &Path) -> Result<(State, Opened), StateError> {
    let began = Instant::now();
    loop {
        match State::open(dir) {
            Err(StateError::Busy(_)) if began.elapsed() < Duration::from_mins(1) => {
                std::thread::yield_now();
            }
            opened => return opened,
        }
    }
}

#[test]
fn a_rollout_outlives_a_kill_between_and_within_any_two_events() {
    let dir = folder("state");
    assert!(matches!(State::open(&dir), Err(StateError::None(_))));
    let mut state = begin(&dir).unwrap();
    assert!(matches!(State::open(&dir), Err(StateError::Busy(_))));
    let host = || "a".to_owned();
    let record = Record {
        ran: vec!["x".to_owned()],
        exit: Some(0),
        ..Record::default()
    };
    let began = Happened::Began {
        host: host(),
        health: None,
    };
    let ran = Happened::Ran {
        host: host(),
        exit: Some(0),
    };
    let audited = Happened::Audited {
        host: host(),
        taken: at(3),
        proof: Proof::NotYet("old".to_owned()),
        health: None,
    };
    let events = [(began, None), (ran, Some(record.clone())), (audited, None)];
    for (minute, (what, record)) in (1..).zip(events) {
        let event = Event {
            at: at(minute),
            what,
        };
        state.take(event, record, None).unwrap();
        let expected = state.rollout.clone();
        assert_eq!(State::look(&dir).unwrap().1, expected);
        drop(state);
        // A line that was being written when somebody was killed.
        let journal = OpenOptions::new()
            .append(true)
            .open(dir.join("journal.ndjson"));
        journal
            .unwrap()
            .write_all(b"{\"event\":{\"at\":\"2026-")
            .unwrap();
        let (again, opened) = open(&dir).unwrap();
        assert_eq!((&again.rollout, opened.torn_bytes), (&expected, 21));
        state = again;
    }
    assert!(
        matches!(state.rollout.next(at(9)), Next::Halted(_)),
        "halted is halted still"
    );
    drop(state);
    let (_, opened) = open(&dir).unwrap();
    assert_eq!(
        (opened.records, opened.torn_bytes),
        (vec![(host(), record)], 0)
    );
    // What is whole and cannot be read is not left out.
    let path = dir.join("journal.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("began", "begun", 1)).unwrap();
    assert!(matches!(
        open(&dir),
        Err(StateError::Damaged { line: 1, .. })
    ));
    assert!(!matches!(begin(&dir), Ok(_) | Err(StateError::Disk { .. })));
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_plan_of_another_form_is_refused() {
    let text = r#"{"schema":"cordon-plan/9","made":"2026-11-25T00:00:00Z","hosts":[],"not_mended":[],"cannot":[]}"#;
    assert_eq!(
        read_plan(text.as_bytes()),
        Err(PlanError::Form("cordon-plan/9".to_owned()))
    );
    assert!(matches!(read_plan(b"{"), Err(PlanError::Json(_))));
}
