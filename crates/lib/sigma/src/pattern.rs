//! Text patterns: wildcards, escapes, case. A wrong reading of `\\` hides every rule about admin
//! shares, so the escapes are exactly the specification's, one table in the tests below.

use memchr::memmem;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// These characters.
    Text(String),
    /// `*`: any characters, none too.
    Any,
    /// `?`: exactly one character.
    One,
}

/// What a value of a rule asks of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Reads a rule's value: `*` and `?` are wildcards, `\` escapes them and itself.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self { tokens: Vec::new() };
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\\' => match chars.peek() {
                    Some(&next @ ('\\' | '*' | '?')) => {
                        chars.next();
                        pattern.push_char(next);
                    }
                    _ => pattern.push_char('\\'),
                },
                '*' => pattern.push(Token::Any),
                '?' => pattern.push(Token::One),
                _ => pattern.push_char(char),
            }
        }
        pattern
    }

    /// A pattern without wildcards.
    pub fn plain(text: &str) -> Self {
        let mut pattern = Self { tokens: Vec::new() };
        pattern.push(Token::Text(text.to_owned()));
        pattern
    }

    /// Its pieces, never two texts or two `*` beside each other.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text, if there is no wildcard in it.
    pub fn as_plain(&self) -> Option<&str> {
        match self.tokens.as_slice() {
            [] => Some(""),
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// With `*` in front, behind, or both.
    pub(crate) fn opened(mut self, front: bool, behind: bool) -> Self {
        if front && self.tokens.first() != Some(&Token::Any) {
            self.tokens.insert(0, Token::Any);
        }
        if behind {
            self.push(Token::Any);
        }
        self
    }

    /// Lowercased, for comparing with lowercased text.
    pub(crate) fn lowered(&self) -> Self {
        let lower = |token: &Token| match token {
            Token::Text(text) => Token::Text(lower(text)),
            Token::Any => Token::Any,
            Token::One => Token::One,
        };
        Self {
            tokens: self.tokens.iter().map(lower).collect(),
        }
    }

    /// Each text piece through `change`, which may give several: all combinations.
    pub(crate) fn map_text(&self, change: impl Fn(&str) -> Vec<String>) -> Vec<Self> {
        let mut all = vec![Self { tokens: Vec::new() }];
        for token in &self.tokens {
            let variants = match token {
                Token::Text(text) => change(text).into_iter().map(Token::Text).collect(),
                Token::Any | Token::One => vec![token.clone()],
            };
            all = all
                .iter()
                .flat_map(|begun| {
                    variants.iter().map(|token| {
                        let mut longer = begun.clone();
                        longer.push(token.clone());
                        longer
                    })
                })
                .collect();
        }
        all
    }

    fn push(&mut self, token: Token) {
        match (self.tokens.last_mut(), token) {
            (Some(Token::Any), Token::Any) => {}
            (Some(Token::Text(last)), Token::Text(text)) => last.push_str(&text),
            (_, Token::Text(text)) if text.is_empty() => {}
            (_, token) => self.tokens.push(token),
        }
    }

    fn push_char(&mut self, char: char) {
        match self.tokens.last_mut() {
            Some(Token::Text(last)) => last.push(char),
            _ => self.tokens.push(Token::Text(char.into())),
        }
    }

    /// As it would be written in a rule.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for token in &self.tokens {
            match token {
                Token::Text(text) => {
                    for char in text.chars() {
                        if matches!(char, '*' | '?') {
                            shown.push('\\');
                        }
                        shown.push(char);
                    }
                }
                Token::Any => shown.push('*'),
                Token::One => shown.push('?'),
            }
        }
        shown
    }

    /// Bytes that differ for different patterns.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for token in &self.tokens {
            match token {
                Token::Text(text) => {
                    key.push(0xff);
                    key.extend_from_slice(text.as_bytes());
                }
                Token::Any => key.push(0xfe),
                Token::One => key.push(0xfd),
            }
        }
        key
    }

    /// How it is looked up.
    pub(crate) fn shape(&self) -> Shape<'_> {
        match self.tokens.as_slice() {
            [] => Shape::Equal(""),
            [Token::Any] => Shape::Any,
            [Token::Text(text)] => Shape::Equal(text),
            [Token::Text(text), Token::Any] => Shape::Starts(text),
            [Token::Any, Token::Text(text)] => Shape::Ends(text),
            [Token::Any, Token::Text(text), Token::Any] => Shape::Contains(text),
            _ => Shape::Glob,
        }
    }

    /// Whether the whole of `text` is as this pattern says, byte for byte of case.
    pub fn matches(&self, text: &str) -> bool {
        match self.shape() {
            Shape::Any => true,
            Shape::Equal(whole) => text == whole,
            Shape::Starts(start) => text.starts_with(start),
            Shape::Ends(end) => text.ends_with(end),
            Shape::Contains(part) => memmem::find(text.as_bytes(), part.as_bytes()).is_some(),
            Shape::Glob => glob(&self.tokens, text),
        }
    }

    /// The longest text that must occur, and whether it must be at the start or the end.
    pub(crate) fn longest(&self) -> Option<(&str, Place)> {
        let last = self.tokens.len().checked_sub(1)?;
        let texts = self
            .tokens
            .iter()
            .enumerate()
            .filter_map(|(at, token)| match token {
                Token::Text(text) => Some((at, text)),
                Token::Any | Token::One => None,
            });
        let (at, text) = texts.max_by_key(|(_, text)| text.len())?;
        let place = match at {
            0 => Place::Start,
            _ if at == last => Place::End,
            _ => Place::Inside,
        };
        Some((text, place))
    }
}

/// How a pattern is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    Any,
    Equal(&'a str),
    Starts(&'a str),
    Ends(&'a str),
    Contains(&'a str),
    Glob,
}

/// Where a text must occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Start,
    End,
    Inside,
}

/// Two places are remembered, the last `*` and where it stood in the text: never exponential.
fn glob(tokens: &[Token], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut back: Option<(usize, &str)> = None;
    loop {
        match tokens.get(at) {
            None if rest.is_empty() => return true,
            Some(Token::Any) => {
                at += 1;
                back = Some((at, rest));
                continue;
            }
            Some(Token::Text(part)) => {
                if let Some(after) = rest.strip_prefix(part.as_str()) {
                    (at, rest) = (at + 1, after);
                    continue;
                }
            }
            Some(Token::One) => {
                if let Some(after) = tail(rest) {
                    (at, rest) = (at + 1, after);
                    continue;
                }
            }
            None => {}
        }
        let Some((after_star, from)) = back else {
            return false;
        };
        let next = match tokens.get(after_star) {
            None => return true,
            // The next place where the text behind the star can begin.
            Some(Token::Text(part)) => tail(from).and_then(|from| {
                let found = memmem::find(from.as_bytes(), part.as_bytes())?;
                from.get(found..)
            }),
            Some(Token::Any | Token::One) => tail(from),
        };
        let Some(next) = next else {
            return false;
        };
        back = Some((after_star, next));
        (at, rest) = (after_star, next);
    }
}

/// Without the first character.
fn tail(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

/// Unicode's simple lowercase: one character becomes one.
pub(crate) fn lower(text: &str) -> String {
    let mut lowered = String::with_capacity(text.len());
    lower_into(text, &mut lowered);
    lowered
}

/// Appends the lowercase of `text`.
pub(crate) fn lower_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let from = out.len();
        out.push_str(text);
        if let Some(new) = out.get_mut(from..) {
            new.make_ascii_lowercase();
        }
        return;
    }
    out.extend(text.chars().map(lower_char));
}

fn lower_char(char: char) -> char {
    char.to_lowercase().next().unwrap_or(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn escapes_are_the_specifications() {
        for (rule, tokens) in [
            (r"a\b", vec![text(r"a\b")]),
            (r"a\\b", vec![text(r"a\b")]),
            (r"\*", vec![text("*")]),
            (r"\?", vec![text("?")]),
            (r"\\*", vec![text(r"\"), Token::Any]),
            (r"\\\*", vec![text(r"\*")]),
            (r"\\\x", vec![text(r"\\x")]),
            (r"\\\\x", vec![text(r"\\x")]),
            (
                r"a*b?c",
                vec![text("a"), Token::Any, text("b"), Token::One, text("c")],
            ),
            ("**", vec![Token::Any]),
            ("", vec![]),
            (r"end\", vec![text(r"end\")]),
        ] {
            assert_eq!(Pattern::parse(rule).tokens(), tokens, "{rule}");
        }
    }

    #[test]
    fn wildcards_match_whole_values() {
        for (rule, value, matches) in [
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "abx", false),
            ("a*bc*d", "abbcbcd", true),
            ("?", "ä", true),
            ("?", "", false),
            ("*a?c*", "xxabcabd", true),
            ("*a?c", "aacabc", true),
            ("*ab*?d", "abab-d", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a?", "a", false),
            ("*??", "ä", false),
        ] {
            assert_eq!(
                Pattern::parse(rule).matches(value),
                matches,
                "{rule} {value}"
            );
        }
    }

    #[test]
    fn lowercase_is_one_character_for_one() {
        assert_eq!(lower("ÄİSẞ"), "äisß");
    }
}
