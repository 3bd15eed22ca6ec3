//! What the hub knows, as the console shows it.

use cordon_console as console;
use cordon_engine::Engine;
use cordon_logs::Logs;
use cordon_model::{ShardKey, Span, Standing, Time, Value, Watched, count};
use cordon_store::{HistoryRow, HourRow, StateStore, StoreError};
use cordon_watch::{Account, Watch};

use super::{hours::hour_of, rows};
use crate::check::posture::{ControlLine, FindingLine, Posture, Todo, outlook};

/// How long watch's own probe counts as proof that watch works: two plantings and a bit.
const WATCHED_FOR: Span = Span::minutes(11);

/// How far back the lines of each hour are drawn.
const DRAWN: Span = Span::hours(23);

/// Most lines of the last day that are shown.
const MAX_MOMENTS: usize = 50;

/// What a page is made of.
pub(super) struct Of<'h> {
    /// Findings and memory.
    pub(super) engine: &'h Engine,
    /// History and size.
    pub(super) store: &'h dyn StateStore,
    /// When watch's own probe last came back.
    pub(super) watched: Option<Time>,
    /// When the hub began.
    pub(super) started: Time,
    /// When it last made something durable.
    pub(super) durable_at: Option<Time>,
    /// What is wrong with the store.
    pub(super) trouble: Option<&'h str>,
}

/// The page. A store that cannot be read is trouble on the page, not a missing page.
pub(super) fn page(of: &Of<'_>) -> console::Page {
    let engine = of.engine;
    let at = engine.at();
    let watched = of.watched.is_some_and(|when| at.since(when) <= WATCHED_FOR);
    let posture = Posture::of(engine, watched, &[]);
    let history = of.store.history(at - Span::days(1), MAX_MOMENTS * 20);
    let facts = of.store.facts();
    let hours = of.store.hours(hour_of(at - DRAWN));
    let trouble = [
        history.as_ref().err(),
        facts.as_ref().err(),
        hours.as_ref().err(),
    ]
    .into_iter()
    .flatten()
    .next();
    let trouble = of
        .trouble
        .map(str::to_owned)
        .or_else(|| trouble.map(StoreError::to_string));
    let facts = facts.ok(); // ok: because the error is on the page as trouble
    let hours = hours.unwrap_or_default(); // default: because the error is on the page as trouble
    console::Page {
        at,
        host: posture.host.clone(),
        verdict: posture.verdict.clone(),
        next: posture
            .next
            .iter()
            .map(|todo| next(todo, &posture))
            .collect(),
        controls: posture
            .controls
            .iter()
            .map(|line| lamp(line, engine))
            .collect(),
        accounts: accounts(engine),
        sources: sources(engine, &hours),
        timeline: timeline(history.unwrap_or_default()), // default: because the error is on the page
        hub: console::Hub {
            store_bytes: facts.as_ref().map_or(0, |facts| facts.bytes),
            free_bytes: facts.as_ref().map(|facts| facts.free),
            last_commit: of.durable_at,
            events: engine.seq(),
            started: of.started,
            rss_bytes: rss(),
            trouble,
        },
        notes: posture.notes.clone(),
        findings: posture.findings.into_iter().map(finding).collect(),
    }
}

fn next(todo: &Todo, posture: &Posture) -> console::Todo {
    let of = posture
        .findings
        .iter()
        .find(|finding| finding.command == todo.command);
    console::Todo {
        what: todo.what.clone(),
        severity: todo.severity,
        command: todo.command.clone(),
        advice: of.map_or_else(String::new, |finding| finding.advice.clone()),
        evidence: of.map(items).unwrap_or_default(), // default: because not all have a list
        mends: todo.mends,
    }
}

fn lamp(line: &ControlLine, engine: &Engine) -> console::Lamp {
    let spec = engine.specs().iter().find(|spec| spec.name == line.control);
    console::Lamp {
        control: line.control.to_owned(),
        prevents: spec.map_or_else(String::new, |spec| spec.prevents.to_owned()),
        state: line.state,
        since: None,
        last_proven: line.last_proven,
        knows: line.knows.clone(),
        command: line.command.clone(),
    }
}

fn sources(engine: &Engine, of_hours: &[HourRow]) -> Vec<console::Source> {
    let Some(watch) = engine.control::<Watch>() else {
        return Vec::new();
    };
    let watch = watch.load();
    let me = engine.me();
    let all = outlook(engine).into_iter().filter_map(|(of, outlook)| {
        let Watched::Source(name) = &of else {
            return None;
        };
        let key = ShardKey::Source(me.clone(), name.clone());
        let reading = engine.state::<Logs>(&key);
        Some(console::Source {
            name: name.to_string(),
            host: me.to_string(),
            state: outlook.standing,
            last_event: outlook.last,
            deadline: watch.deadline(&of, Some(me)),
            expected: outlook.expected,
            alarm: outlook.alarm,
            unjudged: outlook.unjudged.as_ref().map(ToString::to_string),
            hours: drawn(of_hours, me.as_str(), name.as_str(), engine.at()),
            lost: outlook.missed.map(|missed| lost(missed, engine.at())),
            lines: reading.map_or(0, |reading| reading.lines),
            errors: reading.map_or(0, |reading| reading.errors),
            lines_per_hour: reading.and_then(cordon_logs::Reading::lines_per_hour),
        })
    });
    let mut all: Vec<console::Source> = all.collect();
    // What is wrong first; among equals by name.
    let fine = |source: &console::Source| !source.state.is_problem();
    all.sort_by(|a, b| (fine(a), &a.name).cmp(&(fine(b), &b.name)));
    all
}

/// Lines of each of the last hours, the oldest first; none where nothing was kept.
fn drawn(rows: &[HourRow], host: &str, source: &str, at: Time) -> Vec<u64> {
    let first = hour_of(at - DRAWN);
    let mut hours = vec![0; usize::try_from(hour_of(at) - first).unwrap_or(0) + 1];
    let mine = rows
        .iter()
        .filter(|row| row.host == host && row.source == source);
    let mut any = false;
    for row in mine {
        let place = usize::try_from(row.hour.saturating_sub(first)).unwrap_or(usize::MAX);
        if let Some(lines) = hours.get_mut(place) {
            *lines += row.lines;
            any = true;
        }
    }
    if any { hours } else { Vec::new() }
}

/// `412 at 10:32 UTC`; bytes of a file, lines or messages of a sender that numbers them.
fn lost((when, lost): (Time, Option<u64>), at: Time) -> String {
    let much = lost.map_or_else(|| "an unknown amount".to_owned(), count);
    let day = if when.day() == at.day() {
        String::new()
    } else {
        format!("{} ", when.day())
    };
    format!("{much} at {day}{} UTC", when.hour_minute())
}

/// What must come out where it went in.
fn accounts(engine: &Engine) -> Vec<console::Account> {
    let Some(watch) = engine.control::<Watch>() else {
        return Vec::new();
    };
    let accounts = watch
        .load()
        .accounts(engine.state::<Watch>(&ShardKey::Fleet));
    let size = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let shown = accounts.into_iter().map(|account| console::Account {
        state: standing(&account),
        what: account.what,
        passed: account.passed,
        missing: account.missing,
        recent: account.recent,
        waiting: size(account.waiting),
        unaccounted: size(account.unaccounted),
        since: account.since,
        last: account.last_to,
        within: account.within,
    });
    shown.collect()
}

/// A pair is proven by what it saw go through: without a thing that went in, nothing is proven.
fn standing(account: &Account) -> Standing {
    if account.unaccounted > 0 || account.short {
        Standing::Sick
    } else if account.recent == 0 {
        Standing::Working
    } else {
        Standing::Proven
    }
}

fn finding(line: FindingLine) -> console::Finding {
    console::Finding {
        items: items(&line),
        rule: line.rule,
        title: line.title,
        severity: line.severity,
        status: line.status.to_owned(),
        host: line.host,
        subject: line.subject,
        advice: line.advice,
        command: line.command,
        excerpt: line.excerpt,
        under: line.under,
        since: line.since,
    }
}

fn items(line: &FindingLine) -> Vec<String> {
    let listed = rows::LISTS.iter().find_map(|name| line.fields.get(*name));
    match listed {
        Some(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Newest first. A probe that came back is what should happen: the lamps tell it.
fn timeline(history: Vec<HistoryRow>) -> Vec<console::Moment> {
    let told = history
        .into_iter()
        .rev()
        .filter(|row| row.kind != "proven")
        .take(MAX_MOMENTS);
    let moment = |row: HistoryRow| console::Moment {
        at: row.at,
        severity: (row.kind == "opened").then_some(row.severity),
        kind: row.kind,
        title: row.title,
        host: row.host,
    };
    told.map(moment).collect()
}

/// Resident memory of this process, from proc(5), in bytes.
fn rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?; // ok: because the page then says "unknown"
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?; // ok: likewise
    Some(kib * 1024)
}
