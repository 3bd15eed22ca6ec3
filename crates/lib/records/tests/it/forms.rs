//! One small log of each form and the fields that rules would ask for.

use std::io::Write;

use records::{Format, LossKind, ReadError};

use crate::corpus::{Kept, kept};

/// The events of a text, which must be whole and of this form.
pub(crate) fn events(format: Format, text: &str) -> Vec<Kept> {
    let (events, report) = kept("some.log", text.as_bytes()).unwrap();
    assert_eq!(report.format, format, "{text}");
    assert!(report.whole(), "{report:?}");
    events
}

fn has(event: &Kept, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert!(
            event.all(name).contains(value),
            "{name}={value} is not in {event:?}"
        );
    }
}

pub(crate) const AUDIT: &str = r#"type=SYSCALL msg=audit(1764039600.123:10): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=1 comm="curl" exe="/usr/bin/curl" key=(null)
type=USER_LOGIN msg=audit(1764039600.124:11): pid=7 uid=0 auid=1000 ses=3 msg='op=login id=0 exe="/usr/sbin/sshd" hostname=mx1 addr=192.0.2.7 terminal=ssh res=failed'
node=web1 type=SYSCALL msg=audit(1764039600.123:10): arch=c000003e syscall=2 comm="cat"
type=EXECVE msg=audit(1764039600.123:10): argc=3 a0="curl" a1="-o" a2=2F746D702F612062
type=PATH msg=audit(1764039600.123:10): item=0 name="/usr/bin/curl" nametype=NORMAL
type=PROCTITLE msg=audit(1764039600.123:10): proctitle=6375726C002D6F
"#;

#[test]
fn records_of_audit_are_joined() {
    let events = events(Format::Audit, AUDIT);
    assert_eq!(events.len(), 3);
    let login = events
        .iter()
        .find(|event| event.get("type") == Some("USER_LOGIN"))
        .unwrap();
    has(
        login,
        &[
            ("res", "failed"),
            ("exe", "/usr/sbin/sshd"),
            ("addr", "192.0.2.7"),
        ],
    );
    let call = events
        .iter()
        .find(|event| event.all("type").contains(&"EXECVE"))
        .unwrap();
    assert_eq!(call.all("type"), ["SYSCALL", "EXECVE", "PATH", "PROCTITLE"]);
    has(
        call,
        &[
            ("a0", "curl"),
            ("a2", "/tmp/a b"),
            ("name", "/usr/bin/curl"),
            ("proctitle", "curl -o"),
            ("syscall", "execve"),
        ],
    );
    assert_eq!(
        (call.time, call.source.service),
        (Some(1_764_039_600_123), "auditd")
    );
    assert_eq!(call.raw.lines().count(), 4);
    let other = events
        .iter()
        .find(|event| event.host.as_deref() == Some("web1"))
        .unwrap();
    has(other, &[("comm", "cat"), ("syscall", "open")]);
}

#[test]
fn enriched_audit_and_long_arguments() {
    let text = "type=SYSCALL msg=audit(1764039600.1:1): arch=c000003e syscall=257 comm=\"x\"\u{1d}ARCH=x86_64 SYSCALL=openat AUID=\"bob\"\n\
                type=EXECVE msg=audit(1764039600.1:1): argc=2 a0=\"sh\" a1_len=4 a1[0]=6162\n\
                type=EXECVE msg=audit(1764039600.1:1): a1[1]=6364\n";
    let events = events(Format::Audit, text);
    has(
        &events[0],
        &[
            ("SYSCALL", "openat"),
            ("syscall", "openat"),
            ("AUID", "bob"),
            ("comm", "x"),
        ],
    );
    assert_eq!(events.len(), 1);
    assert!(events[0].all("a1").contains(&"abcd"), "{events:?}");
}

#[test]
fn more_open_events_than_the_limit_are_handed_out_and_told() {
    let count = records::MAX_OPEN_EVENTS + 5;
    let lines = |kind: &str, rest: &str| -> String {
        let line = |serial| format!("type={kind} msg=audit(1764039600.123:{serial}): {rest}\n");
        (0..count).map(line).collect()
    };
    let text = lines("SYSCALL", "syscall=59") + &lines("EXECVE", "argc=1 a0=\"x\"");
    let (events, report) = kept("audit.log", text.as_bytes()).unwrap();
    let types: usize = events.iter().map(|event| event.all("type").len()).sum();
    assert_eq!(types, count * 2);
    assert!(report.lost_of(LossKind::Open) >= 5, "{report:?}");
    assert!(report.whole());
}

pub(crate) const JOURNAL: &[u8] = b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1764039600123456\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=Failed password for root\n_PID=7\n\n__CURSOR=s=2\n__REALTIME_TIMESTAMP=1764039601000000\n_HOSTNAME=mx1\nMESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n\n";

#[test]
fn the_journal_is_read_in_both_forms() {
    let (events, report) = kept("journal", JOURNAL).unwrap();
    assert_eq!(
        (report.format, report.whole(), events.len()),
        (Format::Journal, true, 2)
    );
    has(
        &events[0],
        &[("message", "Failed password for root"), ("_PID", "7")],
    );
    assert_eq!(
        (events[0].time, events[0].host.as_deref()),
        (Some(1_764_039_600_123), Some("mx1"))
    );
    assert_eq!(
        (events[0].source.product, events[0].source.service),
        ("linux", "sshd")
    );
    has(&events[1], &[("MESSAGE", "two\nlines")]);
    let json = r#"{"__REALTIME_TIMESTAMP":"1764039600123456","_HOSTNAME":"mx1","MESSAGE":"no","SYSLOG_IDENTIFIER":"x"}"#;
    let events = self::events(Format::Json, json);
    has(&events[0], &[("message", "no")]);
    assert_eq!(
        (events[0].time, events[0].host.as_deref()),
        (Some(1_764_039_600_123), Some("mx1"))
    );
}

#[test]
fn syslog_carries_other_forms() {
    let text = "<134>Nov 25 03:12:09 fw1 CEF:0|Ubiquiti|UniFi|9|201|Threat|7|src=192.0.2.7 act=blocked msg=a b\n\
                <134>Nov 25 03:12:09 fw1 kernel: IN=eth0 OUT= SRC=192.0.2.7 DST=192.0.2.8 PROTO=TCP SPT=4 DPT=80\n\
                <134>Nov 25 03:12:09 fw1 app[7]: {\"user\":{\"name\":\"bob\"},\"ok\":false}\n\
                <134>Nov 25 03:12:09 mx1 sshd[7]: Failed password for root\n";
    let events = events(Format::Syslog, text);
    has(
        &events[0],
        &[
            ("DeviceVendor", "Ubiquiti"),
            ("src", "192.0.2.7"),
            ("msg", "a b"),
            ("facility", "local0"),
            ("severity", "info"),
        ],
    );
    has(&events[1], &[("dst_port", "80"), ("src_ip", "192.0.2.7")]);
    assert_eq!(events[1].source.category, "firewall");
    has(&events[2], &[("user.name", "bob"), ("ok", "false")]);
    has(
        &events[3],
        &[
            ("message", "Failed password for root"),
            ("program", "sshd"),
            ("pid", "7"),
        ],
    );
    assert_eq!(
        (events[3].host.as_deref(), events[3].source.service),
        (Some("mx1"), "sshd")
    );
    assert!(
        events
            .iter()
            .all(|event| event.time == Some(1_795_576_329_000)),
        "{events:?}"
    );
}

#[test]
fn web_servers_and_tables_have_the_names_of_w3c() {
    let line = "192.0.2.7 - bob [10/Oct/2026:13:55:36 -0700] \"GET /a.php?q=1 HTTP/1.1\" 404 23 \"-\" \"sql\\\"map\"\n";
    let web = events(Format::Web, line);
    has(
        &web[0],
        &[
            ("cs-method", "GET"),
            ("cs-uri-stem", "/a.php"),
            ("cs-uri-query", "q=1"),
            ("sc-status", "404"),
            ("c-ip", "192.0.2.7"),
            ("cs-username", "bob"),
            ("cs-user-agent", "sql\\\"map"),
        ],
    );
    assert_eq!(web[0].source.category, "webserver");
    let iis = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs(User-Agent) sc-status\n2026-10-10 20:55:36 192.0.2.1 GET /x curl/8 200\n2026-10-10 20:55:37 192.0.2.1 GET /y curl/8 200\n";
    let iis = events(Format::W3c, iis);
    assert_eq!((iis.len(), iis[0].time), (2, Some(1_791_665_736_000)));
    has(
        &iis[0],
        &[
            ("cs-uri-stem", "/x"),
            ("cs-user-agent", "curl/8"),
            ("sc-status", "200"),
        ],
    );
    assert_eq!(iis[0].source.service, "iis");
    let exchange = "#Software: Microsoft Exchange Server\n#Fields: date-time,client-ip,event-id,message-subject\n2026-10-10T20:55:36.000Z,192.0.2.1,RECEIVE,\"a, b\"\n";
    let exchange = events(Format::W3c, exchange);
    has(
        &exchange[0],
        &[("event-id", "RECEIVE"), ("message-subject", "a, b")],
    );
    assert_eq!(exchange[0].time, Some(1_791_665_736_000));
    let csv = events(
        Format::Csv,
        "TimeCreated;EventID;Channel;Image\n2026-10-10T20:55:36Z;1;Security;\"C:\\a;b\"\n",
    );
    has(&csv[0], &[("EventID", "1"), ("Image", "C:\\a;b")]);
    assert_eq!(
        (csv[0].time, csv[0].source.product),
        (Some(1_791_665_736_000), "windows")
    );
}

#[test]
fn json_comes_in_many_wrappings() {
    let beat = r#"{"@timestamp":"2026-10-10T20:55:36.000Z","winlog":{"channel":"Security","event_id":4688,"provider_name":"P","computer_name":"pc1","event_data":{"NewProcessName":"C:\\a.exe"}}}"#;
    let one = events(Format::Json, beat);
    has(
        &one[0],
        &[
            ("Channel", "Security"),
            ("EventID", "4688"),
            ("NewProcessName", "C:\\a.exe"),
            ("winlog.event_data.NewProcessName", "C:\\a.exe"),
            ("Provider_Name", "P"),
        ],
    );
    assert_eq!(
        (one[0].host.as_deref(), one[0].source.product),
        (Some("pc1"), "windows")
    );
    let nxlog = r#"{"EventTime":"2026-10-10 20:55:36","Hostname":"pc1","EventID":1,"SourceName":"Microsoft-Windows-Sysmon","Channel":"C","Image":"a"}"#;
    let one = events(Format::Json, nxlog);
    has(
        &one[0],
        &[
            ("Provider_Name", "Microsoft-Windows-Sysmon"),
            ("Computer", "pc1"),
            ("Image", "a"),
        ],
    );
    let xml = r##"{"Event":{"System":{"EventID":{"#text":"7"},"Provider":{"@Name":"P"}},"EventData":{"Data":[{"@Name":"Image","#text":"a"},{"@Name":"Empty"}]}}}"##;
    let one = events(Format::Json, xml);
    has(
        &one[0],
        &[
            ("EventID", "7"),
            ("Provider_Name", "P"),
            ("Image", "a"),
            ("Empty", ""),
        ],
    );
    let cloud = "{\"Records\": [\n {\"eventVersion\":\"1\",\"eventName\":\"A\",\"tags\":[\"x\",\"y\"]},\n {\"eventVersion\":\"1\",\"eventName\":\"B\"}\n]}";
    let both = events(Format::Json, cloud);
    assert_eq!(both.len(), 2);
    assert_eq!(
        (both[0].all("tags"), both[1].source.service),
        (vec!["x", "y"], "cloudtrail")
    );
    for text in [
        "[{\"a\":1},{\"a\":2}]",
        "{\"a\":1}{\"a\":2}",
        "{\n \"a\":\n1}\n{\"a\":2}",
        "{\"a\":1}\n\n{\"a\":2}\n",
        "[\n{\"a\":1},\n{\"a\":2}\n]\n",
    ] {
        let both = events(Format::Json, text);
        assert_eq!(
            both.iter().map(|event| event.get("a")).collect::<Vec<_>>(),
            [Some("1"), Some("2")],
            "{text}"
        );
    }
}

#[test]
fn a_broken_text_costs_itself() {
    let (events, report) = kept(
        "x",
        b"{\"a\":1}\n{\"a\":\n{\"a\":2}\nrubbish\n{\"a\":3}\n{\"a\":",
    )
    .unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| event.get("a"))
            .collect::<Vec<_>>(),
        [Some("1"), Some("2"), Some("3")]
    );
    assert_eq!(
        (
            report.lost_of(LossKind::Malformed),
            report.lost_of(LossKind::Cut)
        ),
        (2, 1),
        "{report:?}"
    );
    assert_eq!(report.lost[0].first, records::Place::Line(2));
    let deep = format!(
        "{{\"a\":{}{}}}\n{{\"a\":3}}",
        "[".repeat(80),
        "]".repeat(80)
    );
    let (events, report) = kept("x", deep.as_bytes()).unwrap();
    assert_eq!((events.len(), report.lost_events()), (1, 1), "{report:?}");
    assert!(report.lost[0].why.contains("nested"));
}

pub(crate) const XML: &str = "<?xml version=\"1.0\"?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/><EventID Qualifiers='16384'>7</EventID><TimeCreated SystemTime='2026-10-10T20:55:36.5Z'/><EventRecordID>9</EventRecordID><Channel>Security</Channel><Computer>pc1</Computer></System><EventData><Data Name='Image'>C:\\a&amp;b &#x41;</Data><Data Name='Empty'></Data><Data>one</Data><Data>two</Data></EventData></Event><Event><System><EventID>8</EventID></System><UserData><X><User>bob</User></X></UserData></Event></Events>";

#[test]
fn xml_has_the_names_of_the_log_itself() {
    let events = events(Format::Xml, XML);
    has(
        &events[0],
        &[
            ("Provider_Name", "P"),
            ("EventID", "7"),
            ("EventID_Qualifiers", "16384"),
            ("Image", "C:\\a&b A"),
            ("Empty", ""),
            ("Data", "one"),
            ("Data", "two"),
        ],
    );
    assert_eq!(
        (events[0].time, events[0].host.as_deref()),
        (Some(1_791_665_736_500), Some("pc1"))
    );
    has(&events[1], &[("EventID", "8"), ("User", "bob")]);
}

#[test]
fn texts_may_be_packed_or_wide() {
    let text = "Nov 25 03:12:09 mx1 sshd[7]: Zugriff verweigert für root\n";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let wide = |units: Vec<[u8; 2]>, mark: [u8; 2]| [mark.to_vec(), units.concat()].concat();
    let little = wide(
        text.encode_utf16().map(u16::to_le_bytes).collect(),
        [0xff, 0xfe],
    );
    let big = wide(
        text.encode_utf16().map(u16::to_be_bytes).collect(),
        [0xfe, 0xff],
    );
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let (plain, _) = kept("auth.log", text.as_bytes()).unwrap();
    for bytes in [&gz, &little, &big, &marked] {
        let (events, report) = kept("auth.log", bytes).unwrap();
        assert!(report.whole());
        assert_eq!(events, plain);
    }
    let (events, report) = kept("auth.log", b"Nov 25 03:12:09 mx1 sshd[7]: f\xfcr root\n").unwrap();
    assert_eq!(events[0].get("message"), Some("für root"));
    assert_eq!(
        (report.lost_of(LossKind::Encoding), report.whole()),
        (1, true)
    );
    // Cut in its packing: what is before is read, and it is told.
    let mut long = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    long.write_all(text.repeat(5000).as_bytes()).unwrap();
    let long = long.finish().unwrap();
    let (events, report) = kept("auth.log.gz", &long[..long.len() / 2]).unwrap();
    assert!(events.len() > 1000 && !report.whole(), "{report:?}");
}

#[test]
fn what_nobody_knows_is_an_error_that_shows_its_first_bytes() {
    assert_eq!(kept("x", b"").unwrap_err(), ReadError::Empty);
    let Err(ReadError::Unknown(head)) = kept("x.evtx", b"\x7fELF\x02\x01 no log at all") else {
        panic!("it is no log");
    };
    assert!(
        head.contains("ELF") && head.contains("no log at all"),
        "{head}"
    );
    assert_eq!(
        kept("x", b"\x28\xb5\x2f\xfd rest").unwrap_err(),
        ReadError::Packed("zstd")
    );
}

#[test]
fn a_line_over_the_limit_is_lost_and_told() {
    let mut text = b"Nov 25 03:12:09 mx1 a: b\nNov 25 03:12:09 mx1 a: ".to_vec();
    text.resize(records::MAX_LINE_BYTES + 100, b'x');
    text.extend(b"\nNov 25 03:12:09 mx1 a: c\n");
    let (events, report) = kept("x.log", &text).unwrap();
    assert_eq!((events.len(), report.lost_of(LossKind::Long)), (2, 1));
    assert_eq!(report.lines, report.events + report.lost_events());
}
