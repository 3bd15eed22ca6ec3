//! What is installed on disk and yet not what runs: the last rung but one of the ladder of a patch.
//!
//! A library that was replaced stays mapped, with its hole, in every process that began before; a
//! kernel that was installed waits for a reboot. A package list calls both patched. Three ways to
//! replace a file are told apart: another file under the name, none, and the same file overwritten
//! in place, of which `/proc/PID/maps` shows nothing.
//!
//! [`running`] reads, [`maps`], [`elf`] and [`kernel`] judge and are pure. What could not be looked
//! at is counted and told, never left out.
//!
//! A library that was moved aside before the new one took its name is called by its new place in
//! `maps`, where it still is. The loader of each process remembers by which name it found it
//! ([`loader`]), and where that name leads now is looked up. Not seen: a program that was moved aside
//! (nobody remembers its name in a way that scripts and emulators do not share), and a library of a
//! process of another word size than ours.

#[cfg(test)]
mod blind_tests;
pub mod elf;
pub mod kernel;
#[cfg(test)]
mod kernel_tests;
pub mod loader;
mod look;
pub mod maps;
#[cfg(test)]
mod moved_tests;
mod place;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

pub use kernel::{Boot, Installed, judge_kernel};
pub(crate) use look::TICKS_PER_SEC;
pub use look::{MAX_MAPS_BYTES, MAX_PROCESSES};

/// Where the kernel shows itself: other folders in tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/run`.
    pub run: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            run: "/run".into(),
        }
    }
}

/// What runs, against what is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Processes that run what is not on disk any more.
    pub stale: Vec<Stale>,
    /// The kernel.
    pub kernel: Kernel,
    /// What the package manager says itself: a second witness.
    pub reboot: Reboot,
    /// How much was looked at.
    pub looked: Looked,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

/// A process and a file it runs that is not what is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Its number.
    pub pid: u32,
    /// What it calls itself.
    pub process: String,
    /// When it began, in seconds since 1970.
    pub started_secs: u64,
    /// The file, as seen from the process's own root.
    pub path: PathBuf,
    /// Where that root is seen from ours.
    pub root: PathBuf,
    /// What became of the file.
    pub how: How,
}

/// What became of a file that a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Another file has its name.
    Replaced {
        /// Build-id of what runs.
        runs: Build,
        /// Build-id of what is on disk.
        on_disk: Build,
    },
    /// No file has its name.
    Deleted,
    /// It was overwritten in place: the process runs pieces of both.
    Overwritten {
        /// What proves it.
        evidence: String,
        /// Build-id of what is on disk.
        on_disk: Build,
    },
    /// It was changed after the process began, and nothing tells whether by more than its mode.
    Suspected {
        /// Why it could not be confirmed or refuted.
        why: String,
    },
}

impl How {
    /// Whether it was replaced by the very same build: a package installed again. The code that
    /// runs is then the code on disk.
    pub fn same_build(&self) -> bool {
        match self {
            Self::Replaced {
                runs: Build::Id(runs),
                on_disk: Build::Id(on_disk),
            } => runs == on_disk,
            Self::Replaced { .. }
            | Self::Deleted
            | Self::Overwritten { .. }
            | Self::Suspected { .. } => false,
        }
    }
}

/// A build-id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    /// In hexadecimal.
    Id(String),
    /// The file has none.
    Without,
    /// It could not be read.
    Unread(String),
}

/// The running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// `uname -r`, empty if it could not be read.
    pub release: String,
    /// Against what is installed.
    pub boot: Boot,
    /// Live patches, or why they could not be read.
    pub livepatches: Result<Vec<Livepatch>, String>,
}

/// A live patch of the kernel: it mends what runs without a reboot, and changes no release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Livepatch {
    /// Its name.
    pub name: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Whether some task still runs the old code.
    pub in_transition: bool,
}

/// `reboot-required`, written by Debian's and Ubuntu's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reboot {
    /// Nobody asks for one. (Not that none is needed: most systems never write it.)
    NotAsked,
    /// Somebody does.
    Required {
        /// The packages that ask, as far as they are named.
        packages: Vec<String>,
    },
    /// It could not be read.
    Unknown {
        /// Why.
        why: String,
    },
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Processes whose executable mappings were judged.
    pub processes: u64,
    /// Threads of the kernel, which map nothing.
    pub kernel_threads: u64,
    /// Zombies.
    pub zombies: u64,
    /// Ended while we looked.
    pub vanished: u64,
    /// Processes beyond [`MAX_PROCESSES`], not looked at.
    pub beyond_limit: u64,
    /// The kernel shows us our own processes alone (`hidepid`).
    pub others_hidden: bool,
    /// Files of processes that were judged.
    pub files: u64,
    /// Mappings of nothing installed: shared memory, devices, code made at run time.
    pub made_at_run_time: u64,
    /// Files changed after the process began that were proven to be what runs.
    pub refuted: u64,
}

/// A process, or one file of it, that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Its number.
    pub pid: u32,
    /// What it calls itself; empty if even that could not be read.
    pub process: String,
    /// The file; none if the whole process was not seen.
    pub path: Option<PathBuf>,
    /// Why.
    pub why: String,
}

/// Why nothing at all could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// A file of `/proc` that everything hangs on.
    #[error("{path} could not be read: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It could be read and not understood.
    #[error("{path}: {error}")]
    NotUnderstood {
        /// Which.
        path: PathBuf,
        /// Why.
        error: maps::ProcError,
    },
    /// A `/proc` without a single process is none.
    #[error("expected processes in {0}, found none: is it a mounted proc?")]
    NoProcesses(PathBuf),
}

/// What all of it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// What is installed is what runs.
    Reached,
    /// Something else runs.
    Behind,
    /// Something could not be looked at or told, and nothing was found.
    Unknown,
}

impl Running {
    /// The rung of the whole host. Finding something outweighs not having seen all; not having seen
    /// all outweighs having found nothing.
    pub fn rung(&self) -> Rung {
        let proven =
            |stale: &Stale| !matches!(stale.how, How::Suspected { .. }) && !stale.how.same_build();
        let behind = matches!(self.kernel.boot, Boot::Behind { .. })
            || matches!(self.reboot, Reboot::Required { .. });
        if behind || self.stale.iter().any(proven) {
            return Rung::Behind;
        }
        let suspected = self
            .stale
            .iter()
            .any(|stale| matches!(stale.how, How::Suspected { .. }));
        let looked = &self.looked;
        let none = looked.processes == 0 || looked.beyond_limit > 0 || looked.others_hidden;
        let blind = none || !self.unseen.is_empty();
        let untold = matches!(self.kernel.boot, Boot::Unknown { .. })
            || matches!(self.reboot, Reboot::Unknown { .. });
        if suspected || blind || untold || self.kernel.livepatches.is_err() {
            return Rung::Unknown;
        }
        Rung::Reached
    }
}

/// Looks at every process below `roots.proc`, and at the kernel against the packages `installed`.
///
/// # Errors
/// If nothing could be looked at. A process that could not is in [`Running::unseen`].
pub fn running(roots: &Roots, installed: &[Installed]) -> Result<Running, RunningError> {
    let (stale, looked, unseen) = look::processes(&roots.proc)?;
    Ok(Running {
        stale,
        kernel: kernel_of(roots, installed),
        reboot: reboot(&roots.run),
        looked,
        unseen,
    })
}

/// Only the processes of `pids`, else as [`running`]: what an executor asks after it has restarted
/// something.
///
/// # Errors
/// As [`running`].
pub fn running_of(
    roots: &Roots,
    installed: &[Installed],
    pids: &[u32],
) -> Result<Running, RunningError> {
    let (stale, looked, unseen) = look::these(&roots.proc, pids)?;
    Ok(Running {
        stale,
        kernel: kernel_of(roots, installed),
        reboot: reboot(&roots.run),
        looked,
        unseen,
    })
}

fn kernel_of(roots: &Roots, installed: &[Installed]) -> Kernel {
    let read = |name: &str| {
        let path = roots.proc.join("sys/kernel").join(name);
        fs::read_to_string(&path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("{} could not be read: {error}", path.display()))
    };
    let livepatches = livepatches(&roots.sys.join("kernel/livepatch"));
    match (read("osrelease"), read("version")) {
        (Ok(release), Ok(build)) => {
            let boot = judge_kernel(&release, &build, installed);
            Kernel {
                release,
                boot,
                livepatches,
            }
        }
        (Err(why), _) => Kernel {
            release: String::new(),
            boot: Boot::Unknown { why },
            livepatches,
        },
        (Ok(release), Err(why)) => Kernel {
            release,
            boot: Boot::Unknown { why },
            livepatches,
        },
    }
}

/// A kernel without live patching has no such folder, and so has none in force.
fn livepatches(folder: &Path) -> Result<Vec<Livepatch>, String> {
    let told = |error: std::io::Error| format!("{} could not be read: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(told)?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(told)?;
        let flag = |name: &str| match fs::read_to_string(entry.path().join(name)) {
            Ok(text) => Ok(text.trim() == "1"),
            Err(error) => Err(told(error)),
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        all.push(Livepatch {
            name,
            enabled: flag("enabled")?,
            in_transition: flag("transition")?,
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn reboot(run: &Path) -> Reboot {
    let asked = run.join("reboot-required");
    let unknown = |error: std::io::Error| Reboot::Unknown {
        why: format!("{} could not be read: {error}", asked.display()),
    };
    match fs::metadata(&asked) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Reboot::NotAsked,
        Err(error) => return unknown(error),
        Ok(_) => {}
    }
    match fs::read_to_string(run.join("reboot-required.pkgs")) {
        Err(error) if error.kind() != ErrorKind::NotFound => unknown(error),
        text => {
            let text = text.unwrap_or_default(); // default: because who asks need not say for whom
            let mut packages: Vec<String> =
                text.lines().map(|line| line.trim().to_owned()).collect();
            packages.retain(|package| !package.is_empty());
            packages.sort();
            packages.dedup();
            Reboot::Required { packages }
        }
    }
}
