//! Cordon in one binary: the registry of controls, the commands, the main loop, the one clock.
#![expect(clippy::disallowed_methods, reason = "edge")]

pub mod check;
pub mod clock;
pub mod command;
pub mod content;
pub mod fault;
pub mod page;
pub mod probes;
pub mod up;

use cordon_engine::{Make, make};

/// Every control there is. Adding one is one line.
pub const CONTROLS: &[Make] = &[
    make::<cordon_watch::Watch>(),
    make::<cordon_logs::Logs>(),
    make::<cordon_patch::Patch>(),
];
