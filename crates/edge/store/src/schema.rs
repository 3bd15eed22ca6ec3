//! The tables, as numbered steps. A step that was released is never edited: the next one mends it.

/// The steps in order; step N makes schema N + 1.
pub(crate) const STEPS: &[&str] = &[
    // 1: what an engine starts from, and what waits to be sent.
    "CREATE TABLE head (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         seq INTEGER NOT NULL,
         at INTEGER NOT NULL,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE TABLE shards (
         control TEXT NOT NULL,
         key BLOB NOT NULL,
         version INTEGER NOT NULL,
         bytes BLOB NOT NULL,
         PRIMARY KEY (control, key)
     ) STRICT;
     CREATE TABLE cursors (name TEXT PRIMARY KEY NOT NULL, bytes BLOB NOT NULL) STRICT;
     CREATE TABLE findings (
         key BLOB PRIMARY KEY NOT NULL,
         rule TEXT NOT NULL,
         host TEXT NOT NULL,
         subject TEXT NOT NULL,
         severity TEXT NOT NULL,
         life TEXT NOT NULL,
         first INTEGER NOT NULL,
         last INTEGER NOT NULL,
         resolved INTEGER,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE TABLE outbox (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         seq INTEGER NOT NULL,
         kind TEXT NOT NULL,
         body BLOB NOT NULL
     ) STRICT;",
    // 2: what was said, for people who ask later; the standing findings without walking the resolved.
    "CREATE TABLE history (
         id INTEGER PRIMARY KEY,
         seq INTEGER NOT NULL,
         at INTEGER NOT NULL,
         kind TEXT NOT NULL,
         rule TEXT NOT NULL,
         host TEXT NOT NULL,
         subject TEXT NOT NULL,
         severity TEXT NOT NULL,
         title TEXT NOT NULL,
         body TEXT NOT NULL
     ) STRICT;
     CREATE INDEX history_at ON history (at);
     CREATE INDEX findings_standing ON findings (key) WHERE resolved IS NULL;
     CREATE TABLE backup (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         path TEXT NOT NULL,
         seq INTEGER,
         at INTEGER
     ) STRICT;",
    // 3: what is known of each recipient of messages; what each source said, hour by hour.
    "CREATE TABLE notes (name TEXT PRIMARY KEY NOT NULL, bytes BLOB NOT NULL) STRICT;
     CREATE TABLE hours (
         host TEXT NOT NULL,
         source TEXT NOT NULL,
         hour INTEGER NOT NULL,
         minutes INTEGER NOT NULL,
         lines INTEGER NOT NULL,
         errors INTEGER NOT NULL,
         unparsed INTEGER NOT NULL,
         shapes INTEGER NOT NULL,
         wrong INTEGER NOT NULL,
         PRIMARY KEY (host, source, hour)
     ) STRICT;
     CREATE INDEX hours_hour ON hours (hour);",
];

/// The schema that this version writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub const SCHEMA: u32 = STEPS.len() as u32;

/// `PRAGMA application_id`: says that a database is ours ("Cord").
pub(crate) const APPLICATION: u32 = 0x436f_7264;
