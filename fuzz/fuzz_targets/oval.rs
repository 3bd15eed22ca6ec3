#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
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
});
