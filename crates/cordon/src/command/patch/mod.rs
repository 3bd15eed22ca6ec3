//! `cordon patch audit`, `plan`, `apply`, `rollout`, `collector` and `vercmp`.

mod apply;
mod audit;
mod coverage;
mod line;
mod plan;
mod ssh;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cordon_model::Span;
use cordon_patch_edge::remote;
use serde::Serialize;
use vercmp::Kind;

use super::{Out, Stop, read_text};
use crate::{
    fault::{self, Exit, Fault},
    page::inert,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge hosts against advisories and a baseline; exits 1 when something is missing.
    ///
    /// With --json one row a line: {host, requirement, source, package, arch, state, reason, installed,
    /// fixed, evidence, feed, …}; state is proven, missing, contradicted, unknown, excepted, `no_fix` (exposed,
    /// and nobody has a fix), alternative (another update settles it) or `not_applicable`. Rows of updates,
    /// bulletins and sheets are all there; packages of Linux that are proven come with --all.
    ///
    /// Example: cordon patch audit --inventory web1=status --advisories Packages.gz --json
    Audit(Box<Audit>),
    /// Name the few deeds that mend the hosts, the most urgent first; exits 1 when there is one.
    ///
    /// It looks as `audit` does, and says of each host the smallest set of packages or updates, why each of them, and
    /// what must be restarted; then what nothing mends. First comes what a worm could use and can be reached
    /// (--reachable), then what is exploited, then the worst. With --json one document, which `apply` reads.
    ///
    /// Example: cordon patch plan --ssh web1 --advisories advisories --json > plan.json
    Plan(Box<plan::Planned>),
    /// Do a plan, ring by ring; without --yes it says what it would do.
    ///
    /// Each host is audited again after its commands, and that audit decides: a command that says that all went well
    /// on a host that says no is a contradiction, and all stops. What is halted stays halted, also across restarts,
    /// until `cordon patch rollout --resume-by PERSON`. Hosts are restarted with --restart alone.
    ///
    /// Example: cordon patch apply plan.json --ssh-hosts hosts.txt --advisories advisories
    Apply(Box<apply::Apply>),
    /// Where a rollout stands: its rings, its hosts, and why it is halted.
    ///
    /// Example: cordon patch rollout --state ./rollout --json
    Rollout(apply::Look),
    /// Write the script that collects the inventory of a Windows host, its task, or how to hand both out; or the
    /// one of a Linux host.
    ///
    /// The script reads and changes nothing, opens no connection of its own, and writes one dated file a host to
    /// a share; `cordon patch audit --inventory` takes that folder. The one for Linux (`--part ssh`) writes to its
    /// output, and is what `cordon patch audit --ssh` runs. Its SHA-256 goes to stderr.
    ///
    /// Example: cordon patch collector > collect.ps1
    Collector(Collector),
    /// Hold our version order against a suite: `N agree, M differ`.
    ///
    /// Example: cordon patch vercmp --kind deb suite.tsv
    Vercmp(Vercmp),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Audit {
    /// Files of hosts, folders of them, or HOST=PATH; this host's own packages where it is left out.
    ///
    /// Known by their content: dpkg status, rpm databases and `rpm -qa`, apk, os-release; of Windows
    /// systeminfo in any language, wmic qfe, Get-HotFix, Get-ComputerInfo, reg export, dism, file versions,
    /// the answer of Windows Update, and what the collectors wrote.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    inventory: Vec<String>,
    #[command(flatten)]
    ssh: ssh::Ssh,
    /// Advisories, archives or folders of them; apt's own indexes where it is left out.
    ///
    /// Known by their content: Packages indexes (plain, gz, xz, lz4), OSV, CSAF, Alpine secdb, OVAL, Microsoft's
    /// updates (CSV, CVRF), bulletins, and the catalogue of exploited vulnerabilities.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    advisories: Vec<PathBuf>,
    /// A spreadsheet of what must be installed: CSV, TSV, XLSX, XLSB, XLS or ODS.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    baseline: Vec<PathBuf>,
    /// What a heading of the sheet means where it was guessed wrong, as it was shown: HEADING=MEANING.
    #[arg(long, value_name = "HEADING=MEANING", num_args = 1..)]
    column: Vec<String>,
    /// A file that keeps what the columns of sheets mean: read before, written after, and yours to mend.
    ///
    /// A sheet is known again by its headings; where they have changed that is told, and its columns are guessed anew.
    #[arg(long, value_name = "FILE", requires = "baseline")]
    remember: Option<PathBuf>,
    /// Lists of the hosts that there are, one a line or the first column of a CSV: who is in none of the
    /// inventories is told, and the share that is well has its denominator.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    expect: Vec<PathBuf>,
    /// Exports of WSUS, Configuration Manager (SCCM) or Intune: CSV, or a workbook.
    ///
    /// What they say is the deployer's word and proves nothing: it is held against the hosts. Where it says that an
    /// update is installed and the host says no, the row is contradicted. Its hosts count as those of --expect.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    deployer: Vec<PathBuf>,
    /// This host's own files, processes and kernel below a folder: a container that sees its host, or a mounted disk.
    ///
    /// Read there: var/lib/dpkg, etc/os-release, var/lib/apt/lists, proc, sys, run.
    #[arg(long, value_name = "FOLDER", conflicts_with = "inventory")]
    root: Option<PathBuf>,
    /// A policy whose [[patch.requirement]] rows are judged too.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A feed that bears an older date than this is told, and nothing that rests on it is green.
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    feed_age: Span,
    /// What is proven as well, not only what is missing or unknown.
    #[arg(long)]
    all: bool,
    /// One row a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Collector {
    /// Which part.
    #[arg(long, value_enum, default_value = "script")]
    part: Part,
    /// One JSON document with all parts and the SHA-256 of the scripts.
    #[arg(long)]
    json: bool,
}

/// A part of the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The script, for PowerShell 2.0 and later.
    Script,
    /// A scheduled task that runs it daily and after each start.
    Task,
    /// How to hand both out by Group Policy.
    GroupPolicy,
    /// The script for Linux hosts, for any `sh`: what `--ssh` runs, and what a key with `command=` names.
    Ssh,
}

#[derive(Debug, Args)]
pub(crate) struct Vercmp {
    /// Whose version order: deb, rpm or apk.
    #[arg(long)]
    kind: Kind,
    /// A suite: `a<TAB>op<TAB>b`, or `version<TAB>valid`.
    file: PathBuf,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Where a file of this host is that is called `path` there.
    fn at(&self, path: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => path.into(),
        }
    }
}

pub(crate) fn run(command: Command, out: &mut Out<'_>) -> Result<Exit, Stop> {
    match command {
        Command::Audit(args) => audit::audit(&args, out),
        Command::Plan(args) => plan::plan(&args, out),
        Command::Apply(args) => apply::apply(&args, out),
        Command::Rollout(args) => apply::look(&args, out),
        Command::Collector(args) => collector(&args, out),
        Command::Vercmp(args) => vercmp(&args, out),
    }
}

fn collector(args: &Collector, out: &mut Out<'_>) -> Result<Exit, Stop> {
    use winaudit::collector::{GROUP_POLICY, SCRIPT, TASK_XML, script_sha256};
    let sha256 = script_sha256();
    if args.json {
        let all = serde_json::json!({
            "script": SCRIPT, "task": TASK_XML, "group_policy": GROUP_POLICY, "sha256": sha256,
            "ssh": remote::SCRIPT, "ssh_sha256": remote::script_sha256(),
        });
        serde_json::to_writer_pretty(&mut *out.data, &all).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
        return Ok(Exit::Nothing);
    }
    let (text, sha256) = match args.part {
        Part::Script => (SCRIPT, Some(sha256)),
        Part::Task => (TASK_XML, None),
        Part::GroupPolicy => (GROUP_POLICY, None),
        Part::Ssh => (remote::SCRIPT, Some(remote::script_sha256())),
    };
    write!(out.data, "{text}")?;
    if let Some(sha256) = sha256 {
        writeln!(out.talk, "SHA-256 of the script: {sha256}")?;
    }
    Ok(Exit::Nothing)
}

#[derive(Serialize)]
struct Compared {
    kind: String,
    agree: usize,
    differ: usize,
    differences: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    line: usize,
    case: String,
    got: String,
}

fn vercmp(args: &Vercmp, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let text = read_text(&args.file, &fault::SUITE_UNREADABLE)?;
    let suite = vercmp::run_suite(args.kind, &text)
        .map_err(|error| Fault::new(&fault::SUITE_UNREADABLE, error).at(args.file.display()))?;
    let (agree, differ) = (suite.agree, suite.differ.len());
    let exit = if differ == 0 {
        Exit::Nothing
    } else {
        Exit::Findings
    };
    if args.json {
        let case = |d: vercmp::Difference| Case {
            line: d.line,
            case: d.case,
            got: d.got,
        };
        let differences = suite.differ.into_iter().map(case).collect();
        let compared = Compared {
            kind: args.kind.to_string(),
            agree,
            differ,
            differences,
        };
        serde_json::to_writer_pretty(&mut *out.data, &compared).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
        return Ok(exit);
    }
    for difference in &suite.differ {
        let (case, got) = (inert(&difference.case), inert(&difference.got));
        writeln!(
            out.data,
            "{}:{}: {case}: got {got}",
            args.file.display(),
            difference.line
        )?;
    }
    writeln!(out.data, "{agree} agree, {differ} differ")?;
    Ok(exit)
}
