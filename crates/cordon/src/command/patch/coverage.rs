//! Who should have answered. A share without its denominator is green when nobody looks: in 2004 nobody counted
//! the hosts of which nothing was known.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use cordon_patch_edge::audit::Line;

use super::line::Desk;
use crate::{
    command::{Stop, read_text},
    fault::{self, Fault},
};

/// What the first line of a list may say instead of a host.
const HEADINGS: [&str; 8] = [
    "name",
    "host",
    "hostname",
    "host name",
    "computer",
    "computername",
    "dnshostname",
    "rechner",
];

/// Hosts that lists name, in lower case and without their domain, and which list does.
#[derive(Debug, Default)]
pub(super) struct Expected {
    hosts: BTreeMap<String, String>,
    lists: usize,
}

impl Expected {
    /// Reads lists: a host a line, or the first column of a CSV.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Fault> {
        let mut expected = Self::default();
        for path in paths {
            let text = read_text(path, &fault::INVENTORY_UNREADABLE)?;
            let list = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into());
            for (line, text) in text.lines().enumerate() {
                let field = text.split([',', ';', '\t']).next().unwrap_or(text); // or: because split gives one
                let name = plain(field.trim_matches(['"', '\u{feff}']));
                if name.is_empty() || (line == 0 && HEADINGS.contains(&name.as_str())) {
                    continue;
                }
                expected.hosts.entry(name).or_insert_with(|| list.clone());
            }
            expected.lists += 1;
        }
        Ok(expected)
    }

    /// Who is in a list and never answered, and which list it is.
    pub(super) fn absent(&self, answered: &[String]) -> Vec<(&str, &str)> {
        let here: BTreeSet<String> = answered.iter().map(|name| plain(name)).collect();
        let absent = self.hosts.iter().filter(|(host, _)| !here.contains(*host));
        absent
            .map(|(host, list)| (host.as_str(), list.as_str()))
            .collect()
    }

    /// Tells who never answered, and of how many the rest speaks.
    pub(super) fn tell(&self, answered: &[String], desk: &mut Desk<'_, '_>) -> Result<(), Stop> {
        let here: BTreeSet<String> = answered.iter().map(|name| plain(name)).collect();
        for (host, list) in &self.hosts {
            if !here.contains(host) {
                let why = format!("{list} names it, and no inventory of it was given");
                desk.put(Line::unknown(host, "inventory", &why))?;
            }
        }
        let strangers: Vec<&str> = here
            .iter()
            .filter(|host| self.lists > 0 && !self.hosts.contains_key(*host))
            .map(String::as_str)
            .collect();
        if !strangers.is_empty() {
            desk.say(&format!(
                "not in any list that was given: {}",
                strangers.join(", ")
            ))?;
        }
        let all: BTreeSet<&String> = here.iter().chain(self.hosts.keys()).collect();
        let clean: Vec<&String> = answered.iter().filter(|host| desk.is_clean(host)).collect();
        // In the worst case what is unknown is missing.
        let sure = clean.iter().filter(|host| !desk.is_unclear(host)).count();
        let clean = clean.len();
        if self.lists > 0 {
            let (all, answered) = (all.len(), here.len());
            desk.say(&format!(
                "nothing is missing on {} % of the {} % that answered ({answered} of {all} hosts); worst case {} %",
                percent(clean, answered),
                percent(answered, all),
                percent(sure, all)
            ))?;
        }
        Ok(())
    }
}

fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    name.split('.').next().unwrap_or(&name).to_owned() // or: because split gives one
}

fn percent(part: usize, of: usize) -> usize {
    (part * 100 + of / 2).checked_div(of).unwrap_or(0) // 0: because there is none of nothing
}
