//! The specification's examples load; what is wrong with a document is refused with its line.

use std::fs;

use sigma::{Reason, RuleSet};

const RULE: &str = "\
title: A rule
id: 5638f7c0-ac70-491d-8465-2a65075e0d86
status: test
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        Image|endswith: '\\\\a.exe'
        CommandLine|contains|all:
            - one
            - two
    filter:
        - User: x
        - User: y
    condition: selection and not filter
level: high
";

const CORRELATION: &str = "\
title: Many
correlation:
    type: event_count
    rules:
        - 5638f7c0-ac70-491d-8465-2a65075e0d86
    group-by:
        - User
    timespan: 1h
    condition:
        gte: 10
";

const FILTER: &str = "\
title: Not admins
logsource:
    product: windows
    category: process_creation
filter:
    rules:
        - 5638f7c0-ac70-491d-8465-2a65075e0d86
    selection:
        User|startswith: adm_
    condition: not selection
";

/// In which document, what is replaced by what, and the line of the refusal.
const MALFORMED: &[(&str, &str, &str, u32)] = &[
    (RULE, "title: A rule", "titel: A rule", 1),
    (RULE, "title: A rule", "title: ''", 1),
    (RULE, "title: A rule", "title: [a]", 1),
    (RULE, "title: A rule", "title: A rule\ntitle: Again", 2),
    (RULE, "status: test", "status: great", 3),
    (RULE, "level: high", "level: 7", 17),
    (RULE, "logsource:", "log:", 1),
    (
        RULE,
        "    product: windows\n    category: process_creation\n",
        "    definition: x\n",
        5,
    ),
    (
        RULE,
        "logsource:\n    product: windows\n    category: process_creation",
        "logsource: windows",
        4,
    ),
    (RULE, "detection:", "detections:", 1),
    (RULE, "Image|endswith", "Image|endwith", 9),
    (RULE, "Image|endswith", "Image|endswith|contains", 9),
    (RULE, "Image|endswith", "Image|re|contains", 9),
    (RULE, "Image|endswith", "Image|i", 9),
    (RULE, "Image|endswith", "Image|cidr", 9),
    (RULE, "Image|endswith", "Image|gt", 9),
    (RULE, "Image|endswith", "Image|gt|lt", 9),
    (RULE, "Image|endswith", "Image|hour", 9),
    (RULE, "Image|endswith", "Image|exists", 9),
    (RULE, "Image|endswith", "Image|expand", 9),
    (RULE, "Image|endswith", "Image|", 9),
    (RULE, "Image|endswith", "'|gt'", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image|re: 'a(?=b)'", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image|re: 'a(b'", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image|base64: 'a*'", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image|utf16: a", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image: []", 9),
    (RULE, "Image|endswith: '\\\\a.exe'", "Image: {a: b}", 9),
    (
        RULE,
        "Image|endswith: '\\\\a.exe'",
        "Image|contains: null",
        9,
    ),
    (RULE, "            - two", "            - null", 12),
    (RULE, "            - two", "            - [two]", 12),
    (RULE, "            - two", "            - two: 2", 12),
    (RULE, "        - User: y", "        - [User]", 15),
    (
        RULE,
        "    condition: selection and not filter",
        "    timeframe: 5m",
        8,
    ),
    (RULE, "not filter", "not filters", 16),
    (RULE, "not filter", "1 of filters_*", 16),
    (RULE, "not filter", "3 of filter*", 16),
    (RULE, "not filter", "not", 16),
    (RULE, "and not filter", "or", 16),
    (RULE, "and not filter", "filter", 16),
    (RULE, "selection and", "(selection and", 16),
    (RULE, "not filter", "filter | count() > 5", 16),
    (
        RULE,
        "    condition: selection and not filter",
        "    condition: [selection, [filter]]",
        16,
    ),
    (RULE, "level: high", "action: global", 17),
    (RULE, "level: high", "<<: {a: b}", 17),
    (RULE, "level: high", "level: [high", 18),
    (RULE, "level: high", "level: \"high", 17),
    (RULE, "level: high", "\tlevel: high", 16),
    (RULE, "level: high", "level: *nowhere", 17),
    (CORRELATION, "event_count", "event_counts", 3),
    (CORRELATION, "    type: event_count\n", "", 3),
    (CORRELATION, "event_count", "value_count", 10),
    (CORRELATION, "timespan: 1h", "timespan: 1 hour", 8),
    (CORRELATION, "timespan: 1h", "timespan: 0s", 8),
    (CORRELATION, "timespan: 1h", "timespan: 999999d", 8),
    (CORRELATION, "timespan: 1h", "timespan: h", 8),
    (CORRELATION, "    timespan: 1h\n", "", 3),
    (CORRELATION, "gte: 10", "more: 10", 10),
    (CORRELATION, "gte: 10", "gte: ten", 10),
    (CORRELATION, "gte: 10", "gte: 9999999", 10),
    (CORRELATION, "    condition:\n        gte: 10\n", "", 3),
    (
        CORRELATION,
        "5638f7c0-ac70-491d-8465-2a65075e0d86",
        "nobody",
        1,
    ),
    (
        CORRELATION,
        "        gte: 10\n",
        "        gte: 10\n    generate: maybe\n",
        11,
    ),
    (
        CORRELATION,
        "        gte: 10\n",
        "        gte: 10\n    aliases:\n        a:\n            nobody: b\n",
        13,
    ),
    (
        CORRELATION,
        "event_count",
        "temporal_ordered\n    name: [",
        5,
    ),
    (FILTER, "5638f7c0-ac70-491d-8465-2a65075e0d86", "nobody", 1),
    (
        FILTER,
        "    rules:\n        - 5638f7c0-ac70-491d-8465-2a65075e0d86\n",
        "",
        6,
    ),
    (FILTER, "logsource:", "log:", 1),
    (FILTER, "not selection", "not selections", 10),
    (
        FILTER,
        "    selection:\n        User|startswith: adm_\n",
        "",
        6,
    ),
];

#[test]
fn each_malformed_document_is_refused_with_its_line() {
    let loaded = RuleSet::load([
        ("rule", RULE),
        ("correlation", CORRELATION),
        ("filter", FILTER),
    ]);
    assert_eq!((loaded.refused, loaded.notes), (vec![], vec![]));
    let mut wrong = Vec::new();
    for (document, from, to, line) in MALFORMED {
        let text = document.replacen(from, to, 1);
        assert_ne!(&text, document, "{from}");
        let mut texts = vec![("malformed", text.as_str())];
        if *document != RULE {
            texts.push(("rule", RULE));
        }
        let refused = RuleSet::load(texts).refused;
        let found: Vec<u32> = refused.iter().map(|refused| refused.line).collect();
        if found != [*line] {
            wrong.push(format!("{from} -> {to}: line {line}, {refused:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_beside_a_broken_document_loads() {
    let text = format!("{RULE}---\ntitle: x\n---\n{CORRELATION}---\na: [\n");
    let loaded = RuleSet::load([("all", text)]);
    assert_eq!(
        (loaded.set.rules.len(), loaded.set.correlations.len()),
        (1, 1)
    );
    let lines: Vec<u32> = loaded.refused.iter().map(|refused| refused.line).collect();
    assert_eq!(lines.len(), 2, "{:?}", loaded.refused);
    assert_eq!(lines[0], 19);
    assert!(!loaded.set.rules[0].alone, "only the correlation tells");
}

#[test]
fn names_are_of_one_rule_and_correlations_go_in_no_circle() {
    let reasons = |texts: &[(&str, String)]| -> Vec<Reason> {
        let texts = texts.iter().map(|(name, text)| (*name, text));
        RuleSet::load(texts)
            .refused
            .into_iter()
            .map(|refused| refused.reason)
            .collect()
    };
    let twice = reasons(&[("a", RULE.to_owned()), ("b", RULE.to_owned())]);
    assert_eq!(
        twice,
        [Reason::Taken(
            "5638f7c0-ac70-491d-8465-2a65075e0d86".into(),
            "a".into()
        )]
    );
    let circle = CORRELATION
        .replace("title: Many", "title: Many\nname: many")
        .replace("5638f7c0-ac70-491d-8465-2a65075e0d86", "many");
    assert_eq!(reasons(&[("a", circle)]), [Reason::Circle("Many".into())]);
}

#[test]
fn limits_hold_and_are_told() {
    for text in [
        format!("title: {}\n", "x".repeat(300)),
        format!("a: {}\n", "[".repeat(100)),
        "x".repeat(sigma::MAX_TEXT_BYTES + 1),
        format!("a: &a [{}]\n", "x, ".repeat(sigma::MAX_NODES)),
        {
            let bomb =
                (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(10)));
            format!("a0: &a0 [x, x]\n{}", bomb.collect::<String>())
        },
    ] {
        let refused = RuleSet::load([("x", &text)]).refused;
        assert!(
            matches!(
                refused[..],
                [sigma::Refused {
                    reason: Reason::Limit { .. },
                    ..
                }]
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn the_examples_of_the_specification_load() {
    let Ok(folder) = cordon_testkit::corpus("logs") else {
        return;
    };
    let mut paths = Vec::new();
    crate::corpus::files(
        &folder.join("sigma_spec_schema_examples"),
        ".yml",
        &mut paths,
    );
    assert_eq!(paths.len(), 12);
    for path in paths {
        let refused = RuleSet::load([("example", fs::read_to_string(&path).unwrap())]).refused;
        // Correlations and filters name rules that are not among the examples; all else is read.
        let read = refused
            .iter()
            .all(|refused| matches!(refused.reason, Reason::NoSuchRule(_)));
        assert!(read, "{}: {refused:?}", path.display());
    }
}
