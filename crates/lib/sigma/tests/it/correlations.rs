//! Correlations: each kind fires when it should, at once or when its window ends, and says what it
//! left out of account.

use sigma::{Correlated, Correlator, Engine, Event, Limits, LogSource, RuleSet, Scratch, Windows};
use std::sync::Arc;

const RULES: &str = "
title: A
name: a
logsource: {product: x}
detection: {selection: {Kind: a}, condition: selection}
---
title: B
name: b
logsource: {product: x}
detection: {selection: {Kind: b}, condition: selection}
---
title: C
name: c
logsource: {product: x}
detection: {selection: {Kind: c}, condition: selection}
---
";

/// Runs events, each `seconds kind user value`, and gives what was told as `name@second user measure`.
fn run(correlation: &str, events: &str) -> (Vec<String>, Windows) {
    run_with(correlation, events, Limits::default())
}

fn run_with(correlation: &str, events: &str, limits: Limits) -> (Vec<String>, Windows) {
    let loaded = RuleSet::load([("x", format!("{RULES}{correlation}"))]);
    assert_eq!(loaded.refused, []);
    let engine = Engine::new(&loaded.set);
    let correlator = Correlator::new(&loaded.set, limits);
    let (mut windows, mut scratch, mut event) = (Windows::default(), Scratch::new(), Event::new());
    event.set_sources(Arc::new(vec![LogSource::new("x", "", "")]));
    let mut told: Vec<Correlated> = Vec::new();
    for line in events
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        // Saved and loaded between any two events, it changes nothing.
        let saved = postcard::to_stdvec(&windows).unwrap();
        let loaded: Windows = postcard::from_bytes(&saved).unwrap();
        assert_eq!(loaded, windows);
        windows = loaded;
        let words: Vec<&str> = line.split(' ').collect();
        let at = words[0].parse::<u64>().unwrap() * 1000;
        if words[1] == "now" {
            correlator.advance(&mut windows, at, &mut |one| told.push(one));
            continue;
        }
        event.fill(|fields| {
            fields.text("Kind", words[1]);
            if let Some(user) = words.get(2).filter(|user| **user != "-") {
                fields.text("User", user);
            }
            if let Some(value) = words.get(3) {
                fields.text("Value", value);
            }
        });
        let mut matched = Vec::new();
        engine.matches(&event, &mut scratch, |rule| matched.push(rule));
        for rule in matched {
            correlator.feed(&mut windows, rule, &event, at, &mut |one| told.push(one));
        }
    }
    let shown = told.iter().map(|one| {
        let title = &loaded.set.correlations[one.correlation].meta.title;
        let group: Vec<&str> = one.group.iter().map(|(_, value)| value.as_str()).collect();
        format!(
            "{title}@{} {} {}",
            one.at_ms / 1000,
            group.join("+"),
            one.measure
        )
    });
    (shown.collect(), windows)
}

fn correlation(title: &str, kind: &str, rules: &str, condition: &str) -> String {
    format!(
        "title: {title}\nname: {title}\ncorrelation:\n    type: {kind}\n    rules: [{rules}]\n    group-by: [User]\n    timespan: 60s\n{condition}"
    )
}

#[track_caller]
fn check(kind: &str, rules: &str, condition: &str, events: &str, expected: &[&str]) {
    let condition = if condition.is_empty() {
        String::new()
    } else {
        format!("    condition: {condition}\n")
    };
    assert_eq!(
        run(&correlation("x", kind, rules, &condition), events).0,
        expected
    );
}

#[test]
fn counts_are_of_a_group_and_a_window() {
    let three = "{gte: 3}";
    check(
        "event_count",
        "a",
        three,
        "0 a u\n10 a u\n20 a u",
        &["x@20 u 3"],
    );
    check("event_count", "a", three, "0 a u\n10 a v\n20 a u", &[]);
    check(
        "event_count",
        "a",
        three,
        "0 a u\n10 a U\n20 a u",
        &["x@20 u 3"],
    );
    check("event_count", "a", three, "0 a u\n30 a u\n61 a u", &[]);
    check(
        "event_count",
        "a",
        three,
        "0 a u\n30 a u\n60 a u",
        &["x@60 u 3"],
    );
    check(
        "event_count",
        "a",
        three,
        "20 a u\n0 a u\n10 a u",
        &["x@10 u 3"],
    );
    check(
        "event_count",
        "a, b",
        three,
        "0 a u\n10 b u\n20 c u\n30 b u",
        &["x@30 u 3"],
    );
    let on = "0 a u\n1 a u\n2 a u\n3 a u\n4 a u\n63 a u\n64 a u\n65 a u";
    check("event_count", "a", three, on, &["x@2 u 3", "x@63 u 3"]);
    check(
        "value_count",
        "a",
        "{field: Value, gte: 2}",
        "0 a u p\n1 a u P\n2 a u q",
        &["x@2 u 2"],
    );
    check(
        "value_sum",
        "a",
        "{field: Value, gt: 10}",
        "0 a u 5\n1 a u 5\n2 a u 0.5",
        &["x@2 u 10.5"],
    );
}

#[test]
fn what_more_events_could_undo_is_judged_when_the_window_ends() {
    check(
        "event_count",
        "a",
        "{lt: 3}",
        "0 a u\n10 a u\n60 now\n61 now",
        &["x@60 u 2"],
    );
    check(
        "event_count",
        "a",
        "{lt: 3}",
        "0 a u\n10 a u\n20 a u\n61 now",
        &[],
    );
    check(
        "event_count",
        "a",
        "{gt: 1, lte: 2}",
        "0 a u\n10 a u\n70 a u\n200 now",
        &["x@60 u 2"],
    );
    check(
        "value_avg",
        "a",
        "{field: Value, gt: 4}",
        "0 a u 1\n10 a u 9\n61 now",
        &["x@60 u 5"],
    );
    check(
        "value_median",
        "a",
        "{field: Value, gt: 4}",
        "0 a u 1\n1 a u 9\n2 a u 5\n61 now",
        &["x@60 u 5"],
    );
    let percent = "{field: Value, percentile: 75, gte: 2.5}";
    check(
        "value_percentile",
        "a",
        percent,
        "0 a u 1\n1 a u 2\n2 a u 3\n61 now",
        &["x@60 u 2.5"],
    );
}

#[test]
fn rules_come_together_in_order_or_not() {
    check("temporal", "a, b", "", "0 b u\n10 a u", &["x@10 u 2"]);
    check("temporal", "a, b", "", "0 b u\n61 a u", &[]);
    check(
        "temporal",
        "a, b, c",
        "{gte: 2}",
        "0 b u\n10 a u",
        &["x@10 u 2"],
    );
    check(
        "temporal",
        "a, b, c",
        "a and (b or c)",
        "0 c u\n10 a u",
        &["x@10 u 2"],
    );
    check(
        "temporal_ordered",
        "a, b, c",
        "",
        "0 a u\n10 b u\n20 c u",
        &["x@20 u 3"],
    );
    check(
        "temporal_ordered",
        "a, b, c",
        "",
        "0 b u\n10 a u\n20 c u\n30 b u",
        &[],
    );
    check(
        "temporal_ordered",
        "a, b, c",
        "",
        "20 c u\n0 a u\n10 b u",
        &["x@10 u 3"],
    );
    check(
        "temporal_ordered",
        "a, b",
        "{gte: 2}",
        "0 b u\n1 a u\n2 b u",
        &["x@2 u 2"],
    );
    check("ordered_temporal", "a, b", "", "0 a u\n10 b v", &[]);
}

#[test]
fn absence_is_told_when_the_window_ends() {
    let absent = "a and not b";
    check(
        "temporal",
        "a, b",
        absent,
        "0 a u\n10 c u\n60 now\n61 now",
        &["x@60 u 1"],
    );
    check("temporal", "a, b", absent, "0 a u\n10 b u\n61 now", &[]);
    check("temporal", "a, b", absent, "0 b u\n61 now", &[]);
    check(
        "temporal",
        "a, b",
        absent,
        "0 a u\n70 b u\n200 now",
        &["x@60 u 1"],
    );
}

#[test]
fn correlations_are_over_correlations_and_fields_have_aliases() {
    let failed = correlation("failed", "event_count", "a", "    condition: {gte: 2}\n");
    let then = correlation("then", "temporal_ordered", "failed, b", "");
    let both = format!("{then}---\n{failed}");
    let (told, _) = run(&both, "0 a u\n1 a u\n5 b u");
    assert_eq!(told, ["failed@1 u 2", "then@5 u 2"]);

    let by_value = correlation(
        "v",
        "temporal",
        "a, b",
        "    aliases: {who: {a: User, b: Value}}\n",
    );
    let by_value = by_value.replace("[User]", "[who]");
    assert_eq!(run(&by_value, "0 a u x\n1 b y u").0, ["v@1 u 2"]);
}

#[test]
fn memory_is_bounded_and_what_is_left_out_is_counted() {
    let count = correlation("x", "event_count", "a", "    condition: {gte: 3}\n");
    let limits = Limits {
        groups: 2,
        ..Limits::default()
    };
    let (told, windows) = run_with(&count, "0 a u\n1 a v\n2 a w\n3 a w\n4 a w\n5 a -\n", limits);
    assert_eq!(told, ["x@4 w 3"]);
    assert_eq!(
        (
            windows.groups(),
            windows.lost().groups,
            windows.lost().ungrouped
        ),
        (2, 1, 1)
    );

    let few = Limits {
        events: 1,
        ..Limits::default()
    };
    assert_eq!(
        run_with(&count, "0 a u\n1 a u\n2 a u", few).0,
        ["x@2 u 3"],
        "as many as it counts"
    );

    let (_, windows) = run(&count, "100 a u\n10 a u");
    assert_eq!(windows.lost().late, 1);
    let sum = correlation(
        "x",
        "value_sum",
        "a",
        "    condition: {field: Value, gt: 3}\n",
    );
    assert_eq!(run(&sum, "0 a u many").1.lost().valueless, 1);
    assert_eq!(
        run(&count, "0 a u\n1 a v\n500 now").1.groups(),
        0,
        "what is stale is forgotten"
    );
}
