//! A handle that goes stale, as on NFS. No file system of a test's own does that, so the fault is a mock: what
//! this thread has open fails from then on as the kernel would make it fail, and what it opens afterwards works.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    ops::ControlFlow,
    os::fd::{AsRawFd, RawFd},
    path::{Path, PathBuf},
};

use cordon_model::{End, Fact};
use rustix::io::Errno;

use crate::Tail;

thread_local! {
    /// What this thread opened, and what of that is stale.
    static OPENED: RefCell<BTreeSet<RawFd>> = const { RefCell::new(BTreeSet::new()) };
    static STALE: RefCell<BTreeSet<RawFd>> = const { RefCell::new(BTreeSet::new()) };
}

/// A number may have been that of a file before.
pub(crate) fn opened(file: &File) {
    OPENED.with_borrow_mut(|opened| opened.insert(file.as_raw_fd()));
    STALE.with_borrow_mut(|stale| stale.remove(&file.as_raw_fd()));
}

/// What is asked before a file is.
pub(crate) fn fails(file: &File) -> io::Result<()> {
    if STALE.with_borrow(|stale| stale.contains(&file.as_raw_fd())) {
        return Err(Errno::STALE.into());
    }
    Ok(())
}

fn make_stale() {
    STALE.set(OPENED.take());
}

fn log(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cordon-stale-{test}-{}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder.join("mail.log")
}

fn append(path: &Path, text: &str) {
    let file = fs::File::options().create(true).append(true).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

/// The lines of one poll, how many gaps it told, and how it ended.
fn poll(tail: &mut Tail) -> (Vec<String>, usize, End) {
    let (mut lines, mut gaps) = (Vec::new(), 0);
    let end = tail.poll(&mut |sensed, _| {
        match sensed.fact {
            Fact::Log(line) => lines.push(line.text.to_string()),
            Fact::Gap { .. } => gaps += 1,
            _ => {}
        }
        ControlFlow::Continue(())
    });
    (lines, gaps, end)
}

fn tail(path: &Path) -> Tail {
    Tail::new(
        "mx1".into(),
        "mail.log".parse().unwrap(),
        path.into(),
        Vec::new(),
    )
}

#[test]
fn a_stale_handle_is_blind_once_and_the_file_is_found_again() {
    let path = log("again");
    append(&path, "one\ntw");
    let mut tail = tail(&path);
    assert_eq!(poll(&mut tail).0, ["one"]);
    append(&path, "o\nthree\n");
    make_stale();
    let (lines, gaps, end) = poll(&mut tail);
    assert!(lines.is_empty() && gaps == 0);
    assert!(
        matches!(&end, End::Blind { why } if why.why.as_str().contains("tale")),
        "{end:?}"
    );
    assert!(
        tail.cursor().is_some(),
        "a restart now loses nothing either"
    );
    // The line of which half was read comes whole, and nothing comes twice.
    let (lines, gaps, end) = poll(&mut tail);
    assert_eq!(
        (lines, gaps),
        (vec!["two".to_owned(), "three".to_owned()], 0)
    );
    assert!(matches!(end, End::Finished { .. }), "{end:?}");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_file_that_was_replaced_behind_a_stale_handle_is_read_and_what_is_gone_is_a_gap() {
    let path = log("replaced");
    append(&path, "one\n");
    let mut tail = tail(&path);
    assert_eq!(poll(&mut tail).0, ["one"]);
    fs::remove_file(&path).unwrap();
    append(&path, "other\n");
    make_stale();
    let (lines, _, end) = poll(&mut tail);
    assert!(
        lines.is_empty() && matches!(end, End::Blind { .. }),
        "{lines:?} {end:?}"
    );
    let (lines, gaps, end) = poll(&mut tail);
    assert_eq!((lines, gaps), (vec!["other".to_owned()], 1));
    assert!(matches!(end, End::Finished { .. }), "{end:?}");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
