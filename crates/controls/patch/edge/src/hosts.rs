//! What people hand us of their hosts: a file, a folder of files, a folder of folders. What a file is, is told
//! by its content; what nobody can read is a result of its host, and stops no other.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use cordon_model::Package;
use cordon_patch::{Listing, read_sources, read_status};
use pkgdb::{Os, Wal};
use winaudit::WindowsHost;

use crate::{
    remote::{RemoteHost, is_bundle},
    unpack::unpack,
};

/// Most folders within folders.
pub const MAX_DEPTH: usize = 8;

/// Most files of one call.
pub const MAX_FILES: usize = 100_000;

/// Where a root file system keeps what we read.
const PLACES: [&str; 8] = [
    "etc/os-release",
    "usr/lib/os-release",
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
];

/// Ends of the names of files that lie beside each other for many hosts: `web1_systeminfo.txt`.
const KINDS: [&str; 23] = [
    "systeminfo",
    "qfe",
    "updates",
    "hotfixes",
    "hotfix",
    "get-hotfix",
    "gethotfix",
    "computerinfo",
    "registry",
    "reg",
    "dism",
    "files",
    "bundle",
    "status",
    "dpkg-status",
    "os-release",
    "rpm-qa",
    "rpmqa",
    "packages",
    "installed",
    "missingkbs",
    "rpmdb",
    "msi",
];

/// Endings of files that say nothing of the host.
const ENDINGS: [&str; 10] = [
    "txt", "csv", "tsv", "reg", "log", "json", "gz", "xz", "sqlite", "db",
];

/// What is known of one host.
#[derive(Debug, Default)]
pub struct HostFiles {
    /// What it is called.
    pub name: String,
    /// As Windows says it; none if no file of it was of Windows.
    pub windows: Option<WindowsHost>,
    /// dpkg's packages.
    pub dpkg: Option<Listing<Package>>,
    /// The packages of rpm or apk.
    pub packages: Option<pkgdb::Listing>,
    /// What packages of dpkg were built from, where that is not their own name.
    pub built_from: BTreeMap<String, String>,
    /// What it runs, where it says so.
    pub os: Option<Os>,
    /// Files that could not be read, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// How a bundle of it came here, for the evidence of its rows.
    pub came: Option<String>,
    /// What a bundle says of what runs.
    pub remote: Option<Box<RemoteHost>>,
}

impl HostFiles {
    /// Whether anything was read.
    pub const fn is_empty(&self) -> bool {
        self.windows.is_none() && self.dpkg.is_none() && self.packages.is_none()
    }

    /// Why nothing is known of it: what went wrong with it last.
    pub fn why_nothing(&self) -> &str {
        match self.failed.last() {
            Some((_, why)) if self.came.is_some() => why,
            Some(_) | None => "nothing of this host could be read",
        }
    }

    fn add(&mut self, path: &Path) {
        if let Err(why) = self.read(path) {
            self.failed.push((path.to_owned(), why));
        }
    }

    /// Of two lists one would hide the other: they are of two hosts, or of two days.
    pub(crate) fn first(&self, is_first: bool) -> Result<(), String> {
        let why = format!(
            "a second list of packages of {}: the first counts",
            self.name
        );
        is_first.then_some(()).ok_or(why)
    }

    fn read(&mut self, path: &Path) -> Result<(), String> {
        let bytes = unpack(path).map_err(|error| error.to_string())?;
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into());
        let said = |error: &dyn std::fmt::Display| error.to_string();
        if name.ends_with("-wal") || name.ends_with("-shm") {
            return Ok(()); // read with its database
        }
        if is_bundle(&bytes) {
            self.add_bundle(&bytes, &format!("by the bundle {}", path.display()), None)?;
        } else if let Some(os) = os_release(&bytes) {
            self.os = Some(os);
        } else if looks_like_status(&bytes) {
            self.first(self.dpkg.is_none())?;
            self.dpkg = Some(read_status(&bytes).map_err(|error| said(&error))?);
            self.built_from = read_sources(&bytes);
        } else if bytes.starts_with(b"C:Q") || bytes.starts_with(b"P:") {
            self.first(self.packages.is_none())?;
            self.packages = Some(pkgdb::apk_installed(&bytes).map_err(|error| said(&error))?);
        } else if is_rpmdb(&bytes, &name) {
            let beside = path.with_file_name(format!("{name}-wal"));
            let wal = match fs::read(&beside) {
                Ok(wal) => wal,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(format!("{}: {error}", beside.display())),
            };
            let wal = if wal.is_empty() {
                Wal::Absent
            } else {
                Wal::Bytes(&wal)
            };
            self.first(self.packages.is_none())?;
            self.packages = Some(pkgdb::rpmdb(&bytes, wal).map_err(|error| said(&error))?);
        } else if looks_like_query(&bytes) {
            self.first(self.packages.is_none())?;
            self.packages = Some(pkgdb::rpm_query(&bytes).map_err(|error| said(&error))?);
        } else if name.to_lowercase().contains("rpm") && !bytes.contains(&0) {
            self.first(self.packages.is_none())?;
            self.packages = Some(pkgdb::rpm_plain(&bytes).map_err(|error| said(&error))?);
        } else {
            let windows = self.windows.get_or_insert_with(WindowsHost::default);
            let added = windows.add(&name, &bytes);
            if windows.sources.is_empty() {
                self.windows = None;
            }
            added.map_err(|error| said(&error))?;
        }
        Ok(())
    }
}

fn is_rpmdb(bytes: &[u8], name: &str) -> bool {
    let names = ["rpmdb.sqlite", "Packages.db", "Packages"];
    bytes.starts_with(b"SQLite format 3\0") || (names.contains(&name) && bytes.contains(&0))
}

fn looks_like_status(bytes: &[u8]) -> bool {
    let head = bytes.trim_ascii_start();
    head.starts_with(b"Package:") && head.windows(7).take(4096).any(|part| part == b"Status:")
}

/// The lines of our own `rpm -qa` format: seven tabs in each.
fn looks_like_query(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default(); // default: because split gives one
    line.split(|byte| *byte == b'\t').count() == 8 && !line.contains(&0)
}

fn os_release(bytes: &[u8]) -> Option<Os> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let text = std::str::from_utf8(head).ok()?; // ok: because then it is none
    let says = |key: &str| text.lines().any(|line| line.starts_with(key));
    (says("ID=") && (says("NAME=") || says("VERSION_ID=")))
        .then(|| Os::read(bytes).ok()) // ok: because then it is none
        .flatten()
}

/// The hosts of what a person named: `HOST=PATH`, or a path alone. Of one name there is one host.
pub fn hosts(named: &[String]) -> Vec<HostFiles> {
    let Listed { hosts, problems } = listed(named);
    let mut all: Vec<HostFiles> = hosts
        .iter()
        .map(|(name, files)| host(name, files))
        .collect();
    for (name, path, why) in problems {
        match all.iter_mut().find(|host| host.name == name) {
            Some(host) => host.failed.push((path, why)),
            None => all.push(HostFiles {
                name,
                failed: vec![(path, why)],
                ..HostFiles::default()
            }),
        }
    }
    all
}

/// One host from its files. What cannot be read is in [`HostFiles::failed`].
pub fn host(name: &str, files: &[PathBuf]) -> HostFiles {
    let mut host = HostFiles {
        name: name.to_owned(),
        ..HostFiles::default()
    };
    for file in files {
        host.add(file);
    }
    host
}

/// Which files are of which host; nothing of them is read yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name and files, in the order in which they were named.
    pub hosts: Vec<(String, Vec<PathBuf>)>,
    /// What could not be looked at: the host it would be of, where, and why.
    pub problems: Vec<(String, PathBuf, String)>,
}

/// Looks which files are of which host.
pub fn listed(named: &[String]) -> Listed {
    let mut all = Listed::default();
    let mut places = BTreeMap::<String, usize>::new();
    let mut walk = Walk {
        left: MAX_FILES,
        problems: Vec::new(),
    };
    for text in named {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (Some(name.to_owned()), PathBuf::from(path)),
            None => (None, PathBuf::from(text)),
        };
        let groups = match (&name, fs::metadata(&path)) {
            (_, Err(error)) => {
                let name = name.unwrap_or_else(|| file_name(&path));
                all.problems.push((name, path, error.to_string()));
                continue;
            }
            (_, Ok(about)) if !about.is_dir() => {
                let name = name.unwrap_or_else(|| file_name(&path));
                vec![(name, vec![path])]
            }
            (Some(name), Ok(_)) => vec![(name.clone(), below(&path, 0, &mut walk))],
            (None, Ok(_)) => groups(&path, 0, &mut walk),
        };
        for (name, files) in groups {
            let next = all.hosts.len();
            let place = *places.entry(name.clone()).or_insert(next);
            match all.hosts.get_mut(place) {
                Some((_, known)) => known.extend(files),
                None => all.hosts.push((name, files)),
            }
        }
    }
    let problems = walk.problems.into_iter();
    all.problems
        .extend(problems.map(|(path, why)| (file_name(&path), path, why)));
    all
}

/// A walk through folders: how many entries may still be looked at, and what of it was not.
struct Walk {
    left: usize,
    problems: Vec<(PathBuf, String)>,
}

impl Walk {
    fn lost(&mut self, path: &Path, why: String) {
        self.problems.push((path.to_owned(), why));
    }

    /// The folders to go on into; those that lie too deep are told.
    fn deeper(&mut self, folders: Vec<PathBuf>, depth: usize) -> Vec<PathBuf> {
        if depth < MAX_DEPTH {
            return folders;
        }
        for folder in folders {
            let why = format!("more than {MAX_DEPTH} folders in each other: it was not looked at");
            self.lost(&folder, why);
        }
        Vec::new()
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().or_else(|| path.parent()?.file_name());
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into(),
    )
}

/// Every file below `path`, in order.
fn below(path: &Path, depth: usize, walk: &mut Walk) -> Vec<PathBuf> {
    if let Some(root) = root_files(path) {
        return root;
    }
    let (files, folders) = entries(path, walk);
    let mut all = files;
    for folder in walk.deeper(folders, depth) {
        all.extend(below(&folder, depth + 1, walk));
    }
    all
}

/// The files of a root file system that are there; none if it is none.
fn root_files(path: &Path) -> Option<Vec<PathBuf>> {
    let there: Vec<PathBuf> = PLACES
        .iter()
        .map(|place| path.join(place))
        .filter(|place| fs::metadata(place).is_ok_and(|about| about.is_file()))
        .collect();
    let packages = there.iter().any(|place| !place.ends_with("os-release"));
    packages.then_some(there)
}

/// A folder: a root file system or a host's own folder is one host; files of many hosts are told apart by what
/// their names begin with; each folder in it is looked at the same way.
fn groups(path: &Path, depth: usize, walk: &mut Walk) -> Vec<(String, Vec<PathBuf>)> {
    if let Some(root) = root_files(path) {
        return vec![(file_name(path), root)];
    }
    let (files, folders) = entries(path, walk);
    let mut groups = BTreeMap::<String, Vec<PathBuf>>::new();
    for file in files {
        let stem = stem(&file_name(&file));
        let name = if stem.is_empty() {
            file_name(path)
        } else {
            stem
        };
        groups.entry(name).or_default().push(file);
    }
    let mut all: Vec<(String, Vec<PathBuf>)> = groups.into_iter().collect();
    for folder in walk.deeper(folders, depth) {
        all.extend(self::groups(&folder, depth + 1, walk));
    }
    all
}

/// `web1` of `web1_systeminfo.txt` and of `web1-qfe_powershell.csv`; empty where the name is a kind alone.
fn stem(name: &str) -> String {
    // Only what is an ending goes: a host may have dots, as 10.0.0.1 has.
    let mut whole = name;
    while let Some((rest, ending)) = whole.rsplit_once('.')
        && ENDINGS.contains(&ending.to_lowercase().as_str())
    {
        whole = rest;
    }
    let lower = whole.to_lowercase();
    for (at, _) in lower
        .match_indices(['_', '-', '.'])
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let rest = lower.get(at + 1..).unwrap_or_default(); // default: because the mark is one byte
        let is_kind = KINDS.iter().any(|kind| {
            rest.strip_prefix(kind)
                .is_some_and(|more| more.is_empty() || more.starts_with(['_', '-', '.']))
        });
        if is_kind {
            return whole.get(..at).unwrap_or_default().to_owned(); // default: because lower case kept its length
        }
    }
    let alone = KINDS.iter().any(|kind| {
        lower
            .strip_prefix(kind)
            .is_some_and(|more| more.is_empty() || more.starts_with(['_', '-']))
    });
    if alone {
        String::new()
    } else {
        whole.to_owned()
    }
}

fn entries(path: &Path, walk: &mut Walk) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            walk.lost(path, error.to_string());
            return (files, folders);
        }
    };
    for entry in entries {
        let Some(left) = walk.left.checked_sub(1) else {
            let why = format!("more than {MAX_FILES} files: the rest was not looked at");
            walk.lost(path, why);
            break;
        };
        walk.left = left;
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                walk.lost(path, error.to_string());
                continue;
            }
        };
        if path.is_dir() {
            folders.push(path);
        } else {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_tell_the_host() {
        let check = |name: &str, expected: &str| assert_eq!(stem(name), expected, "{name}");
        check("web1_systeminfo.txt", "web1");
        check("7_sp1_x64_fr_systeminfo_cmd.txt", "7_sp1_x64_fr");
        check("pc-7_qfe.txt", "pc-7");
        check("pc_updates_optional.txt", "pc");
        check("systeminfo.txt", "");
        check("rpm-qa.txt", "");
        check("status", "");
        check("web1.txt", "web1");
        check("10.0.0.1_systeminfo.txt", "10.0.0.1");
        check("pc7.example.org_qfe.csv", "pc7.example.org");
    }
}
