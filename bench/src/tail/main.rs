//! `cargo run --release -p bench --bin tail -- ROUNDS [READER…]`: what is lost and what comes twice when a
//! reader of a log is killed with SIGKILL in every round, and the log is rotated in every round.
//!
//! A writer appends 10,000 numbered lines a second, each with one write, as a daemon does. In each round
//! the log is rotated in one style, and the reader is killed before, during or after that and started
//! anew. READER is `cordon-up` (the real one, both processes killed at once; its page counts the lines, so that
//! what is lost and what comes twice would hide each other if they were equal), `cordon` (this program again, with [`cordon_logs_edge::Tail`]: what one poll handed out is
//! appended to a journal together with the cursor, and counts only if both are there) or `imfile`
//! (rsyslog with a configuration of its own, whose figures could not be explained and are not quoted);
//! without one, both are measured.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::similar_names,
    clippy::mut_range_bound,
    unreachable_pub,
    reason = "a measurement, not a product"
)]

mod reader;
mod world;

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use reader::Reader;
use world::{STYLES, Style};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder] = args.as_slice()
        && word == reader::CHILD
    {
        reader::follow(Path::new(folder));
        return ExitCode::SUCCESS;
    }
    let rounds = args.first().map_or(100, |n| n.parse().expect("rounds"));
    let named: Vec<Reader> = args.iter().filter_map(|arg| Reader::named(arg)).collect();
    let readers = if named.is_empty() {
        vec![Reader::Cordon, Reader::Up, Reader::Imfile]
    } else {
        named
    };
    println!(
        "| reader | rotation | kills | lines | lost | twice | torn | gaps | of them with bytes | bytes |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut fine = true;
    for reader in readers {
        for style in STYLES {
            fine &= measure(reader, style, rounds);
        }
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a reader made of the lines.
#[derive(Debug, Default)]
pub struct Heard {
    /// How often each number came.
    pub numbers: BTreeMap<u64, u64>,
    /// Lines that are none of ours.
    pub torn: u64,
    /// How many lines came, where they are only counted.
    pub counted: Option<u64>,
    /// What was told to be missing, in bytes where that is known.
    pub gaps: Vec<Option<u64>>,
}

/// Whether our own reader kept its promise.
fn measure(reader: Reader, style: Style, rounds: u32) -> bool {
    let (written, heard) = world::run(reader, style, rounds);
    let found = u64::try_from(heard.numbers.range(..written).count()).expect("few");
    let (lost, twice) = match heard.counted {
        Some(lines) => (written.saturating_sub(lines), lines.saturating_sub(written)),
        None => (
            written - found,
            heard.numbers.values().map(|times| times - 1).sum(),
        ),
    };
    let mut missing: Vec<(u64, u64)> = Vec::new();
    let unknown = |number: &u64| heard.counted.is_none() && !heard.numbers.contains_key(number);
    for number in (0..written).filter(unknown) {
        match missing.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => missing.push((number, number)),
        }
    }
    eprintln!("{} {}: missing {missing:?}", reader.name(), style.name());
    let known: Vec<u64> = heard.gaps.iter().flatten().copied().collect();
    let (gaps, bytes) = (heard.gaps.len(), known.iter().sum::<u64>());
    println!(
        "| {} | {} | {rounds} | {written} | {lost} | {twice} | {} | {gaps} | {} | {bytes} |",
        reader.name(),
        style.name(),
        heard.torn,
        known.len()
    );
    if reader == Reader::Imfile {
        return true;
    }
    // No gap may say that more was lost than was, and none may be missing where something was.
    let bounded =
        bytes <= lost * world::LINE_BYTES && (lost == 0 || gaps > 0) && !known.contains(&0);
    twice == 0 && bounded && (lost == 0 || !style.keeps_all())
}
