//! Whom to tell and how: the section `[alert]`.

use std::path::PathBuf;

use cordon_model::{Person, Policy, PolicyError, Severity, SourceName, Span};
use serde::Deserialize;

/// Most people and webhooks of a policy.
pub const MAX_RECIPIENTS: usize = 50;

/// The compiled section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Where the console is, for the reader of a message.
    pub url: Option<String>,
    /// The server that takes mail.
    pub mail: Option<Mail>,
    /// Who gets mail.
    #[serde(default, rename = "person")]
    pub people: Vec<Recipient>,
    /// What else is told.
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<Webhook>,
    /// Somebody outside who notices when we say nothing any more.
    pub outside: Option<Outside>,
}

/// The server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `HOST:PORT`.
    pub server: Server,
    /// How the way there is protected; STARTTLS where it is left out, and nothing on this host itself.
    pub tls: Option<MailTls>,
    /// Who we are to it.
    pub user: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// Whom messages are from.
    pub from: String,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Not at all.
    None,
    /// Begun in the clear, and nothing is sent before it is protected.
    Starttls,
    /// From the first byte.
    Tls,
}

/// `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Who.
    pub name: Person,
    /// Where mail reaches them.
    pub mail: String,
    /// What is less severe waits for the digest.
    #[serde(default = "high")]
    pub least: Severity,
    /// Most messages a day, the digest not counted.
    #[serde(default = "five")]
    pub a_day: u32,
    /// When the digest comes, in UTC.
    #[serde(default = "seven")]
    pub digest_at: Clock,
}

/// A time of day, `07:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Clock(pub(crate) Span);

/// Something that takes JSON by HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What it is called.
    pub name: SourceName,
    /// Where it is.
    pub url: String,
    /// The file with the secret that every message is signed with.
    pub secret_file: PathBuf,
    /// What is less severe is not sent.
    #[serde(default = "low")]
    pub least: Severity,
}

/// Somebody outside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// What is asked for.
    pub ping: String,
    /// How often.
    #[serde(default = "a_minute")]
    pub every: Span,
}

const fn high() -> Severity {
    Severity::High
}

const fn low() -> Severity {
    Severity::Low
}

const fn five() -> u32 {
    5
}

const fn seven() -> Clock {
    Clock(Span::hours(7))
}

const fn a_minute() -> Span {
    Span::minutes(1)
}

impl TryFrom<String> for Server {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?))); // ok: because the next line refuses it
        match parts {
            Some((host, port)) if !host.is_empty() => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            }),
            _ => Err(format!("expected HOST:PORT, got `{text}`")),
        }
    }
}

impl TryFrom<String> for Clock {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(hour, minute)| {
            let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?); // ok: because the next line refuses it
            (hour < 24 && minute < 60).then_some((hour, minute))
        });
        match parts {
            Some((hour, minute)) => Ok(Self(Span::minutes(hour * 60 + minute))),
            None => Err(format!("expected a time of day like 07:00, got `{text}`")),
        }
    }
}

impl Server {
    /// Whether it is this host itself.
    pub fn is_here(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }
}

impl Alerts {
    /// Reads the section; one without recipients tells nobody.
    pub fn read(policy: &Policy) -> Result<Self, PolicyError> {
        let alerts: Self = policy.section("alert")?;
        let refuse = |why: String| Err(PolicyError::new(format!("in [alert]: {why}")));
        if alerts.people.len() + alerts.webhooks.len() > MAX_RECIPIENTS {
            return refuse(format!(
                "expected at most {MAX_RECIPIENTS} people and webhooks"
            ));
        }
        if !alerts.people.is_empty() && alerts.mail.is_none() {
            return refuse("people are named, and no [alert.mail] to reach them by".to_owned());
        }
        let addresses = alerts.people.iter().map(|person| &person.mail);
        for address in addresses.chain(alerts.mail.iter().map(|mail| &mail.from)) {
            if let Err(error) = address.parse::<lettre::Address>() {
                return refuse(format!("`{address}` is no address: {error}"));
            }
        }
        let mut names: Vec<String> = alerts.desks().map(|(name, _)| name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return refuse(format!("{} is named twice", twice.concat()));
        }
        if alerts
            .outside
            .as_ref()
            .is_some_and(|outside| outside.every < Span::secs(1))
        {
            return refuse("expected `every` of at least 1s".to_owned());
        }
        Ok(alerts)
    }

    /// Whether anybody is told of a finding.
    pub const fn tells_somebody(&self) -> bool {
        !self.people.is_empty() || !self.webhooks.is_empty()
    }

    /// What each recipient is called in the store, and how they are told.
    pub fn desks(&self) -> impl Iterator<Item = (String, crate::Who)> {
        let people = self.people.iter().map(|person| {
            let who = crate::Who {
                least: person.least,
                a_day: person.a_day,
                digest_at: Some(person.digest_at.0),
            };
            (format!("mail:{}", person.name), who)
        });
        let webhooks = self.webhooks.iter().map(|webhook| {
            let who = crate::Who {
                least: webhook.least,
                a_day: u32::MAX,
                digest_at: None,
            };
            (format!("webhook:{}", webhook.name), who)
        });
        people.chain(webhooks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[alert.mail]\nserver = \"127.0.0.1:25\"\nfrom = \"cordon@example.org\"\n\
                        [[alert.person]]\nname = \"anna\"\nmail = \"anna@example.org\"\n";

    fn refused(text: &str) -> String {
        Alerts::read(&Policy::new(text, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_person_is_told_five_times_a_day_of_what_is_high() {
        let alerts = Alerts::read(&Policy::new(GOOD, 1)).unwrap();
        let (name, who) = alerts.desks().next().unwrap();
        assert_eq!(
            (name.as_str(), who.a_day, who.least),
            ("mail:anna", 5, Severity::High)
        );
        assert_eq!(who.digest_at, Some(Span::hours(7)));
        assert!(alerts.mail.unwrap().server.is_here());
    }

    #[test]
    fn what_reaches_nobody_is_refused() {
        assert!(
            refused("[[alert.person]]\nname = \"anna\"\nmail = \"anna@example.org\"\n")
                .contains("no [alert.mail]")
        );
        assert!(refused(&GOOD.replace("anna@example.org", "anna")).contains("is no address"));
        assert!(refused(&GOOD.replace(":25", "")).contains("expected HOST:PORT"));
        assert!(refused(&format!("{GOOD}digest_at = \"25:00\"\n")).contains("time of day"));
        assert!(
            refused(&format!(
                "{GOOD}[[alert.person]]\nname = \"anna\"\nmail = \"b@example.org\"\n"
            ))
            .contains("twice")
        );
    }
}
