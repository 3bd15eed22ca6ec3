//! Reference pages are made from the SPECs. `BLESS=1 cargo test` writes them anew.

use std::{fmt::Write, fs};

use cordon::{CONTROLS, fault::CATALOGUE};
use cordon_model::Shares;

use crate::root;

fn check(file: &str, expected: &str) {
    let path = root().join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{file} is not what the code says: BLESS=1 cargo test, and read it"
    );
}

#[test]
fn the_rules_page_is_what_the_specs_say() {
    let mut page = String::from(
        "# Controls, rules and probes\n\nMade from the SPECs by `BLESS=1 cargo test`; not edited by \
         hand.\n",
    );
    for make in CONTROLS {
        let spec = make.spec;
        writeln!(
            page,
            "\n## {}\n\n> {}\n\n`{}` {}.",
            spec.name, spec.prevents, spec.name, spec.does
        )
        .unwrap();
        for rule in spec.rules {
            writeln!(
                page,
                "\n### {}\n\n*{}* · {}",
                rule.id,
                rule.title,
                rule.severity.plain()
            )
            .unwrap();
            writeln!(page, "\n{}", rule.advice).unwrap();
            if let Some(command) = rule.command {
                writeln!(page, "\n    {command}").unwrap();
            }
            for cause in rule.explained_by {
                let shares = match cause.shares {
                    Shares::Host => "host",
                    Shares::Subject => "subject",
                };
                writeln!(page, "\nFolded under {} of the same {shares}.", cause.rule).unwrap();
            }
            if rule.settle > cordon_model::Span::default() {
                writeln!(page, "\nSpeaks after {}.", rule.settle).unwrap();
            }
        }
        for probe in spec.probes {
            writeln!(page, "\n### probe {}\n\nPlants {}.", probe.id, probe.plants).unwrap();
            writeln!(
                page,
                "{} must find it within {}.",
                probe.expect, probe.within
            )
            .unwrap();
        }
    }
    check("docs/reference/rules.md", &page);
}

#[test]
fn the_errors_page_is_what_the_catalogue_says() {
    let mut page = String::from(
        "# Errors\n\nMade from the catalogue by `BLESS=1 cargo test`; not edited by hand.\n\n\
         | code | means | what to do | exit |\n| --- | --- | --- | --- |\n",
    );
    for code in CATALOGUE {
        let hint = code.hint.replace('|', "\\|");
        writeln!(
            page,
            "| {} | {} | {hint} | {} |",
            code.id, code.means, code.exit as u8
        )
        .unwrap();
    }
    check("docs/reference/errors.md", &page);
}

#[test]
fn the_readme_names_the_two_commands_and_ci_runs_the_second() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(readme.contains("cargo run --release -- up"));
    assert!(readme.contains("cargo xtask test") && ci.contains("cargo xtask test"));
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let tests: String = crate::sources("crates/cordon/tests/it")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let (_, table) = page.split_once("## Invariants").unwrap();
    let mut named = 0;
    for line in table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"))
    {
        for test in line
            .split('`')
            .filter(|part| part.contains("::") && !part.contains(' '))
        {
            let function = test.rsplit("::").next().unwrap();
            assert!(
                tests.contains(&format!("fn {function}(")),
                "{test} is no test"
            );
            named += 1;
        }
    }
    assert!(named >= 9, "the table of invariants names {named} tests");
}
