//! `cordon logs cadence` through the binary: what was silent is told, what was well is not, and what
//! cannot be read never looks well.
#![expect(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "a log of some thousand lines"
)]

use std::{fs, process::Command};

use cordon_model::{Span, Time};
use cordon_testkit::corpus;
use serde_json::Value;

use crate::{Ran, cordon, folder};

/// Lines of a mail log: one every ten minutes, day and night, for six weeks, but for some hours.
fn log(quiet: std::ops::Range<u64>) -> String {
    let start: Time = "2026-08-03T00:00:00Z".parse().unwrap();
    let mut text = String::new();
    for slot in 0..42 * 144 {
        let at = start + Span::minutes(slot * 10 + slot * 7 % 4);
        if quiet.contains(&(slot / 6)) {
            continue;
        }
        let program = if slot % 2 == 0 {
            "postfix/smtpd"
        } else {
            "scanner"
        };
        text.push_str(&format!(
            "<22>1 {at} mx1 {program} {slot} - - message {slot} passed\n"
        ));
    }
    text
}

fn judged(path: &std::path::Path, more: &[&str]) -> (Ran, Value) {
    let path = path.to_str().unwrap();
    let ran = cordon(["logs", "cadence", path, "--json"].iter().chain(more));
    let row = ran.lines().first().cloned().unwrap_or_default();
    (ran, row)
}

#[test]
fn an_outage_in_a_log_is_told_and_a_log_without_one_is_well() {
    let folder = folder("cadence-outage");
    let (well, broken) = (folder.join("well.log"), folder.join("broken.log"));
    fs::write(&well, log(0..0)).unwrap();
    fs::write(&broken, log(500..520)).unwrap();
    let (ran, row) = judged(&well, &[]);
    assert_eq!(
        (ran.code, &row["state"]),
        (0, &Value::from("judged")),
        "{row} {}",
        ran.err
    );
    assert_eq!(row["silences"], Value::Array(Vec::new()));
    let line: cadence::Cadence = row["cadence"].as_str().unwrap().parse().unwrap();
    assert!(line.ticks() > 6000 && row["alarm_at"].is_string(), "{row}");
    let (ran, row) = judged(&broken, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let [silence] = row["silences"].as_array().unwrap().as_slice() else {
        panic!("{row}");
    };
    let time = |name: &str| silence[name].as_str().unwrap().parse::<Time>().unwrap();
    let began: Time = "2026-08-23T20:00:00Z".parse().unwrap();
    assert!(time("from") < began && began.since(time("from")) < Span::minutes(15));
    assert!(time("expected_by") <= time("alarm_at") && time("alarm_at") < began + Span::hours(2));
    assert!(time("ended_at") >= began + Span::hours(20));
    let page = cordon(["logs", "cadence", broken.to_str().unwrap()]);
    assert!(
        page.out.contains("  silent from 2026-08-23T19:5")
            && page.out.contains("Mon ▇") | page.out.contains("Mon █"),
        "{}",
        page.out
    );
}

#[test]
fn a_program_that_died_is_silent_though_its_file_goes_on() {
    let path = folder("cadence-program").join("mail.log");
    let text: String = log(0..0)
        .lines()
        .filter(|line| !line.contains(" scanner ") || *line < "<22>1 2026-09-10")
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&path, text).unwrap();
    let (ran, _) = judged(&path, &["--by", "program"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let rows = ran.lines();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(
        names[0].ends_with(" postfix/smtpd") && names[1].ends_with(" scanner"),
        "{names:?}"
    );
    assert_eq!(rows[0]["silences"], Value::Array(Vec::new()));
    let open = rows[1]["silences"].as_array().unwrap().last().unwrap();
    assert_eq!(open["ended_at"], Value::Null, "it goes on");
}

#[test]
fn a_log_that_turned_into_errors_is_sick_and_not_silent() {
    let path = folder("cadence-sick").join("scanner.log");
    let text: String = log(0..0)
        .lines()
        .map(|line| {
            let bad = ("<22>1 2026-08-26".."<22>1 2026-08-29").contains(&line);
            format!(
                "{}\n",
                if bad {
                    line.replace("passed", "failed: engine timeout")
                } else {
                    line.to_owned()
                }
            )
        })
        .collect();
    fs::write(&path, text).unwrap();
    let (ran, row) = judged(&path, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(row["silences"], Value::Array(Vec::new()));
    let sickness = row["sickness"].as_array().unwrap();
    let errors: Vec<&Value> = sickness
        .iter()
        .filter(|sign| sign["sign"] == "errors")
        .collect();
    assert_eq!(errors.len(), 1, "{row}");
    assert!(
        errors[0]["at"].as_str().unwrap().starts_with("2026-08-26"),
        "{row}"
    );
}

#[test]
fn times_counts_and_packed_files_are_told_by_their_content() {
    let folder = folder("cadence-kinds");
    let write = |name: &str, line: &dyn Fn(u64) -> String| {
        let lines: String = (0..42 * 144)
            .filter(|slot| !(3000..3120).contains(slot))
            .map(line)
            .collect();
        fs::write(folder.join(name), lines).unwrap();
        folder.join(name)
    };
    let start = 1_785_715_200;
    let paths = [
        write("seconds", &|slot| format!("{}\n", start + slot * 600)),
        write("millis", &|slot| {
            format!("{}\n", (start + slot * 600) * 1000)
        }),
        write("table", &|slot| {
            let at = Time::from_millis((start + slot * 600) * 1000).to_string();
            format!("{},3\n", at.replace('T', " ").replace('Z', ""))
        }),
        write("log", &|slot| {
            format!("{} x: y\n", Time::from_millis((start + slot * 600) * 1000))
        }),
    ];
    let table = fs::read_to_string(&paths[2]).unwrap();
    fs::write(&paths[2], format!("timestamp,value\n{table}")).unwrap();
    let packed = Command::new("gzip")
        .arg("-k")
        .arg(&paths[0])
        .status()
        .unwrap();
    assert!(packed.success());
    let rows: Vec<Value> = paths
        .iter()
        .cloned()
        .chain([folder.join("seconds.gz")])
        .map(|path| judged(&path, &[]))
        .map(|(ran, row)| {
            assert_eq!(ran.code, 1, "{row} {}", ran.err);
            row
        })
        .collect();
    for row in &rows {
        assert_eq!(
            (&row["silences"], &row["ticks"]),
            (&rows[0]["silences"], &rows[0]["ticks"]),
            "{row}"
        );
    }
    let (ran, _) = judged(&folder, &[]);
    assert_eq!(
        (ran.code, ran.lines().len()),
        (1, 5),
        "a folder is all its files"
    );
}

#[test]
fn what_bears_no_time_or_cannot_be_read_is_never_a_clean_result() {
    let folder = folder("cadence-bad");
    let (prose, empty) = (folder.join("prose.txt"), folder.join("empty.log"));
    fs::write(&prose, "nothing here\nbears a time\n").unwrap();
    fs::write(&empty, "").unwrap();
    for (path, why) in [
        (&prose, "none of 2 lines bears a time"),
        (&empty, "it is empty"),
    ] {
        let (ran, row) = judged(path, &[]);
        assert_eq!(ran.code, 5, "{}", ran.err);
        assert_eq!(
            (&row["state"], &row["why"]),
            (&Value::from("error"), &Value::from(why))
        );
    }
    let cut = folder.join("cut.gz");
    fs::write(&cut, b"\x1f\x8b\x08\0\0\0").unwrap();
    let (ran, row) = judged(&cut, &[]);
    assert!(
        ran.code == 5 && row["why"].as_str().unwrap().contains("truncated"),
        "{row}"
    );
    let (ran, _) = judged(&folder.join("none"), &[]);
    assert!(
        ran.code == 2 && ran.err.starts_with("error[E0206]: "),
        "{}",
        ran.err
    );
    let well = folder.join("well.log");
    fs::write(&well, log(0..0) + "a line without a time\n").unwrap();
    let (ran, row) = judged(&well, &[folder.join("none").to_str().unwrap()]);
    assert_eq!(
        (ran.code, &row["timeless"]),
        (5, &Value::from(1)),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("1 line without a time"), "{}", ran.err);
}

#[test]
fn people_who_commit_are_irregular_and_nobody_pretends() {
    let Ok(arrivals) = corpus("logs/silence") else {
        return;
    };
    let (ran, _) = judged(&arrivals, &[]);
    assert_eq!((ran.code, ran.lines().len()), (0, 3), "{}", ran.err);
    for row in ran.lines() {
        assert_eq!(row["state"], "not yet judgeable", "{row}");
        assert!(
            row["why"].as_str().unwrap().starts_with("irregular: "),
            "{row}"
        );
    }
}
