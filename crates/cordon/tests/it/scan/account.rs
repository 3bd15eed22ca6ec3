//! What could not be looked at: damaged logs, folders, rules. It is told, and it is in the exit code.

use std::{fs, os::unix::fs::symlink, process::Command};

use super::{evtx, folder, rule, scan, text};
use crate::{Ran, cordon};

const ANY: &str =
    "level: low\ndetection: { selection: { EventID|exists: true }, condition: selection }";

/// How many events, lost events and findings the last line says.
fn last(ran: &Ran) -> (u64, u64, u64) {
    let line = ran.err.lines().last().unwrap();
    let first = |text: &str| text.split(' ').next().unwrap().parse().unwrap();
    let lost = line.split_once('(').map_or(0, |(_, rest)| first(rest));
    (first(line), lost, first(line.rsplit("; ").next().unwrap()))
}

#[test]
fn a_damaged_windows_log_gives_what_can_be_read_and_tells_what_was_lost() {
    let Some(whole) = evtx() else { return };
    let folder = folder("scan-damaged");
    let (rules, log) = (folder.join("any.yml"), folder.join("x.evtx"));
    fs::write(&rules, rule("Any", ANY)).unwrap();
    let run = |bytes: &[u8]| {
        fs::write(&log, bytes).unwrap();
        scan(["--rules", text(&rules), text(&log)])
    };
    let ran = run(&whole);
    assert_eq!((ran.code, last(&ran)), (1, (6, 0, 6)), "{}", ran.err);
    // Nothing is left by which it could be known.
    let ran = run(&whole[..1]);
    assert!(ran.code == 2 && ran.err.contains("E0206"), "{}", ran.err);
    // Within the header of the file, between it and its chunk, and within the header of that.
    for cut in [8, 100, 4_096, 4_196] {
        let ran = run(&whole[..cut]);
        assert_eq!(
            (ran.code, last(&ran)),
            (5, (0, 0, 0)),
            "cut at {cut}: {}",
            ran.err
        );
        assert!(
            ran.err.contains("x.evtx: ") && ran.err.contains("1 file not whole"),
            "cut at {cut}: {}",
            ran.err
        );
    }
    // Within the records, which the header of the chunk has counted; then behind them.
    for (cut, left) in [
        (4_608, 0),
        (5_000, 0),
        (7_000, 1),
        (9_000, 3),
        (10_000, 5),
        (12_000, 6),
    ] {
        let ran = run(&whole[..cut]);
        assert_eq!(
            (ran.code, last(&ran)),
            (5, (left, 6 - left, left)),
            "cut at {cut}: {}",
            ran.err
        );
    }
    // The header of the chunk, the mark, the length and the text of records.
    for (flip, left) in [(4_224, 0), (4_608, 5), (4_612, 5), (9_000, 6)] {
        let mut bytes = whole.clone();
        bytes[flip] ^= 0xff;
        let ran = run(&bytes);
        assert_eq!(
            (ran.code, last(&ran)),
            (5, (left, 6 - left, left)),
            "flipped at {flip}: {}",
            ran.err
        );
        assert!(
            ran.err.contains("the checksum of a chunk does not fit"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn beside_a_whole_log_a_damaged_one_makes_it_partial() {
    let folder = folder("scan-partial");
    let (rules, logs) = (folder.join("any.yml"), folder.join("logs"));
    fs::create_dir(&logs).unwrap();
    fs::write(&rules, rule("Any", ANY)).unwrap();
    fs::write(
        logs.join("well.json"),
        "{\"EventID\":1,\"Channel\":\"System\"}\n",
    )
    .unwrap();
    let run = || scan(["--rules", text(&rules), text(&logs)]);
    assert_eq!(run().code, 1);
    fs::write(
        logs.join("broken.jsonl"),
        "{\"EventID\":1}\n{\"EventID\":\n",
    )
    .unwrap();
    let ran = run();
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("broken.jsonl: 1 event"), "{}", ran.err);
    assert!(
        ran.err
            .contains("(1 event known to be lost, 1 file not whole)"),
        "{}",
        ran.err
    );
}

#[test]
fn files_below_a_folder_that_are_no_logs_are_one_line_and_no_error() {
    let folder = folder("scan-beside");
    let logs = folder.join("logs");
    fs::create_dir_all(logs.join("deep")).unwrap();
    fs::write(
        logs.join("a.json"),
        "{\"EventID\":1,\"Channel\":\"System\"}\n",
    )
    .unwrap();
    for number in 10..34 {
        fs::write(
            logs.join(format!("deep/note{number}.md")),
            "# What this is\n\nSome words.\n",
        )
        .unwrap();
    }
    fs::write(
        logs.join("capture.pcap"),
        b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0",
    )
    .unwrap();
    fs::write(logs.join("b.log"), "").unwrap();
    let ran = scan([text(&logs)]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let told: Vec<&str> = ran.err.lines().collect();
    assert_eq!(told.len(), 3, "{}", ran.err);
    assert!(
        told[0]
            .starts_with("25 files are no event log that is known: capture.pcap, deep/note10.md, ")
    );
    assert!(told[0].ends_with("deep/note18.md, …"), "{}", told[0]);
    assert_eq!(told[1], "1 file is empty: b.log");
    assert!(
        told[2].starts_with("1 event of 1 file, 0 not read; "),
        "{}",
        told[2]
    );
    // Named by a person, or named as a log, each is an error of its own.
    let note = logs.join("deep/note10.md");
    let ran = scan([text(&logs), text(&note)]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(
        ran.err.contains("note10.md") && ran.err.contains("E0206"),
        "{}",
        ran.err
    );
    fs::write(logs.join("c.log.1.gz"), "# What this is\n\nSome words.\n").unwrap();
    fs::write(logs.join("d.evtx"), "").unwrap();
    let ran = scan([text(&logs)]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(
        ran.err.contains("c.log.1.gz") && ran.err.contains("d.evtx"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("2 not read"), "{}", ran.err);
}

#[test]
fn nothing_that_could_be_looked_at_is_an_error() {
    let folder = folder("scan-nothing");
    let log = folder.join("a.json");
    fs::write(&log, "{\"EventID\":1,\"Channel\":\"System\"}\n").unwrap();
    let (empty, notes) = (folder.join("empty"), folder.join("notes"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("README.md"), "# Words\n\nAnd more.\n").unwrap();
    let absent = folder.join("absent");
    let cases: [(&[&str], &str); 8] = [
        (&["--rules", text(&empty), text(&log)], "E0211"),
        (&["--rules", text(&absent), text(&log)], "E0211"),
        (
            &["--rules", text(&notes), text(&log)],
            "no rule could be loaded",
        ),
        (&[text(&absent)], "E0206"),
        (&[text(&empty)], "E0206"),
        (&[text(&notes)], "none of the files is an event log"),
        (
            &["--source", "a/b/c/d", text(&log)],
            "PRODUCT/CATEGORY/SERVICE",
        ),
        (&["--expand", "novalue", text(&log)], "NAME=VALUE"),
    ];
    for (args, expected) in cases {
        let ran = scan(args);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
    assert_eq!(cordon(["logs", "scan"]).code, 2);
    assert_eq!(scan([text(&log)]).code, 0);
}

#[test]
fn a_link_that_leads_nowhere_is_told_and_one_that_leads_back_is_not_followed() {
    let folder = folder("scan-links");
    fs::write(
        folder.join("a.json"),
        "{\"EventID\":1,\"Channel\":\"System\"}\n",
    )
    .unwrap();
    symlink(&folder, folder.join("back")).unwrap();
    assert_eq!(scan([text(&folder)]).code, 0);
    symlink(folder.join("absent"), folder.join("b.log")).unwrap();
    let ran = scan([text(&folder)]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(
        ran.err.contains("b.log") && ran.err.contains("1 not read"),
        "{}",
        ran.err
    );
}

#[test]
fn a_folder_that_may_not_be_read_is_an_error_for_logs_and_for_rules() {
    use std::os::unix::fs::PermissionsExt;
    let home = std::env::temp_dir().join(format!("cordon-scan-denied-{}", std::process::id()));
    let (binary, logs, shut) = (
        home.join("cordon"),
        home.join("logs"),
        home.join("logs/shut"),
    );
    fs::create_dir_all(&shut).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_cordon"), &binary).unwrap();
    fs::write(
        logs.join("a.json"),
        "{\"EventID\":1,\"Channel\":\"System\"}\n",
    )
    .unwrap();
    for (path, mode) in [(&home, 0o755), (&logs, 0o755), (&shut, 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let ran = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command
            .arg(&binary)
            .args(["logs", "scan", "--json"])
            .args(args);
        Ran::of(command)
    };
    let may = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups", "true"])
        .status();
    let runs = may.is_ok_and(|status| status.success()).then(|| {
        let rules = ["--rules", text(&shut), text(&logs)];
        (ran(&[text(&logs)]), ran(&[text(&shut)]), ran(&rules))
    });
    fs::remove_dir_all(&home).unwrap();
    let Some((below, named, rules)) = runs else {
        cordon_testkit::skip("only root can become an ordinary user");
        return;
    };
    assert_eq!(
        (below.code, named.code, rules.code),
        (5, 2, 2),
        "{}",
        named.err
    );
    for ran in [below, named, rules] {
        assert!(
            ran.err.contains("shut") && ran.err.contains("ermission denied"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn refused_rules_are_told_with_file_and_line_and_stop_no_other() {
    let folder = folder("scan-refused");
    let (rules, log) = (folder.join("rules"), folder.join("a.json"));
    fs::create_dir(&rules).unwrap();
    fs::write(&log, "{\"EventID\":1,\"Channel\":\"System\"}\n").unwrap();
    fs::write(rules.join("any.yml"), rule("Any", ANY)).unwrap();
    let look_around =
        "detection:\n    selection:\n        A|re: '(?=x)y'\n    condition: selection";
    fs::write(rules.join("around.yml"), rule("Around", look_around)).unwrap();
    fs::write(rules.join("noise.yml"), b"\xff\xfe\x00").unwrap();
    let ran = scan(["--rules", text(&rules), text(&log)]);
    assert_eq!((ran.code, ran.lines().len()), (1, 1), "{}", ran.err);
    let line = |name: &str| {
        let mut lines = ran.err.lines();
        lines
            .find(|line| line.starts_with("refused: ") && line.contains(name))
            .unwrap_or_else(|| panic!("{}", ran.err))
    };
    assert!(line("around.yml").contains("around.yml:5"), "{}", ran.err);
    line("noise.yml");
    assert!(ran.err.contains("1 rule loaded, 2 refused"), "{}", ran.err);
}
