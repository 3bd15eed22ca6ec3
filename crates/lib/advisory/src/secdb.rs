//! Alpine's secdb: by source package, the version that mended which CVEs. The version `0` means that no
//! version ever was affected; read as a version it would make every package look mended or, compared
//! the other way round, none.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Advisory, Feed, Fix, Format, Release, Row, Speaks, Streams};

/// Reads secdb documents (`main.json`, `community.json`) into one feed.
pub fn secdb<'d>(name: &str, documents: impl IntoIterator<Item = &'d [u8]>) -> Feed {
    let mut feed = Feed::new(name, Format::Secdb);
    for bytes in documents {
        if let Some(document) = feed.document::<Document>(bytes) {
            read(&mut feed, &document);
        }
    }
    feed
}

#[derive(Deserialize)]
struct Document {
    distroversion: String,
    #[serde(default)]
    archs: Vec<String>,
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: BTreeMap<String, Vec<String>>,
}

fn read(feed: &mut Feed, document: &Document) {
    let version = document.distroversion.trim_start_matches('v');
    let release = match Release::of_os("alpine", version) {
        Ok(release) => release,
        Err(why) => return feed.reject(why.to_string()),
    };
    for Entry { pkg } in &document.packages {
        if pkg.name.is_empty() {
            feed.reject("expected the name of a package, found an empty one".to_owned());
            continue;
        }
        for (fixed, names) in &pkg.secfixes {
            let fix = match fixed.as_str() {
                "0" => Fix::NotAffected,
                version => match vercmp::check(vercmp::Kind::Apk, version) {
                    Ok(()) => Fix::In(version.to_owned()),
                    Err(why) => {
                        feed.reject(format!("{}: {why}", pkg.name));
                        continue;
                    }
                },
            };
            // One entry may hold several names: "CVE-2019-1 XSA-2".
            let names = names
                .iter()
                .flat_map(|names| names.split_ascii_whitespace());
            for id in names {
                feed.push(Row {
                    release: release.clone(),
                    package: pkg.name.clone(),
                    speaks: Speaks::Source,
                    arches: document.archs.clone(),
                    streams: Streams::Plain,
                    introduced: None,
                    fix: fix.clone(),
                    advisory: Advisory::new(id, []),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_not_a_version() {
        let text = br#"{"distroversion":"v3.19","archs":["x86_64"],"packages":[{"pkg":{"name":"xen","secfixes":
            {"4.1-r1":["CVE-2019-0001 XSA-2"],"0":["CVE-2019-0003"],"a b":["CVE-2019-0004"]}}}]}"#;
        let feed = secdb("x", [text.as_slice()]);
        let rows: Vec<(&str, &Fix)> = feed
            .rows
            .iter()
            .map(|row| (row.advisory.id.as_str(), &row.fix))
            .collect();
        let fixed = Fix::In("4.1-r1".to_owned());
        assert_eq!(
            rows,
            [
                ("CVE-2019-0003", &Fix::NotAffected),
                ("CVE-2019-0001", &fixed),
                ("XSA-2", &fixed)
            ]
        );
        assert_eq!((feed.rejected, feed.dated), (1, None));
        assert_eq!(
            feed.releases
                .iter()
                .map(Release::as_str)
                .collect::<Vec<_>>(),
            ["alpine:3.19"]
        );
    }
}
