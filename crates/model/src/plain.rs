//! Text for people, on whatever it is shown: made harmless, and counted in words.

/// `text` without anything that a terminal obeys, that turns reading order round, or that people do not
/// see: a log line, a package or a host may have been named by whoever attacks us. Each such character
/// is shown as its escape, `\u{1b}`. What HTML obeys is the templates' business.
pub fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_unseen(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Marks of direction, joiners, line separators, tags: seen by software, not by people.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 package`, `876 packages`.
pub fn plural(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!(
        "{} {what}{s}",
        count(u64::try_from(number).unwrap_or(u64::MAX))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_not_sent() {
        let hostile = "a\u{1b}[2Jb\r\n\u{202e}c\u{200b}";
        assert_eq!(
            inert(hostile),
            "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{202e}c\\u{200b}"
        );
        assert_eq!(inert("Grüße, 世界"), "Grüße, 世界");
    }

    #[test]
    fn counts_are_grouped_and_agree_with_their_noun() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count).join(" "),
            "0 999 1,000 1,234,567"
        );
        assert_eq!(
            [plural(1, "line"), plural(2, "line")].join(", "),
            "1 line, 2 lines"
        );
    }
}
