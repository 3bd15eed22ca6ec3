#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    judged(&advisory::osv("fuzz", [bytes]));
});

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
