//! The crate on real files. Where the corpora are absent each test says so and is counted as
//! skipped.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests read their corpora from files, and show what they measured"
)]

mod bars;
mod bulletins;
mod collector;
mod corpus;
mod inventories;
mod lines;
