//! Why the console did not start, or did not end.

use std::net::SocketAddr;

/// Why the console did not start, or did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// Somebody else's machine could have asked.
    #[error(
        "expected a loopback address such as 127.0.0.1:0, got `{0}`: the console is for this host alone"
    )]
    NotLoopback(SocketAddr),
    /// The port is taken, or may not be used.
    #[error("expected to listen on {address}, but {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        why: String,
    },
    /// Without chance there are no tokens.
    #[error("expected 16 random bytes from /dev/urandom, but {0}")]
    Random(String),
    /// No thread, or no runtime on it.
    #[error("expected a thread of the console's own, but {0}")]
    Thread(String),
    /// The thread ended by a panic.
    #[error("expected the console's thread to end when told, but it had panicked")]
    Panicked,
}
