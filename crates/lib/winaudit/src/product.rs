//! Which of a feed's 6,800 product names speak of this host. A product is an application on a
//! system, or a system: "Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1".
//! Names are taken apart once and compared part by part; comparing them as text loses "systems"
//! against "Systems", and mixes up 32-bit and x64, RTM and service pack.

use crate::host::{Arch, NetVersion, Said, WindowsHost};
use crate::value::Parsed;

/// A generation of Windows; builds tell the releases of Windows 10 and later apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Generation {
    Nt4,
    W2000,
    Xp,
    S2003,
    Vista,
    S2008,
    W7,
    S2008R2,
    W8,
    S2012,
    W81,
    S2012R2,
    /// Windows 10 and 11.
    Client,
    /// Windows Server 2016 and later.
    Server,
}

/// A system, as exactly as updates are published for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct System {
    pub(crate) generation: Generation,
    /// Build for Windows 10, Server 2016 and later; 0 before.
    pub(crate) build: u32,
    pub(crate) pack: u8,
    pub(crate) arch: Arch,
    pub(crate) core: bool,
}

/// What an update applies to on a system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum App {
    System,
    /// 0 when no version is said.
    Ie(u8),
    Edge,
    Flash,
    Net(Vec<NetVersion>),
    /// A part of Windows that is only there if somebody chose it.
    Optional(&'static str),
    Other,
}

/// Generations by the beginning of their name, the longest first.
const GENERATIONS: [(&str, Generation); 14] = [
    ("windows server 2012 r2", Generation::S2012R2),
    ("windows server 2012", Generation::S2012),
    ("windows server 2008 r2", Generation::S2008R2),
    ("windows server 2008", Generation::S2008),
    ("windows server 2003", Generation::S2003),
    ("windows server", Generation::Server),
    ("windows 2000", Generation::W2000),
    ("windows xp", Generation::Xp),
    ("windows vista", Generation::Vista),
    ("windows 7", Generation::W7),
    ("windows 8.1", Generation::W81),
    ("windows 8", Generation::W8),
    ("windows 10", Generation::Client),
    ("windows 11", Generation::Client),
];

/// Releases of Windows 10, 11 and Server by name, with their build. Facts of Microsoft's release
/// pages.
const RELEASES: [(&str, u32); 29] = [
    ("server 2016", 14393),
    ("server 2019", 17763),
    ("server 2022, 23h2", 25398),
    ("server 2022", 20348),
    ("server 2025", 26100),
    ("windows 11 version 26h1", 28000),
    ("windows 11 version 25h2", 26200),
    ("windows 11 version 24h2", 26100),
    ("windows 11 version 23h2", 22631),
    ("windows 11 version 22h2", 22621),
    ("windows 11 version 21h2", 22000),
    ("windows 11 for", 22000),
    ("version 1511", 10586),
    ("version 1607", 14393),
    ("version 1703", 15063),
    ("version 1709", 16299),
    ("version 1803", 17134),
    ("version 1809", 17763),
    ("version 1903", 18362),
    ("version 1909", 18363),
    ("version 2004", 19041),
    ("version 20h2", 19042),
    ("version 21h1", 19043),
    ("version 21h2", 19044),
    ("version 22h2", 19045),
    ("version 23h2", 25398),
    ("version 1507", 10240),
    ("windows 10 for", 10240),
    ("windows 10 x64", 10240),
];

/// Words that a name of a system may hold besides generation and release. Anything else is
/// something that only begins like a system: "Windows Defender", "Windows 10 Mail Client".
const WORDS: [&str; 26] = [
    "for",
    "x64-based",
    "32-bit",
    "arm64-based",
    "itanium-based",
    "systems",
    "system",
    "service",
    "pack",
    "x64",
    "edition",
    "(server",
    "core",
    "installation)",
    "professional",
    "version",
    "1",
    "2",
    "3",
    "4",
    "standard",
    "r2",
    "datacenter:",
    "azure",
    "server",
    "windows",
];

/// Parts of Windows, and programs beside it, that are only there if somebody chose them.
const OPTIONAL: [&str; 17] = [
    "Active Directory Lightweight Directory Services",
    "Active Directory Federation Services",
    "Active Directory Application Mode",
    "FTP Service",
    "Internet Information Services",
    "Remote Server Administration Tools",
    "Remote Desktop Client 8",
    "Remote Desktop Connection 7",
    "Telnet Service",
    "XML Core Services 4.0",
    "XML Core Services 5.0",
    "Windows Media Center",
    "Windows Media Services",
    "Distributed File System",
    "Message Queuing",
    "SharePoint",
    "Journal",
];

/// The system of a host.
pub(crate) fn system_of(host: &WindowsHost) -> Result<System, &'static str> {
    let lower = |said: &Said<String>| said.value.to_lowercase();
    let name = host.os_name.as_ref().map_or_else(String::new, lower);
    let kind = host.installation.as_ref().map_or_else(String::new, lower);
    let server = name.contains("server") || kind.contains("server");
    let [major, minor, build] = host
        .version
        .as_ref()
        .map(|said| said.value)
        .ok_or("no file says its version")?;
    let generation = match (major, minor, server) {
        (4, ..) => Generation::Nt4,
        (5, 0, _) => Generation::W2000,
        (5, 1, _) => Generation::Xp,
        (5, 2, _) if name.contains("xp") => Generation::Xp,
        (5, 2, _) => Generation::S2003,
        (6, 0, false) => Generation::Vista,
        (6, 0, true) => Generation::S2008,
        (6, 1, false) => Generation::W7,
        (6, 1, true) => Generation::S2008R2,
        (6, 2, false) => Generation::W8,
        (6, 2, true) => Generation::S2012,
        (6, 3, false) if build < 10_000 => Generation::W81,
        (6, 3, true) if build < 10_000 => Generation::S2012R2,
        (6 | 10, _, false) => Generation::Client,
        (6 | 10, _, true) => Generation::Server,
        _ => return Err("its version is none of Windows"),
    };
    let pack = host.service_pack.as_ref().map_or(0, |said| said.value);
    let arch = match (&host.arch, generation) {
        (Some(said), _) => said.value,
        (None, Generation::Nt4 | Generation::W2000) => Arch::X86,
        (None, Generation::S2012 | Generation::S2012R2 | Generation::Server) => Arch::X64,
        (None, _) => return Err("no file says its architecture"),
    };
    let modern = generation >= Generation::Client;
    Ok(System {
        generation,
        build: if modern { build } else { 0 },
        pack,
        arch,
        core: kind.contains("core"),
    })
}

/// Takes a product's name apart; `None` for what runs on no particular Windows.
pub(crate) fn target(product: &str) -> Option<(App, System)> {
    let lower = product.to_lowercase();
    if let Some(system) = system(&lower) {
        return Some((App::System, system));
    }
    let (app, rest) = lower.rsplit_once(" on ")?;
    Some((app_of_name(app), system(rest)?))
}

fn system(name: &str) -> Option<System> {
    let name = name.trim().trim_start_matches("microsoft ");
    let (start, generation) = GENERATIONS
        .iter()
        .find(|(start, _)| name.starts_with(start))?;
    let modern = *generation >= Generation::Client;
    let build = if modern {
        RELEASES
            .iter()
            .find(|(release, _)| name.contains(release))?
            .1
    } else {
        0
    };
    let rest = name.get(start.len()..)?;
    if !modern && !rest.split_whitespace().all(|word| WORDS.contains(&word)) {
        return None;
    }
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    if modern
        && !rest
            .split([' ', ','])
            .all(|word| word.is_empty() || WORDS.contains(&word) || is_number(word))
    {
        return None;
    }
    let pack = name
        .split_once("service pack ")
        .and_then(|(_, rest)| rest.get(..1)?.parsed());
    let old_server = matches!(
        generation,
        Generation::S2012 | Generation::S2012R2 | Generation::Server
    );
    let arch = if name.contains("arm64") {
        Arch::Arm64
    } else if name.contains("itanium") {
        Arch::Ia64
    } else if name.contains("x64") || old_server {
        Arch::X64
    } else {
        Arch::X86
    };
    Some(System {
        generation: *generation,
        build,
        pack: pack.unwrap_or(0),
        arch,
        core: name.contains("server core"),
    })
}

fn app_of_name(app: &str) -> App {
    if app.contains("internet explorer") {
        App::Ie(trailing_number(app))
    } else if app.contains("flash player") {
        App::Flash
    } else if app.contains("microsoft edge") || app.contains("chakracore") {
        App::Edge
    } else if app.contains(".net framework") {
        App::Net(net_versions(app))
    } else if app.contains("xml core services 3") || app.contains("xml core services 6") {
        // Parts of every Windows, served by its own updates.
        App::System
    } else {
        App::Other
    }
}

/// What a row applies to, where its component says more than its product.
pub(crate) fn app_of_component(component: &str, of_product: &App) -> App {
    if let Some(optional) = OPTIONAL.iter().find(|name| component.contains(**name)) {
        return App::Optional(optional);
    }
    if *of_product != App::System {
        return of_product.clone();
    }
    let lower = component.to_lowercase();
    if lower.contains("internet explorer") {
        App::Ie(trailing_number(&lower))
    } else if lower.contains("flash player") {
        App::Flash
    } else if lower.contains("microsoft edge") {
        App::Edge
    } else if lower.contains(".net framework") && !net_versions(&lower).is_empty() {
        App::Net(net_versions(&lower))
    } else if let Some(version) = lower
        .strip_prefix("vbscript 5.")
        .or_else(|| lower.strip_prefix("jscript 5."))
    {
        // The script engines 5.6, 5.7 and 5.8 are those of Internet Explorer 6, 7 and 8; later
        // versions carry their own, in the cumulative update of Internet Explorer.
        App::Ie(
            version
                .get(..1)
                .and_then(super::value::Parsed::parsed)
                .unwrap_or(0),
        )
    } else {
        App::System
    }
}

fn trailing_number(text: &str) -> u8 {
    let digits = |word: &str| word.parsed();
    text.split_whitespace().rev().find_map(digits).unwrap_or(0)
}

/// `3.5.1`, `4.6/4.6.1/4.7`: all versions that a text names; 3.5 and 3.5.1 are one.
fn net_versions(text: &str) -> Vec<NetVersion> {
    let mut all = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
        let mut parts = word
            .split('.')
            .filter(|part| !part.is_empty())
            .map(super::value::Parsed::parsed::<u8>);
        let Some(Some(major)) = parts.next() else {
            continue;
        };
        let minor = parts.next().flatten().unwrap_or(0);
        let version = match (major, minor) {
            (3, 5) => [3, 5, 1],
            _ => [major, minor, parts.next().flatten().unwrap_or(0)],
        };
        if (1..=9).contains(&major) && !all.contains(&version) {
            all.push(version);
        }
    }
    all
}

/// Versions of .NET that a Windows 10 or later brings along; it may have been raised since.
pub(crate) fn inbox_net(build: u32) -> NetVersion {
    match build {
        ..=10_240 => [4, 6, 0],
        10_241..=10_586 => [4, 6, 1],
        10_587..=14_393 => [4, 6, 2],
        14_394..=15_063 => [4, 7, 0],
        15_064..=16_299 => [4, 7, 1],
        16_300..=17_763 => [4, 7, 2],
        17_764..=22_000 => [4, 8, 0],
        _ => [4, 8, 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(product: &str, app: App, system: &str) {
        let (found, of) = target(product).unwrap_or_else(|| panic!("{product}"));
        let System {
            generation,
            build,
            pack,
            arch,
            core,
        } = of;
        let text = format!("{generation:?} {build} sp{pack} {arch:?} core {core}");
        assert_eq!((found, text.as_str()), (app, system), "{product}");
    }

    #[test]
    fn names_come_apart() {
        let of = App::System;
        let all = [
            (
                "Windows 7 for x64-based Systems Service Pack 1",
                "W7 0 sp1 X64 core false",
            ),
            (
                "Windows 10 Version 1803 for x64-based Systems",
                "Client 17134 sp0 X64 core false",
            ),
            (
                "Windows 10 for 32-bit Systems",
                "Client 10240 sp0 X86 core false",
            ),
            (
                "Windows 10 Version 1511 for x64-based Systems",
                "Client 10586 sp0 X64 core false",
            ),
            (
                "Windows 11 for x64-based Systems",
                "Client 22000 sp0 X64 core false",
            ),
            (
                "Windows 11 Version 22H2 for ARM64-based Systems",
                "Client 22621 sp0 Arm64 core false",
            ),
            (
                "Windows Server 2016  (Server Core installation)",
                "Server 14393 sp0 X64 core true",
            ),
            ("Windows Server 2012 R2", "S2012R2 0 sp0 X64 core false"),
            (
                "Microsoft Windows XP Service Pack 1",
                "Xp 0 sp1 X86 core false",
            ),
            (
                "Windows Vista x64 Edition Service Pack 2",
                "Vista 0 sp2 X64 core false",
            ),
        ];
        for (product, system) in all {
            check(product, of.clone(), system);
        }
    }

    #[test]
    fn an_application_stands_before_its_system() {
        let ie = "Internet Explorer 11 on Windows 8.1 for 32-bit systems";
        check(ie, App::Ie(11), "W81 0 sp0 X86 core false");
        let flash = "Adobe Flash Player on Windows Server 2012";
        check(flash, App::Flash, "S2012 0 sp0 X64 core false");
        let net = "Microsoft .NET Framework 3.5 AND 4.7.2 on Windows 10 Version 1809 for x64-based Systems";
        let versions = App::Net(vec![[3, 5, 1], [4, 7, 2]]);
        check(net, versions, "Client 17763 sp0 X64 core false");
        let others = [
            "Windows Defender",
            "Microsoft Office 2016",
            "Windows 10 Mail Client",
        ];
        for other in others {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn a_component_says_more_than_its_product() {
        assert_eq!(
            app_of_component("Windows Internet Explorer 8", &App::System),
            App::Ie(8)
        );
        assert_eq!(
            app_of_component("Microsoft .NET Framework 4.5.2", &App::System),
            App::Net(vec![[4, 5, 2]])
        );
        assert_eq!(app_of_component("VBScript 5.8", &App::System), App::Ie(8));
        assert_eq!(
            app_of_component("Windows Kernel", &App::System),
            App::System
        );
    }
}
