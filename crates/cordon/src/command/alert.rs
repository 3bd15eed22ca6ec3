//! `cordon alert test`.

use std::path::{Path, PathBuf};

use cordon_model::{Host, Policy};
use cordon_tell::{Alerts, Message, ping};
use serde::Serialize;

use super::{Out, Stop};
use crate::{
    check::{read_policy, this_host},
    clock,
    fault::{self, Exit, Fault},
    up::tell::deliver,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send one real message by each way that the policy names, and say what each answered.
    ///
    /// Ends with 4 where a way fails. Example: cordon alert test --policy ./policy.toml
    Test(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A policy; /etc/cordon/policy.toml where it is left out.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What this host is called; its own name where it is left out.
    #[arg(long)]
    host: Option<Host>,
    /// One JSON object a way, one a line.
    #[arg(long)]
    json: bool,
}

/// What one way answered.
#[derive(Serialize)]
struct Tried {
    way: String,
    works: bool,
    why: Option<String>,
}

pub(crate) fn run(command: Command, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let Command::Test(Args { policy, host, json }) = command;
    let me = host.map_or_else(this_host, Ok)?;
    let (text, path) = read_policy(policy.as_deref(), Path::new("/"))?;
    let place = path.map_or_else(
        || "the built-in policy".to_owned(),
        |path| path.display().to_string(),
    );
    let alerts = Alerts::read(&Policy::new(&text, 1));
    let alerts = alerts.map_err(|error| Fault::new(&fault::POLICY_REFUSED, error).at(&place))?;
    if !alerts.tells_somebody() && alerts.outside.is_none() {
        return Err(
            Fault::new(&fault::NOBODY_TOLD, "the policy names nobody to tell")
                .at(place)
                .into(),
        );
    }
    let at = clock::now();
    let message = Message {
        id: format!("test-{}", at.millis()),
        subject: format!("Cordon on {me}: a test"),
        text:
            "Somebody ran `cordon alert test`. Nothing was found; messages from Cordon reach you.\n"
                .to_owned(),
        letters: Vec::new(),
    };
    let mut worst = Exit::Nothing;
    let mut tell = |way: String, done: Result<(), String>| -> Result<(), Stop> {
        let tried = Tried {
            way,
            works: done.is_ok(),
            why: done.err(),
        };
        if !tried.works {
            worst = Exit::Blind;
        }
        if json {
            serde_json::to_writer(&mut *out.data, &tried).map_err(std::io::Error::from)?;
            writeln!(out.data)?;
        } else {
            let why = tried
                .why
                .as_deref()
                .map_or_else(|| "works".to_owned(), crate::page::inert);
            writeln!(out.data, "  {:<24} {why}", crate::page::inert(&tried.way))?;
        }
        Ok(())
    };
    for (way, _) in alerts.desks() {
        let done = deliver(&alerts, &way, me.as_str(), &message);
        tell(way, done.map_err(|error| error.to_string()))?;
    }
    if let Some(outside) = &alerts.outside {
        tell(
            "outside".to_owned(),
            ping::ping(outside).map_err(|error| error.to_string()),
        )?;
    }
    Ok(worst)
}
