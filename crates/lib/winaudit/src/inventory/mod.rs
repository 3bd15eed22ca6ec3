//! A file of a host becomes facts. What kind of file it is shows in its content, for names are chosen
//! by whoever dropped it; in any language and code page, for the console speaks the user's. A file
//! that cannot be read is an error with its kind and the reason: a host whose inventory was skipped
//! in silence is a host that was never audited.

mod bundle;
mod dism;
mod keyed;
mod qfe;
mod registry;
mod systeminfo;
mod table;

use serde::Serialize;

use crate::host::{Fact, Source, SourceId, WindowsHost};
use crate::text;
use crate::value::{Parsed, kbs_in};

/// Most files of one host.
pub const MAX_SOURCES: usize = 1_000;
/// Most lines of one file.
pub const MAX_LINES: usize = 2_000_000;

/// What a file is, by its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Kind {
    /// `systeminfo`, as text or `/fo csv`.
    Systeminfo,
    /// `wmic qfe` or `Get-HotFix`, in any of their forms.
    Qfe,
    /// `Get-ComputerInfo`.
    ComputerInfo,
    /// `reg export`.
    Registry,
    /// `dism /get-packages`.
    Dism,
    /// A list of files with versions.
    Files,
    /// What Windows Update itself offers, `KBnnnnnn: title` a line.
    Updates,
    /// What the collector of this crate writes.
    Bundle,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Systeminfo => "systeminfo",
            Self::Qfe => "list of hotfixes",
            Self::ComputerInfo => "Get-ComputerInfo",
            Self::Registry => "registry export",
            Self::Dism => "dism list of packages",
            Self::Files => "list of files",
            Self::Updates => "answer of Windows Update",
            Self::Bundle => "bundle of the collector",
        })
    }
}

/// Why a file gave no facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// Nothing in it.
    #[error("expected an inventory of a Windows host, found an empty file")]
    Empty,
    /// Larger than [`text::MAX_FILE_BYTES`].
    #[error(
        "expected a file of at most {} bytes, found {found}",
        text::MAX_FILE_BYTES
    )]
    TooLarge {
        /// How many bytes came.
        found: usize,
    },
    /// More files than [`MAX_SOURCES`].
    #[error("expected at most {MAX_SOURCES} files of one host")]
    TooManySources,
    /// None of the kinds that are known.
    #[error(
        "expected systeminfo, hotfixes, a registry export, dism, files or a bundle, found {found:?}"
    )]
    Unknown {
        /// How it begins.
        found: String,
    },
    /// Of a known kind, and not to be read.
    #[error("expected a {kind} with {missing}, found none")]
    Unreadable {
        /// What kind of file it is.
        kind: Kind,
        /// What it lacks.
        missing: &'static str,
    },
}

impl WindowsHost {
    /// Reads one file of this host and adds what it says.
    ///
    /// ```
    /// use winaudit::{Kind, WindowsHost};
    ///
    /// let mut host = WindowsHost::default();
    /// let kind = host.add("qfe.txt", b"HotFixID=KB4487017\r\nInstalledOn=2/13/2019\r\n")?;
    /// assert_eq!((kind, host.hotfixes.len()), (Kind::Qfe, 1));
    /// # Ok::<(), winaudit::InventoryError>(())
    /// ```
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<Kind, InventoryError> {
        let Some((text, encoding)) = text::decode(bytes) else {
            return Err(InventoryError::TooLarge { found: bytes.len() });
        };
        if self.sources.len() >= MAX_SOURCES {
            return Err(InventoryError::TooManySources);
        }
        let kind = recognise(&text)?;
        let facts = parse(kind, &text)?;
        let by = SourceId(u16::try_from(self.sources.len()).unwrap_or(u16::MAX));
        let name = name.to_owned();
        self.sources.push(Source {
            name,
            kind,
            encoding,
        });
        self.apply(by, facts);
        Ok(kind)
    }
}

fn parse(kind: Kind, text: &str) -> Result<Vec<Fact>, InventoryError> {
    let parsed = match kind {
        Kind::Systeminfo => systeminfo::read(text),
        Kind::Qfe => Ok(qfe::read(text)),
        Kind::ComputerInfo => keyed::read(text),
        Kind::Registry => registry::read(text),
        Kind::Dism => dism::read(text),
        Kind::Files => table::read(text),
        Kind::Updates => Ok(updates(text)),
        Kind::Bundle => bundle::read(text),
    };
    parsed.map_err(|missing| InventoryError::Unreadable { kind, missing })
}

/// Decides by what stands in the file, the most particular mark first.
fn recognise(text: &str) -> Result<Kind, InventoryError> {
    let start = text.trim_start();
    if start.is_empty() {
        return Err(InventoryError::Empty);
    }
    let has = |mark: &str| contains_ignoring_case(text, mark);
    let kind = if start.starts_with(bundle::MARK) {
        Kind::Bundle
    } else if start.starts_with("Windows Registry Editor") || start.starts_with("REGEDIT4") {
        Kind::Registry
    } else if has("HotFixID") {
        Kind::Qfe
    } else if has("~31bf3856ad364e35~") {
        Kind::Dism
    } else if has("WindowsCurrentVersion") || has("OsBuildNumber") || has("WindowsBuildLabEx") {
        Kind::ComputerInfo
    } else if is_updates(text) {
        Kind::Updates
    } else if systeminfo::is_one(text) {
        Kind::Systeminfo
    } else if table::is_one(text) {
        Kind::Files
    } else {
        let found = start.chars().take(60).collect();
        return Err(InventoryError::Unknown { found });
    };
    Ok(kind)
}

fn contains_ignoring_case(text: &str, mark: &str) -> bool {
    let (bytes, mark) = (text.as_bytes(), mark.as_bytes());
    let first = mark.first().copied().unwrap_or(0);
    let (low, up) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(low, up, bytes).any(|at| {
        let there = bytes.get(at..at + mark.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(mark))
    })
}

/// Every line that is not blank is `KBnnnnnn: title`.
fn is_updates(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    lines.peek().is_some() && lines.all(|line| offered(line).is_some())
}

fn offered(line: &str) -> Option<Fact> {
    let (head, title) = line.split_once(':')?;
    let kb = head.trim().parsed()?;
    let named = head.trim_start().starts_with(['K', 'k']);
    named.then(|| Fact::Offered {
        kb,
        title: title.trim().to_owned(),
    })
}

fn updates(text: &str) -> Vec<Fact> {
    let mut facts = vec![Fact::OfferSeen];
    facts.extend(text.lines().filter_map(|line| offered(line.trim())));
    facts
}

/// Fields of one line of a CSV, its quotes taken off.
pub(crate) fn fields(line: &str, separator: char) -> Vec<String> {
    let mut all = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            c if c == separator && !quoted => all.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    all.push(field);
    all
}

/// The version of a `Package_for_RollupFix…~~17134.590.1.6`: build and revision.
pub(crate) fn rollup_revision(package: &str) -> Option<u32> {
    let version = package
        .strip_prefix("Package_for_RollupFix~")?
        .rsplit('~')
        .next()?;
    version.split('.').nth(1)?.parsed()
}

/// The KB of a `Package_for_KB4487017~…`; parts of packages (`Package_1_for_KB…`) are none.
pub(crate) fn package_kb(package: &str) -> Option<crate::value::Kb> {
    let rest = package.strip_prefix("Package_for_")?;
    kbs_in(rest.split('~').next()?).next()
}
