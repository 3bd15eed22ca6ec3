#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(package) = pkgdb::rpm_header(bytes) {
        let _stream: Option<&str> = package.stream();
        let _source: Option<&str> = package.source();
        assert!(!package.evr().is_empty());
    }
    drop(pkgdb::rpm_query(bytes));
    drop(pkgdb::rpm_plain(bytes));
    drop(pkgdb::Os::read(bytes));
});
