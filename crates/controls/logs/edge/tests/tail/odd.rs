//! Rotation that packs, copies that race with the reader, and contents that nobody expects.

use std::{fs, io::Write, process::Command};

use cordon_logs_edge::{MAX_LINE_BYTES, syslog::Zone};
use cordon_model::{End, Fact};
use flate2::{Compression, write::GzEncoder};

use super::{Dir, Heard, check, restarted};

#[test]
fn a_copy_of_less_than_was_read_is_not_read_again() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntwo\n");
    check(&mut tail, &["one", "two"], &[]);
    let copy = fs::read(&dir.log).unwrap();
    dir.write("mail.log", b"three\n"); // after the copy, and read before the cut
    check(&mut tail, &["three"], &[]);
    dir.write("mail.log.1", &copy); // newer than what was seen
    dir.cut("mail.log");
    dir.write("mail.log", b"four\n");
    check(&mut tail, &["four"], &[None]);
}

/// Packs a generation, without the last `cut` bytes.
fn pack(dir: &mut Dir, name: &str, cut: usize) {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let plain = fs::read(dir.folder.join(name)).unwrap();
    packer.write_all(&plain).unwrap();
    let bytes = packer.finish().unwrap();
    dir.write(&format!("{name}.gz"), &bytes[..bytes.len() - cut]);
    dir.remove(name);
}

#[test]
fn what_was_packed_while_nobody_looked_is_read_through_gzip() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    dir.write("mail.log", b"two\n");
    let mut other = restarted(&dir, &tail);
    dir.rotate();
    pack(&mut dir, "mail.log.1", 0);
    dir.write("mail.log", b"three\n");
    dir.rename("mail.log.1.gz", "mail.log.2.gz");
    dir.rotate();
    pack(&mut dir, "mail.log.1", 0);
    dir.write("mail.log", b"four\n");
    check(&mut tail, &["two", "three", "four"], &[]);
    check(&mut other, &["two", "three", "four"], &[]);
    let mut third = restarted(&dir, &other);
    dir.write("mail.log", b"five\n");
    check(&mut tail, &["five"], &[]);
    check(&mut third, &["five"], &[]);
}

#[test]
fn what_was_packed_and_is_damaged_is_a_gap_and_stops_nothing() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    let mut other = restarted(&dir, &tail);
    dir.write("mail.log", b"two\n");
    dir.rotate();
    pack(&mut dir, "mail.log.1", 8); // its trailer is missing
    dir.write("mail.log", b"three\n");
    let heard = Heard::poll(&mut other);
    assert_eq!(heard.lines.last().unwrap(), "three");
    assert!(heard.gaps.contains(&None), "{:?}", heard.gaps);
}

#[test]
fn times_of_1970_and_2100_and_another_zone_disturb_nothing_and_vitals_tell_the_skew() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    let lines = [
        "1970-01-01T00:00:00Z mx1 app: epoch",
        "2100-12-31T23:59:59Z mx1 app: far",
        "no time at all",
        "2025-06-16T00:06:40+09:00 mx1 app: east", // the file is written one second later
    ];
    dir.write("mail.log", format!("{}\n", lines.join("\n")).as_bytes());
    check(&mut tail, &lines, &[]);
    let told = tail.vitals().map(|sensed| sensed.fact);
    let Some(Fact::Vitals {
        lines,
        unparsed,
        skew_secs,
        shapes,
        ..
    }) = told
    else {
        panic!("it had lines: {told:?}");
    };
    assert_eq!((lines, unparsed, shapes), (4, 1, 4));
    assert_eq!(skew_secs, Some(2)); // the empty file had the second before
    assert_eq!(tail.vitals(), None);
}

#[test]
fn a_hole_of_100_mib_is_one_long_line_and_what_was_passed_over_is_told() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    let hole = 100 << 20;
    let file = fs::File::options().write(true).open(&dir.log).unwrap();
    file.set_len(hole).unwrap();
    dir.write("mail.log", b"\nnext\n");
    let mut heard = Heard::default();
    while heard.lines.len() < 2 {
        let end = heard.poll_some(&mut tail, usize::MAX);
        assert!(matches!(end, End::Finished { .. }), "{end:?}");
    }
    assert_eq!(heard.lines[1], "next");
    let lost: u64 = heard.gaps.iter().flatten().sum();
    assert_eq!(lost, hole - u64::try_from(MAX_LINE_BYTES).unwrap());
}

/// Says the zone that it runs in; its environment is that of [`the_zone_of_the_host_is_that_of_its_lines`].
#[test]
fn says_its_zone() {
    let east = Zone::here().minutes_east;
    assert!((-14 * 60..=14 * 60).contains(&east), "{east}");
    println!("east={east}");
}

#[test]
fn the_zone_of_the_host_is_that_of_its_lines() {
    for (zone, east) in [("UTC0", 0), ("XST-5:30", 330), ("PST8", -480)] {
        let me = std::env::current_exe().unwrap();
        let args = ["--exact", "--nocapture", "odd::says_its_zone"];
        let ran = Command::new(me)
            .args(args)
            .env("TZ", zone)
            .output()
            .unwrap();
        let out = String::from_utf8(ran.stdout).unwrap();
        assert!(out.contains(&format!("east={east}\n")), "{zone}: {out}");
    }
    // A line without a zone is of the host's own: its time is then no hours ahead.
    let mut dir = Dir::new();
    dir.write("mail.log", b"Nov 24 07:30:00 mx1 postfix[1]: x\n");
    let mut tail = dir.tail();
    tail.zone = Zone { minutes_east: 330 };
    let heard = Heard::poll(&mut tail);
    let said = heard.said[0].unwrap().to_string();
    assert!(said.contains("-11-24T02:00:00"), "{said}");
}
