//! OSV documents. Two traps: `AlmaLinux` files advisories of release 9 and 10 in the folder of release 8,
//! so the ecosystem of each entry counts and not the folder; and a fix with `.module_el8` in its
//! release speaks of one module stream alone, which only the summary names.

use serde::Deserialize;
use vercmp::Kind;

use crate::{Advisory, Feed, Fix, Format, Level, Release, Row, Speaks, Streams};

/// Reads OSV documents into one feed.
pub fn osv<'d>(name: &str, documents: impl IntoIterator<Item = &'d [u8]>) -> Feed {
    let mut feed = Feed::new(name, Format::Osv);
    for bytes in documents {
        if let Some(document) = feed.document::<Document>(bytes) {
            read(&mut feed, &document);
        }
    }
    feed
}

#[derive(Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    modified: String,
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    affected: Vec<Affected>,
}

/// A CVSS vector, or a word in place of one, as Ubuntu writes it.
#[derive(Deserialize)]
struct Severity {
    #[serde(default)]
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

fn read(feed: &mut Feed, document: &Document) {
    let Document { id, affected, .. } = document;
    feed.date(&document.modified);
    if let Some(when) = &document.withdrawn {
        return feed.reject(format!("{id}: withdrawn on {when}"));
    }
    if affected.is_empty() {
        return feed.reject(format!("{id}: expected affected packages, found none"));
    }
    let names = [&document.aliases, &document.related, &document.upstream];
    let mut advisory = Advisory::new(id, names.into_iter().flatten().map(String::as_str));
    let scores = document.severity.iter().map(|one| one.score.as_str());
    let (vectors, words): (Vec<&str>, Vec<&str>) = scores.partition(|score| score.contains(':'));
    advisory.vectors = vectors.into_iter().map(str::to_owned).collect();
    let summary = document.summary.split_once(':').map(|(word, _)| word);
    let said = summary.into_iter().chain(words);
    advisory.said = said.filter_map(Level::of_word).max();
    let streams = streams_of(&document.summary);
    for one in affected {
        match rows(one, &advisory, &streams) {
            Ok(rows) => rows.into_iter().for_each(|row| feed.push(row)),
            Err(why) => feed.reject(format!("{id}: {why}")),
        }
    }
}

fn rows(affected: &Affected, advisory: &Advisory, streams: &[String]) -> Result<Vec<Row>, String> {
    let Some(package) = &affected.package else {
        return Err("expected a package, found none".to_owned());
    };
    let about = |why: &dyn std::fmt::Display| format!("{}: {why}", package.name);
    let release = Release::of_ecosystem(&package.ecosystem).map_err(|why| about(&why))?;
    if package.name.is_empty() {
        return Err("expected the name of a package, found an empty one".to_owned());
    }
    if affected.ranges.is_empty() {
        let listed = affected.versions.len();
        return Err(about(&format!(
            "expected a range of versions, found none and {listed} single ones"
        )));
    }
    // Debian, Ubuntu and Alpine name sources, the rpm distributions binaries.
    let speaks = match release.kind() {
        Kind::Rpm => Speaks::Binary,
        Kind::Deb | Kind::Apk => Speaks::Source,
    };
    let mut rows = Vec::new();
    // Commits of the upstream may stand beside the versions of the packages.
    let versions = |range: &&Range| range.kind != "GIT";
    for range in affected.ranges.iter().filter(versions) {
        if range.kind != "ECOSYSTEM" {
            return Err(about(&format!(
                "expected a range of type ECOSYSTEM, found {}",
                range.kind
            )));
        }
        for (introduced, fix) in intervals(&range.events).map_err(|why| about(&why))? {
            let modular = release.kind() == Kind::Rpm
                && matches!(&fix, Fix::In(version) if is_modular(version));
            rows.push(Row {
                release: release.clone(),
                package: package.name.clone(),
                speaks,
                arches: Vec::new(),
                streams: match (modular, streams) {
                    (false, _) => Streams::Plain,
                    (true, []) => Streams::NotTold,
                    (true, streams) => Streams::Of(streams.to_vec()),
                },
                introduced,
                fix,
                advisory: advisory.clone(),
            });
        }
    }
    if rows.is_empty() {
        return Err(about(&"expected a range of type ECOSYSTEM, found only GIT"));
    }
    Ok(rows)
}

type Interval = (Option<String>, Fix);

/// Pairs of *introduced* and what ends it; an interval that nothing ends has no fix.
fn intervals(events: &[Event]) -> Result<Vec<Interval>, String> {
    let mut intervals = Vec::new();
    let mut open: Option<Option<String>> = None;
    for event in events {
        let end = match event {
            Event {
                introduced: Some(from),
                ..
            } => {
                if open.is_some() {
                    return Err(format!(
                        "expected the end of an interval, found introduced {from}"
                    ));
                }
                open = Some(Some(from.clone()).filter(|from| from != "0"));
                continue;
            }
            Event {
                fixed: Some(fixed), ..
            } => Fix::In(fixed.clone()),
            Event {
                last_affected: Some(last),
                ..
            } => Fix::After(last.clone()),
            Event { limit: Some(_), .. } => continue, // it only bounds what a service enumerates
            _ => return Err("expected introduced, fixed or last_affected, found none".to_owned()),
        };
        let Some(introduced) = open.take() else {
            return Err(format!("expected introduced before {end:?}"));
        };
        intervals.push((introduced, end));
    }
    if let Some(introduced) = open {
        intervals.push((introduced, Fix::NoneKnown));
    }
    if intervals.is_empty() {
        return Err("expected events, found none".to_owned());
    }
    Ok(intervals)
}

/// A release of a module's package: `.module_el8.6.0+3261+490666b3`, `.module+el8.4.0+…`.
pub(crate) fn is_modular(version: &str) -> bool {
    version.contains(".module_") || version.contains(".module+")
}

/// The streams that a summary names: `Important: nodejs:14 security update`.
fn streams_of(summary: &str) -> Vec<String> {
    let words = summary.split([' ', ',', ';', '(', ')']);
    let is_stream = |word: &&str| {
        word.split_once(':').is_some_and(|(name, stream)| {
            let fits = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
            };
            fits(name) && fits(stream)
        })
    };
    words.filter(is_stream).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(affected: &str, summary: &str) -> Feed {
        let text = format!(
            r#"{{"id":"ALSA-1","summary":"{summary}","modified":"2026-01-02T03:04:05Z","related":["CVE-2026-0001"],"affected":[{affected}]}}"#
        );
        osv("x", [text.as_bytes()])
    }

    fn affected(ecosystem: &str, events: &str) -> String {
        format!(
            r#"{{"package":{{"ecosystem":"{ecosystem}","name":"p"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}"#
        )
    }

    #[test]
    fn intervals_are_rows() {
        let events = r#"{"introduced":"0"},{"fixed":"2-1"},{"introduced":"3-1"},{"last_affected":"4-1"},{"introduced":"5-1"}"#;
        let feed = feed(&affected("AlmaLinux:8", events), "Low: p");
        let found: Vec<(Option<&str>, &Fix)> = feed
            .rows
            .iter()
            .map(|row| (row.introduced.as_deref(), &row.fix))
            .collect();
        let expected = [
            (None, &Fix::In("2-1".to_owned())),
            (Some("3-1"), &Fix::After("4-1".to_owned())),
            (Some("5-1"), &Fix::NoneKnown),
        ];
        assert_eq!(found, expected);
        assert_eq!(feed.dated.as_deref(), Some("2026-01-02"));
        assert_eq!(feed.rows[0].advisory.cves, ["CVE-2026-0001"]);
    }

    #[test]
    fn how_bad_it_is_is_kept_as_written() {
        let check = |more: &str, summary: &str, wormable: Option<bool>, level: Option<Level>| {
            let range = affected("AlmaLinux:8", r#"{"introduced":"0"},{"fixed":"1-1"}"#);
            let text =
                format!(r#"{{"id":"ALSA-1","summary":"{summary}",{more}"affected":[{range}]}}"#);
            let feed = osv("x", [text.as_bytes()]);
            let advisory = &feed.rows[0].advisory;
            assert_eq!(
                (advisory.wormable(), advisory.level()),
                (wormable, level),
                "{text}"
            );
        };
        let worm = r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"#;
        check(worm, "Low: p", Some(true), Some(Level::Critical));
        check("", "Important: p", None, Some(Level::High));
        check("", "p is slow", None, None);
        let said = r#""severity":[{"type":"Ubuntu","score":"high"}],"#;
        check(said, "", None, Some(Level::High));
    }

    #[test]
    fn a_modular_fix_has_the_streams_of_the_summary() {
        let events = r#"{"introduced":"0"},{"fixed":"1:14.1-1.module_el8.4.0+1+a"}"#;
        let check = |summary: &str, expected: Streams| {
            assert_eq!(
                feed(&affected("AlmaLinux:8", events), summary).rows[0].streams,
                expected,
                "{summary}"
            );
        };
        let of = |streams: &[&str]| Streams::Of(streams.iter().map(|s| (*s).to_owned()).collect());
        check("Important: nodejs:14 security update", of(&["nodejs:14"]));
        check(
            "Low: virt:rhel and virt-devel:rhel security update",
            of(&["virt:rhel", "virt-devel:rhel"]),
        );
        check("Important: 389-ds security update", Streams::NotTold);
    }

    #[test]
    fn what_is_not_read_is_counted_with_its_reason() {
        let check = |affected: &str, expected: &str| {
            let feed = feed(affected, "");
            assert_eq!((feed.rows.len(), feed.rejected), (0, 1), "{affected}");
            assert!(feed.reasons[0].contains(expected), "{:?}", feed.reasons);
        };
        check(
            &affected("PyPI", r#"{"introduced":"0"}"#),
            "p: PyPI is an ecosystem of a programming language",
        );
        check(
            &affected("AlmaLinux:8", r#"{"fixed":"1"}"#),
            "expected introduced before",
        );
        check(
            r#"{"package":{"ecosystem":"AlmaLinux:8","name":"p"},"versions":["1","2"]}"#,
            "none and 2 single ones",
        );
        let git = r#"{"package":{"ecosystem":"Debian:12","name":"p"},"ranges":[{"type":"GIT"},{"type":"GIT"}]}"#;
        check(git, "found only GIT");
        check("", "expected affected packages, found none");
        assert_eq!(osv("x", [b"{".as_slice()]).rejected, 1);
    }
}
