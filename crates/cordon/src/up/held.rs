//! What is not durable yet.

use std::collections::BTreeMap;

use cordon_engine::Batch;
use cordon_model::Cursor;
use cordon_store::{HistoryRow, HourRow, OutboxRow};
use cordon_tell::Letter;

/// Most lines of history, and most letters, held while the store takes none. What is beyond is counted
/// and told.
const MAX_HELD: usize = 10_000;

/// What waits for the store.
#[derive(Default)]
pub(super) struct Held {
    pub(super) batch: Option<Batch>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) said: Vec<HistoryRow>,
    pub(super) outbox: Vec<OutboxRow>,
    pub(super) hours: Vec<HourRow>,
    /// Lines of history that were not kept.
    pub(super) dropped: u64,
    /// Whether people must hear of it at once.
    pub(super) news: bool,
    /// Facts since the last commit.
    pub(super) facts: usize,
}

impl Held {
    pub(super) fn tell(&mut self, letter: &Letter) {
        match serde_json::to_vec(letter) {
            Ok(body) if self.outbox.len() < MAX_HELD => {
                let kind = "letter".to_owned();
                self.outbox.push(OutboxRow { kind, body });
            }
            _ => self.dropped += 1,
        }
    }

    pub(super) fn say(&mut self, row: HistoryRow) {
        self.news = true;
        if self.said.len() < MAX_HELD {
            self.said.push(row);
        } else {
            self.dropped += 1;
        }
    }
}
