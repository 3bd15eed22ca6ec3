//! What goes in comes out, in order, and no more than that.

use std::collections::BTreeMap;

use cordon_model::{Severity, Time};
use cordon_store::{
    BACKUPS, Backup, Commit, FindingRow, Head, Loaded, SCHEMA, ShardRow, Sqlite, StateStore,
    StoreError,
};

use crate::{FINDINGS, commit, folder, hour, shard, store};

#[test]
fn what_was_stored_is_loaded_again() {
    let dir = folder("load");
    let opened = Sqlite::open(&dir).unwrap();
    assert_eq!(opened.load(), Ok(Loaded::default()), "nothing as yet");
    let first = commit(1);
    store(&opened, first.clone()).unwrap();
    let expected = Loaded {
        head: Some(Head {
            seq: 1,
            at: first.at,
            bytes: first.head.clone(),
        }),
        shards: first.shards.clone(),
        cursors: first.cursors.clone(),
        findings: first.findings.clone(),
    };
    assert_eq!(opened.load().as_ref(), Ok(&expected));
    drop(opened);
    let opened = Sqlite::open(&dir).unwrap();
    assert_eq!(opened.load(), Ok(expected));
    assert_eq!(opened.history(first.at, 100), Ok(first.said));
    let sent = opened.outbox(0, 100).unwrap();
    assert!(sent.into_iter().map(|out| out.row).eq(first.outbox));
}

/// Numbers that look random and are the same each time (Steele, Lea, Flood: `SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.roll(40);
        (0..length)
            .map(|_| u8::try_from(self.roll(256)).unwrap())
            .collect()
    }

    fn finding(&mut self, key: u64) -> FindingRow {
        let severities = [Severity::Info, Severity::Low, Severity::Medium];
        let all = [&severities[..], &[Severity::High, Severity::Critical]].concat();
        FindingRow {
            key: vec![0, u8::try_from(key).unwrap()],
            rule: format!("RULE-{}", self.roll(3)),
            host: "größe\0'\"".to_owned(),
            subject: String::new(),
            severity: all[usize::try_from(self.roll(5)).unwrap()],
            life: "new".to_owned(),
            first: Time::from_millis(self.roll(1 << 62)),
            last: Time::from_millis(self.roll(1 << 62)),
            bytes: self.bytes(),
        }
    }
}

/// The store as three maps.
#[derive(Default)]
struct Model {
    head: Option<Head>,
    shards: BTreeMap<(String, Vec<u8>), ShardRow>,
    cursors: BTreeMap<String, Vec<u8>>,
    findings: BTreeMap<Vec<u8>, FindingRow>,
}

impl Model {
    fn absorb(&mut self, commit: &Commit) {
        self.head = Some(Head {
            seq: commit.seq,
            at: commit.at,
            bytes: commit.head.clone(),
        });
        for row in &commit.shards {
            let key = (row.control.clone(), row.key.clone());
            match row.bytes {
                Some(_) => self.shards.insert(key, row.clone()),
                None => self.shards.remove(&key),
            };
        }
        self.cursors.extend(commit.cursors.iter().cloned());
        for row in &commit.findings {
            self.findings.insert(row.key.clone(), row.clone());
        }
        for key in &commit.resolved {
            self.findings.remove(key);
        }
    }

    fn loaded(&self) -> Loaded {
        Loaded {
            head: self.head.clone(),
            shards: self.shards.values().cloned().collect(),
            cursors: self.cursors.clone().into_iter().collect(),
            findings: self.findings.values().cloned().collect(),
        }
    }
}

#[test]
fn any_run_of_commits_leaves_what_the_same_run_leaves_in_maps() {
    for seed in 0..8 {
        let dir = folder(&format!("model {seed}"));
        let (mut dice, mut model) = (Dice(seed), Model::default());
        let mut opened = Sqlite::open(&dir).unwrap();
        let mut last = 0;
        for _ in 0..60 {
            let mut next = Commit {
                seq: last + 1 + dice.roll(5),
                after: last,
                at: Time::from_millis(dice.roll(1 << 62)),
                head: dice.bytes(),
                ..Commit::default()
            };
            for _ in 0..dice.roll(6) {
                let bytes = (dice.roll(3) > 0).then(|| dice.bytes());
                let control = ["logs", "patch"][usize::from(dice.roll(2) == 0)];
                let key = [u8::try_from(dice.roll(6)).unwrap()];
                next.shards.push(shard(control, &key, bytes.as_deref()));
            }
            for _ in 0..dice.roll(3) {
                let name = format!("source-{}", dice.roll(3));
                next.cursors.push((name, dice.bytes()));
            }
            let (found, gone) = (dice.roll(12), dice.roll(12));
            next.findings.push(dice.finding(found));
            if gone != found {
                next.resolved.push(vec![0, u8::try_from(gone).unwrap()]);
            }
            last = next.seq;
            model.absorb(&next);
            assert_eq!(store(&opened, next), Ok(last));
            if dice.roll(10) == 0 {
                drop(opened);
                opened = Sqlite::open(&dir).unwrap();
            }
            assert_eq!(opened.load(), Ok(model.loaded()), "seed {seed}, {last}");
        }
    }
}

#[test]
fn a_commit_is_taken_once_and_only_after_the_one_it_builds_on() {
    let opened = Sqlite::open(&folder("chain")).unwrap();
    assert_eq!(store(&opened, commit(1)), Ok(1));
    let again = StoreError::AlreadyThere { seq: 1, last: 1 };
    assert_eq!(store(&opened, commit(1)), Err(again));
    let gap = StoreError::Gap {
        seq: 3,
        after: 2,
        last: 1,
    };
    assert_eq!(store(&opened, commit(3)), Err(gap));
    assert_eq!(store(&opened, commit(2)), Ok(2));
    assert_eq!(opened.facts().unwrap().history, 2 * FINDINGS);
}

#[test]
fn a_resolved_finding_stands_no_more_and_is_kept() {
    let opened = Sqlite::open(&folder("resolved")).unwrap();
    let first = commit(1);
    store(&opened, first.clone()).unwrap();
    let end = Commit {
        seq: 2,
        after: 1,
        at: first.at,
        resolved: first.findings.iter().map(|row| row.key.clone()).collect(),
        ..Commit::default()
    };
    store(&opened, end).unwrap();
    assert_eq!(opened.load().unwrap().findings, []);
    let facts = opened.facts().unwrap();
    assert_eq!((facts.standing, facts.resolved), (0, FINDINGS));
    let back = Commit {
        seq: 3,
        after: 2,
        findings: first.findings[..1].to_vec(),
        ..Commit::default()
    };
    store(&opened, back).unwrap();
    assert_eq!(opened.load().unwrap().findings, first.findings[..1]);
    let facts = opened.facts().unwrap();
    assert_eq!((facts.standing, facts.resolved), (1, FINDINGS - 1));
}

#[test]
fn history_is_in_order_and_pruned_from_its_old_end() {
    let opened = Sqlite::open(&folder("history")).unwrap();
    let commits: Vec<Commit> = (1..=5).map(commit).collect();
    let mut said: Vec<_> = commits.iter().flat_map(|c| c.said.clone()).collect();
    for commit in &commits {
        store(&opened, commit.clone()).unwrap();
    }
    let always = Time::from_millis(0);
    assert_eq!(opened.history(always, 1000).as_ref(), Ok(&said));
    assert_eq!(opened.history(always, 3).unwrap(), said[..3]);
    assert_eq!(opened.history(commits[3].at, 1000).unwrap(), said[30..]);
    assert_eq!(opened.prune(commits[2].at, 7), Ok(7), "no more than asked");
    assert_eq!(opened.history(always, 1000).unwrap(), said.split_off(7));
    assert_eq!(opened.prune(commits[2].at, 1000), Ok(13));
    assert_eq!(opened.prune(commits[2].at, 1000), Ok(0));
    assert_eq!(
        opened.history(always, 1000).unwrap(),
        said_from(&commits[2..])
    );
    assert_eq!(opened.facts().unwrap().standing, 50, "history only");
}

fn said_from(commits: &[Commit]) -> Vec<cordon_store::HistoryRow> {
    commits.iter().flat_map(|c| c.said.clone()).collect()
}

#[test]
fn an_hour_is_kept_as_it_was_last_said_and_notes_are_replaced() {
    let dir = folder("hours");
    let opened = Sqlite::open(&dir).unwrap();
    for seq in 1..=25 {
        store(&opened, commit(seq)).unwrap();
    }
    opened.note("mail:anna", b"1").unwrap();
    opened.note("mail:anna", b"2").unwrap();
    drop(opened);
    let opened = Sqlite::open(&dir).unwrap();
    let hours = opened.hours(500_001).unwrap();
    assert_eq!(
        hours,
        [hour(19), hour(25)],
        "the last word on each of two hours"
    );
    assert_eq!(
        opened.notes().unwrap().into_iter().collect::<Vec<_>>(),
        [("mail:anna".to_owned(), b"2".to_vec())]
    );
    let before = Time::from_millis(500_002 * 3_600_000);
    opened.prune(before, 0).unwrap();
    assert_eq!(opened.hours(0).unwrap(), [hour(25)]);
}

#[test]
fn a_message_waits_until_it_was_sent_and_its_id_is_never_given_again() {
    let opened = Sqlite::open(&folder("outbox")).unwrap();
    store(&opened, commit(1)).unwrap();
    store(&opened, commit(2)).unwrap();
    let waiting = opened.outbox(0, 10).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(opened.outbox(0, 1).unwrap(), waiting[..1]);
    opened.sent(waiting[0].id).unwrap();
    opened.sent(waiting[1].id).unwrap();
    assert_eq!(opened.outbox(0, 10), Ok(Vec::new()));
    store(&opened, commit(3)).unwrap();
    assert!(opened.outbox(0, 10).unwrap()[0].id > waiting[1].id);
}

#[test]
fn a_backup_is_a_store_of_its_own_and_facts_name_it() {
    let dir = folder("backup");
    let opened = Sqlite::open(&dir).unwrap();
    assert_eq!(opened.facts().unwrap().last, None);
    let first = commit(1);
    store(&opened, first.clone()).unwrap();
    let to = dir.join(BACKUPS).join("today.db");
    opened.backup(&to).unwrap();
    store(&opened, commit(2)).unwrap();
    let facts = opened.facts().unwrap();
    assert_eq!(facts.schema, SCHEMA);
    assert_eq!(facts.last, Some((2, commit(2).at)));
    assert_eq!((facts.shards, facts.standing, facts.outbox), (1, 20, 2));
    assert!(facts.bytes > 4096 && facts.free > 0);
    let last = Some((1, first.at));
    let path = to.clone();
    assert_eq!(facts.backup, Some(Backup { path, last }));
    let Err(StoreError::Io { .. }) = opened.backup(&to) else {
        panic!("a backup must not be overwritten");
    };
    let restored = folder("backup restored");
    std::fs::create_dir_all(&restored).unwrap();
    std::fs::copy(&to, restored.join(cordon_store::DATABASE)).unwrap();
    assert_eq!(crate::whole(&restored), 1);
}
