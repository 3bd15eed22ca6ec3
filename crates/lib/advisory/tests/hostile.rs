//! Documents that want to hurt: entities that grow, nesting without end, rings, and what cannot be
//! evaluated. Each is a clear error or *unknown*, in bounded time.

#![expect(clippy::unwrap_used, reason = "a helper fails its test")]

use std::collections::BTreeMap;

use advisory::{Facts, Have, MAX_DEPTH, Oval, OvalError, Truth, Uname};
use vercmp::Kind;

const HEAD: &str =
    "<oval_definitions><generator><timestamp>2026-01-02T03:04:05</timestamp></generator>";

/// A document with one definition of these criteria, and these tests, objects and states.
fn document(criteria: &str, rest: &str) -> String {
    format!(
        "{HEAD}<definitions><definition id=\"d:1\" class=\"patch\"><metadata><title>t</title><affected family=\"unix\"><platform>AlmaLinux 8</platform></affected>\
         <reference ref_id=\"CVE-2026-0001\"/></metadata>{criteria}</definition></definitions>{rest}</oval_definitions>"
    )
}

const RPM: &str = "<tests><rpminfo_test id=\"t:1\" check=\"at least one\"><object object_ref=\"o:1\"/><state state_ref=\"s:1\"/></rpminfo_test>\
    <rpminfo_test id=\"t:2\" check=\"at least one\"><object object_ref=\"o:1\"/><state state_ref=\"s:2\"/></rpminfo_test>\
    <sql_test id=\"t:3\" check=\"all\"><object object_ref=\"o:1\"/></sql_test>\
    <uname_test id=\"t:4\" check=\"all\"><object object_ref=\"o:2\"/><state state_ref=\"s:3\"/></uname_test>\
    <textfilecontent54_test id=\"t:5\" check=\"all\"><object object_ref=\"o:3\"/><state state_ref=\"s:4\"/></textfilecontent54_test>\
    <rpminfo_test id=\"t:6\" check=\"all\" check_existence=\"none_exist\"><object object_ref=\"o:1\"/></rpminfo_test>\
    <rpminfo_test id=\"t:7\" check=\"all\"><object object_ref=\"o:4\"/></rpminfo_test></tests>\
    <objects><rpminfo_object id=\"o:1\"><name>bash</name></rpminfo_object><uname_object id=\"o:2\"/>\
    <textfilecontent54_object id=\"o:3\"><filepath>/etc/dnf/modules.d/nodejs.module</filepath>\
    <pattern operation=\"pattern match\">^stream=(\\S+)$</pattern><instance datatype=\"int\">1</instance></textfilecontent54_object>\
    <rpminfo_object id=\"o:4\"><name var_ref=\"v:1\"/></rpminfo_object></objects>\
    <states><rpminfo_state id=\"s:1\"><arch operation=\"pattern match\">aarch64|x86_64</arch>\
    <evr datatype=\"evr_string\" operation=\"less than\">0:4-2.el8</evr></rpminfo_state>\
    <rpminfo_state id=\"s:2\"><signature_keyid>199e2f91fd431d51</signature_keyid></rpminfo_state>\
    <uname_state id=\"s:3\"><os_release operation=\"pattern match\">^4\\.18\\.</os_release></uname_state>\
    <textfilecontent54_state id=\"s:4\"><subexpression>18</subexpression></textfilecontent54_state></states>";

fn truth(criteria: &str, facts: &Facts<'_>) -> Truth {
    let text = document(criteria, RPM);
    let oval = Oval::read(text.as_bytes()).unwrap();
    let outcomes = oval.evaluate(facts);
    assert_eq!(outcomes[0].definition.references, ["CVE-2026-0001"]);
    assert!(oval.platforms.contains("AlmaLinux 8"));
    outcomes[0].truth.clone()
}

#[test]
fn what_cannot_be_evaluated_is_never_false() {
    let bash = Have {
        name: "bash",
        arch: "x86_64",
        evr: "4-1.el8",
        signature: None,
    };
    let packages = [bash];
    let facts = Facts {
        kind: Kind::Rpm,
        packages: &packages,
        uname: None,
        files: None,
    };
    let test = |id: &str| format!("<criterion test_ref=\"{id}\"/>");
    let all = |operator: &str, ids: &[&str]| {
        let tests: String = ids.iter().map(|id| test(id)).collect();
        format!("<criteria operator=\"{operator}\">{tests}</criteria>")
    };
    let unknown = |criteria: &str, why: &str| {
        let found = truth(criteria, &facts);
        assert_eq!(found, Truth::Unknown(why.to_owned()), "{criteria}");
    };
    assert_eq!(truth(&all("AND", &["t:1"]), &facts), Truth::True);
    unknown(&all("AND", &["t:1", "t:2"]), "nobody looked at signatures");
    unknown(&all("AND", &["t:1", "t:3"]), "sql_test is not evaluable");
    unknown(&all("OR", &["t:6", "t:4"]), "nobody asked uname");
    unknown(&all("AND", &["t:5"]), "nobody looked at files");
    unknown(
        &all("AND", &["t:7"]),
        "name with a variable, set, filter or list is not evaluable",
    );
    unknown(
        &all("NAND", &["t:1"]),
        "criteria with an operator that OVAL does not have",
    );
    unknown(&all("AND", &["t:99"]), "the test t:99 is not there");
    unknown("", "a definition without criteria");
    unknown(
        "<criteria><extend_definition definition_ref=\"d:1\"/></criteria>",
        "a definition that extends itself",
    );
    assert_eq!(truth(&all("OR", &["t:1", "t:3"]), &facts), Truth::True);
    assert_eq!(truth(&all("AND", &["t:6", "t:3"]), &facts), Truth::False);
    let negated =
        "<criteria negate=\"true\"><criterion negate=\"true\" test_ref=\"t:1\"/></criteria>";
    assert_eq!(truth(negated, &facts), Truth::True);
    let other = Facts {
        kind: Kind::Deb,
        ..facts
    };
    assert!(matches!(
        truth(&all("AND", &["t:1"]), &other),
        Truth::Unknown(_)
    ));
}

#[test]
fn uname_and_files_are_read_where_somebody_looked() {
    let path = "/etc/dnf/modules.d/nodejs.module".to_owned();
    let files = BTreeMap::from([(path, "[nodejs]\nname=nodejs\nstream=18\n".to_owned())]);
    let none = BTreeMap::new();
    let uname = Uname {
        os_release: "4.18.0-553.el8.x86_64",
        ..Uname::default()
    };
    let facts = Facts {
        kind: Kind::Rpm,
        packages: &[],
        uname: Some(uname),
        files: Some(&files),
    };
    let both = "<criteria><criterion test_ref=\"t:4\"/><criterion test_ref=\"t:5\"/></criteria>";
    assert_eq!(truth(both, &facts), Truth::True);
    assert_eq!(
        truth(
            both,
            &Facts {
                files: Some(&none),
                ..facts
            }
        ),
        Truth::False
    );
    let newer = Uname {
        os_release: "5.14.0",
        ..uname
    };
    assert_eq!(
        truth(
            both,
            &Facts {
                uname: Some(newer),
                ..facts
            }
        ),
        Truth::False
    );
}

#[test]
fn entities_that_grow_are_refused() {
    let bomb = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">{}]>{HEAD}&j;</oval_definitions>",
        ('b'..='j')
            .zip('a'..)
            .map(|(n, of)| format!("<!ENTITY {n} \"{}\">", format!("&{of};").repeat(10)))
            .collect::<Vec<String>>()
            .concat()
    );
    assert_eq!(Oval::read(bomb.as_bytes()), Err(OvalError::Dtd { at: 21 }));
    let text = document("", "").replace("<title>t", "<title>&own;");
    assert!(
        matches!(Oval::read(text.as_bytes()), Err(OvalError::Entity { name, .. }) if name == "own")
    );
    let text = document("", "").replace("<title>t", "<title>&lt;&#65;&amp;");
    assert_eq!(
        Oval::read(text.as_bytes()).unwrap().definitions[0].title,
        "<A&"
    );
    let text = document("<criterion test_ref=\"&own;\"/>", "");
    assert!(matches!(
        Oval::read(text.as_bytes()),
        Err(OvalError::Xml { .. })
    ));
}

#[test]
fn depth_and_truncation_are_told() {
    let deep = document(&"<criteria>".repeat(100_000), "");
    assert!(matches!(
        Oval::read(deep.as_bytes()),
        Err(OvalError::TooDeep { .. })
    ));
    let levels = MAX_DEPTH - 5;
    let deepest = "<criteria>".repeat(levels)
        + "<criterion test_ref=\"t:1\"/>"
        + &"</criteria>".repeat(levels);
    let text = document(&deepest, RPM);
    let oval = Oval::read(text.as_bytes()).unwrap();
    let facts = Facts {
        kind: Kind::Rpm,
        packages: &[],
        uname: None,
        files: None,
    };
    assert_eq!(oval.evaluate(&facts)[0].truth, Truth::False);
    for end in 1..text.len() {
        assert!(Oval::read(&text.as_bytes()[..end]).is_err(), "{end}");
    }
    assert_eq!(
        Oval::read(b""),
        Err(OvalError::NotOval("no element at all".to_owned()))
    );
    assert_eq!(
        Oval::read(b"<html/>"),
        Err(OvalError::NotOval("html".to_owned()))
    );
    assert_eq!(
        Oval::read(format!("{HEAD}</oval_definitions>").as_bytes()),
        Err(OvalError::Empty)
    );
}

#[test]
fn definitions_that_extend_each_other_cost_no_more_than_once_each() {
    // Each extends the next twice: without memory that is two to the sixtieth.
    let definitions: Vec<String> = (0..60)
        .map(|nth| {
            let next = format!("<extend_definition definition_ref=\"d:{}\"/>", nth + 1);
            format!("<definition id=\"d:{nth}\"><criteria>{next}{next}</criteria></definition>")
        })
        .collect();
    let text = format!(
        "{HEAD}<definitions>{}</definitions></oval_definitions>",
        definitions.concat()
    );
    let oval = Oval::read(text.as_bytes()).unwrap();
    let facts = Facts {
        kind: Kind::Rpm,
        packages: &[],
        uname: None,
        files: None,
    };
    let outcomes = oval.evaluate(&facts);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome.truth, Truth::Unknown(_)))
    );
    let twice = text.replace("d:59\"><", "d:58\"><");
    assert_eq!(
        Oval::read(twice.as_bytes()),
        Err(OvalError::Twice("d:58".to_owned()))
    );
}
