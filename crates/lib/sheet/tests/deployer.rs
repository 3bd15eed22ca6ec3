//! Exports of deployment tools, made by hand after what their makers document. In each, every row is accounted
//! for, and nothing is taken for installed that is not called so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use sheet::{Deployed, Pending, Product, Said, SheetError, deployer};

/// Reads, and holds what must hold for every export.
#[track_caller]
fn read(bytes: &[u8]) -> Deployed {
    let deployed = deployer(bytes).unwrap();
    assert_eq!(deployed.rows, deployed.accounted(), "rows in are rows out");
    deployed
}

/// Host, updates and what is said of each word.
fn words(deployed: &Deployed) -> Vec<(&str, &[u32], Said)> {
    let words = deployed.words.iter();
    words
        .map(|word| (word.host.as_str(), word.kbs.as_slice(), word.said.clone()))
        .collect()
}

fn said(text: &str) -> Vec<Said> {
    let words = read(text.as_bytes()).words.into_iter();
    words.map(|word| word.said).collect()
}

fn hosts(deployed: &Deployed) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let hosts = deployed.hosts.iter();
    hosts
        .map(|host| {
            let (contact, build) = (host.last_contact.as_deref(), host.build.as_deref());
            (host.host.as_str(), contact, build)
        })
        .collect()
}

fn rejects(deployed: &Deployed) -> Vec<(String, &str)> {
    let rejected = deployed.rejected.iter();
    rejected
        .map(|row| (row.place.to_string(), row.why.as_str()))
        .collect()
}

const KB: &[u32] = &[5_034_763];

#[test]
fn wsus_as_powershell_exports_it() {
    let csv = r#"#TYPE Selected.Microsoft.UpdateServices.Internal.BaseApi.UpdateInstallationInfo
"FullDomainName","KnowledgebaseArticles","SecurityBulletins","Title","UpdateInstallationState","LastReportedStatusTime"
"pc1.example.org","5034763","","2024-02 Cumulative Update for Windows 10 (KB5034763)","Installed","11/20/2026 8:12:33 AM"
"pc2.example.org","5034763","","2024-02, ""x""","InstalledPendingReboot",""
"pc3.example.org","835732","MS04-011","Security Update","NotInstalled",""
"pc4.example.org","5034763","","","Downloaded",""
"pc5.example.org","5034763","","","Failed",""
"pc6.example.org","5034763","","","NotApplicable",""
"pc7.example.org","5034763","","","Unknown",""
"pc8.example.org","5034763","","","4",""
"","5034763","","","Installed",""
"pc9.example.org","","","","Installed",""
"#;
    let deployed = read(csv.replace('\n', "\r\n").as_bytes());
    assert_eq!(deployed.product, Product::Wsus);
    assert_eq!(
        words(&deployed),
        [
            ("pc1.example.org", KB, Said::Done),
            ("pc2.example.org", KB, Said::Pending(Pending::Reboot)),
            (
                "pc3.example.org",
                &[835_732][..],
                Said::Pending(Pending::Needed)
            ),
            ("pc4.example.org", KB, Said::Pending(Pending::Downloaded)),
            ("pc5.example.org", KB, Said::Failed),
            ("pc6.example.org", KB, Said::NotNeeded),
            ("pc7.example.org", KB, Said::Unknown("Unknown".to_owned())),
            ("pc8.example.org", KB, Said::Done),
        ]
    );
    assert_eq!(deployed.words[2].bulletin.as_deref(), Some("MS04-011"));
    let expected = [
        ("row 11", "it names no host"),
        ("row 12", "it names no update"),
    ];
    assert_eq!(
        rejects(&deployed),
        expected.map(|(place, why)| (place.to_owned(), why))
    );
    assert_eq!(deployed.headings.len(), 2, "the type and the heading");
}

/// The report of the console has the host above its table, again and again.
#[test]
fn wsus_as_the_console_reports_it() {
    let report = "Computer Detailed Status;;;
Computer Name:;pc1.example.org;;
Operating System:;Windows 10 Pro;;
Last contacted:;20.11.2026;;
Title;Classification;Approval;Status
2024-02 Cumulative Update (KB5034763);Security Updates;Install;Installed/Not Applicable
2024-03 Cumulative Update (KB5035845);Security Updates;Install;Failed
Computer Name: pc2.example.org;;;
Title;Classification;Approval;Status
2024-02 Cumulative Update (KB5034763);Security Updates;Install;No status
";
    let deployed = read(report.as_bytes());
    assert_eq!(deployed.product, Product::Wsus);
    assert_eq!(
        words(&deployed),
        [
            ("pc1.example.org", KB, Said::NotNeeded),
            ("pc1.example.org", &[5_035_845][..], Said::Failed),
            ("pc2.example.org", KB, Said::Unknown("No status".to_owned())),
        ],
        "installed or not applicable is not installed"
    );
    assert_eq!((deployed.headings.len(), deployed.rejected.len()), (7, 0));
}

/// Counts of a host are no word on any update.
#[test]
fn wsus_hosts_with_their_counts() {
    let csv = "Computer Name,Operating System,Installed/Not Applicable,Needed,Failed,No Status,Last Status Report
pc1.example.org,Windows 10 Pro,118,3,0,0,2026-11-20 08:00:00
pc2.example.org,Windows 10 Pro,0,0,0,121,Never
pc3.example.org,Windows 10 Pro,0,0,0,121,04/03/2026
";
    let deployed = read(csv.as_bytes());
    assert_eq!(deployed.product, Product::Wsus);
    assert_eq!(
        hosts(&deployed),
        [
            ("pc1.example.org", Some("2026-11-20"), None),
            ("pc2.example.org", None, None),
            ("pc3.example.org", None, None),
        ]
    );
    assert_eq!(deployed.doubts.len(), 1, "{:?}", deployed.doubts);
}

#[test]
fn configuration_manager() {
    let csv = r"Machine Name,User Name,ArticleID,BulletinID,Title,StateName,Last State Received
EXAMPLE\PC1,u,5034763,,Cumulative,Update is installed,1
PC2$,u,5034763,,Cumulative,Update is required,1
PC3,u,5034763,,Cumulative,Update is not required,1
PC4,u,5034763,,Cumulative,Detection state unknown,1
PC5,u,5034763,,Cumulative,Failed to install update(s),1
PC6,u,5034763,,Cumulative,Pending system restart,1
PC7,u,5034763,,Cumulative,Compliant,1
PC8,u,5034763,,Cumulative,Non-compliant,1
";
    let deployed = read(csv.as_bytes());
    assert_eq!(deployed.product, Product::ConfigMgr);
    let unknown = Said::Unknown("Detection state unknown".to_owned());
    assert_eq!(
        words(&deployed),
        [
            ("PC1", KB, Said::Done),
            ("PC2", KB, Said::Pending(Pending::Needed)),
            ("PC3", KB, Said::NotNeeded),
            ("PC4", KB, unknown),
            ("PC5", KB, Said::Failed),
            ("PC6", KB, Said::Pending(Pending::Reboot)),
            ("PC7", KB, Said::Done),
            ("PC8", KB, Said::Pending(Pending::Needed)),
        ]
    );
    // The view of the database has numbers; 3 is another thing there than with WSUS.
    let view = "NetBiosName0\tArticleID\tStatus\nPC1\t5034763\t3\nPC2\t5034763\t2\n";
    assert_eq!(said(view), [Said::Done, Said::Pending(Pending::Needed)]);
    // A report of one computer marks with stars.
    let marks = "Computer Name: PC1,,,\nArticle ID,Title,Installed,Required\n5034763,a,*,\n\
                 5035845,b,,*\n5036892,c,,\n";
    let unknown = Said::Unknown(String::new());
    assert_eq!(
        said(marks),
        [Said::Done, Said::Pending(Pending::Needed), unknown]
    );
    // What `Get-CMDevice` says is of hosts alone.
    let devices = "Name,DeviceOS,DeviceOSBuild,LastActiveTime,SiteCode\n\
                   PC1,Microsoft Windows NT Workstation 10.0,10.0.19045.4046,2026-11-20T08:00:00Z,P01\n";
    let deployed = read(devices.as_bytes());
    assert_eq!(deployed.product, Product::ConfigMgr);
    let build = Some("10.0.19045.4046");
    assert_eq!(hosts(&deployed), [("PC1", Some("2026-11-20"), build)]);
}

/// `Compliant` of Intune is of its policies for devices, and no word on an update.
#[test]
fn intune_devices_are_words_on_hosts() {
    let csv = "Device ID,Device name,Managed by,Ownership,Compliance,OS,OS version,Last check-in,Primary user UPN
1,LAPTOP-1,Intune,Corporate,Compliant,Windows,10.0.19045.4046,2026-11-20 08:00:00.0000000,ute@example.org
2,iPhone of Ute,Intune,Personal,Compliant,iOS,17.3,2026-11-21 08:00:00.0000000,ute@example.org
";
    let deployed = read(csv.as_bytes());
    assert_eq!(deployed.product, Product::Intune);
    assert_eq!(
        hosts(&deployed),
        [
            ("LAPTOP-1", Some("2026-11-20"), Some("10.0.19045.4046")),
            ("iPhone of Ute", Some("2026-11-21"), None),
        ]
    );
    assert_eq!(deployed.words, []);
}

#[test]
fn intune_updates_of_devices() {
    let csv =
        "PolicyId,DeviceName,UPN,FeatureUpdateVersion,CurrentDeviceUpdateStatus,AggregateState
p,L1,a@x,\"Windows 10, version 22H2\",Installed,Success
p,L2,a@x,\"Windows 10, version 22H2\",Offering,In progress
p,L3,a@x,\"Windows 10, version 22H2\",Cancelled,Error
p,L4,a@x,\"Windows 10, version 22H2\",Something new,?
";
    let deployed = read(csv.as_bytes());
    assert_eq!(deployed.product, Product::Intune);
    let none: &[u32] = &[];
    assert_eq!(
        words(&deployed),
        [
            ("L1", none, Said::Done),
            ("L2", none, Said::Pending(Pending::Underway)),
            ("L3", none, Said::Failed),
            ("L4", none, Said::Unknown("Something new".to_owned())),
        ]
    );
    let title = deployed.words[0].title.as_deref();
    assert_eq!(title, Some("Windows 10, version 22H2"));
}

#[test]
fn in_german_and_french_and_every_encoding() {
    let german = "Computername;KB-Nummer;Titel;Status;Letzter Kontakt
pc1;KB5034763;Kumulatives Update;Installiert;20.11.2026
pc2;KB5034763;Kumulatives Update;Neustart ausstehend;20.11.2026
pc3;KB5034763;Kumulatives Update für alle;Nicht installiert;20.11.2026
pc4;KB5034763;Kumulatives Update;Fehlgeschlagen;20.11.2026
pc5;KB5034763;Kumulatives Update;Installiert/Nicht zutreffend;20.11.2026
";
    let french = "Nom de l'ordinateur;Titre;État;Dernier contact
pc1;Mise à jour (KB5034763);Installé;20/11/2026
pc2;Mise à jour (KB5034763);Redémarrage en attente;20/11/2026
pc3;Mise à jour (KB5034763);Non installé;20/11/2026
pc4;Mise à jour (KB5034763);Échec;20/11/2026
pc5;Mise à jour (KB5034763);Non applicable;20/11/2026
";
    for text in [german, french] {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let latin = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap());
        let tabs = text.replace(';', "\t").into_bytes();
        let commas = text.replace(';', ",").into_bytes();
        let marked = format!("\u{feff}{text}").into_bytes();
        let plain = text.as_bytes().to_vec();
        for bytes in [plain, marked, utf16, latin.collect(), tabs, commas] {
            let words = read(&bytes).words.into_iter();
            let said: Vec<Said> = words.map(|word| word.said).collect();
            let expected = [
                Said::Done,
                Said::Pending(Pending::Reboot),
                Said::Pending(Pending::Needed),
                Said::Failed,
                Said::NotNeeded,
            ];
            assert_eq!(said, expected, "{text}");
        }
    }
}

#[test]
fn what_names_no_hosts_is_refused() {
    let check = |text: &str, expected: &str| {
        let error = deployer(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check("", "the file is empty");
    let hosts = "no heading was found: expected a row with a column of hosts";
    check("Dear all,\nplease patch.\n", hosts);
    check("Title,Status\nKB5034763,Installed\n", hosts);
    check("Computer\npc1\n", hosts); // a list of hosts alone is for `--expect`
    assert!(matches!(
        deployer(b"\0\x01\x02binary\x03\x04"),
        Err(SheetError::Unknown(_))
    ));
}

#[test]
fn a_table_without_states_says_nothing_of_updates() {
    let deployed = read(b"Computer Name,KB,Approval\npc1,5034763,Install\n");
    let why = "no column says what became of the update";
    assert_eq!(rejects(&deployed), [("row 2".to_owned(), why)]);
}

#[test]
fn hosts_are_named_once() {
    let csv =
        b"Computer Name,KB,Status\nPC1,5034763,Installed\npc1,5035845,Failed\npc2,5035845,Failed\n";
    assert_eq!(read(csv).names(), ["PC1", "pc2"]);
}
