//! What watch can find, as data.

use cordon_model::{Cause, FactKind, Probe, Rule, Scope, Severity, Shares, Span, Spec};

/// OCSF Detection Finding.
const DETECTION: u32 = 2004;

const AGENT_LOST: Cause = Cause {
    rule: LOST.id,
    shares: Shares::Host,
};
const SAME_BLIND: Cause = Cause {
    rule: BLIND.id,
    shares: Shares::Subject,
};
const SAME_SILENT: Cause = Cause {
    rule: SILENT.id,
    shares: Shares::Subject,
};

const fn rule(id: &'static str, severity: Severity) -> Rule {
    Rule {
        id,
        title: "",
        advice: "",
        command: None,
        severity,
        scope: Scope::Local,
        ocsf: DETECTION,
        attack: &[],
        explained_by: &[],
        settle: Span::secs(0),
    }
}

pub(crate) const SILENT: Rule = Rule {
    title: "{what} fell silent",
    advice: "Something that should speak every {deadline} has not. Look whether its program runs and \
             writes where it used to; until then whatever it would have told is unseen.",
    explained_by: &[AGENT_LOST, SAME_BLIND],
    settle: Span::minutes(2),
    ..rule("watch.silent", Severity::High)
};

pub(crate) const LOST: Rule = Rule {
    title: "{what} is lost",
    advice: "No sign of life from the host's agent. Is the host on, and can it reach the hub? Its other \
             findings are folded under this one and speak again if it comes back without them.",
    settle: Span::secs(0),
    ..rule("watch.agent-lost", Severity::High)
};

pub(crate) const SICK: Rule = Rule {
    title: "{what} reports errors",
    advice: "{errors} of its last {seen} lines or things are errors. A scanner that fails lets mail \
             through while it still runs: read its last error and restart or repair it today.",
    explained_by: &[AGENT_LOST],
    ..rule("watch.sick", Severity::High)
};

pub(crate) const ODD: Rule = Rule {
    title: "{what} is not as usual: {told}",
    advice: "It still speaks, and what it says differs from what was learned of its last weeks. A program that \
             runs and does not do its work looks like this: read its last lines beside those of last week. What \
             is said now is not learned as usual while this stands.",
    explained_by: &[AGENT_LOST, SAME_BLIND, SAME_SILENT],
    ..rule("watch.odd", Severity::Medium)
};

pub(crate) const CLOCK: Rule = Rule {
    title: "{what} bears wrong times: {by}",
    advice: "Its lines are dated {by} of when they were written. Set the clock of the machine that writes them and \
             look why its time synchronisation does not; until then its lines are found at the wrong time. What \
             is judged here goes by arrival and is not disturbed.",
    explained_by: &[AGENT_LOST, SAME_BLIND],
    settle: Span::minutes(2),
    ..rule("watch.clock-off", Severity::Medium)
};

pub(crate) const ZONE: Rule = Rule {
    title: "{what} bears times of another zone: {by}",
    advice: "Its lines are dated {by} of when they were written, as in another time zone. Times that name no zone \
             are taken as UTC: let it write the zone (RFC 5424, ISO 8601), or UTC. If it did so yesterday, look who \
             set that machine's zone. What is judged here goes by arrival and is not disturbed.",
    explained_by: &[AGENT_LOST, SAME_BLIND],
    settle: Span::minutes(2),
    ..rule("watch.other-zone", Severity::Low)
};

pub(crate) const BLIND: Rule = Rule {
    title: "{what} cannot see",
    advice: "{why}. Nothing it would have found is known until this is mended.",
    command: Some("{mend}"),
    explained_by: &[AGENT_LOST],
    ..rule("watch.blind", Severity::High)
};

pub(crate) const EMPTY: Rule = Rule {
    title: "{what} looked at nothing",
    advice: "It runs and reports no error, and it looked over nothing at all: that is how an audit \
             passes that audits nobody. Check what it is pointed at.",
    explained_by: &[AGENT_LOST, SAME_BLIND],
    ..rule("watch.empty", Severity::High)
};

pub(crate) const GAP: Rule = Rule {
    title: "{what} has a gap",
    advice: "Between {from} and {to} something was missed (lost: {lost}). Read the original for that \
             time if it is kept; this note goes after a day.",
    ..rule("watch.gap", Severity::Medium)
};

pub(crate) const REFUSED: Rule = Rule {
    title: "{what} was refused",
    advice: "Version {epoch} was refused ({why}); the one before stays in force. Mend the text and load \
             it again.",
    ..rule("watch.policy-refused", Severity::High)
};

pub(crate) const STALE: Rule = Rule {
    title: "{what} is out of date",
    advice: "It bears the date {dated} and should be no older than {limit}. What was published since is \
             unknown here, so nothing that rests on it is green.",
    command: Some("apt-get update"),
    explained_by: &[AGENT_LOST, SAME_BLIND],
    ..rule("watch.feed-stale", Severity::High)
};

pub(crate) const MISSED: Rule = Rule {
    title: "the probe of {what} did not come back",
    advice: "A harmless test ({probe}) was planted and the control did not find it in time: whatever it \
             says, it is not working. Treat it as switched off.",
    explained_by: &[AGENT_LOST, SAME_BLIND, SAME_SILENT],
    settle: Span::secs(0),
    ..rule("watch.probe-missed", Severity::Critical)
};

pub(crate) const STEPPED: Rule = Rule {
    title: "the clock of {what} was set",
    advice: "It was moved by {by}. Deadlines were moved with it; times in logs from before do not fit \
             those after. Check its time synchronisation; this note goes after a day.",
    ..rule("watch.clock-stepped", Severity::Low)
};

pub(crate) const UNACCOUNTED: Rule = Rule {
    title: "unaccounted {what}: {told}",
    advice: "What should have followed within {within} did not ({missing}), so it was not done: mail without a \
             verdict was delivered unscanned. Look whether that program runs and does its work; then have \
             these looked at again: {keys}. This goes when all are accounted for, or some time after the last.",
    explained_by: &[AGENT_LOST],
    ..rule("watch.unaccounted", Severity::Critical)
};

pub(crate) const SHORT: Rule = Rule {
    title: "too little {what} arrives: {second} of {first}",
    advice: "At least {least} should get a {missing}, and less than that does: some pass without it. Look \
             whether the second of the two works, and whether both count the same things.",
    explained_by: &[AGENT_LOST],
    ..rule("watch.shortfall", Severity::High)
};

/// Whether a finding of this rule leaves open that its subject speaks when it usually does: only the times
/// that it bears are wrong. Its cadence, which goes by arrival, is learned on.
pub fn is_about_times(rule: &str) -> bool {
    rule == CLOCK.id || rule == ZONE.id
}

/// Name of the probe of `watch.silent`.
pub const WITHHELD_PULSE: &str = "watch.withheld-pulse";

/// Who watches the watchers.
pub const SPEC: Spec = Spec {
    name: "watch",
    prevents: "It had been misbehaving for a few days; no one had looked at the logs.",
    does: "notices what falls silent, sick or blind",
    consumes: &[
        FactKind::Tick,
        FactKind::ClockStep,
        FactKind::Pulse,
        FactKind::Blind,
        FactKind::Gap,
        FactKind::Planted,
        FactKind::Proven,
        FactKind::Swapped,
        FactKind::Refused,
        FactKind::Log,
        FactKind::Package,
        FactKind::Passed,
        FactKind::Learned,
        FactKind::Vitals,
    ],
    rules: &[
        SILENT,
        LOST,
        SICK,
        ODD,
        CLOCK,
        ZONE,
        BLIND,
        EMPTY,
        GAP,
        REFUSED,
        STALE,
        MISSED,
        STEPPED,
        UNACCOUNTED,
        SHORT,
    ],
    probes: &[Probe {
        id: WITHHELD_PULSE,
        plants: "an invented control that pulses once and then never again",
        expect: SILENT.id,
        within: Span::secs(5),
    }],
};
