//! A live upgrade in a private root. What is real: a dpkg database, packages that `dpkg-deb` builds and `dpkg`
//! unpacks and renames into place, a library of two builds that the linker of this machine makes, and a process
//! that maps it and keeps running. What is not: the machine is not restarted, so where a test needs another
//! kernel to run, it is another folder in place of `/proc/sys/kernel` that says so.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cordon_testkit::skip;
use serde_json::Value;

use crate::{Ran, cordon, folder};

/// Where the library lies in the root; the name by which the loader asks for it is a link beside it.
const LIBRARY: &str = "usr/lib/libcordonprobe.so.1.0.0";
const SONAME: &str = "libcordonprobe.so.1";

#[track_caller]
fn done(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// A root with a database of dpkg's own, empty as `dpkg` wants it.
struct Root(PathBuf);

impl Root {
    fn new(test: &str) -> Option<Self> {
        for tool in ["dpkg", "dpkg-deb", "cc"] {
            if Command::new(tool).arg("--version").output().is_err() {
                let _ = skip(&format!("needs {tool}")); // because who asked returns as well
                return None;
            }
        }
        let root = folder(test).canonicalize().unwrap().join("root");
        for below in [
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "usr/lib",
            "run",
            "sys",
        ] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        symlink("/proc", root.join("proc")).unwrap();
        Some(Self(root))
    }

    fn at(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    /// A folder beside the root, for what is not in it.
    fn aside(&self, name: &str) -> PathBuf {
        let path = self.0.with_file_name(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A package of these files, installed by dpkg: unpacked beside what is there and renamed over it.
    fn install(&self, name: &str, version: &str, files: &[(&str, &[u8])]) {
        let built = self.aside(&format!("{name}_{version}"));
        fs::create_dir_all(built.join("DEBIAN")).unwrap();
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.org>\n\
             Description: a test\n"
        );
        fs::write(built.join("DEBIAN/control"), control).unwrap();
        for (path, content) in files {
            let path = built.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        if let Some((library, _)) = files.iter().find(|(path, _)| path.contains(SONAME)) {
            let link = built.join(library).with_file_name(SONAME);
            symlink(Path::new(library).file_name().unwrap(), link).unwrap();
        }
        let deb = built.with_extension("deb");
        let mut packer = Command::new("dpkg-deb");
        done(
            packer
                .args(["--root-owner-group", "--build"])
                .arg(&built)
                .arg(&deb),
        );
        let mut dpkg = self.dpkg();
        done(dpkg.arg("--install").arg(&deb));
    }

    fn remove(&self, name: &str) {
        done(self.dpkg().args(["--purge", name]));
    }

    fn dpkg(&self) -> Command {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.0.display()))
            .args(["--force-not-root", "--force-bad-path", "--force-unsafe-io"])
            .args(["--log=/dev/null", "--no-triggers"]);
        dpkg
    }

    /// The library's build `number`, and a package of it.
    fn library(&self, number: usize, file: &str) {
        let version = format!("1.0-{number}");
        self.install("libcordonprobe1", &version, &[(file, &build(self, number))]);
    }

    /// The audit of this root, by an index that asks for the second build.
    fn audit(&self) -> Ran {
        let index = self.aside("feed").join("Packages");
        let text = "Package: libcordonprobe1\nVersion: 1.0-2\nArchitecture: all\n\n";
        fs::write(&index, text).unwrap();
        cordon(
            ["patch", "audit", "--json", "--all", "--root"]
                .map(Into::into)
                .into_iter()
                .chain([
                    self.0.clone().into_os_string(),
                    "--advisories".into(),
                    index.into_os_string(),
                ]),
        )
    }
}

/// A library whose builds differ in code, tables and build-id. Its table of pointers is what the loader writes
/// and then makes read-only, as every real library has one.
fn build(root: &Root, number: usize) -> Vec<u8> {
    let place = root.aside("build");
    let words: Vec<String> = (0..number * 8)
        .map(|word| format!("\"word {word}\""))
        .collect();
    let code = format!(
        "const char *const cordon_words[] = {{{}}};\nint cordon_build(void) {{ return {number}; }}\n",
        words.join(", ")
    );
    let (source, library) = (place.join("probe.c"), place.join(format!("{number}.so")));
    fs::write(&source, code).unwrap();
    let mut cc = Command::new("cc"); // what links Rust on this machine
    cc.args(["-shared", "-fPIC", "-O1", "-Wl,-z,relro,-z,now"])
        .arg(format!("-Wl,-soname,{SONAME}"))
        .arg(format!("-Wl,--build-id=0x{number:040x}"))
        .arg("-o")
        .arg(&library)
        .arg(&source);
    done(&mut cc);
    fs::read(library).unwrap()
}

/// A `cat` that has answered once, so that all it maps is mapped, and waits for more.
struct Cat(Child);

impl Cat {
    /// With the library of the root, as the loader finds it by its name.
    fn of(root: &Root) -> Self {
        Self::start(Command::new("cat").env("LD_PRELOAD", root.at("usr/lib").join(SONAME)))
    }

    fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut cat = Self(piped.spawn().unwrap());
        cat.0.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        cat.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        cat
    }

    /// The rows that name this process.
    fn rows(&self, root: &Root) -> Vec<Value> {
        let ran = root.audit();
        assert!(matches!(ran.code, 0 | 1), "{}", ran.err);
        let named = format!("cat ({})", self.0.id());
        let rows = ran.lines().into_iter();
        rows.filter(|row| {
            row["reason"]
                .as_str()
                .is_some_and(|why| why.contains(&named))
        })
        .collect()
    }

    /// The one row that names it: of this file, and what became of it.
    #[track_caller]
    fn runs_an_old(&self, root: &Root, file: &str, what: &str) -> Value {
        let mut rows = self.rows(root);
        assert_eq!(rows.len(), 1, "{rows:?}");
        let row = rows.remove(0);
        let path = root.at(file);
        assert_eq!(row["package"], path.display().to_string(), "{row}");
        assert_eq!(row["state"], "missing", "{row}");
        let why = row["reason"].as_str().unwrap();
        assert!(
            why.starts_with("installed, not running: it ") && why.contains(what),
            "{why}"
        );
        row
    }

    /// Ends it and starts another: what an administrator does.
    #[track_caller]
    fn restarted_is_clear(self, root: &Root) {
        drop(self);
        let again = Self::of(root);
        assert_eq!(again.rows(root), Vec::<Value>::new());
    }
}

impl Drop for Cat {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What dpkg's list says of the library: the rung below what runs.
#[track_caller]
fn listed(root: &Root, state: &str) {
    let ran = root.audit();
    let rows = ran.lines();
    let row = rows.iter().find(|row| row["package"] == "libcordonprobe1");
    assert_eq!(row.unwrap()["state"], state, "{}", ran.out);
}

#[test]
fn a_library_that_dpkg_upgraded_runs_on_until_its_process_is_restarted() {
    let Some(root) = Root::new("upgrade-replaced") else {
        return;
    };
    root.library(1, LIBRARY);
    let cat = Cat::of(&root);
    assert_eq!(cat.rows(&root), Vec::<Value>::new(), "nothing is old yet");
    listed(&root, "missing");
    root.library(2, LIBRARY);
    listed(&root, "proven"); // and yet:
    let row = cat.runs_an_old(&root, LIBRARY, "was replaced");
    assert_eq!(row["fixed"], format!("{:040x}", 2), "the build on disk");
    cat.restarted_is_clear(&root);
}

/// Most libraries of Debian have their version in the name of their file: the old file goes.
#[test]
fn a_library_whose_file_dpkg_took_away_is_told_as_deleted() {
    let Some(root) = Root::new("upgrade-renamed") else {
        return;
    };
    root.library(1, LIBRARY);
    let cat = Cat::of(&root);
    root.library(2, "usr/lib/libcordonprobe.so.1.0.1");
    assert!(!root.at(LIBRARY).exists(), "dpkg removed the old file");
    cat.runs_an_old(&root, LIBRARY, "was deleted");
    cat.restarted_is_clear(&root);
}

#[test]
fn a_library_whose_package_was_removed_is_told_as_deleted() {
    let Some(root) = Root::new("upgrade-removed") else {
        return;
    };
    root.install(
        "base-files",
        "1",
        &[("etc/base", b"a system has other packages")],
    );
    root.library(1, LIBRARY);
    let cat = Cat::of(&root);
    root.remove("libcordonprobe1");
    cat.runs_an_old(&root, LIBRARY, "was deleted");
}

/// A bad installer: it writes into the file, and puts the time back that was there.
#[test]
fn a_library_overwritten_in_place_with_its_time_put_back_is_found() {
    let Some(root) = Root::new("upgrade-overwritten") else {
        return;
    };
    root.library(1, LIBRARY);
    let cat = Cat::of(&root);
    let path = root.at(LIBRARY);
    let (new, before) = (
        root.aside("new").join("new.so"),
        fs::metadata(&path).unwrap(),
    );
    fs::write(&new, build(&root, 2)).unwrap();
    done(Command::new("cp").arg(&new).arg(&path));
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(after.ino(), before.ino(), "the same file");
    }
    let row = cat.runs_an_old(&root, LIBRARY, "was overwritten in place");
    assert_eq!(row["fixed"], format!("{:040x}", 2), "the build on disk");
    cat.restarted_is_clear(&root);
}

/// An administrator who wants to be able to go back: the old file stays, under another name.
#[test]
fn a_library_moved_aside_before_the_upgrade_is_found() {
    let Some(root) = Root::new("upgrade-moved") else {
        return;
    };
    root.library(1, LIBRARY);
    let cat = Cat::of(&root);
    fs::rename(root.at(LIBRARY), root.at("usr/lib/libcordonprobe.old")).unwrap();
    root.library(2, LIBRARY);
    let name = format!("usr/lib/{SONAME}"); // as the loader asked for it
    let row = cat.runs_an_old(&root, &name, "was replaced");
    let builds = [1, 2].map(|number| format!("{number:040x}"));
    assert_eq!(
        [&row["installed"], &row["fixed"]],
        [&builds[0], &builds[1]],
        "{row}"
    );
    cat.restarted_is_clear(&root);
}

/// A root of its own, entered: the program and what it maps are copied into it, the library is dpkg's.
#[test]
fn a_process_in_the_private_root_is_named_with_its_file() {
    if !is_root() {
        return drop(skip("only root may chroot"));
    }
    let Some(root) = Root::new("upgrade-chroot") else {
        return;
    };
    root.library(1, LIBRARY);
    furnish(&root);
    let start = || {
        let mut command = Command::new("chroot");
        command.arg(&root.0).args(["/usr/bin/env"]);
        Cat::start(
            command
                .arg(format!("LD_PRELOAD=/usr/lib/{SONAME}"))
                .arg("/usr/bin/cat"),
        )
    };
    let cat = start();
    assert_eq!(cat.rows(&root), Vec::<Value>::new());
    root.library(2, LIBRARY);
    cat.runs_an_old(&root, LIBRARY, "was replaced");
    drop(cat);
    assert_eq!(start().rows(&root), Vec::<Value>::new());
}

/// A container: its mounts are its own, and the library that it sees under the same name is its own copy.
#[test]
fn a_container_with_its_own_copy_is_not_accused_of_the_hosts_upgrade() {
    if !is_root() {
        return drop(skip("only root may have mounts of its own"));
    }
    let Some(root) = Root::new("upgrade-container") else {
        return;
    };
    root.library(1, LIBRARY);
    let own = root.aside("own").join("libcordonprobe.so.1.0.0");
    fs::copy(root.at(LIBRARY), &own).unwrap();
    // The whole folder is another one, as an image's is; so is the library in it.
    symlink("libcordonprobe.so.1.0.0", own.with_file_name(SONAME)).unwrap();
    let script = "mount --bind \"$1\" \"$2\" && LD_PRELOAD=\"$2\"/libcordonprobe.so.1 exec cat";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", script, "sh"]);
    let container = Cat::start(unshare.arg(own.parent().unwrap()).arg(root.at("usr/lib")));
    let host = Cat::of(&root);
    let mapped = fs::read_to_string(format!("/proc/{}/maps", container.0.id())).unwrap();
    assert!(mapped.contains("libcordonprobe.so.1.0.0"), "{mapped}");
    root.library(2, LIBRARY);
    host.runs_an_old(&root, LIBRARY, "was replaced");
    assert_eq!(container.rows(&root), Vec::<Value>::new());
    // Its own copy is another matter.
    let new = own.with_file_name("new");
    fs::copy(root.at(LIBRARY), &new).unwrap();
    fs::rename(&new, &own).unwrap();
    let rows = container.rows(&root);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0]["reason"].as_str().unwrap().contains("was replaced"));
}

/// Puts `cat`, `env` and all they map into a root, under the host's own names.
fn furnish(root: &Root) {
    let cat = Cat::start(&mut Command::new("cat"));
    let mapped = fs::read_to_string(format!("/proc/{}/maps", cat.0.id())).unwrap();
    let mut files: Vec<&str> = mapped
        .lines()
        .filter_map(|line| line.split_once('/'))
        .map(|(_, path)| path)
        .collect();
    files.dedup();
    let elf = |path: &&str| {
        fs::read(Path::new("/").join(path)).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"))
    };
    let programs = ["usr/bin/cat", "usr/bin/env"];
    for file in files.into_iter().filter(elf).chain(programs) {
        let to = root.at(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(Path::new("/").join(file), to).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            symlink(target, root.at(name)).unwrap();
        }
    }
    let loader = "lib64/ld-linux-x86-64.so.2";
    if let Ok(target) = fs::canonicalize(Path::new("/").join(loader))
        && !root.at(loader).exists()
    {
        fs::create_dir_all(root.at("usr/lib64")).unwrap();
        symlink(target, root.at("usr/lib64/ld-linux-x86-64.so.2")).unwrap();
    }
}

/// The kernel's row.
#[track_caller]
fn kernel(root: &Root) -> Value {
    let ran = root.audit();
    let rows = ran.lines().into_iter();
    let mut found: Vec<Value> = rows.filter(|row| row["package"] == "kernel").collect();
    assert_eq!(found.len(), 1, "{}\n{}", ran.out, ran.err);
    found.remove(0)
}

/// A package of a kernel, as far as dpkg knows one.
fn image(root: &Root, release: &str, version: &str) {
    let path = format!("boot/vmlinuz-{release}");
    root.install(
        &format!("linux-image-{release}"),
        version,
        &[(&path, b"no kernel")],
    );
}

/// The machine as if it had been started with this kernel: all else of `/proc` is the real one.
fn started_with(root: &Root, release: &str, version: &str) {
    let proc = root.at("proc");
    if proc.is_symlink() {
        fs::remove_file(&proc).unwrap();
        fs::create_dir_all(proc.join("sys/kernel")).unwrap();
        for name in ["self", "stat", "1"] {
            symlink(Path::new("/proc").join(name), proc.join(name)).unwrap();
        }
    }
    fs::write(proc.join("sys/kernel/osrelease"), format!("{release}\n")).unwrap();
    let build = format!("#1 SMP PREEMPT_DYNAMIC Debian {version} (2026-01-01)\n");
    fs::write(proc.join("sys/kernel/version"), build).unwrap();
}

/// Real: the packages, dpkg's database and its upgrades. Not real: which kernel runs, and the restart.
#[test]
fn a_kernel_that_dpkg_installed_waits_for_the_restart() {
    let Some(root) = Root::new("upgrade-kernel") else {
        return;
    };
    image(&root, "6.1.0-18-amd64", "6.1.76-1");
    started_with(&root, "6.1.0-18-amd64", "6.1.76-1");
    assert_eq!(kernel(&root)["state"], "proven");
    // The same name, built again.
    image(&root, "6.1.0-18-amd64", "6.1.76-2");
    let told = kernel(&root);
    assert_eq!(told["state"], "missing", "{told}");
    started_with(&root, "6.1.0-18-amd64", "6.1.76-2");
    assert_eq!(kernel(&root)["state"], "proven");
    // Another name beside it; another flavour and a meta package say nothing.
    image(&root, "6.1.0-99-rt-amd64", "6.1.200-1");
    root.install(
        "linux-image-amd64",
        "6.1.200-1",
        &[("usr/share/doc/x", b"x")],
    );
    assert_eq!(kernel(&root)["state"], "proven");
    image(&root, "6.1.0-21-amd64", "6.1.90-1");
    let told = kernel(&root);
    assert_eq!(
        (&told["state"], &told["installed"], &told["fixed"]),
        (
            &"missing".into(),
            &"6.1.0-18-amd64".into(),
            &"6.1.0-21-amd64".into()
        ),
        "{told}"
    );
    let why = "installed, not running: linux-image-6.1.0-21-amd64 6.1.90-1 waits for a restart";
    assert_eq!(told["reason"], why);
    // The old one goes while it runs: apt autoremove.
    root.remove("linux-image-6.1.0-18-amd64");
    assert_eq!(kernel(&root)["state"], "missing");
    started_with(&root, "6.1.0-21-amd64", "6.1.90-1");
    assert_eq!(kernel(&root)["state"], "proven");
}

/// Real: the kernel that runs on this machine, and the packages that say what would run after a restart. The
/// restart is real in neither: the package of what runs takes the place of the newer one.
#[test]
fn the_kernel_of_this_machine_is_held_against_packages_of_its_flavour() {
    let Some(root) = Root::new("upgrade-this-kernel") else {
        return;
    };
    let running = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let running = running.trim();
    let (version, flavour) = match running.split_once('-') {
        // `6.1.0-18-amd64`; `6.18.44-fc`
        Some((version, rest)) => match rest.split_once('-') {
            Some((number, flavour)) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                (format!("{version}-{number}"), flavour)
            }
            _ => (version.to_owned(), rest),
        },
        None => (running.to_owned(), ""),
    };
    let of_a_package =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '+');
    if flavour.is_empty()
        || !running.chars().all(of_a_package)
        || !flavour.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        // No package of Debian could have brought it: then nothing is said of it.
        image(&root, "6.1.0-18-amd64", "6.1.76-1");
        assert_eq!(kernel(&root)["state"], "unknown");
        return;
    }
    let newer = format!("999.{version}-{flavour}");
    image(&root, &newer, "999.1-1");
    let told = kernel(&root);
    assert_eq!(
        (&told["state"], &told["fixed"]),
        (&"missing".into(), &newer.as_str().into()),
        "{told}"
    );
    assert_eq!(told["installed"], running);
    root.remove(&format!("linux-image-{newer}"));
    image(&root, running, &version);
    let told = kernel(&root);
    let built = fs::read_to_string("/proc/sys/kernel/version").unwrap();
    if !built.contains("Debian") && !built.contains("Ubuntu") {
        assert_eq!(told["state"], "proven", "{told}");
    }
}
