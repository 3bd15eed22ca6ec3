//! The folder of the spool, held by its handle: the hub's user owns the folder around it, and must not be
//! able to make a privileged sensor write elsewhere by putting a link in its place.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::Path,
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, mkdir, open, openat, unlinkat},
    process::geteuid,
};

/// How the file of a segment ends.
const ENDING: &str = ".spool";

#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
}

impl Folder {
    /// Opens `path`, or makes it. It must be ours alone.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = open(path, flags, Mode::empty())?;
        let file = File::from(handle);
        let about = file.metadata()?;
        if about.uid() != geteuid().as_raw() || about.mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "it belongs to somebody else, or others may write to it",
            ));
        }
        Ok(Self {
            handle: file.into(),
        })
    }

    /// The segments that are there, the oldest first.
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let number = entry.file_name().to_str().ok().and_then(|name| {
                u64::from_str_radix(name.strip_suffix(ENDING)?, 16).ok() // ok: because such a file is not ours
            });
            found.extend(number);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// A new segment, to write.
    pub(super) fn create(&self, number: u64) -> io::Result<File> {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.handle, name(number), flags, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    /// A segment, to read.
    pub(super) fn read(&self, number: u64) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(
            &self.handle,
            name(number),
            flags,
            Mode::empty(),
        )?))
    }

    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name(number), AtFlags::empty())?)
    }

    /// Makes names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }
}

fn name(number: u64) -> String {
    format!("{number:016x}{ENDING}")
}
