//! A library that was moved aside, which `maps` does not show.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use cordon_testkit::skip;

use super::{
    How,
    tests::{Cat, Folder, id_of, jail, nothing, only, root, system},
};

fn mapping(name: &Path) -> Cat {
    Cat::start(Command::new("cat").env("LD_PRELOAD", name))
}

#[test]
fn a_library_moved_aside_is_found_under_the_name_that_the_loader_knows() {
    let folder = Folder::new("moved");
    let (library, aside) = (
        folder.0.join("libprobe.so.1"),
        folder.0.join("libprobe.so.1.old"),
    );
    fs::copy(system("libgcc_s.so"), &library).unwrap();
    let cat = mapping(&library);
    fs::rename(&library, &aside).unwrap();
    nothing(&cat.judged()); // no file has the name: nobody says that another build was installed
    fs::copy(system("libm.so"), &library).unwrap();
    let judged = cat.judged();
    let stale = only(&judged);
    assert_eq!(stale.path, library);
    let How::Replaced { runs, on_disk } = &stale.how else {
        panic!("{stale:?}")
    };
    assert_eq!((runs, on_disk), (&id_of(&aside), &id_of(&library)));
    drop(cat);
    nothing(&mapping(&library).judged());
    // Who asked for the old one by its own name, as a person may, runs what he asked for.
    nothing(&mapping(&aside).judged());
}

/// What `ldconfig` does: the old file stays, the link goes to the new one.
#[test]
fn a_link_that_leads_to_a_newer_file_is_followed() {
    let folder = Folder::new("relinked");
    let link = folder.0.join("libprobe.so.1");
    let (old, new) = (
        folder.0.join("libprobe.so.1.0"),
        folder.0.join("libprobe.so.1.1"),
    );
    fs::copy(system("libgcc_s.so"), &old).unwrap();
    symlink("libprobe.so.1.0", &link).unwrap();
    let (cat, by_file) = (mapping(&link), mapping(&old));
    fs::copy(system("libm.so"), &new).unwrap();
    nothing(&cat.judged());
    symlink("libprobe.so.1.1", folder.0.join("next")).unwrap();
    fs::rename(folder.0.join("next"), &link).unwrap();
    assert_eq!(only(&cat.judged()).path, link);
    nothing(&by_file.judged());
    // The same build under another name is the same code.
    fs::copy(&old, folder.0.join("copy")).unwrap();
    fs::rename(folder.0.join("copy"), &new).unwrap();
    assert!(only(&cat.judged()).how.same_build());
}

/// A daemon has the names of its libraries from before it entered a root. Inside, other files have them.
#[test]
fn a_root_entered_later_does_not_lend_its_files_to_the_names() {
    if !root() {
        return drop(skip("only root may chroot"));
    }
    let folder = Folder::new("entered");
    let library = folder.0.join("libprobe.so.1");
    fs::copy(system("libgcc_s.so"), &library).unwrap();
    let empty = folder.0.join("jail");
    let inside = empty.join(library.strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(system("libm.so"), &inside).unwrap();
    let script = "chroot shift or die; while (sysread STDIN, $_, 1) { syswrite STDOUT, $_ }";
    let mut perl = Command::new("perl");
    perl.args(["-e", script])
        .arg(&empty)
        .env("LD_PRELOAD", &library);
    nothing(&Cat::start(&mut perl).judged());
}

/// What starts a container: a process that has its libraries of the host, and then changes to the container's
/// root and lets the host's go. The container has other files under the same names.
#[test]
fn r001_a_process_that_left_its_root_for_another_is_not_accused_of_its_files() {
    if !root() {
        return drop(skip("only root may unshare"));
    }
    let folder = Folder::new("pivot");
    let jail = jail(&folder);
    for name in ["old", "proc"] {
        fs::create_dir(jail.join(name)).unwrap();
    }
    let libc = fs::canonicalize(system("libc.so")).unwrap();
    let script = "mount --make-rprivate / && mount --bind \"$1\" \"$1\" && mount --rbind /proc \"$1\"/proc && cd \"$1\" && pivot_root . old && cd / && \
                  LD_LIBRARY_PATH=/old\"$2\" /old/bin/umount -l /old && printf x && read y";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", script, "sh"]);
    let left = Cat::start(unshare.arg(&jail).arg(libc.parent().unwrap()));
    let inside = jail.join(libc.strip_prefix("/").unwrap());
    fs::copy(system("libm.so"), folder.0.join("new")).unwrap();
    fs::rename(folder.0.join("new"), &inside).unwrap();
    let judged = left.judged();
    assert_eq!(judged.stale, []);
    assert!(!judged.unseen.is_empty(), "it is told that it was not seen");
}
