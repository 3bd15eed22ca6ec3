//! Audits again whenever something changed: a file of an inventory, a feed, a sheet, the policy, the day. There
//! is no nightly batch that could be missed, and only what changed is said.
//!
//! It runs beside the hub, without privilege. What it says are facts: which witness said what of which
//! requirement, and whether a host could be audited at all. What that means is for the judge.

mod expect;
mod known;
mod print;
mod probe;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::PathBuf,
};

use cordon_model::{
    Blindness, Control, Fact, Host, Inventory, Nonce, Policy, Sensed, SetName, Span, Text, Time,
    Watched,
};
use cordon_patch::{Feed, Origin, Patch, Sources};

pub use expect::{expected, plain};
pub use probe::INVENTED;

use crate::{
    Feeds, HostFiles, advisories,
    audit::{Bench, Rows, Sheets, Words, audit},
    feeds, host, listed,
};
use known::Known;
use print::{Place, print};

/// Who hears what it sees.
pub type Say<'s> = &'s mut dyn FnMut(Vec<Sensed>) -> ControlFlow<()>;

/// The auditor of inventories.
#[derive(Debug)]
pub struct Auditor {
    me: Host,
    sources: Sources,
    policy: Policy,
    bench: Option<Bench>,
    /// Raised with every change of what hosts are held against.
    round: u64,
    /// The last day that was audited: what ends by itself ends at midnight.
    day: String,
    places: BTreeMap<PathBuf, Place>,
    hosts: BTreeMap<String, Known>,
    feed_age: Span,
    /// Where what hosts say over SSH is laid, a folder an inventory.
    fetched: PathBuf,
    /// Hosts that are asked over SSH, and which inventory names them.
    pub asked: BTreeMap<String, String>,
    /// Why hosts that are asked over SSH did not answer when they were last asked.
    pub silent: BTreeMap<String, String>,
}

impl Auditor {
    /// One that has seen nothing; `known` are the hosts that the judge remembers from before.
    pub fn new(me: Host, fetched: PathBuf, known: impl IntoIterator<Item = String>) -> Self {
        let hosts = known.into_iter().map(|name| (name, Known::default()));
        Self {
            me,
            sources: Sources::default(),
            policy: Policy::default(),
            bench: None,
            round: 0,
            day: String::new(),
            places: BTreeMap::new(),
            hosts: hosts.collect(),
            feed_age: Span::days(7),
            fetched,
            asked: BTreeMap::new(),
            silent: BTreeMap::new(),
        }
    }

    /// Takes a policy; one that is refused changes nothing, the hub tells.
    pub fn obey(&mut self, policy: &Policy, feed_age: Span) {
        let Ok(patch) = Patch::new(policy) else {
            return;
        };
        self.sources = patch.sources().clone();
        self.policy = policy.clone();
        self.feed_age = feed_age;
        self.bench = None;
    }

    /// What it reads.
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether it has anything to do, or to take back.
    pub fn is_idle(&self) -> bool {
        self.sources.is_empty() && self.hosts.is_empty()
    }

    /// How many hosts it knows of.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Looks at everything, and says what changed.
    pub fn cycle(&mut self, now: Time, say: Say<'_>) -> ControlFlow<()> {
        self.content(now, say)?;
        let today = now.day();
        if self.day != today {
            self.day = today;
            self.round += 1;
            if let Some(bench) = &mut self.bench {
                bench.now = now;
            }
        }
        let due = self.inventories(now, say)?;
        let named: BTreeSet<String> = due.keys().cloned().collect();
        for (name, (files, origin)) in due {
            self.one(&name, &files, &origin, now, say)?;
        }
        self.missed(&named, now, say)
    }

    /// Reads feeds and sheets again where one of them changed.
    fn content(&mut self, now: Time, say: Say<'_>) -> ControlFlow<()> {
        let of = |origins: &[Origin]| -> Vec<(SetName, PathBuf)> {
            let with_path = |origin: &Origin| Some((origin.name.clone(), origin.path.clone()?));
            origins.iter().filter_map(with_path).collect()
        };
        let (advised, asked) = (of(&self.sources.advisories), of(&self.sources.baselines));
        let deployers = of(&self.sources.deployers);
        let mut changed = self.bench.is_none();
        for (_, path) in advised.iter().chain(&asked).chain(&deployers) {
            let place = self.places.entry(path.clone()).or_default();
            changed |= place.changed(print(std::slice::from_ref(path)), now);
        }
        if !changed {
            return ControlFlow::Continue(());
        }
        let mut said = Vec::new();
        let feeds = self.feeds(&advised, &mut said);
        let sheets = self.sheets(&asked, &mut said);
        let patch = self.patch(&feeds, &mut said);
        if let Some(patch) = patch {
            let mut bench = Bench::new(feeds, patch, sheets, now, self.feed_age);
            bench.words = self.words(&deployers, &mut said);
            self.bench = Some(bench);
            self.round += 1;
        }
        say(said)
    }

    /// What deployment tools say. It is held against the hosts, and proves nothing.
    fn words(&self, deployers: &[(SetName, PathBuf)], said: &mut Vec<Sensed>) -> Words {
        let mut words = Words::default();
        for (name, path) in deployers {
            let before = words.counts();
            match words.add(path) {
                Ok(()) => {
                    let now = words.counts();
                    let (seen, errors) = (now.0 - before.0, now.1 - before.1);
                    let of = Watched::Feed(name.clone());
                    said.push(self.sensed(Fact::Pulse { of, seen, errors }, None));
                }
                Err(error) => said.push(self.blind(name, &error.why)),
            }
        }
        words
    }

    /// Every feed that can be read. One that cannot is told, and its hosts are then in no feed: unknown, not fine.
    fn feeds(&self, advised: &[(SetName, PathBuf)], said: &mut Vec<Sensed>) -> Feeds {
        let mut good: Vec<(SetName, PathBuf)> = advised.to_vec();
        loop {
            let paths: Vec<PathBuf> = good.iter().map(|(_, path)| path.clone()).collect();
            let error = match feeds(&paths) {
                Ok(feeds) => {
                    for (name, path) in &good {
                        let told = feeds.told.iter().find(|told| told.path == *path);
                        let Some(told) = told else { continue };
                        let fact = Fact::Pulse {
                            of: Watched::Feed(name.clone()),
                            seen: told.rows,
                            errors: told.rejected,
                        };
                        let day = told.dated.as_deref();
                        // ok: because a feed that bears no day is not judged by its age
                        let at = day.and_then(|day| format!("{day}T23:59:59Z").parse().ok());
                        said.push(self.sensed(fact, at));
                    }
                    return feeds;
                }
                Err(error) => error,
            };
            let before = good.len();
            good.retain(|(name, path)| {
                if *path == error.path {
                    said.push(self.blind(name, &error.why));
                }
                *path != error.path
            });
            if good.len() == before {
                return Feeds::default(); // because then none of the paths was the cause
            }
        }
    }

    fn sheets(&self, asked: &[(SetName, PathBuf)], said: &mut Vec<Sensed>) -> Sheets {
        let mut all = Sheets::default();
        for (name, path) in asked {
            let origin = self.sources.baselines.iter();
            let origin = origin.filter(|origin| origin.name == *name);
            let columns: Vec<String> = origin
                .flat_map(|origin| &origin.columns)
                .map(|(heading, meaning)| format!("{heading}={meaning}"))
                .collect();
            match Sheets::read(std::slice::from_ref(path), &columns, None) {
                Ok(sheets) => {
                    let (rows, rejected) = sheets.counts();
                    said.push(self.sensed(
                        Fact::Pulse {
                            of: Watched::Feed(name.clone()),
                            seen: rows,
                            errors: rejected,
                        },
                        None,
                    ));
                    said.extend(sheets.notes().iter().map(|note| self.blind(name, note)));
                    all.extend(sheets);
                }
                Err(error) => said.push(self.blind(name, &error.why)),
            }
        }
        all
    }

    /// The policy with the Debian indexes among the feeds.
    fn patch(&self, feeds: &Feeds, said: &mut Vec<Sensed>) -> Option<Patch> {
        let mut policy = self.policy.clone();
        for path in &feeds.debian {
            let name = self.sources.advisories.iter();
            let name =
                name.filter(|origin| origin.path.as_ref().is_some_and(|of| path.starts_with(of)));
            let name = name.map(|origin| origin.name.clone()).next();
            let told = |said: &mut Vec<Sensed>, why: &str| {
                let name = name.clone().unwrap_or_else(|| "advisories".into()); // or: because a policy names it
                said.push(self.blind(&name, why));
            };
            let indexes = match advisories(path) {
                Ok(indexes) => indexes,
                Err(why) => {
                    told(said, why.why.as_str());
                    continue;
                }
            };
            for index in indexes {
                let usable = index.load().map_err(|error| error.to_string());
                let usable = usable.and_then(|set| {
                    let feed = Feed::new(index.name.clone(), &set);
                    feed.map(|_| set).map_err(|error| error.to_string())
                });
                match usable {
                    Ok(set) => policy = policy.with(index.name.clone(), set),
                    Err(why) => told(said, &why),
                }
            }
        }
        Patch::new(&policy).ok() // ok: because the hub refuses the same policy, and tells
    }

    /// The hosts of all inventories, with their files and where they come from.
    fn inventories(&self, now: Time, say: Say<'_>) -> ControlFlow<(), Due> {
        let mut due = Due::new();
        let mut said = Vec::new();
        for origin in &self.sources.inventories {
            let fetched = self.fetched.join(origin.name.as_str());
            let path = origin.path.as_ref().unwrap_or(&fetched); // or: because hosts that are asked have none
            if origin.path.is_none() && !path.exists() {
                continue; // nobody has answered yet, and each host is told as one that did not
            }
            let found = listed(&[path.display().to_string()]);
            match found.problems.first() {
                Some((_, at, why)) => {
                    let more = found.problems.len() - 1;
                    let more = if more > 0 {
                        format!(", and {more} more")
                    } else {
                        String::new()
                    };
                    let why = format!("{}: {why}{more}", at.display());
                    said.push(self.blind(&origin.name, &why));
                }
                None if found.hosts.is_empty() => {
                    let why = format!("there is no host in {}", path.display());
                    said.push(self.blind(&origin.name, &why));
                }
                None => {
                    let seen = u64::try_from(found.hosts.len()).unwrap_or(u64::MAX);
                    let of = Watched::Feed(origin.name.clone());
                    said.push(self.sensed(
                        Fact::Pulse {
                            of,
                            seen,
                            errors: 0,
                        },
                        Some(now),
                    ));
                }
            }
            for (name, files) in found.hosts {
                due.entry(name).or_insert_with(|| (files, origin.clone()));
            }
        }
        match say(said) {
            ControlFlow::Break(()) => ControlFlow::Break(()),
            ControlFlow::Continue(()) => ControlFlow::Continue(due),
        }
    }

    /// One host: audited again if its files, or what it is held against, changed.
    fn one(
        &mut self,
        name: &str,
        files: &[PathBuf],
        origin: &Origin,
        now: Time,
        say: Say<'_>,
    ) -> ControlFlow<()> {
        let Some(bench) = &self.bench else {
            return ControlFlow::Continue(());
        };
        let mut said = Vec::new();
        let Some(of) = self.host_of(origin.name.as_str(), name, &mut said) else {
            return say(said);
        };
        let known = self.hosts.entry(name.to_owned()).or_default();
        let seen = print(files);
        let changed = known.place.changed(seen, now) || known.round != Some(self.round);
        if changed {
            let files = host(name, files);
            let rows = audit(&files, bench, None);
            known.dated = dated(&files, seen.newest);
            known.round = Some(self.round);
            said = known.said(&of, &rows);
            known.inventory = inventory(origin, &files, &rows);
        }
        let stale = known
            .dated
            .and_then(|dated| stale(dated, origin.every, now));
        let last = self.silent.get(name).map(|why| format!("; {why}"));
        let stale = stale.map(|why| why + last.as_deref().unwrap_or_default()); // default: because it answered, long ago
        said.extend(known.close(&of, stale.as_deref()));
        if said.is_empty() {
            return ControlFlow::Continue(());
        }
        say(said)
    }

    /// Hosts that lists name and no inventory does; and those that nobody names any more.
    fn missed(&mut self, named: &BTreeSet<String>, now: Time, say: Say<'_>) -> ControlFlow<()> {
        let here: BTreeSet<String> = named.iter().map(|name| plain(name)).collect();
        let mut missed = BTreeMap::<String, (String, String)>::new();
        let mut said = Vec::new();
        for origin in &self.sources.expected {
            let Some(path) = &origin.path else { continue };
            match expected(path) {
                Ok(hosts) => {
                    let seen = u64::try_from(hosts.len()).unwrap_or(u64::MAX);
                    let of = Watched::Feed(origin.name.clone());
                    said.push(self.sensed(
                        Fact::Pulse {
                            of,
                            seen,
                            errors: 0,
                        },
                        Some(now),
                    ));
                    for host in hosts {
                        let why = format!("{} names it, and no inventory of it came", origin.name);
                        missed.entry(host).or_insert((origin.name.to_string(), why));
                    }
                }
                Err(why) => said.push(self.blind(&origin.name, &why)),
            }
        }
        for (list, hosts) in self.bench.iter().flat_map(|bench| bench.words.hosts()) {
            for host in hosts {
                let why = format!("{list} names it, and no inventory of it came");
                missed.entry(plain(host)).or_insert((list.to_owned(), why));
            }
        }
        for (host, origin) in &self.asked {
            let why = self.silent.get(host).or_else(|| self.silent.get("*"));
            let why = why.cloned();
            let why = why.unwrap_or_else(|| "it has not answered yet".to_owned());
            missed.insert(plain(host), (origin.clone(), why));
        }
        missed.retain(|host, _| !here.contains(host));
        for (name, (from, why)) in &missed {
            let Some(of) = self.host_of(from, name, &mut said) else {
                continue;
            };
            let known = self.hosts.entry(name.clone()).or_default();
            known.inventory = Inventory {
                from: Text::new(from),
                ..Inventory::default()
            };
            said.extend(known.close(&of, Some(why)));
        }
        let gone: Vec<String> = self
            .hosts
            .keys()
            .filter(|name| !named.contains(*name) && !missed.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.hosts.remove(&name);
            let Ok(host) = name.parse::<Host>() else {
                continue; // because only hosts are kept
            };
            said.push(Sensed {
                host,
                said: None,
                fact: Fact::Inventoried(Box::default()),
            });
        }
        say(said)
    }

    /// The host that a list names; one that cannot be a host is told of its list.
    fn host_of(&self, list: &str, name: &str, said: &mut Vec<Sensed>) -> Option<Host> {
        match name.parse() {
            Ok(host) => Some(host),
            Err(error) => {
                let why = format!("{name:?} is not audited: {error}");
                let list = list.parse();
                let list = list.unwrap_or_else(|_| "deployers".into()); // or: because a file may be called anything
                said.push(self.blind(&list, &why));
                None
            }
        }
    }

    /// Plants an invented host with a patch missing, and audits it as every other.
    pub fn prove(&self, nonce: &Nonce, now: Time, say: Say<'_>) -> ControlFlow<()> {
        let Some(bench) = &self.bench else {
            return ControlFlow::Continue(());
        };
        say(probe::prove(bench, nonce, now).unwrap_or_else(|why| {
            vec![self.sensed(
                Fact::Blind {
                    of: Watched::Channel("probes".into()),
                    why,
                },
                None,
            )]
        }))
    }

    fn sensed(&self, fact: Fact, said: Option<Time>) -> Sensed {
        Sensed {
            host: self.me.clone(),
            said,
            fact,
        }
    }

    fn blind(&self, name: &SetName, why: &str) -> Sensed {
        let why = Blindness {
            why: Text::new(why),
            mend: None,
        };
        let of = Watched::Feed(name.clone());
        self.sensed(Fact::Blind { of, why }, None)
    }
}

type Due = BTreeMap<String, (Vec<PathBuf>, Origin)>;

/// What is older than twice the time in which something new is due says nothing of today.
fn stale(dated: Time, every: Span, now: Time) -> Option<String> {
    let age = now.since(dated);
    (age.millis() > every.millis().saturating_mul(2)).then(|| {
        format!(
            "its last inventory is of {}, and one is due every {}",
            dated.day(),
            every.plain()
        )
    })
}

/// When an inventory was made: what it says itself, unless its files are older than that.
fn dated(files: &HostFiles, newest: Option<Time>) -> Option<Time> {
    let taken = files.windows.as_ref().and_then(|host| host.taken.as_ref());
    // Without a zone: as late as it can have been. ok: because a stamp that is no time says nothing
    let taken = taken.and_then(|said| {
        let midnight = format!("{}T00:00:00Z", said.value.date)
            .parse::<Time>()
            .ok()?;
        let secs = said.value.secs.map_or(86_399, u64::from);
        Some(midnight + Span::secs(secs))
    });
    match (taken, newest) {
        (Some(taken), Some(newest)) => Some(newest.min(taken + Span::hours(14))),
        (one, other) => one.or(other),
    }
}

fn inventory(origin: &Origin, files: &HostFiles, rows: &Rows) -> Inventory {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let trouble = match files.failed.first() {
        _ if files.is_empty() => {
            let why = files
                .failed
                .first()
                .map(|(path, why)| format!("{}: {why}", path.display()));
            Some(why.unwrap_or_else(|| "nothing of it could be read".to_owned()))
        }
        Some((path, why)) => Some(format!("{}: {why}", path.display())),
        None if rows.packages == 0 => {
            Some("its inventory names no package and no update at all".to_owned())
        }
        None => None,
    };
    Inventory {
        from: Text::new(origin.name.as_str()),
        dated: None,
        things: number(rows.packages),
        rows: number(rows.lines.len()),
        whole: false,
        trouble: trouble.as_deref().map(Text::new),
        release: rows.release.as_deref().map(Text::new),
    }
}
