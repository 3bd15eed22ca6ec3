//! `cargo run --release -p bench --bin patch -- CORPORA/patches [HOSTS PACKAGES]`: a fleet audited against
//! the advisories of `AlmaLinux` 8, then 100 new advisories; and one Debian host by OVAL, beside oscap.
//!
//! Inventories are drawn with a fixed seed from the feed's own names and versions, so the figures are of
//! the feed's real advisories and of invented hosts. CPU time is that of this thread (schedstat, in ns).
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a measurement, not a product"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hint::black_box,
    io::Read,
    path::Path,
    process::Command,
};

use advisory::{
    Facts, Fleet, FleetRow, Have, Index, Installed, ItemId, Options, Oval, Release, State, Stream,
    Streams, Truth, osv,
};
use flate2::read::{DeflateDecoder, GzDecoder};

/// Times that each step is measured; the median is printed.
const RUNS: usize = 5;
/// Advisories that come new.
const NEW: usize = 100;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("the folder of the corpora's patches");
    let folder = Path::new(&folder);
    let mut number = |otherwise: usize| {
        args.next()
            .map_or(otherwise, |n| n.parse().expect("a number"))
    };
    let (hosts, packages) = (number(10_000), number(1_500));
    fleet(&folder.join("osv/almalinux8.zip"), hosts, packages);
    oval(&folder.join("dpkg/oval_3016.xml.gz"));
}

fn fleet(zip: &Path, hosts: usize, packages: usize) {
    let mut documents = unzip(zip);
    documents.sort_by_cached_key(|document| modified(document));
    let (feed, index) = measured("read and compile the feed", || {
        let feed = osv("almalinux", documents.iter().map(Vec::as_slice));
        let index = Index::new(std::slice::from_ref(&feed), Options::default());
        (feed, index)
    });
    assert_eq!(feed.rejected, 0, "{:?}", feed.reasons);
    println!(
        "{} documents, {} rows, {} of security in the index",
        documents.len(),
        feed.rows.len(),
        index.len()
    );

    let release: Release = "almalinux:8".parse().expect("a release");
    // With the module stream that its advisory names, as a host's own label would.
    let mut versions = BTreeMap::<&str, BTreeSet<(&str, Option<&str>)>>::new();
    for row in feed.rows.iter().filter(|row| row.release == release) {
        if let advisory::Fix::In(version) = &row.fix {
            let stream = match &row.streams {
                Streams::Of(streams) => streams.first().map(String::as_str),
                Streams::Plain | Streams::NotTold => None,
            };
            versions
                .entry(&row.package)
                .or_default()
                .insert((version, stream));
        }
    }
    let mut fleet = Fleet::default();
    let names: Vec<Vec<ItemId>> = versions
        .iter()
        .map(|(name, versions)| {
            let item = |(version, stream): &(&str, Option<&str>)| {
                let package = Installed {
                    name,
                    arch: "x86_64",
                    version,
                    stream: stream.map_or(Stream::NotTold, Stream::Of),
                    ..Installed::default()
                };
                fleet
                    .intern(&release, &package)
                    .expect("fewer than the limit")
            };
            versions.iter().map(item).collect()
        })
        .collect();
    println!(
        "{} names, {} names and versions",
        names.len(),
        fleet.items()
    );
    draw(&mut fleet, &release, &names, (hosts, packages));
    audits(&mut fleet, &index);
    drop((feed, index));
    news(&mut fleet, &documents);
    println!("peak memory {} MiB", peak());
}

/// Hosts of different names each, one version of a name.
fn draw(
    fleet: &mut Fleet,
    release: &Release,
    names: &[Vec<ItemId>],
    (hosts, packages): (usize, usize),
) {
    let before = cpu();
    let mut random = Random(0x2004_0503);
    let mut order: Vec<usize> = (0..names.len()).collect();
    for _ in 0..hosts {
        let mut items = Vec::with_capacity(packages);
        for place in 0..packages.min(names.len()) {
            order.swap(place, place + random.below(names.len() - place));
            let versions = &names[order[place]];
            items.push(versions[random.below(versions.len())]);
        }
        fleet.add(release, &items);
    }
    println!(
        "{hosts} inventories of {packages} drawn and taken in: {:.2} CPU s",
        cpu() - before
    );
}

/// The whole fleet, to rows that are looked at and to rows that are kept.
fn audits(fleet: &mut Fleet, index: &Index) {
    let mut counts = Counts::default();
    let (mut seconds, mut tally) = (Vec::new(), advisory::Tally::default());
    for _ in 0..RUNS {
        counts = Counts::default();
        let before = cpu();
        tally = fleet.audit(index, &mut |row| counts.take(&row));
        seconds.push(cpu() - before);
    }
    println!(
        "full re-audit, each row's state, fix and first advisory looked at: {:.3} CPU s; {} rows ({} proven, {} missing, {} unknown), {} package versions judged",
        median(seconds),
        tally.rows,
        counts.proven,
        counts.missing,
        counts.unknown,
        tally.judged
    );
    let mut kept: Vec<(u32, u32)> = Vec::new();
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        kept = Vec::with_capacity(counts.missing as usize);
        let before = cpu();
        fleet.audit(index, &mut |row| {
            if row
                .verdicts
                .iter()
                .any(|verdict| verdict.state == State::Missing)
            {
                kept.push((row.host.0, row.item.0));
            }
        });
        seconds.push(cpu() - before);
    }
    println!(
        "full re-audit, missing rows kept in memory: {:.3} CPU s; {} rows",
        median(seconds),
        kept.len()
    );
    black_box(&kept);
}

/// The newest advisories come to an index that does not have them yet.
fn news(fleet: &mut Fleet, documents: &[Vec<u8>]) {
    let security: Vec<usize> = (0..documents.len())
        .filter(|nth| {
            let feed = osv("almalinux", [documents[*nth].as_slice()]);
            let of_8 = |row: &advisory::Row| {
                row.release.as_str() == "almalinux:8"
                    && row.advisory.class == advisory::Class::Security
            };
            feed.rows.iter().any(of_8)
        })
        .collect();
    let new: BTreeSet<usize> = security.iter().rev().take(NEW).copied().collect();
    let (mut seconds, mut exposed, mut rows, mut changed) = (Vec::new(), BTreeSet::new(), 0, 0);
    for _ in 0..RUNS {
        let old = (0..documents.len()).filter(|nth| !new.contains(nth));
        let old = osv("almalinux", old.map(|nth| documents[nth].as_slice()));
        let mut index = Index::new(&[old], Options::default());
        fleet.audit(&index, &mut |_| {});
        let news = osv(
            "almalinux",
            new.iter().map(|nth| documents[*nth].as_slice()),
        );
        let mut hosts = vec![false; fleet.hosts()];
        let before = cpu();
        let touched = index.extend(&news);
        let tally = fleet.update(&index, &touched, &mut |row| {
            if row
                .verdicts
                .iter()
                .any(|verdict| verdict.state == State::Missing)
            {
                hosts[row.host.0 as usize] = true;
            }
        });
        seconds.push(cpu() - before);
        (rows, changed) = (tally.rows, tally.changed);
        exposed = hosts
            .iter()
            .enumerate()
            .filter(|(_, is)| **is)
            .map(|(nth, _)| nth)
            .collect();
    }
    println!(
        "{} new advisories to exposed hosts: {:.1} ms CPU; {} hosts, {rows} changed rows of {changed} package versions handed out",
        new.len(),
        median(seconds) * 1000.0,
        exposed.len()
    );
}

#[derive(Default)]
struct Counts {
    proven: u64,
    missing: u64,
    unknown: u64,
    bytes: u64,
}

impl Counts {
    fn take(&mut self, row: &FleetRow<'_>) {
        for verdict in row.verdicts {
            match verdict.state {
                State::Proven => self.proven += 1,
                State::Missing => self.missing += 1,
                State::NoFix | State::Unknown(_) => self.unknown += 1,
            }
            let fixed = verdict.fixed.as_ref().map_or(0, |version| version.len());
            let first = verdict
                .advisories
                .first()
                .map_or(0, |advisory| advisory.id.len());
            self.bytes = self.bytes.wrapping_add((fixed + first) as u64);
        }
        black_box(self.bytes);
    }
}

/// This machine's own packages, by our evaluation and by oscap. Not like for like: oscap also collects
/// the packages out of dpkg's database and writes results; ours reads the status file and evaluates.
fn oval(path: &Path) {
    let mut xml = Vec::new();
    let packed = fs::read(path).expect("the OVAL file");
    GzDecoder::new(packed.as_slice())
        .read_to_end(&mut xml)
        .expect("gzip");
    let Ok(status) = fs::read_to_string("/var/lib/dpkg/status") else {
        return println!("no dpkg here: OVAL not measured");
    };
    let mut ours = 0;
    let seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let before = cpu();
            let oval = Oval::read(&xml).expect("OVAL");
            let packages = dpkg(&status);
            let facts = Facts {
                kind: vercmp::Kind::Deb,
                packages: &packages,
                uname: None,
                files: None,
            };
            let outcomes = oval.evaluate(&facts);
            ours = outcomes
                .iter()
                .filter(|outcome| outcome.truth == Truth::True)
                .count();
            cpu() - before
        })
        .collect();
    println!(
        "OVAL, 3,016 definitions, this host, ours: {:.3} CPU s; {ours} true",
        median(seconds)
    );
    let file = std::env::temp_dir().join(format!("bench-oval-{}.xml", std::process::id()));
    fs::write(&file, &xml).expect("a temporary file");
    let mut theirs = 0;
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        let before = children();
        let Ok(output) = Command::new("oscap")
            .args(["oval", "eval"])
            .arg(&file)
            .output()
        else {
            println!("oscap is not installed: not measured");
            break;
        };
        seconds.push(children() - before);
        let text = String::from_utf8_lossy(&output.stdout);
        theirs = text.lines().filter(|line| line.ends_with(": true")).count();
    }
    if !seconds.is_empty() {
        println!(
            "the same, oscap oval eval (it also collects): {:.2} CPU s; {theirs} true",
            median(seconds)
        );
    }
    fs::remove_file(&file).expect("the temporary file is ours");
}

/// Installed packages of a dpkg status file.
fn dpkg(text: &str) -> Vec<Have<'_>> {
    let stanzas = text.split("\n\n");
    stanzas
        .filter_map(|stanza| {
            let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name));
            field("Status: ")?.ends_with(" installed").then_some(())?;
            Some(Have {
                name: field("Package: ")?,
                arch: field("Architecture: ")?,
                evr: field("Version: ")?,
                signature: None,
            })
        })
        .collect()
}

fn measured<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let mut seconds = Vec::new();
    for _ in 1..RUNS {
        let before = cpu();
        black_box(run());
        seconds.push(cpu() - before);
    }
    let before = cpu();
    let result = run();
    seconds.push(cpu() - before);
    println!("{what}: {:.3} CPU s", median(seconds));
    result
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// CPU seconds of this thread.
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().expect("three numbers");
    nanoseconds.parse::<f64>().expect("a number") / 1e9
}

/// CPU seconds of children that ended, in steps of 10 ms (proc(5), fields 16 and 17).
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().expect("a name in brackets");
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(13) + ticks(14)) / 100.0
}

/// Peak resident memory in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux");
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kib / 1024
}

/// The day and second at which a document was last changed, as text.
fn modified(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document);
    let rest = text
        .split("\"modified\": \"")
        .nth(1)
        .expect("a date of change");
    rest.split('"').next().unwrap_or("").to_owned()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The members of a zip file that are not empty.
fn unzip(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("the zip of the corpora");
    let number = |at: usize, length: usize| {
        let bytes = bytes[at..at + length].iter().rev();
        bytes.fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let starts = |at: &usize| bytes[*at..].starts_with(b"PK\x05\x06");
    let end = (0..bytes.len() - 21)
        .rev()
        .find(starts)
        .expect("a zip's directory");
    let mut at = number(end + 16, 4);
    let mut members = Vec::new();
    for _ in 0..number(end + 10, 2) {
        let local = number(at + 42, 4);
        let data = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let packed = &bytes[data..data + number(at + 20, 4)];
        let mut member = Vec::new();
        match number(at + 10, 2) {
            0 => member.extend_from_slice(packed),
            _ => {
                DeflateDecoder::new(packed)
                    .read_to_end(&mut member)
                    .expect("deflate");
            }
        }
        if !member.is_empty() {
            members.push(member);
        }
        at += 46 + number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2);
    }
    members
}
