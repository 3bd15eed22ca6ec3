//! `cordon check`.

use std::path::PathBuf;

use cordon_model::Host;

use super::{Out, Stop};
use crate::{
    check::{Options, draw, look},
    fault::Exit,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A policy; /etc/cordon/policy.toml, else the built-in one, where it is left out.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What this host is called; its own name where it is left out.
    #[arg(long)]
    host: Option<Host>,
    /// Look at the system mounted here instead of this one.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Evidence and advice of every finding.
    #[arg(long)]
    all: bool,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, out: &mut Out<'_>) -> Result<Exit, Stop> {
    let Args {
        policy,
        host,
        root,
        all,
        json,
    } = args;
    let posture = look(&Options { policy, host, root })?.posture();
    if json {
        serde_json::to_writer_pretty(&mut *out.data, &posture).map_err(std::io::Error::from)?;
        writeln!(out.data)?;
    } else {
        let style = draw::Style {
            width: out.width,
            colour: out.colour,
            all,
        };
        draw::draw(&posture, style, out.data)?;
    }
    Ok(posture.exit())
}
