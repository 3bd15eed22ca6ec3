//! Sigma rules over what was parsed. In 2004 the scanner's log said for days what was wrong, and no rule read it.
//!
//! A match of a rule that only correlations use is a part: it travels as `Part`, with the fields that they need,
//! to the one memory that counts over all hosts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cordon_model::{
    Event, Finding, Host, Key, Policy, PolicyError, Rule, Severity, Subject, Text, Time, Value,
    Verdict, Watched,
};
use serde::Deserialize;
use sigma::{
    Correlated, Correlator, Coverage, Engine, Level, Limits, Meta, RuleSet, Scratch, Windows,
};

use crate::{CORRELATED, PART, SIGMA, shipped};

/// Format of a set that is Sigma rules: a JSON list of `[name, text]`.
pub const SIGMA_RULES: &str = "logs/sigma-rules";

/// Groups of one correlation that are remembered, and events of one group: the memory of a hub is bounded.
const LIMITS: Limits = Limits {
    groups: 4_096,
    events: 4_096,
    value_bytes: 256,
};

/// The field of a parsed event of which something was cut off, at the limit of a value or of the event.
pub const CUT_FIELD: &str = "cordon_cut";

/// Most bytes of one value that a finding shows.
const MAX_VALUE_BYTES: usize = 1024;

/// Section `[logs.rules]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesSection {
    /// Whether Cordon's own rules are in force.
    pub builtin: bool,
    /// Files and folders of further rules.
    pub paths: Vec<String>,
    /// Rules that are not wanted, by id or name.
    pub off: Vec<String>,
    /// The least level that is told.
    pub level: Option<LevelName>,
}

impl Default for RulesSection {
    fn default() -> Self {
        Self {
            builtin: true,
            paths: Vec::new(),
            off: Vec::new(),
            level: None,
        }
    }
}

/// A level by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelName {
    /// For inventory.
    Informational,
    /// Notable.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at now.
    High,
    /// An incident.
    Critical,
}

impl LevelName {
    const fn level(self) -> Level {
        match self {
            Self::Informational => Level::Informational,
            Self::Low => Level::Low,
            Self::Medium => Level::Medium,
            Self::High => Level::High,
            Self::Critical => Level::Critical,
        }
    }
}

/// Rules, compiled.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    set: RuleSet,
    engine: Engine,
    correlator: Correlator,
    /// Of each rule and of each correlation, whether its match is told.
    told: Vec<bool>,
    told_correlations: Vec<bool>,
    refused: Vec<String>,
    /// Tells one set of rules from another, so that memory of other rules is not taken for theirs.
    mark: u64,
    buffers: Mutex<Buffers>,
}

/// What matching writes down: kept, so that nothing is allocated for each event.
#[derive(Debug)]
struct Buffers {
    event: sigma::Event,
    scratch: Scratch,
    /// What came since the rules were loaded; nothing is judged by it.
    coverage: Coverage,
    /// Events of it that the rules saw in part or not at all.
    short: u64,
}

impl Rules {
    pub(crate) fn read(section: &RulesSection, policy: &Policy) -> Result<Self, PolicyError> {
        let mut texts: Vec<(String, String)> = Vec::new();
        if section.builtin {
            let own = shipped::RULES.iter();
            texts.extend(own.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        }
        for (name, set) in policy
            .sets()
            .iter()
            .filter(|(_, set)| set.format == SIGMA_RULES)
        {
            let read: Vec<(String, String)> = serde_json::from_slice(&set.bytes)
                .map_err(|error| PolicyError::new(format!("rules {name}: {error}")))?;
            texts.extend(read);
        }
        let mark = mark(&texts, section);
        let loaded = RuleSet::load(texts);
        let set = loaded.set;
        let off = |meta: &Meta| {
            let named = |name: &Option<String>| {
                name.as_ref().is_some_and(|name| section.off.contains(name))
            };
            named(&meta.id) || named(&meta.name)
        };
        let least = section.level.map(LevelName::level);
        let wanted = |meta: &Meta| !off(meta) && (least.is_none() || meta.level >= least);
        let told = set
            .rules
            .iter()
            .map(|rule| rule.alone && wanted(&rule.meta))
            .collect();
        let told_correlations = set
            .correlations
            .iter()
            .map(|one| wanted(&one.meta))
            .collect();
        let engine = Engine::new(&set);
        let buffers = Buffers {
            event: sigma::Event::default(),
            scratch: Scratch::default(),
            coverage: engine.coverage(),
            short: 0,
        };
        Ok(Self(Arc::new(Compiled {
            engine,
            correlator: Correlator::new(&set, LIMITS),
            told,
            told_correlations,
            refused: loaded.refused.iter().map(ToString::to_string).collect(),
            set,
            mark,
            buffers: Mutex::new(buffers),
        })))
    }

    /// Rules and correlations that are in force.
    pub fn count(&self) -> usize {
        self.0.set.rules.len() + self.0.set.correlations.len()
    }

    /// Rules that were refused, each with its file, line and reason.
    pub fn refused(&self) -> &[String] {
        &self.0.refused
    }

    /// How many rules cannot fire on the events that came since they were loaded, because a source or a field of
    /// theirs was never among them. None: no event has come.
    pub fn cannot_fire(&self) -> Option<usize> {
        let buffers = self.buffers();
        let coverage = &buffers.coverage;
        (coverage.events() > 0).then(|| self.0.engine.cannot_fire(coverage))
    }

    /// How many events since then were cut at a limit, so that no rule saw them whole.
    pub fn cut(&self) -> u64 {
        self.buffers().short
    }

    fn buffers(&self) -> MutexGuard<'_, Buffers> {
        let buffers = self.0.buffers.lock();
        buffers.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mark(&self) -> u64 {
        self.0.mark
    }

    /// What rules say of one parsed event; `fired` hears which were told.
    pub(crate) fn judge(
        &self,
        event: &Event,
        parsed: &cordon_model::Parsed,
        fired: &mut dyn FnMut(Text),
        say: &mut dyn FnMut(Verdict),
    ) {
        let compiled = &*self.0;
        let mut buffers = self.buffers();
        let Buffers {
            event: seen,
            scratch,
            coverage,
            short,
        } = &mut *buffers;
        let source = sigma::LogSource::new(
            parsed.product.as_str(),
            parsed.category.as_str(),
            parsed.service.as_str(),
        );
        seen.set_sources(Arc::new(vec![source]));
        if seen.read_json(parsed.fields.as_str().as_bytes()).is_err() {
            *short += 1;
            return;
        }
        let cut = seen.get(CUT_FIELD).next().is_some() || seen.left_out() > 0;
        *short += u64::from(cut);
        compiled.engine.saw(seen, coverage);
        let mut matched = Vec::new();
        compiled
            .engine
            .matches(seen, scratch, |rule| matched.push(rule));
        for rule in matched {
            let Some(of) = compiled.set.rules.get(rule) else {
                continue;
            };
            let id = id_of(&of.meta);
            if compiled.told.get(rule) == Some(&true) {
                let subject = Subject::Watched(Watched::Source(parsed.source.clone()));
                let key = Key::new(&SIGMA, &event.host, subject).detailed(id.clone());
                let mut finding =
                    told(&SIGMA, key, &of.meta).with("source", parsed.source.as_str());
                for (name, value) in values(of, seen) {
                    finding = finding.with(&name, value);
                }
                finding.excerpt = Some(Text::new(parsed.fields.as_str()));
                fired(id.clone());
                say(Verdict::Find(finding));
            }
            if compiled.correlator.uses(rule) {
                let key = Key::new(&PART, &event.host, Subject::Host).detailed(id);
                let mut part = Finding::new(&PART, key).with("rule", rule);
                for name in compiled.correlator.needs(rule) {
                    let value = seen.get(name).flatten().next().map(str::to_owned);
                    // Rules group by the host, and not every log says where it is.
                    let here =
                        || matches!(name, "host" | "Computer").then(|| event.host.to_string());
                    if let Some(value) = value.or_else(here) {
                        part = part.with(&format!("field.{name}"), value);
                    }
                }
                say(Verdict::Part(part));
            }
        }
    }

    /// A part came: what it completes.
    pub(crate) fn correlate(
        &self,
        windows: &mut Windows,
        host: &Host,
        at: Time,
        part: &Finding,
        say: &mut dyn FnMut(Verdict),
    ) {
        let Some(Value::Number(rule)) = part.fields.get("rule") else {
            return;
        };
        let rule = usize::try_from(*rule).unwrap_or(usize::MAX);
        let compiled = &*self.0;
        let mut buffers = self.buffers();
        let seen = &mut buffers.event;
        seen.fill(|fields| {
            for (name, value) in &part.fields {
                if let (Some(name), Value::Text(value)) = (name.strip_prefix("field."), value) {
                    fields.text(name, value.as_str());
                }
            }
        });
        let at = at.millis();
        let mut done = |one: Correlated| self.complete(host, &one, say);
        compiled.correlator.feed(windows, rule, seen, at, &mut done);
    }

    /// Time passed: windows that ended are judged.
    pub(crate) fn advance(
        &self,
        windows: &mut Windows,
        me: &Host,
        now: Time,
        say: &mut dyn FnMut(Verdict),
    ) {
        let mut done = |one: Correlated| self.complete(me, &one, say);
        self.0.correlator.advance(windows, now.millis(), &mut done);
    }

    fn complete(&self, host: &Host, one: &Correlated, say: &mut dyn FnMut(Verdict)) {
        let compiled = &*self.0;
        let Some(of) = compiled.set.correlations.get(one.correlation) else {
            return;
        };
        if compiled.told_correlations.get(one.correlation) != Some(&true) {
            return;
        }
        let group: Vec<String> = one
            .group
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let detail = format!("{} {}", id_of(&of.meta), group.join(", "));
        let key = Key::new(&CORRELATED, host, Subject::Host).detailed(detail);
        let from = Time::from_millis(one.from_ms);
        let finding = told(&CORRELATED, key, &of.meta)
            .with("group", group.join(", "))
            .with("measure", one.measure.to_string())
            .with("from", from.to_string())
            .with("to", Time::from_millis(one.at_ms).to_string());
        say(Verdict::Find(finding));
    }
}

/// FNV-1a of all texts: the same rules have the same mark on every machine.
fn mark(texts: &[(String, String)], section: &RulesSection) -> u64 {
    let words = texts
        .iter()
        .flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let words = words.chain(section.off.iter().map(String::as_str));
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in words.flat_map(str::bytes) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

fn id_of(meta: &Meta) -> Text {
    let id = meta.id.as_deref().or(meta.name.as_deref());
    Text::new(id.unwrap_or(&meta.title)) // or: because every rule has a title
}

fn told(rule: &Rule, key: Key, meta: &Meta) -> Finding {
    let mut finding = Finding::new(rule, key).with("title", meta.title.as_str());
    finding.severity = match meta.level {
        Some(Level::Informational) => Severity::Info,
        Some(Level::Low) => Severity::Low,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    };
    let why = meta
        .description
        .as_deref()
        .unwrap_or("The rule does not say what it means."); // or: because not all do
    finding = finding.with("means", why.trim());
    if !meta.tags.is_empty() {
        let tags = meta.tags.iter().map(|tag| Text::new(tag)).collect();
        finding = finding.with("tags", Value::List(tags));
    }
    finding
}

/// What a rule speaks of, as the event has it.
fn values(rule: &sigma::Rule, event: &sigma::Event) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (_, search) in &rule.searches {
        walk(search, event, &mut all);
    }
    all.sort();
    all.dedup();
    all
}

fn walk(search: &sigma::Search, event: &sigma::Event, all: &mut Vec<(String, String)>) {
    match search {
        sigma::Search::All(parts) | sigma::Search::Any(parts) => {
            for part in parts {
                walk(part, event, all);
            }
        }
        sigma::Search::Item(item) => {
            let Some(name) = &item.field else { return };
            if let Some(value) = event.get(name).flatten().next() {
                let end = value.floor_char_boundary(MAX_VALUE_BYTES.min(value.len()));
                let value = value.get(..end).unwrap_or(value); // or: because it is a boundary
                all.push((format!("field.{name}"), value.to_owned()));
            }
        }
    }
}
