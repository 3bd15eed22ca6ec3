//! What tests and `cordon replay` share: the scenario runner, the corpora, counted skips.
#![expect(clippy::disallowed_methods, reason = "edge")]

mod corpora;
mod scenario;

pub use corpora::{Skip, corpus, skip};
pub use scenario::{Difference, MAX_EVENTS, Scenario, ScenarioError, lines_of};
