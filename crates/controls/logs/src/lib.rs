//! Prevention 1: monitor your logs.
//!
//! 2004: the scanner that should have blocked the attachment wrote errors for days, and nobody read
//! them. The sensor pulses what it read and how much of it was errors, and `watch` judges silence and
//! sickness from that; this judge finds the lines that policy wants reported, whoever is looking.

mod intake;
mod line;
mod policy;

pub use intake::{
    Journal, Listen, MAX_LISTEN_NAME_BYTES, MAX_SENDERS, MIN_SPOOL_BYTES, SPOOL_BYTES,
};
pub use line::{level, stamp};
pub use policy::{Logs, MAX_PHRASE_BYTES, Source};

use cordon_model::{
    Control, Event, Fact, FactKind, Finding, Key, Memory, Policy, PolicyError, Probe, Rule, Scope,
    Severity, Shard, Span, Spec, Subject, Time, Verdict, Watched,
};
use serde::{Deserialize, Serialize};

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
    consumes: &[FactKind::Log],
    rules: &[PHRASE],
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
    const STATE: u32 = 1;
    type State = Reading;

    fn new(policy: &Policy) -> Result<Self, PolicyError> {
        Self::read(policy)
    }

    fn shard(&self, event: &Event) -> Shard {
        match &event.fact {
            Fact::Log(line) => Shard::Source(line.source.clone()),
            _ => Shard::Fleet,
        }
    }

    fn judge(&self, memory: &mut Memory<Reading>, event: &Event, say: &mut dyn FnMut(Verdict)) {
        let Fact::Log(line) = &event.fact else { return };
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
}

/// The nonce of a planted line.
fn planted(text: &str) -> Option<cordon_model::Nonce> {
    let (_, rest) = text.split_once(PROBE_MARK)?;
    rest.split_whitespace().next()?.parse().ok() // ok: because a mark without a nonce is no planting
}
