//! Lines on their way to the hub, in batches: a word a line costs the pipe and the store more than the line,
//! and lines that become durable without the pulse that counts them are missing from every count after a
//! kill.

use std::{collections::BTreeMap, ops::ControlFlow};

use cordon_logs_edge::Parser;
use cordon_model::{Cursor, Fact, Host, Sensed, SourceName};

use super::frames::{Send, Word};

/// Most facts of one batch: more than a reader puts before its pulse.
const MAX_BATCH: usize = 1024;

/// What one sensor saw since it last spoke.
pub(super) struct Gather<'p> {
    /// Makes named fields of its lines, where rules look at them: they are durable with the lines.
    parser: Option<(&'p mut Parser, Host, SourceName)>,
    /// The sensor's name among the cursors.
    name: String,
    sensed: Vec<Sensed>,
    cursor: Option<Cursor>,
    bytes: usize,
}

/// About how many bytes of text one batch has; far below the largest frame.
const MAX_BATCH_BYTES: usize = 1 << 20;

impl<'p> Gather<'p> {
    pub(super) const fn of(name: String) -> Self {
        Self {
            parser: None,
            name,
            sensed: Vec::new(),
            cursor: None,
            bytes: 0,
        }
    }

    /// With named fields beside the lines.
    pub(super) fn parsed(mut self, parser: &'p mut Parser, host: Host, source: SourceName) -> Self {
        self.parser = Some((parser, host, source));
        self
    }

    /// Takes one fact in; what ends a batch sends it.
    pub(super) fn take(
        &mut self,
        sensed: Sensed,
        cursor: Option<Cursor>,
        send: Send<'_>,
    ) -> ControlFlow<()> {
        let more = match &sensed.fact {
            Fact::Log(line) => {
                self.bytes += line.text.as_str().len();
                self.sensed.len() + 1 < MAX_BATCH && self.bytes < MAX_BATCH_BYTES
            }
            _ => false,
        };
        if let (Fact::Log(line), Some((parser, ..))) = (&sensed.fact, &mut self.parser) {
            parser.push(line.text.as_str(), sensed.said);
        }
        if !more {
            self.parse();
        }
        self.sensed.push(sensed);
        self.cursor = cursor.or(self.cursor.take());
        if more {
            ControlFlow::Continue(())
        } else {
            self.flush(send)
        }
    }

    fn parse(&mut self) {
        if let Some((parser, host, source)) = &mut self.parser {
            self.sensed.extend(parser.drain(host, source));
        }
    }

    /// Sends what is left.
    pub(super) fn flush(&mut self, send: Send<'_>) -> ControlFlow<()> {
        self.parse();
        if self.sensed.is_empty() {
            return ControlFlow::Continue(());
        }
        self.bytes = 0;
        let cursor = self.cursor.take().map(|cursor| (self.name.clone(), cursor));
        send(Word::Together {
            sensed: std::mem::take(&mut self.sensed),
            cursors: BTreeMap::from_iter(cursor),
        })
    }
}
