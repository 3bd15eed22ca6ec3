//! Somebody is told.
//!
//! 2004: the scanner's log said what was wrong, and nobody read it. An alarm that nobody receives is that
//! again. What is found waits in the store's outbox, in the same transaction as the finding; here it is
//! decided what goes to whom and when ([`plan`]), and by which way ([`mail`], [`webhook`], [`ping`]).
//!
//! What is promised: a message goes out at least once, with an id by which a repetition is known; nothing is
//! forgotten while a way is closed; people are not worn out, for what is beyond their number a day waits for
//! the digest.
#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod compose;
pub mod mail;
pub mod ping;
pub mod plan;
mod policy;
mod web;
pub mod webhook;

pub use plan::{Desk, Letter, Message, News, Rows, Who, plan};
pub use policy::{
    Alerts, Clock, MAX_RECIPIENTS, Mail, MailTls, Outside, Recipient, Server, Webhook,
};

/// Why something could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// The other side cannot be reached, or broke off.
    #[error("{to} cannot be reached: {why}")]
    Unreachable {
        /// Which server or address.
        to: String,
        /// What the system says.
        why: String,
    },
    /// The other side will not have it.
    #[error("{to} refuses: {why}")]
    Refused {
        /// Which server or address.
        to: String,
        /// What it answers.
        why: String,
    },
    /// The policy names something that is not there, or is no address.
    #[error("{what}: {why}")]
    Unusable {
        /// Which setting.
        what: String,
        /// Why not.
        why: String,
    },
}
