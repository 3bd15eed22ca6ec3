//! The page as the templates need it: the tone of the whole, what it rests on, and whether it is old.

use cordon_model::{Severity, Span, Standing, Time};

use crate::{
    Hub, Lamp, Page,
    rows::{
        self, AccountRow, FindingRow, LampRow, MomentRow, Names, Rows, SourceRow, TodoRow, is_open,
    },
    words::{Glyph, Tone, When, ago, bytes, count, inert, listed, plural},
};

/// A page that is older is shown in amber: the hub may have stopped judging.
pub(crate) const STALE_AFTER: Span = Span::minutes(2);

/// What the templates see.
pub(crate) struct View {
    /// The console's clock, for the ages that tick in the browser.
    pub(crate) now: u64,
    pub(crate) stale_after: u64,
    /// The title of the browser's tab.
    pub(crate) tab: String,
    pub(crate) host: Option<String>,
    pub(crate) tone: &'static str,
    pub(crate) glyph: Glyph,
    /// Whether the page is older than [`STALE_AFTER`].
    pub(crate) old: bool,
    pub(crate) verdict: String,
    /// What the verdict rests on, with denominators.
    pub(crate) basis: Vec<String>,
    /// What is wrong with the page itself.
    pub(crate) alarms: Vec<String>,
    /// Nothing below the verdict before the first look.
    pub(crate) body: Option<Body>,
}

/// Everything below the verdict.
pub(crate) struct Body {
    pub(crate) at: When,
    pub(crate) next: Rows<TodoRow>,
    /// What an empty list means: not the same where nothing looked.
    pub(crate) nothing: String,
    /// Whether everything that is set up could look.
    pub(crate) idle: bool,
    pub(crate) controls: Rows<LampRow>,
    pub(crate) controls_count: String,
    pub(crate) controls_basis: String,
    pub(crate) accounts: Rows<AccountRow>,
    pub(crate) sources: Rows<SourceRow>,
    pub(crate) sources_count: String,
    pub(crate) findings: Rows<FindingRow>,
    pub(crate) findings_basis: String,
    pub(crate) timeline: Rows<MomentRow>,
    pub(crate) timeline_basis: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) hub: Vec<Pair>,
    pub(crate) notes: Vec<String>,
}

/// An hour on the timeline.
pub(crate) struct Tick {
    pub(crate) place: String,
    pub(crate) label: String,
}

/// A word and what there is to say.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) when: Option<When>,
}

impl View {
    /// `page` as it is to be shown at `now`; `closed` connections had to go for newcomers.
    pub(crate) fn of(page: Option<&Page>, now: Time, closed: u64) -> Self {
        let Some(page) = page else {
            return Self::unjudged(now);
        };
        let stale = now.since(page.at) > STALE_AFTER;
        let (tone, glyph) = if stale {
            (Tone::Blind, Tone::Blind.glyph())
        } else {
            tone(page)
        };
        let host = inert(&page.host);
        let waiting = page
            .findings
            .iter()
            .filter(|finding| is_open(finding))
            .count();
        let tab = if stale {
            format!("page is old · {host} · Cordon")
        } else if page.next.is_empty() {
            format!("{host} · Cordon")
        } else {
            format!("{} to do · {host} · Cordon", page.next.len())
        };
        let mut alarms = Vec::new();
        if stale {
            alarms.push(format!(
                "This page was judged {}. The hub has judged nothing since: see whether cordon up still runs.",
                ago(page.at, now)
            ));
        }
        alarms.extend(
            page.hub
                .trouble
                .as_ref()
                .map(|trouble| format!("This hub: {}", inert(trouble))),
        );
        let body = body(page, now, closed);
        Self {
            now: now.millis(),
            stale_after: STALE_AFTER.millis(),
            tab,
            host: Some(host),
            tone: tone.name(),
            glyph,
            old: stale,
            verdict: inert(&page.verdict),
            basis: vec![
                body.controls_basis.clone(),
                sources_basis(page, true),
                format!("{} waiting", plural(waiting, "finding")),
            ],
            alarms,
            body: Some(body),
        }
    }

    fn unjudged(now: Time) -> Self {
        Self {
            now: now.millis(),
            stale_after: STALE_AFTER.millis(),
            tab: "nothing judged yet · Cordon".to_owned(),
            host: None,
            tone: Tone::Blind.name(),
            glyph: Tone::Blind.glyph(),
            old: false,
            verdict: "Nothing has been judged yet.".to_owned(),
            basis: vec![
                "The first look takes a few seconds; this page changes by itself.".to_owned(),
                "If it stays like this, run cordon check in a terminal.".to_owned(),
            ],
            alarms: Vec::new(),
            body: None,
        }
    }
}

/// The colour and the shape of the whole. Green only where everything that is set up was proven and
/// nothing waits.
fn tone(page: &Page) -> (Tone, Glyph) {
    let states = page.controls.iter().map(|lamp| lamp.state);
    let states = states.chain(page.sources.iter().map(|source| source.state));
    let worst = states.map(Tone::of).max().unwrap_or(Tone::Blind);
    let open = page.findings.iter().filter(|finding| is_open(finding));
    let severe = open
        .clone()
        .any(|finding| finding.severity >= Severity::High);
    let proven = |lamp: &Lamp| lamp.state == Standing::Proven;
    let all = |lamp: &Lamp| matches!(lamp.state, Standing::Proven | Standing::Off);
    let tone = if worst >= Tone::Silent {
        worst
    } else if severe {
        return (Tone::Sick, Glyph("alarm"));
    } else if worst == Tone::Blind || page.hub.trouble.is_some() {
        Tone::Blind
    } else if page.controls.iter().any(proven) && page.controls.iter().all(all) && open.count() == 0
    {
        Tone::Proven
    } else {
        Tone::Working
    };
    (tone, tone.glyph())
}

fn body(page: &Page, now: Time, closed: u64) -> Body {
    let mut names = Names::default();
    let timeline = rows::timeline(&page.timeline, page.at, &page.host, &mut names);
    let mut notes: Vec<String> = page.notes.iter().map(|note| inert(note)).collect();
    if closed > 0 {
        notes.push(format!(
            "{} closed to let new ones in: at most {} may be open at a time.",
            plural(
                usize::try_from(closed).unwrap_or(usize::MAX),
                "slow connection"
            ),
            crate::crowd::MAX_CONNECTIONS
        ));
    }
    Body {
        at: When::ago(page.at, now),
        next: rows::next(&page.next, &mut names),
        nothing: nothing(page),
        idle: tone(page).0 <= Tone::Working,
        controls: rows::lamps(&page.controls, now, &mut names),
        controls_count: controls_basis(page, false),
        controls_basis: controls_basis(page, true),
        accounts: rows::accounts(&page.accounts, now, &mut names),
        sources: rows::sources(&page.sources, &page.host, now, &mut names),
        sources_count: sources_basis(page, false),
        findings: rows::findings(&page.findings, now, &mut names),
        findings_basis: findings_basis(page),
        timeline_basis: timeline_basis(&timeline.rows),
        timeline,
        ticks: ticks(page.at),
        hub: hub(&page.hub, now),
        notes,
    }
}

/// How many of how many; `named`, where no heading says of what.
fn controls_basis(page: &Page, named: bool) -> String {
    let on = page
        .controls
        .iter()
        .filter(|lamp| lamp.state != Standing::Off)
        .count();
    let proven = page
        .controls
        .iter()
        .filter(|lamp| lamp.state == Standing::Proven)
        .count();
    if on == 0 {
        return "no control set up".to_owned();
    }
    let on = if named {
        plural(on, "control")
    } else {
        on.to_string()
    };
    format!("{proven} of {on} proven")
}

fn sources_basis(page: &Page, named: bool) -> String {
    // What speaks is heard, also when it tells of errors.
    let heard = page.sources.iter().filter(|source| match source.state {
        Standing::Proven | Standing::Working | Standing::Learning | Standing::Sick => true,
        Standing::Silent | Standing::Blind | Standing::Off => false,
    });
    let heard = heard.count();
    match page.sources.len() {
        0 => "no source read".to_owned(),
        all if named => format!("{heard} of {} heard in time", plural(all, "source")),
        all => format!("{heard} of {all} heard in time"),
    }
}

fn nothing(page: &Page) -> String {
    let on = page
        .controls
        .iter()
        .filter(|lamp| lamp.state != Standing::Off);
    let looking = |lamp: &&Lamp| matches!(lamp.state, Standing::Proven | Standing::Working);
    match (on.clone().count(), on.filter(looking).count()) {
        (0, _) => "Nothing looks here yet, so nothing can be found.".to_owned(),
        (on, looking) if on == looking => format!(
            "{looking} of {} looked and found nothing.",
            plural(on, "control")
        ),
        (on, looking) => format!(
            "Only {looking} of {} could look; they found nothing.",
            plural(on, "control")
        ),
    }
}

fn findings_basis(page: &Page) -> String {
    let waiting = page
        .findings
        .iter()
        .filter(|finding| is_open(finding))
        .count();
    let mut words = vec![format!("{waiting} waiting")];
    for status in ["folded", "suppressed"] {
        let number = page
            .findings
            .iter()
            .filter(|finding| finding.status == status)
            .count();
        if number > 0 {
            words.push(format!("{number} {status}"));
        }
    }
    listed(&words)
}

fn timeline_basis(rows: &[MomentRow]) -> String {
    let number = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
    let mut words = Vec::new();
    for kind in ["opened", "resolved", "folded"] {
        if number(kind) > 0 {
            words.push(format!("{} {kind}", number(kind)));
        }
    }
    if number("proof") > 0 {
        words.push(plural(number("proof"), "proof"));
    }
    listed(&words)
}

/// Every sixth hour of the day that ends at `at`.
fn ticks(at: Time) -> Vec<Tick> {
    const HOUR: u64 = Span::hours(1).millis();
    let begin = at - rows::TIMELINE;
    let first = begin.millis().div_ceil(HOUR);
    (first..first + 24)
        .filter(|hour| hour.is_multiple_of(6))
        .map(|hour| {
            let tick = Time::from_millis(hour * HOUR);
            Tick {
                place: rows::place(tick.since(begin)),
                label: tick.hour_minute(),
            }
        })
        .collect()
}

fn hub(hub: &Hub, now: Time) -> Vec<Pair> {
    let free = hub.free_bytes.map_or_else(
        || "free space cannot be seen".to_owned(),
        |free| format!("{} free", bytes(free)),
    );
    let pair = |name, value, when| Pair { name, value, when };
    let mut pairs = vec![
        pair("Store", format!("{}, {free}", bytes(hub.store_bytes)), None),
        match hub.last_commit {
            Some(commit) => pair("Last commit", String::new(), Some(When::ago(commit, now))),
            None => pair("Last commit", "nothing saved yet".to_owned(), None),
        },
        pair(
            "Events",
            format!("{} since it started", count(hub.events)),
            None,
        ),
        pair("Started", String::new(), Some(When::ago(hub.started, now))),
    ];
    let memory = hub
        .rss_bytes
        .map_or_else(|| "cannot be seen".to_owned(), bytes);
    pairs.push(pair("Memory", memory, None));
    pairs
}
