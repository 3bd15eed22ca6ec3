//! What was learned of a source reaches the page: when it is due, and when its silence is an alarm.

use std::{fs, sync::Arc, time::Duration};

use cordon_engine::Engine;
use cordon_model::{Policy, Span};
use cordon_store::{Commit, HourRow, Sqlite, StateStore, Ticket};

use crate::up::{Up, ordinary_owns, system};

/// How long the source is known.
const WEEKS: u64 = 7;

/// Ten ticks each hour, at minutes that differ from hour to hour.
fn hour(source: &str, hour: u64, every: u64) -> HourRow {
    let minutes = (0..60).filter(|minute| (minute * 7 + hour * 3) % 60 < 60 / every);
    HourRow {
        host: "web1".to_owned(),
        source: source.to_owned(),
        hour,
        minutes: minutes.fold(0, |mask, minute| mask | 1 << minute),
        lines: 60 / every,
        shapes: 3,
        ..HourRow::default()
    }
}

#[test]
fn a_source_that_is_known_for_weeks_is_due_and_one_that_is_new_is_not_judged() {
    let root = system("learned");
    let policy = "[[logs.source]]\nname = \"app.log\"\npath = \"/var/log/app.log\"\n\
                  [[logs.source]]\nname = \"new.log\"\npath = \"/var/log/new.log\"\n";
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    fs::write(root.join("var/log/new.log"), "a line\n").unwrap();
    let data = root.join("data/hub");
    fs::create_dir_all(&data).unwrap();
    let store = Sqlite::open(&data).unwrap();
    let now = cordon::clock::now();
    let this = now.millis() / Span::hours(1).millis();
    let hours = (this - WEEKS * 7 * 24..this)
        .flat_map(|at| [hour("app.log", at, 6), hour("cordon hub", at, 1)]);
    let mut engine = Engine::new("web1".into(), cordon::CONTROLS, &Policy::new(policy, 1)).unwrap();
    let commit = Commit {
        seq: 1,
        at: now,
        head: engine.save().head().unwrap(),
        hours: hours.collect(),
        ..Commit::default()
    };
    store
        .commit(Arc::new(commit))
        .and_then(Ticket::wait)
        .unwrap();
    drop(store);
    ordinary_owns(&data);
    let up = Up::start(&root);
    let page = up.within(Duration::from_mins(1), |page| {
        page.contains("expected</span> by <time") && page.contains("not yet judged:")
    });
    assert!(
        page.contains("lines in 24 hours"),
        "its last day is drawn: {page}"
    );
    assert_eq!(up.end("-TERM"), 0);
    fs::remove_dir_all(root).unwrap();
}
