//! `cordon patch apply` and `rollout` as an administrator uses them: with Debian's own apt in a root of its own, and over
//! Debian's own sshd to hosts whose dnf and apk are scripts that write down what they were asked for (neither is on
//! Debian).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    Ran, cordon,
    debian::{debian, executable, host},
    folder,
    ssh::bundle_of,
    sshd::Lab,
};

#[test]
fn what_apt_upgrades_is_proven_by_a_new_audit_and_without_yes_nothing_is_done() {
    let Some(one) = debian("plan-apt") else {
        return;
    };
    let plan = one.plan();
    let plan = plan.to_str().unwrap();
    let dry = one.apply(&[plan]);
    assert_eq!(dry.code, 1, "{}", dry.err);
    assert!(dry.out.contains("ring canary: 1 host"), "{}", dry.out);
    assert!(
        dry.out
            .contains("apt-get install --only-upgrade -y --no-remove"),
        "{}",
        dry.out
    );
    assert!(dry.out.contains("=2\n"), "{}", dry.out);
    assert!(dry.err.contains("nothing was done"), "{}", dry.err);
    assert_eq!(one.version(), "1");
    let state = one.state();
    assert!(!Path::new(&state).exists());

    let ran = one.apply(&[plan, "--yes", "--state", &state]);
    assert_eq!(
        (ran.code, one.version().as_str()),
        (0, "2"),
        "{}{}",
        ran.out,
        ran.err
    );
    let rollout = one.rollout(&[]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"done".into(), &"proven".into())
    );
    let record = &host(&rollout)["record"];
    assert_eq!(record["exit"], 0);
    assert!(
        record["undo"][0]
            .as_str()
            .unwrap()
            .contains("--allow-downgrades"),
        "{record}"
    );
    assert!(
        record["undo_note"].as_str().unwrap().contains("not known"),
        "{record}"
    );
    // There is nothing left to do, and a second rollout is not begun over the first.
    let again = one.judged(&["plan", "--json"]);
    assert_eq!(
        (again.code, again.json()["hosts"].as_array().unwrap().len()),
        (0, 0),
        "{}",
        again.out
    );
    let twice = one.apply(&[plan, "--yes", "--state", &state]);
    assert!(
        twice.code == 2 && twice.err.contains("a rollout is there already"),
        "{}",
        twice.err
    );
}

#[test]
fn a_tool_that_says_done_and_did_nothing_is_contradicted_and_all_stops_until_a_person_has_looked() {
    let Some(one) = debian("plan-lie") else {
        return;
    };
    let plan = one.plan();
    let state = one.state();
    one.apt_is("exit 0");
    let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state]);
    assert_eq!((ran.code, one.version().as_str()), (1, "1"), "{}", ran.err);
    assert!(
        ran.err.contains("halted in ring canary: box: contradicted"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("tiny is 1, and 2 would do"), "{}", ran.err);
    // The liar is gone, and it stays halted all the same.
    one.apt_is("exec \"$REAL\" \"$@\"");
    let resume = ["--resume", "--yes", "--state", &state];
    let ran = one.apply(&resume);
    assert_eq!((ran.code, one.version().as_str()), (1, "1"), "{}", ran.err);
    let rollout = one.rollout(&[]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"halted".into(), &"contradicted".into())
    );
    let rollout = one.rollout(&["--resume-by", "ute"]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"open".into(), &"waiting".into())
    );
    let ran = one.apply(&resume);
    assert_eq!((ran.code, one.version().as_str()), (0, "2"), "{}", ran.err);
    let notes = one.rollout(&[])["notes"].to_string();
    assert!(
        notes.contains("ute resumed what was halted by box"),
        "{notes}"
    );
}

#[test]
fn an_exit_code_that_says_no_is_told_and_the_audit_decides() {
    let Some(one) = debian("plan-exit") else {
        return;
    };
    let plan = one.plan();
    one.apt_is("\"$REAL\" \"$@\"; exit 100");
    let state = one.state();
    let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state, "--json"]);
    let rollout = ran.json();
    assert_eq!(
        (ran.code, &host(&rollout)["stage"]),
        (0, &"proven".into()),
        "{}",
        ran.err
    );
    assert_eq!(host(&rollout)["record"]["exit"], 100);
    let notes = rollout["notes"].to_string();
    assert!(
        notes.contains("ended with 100, and the audit proves it"),
        "{notes}"
    );
}

#[test]
fn killed_in_the_middle_it_goes_on_and_looks_before_it_does_it_again() {
    for (upgrades, times) in [(true, 1), (false, 2)] {
        let test = format!("plan-killed-{upgrades}");
        let Some(one) = debian(&test) else { return };
        let plan = one.plan();
        let state = one.state();
        // The first time whoever started it is killed: after the upgrade, or before it.
        let first = if upgrades { "\"$REAL\" \"$@\"" } else { "true" };
        one.apt_is(&format!(
            "echo x >> $DIR/times\nif [ ! -e $DIR/killed ]; then touch $DIR/killed; {first}; kill -9 $PPID; exit 0; fi\nexec \"$REAL\" \"$@\""
        ));
        let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state]);
        assert_eq!(ran.code, -1, "{}{}", ran.out, ran.err);
        let rollout = one.rollout(&[]);
        assert_eq!(host(&rollout)["stage"], "running");
        // Who does not say how the host is reached asks no other in its place.
        let lost = one.judged(&["apply", "--resume", "--yes", "--state", &state]);
        assert!(
            lost.code == 2 && lost.err.contains("expected to reach box as before"),
            "{}",
            lost.err
        );
        let ran = one.apply(&["--resume", "--yes", "--state", &state]);
        assert_eq!(
            (ran.code, one.version().as_str()),
            (0, "2"),
            "{}{}",
            ran.out,
            ran.err
        );
        assert_eq!(host(&one.rollout(&[]))["stage"], "proven");
        let ran = fs::read_to_string(one.dir.join("times"))
            .unwrap()
            .lines()
            .count();
        assert_eq!(ran, times, "upgraded before the kill: {upgrades}");
    }
}

#[test]
fn who_is_excepted_is_left_out_and_told() {
    let Some(one) = debian("plan-excepted") else {
        return;
    };
    let plan = one.plan();
    let policy = one.dir.join("policy.toml");
    let text = "[[exception]]\nrule = \"patch.*\"\nhost = \"box\"\nsubject = \"package:tiny\"\nowner = \"ute\"\n\
                until = \"2099-01-01T00:00:00Z\"\nreason = \"it moves in May\"\n";
    fs::write(&policy, text).unwrap();
    let state = one.state();
    let policy = policy.to_str().unwrap();
    let ran = one.apply(&[
        plan.to_str().unwrap(),
        "--yes",
        "--state",
        &state,
        "--policy",
        policy,
    ]);
    assert_eq!(one.version(), "1", "{}", ran.err);
    let rollout = one.rollout(&[]);
    assert_eq!(host(&rollout)["stage"], "left out", "{rollout}");
    assert!(
        host(&rollout)["why"]
            .as_str()
            .unwrap()
            .contains("ute until 2099"),
        "{rollout}"
    );
    let planned = one.judged(&["plan", "--json", "--policy", policy]);
    assert_eq!(planned.code, 0, "{}", planned.out);
    assert_eq!(planned.json()["not_mended"][0]["excepted"], true);
}

/// A host over SSH that is a folder: its bundle, its start, its package manager.
struct Remote {
    dir: PathBuf,
}

const ALMA: [&str; 3] = ["NAME=AlmaLinux", "ID=almalinux", "VERSION_ID=\"9.4\""];
const ALPINE: [&str; 3] = ["NAME=Alpine", "ID=alpine", "VERSION_ID=3.20.3"];

fn rpm(version: &str) -> String {
    let waits = version == "1";
    let release = format!(
        "openssl-libs\t1\t3.0.{version}\t1.el9\tx86_64\topenssl-3.0.{version}-1.el9.src.rpm\t(none)\t1700000000"
    );
    bundle_of("rpm", &ALMA, &[("rpm", &[release.as_str()])], waits)
}

fn apk(version: &str) -> String {
    let lines = [
        "C:Q1tZ0p4v3h5XG6G9cS5vX2B3c4d5e=",
        "P:libssl3",
        &format!("V:3.3.{version}-r0"),
        "A:x86_64",
        "o:openssl",
        "",
    ];
    bundle_of("apk", &ALPINE, &[("apk", &lines)], false)
}

/// `tool`: its package manager, which brings the new bundle.
fn remote(lab: &mut Lab, name: &str, tool: &str, old: &str, new: &str) -> Remote {
    let dir = lab.dir.join(format!("host-{name}"));
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::write(dir.join("bundle"), old).unwrap();
    fs::write(dir.join("bundle.new"), new).unwrap();
    fs::write(dir.join("boot"), "first\n").unwrap();
    fs::write(dir.join("failed"), "").unwrap();
    let at = dir.display();
    let manager = format!(
        "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done > {at}/argv\ncp {at}/bundle.new {at}/bundle\n"
    );
    executable(&dir.join("bin").join(tool), &manager);
    let shell = format!(
        "script=$(cat)\ncase \"$script\" in\n\
         *'@cordon-health 1'*) echo '@cordon-health 1'; echo \"boot $(cat {at}/boot)\"; echo services told; cat {at}/failed; echo '@cordon-health-end';;\n\
         *cordon-bundle*) cat {at}/bundle;;\n\
         *'systemctl reboot'*) echo \"boot $$\" > {at}/boot; [ ! -e {at}/bundle.restarted ] || cp {at}/bundle.restarted {at}/bundle; echo '@cordon-begin';;\n\
         *) PATH={at}/bin:$PATH; export PATH; sh -c \"$script\";;\nesac\n"
    );
    fs::write(dir.join("shell"), shell).unwrap();
    lab.host(name, &format!("restrict,command=\"sh {at}/shell\" "), true);
    Remote { dir }
}

const ALSA: &str = r#"{"id":"ALSA-2026:1","summary":"Critical: openssl security update","modified":"2026-11-20T00:00:00Z",
  "related":["CVE-2026-0001"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
  "affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"openssl-libs"},
  "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0.2-1.el9"}]}]}]}"#;

const ALPINE_OSV: &str = r#"{"id":"ALPINE-1","modified":"2026-11-20T00:00:00Z","upstream":["CVE-2026-0001"],
  "affected":[{"package":{"ecosystem":"Alpine:v3.20","name":"openssl"},
  "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.3.2-r0"}]}]}]}"#;

/// The command with what the hosts of a lab are judged by.
fn lab_cordon(lab: &Lab, args: &[&str]) -> Ran {
    let config = lab.dir.join("ssh_config");
    fs::write(&config, &lab.config).unwrap();
    let advisories = lab.dir.join("advisories");
    fs::create_dir_all(&advisories).unwrap();
    fs::write(advisories.join("alma.json"), ALSA).unwrap();
    fs::write(advisories.join("alpine.json"), ALPINE_OSV).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command
        .arg("patch")
        .args(args)
        .arg("--advisories")
        .arg(&advisories)
        .arg("--ssh-config")
        .arg(config);
    Ran::of(command)
}

/// Plans for all hosts of a lab, and does it in these rings. What was planned, and what came of it.
fn roll_out(lab: &Lab, hosts: &[&str], rings: &str, more: &[&str]) -> (Value, Ran) {
    let reach = lab.dir.join("reachable.csv");
    fs::write(&reach, "host,port,package\nred,443,openssl\n").unwrap();
    let reach = reach.to_str().unwrap();
    let plan = ["plan", "--json", "--reachable", reach, "--ssh"];
    let ran = lab_cordon(lab, &[&plan, hosts].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    let path = lab.dir.join("plan.json");
    fs::write(&path, &ran.out).unwrap();
    let policy = lab.dir.join("policy.toml");
    fs::write(&policy, rings).unwrap();
    let state = lab.dir.join("state");
    let texts = [&path, &policy, &state].map(|path| path.to_str().unwrap());
    let [path, policy, state] = texts;
    let apply = [
        "apply", path, "--policy", policy, "--yes", "--state", state, "--json", "--ssh",
    ];
    let done = lab_cordon(lab, &[&apply, hosts, more].concat());
    (ran.json(), done)
}

#[test]
fn hosts_over_ssh_are_done_ring_by_ring_restarted_and_proven() {
    let Some(mut lab) = Lab::new("plan-ssh") else {
        return;
    };
    let new = rpm("1").replace("3.0.1", "3.0.2");
    let red = remote(&mut lab, "red", "dnf", &rpm("1"), &new);
    fs::write(red.dir.join("bundle.restarted"), rpm("2")).unwrap();
    let tiny = remote(&mut lab, "tiny", "apk", &apk("1"), &apk("2"));
    let rings = "[[patch.ring]]\nname = \"first\"\nhosts = [\"tiny\"]\nwait = \"0s\"\n\
                 [[patch.ring]]\nname = \"last\"\nhosts = [\"*\"]\nwait = \"0s\"\n";
    let (plan, ran) = roll_out(&lab, &["red", "tiny"], rings, &["--restart"]);
    let step = &plan["hosts"][0]["steps"][0];
    assert_eq!(step["rank"], "reachable_and_wormable", "{plan:#}");
    assert_eq!(step["why"][0]["reachable"][0], "tcp/443");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let rollout = ran.json();
    let ring = |nth: usize| {
        let ring = &rollout["rings"][nth];
        (ring["ring"].clone(), ring["hosts"][0]["host"].clone())
    };
    let expected = [("first", "tiny"), ("last", "red")];
    assert_eq!(
        [ring(0), ring(1)],
        expected.map(|(ring, host)| (ring.into(), host.into()))
    );
    let said = |words: &str| {
        ran.err
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {}", ran.err))
    };
    assert!(
        said("tiny: audited, proven") < said("red: ran"),
        "{}",
        ran.err
    );
    assert!(
        said("red: audited, proven") < said("red: told to restart"),
        "{}",
        ran.err
    );
    said("red: back");
    let argv = |one: &Remote| fs::read_to_string(one.dir.join("argv")).unwrap();
    assert_eq!(
        argv(&red),
        "upgrade\n-y\nopenssl-libs-1:3.0.2-1.el9.x86_64\n"
    );
    assert_eq!(argv(&tiny), "add\n--upgrade\nlibssl3=3.3.2-r0\n");
}

#[test]
fn a_host_that_feels_worse_halts_what_comes_behind_it() {
    let Some(mut lab) = Lab::new("plan-sick") else {
        return;
    };
    let sick = remote(&mut lab, "sick", "apk", &apk("1"), &apk("2"));
    let next = remote(&mut lab, "next", "apk", &apk("1"), &apk("2"));
    let breaks = format!(
        "#!/bin/sh\ncp {at}/bundle.new {at}/bundle\necho failed nginx.service > {at}/failed\n",
        at = sick.dir.display()
    );
    executable(&sick.dir.join("bin/apk"), &breaks);
    let rings = "[[patch.ring]]\nname = \"first\"\nhosts = [\"sick\"]\nwait = \"0s\"\n";
    let (_, ran) = roll_out(&lab, &["sick", "next"], rings, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.err
            .contains("sick: the worse for it: failed since: nginx.service"),
        "{}",
        ran.err
    );
    assert!(
        !next.dir.join("argv").exists(),
        "nothing was begun behind it"
    );
}

/// A plan that somebody wrote by hand to be run as root.
#[test]
fn a_hostile_plan_runs_nothing() {
    let dir = folder("plan-hostile");
    for (name, version) in [
        ("a;touch x", "2"),
        ("-oX=y", "2"),
        ("a", "$(touch x)"),
        ("a", "2'\ntouch x"),
    ] {
        let plan = serde_json::json!({
            "schema": "cordon-plan/1", "made": "2026-11-25T00:00:00Z", "not_mended": [], "cannot": [],
            "hosts": [{"host": "box", "kind": "deb", "steps": [{
                "deed": {"upgrade": [{"name": name, "arch": "", "from": "1", "to": version}]},
                "rank": "rest", "needs_restart": "nothing", "why": [],
            }]}],
        });
        let path = dir.join("plan.json");
        fs::write(&path, plan.to_string()).unwrap();
        let ran = cordon([
            "patch",
            "apply",
            path.to_str().unwrap(),
            "--here",
            "box",
            "--advisories",
            path.to_str().unwrap(),
        ]);
        assert!(
            ran.code != 0 && !ran.out.contains("touch"),
            "{name}: {}{}",
            ran.out,
            ran.err
        );
        let feed = dir.join("d_dists_stable-security_main_binary-amd64_Packages");
        fs::write(&feed, "Package: a\nArchitecture: amd64\nVersion: 2\n\n").unwrap();
        let ran = cordon([
            "patch",
            "apply",
            path.to_str().unwrap(),
            "--here",
            "box",
            "--advisories",
            feed.to_str().unwrap(),
        ]);
        assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("box: not done: expected"), "{}", ran.err);
        assert!(!ran.out.contains("apt-get"), "{}", ran.out);
    }
}
