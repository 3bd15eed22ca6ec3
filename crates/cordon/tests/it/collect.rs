//! `cordon up` as a collector: what was acknowledged outlives `kill -9`, each line is judged once, and the
//! spool is freed as the hub makes durable what was in it.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use flate2::{Compression, write::ZlibEncoder};

use crate::up::{PATIENCE, Up, command, system};

/// A port that is free now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn policy(root: &Path, listen: &str) {
    let text =
        format!("[logs]\nspool_bytes = 16777216\n[[logs.listen]]\nname = \"in\"\n{listen}\n");
    fs::write(root.join("etc/cordon/policy.toml"), text).unwrap();
}

/// Connects as soon as it listens.
pub(crate) fn connect(port: u16) -> TcpStream {
    let began = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) => assert!(began.elapsed() < PATIENCE, "it never listened: {error}"),
        }
        let (_never, pause) = std::sync::mpsc::channel::<()>();
        assert!(pause.recv_timeout(Duration::from_millis(20)).is_err());
    }
}

/// Events `from` and the 99 after it, as Winlogbeat sends them.
fn window(from: u64) -> Vec<u8> {
    let number = |count: usize| u32::try_from(count).unwrap().to_be_bytes();
    let mut frames = Vec::new();
    for (index, record) in (from..from + 100).enumerate() {
        let (minutes, secs) = (record / 60 % 60, record % 60);
        let event = format!(
            r#"{{"@timestamp":"2026-11-{:02}T{:02}:{minutes:02}:{secs:02}Z","message":"event {record}","winlog":{{"computer_name":"ws1","channel":"Security","event_id":4624,"record_id":{record}}}}}"#,
            1 + record / 86_400,
            record / 3600 % 24,
        );
        frames.extend(
            [
                b"2J".as_slice(),
                &number(index + 1),
                &number(event.len()),
                event.as_bytes(),
            ]
            .concat(),
        );
    }
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&frames).unwrap();
    let packed = zlib.finish().unwrap();
    [
        b"2W".as_slice(),
        &number(100),
        b"2C",
        &number(packed.len()),
        &packed,
    ]
    .concat()
}

fn acked(stream: &mut TcpStream) -> io::Result<()> {
    let mut ack = [0; 6];
    stream.read_exact(&mut ack)
}

/// Killed ten times in the middle of sending; what was not acknowledged is sent again, as Beats do.
#[test]
fn killed_at_any_moment_no_beats_event_is_lost_or_judged_twice() {
    let root = system("beats");
    let port = port();
    policy(&root, &format!("beats = \"127.0.0.1:{port}\""));
    let mut next = 1;
    for round in 0..10 {
        let mut up = Up::start(&root);
        let mut stream = connect(port);
        for _ in 0..=round {
            stream.write_all(&window(next)).unwrap();
            acked(&mut stream).unwrap();
            next += 100;
        }
        // These are under way, in part or whole, when it dies.
        let under_way = [window(next), window(next + 100)].concat();
        let (head, _) = under_way.split_at(under_way.len() * (round + 1) / 10);
        stream.write_all(head).unwrap();
        up.child.kill().unwrap();
        up.child.wait().unwrap();
    }
    let up = Up::start(&root);
    let mut stream = connect(port);
    for from in [next, next + 100] {
        stream.write_all(&window(from)).unwrap();
        acked(&mut stream).unwrap();
    }
    let sent = next + 199;
    let told = cordon_model::count(sent);
    let page = up.until(|page| page.contains(&format!("{told} lines read")));
    // What was torn in the spool was not acknowledged, and may be told; of the sender nothing is missing.
    assert!(!page.contains("source in/ws1 has a gap"), "{page}");
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

/// The server closes when it has spooled all that came before our end.
#[test]
fn what_the_spool_took_over_plain_tcp_outlives_a_kill() {
    let root = system("tcp-kill");
    let port = port();
    policy(&root, &format!("tcp = \"127.0.0.1:{port}\""));
    let mut sent = 0;
    for _ in 0..5 {
        let mut up = Up::start(&root);
        let mut stream = connect(port);
        for number in 0..1000 {
            writeln!(stream, "<13>1 2026-11-24T00:00:00Z r1 a - - - {number}").unwrap();
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(
            stream.read(&mut [0]).unwrap(),
            0,
            "it closes, and says nothing"
        );
        sent += 1000;
        up.child.kill().unwrap();
        up.child.wait().unwrap();
    }
    let up = Up::start(&root);
    let told = cordon_model::count(sent);
    up.until(|page| page.contains(&format!("{told} lines read")));
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

/// Twice as much as the spool may hold passes through it, with the hub in a process of its own.
#[test]
fn the_spool_is_freed_as_the_hub_makes_its_content_durable() {
    let root = system("freed");
    let port = port();
    policy(&root, &format!("tcp = \"127.0.0.1:{port}\""));
    let up = Up::of(command(&root));
    let mut stream = connect(port);
    let line = format!(
        "<13>1 2026-11-24T00:00:00Z r1 a - - - {}\n",
        "x".repeat(2000)
    );
    let lines = (32 << 20) / line.len();
    for _ in 0..lines {
        stream.write_all(line.as_bytes()).unwrap();
    }
    let told = cordon_model::count(lines as u64);
    up.until(|page| page.contains(&format!("{told} lines read")));
    let spool = root.join("data/hub/spool");
    let size = || -> u64 {
        let files = fs::read_dir(&spool).unwrap();
        files
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum()
    };
    assert!(size() <= 16 << 20, "{} bytes", size());
    assert_eq!(up.end("-TERM"), 0);
    assert!(size() <= 16 << 20, "{} bytes", size());
    fs::remove_dir_all(root).unwrap();
}

/// More than the main loop takes in at once: what it had taken and did not get to must wait, not go.
#[test]
fn a_backlog_is_judged_to_its_last_line() {
    let root = system("backlog");
    let lines: String = (0..60_000).fold(String::new(), |all, number| {
        all + &format!("line {number}\n")
    });
    fs::write(root.join("var/log/app.log"), lines).unwrap();
    let up = Up::start(&root);
    up.until(|page| page.contains("60,000 lines read"));
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}
