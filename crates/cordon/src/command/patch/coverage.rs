//! Who should have answered. A share without its denominator is green when nobody looks: in 2004 nobody counted
//! the hosts of which nothing was known.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use cordon_patch_edge::{
    audit::Line,
    auditor::{expected, plain},
};

use super::line::Desk;
use crate::{
    command::Stop,
    fault::{self, Fault},
};

/// Hosts that lists name, in lower case and without their domain, and which list does.
#[derive(Debug, Default)]
pub(super) struct Expected {
    hosts: BTreeMap<String, String>,
    lists: usize,
}

impl Expected {
    /// Reads lists: a host a line, or the first column of a CSV.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Fault> {
        let mut all = Self::default();
        for path in paths {
            let hosts = self::expected(path);
            let hosts = hosts
                .map_err(|why| Fault::new(&fault::INVENTORY_UNREADABLE, why).at(path.display()))?;
            let list = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into());
            for name in hosts {
                all.hosts.entry(name).or_insert_with(|| list.clone());
            }
            all.lists += 1;
        }
        Ok(all)
    }

    /// The hosts that an export of a deployment tool names.
    pub(super) fn add<'n>(&mut self, list: &str, hosts: impl Iterator<Item = &'n str>) {
        for host in hosts {
            let host = self.hosts.entry(plain(host));
            host.or_insert_with(|| list.to_owned());
        }
        self.lists += 1;
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

fn percent(part: usize, of: usize) -> usize {
    (part * 100 + of / 2).checked_div(of).unwrap_or(0) // 0: because there is none of nothing
}
