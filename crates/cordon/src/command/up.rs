//! `cordon up`.

use std::{net::SocketAddr, path::PathBuf};

use cordon_model::Host;

use super::{Out, Stop};
use crate::{
    check::this_host,
    fault::{self, Exit, Fault},
    up::{self, Options},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the hub remembers; /var/lib/cordon for root, else ~/.local/state/cordon.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the console listens. Only loopback, until there are users and TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    listen: SocketAddr,
    /// A policy; /etc/cordon/policy.toml, else the built-in one, where it is left out.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What this host is called; its own name where it is left out.
    #[arg(long)]
    host: Option<Host>,
    /// Look at the system mounted here instead of this one.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// One JSON document with the console's address, when it is ready.
    #[arg(long)]
    json: bool,
    /// The half that needs no privilege; started by the other half.
    #[arg(long = "hub-of-sensors", hide = true)]
    hub_of_sensors: bool,
}

pub(crate) fn run(args: Args, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let Args {
        data,
        listen,
        policy,
        host,
        root,
        json,
        hub_of_sensors,
    } = args;
    let me = host.map_or_else(this_host, Ok)?;
    let data = data.map_or_else(default_data, Ok)?;
    let options = Options {
        data,
        listen,
        policy,
        me,
        root,
    };
    if hub_of_sensors {
        return Ok(up::run_hub(&options)?);
    }
    let mut told = Ok(());
    let exit = up::run(&options, &mut |url| {
        let text = if json {
            serde_json::json!({ "url": url }).to_string()
        } else {
            format!(
                "\n  Cordon watches {}. Open this once in a browser:\n\n  {url}\n\n  Ctrl-C ends it.",
                options.me
            )
        };
        told = writeln!(out.data, "{text}").and_then(|()| out.data.flush());
    })?;
    told?;
    Ok(exit)
}

fn default_data() -> Result<PathBuf, Fault> {
    if up::is_root()? {
        return Ok(PathBuf::from("/var/lib/cordon")); // sudo may have kept somebody else's HOME
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(state) = variable("XDG_STATE_HOME") {
        return Ok(PathBuf::from(state).join("cordon"));
    }
    let home = variable("HOME").map(PathBuf::from);
    home.map(|home| home.join(".local/state/cordon"))
        .ok_or_else(|| {
            Fault::new(
                &fault::STORE_UNREADABLE,
                "there is no HOME: name a folder with --data",
            )
        })
}
