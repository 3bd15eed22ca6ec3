//! `cordon logs cadence`: what each source's own past says of its silences and its health.

use std::path::{Path, PathBuf};

use ::cadence::{BUDGET, HOUR, NotYet, Options, Report, Sign, judge_series};
use clap::ValueEnum;
use cordon_model::{Span, Time, count, inert, plural};
use serde::Serialize;

use super::{
    super::{Out, Stop},
    arrivals::{self, How, Source},
};
use crate::fault::{self, Exit, Fault};

/// Silences that are shown of a source to people; --json has all.
const SHOWN: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Log files, folders of them, lists of times, tables of counts.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What a source is: each file, or each program that writes to it.
    #[arg(long, value_enum, default_value_t = By::File)]
    by: By,
    /// Hours that local time is ahead of UTC, where times have no zone and for the hours of the week.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-14..=14))]
    offset: i8,
    /// False silences a source and month that are allowed.
    #[arg(long, default_value_t = BUDGET, value_parser = budget)]
    budget: f64,
    /// When the logs were taken, as 2026-11-23T17:31:04Z: a source that wrote nothing since is silent.
    #[arg(long, value_name = "TIME")]
    until: Option<Time>,
    /// One object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    File,
    Program,
}

/// One source as `--json` prints it.
#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    lines: u64,
    timeless: u64,
    /// Hours with lines that are too old to be looked at.
    left_out: usize,
    ticks: u64,
    from: Option<Time>,
    until: Option<Time>,
    typical_gap: Option<Span>,
    last: Option<Time>,
    expected_by: Option<Time>,
    alarm_at: Option<Time>,
    cadence: Option<String>,
    silences: Vec<Silence>,
    sickness: Vec<Sick>,
}

#[derive(Serialize)]
struct Silence {
    from: Time,
    expected_by: Time,
    alarm_at: Time,
    ended_at: Option<Time>,
}

#[derive(Serialize)]
struct Sick {
    at: Time,
    #[serde(flatten)]
    sign: Sign,
}

/// What all sources came to.
#[derive(Default)]
struct Tally {
    judged: usize,
    waiting: usize,
    failed: usize,
    found: usize,
    timeless: u64,
    cut: u64,
}

const JUDGED: &str = "judged";
const NOT_YET: &str = "not yet judgeable";
const FAILED: &str = "error";

pub(crate) fn run(args: &Args, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let mut tally = Tally::default();
    let mut partial = false;
    for path in &args.paths {
        match arrivals::files(path) {
            Ok((files, left_out)) => {
                if left_out {
                    writeln!(
                        out.talk,
                        "{}: more files or deeper folders than are read",
                        path.display()
                    )?;
                }
                if files.is_empty() {
                    let fault = Fault::new(&fault::LOG_UNREADABLE, "there is no file in it");
                    writeln!(out.talk, "{}", fault.at(path.display()))?;
                }
                partial |= left_out || files.is_empty();
                for file in files {
                    judge_file(&file, args, &mut tally, out)?;
                }
            }
            Err(error) => {
                partial = true;
                writeln!(
                    out.talk,
                    "{}",
                    Fault::new(&fault::LOG_UNREADABLE, error).at(path.display())
                )?;
            }
        }
    }
    let Tally {
        judged,
        waiting,
        failed,
        ..
    } = tally;
    if judged + waiting + failed == 0 {
        return Ok(Exit::Usage); // every path was bad, and each has been told
    }
    writeln!(
        out.talk,
        "{} judged, {waiting} not yet judgeable, {failed} unreadable; {} without a time, {} cut off",
        plural(judged, "source"),
        plural(
            usize::try_from(tally.timeless).unwrap_or(usize::MAX),
            "line"
        ),
        plural(usize::try_from(tally.cut).unwrap_or(usize::MAX), "byte"),
    )?;
    Ok(if partial || failed > 0 {
        Exit::Partial
    } else if tally.found > 0 {
        Exit::Findings
    } else {
        Exit::Nothing
    })
}

fn judge_file(path: &Path, args: &Args, tally: &mut Tally, out: &mut Out<'_>) -> Result<(), Stop> {
    let how = How {
        by_program: args.by == By::Program,
        offset: args.offset,
    };
    let name = path.display().to_string();
    let read = match arrivals::read(path, how) {
        Ok(read) => read,
        Err(why) => return print(&failed(name, why, 0), args, tally, out),
    };
    tally.cut += read.cut;
    if read.last.is_none() {
        let lines: u64 = read.sources.values().map(|source| source.lines).sum();
        let why = match lines {
            0 => "it is empty".to_owned(),
            _ => format!("none of {} lines bears a time", count(lines)),
        };
        return print(&failed(name, why, lines), args, tally, out);
    }
    // Programs of one file end together; files need not have been taken together.
    let until = args.until.map_or(read.last.map(|last| last + 1), |until| {
        i64::try_from(until.millis()).ok() // ok: because a later time is the last line's
    });
    for (program, source) in read.sources {
        let name = if program.is_empty() {
            name.clone()
        } else {
            format!("{name} {program}")
        };
        let (lines, timeless) = (source.lines, source.timeless);
        let row = match judge(source, until, args) {
            Some((report, left_out)) => row(name, lines, timeless, left_out, &report),
            None => failed(
                name,
                format!("none of {} lines bears a time", count(lines)),
                lines,
            ),
        };
        print(&row, args, tally, out)?;
    }
    Ok(())
}

fn judge(source: Source, until: Option<i64>, args: &Args) -> Option<(Report, usize)> {
    let options = Options {
        offset: i64::from(args.offset) * HOUR,
        budget: args.budget,
        ..Options::default()
    };
    let history = source.into_history(until)?;
    Some((judge_series(&history, &options), history.left_out()))
}

fn failed(name: String, why: String, lines: u64) -> Row {
    Row {
        name,
        state: FAILED,
        why: Some(why),
        lines,
        timeless: lines,
        left_out: 0,
        ticks: 0,
        from: None,
        until: None,
        typical_gap: None,
        last: None,
        expected_by: None,
        alarm_at: None,
        cadence: None,
        silences: Vec::new(),
        sickness: Vec::new(),
    }
}

fn row(name: String, lines: u64, timeless: u64, left_out: usize, report: &Report) -> Row {
    let silence = |silence: &::cadence::Silence| Silence {
        from: time(silence.from),
        expected_by: time(silence.expected_by),
        alarm_at: time(silence.alarm_at),
        ended_at: silence.ended_at.map(time),
    };
    let gap = |gap: i64| Span::from_millis(gap.unsigned_abs());
    Row {
        name,
        state: if report.cadence.is_ok() {
            JUDGED
        } else {
            NOT_YET
        },
        why: report.cadence.as_ref().err().map(NotYet::to_string),
        lines,
        timeless,
        left_out,
        ticks: report.ticks,
        from: Some(time(report.span.0)),
        until: Some(time(report.span.1)),
        typical_gap: report.typical_gap.map(gap),
        last: report.last.map(time),
        expected_by: report.next.map(|(at, _)| time(at)),
        alarm_at: report.next.map(|(_, at)| time(at)),
        cadence: report.cadence.as_ref().ok().map(ToString::to_string), // ok: because why is told
        silences: report.silences.iter().map(silence).collect(),
        sickness: report
            .sickness
            .iter()
            .map(|(at, sign)| Sick {
                at: time(*at),
                sign: *sign,
            })
            .collect(),
    }
}

fn time(at: i64) -> Time {
    Time::from_millis(u64::try_from(at).unwrap_or(0))
}

fn print(row: &Row, args: &Args, tally: &mut Tally, out: &mut Out<'_>) -> Result<(), Stop> {
    match row.state {
        JUDGED => tally.judged += 1,
        NOT_YET => tally.waiting += 1,
        _ => tally.failed += 1,
    }
    tally.timeless += row.timeless;
    tally.found += row.silences.len() + row.sickness.len();
    if args.json {
        serde_json::to_writer(&mut *out.data, row).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
        return Ok(());
    }
    writeln!(out.data, "{}", inert(&row.name))?;
    if let Some(why) = &row.why {
        writeln!(out.data, "  {}: {}", row.state, inert(why))?;
        return Ok(());
    }
    let week = row.cadence.as_deref().and_then(sparkline);
    writeln!(out.data, "  Mon {} Sun", week.unwrap_or_default())?; // default: because a week is always there
    let text = |time: &Option<Time>| {
        time.map_or_else(|| "none in 90 days".to_owned(), |time| time.to_string())
    };
    writeln!(
        out.data,
        "  {} ticks, typical gap {}, next by {}, alarm at {}",
        count(row.ticks),
        row.typical_gap
            .map_or_else(|| "none".to_owned(), Span::plain),
        text(&row.expected_by),
        text(&row.alarm_at),
    )?;
    if row.left_out > 0 {
        writeln!(
            out.data,
            "  {} left out: too old, or after --until",
            plural(row.left_out, "hour")
        )?;
    }
    let hidden = row.silences.len().saturating_sub(SHOWN);
    if hidden > 0 {
        writeln!(out.data, "  {} before these", plural(hidden, "silence"))?;
    }
    for silence in row.silences.iter().skip(hidden) {
        let end = silence
            .ended_at
            .map_or_else(|| "it goes on".to_owned(), |at| format!("until {at}"));
        writeln!(
            out.data,
            "  silent from {}, told at {}, {end}",
            silence.from, silence.alarm_at
        )?;
    }
    for sick in &row.sickness {
        writeln!(out.data, "  sick from {}: {}", sick.at, plain(&sick.sign))?;
    }
    Ok(())
}

fn plain(sign: &Sign) -> String {
    match sign {
        Sign::Fewer { lines, expected } => {
            format!("{lines:.0} lines where {expected:.0} were to be expected")
        }
        Sign::Errors { share, usual } => format!(
            "{:.1} % errors, usually {:.1} %",
            share * 100.0,
            usual * 100.0
        ),
        Sign::Unread { share, usual } => {
            format!(
                "{:.1} % of lines cannot be dated, usually {:.1} %",
                share * 100.0,
                usual * 100.0
            )
        }
        Sign::Skew { millis } => format!("its clock is off by {} s", millis / 1000),
        Sign::Boilerplate { shapes, usual } => {
            format!("{shapes} shapes of line an hour, usually {usual} or more")
        }
    }
}

/// The week in 56 blocks of three hours, the busiest full.
fn sparkline(cadence: &str) -> Option<String> {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let cadence: ::cadence::Cadence = cadence.parse().ok()?; // ok: because it was printed just now
    let bins: Vec<f64> = cadence
        .rates()
        .chunks(3)
        .map(|hours| hours.iter().sum())
        .collect();
    let most = bins.iter().copied().fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 7"
    )]
    let block = |bin: &f64| {
        BLOCKS
            .get((bin / most * 7.0).round() as usize)
            .copied()
            .unwrap_or('█')
    };
    let days: Vec<String> = bins
        .chunks(8)
        .map(|day| day.iter().map(block).collect())
        .collect();
    Some(days.join(" "))
}

fn budget(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (1e-4..=100.0).contains(&value) {
        Ok(value)
    } else {
        Err("expected a number from 0.0001 to 100".to_owned())
    }
}
