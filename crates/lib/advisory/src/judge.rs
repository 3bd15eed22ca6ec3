//! One package of a host against what the feeds say of it.
//!
//! The rules, each of which an auditor of today gets wrong: a row of another module stream, release or
//! architecture does not speak of this package; an rpm without its epoch is not compared as if it had
//! none; a kernel package that is installed five times is judged by its newest; a vulnerability without
//! a fix is *exposed* and neither missing nor proven.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use vercmp::Kind;

use crate::{
    Advisory, Fix, Index, Release, Speaks, Streams,
    index::{Entry, newest},
    osv::is_modular,
};

/// A package as a host has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Installed<'a> {
    /// Name of the binary package.
    pub name: &'a str,
    /// Its architecture; empty where it is not known.
    pub arch: &'a str,
    /// Its whole version, with the epoch where there is one.
    pub version: &'a str,
    /// The inventory does not say the epoch (plain `rpm -qa`).
    pub epoch_not_told: bool,
    /// Name of its source, where it is known and differs or not.
    pub source: Option<&'a str>,
    /// The version of its source, where that differs from its own.
    pub source_version: Option<&'a str>,
    /// The module stream it came with.
    pub stream: Stream<'a>,
}

/// The module stream of an installed package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stream<'a> {
    /// The inventory does not say, or there are no modules.
    #[default]
    NotTold,
    /// `nodejs:18`, or the whole label of the package.
    Of(&'a str),
}

/// What a host has.
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    /// The release it runs.
    pub release: &'a Release,
    /// Its packages.
    pub packages: &'a [Installed<'a>],
}

/// What is said of one package. A package has one *proven*, or else up to one of each other state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// The version that mends all of it; for *proven* the newest that was asked for.
    pub fixed: Option<Arc<str>>,
    /// Who says so, in the order of the feeds.
    pub advisories: Box<[Arc<Advisory>]>,
}

/// The state of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Every advisory that names it is mended.
    Proven,
    /// A fix exists and is not installed.
    Missing,
    /// Exposed, and no fix is known to the feeds.
    NoFix,
    /// It cannot be said, and why.
    Unknown(Why),
}

/// Why it cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its advisory speaks of a module stream and one of both does not say which.
    StreamNotTold,
    /// The inventory does not say the epoch, and it decides.
    EpochNotTold,
    /// The installed or the fixed version is none.
    NoVersion,
    /// The vendor is still looking.
    Investigating,
    /// The advisory names the package, and none of this architecture.
    OtherArch,
}

impl Why {
    /// A sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::StreamNotTold => {
                "its advisory speaks of a module stream, and it is not told which one this is"
            }
            Self::EpochNotTold => "the inventory does not tell the epoch, which decides",
            Self::NoVersion => "the installed or the fixed version is not a whole version",
            Self::Investigating => "the vendor is still investigating",
            Self::OtherArch => "its advisory names the package for other architectures alone",
        }
    }
}

/// One row of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The package.
    pub package: Installed<'a>,
    /// What is said of it.
    pub verdict: Verdict,
}

/// The audit of one host. Packages in = named + unnamed + older kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit<'a> {
    /// Whether any feed speaks of the host's release; if none does, nothing was judged.
    pub covered: bool,
    /// The rows, in the order of the packages.
    pub rows: Vec<Judged<'a>>,
    /// Packages that an advisory names.
    pub named: u64,
    /// Packages that no advisory names: nothing is said of them.
    pub unnamed: u64,
    /// Kernel packages that a newer one stands beside; the newest was judged.
    pub older_kernels: u64,
}

impl Index {
    /// Judges the packages of one host.
    pub fn judge<'a>(&self, inventory: &Inventory<'a>) -> Audit<'a> {
        let release = self.release(inventory.release);
        let mut audit = Audit {
            covered: release.is_some(),
            rows: Vec::new(),
            named: 0,
            unnamed: 0,
            older_kernels: 0,
        };
        let Some(release) = release else {
            return audit;
        };
        let older = older_kernels(inventory.release.kind(), inventory.packages);
        for (nth, package) in inventory.packages.iter().enumerate() {
            if older.binary_search(&nth).is_ok() {
                audit.older_kernels += 1;
                continue;
            }
            let verdicts = self.verdicts(release, inventory.release.kind(), package);
            if verdicts.is_empty() {
                audit.unnamed += 1;
            } else {
                audit.named += 1;
            }
            let judged = |verdict| Judged {
                package: *package,
                verdict,
            };
            audit.rows.extend(verdicts.into_iter().map(judged));
        }
        audit
    }

    /// What the feeds say of one package; nothing if none names it.
    pub(crate) fn verdicts(
        &self,
        release: u32,
        kind: Kind,
        package: &Installed<'_>,
    ) -> Vec<Verdict> {
        let mut said = Said::default();
        let source_version = package.source_version.unwrap_or(package.version);
        // A package without a told source is its own: deb and apk leave out what is the same.
        let source = match kind {
            Kind::Rpm => package.source,
            Kind::Deb | Kind::Apk => package.source.or(Some(package.name)),
        };
        let named = [
            (Speaks::Binary, Some(package.name), package.version),
            (Speaks::Source, source, source_version),
        ];
        for (speaks, name, version) in named {
            let Some(entries) = name.and_then(|name| self.entries(release, speaks, name)) else {
                continue;
            };
            let sorted = is_whole(kind, version) && !package.epoch_not_told;
            let mended = sorted.then(|| entries.mended(kind, version));
            let proven = |mended: usize, nth: usize| {
                if nth < mended {
                    State::Proven
                } else {
                    State::Missing
                }
            };
            for (nth, entry) in entries.plain.iter().enumerate() {
                let known = mended.map(|mended| proven(mended, nth));
                said.take(said_by(entry, known, kind, version, package), entry);
            }
            said.weigh(kind);
            for entry in &entries.rest {
                said.take(said_by(entry, None, kind, version, package), entry);
                said.weigh(kind);
            }
        }
        said.verdicts(kind)
    }
}

/// What one entry says of a package.
#[derive(Clone, Copy)]
enum Answer {
    /// It does not speak of it.
    Nothing,
    Says(State),
    /// It speaks of other architectures of it.
    Elsewhere,
}

/// `known` is what the entry's place in a sorted list already told.
fn said_by(
    entry: &Entry,
    known: Option<State>,
    kind: Kind,
    version: &str,
    package: &Installed<'_>,
) -> Answer {
    if !covers(&entry.arches, package.arch) {
        return Answer::Elsewhere;
    }
    let fits = stream(&entry.streams, package);
    if matches!(fits, Fits::No) {
        return Answer::Nothing;
    }
    if known.is_none() && !is_whole(kind, version) {
        return Answer::Says(State::Unknown(Why::NoVersion));
    }
    let state = known.unwrap_or_else(|| state(kind, version, package.epoch_not_told, entry));
    // Of this stream or of another, a version that is new enough is not missing.
    Answer::Says(match fits {
        Fits::Perhaps if state != State::Proven => State::Unknown(Why::StreamNotTold),
        Fits::Yes | Fits::No | Fits::Perhaps => state,
    })
}

/// An rpm that is installed has a release; `4.14.3` alone is the version of something else, as the
/// `rpm` of `PyPI`, and must not be held against `4.14.3-19.el8`.
fn is_whole(kind: Kind, version: &str) -> bool {
    let release = kind != Kind::Rpm || version.contains('-');
    release && vercmp::check(kind, version).is_ok()
}

fn covers(arches: &[String], arch: &str) -> bool {
    arches.is_empty()
        || matches!(arch, "" | "noarch" | "all")
        || arches.iter().any(|a| a == arch || a == "noarch")
}

enum Fits {
    Yes,
    No,
    Perhaps,
}

fn stream(streams: &Streams, package: &Installed<'_>) -> Fits {
    let modular = matches!(package.stream, Stream::Of(_)) || is_modular(package.version);
    match (streams, package.stream) {
        (Streams::Plain, _) if !modular => Fits::Yes,
        (Streams::Of(streams), Stream::Of(stream))
            if streams.iter().any(|s| same_stream(s, stream)) =>
        {
            Fits::Yes
        }
        (Streams::Of(_), Stream::NotTold) | (Streams::NotTold, _) if modular => Fits::Perhaps,
        _ => Fits::No,
    }
}

/// A label may go on behind its stream: `nodejs:18:8080020230915:522a0ee4`.
fn same_stream(stream: &str, label: &str) -> bool {
    label.split(':').take(2).eq(stream.split(':').take(2))
}

fn state(kind: Kind, version: &str, epoch_not_told: bool, entry: &Entry) -> State {
    let against = |bound: &str| {
        if epoch_not_told && kind == Kind::Rpm {
            without_epoch(version, bound)
        } else {
            vercmp::check(kind, bound)
                .and_then(|()| vercmp::compare(kind, version, bound))
                .map_err(|_| Why::NoVersion)
        }
    };
    if let Some(introduced) = &entry.introduced {
        match against(introduced) {
            Ok(Ordering::Less) => return State::Proven,
            Ok(_) => {}
            Err(why) => return State::Unknown(why),
        }
    }
    let order = match &entry.fix {
        Fix::In(fixed) => against(fixed).map(|order| order != Ordering::Less),
        Fix::After(last) => against(last).map(|order| order == Ordering::Greater),
        Fix::NoneKnown => return State::NoFix,
        Fix::NotAffected => return State::Proven,
        Fix::Investigating => return State::Unknown(Why::Investigating),
    };
    match order {
        Ok(true) => State::Proven,
        Ok(false) => State::Missing,
        Err(why) => State::Unknown(why),
    }
}

/// Epochs never fall, so a package older than the fix within its epoch is older whatever its own was;
/// one that is newer is proven only where the fix has no epoch to be below.
fn without_epoch(version: &str, bound: &str) -> Result<Ordering, Why> {
    let (epoch, rest) = bound.split_once(':').unwrap_or(("0", bound));
    let order = vercmp::compare(Kind::Rpm, version, rest).map_err(|_| Why::NoVersion)?;
    match order {
        Ordering::Less => Ok(Ordering::Less),
        order if epoch == "0" => Ok(order),
        _ => Err(Why::EpochNotTold),
    }
}

/// What was said so far of one package, by state.
#[derive(Default)]
struct Said<'i> {
    by: BTreeMap<State, OfState<'i>>,
    /// What speaks of other architectures.
    elsewhere: Vec<&'i Entry>,
}

#[derive(Default)]
struct OfState<'i> {
    entries: Vec<&'i Entry>,
    /// The version of the last entry that was not weighed yet. In a plain list the last is the newest.
    last: Option<&'i Arc<str>>,
    /// The newest of those that were.
    fixed: Option<&'i Arc<str>>,
}

impl<'i> Said<'i> {
    fn take(&mut self, answer: Answer, entry: &'i Entry) {
        match answer {
            Answer::Says(state) => self.add(state, entry),
            Answer::Elsewhere => self.elsewhere.push(entry),
            Answer::Nothing => {}
        }
    }

    fn add(&mut self, state: State, entry: &'i Entry) {
        let of = self.by.entry(state).or_default();
        of.entries.push(entry);
        of.last = entry.fixed.as_ref().or(of.last);
    }

    /// After the end of a plain list, and after each entry that is of none.
    fn weigh(&mut self, kind: Kind) {
        for of in self.by.values_mut() {
            if let Some(last) = of.last.take()
                && of.fixed.is_none_or(|fixed| newest(kind, last, fixed))
            {
                of.fixed = Some(last);
            }
        }
    }

    fn verdicts(mut self, kind: Kind) -> Vec<Verdict> {
        if self.by.is_empty() {
            for entry in std::mem::take(&mut self.elsewhere) {
                self.add(State::Unknown(Why::OtherArch), entry);
                self.weigh(kind);
            }
        }
        let alone = self.by.len() == 1;
        let states = self
            .by
            .into_iter()
            .filter(|(state, _)| alone || *state != State::Proven);
        let verdict = |(state, mut of): (State, OfState<'_>)| {
            of.entries.sort_unstable_by_key(|entry| entry.number);
            of.entries.dedup_by_key(|entry| entry.number);
            Verdict {
                state,
                fixed: of.fixed.map(Arc::clone),
                advisories: of
                    .entries
                    .into_iter()
                    .map(|entry| Arc::clone(&entry.advisory))
                    .collect(),
            }
        };
        states.map(verdict).collect()
    }
}

/// The group in which only the newest counts, if the package is of a kernel.
pub(crate) fn kernel_group(kind: Kind, name: &str) -> Option<String> {
    match kind {
        Kind::Rpm => (name == "kernel" || name.starts_with("kernel-")).then(|| name.to_owned()),
        // linux-image-6.1.0-18-amd64: the version is in the name, the flavour behind it.
        Kind::Deb => {
            let part = [
                "linux-image-",
                "linux-headers-",
                "linux-modules-",
                "linux-modules-extra-",
            ]
            .into_iter()
            .rev()
            .find(|part| name.starts_with(*part))?;
            let rest = name.strip_prefix(part)?;
            let abi = |word: &&str| !word.starts_with(|letter: char| letter.is_ascii_digit());
            rest.starts_with(|letter: char| letter.is_ascii_digit())
                .then(|| {
                    format!(
                        "{part}{}",
                        rest.split('-').filter(abi).collect::<Vec<_>>().join("-")
                    )
                })
        }
        Kind::Apk => None,
    }
}

/// Places of the kernel packages that are not the newest of their group and architecture, sorted.
fn older_kernels(kind: Kind, packages: &[Installed<'_>]) -> Vec<usize> {
    let mut groups = BTreeMap::<(String, &str), usize>::new();
    let mut older = Vec::new();
    for (nth, package) in packages.iter().enumerate() {
        let Some(group) = kernel_group(kind, package.name) else {
            continue;
        };
        match groups.entry((group, package.arch)) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(nth);
            }
            std::collections::btree_map::Entry::Occupied(mut best) => {
                let old = packages
                    .get(*best.get())
                    .map_or("", |package| package.version);
                if newest(kind, package.version, old) {
                    older.push(best.insert(nth));
                } else {
                    older.push(nth);
                }
            }
        }
    }
    older.sort_unstable();
    older
}
