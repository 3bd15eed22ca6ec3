//! `cordon patch audit` as an administrator uses it: a sheet, folders of hosts, feeds of every kind.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use cordon_testkit::corpus;
use serde_json::Value;

use crate::{Ran, cordon, folder};

fn audit(args: &[&Path]) -> Ran {
    let words = ["patch", "audit", "--json", "--all"].map(Into::into);
    cordon(
        words
            .into_iter()
            .chain(args.iter().map(|arg| arg.as_os_str().to_owned())),
    )
}

/// The only row of this host about this package.
#[track_caller]
fn row(ran: &Ran, host: &str, package: &str) -> Value {
    let rows = ran.lines().into_iter();
    let mut found: Vec<Value> = rows
        .filter(|row| row["host"] == host && row["package"] == package)
        .collect();
    assert_eq!(found.len(), 1, "{host} {package}: {}\n{}", ran.out, ran.err);
    found.remove(0)
}

/// A host of 2004, as its own tools say.
fn windows(folder: &Path, name: &str, system: &str, version: &str, files: &str) {
    let host = folder.join(name);
    fs::create_dir_all(&host).unwrap();
    let systeminfo = format!(
        "Host Name:                 {name}\r\nOS Name:                   {system}\r\n\
         OS Version:                {version}\r\nOS Manufacturer:           Microsoft Corporation\r\n\
         System Boot Time:          2004-05-02, 08:00:00\r\nSystem type:               X86-based PC\r\n\
         Hotfix(s):                 1 Hotfix(s) Installed.\r\n                           [01]: KB111111\r\n"
    );
    fs::write(host.join("systeminfo.txt"), systeminfo).unwrap();
    if !files.is_empty() {
        let list = format!("\"Path\",\"FileVersion\"\r\n{files}");
        fs::write(host.join("files.csv"), list).unwrap();
    }
}

/// The files that the bulletin names for Windows XP SP1; one old file is a missing patch.
fn lsasrv(version: &str) -> String {
    let path = "\"C:\\WINDOWS\\system32";
    format!(
        "{path}\\lsasrv.dll\",\"{version}\"\r\n{path}\\gdi32.dll\",\"5.1.2600.1346\"\r\n\
         {path}\\schannel.dll\",\"5.1.2600.1347\"\r\n{path}\\msasn1.dll\",\"5.1.2600.1362\"\r\n"
    )
}

#[test]
fn the_missed_row_of_2004_is_told_on_each_host_that_it_is_for() {
    let Ok(bulletin) = corpus("patches/ms04-011") else {
        return;
    };
    let dir = folder("audit-2004");
    let hosts = dir.join("hosts");
    let sp1 = "5.1.2600 Service Pack 1 Build 2600";
    let xp = "Microsoft Windows XP Professional";
    windows(&hosts, "old", xp, sp1, &lsasrv("5.1.2600.1106"));
    windows(&hosts, "branch", xp, sp1, &lsasrv("5.1.2600.134"));
    windows(&hosts, "good", xp, sp1, &lsasrv("5.1.2600.1361"));
    windows(&hosts, "sp2", xp, "5.1.2600 Service Pack 2 Build 2600", "");
    windows(&hosts, "unseen", xp, sp1, "");
    let sheet = dir.join("patches.csv");
    let text = "Patch list;;\nBulletin;Applies to;Status\nMS04-011 (835732);Windows XP;deployed\n\
                MS99-999 (999999);Windows XP;\nask Ute;;\n";
    fs::write(&sheet, text).unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
        "--advisories".as_ref(),
        &bulletin.join("ms04-011.json"),
    ]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for (host, expected) in [
        ("old", "contradicted"),
        ("branch", "contradicted"),
        ("good", "proven"),
        ("sp2", "proven"),
        ("unseen", "unknown"),
    ] {
        let row = row(&ran, host, "KB835732");
        assert_eq!(row["state"], expected, "{row}");
        assert_eq!(row["requirement"], "MS04-011", "{row}");
        assert!(
            row["source"]
                .as_str()
                .unwrap()
                .ends_with("patches.csv row 3"),
            "{row}"
        );
        assert_eq!(row["in_baseline"], true);
    }
    let told = row(&ran, "old", "KB835732");
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the sheet says `deployed`, the host says no: ")
            && reason.contains("lsasrv.dll is 5.1.2600.1106"),
        "{reason}"
    );
    // No feed knows it: that nobody lists it proves nothing.
    assert_eq!(row(&ran, "good", "KB999999")["state"], "unknown");
    for line in [
        "patches.csv: 5 rows: 2 asked for, 1 not understood, 2 of headings",
        "row 5: it names no bulletin, update, package or file: ask Ute",
        "row 4: MS99-999 is in no feed that was given",
    ] {
        assert!(ran.err.contains(line), "no `{line}` in {}", ran.err);
    }
}

#[test]
fn what_is_missing_and_not_in_the_sheet_is_told_as_such() {
    let Ok(bulletin) = corpus("patches/ms04-011") else {
        return;
    };
    let dir = folder("audit-not-in-sheet");
    let hosts = dir.join("hosts");
    let old = "\"C:\\WINNT\\system32\\lsasrv.dll\",\"5.0.2195.6000\"\r\n";
    windows(
        &hosts,
        "w2k",
        "Microsoft Windows 2000 Professional",
        "5.0.2195 Service Pack 4 Build 2195",
        old,
    );
    let sheet = dir.join("patches.csv");
    fs::write(&sheet, "Bulletin\nMS04-012 (828741)\n").unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
        "--advisories".as_ref(),
        &bulletin.join("ms04-011.json"),
    ]);
    let missed = row(&ran, "w2k", "KB835732");
    assert_eq!(
        (&missed["state"], &missed["in_baseline"]),
        (&"missing".into(), &false.into())
    );
}

/// What 2004 lacked: critical for a system that is owned, missing there, and on nobody's list.
#[test]
fn what_is_critical_and_on_nobodys_list_is_told_by_name() {
    let Ok(corpus) = corpus("patches/windows") else {
        return;
    };
    let dir = folder("audit-unlisted");
    let host = "10_1803_x64_enterprise_es-ar_20190307_systeminfo.txt";
    let with = |kb: &str| {
        let sheet = dir.join("sheet.csv");
        fs::write(&sheet, format!("KB\n{kb}\n")).unwrap();
        let ran = audit(&[
            "--inventory".as_ref(),
            &corpus.join("systeminfo").join(host),
            "--baseline".as_ref(),
            &sheet,
            "--advisories".as_ref(),
            &corpus.join("definitions/definitions_20190308_plus_custom.zip"),
        ]);
        let told = ran.err.lines().find(|line| line.contains("in no row"));
        told.map(str::to_owned)
    };
    // Windows Update has it and Microsoft calls it critical.
    let told = with("111111").unwrap();
    assert!(told.ends_with("1 update: KB4485449 (1 host)"), "{told}");
    assert_eq!(with("4485449"), None, "a row asks for it");
}

#[test]
fn oval_on_the_frozen_host_gives_the_68_of_the_truth() {
    let Ok(dpkg) = corpus("patches/dpkg") else {
        return;
    };
    let oval = dpkg.join("oval_3016.xml.gz");
    let ran = audit(&[
        "--inventory".as_ref(),
        &dpkg.join("dpkg-status"),
        "--advisories".as_ref(),
        &oval,
    ]);
    let count = |state: &str| {
        ran.lines()
            .iter()
            .filter(|row| row["state"] == state)
            .count()
    };
    assert_eq!(
        (count("missing"), count("proven"), count("unknown")),
        (68, 2948, 0)
    );
    let truth = fs::read_to_string(dpkg.join("truth_missing_security.tsv")).unwrap();
    let mut expected: Vec<&str> = truth
        .lines()
        .skip(1)
        .map(|row| row.split('\t').next().unwrap())
        .collect();
    let rows = ran.lines();
    let missing = rows.iter().filter(|row| row["state"] == "missing");
    let mut got: Vec<&str> = missing
        .map(|row| row["package"].as_str().unwrap())
        .collect();
    expected.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, expected);
}

/// A folder like the root of an rpm host: an os-release and the text of `rpm -qa`.
fn rpm_host(folder: &Path, release: &str, packages: &str) {
    fs::create_dir_all(folder).unwrap();
    let os = format!("NAME=x\nID=almalinux\nVERSION_ID=\"{release}\"\n");
    fs::write(folder.join("os-release"), os).unwrap();
    fs::write(folder.join("rpm-qa.txt"), packages).unwrap();
}

#[test]
fn what_no_feed_covers_is_unknown_and_a_release_past_its_end_is_told() {
    let dir = folder("audit-uncovered");
    let osv = r#"{"id":"ALSA-1","modified":"2026-01-02T03:04:05Z","related":["CVE-2026-1234"],"affected":[{"package":
        {"ecosystem":"AlmaLinux:9","name":"bash"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},
        {"fixed":"5.1.8-9.el9"}]}]}]}"#;
    fs::write(dir.join("ALSA-1.json"), osv).unwrap();
    let bash = |version: &str, release: &str| {
        format!(
            "bash\t(none)\t{version}\t{release}\tx86_64\tbash-{version}-{release}.src.rpm\t(none)\t1700000000\n"
        )
    };
    let hosts = dir.join("hosts");
    rpm_host(&hosts.join("old9"), "9.4", &bash("5.1.8", "6.el9"));
    rpm_host(&hosts.join("new9"), "9.4", &bash("5.1.8", "10.el9"));
    rpm_host(&hosts.join("alma8"), "8.10", &bash("4.4.20", "4.el8"));
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--advisories".as_ref(),
        &dir.join("ALSA-1.json"),
    ]);
    let old = row(&ran, "old9", "bash");
    assert_eq!(
        (&old["state"], &old["fixed"]),
        (&"missing".into(), &"5.1.8-9.el9".into())
    );
    assert_eq!(old["cves"][0], "CVE-2026-1234");
    assert_eq!(row(&ran, "new9", "bash")["state"], "proven");
    let uncovered = ran.lines().into_iter().any(|row| {
        row["host"] == "alma8"
            && row["state"] == "unknown"
            && row["reason"] == "no feed that was given speaks of almalinux:8"
    });
    assert!(uncovered, "{}", ran.out);

    let dead = dir.join("dead");
    fs::create_dir_all(&dead).unwrap();
    fs::write(
        dead.join("os-release"),
        "NAME=CentOS\nID=centos\nVERSION_ID=\"7\"\n",
    )
    .unwrap();
    fs::write(dead.join("rpm-qa.txt"), bash("4.2.46", "35.el7_9")).unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &dead,
        "--advisories".as_ref(),
        &dir.join("ALSA-1.json"),
    ]);
    let release = ran
        .lines()
        .into_iter()
        .find(|row| row["package"] == "release")
        .unwrap();
    assert_eq!(release["state"], "missing", "{release}");
    assert!(
        release["reason"].as_str().unwrap().contains("past its end"),
        "{release}"
    );
}

#[test]
fn a_host_that_cannot_be_read_is_a_result_and_stops_no_other() {
    let dir = folder("audit-bad-host");
    let hosts = dir.join("hosts");
    rpm_host(
        &hosts.join("a"),
        "9.4",
        "bash\t(none)\t5\t6.el9\tx86_64\tbash-5-6.src.rpm\t(none)\t1\n",
    );
    fs::create_dir_all(hosts.join("b")).unwrap();
    let mut cut = b"SQLite format 3\0".to_vec();
    cut.extend([0_u8; 300]);
    fs::write(hosts.join("b/rpmdb.sqlite"), cut).unwrap();
    let sheet = dir.join("sheet.tsv");
    fs::write(&sheet, "Package\tVersion\nbash\t4\n").unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
    ]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    let bash = ran
        .lines()
        .into_iter()
        .find(|row| row["package"] == "bash" && row["host"] == "a")
        .unwrap();
    assert_eq!(bash["state"], "proven", "{bash}");
    let lost = row(&ran, "b", "inventory");
    assert_eq!(lost["state"], "unknown");
    assert!(
        ran.err.contains("error[E0201]") && ran.err.contains("rpmdb.sqlite"),
        "{}",
        ran.err
    );
}

#[test]
fn bombs_and_what_is_no_sheet_are_refused_with_their_name() {
    let dir = folder("audit-bombs");
    let status = dir.join("status");
    fs::write(
        &status,
        "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n",
    )
    .unwrap();
    let check = |option: &str, name: &str, content: &str, code: &str, says: &str| {
        let path = dir.join(name);
        fs::write(&path, content).unwrap();
        let ran = audit(&["--inventory".as_ref(), &status, option.as_ref(), &path]);
        let told = ran.err.contains(code) && ran.err.contains(says) && ran.err.contains(name);
        assert!(ran.code == 2 && told, "{}: {}", ran.code, ran.err);
    };
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                    <oval_definitions>&b;</oval_definitions>";
    check("--advisories", "bomb.xml", entities, "E0203", "bomb.xml");
    check(
        "--advisories",
        "cut.zip",
        "PK\u{3}\u{4} and nothing more",
        "E0203",
        "cut.zip",
    );
    check(
        "--baseline",
        "letter.txt",
        "Dear all,\nplease patch.\n",
        "E0202",
        "no heading was found",
    );
}

#[test]
fn the_collector_is_written_whole_and_says_its_hash() {
    let script = cordon(["patch", "collector"]);
    assert_eq!(
        (script.code, script.out.as_str()),
        (0, winaudit::collector::SCRIPT)
    );
    let all = cordon(["patch", "collector", "--json"]).json();
    let hash = all["sha256"].as_str().unwrap();
    assert!(
        hash.len() == 64 && script.err.contains(hash),
        "{}",
        script.err
    );
    let task = cordon(["patch", "collector", "--part", "task"]);
    assert!(task.out.contains("collect.ps1"), "{}", task.out);
}

#[test]
fn coverage_has_a_denominator_and_names_who_never_answered() {
    let dir = folder("audit-coverage");
    let hosts = dir.join("hosts");
    let bash = |version: &str| {
        format!("bash\t(none)\t{version}\t1.el9\tx86_64\tb-1-1.src.rpm\t(none)\t1\n")
    };
    rpm_host(&hosts.join("pc1"), "9.4", &bash("5"));
    rpm_host(&hosts.join("pc2"), "9.4", &bash("3"));
    rpm_host(&hosts.join("guest"), "9.4", &bash("5"));
    let sheet = dir.join("sheet.csv");
    fs::write(&sheet, "Package,Version\nbash,4\n").unwrap();
    let list = dir.join("ad.csv");
    fs::write(&list, "Name;OS\nPC1.example.org;x\npc2;x\npc3;x\npc4;x\n").unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &hosts,
        "--baseline".as_ref(),
        &sheet,
        "--expect".as_ref(),
        &list,
    ]);
    for host in ["pc3", "pc4"] {
        let silent = row(&ran, host, "inventory");
        assert_eq!(silent["state"], "unknown", "{silent}");
        assert!(
            silent["reason"].as_str().unwrap().contains("ad.csv"),
            "{silent}"
        );
    }
    let said =
        "nothing is missing on 67 % of the 60 % that answered (3 of 5 hosts); worst case 40 %";
    assert!(ran.err.contains(said), "{}", ran.err);
    assert!(
        ran.err.contains("not in any list that was given: guest"),
        "{}",
        ran.err
    );
}

#[test]
fn a_library_that_is_gone_from_the_disk_and_still_runs_is_told_until_it_runs_no_more() {
    let library = [
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib/aarch64-linux-gnu/libm.so.6",
        "/lib64/libm.so.6",
    ];
    let Some(library) = library.into_iter().find(|path| Path::new(path).exists()) else {
        cordon_testkit::skip("no libm.so.6 of glibc");
        return;
    };
    if !Path::new("/var/lib/dpkg/status").exists() {
        cordon_testkit::skip("a live audit needs dpkg");
        return;
    }
    let own = folder("audit-running").join("libcordon-test.so.1");
    fs::copy(library, &own).unwrap();
    let mut cat = Command::new("cat")
        .env("LD_PRELOAD", &own)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, from) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    writeln!(to, "it runs").unwrap();
    let mut line = String::new();
    BufReader::new(from).read_line(&mut line).unwrap();
    let told = || {
        let ran = cordon(["patch", "audit", "--json", "--all"]);
        let mut rows = ran.lines().into_iter();
        rows.find(|row| row["package"] == own.to_str().unwrap())
    };
    assert_eq!(told(), None, "what is there is what runs");
    fs::remove_file(&own).unwrap();
    let row = told().expect("it is told");
    assert_eq!(
        (&row["state"], &row["evidence"]),
        (&"missing".into(), &"no file has its name".into())
    );
    assert!(
        row["reason"]
            .as_str()
            .unwrap()
            .contains(&format!("cat ({})", cat.id())),
        "{row}"
    );
    drop(to);
    cat.wait().unwrap();
    assert_eq!(told(), None, "nobody runs it any more");
}

#[test]
fn a_heading_that_was_guessed_wrong_is_mended_by_a_word() {
    let dir = folder("audit-column");
    let hosts = dir.join("hosts");
    rpm_host(
        &hosts.join("pc1"),
        "9.4",
        "bash\t(none)\t5\t1.el9\tx86_64\tb-1-1.src.rpm\t(none)\t1\n",
    );
    let sheet = dir.join("sheet.csv");
    fs::write(&sheet, "Package;Wunsch\nbash;6\n").unwrap();
    let ran = |more: &[&Path]| {
        let words: [&Path; 4] = [
            "--inventory".as_ref(),
            &hosts,
            "--baseline".as_ref(),
            &sheet,
        ];
        audit(&[&words, more].concat())
    };
    let guessed = ran(&[]);
    assert!(guessed.err.contains("Wunsch = nothing"), "{}", guessed.err);
    assert_eq!(
        row(&guessed, "pc1", "bash")["state"],
        "proven",
        "any version will do"
    );
    let said = ran(&["--column".as_ref(), "wunsch=version".as_ref()]);
    assert!(said.err.contains("Wunsch = version"), "{}", said.err);
    assert_eq!(row(&said, "pc1", "bash")["state"], "missing");
    let wrong = ran(&["--column".as_ref(), "Wunsch=wish".as_ref()]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong
            .err
            .contains("expected HEADING=MEANING with one of bulletin"),
        "{}",
        wrong.err
    );
}

#[test]
fn what_of_a_feed_or_host_could_not_be_read_is_told() {
    let dir = folder("audit-told");
    let feed = dir.join("feed");
    fs::create_dir_all(&feed).unwrap();
    let osv = r#"{"id":"ALSA-1","affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"bash"},"ranges":[{"type":
        "ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"5.1.8-9.el9"}]}]}]}"#;
    fs::write(feed.join("good.json"), osv).unwrap();
    fs::write(feed.join("cut.json"), osv.strip_suffix("}]}]}]}").unwrap()).unwrap();
    let host = dir.join("10.0.0.1");
    let bash = |version: &str| {
        format!("bash\t(none)\t{version}\t1.el9\tx86_64\tb-1-1.src.rpm\t(none)\t1\n")
    };
    rpm_host(&host, "9.4", &bash("9"));
    fs::write(host.join("rpm-qa-old.txt"), bash("1")).unwrap();
    let ran = audit(&[
        "--inventory".as_ref(),
        &host,
        "--advisories".as_ref(),
        &feed,
    ]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(
        ran.err
            .contains("feed: 1 entries could not be read, the first: document"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("a second list of packages of 10.0.0.1"),
        "{}",
        ran.err
    );
}

/// A short list of one's own beside the catalogue must not take its place.
#[test]
fn two_catalogues_of_what_is_exploited_are_both_heard() {
    let dir = folder("audit-two-kev");
    let osv = |cve: &str, name: &str| {
        format!(
            r#"{{"id":"ALSA-{name}","modified":"2026-01-02T03:04:05Z","related":["{cve}"],"affected":[{{"package":
            {{"ecosystem":"AlmaLinux:9","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":
            [{{"introduced":"0"}},{{"fixed":"9-9.el9"}}]}}]}}]}}"#
        )
    };
    let head = "cveID,vendorProject,product,dateAdded,dueDate,knownRansomwareCampaignUse";
    for (name, content) in [
        ("a.json", osv("CVE-2026-0001", "bash")),
        ("b.json", osv("CVE-2026-0002", "zlib")),
        (
            "kev1.csv",
            format!("{head}\nCVE-2026-0001,v,p,2026-01-02,,\n"),
        ),
        (
            "kev2.csv",
            format!("{head}\nCVE-2026-0002,v,p,2026-01-03,,\n"),
        ),
    ] {
        fs::write(dir.join(name), content).unwrap();
    }
    let package = |name: &str| {
        format!("{name}\t(none)\t5\t6.el9\tx86_64\t{name}-5-6.src.rpm\t(none)\t1700000000\n")
    };
    rpm_host(
        &dir.join("host"),
        "9.4",
        &(package("bash") + &package("zlib")),
    );
    let feeds = ["a.json", "b.json", "kev1.csv", "kev2.csv"].map(|name| dir.join(name));
    let host = dir.join("host");
    let mut args: Vec<&Path> = vec!["--inventory".as_ref(), &host, "--advisories".as_ref()];
    args.extend(feeds.iter().map(std::path::PathBuf::as_path));
    let ran = audit(&args);
    for name in ["bash", "zlib"] {
        assert_eq!(
            row(&ran, "host", name)["exploited"],
            true,
            "{name}: {}",
            ran.out
        );
    }
}
