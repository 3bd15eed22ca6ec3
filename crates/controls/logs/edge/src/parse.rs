//! From lines to named fields, for the rules: JSON of any shipper, records of the audit, syslog with what it carries,
//! and every other line as its text.
//!
//! Lines are taken in batches as they are read. The last records of an audit event may come with the next batch: they
//! are held until another event begins, or the next batch brings none.

use std::collections::BTreeMap;

use cordon_logs::CUT_FIELD;
use cordon_model::Fact;
use cordon_model::{Host, MAX_TEXT_BYTES, Parsed, Sensed, SourceName, Text, Time};
use records::{Format, Kind, Options, Record};
use serde_json::{Map, Value};

/// Most bytes of one value; the rest is cut off.
const MAX_VALUE_BYTES: usize = 2 << 10;

/// Lines of an audit event that are held for the rest of it.
const MAX_HELD: usize = 256;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Audit,
    Line,
}

/// The parser of one source.
#[derive(Debug, Default)]
pub struct Parser {
    lines: Vec<String>,
    held: Vec<String>,
    /// When the last line came, for dates without a year.
    at: Option<Time>,
}

impl Parser {
    /// Takes a line.
    pub fn push(&mut self, text: &str, at: Option<Time>) {
        self.lines.push(text.to_owned());
        self.at = at.or(self.at);
    }

    /// Parses what was taken.
    pub fn drain(&mut self, host: &Host, source: &SourceName) -> Vec<Sensed> {
        let had_none = self.lines.is_empty();
        let lines = std::mem::take(&mut self.lines);
        let mut out = Out {
            host,
            source,
            all: Vec::new(),
        };
        let mut from = 0;
        while let Some(first) = lines.get(from) {
            let form = form_of(first);
            let rest = lines.get(from..).unwrap_or_default(); // default: because `from` is within
            let count = rest.iter().take_while(|line| form_of(line) == form).count();
            let run = rest.get(..count).unwrap_or_default(); // default: likewise
            from += count;
            match form {
                Form::Audit => self.audit(run, &mut out),
                Form::Json => each(run, Format::Json, self.at, &mut out),
                Form::Line => each(run, Format::Syslog, self.at, &mut out),
            }
        }
        if had_none && !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            together(&held, self.at, &mut out);
        }
        out.all
    }

    /// Records of one event belong together, and the last event may not be whole.
    fn audit(&mut self, run: &[String], out: &mut Out<'_>) {
        let mut all = std::mem::take(&mut self.held);
        all.extend(run.iter().cloned());
        let last = all.last().and_then(|line| serial(line)).map(str::to_owned);
        let keep = all
            .iter()
            .rev()
            .take_while(|line| serial(line) == last.as_deref())
            .take(MAX_HELD)
            .count();
        let ended = all.last().is_some_and(|line| line.starts_with("type=EOE "));
        let cut = if ended { all.len() } else { all.len() - keep };
        self.held = all.split_off(cut);
        together(&all, self.at, out);
    }
}

/// `1364481363.243:24287` of `type=SYSCALL msg=audit(1364481363.243:24287): …`.
fn serial(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("msg=audit(")?;
    Some(rest.split_once(')')?.0)
}

fn form_of(line: &str) -> Form {
    let start = line.trim_start();
    if start.starts_with('{') {
        Form::Json
    } else if (start.starts_with("type=") || start.starts_with("node=")) && serial(start).is_some()
    {
        Form::Audit
    } else {
        Form::Line
    }
}

fn together(lines: &[String], at: Option<Time>, out: &mut Out<'_>) {
    if lines.is_empty() {
        return;
    }
    let mut text = lines.join("\n");
    text.push('\n');
    if read(&text, Format::Audit, at, out).is_err() {
        for line in lines {
            out.plain(line);
        }
    }
}

/// Each line by itself; of one that cannot be read its text is left to the rules.
fn each(lines: &[String], format: Format, at: Option<Time>, out: &mut Out<'_>) {
    for line in lines {
        let before = out.all.len();
        let text = format!("{line}\n");
        if read(&text, format, at, out).is_err() || out.all.len() == before {
            out.plain(line);
        }
    }
}

fn read(
    text: &str,
    format: Format,
    at: Option<Time>,
    out: &mut Out<'_>,
) -> Result<records::Report, records::ReadError> {
    let options = Options {
        around: at.and_then(|at| i64::try_from(at.millis()).ok()), // ok: because such a time is no date of a log
        format: Some(format),
        ..Options::default()
    };
    records::read("", text.as_bytes(), &options, &mut |record| {
        out.record(record);
    })
}

struct Out<'o> {
    host: &'o Host,
    source: &'o SourceName,
    all: Vec<Sensed>,
}

impl Out<'_> {
    fn record(&mut self, record: &Record) {
        let mut fields = BTreeMap::<&str, Vec<Value>>::new();
        let mut short = false;
        for (name, kind, value) in record.fields() {
            let value = match kind {
                Kind::Null => Value::Null,
                Kind::Bool => Value::Bool(value == "true"),
                Kind::Number => {
                    serde_json::from_str(value).unwrap_or_else(|_| cut(value, &mut short))
                } // or: because it is no number of JSON
                Kind::Text => cut(value, &mut short),
            };
            fields.entry(name).or_default().push(value);
        }
        let said = record
            .time
            .and_then(|stamp| u64::try_from(stamp.millis).ok()); // ok: because nothing was logged before 1970
        let source = record.source;
        self.put(
            fields,
            said.map(Time::from_millis),
            [source.product, source.category, source.service],
            short,
        );
    }

    /// A line of which only its text is known.
    fn plain(&mut self, line: &str) {
        let mut short = false;
        let fields = BTreeMap::from([("message", vec![cut(line, &mut short)])]);
        self.put(fields, None, ["linux", "", ""], short);
    }

    /// `short` is whether a value was cut. Rules do not see what was cut off, so the event says that it was.
    fn put(
        &mut self,
        fields: BTreeMap<&str, Vec<Value>>,
        said: Option<Time>,
        of: [&str; 3],
        mut short: bool,
    ) {
        let mut object = Map::new();
        let mut bytes = CUT_FIELD.len() + "{\"\":true}".len();
        for (name, mut values) in fields {
            let value = match values.len() {
                1 => values.remove(0),
                _ => Value::Array(values),
            };
            let name = Value::String(name.to_owned());
            bytes += name.to_string().len() + value.to_string().len() + ":,".len();
            if bytes >= MAX_TEXT_BYTES {
                short = true;
                break;
            }
            if let Value::String(name) = name {
                object.insert(name, value);
            }
        }
        if short {
            object.insert(CUT_FIELD.to_owned(), Value::Bool(true));
        }
        let [product, category, service] = of.map(Text::new);
        let parsed = Parsed {
            source: self.source.clone(),
            product,
            category,
            service,
            fields: Text::new(&Value::Object(object).to_string()),
        };
        self.all.push(Sensed {
            host: self.host.clone(),
            said,
            fact: Fact::Parsed(Box::new(parsed)),
        });
    }
}

fn cut(value: &str, short: &mut bool) -> Value {
    *short |= value.len() > MAX_VALUE_BYTES;
    let end = value.floor_char_boundary(MAX_VALUE_BYTES.min(value.len()));
    Value::String(value.get(..end).unwrap_or(value).to_owned()) // or: because it is a boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(batches: &[&[&str]]) -> Vec<(String, Value)> {
        let mut parser = Parser::default();
        let mut all = Vec::new();
        for batch in batches {
            for line in *batch {
                parser.push(line, Some("2026-11-25T08:00:00Z".parse().unwrap()));
            }
            for sensed in parser.drain(&"web1".into(), &"s".into()) {
                let Fact::Parsed(parsed) = sensed.fact else {
                    panic!("{sensed:?}");
                };
                let fields = serde_json::from_str(parsed.fields.as_str()).unwrap();
                all.push((parsed.service.to_string(), fields));
            }
        }
        all
    }

    #[test]
    fn records_of_one_audit_event_are_one_event_also_across_batches() {
        let syscall = "type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=59 success=yes exe=\"/bin/cat\"";
        let execve = "type=EXECVE msg=audit(1364481363.243:24287): argc=2 a0=\"cat\" a1=\"/etc/ssh/sshd_config\"";
        let other = "type=DAEMON_END msg=audit(1364481364.000:24288): op=terminate auid=0 pid=1 res=success";
        let all = parsed(&[&[syscall], &[execve, other], &[]]);
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[0].0, "auditd");
        assert_eq!(all[0].1["a1"], "/etc/ssh/sshd_config");
        assert_eq!(all[0].1["exe"], "/bin/cat");
        assert_eq!(all[1].1["type"], "DAEMON_END");
    }

    /// Whatever its names and values are, an event stays JSON, and says when it is not whole.
    #[test]
    fn an_event_that_is_too_large_is_cut_and_says_so() {
        let long = format!(r#"{{"CommandLine":"{}"}}"#, "x".repeat(3000));
        let wide: Vec<String> = (0..5000)
            .map(|number| format!(r#""\"\"\"\"{number}":1"#))
            .collect();
        let wide = format!("{{{}}}", wide.join(","));
        let edge = (1..40).map(|more| {
            format!(
                r#"{{"a":1,{}"b":"{}"}}"#,
                r#""c":{"d":[]},"#,
                "\\u0001".repeat(more)
            )
        });
        let lines: Vec<String> = [long, wide].into_iter().chain(edge).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let all = parsed(&[&lines]);
        assert_eq!(all.len(), 41);
        assert_eq!(all[0].1[CUT_FIELD], true);
        assert_eq!(
            all[0].1["CommandLine"].as_str().unwrap().len(),
            MAX_VALUE_BYTES
        );
        assert_eq!(all[1].1[CUT_FIELD], true);
        assert!(all[2].1.get(CUT_FIELD).is_none(), "{:?}", all[2]);
    }

    #[test]
    fn json_syslog_and_what_nobody_knows_are_events() {
        let all = parsed(&[&[
            r#"{"EventID":1102,"Channel":"Security"}"#,
            "Nov 25 08:00:00 mail1 clamav-milter[511]: No clamd server appears to be available",
            "something else",
        ]]);
        assert_eq!(all.len(), 3, "{all:?}");
        assert_eq!(all[0].1["EventID"], 1102);
        assert!(
            all[1].1["message"]
                .as_str()
                .unwrap()
                .contains("No clamd server")
        );
        assert_eq!(all[2].1["message"], "something else");
    }
}
