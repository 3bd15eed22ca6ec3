//! Where readers put events: one record that is filled again and again, and the account of the file.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

use crate::{Format, LossKind, Place, Record, Report, input::Line, stamp::Around};

pub(crate) struct Out<'o> {
    pub(crate) record: Record,
    pub(crate) report: Report,
    pub(crate) around: Around,
    each: &'o mut dyn FnMut(&Record),
}

impl<'o> Out<'o> {
    pub(crate) fn new(format: Format, around: Around, each: &'o mut dyn FnMut(&Record)) -> Self {
        Self {
            record: Record::default(),
            report: Report::new(format),
            around,
            each,
        }
    }

    /// An empty record for the event at `place`.
    pub(crate) fn begin(&mut self, place: Place) -> &mut Record {
        self.record.clear();
        self.record.place = place;
        &mut self.record
    }

    /// Hands the record out.
    pub(crate) fn emit(&mut self) {
        let left_out = self.record.left_out();
        if left_out > 0 {
            let place = self.record.place;
            self.report.lose(
                LossKind::Fields,
                left_out,
                place,
                "more fields than the limit",
            );
        }
        self.report.events += 1;
        self.report.seen(self.record.time);
        (self.each)(&self.record);
    }

    /// One event is lost.
    pub(crate) fn lose(&mut self, kind: LossKind, place: Place, why: &str) {
        self.report.lose(kind, 1, place, why);
    }

    /// The text of a line, or nothing: if it is blank, or too long, which is told.
    pub(crate) fn text<'l>(&mut self, line: &Line<'l>) -> Option<Cow<'l, str>> {
        if line.long {
            self.report.lines += 1;
            let place = Place::Line(line.number);
            self.lose(LossKind::Long, place, "a line over the limit");
            return None;
        }
        if line.bytes.trim_ascii().is_empty() {
            return None;
        }
        self.report.lines += 1;
        Some(self.decoded(line.bytes, Place::Line(line.number)))
    }

    /// UTF-8, or else what Windows-1252 makes of it.
    pub(crate) fn decoded<'b>(&mut self, bytes: &'b [u8], place: Place) -> Cow<'b, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(error) => {
                self.report
                    .lose(LossKind::Encoding, 1, place, &format!("not UTF-8: {error}"));
                WINDOWS_1252.decode_without_bom_handling(bytes).0
            }
        }
    }
}
