//! `cordon patch apply` and `cordon patch rollout`: a plan is done ring by ring, and every host is asked again.
//!
//! Without `--yes` nothing is done: it is said what would be. What happens is durable before anything rests on it, so
//! who is killed in the middle goes on with `--resume`, and first looks what came of what he had begun.

mod drive;
mod places;
mod show;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::{Args, value_parser};
use cordon_model::Exception;
use cordon_patch::plan::{
    Deed, Event, Happened, HostPlan, Plan, Restart, Rollout, Stage, Step, assign,
};
use cordon_patch_edge::{
    apply::{Job, MAX_PLAN_BYTES, State, StateError, read_plan},
    audit::Bench,
};

use super::{
    Audit,
    audit::{compile, held_against},
};
use crate::{
    clock,
    command::{Out, Stop},
    fault::{self, Exit, Fault},
    page::inert,
};
use places::Places;

/// How many hosts are done at once.
const AT_ONCE: u64 = 8;

/// Most hosts that may be done at once.
const MAX_AT_ONCE: u64 = 256;

/// How long a host's commands may take together over SSH, and each of them here, in seconds.
const COMMAND_SECS: u64 = 3600;

/// The longest that may be given, in seconds: a day.
const MAX_COMMAND_SECS: u64 = 86_400;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Apply {
    /// The plan: what `cordon patch plan --json` wrote.
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    audit: Audit,
    /// Do it. Without this it is said what would be done.
    #[arg(long, requires = "state")]
    yes: bool,
    /// Where the rollout is kept: a folder of its own.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Go on with the rollout in --state. One that is halted stays halted.
    #[arg(long, requires = "state", requires = "yes")]
    resume: bool,
    /// Restart hosts over SSH whose steps ask for it, once they are proven, and wait for them.
    #[arg(long, conflicts_with = "resume")]
    restart: bool,
    /// What this host is called in the plan; its own name where it is left out.
    #[arg(long, value_name = "NAME")]
    here: Option<String>,
    /// Over SSH run the commands by `sudo -n`.
    #[arg(long)]
    sudo: bool,
    /// How many hosts are done at once: so many may be hit before a halt.
    #[arg(long, value_name = "COUNT", default_value_t = AT_ONCE,
          value_parser = value_parser!(u64).range(1..=MAX_AT_ONCE))]
    at_once: u64,
    /// How long the commands of a host may take.
    #[arg(long, value_name = "SECS", default_value_t = COMMAND_SECS,
          value_parser = value_parser!(u64).range(1..=MAX_COMMAND_SECS))]
    command_timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    /// Where the rollout is kept.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// A person has looked why it is halted, and lets it go on: what went wrong is tried again by `apply --resume`.
    #[arg(long, value_name = "PERSON")]
    resume_by: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// What is done on each host, and why nothing is on others.
#[derive(Debug, Default)]
struct Work {
    jobs: BTreeMap<String, Todo>,
    /// Hosts whose steps are all excepted, and by whom.
    left_out: BTreeMap<String, String>,
    /// Hosts of which nothing can be done here, and why.
    not_done: BTreeMap<String, String>,
    /// Steps that are left out of hosts that have others.
    notes: Vec<String>,
}

/// What is done on one host.
#[derive(Debug)]
struct Todo {
    host: HostPlan,
    job: Job,
    /// Its steps ask for a restart of it.
    wants_restart: bool,
}

impl Work {
    fn of(plan: &Plan, exceptions: &[Exception], places: &Places, restart: bool) -> Self {
        let mut work = Self::default();
        for host in &plan.hosts {
            let mut excepted = None;
            let mut steps = Vec::new();
            for step in &host.steps {
                match exceptions.iter().find(|one| covers(one, &host.host, step)) {
                    Some(one) => {
                        let why = format!("{} until {}: {}", one.owner, one.until, one.reason);
                        let what = super::plan::show::plain(&step.deed);
                        work.notes
                            .push(format!("{}: {what} is excepted by {why}", host.host));
                        excepted = Some(why);
                    }
                    None => steps.push(step.clone()),
                }
            }
            if let (true, Some(why)) = (steps.is_empty(), excepted) {
                work.left_out.insert(host.host.clone(), why);
                continue;
            }
            let host = HostPlan {
                steps,
                ..host.clone()
            };
            match todo(&host, places, restart) {
                Ok(todo) => drop(work.jobs.insert(host.host, todo)),
                Err(why) => drop(work.not_done.insert(host.host, why)),
            }
        }
        work
    }

    /// Everyone who is in a ring.
    fn hosts(&self) -> Vec<String> {
        self.jobs
            .keys()
            .chain(self.left_out.keys())
            .cloned()
            .collect()
    }
}

fn todo(host: &HostPlan, places: &Places, restart: bool) -> Result<Todo, String> {
    let job = Job::of(host.kind, &host.steps).map_err(|why| why.to_string())?;
    places.reaches(&host.host)?;
    let asks = |step: &Step| step.needs_restart == Restart::Host;
    let wants_restart = host.steps.iter().any(asks);
    if job.calls.is_empty() && !(restart && wants_restart && !places.is_here(&host.host)) {
        return Err("only a restart is asked for: do it by hand, or give --restart".to_owned());
    }
    Ok(Todo {
        host: host.clone(),
        job,
        wants_restart,
    })
}

/// Whether somebody answers for all that a step would do.
fn covers(exception: &Exception, host: &str, step: &Step) -> bool {
    let fits = |name: &str| exception.subject.fits(&format!("package:{name}"));
    let all = match &step.deed {
        Deed::Upgrade(packages) => packages.iter().all(|one| fits(&one.name)),
        Deed::Install { kb, .. } => fits(kb),
        Deed::RestartServices(files) => files.iter().all(|file| fits(file)),
        Deed::RestartHost => fits("restart"),
    };
    all && exception.rule.as_str().starts_with("patch.") && exception.host.fits(host)
}

pub(super) fn apply(args: &Apply, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let (feeds, sheets, words) = held_against(&args.audit)?;
    let (plan, open) = match (&args.plan, &args.state) {
        (Some(path), _) => (read(path)?, None),
        (None, Some(dir)) => {
            let (state, opened) = State::open(dir).map_err(|error| of_state(&error))?;
            if opened.torn_bytes > 0 {
                let torn = opened.torn_bytes;
                writeln!(
                    out.talk,
                    "the last line of the journal was never whole: {torn} bytes are left out"
                )?;
            }
            (state.plan.clone(), Some((state, opened)))
        }
        (None, None) => {
            let what = "expected a plan, or --resume with --state";
            return Err(Fault::new(&fault::PLAN_UNREADABLE, what).into());
        }
    };
    let any_dpkg = plan
        .hosts
        .iter()
        .any(|host| host.kind == Some(cordon_model::PackageKind::Deb));
    let (patch, exceptions) = compile(&args.audit, &feeds, any_dpkg)?;
    let mut bench = Bench::new(feeds, patch, sheets, clock::now(), args.audit.feed_age);
    bench.words = words;
    let places = Places::new(args, bench)?;
    let work = Work::of(&plan, &exceptions, &places, args.restart || args.resume);
    for note in &work.notes {
        writeln!(out.talk, "{}", inert(note))?;
    }
    for (host, why) in work.not_done.iter().chain(&work.left_out) {
        writeln!(out.talk, "{}: not done: {}", inert(host), inert(why))?;
    }
    let (mut state, opened) = if let Some(open) = open {
        open
    } else {
        let rings = assign(&work.hosts(), places.rings(), places.groups());
        if !args.yes {
            return show::dry(args, &places, &work, &rings, out);
        }
        let restarts: BTreeSet<String> = work
            .jobs
            .iter()
            .filter(|(host, todo)| args.restart && todo.wants_restart && !places.is_here(host))
            .map(|(host, _)| host.clone())
            .collect();
        let rollout = Rollout::new(rings, &restarts, clock::now());
        let dir = args
            .state
            .as_deref()
            .unwrap_or_else(|| std::path::Path::new(".")); // or: because --yes requires it
        let state = State::create(dir, plan, rollout).map_err(|error| of_state(&error))?;
        (state, cordon_patch_edge::apply::Opened::default())
    };
    leave_out(&mut state, &work)?;
    all_are_reached(&state, &work)?;
    drive::drive(args, &places, &work, &mut state, &opened, out)?;
    // What came of it is read back from the disk, so that what is shown is what is durable.
    let opened = match &args.state {
        Some(dir) => State::look(dir).map_err(|error| of_state(&error))?.2,
        None => opened,
    };
    show::ended(args, &work, &state, &opened, out)
}

/// Who is excepted is left out and told, unless his steps were begun before somebody answered for it.
fn leave_out(state: &mut State, work: &Work) -> Result<(), Stop> {
    for (host, why) in &work.left_out {
        let waits = state.rollout.rings().iter().any(|ring| {
            ring.hosts
                .get(host)
                .is_some_and(|host| host.stage == Stage::Waiting)
        });
        if waits {
            let (host, why) = (host.clone(), why.clone());
            take(state, Happened::LeftOut { host, why })?;
        }
    }
    Ok(())
}

/// Who goes on must reach every host that is still in a ring: else another would be asked in its place.
fn all_are_reached(state: &State, work: &Work) -> Result<(), Fault> {
    let hosts = state.rollout.rings().iter().flat_map(|ring| &ring.hosts);
    for (host, now) in hosts {
        let is_out = matches!(now.stage, Stage::LeftOut { .. });
        if !is_out && !work.jobs.contains_key(host) {
            let why = work.not_done.get(host).or_else(|| work.left_out.get(host));
            let why = why.map_or("the plan has no steps for it", String::as_str);
            let what = format!("expected to reach {host} as before: {why}");
            return Err(Fault::new(&fault::ROLLOUT, what));
        }
    }
    Ok(())
}

/// What happened, made durable.
fn take(state: &mut State, what: Happened) -> Result<(), Stop> {
    let event = Event {
        at: clock::now(),
        what,
    };
    let taken = state.take(event, None, None);
    taken.map_err(|error| Fault::new(&fault::ROLLOUT_STORE, error).into())
}

fn of_state(error: &StateError) -> Fault {
    let code = match error {
        StateError::Disk { .. } => &fault::ROLLOUT_STORE,
        StateError::There(_)
        | StateError::None(_)
        | StateError::Busy(_)
        | StateError::Damaged { .. } => &fault::ROLLOUT,
    };
    Fault::new(code, error)
}

fn read(path: &PathBuf) -> Result<Plan, Fault> {
    let refuse =
        |what: &dyn std::fmt::Display| Fault::new(&fault::PLAN_UNREADABLE, what).at(path.display());
    let about = std::fs::metadata(path).map_err(|error| refuse(&error))?;
    if about.len() > MAX_PLAN_BYTES {
        let what = format!(
            "expected at most {MAX_PLAN_BYTES} bytes, got {}",
            about.len()
        );
        return Err(refuse(&what));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(&error))?;
    read_plan(&bytes).map_err(|error| refuse(&error))
}

pub(super) fn look(args: &Look, out: &mut Out<'_>) -> Result<Exit, Stop> {
    if let Some(by) = &args.resume_by {
        let (mut state, _) = State::open(&args.state).map_err(|error| of_state(&error))?;
        if by.trim().is_empty() {
            let what = "expected the name of the person who looked, got nothing";
            return Err(Fault::new(&fault::ROLLOUT, what).into());
        }
        if state.rollout.halted().is_none() {
            writeln!(out.talk, "it is not halted: nothing was changed")?;
        } else {
            take(&mut state, Happened::Resumed { by: by.clone() })?;
            writeln!(
                out.talk,
                "resumed by {}: go on by `cordon patch apply --resume`",
                inert(by)
            )?;
        }
    }
    let (_, rollout, opened) = State::look(&args.state).map_err(|error| of_state(&error))?;
    show::rollout(&rollout, &opened, args.json, out)?;
    Ok(show::exit(&rollout))
}
