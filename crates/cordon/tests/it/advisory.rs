//! Ground truth: the corpora's advisories, labels, inventories and the answers of other tools.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::Path,
};

use advisory::{
    Facts, Feed, Have, Index, Installed, Inventory, Options, Oval, Release, Row, State, Truth, Why,
    kev_csv, osv,
};
use cordon_testkit::corpus;
use flate2::read::{DeflateDecoder, GzDecoder};

/// The members of a zip file that are no folders.
fn unzip(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let half = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let end = (0..bytes.len() - 21)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))
        .unwrap();
    let (count, mut at) = (half(end + 10), word(end + 16));
    let mut members = Vec::new();
    for _ in 0..count {
        assert!(bytes[at..].starts_with(b"PK\x01\x02"));
        let (method, packed, size, local) =
            (half(at + 10), word(at + 20), word(at + 24), word(at + 42));
        let data = local + 30 + half(local + 26) + half(local + 28);
        let packed = &bytes[data..data + packed];
        let mut member = Vec::new();
        match method {
            0 => member.extend_from_slice(packed),
            8 => {
                let read = DeflateDecoder::new(packed)
                    .take(1 << 26)
                    .read_to_end(&mut member)
                    .unwrap();
                assert_eq!(read, size);
            }
            other => panic!("method {other}"),
        }
        if size > 0 {
            members.push(member);
        }
        at += 46 + half(at + 28) + half(at + 30) + half(at + 32);
    }
    members
}

pub(crate) fn almalinux(folder: &Path, version: u8) -> (usize, Feed) {
    let documents = unzip(&folder.join(format!("almalinux{version}.zip")));
    (
        documents.len(),
        osv("almalinux", documents.iter().map(Vec::as_slice)),
    )
}

#[test]
fn every_document_of_almalinux_is_read() {
    let Ok(folder) = corpus("patches/osv") else {
        return;
    };
    for (version, documents, rows) in [(8, 3237, 40_838), (9, 1783, 24_012)] {
        let (found, feed) = almalinux(&folder, version);
        assert_eq!((found, feed.documents), (documents, documents as u64));
        assert_eq!((feed.rejected, &feed.reasons), (0, &Vec::new()));
        assert_eq!(
            feed.rows.len(),
            rows,
            "entries of package and range in release {version}"
        );
        assert!(
            feed.dated.as_deref() > Some("2026-01-01"),
            "{:?}",
            feed.dated
        );
        let own: Release = format!("almalinux:{version}").parse().unwrap();
        assert!(feed.releases.contains(&own));
    }
}

/// The label's package and version as a host would have it.
struct Label<'t> {
    truth: &'t str,
    cve: &'t str,
    package: &'t str,
    version: &'t str,
}

fn labels(text: &str) -> Vec<Label<'_>> {
    let rows = text
        .lines()
        .filter(|line| line.starts_with("docker.io+almalinux@"));
    rows.map(|row| {
        let fields: Vec<&str> = row.split('\t').collect();
        Label {
            truth: fields[1],
            cve: fields[3],
            package: fields[4],
            version: fields[5],
        }
    })
    .collect()
}

/// The *fixable class* of the labels: those whose CVE some security advisory of the feed names together
/// with that very binary package of that release. For the others nobody has published a fix, so that a
/// judgement *missing* is not to be had from this data; how many they are is asserted, not hidden.
#[test]
fn labels_of_the_fixable_class_are_recalled_and_precise() {
    let (Ok(osv), Ok(folder)) = (corpus("patches/osv"), corpus("patches/labels")) else {
        return;
    };
    let (_, feed) = almalinux(&osv, 8);
    let release: Release = "almalinux:8".parse().unwrap();
    let class =
        |row: &&Row| row.release == release && row.advisory.class == advisory::Class::Security;
    let named: BTreeSet<(&str, &str)> = feed
        .rows
        .iter()
        .filter(class)
        .flat_map(|row| {
            row.advisory
                .cves
                .iter()
                .map(|cve| (cve.as_str(), row.package.as_str()))
        })
        .collect();
    let index = Index::new(std::slice::from_ref(&feed), Options::default());
    let text = fs::read_to_string(folder.join("labels.tsv")).unwrap();
    let labels = labels(&text);
    assert_eq!(labels.len(), 289);

    let of = |truth: &'static str| labels.iter().filter(move |label| label.truth == truth);
    let fixable = |label: &&Label<'_>| named.contains(&(label.cve, label.package));
    let positives = of("TP").filter(fixable).count();
    let recalled = of("TP")
        .filter(fixable)
        .filter(|label| says_missing(&index, &release, label))
        .count();
    let wrong = of("FP")
        .filter(|label| says_missing(&index, &release, label))
        .count();
    println!(
        "labels: {} TP, {positives} of the fixable class, {recalled} recalled; {wrong} of {} FP reported",
        of("TP").count(),
        of("FP").count()
    );
    assert!(positives >= 100, "{positives}");
    assert!(
        recalled * 100 >= positives * 99,
        "recall {recalled}/{positives}"
    );
    assert!(
        recalled * 100 >= (recalled + wrong) * 99,
        "precision {recalled}/{}",
        recalled + wrong
    );
    // The trap of the FP is the `rpm` of PyPI, whose version has no release: unknown, never missing.
    let traps = of("FP").filter(fixable).count();
    assert!(traps > 0, "without a trap precision proves nothing");
    for label in of("FP").filter(fixable) {
        assert_eq!(
            judged(&index, &release, label)[0].0,
            State::Unknown(Why::NoVersion),
            "{}",
            label.cve
        );
    }
}

/// What is said of a label's package: state, and CVE names.
fn judged(index: &Index, release: &Release, label: &Label<'_>) -> Vec<(State, Vec<String>)> {
    let packages = [Installed {
        name: label.package,
        arch: "x86_64",
        version: label.version,
        ..Installed::default()
    }];
    let audit = index.judge(&Inventory {
        release,
        packages: &packages,
    });
    let cves = |row: &advisory::Judged<'_>| {
        row.verdict
            .advisories
            .iter()
            .flat_map(|a| a.cves.clone())
            .collect()
    };
    audit
        .rows
        .iter()
        .map(|row| (row.verdict.state, cves(row)))
        .collect()
}

fn says_missing(index: &Index, release: &Release, label: &Label<'_>) -> bool {
    let judged = judged(index, release, label);
    judged
        .iter()
        .any(|(state, cves)| *state == State::Missing && cves.iter().any(|cve| cve == label.cve))
}

/// `(name, arch, version)` of what dpkg has installed, out of the corpora's status file.
fn dpkg(text: &str) -> Vec<(&str, &str, &str)> {
    let stanzas = text
        .split("\n\n")
        .filter(|stanza| !stanza.trim().is_empty());
    let field = |stanza: &'_ str, name: &str| -> Option<(usize, usize)> {
        let mut at = 0;
        for line in stanza.split_inclusive('\n') {
            if let Some(value) = line.strip_prefix(name) {
                let from = at + name.len();
                return Some((from, from + value.trim_end().len()));
            }
            at += line.len();
        }
        None
    };
    stanzas
        .filter_map(|stanza| {
            let get = |name: &str| field(stanza, name).and_then(|(from, to)| stanza.get(from..to));
            get("Status: ")?.ends_with(" installed").then_some(())?;
            Some((get("Package: ")?, get("Architecture: ")?, get("Version: ")?))
        })
        .collect()
}

/// Package, installed, fixed. The OVAL file writes `-0` where a version has no revision; to dpkg that
/// is the same version.
fn independent_truth(text: &str) -> BTreeSet<(&str, &str, String)> {
    let whole = |version: &str| {
        if version.contains('-') {
            version.to_owned()
        } else {
            format!("{version}-0")
        }
    };
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<&str>>());
    rows.map(|fields| (fields[0], fields[2], whole(fields[3])))
        .collect()
}

fn gunzip(path: &Path) -> Vec<u8> {
    let packed = fs::read(path).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(1 << 26)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

#[test]
fn oval_says_what_oscap_and_the_independent_truth_say() {
    let Ok(folder) = corpus("patches/dpkg") else {
        return;
    };
    let xml = gunzip(&folder.join("oval_3016.xml.gz"));
    let oval = Oval::read(&xml).unwrap();
    assert_eq!(
        (oval.definitions.len(), oval.dated.as_deref()),
        (3016, Some("2026-11-23"))
    );
    let status = fs::read_to_string(folder.join("dpkg-status")).unwrap();
    let packages: Vec<Have<'_>> = dpkg(&status)
        .into_iter()
        .map(|(name, arch, evr)| Have {
            name,
            arch,
            evr,
            signature: None,
        })
        .collect();
    let facts = Facts {
        kind: vercmp::Kind::Deb,
        packages: &packages,
        uname: None,
        files: None,
    };
    let outcomes = oval.evaluate(&facts);
    let ours: BTreeMap<&str, &str> = outcomes
        .iter()
        .map(|outcome| {
            let truth = match &outcome.truth {
                Truth::True => "true",
                Truth::False => "false",
                Truth::Unknown(why) => panic!("{}: {why}", outcome.definition.id),
            };
            (outcome.definition.id.as_str(), truth)
        })
        .collect();
    let text = fs::read_to_string(folder.join("oscap_1.3.7_answers.txt")).unwrap();
    let theirs: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Definition ")?.split_once(": "))
        .collect();
    assert_eq!(theirs.len(), 3016);
    assert_eq!(ours, theirs);
    let text = fs::read_to_string(folder.join("truth_missing_security.tsv")).unwrap();
    let truth = independent_truth(&text);
    let witnesses = outcomes.iter().flat_map(|outcome| &outcome.witnesses);
    let found: BTreeSet<(&str, &str, String)> = witnesses
        .map(|w| {
            (
                w.package.as_str(),
                w.installed.as_str(),
                w.fixed.trim_start_matches("0:").to_owned(),
            )
        })
        .collect();
    assert_eq!(truth.len(), 68);
    assert_eq!(found, truth);
}

#[test]
fn every_entry_of_the_catalogue_is_read() {
    let Ok(folder) = corpus("patches/kev") else {
        return;
    };
    let bytes = fs::read(folder.join("known_exploited_vulnerabilities.csv")).unwrap();
    let kev = kev_csv(&bytes).unwrap();
    assert_eq!(
        (kev.known.len(), kev.rejected),
        (1404, 0),
        "{:?}",
        kev.reasons
    );
    assert_eq!(
        kev.known.values().filter(|known| known.ransomware).count(),
        293
    );
    assert_eq!(kev.dated.as_deref(), Some("2025-08-25"));
}

/// Sources of the binary packages in trivy's golden files; the files do not name them.
const SOURCES: &[(&str, &str)] = &[
    ("libcrypto1.1", "openssl"),
    ("libssl1.1", "openssl"),
    ("musl-utils", "musl"),
    ("libidn2-0", "libidn2"),
];

/// Trivy's golden results, by its own small advisory database, which the test writes as OSV: for each
/// package exactly the vulnerabilities that trivy names, those with and those without a fix. The packages
/// are those of the golden files, since the images are not in the corpora. Amazon Linux and `CentOS` are
/// left out: OSV has no ecosystem for the one, and trivy's database of the other speaks in CPE numbers.
#[test]
fn trivy_golden_results_come_out_the_same() {
    let Ok(folder) = corpus("patches/trivy") else {
        return;
    };
    for (golden, database, bucket, ecosystem, release) in [
        (
            "almalinux-8",
            "almalinux.yaml",
            "alma 8",
            "AlmaLinux:8",
            "almalinux:8",
        ),
        (
            "alpine-39",
            "alpine.yaml",
            "alpine 3.9",
            "Alpine:v3.9",
            "alpine:3.9",
        ),
        (
            "debian-buster",
            "debian.yaml",
            "debian 10",
            "Debian:10",
            "debian:10",
        ),
    ] {
        let yaml = fs::read_to_string(folder.join(database)).unwrap();
        let documents = of_yaml(&yaml, bucket, ecosystem);
        let feed = osv("trivy", documents.iter().map(String::as_bytes));
        assert_eq!(feed.rejected, 0, "{:?}", feed.reasons);
        let index = Index::new(&[feed], Options::default());
        let release: Release = release.parse().unwrap();
        let text = fs::read_to_string(folder.join(format!("{golden}.json.golden"))).unwrap();
        let golden = of_golden(&text);
        assert!(!golden.is_empty());
        for ((name, version), expected) in golden {
            let source = SOURCES
                .iter()
                .find(|(binary, _)| *binary == name)
                .map(|(_, source)| *source);
            let packages = [Installed {
                name: &name,
                arch: "x86_64",
                version: &version,
                source,
                ..Installed::default()
            }];
            let audit = index.judge(&Inventory {
                release: &release,
                packages: &packages,
            });
            let found: BTreeSet<(String, bool)> = audit
                .rows
                .iter()
                .filter(|row| matches!(row.verdict.state, State::Missing | State::NoFix))
                .flat_map(|row| {
                    let fixable = row.verdict.state == State::Missing;
                    row.verdict
                        .advisories
                        .iter()
                        .map(move |advisory| (advisory.id.clone(), fixable))
                })
                .collect();
            assert_eq!(found, expected, "{release} {name} {version}");
        }
    }
}

/// By package and version: vulnerabilities, and whether a fix exists.
fn of_golden(text: &str) -> BTreeMap<(String, String), BTreeSet<(String, bool)>> {
    let result: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut all = BTreeMap::<_, BTreeSet<_>>::new();
    for row in result["Results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["Vulnerabilities"].as_array())
        .flatten()
    {
        let field = |name: &str| row[name].as_str().unwrap_or("").to_owned();
        let package = (field("PkgName"), field("InstalledVersion"));
        let told = (field("VulnerabilityID"), !field("FixedVersion").is_empty());
        all.entry(package).or_default().insert(told);
    }
    all
}

/// The rows of one bucket of trivy's YAML, which is regular enough to be read by its indentation.
fn of_yaml(yaml: &str, bucket: &str, ecosystem: &str) -> Vec<String> {
    let (mut inside, mut package, mut entries) =
        (false, String::new(), Vec::<(String, String, String)>::new());
    for line in yaml.lines() {
        let text = line.trim();
        if let Some(name) = line.strip_prefix("- bucket: ") {
            inside = name == bucket;
        } else if let Some(name) = text.strip_prefix("- bucket: ") {
            name.clone_into(&mut package);
        } else if let Some(id) = text.strip_prefix("- key: ").filter(|_| inside) {
            entries.push((
                package.clone(),
                id.to_owned(),
                r#"{"introduced":"0"}"#.to_owned(),
            ));
        } else if let Some(version) = text.strip_prefix("FixedVersion: ").filter(|_| inside) {
            let version = version.trim_matches('"');
            if let Some((_, _, events)) = entries.last_mut() {
                *events = format!(r#"{{"introduced":"0"}},{{"fixed":"{version}"}}"#);
            }
        }
    }
    entries
        .into_iter()
        .map(|(package, id, events)| {
            format!(
                r#"{{"id":"{id}","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},
                "ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
            )
        })
        .collect()
}
