//! A package as a host has it, a listing of them, and why there is none.

use std::fmt;

/// Most reasons of rejected records that a [`Listing`] keeps; the count goes on.
pub const MAX_REASONS: usize = 20;

/// Whose database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manager {
    /// Red Hat, SUSE and their children.
    Rpm,
    /// Alpine and its children.
    Apk,
}

/// The epoch of an rpm.
///
/// Plain `rpm -qa` does not print it, and `1.1.1k` of epoch 1 is newer than any `3.0` without one: a
/// reader that then says "none" turns old packages into new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Epoch {
    /// The package has none, which is the same as 0.
    Absent,
    /// It has this.
    Is(u32),
    /// The inventory does not say.
    NotTold,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Whose database it came out of.
    pub manager: Manager,
    /// Name of the binary package.
    pub name: String,
    /// Epoch; [`Epoch::Absent`] for apk, which has none.
    pub epoch: Epoch,
    /// The upstream version; for apk the whole version with its `-r` number.
    pub version: String,
    /// The release; empty for apk.
    pub release: String,
    /// The architecture; empty where the database does not say (`gpg-pubkey`).
    pub arch: String,
    /// rpm: the file name of the source rpm. apk: the origin.
    pub built_from: Option<String>,
    /// Who packed it.
    pub vendor: Option<String>,
    /// The module stream it came with: `nodejs:18:8080020230915:522a0ee4`.
    pub module: Option<String>,
    /// Seconds since 1970 of its installation.
    pub installed_at: Option<u64>,
    /// It is a `gpg-pubkey` entry: a signing key that rpm keeps in the same table, not software.
    pub is_key: bool,
}

impl Package {
    /// `epoch:version-release`, without the epoch where there is none; what `vercmp` compares.
    pub fn evr(&self) -> String {
        let Self {
            epoch,
            version,
            release,
            ..
        } = self;
        match (epoch, release.as_str()) {
            (Epoch::Absent | Epoch::NotTold, "") => version.clone(),
            (Epoch::Absent | Epoch::NotTold, release) => format!("{version}-{release}"),
            (Epoch::Is(epoch), "") => format!("{epoch}:{version}"),
            (Epoch::Is(epoch), release) => format!("{epoch}:{version}-{release}"),
        }
    }

    /// Name of the source package: what an advisory that names sources means.
    pub fn source(&self) -> Option<&str> {
        let built_from = self.built_from.as_deref()?;
        match self.manager {
            Manager::Apk => Some(built_from),
            Manager::Rpm => {
                let whole = built_from.strip_suffix(".rpm").unwrap_or(built_from);
                let (rest, _release) = whole.rsplit_once('-')?;
                rest.rsplit_once('-').map(|(name, _version)| name)
            }
        }
    }

    /// `name:stream` of its module, without the build's context.
    pub fn stream(&self) -> Option<&str> {
        let label = self.module.as_deref()?;
        let (name, rest) = label.split_once(':')?;
        let stream = rest.split(':').next()?;
        label.get(..name.len() + 1 + stream.len())
    }
}

/// A record that a text format let us step over, and why it is no package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Line on which the record begins, from 1.
    pub line: usize,
    /// What was expected and what came.
    pub why: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// What a database holds. Records in = packages + rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The packages, in the order of the database.
    pub packages: Vec<Package>,
    /// How many records are no packages. Always 0 for databases: there one bad record is an error.
    pub rejected: u64,
    /// The first [`MAX_REASONS`] of them.
    pub reasons: Vec<Rejected>,
}

impl Listing {
    pub(crate) fn reject(&mut self, line: usize, why: impl Into<String>) {
        self.rejected += 1;
        if self.reasons.len() < MAX_REASONS {
            let why = why.into();
            self.reasons.push(Rejected { line, why });
        }
    }

    /// No empty success: a host has packages, so a list without any was not read.
    pub(crate) fn or_empty(self, bytes: usize) -> Result<Self, Error> {
        if self.packages.is_empty() {
            return Err(Error::Empty {
                bytes,
                rejected: self.rejected,
            });
        }
        Ok(self)
    }
}

/// Why bytes are no inventory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another kind of file.
    #[error("expected {expected}, found {found} bytes of something else")]
    NotA {
        /// What it should have been.
        expected: &'static str,
        /// How many bytes came.
        found: usize,
    },
    /// The file says of itself that it is longer.
    #[error("the file is truncated: expected {expected} bytes, found {found}")]
    Truncated {
        /// How long it should be.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// A form that this crate does not read.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A part of it contradicts the format or another part.
    #[error("corrupt at {place}: expected {expected}, found {found}")]
    Corrupt {
        /// Page, slot or record.
        place: String,
        /// What the format asks for.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// One page or block is reached twice: a loop, or two owners.
    #[error("corrupt: page {page} is reached twice")]
    Loop {
        /// The page.
        page: u32,
    },
    /// A limit of ours.
    #[error("{what} is over the limit of {limit}: found {found}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much is read.
        limit: usize,
        /// How much came.
        found: usize,
    },
    /// A write-ahead log lies beside the database and was not given: what it holds is newer.
    #[error(
        "a write-ahead log of {bytes} bytes lies beside the database and was not read: the list would be old"
    )]
    WalUnread {
        /// Its length.
        bytes: u64,
    },
    /// Nothing installed: no host is like that, so this is no inventory.
    #[error(
        "expected at least one package, found none in {bytes} bytes ({rejected} records rejected)"
    )]
    Empty {
        /// How many bytes came.
        bytes: usize,
        /// Records that could not be read.
        rejected: u64,
    },
}

pub(crate) fn corrupt(
    place: impl Into<String>,
    expected: &'static str,
    found: impl fmt::Display,
) -> Error {
    Error::Corrupt {
        place: place.into(),
        expected,
        found: found.to_string(),
    }
}
