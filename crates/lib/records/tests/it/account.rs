//! Events in are events out and events lost, wherever a file is cut and however files are put together.

use records::{Format, LossKind};

use crate::{
    corpus::{Kept, kept},
    forms,
};

const SYSLOG: &str = "<134>Nov 25 03:12:09 fw1 a[7]: one thing\nNov 25 03:12:10 fw1 b: two\n<34>1 2026-11-25T03:12:11Z mx1 su 7 - - three\n";
const JSON: &str = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":{\"c\":\"y\"}}\n{\"a\":3}\n";
const W3C: &str = "#Fields: date time cs-method cs-uri-stem\n2026-11-25 03:12:09 GET /a\n2026-11-25 03:12:10 GET /b\n";

/// Logs of several forms; each event is whole only with its end.
fn logs() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Json, JSON.into()),
        (Format::Syslog, SYSLOG.into()),
        (Format::Xml, forms::XML.into()),
        (Format::Journal, forms::JOURNAL.to_vec()),
        (Format::Audit, forms::AUDIT.into()),
        (Format::W3c, W3C.into()),
    ]
}

#[test]
fn a_cut_costs_the_last_event_alone_and_is_told() {
    for (format, bytes) in logs() {
        let (whole, _) = kept("x", &bytes).unwrap();
        for cut in 0..bytes.len() {
            let Ok((events, report)) = kept("x", &bytes[..cut]) else {
                continue; // nothing is left that could be known
            };
            if report.format != format {
                continue; // what is left is too short for its form
            }
            // All events but the last are those of the whole file.
            if format != Format::Audit {
                let before = events.len().saturating_sub(1);
                assert_eq!(events[..before], whole[..before], "{format} at {cut}");
                let all = events.len() as u64 + report.lost_events();
                assert!(all <= whole.len() as u64, "{format} at {cut}: {report:?}");
                assert!(report.lost_events() <= 1, "{format} at {cut}: {report:?}");
            }
            let differs = events.last().is_some_and(|last| !whole.contains(last));
            let told = !report.lost.is_empty();
            // The text of a syslog line has no end that could be missed.
            assert!(
                !differs || told || format == Format::Syslog || is_short(format),
                "{format} at {cut}: {events:?}"
            );
        }
    }
}

/// Forms in which a cut between two lines of an event, or in its last cell, shows nowhere.
fn is_short(format: Format) -> bool {
    matches!(format, Format::W3c | Format::Journal | Format::Audit)
}

fn fields(events: &[Kept]) -> Vec<&Vec<(String, records::Kind, String)>> {
    events.iter().map(|event| &event.fields).collect()
}

#[test]
fn two_logs_in_one_file_are_the_events_of_both() {
    for (format, bytes) in logs() {
        if format == Format::Audit || format == Format::Xml {
            continue; // serials would be the same; a document is one
        }
        let (once, _) = kept("x", &bytes).unwrap();
        let (twice, report) = kept("x", &[bytes.clone(), bytes.clone()].concat()).unwrap();
        assert!(report.whole(), "{report:?}");
        assert_eq!(
            fields(&twice),
            [fields(&once), fields(&once)].concat(),
            "{format}"
        );
    }
}

#[test]
fn every_line_is_an_event_or_is_told() {
    let mut text = String::from("Nov 25 03:12:09 fw1 a: b\n");
    for line in 0..200 {
        text.push_str(if line % 3 == 0 {
            "  at frame 7 of a trace\n"
        } else {
            "Nov 25 03:12:09 fw1 a: b\n\n"
        });
    }
    let (events, report) = kept("x", text.as_bytes()).unwrap();
    assert_eq!(report.lines, 201);
    assert_eq!(report.events + report.lost_events(), report.lines);
    assert!(
        events
            .iter()
            .any(|event| event.get("message") == Some("  at frame 7 of a trace"))
    );
    let w3c = "#Fields: date time cs-method\n2026-11-25 03:12:09 GET\n2026-11-25 03:12:09 GET too many\n2026-11-25 03:12:09 POST\n";
    let (events, report) = kept("x", w3c.as_bytes()).unwrap();
    assert_eq!(
        (
            events.len(),
            report.lost_of(LossKind::Malformed),
            report.lines
        ),
        (2, 1, 3)
    );
}
