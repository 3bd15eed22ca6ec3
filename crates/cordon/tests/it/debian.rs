//! A Debian in a root of its own, with Debian's own apt and dpkg and no network: what an executor does there is real.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use cordon_testkit::skip;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Ran, folder};

const FEED: &str = "d_dists_stable-security_main_binary-amd64_Packages";

/// A root with one package in version 1, and a repository that has it in version 2.
pub(crate) struct Box {
    pub(crate) dir: PathBuf,
}

/// None where apt, dpkg or root are not at hand.
pub(crate) fn debian(test: &str) -> Option<Box> {
    let has = |tool: &str| Path::new("/usr/bin").join(tool).exists();
    if !(has("apt-get") && has("dpkg-deb")) {
        skip("apt and dpkg-deb are needed");
        return None;
    }
    let said = |tool: &str, argument: &str| {
        let said = Command::new(tool).arg(argument).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    if said("id", "-u") != "0" {
        skip("dpkg unpacks as root alone");
        return None;
    }
    let made = Box { dir: folder(test) };
    fs::set_permissions(&made.dir, fs::Permissions::from_mode(0o755)).unwrap();
    let arch = said("dpkg", "--print-architecture");
    made.publish(&arch);
    made.root(&arch);
    made.apt(&["update"]);
    made.apt(&["install", "-y", "tiny=1"]);
    assert_eq!(made.version(), "1");
    Some(made)
}

impl Box {
    /// A repository that has both versions, and a feed that asks for the second.
    fn publish(&self, arch: &str) {
        let repository = self.dir.join("repository");
        fs::create_dir_all(&repository).unwrap();
        let stanza = |version: &str| {
            let tree = self.dir.join(format!("tree{version}"));
            fs::create_dir_all(tree.join("DEBIAN")).unwrap();
            fs::create_dir_all(tree.join("usr/share/tiny")).unwrap();
            fs::write(tree.join("usr/share/tiny/version"), version).unwrap();
            let control = format!(
                "Package: tiny\nVersion: {version}\nArchitecture: {arch}\n\
                 Maintainer: Nobody <nobody@example.org>\nDescription: tiny\n"
            );
            fs::write(tree.join("DEBIAN/control"), &control).unwrap();
            let name = format!("tiny_{version}.deb");
            let built = Command::new("dpkg-deb")
                .args(["--build", "--root-owner-group"])
                .arg(&tree)
                .arg(repository.join(&name))
                .output();
            assert!(built.unwrap().status.success());
            let bytes = fs::read(repository.join(&name)).unwrap();
            let sum: Vec<String> = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!(
                "{control}Filename: ./{name}\nSize: {}\nSHA256: {}\n\n",
                bytes.len(),
                sum.concat()
            )
        };
        let index = ["1", "2"].map(stanza).concat();
        fs::write(repository.join("Packages"), index).unwrap();
        let feed = format!("Package: tiny\nArchitecture: {arch}\nVersion: 2\n\n");
        fs::write(self.dir.join(FEED), feed).unwrap();
    }

    /// A root that apt and dpkg take for their own.
    fn root(&self, arch: &str) {
        let root = self.dir.join("box");
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
        let repository = self.dir.join("repository");
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
        fs::write(self.dir.join("apt.conf"), config).unwrap();
    }

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
    pub(crate) fn version(&self) -> String {
        fs::read_to_string(self.dir.join("box/usr/share/tiny/version")).unwrap()
    }

    /// A script in place of `apt-get`, which goes on to the real one by `exec "$REAL"`.
    pub(crate) fn apt_is(&self, script: &str) {
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
    pub(crate) fn judged(&self, args: &[&str]) -> Ran {
        let inventory = format!("box={}", self.dir.join("box").display());
        let advisories = self.dir.join(FEED);
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

    pub(crate) fn plan(&self) -> PathBuf {
        let ran = self.judged(&["plan", "--json"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let path = self.dir.join("plan.json");
        fs::write(&path, &ran.out).unwrap();
        path
    }

    pub(crate) fn state(&self) -> String {
        self.dir.join("state").display().to_string()
    }

    pub(crate) fn apply(&self, more: &[&str]) -> Ran {
        self.judged(&[&["apply", "--here", "box"], more].concat())
    }

    pub(crate) fn rollout(&self, more: &[&str]) -> Value {
        self.cordon(&[&["rollout", "--json", "--state", &self.state()], more].concat())
            .json()
    }
}

pub(crate) fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The only host of the only ring, or of the first.
pub(crate) fn host(rollout: &Value) -> &Value {
    &rollout["rings"][0]["hosts"][0]
}
