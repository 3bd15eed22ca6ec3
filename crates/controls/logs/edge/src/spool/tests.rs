//! What the spool promises, on a real folder.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};

use super::*;

/// A folder that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cordon-spool-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    fn open(&self, budget: u64, durable: Position) -> (Spool, Reader) {
        Spool::open(&self.0, budget, durable).unwrap()
    }

    /// The segments' files, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const BUDGET: u64 = 1 << 20;

fn put(spool: &Spool, content: &str) -> Result<u64, SpoolError> {
    let item = Item {
        kind: Kind::Stream,
        listener: "x",
        peer: IpAddr::from([127, 0, 0, 1]),
        over: 0,
        content: content.as_bytes(),
    };
    spool.append(&[item], Time::from_millis(1))
}

/// What a reader sees up to the end; what was skipped as `?` or the number of records that are missing.
fn all(reader: &mut Reader) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        match reader.next().unwrap() {
            Seen::Record(record) => seen.push(String::from_utf8(record.content.to_vec()).unwrap()),
            Seen::Skipped { lost } => {
                seen.push(lost.map_or("?".to_owned(), |lost| format!("-{lost}")));
            }
            Seen::End => return seen,
        }
    }
}

#[test]
fn what_is_synced_is_read_once_and_in_order_and_a_restart_goes_on() {
    let dir = Dir::new("order");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    for content in ["a", "b", "c"] {
        put(&spool, content).unwrap();
    }
    assert!(all(&mut reader).is_empty(), "nothing is synced yet");
    spool.sync(2).unwrap();
    assert_eq!(all(&mut reader), ["a", "b", "c"]);
    let durable = reader.position();
    assert_eq!(Position::read(&durable.cursor()), Some(durable));
    put(&spool, "d").unwrap();
    drop((spool, reader)); // as kill -9 does: nothing is synced, nothing is closed
    let (spool, mut reader) = dir.open(BUDGET, durable);
    assert_eq!(all(&mut reader), ["d"]);
    assert_eq!(put(&spool, "e").unwrap(), 5, "numbers go on");
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader), ["e"]);
}

#[test]
fn a_segment_goes_when_what_is_in_it_is_durable_and_not_before() {
    let dir = Dir::new("free");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    let content = "x".repeat(10_000);
    for _ in 0..60 {
        put(&spool, &content).unwrap();
    }
    spool.sync_all().unwrap();
    let before = dir.files().len();
    assert!(before >= 4, "{before} segments");
    assert_eq!(all(&mut reader).len(), 60);
    assert_eq!(dir.files().len(), before, "read is not durable");
    spool.free(reader.position());
    assert_eq!(dir.files().len(), 1);
    assert_eq!(spool.size(), fs::metadata(&dir.files()[0]).unwrap().len());
}

#[test]
fn a_full_spool_takes_all_or_nothing_and_goes_on_when_there_is_room() {
    let dir = Dir::new("full");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    let content = "x".repeat(50_000);
    let mut taken = 0;
    let error = loop {
        match put(&spool, &content) {
            Ok(seq) => taken = seq,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, SpoolError::Full { budget: BUDGET }),
        "{error}"
    );
    assert!(spool.trouble().unwrap().contains("1048576 bytes"));
    assert!(spool.size() <= BUDGET);
    spool.sync_all().unwrap();
    assert_eq!(
        all(&mut reader).len() as u64,
        taken,
        "nothing of what was taken is lost"
    );
    spool.free(reader.position());
    assert_eq!(put(&spool, &content).unwrap(), taken + 1);
    assert_eq!(spool.trouble(), None);
}

/// On a full disk the segment that is written is the only one, and all of it may be durable.
#[test]
fn what_is_durable_of_the_segment_that_is_written_gives_its_blocks_back_when_there_is_no_room() {
    use std::os::unix::fs::MetadataExt;
    let dir = Dir::new("blocks");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    for _ in 0..100 {
        put(&spool, &"x".repeat(1000)).unwrap();
    }
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader).len(), 100);
    let blocks = || {
        dir.files()
            .iter()
            .map(|file| fs::metadata(file).unwrap().blocks())
            .sum::<u64>()
    };
    let taken = blocks();
    spool.free(reader.position());
    assert_eq!(blocks(), taken, "no trouble, no hole");
    let much = "x".repeat(2 * usize::try_from(BUDGET).unwrap());
    let item = Item {
        kind: Kind::Stream,
        listener: "x",
        peer: IpAddr::from([127, 0, 0, 1]),
        over: 0,
        content: much.as_bytes(),
    };
    assert!(spool.append(&[item; 8], Time::from_millis(1)).is_err());
    let durable = reader.position();
    spool.free(durable);
    assert!(blocks() <= taken / 10, "{} of {taken}", blocks());
    put(&spool, "after").unwrap();
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader), ["after"]);
    drop((spool, reader));
    let (spool, mut reader) = dir.open(BUDGET, durable);
    assert_eq!(put(&spool, "later").unwrap(), 102, "no number comes twice");
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader), ["after", "later"]);
}

#[test]
fn who_waits_for_room_is_woken_when_it_is_made_or_the_spool_is_closed() {
    let dir = Dir::new("room");
    let (spool, _reader) = dir.open(BUDGET, Position::default());
    let waiting = spool.clone();
    let waiter = std::thread::spawn(move || while waiting.wait_for_room() {});
    spool.close();
    waiter.join().unwrap();
    assert!(matches!(put(&spool, "x"), Err(SpoolError::Closed)));
}

#[test]
fn a_torn_end_is_told_once_and_costs_no_whole_record() {
    let dir = Dir::new("torn");
    let (spool, _) = dir.open(BUDGET, Position::default());
    put(&spool, "first").unwrap();
    let whole = fs::metadata(&dir.files()[0]).unwrap().len();
    put(&spool, "second").unwrap();
    drop(spool);
    let file = &dir.files()[0];
    let bytes = fs::read(file).unwrap();
    for cut in whole..bytes.len() as u64 {
        fs::write(file, &bytes[..usize::try_from(cut).unwrap()]).unwrap();
        let (spool, mut reader) = dir.open(BUDGET, Position::default());
        let torn: &[&str] = if cut == whole {
            &["first"]
        } else {
            &["first", "?"]
        };
        assert_eq!(all(&mut reader), torn, "cut at {cut}");
        assert_eq!(put(&spool, "third").unwrap(), 2);
        spool.sync_all().unwrap();
        assert_eq!(all(&mut reader), ["third"]);
        let after = reader.position();
        drop((spool, reader));
        let (_, mut reader) = dir.open(BUDGET, after);
        assert!(all(&mut reader).is_empty(), "told once");
        for file in dir.files() {
            fs::remove_file(file).unwrap();
        }
        fs::write(file, &bytes).unwrap();
    }
}

#[test]
fn damage_in_the_middle_costs_the_rest_of_its_segment_and_is_counted() {
    let dir = Dir::new("damage");
    let (spool, _) = dir.open(BUDGET, Position::default());
    let filler = "x".repeat(20_000);
    let mut per_segment = 0;
    for number in 1..=30 {
        put(&spool, &format!("{number} {filler}")).unwrap();
        if dir.files().len() == 1 {
            per_segment = number;
        }
    }
    drop(spool);
    // The third record of the first segment.
    let mut file = OpenOptions::new()
        .write(true)
        .open(&dir.files()[0])
        .unwrap();
    file.seek(SeekFrom::Start(HEAD_BYTES as u64 + 45_000))
        .unwrap();
    file.write_all(b"\xff\xff").unwrap();
    let (_, mut reader) = dir.open(BUDGET, Position::default());
    let seen: Vec<String> = all(&mut reader)
        .iter()
        .map(|content| content.split(' ').next().unwrap().to_owned())
        .collect();
    let mut expected = vec![
        "1".to_owned(),
        "2".to_owned(),
        format!("-{}", per_segment - 2),
    ];
    expected.extend((per_segment + 1..=30).map(|number| number.to_string()));
    assert_eq!(seen, expected);
    // A head that cannot be read costs its whole segment.
    let mut file = OpenOptions::new()
        .write(true)
        .open(&dir.files()[1])
        .unwrap();
    file.write_all(b"nothing").unwrap();
    let (_, mut reader) = dir.open(BUDGET, Position::default());
    let seen = all(&mut reader);
    assert!(seen.len() < expected.len() && seen.contains(&"?".to_owned()));
    assert!(seen.last().unwrap().starts_with("30 "));
}

#[test]
fn a_hub_that_knows_more_than_this_disk_is_not_told_anything_twice() {
    let dir = Dir::new("ahead");
    let durable = Position {
        segment: 5,
        offset: 999,
        seq: 100,
    };
    let (spool, mut reader) = dir.open(BUDGET, durable);
    assert_eq!(put(&spool, "a").unwrap(), 101);
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader), ["a"]);
}

#[test]
fn a_hub_that_knows_less_is_told_what_is_gone() {
    let dir = Dir::new("behind");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    for _ in 0..20 {
        put(&spool, &"x".repeat(20_000)).unwrap();
    }
    spool.sync_all().unwrap();
    assert_eq!(all(&mut reader).len(), 20);
    spool.free(reader.position());
    drop((spool, reader));
    let (_, mut reader) = dir.open(
        BUDGET,
        Position {
            segment: 1,
            offset: HEAD_BYTES as u64,
            seq: 0,
        },
    );
    let seen = all(&mut reader);
    let gone: usize = seen[0].strip_prefix('-').unwrap().parse().unwrap();
    assert_eq!(gone + seen.len() - 1, 20);
}

#[test]
fn many_who_wait_for_a_sync_all_get_theirs() {
    let dir = Dir::new("group");
    let (spool, mut reader) = dir.open(BUDGET, Position::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let seq = put(&spool, "x").unwrap();
                    spool.sync(seq).unwrap();
                }
            });
        }
    });
    assert_eq!(all(&mut reader).len(), 400);
}

#[test]
fn a_link_in_its_place_is_not_followed() {
    let dir = Dir::new("link");
    let elsewhere = Dir::new("elsewhere");
    fs::create_dir(&elsewhere.0).unwrap();
    std::os::unix::fs::symlink(&elsewhere.0, &dir.0).unwrap();
    assert!(matches!(
        Spool::open(&dir.0, BUDGET, Position::default()),
        Err(SpoolError::Disk { .. })
    ));
    assert!(elsewhere.files().is_empty());
    fs::remove_file(&dir.0).unwrap();
}
