//! `cordon up` from outside: the real binary, its page and what the kernel says of it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running `cordon up`, killed with all that it started when it is forgotten.
pub struct Up {
    child: Child,
    address: String,
    cookie: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Up {
    /// Starts it on the system below `root`, on the processors `cpus` if they are named.
    pub fn start(root: &Path, cpus: Option<&str>) -> Self {
        let mut command = match cpus {
            Some(cpus) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cpus]).arg(binary());
                command
            }
            None => Command::new(binary()),
        };
        command
            .args(["up", "--json", "--host", "bench"])
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(root.join("data/hub"))
            .arg("--root")
            .arg(root)
            .stdout(Stdio::piped())
            .process_group(0); // so that a kill reaches all of it
        let mut child = command.spawn().expect("cargo build --release");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("an answer");
        let url = line
            .split('"')
            .find_map(|part| part.strip_prefix("http://"))
            .expect("a link");
        let (address, path) = url.split_once('/').expect("a path");
        let mut up = Self {
            child,
            address: address.to_owned(),
            cookie: String::new(),
        };
        let answer = up.get(&format!("/{path}"));
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        cookie.expect("a cookie").clone_into(&mut up.cookie);
        up
    }

    /// SIGKILL to all of it at once.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.child.id());
        // Gone already: because it was killed before it is forgotten.
        drop(
            Command::new("kill")
                .args(["-9", "--", &group])
                .stderr(Stdio::null())
                .status(),
        );
        drop(self.child.wait());
        // Its other half is nobody's child now: it still has the store until the kernel is done with it.
        let gone = || {
            let mut ask = Command::new("kill");
            let ask = ask.args(["-0", "--", &group]).stderr(Stdio::null());
            ask.status().is_ok_and(|status| !status.success())
        };
        while !gone() {
            std::thread::yield_now();
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let (address, cookie) = (&self.address, &self.cookie);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// The page, as it is now.
    pub fn page(&self) -> String {
        self.get("/")
    }

    /// How many lines the page says were read: durable, and judged.
    pub fn lines(&self) -> u64 {
        let page = self.page();
        // `3 sources, 1,560 lines, …`: what the control of logs knows.
        let words: Vec<&str> = page.split(", ").collect();
        let knows = words.windows(2).find_map(|pair| {
            let of_sources = pair[0].ends_with(" source") || pair[0].ends_with(" sources");
            let (number, what) = pair[1].split_once(' ')?;
            (of_sources && what.starts_with("line")).then_some(number)
        });
        let digits = knows.map(|number| number.replace(',', ""));
        // 0: because it says "no lines" where it has seen none.
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// How many lines the page draws as those of the last hours of its only source: durable, across restarts.
    pub fn lines_of_hours(&self) -> u64 {
        let page = self.page();
        let before = page
            .split_once(" lines in ")
            .map_or("", |(before, _)| before);
        let digits: String = before
            .chars()
            .rev()
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(|c| *c != ',')
            .collect();
        let digits: String = digits.chars().rev().collect();
        digits.parse().unwrap_or(0) // because it draws nothing where there was nothing
    }

    /// Whether the page says that something was missed.
    pub fn tells_a_gap(&self) -> bool {
        self.page().contains("missed")
    }

    /// User and system time of all of it.
    pub fn cpu_secs(&self) -> f64 {
        let ticks: u64 = self.family().iter().map(|pid| ticks(*pid)).sum();
        ticks as f64 / 100.0
    }

    /// The most memory that each of its processes ever had.
    pub fn peak_mib(&self) -> Vec<f64> {
        let peak = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.expect("proc(5)") / 1024.0
        };
        self.family().into_iter().map(peak).collect()
    }

    /// It and its children.
    fn family(&self) -> Vec<u32> {
        let me = self.child.id();
        let children = fs::read_to_string(format!("/proc/{me}/task/{me}/children"));
        let children = children.expect("it runs");
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        [me].into_iter().chain(children).collect()
    }
}

/// utime and stime of proc(5).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(')').expect("proc(5)");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<u64>().expect("proc(5)"))
        .sum()
}

/// Beside this program.
fn binary() -> PathBuf {
    let me = std::env::current_exe().expect("a path");
    me.with_file_name("cordon")
}
