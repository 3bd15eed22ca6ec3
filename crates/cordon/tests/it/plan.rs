//! `cordon patch plan` as an administrator uses it: read by host and by step, and handed to Ansible and WSUS.

use std::{fs, path::Path};

use cordon_testkit::corpus;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::{Ran, cordon, folder};

/// Debian hosts from files, each with its own packages in version 1.
fn files(dir: &Path, hosts: &[(&str, &[&str])]) -> Vec<String> {
    let feed = "Package: openssl\nArchitecture: amd64\nVersion: 2\n\nPackage: bash\nArchitecture: amd64\nVersion: 2\n\n\
                Package: libc6\nArchitecture: amd64\nVersion: 2\n\n";
    fs::write(
        dir.join("d_dists_stable-security_main_binary-amd64_Packages"),
        feed,
    )
    .unwrap();
    let host = |(name, packages): &(&str, &[&str])| {
        let stanza = |package: &&str| {
            format!(
                "Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
            )
        };
        let path = dir.join(format!("{name}_status"));
        fs::write(&path, packages.iter().map(stanza).collect::<String>()).unwrap();
        format!("{name}={}", path.display())
    };
    hosts.iter().map(host).collect()
}

fn plan_of(dir: &Path, hosts: &[String], more: &[&str]) -> Ran {
    let feed = dir.join("d_dists_stable-security_main_binary-amd64_Packages");
    let mut args = vec![
        "patch",
        "plan",
        "--advisories",
        feed.to_str().unwrap(),
        "--inventory",
    ];
    args.extend(hosts.iter().map(String::as_str));
    args.extend(more);
    cordon(args)
}

#[test]
fn a_plan_is_read_by_host_and_by_step_where_many_share_it() {
    let dir = folder("plan-shown");
    let few = files(&dir, &[("web1", &["openssl", "libc6"]), ("db", &["bash"])]);
    let ran = plan_of(&dir, &few, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let expected = "db\n  1. upgrade bash:amd64 1 -> 2 [not rated]\n     mends bash\nweb1\n  1. upgrade openssl:amd64 1 -> 2 \
                    [not rated]\n     mends openssl\n  2. upgrade libc6:amd64 1 -> 2 [not rated]; then restart the host\n     mends libc6\n";
    assert_eq!(ran.out, expected);
    assert!(
        ran.err.contains("3 steps on 2 hosts mend 3 rows"),
        "{}",
        ran.err
    );
    let ran = plan_of(&dir, &few, &["--host", "d*"]);
    assert!(
        ran.out.contains("bash") && !ran.out.contains("web1"),
        "{}",
        ran.out
    );
    let names: Vec<String> = (0..42).map(|nth| format!("h{nth}")).collect();
    let hosts: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), &["openssl"][..]))
        .collect();
    let many = files(&dir, &hosts);
    let ran = plan_of(&dir, &many, &[]);
    assert!(
        ran.out
            .starts_with("42 hosts: openssl -> 2 [not rated; no restart]\n    h0, "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("and 30 more"), "{}", ran.out);
    // What nobody asked cannot be planned, and is told.
    let list = dir.join("all.txt");
    fs::write(&list, "web1\ndb\nghost\n").unwrap();
    let ran = plan_of(&dir, &few, &["--expect", list.to_str().unwrap(), "--json"]);
    assert_eq!(ran.json()["cannot"][0]["host"], "ghost");
    let broken = vec!["web9=/nonexistent".to_owned(), few[1].clone()];
    assert_eq!(plan_of(&dir, &broken, &[]).code, 5);
    let ran = plan_of(&dir, &few, &["--reachable", list.to_str().unwrap()]);
    assert!(ran.code == 2 && ran.err.contains("E0213"), "{}", ran.err);
}

/// Every text of a YAML document.
fn texts(yaml: &Yaml<'_>, found: &mut Vec<String>) {
    if let Some(text) = yaml.as_str() {
        found.push(text.to_owned());
    }
    for one in yaml.as_sequence().into_iter().flatten() {
        texts(one, found);
    }
    for (key, value) in yaml.as_mapping().into_iter().flatten() {
        texts(key, found);
        texts(value, found);
    }
}

#[test]
fn ansible_gets_yaml_that_says_exactly_the_plan() {
    let dir = folder("plan-ansible");
    let hosts = files(
        &dir,
        &[
            ("web1", &["openssl", "libc6"]),
            ("web2", &["openssl", "libc6"]),
            ("no", &["bash"]),
            ("x[1:9]", &["bash"]),
        ],
    );
    let out = dir.join("ansible");
    let ran = plan_of(&dir, &hosts, &["--ansible", out.to_str().unwrap()]);
    assert!(ran.err.contains("x[1:9] is in no playbook"), "{}", ran.err);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let load = |text: &str| -> Vec<String> {
        let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(documents.len(), 1);
        let mut found = Vec::new();
        texts(&documents[0], &mut found);
        found
    };
    let inventory = read("inventory.yml");
    let names = load(&inventory);
    for name in ["web1", "web2", "no"] {
        assert!(names.iter().any(|one| one == name), "{name}: {inventory}"); // `no` is a name, not a refusal
    }
    let playbook = read("playbook.yml");
    let words = load(&playbook);
    for word in [
        "openssl:amd64=2",
        "libc6:amd64=2",
        "bash:amd64=2",
        "ansible.builtin.apt",
        "not rated, then restart the host",
    ] {
        assert!(words.iter().any(|one| one == word), "{word}: {playbook}");
    }
    assert_eq!(
        playbook.matches("- name: \"Cordon: ").count(),
        2,
        "hosts that do the same are one play: {playbook}"
    );
    assert!(
        !out.join("windows.yml").exists(),
        "Ansible refuses a playbook without plays"
    );
}

/// A Windows host of the corpus, by Microsoft's updates.
fn windows(verb: &str, more: &[&str]) -> Option<Ran> {
    let definitions = corpus("patches/windows/definitions").ok()?;
    let systeminfo = corpus("patches/windows/systeminfo").ok()?;
    let file = "7_sp1_x64_enterprise_en-us_A_systeminfo.txt";
    let inventory = format!("pc={}", systeminfo.join(file).display());
    let definitions = definitions.to_str().unwrap();
    let args = [
        "patch",
        verb,
        "--json",
        "--advisories",
        definitions,
        "--inventory",
        &inventory,
    ];
    let args = args.iter().chain(more);
    Some(cordon(args))
}

/// The updates that are installed, and every row that they mend.
fn updates(plan: &Value) -> (Vec<String>, Vec<String>) {
    let steps = plan["hosts"][0]["steps"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let installs = steps
        .iter()
        .map(|step| text(&step["deed"]["install"]["kb"]));
    let rows = steps
        .iter()
        .flat_map(|step| step["why"].as_array().unwrap());
    (
        installs.collect(),
        rows.map(|row| text(&row["package"])).collect(),
    )
}

#[test]
fn of_windows_the_smallest_set_is_named_and_wsus_gets_its_list() {
    let dir = folder("plan-wsus");
    let wsus = dir.join("wsus.csv");
    let Some(ran) = windows("plan", &["--wsus", wsus.to_str().unwrap()]) else {
        return;
    };
    assert_eq!(ran.code, 1, "{}", ran.err);
    let (mut installs, mends) = updates(&ran.json());
    let audit = windows("audit", &["--all"]).unwrap();
    let named = audit
        .err
        .lines()
        .find_map(|line| line.strip_prefix("pc: install "));
    let mut named: Vec<&str> = named.unwrap().split(", ").collect();
    named.sort_unstable();
    installs.sort_unstable();
    assert_eq!(installs, named, "the plan is the set that the audit names");
    let rows = audit.lines();
    let missing: Vec<&Value> = rows
        .iter()
        .filter(|row| row["state"] == "missing")
        .collect();
    assert!(
        missing.len() > installs.len(),
        "one of them brings another along"
    );
    for row in missing {
        let package = row["package"].as_str().unwrap();
        assert!(mends.iter().any(|one| one == package), "{package}");
    }
    let text = fs::read_to_string(&wsus).unwrap();
    assert!(text.starts_with("KB,Title,Hosts\r\n"), "{text}");
    assert_eq!(text.lines().count(), installs.len() + 1);
    let whole = |line: &str| line.starts_with("\"KB") && line.ends_with("\",1");
    assert!(text.lines().skip(1).all(whole), "{text}");
}
