//! What all feeds say, compiled once for a fleet: by release and name, so that one package costs a look-up
//! and as many comparisons as advisories name it. An advisory that comes again replaces its older self.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use vercmp::Kind;

use crate::{Advisory, Class, Feed, Fix, Release, Row, Speaks, Streams};

/// What of the feeds counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Bug fixes and enhancements too; without it security alone.
    pub all_classes: bool,
}

/// What all feeds say.
#[derive(Debug, Default)]
pub struct Index {
    options: Options,
    releases: BTreeMap<Release, u32>,
    names: BTreeMap<Arc<str>, u32>,
    /// Names and releases by their ids.
    texts: Vec<Arc<str>>,
    releases_by_id: Vec<Release>,
    entries: BTreeMap<Key, Entries>,
    places: BTreeMap<(Arc<str>, Box<str>), Place>,
}

/// An advisory of a feed: its number, which it keeps when it comes again, and where its entries are.
#[derive(Debug)]
struct Place {
    number: u32,
    keys: BTreeSet<Key>,
}

/// What is said of one package.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Those that are *everything older than this*, the oldest fix first: what a host lacks is then the
    /// end of the list, and a kernel with 200 advisories costs 8 comparisons.
    pub(crate) plain: Vec<Entry>,
    /// All others.
    pub(crate) rest: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    release: u32,
    name: u32,
    speaks: Speaks,
}

/// One row, without what the key says.
#[derive(Debug)]
pub(crate) struct Entry {
    feed: Arc<str>,
    pub(crate) arches: Vec<String>,
    pub(crate) streams: Streams,
    pub(crate) introduced: Option<String>,
    pub(crate) fix: Fix,
    /// The version of `fix`, to be shared by verdicts.
    pub(crate) fixed: Option<Arc<str>>,
    pub(crate) advisory: Arc<Advisory>,
    /// Number of the advisory, by which verdicts sort it.
    pub(crate) number: u32,
}

/// The packages of which an extension of the index speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Release, whether a source is meant, and name.
    pub packages: BTreeSet<(Release, Speaks, String)>,
    /// A release came that no feed spoke of before: every package of it was unjudged.
    pub new_releases: BTreeSet<Release>,
}

impl Index {
    /// Compiles feeds.
    pub fn new(feeds: &[Feed], options: Options) -> Self {
        let mut index = Self {
            options,
            ..Self::default()
        };
        for feed in feeds {
            index.extend(feed);
        }
        index
    }

    /// Takes what a feed says anew; the same advisory of a feed of that name is replaced.
    pub fn extend(&mut self, feed: &Feed) -> Touched {
        let name: Arc<str> = feed.name.as_str().into();
        let mut touched = Touched::default();
        for release in &feed.releases {
            if !self.releases.contains_key(release) {
                touched.new_releases.insert(release.clone());
                self.releases
                    .insert(release.clone(), id(self.releases.len()));
                self.releases_by_id.push(release.clone());
            }
        }
        let ids: BTreeSet<&str> = feed
            .rows
            .iter()
            .map(|row| row.advisory.id.as_str())
            .collect();
        for id in ids {
            self.forget(&name, id, &mut touched);
        }
        let mut last: Option<Arc<Advisory>> = None;
        for row in &feed.rows {
            if self.options.all_classes || row.advisory.class == Class::Security {
                // Rows of one advisory come one after the other, and share it.
                let advisory = last.take().filter(|last| **last == row.advisory);
                let advisory = advisory.unwrap_or_else(|| Arc::new(row.advisory.clone()));
                last = Some(Arc::clone(&advisory));
                self.insert(&name, row, advisory);
                touched
                    .packages
                    .insert((row.release.clone(), row.speaks, row.package.clone()));
            }
        }
        touched
    }

    fn insert(&mut self, feed: &Arc<str>, row: &Row, advisory: Arc<Advisory>) {
        let Some(release) = self.releases.get(&row.release).copied() else {
            return; // a feed lists the releases of its rows
        };
        let next = id(self.names.len());
        let known = self.names.get(row.package.as_str()).copied();
        let name = known.unwrap_or_else(|| {
            let text: Arc<str> = row.package.as_str().into();
            self.names.insert(Arc::clone(&text), next);
            self.texts.push(text);
            next
        });
        let key = Key {
            release,
            name,
            speaks: row.speaks,
        };
        let number = id(self.places.len());
        let place = (Arc::clone(feed), row.advisory.id.as_str().into());
        let place = self.places.entry(place).or_insert_with(|| Place {
            number,
            keys: BTreeSet::new(),
        });
        place.keys.insert(key);
        let fixed = match &row.fix {
            Fix::In(version) => Some(version.as_str().into()),
            Fix::After(version) => Some(format!("newer than {version}").into()),
            Fix::NoneKnown | Fix::NotAffected | Fix::Investigating => None,
        };
        let entry = Entry {
            feed: Arc::clone(feed),
            arches: row.arches.clone(),
            streams: row.streams.clone(),
            introduced: row.introduced.clone(),
            fix: row.fix.clone(),
            fixed,
            advisory,
            number: place.number,
        };
        self.entries
            .entry(key)
            .or_default()
            .insert(row.release.kind(), entry);
    }

    fn forget(&mut self, feed: &Arc<str>, advisory: &str, touched: &mut Touched) {
        let Some(place) = self.places.get_mut(&(Arc::clone(feed), advisory.into())) else {
            return;
        };
        for key in std::mem::take(&mut place.keys) {
            if let Some(entries) = self.entries.get_mut(&key) {
                let keep = |entry: &Entry| entry.feed != *feed || entry.advisory.id != advisory;
                entries.plain.retain(keep);
                entries.rest.retain(keep);
            }
            let at = |id: u32| usize::try_from(id).unwrap_or(usize::MAX); // max: because it is refused next
            let (release, name) = (
                self.releases_by_id.get(at(key.release)),
                self.texts.get(at(key.name)),
            );
            if let (Some(release), Some(name)) = (release, name) {
                touched
                    .packages
                    .insert((release.clone(), key.speaks, name.to_string()));
            }
        }
    }

    /// Releases of which any feed speaks.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.releases.keys()
    }

    /// How many statements it holds.
    pub fn len(&self) -> usize {
        self.entries
            .values()
            .map(|entries| entries.plain.len() + entries.rest.len())
            .sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn release(&self, release: &Release) -> Option<u32> {
        self.releases.get(release).copied()
    }

    pub(crate) fn entries(&self, release: u32, speaks: Speaks, name: &str) -> Option<&Entries> {
        let name = *self.names.get(name)?;
        self.entries.get(&Key {
            release,
            name,
            speaks,
        })
    }
}

impl Entries {
    fn insert(&mut self, kind: Kind, entry: Entry) {
        match &entry.fix {
            Fix::In(fixed) if entry.introduced.is_none() && vercmp::check(kind, fixed).is_ok() => {
                let at = self
                    .plain
                    .partition_point(|other| !entry.is_older(kind, other));
                self.plain.insert(at, entry);
            }
            _ => self.rest.push(entry),
        }
    }

    /// How many of `plain` are mended by `version`, which is one.
    pub(crate) fn mended(&self, kind: Kind, version: &str) -> usize {
        self.plain.partition_point(|entry| match &entry.fixed {
            Some(fixed) => !newest(kind, fixed, version),
            None => true,
        })
    }
}

impl Entry {
    fn is_older(&self, kind: Kind, other: &Self) -> bool {
        match (&self.fixed, &other.fixed) {
            (Some(own), Some(other)) => newest(kind, other, own),
            _ => false,
        }
    }
}

fn id(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX) // max: because MAX_ROWS is far below
}

/// Whether `a` is newer than `b`; text that is no version is older than one that is.
pub(crate) fn newest(kind: Kind, a: &str, b: &str) -> bool {
    match vercmp::compare(kind, a, b) {
        Ok(order) => order == Ordering::Greater,
        Err(_) => vercmp::check(kind, b).is_err(),
    }
}
