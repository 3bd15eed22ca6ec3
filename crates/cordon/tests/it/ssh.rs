//! Hosts over SSH, with Debian's own sshd on loopback: whatever one host does, the others are judged.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
};

use cordon_patch_edge::remote::{SCRIPT, script_sha256};
use cordon_testkit::skip;
use serde_json::Value;

use crate::{Ran, cordon, folder, sshd::Lab};

/// A bundle of a Debian host.
pub(crate) fn bundle(name: &str) -> String {
    let linux = |version: &'static str| {
        [
            "Package: linux-image-6.1.0-18-amd64",
            "Status: install ok installed",
            "Architecture: amd64",
            version,
            "",
        ]
    };
    let web = [
        "Package: web",
        "Status: install ok installed",
        "Architecture: amd64",
        "Version: 1",
        "",
    ];
    let dpkg = [web, linux("Version: 6.1.76-1")].concat();
    let os = ["NAME=Debian", "ID=debian", "VERSION_ID=\"12\""];
    bundle_of(name, &os, &[("dpkg", &dpkg)], true)
}

/// A bundle, made by the script's own rules, of a host with these lists of packages. `waits`: a process runs the old,
/// and a restart is asked for.
pub(crate) fn bundle_of(name: &str, os: &[&str], lists: &[(&str, &[&str])], waits: bool) -> String {
    const OLD: [&str; 1] = [
        "replaced 500 /proc/7/maps:7f0000000000-7f0000001000 r-xp 00001000 fe:00 7       /usr/lib/libz.so.1 (deleted)",
    ];
    let of_old = |lines: &'static [&'static str]| if waits { lines } else { &[] };
    let list = |name: &str| {
        let found = lists.iter().find(|(list, _)| *list == name);
        found.map_or(&[][..], |(_, lines)| *lines)
    };
    let part = |name: &str, lines: &[&str]| {
        let body = lines
            .iter()
            .fold(String::new(), |body, line| body + "|" + line + "\n");
        format!("@begin {name}\n{body}@end {name} {} 0\n", lines.len())
    };
    let parts: [(&str, &[&str]); 19] = [
        ("hostname", &[name]),
        ("time", &["1790000000"]),
        ("kernel", &["6.1.0-18-amd64"]),
        (
            "kernel-build",
            &["#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"],
        ),
        ("boot", &["btime 1789000000"]),
        ("os-release", os),
        ("dpkg", list("dpkg")),
        ("rpm", list("rpm")),
        ("apk", list("apk")),
        ("container", &[]),
        ("kernels", &[]),
        ("livepatches", &[]),
        ("restart", of_old(&["/run/reboot-required"])),
        ("restart-packages", of_old(&["libc6"])),
        ("needs-restarting", &[]),
        (
            "processes",
            &["/proc/1/status:Name:\tinit", "/proc/7/status:Name:\tsshd"],
        ),
        ("seen", &["/proc/7/maps:12"]),
        ("still", &["/proc/1", "/proc/7"]),
        ("stale", of_old(&OLD)),
    ];
    let body: String = parts
        .iter()
        .map(|(name, lines)| part(name, lines))
        .collect();
    let whole = format!("cordon-bundle 1\n{body}@done {}\n", parts.len());
    format!("{whole}@bundle-end {}\n", whole.lines().count())
}

#[track_caller]
fn row(ran: &Ran, host: &str, package: &str) -> Value {
    let rows = ran.lines().into_iter();
    let mut found: Vec<Value> = rows
        .filter(|row| row["host"] == host && row["package"] == package)
        .collect();
    assert_eq!(found.len(), 1, "{host} {package}: {}\n{}", ran.out, ran.err);
    found.remove(0)
}

/// What the feed says of each package of a host.
fn by_feed(ran: &Ran, host: &str) -> BTreeMap<String, (Value, Value, Value)> {
    let rows = ran.lines().into_iter();
    rows.filter(|row| row["host"] == host && row["feed"].is_string())
        .map(|row| {
            let name = format!("{}:{}", row["package"], row["arch"]);
            (
                name,
                (
                    row["state"].clone(),
                    row["installed"].clone(),
                    row["fixed"].clone(),
                ),
            )
        })
        .collect()
}

/// Processes that have `text` in their arguments.
fn with(text: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

#[test]
fn a_host_over_ssh_is_judged_like_its_own_files_with_a_key_of_one_command_too() {
    let Some(mut lab) = Lab::new("ssh-judged") else {
        return;
    };
    if !Path::new("/var/lib/dpkg/status").exists() {
        skip("a host with dpkg is asked");
        return;
    }
    let script = lab.dir.join("collect.sh");
    fs::write(&script, SCRIPT).unwrap();
    lab.host("plain", "", true);
    lab.host(
        "forced",
        &format!("restrict,command=\"sh {}\" ", script.display()),
        true,
    );
    let own = lab.dir.join("hosts/own");
    fs::create_dir_all(&own).unwrap();
    fs::copy("/var/lib/dpkg/status", own.join("status")).unwrap();
    fs::copy("/etc/os-release", own.join("os-release")).unwrap();
    let inventory = format!("own={}", own.display());
    let ran = lab.audit(&["--ssh", "plain", "forced", "--inventory", &inventory]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let expected = by_feed(&ran, "own");
    assert!(expected.len() >= 2, "{}", ran.out);
    for host in ["plain", "forced"] {
        assert_eq!(by_feed(&ran, host), expected, "{host}");
        let missing = row(&ran, host, "dpkg");
        assert_eq!(missing["state"], "missing");
        let evidence = missing["evidence"].as_str().unwrap();
        assert!(
            evidence.starts_with(&format!("dpkg says installed, over SSH from {host} at 20")),
            "{evidence}"
        );
        row(&ran, host, "kernel");
    }
    assert!(
        ran.err.contains("2 of 2 hosts answered over SSH"),
        "{}",
        ran.err
    );
}

/// Hosts of which each fails in its own way; two of them are silent as long as what is returned lives.
fn failing(lab: &mut Lab) -> (TcpListener, fs::File) {
    let cut = bundle("cut");
    let (half, _) = cut.split_at(cut.len() / 2);
    let cut = lab.prints("cut.bundle", half.as_bytes());
    lab.host("cut", &cut, true);
    lab.host("unknown", "", false);
    // The key of a jump host is not known either, and nobody is asked.
    let jump = lab.port();
    let through = format!("  ProxyJump {}@127.0.0.1:{jump}\n", lab.user);
    lab.alias("jumped", 22, "user", &through);
    lab.host("changed", "", false);
    lab.know(
        lab.port(),
        &fs::read_to_string(lab.dir.join("cut.key.pub")).unwrap(),
    );
    lab.host("strict", "", true);
    lab.alias("locked", lab.port(), "stranger", "");
    lab.host("floods", "restrict,command=\"yes\" ", true);
    // It says one line, and then nothing more until the test is over.
    let pipe = lab.dir.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let held = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let halts = format!(
        "restrict,command=\"echo cordon-bundle 1; cat {}\" ",
        pipe.display()
    );
    lab.host("halts", &halts, true);
    lab.host(
        "status",
        "restrict,command=\"echo nonsense >&2; exit 7\" ",
        true,
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    lab.alias("silent", port, "user", "");
    // Another address of loopback with the same port, where nobody can listen by chance.
    lab.alias("nobody", port, "user", "");
    lab.config = lab
        .config
        .replacen("HostName 127.0.0.1", "HostName 127.77.0.9", 1);
    (silent, held)
}

/// What the row of each says.
const FAILING: [(&str, &str); 10] = [
    ("cut", "the bundle is truncated"),
    (
        "unknown",
        "no host key of it is known, and none is accepted unseen",
    ),
    ("jumped", "no host key of it is known"),
    ("changed", "it shows another host key than the known one"),
    ("locked", "it does not let us in"),
    (
        "floods",
        "expected at most 33554432 bytes, and it said more",
    ),
    (
        "halts",
        "it was cut off after 10 s, 16 bytes into its answer",
    ),
    ("status", "its command ended with status 7: nonsense"),
    (
        "silent",
        "it was cut off after 10 s, 0 bytes into its answer",
    ),
    ("nobody", "it cannot be reached"),
];

#[test]
fn each_way_of_failing_is_told_and_stops_no_other() {
    let Some(mut lab) = Lab::new("ssh-fails") else {
        return;
    };
    for name in ["a", "b"] {
        let prints = lab.prints(&format!("{name}.bundle"), bundle(name).as_bytes());
        lab.host(name, &prints, true);
    }
    let held = failing(&mut lab);
    let known = fs::read_to_string(lab.dir.join("known_hosts")).unwrap();
    let list = lab.dir.join("hosts.txt");
    fs::write(&list, "# the hosts\na\n\nhalts # hangs\nrenamed = b\n").unwrap();
    let named = FAILING
        .map(|(host, _)| host)
        .into_iter()
        .filter(|host| *host != "halts");
    let mut args = vec![
        "--ssh-hosts",
        list.to_str().unwrap(),
        "--ssh-timeout",
        "10",
        "--ssh",
    ];
    args.extend(named);
    let ran = lab.audit(&args);
    assert_eq!(ran.code, 5, "{}", ran.err);
    for name in ["a", "renamed"] {
        assert_eq!(row(&ran, name, "web")["state"], "missing");
    }
    let evidence = row(&ran, "renamed", "web")["evidence"].to_string();
    assert!(evidence.contains("(it calls itself b)"), "{evidence}");
    for (host, says) in FAILING {
        let row = row(&ran, host, "inventory");
        assert_eq!(row["state"], "unknown", "{row}");
        let reason = row["reason"].as_str().unwrap();
        assert!(reason.contains(says), "{host}: {reason}");
        let evidence = row["evidence"].as_str().unwrap();
        assert!(
            evidence.starts_with(&format!("over SSH from {host} at 20")),
            "{row}"
        );
    }
    let told = ran.err.matches("error[E0208]").count();
    assert_eq!(told, FAILING.len(), "{}", ran.err);
    assert!(
        ran.err.contains("2 of 12 hosts answered over SSH"),
        "{}",
        ran.err
    );
    let after = fs::read_to_string(lab.dir.join("known_hosts")).unwrap();
    assert_eq!(after, known, "no key was added");
    drop(held);
    let left: Vec<String> = with(lab.dir.join("ssh_config").to_str().unwrap());
    assert_eq!(left, [""; 0], "no ssh stays");
}

#[test]
fn what_a_bundle_says_of_what_runs_is_told_over_ssh_and_from_a_dropped_file() {
    let Some(mut lab) = Lab::new("ssh-runs") else {
        return;
    };
    let prints = lab.prints("web1.bundle", bundle("web1").as_bytes());
    lab.host("over", &prints, true);
    let dropped = lab.dir.join("dropped");
    fs::create_dir_all(&dropped).unwrap();
    let noise = format!("Welcome to web1\n{}", bundle("web1"));
    fs::write(dropped.join("web1.bundle"), noise).unwrap();
    let ran = lab.audit(&["--ssh", "over", "--inventory", dropped.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for (host, came) in [
        ("over", "over SSH from over at 20"),
        ("web1", "web1.bundle of 2026-09-21T"),
    ] {
        let library = row(&ran, host, "/usr/lib/libz.so.1");
        assert_eq!(library["state"], "missing", "{library}");
        assert!(
            library["reason"].as_str().unwrap().contains("sshd (7)"),
            "{library}"
        );
        assert!(
            library["evidence"].as_str().unwrap().contains(came),
            "{library}"
        );
        assert_eq!(row(&ran, host, "kernel")["state"], "proven");
        let restart = row(&ran, host, "restart");
        assert!(
            restart["reason"].as_str().unwrap().contains("libc6"),
            "{restart}"
        );
        let running = row(&ran, host, "running");
        assert_eq!(running["state"], "unknown", "{running}");
        assert!(
            running["reason"]
                .as_str()
                .unwrap()
                .starts_with("1 processes or files could not be looked at"),
            "{running}"
        );
    }
    let cut = bundle("web2");
    let (cut, _) = cut.split_at(cut.len() - 3);
    fs::write(dropped.join("web2.bundle"), cut).unwrap();
    let ran = lab.audit(&["--inventory", dropped.to_str().unwrap()]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert_eq!(row(&ran, "web2", "inventory")["state"], "unknown");
    assert!(ran.err.contains("the bundle is truncated"), "{}", ran.err);
}

#[test]
fn who_interrupts_it_leaves_no_ssh_behind() {
    let Some(mut lab) = Lab::new("ssh-interrupted") else {
        return;
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    lab.alias("silent", silent.local_addr().unwrap().port(), "user", "");
    let mut command = lab.command(&["--ssh", "silent", "--ssh-timeout", "3600"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut connected, _) = silent.accept().unwrap();
    let mut begin = [0; 8];
    connected.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"SSH-2.0-");
    let told = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(2), "{ended}");
    let mut rest = Vec::new();
    connected.read_to_end(&mut rest).unwrap(); // its end, for ssh is gone
    assert_eq!(with(lab.dir.join("ssh_config").to_str().unwrap()), [""; 0]);
}

#[test]
fn targets_that_are_none_are_refused_before_anybody_is_asked() {
    let dir = folder("ssh-targets");
    let list = dir.join("hosts.txt");
    fs::write(&list, "# nobody\n\n").unwrap();
    let list = list.to_str().unwrap();
    let check = |args: &[&str], says: &str| {
        let ran = cordon(["patch", "audit"].iter().chain(args));
        let told = ran.err.contains("error[E0207]") && ran.err.contains(says);
        assert!(ran.code == 2 && told, "{args:?}: {}: {}", ran.code, ran.err);
    };
    check(&["--ssh=-oProxyCommand=id"], "would take for an option");
    check(&["--ssh", "web1;id"], "with ';'");
    check(
        &["--ssh", "root@web1", "admin@web1"],
        "two hosts are called web1",
    );
    check(&["--ssh", "web1:0"], "expected a port from 1 to 65535");
    check(&["--ssh-hosts", list], "found none in the lists");
    fs::write(dir.join("hosts.txt"), "web1\nweb2 web3\n").unwrap();
    check(&["--ssh-hosts", list], "hosts.txt:2");
    check(&["--ssh-hosts", "/nowhere/hosts"], "/nowhere/hosts");
}

#[test]
fn the_script_is_written_whole_and_says_its_hash() {
    let script = cordon(["patch", "collector", "--part", "ssh"]);
    assert_eq!((script.code, script.out.as_str()), (0, SCRIPT));
    assert!(script.err.contains(&script_sha256()), "{}", script.err);
}
