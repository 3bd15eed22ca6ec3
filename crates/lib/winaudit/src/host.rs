//! What is known of one Windows host, and which file said so. Several files of a host, taken by
//! different tools on different days, become one picture; where two of them contradict each other
//! the contradiction is kept and told, never settled in silence.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::inventory::Kind;
use crate::value::{FileVersion, Kb, Stamp};

/// Most facts that one host may hold; the rest is dropped and told as a note.
pub const MAX_FACTS: usize = 400_000;
/// Most notes of one host.
pub const MAX_NOTES: usize = 200;

/// Which of the host's files, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct SourceId(pub(crate) u16);

/// A value and the file that said it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said<T> {
    /// What was said.
    pub value: T,
    /// By which file.
    pub by: SourceId,
}

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its name, as the caller gave it.
    pub name: String,
    /// What it is, by its content.
    pub kind: Kind,
    /// The encoding that was taken.
    pub encoding: &'static str,
}

/// Processor architecture of the installed system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Arch {
    /// 32-bit.
    X86,
    /// 64-bit, AMD and Intel.
    X64,
    /// Itanium.
    Ia64,
    /// 64-bit ARM.
    Arm64,
}

/// An update that a list of the host names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Which files name it.
    pub by: Vec<SourceId>,
    /// When it was installed, where one of them says so.
    pub on: Option<Stamp>,
    /// Whether a list calls it a security update; `None` where lists do not say.
    pub security: Option<bool>,
}

/// One list of updates, and whether all of it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct List {
    /// How many entries the file says there are.
    pub stated: Option<u32>,
    /// How many entries it shows.
    pub shown: u32,
    /// How many of these name no KB ("File 1").
    pub unnamed: u32,
}

impl List {
    /// Whether absence from this list means something.
    pub fn is_complete(&self) -> bool {
        self.unnamed == 0 && self.stated.is_none_or(|stated| stated <= self.shown)
    }
}

/// A file of the host, as a list of versions gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSeen {
    /// Where it lies, as written.
    pub path: String,
    /// Its version; `None` when the list says that there is no such file, or gives no version.
    pub version: Option<FileVersion>,
    /// When it was written to this place.
    pub modified: Option<Stamp>,
}

/// Why Windows wants to be restarted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Pending {
    /// Component Based Servicing waits: an update is laid out and not running.
    Servicing,
    /// Windows Update waits.
    WindowsUpdate,
    /// A file waits to be renamed. Alone this is noise: print spoolers do it all day.
    FileRename,
}

/// A version of the .NET Framework.
pub type NetVersion = [u8; 3];

/// One statement of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    Name(String),
    OsName(String),
    Version([u32; 3]),
    ServicePack(u8),
    Ubr(u32),
    Arch(Arch),
    Installation(String),
    Edition(String),
    Release(String),
    Boot(Stamp),
    Taken(Stamp),
    Hotfix {
        kb: Kb,
        on: Option<Stamp>,
        security: Option<bool>,
    },
    List(List),
    MsiPatch {
        kb: Kb,
        name: String,
    },
    MsiSeen,
    Program {
        name: String,
        version: String,
    },
    ProgramsSeen,
    UpdateKey {
        kb: Kb,
        path: String,
    },
    UpdateKeysSeen,
    File(FileSeen),
    Pending(Pending, String),
    PendingSeen,
    Offered {
        kb: Kb,
        title: String,
    },
    OfferSeen,
    Net(NetVersion),
    NetSeen,
    Ie(u8),
    Antivirus {
        product: String,
        state: String,
        signatures: String,
    },
    Firewall {
        profile: String,
        on: bool,
    },
    Note(String),
}

/// What is known of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WindowsHost {
    /// The files, in the order in which they were added.
    pub sources: Vec<Source>,
    /// Name of the host.
    pub name: Option<Said<String>>,
    /// Name of the system: "Microsoft Windows 7 Enterprise".
    pub os_name: Option<Said<String>>,
    /// Major, minor, build.
    pub version: Option<Said<[u32; 3]>>,
    /// Service pack; `None` when no file speaks of one, `0` when one says there is none.
    pub service_pack: Option<Said<u8>>,
    /// Update build revision, the fourth number: what a cumulative update raises.
    pub ubr: Option<Said<u32>>,
    /// Architecture.
    pub arch: Option<Said<Arch>>,
    /// `Client`, `Server`, `Server Core`.
    pub installation: Option<Said<String>>,
    /// `EditionID`.
    pub edition: Option<Said<String>>,
    /// `DisplayVersion` or `ReleaseId`: 22H2, 1803.
    pub release: Option<Said<String>>,
    /// Last start.
    pub boot: Option<Said<Stamp>>,
    /// When the collector ran.
    pub taken: Option<Said<Stamp>>,
    /// Updates that lists of the system name.
    pub hotfixes: BTreeMap<Kb, Listed>,
    /// The lists, and whether they are whole.
    pub lists: Vec<Said<List>>,
    /// Patches of Windows Installer (Office and the like), with their names; `None` when no file
    /// could have named them.
    pub msi_patches: Option<BTreeMap<Kb, Said<String>>>,
    /// Installed programs with their versions; `None` when no file lists programs.
    pub programs: Option<BTreeMap<String, Said<String>>>,
    /// Proof keys `SOFTWARE\Microsoft\Updates\…\KBnnnnnn`; `None` when no file shows that tree.
    pub update_keys: Option<BTreeMap<Kb, Said<String>>>,
    /// Files with versions, by their name in lower case.
    pub files: BTreeMap<String, Vec<Said<FileSeen>>>,
    /// Why a restart is due; `None` when no file looked.
    pub pending: Option<BTreeMap<Pending, Vec<Said<String>>>>,
    /// What Windows Update itself offers; `None` when it was not asked.
    pub offered: Option<BTreeMap<Kb, Said<String>>>,
    /// .NET Framework versions; `None` when no file lists them.
    pub net: Option<Vec<NetVersion>>,
    /// Internet Explorer's major version.
    pub ie: Option<Said<u8>>,
    /// Antivirus products with state and age of signatures.
    pub antivirus: Vec<(String, String, String)>,
    /// Firewall profiles, and whether they are on.
    pub firewall: BTreeMap<String, bool>,
    /// What a reader should know: cut lists, contradictions, limits reached.
    pub notes: Vec<String>,
    facts: usize,
}

impl WindowsHost {
    /// Whether a list of updates came, and one that is whole.
    pub fn has_whole_list(&self) -> bool {
        self.lists.iter().any(|list| list.value.is_complete())
    }

    /// Name of a source.
    pub fn source_name(&self, id: SourceId) -> &str {
        self.sources
            .get(usize::from(id.0))
            .map_or("", |source| source.name.as_str())
    }

    /// Tells something that a reader should know.
    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn apply(&mut self, by: SourceId, facts: Vec<Fact>) {
        for fact in facts {
            self.facts += 1;
            if self.facts > MAX_FACTS {
                self.note(format!(
                    "limit: only the first {MAX_FACTS} facts of this host are kept"
                ));
                return;
            }
            self.take(by, fact);
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table of equal arms")]
    fn take(&mut self, by: SourceId, fact: Fact) {
        let notes = &mut self.notes;
        match fact {
            Fact::Name(value) => keep(&mut self.name, value, by, "name", notes),
            Fact::OsName(value) => {
                if self.os_name.is_none() {
                    self.os_name = Some(Said { value, by });
                }
            }
            Fact::Version(value) => keep(&mut self.version, value, by, "version", notes),
            Fact::ServicePack(value) => {
                keep(&mut self.service_pack, value, by, "service pack", notes);
            }
            Fact::Ubr(value) => match &mut self.ubr {
                // Files of two days differ; a build never falls but by uninstalling.
                Some(said) if said.value >= value => {}
                slot => *slot = Some(Said { value, by }),
            },
            Fact::Arch(value) => keep(&mut self.arch, value, by, "architecture", notes),
            Fact::Installation(value) => keep(
                &mut self.installation,
                value,
                by,
                "installation type",
                notes,
            ),
            Fact::Edition(value) => keep(&mut self.edition, value, by, "edition", notes),
            Fact::Release(value) => keep(&mut self.release, value, by, "release", notes),
            Fact::Boot(value) => match &mut self.boot {
                Some(said) if !value.is_after(said.value) => {}
                slot => *slot = Some(Said { value, by }),
            },
            Fact::Taken(value) => self.taken = Some(Said { value, by }),
            Fact::Hotfix { kb, on, security } => self.hotfix(kb, on, security, by),
            Fact::List(value) => {
                self.list(value, by);
            }
            Fact::MsiPatch { kb, name } => {
                self.msi_patches
                    .get_or_insert_default()
                    .entry(kb)
                    .or_insert(Said { value: name, by });
            }
            Fact::MsiSeen => drop(self.msi_patches.get_or_insert_default()),
            Fact::Program { name, version } => {
                self.programs
                    .get_or_insert_default()
                    .entry(name)
                    .or_insert(Said { value: version, by });
            }
            Fact::ProgramsSeen => drop(self.programs.get_or_insert_default()),
            Fact::UpdateKey { kb, path } => {
                self.update_keys
                    .get_or_insert_default()
                    .entry(kb)
                    .or_insert(Said { value: path, by });
            }
            Fact::UpdateKeysSeen => drop(self.update_keys.get_or_insert_default()),
            Fact::File(file) => {
                let name = file
                    .path
                    .rsplit(['\\', '/'])
                    .next()
                    .unwrap_or("")
                    .to_ascii_lowercase();
                self.files
                    .entry(name)
                    .or_default()
                    .push(Said { value: file, by });
            }
            Fact::Pending(why, text) => {
                let all = self.pending.get_or_insert_default();
                all.entry(why).or_default().push(Said { value: text, by });
            }
            Fact::PendingSeen => drop(self.pending.get_or_insert_default()),
            Fact::Offered { kb, title } => {
                self.offered
                    .get_or_insert_default()
                    .entry(kb)
                    .or_insert(Said { value: title, by });
            }
            Fact::OfferSeen => drop(self.offered.get_or_insert_default()),
            Fact::Net(version) => {
                let all = self.net.get_or_insert_default();
                if !all.contains(&version) {
                    all.push(version);
                }
            }
            Fact::NetSeen => drop(self.net.get_or_insert_default()),
            Fact::Ie(value) => keep(&mut self.ie, value, by, "Internet Explorer", notes),
            Fact::Antivirus {
                product,
                state,
                signatures,
            } => {
                self.antivirus.push((product, state, signatures));
            }
            Fact::Firewall { profile, on } => drop(self.firewall.insert(profile, on)),
            Fact::Note(note) => self.note(note),
        }
    }

    fn hotfix(&mut self, kb: Kb, on: Option<Stamp>, security: Option<bool>, by: SourceId) {
        let new = Listed {
            by: Vec::new(),
            on: None,
            security: None,
        };
        let listed = self.hotfixes.entry(kb).or_insert(new);
        if !listed.by.contains(&by) {
            listed.by.push(by);
        }
        listed.on = listed.on.or(on);
        listed.security = listed.security.or(security);
    }

    fn list(&mut self, list: List, by: SourceId) {
        if !list.is_complete() {
            let name = self.source_name(by).to_owned();
            let stated = list.stated.unwrap_or(list.shown);
            let (shown, unnamed) = (list.shown, list.unnamed);
            self.note(format!(
                "{name}: the list of updates is cut: {stated} stated, {shown} shown, {unnamed} without a name"
            ));
        }
        self.lists.push(Said { value: list, by });
    }
}

/// The first word stands; another one that differs is told.
fn keep<T: PartialEq + std::fmt::Debug>(
    slot: &mut Option<Said<T>>,
    value: T,
    by: SourceId,
    what: &str,
    notes: &mut Vec<String>,
) {
    match slot {
        None => *slot = Some(Said { value, by }),
        Some(said) if said.value != value && notes.len() < MAX_NOTES => {
            notes.push(format!(
                "contradiction: {what} is {:?}, and {value:?} by another file",
                said.value
            ));
        }
        Some(_) => {}
    }
}
