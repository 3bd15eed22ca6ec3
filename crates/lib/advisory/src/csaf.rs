//! CSAF 2.0 advisories and VEX: which products of a vendor a vulnerability touches. A product is a
//! component of a platform ("openssl as part of Enterprise Linux 8"), so both ends are resolved, by
//! package URL and CPE first and by the vendor's own product id else. What resolves to no package of a
//! release we know is rejected with its id: a VEX that nobody understood must not read as *not affected*.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Advisory, Feed, Fix, Format, Level, Release, Row, Speaks, Streams, osv::is_modular};

/// Reads CSAF documents into one feed.
pub fn csaf<'d>(name: &str, documents: impl IntoIterator<Item = &'d [u8]>) -> Feed {
    let mut feed = Feed::new(name, Format::Csaf);
    for bytes in documents {
        if let Some(document) = feed.document::<Csaf>(bytes) {
            read(&mut feed, &document);
        }
    }
    feed
}

#[derive(Deserialize)]
struct Csaf {
    document: Head,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    csaf_version: String,
    tracking: Tracking,
    #[serde(default)]
    aggregate_severity: Word,
}

#[derive(Deserialize, Default)]
struct Word {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    #[serde(default)]
    current_release_date: String,
}

#[derive(Deserialize, Default)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<Product>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    branches: Vec<Self>,
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Deserialize, Default)]
struct Helper {
    purl: Option<String>,
    cpe: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    product_reference: String,
    relates_to_product_reference: String,
    full_product_name: Product,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default)]
    product_status: Status,
    #[serde(default)]
    scores: Vec<Score>,
}

#[derive(Deserialize, Default)]
struct Score {
    cvss_v2: Option<Vector>,
    cvss_v3: Option<Vector>,
    cvss_v4: Option<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    #[serde(default)]
    vector_string: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    first_fixed: Vec<String>,
    #[serde(default)]
    known_affected: Vec<String>,
    #[serde(default)]
    first_affected: Vec<String>,
    #[serde(default)]
    last_affected: Vec<String>,
    #[serde(default)]
    known_not_affected: Vec<String>,
    #[serde(default)]
    under_investigation: Vec<String>,
}

#[derive(Clone, Copy)]
enum Say {
    Fixed,
    Affected,
    NotAffected,
    Investigating,
}

/// Products by id, and what is part of what.
struct Products<'d> {
    helpers: BTreeMap<&'d str, &'d Helper>,
    parts: BTreeMap<&'d str, (&'d str, &'d str)>,
}

fn read(feed: &mut Feed, csaf: &Csaf) {
    let Tracking {
        id,
        current_release_date,
    } = &csaf.document.tracking;
    if csaf.document.csaf_version != "2.0" {
        return feed.reject(format!(
            "{id}: expected CSAF 2.0, found {}",
            csaf.document.csaf_version
        ));
    }
    feed.date(current_release_date);
    let products = Products::of(&csaf.product_tree);
    for vulnerability in &csaf.vulnerabilities {
        let mut advisory = Advisory::new(id, vulnerability.cve.as_deref());
        let scores = vulnerability.scores.iter();
        let vectors = scores.flat_map(|one| [&one.cvss_v2, &one.cvss_v3, &one.cvss_v4]);
        advisory.vectors = vectors
            .flatten()
            .map(|one| one.vector_string.clone())
            .collect();
        advisory.said = Level::of_word(&csaf.document.aggregate_severity.text);
        let status = &vulnerability.product_status;
        for (say, ids) in [
            (Say::Fixed, [&status.fixed, &status.first_fixed].as_slice()),
            (
                Say::Affected,
                &[
                    &status.known_affected,
                    &status.first_affected,
                    &status.last_affected,
                ],
            ),
            (Say::NotAffected, &[&status.known_not_affected]),
            (Say::Investigating, &[&status.under_investigation]),
        ] {
            for product in ids.iter().copied().flatten() {
                match products.row(product, say, &advisory) {
                    Ok(row) => feed.push(row),
                    Err(why) => feed.reject(format!("{id}: {product}: {why}")),
                }
            }
        }
    }
}

impl<'d> Products<'d> {
    fn of(tree: &'d Tree) -> Self {
        let mut products = Self {
            helpers: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        let mut open: Vec<&Branch> = tree.branches.iter().collect();
        while let Some(branch) = open.pop() {
            open.extend(&branch.branches);
            products.take(branch.product.as_ref());
        }
        tree.full_product_names
            .iter()
            .for_each(|product| products.take(Some(product)));
        for relationship in &tree.relationships {
            let Relationship {
                product_reference,
                relates_to_product_reference,
                full_product_name,
            } = relationship;
            products.take(Some(full_product_name));
            let both = (
                product_reference.as_str(),
                relates_to_product_reference.as_str(),
            );
            products.parts.insert(&full_product_name.product_id, both);
        }
        products
    }

    fn take(&mut self, product: Option<&'d Product>) {
        if let Some(product) = product {
            self.helpers
                .insert(&product.product_id, &product.product_identification_helper);
        }
    }

    fn row(&self, id: &str, say: Say, advisory: &Advisory) -> Result<Row, String> {
        let (component, platform) = match self.parts.get(id) {
            Some((component, platform)) => (*component, *platform),
            None => id
                .split_once(':')
                .map_or((id, id), |(platform, component)| (component, platform)),
        };
        let purl = [component, id]
            .into_iter()
            .find_map(|id| self.helpers.get(id)?.purl.as_deref());
        let package = match purl {
            Some(purl) => Package::of_purl(purl)?,
            None => Package::of_nevra(component)?,
        };
        let release = self.release(platform, id, &package)?;
        let fix = match (say, &package.version) {
            (Say::Fixed, Some(version)) => Fix::In(version.clone()),
            (Say::Fixed, None) => {
                return Err("expected the version that is fixed, found none".to_owned());
            }
            // "This version is affected" says nothing of a version that mends it.
            (Say::Affected, _) => Fix::NoneKnown,
            (Say::NotAffected, _) => Fix::NotAffected,
            (Say::Investigating, _) => Fix::Investigating,
        };
        let modular = package.version.as_deref().is_some_and(is_modular);
        let source = package.arch.as_deref() == Some("src");
        Ok(Row {
            release,
            package: package.name,
            speaks: if source {
                Speaks::Source
            } else {
                Speaks::Binary
            },
            arches: package
                .arch
                .into_iter()
                .filter(|arch| arch != "src" && arch != "noarch")
                .collect(),
            streams: match (modular, package.stream) {
                (_, Some(stream)) => Streams::Of(vec![stream]),
                (true, None) => Streams::NotTold,
                (false, None) => Streams::Plain,
            },
            introduced: None,
            fix,
            advisory: advisory.clone(),
        })
    }

    fn release(&self, platform: &str, id: &str, package: &Package) -> Result<Release, String> {
        if let Some(distro) = &package.distro
            && let Some((system, version)) = distro.rsplit_once('-')
            && let Ok(release) = Release::of_os(system, version)
        {
            return Ok(release);
        }
        let helpers = [platform, id]
            .into_iter()
            .filter_map(|id| self.helpers.get(id)?.cpe.as_deref());
        let mut found = None;
        for cpe in helpers {
            match of_cpe(cpe) {
                Some(release) => return Ok(release),
                None => found = Some(cpe),
            }
        }
        match found {
            Some(cpe) => Err(format!(
                "expected the CPE of a release we know, found {cpe}"
            )),
            None => Err("expected a platform with a CPE, found none".to_owned()),
        }
    }
}

/// The release of `cpe:/o:redhat:enterprise_linux:8::baseos` or `cpe:2.3:o:redhat:enterprise_linux:8:*`.
fn of_cpe(cpe: &str) -> Option<Release> {
    let rest = cpe
        .strip_prefix("cpe:2.3:")
        .or_else(|| cpe.strip_prefix("cpe:/"))?;
    let mut parts = rest.split(':').skip(1);
    let (vendor, product, version) = (parts.next()?, parts.next()?, parts.next()?);
    let id = match (vendor, product) {
        ("redhat", "enterprise_linux" | "rhel_eus" | "rhel_aus" | "rhel_tus" | "rhel_e4s") => {
            "rhel"
        }
        ("almalinux", "almalinux") => "almalinux",
        ("rocky", "rocky" | "rocky_linux") | ("resf", "rocky_linux") => "rocky",
        ("oracle", "linux") => "ol",
        ("debian", "debian_linux") => "debian",
        ("canonical", "ubuntu_linux") => "ubuntu",
        ("alpinelinux", "alpine_linux") => "alpine",
        ("suse", "sles") => {
            return Release::of_os(
                "sles",
                &format!("{version}.{}", parts.next()?.trim_start_matches("sp")),
            )
            .ok();
        } // ok: because None is the answer
        ("opensuse", "leap") => "opensuse-leap",
        _ => return None,
    };
    // Extended support has packages of its own; held against a plain host it asks for versions that
    // this host is never offered.
    if product.starts_with("rhel_") {
        return None;
    }
    Release::of_os(id, version).ok() // ok: because None is the answer
}

struct Package {
    name: String,
    version: Option<String>,
    arch: Option<String>,
    distro: Option<String>,
    stream: Option<String>,
}

impl Package {
    /// `pkg:rpm/redhat/openssl@1.1.1k-9.el8?arch=x86_64&epoch=1`.
    fn of_purl(purl: &str) -> Result<Self, String> {
        let expected = || format!("expected a package URL of rpm, deb or apk, found {purl}");
        let rest = purl.strip_prefix("pkg:").ok_or_else(expected)?;
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) => (path, Some(percent(version)?)),
            None => (rest, None),
        };
        let (kind, path) = path.split_once('/').ok_or_else(expected)?;
        if !matches!(kind, "rpm" | "deb" | "apk") {
            return Err(expected());
        }
        let name = percent(path.rsplit('/').next().unwrap_or(path))?;
        if name.is_empty() {
            return Err(expected());
        }
        let qualifier = |wanted: &str| -> Result<Option<String>, String> {
            let mut pairs = qualifiers
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| percent(value))
                .transpose()
        };
        let version = match (version, qualifier("epoch")?) {
            (Some(version), Some(epoch)) if epoch != "0" => Some(format!("{epoch}:{version}")),
            (version, _) => version,
        };
        let module = qualifier("rpmmod")?;
        let stream = module.and_then(|module| {
            let mut parts = module.split(':');
            Some(format!("{}:{}", parts.next()?, parts.next()?))
        });
        Ok(Self {
            name,
            version,
            arch: qualifier("arch")?,
            distro: qualifier("distro")?,
            stream,
        })
    }

    /// `openssl-libs-1:1.1.1k-9.el8.x86_64`, with `::nodejs:18` behind it or `nodejs:18/` before where modular.
    fn of_nevra(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected name-version-release.arch or a package URL, found {text}");
        let (text, behind) = text
            .split_once("::")
            .map_or((text, None), |(text, stream)| (text, Some(stream)));
        let (before, text) = text
            .rsplit_once('/')
            .map_or((None, text), |(stream, text)| (Some(stream), text));
        let stream = behind
            .or(before)
            .map(|stream| stream.split(':').take(2).collect::<Vec<_>>().join(":"));
        let (rest, arch) = text.rsplit_once('.').ok_or_else(expected)?;
        let (rest, release) = rest.rsplit_once('-').ok_or_else(expected)?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(expected)?;
        if !version.starts_with(|letter: char| letter.is_ascii_digit()) || name.is_empty() {
            return Err(expected());
        }
        let version = version.strip_prefix("0:").unwrap_or(version);
        Ok(Self {
            name: name.to_owned(),
            version: Some(format!("{version}-{release}")),
            arch: Some(arch.to_owned()),
            distro: None,
            stream,
        })
    }
}

fn percent(text: &str) -> Result<String, String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let wrong = || format!("expected two hexadecimal digits behind %, found {text}");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?')); // ?: because two digits always fit
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(status: &str) -> String {
        format!(
            r#"{{"document":{{"csaf_version":"2.0","tracking":{{"id":"RHSA-1","current_release_date":"2026-02-03T00:00:00+00:00"}}}},
            "product_tree":{{"branches":[{{"branches":[
              {{"product":{{"product_id":"BaseOS-8","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:8::baseos"}}}}}},
              {{"product":{{"product_id":"ssl","product_identification_helper":{{"purl":"pkg:rpm/redhat/openssl-libs@1.1.1k-9.el8?arch=x86_64&epoch=1"}}}}}},
              {{"product":{{"product_id":"go","product_identification_helper":{{"purl":"pkg:golang/x@1"}}}}}}]}}],
            "relationships":[
              {{"product_reference":"ssl","relates_to_product_reference":"BaseOS-8","full_product_name":{{"product_id":"BaseOS-8:ssl"}}}},
              {{"product_reference":"bash-4.4-1.el8.x86_64","relates_to_product_reference":"BaseOS-8","full_product_name":{{"product_id":"BaseOS-8:bash"}}}},
              {{"product_reference":"go","relates_to_product_reference":"BaseOS-8","full_product_name":{{"product_id":"BaseOS-8:go"}}}}]}},
            "vulnerabilities":[{{"cve":"CVE-2026-0001","product_status":{status}}}]}}"#
        )
    }

    #[test]
    fn every_status_is_a_row_or_told() {
        let status = r#"{"fixed":["BaseOS-8:ssl"],"known_affected":["BaseOS-8:bash"],"under_investigation":["BaseOS-8:go","nobody"]}"#;
        let feed = csaf("x", [document(status).as_bytes()]);
        let rows: Vec<(&str, &Fix)> = feed
            .rows
            .iter()
            .map(|row| (row.package.as_str(), &row.fix))
            .collect();
        let fixed = Fix::In("1:1.1.1k-9.el8".to_owned());
        assert_eq!(rows, [("openssl-libs", &fixed), ("bash", &Fix::NoneKnown)]);
        assert_eq!(feed.rows[0].arches, ["x86_64"]);
        assert_eq!(feed.rows[0].release.as_str(), "rhel:8");
        assert_eq!(feed.dated.as_deref(), Some("2026-02-03"));
        assert_eq!(feed.rejected, 2);
        assert!(
            feed.reasons[0].contains("found pkg:golang/x@1"),
            "{:?}",
            feed.reasons
        );
    }

    #[test]
    fn extended_support_is_not_held_against_a_plain_host() {
        assert_eq!(of_cpe("cpe:/o:redhat:rhel_eus:8.4::baseos"), None);
        assert_eq!(
            of_cpe("cpe:2.3:o:suse:sles:15:sp5:*").unwrap().as_str(),
            "sles:15.5"
        );
        assert_eq!(
            of_cpe("cpe:/a:redhat:enterprise_linux:9::appstream")
                .unwrap()
                .as_str(),
            "rhel:9"
        );
    }

    #[test]
    fn names_are_taken_apart_from_their_end() {
        let package =
            Package::of_nevra("nodejs-1:18.1-2.module+el8.8+1+a.x86_64::nodejs:18").unwrap();
        assert_eq!(
            package.version.as_deref(),
            Some("1:18.1-2.module+el8.8+1+a")
        );
        assert_eq!(
            (package.name.as_str(), package.stream.as_deref()),
            ("nodejs", Some("nodejs:18"))
        );
        assert!(Package::of_nevra("bash").is_err());
        assert_eq!(percent("a%2Bb").as_deref(), Ok("a+b"));
        assert!(percent("a%2").is_err());
    }
}
