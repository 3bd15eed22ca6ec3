//! `cargo run --release -p bench -- SHARDS EVENTS`: CPU seconds for events that say nothing.
//!
//! Each event is a pulse of one of SHARDS hosts, judged by watch and patch, every tenth a log line,
//! judged by logs: the common case on a quiet day. Under `valgrind` two runs with different EVENTS
//! give the allocations of one event, which must be none.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

use std::{fs, hint::black_box};

use cordon_engine::{Engine, Make, make};
use cordon_model::{
    Fact, Host, Level, LogLine, Policy, Sensed, SourceName, Span, Text, Time, Watched,
};

const CONTROLS: &[Make] = &[
    make::<cordon_watch::Watch>(),
    make::<cordon_logs::Logs>(),
    make::<cordon_patch::Patch>(),
];

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<u64>().expect("a number"));
    let (shards, events) = (args.next().unwrap_or(1), args.next().unwrap_or(1_000_000));
    let text = "[[logs.source]]\nname = \"app.log\"\nreport = [\"never written\"]\n";
    let policy = Policy::new(text, 1);
    let mut engine = Engine::new("hub".into(), CONTROLS, &policy).expect("a good policy");
    let source: SourceName = "app.log".into();
    let pulses: Vec<Sensed> = (0..shards)
        .map(|number| {
            let host: Host = format!("host-{number}").parse().expect("a name");
            let fact = Fact::Pulse {
                of: Watched::Agent(host.clone()),
                seen: 1,
                errors: 0,
            };
            Sensed {
                host,
                said: None,
                fact,
            }
        })
        .collect();
    let lines: Vec<Sensed> = pulses
        .iter()
        .map(|pulse| {
            let text = Text::new("Nov 23 17:31:04 host app[42]: request 7 done in 12 ms");
            let line = LogLine {
                source: source.clone(),
                text,
                level: Level::Plain,
            };
            Sensed {
                fact: Fact::Log(line),
                ..pulse.clone()
            }
        })
        .collect();
    let mut said = 0_u64;
    let mut now = Time::from_millis(1_000_000_000_000);
    // Every memory exists before the clock starts.
    for sensed in pulses.iter().chain(&lines) {
        engine.step(now, sensed.clone(), &mut |_| said += 1);
    }
    let before = cpu_seconds();
    let every = usize::try_from(shards).expect("it fits");
    for event in 0..usize::try_from(events).expect("it fits") {
        now = now + Span::from_millis(u64::from(event % every == 0));
        let from = if event % 10 == 9 { &lines } else { &pulses };
        engine.step(now, black_box(from[event % every].clone()), &mut |_| {
            said += 1;
        });
    }
    let seconds = cpu_seconds() - before;
    let rate = events as f64 / seconds.max(0.01);
    println!(
        "{shards} shards, {events} events, {said} said: {seconds:.2} CPU s, {rate:.0} events/s"
    );
}

/// User and system time of this process, in seconds, in steps of 10 ms (proc(5), fields 14 and 15).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().expect("a name in brackets");
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}
