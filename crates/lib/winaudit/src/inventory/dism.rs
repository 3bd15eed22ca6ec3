//! `dism /online /get-packages`, as list or table. Identities are not translated, states are: a
//! package is taken as installed if its state is a known word, or the very word that stands beside
//! Windows' own foundation package, which is always installed.

use crate::host::{Fact, List};

/// Words that mean it is there, or was and made way for a newer one.
const PRESENT: [&str; 2] = ["Installed", "Superseded"];

pub(crate) fn read(text: &str) -> Result<Vec<Fact>, &'static str> {
    let mut packages: Vec<(&str, String)> = Vec::new();
    for line in text.lines().take(super::MAX_LINES) {
        let identity = line
            .split([' ', '|', '\t', ',', '"'])
            .find(|word| word.contains("~31bf3856ad364e35~"));
        if let Some(identity) = identity {
            let rest = line.split_once(identity).map_or("", |(_, rest)| rest);
            let state = rest
                .trim_start_matches(['|', ' ', '"', ','])
                .split(['|', '"', ','])
                .next();
            packages.push((identity, state.unwrap_or("").trim().to_owned()));
        } else if let (Some((_, value)), Some((_, state))) =
            (line.split_once(':'), packages.last_mut())
        {
            // In a list the state is the first line below the identity.
            if state.is_empty() {
                value.trim().clone_into(state);
            }
        }
    }
    let foundation = packages
        .iter()
        .find(|(name, _)| name.contains("Foundation"));
    let installed = foundation.map_or_else(String::new, |(_, state)| state.clone());
    let present =
        |state: &str| PRESENT.contains(&state) || (!state.is_empty() && state == installed);
    if !packages.iter().any(|(_, state)| present(state)) {
        return Err("a package in a state that is known");
    }
    let mut facts = Vec::new();
    let mut shown = 0;
    for (name, state) in &packages {
        if !present(state) {
            facts.push(Fact::Note(format!(
                "package {name} is {state:?}, not installed"
            )));
            continue;
        }
        if let Some(kb) = super::package_kb(name) {
            shown += 1;
            facts.push(Fact::Hotfix {
                kb,
                on: None,
                security: None,
            });
        }
        facts.extend(super::rollup_revision(name).map(Fact::Ubr));
    }
    facts.push(Fact::List(List {
        stated: None,
        shown,
        unnamed: 0,
    }));
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_in_another_language_is_known_by_the_foundation() {
        let text = "Paketidentität : Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.17134.1\nStatus : Installiert\n\nPaketidentität : Package_for_KB4485449~31bf3856ad364e35~amd64~~17134.580.1.0\nStatus : Installiert\n\nPaketidentität : Package_for_KB4487017~31bf3856ad364e35~amd64~~17134.590.1.6\nStatus : Installation steht aus\n";
        let facts = read(text).unwrap();
        let kbs = facts
            .iter()
            .filter(|fact| matches!(fact, Fact::Hotfix { .. }))
            .count();
        assert_eq!(kbs, 1, "{facts:?}");
    }

    #[test]
    fn the_rollup_package_says_the_revision() {
        let text = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17134.590.1.6 | Installed | Security Update | 2/13/2019\n";
        assert!(read(text).unwrap().contains(&Fact::Ubr(590)));
    }
}
