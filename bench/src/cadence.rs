//! `cargo run --release -p bench --bin cadence [-- FOLDER]`: false alarms against delay, for ours and for
//! the timers that people set by hand. FOLDER is the corpora's `logs`, for recorded series.
//!
//! A row a method and setting, tab-separated: data, method, setting, false alarms a source and month,
//! hours to the alarm (p50, p90), share told within a day, most findings of a site on one unseen
//! holiday, sources judged, sources.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a measurement, not a product"
)]

use std::{path::Path, process::Command};

use cadence::testgen::{DAY, Holiday, Method, Random, Site, Source, Tally, series};
use cordon_model::Time;

/// Outages a source.
const OUTAGES: usize = 40;
/// Synthetic sites; their seeds are 1 to this.
const SITES: u64 = 12;
/// Arrivals a day to which recorded counts are thinned.
const THINNED: [f64; 3] = [2000.0, 200.0, 20.0];

const BUDGETS: [f64; 17] = [
    0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0, 8.0, 16.0, 32.0, 64.0,
];
const TIMERS: [f64; 11] = [
    1.0, 2.0, 4.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0, 96.0, 120.0,
];
const LONGEST: [f64; 9] = [0.9, 1.0, 1.05, 1.1, 1.25, 1.5, 1.75, 2.0, 3.0];

fn main() {
    println!(
        "data\tmethod\tsetting\tfalse a month\tp50 h\tp90 h\tin a day\tholiday\tjudged\tsources"
    );
    let synthetic = |from: u64, holiday| -> Vec<Site> {
        (from..from + SITES)
            .map(|seed| Site::new(seed, holiday))
            .collect()
    };
    rows("sites", &synthetic(1, Holiday::People));
    rows("other sites", &synthetic(1001, Holiday::People));
    rows("all down on holidays", &synthetic(1, Holiday::Everything));
    if let Some(folder) = std::env::args().nth(1) {
        let folder = Path::new(&folder);
        rows("NAB", &nab(folder));
        rows("git", &git(folder));
        rows("loghub", &loghub(folder));
    }
}

fn rows(data: &str, sites: &[Site]) {
    let ours = BUDGETS.map(Method::Learned);
    let methods = ours
        .into_iter()
        .chain(TIMERS.map(Method::Timer))
        .chain(LONGEST.map(Method::LongestGap));
    for method in methods {
        let mut tally = Tally::default();
        for site in sites {
            site.judge(method, OUTAGES, &mut tally);
        }
        let (name, setting) = match method {
            Method::Learned(budget) => ("cadence", budget),
            Method::Timer(hours) => ("timer", hours),
            Method::LongestGap(times) => ("longest gap", times),
        };
        let curve = tally.curve(method);
        let holiday = tally.holiday_findings.iter().max().copied().unwrap_or(0);
        println!(
            "{data}\t{name}\t{setting}\t{:.3}\t{:.1}\t{:.1}\t{:.2}\t{holiday}\t{}\t{}",
            curve.rate,
            curve.p50,
            curve.p90,
            curve.in_a_day,
            tally.sources - tally.not_judged,
            tally.sources,
        );
    }
}

/// Each series alone, its first part to learn and the rest to judge.
fn alone(sources: Vec<Source>, share: f64) -> Vec<Site> {
    sources
        .into_iter()
        .filter_map(|source| {
            let (first, last) = (*source.ticks.first()?, *source.ticks.last()?);
            let begin = first + ((last - first) as f64 * share) as i64;
            Some(Site::of(vec![source], Vec::new(), (begin, last)))
        })
        .collect()
}

/// Counts of tweets in five minutes, thinned to arrivals with fixed seeds.
fn nab(folder: &Path) -> Vec<Site> {
    const NAMES: [&str; 10] = [
        "AAPL", "AMZN", "CRM", "CVS", "FB", "GOOG", "IBM", "KO", "PFE", "UPS",
    ];
    let mut sources = Vec::new();
    for (place, name) in NAMES.into_iter().enumerate() {
        let member = format!("data/realTweets/Twitter_volume_{name}.csv");
        let text = output(
            Command::new("tar")
                .arg("-xJOf")
                .arg(folder.join("nab_series.tar.xz"))
                .arg(member),
        );
        let counts: Vec<(i64, f64)> = text.lines().skip(1).filter_map(count).collect();
        let days = (counts.len() / 288) as f64;
        let all: f64 = counts.iter().map(|(_, count)| count).sum();
        for a_day in THINNED {
            let keep = (a_day * days / all).min(1.0);
            let mut random = Random::new(place as u64);
            let mut arrivals = Vec::new();
            for (at, count) in &counts {
                for _ in 0..random.poisson(count * keep) {
                    arrivals.push(at + i64::try_from(random.below(300_000)).expect("small"));
                }
            }
            sources.push(series(name, arrivals));
        }
    }
    alone(sources, 0.6)
}

/// `2015-02-26 21:42:53,104`.
fn count(line: &str) -> Option<(i64, f64)> {
    let (at, count) = line.split_once(',')?;
    let number = |from: usize, to: usize| at.get(from..to)?.parse::<u64>().ok();
    let date = (
        i64::try_from(number(0, 4)?).ok()?,
        number(5, 7)?,
        number(8, 10)?,
    );
    let time = Time::from_civil(date, (number(11, 13)?, number(14, 16)?, number(17, 19)?))?;
    Some((
        i64::try_from(time.millis()).ok()?,
        count.trim().parse().ok()?,
    ))
}

/// Times of commits.
fn git(folder: &Path) -> Vec<Site> {
    const NAMES: [&str; 3] = [
        "SigmaHQ+sigma",
        "WithSecureLabs+chainsaw",
        "Yamato-Security+hayabusa-rules",
    ];
    let read = |name: &'static str| {
        let path = folder.join(format!("silence/arrivals_git_{name}.txt.gz"));
        let text = output(Command::new("gzip").arg("-dc").arg(path));
        let arrivals = text
            .lines()
            .filter_map(|line| line.trim().parse::<i64>().ok());
        series(name, arrivals.map(|seconds| seconds * 1000).collect())
    };
    alone(NAMES.map(read).into(), 0.66)
}

/// The programs of a Linux host that wrote at least twelve lines; 28 days to learn, 14 to judge.
fn loghub(folder: &Path) -> Vec<Site> {
    const PROGRAMS: [&str; 6] = [
        "sshd(pam_unix)",
        "su(pam_unix)",
        "logrotate",
        "ftpd",
        "cups",
        "kernel",
    ];
    let text = std::fs::read(folder.join("loghub/Linux_2k.log")).expect("the corpus");
    let text = String::from_utf8_lossy(&text);
    let around: Time = "2005-12-31T00:00:00Z".parse().expect("a time");
    let read = |program: &'static str| {
        let word = |line: &&str| {
            line.split_whitespace()
                .nth(4)
                .is_some_and(|tag| tag.starts_with(program))
        };
        let at = |line: &str| i64::try_from(cordon_logs::stamp(line, around)?.millis()).ok();
        series(program, text.lines().filter(word).filter_map(at).collect())
    };
    let sources = PROGRAMS
        .map(read)
        .into_iter()
        .filter(|source| source.ticks.len() >= 12);
    let long = sources.filter(|source| {
        let ends = source.ticks.first().zip(source.ticks.last());
        ends.is_some_and(|(first, last)| last - first > 30 * DAY)
    });
    alone(long.collect(), 0.66)
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
