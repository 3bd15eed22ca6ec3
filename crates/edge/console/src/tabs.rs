//! How many pages may wait for changes at one time.
//!
//! A browser opens six connections to one address and lets the seventh wait in silence. Each open page
//! holds one, so with six pages open a seventh would look as if Cordon were down. The oldest is told to
//! rest instead, and says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Most pages that wait for changes. Two of a browser's six connections stay free.
pub(crate) const MAX_TABS: usize = 4;

/// Every page that waits for changes.
#[derive(Clone, Default)]
pub(crate) struct Tabs(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    tabs: BTreeMap<u64, Arc<Notify>>,
}

/// One page that waits; leaves when dropped.
pub(crate) struct Tab {
    all: Tabs,
    number: u64,
    rest: Arc<Notify>,
}

impl Tabs {
    /// A place for one more; the oldest rests if there are too many.
    pub(crate) fn open(&self) -> Tab {
        let mut open = self.lock();
        while open.tabs.len() >= MAX_TABS {
            if let Some((_, oldest)) = open.tabs.pop_first() {
                oldest.notify_one();
            }
        }
        let (number, rest) = (open.next, Arc::<Notify>::default());
        open.next += 1;
        open.tabs.insert(number, rest.clone());
        Tab {
            all: self.clone(),
            number,
            rest,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tab {
    /// Resolves when newer pages took the places.
    pub(crate) async fn rest(&self) {
        self.rest.notified().await;
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.all.lock().tabs.remove(&self.number);
    }
}
