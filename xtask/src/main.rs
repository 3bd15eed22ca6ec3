//! `cargo xtask test`: everything a change must pass, on a fresh machine too. `cargo xtask deb`: the
//! Debian package. `cargo xtask plot`: the drawing of the guide.
//!
//! Installs the few tools that tests hold our own against, runs every test of the workspace, and
//! counts what was skipped: a skipped proof is blind, and with `CI=true` it is a failure.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "edge"
)]

mod browser;
mod deb;
mod plot;

use std::{
    env, fs, io,
    path::Path,
    process::{Command, ExitCode},
};

/// Programs that tests run beside ours, by name or place, and the Debian packages that have them.
const PEERS: [(&str, &str); 17] = [
    ("xz", "xz-utils"),
    ("lz4", "lz4"),
    ("gzip", "gzip"),
    ("setpriv", "util-linux"),
    ("postfix", "postfix"),
    ("clamd", "clamav-daemon"),
    ("clamav-milter", "clamav-milter"),
    ("logger", "bsdutils"),
    ("openssl", "openssl"),
    ("rsyslogd", "rsyslog rsyslog-openssl"),
    ("journalctl", "systemd"),
    (
        "/lib/systemd/systemd-journal-remote",
        "systemd-journal-remote",
    ),
    ("ssh", "openssh-client"),
    ("/usr/sbin/sshd", "openssh-server"),
    ("dash", "dash"),
    ("busybox", "busybox"),
    ("shellcheck", "shellcheck"),
];

fn main() -> ExitCode {
    let task = env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => test(),
        Some("browser") => browser::test().map(|skipped| skipped.is_none()),
        Some("plot") => plot::plot().map(|()| true),
        Some("deb") if env::args().any(|arg| arg == "--test") => deb::test().map(|()| true),
        Some("deb") => deb::deb(None).map(|_| true),
        _ => {
            eprintln!(
                "usage: cargo xtask test [arguments of cargo test] | browser | deb [--test] | plot"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> io::Result<bool> {
    install_peers()?;
    let skips = env::temp_dir().join(format!("cordon-skips-{}", std::process::id()));
    fs::write(&skips, "")?;
    let status = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--locked"])
        .args(env::args().skip(2))
        .env("CORDON_SKIPS", &skips)
        .status()?;
    let mut skipped = fs::read_to_string(&skips)?;
    fs::remove_file(&skips)?;
    // Arguments ask for some tests of cargo's, not for all.
    let some = env::args().nth(2).is_some();
    if status.success()
        && !some
        && let Some(why) = browser::test()?
    {
        skipped = skipped
            + "the page in a browser: "
            + &why
            + "
";
    }
    println!("\n{} tests skipped", skipped.lines().count());
    for line in skipped.lines() {
        println!("  {line}");
    }
    let strict = env::var_os("CI").is_some_and(|ci| ci == "true");
    Ok(status.success() && (skipped.is_empty() || !strict))
}

/// On Debian, as root: what is missing is installed. Elsewhere the tests that need it are skipped.
fn install_peers() -> io::Result<()> {
    let missing: Vec<&str> = PEERS
        .iter()
        .filter(|(program, _)| !has(program))
        .flat_map(|(_, packages)| packages.split(' '))
        .collect();
    let no_index = has("apt-get") && !has_security_index(Path::new("/var/lib/apt/lists"));
    if (missing.is_empty() && !no_index) || !has("apt-get") || !is_root()? {
        return Ok(());
    }
    run(Command::new("apt-get").args(["-qq", "update"]))?;
    if !missing.is_empty() {
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive") // postfix would ask what to be
            .args(["-qq", "install", "-y"])
            .args(missing))?;
    }
    Ok(())
}

fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default(); // default: because without PATH nothing is found
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn has_security_index(lists: &Path) -> bool {
    let Ok(entries) = fs::read_dir(lists) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.contains("security") && name.contains("_Packages")
    })
}

fn is_root() -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

fn run(command: &mut Command) -> io::Result<()> {
    eprintln!("xtask: {command:?}");
    let status = command.env("DEBIAN_FRONTEND", "noninteractive").status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{command:?}: {status}")))
    }
}
