//! Pairs of stages: what the first saw, the second must see too. The part of the policy that says so.

use std::collections::BTreeMap;

use cordon_model::{
    LogLine, PairName, Pattern, Policy, PolicyError, Severity, SourceName, Span, StageName,
};
use serde::Deserialize;

use crate::{
    book::MAX_OPEN,
    expect::Percent,
    stage::{Format, MAX_KEY_BYTES, Mark},
};

/// Most pairs of a policy.
pub const MAX_PAIRS: usize = 100;

/// Two stages, and how soon the second must follow the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub(crate) from: Vec<Stage>,
    pub(crate) to: Vec<Stage>,
    pub(crate) within: Span,
    /// What is counted: `mail`.
    pub(crate) what: String,
    /// What the first stage makes of it: `messages accepted`.
    pub(crate) passed: String,
    /// What is missing without the second: `scanner verdict`.
    pub(crate) missing: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// How long it is told that something was unaccounted, after the last such thing.
    pub(crate) told_for: Span,
    /// Most that are kept track of.
    pub(crate) most: usize,
    /// Keys that need not arrive: printers have no agent.
    except: Vec<Pattern>,
    /// Where things have no key: the least share of the first that the second must see.
    pub(crate) ratio: Option<Percent>,
}

/// Where things are seen passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Lines of a source.
    Lines(SourceName, Reader),
    /// [`cordon_model::Fact::Passed`] of this stage.
    Passed(StageName),
    /// Packages that are installed: `ws1 KB835732`.
    Packages,
}

/// How a line is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reader {
    Format(Format),
    /// Lines with this text; the key is what follows each of these.
    Custom {
        has: String,
        key: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairText {
    name: PairName,
    from: OneOrMany,
    to: OneOrMany,
    within: Span,
    what: Option<String>,
    passed: Option<String>,
    missing: Option<String>,
    severity: Option<Severity>,
    told_for: Option<Span>,
    most: Option<usize>,
    #[serde(default)]
    except: Vec<Pattern>,
    ratio: Option<Percent>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected one stage `{ log = …, as = … }` or a list of them"
)]
enum OneOrMany {
    One(StageText),
    Many(Vec<StageText>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageText {
    log: Option<SourceName>,
    #[serde(rename = "as")]
    format: Option<Format>,
    has: Option<String>,
    #[serde(default)]
    key: Vec<String>,
    passed: Option<StageName>,
    #[serde(default)]
    packages: bool,
}

/// A harmless message that the mail scanner must stop: `[watch.canary]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Where it is handed in.
    pub server: Server,
    /// Whom it is from.
    pub from: String,
    /// Whom it is to: nobody who reads it.
    pub to: String,
    /// How often.
    #[serde(default = "five_minutes")]
    pub every: Span,
    /// How soon the scanner must have stopped it.
    #[serde(default = "a_minute")]
    within: Span,
    /// The scanner's log, where it stops a message only after it was accepted.
    log: Option<SourceName>,
}

const fn five_minutes() -> Span {
    Span::minutes(5)
}

const fn a_minute() -> Span {
    Span::minutes(1)
}

/// `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl TryFrom<String> for Server {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let port = parts.and_then(|(host, port)| Some((host, port.parse().ok()?))); // ok: because the next line refuses it
        match port {
            Some((host, port)) if !host.is_empty() => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            }),
            _ => Err(format!("expected HOST:PORT, got `{text}`")),
        }
    }
}

/// The stage that an agent passes again and again, by the short name of its host.
pub const AGENT: &str = "agent";

/// The stage at which a canary was handed in, and the one at which it was stopped.
pub const CANARY_SENT: &str = "canary-sent";
/// See [`CANARY_SENT`].
pub const CANARY_REFUSED: &str = "canary-refused";

impl Canary {
    /// Every canary that was handed in must be stopped.
    fn pair(&self) -> Pair {
        let lines = |log: &SourceName| Stage::Lines(log.clone(), Reader::Format(Format::Canary));
        let mut to = vec![Stage::Passed(CANARY_REFUSED.into())];
        to.extend(self.log.iter().map(lines));
        Pair {
            from: vec![Stage::Passed(CANARY_SENT.into())],
            to,
            within: self.within,
            what: "test viruses".to_owned(),
            passed: "harmless test messages handed in".to_owned(),
            missing: "refusal by the mail scanner".to_owned(),
            severity: Severity::Critical,
            told_for: Span::hours(1),
            most: MAX_OPEN,
            except: Vec::new(),
            ratio: None,
        }
    }
}

/// Reads `[watch.canary]`.
pub(crate) fn read_canary(policy: &Policy) -> Result<Option<Canary>, PolicyError> {
    #[derive(Default, Deserialize)]
    struct Section {
        canary: Option<Canary>,
    }
    let section: Section = policy.section("watch")?;
    Ok(section.canary)
}

/// Reads `[[watch.pair]]`.
pub(crate) fn read(policy: &Policy) -> Result<BTreeMap<PairName, Pair>, PolicyError> {
    #[derive(Default, Deserialize)]
    struct Section {
        #[serde(default)]
        pair: Vec<PairText>,
    }
    let section: Section = policy.section("watch")?;
    if section.pair.len() > MAX_PAIRS {
        let got = section.pair.len();
        return Err(PolicyError::new(format!(
            "expected at most {MAX_PAIRS} [[watch.pair]], got {got}"
        )));
    }
    let mut pairs = BTreeMap::new();
    for text in section.pair {
        let name = text.name.clone();
        let pair = Pair::new(text)
            .map_err(|why| PolicyError::new(format!("in [[watch.pair]] {name}: {why}")))?;
        if pairs.insert(name.clone(), pair).is_some() {
            return Err(PolicyError::new(format!(
                "pair {name} is named twice in [[watch.pair]]"
            )));
        }
    }
    if let Some(canary) = read_canary(policy)? {
        pairs.insert("canary".into(), canary.pair());
    }
    Ok(pairs)
}

impl Pair {
    fn new(text: PairText) -> Result<Self, String> {
        let counted = text.ratio.is_some();
        let from = stages(text.from, counted)?;
        let to = stages(text.to, counted)?;
        if text.within < Span::secs(1) {
            return Err("expected `within` of at least 1s".to_owned());
        }
        let mail = from.iter().chain(&to).any(|stage| match stage {
            Stage::Lines(_, Reader::Format(format)) => format.is_mail(),
            _ => false,
        });
        // A message is delivered or not, and then it is over; a host without an agent stays one.
        let (passed, missing, severity, told_for) = if mail {
            (
                "messages accepted",
                "scanner verdict",
                Severity::Critical,
                Span::days(1),
            )
        } else {
            (
                "things seen",
                "trace of them at the second stage",
                Severity::Medium,
                Span::days(30),
            )
        };
        let or = |given: Option<String>, default: &str| given.unwrap_or_else(|| default.to_owned());
        Ok(Self {
            from,
            to,
            within: text.within,
            what: or(text.what, text.name.as_str()),
            passed: or(text.passed, passed),
            missing: or(text.missing, missing),
            severity: text.severity.unwrap_or(severity),
            told_for: text.told_for.unwrap_or(told_for),
            most: text.most.unwrap_or(MAX_OPEN).min(MAX_OPEN),
            except: text.except,
            ratio: text.ratio,
        })
    }

    pub(crate) fn excepts(&self, key: &str) -> bool {
        self.except.iter().any(|pattern| pattern.fits(key))
    }

    pub(crate) fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.from.iter().chain(&self.to)
    }
}

fn stages(texts: OneOrMany, counted: bool) -> Result<Vec<Stage>, String> {
    let texts = match texts {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    };
    if texts.is_empty() {
        return Err("expected at least one stage".to_owned());
    }
    texts.into_iter().map(|text| stage(text, counted)).collect()
}

fn stage(text: StageText, counted: bool) -> Result<Stage, String> {
    match text {
        StageText { log: Some(log), format: Some(format), has: None, passed: None, packages: false, key } if key.is_empty() => {
            Ok(Stage::Lines(log, Reader::Format(format)))
        }
        StageText { log: Some(log), format: None, has: Some(has), passed: None, packages: false, key } => {
            if key.is_empty() && !counted {
                return Err("expected `key = [\"text before the key\"]`, or `ratio` for things without one".to_owned());
            }
            Ok(Stage::Lines(log, Reader::Custom { has, key }))
        }
        StageText { log: None, format: None, has: None, passed: Some(stage), packages: false, key } if key.is_empty() => {
            Ok(Stage::Passed(stage))
        }
        StageText { log: None, format: None, has: None, passed: None, packages: true, key } if key.is_empty() => Ok(Stage::Packages),
        _ => Err("expected a stage `{ log, as }`, `{ log, has, key }`, `{ passed }` or `{ packages = true }`".to_owned()),
    }
}

/// What one stage says of a thing, with its key where it has one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) how: How,
}

/// How far a thing got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Came,
    PassedIfCame,
    Passed,
    Left,
}

impl Stage {
    /// What `line` says at this stage.
    pub(crate) fn hear(&self, line: &LogLine) -> Option<Seen> {
        let Self::Lines(source, reader) = self else {
            return None;
        };
        if *source != line.source {
            return None;
        }
        let text = line.text.as_str();
        match reader {
            Reader::Format(format) => {
                let mark = format.read(text)?;
                let how = match mark {
                    Mark::Came(_) => How::Came,
                    Mark::PassedIfCame(_) => How::PassedIfCame,
                    Mark::Passed(_) => How::Passed,
                    Mark::Left(_) => How::Left,
                };
                let key = mark.key();
                // Host names are compared without regard to case, queue-ids are not.
                let key = if format.is_mail() {
                    key.to_owned()
                } else {
                    key.to_ascii_lowercase()
                };
                Some(Seen { key, how })
            }
            Reader::Custom { has, key } => {
                if !text.contains(has.as_str()) {
                    return None;
                }
                let parts: Option<Vec<&str>> =
                    key.iter().map(|mark| value_after(text, mark)).collect();
                let key = parts?.join(" ");
                (key.len() <= MAX_KEY_BYTES).then_some(Seen {
                    key,
                    how: How::Passed,
                })
            }
        }
    }
}

/// What follows `mark`, up to a space or to what ends a value.
fn value_after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(mark)?;
    let rest = rest.trim_start_matches(['"', '\'', '<']);
    let end = rest.find(|c: char| c.is_whitespace() || ",;\"'<>)]".contains(c));
    rest.get(..end.unwrap_or(rest.len()))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use cordon_model::Level;

    use super::*;

    fn refused(text: &str) -> String {
        read(&Policy::new(text, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_stage_says_what_it_is_or_is_refused() {
        let head = "[[watch.pair]]\nname = \"mail\"\nwithin = \"5m\"\n";
        let good = format!(
            "{head}from = {{ log = \"mail.log\", as = \"postfix\" }}\nto = [{{ log = \"s.log\", as = \"rspamd\" }}, {{ passed = \"gate\" }}]\n"
        );
        let pairs = read(&Policy::new(&good, 1)).unwrap();
        let pair = pairs.values().next().unwrap();
        assert_eq!(
            (pair.passed.as_str(), pair.missing.as_str()),
            ("messages accepted", "scanner verdict")
        );
        let without =
            format!("{head}from = {{ log = \"a\", has = \"x\" }}\nto = {{ passed = \"gate\" }}\n");
        assert!(refused(&without).contains("expected `key"));
        let both = format!(
            "{head}from = {{ log = \"a\", as = \"postfix\", has = \"x\" }}\nto = {{ passed = \"gate\" }}\n"
        );
        assert!(refused(&both).contains("expected a stage"));
        let odd = format!(
            "{head}from = {{ log = \"a\", as = \"sendmale\" }}\nto = {{ passed = \"gate\" }}\n"
        );
        assert!(
            refused(&odd).contains("expected one stage"),
            "{}",
            refused(&odd)
        );
    }

    #[test]
    fn a_key_of_ones_own_is_what_follows_its_marks() {
        let stage = Stage::Lines(
            "wsus".into(),
            Reader::Custom {
                has: "Approved".to_owned(),
                key: vec!["host=".to_owned(), "kb=".to_owned()],
            },
        );
        let line = |text: &str| LogLine {
            source: "wsus".into(),
            text: cordon_model::Text::new(text),
            level: Level::Plain,
        };
        let seen = stage
            .hear(&line("Approved host=\"ws1\", kb=KB835732;"))
            .unwrap();
        assert_eq!(
            seen,
            Seen {
                key: "ws1 KB835732".to_owned(),
                how: How::Passed
            }
        );
        assert_eq!(stage.hear(&line("Approved kb=KB835732")), None);
        assert_eq!(stage.hear(&line("Declined host=ws1 kb=KB835732")), None);
    }
}
