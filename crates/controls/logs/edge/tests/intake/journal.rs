//! Journals made by `systemd-journal-remote` of entries in export format, read by `journalctl`.

use std::{
    fs,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cordon_logs_edge::Journal;
use cordon_model::{Cursor, End, Fact, Level, Sense};

/// Where Debian keeps it.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn dir(test: &str) -> Option<Dir> {
    if !Path::new(REMOTE).is_file() {
        cordon_testkit::skip("systemd-journal-remote is not installed");
        return None;
    }
    let path = std::env::temp_dir().join(format!("cordon-journal-{test}-{}", std::process::id()));
    drop(fs::remove_dir_all(&path));
    fs::create_dir_all(&path).unwrap();
    Some(Dir(path))
}

/// Adds entries `range` to the journal file `name`.
fn write(dir: &Dir, name: &str, range: std::ops::Range<u64>) {
    let mut child = Command::new(REMOTE)
        .args(["--split-mode=none", "-o"])
        .arg(dir.0.join(name))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    for number in range {
        let message = match number {
            // Bytes that are no text are written with their length.
            3 => b"MESSAGE\n\x02\0\0\0\0\0\0\0a\xff\n".to_vec(),
            4 => format!("MESSAGE={}\n", "long".repeat(5000)).into_bytes(),
            _ => format!("MESSAGE=message {number}\n").into_bytes(),
        };
        let priority = if number == 2 { 3 } else { 6 };
        let head = format!(
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={number}\n\
             _BOOT_ID=306c2e9fb3b24a6d9f0b5ac0fd9bd13c\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=app\n",
            1_790_000_000_000_000 + number * 1_000_000
        );
        to.write_all(&[head.as_bytes(), &message, b"\n"].concat())
            .unwrap();
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

/// Looks once: texts with their level, gaps, the last cursor.
fn look(journal: &mut Journal) -> (Vec<(String, Level)>, u64, Option<Cursor>, End) {
    let (mut lines, mut lost, mut place) = (Vec::new(), 0, None);
    let end = journal.sense(None, &mut |sensed, cursor| {
        match sensed.fact {
            Fact::Log(line) => {
                assert!(sensed.said.is_some());
                lines.push((line.text.to_string(), line.level));
            }
            Fact::Gap { lost: some, .. } => lost += some.unwrap(),
            _ => {}
        }
        place = cursor.or(place.take());
        ControlFlow::Continue(())
    });
    (lines, lost, place, end)
}

fn texts(lines: &[(String, Level)]) -> Vec<&str> {
    lines.iter().map(|(text, _)| text.as_str()).collect()
}

fn journal(dir: &Dir) -> Journal {
    Journal::new("h".into(), "journal".into(), Some(dir.0.clone()))
}

#[test]
fn entries_are_read_once_across_restarts_and_rotation() {
    let Some(dir) = dir("once") else { return };
    write(&dir, "a.journal", 1..5);
    let mut reader = journal(&dir);
    let (lines, lost, cursor, end) = look(&mut reader);
    let long = format!("app: {}", "long".repeat(5000));
    assert_eq!(
        texts(&lines),
        [
            "app: message 1",
            "app: message 2",
            "app: a\\xff",
            long.as_str()
        ]
    );
    assert_eq!(lines[1].1, Level::Error);
    assert_eq!((lost, end), (0, End::Finished { seen: 4 }));
    assert!(look(&mut reader).0.is_empty(), "once");
    // journald rotates: the file gets another name, and a new one is begun.
    fs::rename(dir.0.join("a.journal"), dir.0.join("a@0001.journal")).unwrap();
    write(&dir, "a.journal", 5..7);
    assert_eq!(
        texts(&look(&mut reader).0),
        ["app: message 5", "app: message 6"]
    );
    // Restarted from the cursor of the first look.
    let mut reader = journal(&dir);
    reader.resume(&cursor.unwrap());
    assert_eq!(
        texts(&look(&mut reader).0),
        ["app: message 5", "app: message 6"]
    );
}

#[test]
fn a_journal_that_cannot_be_read_is_told_with_a_mend() {
    let Some(dir) = dir("blind") else { return };
    let mut reader = Journal::new("h".into(), "journal".into(), Some(dir.0.join("nowhere")));
    let (_, _, _, end) = look(&mut reader);
    let End::Blind { why } = end else {
        panic!("{end:?}")
    };
    assert!(why.why.as_str().contains("No such file"), "{}", why.why);
    assert!(why.mend.is_some());
    // A cursor of another Cordon is no reason to skip anything.
    write(&dir, "a.journal", 1..2);
    let mut reader = journal(&dir);
    reader.resume(&Cursor(vec![255, 255]));
    assert_eq!(texts(&look(&mut reader).0), ["app: message 1"]);
}
