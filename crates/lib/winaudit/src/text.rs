//! Which characters a file of unknown origin holds. Inventories arrive as UTF-16 from `wmic`, as the
//! console's OEM code page from `systeminfo > file`, as ANSI from an editor. A file read in the wrong
//! one looks empty or garbled, and an empty list of hotfixes looks like a host that needs everything.
//!
//! Decided by content: a byte-order mark; else the zero bytes of UTF-16; else UTF-8 if it is valid;
//! else the code page under which most of the high bytes become letters among letters. Parsers
//! anchor on ASCII alone, so a wrong guess among code pages costs accents, never facts.

use encoding_rs::{Encoding, GBK, IBM866, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The largest file that is looked at, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// High bytes that are looked at to choose a code page.
const SAMPLE_BYTES: usize = 64 << 10;

/// The upper half of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// The upper half of code page 850.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// Text of `bytes`, and the name of the encoding that was taken.
pub(crate) fn decode(bytes: &[u8]) -> Option<(String, &'static str)> {
    if bytes.len() > MAX_FILE_BYTES {
        return None;
    }
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let body = bytes.get(length..).unwrap_or(&[]);
        return Some((whole(encoding, body), encoding.name()));
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return Some((whole(encoding, bytes), encoding.name()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some((text.to_owned(), "UTF-8"));
    }
    Some(code_page(bytes))
}

fn whole(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// UTF-16 shows by its line ends and blanks: a zero byte beside every ASCII character.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(SAMPLE_BYTES)).unwrap_or(&[]);
    let zeros = |odd: usize| {
        let half = sample.iter().skip(odd).step_by(2);
        half.filter(|&&byte| byte == 0).count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 8 > sample.len() && odd > even * 4 {
        Some(UTF_16LE)
    } else if even * 8 > sample.len() && even > odd * 4 {
        Some(UTF_16BE)
    } else {
        None
    }
}

fn code_page(bytes: &[u8]) -> (String, &'static str) {
    let sample = bytes.get(..bytes.len().min(SAMPLE_BYTES)).unwrap_or(&[]);
    let mut best = (i64::MIN, "windows-1252");
    for name in ["windows-1252", "ibm850", "ibm437", "ibm866", "gbk"] {
        let score = plausible(&in_page(sample, name), name);
        if score > best.0 {
            best = (score, name);
        }
    }
    (in_page(bytes, best.1), best.1)
}

fn in_page(bytes: &[u8], name: &str) -> String {
    match name {
        "ibm850" => by_table(bytes, CP850),
        "ibm437" => by_table(bytes, CP437),
        "ibm866" => whole(IBM866, bytes),
        "gbk" => whole(GBK, bytes),
        _ => whole(WINDOWS_1252, bytes),
    }
}

fn by_table(bytes: &[u8], upper: &str) -> String {
    let upper: Vec<char> = upper.chars().collect();
    let one = |&byte: &u8| match usize::from(byte).checked_sub(0x80) {
        None => char::from(byte),
        Some(place) => upper.get(place).copied().unwrap_or('·'),
    };
    bytes.iter().map(one).collect()
}

/// Letters of one script beside each other speak for a page, signs and broken characters against.
fn plausible(text: &str, page: &str) -> i64 {
    let mut score = 0;
    let mut before = ' ';
    for now in text.chars() {
        if !now.is_ascii() {
            score += match now {
                'а'..='я' | 'А'..='Я' | 'ё' | 'Ё' => {
                    3 * i64::from(!before.is_ascii_alphabetic())
                }
                '\u{4e00}'..='\u{9fff}' if before.is_ascii_alphabetic() => -6,
                '\u{4e00}'..='\u{9fff}' => 4,
                '：' | '（' | '）' | '，' => 3,
                'ß' | 'à'..='ö' | 'ø'..='ü' | 'À'..='Ö' | 'Ø'..='Ü' | 'ÿ' => {
                    latin(before, now)
                }
                'º' | 'ª' | '\u{a0}' | '®' | '’' | '°' => 1,
                _ => -6,
            };
        }
        before = now;
    }
    // A tie goes to the page of the console, from which such files mostly come.
    score * 2 + i64::from(page == "ibm850")
}

fn latin(before: char, now: char) -> i64 {
    if now.is_uppercase() && before.is_lowercase() {
        -4
    } else if before.is_ascii_alphabetic() || before.is_whitespace() || before == '\'' {
        3
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], text: &str, page: &str) {
        assert_eq!(decode(bytes), Some((text.to_owned(), page)));
    }

    #[test]
    fn the_encoding_shows_in_the_bytes() {
        check(b"plain", "plain", "UTF-8");
        check("größer".as_bytes(), "größer", "UTF-8");
        check(b"\xff\xfeK\0B\0", "KB", "UTF-16LE");
        check(b"\0O\0S\0 \0X\0\r\0\n", "OS X\r\n", "UTF-16BE");
        check(b"O\0S\0 \0X\0\r\0\n\0", "OS X\r\n", "UTF-16LE");
        check(b"Nom de l'h\x93te", "Nom de l'hôte", "ibm850");
        check(
            b"Syst\xe8me d'exploitation, p\xe9riph\xe9rique",
            "Système d'exploitation, périphérique",
            "windows-1252",
        );
        let (russian, page) = code_page(b"\x82\xa5\xe0\xe1\xa8\xef \x8e\x91:   6.3.9600");
        assert_eq!(
            (russian.as_str(), page),
            ("Версия ОС:   6.3.9600", "ibm866")
        );
        let (chinese, page) =
            code_page(b"\xd6\xf7\xbb\xfa\xc3\xfb:  PC\r\nOS \xb0\xe6\xb1\xbe: 10.0.17134");
        assert_eq!(
            (chinese.as_str(), page),
            ("主机名:  PC\r\nOS 版本: 10.0.17134", "gbk")
        );
    }

    #[test]
    fn both_tables_have_an_upper_half() {
        assert_eq!((CP437.chars().count(), CP850.chars().count()), (128, 128));
    }
}
