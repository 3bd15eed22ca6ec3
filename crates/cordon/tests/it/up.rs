//! `cordon up` as its user runs it: the real binary, a system that the test builds, a browser's requests.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Ran, folder};

/// Longest time that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running `cordon up`, ended by force when the test forgets it.
pub(crate) struct Up {
    pub(crate) child: Child,
    address: String,
    cookie: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// As root the test becomes an ordinary user, so that all of it is one process.
pub(crate) fn ordinary(command: &mut Command) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    if status.contains("Uid:\t0\t") {
        command.uid(65534).gid(65534);
    }
}

/// Gives what the test wrote to whoever the hub will be.
pub(crate) fn ordinary_owns(data: &Path) {
    let open = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(data)
        .status();
    assert!(open.unwrap().success());
}

pub(crate) fn system(test: &str) -> PathBuf {
    // Below /tmp, because an ordinary user may not reach this project.
    let root = Path::new("/tmp").join(format!("cordon-up-{test}-{}", std::process::id()));
    drop(fs::remove_dir_all(&root));
    let stanza =
        "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("var/lib/dpkg/status", stanza);
    let base = "var/lib/apt/lists/d_dists_stable-security";
    write(
        &format!("{base}_main_binary-amd64_Packages"),
        "Package: openssl\nArchitecture: amd64\nVersion: 2\n\n",
    );
    write(
        "etc/cordon/policy.toml",
        "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\n\
         [watch.expect]\n\"source:app.log\" = \"2s\"\n",
    );
    write("var/log/app.log", "a first line\n");
    write("data/.keep", "");
    let open = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(&root)
        .status()
        .unwrap();
    assert!(open.success());
    let binary = root.join("cordon");
    fs::copy(env!("CARGO_BIN_EXE_cordon"), &binary).unwrap();
    root
}

pub(crate) fn command(root: &Path) -> Command {
    let mut command = Command::new(root.join("cordon"));
    command.args([
        "up",
        "--json",
        "--host",
        "web1",
        "--listen",
        "127.0.0.1:0",
        "--data",
    ]);
    command.arg(root.join("data/hub")).arg("--root").arg(root);
    command
}

impl Up {
    pub(crate) fn start(root: &Path) -> Self {
        let mut command = command(root);
        ordinary(&mut command);
        Self::of(command)
    }

    pub(crate) fn of(mut command: Command) -> Self {
        // Another test may fork in the moment in which the copy of the program is still being written.
        let began = Instant::now();
        let mut child = loop {
            match command.stdout(Stdio::piped()).spawn() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    assert!(began.elapsed() < PATIENCE, "{error}");
                    std::thread::yield_now();
                }
                done => break done.unwrap(),
            }
        };
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = ready["url"].as_str().unwrap().to_owned();
        let (address, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut up = Self {
            child,
            address: address.to_owned(),
            cookie: String::new(),
        };
        let answer = up.get(&format!("/{path}"));
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut up.cookie);
        up
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, cookie) = (&self.address, &self.cookie);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The first event of the live stream for which `done` holds: nothing is asked for again.
    pub(crate) fn until(&self, done: impl Fn(&str) -> bool) -> String {
        self.within(PATIENCE, done)
    }

    /// The same with another patience.
    pub(crate) fn within(&self, patience: Duration, done: impl Fn(&str) -> bool) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        let (address, cookie) = (&self.address, &self.cookie);
        let request =
            format!("GET /events HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let began = Instant::now();
        let mut event = String::new();
        for line in BufReader::new(stream).lines() {
            assert!(began.elapsed() < patience, "it never came; last: {event}");
            let line = line.unwrap();
            if line.starts_with("event:") {
                event.clear();
            }
            event.push_str(&line);
            event.push('\n');
            // Beats come in between; only a page can show or no longer show something.
            if line.is_empty() && event.starts_with("event: page") && done(&event) {
                return event;
            }
        }
        panic!("the stream ended: {event}");
    }

    /// Ends it as a person or systemd does.
    pub(crate) fn end(mut self, signal: &str) -> i32 {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

#[test]
fn the_first_verdict_names_the_missing_package_and_a_restart_remembers() {
    let root = system("verdict");
    let up = Up::start(&root);
    let page = up.until(|page| page.contains("security update missing"));
    assert!(page.contains("openssl"), "{page}");
    let mut second = command(&root);
    ordinary(&mut second);
    let second = Ran::of(second);
    assert_eq!(second.code, 2, "{}", second.err);
    assert!(second.err.starts_with("error[E0503]"), "{}", second.err);
    assert_eq!(up.end("-INT"), 0, "Ctrl-C ends it cleanly");
    let mode = fs::metadata(root.join("data/hub"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(
        mode & 0o777,
        0o700,
        "what it remembers is not for everybody"
    );
    let up = Up::start(&root);
    up.until(|page| page.contains("security update missing"));
    assert_eq!(up.end("-TERM"), 0, "SIGTERM ends it cleanly");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_source_that_stops_turns_its_lamp_without_a_reload_and_back() {
    let root = system("silent");
    let up = Up::start(&root);
    // The file was just written; nobody writes on.
    let silent = up.until(|page| page.contains("source app.log fell silent"));
    assert!(silent.contains("silent"), "{silent}");
    let log = root.join("var/log/app.log");
    let writing = std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let every = Duration::from_millis(500);
            while stopped.recv_timeout(every).is_err() {
                let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
                file.write_all(b"a line\n").unwrap();
            }
        });
        let page = up.until(|page| !page.contains("source app.log fell silent"));
        stop.send(()).unwrap();
        page
    });
    assert!(!writing.is_empty());
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn it_does_not_listen_beyond_this_host_nor_without_its_data() {
    let folder = folder("up-refused");
    let up = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command
            .args(["up", "--host", "web1", "--data"])
            .arg(folder.join("data"))
            .args(args);
        Ran::of(command)
    };
    let open = up(&["--listen", "0.0.0.0:0"]);
    assert_eq!(open.code, 2, "{}", open.err);
    assert!(open.err.starts_with("error[E0501]"), "{}", open.err);
    fs::write(folder.join("file"), "").unwrap();
    let data = folder.join("file/data");
    let nowhere = up(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert!(
        nowhere.code != 0 && nowhere.err.starts_with("error"),
        "{}",
        nowhere.err
    );
}

/// Filled to the last byte, then emptied again.
#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let root = system("full");
    let data = root.join("data");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs"])
        .arg(&data)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        fs::remove_dir_all(root).unwrap();
        cordon_testkit::skip("only root can mount a small disk");
        return;
    }
    let up = Up::start(&root);
    up.until(|page| page.contains("security update missing"));
    let filler = data.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let full = up.until(|page| page.contains("no room left in"));
    assert!(
        full.contains("security update missing"),
        "what was known is still shown"
    );
    fs::remove_file(&filler).unwrap();
    up.until(|page| !page.contains("no room left in"));
    assert_eq!(
        up.end("-TERM"),
        0,
        "there is room again, and all of it was written"
    );
    let up = Up::start(&root);
    up.until(|page| page.contains("security update missing"));
    // Full to the end: that is how it ends.
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    up.until(|page| page.contains("no room left in"));
    assert_eq!(up.end("-TERM"), 6);
    assert!(
        Command::new("umount")
            .arg(&data)
            .status()
            .unwrap()
            .success()
    );
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_a_log_says_is_shown_and_not_obeyed() {
    let root = system("hostile");
    let policy =
        "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\nreport = [\"ALERT\"]\n";
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    let line =
        "ALERT <script>alert(1)</script> \"><img src=x onerror=alert(1)> \u{202e}\u{1b}[2J\n";
    fs::write(root.join("var/log/app.log"), line).unwrap();
    let up = Up::start(&root);
    let page = up.until(|page| page.contains("policy wants reported"));
    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x"),
        "{page}"
    );
    assert!(
        !page.contains('\u{202e}') && !page.contains('\u{1b}'),
        "{page}"
    );
    assert!(
        page.contains("alert(1)"),
        "the line itself is shown: {page}"
    );
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_policy_that_is_mistyped_is_refused_and_the_next_good_one_taken() {
    let root = system("policy");
    let path = root.join("etc/cordon/policy.toml");
    let good = fs::read_to_string(&path).unwrap();
    let up = Up::start(&root);
    up.until(|page| page.contains("security update missing"));
    fs::write(&path, good.replace("[watch.expect]", "[wacth.expect]")).unwrap();
    let refused = up.until(|page| page.contains("policy was refused"));
    assert!(refused.contains("wacth"), "{refused}");
    // The old one is still in force: its source still owes a line.
    up.until(|page| page.contains("source app.log fell silent"));
    fs::write(&path, good.replace("2s", "1h")).unwrap();
    up.until(|page| {
        let rows = page
            .split("<section")
            .filter(|section| !section.contains("Last 24 hours"));
        let rows: String = rows.collect();
        page.contains("resolved") && !rows.contains("was refused") && !rows.contains("fell silent")
    });
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

/// The user that a process runs as, and its parent.
fn user_and_parent(pid: &str) -> Option<(u32, u32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?; // it may have ended
    let field = |name: &str| -> Option<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some((field("Uid:")?, field("PPid:")?))
}

#[test]
fn started_by_root_the_hub_is_an_unprivileged_process_of_its_own() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    if !status.contains("Uid:\t0\t") {
        cordon_testkit::skip("only root can give privileges up");
        return;
    }
    let root = system("split");
    // What only root may read.
    let log = root.join("var/log/app.log");
    let only = Command::new("chmod")
        .arg("0600")
        .arg(&log)
        .status()
        .unwrap();
    assert!(only.success());
    let up = Up::of(command(&root));
    up.until(|page| page.contains("security update missing") && page.contains("1 line,"));
    let sensors = up.child.id();
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let hubs: Vec<u32> = processes
        .filter_map(|pid| user_and_parent(&pid))
        .filter(|(_, parent)| *parent == sensors)
        .map(|(user, _)| user)
        .collect();
    assert!(
        matches!(hubs.as_slice(), [user] if *user != 0),
        "the hub runs as {hubs:?}"
    );
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}

/// A rotated log is followed, and nothing of it is judged twice after a restart.
#[test]
fn a_restart_goes_on_where_it_was() {
    let root = system("resume");
    let up = Up::start(&root);
    up.until(|page| page.contains("security update missing"));
    assert_eq!(up.end("-TERM"), 0);
    let log = root.join("var/log/app.log");
    fs::rename(&log, root.join("var/log/app.log.1")).unwrap();
    fs::write(&log, "a second line\n").unwrap();
    let up = Up::start(&root);
    // Two lines were ever written; a third would be one judged twice.
    let page = up.until(|page| page.contains("2 lines") || page.contains("3 lines"));
    assert!(
        page.contains("2 lines") && !page.contains("3 lines"),
        "{page}"
    );
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

/// Who reads the address may end it in the same breath; 20 times, because it is a race.
#[test]
fn ended_as_soon_as_it_is_ready_it_ends_cleanly() {
    let root = system("race");
    for round in 0..20 {
        let mut child = command(&root).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(
            child.wait().unwrap().code(),
            Some(0),
            "round {round}: {line}"
        );
    }
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn probes_that_cannot_be_planted_are_told() {
    let root = system("unplanted");
    let mut command = command(&root);
    command.env("TMPDIR", root.join("nowhere"));
    let up = Up::of(command);
    let page = up.until(|page| page.contains("the probe could not be planted"));
    assert!(page.contains("channel probes cannot see"), "{page}");
    drop(up);
    fs::remove_dir_all(root).unwrap();
}
