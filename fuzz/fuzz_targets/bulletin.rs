#![no_main]

use winaudit::{Bulletin, WindowsHost, judge_bulletin};

const HOST: &[u8] = b"Host: X\nOS: Microsoft Windows XP Professional\nVersion: 5.1.2600 Service Pack 1 Build 2600\nType: X86-based PC\nP: 1\n    [01]: x\nFixes: 1\n    [01]: KB835732\nCards: 1\n    [01]: y\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(bulletin) = Bulletin::from_json(bytes) {
        let mut host = WindowsHost::default();
        host.add("host", HOST).unwrap();
        assert!(!judge_bulletin(&host, &bulletin).evidence.is_empty());
    }
});
