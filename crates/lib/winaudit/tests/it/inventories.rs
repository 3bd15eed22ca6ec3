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
