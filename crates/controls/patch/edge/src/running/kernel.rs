//! Whether the kernel that runs is the newest one that is installed of its flavour. Pure.
//!
//! Releases are compared by the package manager's own order: as text, `5.10.0-9` is newer than
//! `5.10.0-28`. Meta packages, debug kernels and other flavours say nothing of the one that runs. A
//! kernel that no package brought (a micro-VM, a hand-made one, a container's host) is a third
//! answer, not a good one.

use std::cmp::Ordering;

use vercmp::{Kind, compare};

/// An installed package, whoever read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Whose order its version has.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version; of rpm `[epoch:]version-release`.
    pub version: String,
    /// Its architecture.
    pub arch: String,
}

/// What is to be said of the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// It is the newest installed of its flavour.
    Newest {
        /// The package that it is of.
        package: String,
        /// Its version.
        version: String,
    },
    /// A newer one is installed, and waits for a reboot.
    Behind {
        /// The package of the newest.
        package: String,
        /// Its version.
        version: String,
        /// What will run after a reboot.
        release: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why.
        why: String,
    },
}

/// An installed kernel image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image<'a> {
    package: &'a Installed,
    /// Within one flavour, a newer image takes the place of an older one.
    flavour: String,
    /// What `uname -r` says when it runs.
    release: String,
    /// The part of it that is compared.
    version: String,
}

/// Judges the kernel `release` (`uname -r`), built as `build` says (`uname -v`), against what is
/// installed.
pub fn judge_kernel(release: &str, build: &str, installed: &[Installed]) -> Boot {
    let images: Vec<Image<'_>> = installed.iter().filter_map(image).collect();
    let unknown = |why: String| Boot::Unknown { why };
    if images.is_empty() {
        return unknown(format!(
            "no kernel image is among the {} packages: {release} is of no package",
            installed.len()
        ));
    }
    let running = images.iter().find(|image| is_of(image, release));
    let running = running.map(|image| {
        (
            image.flavour.clone(),
            image.package.kind,
            image.version.clone(),
        )
    });
    let Some((flavour, kind, version)) = running.or_else(|| removed(release, &images)) else {
        return unknown(format!(
            "the running kernel {release} is of no installed package, nor of the flavour of one"
        ));
    };
    let mut newest: Option<&Image<'_>> = None;
    for image in images
        .iter()
        .filter(|image| image.flavour == flavour && image.package.kind == kind)
    {
        match newest.map(|newest| compare(kind, &image.version, &newest.version)) {
            Some(Err(error)) => return unknown(format!("{}: {error}", image.package.name)),
            None | Some(Ok(Ordering::Greater)) => newest = Some(image),
            Some(Ok(Ordering::Less | Ordering::Equal)) => {}
        }
    }
    let Some(newest) = newest else {
        return unknown(format!("no kernel of the flavour {flavour} is installed"));
    };
    let (package, to) = (newest.package.name.clone(), newest.package.version.clone());
    match compare(kind, &version, &newest.version) {
        Err(error) => unknown(format!("{release}: {error}")),
        Ok(Ordering::Greater) => unknown(format!(
            "the running kernel {release} is newer than the newest installed of its flavour, {}",
            newest.release
        )),
        Ok(Ordering::Less) => Boot::Behind {
            package,
            version: to,
            release: newest.release.clone(),
        },
        Ok(Ordering::Equal) if !is_of(newest, release) => unknown(format!(
            "the running kernel {release} is of the same version as {}, and not it",
            newest.release
        )),
        Ok(Ordering::Equal) => match rebuilt(build, &newest.package.version, &newest.version, kind)
        {
            Some(older) => Boot::Behind {
                package,
                version: to,
                release: format!("{release}, now built as {older}"),
            },
            None => Boot::Newest {
                package,
                version: to,
            },
        },
    }
}

/// A package may be upgraded without a new release: Debian names the package's version in `uname
/// -v`, Ubuntu its upload number. The version to boot, if it is not the one that runs.
fn rebuilt(build: &str, installed: &str, release: &str, kind: Kind) -> Option<String> {
    if kind != Kind::Deb {
        return None;
    }
    let mut words = build.split_whitespace();
    if let Some(first) = words.next().filter(|word| word.contains("-Ubuntu")) {
        let number: String = first
            .trim_start_matches('#')
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let upload = installed.strip_prefix(release)?.strip_prefix('.')?;
        let upload: String = upload.chars().take_while(char::is_ascii_digit).collect();
        let differs = !number.is_empty() && !upload.is_empty() && number != upload;
        return differs.then(|| installed.to_owned());
    }
    let running = words.skip_while(|word| *word != "Debian").nth(1)?;
    // A text that is no version decides nothing.
    matches!(compare(kind, running, installed), Ok(Ordering::Less)).then(|| installed.to_owned())
}

fn is_of(image: &Image<'_>, release: &str) -> bool {
    image.release == release
}

fn image(package: &Installed) -> Option<Image<'_>> {
    match package.kind {
        Kind::Deb => deb(package),
        Kind::Rpm => rpm(package),
        Kind::Apk => apk(package),
    }
}

/// `linux-image-6.1.0-18-amd64`; `linux-image-amd64` is a meta package, `…-dbg` no kernel.
fn deb(package: &Installed) -> Option<Image<'_>> {
    let name = package.name.strip_prefix("linux-image-")?;
    let release = name.strip_prefix("unsigned-").unwrap_or(name);
    let release = release.strip_suffix("-unsigned").unwrap_or(release);
    if release.ends_with("-dbg") || release.ends_with("-dbgsym") {
        return None;
    }
    let (version, flavour) = deb_parts(release)?;
    Some(Image {
        package,
        flavour,
        release: release.to_owned(),
        version,
    })
}

/// `6.1.0-18` and `cloud-amd64` of `6.1.0-18-cloud-amd64`: what begins with a digit is of the
/// version.
fn deb_parts(release: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = release.split('-').collect();
    let numbered = |part: &&&str| {
        let digits = part
            .strip_prefix("rc")
            .or_else(|| part.strip_prefix("rpi"))
            .unwrap_or(part);
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    let count = parts.iter().take_while(numbered).count();
    let (version, flavour) = parts.split_at_checked(count)?;
    let first = version.first()?;
    let whole = first.contains('.') && first.starts_with(|c: char| c.is_ascii_digit());
    (whole && !flavour.is_empty()).then(|| (version.join("-"), flavour.join("-")))
}

/// Packages of rpm that hold an image: their name, what they add to the release behind the
/// architecture.
const RPM_IMAGES: [(&str, &str); 15] = [
    ("kernel", ""),
    ("kernel-core", ""),
    ("kernel-debug-core", "+debug"),
    ("kernel-rt-core", "+rt"),
    ("kernel-rt-debug-core", "+rt-debug"),
    ("kernel-64k-core", "+64k"),
    ("kernel-64k-debug-core", "+64k-debug"),
    ("kernel-16k-core", "+16k"),
    ("kernel-uek", ""),
    ("kernel-uek-core", ""),
    ("kernel-ml", ""),
    ("kernel-ml-core", ""),
    ("kernel-lt", ""),
    ("kernel-lt-core", ""),
    ("kernel6.12", ""),
];

fn rpm(package: &Installed) -> Option<Image<'_>> {
    let version = package
        .version
        .split_once(':')
        .map_or(package.version.as_str(), |(_, rest)| rest);
    if package.name == "kernel-default" {
        // SUSE counts rebuilds last: the package 6.4.0-1.2.1 runs as 6.4.0-1.2-default.
        let release = version
            .rsplit_once('.')
            .map_or(version, |(release, _)| release);
        return Some(Image {
            package,
            flavour: "default".into(),
            release: format!("{release}-default"),
            version: version.to_owned(),
        });
    }
    let (name, suffix) = RPM_IMAGES.iter().find(|(name, _)| *name == package.name)?;
    let base = name.strip_suffix("-core").unwrap_or(name);
    Some(Image {
        package,
        flavour: format!("{base}.{}", package.arch),
        release: format!("{version}.{}{suffix}", package.arch),
        version: version.to_owned(),
    })
}

/// `linux-lts` 6.6.58-r0 runs as `6.6.58-0-lts`. `linux-pam`, `linux-headers`, `linux-firmware` are
/// no kernels.
fn apk(package: &Installed) -> Option<Image<'_>> {
    const FLAVOURS: [&str; 8] = [
        "lts", "virt", "edge", "stable", "rpi", "rpi2", "rpi4", "asahi",
    ];
    let flavour = package.name.strip_prefix("linux-")?;
    let (upstream, revision) = package.version.split_once("-r")?;
    FLAVOURS.contains(&flavour).then(|| Image {
        package,
        flavour: flavour.to_owned(),
        release: format!("{upstream}-{revision}-{flavour}"),
        version: package.version.clone(),
    })
}

/// The flavour of a release whose own package is gone: it can still be behind those that are
/// installed.
fn removed(release: &str, images: &[Image<'_>]) -> Option<(String, Kind, String)> {
    images.iter().find_map(|image| {
        let kind = image.package.kind;
        let version = match kind {
            Kind::Deb => {
                deb_parts(release)
                    .filter(|(_, flavour)| *flavour == image.flavour)?
                    .0
            }
            Kind::Rpm if image.flavour == "default" => release.strip_suffix("-default")?.to_owned(),
            Kind::Rpm => {
                let end = image.release.strip_prefix(image.version.as_str())?;
                let version = release.strip_suffix(end)?;
                // A kernel of the same vendor: `.el9_4` and `.el9`, not a hand-made one.
                (vendor(version)? == vendor(&image.version)?).then(|| version.to_owned())?
            }
            Kind::Apk => {
                let numbers = release.strip_suffix(&format!("-{}", image.flavour))?;
                let (upstream, revision) = numbers.rsplit_once('-')?;
                format!("{upstream}-r{revision}")
            }
        };
        Some((image.flavour.clone(), kind, version))
    })
}

/// The letters of the last part of a release that has any: `el` of `503.el9_4`, `eluek` of
/// `9.el8uek`.
fn vendor(version: &str) -> Option<String> {
    let release = version.split_once('-')?.1;
    let mut parts = release
        .split('.')
        .filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()));
    let last = parts.next_back()?.split('_').next()?;
    Some(last.chars().filter(char::is_ascii_alphabetic).collect())
}
