//! `cordon logs`: what can be told from logs that were recorded, without a hub.

mod arrivals;
mod cadence;
mod scan;

use std::io;

use clap::Subcommand;
use cordon_model::Time;

use super::{Out, Stop};
use crate::fault::Exit;
pub(crate) use scan::rule_texts;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Learn each source's cadence and tell when it was silent or sick; exits 1 when one was.
    ///
    /// Reads log files and folders of them, lists of times (one a line, seconds or milliseconds since
    /// 1970) and tables of counts (`timestamp,value`), plain, gz, xz or lz4. Each week is judged by what
    /// the other weeks teach.
    ///
    /// With --json one object a line: {name, state, why, lines, timeless, `left_out`, ticks, from, until,
    /// `typical_gap`, last, `expected_by`, `alarm_at`, cadence, silences, sickness}.
    ///
    /// Example: cordon logs cadence /var/log --by program --json
    Cadence(cadence::Args),
    /// Look for what Sigma rules describe; exits 1 when something was found.
    ///
    /// Reads EVTX, JSON of any shipper, XML, auditd, journal export, syslog, CEF, LEEF, W3C, CSV and web servers' logs,
    /// and folders of them. What could not be read, what was refused and what was lost is told, and the last line on
    /// stderr says how much was looked at by how many rules.
    ///
    /// With --json one finding a line: {rule, title, level, at, host, file, record, fields}.
    ///
    /// Example: cordon logs scan --rules ./sigma/rules /mnt/evidence --json
    Scan(Box<scan::Args>),
}

/// The sources of a recorded log, by program, and what judging each came to. Dates without a year are at
/// most a day after `around`.
pub fn judge_log(bytes: &[u8], around: Time) -> io::Result<Vec<(String, ::cadence::Report)>> {
    arrivals::judged(bytes, around)
}

pub(crate) fn run(command: &Command, out: &mut Out<'_>) -> Result<Exit, Stop> {
    match command {
        Command::Cadence(args) => cadence::run(args, out),
        Command::Scan(args) => scan::run(args, out),
    }
}
