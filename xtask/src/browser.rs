//! The page of a real `cordon up`, driven in a real browser: Debian's Chromium and playwright-core.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use crate::{has, is_root, run};

const TESTS: &str = "crates/edge/console/browser";

/// What the page is drawn in and driven by, and the Debian packages that have it.
const PARTS: [(&str, &str); 3] = [("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];

/// Runs the browser's tests; why they were skipped, if they were.
pub(crate) fn test() -> io::Result<Option<String>> {
    let missing: Vec<&str> = PARTS
        .iter()
        .filter(|(program, _)| !has(program))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        if !has("apt-get") || !is_root()? {
            return Ok(Some(format!("{} not installed", missing.join(", "))));
        }
        run(Command::new("apt-get").args(["-qq", "update"]))?;
        run(Command::new("apt-get")
            .args(["-qq", "install", "-y"])
            .args(missing))?;
    }
    run(Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(TESTS))?;
    run(Command::new(env!("CARGO")).args(["build", "--locked", "--package", "cordon"]))?;
    let system = System::new()?;
    let (mut child, url) = system.up()?;
    let (stop, stopped) = channel::<()>();
    let log = system.root.join("var/log/app.log");
    let writing = thread::spawn(move || -> io::Result<()> {
        while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            let mut file = fs::OpenOptions::new().append(true).open(&log)?;
            file.write_all(b"a line a second\n")?;
        }
        Ok(())
    });
    let tested = run(Command::new("node")
        .arg("test.mjs")
        .arg(&url)
        .current_dir(TESTS));
    drop(stop);
    writing
        .join()
        .map_err(|_| io::Error::other("the writer of the log panicked"))??;
    run(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    let ended = child.wait()?;
    fs::remove_dir_all(&system.root)?;
    tested?;
    if ended.success() {
        Ok(None)
    } else {
        Err(io::Error::other(format!("cordon up: {ended}")))
    }
}

/// A small system to look at: a missing update, a living log, a hostile line.
struct System {
    root: PathBuf,
}

impl System {
    fn new() -> io::Result<Self> {
        let root = env::temp_dir().join(format!("cordon-browser-{}", std::process::id()));
        let system = Self { root };
        let stanza =
            "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";
        let packages = "Package: openssl\nArchitecture: amd64\nVersion: 2\n\n";
        let policy = "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\n\
                      report = [\"ALERT\"]\n[watch.expect]\n\"source:app.log\" = \"1m\"\n";
        let line =
            "ALERT <script>alert(1)</script> \"><img src=x onerror=alert(1)> \u{202e}gpj.exe\n";
        let lists = "var/lib/apt/lists/d_dists_stable-security_main_binary-amd64_Packages";
        system.write("var/lib/dpkg/status", stanza)?;
        system.write(lists, packages)?;
        system.write("etc/cordon/policy.toml", policy)?;
        system.write("var/log/app.log", line)?;
        Ok(system)
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(path, text)
    }

    fn up(&self) -> io::Result<(Child, String)> {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let mut child = Command::new(target.join("debug/cordon"))
            .args([
                "up",
                "--json",
                "--host",
                "web1",
                "--listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(self.root.join("data"))
            .arg("--root")
            .arg(&self.root)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("cordon up has no output"))?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split('"').nth(3).map(str::to_owned);
        url.map(|url| (child, url))
            .ok_or_else(|| io::Error::other(format!("no address in {line}")))
    }
}
