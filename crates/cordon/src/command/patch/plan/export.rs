//! A plan for those who do it by other means: Ansible, and WSUS. Both read more into text than stands there (YAML's
//! words, Jinja's braces, patterns of hosts, formulas in cells), so every word is quoted and every name is held against
//! what it may be.

use std::{collections::BTreeMap, fs, path::Path};

use cordon_model::{PackageKind, plural};
use cordon_patch::plan::{Deed, HostPlan, Plan, Restart, Step};
use cordon_patch_edge::apply::{Call, executor};

use crate::{
    command::{Out, Stop},
    fault::{self, Fault},
    page::inert,
};

/// Hosts that do the same are one play.
type Plays = BTreeMap<String, Vec<String>>;

pub(super) fn ansible(plan: &Plan, dir: &Path, out: &mut Out<'_>) -> Result<(), Stop> {
    let (mut linux, mut windows, mut names) = (Plays::new(), Plays::new(), Vec::new());
    for host in &plan.hosts {
        let tasks = if is_host(&host.host) {
            tasks(host)
        } else {
            Err("Ansible would read its name as a pattern".to_owned())
        };
        match tasks {
            Ok(tasks) if tasks.is_empty() => {}
            Ok(tasks) => {
                names.push(host.host.clone());
                let plays = match host.kind {
                    Some(PackageKind::Kb) => &mut windows,
                    _ => &mut linux,
                };
                plays.entry(tasks).or_default().push(host.host.clone());
            }
            Err(why) => {
                let (host, why) = (inert(&host.host), inert(&why));
                writeln!(out.talk, "{host} is in no playbook: {why}")?;
            }
        }
    }
    let hosts: Vec<String> = names
        .iter()
        .map(|name| format!("\n        {}: {{}}", yaml(name)))
        .collect();
    let hosts = if hosts.is_empty() {
        " {}".to_owned()
    } else {
        hosts.concat()
    };
    let inventory = format!("---\nall:\n  children:\n    cordon:\n      hosts:{hosts}\n");
    fs::create_dir_all(dir)?;
    fs::write(dir.join("inventory.yml"), inventory)?;
    let mut written = vec!["inventory.yml"];
    for (name, plays, become_root) in [
        ("playbook.yml", &linux, true),
        ("windows.yml", &windows, false),
    ] {
        let path = dir.join(name);
        if !plays.is_empty() {
            fs::write(path, playbook(plays, become_root))?;
            written.push(name);
        } else if path.try_exists()? {
            fs::remove_file(path)?; // Ansible refuses a playbook without plays, and an older one is of another plan
        }
    }
    writeln!(
        out.talk,
        "{}: {} for {}; nothing there restarts a host, and nothing proves that it helped: audit again",
        inert(&dir.display().to_string()),
        written.join(", "),
        plural(names.len(), "host")
    )?;
    Ok(())
}

/// A name that Ansible takes for itself: no range, no pattern, no template.
fn is_host(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !["all", "ungrouped", "cordon", "localhost"].contains(&name)
}

fn playbook(plays: &Plays, become_root: bool) -> String {
    let root = if become_root { "  become: true\n" } else { "" };
    let plays = plays.iter().map(|(tasks, hosts)| {
        let name = yaml(&format!("Cordon: {}", plural(hosts.len(), "host")));
        let hosts: Vec<String> = hosts.iter().map(|host| yaml(host)).collect();
        let hosts = hosts.join(", ");
        format!(
            "- name: {name}\n  hosts: [{hosts}]\n  gather_facts: false\n{root}  tasks:\n{tasks}"
        )
    });
    format!("---\n{}", plays.collect::<String>())
}

/// The tasks of a host. Its packages are those of the executor's own command, so they went through the same door.
fn tasks(host: &HostPlan) -> Result<String, String> {
    let mut tasks = Vec::new();
    for step in &host.steps {
        let restart = match step.needs_restart {
            Restart::Nothing => "",
            Restart::Services => ", then restart what uses it",
            Restart::Host => ", then restart the host",
        };
        let name = format!("{}{restart}", step.rank.plain());
        match &step.deed {
            Deed::Upgrade(packages) => {
                let executor = host
                    .kind
                    .and_then(executor)
                    .ok_or("nothing upgrades such packages")?;
                let call = executor.upgrade(packages).map_err(|why| why.to_string())?;
                tasks.push(upgrade(&name, host.kind, &call, packages.len()));
            }
            Deed::Install { kb, .. } => {
                let digits = kb.strip_prefix("KB").unwrap_or_default(); // default: because then it is refused
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(format!("expected an update such as KB835732, got {kb:?}"));
                }
                tasks.push(format!(
                    "    - name: {}\n      ansible.windows.win_updates:\n        category_names: [\"*\"]\n        \
                     accept_list: [{}]\n        state: installed\n        reboot: false\n",
                    yaml(&name),
                    yaml(kb)
                ));
            }
            Deed::RestartServices(_) | Deed::RestartHost => {}
        }
    }
    Ok(tasks.concat())
}

fn upgrade(name: &str, kind: Option<PackageKind>, call: &Call, packages: usize) -> String {
    let first = call.words.len().saturating_sub(packages);
    let list = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|word| yaml(word)).collect();
        words.join(", ")
    };
    let names = list(call.words.get(first..).unwrap_or_default()); // default: because it begins within
    let name = yaml(name);
    match kind {
        Some(PackageKind::Deb) => format!(
            "    - name: {name}\n      ansible.builtin.apt:\n        name: [{names}]\n        state: present\n        \
             only_upgrade: true\n        dpkg_options: \"force-confdef,force-confold\"\n"
        ),
        Some(PackageKind::Rpm) => format!(
            "    - name: {name}\n      ansible.builtin.dnf:\n        name: [{names}]\n        state: present\n        \
             update_only: true\n"
        ),
        // Its module is not among those that come with Ansible.
        _ => format!(
            "    - name: {name}\n      ansible.builtin.command:\n        argv: [{}]\n",
            list(&call.words)
        ),
    }
}

/// A scalar in double quotes (YAML 1.2.2 §7.3.1): nothing in it is read as anything but text.
fn yaml(text: &str) -> String {
    let written = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08X}", u32::from(c)),
    });
    format!("\"{}\"", written.collect::<String>())
}

pub(super) fn wsus(plan: &Plan, file: &Path, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut all: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    let steps: Vec<&Step> = plan.hosts.iter().flat_map(|host| &host.steps).collect();
    for step in steps {
        if let Deed::Install { kb, title, .. } = &step.deed {
            let of = all.entry(kb).or_insert((title, 0));
            of.1 += 1;
        }
    }
    let mut rows: Vec<(&str, &str, usize)> = all
        .into_iter()
        .map(|(kb, (title, hosts))| (kb, title, hosts))
        .collect();
    rows.sort_by_key(|(kb, _, hosts)| (std::cmp::Reverse(*hosts), *kb));
    let lines = rows
        .iter()
        .map(|(kb, title, hosts)| format!("{},{},{hosts}\r\n", cell(kb), cell(title)));
    let text = format!("KB,Title,Hosts\r\n{}", lines.collect::<String>());
    fs::write(file, text).map_err(|why| Fault::new(&fault::OUTPUT, why).at(file.display()))?;
    let (count, file) = (plural(rows.len(), "update"), file.display().to_string());
    writeln!(out.talk, "{}: {count} to approve", inert(&file))?;
    Ok(())
}

/// A cell of a CSV (RFC 4180). A sheet would take what begins so for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    format!("\"{}\"", text.replace('"', "\"\""))
}
