#![no_main]

use winaudit::{FeedBuilder, WindowsHost, judge};

const HOST: &[u8] = b"Host: X\nOS: Microsoft Windows 7 Pro\nVersion: 6.1.7601 Service Pack 1 Build 7601\nType: x64-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB4486563\nCards: 1\n    [01]: y\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut host = WindowsHost::default();
    host.add("host", HOST).unwrap();
    for builder in [FeedBuilder::new().csv(bytes), FeedBuilder::new().cvrf(bytes)] {
        if let Ok(builder) = builder {
            let feed = builder.build();
            let report = judge(&host, &feed);
            assert!(report.plan().len() <= report.counts().missing);
        }
    }
});
