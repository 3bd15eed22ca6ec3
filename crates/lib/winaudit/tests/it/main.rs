//! The crate on real files. Where the corpora are absent each test says so and is counted as
//! skipped.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their corpora from files"
)]

mod bars;
mod bulletins;
mod collector;
mod corpus;
mod feeds;
mod hostile;
mod inventories;
mod lines;
mod rules;
