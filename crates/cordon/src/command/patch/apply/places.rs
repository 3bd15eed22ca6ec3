//! Where each host is, and how it is asked: here, or over SSH.

use std::{collections::BTreeMap, sync::mpsc, thread, time::Duration};

use cordon_model::Time;
use cordon_patch::{Group, plan::Ring};
use cordon_patch_edge::{
    HostFiles,
    apply::{HEALTH_SCRIPT, Job, Record, Vitals, answer, read_vitals, run, script},
    audit::{Bench, Line, audit as judge},
    hosts, remote,
};
use cordon_ssh::{Limits, Request, Target};

use super::{
    super::{
        Audit,
        audit::{roots, this_host},
        ssh::host_of,
    },
    Apply,
};
use crate::{clock, command::Stop};

/// Most bytes that a host may say of its commands.
const MAX_SAID_BYTES: usize = 8 << 20;

/// All hosts that can be reached, and what they are judged by.
pub(super) struct Places {
    targets: BTreeMap<String, Target>,
    here: String,
    /// How this host is looked at.
    audit: Audit,
    bench: Bench,
    limits: Limits,
    commands: Limits,
    sudo: bool,
}

/// What a new audit says of a host.
pub(super) struct Audited {
    /// When it began: what it rests on is not older.
    pub(super) taken: Time,
    pub(super) lines: Vec<Line>,
    pub(super) vitals: Vitals,
}

impl Places {
    pub(super) fn new(args: &Apply, bench: Bench) -> Result<Self, Stop> {
        let here = match &args.here {
            Some(name) => name.clone(),
            None => crate::check::this_host()?.to_string(),
        };
        let targets = if args.audit.ssh.is_empty() {
            Vec::new()
        } else {
            args.audit.ssh.targets(&[])?
        };
        let limits = args.audit.ssh.limits();
        Ok(Self {
            targets: targets
                .into_iter()
                .map(|one| (one.name.clone(), one))
                .collect(),
            here,
            audit: args.audit.clone(),
            bench,
            commands: Limits {
                timeout: Duration::from_secs(args.command_timeout),
                max_bytes: MAX_SAID_BYTES,
                ..limits.clone()
            },
            limits,
            sudo: args.sudo,
        })
    }

    pub(super) fn rings(&self) -> &[Ring] {
        self.bench.patch.rings()
    }

    pub(super) fn groups(&self) -> &[Group] {
        self.bench.patch.groups()
    }

    /// A host that is asked over SSH is not here, whatever it is called.
    pub(super) fn is_here(&self, host: &str) -> bool {
        host == self.here && !self.targets.contains_key(host)
    }

    /// Why a host is not reached, if it is not.
    pub(super) fn reaches(&self, host: &str) -> Result<(), String> {
        if self.targets.contains_key(host) || self.is_here(host) {
            return Ok(());
        }
        let here = &self.here;
        Err(format!(
            "nobody says how it is reached: name it with --ssh, or with --here if it is {here}"
        ))
    }

    /// The script that does a job there, or its commands here.
    pub(super) fn text(&self, host: &str, job: &Job) -> Vec<String> {
        let sudo = if self.sudo && !self.is_here(host) {
            "sudo -n "
        } else {
            ""
        };
        job.calls
            .iter()
            .map(|call| format!("{sudo}{call}"))
            .collect()
    }

    /// One script on this host or another; what it says, or why there is nothing.
    pub(super) fn told(&self, host: &str, script: &str) -> Result<Vec<u8>, String> {
        if let Some(target) = self.targets.get(host) {
            return ask(target, script, &self.limits);
        }
        let mut sh = std::process::Command::new("sh");
        let output = sh
            .arg("-c")
            .arg(script)
            .stdin(std::process::Stdio::null())
            .output();
        output
            .map(|output| output.stdout)
            .map_err(|error| error.to_string())
    }

    /// How a host feels; nothing where it does not say.
    pub(super) fn vitals(&self, host: &str) -> Vitals {
        // default: because a host that says nothing of it is told as one
        self.told(host, HEALTH_SCRIPT)
            .map_or_else(|_| Vitals::default(), |said| read_vitals(&said))
    }

    /// Does a job. Whatever goes wrong is a record that tells no exit code: the audit afterwards decides.
    pub(super) fn run(&self, host: &str, job: &Job) -> Record {
        let done = match self.targets.get(host) {
            Some(target) => ask(target, &script(job, self.sudo), &self.commands)
                .and_then(|said| answer(job, &said).map_err(|error| error.to_string())),
            None => run(job, self.commands.timeout).map_err(|error| error.to_string()),
        };
        done.unwrap_or_else(|why| Record::of(job, None, why.as_bytes()))
    }

    /// Looks at a host anew.
    pub(super) fn audit(&self, host: &str) -> Audited {
        let taken = clock::now();
        let (files, here) = match self.targets.get(host) {
            Some(target) => (self.over_ssh(target), false),
            None => self.of_here(host),
        };
        Audited {
            taken,
            lines: judge(
                &files,
                &self.bench,
                here.then(|| roots(&self.audit)).as_ref(),
            )
            .lines,
            vitals: self.vitals(host),
        }
    }

    fn over_ssh(&self, target: &Target) -> HostFiles {
        let request = Request {
            command: "sh",
            stdin: remote::SCRIPT.as_bytes(),
        };
        let mut host = HostFiles {
            name: target.name.clone(),
            ..HostFiles::default()
        };
        let one = std::slice::from_ref(target);
        cordon_ssh::run(one, request, &self.limits, None, &mut |answer| {
            host = host_of(answer);
        });
        host
    }

    /// This host, as it is; or where its files are said to be, read anew.
    fn of_here(&self, host: &str) -> (HostFiles, bool) {
        let named = hosts(&self.audit.inventory)
            .into_iter()
            .find(|one| one.name == host);
        if let Some(files) = named {
            return (files, false);
        }
        let name = match host.parse() {
            Ok(name) => name,
            Err(_) => "this-host".into(), // because its rows are named by the plan
        };
        (this_host(&self.audit, &name), true)
    }
}

/// One script on one host.
fn ask(target: &Target, stdin: &str, limits: &Limits) -> Result<Vec<u8>, String> {
    let request = Request {
        command: "sh",
        stdin: stdin.as_bytes(),
    };
    let mut said = Err("it gave no answer".to_owned());
    let one = std::slice::from_ref(target);
    cordon_ssh::run(one, request, limits, None, &mut |answer| {
        said = answer
            .said
            .map_err(|failure| format!("{failure} ({})", failure.hint()));
    });
    said
}

/// Does something for each of these hosts, `at_once` of them at a time, and hands over each result as it comes.
pub(super) fn each<T: Send>(
    hosts: &[String],
    at_once: usize,
    work: impl Fn(&str) -> T + Sync,
    mut done: impl FnMut(&str, T) -> Result<(), Stop>,
) -> Result<(), Stop> {
    for batch in hosts.chunks(at_once.max(1)) {
        let (to, results) = mpsc::channel();
        let work = &work;
        thread::scope(|scope| {
            for host in batch {
                let to = to.clone();
                scope.spawn(move || drop(to.send((host, work(host))))); // because nobody listens after an error
            }
            drop(to);
            let mut first = Ok(());
            for (host, result) in results {
                // What was done is done: each is taken in, also behind one that could not be.
                first = first.and(done(host, result));
            }
            first
        })?;
    }
    Ok(())
}
