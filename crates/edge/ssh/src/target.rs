//! Where to, as people write it.

use std::{fmt, path::PathBuf, str::FromStr};

/// Longest destination, in bytes.
const MAX_DESTINATION_BYTES: usize = 1024;

/// What a shell would read more into than a name. `ssh` itself puts the name into the commands of `ssh_config`
/// (`ProxyCommand … %h`), so a list of hosts must not be able to say a command.
const SHELL: [char; 21] = [
    '\'', '"', '`', '$', '\\', ';', '&', '<', '>', '|', '(', ')', '{', '}', '*', '?', '!', '#',
    '~', '^', '/',
];

/// A host to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the host is called in results.
    pub name: String,
    /// `host`, an alias of `ssh_config`, or an address.
    pub host: String,
    /// Who to be there; else as `ssh_config` says.
    pub user: Option<String>,
    /// Which port; else as `ssh_config` says.
    pub port: Option<u16>,
    /// In place of the user's own `ssh_config`.
    pub config: Option<PathBuf>,
    /// The only key that is offered; else as `ssh_config` says.
    pub identity: Option<PathBuf>,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A part of it is empty.
    #[error("expected [NAME=][USER@]HOST[:PORT], got `{0}` with an empty part")]
    Empty(String),
    /// It would be read as an option.
    #[error("expected a host, got `{0}`, which ssh would take for an option")]
    Option(String),
    /// It has a character that no host or user has.
    #[error("expected [NAME=][USER@]HOST[:PORT], got `{text}` with {character:?}")]
    Character {
        /// The whole.
        text: String,
        /// The character.
        character: char,
    },
    /// The port is none.
    #[error("expected a port from 1 to 65535, got `{0}`")]
    Port(String),
    /// Longer than a destination can be.
    #[error("expected at most {MAX_DESTINATION_BYTES} bytes, got {0}")]
    TooLong(usize),
}

impl FromStr for Target {
    type Err = TargetError;

    /// `web1`, `root@web1:2222`, `[2001:db8::1]:22`, `web1=root@10.0.0.7`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.len() > MAX_DESTINATION_BYTES {
            return Err(TargetError::TooLong(text.len()));
        }
        let (name, destination) = match text.split_once('=') {
            Some((name, rest)) => (Some(name.trim()), rest.trim()),
            None => (None, text.trim()),
        };
        let strange = |c: &char| c.is_whitespace() || c.is_control() || SHELL.contains(c);
        if let Some(character) = destination.chars().find(strange) {
            let text = text.to_owned();
            return Err(TargetError::Character { text, character });
        }
        let (user, place) = match destination.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, destination),
        };
        let (host, port) = host_and_port(place)?;
        let parts = [name, user, Some(host)];
        if parts.into_iter().flatten().any(str::is_empty) {
            return Err(TargetError::Empty(text.to_owned()));
        }
        let parts = [name, user, Some(host)].into_iter().flatten();
        if parts.clone().any(|part| part.starts_with('-')) {
            return Err(TargetError::Option(text.to_owned()));
        }
        Ok(Self {
            name: name.unwrap_or(host).to_owned(),
            host: host.to_owned(),
            user: user.map(str::to_owned),
            port,
            config: None,
            identity: None,
        })
    }
}

/// An address of IPv6 has colons itself, so with a port it stands in brackets.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), TargetError> {
    let bracketed = place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None if place.matches(':').count() == 1 => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
        None => (place, None),
    };
    let number = |text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(TargetError::Port(text.to_owned())),
    };
    Ok((host, port.map(number).transpose()?))
}

impl fmt::Display for Target {
    /// The destination, without the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match (self.port, self.host.contains(':')) {
            (None, _) => f.write_str(&self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_as_people_write_them() {
        let check = |text: &str, name: &str, shown: &str| {
            let target: Target = text.parse().unwrap();
            assert_eq!(
                (target.name.as_str(), target.to_string().as_str()),
                (name, shown),
                "{text}"
            );
        };
        check("web1", "web1", "web1");
        check(" root@web1:2222 ", "web1", "root@web1:2222");
        check("[2001:db8::1]:22", "2001:db8::1", "[2001:db8::1]:22");
        check("2001:db8::1", "2001:db8::1", "2001:db8::1");
        check("web 1 = root@10.0.0.7", "web 1", "root@10.0.0.7");
        check("a@b@web1", "web1", "a@b@web1");
    }

    #[test]
    fn what_ssh_would_read_otherwise_is_refused() {
        for text in [
            "",
            "=web1",
            "x=",
            "root@",
            "@web1",
            "-oProxyCommand=id",
            "x=-oProxyCommand",
            "-l@web1",
            "web1:0",
            "web1:70000",
            "web1:x",
            "web1:",
            "a b",
            "a`id`",
            "$(id)",
            "a;b",
            "a\nb",
            "[::1]x",
            "a/b",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
