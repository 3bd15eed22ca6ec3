//! Rules and events made up, and an evaluator of them that is slow and obviously right: it shares
//! no code with the crate, not even the parser.

use crate::random::Random;

pub(crate) const FIELDS: [&str; 5] = ["Image", "Cmd", "Num", "a.b", "Empty"];
const SOURCES: [(&str, &str, &str); 4] =
    [("p", "c", ""), ("p", "", "s"), ("", "c", ""), ("q", "", "")];
const PIECES: [&str; 14] = [
    "a", "A", "b", "B", "ab", "\\", "\\\\", "*", "?", "\\*", "ä", "Ä", "-", "ba",
];
const TEXTS: [&str; 10] = ["a", "B", "ab", "bA", "\\", "*", "?", "Ä", "-", "ſ"];
const REGEXES: [&str; 8] = [
    "ab+",
    "^a",
    "(?i)BA",
    "a|b{2}",
    "[ab]{3}",
    "b$",
    "ab.*-",
    "(ab|-a)\\\\",
];
const NUMBERS: [&str; 6] = ["1", "2", "10", "1.5", "-3", "0x10"];
const FIELD_PLACES: [&[&str]; 4] = [
    &["fieldref"],
    &["fieldref", "contains"],
    &["fieldref", "endswith"],
    &["fieldref", "startswith", "cased"],
];
const PLACES: [&[&str]; 4] = [&[], &["contains"], &["startswith"], &["endswith"]];
const NETWORKS: [&str; 2] = ["10.0.0.0/8", "::1/128"];

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Text(String),
    Number(&'static str),
    Bool(bool),
}

#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) fields: Vec<(&'static str, Vec<Value>)>,
    pub(crate) sources: Vec<(&'static str, &'static str, &'static str)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Item {
    field: Option<&'static str>,
    modifiers: Vec<&'static str>,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Search(usize),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Of(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    source: (&'static str, &'static str, &'static str),
    /// Each a list of maps.
    searches: Vec<Vec<Vec<Item>>>,
    condition: Condition,
}

pub(crate) fn event(random: &mut Random) -> Made {
    let mut fields = Vec::new();
    for field in FIELDS {
        if random.chance(4) {
            continue;
        }
        let many = if random.chance(4) { 2 } else { 1 };
        fields.push((field, (0..many).map(|_| value(random)).collect()));
    }
    let sources = (0..=random.below(2)).map(|_| {
        let (product, category, service) = *random.pick(&SOURCES);
        // An event says more than a rule asks.
        (
            product,
            category,
            if random.chance(2) { "s" } else { service },
        )
    });
    Made {
        sources: sources.collect(),
        fields,
    }
}

fn value(random: &mut Random) -> Value {
    match random.below(10) {
        0 => Value::Null,
        1 => Value::Bool(random.chance(2)),
        2 | 3 => Value::Number(["1", "2", "10", "1.5", "-3", "16"][random.below(6)]),
        4 => Value::Text(
            (*random.pick(&["1", "10.0", "0x10", "10.1.2.3", "::1", "true", "1e1", ""])).to_owned(),
        ),
        _ => {
            // Few letters, so that long texts of rules are found as well.
            let letters = if random.chance(2) { 4 } else { TEXTS.len() };
            let length = random.below(7);
            Value::Text((0..length).map(|_| TEXTS[random.below(letters)]).collect())
        }
    }
}

impl Made {
    pub(crate) fn json(&self) -> String {
        let value = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => serde_json::to_string(text).unwrap(),
            Value::Number(number) => (*number).to_owned(),
            Value::Bool(value) => value.to_string(),
        };
        let mut members = Vec::new();
        for (name, values) in &self.fields {
            let mut values: Vec<String> = values.iter().map(value).collect();
            let one = values.len() == 1;
            let shown = if one {
                values.remove(0)
            } else {
                format!("[{}]", values.join(","))
            };
            members.push(match name.split_once('.') {
                Some((outer, inner)) => format!("\"{outer}\":{{\"{inner}\":{shown}}}"),
                None => format!("\"{name}\":{shown}"),
            });
        }
        format!("{{{}}}", members.join(","))
    }

    fn values(&self, field: Option<&str>) -> Vec<&Value> {
        let named = self
            .fields
            .iter()
            .filter(|(name, _)| field.is_none_or(|field| field == *name));
        named.flat_map(|(_, values)| values).collect()
    }
}

pub(crate) fn rule(random: &mut Random) -> Rule {
    let searches: Vec<Vec<Vec<Item>>> = (0..=random.below(3))
        .map(|_| {
            (0..=random.below(2))
                .map(|_| (0..=random.below(2)).map(|_| item(random)).collect())
                .collect()
        })
        .collect();
    let condition = condition(random, searches.len(), 3);
    Rule {
        source: *random.pick(&SOURCES),
        searches,
        condition,
    }
}

fn condition(random: &mut Random, searches: usize, depth: usize) -> Condition {
    let deeper =
        |random: &mut Random| Box::new(condition(random, searches, depth.saturating_sub(1)));
    match random.below(if depth == 0 { 1 } else { 6 }) {
        1 | 2 => Condition::And(deeper(random), deeper(random)),
        3 => Condition::Or(deeper(random), deeper(random)),
        4 => Condition::Not(deeper(random)),
        5 => Condition::Of(1 + random.below(searches)),
        _ => Condition::Search(random.below(searches)),
    }
}

fn number(random: &mut Random) -> Value {
    let number: &&'static str = random.pick(&NUMBERS);
    Value::Number(number)
}

fn pattern(random: &mut Random) -> Value {
    let letters = if random.chance(2) { 5 } else { PIECES.len() };
    let length = random.below(5);
    Value::Text((0..length).map(|_| PIECES[random.below(letters)]).collect())
}

fn item(random: &mut Random) -> Item {
    let field = *random.pick(&FIELDS);
    let many = 1 + random.below(3);
    let make = |modifiers: &[&'static str], values: Vec<Value>| Item {
        field: Some(field),
        modifiers: modifiers.to_vec(),
        values,
    };
    let of = |all: &[&str], random: &mut Random| Value::Text((*random.pick(all)).to_owned());
    match random.below(14) {
        0 => make(&[], vec![Value::Null]),
        1 => make(&["exists"], vec![Value::Bool(random.chance(2))]),
        2 => make(&["re"], (0..many).map(|_| of(&REGEXES, random)).collect()),
        3 => make(
            &[*random.pick(&["gt", "gte", "lt", "lte"])],
            vec![number(random)],
        ),
        4 => make(&[], (0..many).map(|_| number(random)).collect()),
        5 => make(&["cidr"], vec![of(&NETWORKS, random)]),
        6 => {
            let place = FIELD_PLACES[random.below(FIELD_PLACES.len())];
            make(place, vec![of(&FIELDS, random)])
        }
        7 => Item {
            field: None,
            modifiers: Vec::new(),
            values: (0..many).map(|_| pattern(random)).collect(),
        },
        8 => make(&["neq"], (0..many).map(|_| pattern(random)).collect()),
        9 => make(
            &["contains", "all"],
            (0..many).map(|_| pattern(random)).collect(),
        ),
        10 => make(
            &[
                *random.pick(&["contains", "startswith", "endswith"]),
                "cased",
            ],
            vec![pattern(random)],
        ),
        _ => {
            let place = PLACES[random.below(PLACES.len())];
            make(place, (0..many).map(|_| pattern(random)).collect())
        }
    }
}

impl Rule {
    pub(crate) fn yaml(&self, number: usize) -> String {
        use std::fmt::Write as _;
        let mut yaml = format!("title: rule {number}\nlogsource:\n");
        for (key, word) in [
            ("product", self.source.0),
            ("category", self.source.1),
            ("service", self.source.2),
        ] {
            if !word.is_empty() {
                writeln!(yaml, "  {key}: {word}").unwrap();
            }
        }
        yaml.push_str("detection:\n");
        for (index, maps) in self.searches.iter().enumerate() {
            writeln!(yaml, "  s{index}:").unwrap();
            for items in maps {
                let mut names: Vec<String> = Vec::new();
                for item in items {
                    let mut key = item.field.unwrap_or("").to_owned();
                    for modifier in &item.modifiers {
                        key = format!("{key}|{modifier}");
                    }
                    if names.contains(&key) {
                        continue;
                    }
                    let dash = if names.is_empty() { '-' } else { ' ' };
                    let values: Vec<String> = item.values.iter().map(shown).collect();
                    let shown = if values.len() == 1 {
                        values[0].clone()
                    } else {
                        format!("[{}]", values.join(", "))
                    };
                    writeln!(yaml, "    {dash} '{key}': {shown}").unwrap();
                    names.push(key);
                }
            }
        }
        writeln!(yaml, "  condition: {}", text(&self.condition)).unwrap();
        yaml
    }

    pub(crate) fn matches(&self, event: &Made) -> bool {
        let (product, category, service) = self.source;
        let same = |asked: &str, said: &str| asked.is_empty() || asked == said;
        let mut sources = event.sources.iter();
        let routed = sources.any(|source| {
            same(product, source.0) && same(category, source.1) && same(service, source.2)
        });
        routed && self.condition(&self.condition, event)
    }

    fn condition(&self, condition: &Condition, event: &Made) -> bool {
        match condition {
            Condition::Search(index) => self.search(*index, event),
            Condition::And(a, b) => self.condition(a, event) && self.condition(b, event),
            Condition::Or(a, b) => self.condition(a, event) || self.condition(b, event),
            Condition::Not(inner) => !self.condition(inner, event),
            Condition::Of(least) => {
                (0..self.searches.len())
                    .filter(|index| self.search(*index, event))
                    .count()
                    >= *least
            }
        }
    }

    fn search(&self, index: usize, event: &Made) -> bool {
        self.searches[index].iter().any(|items| {
            let mut seen: Vec<String> = Vec::new();
            items.iter().all(|item| {
                let key = format!("{:?}{:?}", item.field, item.modifiers);
                let again = seen.contains(&key);
                seen.push(key);
                again || holds(item, event)
            })
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => format!("'{text}'"),
        Value::Number(number) => (*number).to_owned(),
        Value::Bool(value) => value.to_string(),
    }
}

fn text(condition: &Condition) -> String {
    match condition {
        Condition::Search(index) => format!("s{index}"),
        Condition::And(a, b) => format!("({} and {})", text(a), text(b)),
        Condition::Or(a, b) => format!("({} or {})", text(a), text(b)),
        Condition::Not(inner) => format!("not ({})", text(inner)),
        Condition::Of(least) => format!("{least} of s*"),
    }
}

fn holds(item: &Item, event: &Made) -> bool {
    let one = |asked: &Value| test(item, asked, event);
    if item.modifiers.contains(&"all") {
        item.values.iter().all(one)
    } else if item.modifiers.contains(&"neq") {
        !item.values.iter().any(one)
    } else {
        item.values.iter().any(one)
    }
}

fn test(item: &Item, asked: &Value, event: &Made) -> bool {
    let has = |modifier: &str| item.modifiers.contains(&modifier);
    let values = event.values(item.field);
    match asked {
        Value::Bool(wanted) => values.is_empty() != *wanted,
        Value::Null => values.is_empty() || values.iter().any(|value| matches!(value, Value::Null)),
        Value::Number(number) => values.iter().any(|value| {
            let (Some(said), limit) = (as_number(value), rule_number(number)) else {
                return item.modifiers.is_empty()
                    && spelled(value).is_some_and(|text| text.eq_ignore_ascii_case(number));
            };
            match item.modifiers.first() {
                Some(&"gt") => said > limit,
                Some(&"gte") => said >= limit,
                Some(&"lt") => said < limit,
                Some(&"lte") => said <= limit,
                _ => (said - limit).abs() < f64::EPSILON,
            }
        }),
        Value::Text(asked) if has("re") => {
            let regex = regex::Regex::new(asked).unwrap();
            values
                .iter()
                .any(|value| spelled(value).is_some_and(|text| regex.is_match(&text)))
        }
        Value::Text(asked) if has("cidr") => values.iter().any(|value| {
            let text = spelled(value).unwrap_or_default();
            if asked == "10.0.0.0/8" {
                text.starts_with("10.") && text.parse::<std::net::Ipv4Addr>().is_ok()
            } else {
                text == "::1"
            }
        }),
        Value::Text(asked) if has("fieldref") => values.iter().any(|value| {
            event.values(Some(asked)).iter().any(|other| {
                let (Some(a), Some(b)) = (spelled(value), spelled(other)) else {
                    return false;
                };
                let (a, b) = if has("cased") {
                    (a, b)
                } else {
                    (lower(&a), lower(&b))
                };
                match item.modifiers.get(1) {
                    Some(&"contains") => a.contains(&b),
                    Some(&"endswith") => a.ends_with(&b),
                    Some(&"startswith") => a.starts_with(&b),
                    _ => {
                        a == b
                            || as_number(value)
                                .is_some_and(|number| as_number(other) == Some(number))
                    }
                }
            })
        }),
        Value::Text(asked) => matches(item, asked, &values),
    }
}

fn matches(item: &Item, asked: &str, values: &[&Value]) -> bool {
    let has = |modifier: &str| item.modifiers.contains(&modifier);
    let mut tokens = tokens(asked);
    if has("contains") || has("endswith") || item.field.is_none() {
        tokens.insert(0, None);
    }
    if has("contains") || has("startswith") || item.field.is_none() {
        tokens.push(None);
    }
    values.iter().any(|value| {
        spelled(value).is_some_and(|text| {
            let text: Vec<char> = if has("cased") { text } else { lower(&text) }
                .chars()
                .collect();
            let fold = |token: &Option<Token>| match token {
                Some(Token::Char(char)) if !has("cased") => Some(Token::Char(
                    lower(&char.to_string()).chars().next().unwrap(),
                )),
                other => *other,
            };
            let tokens: Vec<Option<Token>> = tokens.iter().map(fold).collect();
            glob(&tokens, &text)
        })
    })
}

#[derive(Clone, Copy)]
enum Token {
    Char(char),
    One,
}

/// `None` is any characters.
fn tokens(text: &str) -> Vec<Option<Token>> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1);
        tokens.push(match chars[at] {
            '\\' if matches!(next, Some('\\' | '*' | '?')) => {
                at += 1;
                Some(Token::Char(chars[at]))
            }
            '*' => None,
            '?' => Some(Token::One),
            char => Some(Token::Char(char)),
        });
        at += 1;
    }
    tokens
}

fn glob(tokens: &[Option<Token>], text: &[char]) -> bool {
    match tokens.split_first() {
        None => text.is_empty(),
        Some((None, rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((Some(Token::One), rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((Some(Token::Char(char)), rest)) => {
            text.first() == Some(char) && glob(rest, &text[1..])
        }
    }
}

fn lower(text: &str) -> String {
    text.chars()
        .map(|char| char.to_lowercase().next().unwrap())
        .collect()
}

fn spelled(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some((*number).to_owned()),
        Value::Bool(value) => Some(value.to_string()),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Number(number) => number.parse().ok(),
        Value::Null | Value::Bool(_) => None,
    }
}

fn rule_number(text: &str) -> f64 {
    if text == "0x10" {
        16.0
    } else {
        text.parse().unwrap()
    }
}
