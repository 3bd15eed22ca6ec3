//! Real processes that map real libraries, which are then replaced in every way. A child says when
//! it runs and then blocks on its input; nothing here waits for a time to pass.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cordon_testkit::skip;

use super::{
    Build, How, Roots, Rung, Running, Stale,
    elf::{Bytes, build_id, read_elf},
    maps, running, running_of,
};

/// A private folder with a library of its own name, gone at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("cordon-running-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    fn library(&self) -> PathBuf {
        let path = self.0.join("libcordon probe.so");
        fs::copy(system("libgcc_s.so"), &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A `cat` that has answered once and waits for more.
pub(super) struct Cat(Child);

impl Cat {
    pub(super) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut cat = Self(child);
        cat.0.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        let mut answer = [0];
        cat.0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut answer)
            .unwrap();
        cat
    }

    fn mapping(library: &Path) -> Self {
        // A colon or a space would part names in LD_PRELOAD: the link has none.
        let link = library.with_file_name("preload.so");
        if !link.is_symlink() {
            symlink(library, &link).unwrap();
        }
        Self::start(Command::new("cat").env("LD_PRELOAD", link))
    }

    pub(super) fn judged(&self) -> Running {
        running_of(&Roots::default(), &[], &[self.0.id()]).unwrap()
    }
}

impl Drop for Cat {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A library that this very process maps, or one that lies beside it.
pub(super) fn system(name: &str) -> PathBuf {
    let all = maps::executable_mappings(&fs::read("/proc/self/maps").unwrap()).unwrap();
    let mut libc = all
        .iter()
        .map(|m| PathBuf::from(String::from_utf8(m.name.clone()).unwrap()));
    let folder = libc
        .find(|path| path.to_string_lossy().contains("libc.so"))
        .unwrap();
    let mut found: Vec<PathBuf> = fs::read_dir(folder.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(name)
        })
        .filter(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF")))
        .collect();
    found.sort();
    found
        .pop()
        .unwrap_or_else(|| panic!("no {name} beside {}", folder.display()))
}

pub(super) fn id_of(path: &Path) -> Build {
    let bytes = fs::read(path).unwrap();
    let elf = read_elf(bytes.as_slice()).unwrap();
    Build::Id(build_id(bytes.as_slice(), &elf).unwrap().unwrap())
}

/// The one finding there must be.
pub(super) fn only(running: &Running) -> &Stale {
    assert_eq!(running.unseen, []);
    assert_eq!(running.looked.processes, 1);
    assert_eq!(running.stale.len(), 1, "{:?}", running.stale);
    &running.stale[0]
}

#[track_caller]
pub(super) fn nothing(running: &Running) {
    assert_eq!(
        (running.stale.as_slice(), running.unseen.as_slice()),
        (&[][..], &[][..])
    );
    assert_eq!(running.looked.processes, 1);
    assert!(
        running.looked.files >= 3,
        "cat, libc and the library: {:?}",
        running.looked
    );
}

pub(super) fn root() -> bool {
    fs::metadata("/proc/self/map_files").is_ok()
        && fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .any(|line| line.starts_with("Uid:\t0\t"))
}

#[test]
fn a_library_renamed_over_is_found_until_the_process_is_started_again() {
    let folder = Folder::new("rename");
    let library = folder.library();
    let cat = Cat::mapping(&library);
    nothing(&cat.judged());
    let (old, new) = (id_of(&library), system("libm.so"));
    fs::copy(&new, folder.0.join("new")).unwrap();
    fs::rename(folder.0.join("new"), &library).unwrap();
    let judged = cat.judged();
    let stale = only(&judged);
    assert_eq!(
        (&stale.path, stale.process.as_str(), judged.rung()),
        (&library, "cat", Rung::Behind)
    );
    let How::Replaced { runs, on_disk } = &stale.how else {
        panic!("{stale:?}")
    };
    assert_eq!(on_disk, &id_of(&new));
    assert_ne!(&old, on_disk);
    if root() {
        assert_eq!(runs, &old);
    }
    drop(cat);
    nothing(&Cat::mapping(&library).judged());
}

#[test]
fn the_same_build_installed_again_is_told_as_such() {
    if !root() {
        return drop(skip("only root reads what a process maps"));
    }
    let folder = Folder::new("again");
    let library = folder.library();
    let cat = Cat::mapping(&library);
    fs::copy(&library, folder.0.join("new")).unwrap();
    fs::rename(folder.0.join("new"), &library).unwrap();
    assert!(only(&cat.judged()).how.same_build());
}

#[test]
fn an_unlinked_library_is_found() {
    let folder = Folder::new("unlink");
    let library = folder.library();
    let cat = Cat::mapping(&library);
    nothing(&cat.judged());
    fs::remove_file(&library).unwrap();
    let judged = cat.judged();
    assert_eq!(
        (&only(&judged).path, &only(&judged).how),
        (&library, &How::Deleted)
    );
    // A file that really has the mark of the kernel in its name is not deleted, and is no other
    // either.
    let named = folder.0.join("libcordon (deleted)");
    fs::copy(system("libgcc_s.so"), &named).unwrap();
    fs::remove_file(folder.0.join("preload.so")).unwrap();
    let cat = Cat::mapping(&named);
    nothing(&cat.judged());
    fs::remove_file(&named).unwrap();
    assert_eq!(only(&cat.judged()).path, named);
}

/// What is written over the library, and whether it is cut first, as `cp` does.
#[test]
fn a_library_overwritten_in_place_is_found_and_proven() {
    for (content, cut) in [("libm.so", true), ("libm.so", false), ("libgcc_s.so", true)] {
        let folder = Folder::new("overwrite");
        let library = folder.library();
        let cat = Cat::mapping(&library);
        nothing(&cat.judged());
        let new = fs::read(system(content)).unwrap();
        let mut file = fs::OpenOptions::new()
            .write(true)
            .truncate(cut)
            .open(&library)
            .unwrap();
        file.write_all(&new).unwrap();
        let judged = cat.judged();
        let How::Overwritten { on_disk, evidence } = &only(&judged).how else {
            panic!("{content} {cut}: {:?}", judged.stale)
        };
        assert_eq!(
            (on_disk, judged.rung()),
            (&id_of(&system(content)), Rung::Behind),
            "{evidence}"
        );
        drop(cat);
        nothing(&Cat::mapping(&library).judged());
    }
}

/// A build that differs in one pointer of its tables, its layout the same to the byte.
#[test]
fn one_relocation_of_another_build_is_enough() {
    let folder = Folder::new("one");
    let library = folder.library();
    let mut bytes = fs::read(&library).unwrap();
    let word = read_elf(bytes.as_slice())
        .unwrap()
        .words(bytes.as_slice())
        .unwrap()[0];
    let (at, value) = (word.at.to_le_bytes(), word.value.to_le_bytes());
    let entry = bytes
        .windows(24)
        .position(|e| e[..8] == at && e[16..] == value)
        .unwrap();
    let cat = Cat::mapping(&library);
    nothing(&cat.judged());
    bytes[entry + 16] ^= 0x10;
    fs::OpenOptions::new()
        .write(true)
        .open(&library)
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    let judged = cat.judged();
    let How::Overwritten { evidence, .. } = &only(&judged).how else {
        panic!("{:?}", judged.stale)
    };
    assert!(evidence.starts_with("1 of "), "{evidence}");
}

/// A build whose code is a little longer, so that its last function lies elsewhere, and all else
/// where it was.
#[test]
fn one_entry_of_another_dynamic_section_is_enough() {
    const DT_FINI: u64 = 13;
    let folder = Folder::new("fini");
    let library = folder.library();
    let mut bytes = fs::read(&library).unwrap();
    let dynamic = read_elf(bytes.as_slice())
        .unwrap()
        .dynamic(bytes.as_slice())
        .unwrap();
    let (_, tag, value) = dynamic
        .into_iter()
        .find(|(_, tag, _)| *tag == DT_FINI)
        .unwrap();
    let entry = [tag.to_le_bytes(), value.to_le_bytes()].concat();
    let at = bytes
        .windows(16)
        .position(|window| window == entry)
        .unwrap();
    let cat = Cat::mapping(&library);
    nothing(&cat.judged());
    bytes[at + 8] ^= 0x10;
    fs::OpenOptions::new()
        .write(true)
        .open(&library)
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    let judged = cat.judged();
    let How::Overwritten { evidence, .. } = &only(&judged).how else {
        panic!("{:?}", judged.stale)
    };
    assert!(evidence.contains("dynamic section"), "{evidence}");
}

/// Why build-ids in memory are no witness of overwriting.
#[test]
fn after_overwriting_memory_shows_the_new_build_id() {
    struct Image(fs::File, u64);
    impl Bytes for Image {
        fn at(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
            let mut bytes = vec![0; len];
            std::os::unix::fs::FileExt::read_exact_at(&self.0, &mut bytes, self.1 + offset)
                .unwrap();
            Some(bytes)
        }
    }
    let folder = Folder::new("memory");
    let library = folder.library();
    let cat = Cat::mapping(&library);
    let in_memory = || {
        let maps = fs::read_to_string(format!("/proc/{}/maps", cat.0.id())).unwrap();
        let line = maps
            .lines()
            .find(|line| line.contains("libcordon"))
            .unwrap();
        let base = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        let image = Image(
            fs::File::open(format!("/proc/{}/mem", cat.0.id())).unwrap(),
            base,
        );
        Build::Id(
            build_id(&image, &read_elf(&image).unwrap())
                .unwrap()
                .unwrap(),
        )
    };
    assert_eq!(in_memory(), id_of(&library));
    fs::OpenOptions::new()
        .write(true)
        .open(&library)
        .unwrap()
        .write_all(&fs::read(system("libm.so")).unwrap())
        .unwrap();
    assert_eq!(in_memory(), id_of(&system("libm.so")));
}

#[test]
fn a_library_that_was_only_touched_is_no_alarm() {
    let folder = Folder::new("touch");
    let library = folder.library();
    let cat = Cat::mapping(&library);
    fs::set_permissions(&library, fs::Permissions::from_mode(0o700)).unwrap();
    let judged = cat.judged();
    nothing(&judged);
    assert_eq!(judged.looked.refuted, 1, "it was suspected");
}

/// A proc of links to the real one, in which the machine was started in 1970: every file has
/// changed since every process began, and every image of this machine has to be proven.
#[test]
fn no_image_of_this_machine_is_called_overwritten() {
    let folder = Folder::new("all");
    let pids: Vec<u32> = fs::read_dir("/proc")
        .unwrap()
        // ok: because what is no number is no process
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .collect();
    for pid in &pids {
        symlink(format!("/proc/{pid}"), folder.0.join(pid.to_string())).unwrap();
    }
    for name in ["self", "sys"] {
        symlink(Path::new("/proc").join(name), folder.0.join(name)).unwrap();
    }
    fs::write(folder.0.join("stat"), "btime 0\n").unwrap();
    let roots = Roots {
        proc: folder.0.clone(),
        ..Roots::default()
    };
    let judged = running(&roots, &[]).unwrap();
    let accused: Vec<&Stale> = judged
        .stale
        .iter()
        .filter(|s| matches!(s.how, How::Overwritten { .. }))
        .collect();
    let of_others = |stale: &&&Stale| !stale.path.to_string_lossy().contains("cordon-running-");
    assert_eq!(accused.iter().filter(of_others).count(), 0, "{accused:#?}");
    assert!(judged.looked.refuted >= 3, "{:?}", judged.looked);
}

/// A root of its own in `folder`: cat, and all it maps, under the host's own paths.
pub(super) fn jail(folder: &Folder) -> PathBuf {
    let cat = Cat::start(&mut Command::new("cat"));
    let mapped = fs::read(format!("/proc/{}/maps", cat.0.id())).unwrap();
    let jail = folder.0.join("jail");
    for mapping in maps::executable_mappings(&mapped).unwrap() {
        let path = String::from_utf8(mapping.name).unwrap();
        let to = jail.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&path, &to).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            symlink(target, jail.join(name)).unwrap();
        }
    }
    if !jail.join("lib64/ld-linux-x86-64.so.2").exists() {
        let loader = fs::canonicalize("/lib64/ld-linux-x86-64.so.2").unwrap();
        fs::create_dir_all(jail.join("usr/lib64")).unwrap();
        symlink(loader, jail.join("usr/lib64/ld-linux-x86-64.so.2")).unwrap();
    }
    jail
}

/// Its paths are the host's, its files are not: compared across, each would be an alarm, or a
/// replaced one none.
#[test]
fn a_process_in_another_root_is_judged_in_its_own() {
    if !root() {
        return drop(skip("only root may chroot and unshare"));
    }
    for in_its_own_namespace in [false, true] {
        let folder = Folder::new(if in_its_own_namespace {
            "unshare"
        } else {
            "chroot"
        });
        let jail = jail(&folder);
        let start = || {
            let mut command = Command::new(if in_its_own_namespace {
                "unshare"
            } else {
                "chroot"
            });
            if in_its_own_namespace {
                command
                    .arg("--mount")
                    .arg(format!("--root={}", jail.display()));
            } else {
                command.arg(&jail);
            }
            Cat::start(command.arg("/usr/bin/cat"))
        };
        let cat = start();
        nothing(&cat.judged());
        let libc = fs::canonicalize(system("libc.so")).unwrap();
        let inside = jail.join(libc.strip_prefix("/").unwrap());
        assert!(inside.is_file(), "the jail has the host's path");
        fs::copy(&inside, folder.0.join("new")).unwrap();
        fs::rename(folder.0.join("new"), &inside).unwrap();
        let judged = cat.judged();
        let stale = only(&judged);
        let seen_at = stale.root.join(stale.path.strip_prefix("/").unwrap());
        assert!(matches!(stale.how, How::Replaced { .. }), "{stale:?}");
        assert_eq!(id_of(&seen_at), id_of(&inside));
        if in_its_own_namespace {
            // A link from the root on leads to a file of that root.
            fs::rename(&inside, jail.join("elsewhere.so")).unwrap();
            symlink("/elsewhere.so", &inside).unwrap();
            let judged = cat.judged();
            assert!(
                matches!(only(&judged).how, How::Replaced { .. }),
                "{:?}",
                judged.stale
            );
        }
        drop(cat);
        nothing(&start().judged());
    }
}

/// In another mount namespace the same path is another file, bound over the host's: what becomes of
/// the host's does not touch it.
#[test]
fn a_file_bound_over_is_judged_where_the_process_sees_it() {
    if !root() {
        return drop(skip("only root may unshare"));
    }
    let folder = Folder::new("bind");
    let library = folder.library();
    fs::copy(system("libm.so"), folder.0.join("other.so")).unwrap();
    symlink(&library, folder.0.join("preload.so")).unwrap();
    let script =
        "mount --bind other.so 'libcordon probe.so' && LD_PRELOAD=$PWD/preload.so exec cat";
    let bound = Cat::start(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .current_dir(&folder.0),
    );
    let host = Cat::mapping(&library);
    let maps = fs::read_to_string(format!("/proc/{}/maps", bound.0.id())).unwrap();
    assert!(
        maps.contains("other.so") || maps.contains("libcordon probe.so"),
        "{maps}"
    );
    nothing(&bound.judged());
    nothing(&host.judged());
    let (inode, start) = (fs::metadata(&library).unwrap().ino(), host.0.id());
    let text = fs::read_to_string(format!("/proc/{start}/maps")).unwrap();
    assert!(text.contains(&format!(" {inode} ")), "{text}");
    fs::OpenOptions::new()
        .write(true)
        .open(&library)
        .unwrap()
        .write_all(&fs::read(system("libm.so")).unwrap())
        .unwrap();
    nothing(&bound.judged());
    assert!(matches!(only(&host.judged()).how, How::Overwritten { .. }));
}

/// A daemon that has mapped its libraries and then gone into an empty root: its names are of the
/// root it came from. In another namespace, where nobody else is, that root cannot be reached, and
/// that is told.
#[test]
fn a_process_that_went_into_an_empty_root_is_judged_where_it_came_from() {
    if !root() {
        return drop(skip("only root may chroot"));
    }
    let script = "chroot shift or die; while (sysread STDIN, $_, 1) { syswrite STDOUT, $_ }";
    let folder = Folder::new("daemon");
    let library = folder.library();
    let preload = folder.0.join("preload.so");
    symlink(&library, &preload).unwrap();
    let empty = folder.0.join("empty");
    fs::create_dir(&empty).unwrap();
    let mut perl = Command::new("perl");
    let daemon = Cat::start(
        perl.args(["-e", script])
            .arg(&empty)
            .env("LD_PRELOAD", &preload),
    );
    nothing(&daemon.judged());
    fs::copy(system("libm.so"), folder.0.join("new")).unwrap();
    fs::rename(folder.0.join("new"), &library).unwrap();
    assert_eq!(only(&daemon.judged()).path, library);

    let mut unshare = Command::new("unshare");
    let alone = Cat::start(unshare.args(["--mount", "perl", "-e", script]).arg(&empty));
    let judged = alone.judged();
    assert_eq!(judged.stale, []);
    assert!(
        judged.unseen.len() >= 3,
        "perl, libc, the loader: {:?}",
        judged.unseen
    );
    assert_eq!(judged.rung(), Rung::Unknown);
}

/// Runs itself again as nobody, to whom the processes of root are closed.
#[test]
fn who_may_not_read_all_is_told_so() {
    if std::env::var_os("CORDON_AS_NOBODY").is_some() {
        let judged = running(&Roots::default(), &[]).unwrap();
        let root_shell = judged
            .unseen
            .iter()
            .any(|unseen| unseen.path.is_none() && unseen.pid == 1);
        println!(
            "nobody: {} {root_shell} {:?}",
            judged.looked.processes > 0,
            judged.rung()
        );
        return;
    }
    if !root() {
        return drop(skip("only root may become nobody"));
    }
    let folder = Folder::new("nobody");
    let program = folder.0.join("tests");
    fs::copy("/proc/self/exe", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args([
        "--exact",
        "running::tests::who_may_not_read_all_is_told_so",
        "--nocapture",
    ]);
    command
        .env("CORDON_AS_NOBODY", "1")
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // Behind: because nobody's own processes on this machine may be; but who does not see all never says that
    // all is well.
    let told =
        ["Unknown", "Behind"].map(|rung| said.contains(&format!("nobody: true true {rung}")));
    assert!(told.contains(&true), "{said}");
}
