//! Drives a rollout as far as it may go now. It decides nothing: it does what the rollout says may be done next, and
//! tells it what happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use cordon_model::Time;
use cordon_patch::plan::{Event, Happened, Next, Proof, Rollout};
use cordon_patch_edge::apply::{Job, Opened, RESTART_SCRIPT, Record, State, proof};

use super::{
    Apply, Todo, Work,
    places::{Places, each},
    take,
};
use crate::{
    clock,
    command::{Out, Stop},
    fault::{self, Fault},
    page::inert,
};

/// How often it is looked whether a host is back.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What may be done next, as a value of its own.
enum Do {
    Audit(Vec<String>),
    Run(Vec<String>),
    Restart(Vec<String>),
    Await(Vec<String>),
    Stop,
}

fn next(rollout: &Rollout, now: Time) -> Do {
    let owned = |hosts: Vec<&str>| hosts.into_iter().map(str::to_owned).collect();
    match rollout.next(now) {
        Next::Audit(hosts) => Do::Audit(owned(hosts)),
        Next::Run(hosts) => Do::Run(owned(hosts)),
        Next::Restart(hosts) => Do::Restart(owned(hosts)),
        Next::Await(hosts) => {
            Do::Await(hosts.into_iter().map(|(host, _)| host.to_owned()).collect())
        }
        Next::Wait(_) | Next::Halted(_) | Next::Done => Do::Stop,
    }
}

struct Driver<'a, 'o, 'p> {
    args: &'a Apply,
    places: &'a Places,
    work: &'a Work,
    state: &'a mut State,
    /// The start in which a host lived when it was told to restart.
    boots: BTreeMap<String, String>,
    out: &'o mut Out<'p>,
}

pub(super) fn drive(
    args: &Apply,
    places: &Places,
    work: &Work,
    state: &mut State,
    opened: &Opened,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut driver = Driver {
        args,
        places,
        work,
        state,
        boots: opened.boots.iter().cloned().collect(),
        out,
    };
    loop {
        take(driver.state, Happened::Tick)?;
        match next(&driver.state.rollout, clock::now()) {
            Do::Audit(hosts) => driver.audit(&hosts)?,
            Do::Run(hosts) => driver.run(&hosts)?,
            Do::Restart(hosts) => driver.restart(&hosts)?,
            Do::Await(hosts) => driver.look_who_is_back(&hosts)?,
            Do::Stop => return Ok(()),
        }
    }
}

impl Driver<'_, '_, '_> {
    fn at_once(&self) -> usize {
        usize::try_from(self.args.at_once).unwrap_or(1)
    }

    fn todo(&self, host: &str) -> Option<&Todo> {
        self.work.jobs.get(host)
    }

    fn take(
        &mut self,
        what: Happened,
        record: Option<Record>,
        boot: Option<String>,
    ) -> Result<(), Stop> {
        let event = Event {
            at: clock::now(),
            what,
        };
        let taken = self.state.take(event, record, boot);
        taken.map_err(|error| Fault::new(&fault::ROLLOUT_STORE, error).into())
    }

    /// A few hosts of a ring, and no more: whoever comes behind them is begun only when they are judged.
    fn run(&mut self, hosts: &[String]) -> Result<(), Stop> {
        let batch: Vec<String> = hosts.iter().take(self.at_once()).cloned().collect();
        let (places, at_once) = (self.places, self.at_once());
        let mut vitals = BTreeMap::new();
        each(
            &batch,
            at_once,
            |host| places.vitals(host),
            |host, said| {
                vitals.insert(host.to_owned(), said);
                Ok(())
            },
        )?;
        for host in &batch {
            let health = vitals.remove(host).and_then(|said| said.health);
            let host = host.clone();
            self.take(Happened::Began { host, health }, None, None)?;
        }
        let nothing = Job::default();
        let work = self.work;
        let run = |host: &str| {
            let job = work.jobs.get(host).map_or(&nothing, |todo| &todo.job);
            places.run(host, job)
        };
        each(&batch, at_once, run, |host, record| {
            let exit = match record.exit {
                Some(exit) => format!("exit {exit}"),
                None => "no exit code".to_owned(),
            };
            writeln!(self.out.talk, "{}: ran, {exit}", inert(host))?;
            let (host, exit) = (host.to_owned(), record.exit);
            self.take(Happened::Ran { host, exit }, Some(record), None)
        })
    }

    fn audit(&mut self, hosts: &[String]) -> Result<(), Stop> {
        let places = self.places;
        let waits: BTreeSet<String> = self
            .state
            .rollout
            .rings()
            .iter()
            .flat_map(|ring| &ring.hosts)
            .filter(|(_, host)| host.must_restart)
            .map(|(host, _)| host.clone())
            .collect();
        let restarts = self.boots.keys().cloned().collect::<BTreeSet<String>>();
        each(
            hosts,
            self.at_once(),
            |host| places.audit(host),
            |host, audited| {
                let restarted = restarts.contains(host) && !waits.contains(host);
                let verdict = self.todo(host).map_or_else(
                    || Proof::CannotTell("it cannot be reached as it was: see above".to_owned()),
                    |todo| proof(&todo.host.steps, todo.host.kind, &audited.lines, restarted),
                );
                let word = match &verdict {
                    Proof::Proven => "proven".to_owned(),
                    Proof::NotYet(why) => format!("not there: {why}"),
                    Proof::CannotTell(why) => format!("unknown: {why}"),
                };
                writeln!(self.out.talk, "{}: audited, {}", inert(host), inert(&word))?;
                let what = Happened::Audited {
                    host: host.to_owned(),
                    taken: audited.taken,
                    proof: verdict,
                    health: audited.vitals.health,
                };
                self.take(what, None, None)
            },
        )
    }

    /// Told one after the other, a few at a time: as many may be away at once.
    fn restart(&mut self, hosts: &[String]) -> Result<(), Stop> {
        for host in hosts.iter().take(self.at_once()) {
            let boot = self.places.vitals(host).boot;
            if let Some(boot) = &boot {
                self.boots.insert(host.clone(), boot.clone());
            }
            writeln!(self.out.talk, "{}: told to restart", inert(host))?;
            let what = Happened::Restarting { host: host.clone() };
            self.take(what, None, boot)?;
            // Whether the order was heard is seen by the start it lives in afterwards.
            if let Err(why) = self.places.told(host, RESTART_SCRIPT) {
                writeln!(self.out.talk, "{}: {}", inert(host), inert(&why))?;
            }
        }
        Ok(())
    }

    /// Back is who lives in another start than before.
    fn look_who_is_back(&mut self, hosts: &[String]) -> Result<(), Stop> {
        let mut away = false;
        for host in hosts {
            let boot = self.places.vitals(host).boot;
            let before = self.boots.get(host);
            if before.is_some() && boot.is_some() && boot.as_ref() != before {
                writeln!(self.out.talk, "{}: back", inert(host))?;
                self.take(Happened::Back { host: host.clone() }, None, None)?;
            } else {
                away = true;
            }
        }
        if away {
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}
