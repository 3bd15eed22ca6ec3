//! `cordon patch audit --baseline`: what is remembered of sheets, and what is told of them.

use std::{fs, path::Path};

use crate::{Ran, cordon, folder};

const STATUS: &str =
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n\n";

/// An audit of one host of Debian against a sheet, and what it is told to remember.
fn audit(dir: &Path, sheet: &Path, more: &[&str]) -> Ran {
    let status = dir.join("status");
    fs::write(&status, STATUS).unwrap();
    let args = ["patch", "audit", "--json", "--all"].map(Into::into);
    let files = [
        "--inventory".into(),
        status.into_os_string(),
        "--baseline".into(),
        sheet.as_os_str().to_owned(),
    ];
    let more = more.iter().map(Into::into);
    cordon(args.into_iter().chain(files).chain(more))
}

/// The states of the rows of a sheet.
fn states(ran: &Ran) -> Vec<String> {
    let rows = ran.lines().into_iter();
    rows.filter(|row| row["in_baseline"] == true)
        .map(|row| row["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_a_column_means_is_said_once() {
    let dir = folder("sheets-remember");
    let (sheet, kept) = (dir.join("list.csv"), dir.join("columns.toml"));
    let kept_at = kept.to_str().unwrap();
    // `Wo` is in no language that we know headings of; the row is for hosts of Windows alone.
    fs::write(&sheet, "Paket;Wo\nbash;Windows XP\nbash;Debian\n").unwrap();
    let ran = audit(&dir, &sheet, &["--remember", kept_at]);
    assert_eq!(states(&ran), ["proven", "proven"], "{}", ran.err);
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains("\"Wo\" = \"nothing\"\n"), "{text}");
    // A person says it once …
    let said = ["--remember", kept_at, "--column", "Wo=applies"];
    let ran = audit(&dir, &sheet, &said);
    assert_eq!(states(&ran), ["not_applicable", "proven"], "{}", ran.err);
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains("\"Wo\" = \"applies\"\n"), "{text}");
    // … and it is known, under another name too, and wherever the column stands.
    let other = dir.join("list of may.csv");
    fs::write(
        &other,
        "Stand: Mai\nWo;Paket\nWindows XP;bash\nDebian;bash\n",
    )
    .unwrap();
    for sheet in [&sheet, &other] {
        let ran = audit(&dir, sheet, &["--remember", kept_at]);
        assert_eq!(states(&ran), ["not_applicable", "proven"], "{}", ran.err);
        assert!(!ran.err.contains("have changed"), "{}", ran.err);
    }
    // The person may mend the file, too.
    let mended = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, mended.replace("\"applies\"", "\"nothing\"")).unwrap();
    let ran = audit(&dir, &sheet, &["--remember", kept_at]);
    assert_eq!(states(&ran), ["proven", "proven"], "{}", ran.err);
}

#[test]
fn a_sheet_whose_headings_changed_is_guessed_anew_and_told() {
    let dir = folder("sheets-changed");
    let (sheet, kept) = (dir.join("list.csv"), dir.join("columns.toml"));
    let kept_at = kept.to_str().unwrap();
    fs::write(&sheet, "Paket;Wo;Wer\nbash;Windows XP;Ute\n").unwrap();
    let said = ["--remember", kept_at, "--column", "Wo=applies"];
    assert_eq!(states(&audit(&dir, &sheet, &said)), ["not_applicable"]);
    fs::write(&sheet, "Paket;Wo;Frist\nbash;Windows XP;2026-12-31\n").unwrap();
    let ran = audit(&dir, &sheet, &["--remember", kept_at]);
    let told = "the headings of list.csv have changed since they were remembered, and its columns are guessed anew; \
                new: Frist; gone: Wer";
    assert!(ran.err.contains(told), "{}", ran.err);
    assert_eq!(states(&ran), ["proven"]);
    // Then that is what is remembered.
    let ran = audit(&dir, &sheet, &["--remember", kept_at]);
    assert!(!ran.err.contains("have changed"), "{}", ran.err);
    assert_eq!(
        fs::read_to_string(&kept)
            .unwrap()
            .matches("[[sheet]]")
            .count(),
        1
    );
}

#[test]
fn headings_of_any_letters_are_kept() {
    let dir = folder("sheets-letters");
    let (sheet, kept) = (dir.join("l.csv"), dir.join("columns.toml"));
    fs::write(
        &sheet,
        "Paket,Frist,\"a \"\"b\"\" = \\ # [x]\n2\",日本\nbash,,x,y\n",
    )
    .unwrap();
    for _ in 0..2 {
        let ran = audit(&dir, &sheet, &["--remember", kept.to_str().unwrap()]);
        assert_eq!(states(&ran), ["proven"], "{}", ran.err);
        assert!(!ran.err.contains("have changed"), "{}", ran.err);
    }
}

#[test]
fn what_was_remembered_and_cannot_be_read_is_an_error() {
    let dir = folder("sheets-bad");
    let (sheet, kept) = (dir.join("l.csv"), dir.join("columns.toml"));
    fs::write(&sheet, "Paket\nbash\n").unwrap();
    let check = |content: &str, says: &str| {
        fs::write(&kept, content).unwrap();
        let ran = audit(&dir, &sheet, &["--remember", kept.to_str().unwrap()]);
        let told = ran.err.contains("error[E0210]") && ran.err.contains(says);
        assert!(ran.code == 2 && told, "{}: {}", ran.code, ran.err);
        assert_eq!(
            fs::read_to_string(&kept).unwrap(),
            content,
            "it is left alone"
        );
    };
    check("not toml", "columns.toml");
    check(
        "[[sheet]]\nfile = \"x\"\ncolumns = { Wo = \"where\" }\n",
        "`where`, for the column `Wo` of x",
    );
    check("[[sheets]]\n", "unknown field");
    let ran = audit(&dir, &sheet, &["--remember", dir.to_str().unwrap()]);
    assert!(
        ran.err.contains("E0210") && ran.err.contains("no regular file"),
        "{}",
        ran.err
    );
}

#[test]
fn a_row_for_systems_that_nobody_knows_is_told() {
    let dir = folder("sheets-applies");
    let sheet = dir.join("l.csv");
    fs::write(
        &sheet,
        "Package;Applies to\nbash;all kiosks\nbash;all\nbash;Debian\n",
    )
    .unwrap();
    let ran = audit(&dir, &sheet, &[]);
    let told =
        "row 2: `all kiosks` names no system that is known: the row is held against every host";
    assert!(ran.err.contains(told), "{}", ran.err);
    assert_eq!(ran.err.matches("names no system").count(), 1, "{}", ran.err);
    assert_eq!(states(&ran), ["proven", "proven", "proven"]);
}
