//! `name=value` in a row, as firewalls and many programs write it; values may be quoted.

use crate::{Record, record::Source};

/// Fewer pairs than this are a sentence with an equals sign in it.
const LEAST_PAIRS: usize = 4;

/// The pairs of a text; what is no pair is passed over.
pub(crate) struct Pairs<'t> {
    rest: &'t str,
    /// Words that are no pairs.
    pub(crate) strays: usize,
}

impl<'t> Pairs<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            rest: text,
            strays: 0,
        }
    }
}

impl<'t> Iterator for Pairs<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self
                .rest
                .trim_start_matches([' ', '\t', ',', ';', '\u{1d}']);
            if text.is_empty() {
                self.rest = text;
                return None;
            }
            let end = text
                .find([' ', '\t', '=', '"', '\u{1d}'])
                .unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            let Some(value) = rest.strip_prefix('=').filter(|_| !name.is_empty()) else {
                self.strays += 1;
                let step = end.max(rest.chars().next().map_or(1, char::len_utf8));
                let quoted = rest.starts_with('"').then(|| closing(text, '"')).flatten();
                self.rest = text.get(quoted.unwrap_or(step)..).unwrap_or("");
                continue;
            };
            let (value, rest) = value_of(value);
            self.rest = rest;
            return Some((name, value));
        }
    }
}

/// Where a quotation that begins in `text` ends.
fn closing(text: &str, quote: char) -> Option<usize> {
    let from = text.find(quote)? + 1;
    Some(from + text.get(from..)?.find(quote)? + 1)
}

/// A value and what follows it.
fn value_of(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        let Some(inner) = text.strip_prefix(quote) else {
            continue;
        };
        let mut escaped = false;
        for (at, c) in inner.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    let rest = inner.get(at + 1..).unwrap_or("");
                    // A quotation mark inside of a value that nobody escaped.
                    if rest.is_empty() || rest.starts_with([' ', '\t', ',', ';', '\u{1d}']) {
                        return (inner.get(..at).unwrap_or(""), rest);
                    }
                }
                _ => {}
            }
        }
        return (inner, "");
    }
    let end = text.find([' ', '\t', '\u{1d}']).unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (value.trim_end_matches([',', ';']), rest)
}

/// Whether a text is mostly pairs.
pub(crate) fn is_line(text: &str) -> bool {
    let mut pairs = Pairs::new(text);
    let count = pairs.by_ref().take(64).count();
    count >= LEAST_PAIRS && pairs.strays <= count
}

/// Names of firewalls and the names that Sigma's taxonomy gives them.
const ALIASES: [(&str, &str); 8] = [
    ("SRC", "src_ip"),
    ("DST", "dst_ip"),
    ("SPT", "src_port"),
    ("DPT", "dst_port"),
    ("srcip", "src_ip"),
    ("dstip", "dst_ip"),
    ("srcport", "src_port"),
    ("dstport", "dst_port"),
];

/// Adds the pairs of a text that is mostly pairs; whether it was.
pub(crate) fn fields(text: &str, record: &mut Record) -> bool {
    if !is_line(text) {
        return false;
    }
    for (name, value) in Pairs::new(text) {
        record.guess(name, value);
    }
    let names = |one: &str| record.position(one).is_some();
    let iptables = names("IN") && names("OUT") && names("SRC");
    let fortinet = names("devid") && names("logid");
    if iptables || fortinet {
        record.source = Source::new(if fortinet { "fortigate" } else { "linux" }, "firewall", "");
        for (from, to) in ALIASES {
            record.also(from, to);
        }
    }
    true
}
