//! CEF (`ArcSight`, "Common Event Format", version 26) and LEEF (IBM, 1.0 and 2.0), wherever in a line they
//! begin. Keys stay those of the vendor; what a label names is added under its name too.

use crate::{Record, record::Source};

pub(crate) fn is_cef(line: &str) -> bool {
    line.starts_with("CEF:")
}

pub(crate) fn is_leef(line: &str) -> bool {
    line.starts_with("LEEF:")
}

/// Adds the fields of CEF or LEEF in a text; whether there is any.
pub(crate) fn fields(text: &str, record: &mut Record) -> bool {
    let at = |mark: &str| {
        let at = text.find(mark)?;
        // Some write a blank after the colon.
        let version = text.get(at + mark.len()..)?.trim_start();
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(version)
    };
    if let Some(rest) = at("CEF:") {
        return cef(rest, record);
    }
    at("LEEF:").is_some_and(|rest| leef(rest, record))
}

/// Parts of a heading between bars; a bar may be escaped. The last is all that follows.
fn heading<const N: usize>(text: &str) -> Option<([&str; N], &str)> {
    let mut parts = [""; N];
    let mut rest = text;
    for part in &mut parts {
        let mut escaped = false;
        let bar = rest.char_indices().find(|(_, c)| match c {
            _ if escaped => {
                escaped = false;
                false
            }
            '\\' => {
                escaped = true;
                false
            }
            c => *c == '|',
        });
        // Without a last bar the extension is empty.
        let end = bar.map_or(rest.len(), |(at, _)| at);
        (*part, rest) = rest.split_at_checked(end)?;
        rest = rest.strip_prefix('|').unwrap_or("");
    }
    Some((parts, rest))
}

/// CEF without its tag, as a relay leaves it.
pub(crate) fn bare_cef(text: &str, record: &mut Record) -> bool {
    let headed = text.starts_with("0|") || text.starts_with("1|");
    headed && text.matches('|').count() >= 6 && cef(text, record)
}

fn cef(text: &str, record: &mut Record) -> bool {
    const NAMES: [&str; 7] = [
        "CEFVersion",
        "DeviceVendor",
        "DeviceProduct",
        "DeviceVersion",
        "DeviceEventClassID",
        "Name",
        "Severity",
    ];
    let Some((parts, extension)) = heading::<7>(text) else {
        return false;
    };
    if parts.get(3).is_none_or(|part| part.is_empty()) && extension.is_empty() {
        return false;
    }
    for (name, value) in NAMES.into_iter().zip(parts) {
        unescaped(name, value, record);
    }
    let from = record.len();
    for (name, value) in Extension(extension) {
        unescaped(name, value, record);
    }
    labels(from, record);
    product(parts.get(1).copied().unwrap_or(""), record);
    true
}

/// `cs1Label=Rule cs1=7` is also `Rule=7`.
fn labels(from: usize, record: &mut Record) {
    let labels: Vec<(String, String)> = record
        .since(from)
        .filter_map(|(name, _, value)| {
            Some((name.strip_suffix("Label")?.to_owned(), value.to_owned()))
        })
        .collect();
    for (name, label) in labels {
        record.also(&name, &label);
    }
}

fn product(vendor: &str, record: &mut Record) {
    const VENDORS: [(&str, &str, &str); 3] = [
        ("Fortinet", "fortigate", ""),
        ("Cisco", "cisco", ""),
        ("Check Point", "", "firewall"),
    ];
    record.source = match VENDORS.iter().find(|(name, _, _)| *name == vendor) {
        Some((_, product, category)) => Source::new(product, category, ""),
        None => Source::default(),
    };
}

/// A value without its escapes.
fn unescaped(name: &str, value: &str, record: &mut Record) {
    if !value.contains('\\') {
        record.guess(name, value);
        return;
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ ('\\' | '|' | '='))) => {
                text.push(next);
                chars.next();
            }
            ('\\', Some('n')) => {
                text.push('\n');
                chars.next();
            }
            ('\\', Some('r')) => {
                text.push('\r');
                chars.next();
            }
            (c, _) => text.push(c),
        }
    }
    record.text(name, &text);
}

/// `key=value with blanks key=value`: a value ends where the next key begins.
struct Extension<'t>(&'t str);

impl<'t> Iterator for Extension<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start();
        let (key, rest) = text.split_once('=')?;
        // What has no key is passed over.
        let key = key.rsplit(' ').next().unwrap_or(key);
        let end = next_key(rest).unwrap_or(rest.len());
        let (value, after) = rest.split_at_checked(end)?;
        self.0 = after;
        Some((key, value.trim_end()))
    }
}

/// Where a blank is that a key and an equals sign follow.
fn next_key(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find('=') {
        let at = from + found;
        let before = bytes.get(..at)?;
        let key = before
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-[]:".contains(byte))
            .count();
        let blank = at.checked_sub(key + 1).and_then(|at| bytes.get(at));
        if key > 0 && blank == Some(&b' ') {
            return Some(at - key - 1);
        }
        from = at + 1;
    }
    None
}

fn leef(text: &str, record: &mut Record) -> bool {
    const NAMES: [&str; 5] = ["LEEFVersion", "Vendor", "Product", "Version", "EventID"];
    let Some((parts, rest)) = heading::<5>(text) else {
        return false;
    };
    let two = parts
        .first()
        .is_some_and(|version| version.starts_with('2'));
    let (mut delimiter, mut rest) = ('\t', rest);
    if two
        && let Some((told, after)) = rest.split_once('|')
        && let Some(known) = delimiter_of(told)
    {
        (delimiter, rest) = (known, after);
    }
    for (name, value) in NAMES.into_iter().zip(parts) {
        record.guess(name, value);
    }
    for pair in rest.split(delimiter) {
        if let Some((name, value)) = pair.trim().split_once('=') {
            record.guess(name, value);
        }
    }
    true
}

/// `^`, `x5E` or `0x5E`; a tab where it is empty.
fn delimiter_of(told: &str) -> Option<char> {
    let mut chars = told.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Some('\t'),
        (Some(one), None) => Some(one),
        _ => {
            let hex = told.trim_start_matches("0x").trim_start_matches('x');
            let code = u32::from_str_radix(hex, 16).ok()?; // ok: because it is then no delimiter
            char::from_u32(code).filter(|_| told.contains('x'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(&str, &str)]) {
        let mut record = Record::default();
        assert!(fields(line, &mut record), "{line}");
        for (name, value) in expected {
            assert_eq!(record.get(name), Some(*value), "{name} of {line}");
        }
    }

    #[test]
    fn cef_and_leef_keep_the_keys_of_their_vendor() {
        check(
            r"<1>x CEF:0|Ve\|ndor|P|1.0|7|a name|5|src=1.2.3.4 msg=two words a\=b cs1Label=Rule Name cs1=the rule act=blocked",
            &[
                ("DeviceVendor", "Ve|ndor"),
                ("src", "1.2.3.4"),
                ("msg", "two words a=b"),
                ("Rule Name", "the rule"),
                ("act", "blocked"),
            ],
        );
        check(
            "LEEF:1.0|V|P|1|22|src=1.2.3.4\tusrName=a b",
            &[("EventID", "22"), ("usrName", "a b")],
        );
        check(
            "LEEF:2.0|V|P|1|22|^|src=1.2.3.4^usrName=a b",
            &[("usrName", "a b")],
        );
        check(
            "LEEF:2.0|V|P|1|22|x5E|src=1.2.3.4^usrName=a b",
            &[("usrName", "a b")],
        );
    }
}
