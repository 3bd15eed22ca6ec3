//! Finds the security indexes that apt has on disk, and the date that they bear.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use cordon_model::{Blindness, Set, SetName, Text};
use cordon_patch::{DEBIAN_PACKAGES, read_release_date, read_release_size};

use crate::unpack::{UnpackError, unpack};

/// Where apt keeps its indexes.
pub const LISTS: &str = "/var/lib/apt/lists";

/// A suite's index: all its components and architectures on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// `bookworm-security`.
    pub name: SetName,
    /// Its `Packages` files.
    pub files: Vec<PathBuf>,
    /// Its `InRelease` or `Release`, which bears the date.
    pub release: Option<PathBuf>,
}

/// The security indexes in `lists`.
///
/// # Errors
/// Blindness, with the command that mends it, if there is none: an empty result would look like health.
pub fn security_indexes(lists: &Path) -> Result<Vec<Index>, Blindness> {
    let blind = |why: String, mend: &str| Blindness {
        why: Text::new(&why),
        mend: Some(mend.into()),
    };
    let entries = fs::read_dir(lists).map_err(|error| {
        blind(
            format!("{} cannot be read: {error}", lists.display()),
            "apt-get update",
        )
    })?;
    let mut suites = BTreeMap::<String, Vec<PathBuf>>::new();
    for entry in entries {
        let path = entry
            .map_err(|error| blind(error.to_string(), "apt-get update"))?
            .path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(suite) = security_suite(file) {
            suites.entry(suite.to_owned()).or_default().push(path);
        }
    }
    if suites.is_empty() {
        let why = format!("there is no security index in {}", lists.display());
        return Err(blind(why, "apt-get update"));
    }
    let index = |(prefix, mut files): (String, Vec<PathBuf>)| {
        files.sort(); // so that the same disk gives the same set, whatever order the folder has
        let release = ["InRelease", "Release"]
            .map(|name| lists.join(format!("{prefix}_{name}")))
            .into_iter()
            .find(|path| fs::metadata(path).is_ok());
        let suite = prefix
            .split_once("_dists_")
            .map_or(prefix.as_str(), |(_, suite)| suite);
        let name = suite.replace('_', "/").parse();
        name.map(|name| Index {
            name,
            files,
            release,
        })
    };
    let indexes: Result<Vec<Index>, _> = suites.into_iter().map(index).collect();
    indexes.map_err(|error| {
        blind(
            format!("an index has no usable name: {error}"),
            "apt-get update",
        )
    })
}

/// `deb.debian.org_debian-security_dists_bookworm-security` of the `Packages` files below it: security
/// by the archive's or the suite's own name.
fn security_suite(file: &str) -> Option<&str> {
    let packages = ["_Packages", "_Packages.gz", "_Packages.xz", "_Packages.lz4"];
    let stem = packages
        .iter()
        .find_map(|ending| file.strip_suffix(ending))?;
    let (rest, arch) = stem.rsplit_once('_')?;
    let (suite, _component) = rest.rsplit_once('_')?;
    let is_index = arch.starts_with("binary-") && suite.contains("_dists_");
    (is_index && suite.contains("security")).then_some(suite)
}

impl Index {
    /// Reads all of it, and holds its size against the one that the archive published.
    pub fn load(&self) -> Result<Set, UnpackError> {
        let release = self.release.as_ref().map(|path| unpack(path)).transpose()?;
        let mut bytes = Vec::new();
        for path in &self.files {
            let content = unpack(path)?;
            let (path, got) = (path.clone(), content.len());
            if content.last().is_some_and(|last| *last != b'\n') {
                return Err(UnpackError::Truncated {
                    path,
                    form: "plain",
                    got,
                });
            }
            let published = release.as_ref().zip(within_suite(&path));
            match published.and_then(|(release, index)| read_release_size(release, &index)) {
                Some(expected) if expected != got as u64 => {
                    return Err(UnpackError::WrongSize {
                        path,
                        expected,
                        got,
                    });
                }
                Some(_) | None => {}
            }
            bytes.extend_from_slice(&content);
            bytes.push(b'\n'); // an index need not end in an empty line
        }
        let dated = release.and_then(|bytes| read_release_date(&bytes));
        Ok(Set {
            dated,
            format: DEBIAN_PACKAGES,
            bytes: Arc::from(bytes),
        })
    }
}

/// `main/binary-amd64/Packages`: what a Release file calls an index that apt has on disk.
fn within_suite(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = name.split_once("_Packages")?.0;
    let (rest, arch) = stem.rsplit_once('_')?;
    let (_, component) = rest.rsplit_once('_')?;
    Some(format!("{component}/{arch}/Packages"))
}

/// The feed in a file or folder that somebody names: one `Packages` file, or a folder like apt's.
///
/// # Errors
/// As [`security_indexes`] for a folder. A file is read later, by [`Index::load`].
pub fn advisories(path: &Path) -> Result<Vec<Index>, Blindness> {
    if path.is_dir() {
        return security_indexes(path);
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("advisories");
    let name = name.parse().map_err(|error: cordon_model::IdError| {
        let why = format!("{} has no usable name: {error}", path.display());
        Blindness {
            why: Text::new(&why),
            mend: None,
        }
    })?;
    Ok(vec![Index {
        name,
        files: vec![path.to_owned()],
        release: None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_is_told_by_archive_or_suite() {
        let check = |file: &str, expected: Option<&str>| assert_eq!(security_suite(file), expected);
        check(
            "deb.debian.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages.lz4",
            Some("deb.debian.org_debian-security_dists_bookworm-security"),
        );
        check(
            "security.debian.org_dists_stretch_updates_non-free_binary-all_Packages",
            Some("security.debian.org_dists_stretch_updates"),
        );
        check(
            "archive.ubuntu.com_ubuntu_dists_jammy-security_main_binary-amd64_Packages.xz",
            Some("archive.ubuntu.com_ubuntu_dists_jammy-security"),
        );
        check(
            "deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages.lz4",
            None,
        );
        check(
            "deb.debian.org_debian-security_dists_bookworm-security_InRelease",
            None,
        );
        check("_Packages", None);
    }
}
