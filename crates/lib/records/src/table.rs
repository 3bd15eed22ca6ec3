//! Tables with a heading: W3C extended (`#Fields:`), Zeek's (`#fields`), CSV. A row with more cells than
//! the heading is not guessed at: it is lost and told, since each cell would be under a wrong name.

use crate::{Format, LossKind, Place, Source, input::Input, known, out::Out, record::Kind};

/// Columns of a table; a heading with more is no heading.
const MAX_COLUMNS: usize = 1024;

#[derive(Default)]
struct Heading {
    names: Vec<String>,
    delimiter: char,
    /// Cells may be in quotation marks.
    quoted: bool,
    source: Source,
}

pub(crate) fn read(format: Format, name: &str, input: &mut Input<'_>, out: &mut Out<'_>) {
    let mut heading = Heading {
        delimiter: match format {
            Format::Zeek => '\t',
            _ => ' ',
        },
        ..Heading::default()
    };
    let mut cells = Cells::default();
    let mut path = String::new();
    while let Some(line) = input.line() {
        let (number, ended) = (line.number, line.ended);
        let Some(text) = out.text(&line) else {
            continue;
        };
        if let Some(comment) = text.strip_prefix('#').filter(|_| format != Format::Csv) {
            heading.comment(format, comment, &mut path);
            out.report.lines -= 1; // because a comment is no row
            continue;
        }
        if heading.names.is_empty() && format == Format::Csv {
            heading.csv(name, &text);
            out.report.lines -= 1; // because a heading is no row
            continue;
        }
        row(&heading, &mut cells, &text, (number, ended), out);
    }
}

impl Heading {
    fn comment(&mut self, format: Format, comment: &str, path: &mut String) {
        let lower = comment.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("path\t") {
            path.clear();
            path.push_str(value.trim());
        }
        let Some(fields) = lower.strip_prefix("fields").and_then(|rest| {
            let from = comment.len() - rest.len();
            comment.get(from..)?.strip_prefix([':', '\t'])
        }) else {
            if lower.starts_with("software:") {
                self.source = software(&lower);
            }
            return;
        };
        let fields = fields.trim();
        if format == Format::W3c {
            // Exchange separates by commas, some proxies by tabs.
            self.delimiter = [',', '\t', ' ']
                .into_iter()
                .find(|one| fields.contains(*one))
                .unwrap_or(' ');
            self.quoted = true;
        } else {
            self.source = zeek(path);
        }
        self.names = fields
            .split(self.delimiter)
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .take(MAX_COLUMNS)
            .map(str::to_owned)
            .collect();
        if self.source == Source::default() && self.names.iter().any(|name| name.starts_with("cs-"))
        {
            self.source = Source::new("", "webserver", "");
        }
    }

    fn csv(&mut self, name: &str, text: &str) {
        self.delimiter = delimiter(name, text);
        self.quoted = true;
        let mut cells = Cells::default();
        cells.split(text, self);
        self.names = cells
            .iter()
            .take(MAX_COLUMNS)
            .map(|cell| cell.trim().to_owned())
            .collect();
    }
}

fn software(lower: &str) -> Source {
    if lower.contains("internet information services") {
        return Source::new("windows", "webserver", "iis");
    }
    if lower.contains("exchange") {
        return Source::new("windows", "", "exchange");
    }
    if lower.contains("sgos") || lower.contains("proxy") {
        return Source::new("", "proxy", "");
    }
    Source::default()
}

/// Zeek's logs that Sigma has a service for.
fn zeek(path: &str) -> Source {
    const LOGS: [&str; 8] = [
        "conn",
        "dce_rpc",
        "dns",
        "http",
        "kerberos",
        "rdp",
        "smb_files",
        "x509",
    ];
    let service = LOGS.iter().find(|log| **log == path).copied().unwrap_or("");
    Source::new("zeek", "", service)
}

/// The cells of a row, in a buffer that is used again.
#[derive(Default)]
struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let cell = self.text.get(from..*end).unwrap_or("");
            from = *end;
            cell
        })
    }

    /// Whether the last quotation was closed.
    fn split(&mut self, line: &str, heading: &Heading) -> bool {
        self.text.clear();
        self.ends.clear();
        let mut chars = line.chars().peekable();
        let (mut quoted, mut begin) = (false, true);
        while let Some(c) = chars.next() {
            if quoted {
                match (c, chars.peek()) {
                    ('"', Some('"')) => {
                        self.text.push('"');
                        chars.next();
                    }
                    ('"', _) => quoted = false,
                    _ => self.text.push(c),
                }
                continue;
            }
            if c == heading.delimiter {
                self.ends.push(self.text.len());
                begin = true;
            } else if c == '"' && begin && heading.quoted {
                (quoted, begin) = (true, false);
            } else {
                self.text.push(c);
                begin = false;
            }
        }
        self.ends.push(self.text.len());
        !quoted
    }
}

fn row(
    heading: &Heading,
    cells: &mut Cells,
    text: &str,
    (number, ended): (u64, bool),
    out: &mut Out<'_>,
) {
    let place = Place::Line(number);
    if heading.names.is_empty() {
        out.lose(LossKind::Malformed, place, "a row before the heading");
        return;
    }
    let closed = cells.split(text, heading);
    let (found, expected) = (cells.ends.len(), heading.names.len());
    if found > expected || (found < expected && heading.delimiter == ' ') || !closed {
        let kind = if ended {
            LossKind::Malformed
        } else {
            LossKind::Cut
        };
        let why = format!("expected {expected} cells, found {found}");
        out.lose(kind, place, &why);
        return;
    }
    if !ended && found < expected {
        out.lose(LossKind::Cut, place, "the file ends in it");
        return;
    }
    let around = out.around;
    let record = out.begin(place);
    for (name, cell) in heading.names.iter().zip(cells.iter()) {
        if matches!(cell, "-" | "(empty)") || (cell.is_empty() && heading.delimiter != ',') {
            record.add(name, Kind::Null, |_| {});
        } else {
            record.guess(name, cell);
        }
    }
    for (from, to) in ALIASES {
        record.also(from, to);
    }
    let time = match (record.get("date"), record.get("time")) {
        // W3C says that times are in UTC.
        (Some(date), Some(time)) => around.any(&format!("{date} {time}Z")),
        _ => record
            .get("date-time")
            .or_else(|| record.get("DateTime"))
            .and_then(|text| around.any(text)),
    };
    known::json(out);
    let record = &mut out.record;
    record.time = time.or(record.time);
    record.source = match heading.source {
        source if source == Source::default() => record.source,
        source => source,
    };
    for name in [
        "s-computername",
        "server-hostname",
        "ServerHostName",
        "s-ip",
    ] {
        if let Some(index) = record.position(name) {
            record.host_is(index);
        }
    }
    record.set_raw(text);
    out.emit();
}

/// Names of W3C and those that Sigma's webserver and proxy rules have for the same.
const ALIASES: [(&str, &str); 8] = [
    ("cs(User-Agent)", "cs-user-agent"),
    ("cs(User-Agent)", "c-useragent"),
    ("cs(Referer)", "cs-referer"),
    ("cs(Cookie)", "cs-cookie"),
    ("cs-uri-query", "c-uri-query"),
    ("cs-uri", "c-uri"),
    ("cs-uri-stem", "c-uri-stem"),
    ("cs(Host)", "cs-host"),
];

fn delimiter(name: &str, text: &str) -> char {
    if name.to_ascii_lowercase().ends_with(".tsv") {
        return '\t';
    }
    let count = |one: &char| text.matches(*one).count();
    [',', ';', '\t', '|']
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(',')
}

/// Whether the first lines are those of a table: names, and as many cells below.
pub(crate) fn is_csv(name: &str, first: &str, second: Option<&str>) -> bool {
    let mut heading = Heading::default();
    heading.csv(name, first);
    let named = heading.names.iter().all(|name| {
        name.len() <= 80
            && name
                .chars()
                .next()
                .is_some_and(|c| c.is_alphabetic() || "_@#".contains(c))
    });
    if heading.names.len() < 2 || !named || first.contains("://") {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let called = [".csv", ".tsv"].iter().any(|end| lower.ends_with(end));
    let mut cells = Cells::default();
    match second {
        Some(second) => {
            cells.split(second, &heading);
            cells.ends.len() == heading.names.len()
        }
        None => called,
    }
}
