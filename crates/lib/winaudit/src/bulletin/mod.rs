//! One bulletin, older than any feed, as data: what is affected, what includes the fix, which
//! registry keys and which file versions prove it. Every public feed begins in 2008; in 2004 the
//! patch that was missed was MS04-011, and an administrator's sheet has a row for it.

mod judge;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::host::Arch;
use crate::product::{Generation, System};
use crate::value::{Date, FileVersion, Kb, Parsed, kbs_in};

pub use judge::{BulletinState, BulletinVerdict, Rung, Undecided, judge_bulletin};

/// The longest bulletin that is read, in bytes.
pub const MAX_BULLETIN_BYTES: usize = 4 << 20;
/// Most entries of any list of a bulletin.
pub const MAX_ENTRIES: usize = 10_000;

/// Bulletins that data names as later ones without their KB.
const LATER: [(&str, u32); 1] = [("MS04-044", 885_835)];

/// Why a text is no bulletin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BulletinError {
    /// Longer than [`MAX_BULLETIN_BYTES`].
    #[error("expected a bulletin of at most {MAX_BULLETIN_BYTES} bytes, found {found}")]
    TooLarge {
        /// How many came.
        found: usize,
    },
    /// Not JSON, or not of the form.
    #[error("expected a bulletin as JSON: {why}")]
    Json {
        /// What the reader said.
        why: String,
    },
    /// A field that cannot be read.
    #[error("expected {expected} in {field}, found {found:?}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// A list longer than [`MAX_ENTRIES`].
    #[error("expected at most {MAX_ENTRIES} entries in {field}")]
    TooMany {
        /// Which.
        field: &'static str,
    },
}

/// A bulletin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    /// Its name: MS04-011.
    pub id: String,
    /// Its update.
    pub kb: Kb,
    /// When it was published.
    pub published: Option<Date>,
    /// What it fixes.
    pub cves: Vec<String>,
    /// Whether the update runs only after a restart.
    pub restart: bool,
    /// How bad it says that it is, in its own word.
    pub severity: Option<String>,
    /// It says itself that a worm could use it: over the network, with no user and no rights.
    pub wormable: bool,
    pub(crate) affected: Vec<OsSpec>,
    pub(crate) included: Vec<OsSpec>,
    pub(crate) supersedes: BTreeMap<String, Vec<OsSpec>>,
    pub(crate) proof_keys: Vec<(OsSpec, String)>,
    pub(crate) floors: Vec<Floor>,
    /// Updates that supersede this one, and on which systems.
    pub(crate) later: Vec<Later>,
}

/// An update that supersedes this one, by its name and KB, and on which systems.
type Later = (String, Option<Kb>, Vec<OsSpec>);

/// The least version of a file, on some systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) os: OsSpec,
    /// In lower case.
    pub(crate) file: String,
    pub(crate) least: FileVersion,
}

/// Systems that a bulletin names: "Windows XP SP1", "Windows 2000 SP2-SP4".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OsSpec {
    pub(crate) generation: Generation,
    /// Lowest and highest service pack; `None` when it names none at all.
    pub(crate) packs: Option<(u8, u8)>,
    /// What 2004 calls "64-Bit" is Itanium; the x64 editions of 2005 were built with these fixes.
    pub(crate) arch: Arch,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Raw {
    bulletin: String,
    kb: String,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    wormable: bool,
    #[serde(default)]
    cves: Vec<String>,
    #[serde(default = "yes")]
    reboot_required: bool,
    affected: Vec<String>,
    #[serde(default)]
    not_affected_because_included: Vec<String>,
    #[serde(default)]
    supersedes_per_os: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    registry_proof: BTreeMap<String, String>,
    #[serde(default)]
    file_versions_min: Vec<RawFloor>,
    #[serde(default)]
    superseded_by_per_os: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct RawFloor {
    os: String,
    file: String,
    min: String,
}

/// A bulletin that does not say asks for a restart: to claim "running" too early is the worse error.
fn yes() -> bool {
    true
}

impl Bulletin {
    /// Reads a bulletin.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BulletinError> {
        if bytes.len() > MAX_BULLETIN_BYTES {
            return Err(BulletinError::TooLarge { found: bytes.len() });
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| BulletinError::Json {
            why: error.to_string(),
        })?;
        let kb = raw
            .kb
            .parse()
            .map_err(|_| field("kb", "a KB number", &raw.kb))?;
        let published = raw.published.as_deref().and_then(|text| {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            Date::from_number(digits.parsed()?)
        });
        let mut proof_keys = Vec::new();
        for (systems, path) in &raw.registry_proof {
            for os in alternatives(systems)? {
                proof_keys.push((os, path.clone()));
            }
        }
        let mut floors = Vec::new();
        for floor in limited(&raw.file_versions_min, "file_versions_min")? {
            let least = floor
                .min
                .parse()
                .map_err(|_| field("file_versions_min", "a file version", &floor.min))?;
            floors.push(Floor {
                os: spec(&floor.os)?,
                file: floor.file.to_ascii_lowercase(),
                least,
            });
        }
        let mut supersedes = BTreeMap::new();
        for (id, systems) in raw.supersedes_per_os {
            supersedes.insert(id, specs(&systems, "supersedes_per_os")?);
        }
        let planned = |text: &&String| !text.contains("planned");
        let included: Vec<String> = raw
            .not_affected_because_included
            .iter()
            .filter(planned)
            .cloned()
            .collect();
        Ok(Self {
            id: raw.bulletin,
            kb,
            published,
            cves: raw.cves,
            severity: raw.severity,
            wormable: raw.wormable,
            restart: raw.reboot_required,
            affected: specs(&raw.affected, "affected")?,
            included: specs(&included, "not_affected_because_included")?,
            supersedes,
            proof_keys,
            floors,
            later: later(&raw.superseded_by_per_os, &raw.rest)?,
        })
    }

    /// Whether this bulletin supersedes another on the system of this host: MS04-011 supersedes
    /// MS03-007 on Windows 2000 and not on Windows XP. `None` when the system is not known.
    pub fn supersedes_on(&self, other: &str, host: &crate::WindowsHost) -> Option<bool> {
        // ok: the answer is "not known", and why is told by `judge_bulletin`.
        let system = crate::product::system_of(host).ok()?;
        let systems = self.supersedes.get(other);
        Some(systems.is_some_and(|all| all.iter().any(|os| os.generation == system.generation)))
    }
}

impl OsSpec {
    /// Whether it speaks of this system. Without a service pack in its name it means none.
    pub(crate) fn matches(&self, system: System) -> bool {
        let (low, high) = self.packs.unwrap_or((0, 0));
        self.is_family_of(system) && (low..=high).contains(&system.pack)
    }

    /// The same for a floor, which without a service pack in its name holds for each that is affected.
    pub(crate) fn holds_for(&self, system: System) -> bool {
        self.matches(system) || (self.packs.is_none() && self.is_family_of(system))
    }

    pub(crate) fn is_family_of(&self, system: System) -> bool {
        self.generation == system.generation && self.arch == system.arch
    }
}

fn field(field: &'static str, expected: &'static str, found: &str) -> BulletinError {
    let found = found.chars().take(80).collect();
    BulletinError::Field {
        field,
        expected,
        found,
    }
}

fn limited<'a, T>(all: &'a [T], field: &'static str) -> Result<&'a [T], BulletinError> {
    if all.len() > MAX_ENTRIES {
        return Err(BulletinError::TooMany { field });
    }
    Ok(all)
}

fn specs(all: &[String], field: &'static str) -> Result<Vec<OsSpec>, BulletinError> {
    limited(all, field)?.iter().map(|text| spec(text)).collect()
}

/// `Windows XP / SP1`, `Windows Server 2003 / XP 64 2003`: the first, and others of its family.
fn alternatives(text: &str) -> Result<Vec<OsSpec>, BulletinError> {
    let mut all: Vec<OsSpec> = Vec::new();
    for part in text.split('/').map(str::trim) {
        match (spec(part), all.first()) {
            (Ok(os), _) => all.push(os),
            (Err(_), Some(first)) => {
                let packs = packs(&part.to_lowercase()).or(first.packs);
                all.push(OsSpec {
                    packs,
                    text: part.to_owned(),
                    ..first.clone()
                });
            }
            (Err(error), None) => return Err(error),
        }
    }
    Ok(all)
}

fn spec(text: &str) -> Result<OsSpec, BulletinError> {
    let lower = text.to_lowercase();
    let has = |word: &str| lower.split([' ', '(', ')', ',']).any(|part| part == word);
    let generation = if lower.contains("nt 4") || has("nt4") || (has("nt") && lower.contains("4.0"))
    {
        Generation::Nt4
    } else if has("2000") {
        Generation::W2000
    } else if has("xp") {
        Generation::Xp
    } else if has("2003") {
        Generation::S2003
    } else if has("vista") {
        Generation::Vista
    } else if lower.contains("2008 r2") {
        Generation::S2008R2
    } else if has("2008") {
        Generation::S2008
    } else if has("7") {
        Generation::W7
    } else {
        return Err(field("a list of systems", "a Windows system", text));
    };
    let itanium = ["64-bit", "itanium", "64"].iter().any(|word| has(word));
    let arch = if has("x64") {
        Arch::X64
    } else if itanium {
        Arch::Ia64
    } else {
        Arch::X86
    };
    Ok(OsSpec {
        generation,
        packs: packs(&lower),
        arch,
        text: text.to_owned(),
    })
}

/// `sp2-sp4`, `sp6a`, `service pack 1`, `(no sp)`.
fn packs(lower: &str) -> Option<(u8, u8)> {
    if lower.contains("no sp") {
        return Some((0, 0));
    }
    let mut numbers = lower
        .replace("service pack ", "sp")
        .match_indices("sp")
        .filter_map(|(at, _)| {
            let rest = lower.replace("service pack ", "sp");
            rest.get(at + 2..at + 3)
                .and_then(super::value::Parsed::parsed::<u8>)
        })
        .collect::<Vec<u8>>()
        .into_iter();
    let low = numbers.next()?;
    Some((low, numbers.next().unwrap_or(low).max(low)))
}

/// Both forms in which data names a later bulletin: `superseded_by_per_os`, a map to systems; and
/// `later_superseder_of_<file>`, a map to file versions by system.
fn later(
    given: &BTreeMap<String, Vec<String>>,
    rest: &BTreeMap<String, Value>,
) -> Result<Vec<Later>, BulletinError> {
    let mut all = Vec::new();
    for (id, systems) in given {
        all.push((
            id.clone(),
            kb_of(id),
            specs(systems, "superseded_by_per_os")?,
        ));
    }
    for (_, value) in rest
        .iter()
        .filter(|(key, _)| key.starts_with("later_superseder_of_"))
    {
        for (id, systems) in value.as_object().into_iter().flatten() {
            let systems: Vec<String> = systems
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys().cloned())
                .collect();
            all.push((
                id.clone(),
                kb_of(id),
                specs(&systems, "later_superseder_of")?,
            ));
        }
    }
    Ok(all)
}

fn kb_of(id: &str) -> Option<Kb> {
    let known = LATER.iter().find(|(name, _)| id.starts_with(name));
    kbs_in(id).next().or(known.and_then(|&(_, kb)| Kb::new(kb)))
}
