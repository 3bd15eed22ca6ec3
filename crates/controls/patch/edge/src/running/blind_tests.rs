//! A made-up proc: what cannot be read is an error or told, never left out.

use std::{fs, os::unix::fs::symlink};

use super::{
    Boot, Build, How, Kernel, Looked, Reboot, Roots, Rung, Running, RunningError, Stale, Unseen,
    running, running_of, tests::Folder,
};

impl Folder {
    fn put(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A process without its maps.
    fn process(&self, pid: u32) {
        let stat = format!("{pid} (p{pid}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0");
        self.put(&format!("proc/{pid}/stat"), &stat);
    }

    fn namespace(&self, of: &str) {
        fs::create_dir_all(self.0.join("proc").join(of).join("ns")).unwrap();
        symlink("mnt:[1]", self.0.join("proc").join(of).join("ns/mnt")).unwrap();
        symlink("/", self.0.join("proc").join(of).join("root")).unwrap();
    }

    fn roots(&self) -> Roots {
        Roots {
            proc: self.0.join("proc"),
            sys: self.0.join("sys"),
            run: self.0.join("run"),
        }
    }
}

#[test]
fn a_proc_that_cannot_be_read_is_an_error() {
    let folder = Folder::new("none");
    let roots = folder.roots();
    let error = || running(&roots, &[]).unwrap_err();
    assert!(matches!(error(), RunningError::Unreadable { path, .. } if path == roots.proc));
    fs::create_dir_all(&roots.proc).unwrap();
    assert!(matches!(error(), RunningError::NoProcesses(_)));
    folder.process(7);
    assert!(
        matches!(error(), RunningError::Unreadable { path, .. } if path.ends_with("proc/stat"))
    );
    folder.put("proc/stat", "cpu 1\n");
    assert!(matches!(error(), RunningError::NotUnderstood { .. }));
    folder.put("proc/stat", "btime 1790000000\n");
    assert!(matches!(error(), RunningError::Unreadable { path, .. } if path.ends_with("ns/mnt")));
    folder.namespace("self");
    assert_eq!(
        running(&roots, &[]).unwrap().looked.vanished,
        1,
        "its maps are gone"
    );
}

#[test]
fn a_process_that_cannot_be_read_is_told() {
    let folder = Folder::new("blind");
    folder.put("proc/stat", "btime 1790000000\n");
    folder.namespace("self");
    folder.process(7);
    fs::create_dir_all(folder.0.join("proc/7/maps")).unwrap(); // cannot be read
    folder.process(8);
    folder.put("proc/8/maps", "1000-2000 r-xp\n"); // cannot be understood
    folder.process(9); // ends before its maps are read
    folder.process(10);
    folder.put(
        "proc/10/maps",
        "1000-2000 r-xp 00000000 01:02 3 /nowhere/lib.so\n",
    );
    folder.namespace("10");
    folder.put(
        "proc/11/stat",
        "11 (thread) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0",
    );
    let judged = running(&folder.roots(), &[]).unwrap();
    let unseen: Vec<_> = judged
        .unseen
        .iter()
        .map(|u| (u.pid, u.path.is_some()))
        .collect();
    assert_eq!(
        unseen,
        [(7, false), (8, false), (10, true)],
        "{:?}",
        judged.unseen
    );
    let looked = judged.looked;
    assert_eq!(
        (looked.processes, looked.vanished, looked.kernel_threads),
        (1, 1, 1)
    );
    assert!(looked.others_hidden, "there is always a process 1");
    assert!(
        matches!(judged.kernel.boot, Boot::Unknown { .. }),
        "no release"
    );
    assert_eq!(judged.rung(), Rung::Unknown);
}

#[test]
fn the_package_manager_and_live_patches_are_heard() {
    let folder = Folder::new("reboot");
    let roots = Roots {
        proc: "/proc".into(),
        ..folder.roots()
    };
    let look = || running_of(&roots, &[], &[std::process::id()]).unwrap();
    assert_eq!(
        (look().reboot, look().kernel.livepatches),
        (Reboot::NotAsked, Ok(Vec::new()))
    );
    folder.put("run/reboot-required", "");
    assert_eq!(
        look().reboot,
        Reboot::Required {
            packages: Vec::new()
        }
    );
    folder.put("run/reboot-required.pkgs", "libc6\nlinux-base\nlibc6\n");
    let packages = vec!["libc6".to_owned(), "linux-base".to_owned()];
    assert_eq!(look().reboot, Reboot::Required { packages });
    assert_eq!(look().rung(), Rung::Behind);
    folder.put("sys/kernel/livepatch/kpatch_1/enabled", "1\n");
    assert!(look().kernel.livepatches.is_err(), "half a state is none");
    folder.put("sys/kernel/livepatch/kpatch_1/transition", "0\n");
    let patches = look().kernel.livepatches.unwrap();
    let patch = &patches[0];
    assert_eq!(
        (patch.name.as_str(), patch.enabled, patch.in_transition),
        ("kpatch_1", true, false)
    );
}

/// What the rung is after `change` to a host of which all was seen, and all is well.
#[track_caller]
fn check(expected: Rung, change: &dyn Fn(&mut Running)) {
    let boot = Boot::Newest {
        package: "linux-image-1".into(),
        version: "1".into(),
    };
    let mut running = Running {
        stale: Vec::new(),
        kernel: Kernel {
            release: "1".into(),
            boot,
            livepatches: Ok(Vec::new()),
        },
        reboot: Reboot::NotAsked,
        looked: Looked {
            processes: 9,
            ..Looked::default()
        },
        unseen: Vec::new(),
    };
    change(&mut running);
    assert_eq!(running.rung(), expected, "{running:?}");
}

fn why() -> String {
    "why".into()
}

fn unseen() -> Unseen {
    Unseen {
        pid: 9,
        process: String::new(),
        path: None,
        why: why(),
    }
}

fn stale(how: How) -> Stale {
    let (process, path, root) = ("p".into(), "/lib/x.so".into(), "/".into());
    Stale {
        pid: 9,
        process,
        started_secs: 0,
        path,
        root,
        how,
    }
}

#[test]
fn what_was_found_is_behind() {
    let replaced = |on_disk: &str| How::Replaced {
        runs: Build::Id("a".into()),
        on_disk: Build::Id(on_disk.into()),
    };
    let unread = || How::Replaced {
        runs: Build::Unread(why()),
        on_disk: Build::Unread(why()),
    };
    check(Rung::Reached, &|_| {});
    check(Rung::Reached, &|r| r.stale.push(stale(replaced("a"))));
    check(Rung::Behind, &|r| r.stale.push(stale(replaced("b"))));
    check(Rung::Behind, &|r| r.stale.push(stale(unread())));
    check(Rung::Behind, &|r| r.stale.push(stale(How::Deleted)));
    check(Rung::Behind, &|r| {
        r.reboot = Reboot::Required {
            packages: Vec::new(),
        }
    });
    check(Rung::Behind, &|r| {
        r.unseen.push(unseen());
        r.stale.push(stale(How::Deleted));
    });
    check(Rung::Behind, &|r| {
        let (package, version, release) = ("linux-image-2".into(), "2".into(), "2".into());
        r.kernel.boot = Boot::Behind {
            package,
            version,
            release,
        };
    });
}

#[test]
fn what_was_not_seen_is_unknown() {
    check(Rung::Unknown, &|r| {
        r.stale.push(stale(How::Suspected { why: why() }));
    });
    check(Rung::Unknown, &|r| r.unseen.push(unseen()));
    check(Rung::Unknown, &|r| r.looked.others_hidden = true);
    check(Rung::Unknown, &|r| r.looked.beyond_limit = 1);
    check(Rung::Unknown, &|r| r.looked.processes = 0);
    check(Rung::Unknown, &|r| r.kernel.livepatches = Err(why()));
    check(Rung::Unknown, &|r| {
        r.kernel.boot = Boot::Unknown { why: why() }
    });
    check(Rung::Unknown, &|r| {
        r.reboot = Reboot::Unknown { why: why() }
    });
}
