//! Input that nobody expects, through the real `cordon up`: each is told, and what is beside it goes on and
//! loses nothing.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write,
    net::Shutdown,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use cordon_logs_edge::MAX_LINE_BYTES;
use cordon_model::{Span, count};
use cordon_store::{HourRow, Sqlite, StateStore};

use crate::{
    collect::connect,
    disk::SmallDisk,
    up::{Up, command, system},
};

const MINUTE: Duration = Duration::from_mins(1);

/// The vitals of a source come once a minute, and what they tell must stand for two.
const LONG: Duration = Duration::from_mins(5);

/// A line of this size, in bytes.
const HUGE: usize = 100 << 20;

const SOURCES: [&str; 6] = ["good", "binary", "long", "epoch", "far", "zone"];

fn log(root: &Path, name: &str) -> PathBuf {
    root.join(format!("var/log/{name}.log"))
}

fn append(path: &Path, lines: &str) {
    let mut file = File::options().append(true).create(true).open(path);
    file.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Twenty lines that say they were written `ahead` of now.
fn dated(ahead: Span) -> String {
    let at = cordon::clock::now() + ahead;
    format!("{at} dc1 app[1]: moved\n").repeat(20)
}

/// What nobody expects, written before anybody looks.
fn write_odd(root: &Path) {
    let mut garbage = Vec::new();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..200 {
        for _ in 0..40 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            garbage.extend(
                state
                    .to_le_bytes()
                    .map(|byte| if byte == b'\n' { 0 } else { byte }),
            );
        }
        garbage.extend(b"\0\n");
    }
    fs::write(log(root, "binary"), garbage).unwrap();
    let mut long = b"before\n".to_vec();
    long.resize(long.len() + HUGE, b'x');
    long.extend(b"\nafter\n");
    fs::write(log(root, "long"), long).unwrap();
    let of = |year: u32| {
        (0..20).fold(String::new(), |mut all, number| {
            writeln!(all, "{year}-01-01T00:00:{number:02}Z plc1 app[1]: {number}").unwrap();
            all
        })
    };
    fs::write(log(root, "epoch"), of(1970)).unwrap();
    fs::write(log(root, "far"), of(2100)).unwrap();
    fs::write(log(root, "zone"), dated(Span::default())).unwrap();
    fs::write(log(root, "good"), "").unwrap();
}

/// The rows of `source` together.
fn known(rows: &[HourRow], source: &str) -> (u64, bool) {
    let of = rows
        .iter()
        .filter(|row| row.source == format!("{source}.log"));
    of.fold((0, false), |(lines, wrong), row| {
        (lines + row.lines, wrong || row.wrong)
    })
}

#[test]
fn what_nobody_expects_in_a_log_is_told_and_disturbs_nobody() {
    let root = system("bad-input");
    let policy = SOURCES.map(|name| {
        format!("[[logs.source]]\nname = \"{name}.log\"\npath = \"/var/log/{name}.log\"\n")
    });
    fs::write(root.join("etc/cordon/policy.toml"), policy.concat()).unwrap();
    write_odd(&root);
    let up = Up::start(&root);
    let over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let good = scope.spawn(|| {
            let mut lines = 0_u64;
            while !over.load(Ordering::Relaxed) {
                lines += 1;
                append(
                    &log(&root, "good"),
                    &format!("{} dc1 app[1]: {lines}\n", cordon::clock::now()),
                );
                thread::sleep(Duration::from_millis(50)); // a writer at its pace
            }
            lines
        });
        let passed_over = HUGE - MAX_LINE_BYTES;
        up.within(MINUTE, |page| {
            page.contains("source binary.log reports errors")
                && page.contains("source long.log has a gap")
                && page.contains(&format!("lost: {passed_over}"))
        });
        // It was right, and is elsewhere from now on.
        append(&log(&root, "zone"), &dated(Span::hours(9)));
        let page = up.within(LONG, |page| {
            page.contains("source epoch.log bears wrong times: 5")
                && page.contains("source far.log bears wrong times: 7")
                && page.contains("source zone.log bears times of another zone: 9:00 h ahead")
        });
        over.store(true, Ordering::Relaxed);
        assert!(!page.contains("source good.log"), "{page}");
        good.join().unwrap()
    });
    let all = format!("{} lines read", count(written));
    up.until(|page| page.contains(&all));
    assert_eq!(up.end("-TERM"), 0);
    let rows = Sqlite::open(&root.join("data/hub"))
        .unwrap()
        .hours(0)
        .unwrap();
    let lines = SOURCES.map(|source| known(&rows, source).0);
    assert_eq!(lines, [written, 200, 3, 20, 20, 40], "nothing is lost");
    // Who bears wrong times speaks as usual, and that is learned.
    let wrong = SOURCES.map(|source| known(&rows, source).1);
    assert_eq!(wrong, [false, true, true, false, false, false]);
    fs::remove_dir_all(root).unwrap();
}

/// The spool has a disk of its own, which is filled: its senders wait, and a log beside it is read on.
#[test]
fn a_spool_on_a_full_disk_is_told_and_a_log_beside_it_is_read_on() {
    const SENT: usize = 3_000;
    let root = system("spool-full");
    let port = crate::lab::free_port();
    let policy = format!(
        "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\n\
         [[logs.listen]]\nname = \"in\"\ntcp = \"127.0.0.1:{port}\"\n"
    );
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    let spool = root.join("data/hub/spool");
    fs::create_dir_all(&spool).unwrap();
    let Some(disk) = SmallDisk::mount_as(&spool, "size=2m,mode=0700") else {
        fs::remove_dir_all(root).unwrap();
        return;
    };
    let up = Up::of(command(&root));
    let mut stream = connect(port);
    let line = |number: usize| {
        format!(
            "<13>1 2026-11-24T00:00:00Z r1 a - - - {number} {}\n",
            "x".repeat(1000)
        )
    };
    stream.write_all(line(0).as_bytes()).unwrap();
    up.until(|page| page.contains("in/r1"));
    let filler = disk.fill();
    let sender = thread::spawn(move || {
        for number in 1..SENT {
            stream.write_all(line(number).as_bytes()).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
    });
    up.within(MINUTE, |page| page.contains("No space left on device"));
    let more = "one more line\n".repeat(500);
    append(&log(&root, "app"), &more);
    let page = up.until(|page| page.contains("501 lines read"));
    assert!(page.contains("No space left on device"), "{page}");
    assert!(
        !page.contains("no room left in"),
        "the hub's own disk has room: {page}"
    );
    fs::remove_file(filler).unwrap();
    let all = format!("{} lines read", count(SENT as u64));
    up.within(MINUTE, |page| {
        page.contains(&all) && !page.contains("No space left on device")
    });
    sender.join().unwrap();
    assert_eq!(up.end("-TERM"), 0);
    drop(disk);
    let rows = Sqlite::open(&root.join("data/hub"))
        .unwrap()
        .hours(0)
        .unwrap();
    assert_eq!(known(&rows, "app").0, 501);
    fs::remove_dir_all(root).unwrap();
}
