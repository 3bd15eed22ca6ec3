//! Senders that others wrote, each with a configuration of its own on loopback.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::kit::{Kit, PATIENCE, certificates};

fn has(program: &str) -> bool {
    let there = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|dir| Path::new(dir).join(program).is_file());
    if !there {
        cordon_testkit::skip(&format!("{program} is not installed"));
    }
    there
}

fn logger(address: SocketAddr, args: &[&str]) {
    let port = address.port().to_string();
    let mut command = Command::new("logger");
    command.args(["-n", "127.0.0.1", "-P", &port]).args(args);
    assert!(command.status().unwrap().success());
}

#[test]
fn logger_of_util_linux_is_heard_however_it_speaks() {
    if !has("logger") {
        return;
    }
    let mut kit = Kit::new("logger-udp", "udp = \"127.0.0.1:0\"");
    logger(
        kit.address(),
        &["-d", "-t", "app", "-p", "user.err", "over udp"],
    );
    logger(
        kit.address(),
        &["-d", "--rfc3164", "-t", "app", "the old way"],
    );
    kit.until_lines(2);
    let texts = kit.texts();
    assert!(
        texts[0].ends_with("over udp") && texts[1].ends_with("the old way"),
        "{texts:?}"
    );
    let mut kit = Kit::new("logger-tcp", "tcp = \"127.0.0.1:0\"");
    logger(
        kit.address(),
        &["-T", "--octet-count", "-t", "app", "counted"],
    );
    logger(kit.address(), &["-T", "-t", "app", "a line"]);
    kit.until_lines(2);
    let mut texts = kit.texts();
    texts.sort_by_key(|text| text.ends_with("a line"));
    assert!(
        texts[0].ends_with("counted") && texts[1].ends_with("a line"),
        "{texts:?}"
    );
    let sources: Vec<String> = kit.lines().into_iter().map(|(source, _)| source).collect();
    assert!(
        sources
            .iter()
            .all(|source| source.starts_with("in/") && !source.contains("127.0.0.1")),
        "{sources:?}"
    );
}

/// rsyslog with a socket of its own.
struct Rsyslog {
    child: Child,
    socket: PathBuf,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Rsyslog {
    fn start(dir: &Path, global: &str, action: &str) -> Self {
        let at = |name: &str| dir.join(name).display().to_string();
        let socket = dir.join("log.sock");
        let config = format!(
            "global(workDirectory=\"{}\" {global})\n\
             module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\")\n\
             *.* action(type=\"omfwd\" target=\"127.0.0.1\" protocol=\"tcp\" template=\"RSYSLOG_SyslogProtocol23Format\" {action})\n",
            dir.display(),
            socket.display(),
        );
        fs::write(dir.join("rsyslog.conf"), config).unwrap();
        let child = Command::new("rsyslogd")
            .args(["-n", "-f", &at("rsyslog.conf"), "-i", &at("rsyslog.pid")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (_never, pause) = std::sync::mpsc::channel::<()>();
        let began = std::time::Instant::now();
        while !socket.exists() {
            assert!(began.elapsed() < PATIENCE, "rsyslogd did not start");
            assert!(
                pause
                    .recv_timeout(std::time::Duration::from_millis(5))
                    .is_err()
            );
        }
        Self { child, socket }
    }

    fn log(&self, lines: usize) {
        let mut command = Command::new("logger");
        command.arg("-u").arg(&self.socket).args(["-t", "app"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let text: Vec<String> = (0..lines)
            .map(|number| format!("number {number}"))
            .collect();
        let text = text.join("\n");
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

fn check(kit: &mut Kit, rsyslog: &Rsyslog) {
    rsyslog.log(500);
    let ours = |kit: &Kit| -> Vec<String> {
        kit.texts()
            .into_iter()
            .filter(|text| text.contains(" app "))
            .collect()
    };
    kit.until("500 lines", |kit| ours(kit).len() >= 500);
    for (number, text) in ours(kit).iter().enumerate() {
        assert!(text.ends_with(&format!("number {number}")), "{text}");
    }
}

#[test]
fn rsyslog_is_heard_over_tcp_in_both_framings() {
    if !has("rsyslogd") {
        return;
    }
    for framing in ["octet-counted", "traditional"] {
        let mut kit = Kit::new(&format!("rsyslog-{framing}"), "tcp = \"127.0.0.1:0\"");
        let action = format!(
            "port=\"{}\" TCP_Framing=\"{framing}\"",
            kit.address().port()
        );
        let rsyslog = Rsyslog::start(&kit.dir, "", &action);
        check(&mut kit, &rsyslog);
    }
}

#[test]
fn rsyslog_is_heard_over_tls_with_its_certificate() {
    let driver = "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so";
    if !has("rsyslogd") {
        return;
    }
    if !Path::new(driver).is_file() {
        cordon_testkit::skip("rsyslog-openssl is not installed");
        return;
    }
    let dir =
        std::env::temp_dir().join(format!("cordon-intake-rsyslog-tls-{}", std::process::id()));
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).unwrap();
    certificates(&dir);
    let mut kit = Kit::at(
        dir,
        "tls = \"127.0.0.1:0\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclients = \"ca.pem\"",
    );
    let at = |name: &str| kit.dir.join(name).display().to_string();
    let global = format!(
        "DefaultNetstreamDriverCAFile=\"{}\" DefaultNetstreamDriverCertFile=\"{}\" DefaultNetstreamDriverKeyFile=\"{}\"",
        at("ca.pem"),
        at("client.pem"),
        at("client.key"),
    );
    let action = format!(
        "port=\"{}\" TCP_Framing=\"octet-counted\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" \
         StreamDriverAuthMode=\"x509/certvalid\"",
        kit.address().port()
    );
    let rsyslog = Rsyslog::start(&kit.dir, &global, &action);
    check(&mut kit, &rsyslog);
}
