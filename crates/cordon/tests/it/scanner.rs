//! The incident of 2004 with real parts: mail flows, and the scanner does not do its work.

use std::{
    cell::Cell,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, wait_until},
    up::{Up, command, system},
};

/// How long a verdict may take here; a finding must come within a minute after it.
const WITHIN: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);

/// Longest time that two thousand messages may take on a busy machine.
const LONG: Duration = Duration::from_mins(5);

/// What "lately" is at least.
const QUARTER: Duration = Duration::from_mins(15);

/// A hub that reads the logs of `lab` and sends the canary.
fn watch(lab: &Lab, test: &str) -> (Up, PathBuf) {
    let root = system(test);
    let policy = format!(
        "[[logs.source]]\nname = \"mail.log\"\npath = \"/var/log/mail.log\"\n\
         [[logs.source]]\nname = \"scanner.log\"\npath = \"/var/log/scanner.log\"\n\
         [[watch.pair]]\nname = \"mail\"\nfrom = {{ log = \"mail.log\", as = \"postfix\" }}\n\
         to = {{ log = \"scanner.log\", as = \"clamav-milter\" }}\nwithin = \"5s\"\n\
         [watch.canary]\nserver = \"127.0.0.1:{}\"\nfrom = \"canary@test.example\"\nto = \"nobody@test.example\"\n\
         every = \"3s\"\nwithin = \"5s\"\n\
         [alert.mail]\nserver = \"127.0.0.1:{}\"\nfrom = \"cordon@test.example\"\n\
         [[alert.person]]\nname = \"anna\"\nmail = \"anna@test.example\"\nleast = \"critical\"\n",
        lab.smtp, lab.smtp
    );
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    for (name, log) in [
        ("mail.log", lab.mail_log()),
        ("scanner.log", lab.scanner_log()),
    ] {
        std::os::unix::fs::symlink(log, root.join("var/log").join(name)).unwrap();
    }
    (Up::of(command(&root)), root)
}

/// Every message of a healthy system is accounted for and the canary is stopped; then `misbehave`, and mail
/// flows on. The finding must name what is wrong within the time that a verdict has and a minute.
fn check(test: &str, misbehave: impl FnOnce(&mut Lab), expected: &str) {
    let Some(mut lab) = Lab::start(test) else {
        return;
    };
    let (up, root) = watch(&lab, test);
    lab.send(20);
    let healthy = up.within(MINUTE, |page| {
        page.contains("20 messages accepted lately, all accounted for")
            && page.contains("harmless test messages handed in lately, all accounted for")
    });
    assert!(!healthy.contains("naccounted"), "{healthy}");
    misbehave(&mut lab);
    let began = Instant::now();
    lab.send(20);
    let told = up.within(WITHIN + MINUTE, |page| page.contains(expected));
    // And somebody is told: the message lies in the mailbox within the same time.
    wait_until("the message to the administrator", || {
        let told = |mail: &String| mail.contains("\nTo: anna@") && mail.contains(expected);
        lab.delivered().iter().any(told)
    });
    assert!(began.elapsed() <= WITHIN + MINUTE, "{:?}", began.elapsed());
    assert!(told.contains("scanner"), "it names the control: {told}");
    let delivered = lab
        .delivered()
        .iter()
        .filter(|mail| mail.contains("hello"))
        .count();
    assert_eq!(delivered, 40, "mail flowed all the time");
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_scanner_that_is_stopped_is_told() {
    check("stopped", Lab::stop_milter, "unaccounted mail");
}

#[test]
fn a_scanner_that_accepts_without_looking_is_told() {
    let misbehave = |lab: &mut Lab| {
        lab.stop_milter();
        lab.start_milter(lab.clamd_port(), "LocalNet 127.0.0.0/8\n");
    };
    check("accepting", misbehave, "unaccounted mail");
}

#[test]
fn a_scanner_that_hangs_is_told() {
    check("hanging", |lab| lab.hang_milter(), "unaccounted mail");
}

#[test]
fn a_scanner_that_fails_at_every_tenth_message_is_told() {
    let misbehave = |lab: &mut Lab| {
        let port = failing(lab.clamd_port());
        lab.stop_milter();
        lab.start_milter(port, "");
    };
    check("tenth", misbehave, "unaccounted mail");
}

#[test]
fn a_scanner_without_definitions_is_told() {
    check(
        "definitions",
        |lab| lab.lose_definitions(),
        "unaccounted test virus",
    );
}

/// Over how many seconds the healthy messages come: none in the gate, an hour when it is measured.
fn healthy_for() -> Duration {
    crate::seconds("CORDON_HEALTHY_SECS", 0)
}

/// Two thousand messages on four connections, and nothing to say of them: no page that is shown meanwhile
/// has an unaccounted message or a finding of the pair.
#[test]
fn two_thousand_healthy_messages_are_accounted_for() {
    let Some(lab) = Lab::start("healthy") else {
        return;
    };
    let (up, root) = watch(&lab, "healthy");
    let lasts = healthy_for();
    let sent = AtomicU64::new(0);
    let (pages, most) = (Cell::new(0_u64), Cell::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                lab.send_over(500, lasts);
                sent.fetch_add(500, Ordering::Relaxed);
            });
        }
        up.within(lasts + LONG, |page| {
            assert!(!page.contains("naccounted"), "{page}");
            pages.set(pages.get() + 1);
            most.set(most.get().max(lately(page)));
            sent.load(Ordering::Relaxed) == 2_000
                && page.contains("all accounted for")
                && (most.get() == 2_000 || !lasts.is_zero())
        });
    });
    // A page counts what came in the last quarter of an hour at least.
    let least = if lasts <= QUARTER {
        2_000
    } else {
        2_000 * QUARTER.as_secs() / lasts.as_secs() * 9 / 10
    };
    let (pages, most) = (pages.get(), most.get());
    assert!(most >= least, "{most} seen at once, {least} were due");
    // No longer than a verdict may take after the last: none is missing later either.
    let began = Instant::now();
    let later = up.within(MINUTE, |_| began.elapsed() > WITHIN);
    assert!(!later.contains("naccounted"), "{later}");
    let delivered = lab.delivered();
    let arrived = delivered.iter().filter(|mail| mail.contains("hello"));
    assert_eq!(arrived.count(), 2_000, "mail flowed");
    let told = delivered.iter().filter(|mail| mail.contains("\nTo: anna@"));
    let told: Vec<&String> = told.filter(|mail| mail.contains("naccounted")).collect();
    assert!(told.is_empty(), "{told:?}");
    println!("2,000 messages in {lasts:?}: {pages} pages, none with a finding of mail");
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

/// How many messages `page` says were accepted lately.
fn lately(page: &str) -> u64 {
    let before = page.split(" messages accepted lately").next();
    let digits = before
        .unwrap_or("")
        .rsplit(|letter: char| !letter.is_ascii_digit() && letter != ',');
    let number = digits.take(1).next().unwrap_or("").replace(',', "");
    number.parse().unwrap_or(0)
}

/// A clamd between that hangs up at every tenth message: a fault that clamd has no switch for.
fn failing(clamd: u16) -> u16 {
    static MESSAGES: AtomicU64 = AtomicU64::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut asked = [0; 4096];
                let got = client.read(&mut asked).unwrap_or(0);
                let asked = &asked[..got];
                let stream = asked.windows(8).any(|window| window == b"INSTREAM");
                if stream && MESSAGES.fetch_add(1, Ordering::Relaxed) % 10 == 9 {
                    return; // dropped: the milter sees the connection closed
                }
                let mut server = TcpStream::connect(("127.0.0.1", clamd)).unwrap();
                server.write_all(asked).unwrap();
                let (mut back, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || drop(std::io::copy(&mut back, &mut to)));
                drop(std::io::copy(&mut client, &mut server));
            });
        }
    });
    port
}
