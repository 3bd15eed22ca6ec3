//! How each watched thing stands: what a page or a prompt shows.

use std::collections::BTreeMap;

use cordon_model::{Blindness, Standing, Text, Time, Watched};

use crate::{Account, State, Watch, book::Book, state::Wrong};

/// How one watched thing stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// In one word.
    pub standing: Standing,
    /// Its last sign of life; for a source its last event, for a feed the date that it bears.
    pub last: Option<Time>,
    /// When a probe last came back.
    pub proven: Option<Time>,
    /// Why it cannot look.
    pub blind: Option<Blindness>,
    /// When it is due, as far as that was learned, and when its silence is an alarm.
    pub expected: Option<Time>,
    /// See [`Outlook::expected`].
    pub alarm: Option<Time>,
    /// Why its silence cannot be judged.
    pub unjudged: Option<Text>,
    /// When it last missed something, and how much, if that is known.
    pub missed: Option<(Time, Option<u64>)>,
    /// Things seen in the running window, and errors among them.
    pub seen: (u64, u64),
}

impl Watch {
    /// How every pair of the policy stands; `fleet` is the memory of all hosts.
    pub fn accounts(&self, fleet: Option<&State>) -> Vec<Account> {
        let none = Book::default();
        let pairs = self.pairs.iter();
        pairs
            .map(|(name, pair)| {
                let book = fleet.and_then(|state| state.books.get(name));
                book.unwrap_or(&none).account(name, pair)
            })
            .collect()
    }

    /// How everything on one host stands at `at`. What never owed a sign of life is not in it.
    pub fn outlook(&self, state: &State, at: Time) -> BTreeMap<Watched, Outlook> {
        let mut all = BTreeMap::new();
        for (of, entry) in state.entries.iter().filter(|(_, entry)| !entry.invented) {
            let proven = match of {
                Watched::Control(name) => state.proofs.get(name).copied(),
                _ => None,
            };
            let missed = matches!(of, Watched::Control(name) if state.missed.contains(name));
            let fresh = proven.is_some_and(|when| at.since(when) <= self.limits.proof_age);
            let standing = if entry.blind.is_some() {
                Standing::Blind
            } else if entry.wrong.contains(&Wrong::Silent) {
                Standing::Silent
            } else if entry.wrong.iter().any(|wrong| *wrong != Wrong::Zone) || missed {
                Standing::Sick
            } else if fresh {
                Standing::Proven
            } else {
                Standing::Working
            };
            let last = match of {
                Watched::Source(_) | Watched::Feed(_) => entry.event,
                _ => entry.pulsed,
            };
            let (blind, seen) = (entry.blind.clone(), entry.share.totals());
            let (expected, alarm) = entry.habit.due();
            let (unjudged, missed) = (entry.habit.unjudged().cloned(), entry.missed);
            all.insert(
                of.clone(),
                Outlook {
                    standing,
                    last,
                    proven,
                    blind,
                    expected,
                    alarm,
                    unjudged,
                    missed,
                    seen,
                },
            );
        }
        all
    }
}
