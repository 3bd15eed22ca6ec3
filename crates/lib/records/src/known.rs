//! What the fields of an event tell about it: its time, its host, and who wrote it. Tables, because
//! each shipper has its own names for the same three things.

use std::sync::LazyLock;

use crate::{out::Out, record::Source, stamp::epoch};

/// Names of times, the surest first.
const TIMES: [&str; 22] = [
    "TimeCreated_SystemTime",
    "__REALTIME_TIMESTAMP",
    "_SOURCE_REALTIME_TIMESTAMP",
    "@timestamp",
    "EventTime",
    "eventTime",
    "TimeCreated",
    "timestamp",
    "Timestamp",
    "requestReceivedTimestamp",
    "protoPayload.requestMetadata.requestAttributes.time",
    "published",
    "activityDateTime",
    "CreationTime",
    "createdDateTime",
    "TimeGenerated",
    "UtcTime",
    "time",
    "ts",
    "datetime",
    "date",
    "_time",
];

/// Names of hosts, the surest first.
const HOSTS: [&str; 14] = [
    "Computer",
    "winlog.computer_name",
    "_HOSTNAME",
    "Hostname",
    "host.name",
    "host.hostname",
    "ComputerName",
    "MachineName",
    "hostname",
    "DeviceName",
    "agent.hostname",
    "agent.name",
    "host",
    "node",
];

/// Fields that only one thing writes, and what that is: `.2` is at the front of the value.
const MARKS: [(&str, &str, Source); 12] = [
    ("eventVersion", "", Source::new("aws", "", "cloudtrail")),
    (
        "protoPayload.@type",
        "",
        Source::new("gcp", "", "gcp.audit"),
    ),
    (
        "apiVersion",
        "audit.k8s.io",
        Source::new("kubernetes", "application", "audit"),
    ),
    ("eventType", "okta.", Source::new("okta", "", "okta")),
    ("winlog.channel", "", Source::new("windows", "", "")),
    ("EventRecordID", "", Source::new("windows", "", "")),
    ("Provider_Name", "", Source::new("windows", "", "")),
    ("ProviderGuid", "", Source::new("windows", "", "")),
    ("_SYSTEMD_UNIT", "", Source::new("linux", "", "")),
    ("__REALTIME_TIMESTAMP", "", Source::new("linux", "", "")),
    ("auditd.summary", "", Source::new("linux", "", "auditd")),
    ("logtype", "", Source::new("opencanary", "application", "")),
];

/// Names of Winlogbeat, `NXLog` and Defender's exports for what Windows calls otherwise.
const ALIASES: [(&str, &str); 11] = [
    ("winlog.channel", "Channel"),
    ("winlog.event_id", "EventID"),
    ("winlog.provider_name", "Provider_Name"),
    ("winlog.computer_name", "Computer"),
    ("winlog.record_id", "EventRecordID"),
    ("ProviderName", "Provider_Name"),
    ("LogName", "Channel"),
    ("Id", "EventID"),
    ("MachineName", "Computer"),
    ("SourceName", "Provider_Name"),
    ("Hostname", "Computer"),
];

/// Time, host and source of the record that was filled from JSON, or from something as free.
pub(crate) fn json(out: &mut Out<'_>) {
    let record = &mut out.record;
    let mut times = [None; TIMES.len()];
    let mut hosts = [None; HOSTS.len()];
    let mut aliases = [None; ALIASES.len()];
    let mut mark = None;
    let mut windows = [false; 3];
    for (index, (name, kind, value)) in record.fields().enumerate() {
        if kind == crate::Kind::Null || !maybe(name) {
            continue;
        }
        note(&TIMES, &mut times, name, index);
        note(&HOSTS, &mut hosts, name, index);
        if let Some(at) = ALIASES.iter().position(|(from, _)| *from == name)
            && let Some(slot) = aliases.get_mut(at)
        {
            *slot = slot.or(Some(index));
        }
        let found = MARKS
            .iter()
            .position(|(known, front, _)| *known == name && value.starts_with(front));
        mark = match (mark, found) {
            (Some(known), Some(found)) if known <= found => Some(known),
            (known, found) => found.or(known),
        };
        match name {
            "EventID" | "Id" | "winlog.event_id" => windows[0] = true,
            "Channel" | "LogName" | "winlog.channel" => windows[1] = true,
            "SourceName" | "ProviderName" | "winlog.provider_name" => windows[2] = true,
            _ => {}
        }
    }
    let around = out.around;
    out.record.time = times.into_iter().flatten().find_map(|index| {
        let (_, _, value) = out.record.fields().nth(index)?;
        around.any(value).or_else(|| dotnet(value))
    });
    if let Some(index) = hosts.into_iter().flatten().next() {
        out.record.host_is(index);
    }
    if let Some((_, _, source)) = mark.and_then(|mark| MARKS.get(mark)) {
        out.record.source = *source;
    }
    let [id, channel, provider] = windows;
    if id && (channel || provider) {
        out.record.source.product = "windows";
        for (index, (_, to)) in aliases.into_iter().zip(ALIASES) {
            if let (Some(index), None) = (index, out.record.position(to)) {
                out.record.alias(index, to);
            }
        }
    }
    if out.record.source.product == "linux" {
        out.record.also("MESSAGE", "message");
    }
}

/// Lengths and first letters of all names above, as bits: most fields are none of them, and are not
/// compared with each.
static SHAPES: LazyLock<[u64; 64]> = LazyLock::new(|| {
    let mut shapes = [0; 64];
    let marks = MARKS.iter().map(|(name, _, _)| *name);
    let aliases = ALIASES.iter().map(|(name, _)| *name);
    let names = TIMES.into_iter().chain(HOSTS).chain(marks).chain(aliases);
    for name in names.chain(["EventID", "Channel"]) {
        let (length, letter) = shape(name);
        if let Some(bits) = shapes.get_mut(length) {
            *bits |= letter;
        }
    }
    shapes
});

fn shape(name: &str) -> (usize, u64) {
    let first = name.bytes().next().unwrap_or(0);
    (name.len(), 1 << (first % 64))
}

fn maybe(name: &str) -> bool {
    let (length, letter) = shape(name);
    SHAPES.get(length).is_some_and(|bits| bits & letter != 0)
}

fn note(names: &[&str], found: &mut [Option<usize>], name: &str, index: usize) {
    if let Some(at) = names.iter().position(|known| *known == name)
        && let Some(slot) = found.get_mut(at)
        && slot.is_none()
    {
        *slot = Some(index);
    }
}

/// `/Date(1700000000000)/`, as `ConvertTo-Json` of PowerShell writes it.
fn dotnet(text: &str) -> Option<crate::Stamp> {
    epoch(text.strip_prefix("/Date(")?.strip_suffix(")/")?)
}
