//! Events in their wrappings, logsources, explanations, and which rules can fire.

use std::fs;
use std::sync::Arc;

use sigma::{CanFire, Engine, Event, LogSource, RuleSet, Scratch};

fn event(json: &str) -> Event {
    let mut event = Event::new();
    event.read_json(json.as_bytes()).unwrap();
    event
}

fn values(event: &Event, name: &str) -> Vec<Option<String>> {
    event
        .get(name)
        .map(|value| value.map(str::to_owned))
        .collect()
}

#[test]
fn fields_have_the_names_that_rules_use() {
    let evtx = event(
        r##"{"Event": {"#attributes": {"xmlns": "x"},
        "System": {"Provider": {"#attributes": {"Name": "P"}}, "EventID": {"#text": 1119, "#attributes": {"Qualifiers": ""}},
            "Channel": "Microsoft-Windows-Windows Defender/Operational", "Computer": "c"},
        "EventData": {"Threat Name": "EICAR", "Path": "C:\\x", "Data": {"#text": ["a", "b"]}, "Empty": "", "Null": null}}}"##,
    );
    for (name, expected) in [
        ("Provider_Name", "P"),
        ("EventID", "1119"),
        ("Computer", "c"),
        ("ComputerName", "c"),
        ("Threat Name", "EICAR"),
        ("ThreatName", "EICAR"),
        ("Signature", "EICAR"),
        ("Filename", "C:\\x"),
        ("Event.EventData.Path", "C:\\x"),
        ("Empty", ""),
    ] {
        assert_eq!(values(&evtx, name), [Some(expected.to_owned())], "{name}");
    }
    assert_eq!(values(&evtx, "Data").len(), 2);
    assert_eq!(values(&evtx, "Null"), [None]);
    assert_eq!(values(&evtx, "Absent"), []);

    let user_data = event(
        r#"{"Event": {"System": {"EventID": 1, "Channel": "Application"}, "UserData": {"X": {"Param": "v"}}}}"#,
    );
    assert_eq!(values(&user_data, "Param"), [Some("v".into())]);
    let beat = event(
        r#"{"winlog": {"channel": "Security", "event_id": "4688", "event_data": {"NewProcessName": "n"}}}"#,
    );
    assert_eq!(values(&beat, "Image"), [Some("n".into())]);
    let flat =
        event(r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "n", "Image": "own"}"#);
    assert_eq!(
        values(&flat, "Image"),
        [Some("own".into())],
        "an alias never replaces a field"
    );
    let no_channel = event(r#"{"Provider_Name": "Microsoft-Windows-Sysmon", "EventID": 13}"#);
    assert_eq!(no_channel.sources().len(), 3);
}

#[test]
fn what_is_no_event_is_refused() {
    for json in ["", "[]", "1", "\"a\"", "{", "{} {}", "{\"a\": }", "null"] {
        assert!(Event::new().read_json(json.as_bytes()).is_err(), "{json}");
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert!(Event::new().read_json(deep.as_bytes()).is_err());
    let many = format!("{{\"a\": [{}0]}}", "0,".repeat(sigma::MAX_VALUES));
    assert_eq!(event(&many).left_out(), 1);
}

/// Every row of `SigmaHQ`'s own map of logsources is in ours.
#[test]
fn logsources_are_those_of_the_official_map() {
    let Ok(folder) = cordon_testkit::corpus("logs") else {
        return;
    };
    let text = fs::read_to_string(folder.join("thor_logsource_map.yml")).unwrap();
    let rows = rows(&text);
    let mut checked = 0;
    for row in rows
        .iter()
        .filter(|row| row.find("product").as_deref() == Some("windows"))
    {
        let service = row.find("service").unwrap();
        let asked = LogSource::new(
            "windows",
            &row.find("category").unwrap_or_default(),
            &service,
        );
        let kind = row.find("EventType").unwrap_or_default();
        let of_service = rows
            .iter()
            .filter(|row| row.find("service").as_ref() == Some(&service));
        for channel in of_service.flat_map(Row::channels) {
            for id in row.ids() {
                let event = event(&format!(
                    "{{\"Channel\": {channel:?}, \"EventID\": {id}, \"EventType\": {kind:?}}}"
                ));
                checked += 1;
                assert!(
                    event.sources().iter().any(|source| asked.holds_for(source)),
                    "{channel} {id} is not {asked}"
                );
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

/// The lines below one name of the map.
struct Row<'a>(Vec<&'a str>);

fn rows(text: &str) -> Vec<Row<'_>> {
    let mut rows = vec![Row(Vec::new())];
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent == 4 && line.ends_with(':') {
            rows.push(Row(Vec::new()));
        }
        rows.last_mut().unwrap().0.push(line);
    }
    rows
}

impl Row<'_> {
    fn find(&self, key: &str) -> Option<String> {
        self.0.iter().find_map(|line| {
            let (name, value) = line.trim().split_once(':')?;
            let bare = value.split('#').next()?.trim();
            (name == key && !bare.is_empty()).then(|| bare.to_owned())
        })
    }

    fn channels(&self) -> impl Iterator<Item = String> {
        let channels = self
            .0
            .iter()
            .filter_map(|line| line.split_once("WinEventLog:"));
        channels.map(|(_, channel)| channel.trim_end_matches(['"', '\'']).to_owned())
    }

    /// The ids of its events; any one if it names none.
    fn ids(&self) -> Vec<String> {
        let listed = self
            .0
            .iter()
            .map(|line| line.trim().trim_start_matches("- ").to_owned());
        let listed = listed.chain(self.find("EventID"));
        let mut ids: Vec<String> = listed.filter(|id| id.parse::<u32>().is_ok()).collect();
        if ids.is_empty() {
            ids.push("0".to_owned());
        }
        ids
    }
}

const RULES: &str = "
title: Seen
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: '\\a.exe'}, filter: {Company: x}, condition: selection and not filter}
---
title: Another source
logsource: {product: linux, category: process_creation}
detection: {selection: {Image: x}, condition: selection}
---
title: Another field
logsource: {product: windows, category: process_creation}
detection: {selection: {Image: x}, more: [{Never: 1}, {Nowhere: 2}], condition: selection and more}
---
title: A placeholder
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|expand: '%images%'}, condition: selection}
";

#[test]
fn a_rule_says_whether_it_can_fire_here() {
    let loaded = RuleSet::load([("x", RULES)]);
    assert_eq!((loaded.refused, loaded.notes.len()), (vec![], 1));
    let engine = Engine::new(&loaded.set);
    let mut coverage = engine.coverage();
    let seen = event(r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "c:\\A.EXE"}"#);
    engine.saw(&seen, &mut coverage);
    engine.saw(&event("{}"), &mut coverage);
    let can: Vec<CanFire> = (0..4)
        .map(|rule| engine.can_fire(rule, &coverage).unwrap())
        .collect();
    assert_eq!(
        can,
        [
            CanFire::Yes,
            CanFire::NoSource(LogSource::new("linux", "process_creation", "")),
            CanFire::NoField(vec!["Never".into(), "Nowhere".into()]),
            CanFire::Unfilled(vec!["images".into()]),
        ]
    );
    assert_eq!((coverage.events(), coverage.without_rules()), (2, 1));
    assert_eq!(engine.can_fire(4, &coverage), None);
}

#[test]
fn an_absent_field_under_not_is_told() {
    let engine = Engine::new(&RuleSet::load([("x", RULES)]).set);
    let seen = event(r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "c:\\A.EXE"}"#);
    let explanation = engine.explain(0, &seen).unwrap();
    assert!(explanation.matches);
    assert_eq!(
        explanation.to_string(),
        "Seen: matches
+ source windows/process_creation/*, the event is of windows/*/security, windows/process_creation/security
+ all of
  + selection
    + all of
      + Image is `*\\a.exe` [c:\\A.EXE]
  + not
    - filter
      - all of
        - Company is `x` (the event has no such field, so the `not` around it holds)
"
    );
    let not_ours = event(r#"{"Image": "c:\\A.EXE"}"#);
    assert!(!engine.explain(0, &not_ours).unwrap().matches, "no source");
}

#[test]
fn placeholders_are_filled_and_filters_narrow_the_rules_they_name() {
    let given = [("images".to_owned(), vec!["a*".to_owned(), "b".to_owned()])].into();
    let filter = "---\ntitle: F\nlogsource: {product: windows}\nfilter: {rules: any, s: {User: root}, condition: not s}\n";
    let narrow = filter.replace("not s", "s");
    for (filter, notes, expected) in [
        (filter, 0, [true, true, false]),
        (&narrow, 1, [false, false, true]),
    ] {
        let loaded = RuleSet::load_with([("x", format!("{}\n{filter}", RULES.trim_end()))], &given);
        assert_eq!((&loaded.refused, loaded.notes.len()), (&vec![], notes));
        let engine = Engine::new(&loaded.set);
        let (mut scratch, mut event) = (Scratch::new(), Event::new());
        event.set_sources(Arc::new(vec![LogSource::new(
            "windows",
            "process_creation",
            "",
        )]));
        for (fields, expected) in [("abc", "x"), ("b", "y"), ("b", "root")]
            .into_iter()
            .zip(expected)
        {
            event.fill(|fill| {
                fill.text("Image", fields.0);
                fill.text("User", fields.1);
            });
            let mut found = Vec::new();
            engine.matches(&event, &mut scratch, |rule| found.push(rule));
            assert_eq!(found.contains(&3), expected, "{fields:?} {filter}");
        }
    }
}
