//! `cordon patch plan`: what an audit found, as the few deeds that mend it.

mod export;
pub(super) mod show;

use std::path::PathBuf;

use clap::Args;
use cordon_model::Pattern;
use cordon_patch::plan::{Cannot, HostRows, Plan, Reach, make, read_reachable};
use cordon_patch_edge::{
    HostFiles,
    audit::{audit as judge, host_rows},
};

use super::{
    Audit,
    audit::{Inputs, inputs, understood},
    line::except,
    ssh,
};
use crate::{
    clock,
    command::{Out, Stop, read_text},
    fault::{self, Exit, Fault},
    page::inert,
};

#[derive(Debug, Args)]
pub(crate) struct Planned {
    #[command(flatten)]
    audit: Audit,
    /// Only hosts whose name fits, as `web*`.
    #[arg(long = "host", value_name = "PATTERN", num_args = 1..)]
    only: Vec<Pattern>,
    /// What can be reached over the network: rows of host, port, package and perhaps tcp or udp.
    #[arg(long, value_name = "FILE")]
    reachable: Option<PathBuf>,
    /// Write an inventory and playbooks for Ansible into this folder.
    #[arg(long, value_name = "DIR")]
    ansible: Option<PathBuf>,
    /// Write the updates of Windows to approve, with how many hosts need each: a CSV.
    #[arg(long, value_name = "FILE")]
    wsus: Option<PathBuf>,
}

/// What is open on each host.
fn open(inputs: &Inputs) -> Vec<HostRows> {
    let of_host = |host: &HostFiles| {
        let rows = judge(host, &inputs.bench, inputs.here.as_ref());
        let mut lines = rows.lines;
        for line in &mut lines {
            except(&inputs.exceptions, line);
        }
        host_rows(host, &lines, &rows.updates)
    };
    inputs.hosts.iter().map(of_host).collect()
}

pub(super) fn plan(args: &Planned, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let reachable = reachable(args)?;
    let gathered = inputs(&args.audit, &args.only, out)?;
    for note in understood(&gathered.bench) {
        writeln!(out.talk, "{}", inert(&note))?;
    }
    let mut failed = false;
    for fault in gathered.hosts.iter().flat_map(ssh::faults) {
        failed = true;
        writeln!(out.talk, "{fault}")?;
    }
    let mut plan = make(&open(&gathered), &reachable, clock::now());
    let names: Vec<String> = gathered
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    let wanted = |host: &str| args.only.is_empty() || args.only.iter().any(|one| one.fits(host));
    for (host, list) in gathered.expected.absent(&names) {
        if wanted(host) {
            plan.cannot.push(Cannot {
                host: host.to_owned(),
                why: format!("{list} names it, and no inventory of it was given"),
            });
        }
    }
    strangers(&reachable, &names, out)?;
    if gathered.hosts.is_empty() && plan.cannot.is_empty() {
        return Err(Fault::new(
            &fault::INVENTORY_UNREADABLE,
            "expected a host, and none of those that are known fits --host",
        )
        .into());
    }
    if let Some(dir) = &args.ansible {
        export::ansible(&plan, dir, out)?;
    }
    if let Some(file) = &args.wsus {
        export::wsus(&plan, file, out)?;
    }
    if args.audit.json {
        serde_json::to_writer(&mut *out.data, &plan).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
    } else {
        show::show(&plan, args.audit.all, out)?;
    }
    writeln!(
        out.talk,
        "judged against {}: {}",
        inert(&gathered.bench.named()),
        show::words(&plan)
    )?;
    let whole = !failed && gathered.hosts.iter().all(|host| !host.is_empty());
    Ok(exit(&plan, whole))
}

fn exit(plan: &Plan, whole: bool) -> Exit {
    let open = plan.not_mended.iter().any(|one| !one.excepted);
    match (
        whole,
        plan.hosts.is_empty() && !open && plan.cannot.is_empty(),
    ) {
        (false, _) => Exit::Partial,
        (true, false) => Exit::Findings,
        (true, true) => Exit::Nothing,
    }
}

fn reachable(args: &Planned) -> Result<Vec<Reach>, Fault> {
    let Some(path) = &args.reachable else {
        return Ok(Vec::new());
    };
    let text = read_text(path, &fault::REACHABLE_UNREADABLE)?;
    let refused = |error| Fault::new(&fault::REACHABLE_UNREADABLE, error).at(path.display());
    read_reachable(&text).map_err(refused)
}

/// A row about a host that nobody knows raises nothing: perhaps its name is written otherwise.
fn strangers(reachable: &[Reach], names: &[String], out: &mut Out<'_>) -> Result<(), Stop> {
    let mut all: Vec<&str> = reachable
        .iter()
        .filter(|one| !names.iter().any(|name| one.is_on(name)))
        .map(|one| one.host.as_str())
        .collect();
    all.sort_unstable();
    all.dedup();
    if !all.is_empty() {
        let all = inert(&all.join(", "));
        writeln!(
            out.talk,
            "reachable, and no inventory of it was given: {all}"
        )?;
    }
    Ok(())
}
