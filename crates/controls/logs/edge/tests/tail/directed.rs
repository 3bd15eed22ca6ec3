//! One test for each thing that happens to a log file.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use cordon_logs_edge::{MAX_LINE_BYTES, MAX_POLL_BYTES, syslog, unescape};
use cordon_model::{Cursor, End, Level, Sense, Span, Time};

use crate::{Dir, Heard, check, restarted};

#[test]
fn lines_come_once_and_a_quiet_log_still_pulses() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    check(&mut tail, &[], &[]);
    dir.write("mail.log", b"one\ntwo: scan skipped\n");
    let heard = Heard::poll(&mut tail);
    assert_eq!(heard.lines, ["one", "two: scan skipped"]);
    assert_eq!(heard.levels, [Level::Plain, Level::Error]);
    assert_eq!(heard.pulses, [(2, 1)]);
    assert_eq!(heard.pulsed, Some(Time::from_millis(dir.second * 1000)));
    let heard = Heard::poll(&mut tail);
    assert_eq!((heard.pulses[0], heard.pulsed), ((0, 0), None));
}

#[test]
fn a_line_without_end_waits_for_it_also_across_a_restart() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntw");
    check(&mut tail, &["one"], &[]);
    let mut other = restarted(&dir, &tail);
    check(&mut other, &[], &[]);
    dir.write("mail.log", b"o\r\n\nthree");
    check(&mut tail, &["two", ""], &[]);
    check(&mut other, &["two", ""], &[]);
}

#[test]
fn bytes_of_every_kind_are_kept() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    let line = b"nul \0 latin1 gr\xfcn half \xe2\x82 fake \\xfc bell \x07";
    dir.write("mail.log", line);
    dir.write("mail.log", b"\r\n");
    let heard = Heard::poll(&mut tail);
    assert_eq!(unescape(&heard.lines[0]), line);
    assert!(heard.lines[0].contains("gr\\xfcn half \\xe2\\x82 fake \\x5cxfc"));
}

#[test]
fn a_line_of_a_megabyte_is_cut_and_says_so() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    let long = vec![b'a'; 1_000_000];
    dir.write("mail.log", &long);
    check(&mut tail, &[], &[]);
    dir.write("mail.log", b"\nnext\n");
    let heard = Heard::poll(&mut tail);
    assert_eq!(heard.gaps, [Some((long.len() - MAX_LINE_BYTES) as u64)]);
    let (kept, note) = heard.lines[0].split_once('…').unwrap();
    assert_eq!(note, format!(" (+{} bytes cut)", long.len() - kept.len()));
    assert_eq!(heard.lines[1], "next");
}

#[test]
fn a_poll_is_bounded_and_a_line_longer_than_a_poll_ends_it_all_the_same() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    let most = usize::try_from(MAX_POLL_BYTES).unwrap();
    dir.write("mail.log", &vec![b'a'; most + 10]);
    dir.write("mail.log", b"\nnext\n");
    check(&mut tail, &[], &[]);
    assert!(tail.is_behind());
    let mut other = restarted(&dir, &tail);
    check(&mut other, &[], &[]); // it reads the line once more
    for tail in [&mut tail, &mut other] {
        let heard = Heard::poll(tail);
        assert_eq!((heard.lines.len(), heard.gaps.len()), (2, 1));
        assert_eq!(heard.lines[1], "next");
        assert!(!tail.is_behind());
    }
}

#[test]
fn a_renamed_file_is_finished_first_and_heard_until_the_next_rotation() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    dir.write("mail.log", b"two\n");
    dir.rotate();
    dir.write("mail.log", b"three\n");
    check(&mut tail, &["two", "three"], &[]);
    let mut other = restarted(&dir, &tail);
    dir.write("mail.log.1", b"late\n"); // whoever has not opened the new file yet
    dir.write("mail.log", b"four\n");
    check(&mut tail, &["late", "four"], &[]);
    check(&mut other, &["late", "four"], &[]);
}

#[test]
fn generations_between_are_read_the_oldest_first() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    dir.write("mail.log", b"two\n");
    let mut other = restarted(&dir, &tail);
    for line in [b"three\n".as_slice(), b"four\n", b"five\n"] {
        dir.rotate();
        dir.write("mail.log", line);
    }
    check(&mut tail, &["two", "three", "four", "five"], &[]);
    check(&mut other, &["two", "three", "four", "five"], &[]);
    check(&mut tail, &[], &[]);
    check(&mut other, &[], &[]);
}

#[test]
fn generations_may_be_named_by_date() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    for (name, line) in [
        ("mail.log-20261122", b"two\n"),
        ("mail.log-20261123", b"six\n"),
    ] {
        dir.rename("mail.log", name);
        dir.write("mail.log", line);
    }
    check(&mut tail, &["two", "six"], &[]);
}

#[test]
fn a_generation_that_is_gone_unseen_is_a_gap() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    let mut other = restarted(&dir, &tail);
    dir.rotate();
    dir.write("mail.log", b"two\n");
    dir.rotate();
    dir.remove("mail.log.1");
    dir.write("mail.log", b"three\n");
    check(&mut tail, &["three"], &[None]);
    check(&mut other, &["three"], &[None]);
    check(&mut tail, &[], &[]);
}

#[test]
fn a_file_that_is_gone_after_a_restart_is_a_gap() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntw");
    check(&mut tail, &["one"], &[]);
    let mut other = restarted(&dir, &tail);
    dir.write("mail.log", b"o\n");
    dir.remove("mail.log");
    dir.write("mail.log", b"three\n");
    check(&mut tail, &["two", "three"], &[]); // it held the file
    check(&mut other, &["three"], &[Some(2)]); // it knows of two bytes at least
}

#[test]
fn what_was_copied_and_cut_is_read_from_the_copy() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    dir.write("mail.log", b"two\n");
    let mut other = restarted(&dir, &tail);
    dir.copy_and_cut();
    dir.write("mail.log", b"three\nfour\nfive\n"); // longer than it was
    // Whoever wrote between the copy and the cut wrote for nobody; how much, nobody knows.
    check(&mut tail, &["two", "three", "four", "five"], &[None]);
    check(&mut other, &["two", "three", "four", "five"], &[None]);
    dir.copy_and_cut();
    dir.write("mail.log", b"six\n");
    dir.copy_and_cut(); // twice between two polls
    dir.write("mail.log", b"seven\n");
    // A copy of what nobody saw before looks like a generation that was renamed.
    check(&mut tail, &["six", "seven"], &[]);
    check(&mut other, &["six", "seven"], &[]);
}

#[test]
fn an_empty_log_that_was_filled_and_copied_away_is_read_from_the_copy() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    check(&mut tail, &[], &[]);
    let mut other = restarted(&dir, &tail);
    dir.write("mail.log", b"one\n");
    dir.copy_and_cut();
    dir.write("mail.log", b"two\n");
    check(&mut tail, &["one", "two"], &[]);
    check(&mut other, &["one", "two"], &[]);
}

#[test]
fn what_was_cut_without_a_copy_is_a_gap() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntw");
    check(&mut tail, &["one"], &[]);
    let mut other = restarted(&dir, &tail);
    dir.write("mail.log", b"o\nthree\n");
    dir.cut("mail.log");
    dir.write("mail.log", b"four\n");
    check(&mut tail, &["tw", "four"], &[None]); // what was read is not lost
    check(&mut other, &["four"], &[Some(2)]);
    dir.cut("mail.log");
    dir.write("mail.log", b"longer than it was\n"); // seen by what is in it
    check(&mut tail, &["longer than it was"], &[None]);
    check(&mut other, &["longer than it was"], &[None]);
}

#[test]
fn an_inode_with_other_content_is_another_file() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntwo\n");
    check(&mut tail, &["one", "two"], &[]);
    let mut other = restarted(&dir, &tail);
    // What a reused inode looks like: the same number, longer, and nothing of what was read.
    fs::write(&dir.log, b"uno\ndue\ntre\n").unwrap();
    check(&mut other, &["uno", "due", "tre"], &[None]);
}

#[test]
fn a_log_that_cannot_be_read_is_blind_until_it_can() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\n");
    check(&mut tail, &["one"], &[]);
    dir.write("mail.log", b"two\n");
    dir.rename("mail.log", "mail.log.1");
    let mut heard = Heard::default();
    let end = heard.poll_some(&mut tail, usize::MAX);
    let End::Blind { why } = end else {
        panic!("an absent log is blind, not {end:?}");
    };
    assert!(
        why.why.as_str().contains("mail.log cannot be read"),
        "{why:?}"
    );
    assert_eq!(
        (heard.lines, heard.pulses),
        (vec!["two".to_owned()], vec![(1, 0)])
    );
    fs::create_dir(&dir.log).unwrap();
    for tail in [&mut tail, &mut dir.tail()] {
        let end = Heard::default().poll_some(tail, usize::MAX);
        assert!(matches!(end, End::Blind { .. }), "a folder is no log");
    }
    fs::remove_dir(&dir.log).unwrap();
    dir.write("mail.log", b"three\n");
    check(&mut tail, &["three"], &[]);
}

/// Root may read everything, so as root the test runs itself again as an ordinary user.
#[test]
fn a_log_that_may_not_be_read_says_what_mends_it() {
    const LOG: &str = "CORDON_FORBIDDEN_LOG";
    if let Some(log) = std::env::var_os(LOG) {
        let mut tail =
            cordon_logs_edge::Tail::new("mail1".into(), "mail.log".into(), log.into(), Vec::new());
        let end = Heard::default().poll_some(&mut tail, usize::MAX);
        let End::Blind { why } = end else {
            panic!("a forbidden log is blind, not {end:?}");
        };
        assert!(why.mend.unwrap().as_str().starts_with("sudo "));
        return;
    }
    let dir = Dir::new();
    fs::set_permissions(&dir.log, fs::Permissions::from_mode(0o000)).unwrap();
    // A copy, because an ordinary user may not reach the folder of this one.
    let copy = std::env::temp_dir().join(format!("cordon-tail-{}", std::process::id()));
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut again = std::process::Command::new(&copy);
    again.args([
        "--exact",
        "directed::a_log_that_may_not_be_read_says_what_mends_it",
    ]);
    again.env(LOG, &dir.log).current_dir("/");
    if fs::File::open(&dir.log).is_ok() {
        std::os::unix::process::CommandExt::uid(&mut again, 65534);
    }
    let output = again.output().unwrap();
    fs::remove_file(&copy).unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
}

#[test]
fn a_cursor_that_is_none_of_ours_is_a_gap_and_the_beginning() {
    let mut dir = Dir::new();
    dir.write("mail.log", b"one\n");
    for bytes in [b"".as_slice(), b"2 1 1", b"\xff\xff", &[b'1'; 5000]] {
        let mut tail = dir.tail();
        tail.resume(Cursor(bytes.to_vec()));
        check(&mut tail, &["one"], &[None]);
    }
}

#[test]
fn as_a_sense_it_goes_on_from_the_cursor_it_is_given() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    dir.write("mail.log", b"one\ntwo\nthree\n");
    let mut heard = Heard::default();
    assert_eq!(heard.poll_some(&mut tail, 2), End::Stopped);
    assert_eq!(heard.lines, ["one", "two"]);
    let cursor = heard.cursor.unwrap();
    for mut tail in [tail, dir.tail()] {
        let mut lines = Vec::new();
        let end = tail.sense(Some(&cursor), &mut |sensed, _| {
            lines.push(sensed.fact);
            std::ops::ControlFlow::Continue(())
        });
        assert!(matches!(end, End::Finished { .. }));
        assert_eq!(lines.len(), 2, "{lines:?}"); // the third line and the pulse
    }
}

#[test]
fn syslog_lines_have_their_time_and_their_severity() {
    let mut dir = Dir::new();
    let mut tail = dir.tail();
    tail.zone = syslog::Zone { minutes_east: 60 };
    dir.write("mail.log", b"<11>Jun 14 12:00:00 mx1 a: all is well\n");
    dir.write("mail.log", b"<14>1 2025-06-14T12:00:00Z mx1 a - - - hm\n");
    dir.write("mail.log", b"2025-06-14 12:00:00,123 neither\n");
    let heard = Heard::poll(&mut tail);
    assert_eq!(heard.levels, [Level::Error, Level::Plain, Level::Plain]);
    let said = [
        "2025-06-14T11:00:00Z",
        "2025-06-14T12:00:00Z",
        "2025-06-14T12:00:00Z",
    ];
    assert_eq!(heard.said, said.map(|at| Some(at.parse().unwrap())));
}

#[test]
fn real_lines_come_once_and_each_has_its_time() {
    let Ok(folder) = cordon_testkit::corpus("logs/loghub") else {
        return;
    };
    for name in ["Linux_2k.log", "OpenSSH_2k.log"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        let mut dir = Dir::new();
        let mut tail = dir.tail();
        let mut heard = Heard::default();
        for (number, piece) in bytes.chunks(10_007).enumerate() {
            dir.write("mail.log", piece);
            heard.poll_some(&mut tail, usize::MAX);
            if number % 4 == 3 {
                tail = restarted(&dir, &tail);
            }
        }
        dir.write("mail.log", b"\n");
        heard.poll_some(&mut tail, usize::MAX);
        let latest = Time::from_millis(dir.second * 1000) + Span::days(1);
        for said in &heard.said {
            assert!(said.is_some_and(|said| said <= latest), "{name}");
        }
        let expected = String::from_utf8(bytes).unwrap();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(heard.lines, expected, "{name}");
    }
}

#[test]
fn a_log_at_rest_is_left_alone_and_whatever_happens_to_it_ends_the_rest() {
    type Happens = (&'static str, fn(&mut Dir), &'static [&'static str]);
    let all: [Happens; 6] = [
        ("nothing", |_| {}, &[]),
        ("written", |dir| dir.write("mail.log", b"two\n"), &["two"]),
        (
            "rotated",
            |dir| {
                dir.rotate();
                dir.write("mail.log", b"two\n");
            },
            &["two"],
        ),
        (
            "rotated and written to the old one",
            |dir| {
                dir.rotate();
                dir.write("mail.log.1", b"late\n");
                dir.write("mail.log", b"two\n");
            },
            &["late", "two"],
        ),
        (
            "copied and cut",
            |dir| {
                dir.write("mail.log", b"last\n");
                dir.copy_and_cut();
                dir.write("mail.log", b"first\n");
            },
            &["last", "first"],
        ),
        (
            "deleted and made anew",
            |dir| {
                dir.remove("mail.log");
                dir.write("mail.log", b"anew\n");
            },
            &["anew"],
        ),
    ];
    for (what, happen, expected) in all {
        let mut dir = Dir::new();
        dir.write("mail.log", b"one\n");
        let mut tail = dir.tail();
        tail.settled = Duration::ZERO;
        check(&mut tail, &["one"], &[]);
        check(&mut tail, &[], &[]);
        happen(&mut dir);
        assert_eq!(Heard::poll(&mut tail).lines, expected, "{what}");
        // The file before may be written to while the new one rests.
        assert_eq!(Heard::poll(&mut tail).lines, [""; 0], "{what}");
        if what.starts_with("rotated") {
            dir.write("mail.log.1", b"later\n");
            assert_eq!(Heard::poll(&mut tail).lines, ["later"], "{what}");
        }
    }
}

#[test]
fn many_lines_come_in_batches_that_each_end_with_the_pulse_that_counts_them() {
    let mut dir = Dir::new();
    let lines: Vec<String> = (0..1300).map(|number| format!("line {number}\n")).collect();
    let lines = lines.concat();
    dir.write("mail.log", lines.as_bytes());
    let mut tail = dir.tail();
    let mut heard = Heard::default();
    assert_eq!(
        heard.poll_some(&mut tail, usize::MAX),
        End::Finished { seen: 1300 }
    );
    assert_eq!(heard.pulses, [(512, 0), (512, 0), (276, 0)]);
    // Whoever stops behind the first pulse goes on with the line after it.
    let mut tail = dir.tail();
    let mut first = Heard::default();
    assert_eq!(first.poll_some(&mut tail, 513), End::Stopped);
    assert_eq!(first.pulses, [(512, 0)]);
    let mut next = dir.tail();
    next.resume(first.cursor.unwrap());
    let mut rest = Heard::default();
    rest.poll_some(&mut next, usize::MAX);
    assert_eq!(rest.lines, heard.lines[512..]);
}
