//! What a Linux host says of itself in one bundle: the script that makes it, and what it means. It comes over SSH, or
//! as a file that somebody dropped.
//!
//! A bundle that is not whole is an error: half a list of packages would look like a host that lacks the other half.
//! What this user may not see is counted and told. A kernel that no package brought, or that a container has from its
//! host, is unknown.

mod frame;
mod runs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use cordon_model::{Package, Time};
use cordon_patch::{Listing, read_sources, read_status};
use pkgdb::Os;
use sha2::{Digest, Sha256};
use vercmp::Kind;

use crate::{
    hosts::HostFiles,
    running::{Installed, Running},
};
use frame::Part;
pub use frame::{MAX_BUNDLE_BYTES, MAX_NOISE_BYTES, MAX_PARTS, is_bundle};

/// The script: POSIX `sh`, reads only, needs no root, writes to its output alone.
pub const SCRIPT: &str = include_str!("collect.sh");

/// SHA-256 of [`SCRIPT`] in lower-case hexadecimal, to compare with what lies on the hosts.
pub fn script_sha256() -> String {
    let digest = Sha256::digest(SCRIPT.as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0')); // 0: because it is below 16
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0')); // likewise
        text
    })
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// None begins in them.
    #[error("expected a bundle of the collector, found {0:?}")]
    None(String),
    /// Of a form that is not known.
    #[error("expected the form 1 of bundles, found {0:?}")]
    Form(String),
    /// It has no end.
    #[error("the bundle is truncated: it ends after {0} bytes without its end mark")]
    Truncated(usize),
    /// Lines were lost, or came from elsewhere.
    #[error("the bundle is not whole: expected {0} lines, found {1}")]
    Lines(u64, usize),
    /// Parts are missing.
    #[error("the bundle is not whole: expected {0} parts, found {1}")]
    Parts(usize, usize),
    /// A line that no bundle has there.
    #[error("line {0} of the bundle was not understood: {1:?}")]
    Odd(usize, String),
    /// Larger than [`MAX_BUNDLE_BYTES`].
    #[error("expected at most {MAX_BUNDLE_BYTES} bytes of a bundle, found {0}")]
    TooLarge(usize),
    /// It is whole and says nothing of what is installed.
    #[error("the bundle lists no packages: {0}")]
    NoPackages(String),
}

/// What a bundle says.
#[derive(Debug)]
pub struct RemoteHost {
    /// What the host calls itself.
    pub hostname: String,
    /// When it was asked, by its own clock, in seconds since 1970.
    pub taken_secs: Option<u64>,
    /// dpkg's packages.
    pub dpkg: Option<Listing<Package>>,
    /// What they were built from, where that is not their own name.
    pub built_from: BTreeMap<String, String>,
    /// The packages of rpm or apk.
    pub packages: Option<pkgdb::Listing>,
    /// What it runs.
    pub os: Option<Os>,
    /// Parts that could not be read, and why.
    pub failed: Vec<String>,
    /// What of it runs.
    pub running: Running,
    /// Whether `needs-restarting` is there. It is not asked: it writes a log and a cache.
    pub needs_restarting: bool,
}

/// The parts of a bundle, to be taken out one by one.
struct Parts(BTreeMap<String, Part>);

impl Parts {
    /// What a part says; none if it is not there or has no line.
    fn said(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.0.remove(name) {
            Some(Part::Said { status: 0, text }) => Ok((!text.is_empty()).then_some(text)),
            Some(Part::Said { status, .. }) => {
                Err(format!("{name}: its command ended with status {status}"))
            }
            Some(Part::Absent) => Ok(None),
            Some(Part::Unreadable) => Err(format!("{name}: this user may not read it")),
            None => Err(format!("{name}: the bundle has no such part")),
        }
    }

    /// The only line of a part.
    fn line(&mut self, name: &str) -> Result<String, String> {
        let text = self
            .said(name)?
            .ok_or_else(|| format!("{name}: it is empty"))?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }
}

/// Reads what [`SCRIPT`] printed. What stands before its beginning and behind its end is of a login shell and is left
/// out.
///
/// # Errors
/// If it is not whole, or lists no packages. Other parts that could not be read are in [`RemoteHost::failed`].
pub fn read_bundle(bytes: &[u8]) -> Result<RemoteHost, BundleError> {
    let mut parts = Parts(frame::parts(bytes)?);
    let mut failed = Vec::new();
    let mut built_from = BTreeMap::new();
    let (dpkg, packages) = lists(&mut parts, &mut built_from, &mut failed);
    if dpkg.is_none() && packages.is_none() {
        let why = if failed.is_empty() {
            "neither dpkg, rpm nor apk has any".to_owned()
        } else {
            failed.join("; ")
        };
        return Err(BundleError::NoPackages(why));
    }
    let os = match parts.said("os-release") {
        Ok(Some(text)) => Os::read(&text)
            .map_err(|why| failed.push(format!("os-release: {why}")))
            .ok(), // ok: because the failure was just told
        Ok(None) => None,
        Err(why) => {
            failed.push(why);
            None
        }
    };
    let hostname = parts.line("hostname").unwrap_or_else(|why| {
        failed.push(why);
        String::new()
    });
    let taken = parts.line("time").and_then(|text| {
        let why = |_| format!("time: expected seconds, found {text:?}");
        text.parse().map_err(why)
    });
    let taken_secs = taken.map_err(|why| failed.push(why)).ok(); // ok: because the failure was just told
    let needs_restarting = matches!(parts.said("needs-restarting"), Ok(Some(_)));
    let running = runs::running(&mut parts, &installed(dpkg.as_ref(), packages.as_ref()));
    Ok(RemoteHost {
        hostname,
        taken_secs,
        dpkg,
        built_from,
        packages,
        os,
        failed,
        running,
        needs_restarting,
    })
}

type Read = fn(&[u8]) -> Result<pkgdb::Listing, pkgdb::Error>;

/// The lists of packages. Of two managers that both have some, dpkg's counts and the other is told.
fn lists(
    parts: &mut Parts,
    built_from: &mut BTreeMap<String, String>,
    failed: &mut Vec<String>,
) -> (Option<Listing<Package>>, Option<pkgdb::Listing>) {
    let mut text = |name: &str, failed: &mut Vec<String>| {
        parts.said(name).unwrap_or_else(|why| {
            failed.push(why);
            None
        })
    };
    let mut dpkg = None;
    if let Some(status) = text("dpkg", failed) {
        match read_status(&status) {
            Ok(listing) => {
                dpkg = Some(listing);
                *built_from = read_sources(&status);
            }
            Err(why) => failed.push(format!("dpkg: {why}")),
        }
    }
    let mut packages = None;
    let readers: [(&str, Read); 2] = [("rpm", pkgdb::rpm_query), ("apk", pkgdb::apk_installed)];
    for (name, read) in readers {
        let Some(text) = text(name, failed) else {
            continue;
        };
        match read(&text) {
            Err(why) => failed.push(format!("{name}: {why}")),
            Ok(_) if dpkg.is_some() || packages.is_some() => {
                failed.push(format!(
                    "{name}: a second list of packages: the first counts"
                ));
            }
            Ok(listing) => packages = Some(listing),
        }
    }
    (dpkg, packages)
}

/// The packages as the judge of kernels wants them.
pub fn installed(
    dpkg: Option<&Listing<Package>>,
    packages: Option<&pkgdb::Listing>,
) -> Vec<Installed> {
    let deb = dpkg.into_iter().flat_map(|dpkg| &dpkg.entries);
    let deb = deb.map(|package| Installed {
        kind: Kind::Deb,
        name: package.name.to_string(),
        version: package.version.to_string(),
        arch: package.arch.to_string(),
    });
    let others = packages.into_iter().flat_map(|listing| &listing.packages);
    let others = others.filter(|package| !package.is_key);
    let others = others.map(|package| Installed {
        kind: match package.manager {
            pkgdb::Manager::Rpm => Kind::Rpm,
            pkgdb::Manager::Apk => Kind::Apk,
        },
        name: package.name.clone(),
        version: package.evr(),
        arch: package.arch.clone(),
    });
    deb.chain(others).collect()
}

impl HostFiles {
    /// Takes in a bundle; `came` is how it came here and `at` when, in the evidence of its rows. Without `at` it
    /// is the host's own clock that says when.
    ///
    /// # Errors
    /// As [`read_bundle`], or if another list of packages of this host is there.
    pub fn add_bundle(&mut self, bytes: &[u8], came: &str, at: Option<Time>) -> Result<(), String> {
        let mut read = read_bundle(bytes).map_err(|why| why.to_string())?;
        self.first(self.dpkg.is_none() && self.packages.is_none())?;
        self.dpkg = read.dpkg.take();
        self.packages = read.packages.take();
        self.built_from = std::mem::take(&mut read.built_from);
        self.os = read.os.take().or_else(|| self.os.take());
        let place = std::path::Path::new(came);
        let failed = read.failed.drain(..).map(|why| (place.to_owned(), why));
        self.failed.extend(failed);
        let taken = read
            .taken_secs
            .map(|secs| Time::from_millis(secs.saturating_mul(1000)));
        let came = match (at, taken) {
            (Some(at), _) => format!("{came} at {at}"),
            (None, Some(taken)) => format!("{came} of {taken}"),
            (None, None) => format!("{came}, undated"),
        };
        // A name that leads to another host would give one host's rows to the other.
        let short = |name: &str| name.split('.').next().unwrap_or(name).to_lowercase(); // or: because split gives one
        let same = short(&read.hostname) == short(&self.name);
        self.came = Some(if same || read.hostname.is_empty() {
            came
        } else {
            format!("{came} (it calls itself {})", read.hostname)
        });
        self.remote = Some(Box::new(read));
        Ok(())
    }
}
