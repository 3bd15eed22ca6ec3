//! Where the hub puts the page and the console finds it. One value, replaced whole: a reader never
//! sees half of one look and half of the next.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Page;

/// What the hub shows. Clones show the same.
#[derive(Debug, Clone)]
pub struct Board {
    sender: watch::Sender<Option<Arc<Page>>>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// A board on which nothing has been judged yet.
    pub fn new() -> Self {
        Self {
            sender: watch::Sender::new(None),
        }
    }

    /// Replaces the page. Call it at least once a minute, also when nothing changed: a page that is
    /// older than two minutes is shown in amber, because then the hub may have stopped judging.
    pub fn show(&self, page: Page) {
        self.sender.send_replace(Some(Arc::new(page)));
    }

    /// The page as it was last shown.
    pub fn page(&self) -> Option<Arc<Page>> {
        self.sender.borrow().clone()
    }

    /// Wakes whenever the page was replaced.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Page>>> {
        self.sender.subscribe()
    }
}
