//! Runs one command on many hosts through the system's own `ssh`, so that jump hosts, `known_hosts` and
//! `ssh_config` hold as the administrator has them.
//!
//! A scanner that stops at the first host that does not answer has looked at none behind it, and nobody sees
//! that. Here what goes wrong with a host is a result of that host: [`Failure`] says which of a few things it was
//! and how to mend it. Nothing is ever asked of a person, and no host key is accepted that was not known before.
//! A host has a time for all of it, connecting and the command, and a size for what it says; one that is over
//! either is cut off, and what it said until then counts for nothing.
//!
//! Each host is one `ssh` in a process group of its own, with no shared connection: when its time is over the whole
//! group is ended, the helpers of jump hosts too. The crate `openssh` was tried and left out: it starts a master that
//! goes into the background, and a connection that is given up while it hangs stays behind as a process.
#![expect(clippy::disallowed_methods, reason = "edge")]
#![warn(missing_docs)]

mod ask;
mod failure;
mod run;
mod target;

use std::time::Duration;

pub use failure::{Failure, KeyTrouble};
pub use run::{Answer, run};
pub use target::{Target, TargetError};

/// How long a host has, from the start of `ssh` to the end of its command.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// How many hosts are asked at once.
pub const DEFAULT_PARALLEL: usize = 32;

/// Most bytes of one host, its output and its errors together. So many of each host that is asked at once may be held
/// in memory.
pub const DEFAULT_MAX_BYTES: usize = 32 << 20;

/// Most bytes that are kept of what a host or `ssh` says of errors; the rest is counted and not kept.
pub const MAX_ERROR_BYTES: usize = 16 << 10;

/// What bounds a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a host has, connecting and command together.
    pub timeout: Duration,
    /// How many hosts are asked at once; at least one.
    pub parallel: usize,
    /// Most bytes of one host.
    pub max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            parallel: DEFAULT_PARALLEL,
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }
}

/// What is run on each host.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The command as the host's shell reads it. A key with a command of its own (`command=`) runs that instead.
    pub command: &'a str,
    /// What the command reads.
    pub stdin: &'a [u8],
}
