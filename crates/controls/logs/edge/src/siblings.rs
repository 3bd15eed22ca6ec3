//! The older generations of a log, which rotation leaves beside it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    packed::Source,
    place::{Id, Place, id, written},
};

/// Most files beside a log that are looked at.
pub const MAX_SIBLINGS: usize = 1000;

/// How the name of a generation ends that was packed.
const PACKED: &str = ".gz";

/// A file beside the log.
#[derive(Debug, Clone)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    pub(crate) id: Id,
    pub(crate) written: u64,
    pub(crate) size: u64,
    /// Through gzip; `size` is that of what was packed.
    pub(crate) packed: bool,
    order: Order,
}

/// What its name says of its age.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    /// `mail.log.1` is younger than `mail.log.2`.
    Count(u64),
    /// `mail.log-20261123` is younger than `mail.log-20261122`.
    Date(String),
    /// Nothing: a copy that somebody made, a name of another fashion.
    Unknown,
}

/// The files beside the log at `path` whose names begin like its own, the oldest first.
pub(crate) fn siblings(path: &Path) -> io::Result<Vec<Sibling>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let name = name.to_string_lossy();
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let theirs = entry.file_name();
        let theirs = theirs.to_string_lossy();
        let plain = theirs.strip_suffix(PACKED);
        let Some(order) = order(&name, plain.unwrap_or(&theirs)) else {
            continue;
        };
        if all.len() == MAX_SIBLINGS {
            let why = format!("it has more than {MAX_SIBLINGS} files beside it");
            return Err(io::Error::other(why));
        }
        let about = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // just removed
            other => other?,
        };
        if about.is_file() {
            all.push(Sibling {
                path: entry.path(),
                id: id(&about),
                written: written(&about),
                size: about.len(),
                packed: plain.is_some(),
                order,
            });
        }
    }
    let plain: Vec<PathBuf> = all
        .iter()
        .filter(|one| !one.packed)
        .map(|one| one.path.clone())
        .collect();
    // What is still being packed is not whole yet, but the plain one is there.
    all.retain(|one| !one.packed || !plain.contains(&one.path.with_extension("")));
    sort(&mut all);
    Ok(all)
}

/// By number or by date if all generations are called so, else by when they were written.
fn sort(all: &mut [Sibling]) {
    all.sort_by(|a, b| (a.written, &b.path).cmp(&(b.written, &a.path)));
    let mut named = all.iter().filter(|one| one.order != Order::Unknown);
    if named
        .clone()
        .all(|one| matches!(one.order, Order::Count(_)))
    {
        all.sort_by_key(|one| match one.order {
            Order::Count(count) => std::cmp::Reverse(count),
            Order::Date(_) | Order::Unknown => std::cmp::Reverse(u64::MAX),
        });
    } else if named.all(|one| matches!(one.order, Order::Date(_))) {
        all.sort_by_key(|one| match &one.order {
            Order::Date(date) => date.clone(),
            Order::Count(_) | Order::Unknown => String::new(),
        });
    }
}

/// How old `theirs` is as a generation of `ours`; none if it is no sibling at all.
fn order(ours: &str, theirs: &str) -> Option<Order> {
    let (stem, extension) = ours.rsplit_once('.').unwrap_or((ours, ""));
    let dotted = format!(".{extension}");
    let between = theirs
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(&dotted));
    let between = between.map(age).filter(|order| *order != Order::Unknown);
    let after = theirs.strip_prefix(ours).filter(|rest| !rest.is_empty());
    after.map(age).or(between)
}

/// What the part says by which a name differs: `.1`, `-20261123`, `-2026-11-23T04`.
fn age(part: &str) -> Order {
    const COUNT_DIGITS: usize = 5; // more are a date, or seconds since 1970
    let Some(part) = part.strip_prefix(['.', '-', '_']) else {
        return Order::Unknown;
    };
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | 'T');
    let digits: String = part.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() || !part.chars().all(plain) {
        return Order::Unknown;
    }
    match digits.parse() {
        Ok(count) if digits.len() == part.len() && part.len() <= COUNT_DIGITS => {
            Order::Count(count)
        }
        _ => Order::Date(digits),
    }
}

impl Sibling {
    /// Whether its name is one that rotation gives.
    pub(crate) fn is_generation(&self) -> bool {
        self.order != Order::Unknown
    }

    /// Whether there is nothing in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether generations are missing between the rotated `self` and the next one that is left.
    pub(crate) fn misses(&self, next: Option<&Self>) -> bool {
        let count = |order: &Order| match order {
            Order::Count(count) => Some(*count),
            Order::Date(_) | Order::Unknown => None,
        };
        match (count(&self.order), next.map(|next| count(&next.order))) {
            (Some(mine), Some(Some(next))) => next + 1 < mine,
            (Some(mine), None) => mine > 1,
            _ => false,
        }
    }
}

/// The sibling that has what `place` was read from: the file itself, else the best copy of it.
pub(crate) fn holder(place: &Place, among: &[Sibling]) -> io::Result<Option<(Sibling, Source)>> {
    for one in among.iter().filter(|one| one.id == place.id) {
        if let Some(file) = candidate(one)?
            && file.fits(place)?
        {
            return Ok(Some((one.clone(), file)));
        }
    }
    copy(place, among)
}

/// A copy of what `place` was read from, made since: the oldest generation, for little may have been read
/// that tells one from the next; else the largest of the copies that others made.
pub(crate) fn copy(place: &Place, among: &[Sibling]) -> io::Result<Option<(Sibling, Source)>> {
    let mut best: Option<(Sibling, Source)> = None;
    for one in among {
        let may = place.read > 0
            && one.id != place.id
            && (one.packed || one.size >= place.read)
            && one.written >= place.written
            && (one.is_generation() || best.as_ref().is_none_or(|(best, _)| best.size < one.size));
        if may
            && let Some(file) = candidate(one)?
            && file.fits(place)?
        {
            best = Some((one.clone(), file));
            if one.is_generation() {
                break;
            }
        }
    }
    Ok(best)
}

/// Opens a sibling that may be what is looked for. One that may not be read is not found: the hole is
/// told, and the log itself is read on.
pub(crate) fn candidate(one: &Sibling) -> io::Result<Option<Source>> {
    match open(one) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        other => other,
    }
}

/// Opens a sibling; none if another file has its name by now.
pub(crate) fn open(one: &Sibling) -> io::Result<Option<Source>> {
    let file = match File::open(&one.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    Ok((id(&file.metadata()?) == one.id).then(|| Source::new(file, one.packed)))
}

/// The log itself; none if it is absent.
pub(crate) fn live(path: &Path) -> io::Result<Option<Sibling>> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(Some(Sibling {
        path: path.to_owned(),
        id: id(&about),
        written: written(&about),
        size: about.len(),
        packed: false,
        order: Order::Unknown,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_generations_from_other_files() {
        let check = |theirs: &str, expected: Option<Order>| {
            assert_eq!(order("mail.log", theirs), expected, "{theirs}");
        };
        check("mail.log", None);
        check("mail.err", None);
        check("mail.log.1", Some(Order::Count(1)));
        check("mail.log.10", Some(Order::Count(10)));
        check(
            "mail.log-20261123",
            Some(Order::Date("20261123".to_owned())),
        );
        check(
            "mail.log-2026-11-23",
            Some(Order::Date("20261123".to_owned())),
        );
        check(
            "mail-20261123.log",
            Some(Order::Date("20261123".to_owned())),
        );
        check("mail.2.log", Some(Order::Count(2)));
        check("mail.warn.log", None);
        check("mail.log.bak", Some(Order::Unknown));
        check("mail.log.2.bz2", Some(Order::Unknown));
        assert_eq!(order("syslog", "syslog.1"), Some(Order::Count(1)));
        assert_eq!(order("syslog", "syslog-ng.log"), Some(Order::Unknown));
    }

    fn sibling(order: Order, written: u64) -> Sibling {
        let path = PathBuf::from(format!("{order:?}"));
        Sibling {
            path,
            id: (0, written),
            written,
            size: 0,
            packed: false,
            order,
        }
    }

    #[test]
    fn the_oldest_comes_first_by_number_by_date_or_by_time() {
        let date = |date: &str| Order::Date(date.to_owned());
        let check = |orders: &[Order], expected: &[u64]| {
            let mut all: Vec<Sibling> = (1..)
                .zip(orders)
                .map(|(written, order)| sibling(order.clone(), written))
                .collect();
            sort(&mut all);
            let got: Vec<u64> = all.iter().map(|one| one.written).collect();
            assert_eq!(got, expected, "{orders:?}");
        };
        check(
            &[Order::Count(1), Order::Count(10), Order::Count(2)],
            &[2, 3, 1],
        );
        check(&[date("20260102"), date("20260101")], &[2, 1]);
        check(&[date("20260102"), Order::Count(1)], &[1, 2]);
        check(
            &[Order::Unknown, Order::Count(1), Order::Count(2)],
            &[1, 3, 2],
        );
    }

    #[test]
    fn a_hole_in_the_numbers_is_seen() {
        let one = |count| sibling(Order::Count(count), 1);
        assert!(!one(2).misses(Some(&one(1))));
        assert!(one(3).misses(Some(&one(1))));
        assert!(!one(1).misses(None));
        assert!(!one(1).misses(Some(&one(0))));
        assert!(one(2).misses(None));
        assert!(!sibling(Order::Unknown, 1).misses(None));
    }
}
