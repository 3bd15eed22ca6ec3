//! What the hub judges by: policy, feeds, rules. Each is read again where it changed; one that is bad is refused, and
//! what was in force stays.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use cordon_engine::Said;
use cordon_logs::{Logs, SIGMA_RULES};
use cordon_model::{Blindness, ControlName, Epoch, Fact, Policy, Set, SetName, Text, Watched};
use cordon_patch::Feed;
use cordon_patch_edge::{LISTS, security_indexes};
use cordon_tell::Alerts;

use super::{
    hub::{Hub, Places},
    rows,
};
use crate::{
    check::{below, blind, feed_of, feed_pulse, read_policy},
    clock,
    command::rule_texts,
};

/// What the rules are called among the watched and among the sets.
const RULES: &str = "sigma-rules";

/// Files of rules that policy names, as they were last seen.
#[derive(Debug, Default)]
pub(super) struct RuleFiles {
    /// Of names, sizes and times.
    print: Option<u64>,
    /// What was last told of them.
    told: Option<(u64, u64)>,
}

impl Hub {
    /// Rules that policy names, where they changed; and how many are in force.
    fn rules(&mut self, root: &Path) {
        let Some(logs) = self.engine.control::<Logs>() else {
            return;
        };
        let paths = logs.load().rule_paths().to_vec();
        let files: Vec<PathBuf> = paths.iter().map(|path| below(root, path)).collect();
        let print = print(&files);
        if self.rule_files.print != Some(print) {
            self.rule_files.print = Some(print);
            let name = SetName::from(RULES);
            let known = self.policy.sets().contains_key(&name);
            if !paths.is_empty() || known {
                match texts(&files) {
                    Ok(set) => {
                        let epoch = self.engine.epoch(&name) + 1;
                        let next = self.policy.clone().with(name.clone(), set);
                        self.swap(&name, epoch, next);
                    }
                    Err(why) => {
                        let me = self.places.me.clone();
                        self.sense(blind(&me, feed_of(&name), &why, "cordon logs scan --rules"));
                    }
                }
            }
        }
        self.tell_rules();
    }

    /// How many rules there are, and how many were refused: when that changes.
    fn tell_rules(&mut self) {
        let Some(logs) = self.engine.control::<Logs>() else {
            return;
        };
        let logs = logs.load_full();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let errors = number(logs.rules().refused().len());
        let now = (number(logs.rules().count()) + errors, errors);
        if self.rule_files.told == Some(now) {
            return;
        }
        self.rule_files.told = Some(now);
        let of = Watched::Feed(SetName::from(RULES));
        let (seen, errors) = now;
        self.step(Fact::Pulse { of, seen, errors });
        for refused in logs.rules().refused().iter().take(MAX_TOLD) {
            let why = Blindness {
                why: Text::new(&format!("a rule was refused: {refused}")),
                mend: None,
            };
            let of = feed_of(&SetName::from(RULES));
            self.step(Fact::Blind { of, why });
        }
    }

    /// Policy and feeds, where they changed. A bad one is refused, and what was in force stays.
    pub(super) fn content(&mut self) {
        let Places {
            me, root, policy, ..
        } = self.places.clone();
        let text = read_policy(policy.as_deref(), &root).map(|(text, _)| text);
        let text = text.map_err(|fault| fault.what);
        if text != self.policy_text {
            self.offered += 1;
            let (set, epoch) = (SetName::from("policy"), self.offered);
            match &text {
                Ok(text) => self.reword(&set, epoch, text),
                Err(why) => self.step(Fact::Refused {
                    set,
                    epoch,
                    why: Text::new(why),
                }),
            }
            self.policy_text = text;
        }
        self.rules(&root);
        let lists = below(&root, LISTS);
        // ok: because a folder without a time is read again each time
        let written = std::fs::metadata(&lists)
            .and_then(|about| about.modified())
            .ok();
        if written.is_some() && written == self.feeds_written {
            return;
        }
        self.feeds_written = written;
        let indexes = match security_indexes(&lists) {
            Ok(indexes) => indexes,
            Err(why) => {
                let of = Watched::Control(ControlName::from(cordon_patch::SPEC.name));
                self.step(Fact::Blind { of, why });
                return;
            }
        };
        for index in indexes {
            let usable = index
                .load()
                .map_err(|error| error.to_string())
                .and_then(|set| {
                    let feed = Feed::new(index.name.clone(), &set).map_err(|e| e.to_string())?;
                    Ok((feed, set))
                });
            match usable {
                Ok((feed, set)) => {
                    let epoch = self.engine.epoch(&index.name) + 1;
                    let next = self.policy.clone().with(index.name.clone(), set);
                    self.swap(&index.name, epoch, next);
                    self.sense(feed_pulse(&me, &feed));
                }
                Err(why) => {
                    self.sense(blind(&me, feed_of(&index.name), &why, "apt-get update"));
                }
            }
        }
    }

    /// Another text: who is told is part of it, and a text that tells nobody by mistake is refused.
    fn reword(&mut self, set: &SetName, epoch: Epoch, text: &str) {
        let next = self.policy.reworded(text, epoch);
        match Alerts::read(&next) {
            Ok(alerts) => {
                self.swap(set, epoch, next);
                if self.policy.epoch == epoch {
                    self.alerts.store(Arc::new(alerts));
                }
            }
            Err(error) => self.step(Fact::Refused {
                set: set.clone(),
                epoch,
                why: Text::new(&error.to_string()),
            }),
        }
    }

    fn swap(&mut self, set: &SetName, epoch: u64, next: Policy) {
        let held = &mut self.held;
        let specs = &self.specs;
        let (told, tells) = (&mut self.told, self.alerts.load().tells_somebody());
        let mut say = |said: Said| {
            if let Some(letter) = rows::letter(&said, specs, told).filter(|_| tells) {
                held.tell(&letter);
            }
            held.say(rows::history(&said, specs));
        };
        // A refusal is an event like any other: watch has told it.
        if self
            .engine
            .swap(clock::now(), set, epoch, &next, &mut say)
            .is_ok()
        {
            self.policy = next;
        }
        self.held.news = true;
    }
}

/// Refused rules that are told one by one.
const MAX_TOLD: usize = 1;

/// What files and folders of rules look like from outside.
fn print(paths: &[PathBuf]) -> u64 {
    fn look(path: &Path, depth: usize, hasher: &mut DefaultHasher) {
        path.hash(hasher);
        let Ok(about) = std::fs::metadata(path) else {
            return; // because whoever reads them tells
        };
        if about.is_dir() && depth <= MAX_DEPTH {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            all.sort();
            for one in all {
                look(&one, depth + 1, hasher);
            }
            return;
        }
        about.len().hash(hasher);
        about
            .modified()
            .unwrap_or(SystemTime::UNIX_EPOCH)
            .hash(hasher); // or: because such a system has no times
    }
    let mut hasher = DefaultHasher::new();
    for path in paths {
        look(path, 0, &mut hasher);
    }
    hasher.finish()
}

/// Most folders within folders of rules.
const MAX_DEPTH: usize = 16;

/// All rules of these files and folders, as a set.
fn texts(files: &[PathBuf]) -> Result<Set, String> {
    let mut all = Vec::new();
    for path in files {
        all.extend(rule_texts(path).map_err(|fault| fault.to_string())?);
    }
    let bytes = serde_json::to_vec(&all).map_err(|error| error.to_string())?;
    Ok(Set {
        dated: None,
        format: SIGMA_RULES,
        bytes: Arc::from(bytes),
    })
}
