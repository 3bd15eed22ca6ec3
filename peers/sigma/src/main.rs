//! `cargo run --release --manifest-path peers/sigma/Cargo.toml -- CORPORA/logs [differences]`: what Sigma
//! rules cost, beside `rsigma-eval` on the same rules, events and machine.
//!
//! EVTX-ATTACK-SAMPLES is turned into JSON once. Each measurement is a process of its own, so that its
//! peak memory is its own; CPU time is of its one thread (schedstat, in ns); medians are printed.
//! With `differences` the rules that fire are compared event by event instead.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

mod peer;
mod world;

use std::{fs, hint::black_box, path::Path, process::Command, sync::Arc};

use sigma::{Engine, Event, RuleSet, Scratch};
use world::{World, cpu_seconds, peak_mib};

/// Times that each step is measured.
const RUNS: usize = 5;
/// Times that the events are replayed in a run.
const REPLAYS: usize = 10;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["child", what, folder] => child(what, Path::new(folder)),
        [corpora, rest @ ..] => {
            let folder =
                std::env::temp_dir().join(format!("cordon-bench-sigma-{}", std::process::id()));
            world::make(Path::new(corpora), &folder);
            if rest.contains(&"differences") {
                peer::differences(&World::read(&folder, "windows"));
            } else {
                table(&folder);
            }
            fs::remove_dir_all(&folder).expect("the folder is ours");
        }
        [] => println!("usage: sigma CORPORA/logs [differences]"),
    }
}

fn table(folder: &Path) {
    println!("what\tfigures, medians of {RUNS}");
    for what in [
        "load",
        "ours",
        "ours-parsed",
        "ours-300",
        "ours-1000",
        "ours-3000",
        "ours-all",
        "peer",
        "peer-parsed",
        "peer-no-source",
        "peer-no-source-parsed",
    ] {
        let mut runs: Vec<Vec<(String, f64)>> = (0..RUNS).map(|_| run(what, folder)).collect();
        let first = runs.pop().expect("there are runs");
        let mut line = what.to_owned();
        for (place, (name, value)) in first.iter().enumerate() {
            let mut values: Vec<f64> = runs.iter().map(|run| run[place].1).collect();
            values.push(*value);
            values.sort_by(f64::total_cmp);
            line = format!("{line}\t{name} {:.3}", values[values.len() / 2]);
        }
        println!("{line}");
    }
}

fn run(what: &str, folder: &Path) -> Vec<(String, f64)> {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this)
        .arg("child")
        .arg(what)
        .arg(folder)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let (name, value) = line.split_once('\t').expect("two columns");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines().map(line).collect()
}

fn child(what: &str, folder: &Path) {
    let (rules, side) = match what {
        "load" => ("everything", "load"),
        "ours" => ("windows", "ours"),
        "ours-parsed" => ("windows", "parsed"),
        "ours-300" => ("300", "ours"),
        "ours-1000" => ("1000", "ours"),
        "ours-3000" => ("3000", "ours"),
        "ours-all" => ("everything", "ours"),
        other => ("windows", other),
    };
    if side == "load" {
        return load(folder);
    }
    let world = World::read(folder, rules);
    match side {
        "ours" => ours(&world, false),
        "parsed" => ours(&world, true),
        side => peer::measure(&world, side),
    }
    println!("peak MiB\t{}", peak_mib());
}

fn load(folder: &Path) {
    let world = World::rules(folder, "everything");
    let begin = cpu_seconds();
    let loaded = RuleSet::load(world.iter().map(|(name, text)| (name.clone(), text)));
    let read = cpu_seconds();
    let engine = Engine::new(&loaded.set);
    println!("rules\t{}", loaded.set.rules.len());
    println!("read CPU s\t{}", read - begin);
    println!("index CPU s\t{}", cpu_seconds() - read);
    println!("peak MiB\t{}", peak_mib());
    black_box(engine);
}

/// Throughput: from JSON to matches, or of events that are parsed already.
fn ours(world: &World, parsed: bool) {
    let loaded = RuleSet::load(world.rules.iter().map(|(name, text)| (name.clone(), text)));
    assert!(loaded.refused.is_empty());
    let rules = loaded.set.rules.len();
    let engine = Engine::of_rules(loaded.set.rules);
    let (mut event, mut scratch, mut matches) = (Event::new(), Scratch::new(), 0_u64);
    let lines: Vec<&[u8]> = world.lines().collect();
    let mut seconds = 0.0;
    if parsed {
        // Small batches, so that what is measured is in the cache as it is when events stream.
        for lines in lines.chunks(64) {
            let read = |line: &&[u8]| {
                let mut event = Event::new();
                event.read_json(line).expect("JSON");
                Arc::new(event)
            };
            let events: Vec<Arc<Event>> = lines.iter().map(read).collect();
            let begin = cpu_seconds();
            for _ in 0..REPLAYS {
                for event in &events {
                    engine.matches(event, &mut scratch, |_| matches += 1);
                }
            }
            seconds += cpu_seconds() - begin;
        }
    } else {
        let begin = cpu_seconds();
        for _ in 0..REPLAYS {
            for line in &lines {
                event.read_json(line).expect("JSON");
                engine.matches(&event, &mut scratch, |_| matches += 1);
            }
        }
        seconds = cpu_seconds() - begin;
    }
    report(rules, lines.len(), seconds, matches);
}

fn report(rules: usize, events: usize, seconds: f64, matches: u64) {
    let all = (events * REPLAYS) as f64;
    println!("rules\t{rules}");
    println!("events/CPU s\t{}", (all / seconds).round());
    println!("us an event\t{}", seconds * 1e6 / all);
    println!("matches\t{}", matches / REPLAYS as u64);
}
