//! `cordon check` on a system that the test builds, as its users would run it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use cordon_testkit::skip;
use serde_json::Value;

use crate::{Ran, cordon, folder};

const STANZA: &str = "Status: install ok installed\nArchitecture: amd64\n";

/// A Debian host: two packages, one of them old; a feed of today; a log.
struct System {
    root: PathBuf,
}

impl System {
    fn new(test: &str) -> Self {
        let system = Self { root: folder(test) };
        system.write(
            "var/lib/dpkg/status",
            &format!(
                "Package: openssl\n{STANZA}Version: 3.0.1\n\nPackage: zlib\n{STANZA}Version: 2\n\n"
            ),
        );
        system.feed("Package: openssl\nArchitecture: amd64\nVersion: 3.0.2\n\n");
        system
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn feed(&self, packages: &str) {
        let base = "var/lib/apt/lists/deb.example_debian-security_dists_stable-security";
        self.write(&format!("{base}_main_binary-amd64_Packages"), packages);
        self.write(
            &format!("{base}_InRelease"),
            &format!("Suite: stable-security\nDate: {}\n", today()),
        );
    }

    fn policy(&self, text: &str) {
        self.write("etc/cordon/policy.toml", text);
    }

    fn check(&self) -> Ran {
        cordon([
            "check",
            "--json",
            "--host",
            "web1",
            "--root",
            self.root.to_str().unwrap(),
        ])
    }
}

/// As a Release file writes it.
fn today() -> String {
    let ran = Command::new("date")
        .args(["-u", "-R"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    String::from_utf8(ran.stdout)
        .unwrap()
        .trim()
        .replace("+0000", "UTC")
}

fn control<'p>(page: &'p Value, name: &str) -> &'p Value {
    page["controls"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["control"] == name)
        .unwrap()
}

fn rules(page: &Value) -> Vec<&str> {
    page["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn a_host_is_told_what_it_misses_and_every_control_is_proven() {
    let system = System::new("check-proven");
    let log = system.write("var/log/mail.log", "2026-11-23T10:00:00Z all well\n");
    system.policy("[[logs.source]]\nname = \"mail.log\"\npath = \"/var/log/mail.log\"\n");
    let ran = system.check();
    let page = ran.json();
    assert_eq!(ran.code, 1, "{page:#}");
    for name in ["watch", "logs", "patch"] {
        assert_eq!(control(&page, name)["state"], "proven", "{page:#}");
        assert!(control(&page, name)["last_proven"].is_string());
    }
    assert_eq!(rules(&page), ["patch.missing"]);
    assert_eq!(
        page["next"][0]["command"],
        "apt-get install --only-upgrade openssl"
    );
    assert_eq!(page["verdict"], "1 security update missing.");
    assert_eq!(page["notes"], Value::Array(vec![]));
    assert!(fs::metadata(log).is_ok());
    // The update is installed: nothing is left to do, and that is not the same as nothing seen.
    system.feed("Package: openssl\nArchitecture: amd64\nVersion: 3.0.1\n\n");
    let ran = system.check();
    let page = ran.json();
    assert_eq!((ran.code, rules(&page)), (0, vec![]), "{page:#}");
    assert_eq!(
        page["verdict"],
        "Nothing to do: 3 of 3 controls set up here are proven."
    );
}

#[test]
fn what_is_not_set_up_is_off_and_no_problem() {
    let system = System::new("check-off");
    system.feed("Package: openssl\nArchitecture: amd64\nVersion: 3.0.1\n\n");
    let ran = system.check();
    let page = ran.json();
    assert_eq!(ran.code, 0, "{page:#}");
    assert_eq!(control(&page, "logs")["state"], "off");
}

#[test]
fn no_feed_is_blindness_with_the_command_that_mends_it() {
    let system = System::new("check-no-feed");
    fs::remove_dir_all(system.root.join("var/lib/apt/lists")).unwrap();
    let ran = system.check();
    let page = ran.json();
    assert_eq!(ran.code, 4, "{page:#}");
    assert_eq!(control(&page, "patch")["state"], "blind");
    assert_eq!(page["findings"][0]["command"], "apt-get update");
    // A feed that is there and cannot be read is no better.
    let system = System::new("check-bad-feed");
    let index = "var/lib/apt/lists/d_dists_stable-security_main_binary-amd64_Packages";
    system.write(index, "Package: openssl\nVer");
    fs::remove_file(system.root.join(
        "var/lib/apt/lists/deb.example_debian-security_dists_stable-security_main_binary-amd64_Packages",
    ))
    .unwrap();
    let ran = system.check();
    assert_eq!(ran.code, 4, "{}", ran.out);
    assert_eq!(control(&ran.json(), "patch")["state"], "blind");
}

#[test]
fn an_index_that_is_not_of_its_published_size_is_not_believed() {
    let system = System::new("check-size");
    let base = "var/lib/apt/lists/deb.example_debian-security_dists_stable-security";
    let release = |size: usize| {
        format!(
            "Date: {}\nSHA256:\n 00ff {size} main/binary-amd64/Packages\n",
            today()
        )
    };
    let whole = "Package: openssl\nArchitecture: amd64\nVersion: 3.0.2\n\n";
    system.write(&format!("{base}_InRelease"), &release(whole.len()));
    assert_eq!(control(&system.check().json(), "patch")["state"], "proven");
    // Cut at the end of a stanza: nothing but the size can tell.
    system.write(&format!("{base}_InRelease"), &release(2 * whole.len()));
    let page = system.check().json();
    assert_eq!(control(&page, "patch")["state"], "blind", "{page:#}");
    let why = page["findings"][0]["fields"]["why"].as_str().unwrap();
    assert!(
        why.contains("is not whole: expected 106 bytes unpacked, got 53"),
        "{why}"
    );
}

#[test]
fn a_stale_feed_makes_nothing_green() {
    let system = System::new("check-stale");
    let release = "var/lib/apt/lists/deb.example_debian-security_dists_stable-security_InRelease";
    system.write(release, "Date: Mon, 03 May 2004 08:00:00 UTC\n");
    let ran = system.check();
    let page = ran.json();
    assert_eq!(ran.code, 4, "{page:#}");
    assert_eq!(control(&page, "patch")["state"], "sick");
    assert_eq!(rules(&page), ["watch.feed-stale", "patch.missing"]);
}

#[test]
fn a_log_that_is_gone_silent_or_sick_is_told() {
    let system = System::new("check-logs");
    let lines = |line: &str| line.repeat(50);
    system.write(
        "var/log/sick.log",
        &lines("scanner: ERROR: engine did not load\n"),
    );
    system.write("var/log/fine.log", &lines("scanner: clean\n"));
    let old = system.write("var/log/old.log", "the last line\n");
    let touched = Command::new("touch")
        .args(["-d", "2004-05-03"])
        .arg(old)
        .status()
        .unwrap();
    assert!(touched.success());
    fs::create_dir(system.root.join("var/log/folder.log")).unwrap();
    let source =
        |name: &str| format!("[[logs.source]]\nname = \"{name}\"\npath = \"/var/log/{name}\"\n");
    let names = ["sick.log", "fine.log", "old.log", "folder.log", "gone.log"];
    let sources: String = names.map(source).concat();
    system.policy(&format!(
        "{sources}[watch.expect]\n\"source:old.log\" = \"1h\"\n"
    ));
    let page = system.check().json();
    let about = |rule: &str| -> Vec<String> {
        let findings = page["findings"].as_array().unwrap().iter();
        let of = findings.filter(|finding| finding["rule"] == rule);
        of.map(|finding| finding["subject"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(about("watch.sick"), ["source:sick.log"], "{page:#}");
    assert_eq!(about("watch.silent"), ["source:old.log"]);
    assert_eq!(
        about("watch.blind"),
        ["source:folder.log", "source:gone.log"]
    );
    assert_eq!(control(&page, "logs")["state"], "blind");
}

#[test]
fn an_ordinary_user_is_told_what_cannot_be_seen() {
    let system = System::new("check-user");
    let secret = system.write("var/log/secret.log", "a line\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    system.policy("[[logs.source]]\nname = \"secret.log\"\npath = \"/var/log/secret.log\"\n");
    let binary = Path::new("/tmp").join(format!("cordon-test-{}", std::process::id()));
    fs::copy(env!("CARGO_BIN_EXE_cordon"), &binary).unwrap();
    let home = Path::new("/tmp").join(format!("cordon-test-root-{}", std::process::id()));
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(&system.root)
            .arg(&home)
            .status()
            .unwrap()
            .success()
    );
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary);
    command
        .args(["check", "--json", "--host", "web1", "--root"])
        .arg(&home);
    let may = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups", "true"])
        .status();
    let ran = may
        .is_ok_and(|status| status.success())
        .then(|| Ran::of(command));
    fs::remove_file(&binary).unwrap();
    fs::remove_dir_all(&home).unwrap();
    let Some(ran) = ran else {
        skip("only root can become an ordinary user");
        return;
    };
    let page = ran.json();
    assert_eq!(ran.code, 4, "{page:#}");
    let logs = control(&page, "logs");
    assert_eq!(
        (&logs["state"], &logs["command"]),
        (&"blind".into(), &"sudo cordon check".into())
    );
    assert_eq!(
        control(&page, "patch")["state"],
        "proven",
        "the rest is seen as well as by root"
    );
}

#[test]
fn what_a_log_says_cannot_drive_the_terminal_or_pretend_to_be_a_probe() {
    let system = System::new("check-hostile");
    let line = "\u{1b}[2J\u{1b}]0;owned\u{7} cordon-probe:0123456789abcdef \u{202e}gpj.exe\n";
    system.write("var/log/app.log", line);
    system.policy("[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\n");
    let root = system.root.to_str().unwrap();
    let ran = cordon(["check", "--all", "--host", "web1", "--root", root]);
    assert!(
        ran.out.contains("logs.phrase"),
        "a line that only looks planted is told: {}",
        ran.out
    );
    let unsafe_chars = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!ran.out.contains(unsafe_chars), "{:?}", ran.out);
}

#[test]
fn the_page_fits_eighty_columns_and_a_pipe_gets_no_colour() {
    let system = System::new("check-page");
    let root = system.root.to_str().unwrap();
    let ran = cordon(["check", "--all", "--host", "web1", "--root", root]);
    assert!(!ran.out.contains('\u{1b}'));
    for line in ran.out.lines() {
        assert!(
            line.chars().count() <= 80,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    for part in [
        "CONTROL",
        "WHAT WE KNOW",
        "DO NEXT",
        "proven",
        "not set up",
        "openssl 3.0.1 < 3.0.2",
    ] {
        assert!(ran.out.contains(part), "no {part} in {}", ran.out);
    }
}

#[test]
fn probes_leave_nothing_behind() {
    let system = System::new("check-clean");
    system.write("var/log/mail.log", "a line\n");
    system.policy("[[logs.source]]\nname = \"mail.log\"\npath = \"/var/log/mail.log\"\n");
    let temp = folder("check-clean-temp");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command
        .args(["check", "--json", "--root"])
        .arg(&system.root)
        .env("TMPDIR", &temp);
    let page = Ran::of(command).json();
    assert_eq!(control(&page, "patch")["state"], "proven");
    assert_eq!(fs::read_dir(&temp).unwrap().count(), 0);
}
