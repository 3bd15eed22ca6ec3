//! Words and numbers for a tired reader, and text that a browser cannot be told anything by.

use std::fmt;

use askama::filters::HtmlSafe;
use cordon_model::{Severity, Span, Standing, Time};
pub(crate) use cordon_model::{count, plural};

/// Longest text that is shown whole, in characters.
pub(crate) const MAX_TEXT: usize = 2000;

/// `text` made harmless, and cut where it is longer than a page can bear.
pub(crate) fn inert(text: &str) -> String {
    let mut whole = text.chars();
    let mut safe = cordon_model::inert(&whole.by_ref().take(MAX_TEXT).collect::<String>());
    if whole.next().is_some() {
        safe.push('…');
    }
    safe
}

/// `41.0 MB`, rounded down: what is left should not look like more.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let (mut whole, mut tenth, mut name) = (bytes, None, "B");
    for unit in UNITS {
        if whole < 1000 {
            break;
        }
        (whole, tenth, name) = (whole / 1000, Some(whole % 1000 / 100), unit);
    }
    match tenth {
        Some(tenth) if whole < 100 => format!("{whole}.{tenth} {name}"),
        Some(_) | None => format!("{} {name}", count(whole)),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A moment, said relative to now, with the exact one in its tooltip. Writes its own HTML, of digits
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    at: Time,
    now: Time,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `4 s ago`, and it ticks.
    Ago,
    /// `17:52`.
    Clock,
}

impl When {
    pub(crate) const fn ago(at: Time, now: Time) -> Self {
        Self {
            at,
            now,
            form: Form::Ago,
        }
    }

    pub(crate) const fn clock(at: Time, now: Time) -> Self {
        Self {
            at,
            now,
            form: Form::Clock,
        }
    }

    pub(crate) const fn millis(self) -> u64 {
        self.at.millis()
    }
}

impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, now, form } = self;
        write!(f, r#"<time datetime="{at}" title="{}""#, exact(*at))?;
        match form {
            Form::Ago => write!(
                f,
                r#" data-ago="{}">{}</time>"#,
                at.millis(),
                ago(*at, *now)
            ),
            Form::Clock if at.day() == now.day() => write!(f, ">{}</time>", at.hour_minute()),
            Form::Clock => write!(
                f,
                r#">{} <span class="day">{}</span></time>"#,
                at.hour_minute(),
                date(*at)
            ),
        }
    }
}

/// `4 s ago`.
pub(crate) fn ago(at: Time, now: Time) -> String {
    let age = now.since(at);
    if age < Span::secs(1) {
        "now".to_owned()
    } else {
        format!("{} ago", age.plain())
    }
}

/// `2026-11-23 17:31:04 UTC`.
pub(crate) fn exact(at: Time) -> String {
    let text = at.to_string();
    let seconds = text
        .split_once('.')
        .map_or(text.as_str(), |(seconds, _)| seconds);
    format!("{} UTC", seconds.trim_end_matches('Z').replace('T', " "))
}

/// `23 Nov`.
pub(crate) fn date(at: Time) -> String {
    const MONTHS: [&str; 13] = [
        "", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, month, day) = at.civil();
    let month = usize::try_from(month).map_or("", |month| MONTHS.get(month).copied().unwrap_or(""));
    format!("{day} {month}")
}

/// What gives a row its colour and its shape. The word always stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// Grey, ○: not set up.
    Off,
    /// Grey, ◔.
    Learning,
    /// Blue-green, ●. The only green there is.
    Proven,
    /// Sky, ◉.
    Working,
    /// Orange, ◌: no data is amber.
    Blind,
    /// Vermillion, ◐.
    Silent,
    /// Vermillion, ✕.
    Sick,
}

impl Tone {
    pub(crate) const fn of(state: Standing) -> Self {
        match state {
            Standing::Off => Self::Off,
            Standing::Learning => Self::Learning,
            Standing::Proven => Self::Proven,
            Standing::Working => Self::Working,
            Standing::Sick => Self::Sick,
            Standing::Silent => Self::Silent,
            Standing::Blind => Self::Blind,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Learning => "learning",
            Self::Proven => "proven",
            Self::Working => "working",
            Self::Blind => "blind",
            Self::Silent => "silent",
            Self::Sick => "sick",
        }
    }

    /// The shape alone, for where the word stands beside it.
    pub(crate) fn glyph(self) -> Glyph {
        Glyph(self.name())
    }
}

/// What the signs mean.
pub(crate) const LEGEND: [(Tone, (&str, &str)); 7] = [
    (
        Tone::Proven,
        ("proven", "a test went through it and came back in time"),
    ),
    (Tone::Working, ("working", "signs of life, no fresh proof")),
    (
        Tone::Silent,
        ("silent", "nothing came when something was due"),
    ),
    (
        Tone::Sick,
        ("sick", "errors, or work from something too old"),
    ),
    (
        Tone::Blind,
        ("cannot see", "no data: this says neither good nor bad"),
    ),
    (Tone::Learning, ("learning", "too little history to judge")),
    (Tone::Off, ("not set up", "nobody has asked for it here")),
];

/// A shape from the page's own sprite. Writes its own HTML, of names from this file alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyph(pub(crate) &'static str);

impl HtmlSafe for Glyph {}

impl fmt::Display for Glyph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0;
        write!(
            f,
            r##"<svg class="glyph {name}" aria-hidden="true"><use href="#g-{name}"/></svg>"##
        )
    }
}

/// How urgent: a word and its shape, the same in every list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Urgency {
    pub(crate) word: &'static str,
    pub(crate) glyph: Glyph,
}

impl Urgency {
    pub(crate) const fn of(severity: Severity) -> Self {
        let glyph = match severity {
            Severity::Critical | Severity::High => "alarm",
            Severity::Medium => "warn",
            Severity::Low | Severity::Info => "note",
        };
        Self {
            word: severity.plain(),
            glyph: Glyph(glyph),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_is_shown_and_not_obeyed() {
        assert_eq!(
            inert("a\u{1b}[2Jb\r\n\u{202e}c\u{2028}"),
            r"a\u{1b}[2Jb\u{d}\u{a}\u{202e}c\u{2028}"
        );
        assert_eq!(inert("Grüße, 世界"), "Grüße, 世界");
        assert_eq!(inert(&"x".repeat(5000)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let said = [0, 999, 1000, 41_123_456, 960_000_000_000].map(bytes);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "41.1 MB", "960 GB"]);
        assert_eq!([count(999), count(1_234_567)], ["999", "1,234,567"]);
        assert_eq!(
            [plural(1, "finding"), plural(2, "finding")],
            ["1 finding", "2 findings"]
        );
    }

    #[test]
    fn a_moment_is_relative_and_exact() {
        let (at, now): (Time, Time) = (
            "2026-11-23T17:31:04.250Z".parse().unwrap(),
            "2026-11-24T17:31:10Z".parse().unwrap(),
        );
        assert_eq!(ago(at, now), "1 day ago");
        assert_eq!(ago(now, at), "now");
        assert_eq!(exact(at), "2026-11-23 17:31:04 UTC");
        assert_eq!(
            When::clock(at, now).to_string(),
            r#"<time datetime="2026-11-23T17:31:04.250Z" title="2026-11-23 17:31:04 UTC">17:31 <span class="day">23 Nov</span></time>"#
        );
    }
}
