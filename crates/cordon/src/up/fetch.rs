//! Asks hosts over SSH and lays what they say beside what people drop, where the auditor finds it. A host that does
//! not answer keeps its last bundle, which grows old and is told as old, with what went wrong.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};

use cordon_model::SetName;
use cordon_patch::Origin;
use cordon_patch_edge::remote;
use cordon_ssh::{DEFAULT_MAX_BYTES, Limits, Request, Target, run};

/// The ending of what is laid down: the auditor tells the host by what stands before it.
const ENDING: &str = "bundle";

/// Fetches what policy names, each place in its own time.
#[derive(Debug, Default)]
pub(super) struct Fetching {
    under_way: BTreeMap<SetName, Receiver<Failed>>,
    /// When each was begun.
    begun: BTreeMap<SetName, Instant>,
    failed: BTreeMap<SetName, Failed>,
}

/// Hosts that gave nothing, and why.
type Failed = BTreeMap<String, String>;

impl Fetching {
    /// Begins what is due, and takes in what has ended. `below` is where bundles are laid.
    pub(super) fn look(&mut self, origins: &[Origin], below: &Path) {
        self.under_way.retain(|name, ended| match ended.try_recv() {
            Ok(failed) => {
                self.failed.insert(name.clone(), failed);
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => {
                let why = "asking it ended without a word".to_owned();
                let all = BTreeMap::from([("*".to_owned(), why)]);
                self.failed.insert(name.clone(), all);
                false
            }
        });
        for origin in origins.iter().filter(|origin| !origin.ssh.is_empty()) {
            let every = Duration::from_millis(origin.every.millis());
            let begun = self.begun.get(&origin.name);
            let due = begun.is_none_or(|begun| begun.elapsed() >= every);
            if due && !self.under_way.contains_key(&origin.name) {
                self.begun.insert(origin.name.clone(), Instant::now());
                self.begin(origin, below);
            }
        }
    }

    /// Why hosts did not answer when they were last asked.
    pub(super) fn silent(&self) -> Failed {
        self.failed
            .values()
            .flatten()
            .map(|(host, why)| (host.clone(), why.clone()))
            .collect()
    }

    fn begin(&mut self, origin: &Origin, below: &Path) {
        let folder = below.join(origin.name.as_str());
        let (targets, mut failed) = targets(origin);
        let (say, ended) = channel();
        let fetch = move || {
            failed.extend(fetch(&targets, &folder));
            drop(say.send(failed)); // because nobody listens only when all of it ends
        };
        // A thread that cannot be started is tried again in its time; the bundles then grow old.
        if thread::Builder::new()
            .name("ssh".into())
            .spawn(fetch)
            .is_ok()
        {
            self.under_way.insert(origin.name.clone(), ended);
        }
    }
}

/// The hosts that policy wants asked, by the name of their bundle; those that cannot be asked by what was written.
pub(super) fn asked(origins: &[Origin]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for origin in origins {
        let (targets, failed) = targets(origin);
        let names = targets.into_iter().map(|target| target.name);
        for name in names.chain(failed.into_keys()) {
            all.insert(name, origin.name.to_string());
        }
    }
    all
}

fn targets(origin: &Origin) -> (Vec<Target>, Failed) {
    let (mut all, mut failed) = (Vec::new(), Failed::new());
    for text in &origin.ssh {
        match text.parse::<Target>() {
            Ok(target) => {
                let config = origin.ssh_config.clone();
                all.push(Target { config, ..target });
            }
            Err(why) => drop(failed.insert(text.clone(), why.to_string())),
        }
    }
    (all, failed)
}

fn fetch(targets: &[Target], folder: &Path) -> Failed {
    let mut failed = Failed::new();
    let made = fs::create_dir_all(folder).and_then(|()| clear(folder, targets));
    if let Err(error) = made {
        let why = format!("{}: {error}", folder.display());
        return targets
            .iter()
            .map(|target| (target.name.clone(), why.clone()))
            .collect();
    }
    let limits = Limits {
        max_bytes: DEFAULT_MAX_BYTES.min(remote::MAX_BUNDLE_BYTES),
        ..Limits::default()
    };
    let request = Request {
        command: "sh",
        stdin: remote::SCRIPT.as_bytes(),
    };
    run(targets, request, &limits, None, &mut |answer| {
        let name = &answer.target.name;
        let laid = answer
            .said
            .map_err(|failure| format!("{failure} ({})", failure.hint()))
            .and_then(|bytes| match remote::read_bundle(&bytes) {
                Ok(_) => lay(folder, name, &bytes).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
        if let Err(why) = laid {
            failed.insert(
                name.clone(),
                format!("over SSH from {}: {why}", answer.target),
            );
        }
    });
    failed
}

/// Whole or not at all: the auditor must not read half of it.
fn lay(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part = folder.with_extension("part");
    fs::write(&part, bytes)?;
    fs::rename(part, folder.join(file_of(name)))
}

fn file_of(name: &str) -> String {
    format!("{}.{ENDING}", name.replace('/', "_"))
}

/// What policy no longer names is no longer audited.
fn clear(folder: &Path, targets: &[Target]) -> io::Result<()> {
    let kept: Vec<String> = targets.iter().map(|target| file_of(&target.name)).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !kept.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
