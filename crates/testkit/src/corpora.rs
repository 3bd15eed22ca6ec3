//! Real data with ground truth. Where it is absent a test says so, and the summary counts it: a
//! skipped proof is blind.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf};

/// A test that could not prove anything, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Why.
    pub why: String,
}

/// The folder `name` of the corpora, by `CORDON_CORPORA`, else `../shared/corpora` beside the project.
///
/// # Errors
/// A counted skip if it is not there.
///
/// # Panics
/// If it is not there and `CI` is `true`: there a skip is a failure.
pub fn corpus(name: &str) -> Result<PathBuf, Skip> {
    let root = env::var_os("CORDON_CORPORA").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/corpora"
            ))
        },
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(skip(&format!("{} is absent", folder.display())))
    }
}

/// Counts a skip: printed, and written to the file `CORDON_SKIPS` for the summary.
///
/// # Panics
/// If `CI` is `true`.
#[expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "this is what a test says of itself"
)]
pub fn skip(why: &str) -> Skip {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(
        env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} would skip: {why}"
    );
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = env::var_os("CORDON_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{test}: {why}")) {
            panic!("a skip could not be counted: {error}");
        }
    }
    Skip {
        why: why.to_owned(),
    }
}
