//! The script, as far as it can be judged without Windows: its text, and that what it is written to
//! produce is read back whole.

use std::collections::BTreeSet;

use winaudit::collector::{GROUP_POLICY, SCRIPT, TASK_XML, script_sha256};
use winaudit::{Kb, Kind, Pending, WindowsHost};

/// Cmdlets that may stand in it: these read, make objects, or put text together.
const CMDLETS: [&str; 8] = [
    "Get-WmiObject",
    "Get-ItemProperty",
    "Get-Item",
    "Get-ChildItem",
    "Get-Date",
    "Test-Path",
    "Join-Path",
    "New-Object",
];
/// More of these, and its own functions.
const OWN: [&str; 5] = [
    "ForEach-Object",
    "Write-Row",
    "Write-Section",
    "Format-Time",
    "Read-Value",
];
/// Static methods that write: each once, on the file that it makes.
const WRITES: [&str; 2] = [
    "[IO.File]::WriteAllLines($half",
    "[IO.File]::Move($half, $target)",
];

/// The script without its comments and texts, and the texts.
fn code(script: &str) -> (String, Vec<String>) {
    let (mut code, mut texts) = (String::new(), Vec::new());
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' => while chars.next_if(|&c| c != '\n').is_some() {},
            '\'' | '"' => {
                let mut text = String::new();
                loop {
                    match chars.next().expect("a text that nothing closes") {
                        '`' if c == '"' => text.extend(chars.next()),
                        end if end == c && chars.next_if_eq(&c).is_none() => break,
                        other => text.push(other),
                    }
                }
                assert!(!text.contains('\n'), "a text over lines: {text}");
                texts.push(text);
                code.push_str("''");
            }
            c => code.push(c),
        }
    }
    (code, texts)
}

/// Whether brackets close in the order in which they open.
fn balanced(code: &str) -> bool {
    let mut open = Vec::new();
    for c in code.chars() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// Words of the form Verb-Noun that are none of those allowed.
fn strange_cmdlets(code: &str) -> Vec<String> {
    let words =
        code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '$' || c == '.'));
    let cmdlet = |word: &&str| {
        let Some((verb, noun)) = word.split_once('-') else {
            return false;
        };
        verb.len() > 1
            && verb.chars().all(char::is_alphabetic)
            && noun.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let allowed: BTreeSet<&str> = CMDLETS.into_iter().chain(OWN).collect();
    words
        .filter(cmdlet)
        .filter(|word| !allowed.contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_script_is_plain_balanced_and_reads_only() {
    assert!(SCRIPT.is_ascii());
    let (code, texts) = code(SCRIPT);
    assert!(balanced(&code));
    assert_eq!(strange_cmdlets(&code), Vec::<String>::new());
    for write in WRITES {
        assert_eq!(SCRIPT.matches(write).count(), 1, "{write}");
    }
    assert_eq!(
        code.matches("[IO.").count(),
        WRITES.len(),
        "another file is touched"
    );
    // Nothing that loads code, reaches the network or starts a process; no PowerShell 3 and later.
    let lower = code.to_lowercase();
    for banned in [
        "invoke-",
        "iex",
        "iwr",
        "irm",
        "curl",
        "wget",
        "net.webclient",
        "downloadstring",
        "start-process",
        "add-type",
        "import-module",
        "set-",
        "remove-",
        "stop-",
        "[ordered]",
        "[pscustomobject]",
        ".foreach(",
        ".where(",
        "-in ",
        "-notin ",
        "ciminstance",
        "??",
        "?.",
        "&&",
        "||",
        "$using:",
        "\nclass ",
        ".delete(",
        ".setvalue(",
        ".put(",
        "::delete",
    ] {
        assert!(!lower.contains(banned), "{banned} in the script");
    }
    for text in texts {
        assert!(!text.contains("://"), "{text}");
    }
}

#[test]
fn the_lint_can_fail() {
    assert!(!balanced("{ ( } )"));
    assert_eq!(
        strange_cmdlets("Remove-Item x; Get-Item y"),
        ["Remove-Item"]
    );
    let (left, texts) = code("a # Remove-Item\nb 'it''s' \"x`\"y\"");
    assert_eq!(
        (left.as_str(), texts),
        ("a \nb '' ''", vec!["it's".to_owned(), "x\"y".to_owned()])
    );
}

#[test]
fn the_text_can_be_compared_with_what_lies_on_the_share() {
    assert_eq!(script_sha256().len(), 64);
    assert_ne!(
        script_sha256(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert!(TASK_XML.contains("collect.ps1") && GROUP_POLICY.contains("SHA256"));
    let opens = TASK_XML.matches('<').count();
    assert_eq!(opens, TASK_XML.matches('>').count());
}

/// Every section of the script, as it is written to produce it.
const BUNDLE: &str = "winaudit-bundle 1\r
[host]\r
name\tPC1\r
taken\t2019-03-06 10:00:00\r
os\tMicrosoft Windows 7 Enterprise \r
version\t6.1.7601\r
ubr\t24384\r
servicepack\t1\r
arch\tAMD64\r
edition\tEnterprise\r
release\t\r
installation\tClient\r
boot\t2019-03-05 21:02:31\r
ie\t11.0.9600.19230\r
[hotfixes]\r
KB4467107\t2018-11-14 00:00:00\tSecurity Update\r
KB3109560\t2019-03-06 00:00:00\tSecurity Update\r
[files]\r
C:\\Windows\\System32\\lsasrv.dll\t6.1.7601.24291\t2018-11-14 09:00:00\r
C:\\Windows\\System32\\webio.dll\tabsent\t\r
[windowsupdate]\r
ok\t1\r
offered\tKB4486563\t2019-02 Security Monthly Quality Rollup\r
[msi]\r
KB4461543\tSecurity Update for Microsoft Word 2016 (KB4461543) 64-Bit Edition\r
[programs]\r
Microsoft Office Professional Plus 2016\t16.0.4266.1001\r
[updatekeys]\r
[net]\r
release\t461814\r
v3.5\t3.5.30729.5420\r
[pending]\r
filerename\t\\??\\C:\\Windows\\x.tmp\r
[firewall]\r
DomainProfile\t1\r
PublicProfile\t0\r
[errors]\r
antivirus\tInvalid namespace\r
[end]\r
26\r
";

#[test]
fn what_the_script_is_written_to_produce_is_read_whole() {
    let mut host = WindowsHost::default();
    assert_eq!(
        host.add("PC1_20190306-100000.winaudit.txt", BUNDLE.as_bytes()),
        Ok(Kind::Bundle)
    );
    assert_eq!(
        host.notes,
        ["the collector could not read antivirus: Invalid namespace"]
    );
    assert!(host.has_whole_list());
    assert_eq!(host.hotfixes.len(), 2);
    assert_eq!(host.ubr.unwrap().value, 24384);
    assert_eq!(host.boot.unwrap().value.to_string(), "2019-03-05 21:02");
    assert_eq!(host.net, Some(vec![[4, 7, 2], [3, 5, 1]]));
    assert_eq!(host.ie.unwrap().value, 11);
    assert!(
        host.offered
            .unwrap()
            .contains_key(&"KB4486563".parse::<Kb>().unwrap())
    );
    assert!(
        host.msi_patches
            .unwrap()
            .contains_key(&"KB4461543".parse::<Kb>().unwrap())
    );
    assert!(
        host.programs
            .unwrap()
            .contains_key("Microsoft Office Professional Plus 2016")
    );
    assert!(host.pending.unwrap().contains_key(&Pending::FileRename));
    assert_eq!(host.update_keys.unwrap().len(), 0);
    assert_eq!(host.firewall.get("PublicProfile"), Some(&false));
    assert_eq!(
        (
            host.files["lsasrv.dll"].len(),
            host.files["webio.dll"][0].value.version
        ),
        (1, None)
    );
    // Every section that the script writes stands above, and none besides.
    let written: BTreeSet<&str> = SCRIPT
        .split("Write-Section '")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next())
        .collect();
    let read: BTreeSet<&str> = BUNDLE
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect();
    let missing: Vec<_> = written.difference(&read).collect();
    assert_eq!(missing, [&"antivirus"], "the one that failed above");
}

#[test]
fn a_bundle_that_is_cut_says_so() {
    let cut = BUNDLE.split("[msi]").next().unwrap();
    let mut host = WindowsHost::default();
    host.add("cut", cut.as_bytes()).unwrap();
    assert!(
        !host.has_whole_list() && host.msi_patches.is_none(),
        "{:?}",
        host.notes
    );
    assert!(
        host.notes.iter().any(|note| note.contains("cut")),
        "{:?}",
        host.notes
    );
    let mut host = WindowsHost::default();
    let error = host
        .add("other", b"winaudit-bundle 9\n[host]\n")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a bundle of the collector with the form 1 of bundles, found none"
    );
}
