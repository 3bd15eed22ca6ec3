//! Windows logs against the same events decoded by others, and against their known number.

use std::{collections::BTreeSet, fs};

use records::{Format, LossKind};
use serde_json::Value;

use crate::corpus::{Kept, below, kept, packed};

/// `Provider.#attributes.Name` is `Provider_Name`, `EventData.X` is `X`: an independent walk over the
/// official decoding.
fn official(value: &Value, path: &[&str], out: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let mut path = path.to_vec();
                path.push(key);
                official(member, &path, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| official(item, path, out)),
        Value::Null => {}
        leaf => {
            let text = leaf
                .as_str()
                .map_or_else(|| leaf.to_string(), str::to_owned);
            let short: Vec<&str> = match path {
                ["Event", "UserData", _, rest @ ..]
                | ["Event", "System" | "EventData", rest @ ..] => rest.to_vec(),
                _ => return,
            };
            if short.first() == Some(&"#attributes") {
                return;
            }
            let name = short.join(".").replace(".#attributes.", "_");
            out.insert((name.trim_end_matches(".#text").to_owned(), alike(&text)));
        }
    }
}

/// The official decodings are of an older version, which wrote identifiers in upper case without braces and
/// times to the microsecond; Windows writes them as we read them.
fn alike(text: &str) -> String {
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    let guid = bare.len() == 36 && bare.bytes().filter(|byte| *byte == b'-').count() == 4;
    if guid {
        return bare.to_ascii_lowercase();
    }
    let dated = text.len() >= 20 && text.get(10..11) == Some("T") && text.ends_with('Z');
    if dated {
        let digits = text.trim_end_matches('Z');
        return digits
            .split_once('.')
            .map_or(digits.to_owned(), |(whole, fraction)| {
                let fraction: String = fraction.chars().take(6).collect();
                format!("{whole}.{fraction:0<6}")
            });
    }
    // And it took away blanks at the end.
    text.trim().to_owned()
}

fn ours(event: &Kept) -> BTreeSet<(String, String)> {
    let told = event
        .fields
        .iter()
        .filter(|(_, kind, _)| *kind != records::Kind::Null);
    told.map(|(name, _, value)| (name.clone(), alike(value)))
        .collect()
}

#[test]
fn the_fields_are_those_of_the_official_decodings() {
    let Ok(root) = cordon_testkit::corpus("logs") else {
        return;
    };
    let mut files = Vec::new();
    below(&root.join("sigma_regression"), ".evtx", &mut files);
    assert_eq!(files.len(), 120);
    let mut compared = 0;
    for path in files {
        let (events, report) = kept(&path.to_string_lossy(), &fs::read(&path).unwrap()).unwrap();
        assert_eq!(report.format, Format::Evtx);
        let json = fs::read(path.with_extension("json")).unwrap();
        let decoded = serde_json::Deserializer::from_slice(&json).into_iter::<Value>();
        let mut expected = Vec::new();
        for value in decoded {
            match value.unwrap() {
                Value::Array(items) => expected.extend(items),
                one => expected.push(one),
            }
        }
        for value in &expected {
            let mut fields = BTreeSet::new();
            official(value, &[], &mut fields);
            let record = value
                .pointer("/Event/System/EventRecordID")
                .unwrap()
                .to_string();
            let event = events
                .iter()
                .find(|event| event.get("EventRecordID") == Some(&record));
            let event = event.unwrap_or_else(|| panic!("{}: no record {record}", path.display()));
            let ours = ours(event);
            let missing: Vec<_> = fields.difference(&ours).collect();
            assert!(
                missing.is_empty(),
                "{}: {missing:?} are not among {ours:?}",
                path.display()
            );
            assert_eq!(event.source.product, "windows");
            assert_eq!(event.host.as_deref(), event.get("Computer"));
            assert!(event.time.is_some());
            // The JSON of others through the other reader gives the same names.
            let (again, _) = kept("x.json", value.to_string().as_bytes()).unwrap();
            let again = self::ours(&again[0]);
            let differs: Vec<_> = fields
                .symmetric_difference(&again)
                .filter(|(name, _)| name != "ComputerName")
                .collect();
            assert!(differs.is_empty(), "{}: {differs:?}", path.display());
            compared += 1;
        }
    }
    assert!(compared >= 120, "{compared}");
}

#[test]
fn every_event_of_the_samples_is_read_and_what_is_lost_is_told() {
    let Ok(files) = packed("evtx_attack_samples.tar.xz", ".evtx") else {
        return;
    };
    assert_eq!(files.len(), 277);
    let (mut events, mut told) = (0, Vec::new());
    for (name, bytes) in &files {
        let (all, report) = kept(name, bytes).unwrap();
        events += report.events;
        assert!(
            all.iter().all(|event| event.get("EventID").is_some()),
            "{name}"
        );
        if !report.whole() {
            told.push((name.clone(), report.lost));
        }
    }
    assert_eq!(events, 8255);
    assert_eq!(told, [], "nothing is lost of files that are whole");
}

/// The sample of most chunks that are in use.
fn largest(files: &[(String, Vec<u8>)]) -> &(String, Vec<u8>) {
    let chunks = |bytes: &[u8]| {
        let used = bytes[4096..]
            .chunks(65536)
            .filter(|chunk| chunk.starts_with(b"ElfChnk"));
        used.count()
    };
    files.iter().max_by_key(|(_, bytes)| chunks(bytes)).unwrap()
}

#[test]
fn a_log_cut_anywhere_gives_its_records_before_and_says_what_is_missing() {
    let Ok(files) = packed("evtx_attack_samples.tar.xz", ".evtx") else {
        return;
    };
    let (name, bytes) = largest(&files);
    let (whole, _) = kept(name, bytes).unwrap();
    assert!(whole.len() > 100, "{name}");
    for part in 1..=40 {
        let cut = bytes.len() * part / 41 + part;
        let (events, report) = kept(name, &bytes[..cut]).unwrap();
        assert_eq!(events, whole[..events.len()], "at {cut}");
        let all = events.len() == whole.len();
        assert!(all || !report.whole(), "at {cut}: {report:?}");
    }
}

#[test]
fn a_broken_chunk_or_record_costs_itself() {
    let Ok(files) = packed("evtx_attack_samples.tar.xz", ".evtx") else {
        return;
    };
    let (name, bytes) = largest(&files);
    let (whole, _) = kept(name, bytes).unwrap();
    // The magic of the second chunk.
    let mut broken = bytes.clone();
    broken[4096 + 65536] = b'X';
    let (events, report) = kept(name, &broken).unwrap();
    assert_eq!(report.lost_of(LossKind::Chunk), 1);
    assert!(events.len() < whole.len() && events.iter().all(|event| whole.contains(event)));
    // The header of the file.
    let mut broken = bytes.clone();
    broken[..64].fill(0x55);
    let (events, report) = kept(name, &broken).unwrap();
    assert_eq!(events, whole);
    assert!(!report.whole());
    // The size of the third record: the next one is found again.
    let mut broken = bytes.clone();
    let mut at = 4096 + 512;
    for _ in 0..2 {
        at += u32::from_le_bytes(broken[at + 4..at + 8].try_into().unwrap()) as usize;
    }
    broken[at + 4..at + 8].fill(0xff);
    let (events, report) = kept(name, &broken).unwrap();
    assert_eq!(
        events.len() as u64 + report.lost_events(),
        whole.len() as u64,
        "{report:?}"
    );
    assert_eq!(events.len(), whole.len() - 1);
    assert_eq!(report.lost_of(LossKind::Checksum), 1);
    // Bytes before a chunk that do not belong there.
    let mut moved = bytes[..4096].to_vec();
    moved.extend([0x55; 777]);
    moved.extend(&bytes[4096..]);
    let (events, report) = kept(name, &moved).unwrap();
    assert_eq!(
        (events.len(), report.lost_of(LossKind::Bytes)),
        (whole.len(), 777)
    );
}
