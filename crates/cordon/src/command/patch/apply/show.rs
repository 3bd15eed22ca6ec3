//! What would be done, where a rollout stands, and how the command ends.

use cordon_model::{Time, plural};
use cordon_patch::plan::{Assigned, Halt, Next, RingState, Rollout, Stage};
use cordon_patch_edge::apply::{Opened, Record, State, UNDO_NOTE};
use serde::Serialize;

use super::{Apply, Work, places::Places};
use crate::{
    clock,
    command::{Out, Stop},
    fault::Exit,
    page::inert,
};

/// What would be done.
#[derive(Serialize)]
struct Dry<'a> {
    dry_run: bool,
    rings: Vec<DryRing<'a>>,
    not_done: Vec<NotDone<'a>>,
}

#[derive(Serialize)]
struct DryRing<'a> {
    ring: &'a str,
    promote_at: u8,
    wait: String,
    hosts: Vec<DryHost<'a>>,
}

#[derive(Serialize)]
struct DryHost<'a> {
    host: &'a str,
    runs: Vec<String>,
    undo: Vec<String>,
    wants_restart: bool,
    left_out: Option<&'a str>,
}

#[derive(Serialize)]
struct NotDone<'a> {
    host: &'a str,
    why: &'a str,
}

pub(super) fn dry(
    args: &Apply,
    places: &Places,
    work: &Work,
    rings: &[Assigned],
    out: &mut Out<'_>,
) -> Result<Exit, Stop> {
    let dry = Dry {
        dry_run: true,
        rings: rings
            .iter()
            .map(|ring| dry_ring(places, work, ring))
            .collect(),
        not_done: work
            .not_done
            .iter()
            .map(|(host, why)| NotDone { host, why })
            .collect(),
    };
    if args.audit.json {
        serde_json::to_writer(&mut *out.data, &dry).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
    } else {
        for ring in &dry.rings {
            let (count, wait) = (plural(ring.hosts.len(), "host"), &ring.wait);
            let (name, share) = (inert(ring.ring), ring.promote_at);
            writeln!(
                out.data,
                "ring {name}: {count}; the next when {share} % are proven, and {wait} later again"
            )?;
            for host in &ring.hosts {
                print_host(host, args.restart, out)?;
            }
        }
        writeln!(
            out.talk,
            "nothing was done: --yes with --state DIR does it; of an undo {UNDO_NOTE}"
        )?;
    }
    Ok(match (work.not_done.is_empty(), rings.is_empty()) {
        (false, _) => Exit::Partial,
        (true, false) => Exit::Findings,
        (true, true) => Exit::Nothing,
    })
}

fn dry_ring<'a>(places: &Places, work: &'a Work, ring: &'a Assigned) -> DryRing<'a> {
    let host = |host: &'a String| match work.jobs.get(host) {
        Some(todo) => DryHost {
            host,
            runs: places.text(host, &todo.job),
            undo: todo.job.undo.iter().map(ToString::to_string).collect(),
            wants_restart: todo.wants_restart,
            left_out: None,
        },
        None => DryHost {
            host,
            runs: Vec::new(),
            undo: Vec::new(),
            wants_restart: false,
            left_out: work.left_out.get(host).map(String::as_str),
        },
    };
    DryRing {
        ring: &ring.name,
        promote_at: ring.promote_at,
        wait: ring.wait.plain(),
        hosts: ring.hosts.iter().map(host).collect(),
    }
}

fn print_host(host: &DryHost<'_>, restart: bool, out: &mut Out<'_>) -> Result<(), Stop> {
    let name = inert(host.host);
    if let Some(why) = host.left_out {
        writeln!(out.data, "  {name}: left out, {}", inert(why))?;
        return Ok(());
    }
    writeln!(out.data, "  {name}:")?;
    for line in &host.runs {
        writeln!(out.data, "    {}", inert(line))?;
    }
    if host.wants_restart {
        let how = if restart {
            "it is restarted then"
        } else {
            "restart it then: nothing here does without --restart"
        };
        writeln!(out.data, "    # {how}")?;
    }
    Ok(())
}

/// Where a rollout stands.
#[derive(Serialize)]
struct Shown<'a> {
    schema: &'a str,
    state: &'static str,
    ring: Option<&'a str>,
    until: Option<Time>,
    halted: Option<&'a Halt>,
    rings: Vec<ShownRing<'a>>,
    notes: &'a [String],
    notes_lost: u64,
}

#[derive(Serialize)]
struct ShownRing<'a> {
    ring: &'a str,
    promote_at: u8,
    proven: usize,
    of: usize,
    hosts: Vec<ShownHost<'a>>,
}

#[derive(Serialize)]
struct ShownHost<'a> {
    host: &'a str,
    stage: &'static str,
    why: Option<&'a str>,
    must_restart: bool,
    record: Option<&'a Record>,
}

pub(super) fn rollout(
    rollout: &Rollout,
    opened: &Opened,
    json: bool,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let (notes, notes_lost) = rollout.notes();
    let (state, until) = match rollout.next(clock::now()) {
        Next::Halted(_) => ("halted", None),
        Next::Done => ("done", None),
        Next::Wait(until) => ("waiting", Some(until)),
        Next::Audit(_) | Next::Run(_) | Next::Restart(_) | Next::Await(_) => ("open", None),
    };
    let shown = Shown {
        schema: "cordon-rollout/1",
        state,
        ring: rollout.current().map(|ring| ring.name.as_str()),
        until,
        halted: rollout.halted(),
        rings: rollout
            .rings()
            .iter()
            .map(|ring| shown_ring(ring, opened))
            .collect(),
        notes,
        notes_lost,
    };
    if json {
        serde_json::to_writer(&mut *out.data, &shown).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
        return Ok(());
    }
    for ring in &shown.rings {
        let (
            name,
            ShownRing {
                proven,
                of,
                promote_at,
                ..
            },
        ) = (inert(ring.ring), ring);
        writeln!(
            out.data,
            "ring {name}: {proven} of {of} proven, {promote_at} % must be"
        )?;
        for host in &ring.hosts {
            let (name, why) = (inert(host.host), inert(host.why.unwrap_or_default())); // default: because most have none
            writeln!(out.data, "  {:<14} {name:<16} {why}", host.stage)?;
        }
    }
    for note in notes {
        writeln!(out.data, "note: {}", inert(note))?;
    }
    if notes_lost > 0 {
        writeln!(out.data, "note: and {notes_lost} more")?;
    }
    Ok(())
}

fn shown_ring<'a>(ring: &'a RingState, opened: &'a Opened) -> ShownRing<'a> {
    let record = |host: &str| {
        let mut records = opened.records.iter().rev();
        records
            .find(|(name, _)| name == host)
            .map(|(_, record)| record)
    };
    ShownRing {
        ring: &ring.name,
        promote_at: ring.promote_at,
        proven: ring.count(|stage| matches!(stage, Stage::Proven { .. })),
        of: ring.counted(),
        hosts: ring
            .hosts
            .iter()
            .map(|(host, state)| ShownHost {
                host,
                stage: state.stage.word(),
                why: state.stage.why(),
                must_restart: state.must_restart,
                record: record(host),
            })
            .collect(),
    }
}

/// What a rollout comes to.
pub(super) fn exit(rollout: &Rollout) -> Exit {
    match rollout.next(clock::now()) {
        Next::Done => Exit::Nothing,
        _ => Exit::Findings,
    }
}

/// The last words of `apply --yes`.
pub(super) fn ended(
    args: &Apply,
    work: &Work,
    state: &State,
    opened: &Opened,
    out: &mut Out<'_>,
) -> Result<Exit, Stop> {
    rollout(&state.rollout, opened, args.audit.json, out)?;
    match state.rollout.next(clock::now()) {
        Next::Halted(halt) => {
            let who = halt
                .host
                .as_deref()
                .map_or_else(String::new, |host| format!("{host}: "));
            let (ring, who, why) = (inert(&halt.ring), inert(&who), inert(&halt.why));
            writeln!(
                out.talk,
                "halted in ring {ring}: {who}{why}\nit stays halted until a person has looked: \
                 `cordon patch rollout --resume-by PERSON`"
            )?;
        }
        Next::Wait(until) => writeln!(
            out.talk,
            "the ring is proven; it is looked at again and the next may begin at {until}: `cordon patch apply --resume`"
        )?,
        Next::Done => writeln!(out.talk, "all rings are done")?,
        Next::Audit(_) | Next::Run(_) | Next::Restart(_) | Next::Await(_) => {}
    }
    let waits = work
        .jobs
        .iter()
        .filter(|(_, todo)| todo.wants_restart && !args.restart);
    let waits: Vec<&str> = waits.map(|(host, _)| host.as_str()).collect();
    if !waits.is_empty() && !args.resume {
        let hosts = inert(&waits.join(", "));
        writeln!(
            out.talk,
            "these run the old until they are restarted, which nothing here did: {hosts}"
        )?;
    }
    Ok(match (exit(&state.rollout), work.not_done.is_empty()) {
        (Exit::Nothing, false) => Exit::Partial,
        (exit, _) => exit,
    })
}
