//! The rows of each list: every text made inert here, once, and every age said relative to now.

use std::{cmp::Reverse, collections::BTreeSet};

use cordon_model::{Severity, Span, Standing, Time};

use crate::{
    Account, Finding, Lamp, Moment, Source, Todo,
    assets::fingerprint,
    words::{Glyph, Tone, Urgency, When, count, date, inert, plural},
};

/// Most things to do.
const MAX_NEXT: usize = 5;

/// Most rows of each list.
pub(crate) const MAX_ROWS: usize = 200;

/// Most lines, packages or files of one row.
pub(crate) const MAX_ITEMS: usize = 100;

/// The timeline's length.
pub(crate) const TIMELINE: Span = Span::hours(24);

/// Gives every row a name that stays the same from page to page, so that what was opened stays open.
#[derive(Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    fn name(&mut self, kind: &str, parts: &[&str]) -> String {
        let base = format!("{kind}-{:016x}", fingerprint(parts.join("\n").as_bytes()));
        let mut name = base.clone();
        let mut again = 1;
        while !self.0.insert(name.clone()) {
            again += 1;
            name = format!("{base}-{again}");
        }
        name
    }
}

/// A list as far as it is shown, and how much of it is not.
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) more: Option<String>,
}

impl<T> Rows<T> {
    /// At most `most` of `all`; the rest is said.
    pub(crate) fn of<S>(all: &[S], most: usize, row: impl FnMut(&S) -> T) -> Self {
        let rest = all.len().saturating_sub(most);
        Self {
            rows: all.iter().take(most).map(row).collect(),
            more: (rest > 0).then(|| {
                let all = u64::try_from(all.len()).unwrap_or(u64::MAX);
                let rest = u64::try_from(rest).unwrap_or(u64::MAX);
                format!("and {} more of {}", count(rest), count(all))
            }),
        }
    }
}

fn texts(all: &[String]) -> Rows<String> {
    Rows::of(all, MAX_ITEMS, |text| inert(text))
}

fn optional(text: Option<&String>) -> Option<String> {
    text.map(|text| inert(text))
}

/// Something to do.
pub(crate) struct TodoRow {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) severity: Urgency,
    pub(crate) command: Option<String>,
    pub(crate) advice: String,
    pub(crate) evidence: Rows<String>,
    pub(crate) mends: Option<String>,
}

pub(crate) fn next(all: &[Todo], names: &mut Names) -> Rows<TodoRow> {
    Rows::of(all, MAX_NEXT, |todo| TodoRow {
        id: names.name("do", &[&todo.what]),
        what: inert(&todo.what),
        severity: Urgency::of(todo.severity),
        command: optional(todo.command.as_ref()),
        advice: inert(&todo.advice),
        evidence: texts(&todo.evidence),
        mends: (todo.mends > 1).then(|| format!("mends {}", plural(todo.mends, "finding"))),
    })
}

/// A control.
pub(crate) struct LampRow {
    pub(crate) id: String,
    pub(crate) control: String,
    pub(crate) prevents: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) glyph: Glyph,
    pub(crate) since: Option<When>,
    pub(crate) proven: Option<When>,
    pub(crate) knows: String,
    pub(crate) command: Option<String>,
    pub(crate) off: bool,
}

pub(crate) fn lamps(all: &[Lamp], now: Time, names: &mut Names) -> Rows<LampRow> {
    Rows::of(all, MAX_ROWS, |lamp| LampRow {
        id: names.name("control", &[&lamp.control]),
        control: inert(&lamp.control),
        prevents: inert(&lamp.prevents),
        state: lamp.state.plain(),
        tone: Tone::of(lamp.state).name(),
        glyph: Tone::of(lamp.state).glyph(),
        since: lamp.since.map(|since| When::ago(since, now)),
        proven: lamp.last_proven.map(|proven| When::ago(proven, now)),
        knows: inert(&lamp.knows),
        command: optional(lamp.command.as_ref()),
        off: lamp.state == Standing::Off,
    })
}

/// A log.
pub(crate) struct SourceRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) glyph: Glyph,
    pub(crate) last: Option<When>,
    pub(crate) expected: Option<Due>,
    pub(crate) unjudged: Option<String>,
    pub(crate) hours: Option<Bars>,
    pub(crate) lost: Option<String>,
    pub(crate) alarm: Option<When>,
    pub(crate) overdue: bool,
    pub(crate) lines: String,
    pub(crate) errors: bool,
    pub(crate) rate: Option<String>,
}

pub(crate) fn sources(all: &[Source], hub: &str, now: Time, names: &mut Names) -> Rows<SourceRow> {
    Rows::of(all, MAX_ROWS, |source| {
        let owed = source.last_event.zip(source.deadline);
        let alarm = source
            .alarm
            .or_else(|| owed.map(|(last, deadline)| last + deadline));
        let every = source.deadline.map(|deadline| Due::Every(deadline.plain()));
        let by = source.expected.map(|at| Due::By(When::clock(at, now)));
        SourceRow {
            id: names.name("source", &[&source.host, &source.name]),
            name: inert(&source.name),
            host: (source.host != hub).then(|| inert(&source.host)),
            state: source.state.plain(),
            tone: Tone::of(source.state).name(),
            glyph: Tone::of(source.state).glyph(),
            last: source.last_event.map(|last| When::ago(last, now)),
            expected: by.or(every),
            unjudged: optional(source.unjudged.as_ref()),
            hours: Bars::of(&source.hours),
            lost: optional(source.lost.as_ref()),
            alarm: alarm.map(|alarm| When::clock(alarm, now)),
            overdue: alarm.is_some_and(|alarm| alarm <= now),
            lines: lines(source),
            errors: source.errors > 0,
            rate: source
                .lines_per_hour
                .map(|rate| format!("about {} an hour", count(rate))),
        }
    })
}

/// When something is due.
pub(crate) enum Due {
    /// Policy says how often.
    Every(String),
    /// That was learned.
    By(When),
}

/// The lines of each hour as bars of a drawing 100 wide and 24 high, and in words.
pub(crate) struct Bars {
    pub(crate) bars: Vec<Bar>,
    pub(crate) words: String,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) width: String,
    pub(crate) y: u64,
    pub(crate) height: u64,
}

impl Bars {
    const HIGH: u64 = 24;

    fn of(hours: &[u64]) -> Option<Self> {
        let most = *hours.iter().max().filter(|most| **most > 0)?;
        let wide = 100.0 / hours.len() as f64;
        let bars = hours.iter().enumerate().map(|(index, lines)| {
            // An hour with one line is seen, however busy another was.
            let height = (lines * Self::HIGH / most).max(u64::from(*lines > 0));
            Bar {
                x: format!("{:.2}", index as f64 * wide),
                width: format!("{:.2}", wide * 0.8),
                y: Self::HIGH - height,
                height,
            }
        });
        let sum = count(hours.iter().sum());
        let words = format!(
            "{sum} lines in {} hours, at most {} in one",
            hours.len(),
            count(most)
        );
        Some(Self {
            bars: bars.collect(),
            words,
        })
    }
}

/// A pair of stages.
pub(crate) struct AccountRow {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) glyph: Glyph,
    pub(crate) unaccounted: Option<String>,
    pub(crate) lately: String,
    pub(crate) since: Option<When>,
    pub(crate) last: Option<When>,
    pub(crate) missing: String,
    pub(crate) waiting: String,
    pub(crate) within: String,
}

pub(crate) fn accounts(all: &[Account], now: Time, names: &mut Names) -> Rows<AccountRow> {
    Rows::of(all, MAX_ROWS, |account| AccountRow {
        id: names.name("account", &[&account.what, &account.missing]),
        what: inert(&account.what),
        state: account.state.plain(),
        tone: Tone::of(account.state).name(),
        glyph: Tone::of(account.state).glyph(),
        unaccounted: (account.unaccounted > 0)
            .then(|| format!("{} unaccounted", count(account.unaccounted))),
        lately: lately(account),
        since: account.since.map(|since| When::clock(since, now)),
        last: account.last.map(|last| When::ago(last, now)),
        missing: inert(&account.missing),
        waiting: count(account.waiting),
        within: account.within.plain(),
    })
}

/// `140 messages accepted lately, all accounted for`.
fn lately(account: &Account) -> String {
    let recent = format!("{} {}", count(account.recent), inert(&account.passed));
    match (account.unaccounted, account.recent) {
        (0, 0) => format!("no {} in the last minutes", inert(&account.passed)),
        (0, _) => format!("{recent} lately, all accounted for"),
        (_, _) => format!("of {recent} lately"),
    }
}

fn lines(source: &Source) -> String {
    match (source.lines, source.errors) {
        (0, 0) => "no line read yet".to_owned(),
        (1, 0) => "1 line read, no error".to_owned(),
        (lines, 0) => format!("{} lines read, no error", count(lines)),
        (lines, 1) => format!("{} lines read, 1 error", count(lines)),
        (lines, errors) => format!("{} lines read, {} errors", count(lines), count(errors)),
    }
}

/// A finding.
pub(crate) struct FindingRow {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) title: String,
    pub(crate) severity: Urgency,
    pub(crate) status: String,
    pub(crate) open: bool,
    pub(crate) host: String,
    pub(crate) subject: String,
    pub(crate) advice: String,
    pub(crate) command: Option<String>,
    pub(crate) excerpt: Option<String>,
    pub(crate) items: Rows<String>,
    pub(crate) under: Option<String>,
    pub(crate) since: When,
}

pub(crate) fn is_open(finding: &Finding) -> bool {
    matches!(finding.status.as_str(), "new" | "in_progress")
}

pub(crate) fn findings(all: &[Finding], now: Time, names: &mut Names) -> Rows<FindingRow> {
    let mut ordered: Vec<&Finding> = all.iter().collect();
    // What waits for somebody first, then the worst.
    ordered.sort_by_key(|finding| (!is_open(finding), Reverse(finding.severity)));
    Rows::of(&ordered, MAX_ROWS, |finding| FindingRow {
        id: names.name(
            "finding",
            &[
                &finding.rule,
                &finding.host,
                &finding.subject,
                &finding.title,
            ],
        ),
        rule: inert(&finding.rule),
        title: inert(&finding.title),
        severity: Urgency::of(finding.severity),
        status: inert(&finding.status.replace('_', " ")),
        open: is_open(finding),
        host: inert(&finding.host),
        subject: inert(&finding.subject),
        advice: inert(&finding.advice),
        command: optional(finding.command.as_ref()),
        excerpt: optional(finding.excerpt.as_ref()),
        items: texts(&finding.items),
        under: optional(finding.under.as_ref()),
        since: When::ago(finding.since, now),
    })
}

/// Something that happened.
pub(crate) struct MomentRow {
    pub(crate) id: String,
    pub(crate) at: When,
    /// The day, above the first of an earlier one.
    pub(crate) day: Option<String>,
    pub(crate) kind: String,
    pub(crate) glyph: Glyph,
    pub(crate) tone: &'static str,
    pub(crate) title: String,
    pub(crate) host: Option<String>,
    /// How far along the day, in percent.
    pub(crate) place: String,
}

pub(crate) fn timeline(all: &[Moment], at: Time, hub: &str, names: &mut Names) -> Rows<MomentRow> {
    let begin = at - TIMELINE;
    let mut recent: Vec<&Moment> = all.iter().filter(|moment| moment.at >= begin).collect();
    recent.sort_by_key(|moment| Reverse(moment.at));
    let mut shown = at.day();
    Rows::of(&recent, MAX_ROWS, |moment| {
        let day = moment.at.day();
        let new = (day != shown).then(|| date(moment.at));
        shown = day;
        let tone = mark(&moment.kind, moment.severity);
        MomentRow {
            id: names.name(
                "moment",
                &[&moment.at.to_string(), &moment.kind, &moment.title],
            ),
            at: When::clock(moment.at, moment.at),
            day: new,
            kind: said(&moment.kind),
            glyph: Glyph(tone),
            tone,
            title: inert(&moment.title),
            host: (moment.host != hub).then(|| inert(&moment.host)),
            place: place(moment.at.since(begin)),
        }
    })
}

/// A finding that was withheld is a probe that came back.
fn said(kind: &str) -> String {
    match kind {
        "withheld" => "proof".to_owned(),
        _ => inert(&kind.replace('_', " ")),
    }
}

fn mark(kind: &str, severity: Option<Severity>) -> &'static str {
    match (kind, severity) {
        ("opened", Some(severity)) => Urgency::of(severity).glyph.0,
        ("opened", None) => "note",
        ("resolved", _) => "done",
        ("withheld", _) => "probe",
        _ => "dot",
    }
}

pub(crate) fn place(since: Span) -> String {
    let promille = (since.millis() * 1000 / TIMELINE.millis()).min(1000);
    format!("{}.{}%", promille / 10, promille % 10)
}
