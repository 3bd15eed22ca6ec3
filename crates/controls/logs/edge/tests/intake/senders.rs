//! Who sends is a source, what is missing is told, what was acknowledged is kept.

use std::{io::Write, net::UdpSocket};

use cordon_model::{Fact, Level, Watched};

use crate::kit::{Kit, acked, window, winlog};

#[test]
fn every_sender_is_a_source_and_pulses_what_it_said() {
    let mut kit = Kit::new("sources", "tcp = \"127.0.0.1:0\"");
    let mut stream = kit.connect();
    stream
        .write_all(b"<11>1 2026-11-24T00:00:00Z router1 a - - - down\n38 <14>1 2026-11-24T00:00:00Z fw1 a - - - <13>Nov 24 00:00:00 router1 a: up\n")
        .unwrap();
    kit.until_lines(3);
    let sources: Vec<String> = kit.lines().into_iter().map(|(source, _)| source).collect();
    assert_eq!(sources, ["in/router1", "in/fw1", "in/router1"]);
    let pulses: Vec<(u64, u64)> = kit
        .facts
        .iter()
        .filter_map(|(said, fact)| match fact {
            Fact::Pulse {
                of: Watched::Source(of),
                seen,
                errors,
            } if of.as_str() == "in/router1" => {
                assert_eq!(said.is_some(), *seen > 0);
                Some((*seen, *errors))
            }
            _ => None,
        })
        .collect();
    let sum = pulses
        .iter()
        .fold((0, 0), |sum, pulse| (sum.0 + pulse.0, sum.1 + pulse.1));
    assert_eq!(sum, (2, 1));
    let levels: Vec<Level> = kit
        .facts
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::Log(line) => Some(line.level),
            _ => None,
        })
        .collect();
    assert_eq!(levels, [Level::Error, Level::Plain, Level::Plain]);
}

#[test]
fn more_senders_than_policy_allows_share_one_source_and_that_is_told() {
    let mut kit = Kit::new("many", "tcp = \"127.0.0.1:0\"\nmax_senders = 2");
    let mut stream = kit.connect();
    for host in ["a", "b", "c", "d", "a"] {
        writeln!(stream, "<13>1 2026-11-24T00:00:00Z {host} x - - - y").unwrap();
    }
    kit.until_lines(5);
    let sources: Vec<String> = kit.lines().into_iter().map(|(source, _)| source).collect();
    assert_eq!(
        sources,
        ["in/a", "in/b", "in/(others)", "in/(others)", "in/a"]
    );
    kit.until("the limit is told", |kit| kit.blind("in").is_some());
    assert!(kit.blind("in").unwrap().contains("more than 2 senders"));
    // They are the same after a restart.
    kit.stop();
    kit.start("tcp = \"127.0.0.1:0\"\nmax_senders = 2");
    let mut stream = kit.connect();
    writeln!(stream, "<13>1 2026-11-24T00:00:00Z b x - - - again").unwrap();
    kit.until_lines(6);
    assert_eq!(kit.lines()[5].0, "in/b");
}

#[test]
fn what_was_not_durable_comes_again_and_what_was_does_not() {
    let mut kit = Kit::new("durable", "tcp = \"127.0.0.1:0\"");
    let mut stream = kit.connect();
    stream.write_all(b"<13>one\n").unwrap();
    kit.until_lines(1);
    stream.write_all(b"<13>two\n").unwrap();
    // Told, and lost with the hub before it was durable.
    while kit.lines().len() < 2 {
        kit.collect(false);
    }
    kit.stop();
    kit.facts.clear();
    kit.start("tcp = \"127.0.0.1:0\"");
    kit.until_lines(1);
    assert_eq!(kit.texts(), ["<13>two"]);
}

#[test]
fn a_jump_in_the_numbers_of_a_sender_is_a_gap_across_a_restart_too() {
    let fields = "udp = \"127.0.0.1:0\"";
    let mut kit = Kit::new("numbers", fields);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |kit: &Kit, number: u64| {
        let line = format!("<13>1 2026-11-24T00:00:00Z r1 a - - [meta sequenceId=\"{number}\"] x");
        socket.send_to(line.as_bytes(), kit.address()).unwrap();
    };
    for number in [7, 9, 8] {
        send(&kit, number);
    }
    kit.until_lines(3);
    kit.stop();
    kit.start(fields);
    for number in 12..100 {
        send(&kit, number);
    }
    kit.until("the gap", |kit| kit.lost("in/r1") > 0);
    assert_eq!(kit.lost("in/r1"), 2, "10 and 11; 8 was only late");
    // It was rebooted.
    for number in 1..4 {
        send(&kit, number);
    }
    kit.until_lines(94);
    assert_eq!(kit.lost("in/r1"), 2);
}

#[test]
fn beats_are_acknowledged_when_spooled_and_what_is_sent_again_is_told_once() {
    let fields = "beats = \"127.0.0.1:0\"";
    let mut kit = Kit::new("beats", fields);
    let events = |range: std::ops::Range<u64>| -> Vec<String> {
        range.map(|record| winlog("WS1", record, record)).collect()
    };
    let mut stream = kit.connect();
    stream.write_all(&window(&events(1..101))).unwrap();
    assert_eq!(acked(&mut stream).unwrap(), 100);
    // The hub never looked: what is acknowledged is in the spool.
    kit.stop();
    kit.start(fields);
    kit.until_lines(100);
    let mut stream = kit.connect();
    // The acknowledgement was lost: half of it comes again, with more.
    stream.write_all(&window(&events(51..151))).unwrap();
    assert_eq!(acked(&mut stream).unwrap(), 100);
    kit.until_lines(150);
    let expected: Vec<String> = (1..151)
        .map(|record| format!("Security 4624: event {record}"))
        .collect();
    assert_eq!(kit.texts(), expected);
    assert_eq!(kit.lost("in/ws1"), 0);
    // Events 151 to 160 never come.
    stream.write_all(&window(&events(161..162))).unwrap();
    kit.until_lines(151);
    assert_eq!(kit.lost("in/ws1"), 10);
    // The log was cleared: its numbers begin anew.
    stream.write_all(&window(&[winlog("WS1", 1, 500)])).unwrap();
    kit.until_lines(152);
    assert_eq!(kit.lost("in/ws1"), 10);
}

#[test]
fn nxlog_lines_are_read_and_their_record_numbers_checked() {
    let mut kit = Kit::new("nxlog", "json = \"127.0.0.1:0\"");
    let mut stream = kit.connect();
    for number in [1, 2, 5] {
        writeln!(
            stream,
            r#"{{"EventTime":"2026-11-24 00:00:0{number}","Hostname":"WS2","SeverityValue":2,"EventID":7036,"Channel":"System","RecordNumber":{number},"Message":"m{number}"}}"#
        )
        .unwrap();
    }
    kit.until_lines(3);
    assert_eq!(
        kit.lines()[2],
        ("in/ws2".to_owned(), "System 7036: m5".to_owned())
    );
    assert_eq!(kit.lost("in/ws2"), 2);
    // Where senders filter, a hole is none. The connection stays.
    kit.listen("json = \"127.0.0.1:0\"\nnumbered = false");
    writeln!(
        stream,
        r#"{{"Hostname":"WS2","Channel":"System","RecordNumber":50,"Message":"x"}}"#
    )
    .unwrap();
    kit.until_lines(4);
    assert_eq!(kit.lost("in/ws2"), 2);
}

#[test]
fn times_of_other_centuries_are_told_as_they_were_said() {
    let mut kit = Kit::new("times", "tcp = \"127.0.0.1:0\"");
    let mut stream = kit.connect();
    for year in ["1970-01-02", "2100-01-01"] {
        writeln!(stream, "<13>1 {year}T00:00:00Z r1 a - - - x").unwrap();
    }
    kit.until_lines(2);
    let said: Vec<String> = kit
        .facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Log(_)))
        .map(|(said, _)| said.unwrap().to_string())
        .collect();
    assert_eq!(said, ["1970-01-02T00:00:00Z", "2100-01-01T00:00:00Z"]);
}
