//! The exam of another project's test set: the same harmless executable in every container.

use std::fs;

use cordon_testkit::corpus;
use filetype::{Budget, Limits, Type, inspect_with};
use sha2::{Digest, Sha256};

/// What the executable of the set is, by its list of hashes.
fn wanted(list: &str) -> String {
    let hash = list.lines().find_map(|line| line.split(':').next());
    hash.unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut all, byte| {
        write!(all, "{byte:02x}").unwrap();
        all
    })
}

/// Containers whose executable is told by another way than opening them, and why.
const NOT_OPENED: &[&str] = &[];

#[test]
fn every_container_of_the_exam_shows_its_executable() {
    let Ok(folder) = corpus("mail") else { return };
    let wanted = wanted(&fs::read_to_string(folder.join("clamav.hdb")).unwrap());
    let folder = folder.join("clamav-containers-xor");
    let key = fs::read(folder.join("KEY.txt")).unwrap();
    let key = key.trim_ascii();
    let (mut files, mut told, mut out, mut missed) = (0, 0, 0, Vec::new());
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "xor"))
        .collect();
    paths.sort();
    for path in paths {
        let mut bytes = fs::read(&path).unwrap();
        for (byte, mask) in bytes.iter_mut().zip(key.iter().cycle()) {
            *byte ^= mask;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut budget = Budget::new(Limits::default());
        let mut same = false;
        let mut see = |kind: Type, bytes: &[u8]| {
            let whole = bytes.get(..544).unwrap_or(bytes);
            same |= kind.is_executable() && hex(&Sha256::digest(whole)) == wanted;
        };
        let part = inspect_with(&name, &bytes, &mut budget, &mut see);
        let found: Vec<String> = part.executables().map(|found| found.to_string()).collect();
        files += 1;
        told += usize::from(!found.is_empty());
        out += usize::from(same);
        println!(
            "{name}: {} {} {:?}",
            if same { "out" } else { "not out" },
            found
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(" | "),
            part.closed_parts()
                .map(|closed| format!(
                    "{closed} {}",
                    closed.part().cannot_inspect.as_ref().unwrap()
                ))
                .take(3)
                .collect::<Vec<_>>(),
        );
        if found.is_empty() {
            missed.push(name);
        }
    }
    println!(
        "{told} of {files} containers show an executable, {out} of them the one of the set itself"
    );
    assert_eq!(missed, NOT_OPENED, "{told} of {files}");
    // Of packed programs and installers the program itself is told, and not what it unpacks to.
    assert!(files > 0 && out * 3 >= files * 2, "{out} of {files}");
}
