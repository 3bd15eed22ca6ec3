//! What each target does with bytes: run by libFuzzer through `fuzz_targets/`, and replayed over the corpus by
//! `tests/it/fuzz.rs` of the binary, so that both ask the same.

use std::fs;

use cordon::CONTROLS;
use cordon_engine::Snapshot;
use cordon_logs_edge::{
    Lines,
    decode::decode,
    escape, journal,
    listen::{
        framing::{Framer, Framing, MAX_MESSAGE_BYTES},
        lumberjack,
    },
    packed,
    spool::segment::{self, Kind, Record},
    syslog, unescape,
};
use cordon_model::{Level, Policy, SourceName, Time};
use cordon_patch_edge::{
    apply, remote,
    running::{elf, loader, maps},
};

pub fn sheet(bytes: &[u8]) {
    if let Ok(reading) = sheet::read(bytes, None) {
        let parts = reading.asked.len() + reading.rejected.len() + reading.headings.len();
        assert_eq!(reading.rows, parts);
    }
}

pub fn deployer(bytes: &[u8]) {
    if let Ok(deployed) = sheet::deployer(bytes) {
        assert_eq!(deployed.rows, deployed.accounted());
        assert!(deployed.names().iter().all(|name| !name.is_empty()));
    }
}

pub fn dpkg_status(bytes: &[u8]) {
    drop(cordon_patch::read_status(bytes));
}

pub fn packages_index(bytes: &[u8]) {
    drop(cordon_patch::read_packages_index(bytes));
}

pub fn release(bytes: &[u8]) {
    let _date: Option<Time> = cordon_patch::read_release_date(bytes);
    let _size: Option<u64> = cordon_patch::read_release_size(bytes, "main/binary-amd64/Packages");
}

pub fn unpack(bytes: &[u8]) {
    drop(cordon_patch_edge::unpack_bytes(
        "fuzz".as_ref(),
        bytes.to_vec(),
    ));
}

pub fn log_line(bytes: &[u8]) {
    let mut lines = Lines::new(bytes);
    while let Some(line) = lines.next_line().unwrap() {
        let phrases = ["x".to_owned()];
        let _: Level = cordon_logs::level(&line, &phrases);
        let _: Option<Time> = cordon_logs::stamp(&line, Time::from_millis(1_700_000_000_000));
    }
}

pub fn syslog(bytes: &[u8]) {
    let line = escape(bytes);
    assert_eq!(unescape(&line), bytes);
    for minutes_east in [0, i16::MIN, i16::MAX] {
        let around = Time::from_millis(1_700_000_000_000);
        let parsed = syslog::parse(&line, around, syslog::Zone { minutes_east });
        assert!(line.ends_with(parsed.message), "{line:?}");
    }
}

pub fn version(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
    for kind in [vercmp::Kind::Deb, vercmp::Kind::Rpm, vercmp::Kind::Apk] {
        let forward = vercmp::compare(kind, a, b);
        let backward = vercmp::compare(kind, b, a).map(std::cmp::Ordering::reverse);
        assert_eq!(forward.is_ok(), backward.is_ok());
        assert!(
            forward.is_err() || forward == backward,
            "{kind} {a:?} {b:?}"
        );
    }
}

pub fn windows_inventory(bytes: &[u8]) {
    let mut host = winaudit::WindowsHost::default();
    if let Err(error) = host.add("fuzz", bytes) {
        assert!(!error.to_string().is_empty());
    }
}

pub fn windows_feed(bytes: &[u8]) {
    const HOST: &[u8] = b"Host: X\nOS: Microsoft Windows 7 Pro\nVersion: 6.1.7601 Service Pack 1 Build 7601\nType: x64-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB4486563\nCards: 1\n    [01]: y\n";
    let mut host = winaudit::WindowsHost::default();
    host.add("host", HOST).unwrap();
    let new = winaudit::FeedBuilder::new;
    for builder in [new().csv(bytes), new().cvrf(bytes)].into_iter().flatten() {
        let report = winaudit::judge(&host, &builder.build());
        assert!(report.plan().len() <= report.counts().missing);
    }
}

pub fn bulletin(bytes: &[u8]) {
    const HOST: &[u8] = b"Host: X\nOS: Microsoft Windows XP Professional\nVersion: 5.1.2600 Service Pack 1 Build 2600\nType: X86-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB835732\nCards: 1\n    [01]: y\n";
    if let Ok(bulletin) = winaudit::Bulletin::from_json(bytes) {
        let mut known = winaudit::WindowsHost::default();
        known.add("host", HOST).unwrap();
        for host in [winaudit::WindowsHost::default(), known] {
            let verdict = winaudit::judge_bulletin(&host, &bulletin);
            assert!(!verdict.evidence.is_empty());
        }
    }
}

pub fn cadence_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(learned) = text.parse::<cadence::Cadence>() {
        assert_eq!(learned.to_string(), text);
        let now = 1_790_000_000_000;
        assert!(learned.alarm_at(now, 0.5).is_none_or(|at| at > now));
    }
}

pub fn arrivals(bytes: &[u8]) {
    let around = Time::from_millis(1_790_000_000_000);
    drop(cordon::command::judge_log(bytes, around).unwrap());
}

pub fn policy(bytes: &[u8]) {
    let policy = Policy::new(&String::from_utf8_lossy(bytes), 1);
    drop(cordon_engine::Engine::new("hub".into(), CONTROLS, &policy).map(|_| ()));
}

pub fn stage(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        assert!(cordon_watch::keys(line).all(|key| line.contains(key)));
    }
}

pub fn cadence(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cadence) = text.trim_end().parse::<cadence::Cadence>() {
        let last = 1_700_000_000_000;
        let _: (Option<i64>, Option<i64>) =
            (cadence.expected_by(last), cadence.alarm_at(last, 0.5));
        assert_eq!(cadence.to_string().parse(), Ok(cadence), "{text:?}");
    }
}

pub fn snapshot(bytes: &[u8]) {
    drop(Snapshot::from_bytes(bytes));
}

pub fn spool_segment(bytes: &[u8]) {
    let _first: Option<u64> = segment::read_head(bytes);
    let mut rest = bytes.get(segment::HEAD_BYTES..).unwrap_or_default();
    while let segment::Parsed::Whole(record, length) = segment::read(rest) {
        let mut again = Vec::new();
        assert!(segment::write(&record, &mut again));
        assert_eq!(again.as_slice(), &rest[..length]);
        assert_eq!(
            segment::read(&again),
            segment::Parsed::Whole(record, again.len())
        );
        rest = &rest[length..];
    }
}

pub fn lumberjack(bytes: &[u8]) {
    let mut from = bytes;
    while let Ok(Some(_)) = lumberjack::read_window(&mut from, &mut |_| Ok(())) {}
}

pub fn framing(bytes: &[u8]) {
    for framing in [Framing::Lines, Framing::Syslog] {
        let split = |at_once: usize| {
            let mut all = Vec::new();
            let mut framer = Framer::new(framing);
            let mut out = |message: &[u8], over: u64| {
                assert!(message.len() <= MAX_MESSAGE_BYTES);
                all.push((message.to_vec(), over));
            };
            bytes
                .chunks(at_once)
                .for_each(|piece| framer.push(piece, &mut out));
            framer.end(&mut out);
            all
        };
        assert_eq!(split(1), split(usize::MAX), "in any pieces");
    }
}

pub fn packed_log(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("cordon-fuzz-{}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let unpacked = |at| {
        let (mut all, file) = (Vec::new(), fs::File::open(&path).unwrap());
        let whole = packed::unpack(file, at, &mut |piece| all.extend_from_slice(piece));
        (all, whole.unwrap())
    };
    let (all, whole) = unpacked(0);
    let middle = all.len() / 2;
    let (rest, still) = unpacked(middle as u64);
    assert_eq!(
        (&rest[..], still),
        (&all[middle..], whole),
        "from any place"
    );
    fs::remove_file(path).unwrap();
}

pub fn journal_entry(bytes: &[u8]) {
    drop(journal::read_entry(bytes));
}

pub fn proc_maps(bytes: &[u8]) {
    drop(maps::read_stat(bytes));
    drop(maps::boot_secs(bytes));
    for mapping in maps::executable_mappings(bytes).unwrap_or_default() {
        assert!(mapping.start < mapping.end);
        let names = maps::names(&mapping.name);
        assert!(names.iter().any(|name| name.path == mapping.name));
        maps::made_at_run_time(&mapping.name);
    }
}

pub fn remote_bundle(bytes: &[u8]) {
    if let Ok(host) = remote::read_bundle(bytes) {
        assert!(remote::is_bundle(bytes));
        assert!(host.dpkg.is_some() || host.packages.is_some());
        host.running.rung();
    }
}

pub fn elf_note(bytes: &[u8]) {
    if let Ok(image) = elf::read_elf(bytes) {
        drop(elf::build_id(bytes, &image));
        drop(image.dynamic(bytes));
        image.base(0x7f00_0000_0000, 0x1000);
        let words = image.words(bytes).unwrap_or_default();
        assert!(words.len() <= 2 * elf::MAX_WORDS + 64);
    }
}

pub fn loader_list(bytes: &[u8]) {
    let (vector, memory) = bytes.split_at(bytes.len().min(64));
    let links = loader::listed(vector, memory);
    assert!(links.len() <= loader::MAX_LINKS);
    let fits = |link: &loader::Link| link.name.len() <= loader::MAX_NAME_BYTES + 256;
    assert!(links.iter().all(fits));
}

pub fn patch_plan(bytes: &[u8]) {
    if let Ok(plan) = apply::read_plan(bytes) {
        for host in &plan.hosts {
            let Ok(job) = apply::Job::of(host.kind, &host.steps) else {
                continue;
            };
            let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=+~^".contains(c);
            for word in job
                .calls
                .iter()
                .chain(&job.undo)
                .flat_map(|call| &call.words)
            {
                assert!(word.chars().all(harmless), "{word:?}");
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(rows) = cordon_patch::plan::read_reachable(&text) {
        assert!(
            rows.iter()
                .all(|row| row.port > 0 && !row.package.is_empty())
        );
    }
    apply::read_vitals(bytes);
    drop(apply::answer(&apply::Job::default(), bytes));
}

pub fn message(content: &[u8]) {
    for kind in [Kind::Datagram, Kind::Stream, Kind::Beats, Kind::Json] {
        let record = Record {
            seq: 1,
            at: Time::from_millis(1_700_000_000_000),
            kind,
            listener: "x",
            peer: [127, 0, 0, 1].into(),
            over: 0,
            content,
        };
        let heard = decode(&record);
        let name = format!("x/{}", heard.sender);
        assert!(name.parse::<SourceName>().is_ok(), "{name:?}");
    }
}

pub fn sigma_rule(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let loaded = sigma::RuleSet::load([("fuzz", &text)]);
    assert!(loaded.refused.iter().all(|refused| refused.line > 0));
    let engine = sigma::Engine::new(&loaded.set);
    let _correlator = sigma::Correlator::new(&loaded.set, sigma::Limits::default());
    for (index, rule) in loaded.set.rules.iter().enumerate() {
        assert!(!sigma::explain(rule, &sigma::Event::new()).matches);
        assert!(engine.can_fire(index, &engine.coverage()).is_some());
    }
}

pub fn sigma_json(bytes: &[u8]) {
    let (mut event, mut again) = (sigma::Event::new(), sigma::Event::new());
    let read = event.read_json(bytes);
    assert_eq!(read, again.read_json(bytes));
    assert!(event.fields().eq(again.fields()));
    assert!(read.is_ok() || event.fields().count() == 0);
    for (name, _, _) in event.fields() {
        assert!(event.get(name).next().is_some());
    }
    assert_eq!(event.sources(), again.sources());
}

pub fn records_evtx(bytes: &[u8]) {
    read_log(bytes, &[records::Format::Evtx]);
}

pub fn records_json(bytes: &[u8]) {
    read_log(bytes, &[records::Format::Json]);
}

pub fn records_xml(bytes: &[u8]) {
    read_log(bytes, &[records::Format::Xml]);
}

pub fn records_audit(bytes: &[u8]) {
    read_log(bytes, &[records::Format::Audit]);
}

pub fn records_journal(bytes: &[u8]) {
    read_log(bytes, &[records::Format::Journal]);
}

pub fn records_lines(bytes: &[u8]) {
    read_log(
        bytes,
        &[
            records::Format::Syslog,
            records::Format::Cef,
            records::Format::Leef,
            records::Format::Web,
            records::Format::Pairs,
            records::Format::Text,
        ],
    );
}

pub fn records_table(bytes: &[u8]) {
    read_log(
        bytes,
        &[
            records::Format::W3c,
            records::Format::Zeek,
            records::Format::Csv,
        ],
    );
}

pub fn rpmdb_sqlite(bytes: &[u8]) {
    let (database, wal) = bytes.split_at(bytes.len() / 2);
    drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Absent));
    drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Bytes(bytes)));
    drop(pkgdb::rpmdb_sqlite(database, pkgdb::Wal::Bytes(wal)));
}

pub fn rpmdb_ndb(bytes: &[u8]) {
    drop(pkgdb::rpmdb_ndb(bytes));
}

pub fn rpmdb_bdb(bytes: &[u8]) {
    drop(pkgdb::rpmdb_bdb(bytes));
}

pub fn rpm_header(bytes: &[u8]) {
    if let Ok(package) = pkgdb::rpm_header(bytes) {
        let _stream: Option<&str> = package.stream();
        let _source: Option<&str> = package.source();
        assert!(!package.evr().is_empty());
    }
    drop(pkgdb::rpm_query(bytes));
    drop(pkgdb::rpm_plain(bytes));
    drop(pkgdb::Os::read(bytes));
}

pub fn apk_installed(bytes: &[u8]) {
    drop(pkgdb::apk_installed(bytes));
}

pub fn osv(bytes: &[u8]) {
    judged(&advisory::osv("fuzz", [bytes]));
}

pub fn csaf(bytes: &[u8]) {
    judged(&advisory::csaf("fuzz", [bytes]));
}

pub fn secdb(bytes: &[u8]) {
    judged(&advisory::secdb("fuzz", [bytes]));
}

pub fn oval(bytes: &[u8]) {
    if let Ok(oval) = advisory::Oval::read(bytes) {
        let bash = advisory::Have {
            name: "bash",
            arch: "x86_64",
            evr: "5.1-2.el9",
            signature: None,
        };
        let files = std::collections::BTreeMap::from([(
            "/etc/release".to_owned(),
            "release 9.4\n".to_owned(),
        )]);
        let facts = advisory::Facts {
            kind: vercmp::Kind::Rpm,
            packages: &[bash],
            uname: Some(advisory::Uname {
                os_release: "5.14.0",
                ..advisory::Uname::default()
            }),
            files: Some(&files),
        };
        assert_eq!(oval.evaluate(&facts).len(), oval.definitions.len());
    }
}

pub fn filetype(bytes: &[u8]) {
    let limits = filetype::Limits {
        bytes_out: 1 << 20,
        entries: 256,
        steps: 16 << 10,
        ..filetype::Limits::default()
    };
    let mut budget = filetype::Budget::new(limits);
    let part = filetype::inspect("fuzz", bytes, &mut budget);
    assert!(part.walk().count() <= 257);
    for found in part.executables() {
        assert!(found.part().kind.is_executable() && !found.to_string().is_empty());
    }
    assert!(budget.bytes_out() <= (1 << 20) + (4 << 20));
}

pub fn kev(bytes: &[u8]) {
    drop(advisory::kev_csv(bytes));
    drop(advisory::kev_json(bytes));
}

/// Rules, a line with `%%%`, and events, one a line: the index says what the explanation says, and whatever
/// correlations say they say within their limits.
pub fn sigma_match(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (rules, events) = text.split_once("\n%%%\n").unwrap_or((&text, "{}"));
    let set = sigma::RuleSet::load([("fuzz", rules)]).set;
    let engine = sigma::Engine::new(&set);
    let limits = sigma::Limits {
        groups: 4,
        events: 4,
        value_bytes: 4,
    };
    let correlator = sigma::Correlator::new(&set, limits);
    // Events of the sources of all rules, and of some.
    for step in [1, 2] {
        let sources = set.rules.iter().step_by(step);
        let sources = sources.map(|rule| rule.source.clone()).collect();
        let mut event = sigma::Event::new();
        event.set_sources(std::sync::Arc::new(sources));
        let (mut scratch, mut windows) = (sigma::Scratch::new(), sigma::Windows::default());
        for (at, line) in (0..).zip(events.lines()) {
            if event.read_json(line.as_bytes()).is_err() {
                continue;
            }
            let mut found = vec![false; set.rules.len()];
            engine.matches(&event, &mut scratch, |rule| found[rule] = true);
            for (rule, found) in found.into_iter().enumerate() {
                let explanation = engine.explain(rule, &event).unwrap();
                assert_eq!(found, explanation.matches, "{explanation}");
                if found {
                    correlator.feed(&mut windows, rule, &event, at * 7_000, &mut |one| {
                        assert!(one.from_ms <= one.at_ms);
                    });
                }
            }
        }
        correlator.advance(&mut windows, u64::MAX, &mut |one| {
            assert!(one.from_ms <= one.at_ms);
        });
        assert!(windows.groups() <= set.correlations.len());
    }
}

/// A log as each of these forms and as what it looks like: the account names as many events as came.
fn read_log(bytes: &[u8], formats: &[records::Format]) {
    for format in formats.iter().copied().map(Some).chain([None]) {
        let options = records::Options {
            around: Some(1_790_000_000_000),
            format,
            minutes_east: 60,
        };
        let mut events = 0;
        let report = records::read("fuzz", bytes, &options, &mut |_| events += 1);
        assert!(report.is_err() || report.is_ok_and(|report| report.events == events));
    }
}

/// Whatever was read is indexed, and a fleet of its own packages is judged.
fn judged(feed: &advisory::Feed) {
    let index = advisory::Index::new(
        std::slice::from_ref(feed),
        advisory::Options { all_classes: true },
    );
    for row in &feed.rows {
        assert!(row.advisory.wormable().is_none() || !row.advisory.vectors.is_empty());
        let _level: Option<advisory::Level> = row.advisory.level();
        let version = match &row.fix {
            advisory::Fix::In(version) | advisory::Fix::After(version) => version.as_str(),
            _ => "1-1",
        };
        let package = advisory::Installed {
            name: &row.package,
            version,
            ..advisory::Installed::default()
        };
        let packages = [package];
        let audit = index.judge(&advisory::Inventory {
            release: &row.release,
            packages: &packages,
        });
        assert!(audit.covered);
    }
}

pub type Target = fn(&[u8]);

macro_rules! targets {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name)),*] };
}

/// All of them by name.
pub const TARGETS: &[(&str, Target)] = targets![
    sheet,
    deployer,
    dpkg_status,
    packages_index,
    release,
    unpack,
    log_line,
    syslog,
    version,
    windows_inventory,
    windows_feed,
    bulletin,
    cadence_line,
    arrivals,
    policy,
    stage,
    cadence,
    snapshot,
    spool_segment,
    lumberjack,
    framing,
    packed_log,
    journal_entry,
    proc_maps,
    remote_bundle,
    elf_note,
    loader_list,
    patch_plan,
    message,
    sigma_rule,
    sigma_match,
    sigma_json,
    records_evtx,
    records_json,
    records_xml,
    records_audit,
    records_journal,
    records_lines,
    records_table,
    rpmdb_sqlite,
    rpmdb_ndb,
    rpmdb_bdb,
    rpm_header,
    apk_installed,
    osv,
    csaf,
    secdb,
    oval,
    filetype,
    kev,
];
