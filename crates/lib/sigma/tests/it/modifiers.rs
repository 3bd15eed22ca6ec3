//! Each modifier, from the text of a rule to the match of an event.

use std::sync::Arc;

use sigma::{Engine, Event, LogSource, RuleSet, Scratch};

/// What a field of a rule asks, the JSON of the event's `F`, and whether that matches.
const CASES: &[(&str, &str, bool)] = &[
    ("F: abc", r#""ABC""#, true),
    ("F|cased: abc", r#""ABC""#, false),
    ("F|cased|contains: bC", r#""abCd""#, true),
    ("F|contains: ÄB", r#""xäby""#, true),
    ("F|startswith: 'a*c'", r#""abcd""#, true),
    ("F|endswith: '\\x'", r#""c:\\X""#, true),
    ("F|contains: '\\\\?\\'", r#""\\\\?\\c:""#, true),
    ("F|contains|all: [a, b]", r#""xbxa""#, true),
    ("F|contains|all: [a, c]", r#""xbxa""#, false),
    (
        "F|contains|all|windash: [' -a', ' /b']",
        r#""x /a –b —b ―b""#,
        true,
    ),
    ("F|contains|all|windash: [' -a', ' /b']", r#""x /a""#, false),
    (
        "F|windash|contains: ' /accepteula'",
        r#""x.exe -accepteula""#,
        true,
    ),
    ("F|windash|contains: 'a-b'", r#""a/b""#, false),
    ("F|re: 'a.c'", r#""xabcx""#, true),
    ("F|re: 'a.c'", r#""ABC""#, false),
    ("F|re|i: 'a.c'", r#""ABC""#, true),
    ("F|re: 'a.c'", r#""a\nc""#, false),
    ("F|re|s: 'a.c'", r#""a\nc""#, true),
    ("F|re: '^b'", r#""a\nb""#, false),
    ("F|re|m: '^b'", r#""a\nb""#, true),
    ("F|re|i|s: 'A.C'", r#""a\nc""#, true),
    ("F|neq: a", r#""b""#, true),
    ("F|neq: [a, b]", r#""b""#, false),
    ("F|contains|neq: a", r#""xax""#, false),
    ("F|cidr: [10.0.0.0/8, fe80::/10]", r#""fe80::1""#, true),
    ("F|cidr: 10.0.0.0/8", r#""110.0.0.1""#, false),
    ("F: 0x17", "23", true),
    ("F: 0x17", r#""0X17""#, true),
    ("F: 42", r#""42.0""#, true),
    ("F: '42'", "42", true),
    ("F: '42'", r#""42.0""#, false),
    ("F|gt: 5", r#""10""#, true),
    ("F|lte: -1.5", "-2", true),
    ("F|gte: 5", r#""many""#, false),
    ("F: true", "true", true),
    ("F: 'True'", "true", true),
    ("F: null", "null", true),
    ("F: null", r#""""#, false),
    ("F: ''", r#""""#, true),
    ("F: ''", "null", false),
    ("F: '*'", r#""""#, true),
    ("F: '*'", "null", false),
    ("F|exists: true", "null", true),
    ("F|exists: false", "null", false),
    ("G|exists: false", "1", true),
    ("G: null", "1", true),
    ("G|neq: x", "1", true),
    ("F|fieldref: Other", r#""OTHER""#, true),
    ("F|fieldref|endswith: Other", r#""another""#, true),
    ("F|fieldref|startswith|cased: Other", r#""Others""#, false),
    ("F|neq|fieldref: Other", r#""x""#, true),
    ("F|base64|contains: foobar", r#""x Zm9vYmFy""#, true),
    ("F|base64offset|contains: foobar", r#""eGZvb2JhciB5""#, true),
    (
        "F|wide|base64offset|contains: http",
        r#""aAB0AHQAcAA6AC8ALwA=""#,
        true,
    ),
    ("F|utf16|base64|startswith: A", r#""//5BAA==""#, true),
    ("F|utf16be|base64: A", r#""AEE=""#, true),
    ("F|hour: 5", r#""2026-04-17T05:24:53Z""#, true),
    ("F|hour|lt: 6", r#""2026-04-17 05:24:53""#, true),
    ("F|minute|gte: 30", r#""2026-04-17 05:24:53""#, false),
    ("F|week: 16", r#""2026-04-17""#, true),
    ("F|day: 17", r#""2026-04-17""#, true),
    ("F|month: [3, 4]", r#""2026-04-17""#, true),
    ("F|year|gt: 2025", "1776403493", true),
    ("F: b", r#"["a", "B"]"#, true),
    ("F.x: 2", r#"[{"x": 1}, {"x": 2}]"#, true),
    ("'|all': [one, two]", r#""TWO one""#, true),
    ("'|all': [one, three]", r#""TWO one""#, false),
    ("'|re': '^o.her$'", "1", true),
];

#[test]
fn each_modifier_does_what_the_specification_says() {
    let mut wrong = Vec::new();
    for (item, value, expected) in CASES {
        let rule = format!(
            "title: x\nlogsource: {{product: x}}\ndetection:\n    s:\n        {item}\n    condition: s\n"
        );
        let loaded = RuleSet::load([("x", &rule)]);
        assert_eq!(loaded.refused, [], "{item}");
        let engine = Engine::new(&loaded.set);
        let mut event = Event::new();
        event.set_sources(Arc::new(vec![LogSource::new("x", "", "")]));
        event
            .read_json(format!("{{\"F\": {value}, \"Other\": \"other\"}}").as_bytes())
            .unwrap();
        let mut found = false;
        engine.matches(&event, &mut Scratch::new(), |_| found = true);
        let explained = engine.explain(0, &event).unwrap().matches;
        if (found, explained) != (*expected, *expected) {
            wrong.push(format!(
                "{item} against {value}: {found}, explained {explained}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
