//! Sigma.
mod error;
mod event;
mod intern;
mod json;
mod network;
mod number;
mod pattern;
mod read;
mod regexes;
mod rule;
mod set;
mod stamp;
mod windows;
mod yaml;
pub use event::*;
pub use json::*;
pub use set::*;
pub use error::*;
