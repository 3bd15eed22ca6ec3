//! Listeners and journals as the sensors use them: real sockets on loopback, a real spool, real peers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod bad;
mod journal;
mod kit;
mod peers;
mod senders;
