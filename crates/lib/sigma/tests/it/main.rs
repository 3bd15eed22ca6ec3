//! The crate on real rules and events. Where the corpora are absent each test says so and is counted
//! as skipped.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their corpora from files"
)]

mod corpus;
mod correlations;
mod events;
mod malformed;
mod modifiers;
mod naive;
mod official;
mod random;
mod same;
