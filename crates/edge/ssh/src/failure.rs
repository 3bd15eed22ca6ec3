//! What went wrong with one host, in a sentence, and what mends it.

use std::time::Duration;

/// Longest part of what `ssh` said that a sentence repeats, in characters.
const MAX_SAID_CHARS: usize = 300;

/// What `ssh` says where nobody answers as a server of SSH does.
const AWAY: [&str; 14] = [
    "Could not resolve hostname",
    "Connection refused",
    "Connection timed out",
    "Operation timed out",
    "No route to host",
    "Network is unreachable",
    "Connection reset",
    "Connection closed by",
    "Connection to ",
    "kex_exchange_identification",
    "banner exchange",
    "Protocol not available",
    "Cannot assign requested address",
    "Broken pipe",
];

/// Why a host gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answers there, or not as a server of SSH does.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Its key is not the one that is known.
    #[error("{trouble}: {said}")]
    HostKey {
        /// What is wrong with it.
        trouble: KeyTrouble,
        /// What `ssh` says.
        said: String,
    },
    /// It does not let us in.
    #[error("it does not let us in: {0}")]
    Refused(String),
    /// It was not done in its time.
    #[error("it was cut off after {} s, {got} bytes into its answer", .after.as_secs_f32())]
    TimedOut {
        /// Its time.
        after: Duration,
        /// How much it had said.
        got: usize,
    },
    /// It said more than may be read.
    #[error("it was cut off: expected at most {limit} bytes, and it said more")]
    TooMuch {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The command ended badly, or `ssh` did for another reason.
    #[error("{}: {said}", ended(*.status))]
    Failed {
        /// Its exit status; none if a signal ended it.
        status: Option<i32>,
        /// What was said of errors.
        said: String,
    },
    /// `ssh` could not be started or watched on this machine.
    #[error("ssh could not be run here: {0}")]
    NotStarted(String),
    /// We were told to stop.
    #[error("it was not asked to the end: we were told to stop")]
    Stopped,
}

/// What is wrong with the key of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    /// None is known of it.
    #[error("no host key of it is known, and none is accepted unseen")]
    Unknown,
    /// It shows another one than is known.
    #[error("it shows another host key than the known one")]
    Changed,
    /// Its key was revoked.
    #[error("its host key was revoked")]
    Revoked,
}

fn ended(status: Option<i32>) -> String {
    match status {
        Some(255) => "ssh failed".to_owned(),
        Some(status) => format!("its command ended with status {status}"),
        None => "ssh was ended by a signal".to_owned(),
    }
}

impl Failure {
    /// What mends it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "is it on, is the name right, does a firewall stand between?",
            Self::HostKey { trouble, .. } => match trouble {
                KeyTrouble::Unknown => {
                    "compare the fingerprint on the host itself (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), \
                     then add the key to known_hosts"
                }
                KeyTrouble::Changed => {
                    "somebody may stand between; was it set up anew? then remove the old key with `ssh-keygen -R HOST` \
                     and add the new one after comparing its fingerprint on the host itself"
                }
                KeyTrouble::Revoked => "give the host a new key",
            },
            Self::Refused(_) => {
                "is the public key in authorized_keys of that user, and the private key readable here, or in the agent?"
            }
            Self::TimedOut { .. } => "give it more time, or look what hangs on the host",
            Self::TooMuch { .. } => "what does its login shell or forced command print?",
            Self::Failed { .. } => "try the same by hand: `ssh -o BatchMode=yes HOST sh < SCRIPT`",
            Self::NotStarted(_) => "install OpenSSH's client (Debian: openssh-client)",
            Self::Stopped => "run it again",
        }
    }

    /// What the end of `ssh` means. Its own errors end it with 255; so may those of a command.
    pub(crate) fn of(status: Option<i32>, errors: &[u8]) -> Self {
        let text = String::from_utf8_lossy(errors);
        let said = said(&text);
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if status != Some(255) {
            return Self::Failed { status, said };
        }
        let trouble = if has(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
            Some(KeyTrouble::Changed)
        } else if has(&["REVOKED HOST KEY DETECTED", "is marked as revoked"]) {
            Some(KeyTrouble::Revoked)
        } else if has(&["Host key verification failed", "host key is known for"]) {
            Some(KeyTrouble::Unknown)
        } else {
            None
        };
        if let Some(trouble) = trouble {
            return Self::HostKey { trouble, said };
        }
        if has(&[
            "Permission denied (",
            "Too many authentication failures",
            "Authentication failed",
        ]) {
            return Self::Refused(said);
        }
        if has(&AWAY) {
            return Self::Unreachable(said);
        }
        Self::Failed { status, said }
    }
}

/// The lines that say something: frames of warnings are left out, and those at the end say the most.
fn said(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let telling: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("@@@") && !line.starts_with("** "))
        .filter(|line| !line.starts_with("Warning: Permanently added"))
        .collect();
    let from = telling.len().saturating_sub(3);
    let last = telling.get(from..).unwrap_or_default().join("; "); // default: because `from` is within
    if last.is_empty() {
        return "nothing was said of why".to_owned();
    }
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    last.chars().map(printable).take(MAX_SAID_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_ssh_tell_what_it_was() {
        let check = |status: Option<i32>, text: &str, expected: fn(&Failure) -> bool| {
            let failure = Failure::of(status, text.as_bytes());
            assert!(expected(&failure), "{text}: {failure:?}");
            assert!(!failure.hint().is_empty() && !failure.to_string().contains('\n'));
        };
        check(
            Some(255),
            "ssh: connect to host a port 22: Connection refused\r\n",
            |f| matches!(f, Failure::Unreachable(said) if said.ends_with("refused")),
        );
        let unknown = "No ED25519 host key is known for a and you have requested strict checking.\r\nHost key verification failed.\r\n";
        check(Some(255), unknown, |f| {
            matches!(
                f,
                Failure::HostKey {
                    trouble: KeyTrouble::Unknown,
                    ..
                }
            )
        });
        let changed = "@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\nHost key verification failed.";
        check(Some(255), changed, |f| {
            matches!(
                f,
                Failure::HostKey {
                    trouble: KeyTrouble::Changed,
                    ..
                }
            )
        });
        check(Some(255), "root@a: Permission denied (publickey).", |f| {
            matches!(f, Failure::Refused(_))
        });
        check(Some(1), "Connection refused", |f| {
            matches!(
                f,
                Failure::Failed {
                    status: Some(1),
                    ..
                }
            )
        });
        check(
            Some(255),
            "",
            |f| matches!(f, Failure::Failed { said, .. } if said == "nothing was said of why"),
        );
        check(
            None,
            "\u{1b}[2J",
            |f| matches!(f, Failure::Failed { status: None, said } if !said.contains('\u{1b}')),
        );
    }
}
