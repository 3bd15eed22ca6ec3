//! What is said over a connection, until it ends.

use std::{
    io::{self, BufReader, Read, Write},
    time::{Duration, Instant},
};

use super::{
    Ear,
    framing::{Framer, Framing},
    lumberjack::{self, Event},
    stream::Line,
};
use crate::spool::{Item, segment::Kind};

/// Bytes read at once.
const BUFFER_BYTES: usize = 32 * 1024;

/// Content that is spooled at once, in bytes: some more where a message is longer.
const CHUNK_BYTES: usize = 256 * 1024;

/// How often Beats are told to be patient while there is no room. They give up after 30 s of silence.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is spoken at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    Syslog,
    Json,
    Beats,
}

/// A connection, encrypted or not.
pub(super) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

pub(super) fn serve(
    speech: Speech,
    stream: &mut dyn Stream,
    ear: &Ear,
    line: &Line,
) -> io::Result<()> {
    match speech {
        Speech::Syslog => messages(Framing::Syslog, Kind::Stream, stream, ear, line),
        Speech::Json => messages(Framing::Lines, Kind::Json, stream, ear, line),
        Speech::Beats => windows(stream, ear, line),
    }
}

/// Messages that nobody acknowledges: they are handed to the kernel before the next are read.
fn messages(
    framing: Framing,
    kind: Kind,
    stream: &mut dyn Stream,
    ear: &Ear,
    line: &Line,
) -> io::Result<()> {
    let mut framer = Framer::new(framing);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let got = match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other,
        };
        let mut chunk = Chunk::new(kind, ear, line);
        let mut take = |message: &[u8], over: u64| chunk.add(message.to_vec(), over);
        let ended = match &got {
            Ok(0) | Err(_) => {
                framer.end(&mut take);
                true
            }
            Ok(count) => {
                framer.push(buffer.get(..*count).unwrap_or_default(), &mut take); // default: because it was read into it
                false
            }
        };
        chunk.put(&mut || Ok(()))?;
        if ended {
            return got.map(drop);
        }
    }
}

/// Windows of Beats: each is acknowledged when all of it outlives a power cut.
fn windows(stream: &mut dyn Stream, ear: &Ear, line: &Line) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, Both(stream));
    let mut chunk = Chunk::new(Kind::Beats, ear, line);
    let mut said = Instant::now();
    loop {
        let mut last_seq = None;
        let window = lumberjack::read_window(&mut reader, &mut |event: Event| {
            chunk.add(event.content, event.over);
            if chunk.is_full() {
                last_seq = chunk.put(&mut || Ok(()))?;
            }
            Ok(())
        })?;
        let Some(number) = window else {
            return Ok(());
        };
        let stream = reader.get_mut();
        let rest = chunk.put(&mut || {
            if said.elapsed() >= PATIENCE {
                said = Instant::now();
                stream.0.write_all(&lumberjack::ack(0))?;
            }
            Ok(())
        })?;
        if let Some(seq) = rest.or(last_seq) {
            ear.spool.sync(seq).map_err(|_| super::gone())?;
        }
        stream.0.write_all(&lumberjack::ack(number))?;
        stream.0.flush()?;
    }
}

/// A stream that is lent.
struct Both<'s>(&'s mut dyn Stream);

impl Read for Both<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Messages on their way to the spool.
struct Chunk<'c> {
    kind: Kind,
    ear: &'c Ear,
    line: &'c Line,
    messages: Vec<(Vec<u8>, u64)>,
    bytes: usize,
}

impl<'c> Chunk<'c> {
    const fn new(kind: Kind, ear: &'c Ear, line: &'c Line) -> Self {
        Self {
            kind,
            ear,
            line,
            messages: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, message: Vec<u8>, over: u64) {
        self.bytes += message.len();
        self.messages.push((message, over));
    }

    const fn is_full(&self) -> bool {
        self.bytes >= CHUNK_BYTES
    }

    /// Spools them; the number of the last, if there were any.
    fn put(&mut self, waiting: &mut dyn FnMut() -> io::Result<()>) -> io::Result<Option<u64>> {
        if self.messages.is_empty() {
            return Ok(None);
        }
        let items: Vec<Item<'_>> = self
            .messages
            .iter()
            .map(|(content, over)| Item {
                kind: self.kind,
                listener: self.ear.name.as_str(),
                peer: self.line.peer,
                over: *over,
                content,
            })
            .collect();
        let seq = self.ear.put(&items, waiting)?;
        self.messages.clear();
        self.bytes = 0;
        self.line.heard();
        Ok(Some(seq))
    }
}
