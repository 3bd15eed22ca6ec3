//! `rsigma-eval` on the same rules and events. It knows no set of sources, so each event carries a
//! field for each of its sources, and each rule gets the condition that its field is there.

use std::{collections::BTreeMap, fmt::Write as _};

use rsigma_eval::{JsonEvent, pipeline::parse_pipeline};
use serde_json::Value;
use sigma::{Event, RuleSet, Scratch};

use crate::{
    REPLAYS, report,
    world::{World, cpu_seconds, mark},
};

/// The peer's engine with all rules, with or without their sources as conditions.
fn engine(world: &World, sources: bool) -> rsigma_eval::Engine {
    let mut engine = rsigma_eval::Engine::new();
    if sources {
        let loaded = RuleSet::load(world.rules.iter().map(|(name, text)| (name.clone(), text)));
        let mut distinct: Vec<_> = loaded
            .set
            .rules
            .iter()
            .map(|rule| rule.source.clone())
            .collect();
        distinct.sort();
        distinct.dedup();
        let mut pipeline = "name: sources\npriority: 10\ntransformations:\n".to_owned();
        for (index, source) in distinct.iter().enumerate() {
            let field = mark(&source.product, &source.category, &source.service);
            write!(
                pipeline,
                "  - id: s{index}\n    type: add_condition\n    conditions:\n      {field}: 1\n    rule_conditions:\n      - type: logsource\n",
            )
            .expect("a string");
            let words = [
                ("product", &source.product),
                ("category", &source.category),
                ("service", &source.service),
            ];
            for (key, word) in words {
                if let Some(word) = word {
                    writeln!(pipeline, "        {key}: {word}").expect("a string");
                }
            }
        }
        engine.add_pipeline(parse_pipeline(&pipeline).expect("a pipeline"));
    }
    // All at once: the peer makes its index anew for every collection.
    let mut all = rsigma_parser::SigmaCollection::default();
    for (_, text) in &world.rules {
        let one = rsigma_parser::parse_sigma_yaml(text).expect("a rule");
        all.rules.extend(one.rules);
    }
    engine.add_collection(&all).expect("rules");
    engine
}

/// Throughput, like ours.
pub(crate) fn measure(world: &World, side: &str) {
    let engine = engine(world, !side.starts_with("peer-no-source"));
    let lines: Vec<&[u8]> = world.flat_lines().collect();
    let (mut seconds, mut matches) = (0.0, 0);
    let parse = |line: &&[u8]| serde_json::from_slice::<Value>(line).expect("JSON");
    if side.ends_with("parsed") {
        for lines in lines.chunks(64) {
            let events: Vec<Value> = lines.iter().map(parse).collect();
            let begin = cpu_seconds();
            for _ in 0..REPLAYS {
                for event in &events {
                    matches += engine.evaluate(&JsonEvent::borrow(event)).len() as u64;
                }
            }
            seconds += cpu_seconds() - begin;
        }
    } else {
        let begin = cpu_seconds();
        for _ in 0..REPLAYS {
            for line in &lines {
                let event = parse(line);
                matches += engine.evaluate(&JsonEvent::borrow(&event)).len() as u64;
            }
        }
        seconds = cpu_seconds() - begin;
    }
    report(world.rules.len(), lines.len(), seconds, matches);
}

/// A rule and how many events only one of the two says it fires on, with the first of them.
type Differences = BTreeMap<(String, &'static str), (usize, String)>;

/// Which rules fire on which events, of the one and not of the other.
pub(crate) fn differences(world: &World) {
    let peer = engine(world, true);
    let loaded = RuleSet::load(world.rules.iter().map(|(name, text)| (name.clone(), text)));
    let ours = sigma::Engine::of_rules(loaded.set.rules);
    let (mut event, mut scratch) = (Event::new(), Scratch::new());
    let (mut same, mut found) = (0, Differences::new());
    for (line, flat) in world.lines().zip(world.flat_lines()) {
        event.read_json(line).expect("JSON");
        let mut a: Vec<String> = Vec::new();
        ours.matches(&event, &mut scratch, |rule| {
            a.push(ours.rules()[rule].meta.id.clone().unwrap_or_default());
        });
        let value: Value = serde_json::from_slice(flat).expect("JSON");
        let results = peer.evaluate(&JsonEvent::borrow(&value));
        let b: Vec<String> = results
            .into_iter()
            .filter_map(|result| result.header.rule_id)
            .collect();
        same += a.iter().filter(|id| b.contains(id)).count();
        let shown = || String::from_utf8_lossy(flat).into_owned();
        for (these, those, who) in [(&a, &b, "ours"), (&b, &a, "peer")] {
            for id in these.iter().filter(|id| !those.contains(id)) {
                found
                    .entry((id.clone(), who))
                    .or_insert_with(|| (0, shown()))
                    .0 += 1;
            }
        }
    }
    println!("{same} matches are the same");
    for ((id, who), (count, event)) in found {
        println!("only {who}\t{id}\t{count} events, first:\t{event}");
    }
}
