//! Who goes first. A bad update that is installed everywhere at once is an outage; one that is installed on a few
//! hosts first is an incident. Which hosts those are is written in the policy, or else told by a hash of their names:
//! the same every time, and not those whose names come first in the alphabet.

use cordon_model::{Pattern, PolicyError, Span};
use serde::{Deserialize, Serialize};

use crate::scope::{Group, InScope, Scope};

/// The share of a ring that must be proven before the next may begin, in percent, where none is named.
const PROMOTE_AT_PERCENT: u8 = 95;

/// Rings where the policy names none, and up to which share of the fleet each goes, in percent.
const USUAL: [(&str, usize); 4] = [("canary", 1), ("early", 5), ("broad", 25), ("all", 100)];

/// The ring of those that no ring of the policy names: the last.
const OTHERS: &str = "others";

/// `[[patch.ring]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// What it is called.
    pub name: String,
    /// Which hosts; what they run is not asked.
    pub scope: Scope,
    /// The smaller goes first.
    pub order: u32,
    /// The share of its hosts that must be proven before the next ring may begin, in percent.
    pub promote_at: u8,
    /// How long it is then waited, and looked at again.
    pub wait: Span,
}

/// As it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    name: String,
    #[serde(default)]
    hosts: Vec<Pattern>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    order: Option<u32>,
    #[serde(default = "promote_at")]
    promote_at: u8,
    #[serde(default = "a_day")]
    wait: Span,
}

const fn promote_at() -> u8 {
    PROMOTE_AT_PERCENT
}

const fn a_day() -> Span {
    Span::days(1)
}

impl Ring {
    /// All of them, the first first; without an order as they are written.
    pub(crate) fn of_rows(rows: Vec<Row>) -> Result<Vec<Self>, PolicyError> {
        let mut rings = Vec::new();
        for (row, nth) in rows.into_iter().zip(1_u32..) {
            let refuse = |why: &str| Err(PolicyError::new(format!("ring {}: {why}", row.name)));
            if row.name.is_empty() || row.name == OTHERS {
                return refuse("expected a name other than `others`, which has who is in no ring");
            }
            if !(1..=100).contains(&row.promote_at) {
                return refuse("expected promote_at from 1 to 100 percent");
            }
            if row.hosts.is_empty() && row.role.is_none() && row.tag.is_none() {
                return refuse("expected hosts, a role or a tag");
            }
            if rings.iter().any(|ring: &Self| ring.name == row.name) {
                return refuse("expected each name once");
            }
            rings.push(Self {
                name: row.name,
                scope: Scope {
                    hosts: row.hosts,
                    os: None,
                    role: row.role,
                    tag: row.tag,
                },
                order: row.order.unwrap_or(nth),
                promote_at: row.promote_at,
                wait: row.wait,
            });
        }
        rings.sort_by_key(|ring| ring.order);
        Ok(rings)
    }
}

/// Hosts in their rings: those of the policy, or the usual ones. A host is in the first ring that it fits; one that
/// fits none is in the last, never in none. Rings without hosts are left out.
pub fn assign(hosts: &[String], rings: &[Ring], groups: &[Group]) -> Vec<Assigned> {
    let all = if rings.is_empty() {
        usual(hosts)
    } else {
        by_policy(hosts, rings, groups)
    };
    all.into_iter()
        .filter(|one| !one.hosts.is_empty())
        .collect()
}

/// A ring and its hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// What it is called.
    pub name: String,
    /// As [`Ring::promote_at`].
    pub promote_at: u8,
    /// As [`Ring::wait`].
    pub wait: Span,
    /// Its hosts, by name.
    pub hosts: Vec<String>,
}

fn usual(hosts: &[String]) -> Vec<Assigned> {
    let mut hosts: Vec<String> = hosts.to_vec();
    hosts.sort_by_cached_key(|host| (hash(host), host.clone()));
    hosts.dedup();
    let count = hosts.len();
    let mut begin = 0;
    USUAL
        .iter()
        .map(|(name, percent)| {
            let end = (count * percent).div_ceil(100);
            let mine = hosts.get(begin..end).unwrap_or_default(); // default: because shares only grow
            begin = end;
            let mut mine = mine.to_vec();
            mine.sort();
            Assigned {
                name: (*name).to_owned(),
                promote_at: PROMOTE_AT_PERCENT,
                wait: a_day(),
                hosts: mine,
            }
        })
        .collect()
}

fn by_policy(hosts: &[String], rings: &[Ring], groups: &[Group]) -> Vec<Assigned> {
    let assigned = |ring: &Ring| Assigned {
        name: ring.name.clone(),
        promote_at: ring.promote_at,
        wait: ring.wait,
        hosts: Vec::new(),
    };
    let mut all: Vec<Assigned> = rings.iter().map(assigned).collect();
    let mut others = Assigned {
        name: OTHERS.to_owned(),
        promote_at: PROMOTE_AT_PERCENT,
        wait: a_day(),
        hosts: Vec::new(),
    };
    let mut hosts: Vec<&String> = hosts.iter().collect();
    hosts.sort();
    hosts.dedup();
    for host in hosts {
        let fits = |ring: &Ring| ring.scope.of(host, None, groups) == InScope::For;
        let at = rings.iter().position(fits);
        let ring = at.and_then(|at| all.get_mut(at)).unwrap_or(&mut others);
        ring.hosts.push(host.clone());
    }
    all.push(others);
    all
}

/// FNV-1a in 64 bits (Fowler, Noll, Vo), with the finaliser of `MurmurHash3` behind it: names that differ in their last
/// letter alone would else stay neighbours.
fn hash(name: &str) -> u64 {
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use cordon_model::{Control, Policy};

    use super::*;
    use crate::Patch;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|nth| format!("web{nth}")).collect()
    }

    fn sizes(all: &[Assigned]) -> Vec<(&str, usize)> {
        let size = |one: &'_ Assigned| one.hosts.len();
        all.iter()
            .map(|one| (one.name.as_str(), size(one)))
            .collect()
    }

    #[test]
    fn without_a_policy_a_hash_says_who_goes_first() {
        let hosts = names(1000);
        let all = assign(&hosts, &[], &[]);
        let expected = [("canary", 10), ("early", 40), ("broad", 200), ("all", 750)];
        assert_eq!(sizes(&all), expected);
        let mut backwards = hosts.clone();
        backwards.reverse();
        assert_eq!(
            assign(&backwards, &[], &[]),
            all,
            "the order of names says nothing"
        );
        let mut together: Vec<String> = all.into_iter().flat_map(|one| one.hosts).collect();
        together.sort();
        let mut sorted = hosts;
        sorted.sort();
        assert_eq!(together, sorted, "each is in one ring");
        assert_eq!(sizes(&assign(&names(1), &[], &[])), [("canary", 1)]);
        assert_eq!(
            sizes(&assign(&names(3), &[], &[])),
            [("canary", 1), ("all", 2)]
        );
        assert!(assign(&[], &[], &[]).is_empty());
    }

    fn patch(text: &str) -> Result<Patch, PolicyError> {
        Patch::new(&Policy::new(text, 1))
    }

    #[test]
    fn the_policy_says_who_goes_first_and_nobody_is_in_no_ring() {
        let text = "[[patch.hosts]]\nname = \"web1*\"\nrole = \"web\"\n\
                    [[patch.ring]]\nname = \"web\"\nrole = \"web\"\norder = 2\npromote_at = 100\nwait = \"2h\"\n\
                    [[patch.ring]]\nname = \"lab\"\nhosts = [\"web12\", \"lab*\"]\norder = 1\n";
        let patch = patch(text).unwrap();
        let hosts = ["web12", "web11", "db", "lab7"].map(str::to_owned);
        let all = assign(&hosts, patch.rings(), patch.groups());
        let found: Vec<(&str, Vec<&str>, u8, Span)> = all
            .iter()
            .map(|one| {
                let hosts = one.hosts.iter().map(String::as_str).collect();
                (one.name.as_str(), hosts, one.promote_at, one.wait)
            })
            .collect();
        let day = Span::days(1);
        let expected = [
            ("lab", vec!["lab7", "web12"], 95, day),
            ("web", vec!["web11"], 100, Span::hours(2)),
            ("others", vec!["db"], 95, day),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_ring_that_says_nothing_is_refused() {
        for (more, why) in [
            ("name = \"a\"\n", "expected hosts, a role or a tag"),
            (
                "name = \"others\"\nhosts = [\"*\"]\n",
                "which has who is in no ring",
            ),
            (
                "name = \"a\"\nhosts = [\"*\"]\npromote_at = 0\n",
                "from 1 to 100",
            ),
            (
                "name = \"a\"\nhosts = [\"*\"]\npromote_at = 101\n",
                "from 1 to 100",
            ),
            ("name = \"a\"\nhosts = [\"*\"]\npromote = 9\n", "promote"),
        ] {
            let error = patch(&format!("[[patch.ring]]\n{more}")).unwrap_err();
            assert!(error.to_string().contains(why), "{more}: {error}");
        }
        let twice = "[[patch.ring]]\nname = \"a\"\nhosts = [\"x\"]\n".repeat(2);
        assert!(
            patch(&twice)
                .unwrap_err()
                .to_string()
                .contains("each name once")
        );
    }
}
