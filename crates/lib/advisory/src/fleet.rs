//! Ten thousand hosts, judged again whenever a feed or an inventory changes. A nightly scan finds a hole
//! a night late; here a package version that many hosts share is judged once, and a new advisory asks
//! only for the packages it names. What did not change is not handed out again.

use std::collections::BTreeMap;

use crate::{
    Index, Installed, Release, State, Stream, Touched, Verdict, index::newest, judge::kernel_group,
};

/// Most different package versions of a fleet.
pub const MAX_ITEMS: usize = 100_000_000;

/// A host of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub u32);

/// A package version of a release, as any number of hosts have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemId(pub u32);

/// Interned inventories, what was last said of each package version, and who has it.
#[derive(Debug, Default)]
pub struct Fleet {
    items: Vec<Item>,
    by_text: BTreeMap<Box<str>, ItemId>,
    by_name: BTreeMap<(Release, Box<str>), Vec<ItemId>>,
    groups: BTreeMap<Box<str>, u32>,
    hosts: Vec<Host>,
    /// What was last said, by item; none before the first audit.
    said: Vec<Option<Box<[Verdict]>>>,
    /// Hosts that have an item, by item, sorted.
    owners: Vec<Vec<u32>>,
}

#[derive(Debug)]
struct Host {
    release: Release,
    items: Box<[u32]>,
}

/// Everything that decides, owned.
#[derive(Debug)]
struct Item {
    release: Release,
    name: Box<str>,
    arch: Box<str>,
    version: Box<str>,
    source: Option<Box<str>>,
    source_version: Option<Box<str>>,
    stream: Option<Box<str>>,
    epoch_not_told: bool,
    /// The kernel group in which only the newest counts.
    group: Option<u32>,
}

/// One row: what is said of one package on one host.
#[derive(Debug, Clone, Copy)]
pub struct FleetRow<'f> {
    /// The host.
    pub host: HostId,
    /// The package.
    pub item: ItemId,
    /// What is said of it now; none: nothing any more.
    pub verdicts: &'f [Verdict],
}

/// What an audit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows handed out.
    pub rows: u64,
    /// Different package versions judged.
    pub judged: u64,
    /// Different package versions of which something else is said than before.
    pub changed: u64,
    /// Hosts whose release no feed speaks of: nothing is known of them.
    pub uncovered: u64,
}

impl Item {
    fn installed(&self) -> Installed<'_> {
        Installed {
            name: &self.name,
            arch: &self.arch,
            version: &self.version,
            epoch_not_told: self.epoch_not_told,
            source: self.source.as_deref(),
            source_version: self.source_version.as_deref(),
            stream: self.stream.as_deref().map_or(Stream::NotTold, Stream::Of),
        }
    }
}

impl Fleet {
    /// The id of a package version of a release. None past [`MAX_ITEMS`].
    pub fn intern(&mut self, release: &Release, package: &Installed<'_>) -> Option<ItemId> {
        let text = key(release, package);
        if let Some(item) = self.by_text.get(text.as_str()) {
            return Some(*item);
        }
        if self.items.len() >= MAX_ITEMS {
            return None;
        }
        let item = ItemId(u32::try_from(self.items.len()).ok()?); // ok: because MAX_ITEMS fits
        self.by_text.insert(text.into(), item);
        // A deb or an apk without a told source is its own, so both names lead to it.
        let names = [
            Some(package.name),
            package.source.filter(|source| *source != package.name),
        ];
        for name in names.into_iter().flatten() {
            let key = (release.clone(), name.into());
            self.by_name.entry(key).or_default().push(item);
        }
        let group = kernel_group(release.kind(), package.name).map(|group| {
            let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX); // max: because MAX_ITEMS fits
            let group = format!("{release} {group} {}", package.arch);
            *self.groups.entry(group.into()).or_insert(next)
        });
        self.items.push(Item {
            release: release.clone(),
            name: package.name.into(),
            arch: package.arch.into(),
            version: package.version.into(),
            source: package.source.map(Into::into),
            source_version: package.source_version.map(Into::into),
            stream: match package.stream {
                Stream::NotTold => None,
                Stream::Of(stream) => Some(stream.into()),
            },
            epoch_not_told: package.epoch_not_told,
            group,
        });
        self.said.push(None);
        self.owners.push(Vec::new());
        Some(item)
    }

    /// A new host with what it has.
    pub fn add(&mut self, release: &Release, items: &[ItemId]) -> HostId {
        let host = HostId(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)); // max: because no network has more hosts
        self.hosts.push(Host {
            release: release.clone(),
            items: Box::default(),
        });
        self.replace(host, items);
        host
    }

    /// A new inventory of a host; its rows are those of [`Fleet::host`].
    pub fn replace(&mut self, host: HostId, items: &[ItemId]) {
        let new = self.without_older_kernels(items);
        let Some(old) = self.hosts.get_mut(index(host.0)) else {
            return;
        };
        let old = std::mem::replace(&mut old.items, new.clone());
        for item in old.iter().filter(|item| new.binary_search(item).is_err()) {
            if let Some(owners) = self.owners.get_mut(index(*item))
                && let Ok(at) = owners.binary_search(&host.0)
            {
                owners.remove(at);
            }
        }
        for item in &new {
            if let Some(owners) = self.owners.get_mut(index(*item))
                && let Err(at) = owners.binary_search(&host.0)
            {
                owners.insert(at, host.0);
            }
        }
    }

    /// Sorted, once each, and of a kernel only the newest.
    fn without_older_kernels(&self, items: &[ItemId]) -> Box<[u32]> {
        let mut best = BTreeMap::<u32, u32>::new();
        let mut kept = Vec::with_capacity(items.len());
        for ItemId(id) in items {
            let Some(item) = self.items.get(index(*id)) else {
                continue;
            };
            let Some(group) = item.group else {
                kept.push(*id);
                continue;
            };
            let old = best.get(&group).and_then(|old| self.items.get(index(*old)));
            if old.is_none_or(|old| newest(item.release.kind(), &item.version, &old.version)) {
                best.insert(group, *id);
            }
        }
        kept.extend(best.into_values());
        kept.sort_unstable();
        kept.dedup();
        kept.into_boxed_slice()
    }

    /// Judges everything and hands out every row of which something is said.
    pub fn audit(&mut self, index: &Index, out: &mut dyn FnMut(FleetRow<'_>)) -> Tally {
        let all: Vec<u32> = (0..self.items.len())
            .filter_map(|item| u32::try_from(item).ok())
            .collect(); // ok: because MAX_ITEMS fits
        let mut tally = Tally::default();
        self.judge(index, &all, &mut tally);
        for (nth, host) in (0..).zip(&self.hosts) {
            if index.release(&host.release).is_none() {
                tally.uncovered += 1;
                continue;
            }
            tally.rows += hand_out(&self.said, HostId(nth), &host.items, out);
        }
        tally
    }

    /// The rows of one host, as last judged; packages that came new are judged now.
    pub fn host(
        &mut self,
        index: &Index,
        host: HostId,
        out: &mut dyn FnMut(FleetRow<'_>),
    ) -> Tally {
        let mut tally = Tally::default();
        let Some(found) = self.hosts.get(self::index(host.0)) else {
            return tally;
        };
        if index.release(&found.release).is_none() {
            tally.uncovered = 1;
            return tally;
        }
        let items = found.items.clone();
        let unsaid = |item: &u32| {
            self.said
                .get(self::index(*item))
                .is_some_and(Option::is_none)
        };
        let fresh: Vec<u32> = items.iter().copied().filter(unsaid).collect();
        self.judge(index, &fresh, &mut tally);
        tally.rows = hand_out(&self.said, host, &items, out);
        tally
    }

    /// After `touched` of the index changed: judges the packages of those names alone, and hands out
    /// only rows of which something else is said than before.
    pub fn update(
        &mut self,
        index: &Index,
        touched: &Touched,
        out: &mut dyn FnMut(FleetRow<'_>),
    ) -> Tally {
        let mut items = Vec::new();
        for (release, _, name) in &touched.packages {
            let key = (release.clone(), name.as_str().into());
            items.extend(
                self.by_name
                    .get(&key)
                    .into_iter()
                    .flatten()
                    .map(|item| item.0),
            );
        }
        if !touched.new_releases.is_empty() {
            let new = |item: &Item| touched.new_releases.contains(&item.release);
            items.extend(
                (0..)
                    .zip(&self.items)
                    .filter(|(_, item)| new(item))
                    .map(|(nth, _): (u32, _)| nth),
            );
        }
        items.sort_unstable();
        items.dedup();
        let mut tally = Tally::default();
        let changed = self.judge(index, &items, &mut tally);
        for item in changed {
            let owners = self.owners.get(self::index(item)).into_iter().flatten();
            let said = self.said.get(self::index(item));
            let verdicts = said.and_then(Option::as_deref).unwrap_or_default(); // default: because nothing said is an empty list
            for host in owners {
                tally.rows += 1;
                out(FleetRow {
                    host: HostId(*host),
                    item: ItemId(item),
                    verdicts,
                });
            }
        }
        tally
    }

    /// Judges items, remembers, and gives those of which something else is said than before.
    fn judge(&mut self, index: &Index, items: &[u32], tally: &mut Tally) -> Vec<u32> {
        let mut changed = Vec::new();
        for id in items {
            let at = self::index(*id);
            let (Some(item), Some(said)) = (self.items.get(at), self.said.get_mut(at)) else {
                continue;
            };
            let verdicts = match index.release(&item.release) {
                Some(release) => index.verdicts(release, item.release.kind(), &item.installed()),
                None => Vec::new(),
            };
            tally.judged += 1;
            let before = said.as_deref().unwrap_or_default(); // default: because nothing said is an empty list
            if !same(before, &verdicts) {
                changed.push(*id);
            }
            *said = Some(verdicts.into_boxed_slice());
        }
        tally.changed += changed.len() as u64;
        changed
    }

    /// What an item is.
    pub fn item(&self, item: ItemId) -> Option<(&Release, Installed<'_>)> {
        let item = self.items.get(index(item.0))?;
        Some((&item.release, item.installed()))
    }

    /// How many hosts it has.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// How many different package versions it has.
    pub fn items(&self) -> usize {
        self.items.len()
    }
}

/// Whether nothing else is said than before. What was proven and is proven has not changed, however many
/// advisories say so now.
fn same(before: &[Verdict], now: &[Verdict]) -> bool {
    let proven = |verdicts: &[Verdict]| {
        matches!(
            verdicts,
            [Verdict {
                state: State::Proven,
                ..
            }]
        )
    };
    before == now || proven(before) && proven(now)
}

fn hand_out(
    said: &[Option<Box<[Verdict]>>],
    host: HostId,
    items: &[u32],
    out: &mut dyn FnMut(FleetRow<'_>),
) -> u64 {
    let mut rows = 0;
    for item in items {
        if let Some(Some(verdicts)) = said.get(index(*item))
            && !verdicts.is_empty()
        {
            rows += 1;
            out(FleetRow {
                host,
                item: ItemId(*item),
                verdicts,
            });
        }
    }
    rows
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX) // max: because an index past the end is refused where it is used
}

fn key(release: &Release, package: &Installed<'_>) -> String {
    let Installed {
        name,
        arch,
        version,
        epoch_not_told,
        source,
        source_version,
        stream,
    } = package;
    let stream = match stream {
        Stream::NotTold => "",
        Stream::Of(stream) => stream,
    };
    let (source, source_version) = (source.unwrap_or(""), source_version.unwrap_or("")); // "": because a name is never empty
    let epoch = if *epoch_not_told { "?" } else { "" };
    [
        release.as_str(),
        name,
        arch,
        version,
        epoch,
        source,
        source_version,
        stream,
    ]
    .join("\t")
}
