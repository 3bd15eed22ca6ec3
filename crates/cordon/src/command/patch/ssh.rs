//! Hosts that are asked over SSH: whom, how long, and what came. A host that gave nothing is a host of the audit all
//! the same, with the reason in its row.

use std::{
    collections::BTreeSet,
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use clap::{Args, value_parser};
use cordon_model::{Host, Time, plural};
use cordon_patch_edge::{HostFiles, remote};
use cordon_ssh::{
    Answer, DEFAULT_MAX_BYTES, DEFAULT_PARALLEL, DEFAULT_TIMEOUT, Limits, Request, Target, run,
};
use signal_hook::{SigId, consts::TERM_SIGNALS, flag, low_level};

use crate::{
    command::{Out, Stop, read_text},
    fault::{self, Fault},
};

/// Most hosts of one call.
const MAX_TARGETS: usize = 100_000;

/// Longest time that a host may be given, in seconds: a day.
const MAX_TIMEOUT_SECS: u64 = 86_400;

/// Most hosts that may be asked at once.
const MAX_PARALLEL: u64 = 1024;

#[derive(Debug, Clone, Args)]
pub(super) struct Ssh {
    /// Linux hosts to ask over SSH: [NAME=][USER@]HOST[:PORT], or an alias of `ssh_config`.
    ///
    /// The system's own ssh is used, so jump hosts and `known_hosts` hold; nothing is asked of a person, and no host
    /// key is accepted that is not known. The script that it runs is `cordon patch collector --part ssh`: it writes
    /// nothing there and needs no root. A host that fails is a row of its own and stops no other.
    #[arg(long = "ssh", value_name = "TARGET", num_args = 1..)]
    targets: Vec<String>,
    /// Files of such hosts, one a line; what is behind # is left out.
    #[arg(long = "ssh-hosts", value_name = "FILE", num_args = 1..)]
    lists: Vec<PathBuf>,
    /// How long a host has, connecting and answering together.
    #[arg(long = "ssh-timeout", value_name = "SECS", default_value_t = DEFAULT_TIMEOUT.as_secs(),
          value_parser = value_parser!(u64).range(1..=MAX_TIMEOUT_SECS))]
    timeout: u64,
    /// How many hosts are asked at once.
    #[arg(long = "ssh-parallel", value_name = "COUNT", default_value_t = DEFAULT_PARALLEL as u64,
          value_parser = value_parser!(u64).range(1..=MAX_PARALLEL))]
    parallel: u64,
    /// An `ssh_config` in place of your own.
    #[arg(long = "ssh-config", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Ssh {
    pub(super) const fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.lists.is_empty()
    }

    /// What bounds each host.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            timeout: Duration::from_secs(self.timeout),
            parallel: usize::try_from(self.parallel).unwrap_or(DEFAULT_PARALLEL),
            max_bytes: DEFAULT_MAX_BYTES.min(remote::MAX_BUNDLE_BYTES),
        }
    }

    /// Asks these.
    pub(super) fn collect_from(
        &self,
        targets: &[Target],
        out: &mut Out<'_>,
    ) -> Result<Vec<HostFiles>, Stop> {
        let limits = self.limits();
        let request = Request {
            command: "sh",
            stdin: remote::SCRIPT.as_bytes(),
        };
        let watch = Watch::new().map_err(|why| Fault::new(&fault::NOT_STARTED, why))?;
        let mut all = Vec::new();
        let stop = Some(watch.told.as_fd());
        run(targets, request, &limits, stop, &mut |answer| {
            all.push(host_of(answer));
        });
        watch.end()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let answered = all.iter().filter(|host| !host.is_empty()).count();
        let asked = plural(all.len(), "host");
        writeln!(out.talk, "{answered} of {asked} answered over SSH")?;
        Ok(all)
    }

    /// Who is to be asked. Of one name there is one host, else the rows of one would be taken for the other's.
    pub(super) fn targets(&self, others: &[HostFiles]) -> Result<Vec<Target>, Fault> {
        let mut texts: Vec<(String, Option<String>)> = Vec::new();
        texts.extend(self.targets.iter().map(|text| (text.clone(), None)));
        for path in &self.lists {
            let text = read_text(path, &fault::SSH_TARGETS)?;
            for (nth, line) in text.lines().enumerate() {
                let line = line.split('#').next().unwrap_or(line).trim(); // or: because split gives one
                if !line.is_empty() {
                    let place = format!("{}:{}", path.display(), nth + 1);
                    texts.push((line.to_owned(), Some(place)));
                }
            }
        }
        let refuse = |what: String, place: Option<String>| {
            let fault = Fault::new(&fault::SSH_TARGETS, what);
            place.into_iter().fold(fault, Fault::at)
        };
        if texts.is_empty() {
            return Err(refuse(
                "expected hosts, found none in the lists".to_owned(),
                None,
            ));
        }
        if texts.len() > MAX_TARGETS {
            let what = format!("expected at most {MAX_TARGETS} hosts, got {}", texts.len());
            return Err(refuse(what, None));
        }
        let mut names: BTreeSet<String> = others.iter().map(|host| host.name.clone()).collect();
        let mut all = Vec::new();
        for (text, place) in texts {
            let mut target: Target = match text.parse() {
                Ok(target) => target,
                Err(why) => return Err(refuse(why.to_string(), place)),
            };
            if let Err(why) = target.name.parse::<Host>() {
                return Err(refuse(
                    format!("`{}` is no name: {why}", target.name),
                    place,
                ));
            }
            if !names.insert(target.name.clone()) {
                let what = format!(
                    "two hosts are called {}: call one of them otherwise with NAME=TARGET",
                    target.name
                );
                return Err(refuse(what, place));
            }
            target.config.clone_from(&self.config);
            all.push(target);
        }
        Ok(all)
    }
}

/// What came of one host.
pub(super) fn host_of(answer: Answer<'_>) -> HostFiles {
    let mut host = HostFiles {
        name: answer.target.name.clone(),
        ..HostFiles::default()
    };
    let came = format!("over SSH from {}", answer.target);
    let since = answer.at.duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis()); // 0: because a clock before 1970 is one at 1970
    let at = Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
    let read = match answer.said {
        Ok(bytes) => host.add_bundle(&bytes, &came, Some(at)),
        Err(failure) => Err(format!("{failure} ({})", failure.hint())),
    };
    if let Err(why) = read {
        host.failed.push((PathBuf::from(&came), why));
        host.came = Some(format!("{came} at {at}"));
    }
    host
}

/// What failed with a host. One that was asked over SSH has another remedy than a file.
pub(super) fn faults(host: &HostFiles) -> impl Iterator<Item = Fault> {
    let code = if host.came.is_some() && host.is_empty() {
        &fault::SSH_FAILED
    } else {
        &fault::INVENTORY_UNREADABLE
    };
    let failed = host.failed.iter();
    failed.map(move |(path, why)| Fault::new(code, why).at(path.display()))
}

/// Hears the signals that end a program, so that no `ssh` outlives it. Each is in a group of its own, which the
/// terminal does not reach.
struct Watch {
    told: UnixStream,
    caught: Arc<AtomicUsize>,
    /// Whether a signal does what it always does.
    usual: Arc<AtomicBool>,
    ids: Vec<SigId>,
}

impl Watch {
    fn new() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        let watch = Self {
            told,
            caught: Arc::default(),
            usual: Arc::default(),
            ids: Vec::new(),
        };
        let mut ids = Vec::new();
        for signal in TERM_SIGNALS {
            let number = usize::try_from(*signal).map_err(io::Error::other)?;
            flag::register_conditional_default(*signal, watch.usual.clone())?;
            ids.push(flag::register_usize(*signal, watch.caught.clone(), number)?);
            ids.push(low_level::pipe::register(*signal, tell.try_clone()?)?);
        }
        Ok(Self { ids, ..watch })
    }

    /// Lets a signal that came meanwhile do what it always does, now that every `ssh` has ended.
    fn end(self) -> io::Result<()> {
        for id in self.ids {
            low_level::unregister(id);
        }
        self.usual.store(true, Ordering::SeqCst);
        match i32::try_from(self.caught.load(Ordering::SeqCst)) {
            Ok(0) | Err(_) => Ok(()),
            Ok(signal) => low_level::emulate_default_handler(signal),
        }
    }
}
