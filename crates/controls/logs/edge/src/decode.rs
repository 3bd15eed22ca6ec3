//! What a message says of itself, whatever speech it came in.
//!
//! A sender is believed in what it is called and when it spoke, because nobody else knows; never in a name
//! that would not be one, and never so that another's lines are dropped.

use std::{borrow::Cow, net::IpAddr};

use cordon_logs::stamp;
use cordon_model::Time;
use serde_json::Value;

use crate::{
    lines::escape,
    sequence::Order,
    spool::segment::{Kind, Record},
    syslog::{self, Zone},
};

/// Longest name of a sender that is kept, in bytes.
const MAX_SENDER_BYTES: usize = 100;

/// Longest name of a sequence that is kept, in bytes.
const MAX_CHANNEL_BYTES: usize = 100;

/// `NXLog`'s `SeverityValue`: 1 debug, 2 info, 3 warning, 4 error, 5 critical.
const NXLOG_ERROR: u64 = 4;

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard<'r> {
    /// Who it is from: a name by its own word, else its address.
    pub sender: String,
    /// The line.
    pub text: Cow<'r, str>,
    /// Whether its severity is error or worse.
    pub is_error: bool,
    /// When it was written.
    pub said: Option<Time>,
    /// Whether its form could be read.
    pub parsed: bool,
    /// Its place in a sequence of its sender.
    pub number: Option<Numbered>,
}

/// A number of a sequence.
#[derive(Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Which of the sender's sequences.
    pub channel: String,
    /// The number.
    pub number: u64,
    /// What a later or earlier one means.
    pub order: Order,
}

/// Reads `record`.
pub fn decode<'r>(record: &'r Record<'_>) -> Heard<'r> {
    let text = escape(record.content);
    match record.kind {
        Kind::Datagram | Kind::Stream => line(text, record),
        Kind::Beats => json(text, record, beats),
        Kind::Json => json(text, record, nxlog),
    }
}

fn line<'r>(text: Cow<'r, str>, record: &Record<'_>) -> Heard<'r> {
    let parsed = syslog::parse(&text, record.at, Zone::default());
    let said = parsed.at.or_else(|| stamp(&text, record.at));
    let order = match record.kind {
        Kind::Datagram => Order::Loose,
        Kind::Stream | Kind::Beats | Kind::Json => Order::Wrapping,
    };
    let number = sequence_id(&text, parsed.message);
    let number = number.map(|number| Numbered {
        channel: String::new(),
        number,
        order,
    });
    Heard {
        sender: sender(parsed.host, record.peer),
        is_error: parsed.is_error(),
        parsed: parsed.at.is_some() || parsed.severity.is_some(),
        said,
        number,
        text,
    }
}

/// `[meta sequenceId="7"]` of the header: RFC 5424, 7.3.1.
fn sequence_id(line: &str, message: &str) -> Option<u64> {
    let head = line.get(..line.len().checked_sub(message.len())?)?;
    let (_, meta) = head.split_once("[meta ")?;
    let (meta, _) = meta.split_once(']')?;
    let (_, number) = meta.split_once("sequenceId=\"")?;
    let (number, _) = number.split_once('"')?;
    // ok: because what is no number is no place in a sequence
    number
        .parse()
        .ok()
        .filter(|number| (1..=crate::sequence::MAX_SYSLOG_SEQUENCE).contains(number))
}

type Read = fn(&Value, &mut Heard<'_>, IpAddr, Time);

fn json<'r>(text: Cow<'r, str>, record: &Record<'_>, read: Read) -> Heard<'r> {
    let value: Option<Value> = serde_json::from_slice(record.content).ok(); // ok: because the line itself is told then
    let mut heard = Heard {
        sender: sender(None, record.peer),
        text,
        is_error: false,
        said: None,
        parsed: false,
        number: None,
    };
    if record.content.is_empty() && record.over > 0 {
        heard.text = Cow::Owned(format!(
            "an event of {} bytes was too large to keep",
            record.over
        ));
    }
    if let Some(value) = value.filter(Value::is_object) {
        heard.parsed = true;
        read(&value, &mut heard, record.peer, record.at);
    }
    heard
}

/// An event as Winlogbeat and Filebeat write it: the Elastic Common Schema.
fn beats(event: &Value, heard: &mut Heard<'_>, peer: IpAddr, at: Time) {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    let hosts = [
        "/winlog/computer_name",
        "/host/name",
        "/host/hostname",
        "/agent/hostname",
        "/host",
    ];
    heard.sender = sender(hosts.iter().find_map(|path| text(path)), peer);
    heard.said = text("/@timestamp").and_then(|said| stamp(said, at));
    let level = text("/log/level")
        .or_else(|| text("/winlog/level"))
        .unwrap_or("");
    heard.is_error = [
        "error",
        "critical",
        "fatal",
        "alert",
        "emergency",
        "err",
        "crit",
    ]
    .iter()
    .any(|error| level.eq_ignore_ascii_case(error));
    let channel = text("/winlog/channel");
    if let Some(channel) = channel {
        let record = event.pointer("/winlog/record_id").and_then(number);
        heard.number = numbered(channel, record, Order::Strict);
        let id = event.pointer("/winlog/event_id").and_then(number);
        heard.text = windows(channel, id, text("/message"), &heard.text);
        return;
    }
    // A line of a file: where it began tells whether it was sent before, if the file can be told.
    let file = text("/log/file/fingerprint").or_else(|| text("/log/file/inode"));
    if let (Some(file), Some(path)) = (file, text("/log/file/path")) {
        let offset = event.pointer("/log/offset").and_then(number);
        // Offsets begin at 0, numbers at 1.
        heard.number = numbered(
            &format!("{file} {path}"),
            offset.map(|at| at + 1),
            Order::Rising,
        );
    }
    if let Some(message) = text("/message") {
        heard.text = Cow::Owned(message.to_owned());
    }
}

/// A line as `NXLog`'s `to_json()` writes it.
fn nxlog(event: &Value, heard: &mut Heard<'_>, peer: IpAddr, at: Time) {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    heard.sender = sender(text("Hostname").or_else(|| text("hostname")), peer);
    let said = text("EventTime")
        .or_else(|| text("@timestamp"))
        .or_else(|| text("EventReceivedTime"));
    heard.said = said.and_then(|said| stamp(said, at));
    let severity = event.get("SeverityValue").and_then(number);
    heard.is_error = severity.is_some_and(|severity| severity >= NXLOG_ERROR);
    let message = text("Message").or_else(|| text("message"));
    if let Some(channel) = text("Channel") {
        let record = event.get("RecordNumber").and_then(number);
        heard.number = numbered(channel, record, Order::Strict);
        let id = event.get("EventID").and_then(number);
        heard.text = windows(channel, id, message, &heard.text);
    } else if let Some(message) = message {
        heard.text = Cow::Owned(message.to_owned());
    }
}

/// `Security 4625: An account failed to log on.`
fn windows(
    channel: &str,
    id: Option<u64>,
    message: Option<&str>,
    whole: &str,
) -> Cow<'static, str> {
    let id = id.map_or_else(String::new, |id| format!(" {id}"));
    Cow::Owned(format!("{channel}{id}: {}", message.unwrap_or(whole)))
}

fn numbered(channel: &str, number: Option<u64>, order: Order) -> Option<Numbered> {
    let number = number.filter(|number| *number > 0)?;
    let channel = channel
        .get(..channel.floor_char_boundary(MAX_CHANNEL_BYTES))?
        .to_owned();
    Some(Numbered {
        channel,
        number,
        order,
    })
}

/// A number, however it is written.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()) // ok: because anything else is no number
}

/// What a sender is called in the name of its source.
fn sender(host: Option<&str>, peer: IpAddr) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let host = host.map(|host| host.trim_end_matches('.')).filter(|host| {
        (1..=MAX_SENDER_BYTES).contains(&host.len()) && host.chars().all(fits) && *host != "-"
    });
    host.map_or_else(|| peer.to_string(), str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(
        kind: Kind,
        content: &str,
    ) -> (String, String, bool, Option<String>, Option<Numbered>) {
        let record = Record {
            seq: 1,
            at: "2026-11-24T00:00:00Z".parse().unwrap(),
            kind,
            listener: "x",
            peer: IpAddr::from([10, 0, 0, 7]),
            over: 0,
            content: content.as_bytes(),
        };
        let heard = decode(&record);
        let said = heard.said.map(|said| said.to_string());
        (
            heard.sender,
            heard.text.into_owned(),
            heard.is_error,
            said,
            heard.number,
        )
    }

    fn numbered(channel: &str, number: u64, order: Order) -> Numbered {
        Numbered {
            channel: channel.to_owned(),
            number,
            order,
        }
    }

    #[test]
    fn syslog_tells_its_sender_and_its_number() {
        let line = "<11>1 2026-11-23T22:14:15Z Router1. app - - [meta sequenceId=\"29\"] link down";
        let (sender, text, is_error, said, number) = heard(Kind::Datagram, line);
        assert_eq!(
            (sender.as_str(), text.as_str(), is_error),
            ("router1", line, true)
        );
        assert_eq!(said.as_deref(), Some("2026-11-23T22:14:15Z"));
        assert_eq!(number, Some(self::numbered("", 29, Order::Loose)));
        let (sender, _, _, said, number) =
            heard(Kind::Stream, "no header [meta sequenceId=\"29\"]");
        assert_eq!((sender.as_str(), said, number), ("10.0.0.7", None, None));
        let forged = "<13>1 2026-11-23T22:14:15Z a/../b app - - - x";
        assert_eq!(heard(Kind::Stream, forged).0, "10.0.0.7");
        for year in ["1970-01-02", "2100-01-01"] {
            let (_, _, _, said, _) =
                heard(Kind::Stream, &format!("<13>1 {year}T00:00:00Z h a - - - x"));
            assert_eq!(said, Some(format!("{year}T00:00:00Z")), "as it was said");
        }
    }

    #[test]
    fn winlogbeat_tells_channel_record_and_level() {
        let event = r#"{"@timestamp":"2026-11-23T10:00:00.123Z","message":"An account failed to log on.",
            "host":{"name":"WS1"},"log":{"level":"error"},
            "winlog":{"computer_name":"WS1.example.org","channel":"Security","record_id":"41","event_id":"4625"}}"#;
        let (sender, text, is_error, said, number) = heard(Kind::Beats, event);
        assert_eq!(sender, "ws1.example.org");
        assert_eq!(text, "Security 4625: An account failed to log on.");
        assert!(is_error);
        assert!(said.unwrap().starts_with("2026-11-23T10:00:00"));
        assert_eq!(number, Some(self::numbered("Security", 41, Order::Strict)));
    }

    #[test]
    fn filebeat_tells_where_a_line_began() {
        let event =
            r#"{"message":"hi","host":"web1","log":{"offset":0,"file":{"path":"/l","inode":"7"}}}"#;
        let (sender, text, _, _, number) = heard(Kind::Beats, event);
        assert_eq!((sender.as_str(), text.as_str()), ("web1", "hi"));
        assert_eq!(number, Some(self::numbered("7 /l", 1, Order::Rising)));
    }

    #[test]
    fn nxlog_tells_the_same_in_its_own_words() {
        let event = r#"{"EventTime":"2026-11-23 10:00:00","Hostname":"WS2","SeverityValue":4,"EventID":7031,
            "Channel":"System","RecordNumber":9,"Message":"The scanner terminated."}"#;
        let (sender, text, is_error, said, number) = heard(Kind::Json, event);
        assert_eq!(
            (sender.as_str(), text.as_str()),
            ("ws2", "System 7031: The scanner terminated.")
        );
        assert!(is_error);
        assert_eq!(said.as_deref(), Some("2026-11-23T10:00:00Z"));
        assert_eq!(number, Some(self::numbered("System", 9, Order::Strict)));
    }

    #[test]
    fn what_is_no_json_is_a_line_all_the_same() {
        for kind in [Kind::Beats, Kind::Json] {
            for text in ["{", "[]", "7", "\u{0}"] {
                let (sender, got, ..) = heard(kind, text);
                assert_eq!((sender.as_str(), got.as_str()), ("10.0.0.7", text));
            }
        }
    }
}
