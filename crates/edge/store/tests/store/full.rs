//! A disk of 4 MB that fills up.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cordon_store::{Sqlite, StateStore, StoreError};

use crate::{commit, folder, store, whole};

/// A small disk, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// None, counted as a skip, where this process may not mount.
    fn new(test: &str) -> Option<Self> {
        let dir = folder(test);
        fs::create_dir_all(&dir).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(&dir)
            .output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(dir)),
            Ok(done) => {
                let why = String::from_utf8_lossy(&done.stderr);
                cordon_testkit::skip(&format!("a small disk needs root: {}", why.trim()));
                None
            }
            Err(error) => {
                cordon_testkit::skip(&format!("a small disk needs mount: {error}"));
                None
            }
        }
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Leaves only so many bytes.
    fn fill(&self, free: usize) {
        let ballast = self.ballast();
        let mut bytes = vec![1; 4 << 20];
        while fs::write(&ballast, &bytes).is_err() {
            bytes.truncate(bytes.len() - 4096);
        }
        bytes.truncate(bytes.len().saturating_sub(free));
        fs::write(&ballast, &bytes).unwrap();
    }

    /// Gives it back. Not by removal: a process that another test is just starting may have the file
    /// from us, and keeps what is removed.
    fn make_room(&self) {
        fs::write(self.ballast(), b"").unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Commits from `seq` on until there is no room; the first that was refused.
fn until_full(opened: &Sqlite, dir: &Path, mut seq: u64) -> u64 {
    loop {
        match store(opened, commit(seq)) {
            Ok(stored) => assert_eq!(stored, seq),
            Err(StoreError::Full { dir: at, free }) => {
                assert_eq!(at, dir);
                assert!(free < 1 << 20, "{free}");
                return seq;
            }
            Err(error) => panic!("{error}"),
        }
        seq += 1;
        assert!(seq < 10_000, "4 MB that never fill");
    }
}

#[test]
fn a_full_disk_refuses_damages_nothing_and_it_goes_on_when_there_is_room() {
    let Some(disk) = Disk::new("full") else {
        return;
    };
    let dir = disk.store();
    let opened = Sqlite::open(&dir).unwrap();
    let mut next = 1;
    for _ in 0..3 {
        disk.fill(150_000);
        next = until_full(&opened, &dir, next);
        // Whoever goes on as if nothing had been refused is refused too.
        let gap = StoreError::Gap {
            seq: next + 1,
            after: next,
            last: next - 1,
        };
        assert_eq!(store(&opened, commit(next + 1)), Err(gap));
        assert!(matches!(
            store(&opened, commit(next)),
            Err(StoreError::Full { .. })
        ));
        assert_eq!(opened.load().unwrap().seq(), next - 1, "it can be read");
        disk.make_room();
        assert_eq!(store(&opened, commit(next)), Ok(next), "there is room");
        next += 1;
    }
    drop(opened);
    assert_eq!(whole(&dir), next - 1);
}

#[test]
fn a_store_on_a_full_disk_opens_or_says_that_the_disk_is_full() {
    let Some(disk) = Disk::new("full at start") else {
        return;
    };
    let dir = disk.store();
    disk.fill(0);
    assert!(matches!(Sqlite::open(&dir), Err(StoreError::Full { .. })));
    disk.make_room();
    let opened = Sqlite::open_watched(&dir, 1, &|_| {}).unwrap();
    let mut first = commit(1);
    first.said.clear();
    first.hours.clear();
    store(&opened, first).unwrap();
    let before = opened.load().unwrap();
    drop(opened);
    // No room for the backup: no upgrade.
    for free in [0, 4096, 16_384, 40_960, 65_536] {
        disk.fill(free);
        match Sqlite::open(&dir) {
            Err(StoreError::Full { .. }) => {}
            Err(error) => panic!("{free} bytes free: {error}"),
            Ok(opened) => assert_eq!(opened.load().unwrap(), before),
        }
        disk.make_room();
    }
    let opened = Sqlite::open(&dir).unwrap();
    assert_eq!(opened.load().unwrap(), before);
    assert_eq!(store(&opened, commit(2)), Ok(2));
}

#[test]
fn a_backup_to_a_full_disk_names_that_disk_and_leaves_nothing_there() {
    let Some(disk) = Disk::new("full backup") else {
        return;
    };
    let opened = Sqlite::open(&folder("full backup store")).unwrap();
    store(&opened, commit(1)).unwrap();
    disk.fill(8192);
    let to = disk.0.join("today.db");
    let refused = opened.backup(&to).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Full { dir, .. } if *dir == disk.0),
        "{refused}"
    );
    assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 1, "the ballast");
    disk.make_room();
    opened.backup(&to).unwrap();
}
