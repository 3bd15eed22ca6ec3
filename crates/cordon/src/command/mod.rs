//! The command line. `stdout` is data, `stderr` talk.

mod alert;
mod check;
mod logs;
mod patch;
mod replay;
mod up;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::fault::{Exit, Fault, OUTPUT};
pub use logs::judge_log;
pub(crate) use logs::rule_texts;

/// Outbreak defence that proves itself.
///
/// Exit codes: 0 nothing to report, 1 findings, 2 usage or bad input, 3 hub unreachable, 4 a control is
/// blind, silent or sick, 5 partial, 6 own store failed; the highest of 2 to 6 wins, else 1.
#[derive(Debug, Parser)]
#[command(
    name = "cordon",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is true of this host now: each control, what it found, what to do first.
    ///
    /// Example: cordon check --json | jq .verdict
    Check(check::Args),
    /// Watch this host: sensors, hub and console with one command.
    ///
    /// Example: cordon up --data ./data --listen 127.0.0.1:0 --json
    Up(up::Args),
    /// Run a scenario folder and compare its verdicts; prints them as NDJSON.
    ///
    /// Example: cordon replay scenarios/spybot-2004
    Replay(replay::Args),
    /// Look through logs that were recorded.
    #[command(subcommand)]
    Logs(logs::Command),
    /// Audit installed packages against what is fixed.
    #[command(subcommand)]
    Patch(patch::Command),
    /// Who is told, and whether that works.
    #[command(subcommand)]
    Alert(alert::Command),
}

/// Where a command writes: data to one, talk to the other.
pub(crate) struct Out<'o> {
    pub(crate) data: &'o mut dyn Write,
    pub(crate) talk: &'o mut dyn Write,
    /// Whether data goes to a person's terminal that shows colour.
    pub(crate) colour: bool,
    /// Columns of the terminal.
    pub(crate) width: usize,
}

/// What a command came to, or what stopped it.
pub(crate) enum Stop {
    Fault(Fault),
    Output(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Parses the arguments of the process, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let terminal = stdout.is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = crate::page::width(terminal);
    let mut data = io::BufWriter::new(stdout.lock());
    let mut talk = stderr.lock();
    let mut out = Out {
        data: &mut data,
        talk: &mut talk,
        colour,
        width,
    };
    let ended = run(cli, &mut out).and_then(|exit| {
        data.flush()?;
        Ok(exit)
    });
    let (exit, talked) = match ended {
        Ok(exit) => (exit, Ok(())),
        // The reader has seen enough, as `head` does.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            (Exit::Nothing, Ok(()))
        }
        Err(Stop::Output(error)) => {
            let fault = Fault::new(&OUTPUT, error);
            (fault.code.exit, writeln!(talk, "{fault}"))
        }
        Err(Stop::Fault(fault)) => (fault.code.exit, writeln!(talk, "{fault}")),
    };
    match talked {
        Ok(()) => ExitCode::from(exit as u8),
        Err(_) => ExitCode::from(Exit::Partial as u8), // because nobody can be told otherwise
    }
}

fn run(cli: Cli, out: &mut Out<'_>) -> Result<Exit, Stop> {
    match cli.command {
        Command::Check(args) => check::run(args, out),
        Command::Up(args) => up::run(args, out),
        Command::Replay(args) => replay::run(&args, out),
        Command::Logs(command) => logs::run(&command, out),
        Command::Patch(command) => patch::run(command, out),
        Command::Alert(command) => alert::run(command, out),
    }
}

/// The text of a file that a person named.
fn read_text(path: &PathBuf, code: &'static crate::fault::Code) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| Fault::new(code, error).at(path.display()))
}
