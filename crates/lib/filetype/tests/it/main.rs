//! What is found in containers, and what a bomb costs.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their corpora from files"
)]

mod bombs;
mod exam;
mod formats;
mod hostile;
