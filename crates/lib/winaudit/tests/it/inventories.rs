//! Every real inventory gives a host that is named, dated and listed, whatever its language.

use winaudit::{Kind, WindowsHost};

use crate::corpus;

#[test]
fn every_real_file_is_read_whatever_its_language() {
    let Some(files) = corpus::files() else { return };
    assert!(files.len() >= 30, "{} files", files.len());
    for (name, bytes) in &files {
        let mut host = WindowsHost::default();
        let kind = host
            .add(name, bytes)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = match () {
            () if name.contains("updates") => Kind::Updates,
            () if name.contains("qfe") => Kind::Qfe,
            () => Kind::Systeminfo,
        };
        assert_eq!(kind, expected, "{name}");
        println!(
            "{name}: {kind}, {}, {:?} {:?} {:?} sp {:?} boot {:?}, {} hotfixes, {:?} {:?}",
            host.sources[0].encoding,
            host.name.as_ref().map(|said| &said.value),
            host.os_name.as_ref().map(|said| &said.value),
            host.version.as_ref().map(|said| said.value),
            host.service_pack.as_ref().map(|said| said.value),
            host.boot.as_ref().map(|said| said.value.to_string()),
            host.hotfixes.len(),
            host.lists.iter().map(|said| said.value).collect::<Vec<_>>(),
            host.notes,
        );
        match kind {
            Kind::Systeminfo => {
                let system = name.split('_').next().unwrap();
                let major = match system {
                    "xp" => 5,
                    "vista" | "7" => 6,
                    "10" | "11" => 10,
                    _ => host.version.as_ref().unwrap().value[0],
                };
                assert_eq!(host.version.as_ref().unwrap().value[0], major, "{name}");
                assert!(host.os_name.is_some() && host.arch.is_some(), "{name}");
                let arch = host
                    .arch
                    .as_ref()
                    .map(|said| format!("{:?}", said.value).to_lowercase());
                for known in ["x64", "x86"] {
                    assert!(
                        !name.contains(known) || arch.as_deref() == Some(known),
                        "{name} {arch:?}"
                    );
                }
                assert_eq!(host.lists.len(), 1, "{name}");
            }
            Kind::Qfe => assert!(host.lists[0].value.shown > 0, "{name}"),
            _ => assert!(
                host.offered.is_some_and(|offered| !offered.is_empty()),
                "{name}"
            ),
        }
    }
}

#[test]
fn the_list_that_windows_7_cuts_is_told() {
    let Some(files) = corpus::files() else { return };
    let mut cut = 0;
    for (name, bytes) in &files {
        let mut host = WindowsHost::default();
        host.add(name, bytes).unwrap();
        let text = String::from_utf8_lossy(bytes).replace('\0', "");
        // Stated by hand here: the number before the list, in whatever language.
        if name.contains("systeminfo") && text.contains("273 Hotfix(s) Installed") {
            cut += 1;
            assert!(!host.has_whole_list() && !host.notes.is_empty(), "{name}");
            assert!(host.hotfixes.len() < 273, "{name}");
        }
    }
    assert!(cut > 0, "no file with a cut list");
}

/// The same host in three languages and code pages of which the corpora have no example.
#[test]
fn languages_and_code_pages_that_nobody_keyed() {
    // "Имя узла", "Имя ОС", …, as cmd.exe on a Russian Windows writes them (code page 866).
    let russian: &[u8] = b"\x88\xac\xef \xe3\xa7\xab\xa0:  SRV1\r\n\x88\xac\xef \x8e\x91:  Microsoft Windows Server 2012 R2 Standard\r\n\x82\xa5\xe0\xe1\xa8\xef \x8e\x91:  6.3.9600 \x8d/\x84 \xaf\xae\xe1\xe2\xe0\xae\xa5\xad\xa8\xa5 9600\r\n\x92\xa8\xaf:  x64-based PC\r\n\x8f\xe0\xae\xe6\xa5\xe1\xe1\xae\xe0:  1\r\n    [01]: Intel64\r\n\x88\xe1\xaf\xe0:  2\r\n    [01]: KB2919355\r\n    [02]: KB3173424\r\n\x91\xa5\xe2\xec:  1\r\n    [01]: x\r\n";
    // Code page 936.
    let chinese: &[u8] = b"\xd6\xf7\xbb\xfa\xc3\xfb:  SRV1\r\nOS \xc3\xfb\xb3\xc6:  Microsoft Windows Server 2012 R2 Standard\r\nOS \xb0\xe6\xb1\xbe:  6.3.9600 \xd4\xdd\xc8\xb1 Build 9600\r\n\xcf\xb5\xcd\xb3\xc0\xe0\xd0\xcd:  x64-based PC\r\n\xb4\xa6\xc0\xed\xc6\xf7:  1\r\n    [01]: Intel64\r\n\xd0\xde\xb2\xb9\xb3\xcc\xd0\xf2:  2\r\n    [01]: KB2919355\r\n    [02]: KB3173424\r\n\xcd\xf8\xbf\xa8:  1\r\n    [01]: x\r\n";
    let japanese = "ホスト名: SRV1\r\nOS 名: Microsoft Windows Server 2012 R2 Standard\r\nOS バージョン: 6.3.9600 N/A ビルド 9600\r\nシステムの種類: x64 ベース PC\r\nプロセッサ: 1\r\n    [01]: Intel64\r\nホットフィックス: 2\r\n    [01]: KB2919355\r\n    [02]: KB3173424\r\nネットワーク カード: 1\r\n    [01]: x\r\n";
    let japanese: Vec<u8> = japanese.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let pages = [
        ("IBM866", russian),
        ("GBK", chinese),
        ("UTF-16BE", japanese.as_slice()),
    ];
    for (page, bytes) in pages {
        let mut host = WindowsHost::default();
        assert_eq!(host.add("any name", bytes), Ok(Kind::Systeminfo), "{page}");
        assert_eq!(
            host.name.as_ref().map(|said| said.value.as_str()),
            Some("SRV1"),
            "{page}"
        );
        assert_eq!(
            host.version.as_ref().map(|said| said.value),
            Some([6, 3, 9600]),
            "{page}"
        );
        assert_eq!(
            host.arch.as_ref().map(|said| said.value),
            Some(winaudit::Arch::X64),
            "{page}"
        );
        assert_eq!(
            (host.hotfixes.len(), host.has_whole_list()),
            (2, true),
            "{page}"
        );
        assert!(
            host.sources[0].encoding.eq_ignore_ascii_case(page),
            "{}",
            host.sources[0].encoding
        );
    }
}

#[test]
fn files_of_one_host_merge_and_contradictions_are_told() {
    let mut host = WindowsHost::default();
    let first = "Host: PC1\nOS: Microsoft Windows 10 Pro\nV: 10.0.17134 N/A Build 17134\nT: x64-based PC\nP: 1\n    [01]: x\nF: 1\n    [01]: KB1234567\nC: 1\n    [01]: y\n";
    host.add("systeminfo", first.as_bytes()).unwrap();
    host.add(
        "info",
        b"WindowsCurrentVersion : 6.3\nCsName : PC1\nOsVersion : 10.0.17763\nWindowsUBR : 590\n",
    )
    .unwrap();
    host.add("qfe", b"HotFixID=KB1234567\nInstalledOn=2/13/2019\n")
        .unwrap();
    assert_eq!(host.version.as_ref().unwrap().value[2], 17134);
    assert_eq!(host.ubr.as_ref().unwrap().value, 590);
    assert_eq!(host.source_name(host.ubr.as_ref().unwrap().by), "info");
    let listed = host.hotfixes.values().next().unwrap();
    assert_eq!((listed.by.len(), listed.on.is_some()), (2, true));
    let told: Vec<&String> = host
        .notes
        .iter()
        .filter(|note| note.contains("contradiction"))
        .collect();
    assert_eq!(told.len(), 1, "{:?}", host.notes);
}

#[test]
fn what_is_no_inventory_is_refused_with_its_reason() {
    let mut host = WindowsHost::default();
    let error =
        |host: &mut WindowsHost, bytes: &[u8]| host.add("x", bytes).unwrap_err().to_string();
    assert_eq!(
        error(&mut host, b" \r\n"),
        "expected an inventory of a Windows host, found an empty file"
    );
    assert!(error(&mut host, b"hello, world").contains("found \"hello, world\""));
    let registry =
        b"Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n\"a\"=\"b\"\n";
    assert_eq!(
        error(&mut host, registry),
        "expected a registry export with a key that tells of updates, programs or the system, found none"
    );
    assert!(host.sources.is_empty() && host.lists.is_empty());
}
