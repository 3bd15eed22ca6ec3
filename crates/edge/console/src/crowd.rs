//! How many may be connected, and who goes when there are too many.
//!
//! A slow client costs a connection for as long as it likes. So there is a limit, and at the limit the
//! oldest connection of a stranger is closed for the newcomer: five hundred of them close each other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::task::AbortHandle;

/// Most connections at one time. A browser holds at most six, so this is ten browsers.
pub(crate) const MAX_CONNECTIONS: usize = 64;

/// Whether a connection has shown the session.
#[derive(Clone, Default)]
pub(crate) struct Mark(Arc<AtomicBool>);

impl Mark {
    pub(crate) fn set_known(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_known(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Everyone who is connected.
#[derive(Clone, Default)]
pub(crate) struct Crowd {
    members: Arc<Mutex<BTreeMap<u64, (Mark, AbortHandle)>>>,
    closed: Arc<AtomicU64>,
    arrivals: Arc<AtomicU64>,
}

/// Leaves the crowd when dropped, however its connection ended.
pub(crate) struct Seat {
    crowd: Crowd,
    number: u64,
}

impl Crowd {
    /// A place for a newcomer, and its number.
    pub(crate) fn seat(&self) -> Seat {
        self.make_room();
        let number = self.arrivals.fetch_add(1, Ordering::Relaxed);
        Seat {
            crowd: self.clone(),
            number,
        }
    }

    /// Takes the seat; `task` can be ended from here on.
    pub(crate) fn sit(&self, number: u64, mark: Mark, task: AbortHandle) {
        self.members().insert(number, (mark, task));
    }

    /// How many connections were closed for a newcomer.
    pub(crate) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }

    fn make_room(&self) {
        let mut members = self.members();
        while members.len() >= MAX_CONNECTIONS {
            let stranger = members.iter().find(|(_, (mark, _))| !mark.is_known());
            let oldest = stranger
                .or_else(|| members.first_key_value())
                .map(|(number, _)| *number);
            let Some((_, task)) = oldest.and_then(|number| members.remove(&number)) else {
                return;
            };
            task.abort();
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<u64, (Mark, AbortHandle)>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.members().remove(&self.number);
    }
}
