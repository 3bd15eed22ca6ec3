//! Sheets as people keep them. In each, every row is accounted for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a test"
)]

use std::io::{Cursor, Write};

use sheet::{Asked, Reading, Severity, SheetError, read};
use zip::{ZipWriter, write::SimpleFileOptions};

/// Reads, and holds what must hold for every sheet.
#[track_caller]
fn reading(bytes: &[u8]) -> Reading {
    let reading = read(bytes, None).unwrap();
    let parts = reading.asked.len() + reading.rejected.len() + reading.headings.len();
    assert_eq!(reading.rows, parts, "rows in are rows out");
    reading
}

/// An archive of these files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of one table; `rows` and `after` are its XML.
fn xlsx(rows: &str, after: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let packages = "http://schemas.openxmlformats.org/package/2006/relationships";
    archive(&[
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        ),
        (
            "_rels/.rels",
            &format!(
                "<Relationships xmlns=\"{packages}\"><Relationship Id=\"rId1\" \
                 Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets>\
                 <sheet name=\"Patches\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships xmlns=\"{packages}\">\
                 <Relationship Id=\"rId1\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
                 <Relationship Id=\"rId2\" Type=\"{relations}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            &format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/>\
                 <xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(
                "<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData>{after}</worksheet>"
            ),
        ),
    ])
}

/// A row of texts.
fn row(number: u32, cells: &[&str]) -> String {
    let cells: String = cells
        .iter()
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(at, text)| {
            let column = char::from(b'A' + u8::try_from(at).unwrap());
            format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
        })
        .collect();
    format!("<row r=\"{number}\">{cells}</row>")
}

fn asked<'r>(reading: &'r Reading, place: &str) -> &'r Asked {
    let all = reading.asked.iter();
    let mut found = all.filter(|asked| asked.place.to_string() == place);
    found
        .next()
        .unwrap_or_else(|| panic!("{place} is not among {reading:#?}"))
}

#[track_caller]
fn rejects(reading: &Reading, expected: &[(&str, &str)]) {
    let got: Vec<(String, &str)> = reading
        .rejected
        .iter()
        .map(|row| (row.place.to_string(), row.why.as_str()))
        .collect();
    let got: Vec<(&str, &str)> = got
        .iter()
        .map(|(place, why)| (place.as_str(), *why))
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn numbers_of_updates_in_every_writing() {
    let csv = "Patch,KB,Applies to\n\
               MS04-011 (835732),,XP\nms04 \u{2013} 011,Q835732,XP\nMS04-011,KB 835732,2000\n,835732,2003\n\
               Rollup,\"KB4012212, KB4012215\",7\n,KB-4012598,XP\nSecurity Update (KB2267602),,all\n\
               version 4.5.12345,,all\nMSXML4-123456,,all\n";
    let reading = reading(csv.as_bytes());
    let kbs: Vec<(Option<&str>, &[u32])> = reading
        .asked
        .iter()
        .map(|asked| (asked.bulletin.as_deref(), asked.kbs.as_slice()))
        .collect();
    let ms = Some("MS04-011");
    let expected: [(Option<&str>, &[u32]); 7] = [
        (ms, &[835_732]),
        (ms, &[835_732]),
        (ms, &[835_732]),
        (None, &[835_732]),
        (None, &[4_012_212, 4_012_215]),
        (None, &[4_012_598]),
        (None, &[2_267_602]),
    ];
    assert_eq!(kbs, expected);
    let why = "it names no bulletin, update, package or file";
    rejects(&reading, &[("row 9", why), ("row 10", why)]);
}

#[test]
fn merged_cells_count_for_each_row_that_they_cover() {
    let rows = row(1, &["Bulletin", "Betriebssystem", "Verantwortlich"])
        + &row(2, &["MS04-011 (835732)", "Windows XP", "Ute"])
        + &row(3, &["", "Windows 2000"])
        + &row(4, &["", "Windows Server 2003"])
        + &row(6, &["Zweites Quartal"]);
    let merged = "<mergeCells count=\"3\"><mergeCell ref=\"A2:A4\"/><mergeCell ref=\"C2:C4\"/>\
                  <mergeCell ref=\"A6:C6\"/></mergeCells>";
    let reading = reading(&xlsx(&rows, merged));
    for (place, system) in [
        ("Patches!2", "Windows XP"),
        ("Patches!3", "Windows 2000"),
        ("Patches!4", "Windows Server 2003"),
    ] {
        let asked = asked(&reading, place);
        assert_eq!(
            (asked.kbs.as_slice(), asked.applies.as_deref()),
            (&[835_732][..], Some(system))
        );
        assert_eq!(asked.owner.as_deref(), Some("Ute"));
    }
    let why = "it names no bulletin, update, package or file";
    rejects(&reading, &[("Patches!6", why)]);
}

#[test]
fn a_heading_may_be_two_rows_high_below_a_title() {
    let csv = "Patch list of Example Ltd;;;\n;;;\nSecurity;KB;Due;Severity\nUpdate;number;date;\n\
               MS04-011;835732;30.04.2004;critical\n";
    let reading = reading(csv.as_bytes());
    assert_eq!(reading.mappings[0].heading, 4, "{}", reading.mappings[0]);
    let asked = &reading.asked[0];
    assert_eq!(asked.due.as_deref(), Some("2004-04-30"));
    assert_eq!(asked.severity, Some(Severity::Critical));
    assert_eq!(reading.headings.len(), 4 - 1, "a blank row is none");
}

#[test]
fn formulas_and_errors_are_told_and_saved_results_are_read() {
    let formula = |column: &str, row: u32, rest: &str| format!("<c r=\"{column}{row}\"{rest}</c>");
    let rows = row(1, &["Patch", "KB", "Fällig"])
        + "<row r=\"2\">"
        + &formula(
            "A",
            2,
            " t=\"str\"><f>CONCATENATE(\"MS04\",\"-011\")</f><v>MS04-011</v>",
        )
        + &formula("B", 2, "><f>835731+1</f><v>835732</v>")
        + &formula("C", 2, " s=\"1\"><v>38107</v>")
        + "</row><row r=\"3\">"
        + &formula("A", 3, "><f>VLOOKUP(A1,B:B,1)</f>")
        + "</row><row r=\"4\">"
        + &formula("A", 4, " t=\"e\"><f>B9</f><v>#REF!</v>")
        + "</row>";
    let reading = reading(&xlsx(&rows, ""));
    let asked = asked(&reading, "Patches!2");
    assert_eq!(
        (asked.bulletin.as_deref(), asked.kbs.as_slice()),
        (Some("MS04-011"), &[835_732][..])
    );
    assert_eq!(asked.due.as_deref(), Some("2004-04-30"), "a serial date");
    rejects(
        &reading,
        &[
            (
                "Patches!3",
                "its bulletin is a formula whose result was not saved",
            ),
            ("Patches!4", "its bulletin is the error #REF!"),
        ],
    );
}

#[test]
fn german_and_doubtful_dates() {
    let csv = "KB;Fällig am\n835732;13.4.04\n835733;04/03/2026\n835734;irgendwann\n835735;2026-11-25\n\
               835736;25/11/2026\n835737;46000\n";
    let reading = reading(csv.as_bytes());
    let due: Vec<Option<&str>> = reading
        .asked
        .iter()
        .map(|asked| asked.due.as_deref())
        .collect();
    let days = [
        Some("2004-04-13"),
        None,
        None,
        Some("2026-11-25"),
        Some("2026-11-25"),
        Some("2025-12-09"),
    ];
    assert_eq!(due, days);
    assert_eq!(
        reading.asked[1].doubts,
        ["the date `04/03/2026` could be two days: write it as 2026-12-31"]
    );
    assert_eq!(
        reading.asked[2].doubts,
        ["the date `irgendwann` is none that is known"]
    );
}

#[test]
fn a_million_blank_rows_cost_nothing_and_hide_nothing() {
    let mut rows = row(1, &["Bulletin", "KB"]) + &row(2, &["MS04-011", "835732"]);
    for number in (3..60_000).step_by(7) {
        rows += &format!("<row r=\"{number}\"><c r=\"A{number}\" s=\"1\"/></row>"); // formatted, blank
    }
    rows += &row(1_048_576, &["MS04-012", "828741"]);
    let reading = reading(&xlsx(&rows, ""));
    assert_eq!(reading.rows, 3);
    assert_eq!(asked(&reading, "Patches!1048576").kbs, [828_741]);
}

#[test]
fn open_document_with_repeated_rows() {
    let cell = |text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let line = |cells: &[&str]| {
        let cells: String = cells.iter().map(|text| cell(text)).collect();
        format!("<table:table-row>{cells}</table:table-row>")
    };
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content \
         xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
         <table:table table:name=\"Feuille1\">{}{}<table:table-row table:number-rows-repeated=\"1048570\">\
         <table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>\
         </office:spreadsheet></office:body></office:document-content>",
        line(&["Correctif", "Système", "Échéance", "Gravité"]),
        line(&["MS04-011 (835732)", "Windows XP", "30.04.2004", "Critique"]),
    );
    let bytes = archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        (
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>",
        ),
        ("content.xml", &content),
    ]);
    let reading = reading(&bytes);
    let asked = asked(&reading, "Feuille1!2");
    assert_eq!(asked.kbs, [835_732]);
    assert_eq!(asked.severity, Some(Severity::Critical));
    assert_eq!(asked.due.as_deref(), Some("2004-04-30"));
}

#[test]
fn text_in_the_code_pages_that_spreadsheets_save() {
    let text =
        "Aktualisierung\tBetriebssystem\tZuständig\nMS04-011 (KB835732)\tWindows XP\tJürgen\n";
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let marked = format!("\u{feff}{text}").into_bytes();
    for bytes in [utf16, latin, marked, text.as_bytes().to_vec()] {
        let reading = reading(&bytes);
        assert_eq!(reading.asked[0].owner.as_deref(), Some("Jürgen"));
        assert_eq!(reading.asked[0].kbs, [835_732]);
    }
}

#[test]
fn packages_and_files_are_asked_for_with_their_versions() {
    let csv = "Package,Minimum version,Host\nopenssl,>= 3.0.11-1~deb12u2,web*\nbash,,\n";
    let found = reading(csv.as_bytes());
    let openssl = &found.asked[0];
    assert_eq!(openssl.package.as_deref(), Some("openssl"));
    assert_eq!(openssl.at_least.as_deref(), Some("3.0.11-1~deb12u2"));
    assert_eq!(
        (openssl.host.as_deref(), found.asked[1].at_least.as_deref()),
        (Some("web*"), None)
    );
    let files = reading(b"File;Version;OS\nlsasrv.dll;v5.1.2600.1361;Windows XP SP1\n");
    assert_eq!(files.asked[0].file.as_deref(), Some("lsasrv.dll"));
    assert_eq!(files.asked[0].at_least.as_deref(), Some("5.1.2600.1361"));
}

#[test]
fn a_repeated_heading_and_lines_in_cells() {
    let csv = "KB,Status,Notes\n835732,done,\"two\nlines\"\nKB,Status,Notes\n828741,\u{200b},\n";
    let reading = reading(csv.as_bytes());
    assert_eq!(reading.asked[0].status.as_deref(), Some("done"));
    assert_eq!(asked(&reading, "row 5").kbs, [828_741]);
    rejects(&reading, &[("row 4", "it repeats the heading")]);
}

#[test]
fn a_mapping_is_shown_and_can_be_given_back() {
    let csv = b"KB Artikel;Wo;Wer\n835732;Windows XP;Ute\n";
    let first = reading(csv);
    let shown = first.mappings[0].to_string();
    assert_eq!(shown, "1: KB Artikel = kb, Wo = nothing, Wer = owner");
    let mut mapping = first.mappings[0].clone();
    mapping.columns.insert(1, sheet::Column::Applies);
    let again = read(csv, Some(&[mapping])).unwrap();
    assert_eq!(again.asked[0].applies.as_deref(), Some("Windows XP"));
}

/// Nothing in its headings is known, and a person says what they mean.
#[test]
fn what_a_person_says_makes_a_heading() {
    let csv = b"Poprawka;Gdzie;Kto\nkb 835732;Windows XP;Ute\n";
    let said = [
        ("poprawka", sheet::Column::Kb),
        ("Gdzie", sheet::Column::Applies),
    ];
    let reading = sheet::read_as(csv, &said).unwrap();
    let shown = reading.mappings[0].to_string();
    assert_eq!(shown, "1: Poprawka = kb, Gdzie = applies, Kto = nothing");
    assert_eq!(reading.asked[0].applies.as_deref(), Some("Windows XP"));
    let csv = b"Co;Ile\nopenssl;3.0.1\n";
    assert!(
        read(csv, None).is_err(),
        "nothing says that it is a package"
    );
    let said = [
        ("Co", sheet::Column::Package),
        ("Ile", sheet::Column::Version),
    ];
    let reading = sheet::read_as(csv, &said).unwrap();
    assert_eq!(reading.asked[0].package.as_deref(), Some("openssl"));
    assert_eq!(reading.asked[0].at_least.as_deref(), Some("3.0.1"));
}

/// A list of bulletins with a heading in a language that is not known, or with none at all.
#[test]
fn a_column_of_updates_says_what_it_is() {
    let polish =
        "Lista\n\nPoprawka;Gdzie\nMS04-011 (835732);Windows XP\nKB828741;\njeszcze nie wiadomo;\n";
    let of_polish = reading(polish.as_bytes());
    let shown = of_polish.mappings[0].to_string();
    assert_eq!(shown, "3: Poprawka = bulletin, Gdzie = nothing");
    assert_eq!(asked(&of_polish, "row 4").kbs, [835_732]);
    let why = "it names no bulletin, update, package or file";
    rejects(&of_polish, &[("row 6", why)]);

    let bare = b"MS04-011 (835732);Windows XP\nMS04-012;Windows 2000\n";
    let of_bare = reading(bare);
    let shown = of_bare.mappings[0].to_string();
    assert_eq!(shown, "without a heading: A = bulletin, B = nothing");
    assert_eq!(
        asked(&of_bare, "row 1").bulletin.as_deref(),
        Some("MS04-011")
    );
    let again = read(bare, Some(&of_bare.mappings)).unwrap();
    assert_eq!(again, of_bare, "it can be given back");
    let said = sheet::read_as(bare, &[("b", sheet::Column::Applies)]).unwrap();
    assert_eq!(said.asked[1].applies.as_deref(), Some("Windows 2000"));
}

/// A letter in which updates are mentioned is no list of them.
#[test]
fn notes_are_no_list() {
    let notes = "Dear all\nplease install MS04-011 soon\nor tell me why not\nthank you\n";
    let error = read(notes.as_bytes(), None).unwrap_err().to_string();
    assert!(error.starts_with("no heading was found"), "{error}");
}

#[test]
fn what_is_no_sheet_is_refused_with_a_reason() {
    let check = |bytes: &[u8], expected: &str| {
        let error = read(bytes, None).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(b"", "the file is empty");
    check(b"hello\nworld\n", "no heading was found: expected a row");
    check(b"\0\x01\x02binary\x03\x04", "neither a workbook");
    check(&archive(&[("a.txt", "x")]), "neither a workbook");
    check(
        b"PK\x03\x04 and then nothing",
        "the workbook cannot be read",
    );
    check(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then nothing",
        "the workbook cannot be read",
    );
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">\
                    <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let bomb = xlsx(
        &format!("{entities}<row r=\"1\"><c r=\"A1\" t=\"str\"><v>KB &b;</v></c></row>"),
        "",
    );
    assert!(read(&bomb, None).is_err(), "an entity is not expanded");
}

#[test]
fn a_bomb_is_known_before_it_is_read() {
    let zeros = " ".repeat(1 << 20);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/workbook.xml", SimpleFileOptions::default())
        .unwrap();
    for _ in 0..600 {
        zip.write_all(zeros.as_bytes()).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    let limit = sheet::MAX_UNPACKED_BYTES;
    let what = "what the workbook unpacks to";
    assert_eq!(
        read(&bytes, None),
        Err(SheetError::TooLarge { what, limit })
    );
}

/// As every program of Windows writes it: the two bytes of a line's end are one end.
#[test]
fn r001_lines_that_end_as_on_windows_are_counted_once() {
    for end in ["\n", "\r\n", "\r"] {
        let csv = "Patch list\nBulletin,KB,Notes\nMS04-011,835732,\"two\nlines\"\n\n\nMS04-012,828741,x\n";
        let found = reading(csv.replace('\n', end).as_bytes());
        assert_eq!((found.rows, found.headings.len()), (4, 2), "{end:?}");
        assert_eq!(asked(&found, "row 3").kbs, [835_732], "{end:?}");
        assert_eq!(asked(&found, "row 7").kbs, [828_741], "{end:?}");
    }
}

#[test]
fn r002_a_merged_area_that_ends_before_it_begins_is_an_error_of_the_file() {
    let rows = row(1, &["Bulletin", "KB"]) + &row(4, &["MS04-011", "835732"]);
    let merged = "<mergeCells count=\"1\"><mergeCell ref=\"A4:A1\"/></mergeCells>";
    let error = read(&xlsx(&rows, merged), None).unwrap_err();
    assert!(matches!(error, SheetError::Damaged(_)), "{error}");
}

/// One small sheet a language: the headings that a person there would write.
#[test]
fn headings_in_spanish_italian_and_dutch() {
    let spanish = "Boletín;Sistema operativo;Responsable;Fecha límite;Gravedad;Estado;Observaciones\n\
                   MS04-011 (835732);Windows XP;Lucía;30.04.2004;Crítica;instalado;x\n";
    let italian = "Aggiornamento;Sistema operativo;Responsabile;Scadenza;Gravità;Stato;Note\n\
                   MS04-011 (835732);Windows XP;Lucía;30.04.2004;Critica;installato;x\n";
    let dutch = "Beveiligingsupdate;Besturingssysteem;Eigenaar;Uiterste datum;Ernst;Status;Opmerkingen\n\
                 MS04-011 (835732);Windows XP;Lucía;30.04.2004;Kritiek;geïnstalleerd;x\n";
    for sheet in [spanish, italian, dutch] {
        let found = reading(sheet.as_bytes());
        let (asked, mapping) = (&found.asked[0], &found.mappings[0]);
        assert_eq!(asked.bulletin.as_deref(), Some("MS04-011"));
        assert_eq!(asked.kbs, [835_732]);
        assert_eq!(asked.applies.as_deref(), Some("Windows XP"), "{mapping}");
        assert_eq!(asked.owner.as_deref(), Some("Lucía"), "{mapping}");
        assert_eq!(asked.due.as_deref(), Some("2004-04-30"), "{mapping}");
        assert_eq!(asked.severity, Some(Severity::Critical), "{sheet}");
        assert!(asked.status.is_some(), "{mapping}");
        assert_eq!(asked.doubts, [""; 0]);
        let notes = mapping.columns.get(&6);
        assert_eq!(notes, Some(&sheet::Column::Notes), "{mapping}");
    }
}
