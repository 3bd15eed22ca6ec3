//! `cordon patch plan`, `apply` and `rollout` as an administrator uses them: with Debian's own apt in a root of its own,
//! and over Debian's own sshd to hosts whose dnf and apk are scripts that write down what they were asked for (neither
//! is on Debian).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use cordon_testkit::{corpus, skip};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Ran, cordon, folder, ssh::bundle_of, sshd::Lab};

/// A Debian of its own: a root with one package in version 1, and a repository that has it in version 2.
struct Box {
    dir: PathBuf,
}

/// None where apt, dpkg or root are not at hand.
fn debian(test: &str) -> Option<Box> {
    let has = |tool: &str| Path::new("/usr/bin").join(tool).exists();
    if !(has("apt-get") && has("dpkg-deb")) {
        skip("apt and dpkg-deb are needed");
        return None;
    }
    let me = Command::new("id").arg("-u").output().unwrap();
    if me.stdout != b"0\n" {
        skip("dpkg unpacks as root alone");
        return None;
    }
    let dir = folder(test);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let root = dir.join("box");
    for below in [
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/triggers",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/log/apt",
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/trusted.gpg.d",
    ] {
        fs::create_dir_all(root.join(below)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let os = "NAME=Debian\nID=debian\nVERSION_ID=\"12\"\n";
    fs::write(root.join("etc/os-release"), os).unwrap();
    let arch = Command::new("dpkg")
        .arg("--print-architecture")
        .output()
        .unwrap();
    let arch = String::from_utf8(arch.stdout).unwrap().trim().to_owned();
    let made = Box { dir };
    let repository = made.dir.join("repository");
    fs::create_dir_all(&repository).unwrap();
    let mut index = String::new();
    for version in ["1", "2"] {
        let tree = made.dir.join(format!("tree{version}"));
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join("usr/share/tiny")).unwrap();
        fs::write(tree.join("usr/share/tiny/version"), version).unwrap();
        let control = format!(
            "Package: tiny\nVersion: {version}\nArchitecture: {arch}\nMaintainer: Nobody <nobody@example.org>\nDescription: tiny\n"
        );
        fs::write(tree.join("DEBIAN/control"), &control).unwrap();
        let file = repository.join(format!("tiny_{version}.deb"));
        let built = Command::new("dpkg-deb")
            .args(["--build", "--root-owner-group"])
            .arg(&tree)
            .arg(&file)
            .output();
        assert!(built.unwrap().status.success());
        let bytes = fs::read(&file).unwrap();
        let sum: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        index += &format!(
            "{control}Filename: ./tiny_{version}.deb\nSize: {}\nSHA256: {sum}\n\n",
            bytes.len()
        );
    }
    fs::write(repository.join("Packages"), index).unwrap();
    let feed = format!("Package: tiny\nArchitecture: {arch}\nVersion: 2\n\n");
    fs::write(
        made.dir
            .join("d_dists_stable-security_main_binary-amd64_Packages"),
        feed,
    )
    .unwrap();
    let list = format!(
        "deb [trusted=yes allow-insecure=yes] file:{} ./\n",
        repository.display()
    );
    fs::write(root.join("etc/apt/sources.list"), list).unwrap();
    let at = root.display();
    let config = format!(
        "Dir \"{at}\";\nDir::State::status \"{at}/var/lib/dpkg/status\";\nDir::Bin::dpkg \"/usr/bin/dpkg\";\n\
         Dir::Etc::main \"/dev/null\";\nDPkg::Options {{ \"--root={at}\"; \"--log={at}/var/log/dpkg.log\"; }};\n\
         APT::Sandbox::User \"root\";\nAPT::Architecture \"{arch}\";\n"
    );
    fs::write(made.dir.join("apt.conf"), config).unwrap();
    made.apt(&["update"]);
    made.apt(&["install", "-y", "tiny=1"]);
    assert_eq!(made.version(), "1");
    Some(made)
}

impl Box {
    fn apt(&self, args: &[&str]) {
        let ran = Command::new("apt-get")
            .env("APT_CONFIG", self.dir.join("apt.conf"))
            .args(args)
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "{args:?}: {}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// What lies on its disk.
    fn version(&self) -> String {
        fs::read_to_string(self.dir.join("box/usr/share/tiny/version")).unwrap()
    }

    /// A script in place of `apt-get`, which goes on to the real one by `exec "$REAL"`.
    fn apt_is(&self, script: &str) {
        let bin = self.dir.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let text = format!(
            "#!/bin/sh\nREAL=/usr/bin/apt-get\nDIR={}\n{script}\n",
            self.dir.display()
        );
        executable(&bin.join("apt-get"), &text);
    }

    fn cordon(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", self.dir.join("bin").display()))
            .env("APT_CONFIG", self.dir.join("apt.conf"))
            .arg("patch")
            .args(args);
        Ran::of(command)
    }

    /// With what it is judged by.
    fn judged(&self, args: &[&str]) -> Ran {
        let inventory = format!("box={}", self.dir.join("box").display());
        let advisories = self
            .dir
            .join("d_dists_stable-security_main_binary-amd64_Packages");
        let all = [
            args,
            &[
                "--inventory",
                &inventory,
                "--advisories",
                advisories.to_str().unwrap(),
            ],
        ]
        .concat();
        self.cordon(&all)
    }

    fn plan(&self) -> PathBuf {
        let ran = self.judged(&["plan", "--json"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let path = self.dir.join("plan.json");
        fs::write(&path, &ran.out).unwrap();
        path
    }

    fn state(&self) -> String {
        self.dir.join("state").display().to_string()
    }

    fn apply(&self, more: &[&str]) -> Ran {
        self.judged(&[&["apply", "--here", "box"], more].concat())
    }

    fn rollout(&self, more: &[&str]) -> Value {
        self.cordon(&[&["rollout", "--json", "--state", &self.state()], more].concat())
            .json()
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The only host of the only ring, or of the first.
fn host(rollout: &Value) -> &Value {
    &rollout["rings"][0]["hosts"][0]
}

#[test]
fn what_apt_upgrades_is_proven_by_a_new_audit_and_without_yes_nothing_is_done() {
    let Some(one) = debian("plan-apt") else {
        return;
    };
    let plan = one.plan();
    let plan = plan.to_str().unwrap();
    let dry = one.apply(&[plan]);
    assert_eq!(dry.code, 1, "{}", dry.err);
    assert!(dry.out.contains("ring canary: 1 host"), "{}", dry.out);
    assert!(
        dry.out
            .contains("apt-get install --only-upgrade -y --no-remove"),
        "{}",
        dry.out
    );
    assert!(dry.out.contains("=2\n"), "{}", dry.out);
    assert!(dry.err.contains("nothing was done"), "{}", dry.err);
    assert_eq!(one.version(), "1");
    let state = one.state();
    assert!(!Path::new(&state).exists());

    let ran = one.apply(&[plan, "--yes", "--state", &state]);
    assert_eq!(
        (ran.code, one.version().as_str()),
        (0, "2"),
        "{}{}",
        ran.out,
        ran.err
    );
    let rollout = one.rollout(&[]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"done".into(), &"proven".into())
    );
    let record = &host(&rollout)["record"];
    assert_eq!(record["exit"], 0);
    assert!(
        record["undo"][0]
            .as_str()
            .unwrap()
            .contains("--allow-downgrades"),
        "{record}"
    );
    assert!(
        record["undo_note"].as_str().unwrap().contains("not known"),
        "{record}"
    );
    // There is nothing left to do, and a second rollout is not begun over the first.
    let again = one.judged(&["plan", "--json"]);
    assert_eq!(
        (again.code, again.json()["hosts"].as_array().unwrap().len()),
        (0, 0),
        "{}",
        again.out
    );
    let twice = one.apply(&[plan, "--yes", "--state", &state]);
    assert!(
        twice.code == 2 && twice.err.contains("a rollout is there already"),
        "{}",
        twice.err
    );
}

#[test]
fn a_tool_that_says_done_and_did_nothing_is_contradicted_and_all_stops_until_a_person_has_looked() {
    let Some(one) = debian("plan-lie") else {
        return;
    };
    let plan = one.plan();
    let state = one.state();
    one.apt_is("exit 0");
    let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state]);
    assert_eq!((ran.code, one.version().as_str()), (1, "1"), "{}", ran.err);
    assert!(
        ran.err.contains("halted in ring canary: box: contradicted"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("tiny is 1, and 2 would do"), "{}", ran.err);
    // The liar is gone, and it stays halted all the same.
    one.apt_is("exec \"$REAL\" \"$@\"");
    let resume = ["--resume", "--yes", "--state", &state];
    let ran = one.apply(&resume);
    assert_eq!((ran.code, one.version().as_str()), (1, "1"), "{}", ran.err);
    let rollout = one.rollout(&[]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"halted".into(), &"contradicted".into())
    );
    let rollout = one.rollout(&["--resume-by", "ute"]);
    assert_eq!(
        (&rollout["state"], &host(&rollout)["stage"]),
        (&"open".into(), &"waiting".into())
    );
    let ran = one.apply(&resume);
    assert_eq!((ran.code, one.version().as_str()), (0, "2"), "{}", ran.err);
    let notes = one.rollout(&[])["notes"].to_string();
    assert!(
        notes.contains("ute resumed what was halted by box"),
        "{notes}"
    );
}

#[test]
fn an_exit_code_that_says_no_is_told_and_the_audit_decides() {
    let Some(one) = debian("plan-exit") else {
        return;
    };
    let plan = one.plan();
    one.apt_is("\"$REAL\" \"$@\"; exit 100");
    let state = one.state();
    let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state, "--json"]);
    let rollout = ran.json();
    assert_eq!(
        (ran.code, &host(&rollout)["stage"]),
        (0, &"proven".into()),
        "{}",
        ran.err
    );
    assert_eq!(host(&rollout)["record"]["exit"], 100);
    let notes = rollout["notes"].to_string();
    assert!(
        notes.contains("ended with 100, and the audit proves it"),
        "{notes}"
    );
}

#[test]
fn killed_in_the_middle_it_goes_on_and_looks_before_it_does_it_again() {
    for (upgrades, times) in [(true, 1), (false, 2)] {
        let test = format!("plan-killed-{upgrades}");
        let Some(one) = debian(&test) else { return };
        let plan = one.plan();
        let state = one.state();
        // The first time whoever started it is killed: after the upgrade, or before it.
        let first = if upgrades { "\"$REAL\" \"$@\"" } else { "true" };
        one.apt_is(&format!(
            "echo x >> $DIR/times\nif [ ! -e $DIR/killed ]; then touch $DIR/killed; {first}; kill -9 $PPID; exit 0; fi\nexec \"$REAL\" \"$@\""
        ));
        let ran = one.apply(&[plan.to_str().unwrap(), "--yes", "--state", &state]);
        assert_eq!(ran.code, -1, "{}{}", ran.out, ran.err);
        let rollout = one.rollout(&[]);
        assert_eq!(host(&rollout)["stage"], "running");
        let ran = one.apply(&["--resume", "--yes", "--state", &state]);
        assert_eq!(
            (ran.code, one.version().as_str()),
            (0, "2"),
            "{}{}",
            ran.out,
            ran.err
        );
        assert_eq!(host(&one.rollout(&[]))["stage"], "proven");
        let ran = fs::read_to_string(one.dir.join("times"))
            .unwrap()
            .lines()
            .count();
        assert_eq!(ran, times, "upgraded before the kill: {upgrades}");
    }
}

#[test]
fn who_is_excepted_is_left_out_and_told() {
    let Some(one) = debian("plan-excepted") else {
        return;
    };
    let plan = one.plan();
    let policy = one.dir.join("policy.toml");
    let text = "[[exception]]\nrule = \"patch.*\"\nhost = \"box\"\nsubject = \"package:tiny\"\nowner = \"ute\"\n\
                until = \"2099-01-01T00:00:00Z\"\nreason = \"it moves in May\"\n";
    fs::write(&policy, text).unwrap();
    let state = one.state();
    let policy = policy.to_str().unwrap();
    let ran = one.apply(&[
        plan.to_str().unwrap(),
        "--yes",
        "--state",
        &state,
        "--policy",
        policy,
    ]);
    assert_eq!(one.version(), "1", "{}", ran.err);
    let rollout = one.rollout(&[]);
    assert_eq!(host(&rollout)["stage"], "left out", "{rollout}");
    assert!(
        host(&rollout)["why"]
            .as_str()
            .unwrap()
            .contains("ute until 2099"),
        "{rollout}"
    );
    let planned = one.judged(&["plan", "--json", "--policy", policy]);
    assert_eq!(planned.code, 0, "{}", planned.out);
    assert_eq!(planned.json()["not_mended"][0]["excepted"], true);
}

/// A host over SSH that is a folder: its bundle, its start, its package manager.
struct Remote {
    dir: PathBuf,
}

const ALMA: [&str; 3] = ["NAME=AlmaLinux", "ID=almalinux", "VERSION_ID=\"9.4\""];
const ALPINE: [&str; 3] = ["NAME=Alpine", "ID=alpine", "VERSION_ID=3.20.3"];

fn rpm(version: &str) -> String {
    let waits = version == "1";
    let release = format!(
        "openssl-libs\t1\t3.0.{version}\t1.el9\tx86_64\topenssl-3.0.{version}-1.el9.src.rpm\t(none)\t1700000000"
    );
    bundle_of("rpm", &ALMA, &[("rpm", &[release.as_str()])], waits)
}

fn apk(version: &str) -> String {
    let lines = [
        "C:Q1tZ0p4v3h5XG6G9cS5vX2B3c4d5e=",
        "P:libssl3",
        &format!("V:3.3.{version}-r0"),
        "A:x86_64",
        "o:openssl",
        "",
    ];
    bundle_of("apk", &ALPINE, &[("apk", &lines)], false)
}

/// `tool`: its package manager, which brings the new bundle.
fn remote(lab: &mut Lab, name: &str, tool: &str, old: &str, new: &str) -> Remote {
    let dir = lab.dir.join(format!("host-{name}"));
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::write(dir.join("bundle"), old).unwrap();
    fs::write(dir.join("bundle.new"), new).unwrap();
    fs::write(dir.join("boot"), "first\n").unwrap();
    fs::write(dir.join("failed"), "").unwrap();
    let at = dir.display();
    let manager = format!(
        "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done > {at}/argv\ncp {at}/bundle.new {at}/bundle\n"
    );
    executable(&dir.join("bin").join(tool), &manager);
    let shell = format!(
        "script=$(cat)\ncase \"$script\" in\n\
         *'@cordon-health 1'*) echo '@cordon-health 1'; echo \"boot $(cat {at}/boot)\"; echo services told; cat {at}/failed; echo '@cordon-health-end';;\n\
         *cordon-bundle*) cat {at}/bundle;;\n\
         *'systemctl reboot'*) echo \"boot $$\" > {at}/boot; [ ! -e {at}/bundle.restarted ] || cp {at}/bundle.restarted {at}/bundle; echo '@cordon-begin';;\n\
         *) PATH={at}/bin:$PATH; export PATH; sh -c \"$script\";;\nesac\n"
    );
    fs::write(dir.join("shell"), shell).unwrap();
    lab.host(name, &format!("restrict,command=\"sh {at}/shell\" "), true);
    Remote { dir }
}

const ALSA: &str = r#"{"id":"ALSA-2026:1","summary":"Critical: openssl security update","modified":"2026-11-20T00:00:00Z",
  "related":["CVE-2026-0001"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
  "affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"openssl-libs"},
  "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0.2-1.el9"}]}]}]}"#;

const ALPINE_OSV: &str = r#"{"id":"ALPINE-1","modified":"2026-11-20T00:00:00Z","upstream":["CVE-2026-0001"],
  "affected":[{"package":{"ecosystem":"Alpine:v3.20","name":"openssl"},
  "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.3.2-r0"}]}]}]}"#;

/// The command with what the hosts of a lab are judged by.
fn lab_cordon(lab: &Lab, args: &[&str]) -> Ran {
    let config = lab.dir.join("ssh_config");
    fs::write(&config, &lab.config).unwrap();
    let advisories = lab.dir.join("advisories");
    fs::create_dir_all(&advisories).unwrap();
    fs::write(advisories.join("alma.json"), ALSA).unwrap();
    fs::write(advisories.join("alpine.json"), ALPINE_OSV).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command
        .arg("patch")
        .args(args)
        .arg("--advisories")
        .arg(&advisories)
        .arg("--ssh-config")
        .arg(config);
    Ran::of(command)
}

#[test]
fn hosts_over_ssh_are_done_ring_by_ring_restarted_and_proven() {
    let Some(mut lab) = Lab::new("plan-ssh") else {
        return;
    };
    let red = remote(
        &mut lab,
        "red",
        "dnf",
        &rpm("1"),
        &rpm("1").replace("3.0.1", "3.0.2"),
    );
    fs::write(red.dir.join("bundle.restarted"), rpm("2")).unwrap();
    let tiny = remote(&mut lab, "tiny", "apk", &apk("1"), &apk("2"));
    let reach = lab.dir.join("reachable.csv");
    fs::write(&reach, "host,port,package\nred,443,openssl\n").unwrap();
    let ran = lab_cordon(
        &lab,
        &[
            "plan",
            "--json",
            "--ssh",
            "red",
            "tiny",
            "--reachable",
            reach.to_str().unwrap(),
        ],
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    let plan = ran.json();
    let step = &plan["hosts"][0]["steps"][0];
    assert_eq!(
        (&step["rank"], &step["why"][0]["reachable"][0]),
        (&"reachable_and_wormable".into(), &"tcp/443".into()),
        "{plan:#}"
    );
    let path = lab.dir.join("plan.json");
    fs::write(&path, &ran.out).unwrap();
    let policy = lab.dir.join("policy.toml");
    let rings = "[[patch.ring]]\nname = \"first\"\nhosts = [\"tiny\"]\nwait = \"0s\"\n\
                 [[patch.ring]]\nname = \"last\"\nhosts = [\"*\"]\nwait = \"0s\"\n";
    fs::write(&policy, rings).unwrap();
    let state = lab.dir.join("state");
    let (path, policy, state) = (
        path.to_str().unwrap(),
        policy.to_str().unwrap(),
        state.to_str().unwrap(),
    );
    let ran = lab_cordon(
        &lab,
        &[
            "apply",
            path,
            "--ssh",
            "red",
            "tiny",
            "--policy",
            policy,
            "--yes",
            "--state",
            state,
            "--restart",
            "--json",
        ],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let rollout = ran.json();
    let rings: Vec<(&str, &str)> = rollout["rings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ring| {
            (
                ring["ring"].as_str().unwrap(),
                ring["hosts"][0]["host"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(rings, [("first", "tiny"), ("last", "red")]);
    assert!(
        ran.err.find("tiny: audited, proven").unwrap() < ran.err.find("red: ran").unwrap(),
        "{}",
        ran.err
    );
    for word in ["red: told to restart", "red: back"] {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    let argv = |one: &Remote| fs::read_to_string(one.dir.join("argv")).unwrap();
    assert_eq!(
        argv(&red),
        "upgrade\n-y\nopenssl-libs-1:3.0.2-1.el9.x86_64\n"
    );
    assert_eq!(argv(&tiny), "add\n--upgrade\nlibssl3=3.3.2-r0\n");
}

#[test]
fn a_host_that_feels_worse_halts_what_comes_behind_it() {
    let Some(mut lab) = Lab::new("plan-sick") else {
        return;
    };
    let sick = remote(&mut lab, "sick", "apk", &apk("1"), &apk("2"));
    let next = remote(&mut lab, "next", "apk", &apk("1"), &apk("2"));
    let breaks = format!(
        "#!/bin/sh\ncp {at}/bundle.new {at}/bundle\necho failed nginx.service > {at}/failed\n",
        at = sick.dir.display()
    );
    executable(&sick.dir.join("bin/apk"), &breaks);
    let ran = lab_cordon(&lab, &["plan", "--json", "--ssh", "sick", "next"]);
    let path = lab.dir.join("plan.json");
    fs::write(&path, &ran.out).unwrap();
    let policy = lab.dir.join("policy.toml");
    fs::write(
        &policy,
        "[[patch.ring]]\nname = \"first\"\nhosts = [\"sick\"]\nwait = \"0s\"\n",
    )
    .unwrap();
    let state = lab.dir.join("state");
    let ran = lab_cordon(
        &lab,
        &[
            "apply",
            path.to_str().unwrap(),
            "--ssh",
            "sick",
            "next",
            "--policy",
            policy.to_str().unwrap(),
            "--yes",
            "--state",
            state.to_str().unwrap(),
        ],
    );
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.err
            .contains("sick: the worse for it: failed since: nginx.service"),
        "{}",
        ran.err
    );
    assert!(
        !next.dir.join("argv").exists(),
        "nothing was begun behind it"
    );
}

/// A plan that somebody wrote by hand to be run as root.
#[test]
fn a_hostile_plan_runs_nothing() {
    let dir = folder("plan-hostile");
    for (name, version) in [
        ("a;touch x", "2"),
        ("-oX=y", "2"),
        ("a", "$(touch x)"),
        ("a", "2'\ntouch x"),
    ] {
        let plan = serde_json::json!({
            "schema": "cordon-plan/1", "made": "2026-11-25T00:00:00Z", "not_mended": [], "cannot": [],
            "hosts": [{"host": "box", "kind": "deb", "steps": [{
                "deed": {"upgrade": [{"name": name, "arch": "", "from": "1", "to": version}]},
                "rank": "rest", "needs_restart": "nothing", "why": [],
            }]}],
        });
        let path = dir.join("plan.json");
        fs::write(&path, plan.to_string()).unwrap();
        let ran = cordon([
            "patch",
            "apply",
            path.to_str().unwrap(),
            "--here",
            "box",
            "--advisories",
            path.to_str().unwrap(),
        ]);
        assert!(
            ran.code != 0 && !ran.out.contains("touch"),
            "{name}: {}{}",
            ran.out,
            ran.err
        );
        let feed = dir.join("d_dists_stable-security_main_binary-amd64_Packages");
        fs::write(&feed, "Package: a\nArchitecture: amd64\nVersion: 2\n\n").unwrap();
        let ran = cordon([
            "patch",
            "apply",
            path.to_str().unwrap(),
            "--here",
            "box",
            "--advisories",
            feed.to_str().unwrap(),
        ]);
        assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("box: not done: expected"), "{}", ran.err);
        assert!(!ran.out.contains("apt-get"), "{}", ran.out);
    }
}

/// Debian hosts from files, each with its own packages in version 1.
fn files(dir: &Path, hosts: &[(&str, &[&str])]) -> Vec<String> {
    let feed = "Package: openssl\nArchitecture: amd64\nVersion: 2\n\nPackage: bash\nArchitecture: amd64\nVersion: 2\n\n\
                Package: libc6\nArchitecture: amd64\nVersion: 2\n\n";
    fs::write(
        dir.join("d_dists_stable-security_main_binary-amd64_Packages"),
        feed,
    )
    .unwrap();
    let host = |(name, packages): &(&str, &[&str])| {
        let stanza = |package: &&str| {
            format!(
                "Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
            )
        };
        let path = dir.join(format!("{name}_status"));
        fs::write(&path, packages.iter().map(stanza).collect::<String>()).unwrap();
        format!("{name}={}", path.display())
    };
    hosts.iter().map(host).collect()
}

fn plan_of(dir: &Path, hosts: &[String], more: &[&str]) -> Ran {
    let feed = dir.join("d_dists_stable-security_main_binary-amd64_Packages");
    let mut args = vec![
        "patch",
        "plan",
        "--advisories",
        feed.to_str().unwrap(),
        "--inventory",
    ];
    args.extend(hosts.iter().map(String::as_str));
    args.extend(more);
    cordon(args)
}

#[test]
fn a_plan_is_read_by_host_and_by_step_where_many_share_it() {
    let dir = folder("plan-shown");
    let few = files(&dir, &[("web1", &["openssl", "libc6"]), ("db", &["bash"])]);
    let ran = plan_of(&dir, &few, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let expected = "db\n  1. upgrade bash:amd64 1 -> 2 [not rated]\n     mends bash\nweb1\n  1. upgrade openssl:amd64 1 -> 2 \
                    [not rated]\n     mends openssl\n  2. upgrade libc6:amd64 1 -> 2 [not rated]; then restart the host\n     mends libc6\n";
    assert_eq!(ran.out, expected);
    assert!(
        ran.err.contains("3 steps on 2 hosts mend 3 rows"),
        "{}",
        ran.err
    );
    let ran = plan_of(&dir, &few, &["--host", "d*"]);
    assert!(
        ran.out.contains("bash") && !ran.out.contains("web1"),
        "{}",
        ran.out
    );
    let names: Vec<String> = (0..42).map(|nth| format!("h{nth}")).collect();
    let hosts: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), &["openssl"][..]))
        .collect();
    let many = files(&dir, &hosts);
    let ran = plan_of(&dir, &many, &[]);
    assert!(
        ran.out
            .starts_with("42 hosts: openssl -> 2 [not rated; no restart]\n    h0, "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("and 30 more"), "{}", ran.out);
    // What nobody asked cannot be planned, and is told.
    let list = dir.join("all.txt");
    fs::write(&list, "web1\ndb\nghost\n").unwrap();
    let ran = plan_of(&dir, &few, &["--expect", list.to_str().unwrap(), "--json"]);
    assert_eq!(ran.json()["cannot"][0]["host"], "ghost");
    let broken = vec!["web9=/nonexistent".to_owned(), few[1].clone()];
    assert_eq!(plan_of(&dir, &broken, &[]).code, 5);
    let ran = plan_of(&dir, &few, &["--reachable", list.to_str().unwrap()]);
    assert!(ran.code == 2 && ran.err.contains("E0209"), "{}", ran.err);
}

/// Every text of a YAML document.
fn texts(yaml: &Yaml<'_>, found: &mut Vec<String>) {
    if let Some(text) = yaml.as_str() {
        found.push(text.to_owned());
    }
    for one in yaml.as_sequence().into_iter().flatten() {
        texts(one, found);
    }
    for (key, value) in yaml.as_mapping().into_iter().flatten() {
        texts(key, found);
        texts(value, found);
    }
}

#[test]
fn ansible_gets_yaml_that_says_exactly_the_plan() {
    let dir = folder("plan-ansible");
    let hosts = files(
        &dir,
        &[
            ("web1", &["openssl", "libc6"]),
            ("web2", &["openssl", "libc6"]),
            ("no", &["bash"]),
            ("x[1:9]", &["bash"]),
        ],
    );
    let out = dir.join("ansible");
    let ran = plan_of(&dir, &hosts, &["--ansible", out.to_str().unwrap()]);
    assert!(ran.err.contains("x[1:9] is in no playbook"), "{}", ran.err);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let load = |text: &str| -> Vec<String> {
        let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(documents.len(), 1);
        let mut found = Vec::new();
        texts(&documents[0], &mut found);
        found
    };
    let inventory = read("inventory.yml");
    let names = load(&inventory);
    for name in ["web1", "web2", "no"] {
        assert!(names.iter().any(|one| one == name), "{name}: {inventory}"); // `no` is a name, not a refusal
    }
    let playbook = read("playbook.yml");
    let words = load(&playbook);
    for word in [
        "openssl:amd64=2",
        "libc6:amd64=2",
        "bash:amd64=2",
        "ansible.builtin.apt",
        "not rated, then restart the host",
    ] {
        assert!(words.iter().any(|one| one == word), "{word}: {playbook}");
    }
    assert_eq!(
        playbook.matches("- name: \"Cordon: ").count(),
        2,
        "hosts that do the same are one play: {playbook}"
    );
    assert_eq!(load(&read("windows.yml")).len(), 0);
}

#[test]
fn of_windows_the_smallest_set_is_named_and_wsus_gets_its_list() {
    let (Ok(definitions), Ok(systeminfo)) = (
        corpus("patches/windows/definitions"),
        corpus("patches/windows/systeminfo"),
    ) else {
        return;
    };
    let dir = folder("plan-wsus");
    let mut hosts: Vec<PathBuf> = fs::read_dir(&systeminfo)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    hosts.sort();
    let host = hosts
        .iter()
        .find(|path| {
            path.to_string_lossy()
                .contains("7_sp1_x64_enterprise_en-us_A_systeminfo")
        })
        .unwrap();
    let wsus = dir.join("wsus.csv");
    let inventory = format!("pc={}", host.display());
    let run = |more: &[&str]| {
        let mut args = vec![
            "patch",
            "plan",
            "--advisories",
            definitions.to_str().unwrap(),
            "--inventory",
            &inventory,
        ];
        args.extend(more);
        cordon(args)
    };
    let plan = run(&["--json", "--wsus", wsus.to_str().unwrap()]);
    assert!(matches!(plan.code, 1 | 5), "{}", plan.err);
    let plan = plan.json();
    let steps = plan["hosts"][0]["steps"].as_array().unwrap().clone();
    let kbs: Vec<&str> = steps
        .iter()
        .map(|step| step["deed"]["install"]["kb"].as_str().unwrap())
        .collect();
    let mut args = vec![
        "patch",
        "audit",
        "--json",
        "--advisories",
        definitions.to_str().unwrap(),
        "--inventory",
        &inventory,
    ];
    args.push("--all");
    let audit = cordon(args);
    let line = audit
        .err
        .lines()
        .find(|line| line.starts_with("pc: install "))
        .unwrap();
    let mut named: Vec<&str> = line
        .rsplit("install ")
        .next()
        .unwrap()
        .split(", ")
        .collect();
    let mut planned = kbs.clone();
    named.sort_unstable();
    planned.sort_unstable();
    assert_eq!(planned, named, "the plan is the set that the audit names");
    // Every row that is missing is mended by one of them.
    let missing = audit
        .lines()
        .into_iter()
        .filter(|row| row["state"] == "missing");
    let mends: Vec<String> = steps
        .iter()
        .flat_map(|step| step["why"].as_array().unwrap())
        .map(|row| row["package"].as_str().unwrap().to_owned())
        .collect();
    for row in missing {
        let package = row["package"].as_str().unwrap();
        assert!(mends.iter().any(|one| one == package), "{package}");
    }
    let text = fs::read_to_string(&wsus).unwrap();
    assert!(text.starts_with("KB,Title,Hosts\r\n"), "{text}");
    assert_eq!(text.lines().count(), kbs.len() + 1);
    assert!(
        text.lines()
            .skip(1)
            .all(|line| line.starts_with("\"KB") && line.ends_with("\",1")),
        "{text}"
    );
}
