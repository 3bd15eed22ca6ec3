//! What was said of one host, so that only what changed is said again.

use std::collections::BTreeMap;

use cordon_model::{Audited, Fact, Host, Inventory, Seen, Sensed, Text, Time};
use cordon_patch::MAX_ROWS;

use super::print::Place;
use crate::audit::{Line, Rows};

/// One host.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) place: Place,
    /// What it was held against when it was last audited.
    pub(super) round: Option<u64>,
    /// When its inventory was made.
    pub(super) dated: Option<Time>,
    /// What the last audit says of the whole.
    pub(super) inventory: Inventory,
    /// What is not proven, as it was last said.
    open: BTreeMap<(Text, Text), Audited>,
    /// What was last said of the whole; none since the start.
    closed: Option<Inventory>,
    /// Something was said that is not closed yet.
    dirty: bool,
}

impl Known {
    /// The rows that changed.
    pub(super) fn said(&mut self, host: &Host, rows: &Rows) -> Vec<Sensed> {
        let mut open = BTreeMap::<(Text, Text), (u8, Audited)>::new();
        for line in rows.lines.iter().filter(|line| is_row(line)) {
            let rank = rank(line);
            if rank == 0 {
                continue;
            }
            let row = line.audited();
            let key = (row.requirement.clone(), Text::new(row.package.as_str()));
            // Two feeds may speak of one package: the worse word counts.
            match open.get(&key) {
                Some((known, _)) if *known >= rank => {}
                _ if open.len() > MAX_ROWS => break, // because the judge says that it keeps no more
                _ => drop(open.insert(key, (rank, row))),
            }
        }
        let open: BTreeMap<(Text, Text), Audited> =
            open.into_iter().map(|(key, (_, row))| (key, row)).collect();
        let gone = self.open.iter().filter(|(key, _)| !open.contains_key(key));
        let gone = gone.map(|(_, row)| Audited {
            seen: Seen::Settled("it is not asked any more, or it is there".into()),
            ..row.clone()
        });
        let new = open
            .iter()
            .filter(|(key, row)| self.open.get(*key) != Some(row));
        let new = new.map(|(_, row)| row.clone());
        let said = gone.chain(new).map(|row| Sensed {
            host: host.clone(),
            said: None,
            fact: Fact::Audited(Box::new(row)),
        });
        let said: Vec<Sensed> = said.collect();
        self.dirty |= !said.is_empty();
        self.open = open;
        said
    }

    /// The last word on the host, where it changed.
    pub(super) fn close(&mut self, host: &Host, trouble: Option<&str>) -> Option<Sensed> {
        let trouble = trouble.map(Text::new);
        let inventory = Inventory {
            dated: self.dated,
            trouble: trouble.or_else(|| self.inventory.trouble.clone()),
            whole: self.closed.is_none(),
            ..self.inventory.clone()
        };
        let same = |closed: &Inventory| {
            let whole = closed.whole;
            *closed
                == (Inventory {
                    whole,
                    ..inventory.clone()
                })
        };
        if !self.dirty && self.closed.as_ref().is_some_and(same) {
            return None;
        }
        self.dirty = false;
        self.closed = Some(inventory.clone());
        Some(Sensed {
            host: host.clone(),
            said: inventory.dated,
            fact: Fact::Inventoried(Box::new(inventory)),
        })
    }
}

/// Rows about the inventory as a whole are said with it.
fn is_row(line: &Line) -> bool {
    let ended = line.package == "release" && line.state == "missing";
    line.package != "inventory" && !ended
}

/// How bad a row is; nothing for what is settled or proven.
fn rank(line: &Line) -> u8 {
    match line.state {
        "proven" if line.stale => 1,
        "unknown" => 1,
        "no_fix" => 2,
        "missing" => 3,
        "contradicted" => 4,
        _ => 0,
    }
}
