//! `cargo xtask deb [--test]`: a Debian package; with `--test`, installed, started, upgraded and removed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{has, is_root, run};

/// Builds the package, and says where it is.
pub(crate) fn deb(version: Option<&str>) -> io::Result<PathBuf> {
    if !has("cargo-deb") {
        run(Command::new(env!("CARGO")).args(["install", "--locked", "cargo-deb"]))?;
    }
    let out = env::current_dir()?.join("target/debian");
    fs::create_dir_all(&out)?;
    let file = out.join(format!("cordon_{}.deb", version.unwrap_or("new")));
    let mut build = Command::new(env!("CARGO"));
    build
        .args([
            "deb",
            "--package",
            "cordon",
            "--locked",
            "--no-strip",
            "--output",
        ])
        .arg(&file);
    if let Some(version) = version {
        build.args(["--deb-version", version]);
    }
    run(&mut build)?;
    println!("{}", file.display());
    Ok(file)
}

/// As its user would: install, look at the unit, start what it starts, upgrade, remove, purge.
pub(crate) fn test() -> io::Result<()> {
    if !is_root()? || !has("dpkg") {
        return Err(io::Error::other(
            "only root on a Debian system can test the package",
        ));
    }
    if !has("systemd-analyze") {
        run(Command::new("apt-get").args(["-qq", "install", "-y", "systemd"]))?;
    }
    let (old, new) = (deb(Some("0.0.1-1"))?, deb(Some("0.0.2-1"))?);
    run(Command::new("dpkg").arg("-i").arg(&old))?;
    let unit = "/lib/systemd/system/cordon.service";
    run(Command::new("systemd-analyze").args(["verify", unit]))?;
    expect(
        fs::metadata("/etc/cordon/policy.toml").is_ok(),
        "the policy is installed",
    )?;
    let before = start(unit)?;
    fs::write(
        "/etc/cordon/policy.toml",
        "# changed by the administrator\n",
    )?;
    run(Command::new("dpkg")
        .args(["--force-confold", "-i"])
        .arg(&new))?;
    let kept = fs::read_to_string("/etc/cordon/policy.toml")?;
    expect(
        kept.starts_with("# changed"),
        "an upgrade keeps the administrator's policy",
    )?;
    let after = start(unit)?;
    expect(
        after >= before && before > 0,
        "an upgrade keeps what was remembered",
    )?;
    run(Command::new("dpkg").args(["--remove", "cordon"]))?;
    expect(
        !Path::new("/usr/bin/cordon").exists(),
        "a removal takes the program",
    )?;
    expect(
        Path::new("/var/lib/cordon/cordon.db").exists(),
        "a removal leaves the memory",
    )?;
    run(Command::new("dpkg").args(["--purge", "cordon"]))?;
    expect(
        !Path::new("/var/lib/cordon").exists(),
        "a purge takes the memory",
    )?;
    println!("deb: 7 passed, 0 failed");
    Ok(())
}

/// Runs the unit's command line, waits for its address, ends it as systemd does: how much it left on
/// disk.
fn start(unit: &str) -> io::Result<u64> {
    let text = fs::read_to_string(unit)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let line = line.ok_or_else(|| io::Error::other("the unit starts nothing"))?;
    let mut words = line.split_whitespace();
    let program = words
        .next()
        .ok_or_else(|| io::Error::other("the unit starts nothing"))?;
    let mut child = Command::new(program)
        .args(words)
        .arg("--json")
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(out) = &mut child.stdout {
        let mut address = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(out), &mut address)?;
        expect(
            address.contains("http://127.0.0.1:8420/"),
            "the service says where it listens",
        )?;
    }
    run(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    expect(child.wait()?.success(), "SIGTERM ends the service cleanly")?;
    Ok(fs::metadata("/var/lib/cordon/cordon.db")?.len())
}

fn expect(holds: bool, what: &str) -> io::Result<()> {
    if holds {
        Ok(())
    } else {
        Err(io::Error::other(format!("expected that {what}")))
    }
}
