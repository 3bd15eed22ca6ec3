//! Of which packages a row speaks: those of one release of one operating system. `openssl` of `AlmaLinux` 8
//! and of `AlmaLinux` 9 share a name and nothing else, and `rpm` of `PyPI` is not the rpm of any of them.

use std::{fmt, str::FromStr, sync::Arc};

use vercmp::Kind;

/// A release: `almalinux:8`, `debian:12`, `alpine:3.19`, `ubuntu:22.04`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    name: Arc<str>,
    kind: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Deb,
    Rpm,
    Apk,
}

/// Operating systems by their id in os-release, and whose versions they have.
const SYSTEMS: &[(&str, Order)] = &[
    ("almalinux", Order::Rpm),
    ("alpine", Order::Apk),
    ("amzn", Order::Rpm),
    ("centos", Order::Rpm),
    ("debian", Order::Deb),
    ("fedora", Order::Rpm),
    ("ol", Order::Rpm),
    ("opensuse-leap", Order::Rpm),
    ("rhel", Order::Rpm),
    ("rocky", Order::Rpm),
    ("sles", Order::Rpm),
    ("ubuntu", Order::Deb),
];

/// Ecosystems of programming languages: their names look like packages and are none of the system's.
const LANGUAGES: &[&str] = &[
    "Bitnami",
    "CRAN",
    "ConanCenter",
    "GHC",
    "GitHub Actions",
    "Go",
    "Hackage",
    "Hex",
    "Julia",
    "Maven",
    "NuGet",
    "OSS-Fuzz",
    "Packagist",
    "Pub",
    "PyPI",
    "RubyGems",
    "SwiftURL",
    "VSCode",
    "crates.io",
    "npm",
];

/// Why a text names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRelease {
    /// A programming language.
    #[error(
        "{0} is an ecosystem of a programming language: its names are not packages of the system"
    )]
    Language(String),
    /// Not in our list.
    #[error("expected the release of an operating system we know, found {0:?}")]
    Unknown(String),
}

impl Release {
    /// Of what os-release says: `ID` and `VERSION_ID`.
    pub fn of_os(id: &str, version: &str) -> Result<Self, NoRelease> {
        let unknown = || NoRelease::Unknown(format!("{id}:{version}"));
        let (id, kind) = SYSTEMS
            .iter()
            .find(|(known, _)| *known == id)
            .ok_or_else(unknown)?;
        let mut parts = version.split('.');
        let major = parts
            .next()
            .filter(|part| !part.is_empty())
            .ok_or_else(unknown)?;
        let version = match (*id, parts.next()) {
            ("alpine", None) if version == "edge" => version.to_owned(),
            ("alpine", None) => return Err(unknown()),
            ("alpine" | "ubuntu" | "sles" | "opensuse-leap", Some(minor)) => {
                format!("{major}.{minor}")
            }
            _ => major.to_owned(),
        };
        Ok(Self {
            name: format!("{id}:{version}").into(),
            kind: *kind,
        })
    }

    /// Of an ecosystem of OSV, as `AlmaLinux:8` or `Ubuntu:Pro:22.04:LTS`.
    pub fn of_ecosystem(ecosystem: &str) -> Result<Self, NoRelease> {
        let unknown = || NoRelease::Unknown(ecosystem.to_owned());
        let mut parts = ecosystem.split(':');
        let system = parts.next().unwrap_or(""); // "": because a text has a first part
        if LANGUAGES.contains(&system) {
            return Err(NoRelease::Language(system.to_owned()));
        }
        let rest: Vec<&str> = parts.collect();
        let first = rest.first().copied().ok_or_else(unknown)?;
        match system {
            "AlmaLinux" => Self::of_os("almalinux", first),
            "Rocky Linux" => Self::of_os("rocky", first),
            "Debian" => Self::of_os("debian", first),
            "Alpine" => Self::of_os("alpine", first.trim_start_matches('v')),
            "Ubuntu" => {
                let version = rest
                    .iter()
                    .find(|part| part.contains('.'))
                    .ok_or_else(unknown)?;
                Self::of_os("ubuntu", version)
            }
            "Red Hat" if first == "enterprise_linux" => {
                Self::of_os("rhel", rest.get(1).ok_or_else(unknown)?)
            }
            "openSUSE" => Self::of_os(
                "opensuse-leap",
                first.strip_prefix("Leap ").ok_or_else(unknown)?,
            ),
            "SUSE" => {
                let version = first
                    .strip_prefix("Linux Enterprise Server ")
                    .ok_or_else(unknown)?;
                Self::of_os("sles", &version.replace(" SP", "."))
            }
            _ => Err(unknown()),
        }
    }

    /// Whose version order.
    pub fn kind(&self) -> Kind {
        match self.kind {
            Order::Deb => Kind::Deb,
            Order::Rpm => Kind::Rpm,
            Order::Apk => Kind::Apk,
        }
    }

    /// `almalinux:8`.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl FromStr for Release {
    type Err = NoRelease;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((id, version)) = text.split_once(':') else {
            return Err(NoRelease::Unknown(text.to_owned()));
        };
        Self::of_os(id, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_are_releases_or_refused() {
        let check = |ecosystem: &str, expected: &str| {
            let found = match Release::of_ecosystem(ecosystem) {
                Ok(release) => release.to_string(),
                Err(why) => why.to_string(),
            };
            assert_eq!(found, expected, "{ecosystem}");
        };
        check("AlmaLinux:8", "almalinux:8");
        check("Alpine:v3.19", "alpine:3.19");
        check("Ubuntu:Pro:16.04:LTS", "ubuntu:16.04");
        check("Red Hat:enterprise_linux:8::baseos", "rhel:8");
        check("SUSE:Linux Enterprise Server 15 SP5", "sles:15.5");
        check("openSUSE:Leap 15.6", "opensuse-leap:15.6");
        check(
            "PyPI",
            "PyPI is an ecosystem of a programming language: its names are not packages of the system",
        );
        check(
            "TempleOS:5",
            "expected the release of an operating system we know, found \"TempleOS:5\"",
        );
        check(
            "AlmaLinux",
            "expected the release of an operating system we know, found \"AlmaLinux\"",
        );
    }

    #[test]
    fn a_host_and_a_feed_mean_the_same_release() {
        let host = Release::of_os("almalinux", "8.10").unwrap();
        assert_eq!(Ok(host), Release::of_ecosystem("AlmaLinux:8"));
        assert_eq!(
            "alpine:3.19.1".parse(),
            Release::of_ecosystem("Alpine:v3.19")
        );
    }
}
