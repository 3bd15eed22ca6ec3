//! What is collected besides files: where it is listened, which journals are read, how much is spooled.
//!
//! Nothing is listened to unless policy says so, and an address that could never be what was meant is
//! refused here and not at the first message.

use std::net::SocketAddr;

use cordon_model::{PolicyError, SourceName};
use serde::Deserialize;

/// What the spool may hold where policy does not say, in bytes.
pub const SPOOL_BYTES: u64 = 256 << 20;

/// The least that a spool may be, in bytes.
pub const MIN_SPOOL_BYTES: u64 = 16 << 20;

/// Most senders that one listener may be told to know apart.
pub const MAX_SENDERS: u32 = 10_000;

/// Longest name of a listener, in bytes: a sender's name follows it.
pub const MAX_LISTEN_NAME_BYTES: usize = 64;

/// A place where others send their logs to: `[[logs.listen]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// What its sources' names begin with.
    pub name: SourceName,
    /// Syslog, a datagram a message.
    #[serde(default)]
    pub udp: Option<SocketAddr>,
    /// Syslog over TCP, octet-counted or a line a message.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// Syslog over TLS (RFC 5425).
    #[serde(default)]
    pub tls: Option<SocketAddr>,
    /// Lumberjack version 2: Winlogbeat, Filebeat. Over TLS if there is a certificate.
    #[serde(default)]
    pub beats: Option<SocketAddr>,
    /// A JSON object a line: `NXLog`'s `om_tcp`, or `om_ssl` if there is a certificate.
    #[serde(default)]
    pub json: Option<SocketAddr>,
    /// PEM file of the certificate and its chain.
    #[serde(default)]
    pub certificate: Option<String>,
    /// PEM file of its key.
    #[serde(default)]
    pub key: Option<String>,
    /// PEM file of who may sign the certificates of clients: without one from there nobody is heard.
    #[serde(default)]
    pub clients: Option<String>,
    /// How many senders are sources of their own; the rest share one.
    #[serde(default = "max_senders")]
    pub max_senders: u32,
    /// Whether numbers that are missing between two messages were lost: not where senders filter.
    #[serde(default = "numbered")]
    pub numbered: bool,
    /// Phrases that make a line an error, beside the usual words.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Phrases that are reported as a finding.
    #[serde(default)]
    pub report: Vec<String>,
}

/// A systemd journal that is read: `[[logs.journal]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// What it is called.
    pub name: SourceName,
    /// The folder of its files; the host's own journal where it is left out.
    #[serde(default)]
    pub directory: Option<String>,
    /// Only what this unit wrote; a pattern as `journalctl --unit` takes it.
    #[serde(default)]
    pub unit: Option<String>,
    /// Phrases that make a line an error, beside the usual words.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Phrases that are reported as a finding.
    #[serde(default)]
    pub report: Vec<String>,
}

const fn numbered() -> bool {
    true
}

const fn max_senders() -> u32 {
    1000
}

pub(crate) const fn spool_bytes() -> u64 {
    SPOOL_BYTES
}

impl Listen {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let name = &self.name;
        let refuse = |why: &str| Err(PolicyError::new(format!("listener {name}: {why}")));
        if name.as_str().contains('/') || name.as_str().len() > MAX_LISTEN_NAME_BYTES {
            return refuse("expected a name without `/`, of at most 64 bytes");
        }
        let encrypted = self.certificate.is_some();
        if encrypted != self.key.is_some() {
            return refuse("`certificate` and `key` need each other");
        }
        if self.tls.is_some() && !encrypted {
            return refuse("`tls` needs `certificate` and `key`");
        }
        if self.clients.is_some() && !encrypted {
            return refuse("`clients` needs `certificate` and `key`");
        }
        if self.addresses() == 0 {
            return refuse("expected one of `udp`, `tcp`, `tls`, `beats`, `json`");
        }
        if !(1..=MAX_SENDERS).contains(&self.max_senders) {
            return refuse("expected `max_senders` from 1 to 10000");
        }
        Ok(())
    }

    fn addresses(&self) -> usize {
        let all = [self.udp, self.tcp, self.tls, self.beats, self.json];
        all.iter().flatten().count()
    }
}
