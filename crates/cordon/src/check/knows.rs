//! What each control works from, in one line.

use std::collections::BTreeMap;

use cordon_engine::Engine;
use cordon_logs::Logs;
use cordon_model::{ShardKey, Spec, Watched, count, plural};
use cordon_patch::Patch;
use cordon_watch::Outlook;

/// What it knows, and the command that tells more or sets it up.
pub(super) type Knows = (String, Option<String>);

pub(super) fn of(engine: &Engine, spec: &Spec, outlook: &BTreeMap<Watched, Outlook>) -> Knows {
    match spec.name {
        "watch" => watch(outlook),
        "logs" => {
            let sources = outlook.iter().filter(|(of, _)| belongs(of) == Some("logs"));
            logs(
                engine,
                &sources.map(|(_, source)| source).collect::<Vec<_>>(),
            )
        }
        "patch" => patch(engine),
        other => (format!("{other} has nothing to say of itself"), None),
    }
}

/// Which control a source or a feed is part of.
pub(super) const fn belongs(of: &Watched) -> Option<&'static str> {
    match of {
        Watched::Source(_) => Some("logs"),
        Watched::Feed(_) => Some("patch"),
        Watched::Agent(_) | Watched::Channel(_) | Watched::Hub => Some("watch"),
        Watched::Control(_) => None,
    }
}

fn watch(outlook: &BTreeMap<Watched, Outlook>) -> Knows {
    let many = |what: fn(&Watched) -> bool| outlook.keys().filter(|of| what(of)).count();
    let counts = [
        (many(|of| matches!(of, Watched::Control(_))), "control"),
        (many(|of| matches!(of, Watched::Source(_))), "source"),
        (many(|of| matches!(of, Watched::Feed(_))), "feed"),
    ];
    let counts = counts.map(|(count, what)| plural(count, what));
    (format!("{} watched", counts.join(", ")), None)
}

fn logs(engine: &Engine, sources: &[&Outlook]) -> Knows {
    if sources.is_empty() {
        let how = "see docs/guide/policy.md".to_owned();
        return ("no log is named in the policy".to_owned(), Some(how));
    }
    let last = sources.iter().filter_map(|source| source.last).max();
    let last = last.map_or_else(
        || "no line yet".to_owned(),
        |last| format!("last line {} ago", engine.at().since(last).plain()),
    );
    let sum = |(seen, errors): (u64, u64), source: &&Outlook| {
        (
            seen.saturating_add(source.seen.0),
            errors.saturating_add(source.seen.1),
        )
    };
    let (seen, errors) = sources.iter().fold((0, 0), sum);
    let share = errors.saturating_mul(100).checked_div(seen);
    let share = share.map_or_else(String::new, |percent| format!(", {percent} % errors"));
    let readings = engine.shards::<Logs>().into_iter();
    let rate: u64 = readings
        .filter_map(|key| engine.state::<Logs>(key)?.lines_per_hour())
        .sum();
    let rate = match rate {
        0 => String::new(),
        rate => format!(", {} lines an hour", count(rate)),
    };
    let lines = plural(size(seen), "line");
    let sources = plural(sources.len(), "source");
    let (rules, how) = rules(engine);
    (
        format!("{sources}, {lines}{rate}{share}, {last}{rules}"),
        how,
    )
}

/// How many rules look at them, how many were refused, how many wait for what never came, and what none saw whole.
fn rules(engine: &Engine) -> (String, Option<String>) {
    let Some(logs) = engine.control::<Logs>() else {
        return (String::new(), None);
    };
    let logs = logs.load();
    let rules = logs.rules();
    let refused = match rules.refused().len() {
        0 => String::new(),
        refused => format!(" and {refused} refused"),
    };
    let many = plural(rules.count(), "rule");
    let (waiting, how) = match rules.cannot_fire() {
        None => (", no event for them yet".to_owned(), None),
        Some(0) => (String::new(), None),
        Some(waiting) => (
            format!(", {waiting} of which cannot fire on what came so far"),
            Some("cordon logs scan --cannot LOGS".to_owned()),
        ),
    };
    let cut = match rules.cut() {
        0 => String::new(),
        cut => format!(", {} cut at a limit", plural(size(cut), "event")),
    };
    (format!(", {many}{refused}{waiting}{cut}"), how)
}

fn patch(engine: &Engine) -> Knows {
    let key = ShardKey::Host(engine.me().clone());
    let packages = engine
        .state::<Patch>(&key)
        .map_or(0, |state| state.packages().count());
    let patch = engine.control::<Patch>().map(|patch| patch.load_full());
    let feeds = patch
        .iter()
        .flat_map(|patch| patch.feeds())
        .map(|feed| match feed.dated {
            Some(dated) => format!("{} of {}", feed.name, dated.day()),
            None => format!("{} (undated)", feed.name),
        });
    let feeds: Vec<String> = feeds.collect();
    let packages = plural(packages, "package");
    let fleet = fleet(engine);
    if feeds.is_empty() {
        let here = format!("{packages}, and no feed to judge them by");
        return (format!("{here}{fleet}"), None);
    }
    let here = format!("{packages} judged against {}", feeds.join(", "));
    (format!("{here}{fleet}"), None)
}

/// How much of the fleet is well, of how much that is known: a share without its denominator is green when nobody
/// looks.
fn fleet(engine: &Engine) -> String {
    let shards = engine.shards::<Patch>();
    let fleets = shards.iter().filter_map(|key| {
        let fleet = engine.state::<Patch>(key)?.fleet();
        fleet.inventory().map(|_| fleet)
    });
    let (mut all, mut answered, mut well, mut sure) = (0, 0, 0, 0);
    for fleet in fleets {
        let (wrong, unclear) = fleet.wrong_and_unclear();
        all += 1;
        answered += usize::from(fleet.answered());
        well += usize::from(fleet.answered() && !wrong);
        sure += usize::from(fleet.answered() && !wrong && !unclear);
    }
    if all == 0 {
        return String::new();
    }
    let states = engine.shards::<Patch>().into_iter();
    let shrunk: Vec<String> = states
        .filter_map(|key| engine.state::<Patch>(key))
        .flat_map(|state| state.shrunk().map(ToString::to_string))
        .collect();
    let cut = if shrunk.is_empty() {
        String::new()
    } else {
        sure = 0; // because what rests on a feed that was cut is not green
        format!(", {} being much shorter than before", shrunk.join(", "))
    };
    let percent = |part: usize, of: usize| (part * 100 + of / 2).checked_div(of).unwrap_or(0); // 0: because there is none of nothing
    format!(
        "; nothing missing on {} % of the {} % that answered ({answered} of {} inventoried), worst case {} %{cut}",
        percent(well, answered),
        percent(answered, all),
        plural(all, "host"),
        percent(sure, all),
    )
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
