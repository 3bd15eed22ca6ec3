//! Text for a terminal: inert, wrapped, plain where colour adds nothing.

use std::fmt::Write;

/// Narrowest page that is laid out; also what a pipe gets.
const WIDTH: usize = 80;

/// Widest page: longer lines are hard to read.
const MAX_WIDTH: usize = 110;

/// Columns to lay out for.
pub fn width(terminal: bool) -> usize {
    let columns = match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), _)) if terminal => usize::from(columns),
        _ => WIDTH,
    };
    columns.clamp(WIDTH, MAX_WIDTH)
}

/// `text` without anything that a terminal obeys or that turns reading order round: a log line, a
/// package or a host may have been named by whoever attacks us.
pub fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let obeyed = c.is_control();
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if obeyed || turns {
            match write!(safe, "{}", c.escape_unicode()) {
                Ok(()) | Err(_) => {} // because writing to a String cannot fail
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// `text` in lines of at most `width` characters, broken at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let used = lines.last().map_or(0, |line| line.chars().count());
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                push(&mut lines, gap, &word);
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.split_off(width.min(word.len()));
            push(&mut lines, 0, &word);
            word = rest;
        }
    }
    lines
}

fn push(lines: &mut [String], gap: usize, word: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.extend(std::iter::repeat_n(' ', gap));
        line.extend(word);
    }
}

/// `text` in at most `width` characters, with `…` where something was left out.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars()
        .take(width.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// `12,345`.
pub fn count(number: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_not_sent() {
        assert_eq!(
            inert("a\u{1b}[2Jb\r\n\u{202e}c"),
            "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{202e}c"
        );
        assert_eq!(inert("Grüße, 世界"), "Grüße, 世界");
    }

    #[test]
    fn no_line_is_longer_than_the_page() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(
            [count(0), count(999), count(1000), count(1_234_567)].join(" "),
            "0 999 1,000 1,234,567"
        );
    }
}
