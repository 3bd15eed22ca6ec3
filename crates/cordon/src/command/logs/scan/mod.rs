//! `cordon logs scan`: Sigma rules over logs that were recorded.
//!
//! A search that finds nothing is worth as much as what it looked at. So every file, every rule and every event is
//! accounted for: what could not be read, what was refused and what was lost is told, and zero rules or a folder
//! that cannot be read is an error, not a clean result.

mod correlate;
mod explain;
mod files;
mod hit;
mod ocsf;
mod passed;
mod rules;
mod turn;

use std::path::PathBuf;

use clap::ValueEnum;
use cordon_model::{count, plural};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use records::LossKind;
use sigma::{CanFire, Coverage, Level};

use super::super::{Out, Stop};
use crate::{
    fault::{self, Exit, Fault},
    page::inert,
};
use correlate::Parts;
use files::{Handed, Read, Scanned};
use hit::Writer;
use passed::{Failed, Passed};
use rules::Rules;
pub(crate) use rules::rule_texts;

/// Refused rules that are told one by one; `--json` of the rest is not asked for, their number is told.
const MAX_TOLD: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs, or folders of them: EVTX, JSON of any shipper, XML, auditd, journal export, syslog, CEF, LEEF, W3C, CSV,
    /// web servers; plain, gz or xz. What each is, is told by its content.
    #[arg(required_unless_present = "explain", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Sigma rules or a folder of them, as often as you like; Cordon's own where it is left out.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Only rules of at least this level.
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<LevelArg>,
    /// What logs are of, where they do not say: PRODUCT/CATEGORY/SERVICE, each may be empty.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Values for a placeholder of `expand`: NAME=VALUE, as often as you like.
    #[arg(long, value_name = "NAME=VALUE")]
    expand: Vec<String>,
    /// Why a rule fires on an event or does not: its id, name or file, and the file of the event, with `:NUMBER` if it is not the first.
    #[arg(long, num_args = 2, value_names = ["RULE", "EVENT"], conflicts_with_all = ["paths", "ocsf", "cannot", "jobs"])]
    explain: Option<Vec<String>>,
    /// Which rules cannot fire on these logs, because a source or a field never came.
    #[arg(long)]
    cannot: bool,
    /// How many files are read at once; as many as there are processors where it is left out.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// One finding a line: {rule, title, level, at, host, file, record, fields}.
    #[arg(long, conflicts_with = "ocsf")]
    json: bool,
    /// One Detection Finding of OCSF a line.
    #[arg(long)]
    ocsf: bool,
}

/// How bad a rule calls its match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl LevelArg {
    const fn level(self) -> Level {
        match self {
            Self::Informational => Level::Informational,
            Self::Low => Level::Low,
            Self::Medium => Level::Medium,
            Self::High => Level::High,
            Self::Critical => Level::Critical,
        }
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Ocsf,
}

pub(crate) fn run(args: &Args, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let rules = Rules::load(&args.rules, &args.expand, args.level.map(LevelArg::level))?;
    tell_refused(&rules, out)?;
    if let Some([rule, event]) = args.explain.as_deref() {
        return explain::run(&rules, rule, event, args.json, &read_of(args)?, out);
    }
    let found = files::find(&args.paths)?;
    if found.files.is_empty() {
        tell_problems(&found.problems, out)?;
        let what = "there is no file in what was named";
        return Err(Fault::new(&fault::LOG_UNREADABLE, what).into());
    }
    let form = match (args.json, args.ocsf) {
        (_, true) => Form::Ocsf,
        (true, false) => Form::Json,
        (false, false) => Form::Table,
    };
    let mut tally = Tally::default();
    let mut parts = Parts::new(&rules);
    let mut writer = Writer::new(form, &rules);
    let bar = bar(found.files.len());
    let jobs = args.jobs.map(usize::from);
    let read = read_of(args)?;
    files::scan(&found.files, &rules, &read, jobs, &mut |handed| {
        let speaks = match &handed {
            Handed::More(hits, _) => !hits.is_empty(),
            Handed::Done(scanned) => {
                bar.inc(1);
                scanned.speaks()
            }
        };
        let take = || {
            let (hits, more) = match handed {
                Handed::More(hits, parts) => (hits, parts),
                Handed::Done(scanned) => {
                    let good = tally.take(*scanned, out)?;
                    (good.hits, good.parts)
                }
            };
            parts.extend(more);
            writer.write(&hits, out.data)
        };
        // The line of the progress is not written into.
        if speaks { bar.suspend(take) } else { take() }
    })?;
    bar.finish_and_clear();
    let correlated = parts.judge(&rules);
    writer.correlated(&correlated, out.data)?;
    out.data.flush()?; // so that the last line is the last on a terminal too
    tally.unread += found.problems.len();
    tell_problems(&found.problems, out)?;
    if let Some(lost) = parts.lost() {
        writeln!(out.talk, "{lost}")?;
    }
    if args.cannot {
        tell_cannot(&rules, tally.coverage.as_ref(), out)?;
    }
    tally.hits = writer.written;
    tally.tell_passed(out)?;
    close(&tally, &rules, out)?;
    Ok(tally.exit())
}

fn read_of(args: &Args) -> Result<Read, Fault> {
    let mut words = args.source.as_deref().unwrap_or("").split('/'); // none: each event says it itself
    let mut word = || words.next().unwrap_or("").trim().to_owned();
    let (product, category, service) = (word(), word(), word());
    if words.next().is_some() {
        let what = "expected PRODUCT/CATEGORY/SERVICE in --source";
        return Err(Fault::new(&fault::LOG_UNREADABLE, what));
    }
    Ok(Read::new(&product, &category, &service))
}

/// What all files came to.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    unread: usize,
    events: u64,
    lost: u64,
    partial: usize,
    no_log: Passed,
    empty: Passed,
    hits: u64,
    coverage: Option<Coverage>,
}

impl Tally {
    fn take(&mut self, scanned: Scanned, out: &mut Out<'_>) -> Result<files::Good, Stop> {
        let path = scanned.input.path.display().to_string();
        let good = match scanned.result {
            Ok(good) => good,
            Err(Failed::NoLog) => {
                self.no_log.add(&scanned.input.name());
                return Ok(files::Good::default());
            }
            Err(Failed::Empty) => {
                self.empty.add(&scanned.input.name());
                return Ok(files::Good::default());
            }
            Err(Failed::Unread(why)) => {
                self.unread += 1;
                writeln!(
                    out.talk,
                    "{}",
                    Fault::new(&fault::LOG_UNREADABLE, why).at(path)
                )?;
                return Ok(files::Good::default());
            }
        };
        self.files += 1;
        if let Some(report) = &good.report {
            self.events += report.events;
            self.lost += report.lost_events();
            // Events below a checksum that does not fit are there, but nobody knows whether they are what was written.
            let whole = report.whole() && report.lost_of(LossKind::Checksum) == 0;
            self.partial += usize::from(!whole);
            for loss in &report.lost {
                let count = count(loss.count);
                let (kind, first, why) = (loss.kind, loss.first, inert(&loss.why));
                writeln!(
                    out.talk,
                    "{path}: {count} {kind}, the first at {first}: {why}"
                )?;
            }
        }
        if let Some(coverage) = &good.coverage {
            match &mut self.coverage {
                Some(all) => all.merge(coverage),
                None => self.coverage = Some(coverage.clone()),
            }
        }
        Ok(good)
    }

    /// What lies below a folder and is no log is one line, not an error each.
    fn tell_passed(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        let kinds = [
            (&self.no_log, "no event log that is known"),
            (&self.empty, "empty"),
        ];
        for line in kinds.iter().filter_map(|(files, what)| files.told(what)) {
            writeln!(out.talk, "{line}")?;
        }
        if self.files == 0 && self.unread == 0 {
            let what = "none of the files is an event log with anything in it";
            writeln!(out.talk, "{}", Fault::new(&fault::LOG_UNREADABLE, what))?;
        }
        Ok(())
    }

    const fn exit(&self) -> Exit {
        if self.files == 0 {
            Exit::Usage // nothing could be looked at, and why has been told
        } else if self.unread > 0 || self.partial > 0 {
            Exit::Partial
        } else if self.hits > 0 {
            Exit::Findings
        } else {
            Exit::Nothing
        }
    }
}

/// What of the folders could not be looked into.
fn tell_problems(problems: &[(PathBuf, String)], out: &mut Out<'_>) -> Result<(), Stop> {
    for (path, why) in problems {
        let fault = Fault::new(&fault::LOG_UNREADABLE, why).at(path.display());
        writeln!(out.talk, "{fault}")?;
    }
    Ok(())
}

/// A rule that does not load is a hole that nobody knows of.
fn tell_refused(rules: &Rules, out: &mut Out<'_>) -> Result<(), Stop> {
    for refused in rules.refused.iter().take(MAX_TOLD) {
        writeln!(out.talk, "refused: {}", inert(&refused.to_string()))?;
    }
    if rules.refused.len() > MAX_TOLD {
        let more = rules.refused.len() - MAX_TOLD;
        writeln!(out.talk, "refused: {more} more rules")?;
    }
    Ok(())
}

fn tell_cannot(rules: &Rules, coverage: Option<&Coverage>, out: &mut Out<'_>) -> Result<(), Stop> {
    let Some(coverage) = coverage else {
        return Ok(());
    };
    for (index, rule) in rules.engine.rules().iter().enumerate() {
        let why = match rules.engine.can_fire(index, coverage) {
            None | Some(CanFire::Yes) => continue,
            Some(CanFire::NoSource(source)) => format!("no event of {source} was seen"),
            Some(CanFire::NoField(fields)) => {
                format!("no event of its source has {}", fields.join(", "))
            }
            Some(CanFire::Unfilled(names)) => {
                format!(
                    "no value was given for {}: --expand NAME=VALUE",
                    names.join(", ")
                )
            }
        };
        writeln!(
            out.talk,
            "cannot fire here: {}: {why}",
            inert(&rule.meta.title)
        )?;
    }
    Ok(())
}

/// The last line: how much was looked at, and by how much.
fn close(tally: &Tally, rules: &Rules, out: &mut Out<'_>) -> Result<(), Stop> {
    let coverage = tally.coverage.as_ref();
    let cannot = coverage.map_or(0, |coverage| rules.engine.cannot_fire(coverage));
    let cannot = count(u64::try_from(cannot).unwrap_or(u64::MAX));
    let lost = if tally.lost > 0 || tally.partial > 0 {
        format!(
            " ({} known to be lost, {} not whole)",
            plural(usize::try_from(tally.lost).unwrap_or(usize::MAX), "event"),
            plural(tally.partial, "file")
        )
    } else {
        String::new()
    };
    writeln!(
        out.talk,
        "{} of {}{lost}, {} not read; {} loaded, {} refused, {cannot} cannot fire here; {}",
        plural(usize::try_from(tally.events).unwrap_or(usize::MAX), "event"),
        plural(tally.files, "file"),
        tally.unread,
        plural(rules.count(), "rule"),
        rules.refused.len(),
        plural(usize::try_from(tally.hits).unwrap_or(usize::MAX), "finding"),
    )?;
    Ok(())
}

/// The progress, drawn by the thread that tells what was found: that thread holds standard error, and another one that
/// draws would wait for it for ever.
fn bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        Some(u64::try_from(files).unwrap_or(u64::MAX)),
        ProgressDrawTarget::stderr_with_hz(5),
    );
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} files, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
