//! A mail system of Debian's own parts, private to one test: Postfix, clamd, clamav-milter, on loopback.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longest time that a part may take to start, or to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The harmless file that every scanner calls infected, in two halves so that none calls this one so.
const EICAR: (&str, &str) = (
    "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STAN",
    "DARD-ANTIVIRUS-TEST-FILE!$H+H*",
);

/// What of Postfix runs beside smtpd: master(5).
const SERVICES: &str = "cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// Ended when it is dropped.
pub(crate) struct Lab {
    dir: PathBuf,
    /// Where Postfix takes mail.
    pub(crate) smtp: u16,
    clamd_port: u16,
    milter_port: u16,
    clamd: Option<Child>,
    milter: Option<Child>,
}

/// Programs that a lab needs, all of Debian.
const PARTS: [&str; 3] = ["postfix", "clamd", "clamav-milter"];

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until `done` holds; looks again after whatever `done` itself waits for.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what} never happened");
        std::thread::yield_now();
    }
}

impl Lab {
    /// All of it. None, counted as skipped, where the parts cannot run.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let mut lab = Self::prepare(test)?;
        lab.write_definitions(true);
        lab.start_clamd();
        lab.start_milter(lab.clamd_port, "");
        lab.start_postfix(true);
        Some(lab)
    }

    /// A place for Postfix alone, without a scanner, which [`Lab::open`] starts.
    pub(crate) fn mailbox(test: &str) -> Option<Self> {
        Self::prepare(test)
    }

    /// Starts Postfix alone.
    pub(crate) fn open(&self) {
        self.start_postfix(false);
    }

    fn prepare(test: &str) -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let there = |part: &&str| Path::new("/usr/sbin").join(part).exists();
        if !status.contains("Uid:\t0\t") || !PARTS.iter().all(there) {
            cordon_testkit::skip(
                "a mail system needs root, postfix, clamav-daemon and clamav-milter",
            );
            return None;
        }
        let dir = Path::new("/tmp").join(format!("cordon-lab-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        for (folder, owner) in [
            ("etc", "root"),
            ("spool", "root"),
            ("data", "postfix"),
            ("mail", "nobody"),
            ("db", "clamav"),
            ("run", "clamav"),
        ] {
            fs::create_dir_all(dir.join(folder)).unwrap();
            run("chown", &[owner, dir.join(folder).to_str().unwrap()]);
        }
        let (smtp, clamd_port, milter_port) = (free_port(), free_port(), free_port());
        Some(Self {
            dir,
            smtp,
            clamd_port,
            milter_port,
            clamd: None,
            milter: None,
        })
    }

    pub(crate) fn mail_log(&self) -> PathBuf {
        self.dir.join("mail.log")
    }

    pub(crate) fn scanner_log(&self) -> PathBuf {
        self.dir.join("run/milter.log")
    }

    /// Every message that was delivered.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let folder = self.dir.join("mail/inbox/new");
        let Ok(files) = fs::read_dir(folder) else {
            return Vec::new();
        };
        files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.dir.join(path);
        fs::write(&path, text).unwrap();
        path
    }

    fn write_definitions(&self, know_eicar: bool) {
        let known = if know_eicar {
            format!("{}{}", EICAR.0, EICAR.1)
        } else {
            "nobody writes this".to_owned()
        };
        let hex = known
            .bytes()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        self.write("db/test.ndb", &format!("Cordon.Test:0:*:{hex}\n"));
    }

    fn start_clamd(&mut self) {
        let dir = self.dir.display();
        let conf = format!(
            "TCPSocket {}\nTCPAddr 127.0.0.1\nDatabaseDirectory {dir}/db\nLogFile {dir}/run/clamd.log\nForeground yes\nUser clamav\n",
            self.clamd_port
        );
        let conf = self.write("clamd.conf", &conf);
        self.clamd = Some(spawn(Command::new("clamd").arg("-c").arg(conf)));
        let port = self.clamd_port;
        wait_until("clamd answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// A milter that asks the clamd at `clamd_port`.
    pub(crate) fn start_milter(&mut self, clamd_port: u16, more: &str) {
        let conf = format!(
            "MilterSocket inet:{}@127.0.0.1\nClamdSocket tcp:127.0.0.1:{clamd_port}\nUser clamav\nForeground yes\n\
             LogFile {}\nLogTime yes\nLogClean Full\nLogInfected Full\nOnInfected Reject\nOnFail Accept\n{more}",
            self.milter_port,
            self.scanner_log().display(),
        );
        let conf = self.write("milter.conf", &conf);
        self.milter = Some(spawn(Command::new("clamav-milter").arg("-c").arg(conf)));
        let port = self.milter_port;
        wait_until("the milter answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    pub(crate) fn stop_milter(&mut self) {
        if let Some(mut milter) = self.milter.take() {
            milter.kill().unwrap();
            milter.wait().unwrap();
        }
    }

    /// It holds on to what it is asked and never answers.
    pub(crate) fn hang_milter(&self) {
        run(
            "kill",
            &["-STOP", &self.milter.as_ref().unwrap().id().to_string()],
        );
    }

    pub(crate) const fn clamd_port(&self) -> u16 {
        self.clamd_port
    }

    /// clamd runs on, and knows nothing any more.
    pub(crate) fn lose_definitions(&self) {
        self.write_definitions(false);
        let mut clamd = TcpStream::connect(("127.0.0.1", self.clamd_port)).unwrap();
        clamd.write_all(b"zRELOAD\0").unwrap();
        let log = self.dir.join("run/clamd.log");
        wait_until("clamd reloads", || {
            fs::read_to_string(&log)
                .unwrap()
                .contains("Database correctly reloaded")
        });
    }

    fn start_postfix(&self, scan: bool) {
        let dir = self.dir.display();
        let scan = if scan {
            format!("smtpd_milters = inet:127.0.0.1:{}\n", self.milter_port)
        } else {
            String::new()
        };
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {dir}/spool\ndata_directory = {dir}/data\n\
             maillog_file = {dir}/mail.log\nmaillog_file_prefixes = {dir}\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmyhostname = mx.test.example\nmydestination =\nalias_maps =\n\
             alias_database =\nmynetworks = 127.0.0.0/8\nvirtual_mailbox_domains = test.example\n\
             virtual_mailbox_base = {dir}/mail\nvirtual_mailbox_maps = static:inbox/\nvirtual_minimum_uid = 1\n\
             virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\ndefault_transport = error\n\
             {scan}milter_default_action = accept\n\
             milter_connect_timeout = 2s\nmilter_command_timeout = 2s\nmilter_content_timeout = 3s\n",
        );
        self.write("etc/main.cf", &main);
        let smtpd = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.smtp);
        let services = smtpd + SERVICES;
        self.write("etc/master.cf", &services);
        run(
            "postfix",
            &["-c", self.dir.join("etc").to_str().unwrap(), "start"],
        );
        let port = self.smtp;
        wait_until("postfix answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// Sends `count` harmless messages over one connection; all must be accepted.
    pub(crate) fn send(&self, count: usize) {
        self.send_over(count, Duration::ZERO);
    }

    /// The same, evenly over `lasts`: a sender at its pace, not a wait for anything.
    pub(crate) fn send_over(&self, count: usize, lasts: Duration) {
        let stream = TcpStream::connect(("127.0.0.1", self.smtp)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut smtp = (BufReader::new(stream.try_clone().unwrap()), stream);
        expect(&mut smtp, "", "220");
        expect(&mut smtp, "HELO test.example\r\n", "250");
        let pause = lasts / u32::try_from(count).unwrap();
        for number in 0..count {
            std::thread::sleep(pause);
            expect(&mut smtp, "MAIL FROM:<a@test.example>\r\n", "250");
            expect(&mut smtp, "RCPT TO:<c@test.example>\r\n", "250");
            expect(&mut smtp, "DATA\r\n", "354");
            let text = format!(
                "Subject: {number}\r\nMessage-ID: <{number}.{count}@test.example>\r\n\r\nhello\r\n.\r\n"
            );
            expect(&mut smtp, &text, "250");
        }
        expect(&mut smtp, "QUIT\r\n", "221");
    }
}

fn expect((from, to): &mut (BufReader<TcpStream>, TcpStream), say: &str, code: &str) {
    to.write_all(say.as_bytes()).unwrap();
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert!(line.starts_with(code), "{say}: {line}");
}

impl Drop for Lab {
    fn drop(&mut self) {
        let etc = self.dir.join("etc");
        drop(
            Command::new("postfix")
                .arg("-c")
                .arg(&etc)
                .arg("stop")
                .stderr(Stdio::null())
                .status(),
        );
        for child in [&mut self.milter, &mut self.clamd].into_iter().flatten() {
            drop(child.kill());
            drop(child.wait());
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
