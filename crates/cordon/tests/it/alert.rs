//! Somebody is told: real Postfix and mailbox, a webhook's receiver, somebody outside who notices.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    Ran,
    disk::SmallDisk,
    lab::{Lab, wait_until},
    up::{Up, system},
};

const MINUTE: Duration = Duration::from_mins(1);

/// A system whose log says `line`, and a policy that reports each of `phrases` and tells by `alert`.
fn told_of(test: &str, phrases: &[String], line: &str, alert: &str) -> PathBuf {
    let root = system(test);
    let phrases: Vec<String> = phrases
        .iter()
        .map(|phrase| format!("\"{phrase}\""))
        .collect();
    let policy = format!(
        "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\nreport = [{}]\n{alert}",
        phrases.join(", ")
    );
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    fs::write(root.join("var/log/app.log"), format!("{line}\n")).unwrap();
    root
}

fn by_mail(port: u16) -> String {
    format!(
        "[alert.mail]\nserver = \"127.0.0.1:{port}\"\nfrom = \"cordon@test.example\"\n\
         [[alert.person]]\nname = \"anna\"\nmail = \"anna@test.example\"\nleast = \"medium\"\n"
    )
}

#[test]
fn five_hundred_findings_are_one_message_and_a_closed_way_loses_none() {
    let Some(lab) = Lab::mailbox("mailbox") else {
        return;
    };
    let phrases: Vec<String> = (0..500)
        .map(|number| format!("phrase-{number:03}."))
        .collect();
    let root = told_of("mailbox", &phrases, &phrases.concat(), &by_mail(lab.smtp));
    // Nobody listens there yet: that is told on the page at once, and what is to be told waits.
    let up = Up::start(&root);
    let page = up.within(MINUTE, |page| page.contains("channel mail:anna cannot see"));
    assert!(page.contains("nobody can be told"), "{page}");
    assert_eq!(up.end("-TERM"), 0);
    lab.open();
    let up = Up::start(&root);
    let of_all = |mail: &String| mail.contains("more of 500 by the same rule");
    wait_until("the message", || lab.delivered().iter().any(of_all));
    up.within(MINUTE, |page| !page.contains("nobody can be told"));
    let told = || -> Vec<String> {
        let about = |mail: &String| mail.contains("policy wants reported");
        lab.delivered().into_iter().filter(about).collect()
    };
    assert_eq!(told().len(), 1, "{:?}", told());
    let message = &told()[0];
    assert!(
        message.contains("Auto-Submitted: auto-generated") && message.contains("What to do:"),
        "{message}"
    );
    assert_eq!(up.end("-TERM"), 0);
    // It was told, and a restart does not tell it again.
    let up = Up::start(&root);
    up.until(|page| page.contains("policy wants reported"));
    assert_eq!(up.end("-TERM"), 0);
    assert_eq!(told().len(), 1);
    fs::remove_dir_all(root).unwrap();
}

/// How long nobody listens: seconds in the gate, an hour when it is measured.
fn closed_for() -> Duration {
    crate::seconds("CORDON_SMTP_DOWN_SECS", 5)
}

#[test]
fn what_is_found_while_mail_is_closed_is_told_once_when_it_opens() {
    const FINDINGS: u32 = 10;
    let Some(lab) = Lab::mailbox("closed") else {
        return;
    };
    let phrase = |number: u32| format!("phrase-{number:03}.");
    let phrases: Vec<String> = (0..FINDINGS).map(phrase).collect();
    let root = told_of("closed", &phrases, &phrases[0], &by_mail(lab.smtp));
    let began = Instant::now();
    let up = Up::start(&root);
    up.until(|page| page.contains("channel mail:anna cannot see"));
    println!("told on the page {:?} after the start", began.elapsed());
    // Something more is found again and again, evenly over that time; the page says all the while that it
    // cannot be told.
    let lasts = closed_for();
    thread::scope(|scope| {
        scope.spawn(|| {
            for phrase in &phrases[1..] {
                thread::sleep(lasts / (FINDINGS - 1));
                let log = root.join("var/log/app.log");
                let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
                writeln!(log, "{phrase}").unwrap();
            }
        });
        up.within(lasts + MINUTE, |page| {
            assert!(page.contains("nobody can be told"), "{page}");
            phrases.iter().all(|phrase| page.contains(phrase))
        });
    });
    assert!(lab.delivered().is_empty());
    lab.open();
    let opened = Instant::now();
    // A way that failed is tried again after five minutes at the latest.
    up.within(MINUTE * 6, |page| !page.contains("nobody can be told"));
    let told = || -> Vec<String> {
        let about = |mail: &String| mail.contains("policy wants reported");
        lab.delivered().into_iter().filter(about).collect()
    };
    wait_until("the message", || !told().is_empty());
    println!(
        "closed for {:?}, told {:?} after it opened",
        opened - began,
        opened.elapsed()
    );
    // Once, and all of it: nothing else of these comes while a second test message would be due.
    let message = told().concat();
    for phrase in &phrases {
        let excerpt = |line: &&str| line.starts_with("  ") && line.contains(phrase);
        assert_eq!(
            message.lines().filter(excerpt).count(),
            1,
            "{phrase}: {message}"
        );
    }
    assert_eq!(up.end("-TERM"), 0);
    let up = Up::start(&root);
    up.until(|page| page.contains(&phrases[0]));
    assert_eq!(up.end("-TERM"), 0);
    assert_eq!(told().len(), 1, "{:?}", told());
    fs::remove_dir_all(root).unwrap();
}

/// What somebody asked of a receiver: its head and its body.
type Asked = (String, String);

/// Answers 200 to whatever is asked, and hands it on.
fn receiver() -> (u16, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, hear) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let request = read_request(&stream.unwrap());
            if asked.send(request).is_err() {
                return;
            }
        }
    });
    (port, hear)
}

fn read_request(mut stream: &TcpStream) -> Asked {
    let mut from = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && from.read_line(&mut head).unwrap() > 0 {}
    let length = head.to_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn a_webhook_is_signed_and_tested() {
    let (port, asked) = receiver();
    let alert = format!(
        "[[alert.webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret_file = \"SECRET\"\n"
    );
    let root = told_of("webhook", &["ALERT".to_owned()], "ALERT \u{1b}[2J <b>", "");
    let secret = root.join("secret");
    fs::write(&secret, "shared\n").unwrap();
    let policy = root.join("etc/cordon/policy.toml");
    let text =
        fs::read_to_string(&policy).unwrap() + &alert.replace("SECRET", secret.to_str().unwrap());
    fs::write(&policy, text).unwrap();
    let up = Up::start(&root);
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let (head, body) = asked.recv_timeout(MINUTE).unwrap();
        let signature = head.lines().find_map(|line| {
            line.strip_prefix("cordon-signature: ")
                .or_else(|| line.strip_prefix("Cordon-Signature: "))
        });
        let (time, given) = signature.unwrap().split_once(",v1=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"shared").unwrap();
        mac.update(format!("{}.{body}", time.strip_prefix("t=").unwrap()).as_bytes());
        let expected = mac
            .finalize()
            .into_bytes()
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(given, expected);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        kinds.push(body["kind"].as_str().unwrap().to_owned());
        if body["kind"] == "findings" {
            let rules: Vec<&str> = body["findings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|finding| finding["rule"].as_str().unwrap())
                .collect();
            assert!(rules.contains(&"logs.phrase"), "{rules:?}");
        }
    }
    assert_eq!(kinds, ["test", "findings"]);
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn somebody_outside_notices_that_the_hub_was_killed() {
    let (port, pings) = receiver();
    let alert =
        format!("[alert.outside]\nping = \"http://127.0.0.1:{port}/alive\"\nevery = \"1s\"\n");
    let root = told_of("outside", &[], "a line", &alert);
    let up = Up::start(&root);
    for _ in 0..3 {
        let (head, _) = pings.recv_timeout(MINUTE).unwrap();
        assert!(head.starts_with("GET /alive "), "{head}");
    }
    assert_eq!(up.end("-KILL"), -1);
    // What was under way may still come; then it is quiet for longer than it ever was.
    while pings.try_recv().is_ok() {}
    assert_eq!(
        pings.recv_timeout(Duration::from_secs(5)),
        Err(RecvTimeoutError::Timeout)
    );
    fs::remove_dir_all(root).unwrap();
}

/// Whoever outside hears pings may think that findings are kept: so none is sent while nothing can be.
#[test]
fn nobody_outside_hears_that_a_hub_lives_whose_store_takes_nothing() {
    let (port, pings) = receiver();
    let alert =
        format!("[alert.outside]\nping = \"http://127.0.0.1:{port}/alive\"\nevery = \"1s\"\n");
    let root = told_of("no-ping", &[], "a line", &alert);
    let data = root.join("data");
    let Some(disk) = SmallDisk::mount(&data) else {
        fs::remove_dir_all(root).unwrap();
        return;
    };
    let up = Up::start(&root);
    for _ in 0..3 {
        pings.recv_timeout(MINUTE).unwrap();
    }
    let filler = disk.fill();
    up.within(MINUTE, |page| page.contains("no room left in"));
    // It is given half a minute, for a commit may be slow; then it is quiet for longer than it ever was.
    let full = Instant::now();
    while full.elapsed() < MINUTE && pings.recv_timeout(Duration::from_secs(5)).is_ok() {}
    assert!(full.elapsed() < MINUTE, "pings came for a minute");
    let quiet = pings.recv_timeout(Duration::from_secs(5));
    assert_eq!(quiet, Err(RecvTimeoutError::Timeout));
    up.until(|page| page.contains("no room left in"));
    fs::remove_file(filler).unwrap();
    pings.recv_timeout(MINUTE).unwrap();
    assert_eq!(up.end("-TERM"), 0);
    drop(disk);
    fs::remove_dir_all(root).unwrap();
}

/// A server that takes connections and never says a word.
fn mute() -> (u16, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

#[test]
fn a_mail_server_that_never_answers_delays_no_ping() {
    let (smtp, _taken) = mute();
    let (port, asked) = receiver();
    let outside =
        format!("[alert.outside]\nping = \"http://127.0.0.1:{port}/alive\"\nevery = \"1s\"\n");
    let root = told_of("mute", &[], "a line", &(by_mail(smtp) + &outside));
    let up = Up::start(&root);
    // The first answer of the mail server is waited for 30 seconds: all of these come meanwhile.
    let began = Instant::now();
    for _ in 0..5 {
        asked.recv_timeout(Duration::from_secs(15)).unwrap();
    }
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    up.end("-KILL");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_fifo_in_the_place_of_the_policy_is_refused_and_holds_nobody() {
    let (port, pings) = receiver();
    let alert =
        format!("[alert.outside]\nping = \"http://127.0.0.1:{port}/alive\"\nevery = \"1s\"\n");
    let root = told_of("fifo", &[], "a line", &alert);
    let up = Up::start(&root);
    pings.recv_timeout(MINUTE).unwrap();
    let policy = root.join("etc/cordon/policy.toml");
    fs::remove_file(&policy).unwrap();
    let made = Command::new("mkfifo").arg(&policy).status().unwrap();
    assert!(made.success());
    up.within(MINUTE, |page| page.contains("no regular file"));
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_test_message_says_what_each_way_answers() {
    let Some(lab) = Lab::mailbox("alert-test") else {
        return;
    };
    let policy = std::env::temp_dir().join(format!("cordon-alert-{}.toml", std::process::id()));
    fs::write(&policy, by_mail(lab.smtp)).unwrap();
    let test = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command
            .args(["alert", "test", "--json", "--host", "web1", "--policy"])
            .arg(&policy);
        Ran::of(command)
    };
    let closed = test();
    assert_eq!(closed.code, 4, "{}", closed.err);
    assert!(
        closed.lines()[0]["why"]
            .as_str()
            .unwrap()
            .contains("cannot be reached")
    );
    lab.open();
    let open = test();
    assert_eq!(
        (open.code, open.lines()[0]["works"].as_bool()),
        (0, Some(true)),
        "{}",
        open.err
    );
    wait_until("the test message", || lab.delivered().len() == 1);
    fs::write(&policy, "").unwrap();
    let nobody = test();
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.starts_with("error[E0601]"), "{}", nobody.err);
    fs::remove_file(policy).unwrap();
}
