//! Event logs read into named fields, whatever wrote them: Windows logs, JSON of many shippers, audit,
//! journal, syslog with CEF and LEEF, web servers, tables, XML exports.
//!
//! A search that finds nothing means something only if everything was looked at. So a file is
//! accounted for: each event is handed out or is in [`Report::lost`] with its reason and the place of the
//! first, and a file that nobody knows is an error and not an empty result. Names are those that the source
//! uses and that Sigma rules expect (`Image`, `cs-uri-stem`, `a0`); this crate knows nothing of rules.
//!
//! Nothing is opened here and no clock is read: bytes come from a [`std::io::Read`], and
//! [`Options::around`] says when they were written, for dates without a year.
//!
//! ```
//! let log = "Nov 25 03:12:09 mx1 sshd[77]: Failed password for root from 192.0.2.7 port 4 ssh2\n";
//! let options = records::Options { around: Some(1_795_600_000_000), ..Default::default() };
//! let mut seen = Vec::new();
//! let report = records::read("auth.log", log.as_bytes(), &options, &mut |record| {
//!     seen.push((record.host().unwrap_or("").to_owned(), record.get("program").unwrap_or("").to_owned()));
//! })?;
//! assert_eq!(seen, [("mx1".to_owned(), "sshd".to_owned())]);
//! assert_eq!((report.format, report.events, report.whole()), (records::Format::Syslog, 1, true));
//! # Ok::<(), records::ReadError>(())
//! ```
#![warn(missing_docs)]

mod audit;
mod detect;
mod evtx;
mod input;
mod journal;
mod json;
mod known;
mod lines;
mod out;
mod pairs;
mod record;
mod report;
mod stamp;
mod syslog;
mod table;
mod vendor;
mod web;
mod xml;

use std::io::Read;

pub use audit::MAX_OPEN_EVENTS;
pub use detect::Format;
pub use input::{MAX_LINE_BYTES, MAX_UNPACKED_BYTES};
pub use json::MAX_NESTING;
pub use record::{Kind, MAX_FIELDS, Place, Record, Sink, Source};
pub use report::{Loss, LossKind, Report, Unit};
pub use stamp::Stamp;

use input::Input;
use out::Out;
use stamp::Around;

/// What the bytes do not say themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// When the file was last written, in milliseconds since 1970: dates without a year are at most a
    /// day after it. Without it such dates are not told.
    pub around: Option<i64>,
    /// How far the clock that wrote times without a zone is ahead of UTC, in minutes.
    pub minutes_east: i16,
    /// What it is, where that is known; else its content decides, and its name where that may be
    /// several things.
    pub format: Option<Format>,
}

/// Why a file gives no events at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Nobody knows it.
    #[error(
        "no event log that is known (EVTX, JSON, XML, audit, journal, syslog, CEF, LEEF, W3C, CSV, web server); it begins `{0}`"
    )]
    Unknown(String),
    /// It must be unpacked first.
    #[error("packed with {0}, which is not unpacked here; gzip and xz are")]
    Packed(&'static str),
    /// Nothing could be read.
    #[error("nothing could be read: {0}")]
    Unreadable(String),
}

/// Reads a log, packed with gzip or xz or plain, and hands each event to `each`. `name` is that of the
/// file; it is a hint alone.
pub fn read<'r>(
    name: &str,
    from: impl Read + 'r,
    options: &Options,
    each: &mut dyn FnMut(&Record),
) -> Result<Report, ReadError> {
    let mut input = Input::open(from)?;
    if input.window().is_empty() {
        return Err(match input.error() {
            Some(error) => ReadError::Unreadable(error.to_owned()),
            None => ReadError::Empty,
        });
    }
    let format = match options.format {
        Some(format) => format,
        None => detect::detect(name, &input)
            .ok_or_else(|| ReadError::Unknown(report::shown(input.window())))?,
    };
    let around = Around {
        millis: options.around,
        minutes_east: options.minutes_east,
    };
    let mut out = Out::new(format, around, each);
    match format {
        Format::Evtx => evtx::read(&mut input, &mut out),
        Format::Json => json::read(&mut input, &mut out),
        Format::Xml => xml::read(&mut input, &mut out),
        Format::Audit => audit::read(&mut input, &mut out),
        Format::Journal => journal::read(&mut input, &mut out),
        Format::W3c | Format::Zeek | Format::Csv => table::read(format, name, &mut input, &mut out),
        Format::Syslog
        | Format::Cef
        | Format::Leef
        | Format::Web
        | Format::Pairs
        | Format::Text => {
            lines::read(format, &mut input, &mut out);
        }
    }
    if let Some(error) = input.error() {
        out.report
            .lose(LossKind::Rest, 0, Place::Byte(input.offset()), error);
    }
    Ok(out.report)
}
