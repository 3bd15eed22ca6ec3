//! Bad input: code, sentence, place, hint, exit code, and nothing panics.

use std::fs;

use crate::{Ran, cordon, folder, root};

/// The error page, as a person sees it.
fn check(ran: &Ran, exit: i32, code: &str, says: &[&str]) {
    assert_eq!(ran.code, exit, "{}{}", ran.out, ran.err);
    assert!(
        ran.err.starts_with(&format!("error[{code}]: ")),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("\n  hint: "), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    for part in says {
        assert!(ran.err.contains(part), "no `{part}` in {}", ran.err);
    }
}

#[test]
fn a_bad_policy_is_refused_in_its_place() {
    let folder = folder("bad-policy");
    let path = folder.join("policy.toml");
    let policy = |text: &str| {
        fs::write(&path, text).unwrap();
        cordon(["check", "--policy", path.to_str().unwrap()])
    };
    let unknown = policy("[watch]\nagent_dedline = \"5m\"\n");
    check(
        &unknown,
        2,
        "E0102",
        &["unknown field `agent_dedline`", "line 2", "policy.toml"],
    );
    let section = policy("[wach]\n");
    check(
        &section,
        2,
        "E0102",
        &["unknown section `wach`", "logs, patch"],
    );
    let owner = policy(
        "[[exception]]\nrule = \"patch.missing\"\nuntil = \"2027-01-01T00:00:00Z\"\nreason = \"x\"\n",
    );
    check(&owner, 2, "E0102", &["missing field `owner`"]);
    let negative = policy("[watch]\nagent_deadline = \"-5m\"\n");
    check(
        &negative,
        2,
        "E0102",
        &["zero or more", "negative `-5m`", "line 2"],
    );
    let percent = policy("[watch]\nerror_percent = 150\n");
    check(&percent, 2, "E0102", &["percentage from 1 to 100, got 150"]);
    let twice = policy("[[logs.source]]\nname = \"a\"\n[[logs.source]]\nname = \"a\"\n");
    check(&twice, 2, "E0102", &["named twice"]);
    let toml = policy("[watch\n");
    check(&toml, 2, "E0102", &["line 1"]);
    let absent = cordon([
        "check",
        "--policy",
        folder.join("none.toml").to_str().unwrap(),
    ]);
    check(&absent, 2, "E0101", &["none.toml"]);
}

/// A folder with a host of one package and the index that proves it.
struct Files {
    folder: std::path::PathBuf,
}

impl Files {
    const STANZA: &str =
        "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";

    fn new(test: &str) -> Self {
        let files = Self {
            folder: folder(test),
        };
        files.write("status", Self::STANZA.as_bytes());
        files.write("Packages", Self::STANZA.repeat(500).as_bytes());
        files
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }

    fn audit(&self, inventories: &[&str], advisories: &str) -> Ran {
        let mut args = vec!["patch".into(), "audit".into(), "--advisories".into()];
        args.extend([
            self.folder.join(advisories).into_os_string(),
            "--inventory".into(),
        ]);
        args.extend(
            inventories
                .iter()
                .map(|name| self.folder.join(name).into_os_string()),
        );
        cordon(args)
    }
}

#[test]
fn a_bad_inventory_or_index_is_told_and_never_read_as_health() {
    let files = Files::new("bad-patch");
    assert_eq!(files.audit(&["status"], "Packages").code, 0);
    let packed = gzip(Files::STANZA.repeat(500).as_bytes());
    files.write("whole.gz", &packed);
    assert_eq!(files.audit(&["status"], "whole.gz").code, 0);
    files.write("cut.gz", &packed[..packed.len() / 2]);
    let cut = files.audit(&["status"], "cut.gz");
    check(&cut, 2, "E0203", &["truncated", "cut.gz", "apt-get update"]);
    files.write("cut", &Files::STANZA.repeat(3).as_bytes()[..100]);
    let cut = files.audit(&["status"], "cut");
    check(
        &cut,
        2,
        "E0203",
        &["truncated: its plain data ends too early, after 100 bytes"],
    );
    files.write("binary", b"\x7fELF\x02\x01\x01\0\0\0\n");
    let binary = files.audit(&["binary"], "Packages");
    check(&binary, 2, "E0201", &["expected systeminfo"]);
    check(
        &files.audit(&["status"], "binary"),
        2,
        "E0203",
        &["zero byte"],
    );
    files.write("empty", b"");
    check(
        &files.audit(&["empty"], "Packages"),
        2,
        "E0201",
        &["found an empty file"],
    );
    check(
        &files.audit(&["status"], "empty"),
        2,
        "E0203",
        &["at least one package"],
    );
    check(
        &files.audit(&["none"], "Packages"),
        2,
        "E0201",
        &["bad-patch/none"],
    );
}

#[test]
fn one_host_that_cannot_be_read_stops_none_of_the_others() {
    let files = Files::new("two-hosts");
    files.write("binary", b"\0");
    let ran = files.audit(&["binary", "status"], "Packages");
    check(&ran, 5, "E0201", &["1 of 2 hosts judged", "1 proven"]);
}

#[test]
fn a_folder_without_an_index_is_blindness() {
    let files = Files::new("no-index");
    fs::create_dir(files.folder.join("lists")).unwrap();
    check(
        &files.audit(&["status"], "lists"),
        4,
        "E0204",
        &["no security index"],
    );
}

#[test]
fn a_scenario_with_a_typo_names_its_line() {
    let folder = folder("bad-scenario");
    let scenario = |events: &str| {
        fs::write(folder.join("policy.toml"), "").unwrap();
        fs::write(folder.join("events.jsonl"), events).unwrap();
        fs::write(folder.join("verdicts.jsonl"), "").unwrap();
        cordon(["replay", folder.to_str().unwrap()])
    };
    let good = "{\"at\":\"2004-05-03T08:00:00Z\",\"host\":\"hub\",\"fact\":\"tick\"}\n";
    assert_eq!(scenario(good).code, 0);
    let fact = scenario(&format!("{good}{}", good.replace("tick", "tock")));
    check(
        &fact,
        2,
        "E0301",
        &["events.jsonl:2", "unknown variant `tock`"],
    );
    check(
        &scenario(&good.replace("host", "hots")),
        2,
        "E0301",
        &["unknown field `hots`"],
    );
    check(
        &scenario(&good.replace("08:00:00Z", "8 am")),
        2,
        "E0301",
        &["expected a time such as"],
    );
    check(
        &scenario(&good.repeat(61)),
        2,
        "E0301",
        &["at most 60 events, got 61"],
    );
    check(
        &cordon(["replay", "/nowhere"]),
        2,
        "E0301",
        &["/nowhere/policy.toml"],
    );
    fs::write(folder.join("events.jsonl"), good).unwrap();
    fs::write(folder.join("verdicts.jsonl"), "{\"seq\":1}\n").unwrap();
    let differs = cordon(["replay", folder.to_str().unwrap()]);
    assert_eq!(differs.code, 1, "{}", differs.err);
    assert!(differs.err.contains("verdict 1 differs"), "{}", differs.err);
}

#[test]
fn a_suite_that_is_none_is_refused_and_a_difference_is_shown() {
    let folder = folder("suites");
    let suite = |text: &[u8]| {
        let path = folder.join("suite.tsv");
        fs::write(&path, text).unwrap();
        cordon(["patch", "vercmp", "--kind", "deb", path.to_str().unwrap()])
    };
    check(&suite(b"x\n"), 2, "E0205", &["expected the header"]);
    check(
        &suite(b"a\top\tb\n1\t<\n"),
        2,
        "E0205",
        &["line 2: expected 3 columns"],
    );
    check(&suite(b"\xff\xfe"), 2, "E0205", &["UTF-8"]);
    let differs = suite(b"a\top\tb\n1\t>\t2\n1\t<\t2\n");
    assert_eq!(differs.code, 1);
    assert!(
        differs
            .out
            .ends_with("suite.tsv:2: 1 > 2: got <\n1 agree, 1 differ\n"),
        "{}",
        differs.out
    );
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for args in [
        &["--help"][..],
        &["check", "--help"],
        &["replay", "--help"],
        &["patch", "audit", "--help"],
        &["patch", "vercmp", "--help"],
    ] {
        let ran = cordon(args);
        assert_eq!(ran.code, 0);
        let explains =
            args.len() == 1 || (ran.out.contains("Example: ") && ran.out.contains("--json"));
        assert!(explains, "{args:?}: {}", ran.out);
    }
    assert_eq!(cordon(["chekc"]).code, 2);
}

#[test]
fn the_incident_of_2004_replays() {
    let ran = cordon([
        "replay",
        root().join("scenarios/spybot-2004").to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let opened = ran
        .lines()
        .iter()
        .filter(|line| line["opened"].is_object())
        .count();
    assert_eq!(opened, 8, "{}", ran.out);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("gzip")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}
