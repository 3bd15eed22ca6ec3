//! Records of the Linux audit system, joined: the kernel writes a call, its arguments, its files and its
//! folder as lines of their own with one serial, between those of other calls. A rule that asks for the
//! program and the argument sees both only when they are one event.

use std::fmt::Write as _;

use crate::{
    LossKind, Place, Record, Source, Stamp, input::Input, out::Out, pairs::Pairs, record::Kind,
    stamp::epoch,
};

/// Events of which the end was not seen yet. When there are more, the oldest is handed out as it is, and
/// that is told as [`LossKind::Open`].
pub const MAX_OPEN_EVENTS: usize = 1024;

/// Lines of one event; those over it begin an event of their own, told as [`LossKind::Open`].
const MAX_EVENT_LINES: usize = 4096;

/// An event is over when another is that much younger, in milliseconds: auditd's own `end_of_event_timeout`.
const OVER_MILLIS: i64 = 2000;

/// Record types that the kernel writes several of for one event; all others are whole.
const SEVERAL: [&str; 34] = [
    "SYSCALL",
    "EXECVE",
    "PATH",
    "CWD",
    "PROCTITLE",
    "SOCKADDR",
    "SOCKETCALL",
    "IPC",
    "IPC_SET_PERM",
    "MQ_OPEN",
    "MQ_SENDRECV",
    "MQ_NOTIFY",
    "MQ_GETSETATTR",
    "FD_PAIR",
    "OBJ_PID",
    "BPRM_FCAPS",
    "CAPSET",
    "MMAP",
    "NETFILTER_CFG",
    "SECCOMP",
    "KERN_MODULE",
    "FANOTIFY",
    "TIME_INJOFFSET",
    "TIME_ADJNTPVAL",
    "BPF",
    "EVENT_LISTENER",
    "URINGOP",
    "OPENAT2",
    "DM_CTRL",
    "AVC",
    "SELINUX_ERR",
    "AVC_PATH",
    "CONFIG_CHANGE",
    "INTEGRITY_RULE",
];

/// Fields that are in hexadecimal where they hold a blank, a quotation mark or a control character.
const ENCODED: [&str; 29] = [
    "name",
    "comm",
    "exe",
    "cwd",
    "proctitle",
    "path",
    "acct",
    "cmd",
    "data",
    "key",
    "dir",
    "file",
    "old",
    "new",
    "vm",
    "watch",
    "device",
    "cgroup",
    "apparmor",
    "ocomm",
    "list",
    "root_dir",
    "new-disk",
    "old-disk",
    "new-fs",
    "old-fs",
    "grp",
    "sw",
    "invalid_context",
];

/// Calls of x86-64 that rules name; logs that are not enriched have the number.
const CALLS: [(&str, &str); 20] = [
    ("2", "open"),
    ("41", "socket"),
    ("42", "connect"),
    ("49", "bind"),
    ("56", "clone"),
    ("59", "execve"),
    ("62", "kill"),
    ("82", "rename"),
    ("87", "unlink"),
    ("90", "chmod"),
    ("92", "chown"),
    ("101", "ptrace"),
    ("160", "setrlimit"),
    ("165", "mount"),
    ("175", "init_module"),
    ("176", "delete_module"),
    ("257", "openat"),
    ("313", "finit_module"),
    ("319", "memfd_create"),
    ("322", "execveat"),
];

/// What a line says of itself.
struct Head<'l> {
    node: &'l str,
    kind: &'l str,
    /// `1364481363.243:24287`.
    at: &'l str,
    rest: &'l str,
}

fn head(line: &str) -> Option<Head<'_>> {
    let mut rest = line;
    let mut node = "";
    if let Some(after) = rest.strip_prefix("node=") {
        (node, rest) = after.split_once(' ')?;
    }
    let (kind, rest) = rest.strip_prefix("type=")?.split_once(' ')?;
    let (at, rest) = rest
        .trim_start()
        .strip_prefix("msg=audit(")?
        .split_once(')')?;
    Some(Head {
        node,
        kind,
        at,
        rest: rest.strip_prefix(':').unwrap_or(rest),
    })
}

impl Head<'_> {
    fn time(&self) -> Option<Stamp> {
        epoch(self.at.split_once(':')?.0)
    }
}

pub(crate) fn is_line(line: &str) -> bool {
    head(line).is_some()
}

/// An event of which lines are awaited.
#[derive(Default)]
struct Open {
    key: String,
    lines: String,
    count: usize,
    first: u64,
    millis: i64,
}

pub(crate) fn read(input: &mut Input<'_>, out: &mut Out<'_>) {
    // In the order of their first lines; few are open at a time, so they are searched from the end.
    let (mut open, mut spare): (Vec<Open>, Vec<Open>) = (Vec::new(), Vec::new());
    let mut cut = None;
    while let Some(line) = input.line() {
        let (number, ended) = (line.number, line.ended);
        let Some(text) = out.text(&line) else {
            continue;
        };
        let Some(head) = head(&text) else {
            let kind = if ended {
                LossKind::Malformed
            } else {
                LossKind::Cut
            };
            out.lose(kind, Place::Line(number), "expected `type=… msg=audit(…):`");
            continue;
        };
        if !ended {
            cut = Some(number);
        }
        if head.kind == "EOE" {
            // It says that the event is whole, and nothing else.
            if let Some(at) = find(&open, &head) {
                close(open.remove(at), out, &mut spare);
            }
            continue;
        }
        let several = SEVERAL.contains(&head.kind);
        let millis = head.time().map_or(0, |time| time.millis);
        let at = find(&open, &head).unwrap_or_else(|| {
            while open
                .first()
                .is_some_and(|one| millis - one.millis > OVER_MILLIS)
            {
                close(open.remove(0), out, &mut spare);
            }
            if open.len() >= MAX_OPEN_EVENTS {
                let oldest = open.remove(0);
                let why = "too many events were open at once";
                out.lose(LossKind::Open, Place::Line(oldest.first), why);
                close(oldest, out, &mut spare);
            }
            let mut one = spare.pop().unwrap_or_default(); // default: because it is empty as well
            one.begin(&head, number, millis);
            open.push(one);
            open.len() - 1
        });
        let Some(one) = open.get_mut(at) else {
            continue;
        };
        one.lines.push_str(&text);
        one.lines.push('\n');
        one.count += 1;
        let full = one.count >= MAX_EVENT_LINES;
        if full {
            out.lose(
                LossKind::Open,
                Place::Line(number),
                "an event of too many lines",
            );
        }
        if full || head.kind == "PROCTITLE" || (!several && one.count == 1) {
            close(open.remove(at), out, &mut spare);
        }
    }
    for one in open {
        close(one, out, &mut spare);
    }
    if let Some(number) = cut {
        let why = "the file ends in the last line; its event is there, perhaps not whole";
        out.lose(LossKind::Open, Place::Line(number), why);
    }
}

fn find(open: &[Open], head: &Head<'_>) -> Option<usize> {
    open.iter().rposition(|one| {
        let node = one
            .key
            .strip_prefix(head.at)
            .and_then(|rest| rest.strip_prefix(' '));
        node == Some(head.node)
    })
}

impl Open {
    fn begin(&mut self, head: &Head<'_>, first: u64, millis: i64) {
        self.key.clear();
        self.key.push_str(head.at);
        self.key.push(' ');
        self.key.push_str(head.node);
        self.lines.clear();
        self.count = 0;
        self.first = first;
        self.millis = millis;
    }
}

fn close(one: Open, out: &mut Out<'_>, spare: &mut Vec<Open>) {
    out.begin(Place::Line(one.first));
    let mut parts = Parts::default();
    for line in one.lines.lines() {
        line_fields(line, &mut parts, &mut out.record);
    }
    parts.end(&mut out.record);
    out.record.set_raw(one.lines.trim_end());
    out.emit();
    spare.push(one);
}

/// Adds what a line of audit says; whether it is one.
pub(crate) fn fields(line: &str, record: &mut Record) -> bool {
    let mut parts = Parts::default();
    let known = line_fields(line, &mut parts, record);
    parts.end(record);
    known
}

fn line_fields(line: &str, parts: &mut Parts, record: &mut Record) -> bool {
    let Some(head) = head(line) else {
        return false;
    };
    record.source = Source::new("linux", "", "auditd");
    record.time = record.time.or(head.time());
    if !head.node.is_empty() && record.host().is_none() {
        record.text("node", head.node);
        record.set_host(head.node);
    }
    record.text("type", head.kind);
    if record.position("serial").is_none()
        && let Some((_, serial)) = head.at.split_once(':')
    {
        record.guess("serial", serial);
    }
    values(head.kind, head.rest, parts, record);
    true
}

fn values(kind: &str, text: &str, parts: &mut Parts, record: &mut Record) {
    for (name, value) in Pairs::new(text) {
        // What user space says is a text of pairs in one value.
        if name == "msg" && value.contains('=') {
            values(kind, value.trim_matches('\''), parts, record);
            continue;
        }
        if kind == "EXECVE" && parts.take(name, value, record) {
            continue;
        }
        let quoted = text.as_bytes().get(offset(text, value).wrapping_sub(1)) == Some(&b'"');
        let argument = kind == "EXECVE" && is_argument(name);
        if !quoted && is_hex(value) && (argument || ENCODED.contains(&name)) {
            decode(name, value, record);
        } else if value == "(null)" {
            record.add(name, Kind::Null, |_| {});
        } else {
            record.guess(name, value);
        }
        if kind == "SYSCALL" && name == "syscall" {
            let call = CALLS.iter().find(|(number, _)| *number == value);
            let native = text.contains("arch=c000003e");
            if let (Some((_, call)), true) = (call, native) {
                record.text("syscall", call);
            }
        }
        if name == "SYSCALL" {
            record.text("syscall", value);
        }
    }
}

fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// An argument that is too long for one record comes as `a1_len=9000 a1[0]=… a1[1]=…`, over several.
#[derive(Default)]
struct Parts {
    name: String,
    value: String,
}

impl Parts {
    fn take(&mut self, name: &str, value: &str, record: &mut Record) -> bool {
        if let Some((argument, _)) = name.split_once('[') {
            if self.name != argument {
                self.end(record);
                self.name.push_str(argument);
            }
            self.value.push_str(value);
            return true;
        }
        name.ends_with("_len")
    }

    fn end(&mut self, record: &mut Record) {
        if !self.name.is_empty() {
            if is_hex(&self.value) {
                decode(&self.name, &self.value, record);
            } else {
                record.text(&self.name, &self.value);
            }
            self.name.clear();
            self.value.clear();
        }
    }
}

fn is_argument(name: &str) -> bool {
    let digits = name.strip_prefix('a').unwrap_or("");
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(value: &str) -> bool {
    value.len() >= 2
        && value.len().is_multiple_of(2)
        && value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
}

/// Bytes in hexadecimal as text; the zeroes between the words of a command line are blanks.
fn decode(name: &str, hex: &str, record: &mut Record) {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.saturating_sub(b'A' - 10) & 0x0f,
    };
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| match pair {
            [high, low] => Some(nibble(*high) << 4 | nibble(*low)),
            _ => None,
        })
        .map(|byte| if byte == 0 { b' ' } else { byte })
        .collect();
    let written = |values: &mut String| {
        let written = write!(
            values,
            "{}",
            String::from_utf8_lossy(&bytes).trim_end_matches(' ')
        );
        debug_assert!(written.is_ok()); // a `String` takes all that is written
    };
    record.add(name, Kind::Text, written);
}
