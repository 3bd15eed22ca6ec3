//! What can fall silent, and what a finding is about.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ControlName, Host, IdError, Nonce, PairName, SetName, SourceName};

/// Anything that owes a sign of life. Written `source:mail.log`, `agent:ws1`, `hub`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// A control on a host.
    Control(ControlName),
    /// A log source on a host.
    Source(SourceName),
    /// The agent of a host.
    Agent(Host),
    /// A feed of advisories or definitions.
    Feed(SetName),
    /// A way to tell people.
    Channel(SourceName),
    /// The hub itself.
    Hub,
}

/// What a finding is about, within its host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The host as a whole.
    Host,
    /// Something that owes a sign of life.
    Watched(Watched),
    /// A package, or a KB.
    Package(SourceName),
    /// A policy or content set.
    Set(SetName),
    /// The mark of a planted probe.
    Nonce(Nonce),
    /// Two stages between which things must not get lost.
    Pair(PairName),
}

/// Why a text names nothing that can be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchedError {
    /// No such kind.
    #[error("expected control:, source:, agent:, feed:, channel: or hub, got `{0}`")]
    Kind(String),
    /// The name after the colon is none.
    #[error(transparent)]
    Name(#[from] IdError),
}

/// The state of a control, a source, an agent or a feed. On screen `Blind` is "cannot see" and `Off`
/// is "not set up".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not configured.
    Off,
    /// Too little history to judge.
    Learning,
    /// A probe came back not long ago.
    Proven,
    /// It pulses; nothing has proved it yet.
    Working,
    /// It reports errors, or works from something too old.
    Sick,
    /// No sign of life when one was due.
    Silent,
    /// It cannot look.
    Blind,
}

impl Standing {
    /// The words people read.
    pub const fn plain(self) -> &'static str {
        match self {
            Self::Off => "not set up",
            Self::Learning => "learning",
            Self::Proven => "proven",
            Self::Working => "working",
            Self::Sick => "sick",
            Self::Silent => "silent",
            Self::Blind => "cannot see",
        }
    }

    /// Whether this state is a problem by itself: exit code 4.
    pub const fn is_problem(self) -> bool {
        match self {
            Self::Sick | Self::Silent | Self::Blind => true,
            Self::Off | Self::Learning | Self::Proven | Self::Working => false,
        }
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(name) => write!(f, "control:{name}"),
            Self::Source(name) => write!(f, "source:{name}"),
            Self::Agent(host) => write!(f, "agent:{host}"),
            Self::Feed(name) => write!(f, "feed:{name}"),
            Self::Channel(name) => write!(f, "channel:{name}"),
            Self::Hub => f.write_str("hub"),
        }
    }
}

impl FromStr for Watched {
    type Err = WatchedError;
    fn from_str(text: &str) -> Result<Self, WatchedError> {
        Ok(match text.split_once(':') {
            Some(("control", name)) => Self::Control(name.parse()?),
            Some(("source", name)) => Self::Source(name.parse()?),
            Some(("agent", name)) => Self::Agent(name.parse()?),
            Some(("feed", name)) => Self::Feed(name.parse()?),
            Some(("channel", name)) => Self::Channel(name.parse()?),
            None if text == "hub" => Self::Hub,
            _ => return Err(WatchedError::Kind(text.to_owned())),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Watched(watched) => watched.fmt(f),
            Self::Package(name) => write!(f, "package:{name}"),
            Self::Set(name) => write!(f, "set:{name}"),
            Self::Nonce(nonce) => write!(f, "nonce:{nonce}"),
            Self::Pair(name) => write!(f, "pair:{name}"),
        }
    }
}

impl FromStr for Subject {
    type Err = WatchedError;
    fn from_str(text: &str) -> Result<Self, WatchedError> {
        Ok(match text.split_once(':') {
            Some(("package", name)) => Self::Package(name.parse()?),
            Some(("set", name)) => Self::Set(name.parse()?),
            Some(("nonce", name)) => Self::Nonce(name.parse()?),
            Some(("pair", name)) => Self::Pair(name.parse()?),
            None if text == "host" => Self::Host,
            _ => Self::Watched(text.parse()?),
        })
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Watched Subject);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watched_and_subject_round_trip_through_text() {
        for text in [
            "control:patch",
            "source:mail.log",
            "agent:ws1",
            "feed:a:b",
            "channel:mail",
            "hub",
        ] {
            assert_eq!(text.parse::<Watched>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in [
            "host",
            "package:KB835732",
            "set:policy",
            "nonce:1-2",
            "pair:mail",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        assert_eq!(
            "sauce:x".parse::<Watched>(),
            Err(WatchedError::Kind("sauce:x".to_owned()))
        );
        assert_eq!(
            "source:".parse::<Watched>(),
            Err(WatchedError::Name(IdError::Empty))
        );
    }
}
