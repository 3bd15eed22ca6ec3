#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (database, wal) = bytes.split_at(bytes.len() / 2);
    drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Absent));
    drop(pkgdb::rpmdb_sqlite(bytes, pkgdb::Wal::Bytes(bytes)));
    drop(pkgdb::rpmdb_sqlite(database, pkgdb::Wal::Bytes(wal)));
});
