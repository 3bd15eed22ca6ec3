//! What it costs to keep a folder of inventories audited: the first look, a look when nothing changed, one host
//! that changed, and every host again because a feed did.
//!
//! `cargo run --release -p bench --bin auditor -- CORPORA/patches [HOSTS] [PACKAGES]`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

use std::{
    error::Error,
    fmt::Write,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::SystemTime,
};

use cordon_model::{Fact, Policy, Sensed, Span, Time};
use cordon_patch_edge::auditor::Auditor;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let corpora = PathBuf::from(args.next().ok_or("expected the folder of the corpora")?);
    let hosts: usize = args.next().map_or(Ok(1000), |text| text.parse())?;
    let packages: usize = args.next().map_or(Ok(1500), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("cordon-bench-auditor-{}", std::process::id()));
    fleet(&dir, hosts, packages)?;
    fs::create_dir_all(dir.join("feeds"))?;
    fs::copy(
        corpora.join("osv/almalinux8.zip"),
        dir.join("feeds/alma.zip"),
    )?;
    let policy = format!(
        "[[patch.inventory]]\nname = \"fleet\"\npath = \"{0}/hosts\"\n[[patch.advisories]]\nname = \"alma\"\n\
         path = \"{0}/feeds\"\n",
        dir.display()
    );
    let mut auditor = Auditor::new("hub".into(), dir.join("fetched"), []);
    auditor.obey(&Policy::new(&policy, 1), Span::days(10_000));
    println!("{hosts} hosts of {packages} packages each");
    let first = cycle(&mut auditor, "the first look")?;
    if first == 0 {
        return Err("nothing was found: the figures would say nothing".into());
    }
    cycle(&mut auditor, "nothing changed")?;
    host(&dir, 0, packages, 2)?;
    cycle(&mut auditor, "one host changed")?;
    let late = "{\"id\":\"ALSA-LATE\",\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\
                \"AlmaLinux:8\",\"name\":\"openssl-libs\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\
                \"0\"},{\"fixed\":\"9:9-9\"}]}]}]}";
    fs::write(dir.join("feeds/late.json"), late)?;
    cycle(&mut auditor, "a feed changed: every host again")?;
    println!("peak {} MiB", peak());
    fs::remove_dir_all(dir)?;
    Ok(())
}

fn cycle(auditor: &mut Auditor, what: &str) -> Result<usize, Box<dyn Error>> {
    let (mut rows, mut closed) = (0, 0);
    let before = cpu();
    // A minute later: what was written a moment ago counts as written.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_millis();
    let now = Time::from_millis(u64::try_from(now)?) + Span::minutes(1);
    let flow = auditor.cycle(now, &mut |said: Vec<Sensed>| {
        for sensed in said {
            match sensed.fact {
                Fact::Audited(_) => rows += 1,
                Fact::Inventoried(_) => closed += 1,
                _ => {}
            }
        }
        ControlFlow::Continue(())
    });
    if flow.is_break() {
        return Err("it was interrupted".into());
    }
    println!(
        "{what}: {:.3} CPU s, {rows} rows and {closed} hosts said",
        cpu() - before
    );
    Ok(rows)
}

fn fleet(dir: &Path, hosts: usize, packages: usize) -> Result<(), Box<dyn Error>> {
    for number in 0..hosts {
        host(dir, number, packages, 1)?;
    }
    Ok(())
}

/// A host of `AlmaLinux` 8: some packages that the feed names in an old version, the rest that it does not name.
fn host(dir: &Path, number: usize, packages: usize, release: usize) -> Result<(), Box<dyn Error>> {
    let host = dir.join(format!("hosts/h{number}"));
    fs::create_dir_all(&host)?;
    fs::write(
        host.join("os-release"),
        "ID=\"almalinux\"\nNAME=A\nVERSION_ID=\"8.9\"\n",
    )?;
    let named = [
        "openssl-libs",
        "openssl",
        "bash",
        "kernel-core",
        "glibc",
        "curl",
        "libcurl",
        "sudo",
        "vim-minimal",
        "systemd",
        "bind-utils",
        "python3-libs",
        "perl-libs",
        "zlib",
        "expat",
        "libxml2",
        "sqlite-libs",
        "gnutls",
        "nss",
        "dbus",
    ];
    let mut text = String::new();
    for name in named {
        writeln!(
            text,
            "{name}\t1\t0.{}\t{release}.el8\tx86_64\t{name}-0-1.src.rpm\t(none)\t1",
            number % 7
        )?;
    }
    for filler in named.len()..packages {
        writeln!(
            text,
            "filler-{filler}\t0\t1.{}\t1.el8\tx86_64\tfiller-1-1.src.rpm\t(none)\t1",
            number % 5
        )?;
    }
    fs::write(host.join("rpm-qa.txt"), text)?;
    Ok(())
}

/// CPU seconds of this thread.
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().expect("three numbers");
    nanoseconds.parse::<f64>().expect("a number") / 1e9
}

/// Most memory that this process ever had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux");
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kib / 1024
}
