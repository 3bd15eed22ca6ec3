//! What people hand us of advisories: a file, an archive or a folder of them. What each is, is told by its
//! content. A feed that cannot be read is an error with its name; it is never a feed that finds nothing.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use advisory::{Index, Kev, Options, Oval};
use winaudit::{Bulletin, Feed, FeedBuilder};

use crate::unpack::{MAX_UNPACKED_BYTES, unpack};

/// Most documents of one archive.
pub const MAX_DOCUMENTS: usize = 500_000;

/// All feeds of an audit.
#[derive(Debug, Default)]
pub struct Feeds {
    /// Of Microsoft; none if none was given.
    pub windows: Option<Feed>,
    /// Of the package managers.
    pub index: Index,
    /// What was read into the index: name, date, rows, rejected, releases.
    pub indexed: Vec<Indexed>,
    /// OVAL documents by name.
    pub oval: Vec<(String, Oval)>,
    /// Bulletins.
    pub bulletins: Vec<Bulletin>,
    /// What is known to be exploited.
    pub kev: Option<Kev>,
    /// How many catalogues that was read from.
    pub catalogues: usize,
    /// Debian indexes and folders of them, which `advisories` reads.
    pub debian: Vec<PathBuf>,
    /// What came of each path that was named.
    pub told: Vec<Told>,
    /// One patch that a host could miss.
    pub sample: Option<Sample>,
}

/// What one path held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub path: PathBuf,
    /// Statements; of Debian's indexes, files.
    pub rows: u64,
    /// What of it could not be read.
    pub rejected: u64,
    /// Its newest day.
    pub dated: Option<String>,
}

/// A package of a release that has a fix, for a host that is invented to miss it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// `almalinux`.
    pub system: String,
    /// `8`.
    pub version: String,
    /// `openssl`.
    pub package: String,
    /// `x86_64`.
    pub arch: String,
    /// Whose packages.
    pub kind: vercmp::Kind,
}

/// A feed of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Its name.
    pub name: String,
    /// Its newest day.
    pub dated: Option<String>,
    /// Its rows.
    pub rows: usize,
    /// What of it could not be read.
    pub rejected: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
}

/// A feed that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}", path = path.display())]
pub struct FeedUnread {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// Whether there was nothing to read, which is blindness, and not bad input.
    pub nothing: bool,
}

impl Feeds {
    /// Only what one OSV document says.
    pub fn of_osv(name: &str, document: &[u8]) -> Self {
        let mut feeds = Self::default();
        feeds.take(&advisory::osv(name, [document]));
        feeds
    }

    fn take(&mut self, feed: &advisory::Feed) {
        self.indexed.push(Indexed {
            name: feed.name.clone(),
            dated: feed.dated.clone(),
            rows: feed.rows.len(),
            rejected: feed.rejected,
            reasons: feed.reasons.clone(),
        });
        if self.sample.is_none() {
            self.sample = feed.rows.iter().find_map(sample);
        }
        self.index.extend(feed);
    }

    /// Statements, what could not be read, and the newest day of all.
    fn sum(&self) -> (u64, u64, Option<String>) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let indexed: u64 = self.indexed.iter().map(|feed| number(feed.rows)).sum();
        let kev = self.kev.as_ref().map_or(0, |kev| number(kev.known.len()));
        let others = self.oval.len() + self.bulletins.len() + self.debian.len();
        let rejected = self.indexed.iter().map(|feed| feed.rejected).sum();
        let days = self.indexed.iter().filter_map(|feed| feed.dated.clone());
        let oval = self.oval.iter().filter_map(|(_, oval)| oval.dated.clone());
        (
            indexed + kev + number(others),
            rejected,
            days.chain(oval).max(),
        )
    }

    /// How many feeds there are, but for Microsoft's.
    fn count(&self) -> usize {
        self.catalogues
            + self.indexed.len()
            + self.oval.len()
            + self.bulletins.len()
            + self.debian.len()
    }
}

/// Documents of one kind that are read together.
#[derive(Default)]
struct Pile {
    osv: Vec<Vec<u8>>,
    csaf: Vec<Vec<u8>>,
    secdb: Vec<Vec<u8>>,
}

/// Reads everything that was named.
pub fn feeds(paths: &[PathBuf]) -> Result<Feeds, FeedUnread> {
    let mut feeds = Feeds {
        index: Index::new(&[], Options::default()),
        ..Feeds::default()
    };
    let mut windows = None;
    for path in paths {
        let mut pile = Pile::default();
        let unread = |why: String| FeedUnread {
            path: path.clone(),
            why,
            nothing: false,
        };
        let (before, (rows, rejected, _)) = (feeds.count(), feeds.sum());
        let updates = windows.as_ref().map_or(0, FeedBuilder::rows);
        take(path, 0, &mut feeds, &mut windows, &mut pile).map_err(&unread)?;
        let name = path.file_stem().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into(),
        );
        let slices = |all: &[Vec<u8>]| -> Vec<advisory::Feed> {
            let documents = || all.iter().map(Vec::as_slice);
            let osv = std::ptr::eq(all, pile.osv.as_slice());
            let csaf = std::ptr::eq(all, pile.csaf.as_slice());
            (!all.is_empty())
                .then(|| match (osv, csaf) {
                    (true, _) => advisory::osv(&name, documents()),
                    (_, true) => advisory::csaf(&name, documents()),
                    _ => advisory::secdb(&name, documents()),
                })
                .into_iter()
                .collect()
        };
        for feed in [&pile.osv, &pile.csaf, &pile.secdb]
            .into_iter()
            .flat_map(|all| slices(all))
        {
            if feed.rows.is_empty() {
                let first = feed.reasons.first().cloned().unwrap_or_default(); // default: because it was blank
                return Err(unread(format!("no advisory of it could be read: {first}")));
            }
            feeds.take(&feed);
        }
        if feeds.count() == before && windows.is_none() {
            return Err(FeedUnread {
                path: path.clone(),
                why: format!(
                    "there is no security index or other advisory in {}",
                    path.display()
                ),
                nothing: true,
            });
        }
        let (all, all_rejected, dated) = feeds.sum();
        let new = windows.as_ref().map_or(0, FeedBuilder::rows);
        let microsoft = windows.as_ref().and_then(FeedBuilder::newest);
        feeds.told.push(Told {
            path: path.clone(),
            rows: all - rows + u64::try_from(new - updates).unwrap_or(u64::MAX),
            rejected: all_rejected - rejected,
            dated: if new > updates { microsoft } else { dated },
        });
    }
    feeds.windows = windows.map(FeedBuilder::build);
    Ok(feeds)
}

/// A row that a host could miss: a plain package with a version that mends it.
fn sample(row: &advisory::Row) -> Option<Sample> {
    let (advisory::Fix::In(_), advisory::Streams::Plain) = (&row.fix, &row.streams) else {
        return None;
    };
    let (system, version) = row.release.as_str().split_once(':')?;
    let arch = match (row.arches.first(), row.release.kind()) {
        (Some(arch), _) => arch.as_str(),
        (None, vercmp::Kind::Deb) => "amd64",
        (None, vercmp::Kind::Rpm | vercmp::Kind::Apk) => "x86_64",
    };
    Some(Sample {
        system: system.to_owned(),
        version: version.to_owned(),
        package: row.package.clone(),
        arch: arch.to_owned(),
        kind: row.release.kind(),
    })
}

fn take(
    path: &Path,
    depth: usize,
    feeds: &mut Feeds,
    windows: &mut Option<FeedBuilder>,
    pile: &mut Pile,
) -> Result<(), String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if about.is_dir() {
        if depth > super::hosts::MAX_DEPTH {
            return Err(format!(
                "more than {} folders in each other",
                super::hosts::MAX_DEPTH
            ));
        }
        if crate::security_indexes(path).is_ok() {
            feeds.debian.push(path.to_owned());
            return Ok(());
        }
        let entries = fs::read_dir(path).map_err(|error| error.to_string())?;
        let all = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut all: Vec<PathBuf> = all
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        all.sort();
        for one in all {
            let shown = one.display().to_string();
            take(&one, depth + 1, feeds, windows, pile).map_err(|why| format!("{shown}: {why}"))?;
        }
        return Ok(());
    }
    let mut magic = [0; 4];
    let file = File::open(path).map_err(|error| error.to_string())?;
    let got = (&file)
        .read(&mut magic)
        .map_err(|error| error.to_string())?;
    if magic.get(..got) == Some(b"PK\x03\x04") {
        return archive(&file, feeds, windows, pile);
    }
    let bytes = unpack(path).map_err(|error| error.to_string())?;
    let name = path
        .file_stem()
        .map_or_else(String::new, |name| name.to_string_lossy().into());
    document(&name, bytes, feeds, windows, pile)?
        .then_some(())
        .map_or_else(
            || {
                feeds.debian.push(path.to_owned());
                Ok(())
            },
            Ok,
        )
}

fn archive(
    file: &File,
    feeds: &mut Feeds,
    windows: &mut Option<FeedBuilder>,
    pile: &mut Pile,
) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    if archive.len() > MAX_DOCUMENTS {
        return Err(format!(
            "the archive has more than {MAX_DOCUMENTS} documents"
        ));
    }
    let mut left = MAX_UNPACKED_BYTES;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|error| error.to_string())?;
        if entry.is_dir() {
            continue;
        }
        let name = entry
            .name()
            .map_err(|error| error.to_string())?
            .into_owned();
        let mut bytes = Vec::new();
        let got = io::copy(&mut entry.take(left + 1), &mut bytes);
        let got = got.map_err(|error| format!("{name}: {error}"))?;
        left = left.checked_sub(got).ok_or_else(|| {
            format!("the archive unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        })?;
        let known = document(&name, bytes, feeds, windows, pile);
        let known = known.map_err(|why| format!("{name}: {why}"))?;
        let read_me = ["version", "license", "readme"]
            .iter()
            .any(|word| name.to_lowercase().contains(word));
        if !known && !read_me {
            return Err(format!("{name} is no advisory that is known"));
        }
    }
    Ok(())
}

/// A second catalogue of what is exploited adds to the first: a short one must not take its place.
fn merge(feeds: &mut Feeds, kev: Kev) {
    feeds.catalogues += 1;
    match &mut feeds.kev {
        Some(all) => all.merge(kev),
        None => feeds.kev = Some(kev),
    }
}

/// Whether it is a document that is known.
fn document(
    name: &str,
    bytes: Vec<u8>,
    feeds: &mut Feeds,
    windows: &mut Option<FeedBuilder>,
    pile: &mut Pile,
) -> Result<bool, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let start = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&bytes)
        .trim_ascii_start();
    let head = start.get(..start.len().min(8192)).unwrap_or_default(); // default: because it is within
    let says = |mark: &str| head.windows(mark.len()).any(|part| part == mark.as_bytes());
    if start.starts_with(b"{") || start.starts_with(b"[") {
        let anywhere =
            |mark: &str| says(mark) || memchr::memmem::find(&bytes, mark.as_bytes()).is_some();
        if says("\"bulletin\"") {
            feeds
                .bulletins
                .push(Bulletin::from_json(&bytes).map_err(|error| said(&error))?);
        } else if says("\"catalogVersion\"") || says("\"vulnerabilities\"") && says("\"cveID\"") {
            merge(
                feeds,
                advisory::kev_json(&bytes).map_err(|error| said(&error))?,
            );
        } else if anywhere("\"csaf_version\"") {
            pile.csaf.push(bytes);
        } else if anywhere("\"secfixes\"") {
            pile.secdb.push(bytes);
        } else if anywhere("\"affected\"") {
            pile.osv.push(bytes);
        } else {
            return Ok(false);
        }
        return Ok(true);
    }
    if start.starts_with(b"<") {
        if says("oval_definitions") {
            let oval = Oval::read(&bytes).map_err(|error| said(&error))?;
            feeds.oval.push((name.to_owned(), oval));
            return Ok(true);
        }
        if says("cvrfdoc") {
            let builder = windows.take().unwrap_or_default(); // default: because it is the first
            *windows = Some(builder.cvrf(&bytes).map_err(|error| said(&error))?);
            return Ok(true);
        }
        return Ok(false);
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default(); // default: because split gives one
    let heading = |mark: &str| line.windows(mark.len()).any(|part| part == mark.as_bytes());
    if heading("BulletinKB") {
        let builder = windows.take().unwrap_or_default(); // default: because it is the first
        *windows = Some(builder.csv(&bytes).map_err(|error| said(&error))?);
        return Ok(true);
    }
    if heading("cveID") {
        merge(
            feeds,
            advisory::kev_csv(&bytes).map_err(|error| said(&error))?,
        );
        return Ok(true);
    }
    Ok(false)
}
