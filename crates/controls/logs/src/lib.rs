//! Prevention 1: monitor your logs.
//!
//! 2004: the scanner that should have blocked the attachment wrote errors for days, and nobody read
//! them. The sensor pulses what it read and how much of it was errors, and `watch` judges silence and
//! sickness from that; this judge finds the lines that policy wants reported, whoever is looking.

mod intake;
mod line;
mod policy;
mod shipped;
mod sigma_rules;

pub use intake::{
    Journal, Listen, MAX_LISTEN_NAME_BYTES, MAX_SENDERS, MIN_SPOOL_BYTES, SPOOL_BYTES,
};
pub use line::{level, stamp};
pub use policy::{Logs, MAX_PHRASE_BYTES, Source};
pub use shipped::RULES;
pub use sigma_rules::{CUT_FIELD, LevelName, Rules, RulesSection, SIGMA_RULES};

use std::collections::BTreeMap;

use cordon_model::{
    Amnesia, Control, Event, Fact, FactKind, Finding, Key, Memory, Policy, PolicyError, Probe,
    Rule, Scope, Severity, Shard, ShardKey, Span, Spec, Subject, Text, Time, Verdict, Watched,
};
use serde::{Deserialize, Serialize};
use sigma::Windows;

/// A rule that has not fired for this long is over.
const OVER_AFTER: Span = Span::days(1);

/// A clock may be this far ahead before its word counts for nothing.
const MAX_AHEAD: Span = Span::minutes(10);

const fn rule(id: &'static str) -> Rule {
    Rule {
        id,
        title: "",
        advice: "",
        command: None,
        severity: Severity::Medium,
        scope: Scope::Local,
        ocsf: 2004,
        attack: &[],
        explained_by: &[],
        settle: Span::secs(0),
    }
}

const SIGMA: Rule = Rule {
    title: "{title} ({source})",
    advice: "{means} Read the event, then the ones around it. It is over when the rule has not fired for a day; a rule \
             that you do not want is switched off by its id in [logs.rules] off.",
    ..rule("logs.sigma")
};

const CORRELATED: Rule = Rule {
    title: "{title} ({group})",
    advice: "{means} So it was from {from} to {to}. It is over when it has not come again for a day.",
    scope: Scope::Fleet,
    ..rule("logs.correlation")
};

/// A match that only correlations use: nobody is told of it by itself.
const PART: Rule = Rule {
    title: "a part of a correlation",
    advice: "Nobody is told of it by itself.",
    severity: Severity::Info,
    ..rule("logs.part")
};

const LOST: Rule = Rule {
    title: "correlations could not take everything into account",
    advice: "Left out so far: {told}. Events that come late, or more groups than are remembered, may hide what a \
             correlation looks for. Look at the clocks of the senders first.",
    severity: Severity::Low,
    ..rule("logs.correlation-lost")
};

const PHRASE: Rule = Rule {
    id: "logs.phrase",
    title: "a line in {source} that policy wants reported",
    advice: "Policy asks to be told when `{phrase}` is written. Read the line, then the ones around it.",
    command: None,
    severity: Severity::Medium,
    scope: Scope::Local,
    ocsf: 2004,
    attack: &[],
    explained_by: &[],
    settle: Span::secs(0),
};

/// What a planted line begins with; the nonce follows up to the next space.
pub const PROBE_MARK: &str = "cordon-probe:";

/// Name of the probe of [`PHRASE`].
pub const NONCE_LINE: &str = "logs.nonce-line";

/// Monitor your logs.
pub const SPEC: Spec = Spec {
    name: "logs",
    prevents: "Monitor your logs.",
    does: "reads the log files and journals that policy names, and listens where it says",
    consumes: &[
        FactKind::Log,
        FactKind::Parsed,
        FactKind::Part,
        FactKind::Tick,
    ],
    rules: &[SIGMA, CORRELATED, PHRASE, LOST],
    probes: &[Probe {
        id: NONCE_LINE,
        plants: "a line with a number used once, in a file of its own beside the real ones",
        expect: PHRASE.id,
        within: Span::secs(5),
    }],
};

/// What is remembered of one source.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Lines judged.
    pub lines: u64,
    /// Errors among them.
    pub errors: u64,
    /// Time of the first line that bears one.
    pub first: Option<Time>,
    /// Time of the last line that bears one.
    pub last: Option<Time>,
    /// Rules that fired, and when they last did: what a finding needs to end.
    fired: BTreeMap<Text, Time>,
    /// The memory of correlations, and of which rules it is: of one memory alone.
    windows: Windows,
    mark: u64,
    /// The latest time that an event bore by its own word, and when it came: correlations go by the events' own time.
    clock: Option<(Time, Time)>,
    /// What correlations left out, as it was last told.
    lost: u64,
}

/// As version 1 wrote it.
#[derive(Deserialize)]
struct First {
    lines: u64,
    errors: u64,
    first: Option<Time>,
    last: Option<Time>,
}

impl Reading {
    /// Lines an hour between the first stamped line and the last; none if that is under a minute.
    pub fn lines_per_hour(&self) -> Option<u64> {
        let span = self.last?.since(self.first?).millis();
        let lines = u128::from(self.lines) * u128::from(Span::hours(1).millis());
        let enough = span >= Span::minutes(1).millis();
        enough.then(|| u64::try_from(lines / u128::from(span)).unwrap_or(u64::MAX))
    }
}

impl Control for Logs {
    const SPEC: &'static Spec = &SPEC;
    const STATE: u32 = 2;
    type State = Reading;

    fn migrate(from: u32, bytes: &[u8]) -> Result<Reading, Amnesia> {
        let forgotten = |reason: String| Amnesia { reason };
        if from != 1 {
            return Err(forgotten(format!(
                "expected version 1 or 2 of its memory, got {from}"
            )));
        }
        let first: First = postcard::from_bytes(bytes)
            .map_err(|error| forgotten(format!("version 1: {error}")))?;
        Ok(Reading {
            lines: first.lines,
            errors: first.errors,
            first: first.first,
            last: first.last,
            ..Reading::default()
        })
    }

    fn new(policy: &Policy) -> Result<Self, PolicyError> {
        Self::read(policy)
    }

    fn shard(&self, event: &Event) -> Shard {
        match &event.fact {
            Fact::Log(line) => Shard::Source(line.source.clone()),
            Fact::Parsed(parsed) => Shard::Source(parsed.source.clone()),
            Fact::Tick => Shard::All,
            _ => Shard::Fleet,
        }
    }

    fn judge(&self, memory: &mut Memory<Reading>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        match &event.fact {
            Fact::Log(line) => self.line(memory, event, line, say),
            Fact::Parsed(parsed) => {
                let at = event.at;
                let mut fired = Vec::new();
                self.rules
                    .judge(event, parsed, &mut |id| fired.push(id), say);
                for id in fired {
                    memory.fired.insert(id, at);
                }
            }
            Fact::Part(part) if part.key.rule.as_str() == PART.id => {
                self.fresh(memory);
                let at = own_time(event);
                if memory.clock.is_none_or(|(latest, _)| at >= latest) {
                    memory.clock = Some((at, event.at));
                }
                let mut windows = std::mem::take(&mut memory.windows);
                let mut heard = Vec::new();
                let mut hear = |verdict| heard.push(verdict);
                self.rules
                    .correlate(&mut windows, &event.host, at, part, &mut hear);
                memory.windows = windows;
                for verdict in heard {
                    if let Verdict::Find(finding) = &verdict {
                        remember(memory, &finding.key, event.at);
                    }
                    say(verdict);
                }
                Self::left_out(memory, event, say);
            }
            Fact::Tick => self.tick(memory, event, say),
            _ => {}
        }
    }
}

impl Logs {
    fn line(
        &self,
        memory: &mut Memory<Reading>,
        event: &Event,
        line: &cordon_model::LogLine,
        say: &mut dyn FnMut(Verdict),
    ) {
        let text = line.text.as_str();
        let subject = match (&event.probe, planted(text)) {
            (Some(_), Some(nonce)) => Subject::Nonce(nonce),
            _ => Subject::Watched(Watched::Source(line.source.clone())),
        };
        let found = |phrase: &str| {
            let key = Key::new(&PHRASE, &event.host, subject.clone()).detailed(phrase);
            let mut finding = Finding::new(&PHRASE, key).with("phrase", phrase);
            finding = finding.with("source", line.source.as_str());
            finding.excerpt = Some(line.text.clone());
            Verdict::Find(finding)
        };
        if text.contains(PROBE_MARK) {
            say(found(PROBE_MARK)); // planted by us, or by somebody who wants to look like us
        }
        if event.probe.is_some() {
            return; // a planted line must not be learned
        }
        let reading = &mut **memory;
        reading.lines += 1;
        reading.errors += u64::from(line.level == cordon_model::Level::Error);
        reading.first = reading.first.or(event.said);
        reading.last = event.said.max(reading.last);
        for phrase in self
            .reported(&line.source)
            .filter(|phrase| text.contains(*phrase))
        {
            say(found(phrase));
        }
    }

    /// Memory of other rules says nothing of these.
    fn fresh(&self, memory: &mut Memory<Reading>) {
        if memory.mark != self.rules.mark() {
            memory.windows = Windows::default();
            memory.mark = self.rules.mark();
        }
    }

    fn left_out(memory: &mut Memory<Reading>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let lost = memory.windows.lost();
        let sum = lost.groups + lost.events + lost.late;
        if sum == memory.lost {
            return;
        }
        memory.lost = sum;
        let told = format!(
            "{} groups and {} events over the limits, {} events that came late",
            lost.groups, lost.events, lost.late
        );
        let key = Key::new(&LOST, &event.host, Subject::Host);
        say(Verdict::Find(Finding::new(&LOST, key).with("told", told)));
    }

    fn tick(&self, memory: &mut Memory<Reading>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let is_fleet = matches!(memory.key(), ShardKey::Fleet);
        if is_fleet && memory.windows.groups() > 0 {
            self.fresh(memory);
            let mut windows = std::mem::take(&mut memory.windows);
            let mut heard = Vec::new();
            // As far as the time of the events has come: what writes an hour behind is judged an hour later.
            let now = memory
                .clock
                .map_or(event.at, |(latest, came)| latest + event.at.since(came));
            let mut hear = |verdict| heard.push(verdict);
            self.rules
                .advance(&mut windows, &event.host, now, &mut hear);
            memory.windows = windows;
            for verdict in heard {
                if let Verdict::Find(finding) = &verdict {
                    remember(memory, &finding.key, event.at);
                }
                say(verdict);
            }
        }
        if memory.fired.is_empty() {
            return;
        }
        let over = |last: &Time| event.at.since(*last) >= OVER_AFTER;
        if !memory.fired.values().any(over) {
            return;
        }
        let ended: Vec<Text> = memory
            .fired
            .iter()
            .filter(|(_, last)| over(last))
            .map(|(id, _)| id.clone())
            .collect();
        let key = memory.key().clone();
        for id in ended {
            memory.fired.remove(&id);
            if let ShardKey::Source(host, source) = &key {
                let subject = Subject::Watched(Watched::Source(source.clone()));
                say(Verdict::Clear(Key::new(&SIGMA, host, subject).detailed(id)));
                continue;
            }
            let parts = id.as_str().split_once(HOST_END);
            let parts = parts.and_then(|(host, detail)| Some((host.parse().ok()?, detail))); // ok: because `remember` wrote it
            if let Some((host, detail)) = parts {
                let key = Key::new(&CORRELATED, &host, Subject::Host).detailed(detail);
                say(Verdict::Clear(key));
            }
        }
    }
}

/// Stands between host and detail of a correlation that is remembered.
const HOST_END: char = '\u{1f}';

/// When something happened by its own word; what claims to come from the future happened now.
fn own_time(event: &Event) -> Time {
    let latest = event.at + MAX_AHEAD;
    event
        .said
        .filter(|said| *said <= latest)
        .unwrap_or(event.at) // or: because then nobody says
}

/// A correlation's finding, by host and detail.
fn remember(memory: &mut Memory<Reading>, key: &Key, at: Time) {
    let detail = key.detail.as_ref().map_or("", Text::as_str);
    let id = Text::new(&format!("{}{HOST_END}{detail}", key.host));
    memory.fired.insert(id, at);
}

/// The nonce of a planted line.
fn planted(text: &str) -> Option<cordon_model::Nonce> {
    let (_, rest) = text.split_once(PROBE_MARK)?;
    rest.split_whitespace().next()?.parse().ok() // ok: because a mark without a nonce is no planting
}
