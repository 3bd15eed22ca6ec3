//! Is this bulletin's fix on this host? The ladder: somebody says so (a key, a list), the file on the
//! disk is new enough, the host was restarted since. The verdict is the lowest rung that is shown.
//!
//! * The absence of a registry key proves nothing: an update that was slipstreamed into the
//!   installation leaves none (the bulletin says so itself). File versions decide.
//! * Versions are compared within their branch. On Windows XP the fixed file is 5.1.2600.134
//!   without and 5.1.2600.1361 with SP1; 134 on an SP1 host is not fixed, and 1106 on a host without
//!   SP1 is the unfixed file of SP1.
//! * A later update that supersedes this one counts on the systems where it does, and nowhere else.
//! * A key or list that says "installed" beside a file that is older is a verdict of its own, and
//!   the loudest: what administrators trusted was wrong.

use serde::Serialize;

use crate::host::{FileSeen, Pending, Said, WindowsHost};
use crate::product::{System, system_of};
use crate::value::{FileVersion, Stamp};

use super::{Bulletin, Floor, OsSpec};

/// How far up the ladder there is evidence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Rung {
    /// Nothing speaks for it.
    Nothing,
    /// A key, a list or a later update speaks for it.
    Listed,
    /// The files on the disk are new enough.
    OnDisk,
    /// And the host was started after they came.
    Running,
}

/// Which evidence is lacking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Undecided {
    /// Which system it is.
    System,
    /// No file version, and neither key nor list: their absence proves nothing.
    NoFileVersion,
    /// A service pack older than any that the bulletin speaks of: no longer tested, probably
    /// affected, and without a fix of its own.
    OldServicePack,
}

/// What is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub enum BulletinState {
    /// The system is none of those affected.
    NotApplicable,
    /// Its service pack brought the fix.
    Included,
    /// The fix is there, as far up as [`BulletinVerdict::rung`] says.
    Proven,
    /// The fix is on the disk, and the host was not restarted since.
    InstalledNotRunning,
    /// The fix is not there.
    Missing,
    /// A key or list says that it is installed, and a file is older.
    Contradicted,
    /// The evidence does not say.
    Unknown(Undecided),
}

/// A verdict with its ground.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BulletinVerdict {
    /// What is known.
    pub state: BulletinState,
    /// How far up the ladder.
    pub rung: Rung,
    /// In sentences, the deciding one first.
    pub evidence: Vec<String>,
}

/// What the files on the disk say.
#[derive(Default)]
struct Files {
    newer: Vec<String>,
    older: Vec<String>,
    /// Named by the bulletin and not seen.
    unseen: Vec<String>,
    latest: Option<Stamp>,
}

/// Judges one host by one bulletin.
pub fn judge_bulletin(host: &WindowsHost, bulletin: &Bulletin) -> BulletinVerdict {
    let system = match assume_narrow(host) {
        Ok(system) => system,
        Err(why) => return undecided(Undecided::System, vec![why.to_owned()]),
    };
    let files = files(host, bulletin, system);
    if let Some(os) = bulletin.including(system) {
        return included(files, os, system);
    }
    if !bulletin.affected.iter().any(|os| os.matches(system)) {
        return not_affected(bulletin, system);
    }
    let claims = claims(host, bulletin, system);
    if !files.older.is_empty() {
        return if claims.is_empty() {
            verdict(BulletinState::Missing, Rung::Nothing, files.older)
        } else {
            let evidence = with(files.older, claims);
            verdict(BulletinState::Contradicted, Rung::Nothing, evidence)
        };
    }
    if !files.newer.is_empty() {
        return running(host, bulletin, &files, claims);
    }
    if claims.is_empty() {
        let why = "no file version, and the absence of keys and list entries proves nothing";
        let evidence = with(vec![why.to_owned()], vec![unseen(&files)]);
        return undecided(Undecided::NoFileVersion, evidence);
    }
    if let Some(why) = not_started(host, bulletin, None) {
        let evidence = with(vec![why], claims);
        return verdict(BulletinState::InstalledNotRunning, Rung::Listed, evidence);
    }
    let evidence = with(claims, vec![unseen(&files)]);
    verdict(BulletinState::Proven, Rung::Listed, evidence)
}

fn verdict(state: BulletinState, rung: Rung, evidence: Vec<String>) -> BulletinVerdict {
    BulletinVerdict {
        state,
        rung,
        evidence,
    }
}

fn undecided(why: Undecided, evidence: Vec<String>) -> BulletinVerdict {
    verdict(BulletinState::Unknown(why), Rung::Nothing, evidence)
}

/// The service pack brought it, unless a file says otherwise.
fn included(files: Files, os: &OsSpec, system: System) -> BulletinVerdict {
    let (name, pack) = (&os.text, system.pack);
    let said = format!("{name} includes it, and the host has service pack {pack}");
    if files.older.is_empty() {
        let rung = Rung::Listed.max(files.rung());
        return verdict(BulletinState::Included, rung, vec![said]);
    }
    let evidence = with(files.older, vec![said]);
    verdict(BulletinState::Contradicted, Rung::Nothing, evidence)
}

/// Not listed as affected: another system, or a service pack that was no longer tested.
fn not_affected(bulletin: &Bulletin, system: System) -> BulletinVerdict {
    let family = bulletin
        .affected
        .iter()
        .filter(|os| os.is_family_of(system));
    let lowest = family.filter_map(|os| os.packs).map(|(low, _)| low).min();
    if lowest.is_some_and(|lowest| system.pack < lowest) {
        let pack = system.pack;
        let why = format!("service pack {pack} is older than any of the bulletin: raise it first");
        return undecided(Undecided::OldServicePack, vec![why]);
    }
    let why = format!("{} names no such system", bulletin.id);
    verdict(BulletinState::NotApplicable, Rung::Nothing, vec![why])
}

impl Bulletin {
    /// What includes the fix on this system, if its service pack does.
    fn including(&self, system: System) -> Option<&OsSpec> {
        let mut all = self.included.iter().filter(|os| os.is_family_of(system));
        all.find(|os| os.packs.is_some_and(|(low, _)| system.pack >= low))
    }
}

impl Files {
    fn rung(&self) -> Rung {
        if self.newer.is_empty() {
            Rung::Nothing
        } else {
            Rung::OnDisk
        }
    }
}

/// Systems of that time were 32-bit unless they say otherwise.
fn assume_narrow(host: &WindowsHost) -> Result<System, &'static str> {
    system_of(host).or_else(|why| {
        let name = host
            .os_name
            .as_ref()
            .map_or_else(String::new, |said| said.value.to_lowercase());
        if host.arch.is_some() || host.version.is_none() {
            return Err(why);
        }
        let mut guess = host.clone();
        let arch = if name.contains("x64") {
            crate::Arch::X64
        } else if name.contains("64") || name.contains("itanium") {
            crate::Arch::Ia64
        } else {
            crate::Arch::X86
        };
        guess.arch = Some(Said {
            value: arch,
            by: crate::SourceId(0),
        });
        system_of(&guess)
    })
}

fn with(mut first: Vec<String>, second: Vec<String>) -> Vec<String> {
    first.extend(second.into_iter().filter(|text| !text.is_empty()));
    first
}

fn unseen(files: &Files) -> String {
    if files.unseen.is_empty() {
        return String::new();
    }
    format!("not seen: {}", files.unseen.join(", "))
}

/// Who says that it is installed, or that something is which supersedes it here.
fn claims(host: &WindowsHost, bulletin: &Bulletin, system: System) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(key) = host
        .update_keys
        .as_ref()
        .and_then(|keys| keys.get(&bulletin.kb))
    {
        let expected = bulletin
            .proof_keys
            .iter()
            .any(|(os, path)| os.is_family_of(system) && same_key(path, &key.value));
        let other = if expected || bulletin.proof_keys.is_empty() {
            ""
        } else {
            " (not the key that the bulletin names)"
        };
        all.push(format!("registry: {}{other}", key.value));
    }
    if let Some(listed) = host.hotfixes.get(&bulletin.kb) {
        let by = listed.by.first().map_or("", |&by| host.source_name(by));
        all.push(format!("listed by {by}"));
    }
    for (id, kb, systems) in &bulletin.later {
        let Some(kb) = kb.filter(|_| systems.iter().any(|os| os.matches(system))) else {
            continue;
        };
        let key = host
            .update_keys
            .as_ref()
            .is_some_and(|keys| keys.contains_key(&kb));
        if key || host.hotfixes.contains_key(&kb) {
            all.push(format!(
                "{id} ({kb}) is installed and supersedes it on this system"
            ));
        }
    }
    all
}

/// Whether a key lies at or below the one that the bulletin names, however the root is written.
fn same_key(named: &str, found: &str) -> bool {
    let tail = |path: &str| {
        let lower = path.to_lowercase();
        lower
            .split_once("\\software\\")
            .map(|(_, rest)| rest.trim_end_matches("\\filelist").to_owned())
    };
    tail(named)
        .zip(tail(found))
        .is_some_and(|(named, found)| found.starts_with(&named))
}

fn files(host: &WindowsHost, bulletin: &Bulletin, system: System) -> Files {
    let mut all = Files::default();
    let included = bulletin.including(system).is_some();
    // Of a service pack that includes the fix there is no floor: the highest of its family is one.
    let mut mine: Vec<&Floor> = bulletin
        .floors
        .iter()
        .filter(|floor| {
            if included {
                floor.os.is_family_of(system)
            } else {
                floor.os.holds_for(system)
            }
        })
        .collect();
    mine.sort_by(|a, b| (&a.file, b.least).cmp(&(&b.file, a.least)));
    mine.dedup_by(|b, a| a.file == b.file);
    for floor in mine {
        let seen = host
            .files
            .get(&floor.file)
            .into_iter()
            .flatten()
            .map(|said| &said.value);
        let live: Vec<(&FileSeen, FileVersion)> = seen
            .filter(|file| is_live(&file.path))
            .filter_map(|file| file.version.map(|version| (file, version)))
            .collect();
        if live.is_empty() {
            all.unseen.push(floor.file.clone());
        }
        for (file, version) in live {
            let least = branch_floor(bulletin, floor, system, version);
            if version >= least {
                all.newer
                    .push(format!("{} is {version}, at least {least}", file.path));
                all.latest = file
                    .modified
                    .filter(|on| all.latest.is_none_or(|latest| on.is_after(latest)))
                    .or(all.latest);
            } else {
                all.older
                    .push(format!("{} is {version}, older than {least}", file.path));
            }
        }
    }
    all
}

/// Not a copy that Windows keeps for later: these are older or newer than what runs.
fn is_live(path: &str) -> bool {
    let lower = path.to_lowercase();
    let kept = [
        "\\$",
        "dllcache",
        "servicepackfiles",
        "\\i386\\",
        "winsxs",
        "softwaredistribution",
        "\\temp\\",
        "hotfix",
    ];
    !kept.iter().any(|part| lower.contains(part))
}

/// The floor of the branch from which the file itself comes, if that is a later one than the
/// host's: the unfixed file of a later service pack has a higher number than the fixed one of an
/// earlier.
fn branch_floor(
    bulletin: &Bulletin,
    floor: &Floor,
    system: System,
    version: FileVersion,
) -> FileVersion {
    let Some(branch) = branch_of(version).filter(|&branch| branch > system.pack) else {
        return floor.least;
    };
    let later = bulletin.floors.iter().filter(|other| {
        let packs = other.os.packs.unwrap_or((0, 0));
        other.file == floor.file && other.os.generation == floor.os.generation && packs.0 == branch
    });
    later.map(|other| other.least).max().unwrap_or(floor.least)
}

/// Service pack of the branch that a version comes from, for the systems whose branches share a
/// build: facts of Microsoft's builds (XP SP1 1106, SP2 2180, SP3 5512; 2003 SP1 1830, SP2 3959).
fn branch_of(version: FileVersion) -> Option<u8> {
    let [major, minor, build, revision] = version.0;
    match (major, minor, build) {
        (5, 1, 2600) => Some(match revision {
            ..=999 => 0,
            1_000..=1_999 => 1,
            2_000..=4_999 => 2,
            _ => 3,
        }),
        (5, 2, 3790) => Some(match revision {
            ..=999 => 0,
            1_000..=3_900 => 1,
            _ => 2,
        }),
        _ => None,
    }
}

fn running(
    host: &WindowsHost,
    bulletin: &Bulletin,
    files: &Files,
    claims: Vec<String>,
) -> BulletinVerdict {
    let mut evidence = with(files.newer.clone(), vec![unseen(files)]);
    let nothing_names_it = claims.is_empty() && host.update_keys.is_some();
    evidence = with(evidence, claims);
    if nothing_names_it {
        evidence.push("no registry key: slipstreamed, or by a later update".into());
    }
    if let Some(why) = not_started(host, bulletin, files.latest) {
        evidence.insert(0, why);
        return BulletinVerdict {
            state: BulletinState::InstalledNotRunning,
            rung: Rung::OnDisk,
            evidence,
        };
    }
    let started =
        host.boot.is_some() && (files.latest.is_some() || installed_on(host, bulletin).is_some());
    let rung = if !bulletin.restart || started {
        Rung::Running
    } else {
        Rung::OnDisk
    };
    BulletinVerdict {
        state: BulletinState::Proven,
        rung,
        evidence,
    }
}

fn installed_on(host: &WindowsHost, bulletin: &Bulletin) -> Option<Stamp> {
    host.hotfixes.get(&bulletin.kb).and_then(|listed| listed.on)
}

/// Why the fix is not running, if it is not: Windows says that it waits, or the last start is not
/// after the installation.
fn not_started(host: &WindowsHost, bulletin: &Bulletin, file: Option<Stamp>) -> Option<String> {
    if !bulletin.restart {
        return None;
    }
    let pending = host.pending.iter().flatten();
    for (why, all) in pending {
        let text = |said: &Said<String>| said.value.to_lowercase();
        let named = || {
            bulletin
                .floors
                .iter()
                .any(|floor| all.iter().any(|said| text(said).contains(&floor.file)))
        };
        match why {
            Pending::Servicing | Pending::WindowsUpdate => {
                return Some(format!("a restart is due: {why:?}"));
            }
            Pending::FileRename if named() => {
                return Some("a file of it waits to be renamed at the next start".into());
            }
            Pending::FileRename => {}
        }
    }
    let boot = host.boot.as_ref()?.value;
    let both = [file, installed_on(host, bulletin)];
    let came = both
        .into_iter()
        .flatten()
        .reduce(|a, b| if b.is_after(a) { b } else { a })?;
    // The same day without an hour cannot be told apart.
    let comparable = came.date != boot.date || (came.secs.is_some() && boot.secs.is_some());
    (comparable && !boot.is_after(came)).then(|| format!("came {came}, the last start was {boot}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_shows_in_the_revision() {
        let branch = |text: &str| branch_of(text.parse().unwrap());
        assert_eq!(branch("5.1.2600.134"), Some(0));
        assert_eq!(branch("5.1.2600.1106"), Some(1));
        assert_eq!(branch("5.1.2600.2180"), Some(2));
        assert_eq!(branch("5.2.3790.1830"), Some(1));
        assert_eq!(branch("5.0.2195.6902"), None);
    }
}
