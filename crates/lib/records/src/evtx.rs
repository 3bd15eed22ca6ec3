//! Windows logs. The records are the `evtx` crate's work; this module walks the chunks itself, because
//! a chunk that is broken, gone or behind a hole must cost itself alone, and must be counted.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use evtx::{EvtxChunkData, EvtxChunkHeader, ParserSettings, SerializedEvtxRecord, err::EvtxError};

use crate::{
    LossKind, Place, Stamp,
    input::Input,
    json::{self, Whole},
    known,
    out::Out,
};

const HEADER_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) const FILE_MAGIC: &[u8] = b"ElfFile\0";
pub(crate) const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// The most records that a chunk can hold: none is shorter than its header and the copy of its size.
const MAX_CHUNK_RECORDS: u64 = (CHUNK_BYTES as u64) / 28;

/// The file was not closed: its header tells of a state before the last chunks.
const DIRTY: u32 = 1;

pub(crate) fn read(input: &mut Input<'_>, out: &mut Out<'_>) {
    let header = Header::take(input, out);
    let settings = Arc::new(ParserSettings::default().indent(false));
    let (mut number, mut buffer) = (0, Vec::new());
    loop {
        input.fill_to(CHUNK_BYTES);
        let window = input.window();
        if window.is_empty() {
            break;
        }
        let block = window.get(..CHUNK_BYTES.min(window.len())).unwrap_or(&[]);
        if block.starts_with(CHUNK_MAGIC) {
            buffer.clear();
            buffer.extend_from_slice(block);
            if block.len() < CHUNK_BYTES && header.is_some() {
                let why = format!(
                    "{} of {CHUNK_BYTES} bytes of a chunk are there",
                    block.len()
                );
                let missing = (CHUNK_BYTES - block.len()) as u64;
                out.report
                    .lose(LossKind::Bytes, missing, Place::Chunk(number), &why);
            }
            buffer = chunk(buffer, number, &settings, out);
            input.consume(CHUNK_BYTES);
            number += 1;
            continue;
        }
        if block.iter().all(|byte| *byte == 0) {
            // Room that Windows has not used yet.
            input.consume(CHUNK_BYTES);
            number += 1;
            continue;
        }
        let place = Place::Byte(input.offset());
        if let Some(at) = memchr::memmem::find(block, CHUNK_MAGIC) {
            let why = "no chunk begins here";
            out.report.lose(LossKind::Bytes, at as u64, place, why);
            input.consume(at);
        } else {
            out.report
                .lose(LossKind::Chunk, 1, place, "no chunk begins here");
            input.consume(CHUNK_BYTES);
            number += 1;
        }
    }
    if let Some(header) = header {
        header.owed(number, out);
    }
}

/// What the header of the file says.
struct Header {
    chunks: u64,
    dirty: bool,
}

impl Header {
    fn take(input: &mut Input<'_>, out: &mut Out<'_>) -> Option<Self> {
        input.fill_to(HEADER_BYTES);
        let window = input.window();
        let head = window.get(..HEADER_BYTES.min(window.len())).unwrap_or(&[]);
        if head.starts_with(CHUNK_MAGIC) {
            return None;
        }
        let number = |at: usize, size: usize| {
            let bytes = head.get(at..at + size).unwrap_or(&[]);
            bytes
                .iter()
                .rev()
                .fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let known = head.starts_with(FILE_MAGIC);
        let header = Self {
            chunks: number(42, 2),
            dirty: number(120, 4) & u64::from(DIRTY) != 0,
        };
        let missing = HEADER_BYTES.saturating_sub(head.len()) as u64;
        let chunk = memchr::memmem::find(head, CHUNK_MAGIC);
        if missing > 0 {
            let why = "the file ends in its header";
            out.report.lose(LossKind::Bytes, missing, Place::File, why);
        } else if !known {
            let why = "the header of the file is damaged";
            out.report
                .lose(LossKind::Bytes, HEADER_BYTES as u64, Place::File, why);
        }
        input.consume(chunk.unwrap_or(HEADER_BYTES));
        known.then_some(header)
    }

    /// Chunks that the file says it has, beyond its end.
    fn owed(self, seen: u64, out: &mut Out<'_>) {
        // The field has 16 bits; a file that was not closed has more than it says, never fewer.
        let missing = self.chunks.saturating_sub(seen);
        if missing > 0 && seen < u64::from(u16::MAX) {
            let state = if self.dirty {
                ", and was not closed"
            } else {
                ""
            };
            let why = format!(
                "its header says {} chunks{state}; {seen} are there",
                self.chunks
            );
            out.report
                .lose(LossKind::Chunk, missing, Place::Chunk(seen), &why);
        }
    }
}

/// The records of a chunk; gives its buffer back.
fn chunk(
    bytes: Vec<u8>,
    number: u64,
    settings: &Arc<ParserSettings>,
    out: &mut Out<'_>,
) -> Vec<u8> {
    let place = Place::Chunk(number);
    let mut data = match EvtxChunkData::new(bytes, false) {
        Ok(data) => data,
        Err(error) => {
            out.lose(LossKind::Chunk, place, &error.to_string());
            return Vec::new();
        }
    };
    data.number = Some(number);
    if data.data.len() == CHUNK_BYTES && !data.validate_checksum() {
        out.lose(
            LossKind::Checksum,
            place,
            "the checksum of a chunk does not fit",
        );
    }
    let expected = expected(&data.header);
    let before = out.report.events + out.report.lost_of(LossKind::Malformed);
    if let Err(why) = records(&mut data, settings, out) {
        match expected {
            Some(_) => {} // they are counted below
            None => out.lose(LossKind::Chunk, place, &why),
        }
    }
    let told = out.report.events + out.report.lost_of(LossKind::Malformed) - before;
    let missing = expected.unwrap_or(0).saturating_sub(told);
    if missing > 0 {
        let why = format!(
            "a chunk says it has {} records; {told} were found",
            told + missing
        );
        out.report.lose(LossKind::Missing, missing, place, &why);
    }
    data.data
}

/// How many records a chunk says it has.
fn expected(header: &EvtxChunkHeader) -> Option<u64> {
    let (first, last) = (header.first_event_record_id, header.last_event_record_id);
    let count = last.checked_sub(first)?.checked_add(1)?;
    (count <= MAX_CHUNK_RECORDS).then_some(count)
}

fn records(
    data: &mut EvtxChunkData,
    settings: &Arc<ParserSettings>,
    out: &mut Out<'_>,
) -> Result<(), String> {
    // The crate forbids `unsafe` and is fuzzed; should it panic all the same, that costs one chunk.
    let mut parsed =
        caught(|| data.parse(Arc::clone(settings)))?.map_err(|error| error.to_string())?;
    let mut all = caught(|| parsed.iter())?;
    loop {
        // `each` is not inside: its panics are not ours to catch.
        let rendered = caught(|| {
            let record = all.next()?;
            Some(record.and_then(evtx::EvtxRecord::into_json_bytes))
        })?;
        match rendered {
            None => return Ok(()),
            Some(Ok(record)) => {
                let place = Place::Record(record.event_record_id);
                if let Err(why) = event(&record, place, out) {
                    out.lose(LossKind::Malformed, place, &why);
                }
            }
            Some(Err(error)) => {
                let place = Place::Record(number_of(&error));
                out.lose(LossKind::Malformed, place, &told(&error));
            }
        }
    }
}

fn event(
    record: &SerializedEvtxRecord<Vec<u8>>,
    place: Place,
    out: &mut Out<'_>,
) -> Result<(), String> {
    let json = out.decoded(&record.data, place);
    out.begin(place);
    json::fields(&json, &mut out.record, Whole::Document)?;
    known::json(out);
    // The head of a record has the time too, where the event does not say it.
    out.record.time.get_or_insert(Stamp {
        millis: record.timestamp.as_millisecond(),
        zoned: true,
    });
    out.record.source.product = "windows";
    out.record.set_raw(&json);
    out.emit();
    Ok(())
}

/// The record number in an error, or 0.
fn number_of(error: &EvtxError) -> u64 {
    match error {
        EvtxError::FailedToParseRecord { record_id, .. } => *record_id,
        _ => 0,
    }
}

/// A sentence for an error, with its cause.
fn told(error: &EvtxError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn caught<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| {
        "the decoder gave up on a chunk: its contents contradict each other".to_owned()
    })
}
