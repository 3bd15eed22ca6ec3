//! Where a name of `/proc/PID/maps` leads. The kernel writes names as they are seen from *our* root
//! where the mount namespace is ours, and from the root of the other namespace where it is not,
//! whatever the process has chrooted to. A container's path is never looked up in our root.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use super::elf::Bytes;

/// A file as the kernel identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: (u32, u32),
    pub(super) inode: u64,
    /// Last change of its content or of anything else, in milliseconds since 1970.
    pub(super) changed_ms: i64,
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        let device = metadata.dev();
        Self {
            device: (rustix::fs::major(device), rustix::fs::minor(device)),
            inode: metadata.ino(),
            changed_ms: metadata
                .ctime()
                .saturating_mul(1000)
                .saturating_add(metadata.ctime_nsec() / 1_000_000),
        }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// The root in which the names of a process are looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    /// What is in front of every name, and not part of it in that root.
    chrooted: Vec<u8>,
    /// Where in `root` the process's own root is, empty where they are the same.
    entered: Vec<u8>,
    /// Whose mounts.
    pub(super) namespace: PathBuf,
}

/// Finds the places of processes; remembers for each mount namespace a process that sees all of it.
pub(super) struct Places {
    proc: PathBuf,
    own: PathBuf,
    whole: BTreeMap<PathBuf, PathBuf>,
}

impl Places {
    pub(super) fn new(proc: &Path) -> io::Result<Self> {
        let own = fs::read_link(proc.join("self/ns/mnt"))?;
        Ok(Self {
            proc: proc.to_owned(),
            own,
            whole: BTreeMap::new(),
        })
    }

    /// A process is heard of before any is judged, so that a chrooted one finds one that is not.
    pub(super) fn hear(&mut self, folder: &Path) {
        // A process that cannot be read is told of when it is judged.
        if let (Ok(namespace), Ok(root)) = (
            fs::read_link(folder.join("ns/mnt")),
            fs::read_link(folder.join("root")),
        ) && root == Path::new("/")
        {
            self.whole
                .entry(namespace)
                .or_insert_with(|| folder.join("root"));
        }
    }

    pub(super) fn of(&self, folder: &Path) -> io::Result<Place> {
        let namespace = fs::read_link(folder.join("ns/mnt"))?;
        let link = fs::read_link(folder.join("root"))?;
        let entered = match link.as_os_str().as_bytes() {
            b"/" => Vec::new(),
            other => other.to_vec(),
        };
        if namespace == self.own {
            return Ok(Place {
                root: self.proc.join("self/root"),
                chrooted: Vec::new(),
                entered,
                namespace,
            });
        }
        if entered.is_empty() {
            return Ok(Place {
                root: folder.join("root"),
                chrooted: Vec::new(),
                entered,
                namespace,
            });
        }
        Ok(match self.whole.get(&namespace) {
            Some(root) => Place {
                root: root.clone(),
                chrooted: Vec::new(),
                entered,
                namespace,
            },
            None => Place {
                root: folder.join("root"),
                chrooted: entered,
                entered: Vec::new(),
                namespace,
            },
        })
    }
}

impl Place {
    /// Whether its mounts are those that we see.
    pub(super) fn is_ours(&self) -> bool {
        self.root.ends_with("self/root")
    }

    /// The name within the root; none if it is outside of what can be reached.
    pub(super) fn within<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let rest = path.strip_prefix(self.chrooted.as_slice())?;
        rest.starts_with(b"/").then_some(rest)
    }

    /// The root in which the names are to be looked up by which a process loaded the file at `at`; none
    /// if that cannot be told. A daemon that loaded its libraries and then entered a root has their
    /// names from outside of it, and other files may have them inside.
    pub(super) fn of_the_loader(&self, folder: &Path, at: &[u8]) -> Option<Self> {
        let inside = at.strip_prefix(self.entered.as_slice())?.starts_with(b"/");
        inside.then(|| Self {
            root: folder.join("root"),
            chrooted: Vec::new(),
            entered: Vec::new(),
            namespace: self.namespace.clone(),
        })
    }

    /// What is at `path` now; none if nothing is.
    pub(super) fn look(&self, path: &[u8]) -> io::Result<Option<Identity>> {
        match self.open_as(path, OFlags::PATH) {
            Ok(file) => Ok(Some(Identity::of(&file.metadata()?))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The regular file that is at `path` now and is still `expected`.
    pub(super) fn open(&self, path: &[u8], expected: &Identity) -> io::Result<File> {
        let file = self.open_as(path, OFlags::PATH)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = self.open_as(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        if Identity::of(&file.metadata()?).is(expected) {
            Ok(file)
        } else {
            Err(io::Error::other("it was replaced while we looked"))
        }
    }

    /// Links in the name, absolute ones too, lead nowhere outside the root.
    fn open_as(&self, path: &[u8], flags: OFlags) -> io::Result<File> {
        let name = path.strip_prefix(b"/").unwrap_or(path);
        let flags = flags | OFlags::CLOEXEC;
        let root = rustix::fs::open(
            &self.root,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        match openat2(
            &root,
            OsStr::from_bytes(name),
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT,
        ) {
            // Before Linux 5.6: without a guard for absolute links, which names of maps do not
            // contain.
            Err(Errno::NOSYS) => {
                Ok(
                    rustix::fs::openat(&root, OsStr::from_bytes(name), flags, Mode::empty())?
                        .into(),
                )
            }
            opened => Ok(opened?.into()),
        }
    }
}

/// A file, or the memory of a process, read in pieces.
pub(super) struct Pieces(pub(super) File);

impl Bytes for Pieces {
    fn at(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.0.read_exact_at(&mut bytes, offset).ok()?; // ok: because who asks tells what was not there
        Some(bytes)
    }
}
