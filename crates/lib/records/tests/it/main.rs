//! The crate on real logs. Where the corpora are absent each test says so and is counted as skipped.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their corpora from files"
)]

mod account;
mod corpus;
mod forms;
mod hostile;
mod texts;
mod windows;
