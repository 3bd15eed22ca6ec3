//! Bad input, bad senders, bad disks: told, bounded, and nobody else's trouble.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    process::{Command, Stdio},
    sync::mpsc::channel,
};

use cordon_model::Fact;

use crate::kit::{Kit, PATIENCE, acked, certificates, window, winlog};

/// A megabyte of bytes that mean nothing, the same each time.
fn garbage() -> Vec<u8> {
    let mut seed: u64 = 0x2004_0503;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        u8::try_from(seed & 0xff).unwrap()
    };
    (0..1 << 20).map(|_| next()).collect()
}

#[test]
fn garbage_on_every_port_stops_nobody() {
    for speech in ["tcp", "json", "beats"] {
        let mut kit = Kit::new(
            &format!("garbage-{speech}"),
            &format!("{speech} = \"127.0.0.1:0\""),
        );
        let mut stream = kit.connect();
        drop(stream.write_all(&garbage())); // who is let go cannot write any more
        drop(stream);
        let mut good = kit.connect();
        if speech == "beats" {
            good.write_all(&window(&[winlog("ws1", 1, 1)])).unwrap();
            assert_eq!(acked(&mut good).unwrap(), 1);
        } else {
            good.write_all(b"{\"Message\":\"good\"}\n").unwrap();
        }
        kit.until("the good line", |kit| {
            kit.texts()
                .iter()
                .any(|text| text.contains("good") || text.contains("event 1"))
        });
        if speech == "beats" {
            kit.until("the complaint", |kit| {
                kit.texts()
                    .iter()
                    .any(|text| text.contains("127.0.0.1 was let go"))
            });
        }
    }
    let mut kit = Kit::new("garbage-udp", "udp = \"127.0.0.1:0\"");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for piece in garbage().chunks(9000).take(20) {
        socket.send_to(piece, kit.address()).unwrap();
    }
    socket.send_to(b"", kit.address()).unwrap();
    socket.send_to(b"<13>good", kit.address()).unwrap();
    kit.until("the good line", |kit| {
        kit.texts().contains(&"<13>good".to_owned())
    });
}

#[test]
fn five_hundred_idle_connections_and_a_slow_one_stop_nobody() {
    let mut kit = Kit::new("idle", "tcp = \"127.0.0.1:0\"");
    let idle: Vec<TcpStream> = (0..500).map(|_| kit.connect()).collect();
    let mut slow = kit.connect();
    slow.write_all(b"<13>never en").unwrap();
    let mut stream = kit.connect();
    for number in 0..1000 {
        writeln!(stream, "<13>1 2026-11-24T00:00:00Z busy a - - - {number}").unwrap();
    }
    kit.until_lines(1000);
    assert!(kit.lines().iter().all(|(source, _)| source == "in/busy"));
    drop(idle);
}

#[test]
fn connections_beyond_the_limit_are_refused_and_told() {
    let mut kit = Kit::new("limit", "tcp = \"127.0.0.1:0\"");
    // More than the listener takes, and fewer than a process may hold.
    let mut all = Vec::new();
    for _ in 0..800 {
        match TcpStream::connect(kit.address()) {
            Ok(stream) => all.push(stream),
            Err(_) => break, // because this process has no more handles
        }
    }
    kit.until("the refusal", |kit| {
        kit.blind("in")
            .is_some_and(|why| why.contains("too many connections"))
    });
    drop(all);
    kit.until("room again", |kit| kit.blind("in").is_none());
    let mut stream = kit.connect();
    stream.write_all(b"<13>x\n").unwrap();
    kit.until_lines(1);
}

#[test]
fn over_tls_only_clients_with_a_certificate_are_heard_where_one_is_asked_for() {
    let dir = std::env::temp_dir().join(format!("cordon-intake-tls-{}", std::process::id()));
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).unwrap();
    certificates(&dir);
    let fields = "tls = \"127.0.0.1:0\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclients = \"ca.pem\"";
    let mut kit = Kit::at(dir, fields);
    let address = kit.address().to_string();
    let client = |certificate: &[&str], line: &str| {
        let mut child = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-no_ign_eof",
                "-CAfile",
                "ca.pem",
                "-verify_return_error",
                "-connect",
                &address,
            ])
            .args(certificate)
            .current_dir(&kit.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut to = child.stdin.take().unwrap();
        drop(to.write_all(line.as_bytes())); // who is refused may be gone
        drop(to);
        child.wait().unwrap();
    };
    client(&[], "7 <13>bad");
    client(&["-cert", "client.pem", "-key", "client.key"], "8 <13>good");
    kit.until("the good line", |kit| {
        kit.texts().contains(&"<13>good".to_owned())
    });
    kit.until("the refusal", |kit| {
        kit.texts().iter().any(|text| text.contains("was let go"))
    });
    assert!(!kit.texts().contains(&"<13>bad".to_owned()));
    // A plain client at the same port is let go too.
    let mut plain = kit.connect();
    plain.write_all(b"<13>plain\n").unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer)); // an alert, or a reset
    let let_go = |kit: &Kit| {
        kit.texts()
            .iter()
            .filter(|text| text.contains("was let go"))
            .count()
    };
    kit.until("the second refusal", |kit| let_go(kit) >= 2);
    // A certificate that cannot be read is told, and taken when it can.
    let good = fs::read(kit.dir.join("server.pem")).unwrap();
    fs::write(kit.dir.join("server.pem"), "none").unwrap();
    kit.listen(fields);
    kit.until("the certificate", |kit| {
        kit.blind("in")
            .is_some_and(|why| why.contains("server.pem"))
    });
    fs::write(kit.dir.join("server.pem"), good).unwrap();
    kit.listen(fields);
    kit.until("the mend", |kit| kit.blind("in").is_none());
}

#[test]
fn a_port_in_use_is_told_and_taken_when_it_is_free() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fields = format!(
        "udp = \"127.0.0.1:0\"\ntcp = \"{}\"",
        taken.local_addr().unwrap()
    );
    let mut kit = Kit::new("port", &fields);
    kit.until("the port", |kit| {
        kit.blind("in")
            .is_some_and(|why| why.contains("cannot be listened at"))
    });
    let udp = kit.address();
    drop(taken);
    // Asked for again and again, as the sensors do: another test may have the port for a moment.
    let began = std::time::Instant::now();
    while kit.blind("in").is_some() {
        assert!(began.elapsed() < PATIENCE, "the port was never had");
        kit.listen(&fields);
        kit.collect(true);
    }
    assert_eq!(kit.addresses().len(), 2);
    assert!(kit.addresses().contains(&udp), "what could be had was kept");
}

/// A spool whose disk is full: streams wait, datagrams are dropped and counted, and nothing is lost of
/// what was taken.
#[test]
fn a_full_disk_makes_streams_wait_and_is_told() {
    let dir = std::env::temp_dir().join(format!("cordon-intake-disk-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&dir)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        fs::remove_dir_all(dir).unwrap();
        cordon_testkit::skip("only root can mount a small disk");
        return;
    }
    let mut kit = Kit::at(dir.clone(), "tcp = \"127.0.0.1:0\"\nudp = \"127.0.0.1:0\"");
    let addresses = kit.addresses();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // By what answers to TCP.
    let (mut stream, udp) = match TcpStream::connect(addresses[0]) {
        Ok(stream) => (stream, addresses[1]),
        Err(_) => (TcpStream::connect(addresses[1]).unwrap(), addresses[0]),
    };
    stream.write_all(b"<13>first\n").unwrap();
    kit.until_lines(1);
    let mut filler = fs::File::create(dir.join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    while filler.write_all(&[0; 1]).is_ok() {}
    drop(filler);
    let (sent, written) = channel();
    let writer = std::thread::spawn(move || {
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        for number in 0..200 {
            let line = format!("<13>{number} {}\n", "x".repeat(1000));
            stream.write_all(line.as_bytes()).unwrap();
        }
        sent.send(()).unwrap();
    });
    kit.until("the full disk", |kit| {
        kit.blind("in")
            .is_some_and(|why| why.contains("No space left"))
    });
    // No line more was told than the spool could take.
    let taken = kit.lines().len();
    for _ in 0..5 {
        socket
            .send_to(format!("<13>{}", "y".repeat(8000)).as_bytes(), udp)
            .unwrap();
    }
    kit.until("the drops", |kit| kit.lost("in") == 5);
    assert_eq!(kit.lines().len(), taken);
    fs::remove_file(dir.join("filler")).unwrap();
    kit.until_lines(201);
    writer.join().unwrap();
    written.recv().unwrap();
    kit.until("the mend", |kit| kit.blind("in").is_none());
    let numbers: Vec<String> = kit.texts()[1..]
        .iter()
        .map(|text| text.split(' ').next().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..200).map(|number| format!("<13>{number}")).collect();
    assert_eq!(numbers, expected, "each once, in order");
    kit.stop();
    assert!(Command::new("umount").arg(&dir).status().unwrap().success());
}

/// What the kernel drops is counted by the counter of the socket.
#[test]
fn datagrams_that_the_kernel_dropped_are_counted() {
    let mut kit = Kit::new("kernel", "udp = \"127.0.0.1:0\"");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let content = format!("<13>{}", "x".repeat(60_000));
    let mut sent = 0;
    // Until some were dropped: the listener is slower than a loop that only sends.
    for _ in 0..200 {
        for _ in 0..500 {
            if socket.send_to(content.as_bytes(), kit.address()).is_ok() {
                sent += 1;
            }
        }
        kit.collect(true);
        if kit.lost("in") > 0 {
            break;
        }
    }
    // The counter comes with the next datagram.
    socket.send_to(b"<13>last", kit.address()).unwrap();
    kit.until("the last", |kit| {
        kit.texts().last().is_some_and(|text| text == "<13>last")
    });
    kit.until("every datagram is told or counted", |kit| {
        kit.lines().len() as u64 + kit.lost("in") == sent + 1
    });
    assert!(kit.lost("in") > 0, "the kernel dropped nothing of {sent}");
    assert!(
        kit.facts
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::Gap { .. }))
    );
}
