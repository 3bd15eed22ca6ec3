//! One pass over a log file: every line as a fact, then a pulse with its count, its errors and its
//! last event.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    ops::ControlFlow,
    path::PathBuf,
};

use cordon_model::{Cursor, End, Host, Sense, Sensed, SourceName};

use crate::{
    lines::Lines,
    place::{time, written},
    syslog::Zone,
    voice::{Count, Out, Voice, blind},
};

/// Bytes read at once.
const BUFFER: usize = 64 * 1024;

/// A file as a source.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Whose it is.
    pub host: Host,
    /// What it is called.
    pub source: SourceName,
    /// Where it is.
    pub path: PathBuf,
    /// Phrases that make a line an error, beside the usual words.
    pub errors: Vec<String>,
}

impl Sense for LogFile {
    fn sense(
        &mut self,
        _from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        let mut count = Count::default();
        let passed = self.pass(&mut count, out);
        let mut told = match passed {
            Ok(ControlFlow::Break(())) => return End::Stopped,
            Ok(ControlFlow::Continue(())) => self.voice().cut(&count).into_iter(),
            Err(error) => {
                return End::Blind {
                    why: blind(&self.path, &error),
                };
            }
        };
        let gap = told.try_for_each(|gap| out(gap, None));
        if gap.is_break() || out(self.voice().pulse(&count), None).is_break() {
            return End::Stopped;
        }
        End::Finished { seen: count.seen }
    }
}

impl LogFile {
    fn voice(&self) -> Voice<'_> {
        Voice {
            host: &self.host,
            source: &self.source,
            errors: &self.errors,
            zone: Zone::default(),
        }
    }

    fn pass(&self, count: &mut Count, out: Out<'_>) -> io::Result<ControlFlow<()>> {
        let about = fs::metadata(&self.path)?;
        if !about.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let written = time(written(&about));
        let mut lines = Lines::new(BufReader::with_capacity(BUFFER, File::open(&self.path)?));
        let mut cut = 0;
        while let Some(text) = lines.next_line()? {
            let over = lines.cut - cut;
            cut = lines.cut;
            count.last = Some(written);
            let sensed = self.voice().line(&text, over, written, count);
            if out(sensed, None).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
