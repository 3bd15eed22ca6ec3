//! One look at this host: sensors, engine, probes, once, and what came of it.
//!
//! The main loop in small. It also watches the watcher: what watch says counts only if watch's own
//! probe came back, and this loop, not watch, says so when it did not.

pub mod draw;
mod knows;
pub mod posture;

use std::{
    fs,
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use cordon_engine::{Engine, Outcome, Said};
use cordon_logs::Logs;
use cordon_logs_edge::LogFile;
use cordon_model::{
    Blindness, ControlName, End, Fact, Host, Planting, Policy, ProbeId, Prove, Sense, Sensed,
    SetName, Text, Watched, Withdrawn,
};
use cordon_patch::{Feed, Patch};
use cordon_patch_edge::{Dpkg, LISTS, STATUS, security_indexes};

use crate::{
    CONTROLS, clock,
    fault::{self, Fault},
    probes::{nonce, plantable},
};

/// Where the policy of a host is, if it has one.
pub(crate) const POLICY: &str = "etc/cordon/policy.toml";

/// How long the main loop waits between two ticks while probes are out.
const TICK: Duration = Duration::from_millis(20);

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A policy; the host's own, else the built-in one, where it is left out.
    pub policy: Option<PathBuf>,
    /// What this host is called; its own name where it is left out.
    pub host: Option<Host>,
    /// The root of the system to look at; `/` where it is left out.
    pub root: Option<PathBuf>,
}

/// What came of a look.
pub struct Look {
    /// With all findings and memory.
    pub engine: Engine,
    /// The policy in force.
    pub policy: Policy,
    /// Where it came from; none for the built-in one.
    pub policy_path: Option<PathBuf>,
    /// Which probes came back.
    pub proven: Vec<ProbeId>,
    /// What could not be cleaned up after a probe.
    pub left: Vec<Text>,
}

/// The name of this host.
pub fn this_host() -> Result<Host, Fault> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .map_err(|error| Fault::new(&fault::UNKNOWN_HOST, error))?;
    name.trim()
        .parse()
        .map_err(|error| Fault::new(&fault::UNKNOWN_HOST, error))
}

/// Looks once.
pub fn look(options: &Options) -> Result<Look, Fault> {
    let root = options.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let me = options.host.clone().map_or_else(this_host, Ok)?;
    let (text, policy_path) = read_policy(options.policy.as_deref(), &root)?;
    let mut policy = Policy::new(&text, 1);
    let mut feeds = Vec::new();
    let found = security_indexes(&below(&root, LISTS));
    for index in found.iter().flatten() {
        let usable = index
            .load()
            .map_err(|error| error.to_string())
            .and_then(|set| {
                let feed =
                    Feed::new(index.name.clone(), &set).map_err(|error| error.to_string())?;
                Ok((feed, set))
            });
        match usable {
            Ok((feed, set)) => {
                policy = policy.with(index.name.clone(), set);
                feeds.push(feed_pulse(&me, &feed));
            }
            Err(why) => feeds.push(blind(&me, feed_of(&index.name), &why, "apt-get update")),
        }
    }
    let engine = Engine::new(me.clone(), CONTROLS, &policy).map_err(|error| {
        let place = policy_path
            .as_deref()
            .unwrap_or(Path::new("the built-in policy"));
        Fault::new(&fault::POLICY_REFUSED, error).at(place.display())
    })?;
    let mut look = Look {
        engine,
        policy,
        policy_path,
        proven: Vec::new(),
        left: Vec::new(),
    };
    look.step(Sensed {
        host: me.clone(),
        said: None,
        fact: Fact::Tick,
    });
    for sensed in feeds {
        look.step(sensed);
    }
    look.see_packages(&me, &root, found.err());
    look.see_logs(&me, &root);
    look.pulse(&me, Watched::Agent(me.clone()), 1);
    look.prove(&me);
    Ok(look)
}

impl Look {
    /// What it means.
    pub fn posture(&self) -> posture::Posture {
        // The main loop speaks for watch: without its probe, nothing that watch says is proven.
        let withheld = cordon_watch::WITHHELD_PULSE;
        let watched = self.proven.iter().any(|probe| probe.as_str() == withheld);
        posture::Posture::of(&self.engine, watched, &self.left)
    }

    fn step(&mut self, sensed: Sensed) {
        let proven = &mut self.proven;
        self.engine.step(clock::now(), sensed, &mut |said: Said| {
            if let Outcome::Withheld(planting) = said.outcome {
                proven.push(planting.probe);
            }
        });
    }

    fn pulse(&mut self, me: &Host, of: Watched, seen: usize) {
        let seen = u64::try_from(seen).unwrap_or(u64::MAX);
        let fact = Fact::Pulse {
            of,
            seen,
            errors: 0,
        };
        self.step(Sensed {
            host: me.clone(),
            said: None,
            fact,
        });
    }

    fn tick(&mut self, me: &Host) {
        self.step(Sensed {
            host: me.clone(),
            said: None,
            fact: Fact::Tick,
        });
    }

    fn see_packages(&mut self, me: &Host, root: &Path, no_index: Option<Blindness>) {
        let patch = Watched::Control(ControlName::from(cordon_patch::SPEC.name));
        let mut dpkg = Dpkg {
            host: me.clone(),
            path: below(root, STATUS),
        };
        self.sense(me, &mut dpkg, &patch);
        let judges = self
            .engine
            .control::<Patch>()
            .is_some_and(|patch| patch.load().is_set_up());
        if let (Some(why), false) = (no_index, judges) {
            let fact = Fact::Blind { of: patch, why };
            self.step(Sensed {
                host: me.clone(),
                said: None,
                fact,
            });
        }
    }

    fn see_logs(&mut self, me: &Host, root: &Path) {
        let Some(logs) = self.engine.control::<Logs>() else {
            return;
        };
        let logs = logs.load_full();
        for (name, source) in logs.sources() {
            let Some(path) = &source.path else { continue };
            let (host, source, errors) = (me.clone(), name.clone(), source.errors.clone());
            let mut file = LogFile {
                host,
                source,
                path: below(root, path),
                errors,
            };
            self.sense(me, &mut file, &Watched::Source(name.clone()));
        }
        if !logs.sources().is_empty() {
            let of = Watched::Control(ControlName::from(cordon_logs::SPEC.name));
            self.pulse(me, of, logs.sources().len());
        }
    }

    /// Runs a sensor to its end. Blindness is stepped like everything else that was seen.
    fn sense(&mut self, me: &Host, sensor: &mut dyn Sense, of: &Watched) {
        let end = sensor.sense(None, &mut |sensed, _| {
            self.step(sensed);
            ControlFlow::Continue(())
        });
        match end {
            End::Finished { .. } | End::Stopped => {}
            End::Blind { why } => {
                let fact = Fact::Blind {
                    of: of.clone(),
                    why,
                };
                self.step(Sensed {
                    host: me.clone(),
                    said: None,
                    fact,
                });
            }
        }
    }

    /// Plants every probe that can be planted, looks for it through the real sensors, takes it out.
    fn prove(&mut self, me: &Host) {
        let named = |logs: &Logs| !logs.is_empty();
        let logs = self
            .engine
            .control::<Logs>()
            .is_some_and(|logs| named(&logs.load()));
        let patch = self
            .engine
            .control::<Patch>()
            .map(|patch| patch.load_full());
        let probes = plantable(logs, patch.as_ref().and_then(|patch| patch.feeds().first()));
        let mut out = Vec::new();
        for mut probe in probes {
            out.extend(self.plant(me, &mut *probe));
            self.echo(me, &mut *probe);
            if let Withdrawn::Left { what } = probe.withdraw() {
                self.left.push(what);
            }
        }
        let until = out.iter().map(|planting| planting.until).max();
        while out
            .iter()
            .any(|planting| !self.proven.contains(&planting.probe))
        {
            self.tick(me);
            if until.is_none_or(|until| until < self.engine.at()) {
                break; // watch has said by now which did not come back
            }
            wait();
        }
        self.pulse(
            me,
            Watched::Control(ControlName::from(cordon_watch::SPEC.name)),
            CONTROLS.len(),
        );
        self.tick(me);
    }

    fn plant(&mut self, me: &Host, probe: &mut dyn Prove) -> Option<Planting> {
        let planted = nonce().and_then(|nonce| probe.plant(&nonce, me, clock::now()));
        match planted {
            Ok(planting) => {
                let fact = Fact::Planted(planting.clone());
                self.step(Sensed {
                    host: me.clone(),
                    said: None,
                    fact,
                });
                Some(planting)
            }
            // Then nothing is proven, and the page says "working", not "proven".
            Err(why) => {
                self.left.push(why.why);
                None
            }
        }
    }

    fn echo(&mut self, me: &Host, probe: &mut dyn Prove) {
        let end = probe.look(&mut |sensed| self.step(sensed));
        if let End::Blind { why } = end {
            self.left.push(why.why); // the probe is missed, and watch says so
        }
        self.tick(me);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the main loop's tick is the one wait there is"
)]
fn wait() {
    std::thread::sleep(TICK);
}

pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

pub(crate) fn feed_of(name: &SetName) -> Watched {
    Watched::Feed(name.clone())
}

pub(crate) fn feed_pulse(me: &Host, feed: &Feed) -> Sensed {
    let fact = Fact::Pulse {
        of: feed_of(&feed.name),
        seen: feed.rows,
        errors: feed.rejected,
    };
    Sensed {
        host: me.clone(),
        said: feed.dated,
        fact,
    }
}

pub(crate) fn blind(me: &Host, of: Watched, why: &str, mend: &str) -> Sensed {
    let why = Blindness {
        why: Text::new(why),
        mend: Some(Text::new(mend)),
    };
    Sensed {
        host: me.clone(),
        said: None,
        fact: Fact::Blind { of, why },
    }
}

pub(crate) fn read_policy(
    named: Option<&Path>,
    root: &Path,
) -> Result<(String, Option<PathBuf>), Fault> {
    let path = named.map_or_else(|| root.join(POLICY), Path::to_path_buf);
    match read_regular(&path) {
        Ok(text) => Ok((text, Some(path))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok((String::new(), None))
        }
        Err(error) => Err(Fault::new(&fault::POLICY_UNREADABLE, error).at(path.display())),
    }
}

/// A FIFO in the place of a file would hold whoever opens or reads it, and the main loop is who does.
fn read_regular(path: &Path) -> io::Result<String> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}
