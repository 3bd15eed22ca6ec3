//! Texts of the corpora: nothing of them is lost, and what others found in a line is among our fields.

use std::{collections::BTreeMap, fs};

use records::{Format, LossKind, ReadError};

use crate::corpus::{Kept, kept, packed};

#[test]
fn loghub_lines_are_events_with_host_and_program() {
    let Ok(root) = cordon_testkit::corpus("logs") else {
        return;
    };
    for (name, program) in [("Linux_2k", "Component"), ("OpenSSH_2k", "Component")] {
        let bytes = fs::read(root.join("loghub").join(format!("{name}.log"))).unwrap();
        let (events, report) = kept(name, &bytes).unwrap();
        assert_eq!(
            (report.format, report.events, report.lines),
            (Format::Syslog, 2000, 2000)
        );
        assert!(report.whole());
        let table = fs::read(
            root.join("loghub")
                .join(format!("{name}.log_structured.csv")),
        )
        .unwrap();
        let (rows, report) = kept("x.csv", &table).unwrap();
        assert_eq!(
            (report.format, rows.len()),
            (Format::Csv, 2000),
            "{report:?}"
        );
        for (event, row) in events.iter().zip(&rows) {
            assert!(event.time.is_some());
            let ours = event.get("program").unwrap_or("");
            if name != "Linux_2k" {
                assert_eq!((ours, event.host.as_deref()), ("sshd", Some("LabSZ")));
                continue; // its column has the host
            }
            // Its column has `sshd(pam_unix)` and `-- root` for a program.
            let theirs = row.get(program).unwrap_or("");
            if !ours.is_empty() {
                assert!(
                    theirs.trim().starts_with(ours.trim_end_matches(':')),
                    "{theirs} is not {ours}: {}",
                    event.raw
                );
            }
            assert!(
                event
                    .get("message")
                    .is_some_and(|message| event.raw.ends_with(message))
            );
        }
    }
    let bytes = fs::read(root.join("loghub/Windows_2k.log")).unwrap();
    let (events, report) = kept("Windows_2k.log", &bytes).unwrap();
    assert_eq!(
        (report.format, events.len(), report.whole()),
        (Format::Text, 2000, true)
    );
    assert!(events.iter().all(|event| event.time.is_some()));
}

#[test]
fn every_line_of_the_wazuh_rule_tests_is_an_event() {
    let Ok(files) = packed("wazuh_ruleset_tests.tar.xz", ".ini") else {
        return;
    };
    assert!(files.len() >= 50);
    let (mut lines, mut headed) = (0, 0);
    for (_, bytes) in &files {
        for line in String::from_utf8_lossy(bytes).lines() {
            let Some((head, log)) = line.split_once('=') else {
                continue;
            };
            if !head.starts_with("log ") || log.trim().is_empty() {
                continue;
            }
            lines += 1;
            let log = log.trim();
            match kept("x.log", log.as_bytes()) {
                Ok((events, report)) => {
                    let all = events.len() as u64 + report.lost_events();
                    assert!(all >= 1, "{log}: {report:?}");
                    headed += u32::from(!events.is_empty());
                }
                // A line alone, without any time, is of no form that could be known.
                Err(ReadError::Unknown(_)) => {}
                Err(error) => panic!("{log}: {error}"),
            }
            // As a line of a syslog file it is an event in any case.
            let mut in_file = "Nov 25 03:12:09 mx1 a: b\nNov 25 03:12:09 mx1 a: b\n".to_owned();
            in_file.push_str(log);
            in_file.push('\n');
            let (events, report) = kept("x.log", in_file.as_bytes()).unwrap();
            assert_eq!(
                (events.len(), report.lost_events()),
                (3, 0),
                "{log}: {report:?}"
            );
        }
    }
    assert!(lines > 700, "{lines}");
    assert!(headed * 10 > lines * 7, "{headed} of {lines}");
}

/// `results["s01-parse"]["…"][0].Evt.Parsed["name"] == "value"` of an assertion file.
fn asserted(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let (place, value) = line.split_once(" == ")?;
            let name = place.rsplit_once("Evt.Parsed[\"")?.1.strip_suffix("\"]")?;
            Some((
                name.to_owned(),
                value
                    .trim()
                    .trim_matches('"')
                    .replace("\\\"", "\"")
                    .replace("\\\\", "\\"),
            ))
        })
        .collect()
}

/// Whether what they parsed is among our fields; none where it is nothing that we would have.
fn ours_has(format: Format, parsed: &str, value: &str, events: &[Kept]) -> Option<bool> {
    let ours = match (format, parsed) {
        (Format::Web, "verb") => "cs-method",
        (Format::Web, "status") => "sc-status",
        (Format::Web, "remote_addr") => "c-ip",
        (Format::Web, "request") => "cs-uri",
        (Format::Web, "http_user_agent") => "cs-user-agent",
        (Format::Syslog, "program") => "program",
        (Format::Syslog, "pid") => "pid",
        (Format::Syslog, "logsource_host") => "hostname",
        _ => return None,
    };
    // What is not in the text is a label of theirs; a dash is nothing.
    let there = value.len() > 1 && events.iter().any(|event| event.raw.contains(value));
    if !there || value == "syslog" {
        return None;
    }
    // Theirs is the path alone, or all that a scanner sent where it is no request.
    let web = ours == "cs-uri";
    let fits = |text: &str| text == value || (web && text.split('?').next() == Some(value));
    Some(events.iter().any(|event| {
        event.all(ours).into_iter().any(fits) || (web && event.get("request").is_some_and(fits))
    }))
}

#[test]
fn the_crowdsec_hub_tests_are_read_and_have_what_their_parsers_found() {
    let (Ok(logs), Ok(asserts)) = (
        packed("crowdsec_hub_tests.tar.xz", ".log"),
        packed("crowdsec_hub_tests.tar.xz", "parser.assert"),
    ) else {
        return;
    };
    let folder = |name: &str| {
        name.rsplit_once('/')
            .map(|(folder, _)| folder.to_owned())
            .unwrap()
    };
    let asserts: BTreeMap<String, Vec<u8>> = asserts
        .into_iter()
        .map(|(name, bytes)| (folder(&name), bytes))
        .collect();
    let (mut read, mut unknown) = (0, Vec::new());
    let mut formats: BTreeMap<Format, (u32, u32)> = BTreeMap::new();
    for (name, bytes) in &logs {
        let (events, report) = match kept(name, bytes) {
            Ok(read) => read,
            Err(ReadError::Unknown(_)) => {
                unknown.push(name);
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        read += 1;
        if report.format != Format::Json
            && report.format != Format::Audit
            && report.format != Format::Xml
        {
            assert_eq!(
                report.events + report.lost_events(),
                report.lines,
                "{name}: {report:?}"
            );
        }
        assert!(report.lost_of(LossKind::Chunk) == 0);
        let Some(assert) = asserts.get(&folder(name)) else {
            continue;
        };
        let (found, all) = formats.entry(report.format).or_default();
        for (parsed, value) in asserted(&String::from_utf8_lossy(assert)) {
            if let Some(has) = ours_has(report.format, &parsed, &value, &events) {
                *all += 1;
                *found += u32::from(has);
            }
        }
    }
    assert!(
        read >= 370,
        "{read} of {}; unknown: {unknown:?}",
        logs.len()
    );
    for (format, (found, all)) in formats {
        assert!(found * 100 >= all * 95, "{format}: {found} of {all}");
    }
}
