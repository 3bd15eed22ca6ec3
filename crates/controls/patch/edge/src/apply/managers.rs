//! apt, dnf and apk. What a name and a version may look like is theirs to say; anything else is refused before a
//! command line is made of it.

use cordon_patch::plan::Upgrade;

use super::{Call, Executor};

/// Longest name or version, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Most packages of one command.
pub const MAX_PACKAGES: usize = 1000;

/// Why no command is made of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A name that no package has.
    #[error("expected the name of a package, got {0:?}")]
    Name(String),
    /// An architecture that is none.
    #[error("expected an architecture, got {0:?}")]
    Arch(String),
    /// A version that is none.
    #[error("expected a version of {name}, got {version:?}")]
    Version {
        /// Of which package.
        name: String,
        /// What stands there.
        version: String,
    },
    /// More packages than one command takes, or none.
    #[error("expected from 1 to {MAX_PACKAGES} packages in one step, got {0}")]
    Count(usize),
    /// Nobody here installs such things.
    #[error("nothing here installs updates of this kind: hand the plan to what does")]
    NoExecutor,
}

/// Debian's, also as of Ubuntu.
#[derive(Debug, Clone, Copy)]
pub struct Apt;

/// Red Hat's, also as of Alma, Rocky and Fedora.
#[derive(Debug, Clone, Copy)]
pub struct Dnf;

/// Alpine's.
#[derive(Debug, Clone, Copy)]
pub struct Apk;

const PLAIN: (&str, &str) = ("LC_ALL", "C");

/// Nothing asks; files of configuration that were changed by hand stay as they are; needrestart restarts nothing.
const APT_ENV: [(&str, &str); 3] = [
    PLAIN,
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("NEEDRESTART_SUSPEND", "1"),
];

const KEEP_OLD: [&str; 4] = [
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
];

impl Executor for Apt {
    fn name(&self) -> &'static str {
        "apt-get"
    }

    /// What would remove a package is refused by apt itself: `--no-remove`.
    fn upgrade(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let words = ["apt-get", "install", "--only-upgrade", "-y", "--no-remove"];
        let call = Call::new(&APT_ENV, &[&words[..], &KEEP_OLD[..]].concat());
        Ok(call.with(all(packages, |one| deb(one, &one.to))?))
    }

    fn undo(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let words = ["apt-get", "install", "--allow-downgrades", "-y"];
        let call = Call::new(&APT_ENV, &[&words[..], &KEEP_OLD[..]].concat());
        Ok(call.with(all(packages, |one| deb(one, &one.from))?))
    }
}

impl Executor for Dnf {
    fn name(&self) -> &'static str {
        "dnf"
    }

    fn upgrade(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let call = Call::new(&[PLAIN], &["dnf", "upgrade", "-y"]);
        Ok(call.with(all(packages, |one| rpm(one, &one.to))?))
    }

    fn undo(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let call = Call::new(&[PLAIN], &["dnf", "downgrade", "-y"]);
        Ok(call.with(all(packages, |one| rpm(one, &one.from))?))
    }
}

impl Executor for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn upgrade(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let call = Call::new(&[PLAIN], &["apk", "add", "--upgrade"]);
        Ok(call.with(all(packages, |one| apk(one, &one.to))?))
    }

    fn undo(&self, packages: &[Upgrade]) -> Result<Call, Refused> {
        let call = Call::new(&[PLAIN], &["apk", "add"]);
        Ok(call.with(all(packages, |one| apk(one, &one.from))?))
    }
}

fn all(
    packages: &[Upgrade],
    word: impl Fn(&Upgrade) -> Result<String, Refused>,
) -> Result<Vec<String>, Refused> {
    if packages.is_empty() || packages.len() > MAX_PACKAGES {
        return Err(Refused::Count(packages.len()));
    }
    packages.iter().map(word).collect()
}

/// `libssl3:amd64=3.0.11-1` (Debian Policy §5.6.1 and §5.6.12). Behind a package apt reads a last `+` or `-` as
/// *install* or *remove*, so no word may end with one.
fn deb(one: &Upgrade, version: &str) -> Result<String, Refused> {
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let name = name(&one.name, of_name)?;
    let of_version = |c: char| c.is_ascii_alphanumeric() || ".+-~:".contains(c);
    let version = self::version(name, version, of_version)?;
    if version.ends_with(['+', '-']) || !version.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad_version(name, version));
    }
    match arch(&one.arch)? {
        "" | "all" => Ok(format!("{name}={version}")),
        arch => Ok(format!("{name}:{arch}={version}")),
    }
}

/// `openssl-libs-1:3.0.7-28.el9.x86_64`, as dnf reads a package by name, epoch, version, release and architecture.
fn rpm(one: &Upgrade, version: &str) -> Result<String, Refused> {
    let name = name(&one.name, |c| {
        c.is_ascii_alphanumeric() || "+-._".contains(c)
    })?;
    let of_version = |c: char| c.is_ascii_alphanumeric() || ".+-_~^:".contains(c);
    let version = self::version(name, version, of_version)?;
    match arch(&one.arch)? {
        "" => Ok(format!("{name}-{version}")),
        arch => Ok(format!("{name}-{version}.{arch}")),
    }
}

/// `openssl=3.1.4-r5`.
fn apk(one: &Upgrade, version: &str) -> Result<String, Refused> {
    let name = name(&one.name, |c| {
        c.is_ascii_alphanumeric() || "+-._".contains(c)
    })?;
    arch(&one.arch)?;
    let of_version = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    Ok(format!(
        "{name}={}",
        self::version(name, version, of_version)?
    ))
}

/// Begins with a letter or digit, so that nobody takes it for an option.
fn is_word(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(allowed)
}

fn name(text: &str, allowed: impl Fn(char) -> bool) -> Result<&str, Refused> {
    if is_word(text, allowed) {
        Ok(text)
    } else {
        Err(Refused::Name(text.to_owned()))
    }
}

/// Often there is none.
fn arch(text: &str) -> Result<&str, Refused> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if text.is_empty() || is_word(text, allowed) {
        Ok(text)
    } else {
        Err(Refused::Arch(text.to_owned()))
    }
}

fn version<'v>(
    name: &str,
    text: &'v str,
    allowed: impl Fn(char) -> bool,
) -> Result<&'v str, Refused> {
    if is_word(text, allowed) {
        Ok(text)
    } else {
        Err(bad_version(name, text))
    }
}

fn bad_version(name: &str, version: &str) -> Refused {
    Refused::Version {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}
