//! What is written, in each form, and what the options do.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use cordon::content::RULES;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{fired, folder, lines, rule, scan, text};
use crate::cordon;

const GAVE_UP: &str = "08023587-61d6-502c-845d-c2ea1224e77c";

/// `{"host":"h","time":"2026-11-25T08:00:00Z","product":"linux","message":"systemd[1]: x.service: Start request
/// repeated too quickly."}` as `xz -9 --check=crc32` packs it.
const XZ: &[u8] = include_bytes!("gave-up.json.xz");

fn gave_up(log: &Path) {
    fs::write(
        log,
        lines([&json!({"host": "h", "time": "2026-11-25T08:00:00Z",
        "message": "systemd[1]: x.service: Start request repeated too quickly."})]),
    )
    .unwrap();
}

/// A network connection of Sysmon.
fn connection(more: &Value) -> Value {
    let mut data = json!({"Initiated": "true", "DestinationPort": 21, "Image": "C:\\x.exe"});
    data.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"Event": {"System": {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 3,
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "Computer": "pc1.example.org",
        "TimeCreated": {"#attributes": {"SystemTime": "2026-11-25T08:00:00Z"}}}, "EventData": data}})
}

#[test]
fn a_line_of_json_has_exactly_its_fields_and_ocsf_drops_none_of_them() {
    let folder = folder("scan-lines");
    let log = folder.join("net.jsonl");
    fs::write(
        &log,
        lines([
            &json!({"a": 1}),
            &connection(&json!({"DestinationIp": "198.51.100.7"})),
        ]),
    )
    .unwrap();
    let ran = scan([text(&log)]);
    let line = ran.json();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(
        line,
        json!({
            "rule": "1df3f0fd-dd99-57a3-85b5-210a998f1e33",
            "title": "Connection by FTP or TFTP to the outside",
            "level": "high",
            "at": "2026-11-25T08:00:00Z",
            "host": "pc1.example.org",
            "file": text(&log),
            "record": "2",
            "fields": {"DestinationIp": "198.51.100.7", "DestinationPort": "21", "Initiated": "true"},
        })
    );
    let ocsf = cordon(["logs", "scan", "--ocsf", text(&log)]).json();
    assert_eq!(
        (&ocsf["class_uid"], &ocsf["severity_id"], &ocsf["time"]),
        (&json!(2004), &json!(4), &json!(1_795_593_600_000_u64))
    );
    assert_eq!(ocsf["finding_info"]["analytic"]["uid"], line["rule"]);
    assert_eq!(ocsf["finding_info"]["title"], line["title"]);
    assert_eq!(ocsf["device"]["hostname"], line["host"]);
    assert_eq!(ocsf["metadata"]["log_name"], line["file"]);
    assert_eq!(ocsf["unmapped"]["record"], line["record"]);
    for (name, value) in line["fields"].as_object().unwrap() {
        assert_eq!(ocsf["unmapped"]["fields"][name], json!([value]));
    }
    assert!(ocsf["unmapped"]["tags"].as_array().unwrap().len() == 2);
}

/// More matches in each file than wait for their turn: all are told, in the order of the files.
#[test]
fn files_of_many_matches_are_told_whole_and_in_order() {
    const EACH: usize = 10_000;
    let folder = folder("scan-many-matches");
    let line = lines([&connection(&json!({}))]);
    for name in ["a.jsonl", "b.jsonl", "c.jsonl"] {
        fs::write(folder.join(name), line.repeat(EACH)).unwrap();
    }
    let ran = cordon(["logs", "scan", "--json", "--jobs", "3", text(&folder)]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let places = ran.out.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let file = line["file"].as_str().unwrap().to_owned();
        let record: usize = line["record"].as_str().unwrap().parse().unwrap();
        (file, record)
    });
    let places: Vec<(String, usize)> = places.collect();
    let expected = ["a.jsonl", "b.jsonl", "c.jsonl"].map(|name| folder.join(name));
    let expected = expected.iter().flat_map(|path| {
        let path = text(path).to_owned();
        (1..=EACH).map(move |record| (path.clone(), record))
    });
    assert_eq!(places.len(), 3 * EACH);
    assert!(
        places.into_iter().eq(expected),
        "a file is told after another"
    );
    // Whoever reads the first row and goes away stops it; nobody waits for a turn that does not come.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args(["logs", "scan", "--json", "--jobs", "3", text(&folder)])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
}

#[test]
fn a_person_gets_a_row_and_nothing_of_a_log_drives_the_terminal() {
    let folder = folder("scan-table");
    let log = folder.join("net.jsonl");
    let mut event = connection(&json!({"DestinationIp": "198.51.100.7"}));
    event["Event"]["System"]["Computer"] = "pc\u{1b}[2J\u{202e}1".into();
    fs::write(&log, lines([&event])).unwrap();
    let ran = cordon(["logs", "scan", text(&log)]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .starts_with("high          2026-11-25T08:00:00Z     pc"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("Connection by FTP or TFTP to the outside"),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("net.jsonl:line 1\n"), "{}", ran.out);
    let hostile = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(
        !ran.out.contains(hostile) && !ran.err.contains(hostile),
        "{:?}",
        ran.out
    );
    let rules = RULES.len() + 4; // four of them are of a rule and a correlation
    let line = format!("1 event of 1 file, 0 not read; {rules} rules loaded, 0 refused, ");
    let last = ran.err.lines().last().unwrap();
    assert!(
        last.starts_with(&line) && last.ends_with(" cannot fire here; 1 finding"),
        "{last}"
    );
}

#[test]
fn the_level_the_placeholder_and_the_source_decide_what_fires() {
    let folder = folder("scan-options");
    let (rules, log) = (folder.join("rules"), folder.join("a.json"));
    fs::create_dir(&rules).unwrap();
    fs::write(&log, "{\"EventID\":1,\"User\":\"anna\"}\n").unwrap();
    let detection =
        |item: &str| format!("detection: {{ selection: {{ {item} }}, condition: selection }}");
    for (name, level, item) in [
        ("low", "low", "EventID: 1"),
        ("high", "high", "EventID: 1"),
        ("who", "high", "User|expand: '%admins%'"),
    ] {
        let more = format!("name: {name}\nlevel: {level}\n{}", detection(item));
        fs::write(rules.join(format!("{name}.yml")), rule(name, &more)).unwrap();
    }
    let run = |more: &[&str]| {
        let ran = scan(["--rules", text(&rules), text(&log)].iter().chain(more));
        let mut fired = fired(&ran);
        fired.sort();
        (fired, ran.err)
    };
    assert_eq!(run(&[]).0, [""; 0], "nothing says that it is of Windows");
    assert_eq!(run(&["--source", "windows//"]).0, ["high", "low"]);
    assert_eq!(
        run(&["--source", "windows//", "--level", "medium"]).0,
        ["high"]
    );
    assert_eq!(
        run(&["--source", "windows//", "--level", "critical"]).0,
        [""; 0]
    );
    let filled = [
        "--source",
        "windows//",
        "--expand",
        "admins=root",
        "--expand",
        "%admins%=anna",
    ];
    assert_eq!(run(&filled).0, ["high", "low", "who"]);
    // What cannot fire says why, and only where it is asked for.
    let (_, told) = run(&["--source", "windows//", "--cannot"]);
    assert!(
        told.contains("cannot fire here: who: no value was given for admins: --expand NAME=VALUE"),
        "{told}"
    );
    assert!(told.contains("1 cannot fire here"), "{told}");
    let (_, told) = run(&["--cannot"]);
    assert!(
        told.contains("cannot fire here: low: no event of "),
        "{told}"
    );
    let (_, told) = run(&[]);
    assert!(
        !told.contains("cannot fire here: ") && told.contains("3 cannot fire here"),
        "{told}"
    );
}

#[test]
fn explain_tells_why_and_marks_what_is_absent_below_a_not() {
    let folder = folder("scan-explain");
    let log = folder.join("net.jsonl");
    let inside = connection(&json!({"DestinationIp": "10.0.0.1"}));
    fs::write(&log, lines([&inside, &connection(&json!({}))])).unwrap();
    let explain = |rule: &str, number: u32, json: bool| {
        let event = format!("{}:{number}", text(&log));
        let mut args = vec!["logs", "scan", "--explain", rule, &event];
        args.extend(json.then_some("--json"));
        cordon(args)
    };
    let name = "outbound_ftp_network";
    let ran = explain(name, 1, false);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains(": does not fire\n") && ran.out.contains("= 10.0.0.1"),
        "{}",
        ran.out
    );
    let ran = explain(name, 2, false);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out.contains(": fires\n") && ran.out.contains("= 21\n"),
        "{}",
        ran.out
    );
    let absent: Vec<&str> = ran
        .out
        .lines()
        .filter(|line| line.contains("absent, below a not"))
        .collect();
    assert!(
        !absent.is_empty() && absent.iter().all(|line| line.contains("DestinationIp")),
        "{}",
        ran.out
    );
    // The tree of a program says the same.
    let tree = explain("outbound-ftp-network.yml", 2, true).json();
    assert_eq!(
        (&tree["matches"], &tree["source_holds"]),
        (&json!(true), &json!(true))
    );
    let mut under = 0;
    let mut parts = vec![&tree["condition"]];
    while let Some(part) = parts.pop() {
        under += usize::from(part["absent_under_not"] == json!(true));
        parts.extend(part["parts"].as_array().unwrap());
    }
    assert_eq!(under, absent.len());
    let ran = explain("no-such-rule", 1, false);
    assert!(
        ran.code == 2 && ran.err.contains("E0211") && ran.err.contains("no-such-rule"),
        "{}",
        ran.err
    );
    let ran = explain(name, 3, false);
    assert!(
        ran.code == 2 && ran.err.contains("no event of it has the number 3"),
        "{}",
        ran.err
    );
}

#[test]
fn packed_logs_below_a_folder_are_read_in_their_order_whatever_the_number_of_jobs() {
    let folder = folder("scan-packed");
    fs::create_dir_all(folder.join("b/c")).unwrap();
    gave_up(&folder.join("a.json"));
    let bytes = fs::read(folder.join("a.json")).unwrap();
    let mut packed = GzEncoder::new(
        File::create(folder.join("b/c/d.json.gz")).unwrap(),
        Compression::best(),
    );
    packed.write_all(&bytes).unwrap();
    packed.finish().unwrap();
    fs::write(folder.join("b/e.json.xz"), XZ).unwrap();
    let run = |jobs: &str| scan(["--source", "linux//", "--jobs", jobs, text(&folder)]);
    let ran = run("1");
    assert_eq!(fired(&ran), [GAVE_UP; 3], "{} {}", ran.out, ran.err);
    let all = ran.lines();
    let files: Vec<&str> = all
        .iter()
        .map(|line| line["file"].as_str().unwrap())
        .collect();
    assert!(
        files[0].ends_with("a.json")
            && files[1].ends_with("d.json.gz")
            && files[2].ends_with("e.json.xz"),
        "{files:?}"
    );
    for jobs in ["2", "16"] {
        assert_eq!(run(jobs).out, ran.out);
    }
    // A packing that breaks off is told.
    fs::write(folder.join("b/e.json.xz"), &XZ[..XZ.len() / 2]).unwrap();
    let ran = run("2");
    assert!(
        ran.code == 5 && ran.err.contains("e.json.xz"),
        "{} {}",
        ran.code,
        ran.err
    );
}

/// With a terminal a progress is drawn on the standard error that the findings' thread holds.
#[test]
fn on_a_terminal_a_scan_ends_and_tells_the_same() {
    let folder = folder("scan-terminal");
    let logs = folder.join("logs");
    fs::create_dir(&logs).unwrap();
    for number in 0..1_000 {
        gave_up(&logs.join(format!("{number}.json")));
    }
    fs::write(logs.join("x.jsonl"), "{\"a\":1}\n{\"a\":\n").unwrap();
    let binary = env!("CARGO_BIN_EXE_cordon");
    let line = format!("'{binary}' logs scan --source linux// '{}'", text(&logs));
    let mut command = std::process::Command::new("timeout");
    command.args(["120", "script", "-qec", &line, "/dev/null"]);
    command.stdin(std::process::Stdio::null());
    if std::process::Command::new("script")
        .arg("--version")
        .output()
        .is_err()
    {
        cordon_testkit::skip("script is needed for a terminal");
        return;
    }
    let ran = crate::Ran::of(command);
    assert_eq!(ran.code, 5, "{}", ran.out);
    let rows = ran.out.matches("Service crashes again and again").count();
    assert_eq!(rows, 1_000, "{}", ran.out);
    assert!(ran.out.trim_end().ends_with("1,000 findings"));
    assert!(
        ran.out.contains("x.jsonl: 1 event") && ran.out.contains("1,001 events of 1,001 files"),
        "{}",
        ran.out
    );
}

const AUDIT: &str = r#"type=SYSCALL msg=audit(1764039600.123:10): arch=c000003e syscall=59 success=yes exit=0 comm="auditctl" exe="/usr/sbin/auditctl" key=(null)
type=CONFIG_CHANGE msg=audit(1764039600.123:10): op=remove_rule key="identity" list=4 res=1
node=web1 type=DAEMON_END msg=audit(1764039601.001:11): op=terminate auid=0 uid=0 ses=1 pid=1 subj=unconfined res=success
type=CONFIG_CHANGE msg=audit(1764039602.123:12): op=set audit_enabled=0 old=1 auid=0 ses=1 res=1
type=CONFIG_CHANGE msg=audit(1764039603.123:13): op=set audit_enabled=1 old=0 auid=0 ses=1 res=1
"#;

#[test]
fn raw_lines_of_auditd_need_nobody_to_say_what_they_are() {
    let folder = folder("scan-auditd");
    let log = folder.join("audit.log");
    let mut text_of = AUDIT.to_owned();
    for number in 0..10 {
        use std::fmt::Write as _;
        writeln!(text_of, "type=USER_LOGIN msg=audit(17640396{:02}.124:{}): pid=7 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"u{number}\" exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.7 terminal=sshd res=failed'", 10 + number, 20 + number).unwrap();
    }
    fs::write(&log, text_of).unwrap();
    let ran = scan([text(&log)]);
    let off = "77bc4243-a8db-51d5-b253-d08123f1cc64";
    let tries = "86a5aea0-134b-5615-9337-0f1af21a6043";
    let mut found = fired(&ran);
    found.sort();
    assert_eq!(found, [off, off, off, tries], "{} {}", ran.out, ran.err);
    let all = ran.lines();
    let whole = all.iter().find(|line| line["rule"] == tries).unwrap();
    assert_eq!(
        (&whole["fields"]["addr"], &whole["fields"]["measure"]),
        (&json!("192.0.2.7"), &json!("10"))
    );
}

#[test]
fn a_journal_export_and_a_syslog_file_need_nobody_to_say_what_they_are() {
    let folder = folder("scan-journal");
    let (journal, syslog) = (folder.join("host.export"), folder.join("syslog"));
    let entry = |number: u32, message: &str| {
        format!(
            "__CURSOR=s=1;i={number}\n__REALTIME_TIMESTAMP=179559360000000{number}\n_HOSTNAME=web1\n_SYSTEMD_UNIT=init.scope\nSYSLOG_IDENTIFIER=systemd\n_PID=1\nMESSAGE={message}\n\n"
        )
    };
    let messages = [
        "rspamd.service: Scheduled restart job",
        "rspamd.service: Start request repeated too quickly.",
    ];
    fs::write(&journal, entry(1, messages[0]) + &entry(2, messages[1])).unwrap();
    let line = |message: &str| format!("Nov 25 08:00:00 web1 systemd[1]: {message}\n");
    fs::write(&syslog, line(messages[0]) + &line(messages[1])).unwrap();
    for log in [journal, syslog] {
        let ran = scan([text(&log)]);
        assert_eq!(fired(&ran), [GAVE_UP], "{} {}", ran.out, ran.err);
        assert_eq!(ran.lines()[0]["host"], "web1");
    }
}
