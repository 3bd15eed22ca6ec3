//! Every parser of hostile bytes, on the corpus of its fuzz target and on what the test makes of it.

use std::fs;

use cordon::CONTROLS;
use cordon_engine::Snapshot;
use cordon_logs_edge::{
    Lines,
    decode::decode,
    escape, journal,
    listen::{
        framing::{Framer, Framing},
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

use crate::root;

/// What a target does with bytes.
type Target = fn(&[u8]);

/// A target: its name below `fuzz/corpus` and `fuzz/fuzz_targets`, and what it does with bytes.
const TARGETS: &[(&str, Target)] = &[
    ("sheet", |bytes| {
        if let Ok(reading) = sheet::read(bytes, None) {
            let parts = reading.asked.len() + reading.rejected.len() + reading.headings.len();
            assert_eq!(reading.rows, parts);
        }
    }),
    ("deployer", |bytes| {
        if let Ok(deployed) = sheet::deployer(bytes) {
            assert_eq!(deployed.rows, deployed.accounted());
            assert!(deployed.names().iter().all(|name| !name.is_empty()));
        }
    }),
    ("dpkg_status", |bytes| {
        drop(cordon_patch::read_status(bytes));
    }),
    ("packages_index", |bytes| {
        drop(cordon_patch::read_packages_index(bytes));
    }),
    ("release", |bytes| {
        let _date: Option<Time> = cordon_patch::read_release_date(bytes);
        let _size: Option<u64> =
            cordon_patch::read_release_size(bytes, "main/binary-amd64/Packages");
    }),
    ("unpack", |bytes| {
        drop(cordon_patch_edge::unpack_bytes(
            "fuzz".as_ref(),
            bytes.to_vec(),
        ));
    }),
    ("log_line", |bytes| {
        let mut lines = Lines::new(bytes);
        while let Some(line) = lines.next_line().unwrap() {
            let phrases = ["x".to_owned()];
            let _: Level = cordon_logs::level(&line, &phrases);
            let _: Option<Time> = cordon_logs::stamp(&line, Time::from_millis(1_700_000_000_000));
        }
    }),
    ("syslog", |bytes| {
        let line = escape(bytes);
        assert_eq!(unescape(&line), bytes);
        for minutes_east in [0, i16::MIN, i16::MAX] {
            let around = Time::from_millis(1_700_000_000_000);
            let parsed = syslog::parse(&line, around, syslog::Zone { minutes_east });
            assert!(line.ends_with(parsed.message), "{line:?}");
        }
    }),
    ("version", |bytes| {
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
    }),
    ("windows_inventory", |bytes| {
        let mut host = winaudit::WindowsHost::default();
        drop(host.add("fuzz", bytes));
    }),
    ("windows_feed", |bytes| {
        let mut host = winaudit::WindowsHost::default();
        host.add("host", b"Host: X\nOS: Microsoft Windows 7 Pro\nVersion: 6.1.7601 Service Pack 1 Build 7601\nType: x64-based PC\n").unwrap();
        let new = winaudit::FeedBuilder::new;
        for builder in [new().csv(bytes), new().cvrf(bytes)].into_iter().flatten() {
            let report = winaudit::judge(&host, &builder.build());
            assert!(report.plan().len() <= report.counts().missing);
        }
    }),
    ("bulletin", |bytes| {
        if let Ok(bulletin) = winaudit::Bulletin::from_json(bytes) {
            let host = winaudit::WindowsHost::default();
            assert!(
                !winaudit::judge_bulletin(&host, &bulletin)
                    .evidence
                    .is_empty()
            );
        }
    }),
    ("cadence_line", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(learned) = text.parse::<cadence::Cadence>() {
            assert_eq!(learned.to_string(), text);
            let now = 1_790_000_000_000;
            assert!(learned.alarm_at(now, 0.5).is_none_or(|at| at > now));
        }
    }),
    ("arrivals", |bytes| {
        let around = Time::from_millis(1_790_000_000_000);
        drop(cordon::command::judge_log(bytes, around).unwrap());
    }),
    ("policy", |bytes| {
        let policy = Policy::new(&String::from_utf8_lossy(bytes), 1);
        drop(cordon_engine::Engine::new("hub".into(), CONTROLS, &policy).map(|_| ()));
    }),
    ("stage", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines() {
            assert!(cordon_watch::keys(line).all(|key| line.contains(key)));
        }
    }),
    ("cadence", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(cadence) = text.trim_end().parse::<cadence::Cadence>() {
            let last = 1_700_000_000_000;
            let _: (Option<i64>, Option<i64>) =
                (cadence.expected_by(last), cadence.alarm_at(last, 0.5));
            assert_eq!(cadence.to_string().parse(), Ok(cadence), "{text:?}");
        }
    }),
    ("snapshot", |bytes| drop(Snapshot::from_bytes(bytes))),
    ("spool_segment", |bytes| {
        let _first: Option<u64> = segment::read_head(bytes);
        let mut rest = bytes.get(segment::HEAD_BYTES..).unwrap_or_default();
        while let segment::Parsed::Whole(record, length) = segment::read(rest) {
            let mut again = Vec::new();
            assert!(segment::write(&record, &mut again));
            assert_eq!(again.as_slice(), &rest[..length]);
            rest = &rest[length..];
        }
    }),
    ("lumberjack", |bytes| {
        let mut from = bytes;
        while let Ok(Some(_)) = lumberjack::read_window(&mut from, &mut |_| Ok(())) {}
    }),
    ("framing", |bytes| {
        for framing in [Framing::Lines, Framing::Syslog] {
            let split = |at_once: usize| {
                let mut all = Vec::new();
                let mut framer = Framer::new(framing);
                let mut out = |message: &[u8], over: u64| all.push((message.to_vec(), over));
                bytes
                    .chunks(at_once)
                    .for_each(|piece| framer.push(piece, &mut out));
                framer.end(&mut out);
                all
            };
            assert_eq!(split(1), split(usize::MAX), "in any pieces");
        }
    }),
    ("packed_log", |bytes| {
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
    }),
    ("journal_entry", |bytes| drop(journal::read_entry(bytes))),
    ("proc_maps", |bytes| {
        drop(maps::read_stat(bytes));
        drop(maps::boot_secs(bytes));
        for mapping in maps::executable_mappings(bytes).unwrap_or_default() {
            assert!(mapping.start < mapping.end);
            let names = maps::names(&mapping.name);
            assert!(names.iter().any(|name| name.path == mapping.name));
            maps::made_at_run_time(&mapping.name);
        }
    }),
    ("remote_bundle", |bytes| {
        if let Ok(host) = remote::read_bundle(bytes) {
            assert!(remote::is_bundle(bytes));
            assert!(host.dpkg.is_some() || host.packages.is_some());
            host.running.rung();
        }
    }),
    ("elf_note", |bytes| {
        if let Ok(image) = elf::read_elf(bytes) {
            drop(elf::build_id(bytes, &image));
            drop(image.dynamic(bytes));
            image.base(0x7f00_0000_0000, 0x1000);
            let words = image.words(bytes).unwrap_or_default();
            assert!(words.len() <= 2 * elf::MAX_WORDS + 64);
        }
    }),
    ("loader_list", |bytes| {
        let (vector, memory) = bytes.split_at(bytes.len().min(64));
        let links = loader::listed(vector, memory);
        assert!(links.len() <= loader::MAX_LINKS);
        let fits = |link: &loader::Link| link.name.len() <= loader::MAX_NAME_BYTES + 256;
        assert!(links.iter().all(fits));
    }),
    ("patch_plan", |bytes| {
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
    }),
    ("message", |content| {
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
    }),
    ("sigma_rule", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let loaded = sigma::RuleSet::load([("fuzz", &text)]);
        assert!(loaded.refused.iter().all(|refused| refused.line > 0));
        let engine = sigma::Engine::new(&loaded.set);
        for (index, rule) in loaded.set.rules.iter().enumerate() {
            assert!(!sigma::explain(rule, &sigma::Event::new()).matches);
            assert!(engine.can_fire(index, &engine.coverage()).is_some());
        }
    }),
    ("sigma_match", sigma_match),
    ("sigma_json", |bytes| {
        let mut event = sigma::Event::new();
        let read = event.read_json(bytes);
        assert!(read.is_ok() || event.fields().count() == 0);
        for (name, _, _) in event.fields() {
            assert!(event.get(name).next().is_some());
        }
    }),
    ("records_evtx", |bytes| {
        read_log(bytes, &[records::Format::Evtx]);
    }),
    ("records_json", |bytes| {
        read_log(bytes, &[records::Format::Json]);
    }),
    ("records_xml", |bytes| {
        read_log(bytes, &[records::Format::Xml]);
    }),
    ("records_audit", |bytes| {
        read_log(bytes, &[records::Format::Audit]);
    }),
    ("records_journal", |bytes| {
        read_log(bytes, &[records::Format::Journal]);
    }),
    ("records_lines", |bytes| {
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
    }),
    ("records_table", |bytes| {
        read_log(
            bytes,
            &[
                records::Format::W3c,
                records::Format::Zeek,
                records::Format::Csv,
            ],
        );
    }),
    ("rpmdb_sqlite", |bytes| {
        let (database, wal) = bytes.split_at(bytes.len() / 2);
        drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Absent));
        drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Bytes(bytes)));
        drop(pkgdb::rpmdb_sqlite(database, pkgdb::Wal::Bytes(wal)));
    }),
    ("rpmdb_ndb", |bytes| {
        drop(pkgdb::rpmdb_ndb(bytes));
    }),
    ("rpmdb_bdb", |bytes| {
        drop(pkgdb::rpmdb_bdb(bytes));
    }),
    ("rpm_header", |bytes| {
        if let Ok(package) = pkgdb::rpm_header(bytes) {
            let _stream: Option<&str> = package.stream();
            let _source: Option<&str> = package.source();
            assert!(!package.evr().is_empty());
        }
        drop(pkgdb::rpm_query(bytes));
        drop(pkgdb::rpm_plain(bytes));
        drop(pkgdb::Os::read(bytes));
    }),
    ("apk_installed", |bytes| {
        drop(pkgdb::apk_installed(bytes));
    }),
    ("osv", |bytes| {
        judged(&advisory::osv("fuzz", [bytes]));
    }),
    ("csaf", |bytes| {
        judged(&advisory::csaf("fuzz", [bytes]));
    }),
    ("secdb", |bytes| {
        judged(&advisory::secdb("fuzz", [bytes]));
    }),
    ("oval", |bytes| {
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
    }),
    ("filetype", |bytes| {
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
    }),
    ("kev", |bytes| {
        drop(advisory::kev_csv(bytes));
        drop(advisory::kev_json(bytes));
    }),
];

/// Rules, a line with `%%%`, and events: the index says what the explanation says.
fn sigma_match(bytes: &[u8]) {
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
    let sources = set.rules.iter().map(|rule| rule.source.clone());
    let mut event = sigma::Event::new();
    event.set_sources(std::sync::Arc::new(sources.collect()));
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
    correlator.advance(&mut windows, u64::MAX, &mut |_| {});
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

#[test]
fn no_corpus_makes_a_parser_panic() {
    for (name, target) in TARGETS {
        let folder = root().join("fuzz/corpus").join(name);
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            seeds += 1;
            target(&bytes);
            for variant in variants(&bytes) {
                target(&variant);
            }
        }
        assert!(seeds > 0, "{name} has no corpus");
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

#[test]
fn every_target_can_be_fuzzed() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            root()
                .join(format!("fuzz/fuzz_targets/{name}.rs"))
                .is_file(),
            "{name}"
        );
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

/// Cut short, bits turned, pieces doubled: by a fixed generator, so a failure can be repeated.
fn variants(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut seed: u64 = 0x2004_0503;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below.max(1) as u64).unwrap()
    };
    let mut all = Vec::new();
    for _ in 0..200 {
        let mut variant = bytes.to_vec();
        match random(3) {
            0 => variant.truncate(random(bytes.len() + 1)),
            1 if !variant.is_empty() => {
                for _ in 0..=random(4) {
                    let place = random(variant.len());
                    variant[place] = u8::try_from(random(256)).unwrap();
                }
            }
            _ => {
                let (from, to) = (random(bytes.len() + 1), random(bytes.len() + 1));
                variant.extend_from_slice(&bytes[from.min(to)..from.max(to)]);
            }
        }
        all.push(variant);
    }
    all
}
