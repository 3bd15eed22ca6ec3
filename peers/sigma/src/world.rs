//! Rules and events, made once out of the corpora and read by each measurement.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use sigma::Event;

/// What one measurement works on.
pub(crate) struct World {
    pub(crate) rules: Vec<(String, String)>,
    json: Vec<u8>,
    flat: Vec<u8>,
}

/// Unpacks the rules, and writes each event as a line of JSON: as the `evtx` crate gives it, and flat,
/// with the names that rules use, for an engine that does not make them itself.
pub(crate) fn make(corpora: &Path, folder: &Path) {
    for (archive, into) in [
        ("sigma_all_rules.tar.xz", "rules"),
        ("evtx_attack_samples.tar.xz", "evtx"),
    ] {
        let into = folder.join(into);
        fs::create_dir_all(&into).expect("a folder");
        let tar = Command::new("tar")
            .arg("-xJf")
            .arg(corpora.join(archive))
            .arg("-C")
            .arg(into)
            .status();
        assert!(tar.expect("tar runs").success());
    }
    let mut paths = Vec::new();
    files(&folder.join("evtx"), "evtx", &mut paths);
    let mut json = fs::File::create(folder.join("events.json")).expect("a file");
    let mut flat = fs::File::create(folder.join("flat.json")).expect("a file");
    let mut event = Event::new();
    for path in paths {
        let settings = evtx::ParserSettings::new().num_threads(1).indent(false);
        let parser = evtx::EvtxParser::from_path(path).expect("EVTX");
        for record in parser.with_configuration(settings).records_json_value() {
            let line = serde_json::to_vec(&record.expect("a record").data).expect("JSON");
            event.read_json(&line).expect("an event");
            json.write_all(&line).expect("written");
            json.write_all(b"\n").expect("written");
            let line = serde_json::to_vec(&flattened(&event)).expect("JSON");
            flat.write_all(&line).expect("written");
            flat.write_all(b"\n").expect("written");
        }
    }
}

/// All short names of an event with their values.
fn flattened(event: &Event) -> serde_json::Map<String, serde_json::Value> {
    use serde_json::Value;
    let mut flat = serde_json::Map::new();
    for (name, kind, text) in event
        .fields()
        .filter(|(name, _, _)| !name.starts_with("Event."))
    {
        let value = match kind {
            sigma::Kind::Null => Value::Null,
            sigma::Kind::Bool => Value::Bool(text == "true"),
            sigma::Kind::Number => serde_json::from_str(text).expect("a number"),
            sigma::Kind::Text => Value::String(text.to_owned()),
        };
        match flat.get_mut(name) {
            None => {
                flat.insert(name.to_owned(), value);
            }
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    for source in event.sources() {
        flat.insert(
            mark(&source.product, &source.category, &None),
            Value::from(1),
        );
        flat.insert(
            mark(&source.product, &source.category, &source.service),
            Value::from(1),
        );
        flat.insert(
            mark(&source.product, &None, &source.service),
            Value::from(1),
        );
        flat.insert(mark(&source.product, &None, &None), Value::from(1));
        flat.insert(mark(&None, &source.category, &None), Value::from(1));
    }
    flat
}

/// The field that says that an event is of a source, for an engine that has no set of sources.
pub(crate) fn mark(
    product: &Option<String>,
    category: &Option<String>,
    service: &Option<String>,
) -> String {
    let word = |word: &Option<String>| word.clone().unwrap_or_default();
    format!(
        "_source_{}_{}_{}",
        word(product),
        word(category),
        word(service)
    )
}

impl World {
    /// `windows`: the rules below `rules/windows`; a number: as many of all Windows rules and then of
    /// others, drawn with a fixed seed; else all.
    pub(crate) fn read(folder: &Path, which: &str) -> Self {
        let read = |name: &str| fs::read(folder.join(name)).expect("it was made");
        Self {
            rules: Self::rules(folder, which),
            json: read("events.json"),
            flat: read("flat.json"),
        }
    }

    pub(crate) fn rules(folder: &Path, which: &str) -> Vec<(String, String)> {
        let mut paths = Vec::new();
        let root = folder.join("rules");
        files(
            &if which == "windows" {
                root.join("rules/windows")
            } else {
                root
            },
            "yml",
            &mut paths,
        );
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).expect("a rule");
            (path.display().to_string(), text)
        };
        let mut rules: Vec<(String, String)> = paths.into_iter().map(read).collect();
        if let Ok(count) = which.parse::<usize>() {
            rules.sort_by_cached_key(|(path, text)| {
                let other = !text.contains("product: windows");
                let name = path.rsplit('/').next().unwrap_or_default();
                let mixed = name
                    .bytes()
                    .fold(17_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
                (other, mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            });
            rules.truncate(count);
        }
        rules
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.json
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
    }

    pub(crate) fn flat_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.flat
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
    }
}

fn files(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, ending, out);
        } else if path
            .extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(ending))
        {
            out.push(path);
        }
    }
}

/// CPU seconds of this thread.
pub(crate) fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos: f64 = text
        .split(' ')
        .next()
        .expect("a column")
        .parse()
        .expect("a number");
    nanos / 1e9
}

/// Most resident memory of this process so far.
pub(crate) fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .expect("a line");
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .expect("a column")
        .parse()
        .expect("a number");
    (kib / 1024.0).round()
}
