//! The public CSV of Microsoft's bulletins and updates (`DatePosted,CVE,BulletinKB,…`), which two
//! thirds of all offline audits of Windows start from. Each line ends as a row or as a line that is
//! told as rejected: a feed that silently shrank makes every host look patched.

use memchr::{memchr, memchr2};

use super::{FeedBuilder, FeedError, Raw, Reject};

/// The longest field that is read, in bytes; a longer one rejects its line.
pub(crate) const MAX_FIELD_BYTES: usize = 64 << 10;

/// The columns, in the order of [`Raw`]; `Exploits` may be absent.
const COLUMNS: [&str; 9] = [
    "DatePosted",
    "CVE",
    "BulletinKB",
    "Title",
    "AffectedProduct",
    "AffectedComponent",
    "Impact",
    "Supersedes",
    "Severity",
];

/// Most columns of a line that are looked at.
const MAX_COLUMNS: usize = 16;

/// Reads all of `text` into `into`.
pub(crate) fn read(into: &mut FeedBuilder, text: &[u8]) -> Result<(), FeedError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = Lines {
        text,
        at: 0,
        line: 1,
    };
    let mut fields = [&b""[..]; MAX_COLUMNS];
    let header_count = loop {
        match lines.next(&mut fields) {
            None => return Err(FeedError::Empty),
            Some(Ok(0)) => {}
            Some(Ok(count)) => break count,
            Some(Err(_)) => {
                return Err(FeedError::Header {
                    missing: COLUMNS[0],
                });
            }
        }
    };
    let mut order = [0; COLUMNS.len()];
    for (slot, name) in order.iter_mut().zip(COLUMNS) {
        let header = fields.iter().take(header_count);
        let place = header
            .clone()
            .position(|field| field.eq_ignore_ascii_case(name.as_bytes()));
        *slot = place.ok_or(FeedError::Header { missing: name })?;
    }
    let widest = order.iter().copied().max().unwrap_or(0);
    while let Some(parsed) = {
        let line = lines.line;
        lines.next(&mut fields).map(|parsed| (line, parsed))
    } {
        match parsed {
            (_, Ok(0)) => {}
            (_, Ok(count)) if count > widest => {
                let field = |column: usize| {
                    let place = order.get(column).copied().unwrap_or(0);
                    fields.get(place).copied().unwrap_or(&[])
                };
                let raw = Raw {
                    date: field(0),
                    cve: field(1),
                    kb: field(2),
                    title: field(3),
                    product: field(4),
                    component: field(5),
                    impact: field(6),
                    supersedes: field(7),
                    severity: field(8),
                };
                into.row(parsed.0, &raw)?;
            }
            (line, Ok(_)) => into.reject(line, Reject::Columns),
            (line, Err(why)) => into.reject(line, why),
        }
    }
    Ok(())
}

/// Records of a CSV whose quoted fields may hold line ends.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    /// The next record's fields; 0 for a blank line or a comment.
    fn next(&mut self, fields: &mut [&'a [u8]; MAX_COLUMNS]) -> Option<Result<usize, Reject>> {
        let rest = self.text.get(self.at..)?;
        match rest.first()? {
            b'\n' | b'\r' | b'#' => {
                self.skip_line();
                return Some(Ok(0));
            }
            _ => {}
        }
        let mut count = 0;
        loop {
            let (field, ended) = match self.field() {
                Ok(field) => field,
                Err(why) => {
                    self.skip_line();
                    return Some(Err(why));
                }
            };
            if let Some(slot) = fields.get_mut(count) {
                *slot = field;
                count += 1;
            }
            if ended {
                return Some(Ok(count));
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        self.at += memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        self.line += 1;
    }

    /// One field without its quotes, and whether the record ends behind it. Doubled quotes stay
    /// doubled: no column that is compared has one.
    fn field(&mut self) -> Result<(&'a [u8], bool), Reject> {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        if rest.first() != Some(&b'"') {
            let end = memchr2(b',', b'\n', rest).unwrap_or(rest.len());
            let field = rest.get(..end).unwrap_or(&[]);
            let ended = rest.get(end) != Some(&b',');
            self.at += end + 1;
            self.line += usize::from(ended);
            return Ok((field.strip_suffix(b"\r").unwrap_or(field), ended));
        }
        let mut end = 1;
        loop {
            let tail = rest.get(end..).unwrap_or(&[]);
            end += memchr(b'"', tail).ok_or(Reject::OpenQuote)?;
            if rest.get(end + 1) != Some(&b'"') {
                break;
            }
            end += 2;
        }
        let field = rest.get(1..end).unwrap_or(&[]);
        if field.len() > MAX_FIELD_BYTES {
            return Err(Reject::FieldTooLong);
        }
        self.line += memchr::memchr_iter(b'\n', field).count();
        self.at += end + 1;
        match self.text.get(self.at..).unwrap_or(&[]) {
            [b',', ..] => {
                self.at += 1;
                Ok((field, false))
            }
            [b'\r', b'\n', ..] => {
                self.at += 2;
                self.line += 1;
                Ok((field, true))
            }
            [b'\n', ..] => {
                self.at += 1;
                self.line += 1;
                Ok((field, true))
            }
            [] => Ok((field, true)),
            _ => Err(Reject::BehindQuote),
        }
    }
}
