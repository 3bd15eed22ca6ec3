//! `cordon replay DIR`.

use std::path::PathBuf;

use cordon_testkit::{Scenario, ScenarioError, lines_of};

use super::{Out, Stop};
use crate::{
    CONTROLS,
    fault::{Exit, Fault, NOT_RESUMABLE, SCENARIO_BROKEN},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario's folder.
    dir: PathBuf,
    /// Verdicts as NDJSON on stdout (they always are; accepted so that every command takes it).
    #[arg(long)]
    json: bool,
    /// Write what came as the new verdicts.jsonl. Read the difference before you commit it.
    #[arg(long)]
    bless: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let scenario = Scenario::read(&args.dir).map_err(fault)?;
    let told = scenario.run(CONTROLS).map_err(fault)?;
    let lines = lines_of(&told);
    for line in &lines {
        writeln!(out.data, "{line}")?;
    }
    let restarted = scenario.run_with_restarts(CONTROLS).map_err(fault)?;
    if lines_of(&restarted) != lines {
        let why = "with a restart after every event the verdicts are others";
        return Err(Fault::new(&NOT_RESUMABLE, why)
            .at(args.dir.display())
            .into());
    }
    if args.bless {
        let path = args.dir.join("verdicts.jsonl");
        let text = lines.iter().fold(String::new(), |text, line| {
            text + &line.to_string()
                + "
"
        });
        std::fs::write(&path, text)?;
        writeln!(
            out.talk,
            "{}: {} verdicts written",
            path.display(),
            lines.len()
        )?;
        return Ok(Exit::Nothing);
    }
    match scenario.differs(&told).map_err(fault)? {
        None => {
            writeln!(
                out.talk,
                "{}: {} verdicts, as expected",
                args.dir.display(),
                lines.len()
            )?;
            Ok(Exit::Nothing)
        }
        Some(difference) => {
            let show = |value: Option<serde_json::Value>| {
                value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
            };
            writeln!(
                out.talk,
                "{}: verdict {} differs",
                args.dir.display(),
                difference.line
            )?;
            writeln!(out.talk, "  expected {}", show(difference.expected))?;
            writeln!(out.talk, "  got      {}", show(difference.got))?;
            Ok(Exit::Findings)
        }
    }
}

fn fault(error: ScenarioError) -> Fault {
    match error {
        ScenarioError::NotResumable { .. } => Fault::new(&NOT_RESUMABLE, error),
        ScenarioError::Line { path, line, why } => {
            Fault::new(&SCENARIO_BROKEN, why).at(format!("{}:{line}", path.display()))
        }
        ScenarioError::Unreadable { path, error } => {
            Fault::new(&SCENARIO_BROKEN, error).at(path.display())
        }
        ScenarioError::Policy { path, error } => {
            Fault::new(&crate::fault::POLICY_REFUSED, error).at(path.display())
        }
        ScenarioError::TooLong { .. } => Fault::new(&SCENARIO_BROKEN, error),
    }
}
