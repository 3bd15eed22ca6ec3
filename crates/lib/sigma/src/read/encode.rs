//! What an encoding makes of a text: Base64 in its three offsets, UTF-16, the dashes of Windows.

use crate::{error::Reason, pattern::Pattern, read::modifier::Encoding};

/// The characters that Windows programs take for a dash.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// Flags of a value that `windash` may change: 5 to this power are the values it makes.
pub const MAX_DASHES: usize = 4;

/// A text, or bytes that are none.
enum Piece {
    Pattern(Pattern),
    Bytes(Vec<u8>),
}

pub(crate) fn encoded(pattern: Pattern, encodings: &[Encoding]) -> Result<Vec<Pattern>, Reason> {
    let mut pieces = vec![Piece::Pattern(pattern)];
    for encoding in encodings {
        let mut next = Vec::new();
        for piece in pieces {
            encode(piece, *encoding, &mut next)?;
        }
        pieces = next;
    }
    let text = |piece| match piece {
        Piece::Pattern(pattern) => Ok(pattern),
        Piece::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Pattern::plain(&text)),
            Err(_) => Err(wrong(
                "utf16",
                "these bytes are no text: `base64` or `base64offset` must follow",
            )),
        },
    };
    pieces.into_iter().map(text).collect()
}

fn encode(piece: Piece, encoding: Encoding, out: &mut Vec<Piece>) -> Result<(), Reason> {
    match encoding {
        Encoding::Windash => match piece {
            Piece::Pattern(pattern) => {
                out.extend(windash(&pattern)?.into_iter().map(Piece::Pattern));
            }
            Piece::Bytes(_) => return Err(wrong("windash", "stands in front of encodings")),
        },
        Encoding::Utf16 => {
            let mut bytes = vec![0xff, 0xfe];
            bytes.extend(units(&piece)?.into_iter().flat_map(u16::to_le_bytes));
            out.push(Piece::Bytes(bytes));
        }
        Encoding::Utf16Le => {
            out.push(Piece::Bytes(
                units(&piece)?
                    .into_iter()
                    .flat_map(u16::to_le_bytes)
                    .collect(),
            ));
        }
        Encoding::Utf16Be => {
            out.push(Piece::Bytes(
                units(&piece)?
                    .into_iter()
                    .flat_map(u16::to_be_bytes)
                    .collect(),
            ));
        }
        Encoding::Base64 => out.push(Piece::Bytes(base64(&bytes(&piece)?).into_bytes())),
        Encoding::Base64Offset => {
            let bytes = bytes(&piece)?;
            for (offset, start) in [(0, 0), (1, 2), (2, 3)] {
                let mut shifted = vec![b' '; offset];
                shifted.extend_from_slice(&bytes);
                let cut = match shifted.len() % 3 {
                    0 => 0,
                    1 => 3,
                    _ => 2,
                };
                let encoded = base64(&shifted);
                let part = encoded.get(start..encoded.len().saturating_sub(cut));
                let part = part.filter(|part| !part.is_empty());
                let part = part.ok_or(wrong(
                    "base64offset",
                    "the value is too short to leave a trace",
                ))?;
                out.push(Piece::Bytes(part.as_bytes().to_vec()));
            }
        }
    }
    Ok(())
}

fn bytes(piece: &Piece) -> Result<Vec<u8>, Reason> {
    match piece {
        Piece::Bytes(bytes) => Ok(bytes.clone()),
        Piece::Pattern(pattern) => Ok(plain(pattern)?.as_bytes().to_vec()),
    }
}

fn units(piece: &Piece) -> Result<Vec<u16>, Reason> {
    match piece {
        Piece::Bytes(_) => Err(wrong("utf16", "stands in front of other encodings")),
        Piece::Pattern(pattern) => Ok(plain(pattern)?.encode_utf16().collect()),
    }
}

fn plain(pattern: &Pattern) -> Result<&str, Reason> {
    pattern.as_plain().ok_or(wrong(
        "encoding",
        "the value has wildcards, which cannot be encoded",
    ))
}

fn wrong(modifier: &str, why: &'static str) -> Reason {
    Reason::Modifier {
        modifier: modifier.to_owned(),
        why,
    }
}

fn windash(pattern: &Pattern) -> Result<Vec<Pattern>, Reason> {
    let dashes: usize = pattern
        .tokens()
        .iter()
        .map(|token| match token {
            crate::pattern::Token::Text(text) => flags(text).len(),
            _ => 0,
        })
        .sum();
    if dashes > MAX_DASHES {
        return Err(Reason::Limit {
            what: "flags of a `windash` value",
            limit: MAX_DASHES,
        });
    }
    Ok(pattern.map_text(|text| {
        let mut all = vec![String::new()];
        let flags = flags(text);
        for (at, char) in text.char_indices() {
            if flags.contains(&at) {
                let longer = |begun: &String| DASHES.map(|dash| format!("{begun}{dash}"));
                all = all.iter().flat_map(longer).collect();
            } else {
                for begun in &mut all {
                    begun.push(char);
                }
            }
        }
        all
    }))
}

/// Where a `-` or `/` begins a flag: no letter in front of it and one behind.
fn flags(text: &str) -> Vec<usize> {
    let word = |char: char| char.is_alphanumeric() || char == '_';
    let mut found = Vec::new();
    let mut before = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let behind = chars.peek().map(|(_, char)| *char);
        if matches!(char, '-' | '/') && !before.is_some_and(word) && behind.is_some_and(word) {
            found.push(at);
        }
        before = Some(char);
    }
    found
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| {
        DIGITS
            .get((bits & 63) as usize)
            .map_or('=', |byte| char::from(*byte))
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(bits >> 18));
        text.push(digit(bits >> 12));
        text.push(if chunk.len() > 1 {
            digit(bits >> 6)
        } else {
            '='
        });
        text.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, encodings: &[Encoding], expected: &[&str]) {
        let patterns = encoded(Pattern::parse(text), encodings).unwrap();
        let shown: Vec<&str> = patterns
            .iter()
            .map(|pattern| pattern.as_plain().unwrap())
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn encodings_are_what_others_write() {
        check("foobar", &[Encoding::Base64], &["Zm9vYmFy"]);
        check("foob", &[Encoding::Base64], &["Zm9vYg=="]);
        check(
            "foobar",
            &[Encoding::Base64Offset],
            &["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"],
        );
        check(
            "ping",
            &[Encoding::Utf16Le, Encoding::Base64],
            &["cABpAG4AZwA="],
        );
        check("A", &[Encoding::Utf16, Encoding::Base64], &["//5BAA=="]);
        check("A", &[Encoding::Utf16Be, Encoding::Base64], &["AEE="]);
        check("a-b", &[Encoding::Windash], &["a-b"]);
        check(
            " -x",
            &[Encoding::Windash],
            &[" -x", " /x", " –x", " —x", " ―x"],
        );
        assert_eq!(
            encoded(Pattern::parse("-a /b"), &[Encoding::Windash])
                .unwrap()
                .len(),
            25
        );
    }

    #[test]
    fn what_cannot_be_encoded_is_refused() {
        for (text, encodings) in [
            ("a*", &[Encoding::Base64][..]),
            ("a", &[Encoding::Utf16]),
            ("a", &[Encoding::Base64, Encoding::Windash]),
            ("-a -b -c -d -e", &[Encoding::Windash]),
        ] {
            assert!(encoded(Pattern::parse(text), encodings).is_err(), "{text}");
        }
    }
}
