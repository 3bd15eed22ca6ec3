//! The script is run here, and what it prints is what the parser reads.

use std::process::{Command, Stdio};

use super::*;
use crate::running::{Boot, How, Reboot};

/// Shells that hosts have as `sh`, and the Debian packages that have them.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "ash"]];

fn part(name: &str, lines: &[&str]) -> String {
    let body = lines
        .iter()
        .fold(String::new(), |body, line| body + "|" + line + "\n");
    format!("@begin {name}\n{body}@end {name} {} 0\n", lines.len())
}

/// A bundle as the script prints it, with these parts in place of the usual ones.
fn bundle(changed: &[(&str, &[&str])]) -> String {
    let usual: [(&str, &[&str]); 17] = [
        ("hostname", &["web1"]),
        ("time", &["1790000000"]),
        ("kernel", &["6.1.0-18-amd64"]),
        ("kernel-build", &["#1 SMP Debian 6.1.76-1 (2024-02-01)"]),
        ("boot", &["btime 1789000000"]),
        ("os-release", &["ID=debian", "NAME=x", "VERSION_ID=12"]),
        (
            "dpkg",
            &[
                "Package: linux-image-6.1.0-18-amd64",
                "Status: install ok installed",
                "Architecture: amd64",
                "Version: 6.1.76-1",
                "",
            ],
        ),
        ("rpm", &[]),
        ("apk", &[]),
        ("container", &[]),
        ("kernels", &["/boot/vmlinuz-6.1.0-18-amd64"]),
        ("livepatches", &[]),
        ("restart", &[]),
        ("restart-packages", &[]),
        (
            "processes",
            &["/proc/1/status:Name:\tinit", "/proc/7/status:Name:\tsshd"],
        ),
        (
            "seen",
            &["/proc/1/maps:9", "/proc/7/maps:12", "/dev/null:0"],
        ),
        ("still", &["/proc/1", "/proc/7"]),
    ];
    let mut parts: Vec<(&str, &[&str])> = usual.to_vec();
    parts.push(("stale", &[]));
    for (name, lines) in changed {
        parts.retain(|(usual, _)| usual != name);
        parts.push((name, lines));
    }
    let body: String = parts
        .iter()
        .map(|(name, lines)| part(name, lines))
        .collect();
    let whole = format!("cordon-bundle 1\n{body}@done {}\n", parts.len());
    format!("{whole}@bundle-end {}\n", whole.lines().count())
}

fn read(changed: &[(&str, &[&str])]) -> RemoteHost {
    read_bundle(bundle(changed).as_bytes()).unwrap()
}

/// Runs the script; none, and told, where the shell is not there.
fn run(shell: &[&str], script: &str) -> Option<RemoteHost> {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", script]);
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        cordon_testkit::skip(&format!("no {}", shell[0]));
        return None;
    };
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{shell:?}: {output:?}"
    );
    match read_bundle(&output.stdout) {
        Err(BundleError::NoPackages(why)) => {
            cordon_testkit::skip(&format!("this host has no list of packages: {why}"));
            None
        }
        read => Some(read.unwrap()),
    }
}

fn is_whole(read: &RemoteHost) {
    assert_eq!(read.failed, [""; 0]);
    assert!(read.taken_secs.is_some() && !read.hostname.is_empty());
    assert!(read.running.looked.processes > 0, "{:?}", read.running);
    assert!(!read.running.kernel.release.is_empty());
}

#[test]
fn the_script_runs_in_each_shell_and_its_bundle_is_read() {
    for shell in SHELLS {
        if let Some(read) = run(shell, SCRIPT) {
            is_whole(&read);
        }
    }
}

#[test]
fn the_script_needs_no_tools_but_those_of_busybox() {
    let tools = std::env::temp_dir().join(format!("cordon-busybox-{}", std::process::id()));
    std::fs::create_dir_all(&tools).unwrap();
    let installed = Command::new("busybox")
        .args(["--install", "-s"])
        .arg(&tools)
        .status();
    if installed.is_ok_and(|status| status.success()) {
        let usual = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n";
        assert!(SCRIPT.contains(usual));
        let script = SCRIPT.replace(usual, &format!("PATH={}\n", tools.display()));
        if let Some(read) = run(&["busybox", "ash"], &script) {
            is_whole(&read);
        }
    } else {
        cordon_testkit::skip("no busybox");
    }
    std::fs::remove_dir_all(tools).unwrap();
}

#[test]
fn a_list_of_rpm_is_asked_for_in_the_form_that_is_read() {
    let query = pkgdb::RPM_QUERY.replace("\\\\", "\\");
    assert!(SCRIPT.contains(&format!("--qf '{query}'")), "{query}");
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let checked = Command::new("shellcheck")
        .args([
            "--shell=sh",
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/remote/collect.sh"),
        ])
        .output();
    match checked {
        Ok(said) => assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stdout)
        ),
        Err(why) => drop(cordon_testkit::skip(&format!("no shellcheck: {why}"))),
    }
}

#[test]
fn what_is_cut_or_lacks_a_line_is_an_error_wherever_it_is_cut() {
    let whole = bundle(&[]);
    assert!(read_bundle(whole.as_bytes()).is_ok());
    for end in 0..whole.len() {
        assert!(
            read_bundle(&whole.as_bytes()[..end]).is_err(),
            "cut at {end}"
        );
    }
    let lines: Vec<&str> = whole.lines().collect();
    for lost in 0..lines.len() {
        let mut rest = lines.clone();
        rest.remove(lost);
        let rest = rest.join("\n") + "\n";
        assert!(
            read_bundle(rest.as_bytes()).is_err(),
            "without {}",
            lines[lost]
        );
    }
    let noise = format!("Welcome!\nlast login\n{whole}bye\n");
    assert_eq!(read_bundle(noise.as_bytes()).unwrap().hostname, "web1");
    assert_eq!(
        read_bundle(b"Welcome!\n").unwrap_err(),
        BundleError::None("Welcome!".into())
    );
}

#[test]
fn a_host_that_lists_nothing_is_no_patched_host() {
    let empty = bundle(&[("dpkg", &[])]);
    let told = read_bundle(empty.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        told,
        "the bundle lists no packages: neither dpkg, rpm nor apk has any"
    );
    let failed = bundle(&[("dpkg", &[])]).replace("@end dpkg 0 0", "@end dpkg 0 1");
    let told = read_bundle(failed.as_bytes()).unwrap_err().to_string();
    assert!(
        told.contains("dpkg: its command ended with status 1"),
        "{told}"
    );
}

#[test]
fn the_kernel_is_judged_only_where_it_is_the_hosts_own() {
    assert!(matches!(read(&[]).running.kernel.boot, Boot::Newest { .. }));
    let newer: &[&str] = &[
        "Package: linux-image-6.1.0-18-amd64",
        "Status: install ok installed",
        "Architecture: amd64",
        "Version: 6.1.76-1",
        "",
        "Package: linux-image-6.1.0-20-amd64",
        "Status: install ok installed",
        "Architecture: amd64",
        "Version: 6.1.85-1",
        "",
    ];
    let behind = read(&[("dpkg", newer)]).running.kernel.boot;
    assert!(
        matches!(&behind, Boot::Behind { version, .. } if version == "6.1.85-1"),
        "{behind:?}"
    );
    let unknown = |changed: &[(&str, &[&str])], says: &str| match read(changed).running.kernel.boot
    {
        Boot::Unknown { why } => assert!(why.contains(says), "{why}"),
        told => panic!("{told:?}"),
    };
    unknown(
        &[("dpkg", newer), ("container", &["/.dockerenv"])],
        "it is a container (/.dockerenv)",
    );
    unknown(
        &[("kernel", &["6.18.44-fc"])],
        "; on the disk: /boot/vmlinuz-6.1.0-18-amd64",
    );
}

#[test]
fn files_that_lost_their_name_are_told_once_a_process() {
    let map = "7f0000000000-7f0000001000 r-xp 00001000 fe:00 7       ";
    let lines = [
        format!("replaced 500 /proc/7/maps:{map}/usr/lib/libz.so.1 (deleted)"),
        format!("replaced 500 /proc/7/maps:{map}/usr/lib/libz.so.1 (deleted)"),
        format!("deleted 500 /proc/7/maps:{map}/opt/a /maps: b (deleted)"),
        format!("deleted 500 /proc/7/maps:{map}/tmp/ffiAb3dEf (deleted)"),
        "grep: /proc/9/maps: binary file matches".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let running = read(&[("stale", &lines)]).running;
    let told: Vec<(String, bool)> = running
        .stale
        .iter()
        .map(|stale| {
            (
                stale.path.display().to_string(),
                matches!(stale.how, How::Deleted),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/opt/a /maps: b".to_owned(), true),
            ("/usr/lib/libz.so.1".to_owned(), false)
        ]
    );
    assert_eq!(running.stale[0].process, "sshd");
    assert_eq!(running.stale[0].started_secs, 1_789_000_005);
    assert_eq!(
        (running.looked.made_at_run_time, running.unseen.len()),
        (1, 1)
    );
}

#[test]
fn who_could_not_be_looked_at_is_counted_and_who_ended_is_not() {
    let running = read(&[
        (
            "processes",
            &[
                "/proc/1/status:Name:\tinit",
                "/proc/2/status:Name:\tkthreadd",
                "/proc/7/status:Name:\tsshd",
                "/proc/8/status:Name:\tgrep",
            ],
        ),
        ("seen", &["/proc/2/maps:0", "/proc/7/maps:12"]),
        ("still", &["/proc/1", "/proc/2", "/proc/7"]),
    ])
    .running;
    let looked = running.looked;
    assert_eq!(
        (looked.processes, looked.kernel_threads, looked.vanished),
        (1, 1, 1)
    );
    assert!(!looked.others_hidden);
    let [unseen] = running.unseen.as_slice() else {
        panic!("{:?}", running.unseen);
    };
    assert_eq!((unseen.pid, unseen.process.as_str()), (1, "init"));
}

#[test]
fn a_restart_is_asked_for_by_packages_or_by_the_mark_alone() {
    let check = |changed: &[(&str, &[&str])], expected: Reboot| {
        assert_eq!(read(changed).running.reboot, expected);
    };
    let required = |name: &str| Reboot::Required {
        packages: vec![name.to_owned()],
    };
    check(&[], Reboot::NotAsked);
    let mark: (&str, &[&str]) = ("restart", &["/run/reboot-required"]);
    check(&[mark], required("/run/reboot-required"));
    check(
        &[mark, ("restart-packages", &["libc6", "libc6"])],
        required("libc6"),
    );
}
