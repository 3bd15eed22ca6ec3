//! Real databases: the expected lists of the corpora, and what the host's own rpm writes.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cordon_testkit::{corpus, skip};
use pkgdb::{
    Epoch, Error, Package, Wal, apk_installed, rpm_plain, rpm_query, rpmdb, rpmdb_bdb, rpmdb_sqlite,
};

fn row(package: &Package) -> String {
    let Package {
        name,
        epoch,
        version,
        release,
        arch,
        built_from,
        ..
    } = package;
    let epoch = match epoch {
        Epoch::Is(epoch) => *epoch,
        Epoch::Absent => 0,
        Epoch::NotTold => u32::MAX,
    };
    let source = built_from.as_deref().unwrap_or("");
    [name, &epoch.to_string(), version, release, arch, source].join("\t")
}

#[test]
fn the_sqlite_database_gives_exactly_the_expected_packages() {
    let Ok(folder) = corpus("patches/rpmdb") else {
        return;
    };
    let bytes = fs::read(folder.join("cbl-mariner-2.0/rpmdb.sqlite")).unwrap();
    let listing = rpmdb(&bytes, Wal::Absent).unwrap();
    let mut found: Vec<String> = listing.packages.iter().map(row).collect();
    found.sort();
    let text = fs::read_to_string(folder.join("cbl-mariner-2.0.expected.tsv")).unwrap();
    let mut expected: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    expected.sort();
    assert_eq!(expected.len(), 129);
    assert_eq!(found, expected);
    // Cut at any page, and in the middle of one, it is an error and not a shorter list.
    for end in (0..bytes.len())
        .step_by(4096)
        .flat_map(|end| [end, end + 1000])
    {
        assert!(rpmdb_sqlite(&bytes[..end], Wal::Absent).is_err(), "{end}");
    }
}

#[test]
fn the_berkeley_database_gives_its_package() {
    let Ok(folder) = corpus("patches/rpmdb") else {
        return;
    };
    let bytes = fs::read(folder.join("libuuid/Packages")).unwrap();
    let listing = rpmdb(&bytes, Wal::Absent).unwrap();
    let rows: Vec<String> = listing.packages.iter().map(row).collect();
    // What go-rpmdb expects of this file (rpmdb_testcase.go, libuuid).
    assert_eq!(
        rows,
        ["libuuid\t0\t2.32.1\t42.el8_8\tx86_64\tutil-linux-2.32.1-42.el8_8.src.rpm"]
    );
    for end in (0..bytes.len()).step_by(512) {
        assert!(rpmdb_bdb(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn apk_records_are_packages_or_told() {
    let Ok(folder) = corpus("patches/trivy") else {
        return;
    };
    let mut bytes = fs::read(folder.join("apk")).unwrap();
    // The fixture lost the end of its last line, which apk always writes.
    assert!(matches!(
        apk_installed(&bytes),
        Err(Error::Truncated { .. })
    ));
    bytes.extend_from_slice(b"\n\n");
    let listing = apk_installed(&bytes).unwrap();
    let names: Vec<&str> = listing.packages.iter().map(|p| p.name.as_str()).collect();
    let text = String::from_utf8(bytes).unwrap();
    let records = text
        .split("\n\n")
        .filter(|record| !record.trim().is_empty());
    let whole = |record: &&str| record.lines().any(|line| line.starts_with("V:"));
    let called = |record: &str| {
        record
            .lines()
            .find_map(|line| line.strip_prefix("P:").map(str::to_owned))
    };
    let expected: Vec<String> = records.clone().filter(whole).filter_map(called).collect();
    assert_eq!(names, expected);
    assert!(names.contains(&"musl") && names.contains(&"busybox"));
    assert_eq!(
        listing.rejected + names.len() as u64,
        records.count() as u64
    );
}

/// A database that the host's rpm makes, with packages that it builds.
struct Made {
    folder: PathBuf,
}

impl Drop for Made {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder)); // because a folder left behind breaks nothing
    }
}

const SPEC: &str = "Name: %{n}\nEpoch: 3\nVersion: 1.2\nRelease: 4\nSummary: x\nLicense: MIT\n\
                    BuildArch: noarch\n%description\nx\n%files\n";

fn run(program: &str, folder: &Path, args: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(program)
        .current_dir(folder)
        .args(args)
        .output()
        .ok()?; // ok: because None skips
    output.status.success().then_some(output.stdout)
}

fn made(names: &[&str]) -> Option<Made> {
    let folder = std::env::temp_dir().join(format!("pkgdb-rpm-{}", std::process::id()));
    fs::create_dir_all(folder.join("db")).unwrap();
    let made = Made { folder };
    let folder = made.folder.as_path();
    fs::write(folder.join("a.spec"), SPEC).unwrap();
    let here = folder.to_str().unwrap();
    let (top, rpms) = (format!("_topdir {here}/b"), format!("_rpmdir {here}"));
    for name in names {
        let name = format!("n {name}");
        run(
            "rpmbuild",
            folder,
            &[
                "-bb", "--define", &name, "--define", &top, "--define", &rpms, "a.spec",
            ],
        )?;
    }
    let db = format!("{here}/db");
    run("rpm", folder, &["--dbpath", &db, "--initdb"])?;
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("noarch/{name}-1.2-4.noarch.rpm"))
        .collect();
    let mut args = vec!["--dbpath", &db, "-i", "--justdb", "--nodeps"];
    args.extend(files.iter().map(String::as_str));
    run("rpm", folder, &args)?;
    Some(made)
}

#[test]
fn the_hosts_own_rpm_and_this_crate_say_the_same() {
    let Some(made) = made(&["aa", "bb", "cc"]) else {
        skip("rpm and rpmbuild that can write a database are absent");
        return;
    };
    let folder = made.folder.as_path();
    let Ok(bytes) = fs::read(folder.join("db/rpmdb.sqlite")) else {
        skip("this rpm does not write SQLite");
        return;
    };
    let wal = fs::read(folder.join("db/rpmdb.sqlite-wal")).unwrap_or_default(); // default: because without one there is none
    let mut of_db = rpmdb_sqlite(&bytes, Wal::Bytes(&wal)).unwrap().packages;
    let db = folder.join("db");
    let query = [
        "--dbpath",
        db.to_str().unwrap(),
        "-qa",
        "--qf",
        pkgdb::RPM_QUERY,
    ];
    let mut of_query = rpm_query(&run("rpm", folder, &query).unwrap())
        .unwrap()
        .packages;
    let mut of_plain = rpm_plain(&run("rpm", folder, &query[..3]).unwrap())
        .unwrap()
        .packages;
    for list in [&mut of_db, &mut of_query, &mut of_plain] {
        list.sort_by(|a, b| a.name.cmp(&b.name));
    }
    assert_eq!(of_db, of_query);
    let names = |list: &[Package]| -> Vec<String> { list.iter().map(|p| p.name.clone()).collect() };
    assert_eq!(names(&of_plain), ["aa", "bb", "cc"]);
    assert_eq!(names(&of_db), ["aa", "bb", "cc"]);
    assert_eq!(of_db[0].evr(), "3:1.2-4");
}

#[test]
fn what_is_only_in_the_log_is_installed() {
    let folder = std::env::temp_dir().join(format!("pkgdb-wal-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let made = Made { folder };
    // A writer that is killed leaves its log behind: two rows in the file, a third in the log.
    let header = "x'000000030000000C000003E80000000600000000000000010000\
                  03E9000000060000000400000001000003EA000000060000000800000001";
    let row = |name: &str| {
        let bytes = format!("{name}\0\01.0\02-1\0");
        let data: Vec<String> = bytes.bytes().map(|byte| format!("{byte:02X}")).collect();
        let data = data.concat();
        format!("INSERT INTO Packages(blob) VALUES({header}{data}');")
    };
    let script = format!(
        "import sqlite3,os\nc=sqlite3.connect('rpmdb.sqlite',isolation_level=None)\n\
         c.execute('PRAGMA journal_mode=WAL')\n\
         c.execute('CREATE TABLE Packages(hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)')\n\
         c.execute(\"{}\")\nc.execute(\"{}\")\nc.execute('PRAGMA wal_checkpoint(TRUNCATE)')\n\
         c.execute(\"{}\")\nos._exit(0)\n",
        row("aa"),
        row("bb"),
        row("cc")
    );
    if run("python3", &made.folder, &["-c", &script]).is_none() {
        skip("python3 with SQLite is absent");
        return;
    }
    let bytes = fs::read(made.folder.join("rpmdb.sqlite")).unwrap();
    let wal = fs::read(made.folder.join("rpmdb.sqlite-wal")).unwrap();
    let names = |wal: Wal<'_>| -> Vec<String> {
        let listing = rpmdb_sqlite(&bytes, wal).unwrap();
        listing.packages.into_iter().map(|p| p.name).collect()
    };
    assert_eq!(names(Wal::Absent), ["aa", "bb"]);
    assert_eq!(names(Wal::Bytes(&wal)), ["aa", "bb", "cc"]);
    // A frame that was not finished is as if it had never begun, as SQLite recovers.
    assert_eq!(names(Wal::Bytes(&wal[..wal.len() - 1])), ["aa", "bb"]);
    let left = Wal::Unread {
        bytes: wal.len() as u64,
    };
    assert!(matches!(
        rpmdb_sqlite(&bytes, left),
        Err(Error::WalUnread { .. })
    ));
}
