//! What a file is, by its content: names lie, rotate and are missing. A name decides only between
//! things that content cannot tell apart.

use crate::{
    evtx::{CHUNK_MAGIC, FILE_MAGIC},
    input::Input,
    pairs,
    stamp::Around,
    syslog, vendor, web,
};

/// A form of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A Windows log.
    Evtx,
    /// JSON by lines, in arrays, one after another.
    Json,
    /// Windows events as XML.
    Xml,
    /// What auditd writes.
    Audit,
    /// `journalctl -o export`.
    Journal,
    /// RFC 3164 or RFC 5424, one message a line.
    Syslog,
    /// CEF by lines.
    Cef,
    /// LEEF by lines.
    Leef,
    /// W3C extended, of IIS, proxies and Exchange.
    W3c,
    /// Zeek's tables.
    Zeek,
    /// A table with a heading.
    Csv,
    /// The common and the combined form of Apache and nginx.
    Web,
    /// `name=value` by lines, of firewalls.
    Pairs,
    /// Lines with a time in their head.
    Text,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Evtx => "EVTX",
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Audit => "audit",
            Self::Journal => "journal export",
            Self::Syslog => "syslog",
            Self::Cef => "CEF",
            Self::Leef => "LEEF",
            Self::W3c => "W3C",
            Self::Zeek => "Zeek",
            Self::Csv => "CSV",
            Self::Web => "web server",
            Self::Pairs => "name=value",
            Self::Text => "text",
        })
    }
}

/// Whether a line is of a form.
type Test = fn(&str) -> bool;

/// Lines of the head that are looked at.
const LINES: usize = 64;

pub(crate) fn detect(name: &str, input: &Input<'_>) -> Option<Format> {
    let head = input.window();
    if head.starts_with(FILE_MAGIC) || head.starts_with(CHUNK_MAGIC) {
        return Some(Format::Evtx);
    }
    // The header of the file may be what is damaged.
    if head
        .get(..4096 + 8)
        .is_some_and(|head| head.ends_with(CHUNK_MAGIC))
        || is_evtx(name, head)
    {
        return Some(Format::Evtx);
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{1e}').trim_start();
    if let Some(format) = structured(text) {
        return Some(format);
    }
    by_lines(name, text)
}

fn is_evtx(name: &str, head: &[u8]) -> bool {
    let named = name.len() > 5 && name.to_ascii_lowercase().ends_with(".evtx");
    named && memchr::memmem::find(head, CHUNK_MAGIC).is_some()
}

fn structured(text: &str) -> Option<Format> {
    if let Some(rest) = text.strip_prefix('{') {
        return rest
            .trim_start()
            .starts_with(['"', '}'])
            .then_some(Format::Json);
    }
    if let Some(rest) = text.strip_prefix('[')
        && rest.trim_start().starts_with(['{', ']'])
    {
        return Some(Format::Json);
    }
    let element = |name: &str| text.starts_with(name);
    // A browser shows XML with dashes at what can be folded, and people copy that.
    if element("<?xml") || element("- <Event") || element("<Event") || element("<!--") {
        return Some(Format::Xml);
    }
    None
}

/// What most lines are.
fn by_lines(name: &str, text: &str) -> Option<Format> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let first = lines().next()?;
    if first.starts_with("#separator") {
        return Some(Format::Zeek);
    }
    let comments = || lines().take_while(|line| line.starts_with('#'));
    if comments().any(|line| line.to_ascii_lowercase().starts_with("#fields:")) {
        return Some(Format::W3c);
    }
    if lines()
        .take(8)
        .any(|line| line.starts_with("__CURSOR=") || line.starts_with("__REALTIME_TIMESTAMP="))
    {
        return Some(Format::Journal);
    }
    // The last line may be cut by the end of the head.
    let count = lines().take(LINES).count();
    let looked = if count > 1 && count < LINES {
        count
    } else {
        count.min(LINES)
    };
    let tests: [(Format, Test); 7] = [
        (Format::Audit, crate::audit::is_line),
        (Format::Web, web::is_line),
        (Format::Syslog, syslog::is_line),
        (Format::Cef, vendor::is_cef),
        (Format::Leef, vendor::is_leef),
        (Format::Pairs, pairs::is_line),
        (Format::Text, is_dated),
    ];
    let mut best: Option<(usize, Format)> = None;
    for (format, is) in tests {
        let fits = lines().take(looked).filter(|line| is(line)).count();
        if fits * 2 >= looked && best.is_none_or(|(most, _)| fits > most) {
            best = Some((fits, format));
        }
    }
    let best = best.map(|(_, format)| format);
    // A heading is unlike the lines of any other form; cells below it may look like them.
    let heads = !tests.iter().any(|(_, is)| is(first));
    if heads && crate::table::is_csv(name, first, lines().nth(1)) {
        return Some(Format::Csv);
    }
    best
}

/// Whether a time is in the head of a line.
fn is_dated(line: &str) -> bool {
    let around = Around {
        millis: Some(0),
        minutes_east: 0,
    };
    around.find(line).is_some()
}
