//! Mail: to this host's own Postfix or any SMTP server.

use std::{fs, time::Duration};

use lettre::{
    Address, Message as Built,
    address::Envelope,
    message::{Mailbox, SinglePart, header},
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{SmtpConnection, TlsParameters},
        commands::{Mail as From, Rcpt, Rset},
        extension::ClientId,
    },
};

use crate::{Mail, MailTls, Message, TellError};

/// Longest time that one step of the server may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends `message` to `to`; `me` is this hub's name.
pub fn send(mail: &Mail, to: &str, me: &str, message: &Message) -> Result<(), TellError> {
    let (from, to) = (address(&mail.from)?, address(to)?);
    let built = Built::builder()
        .from(Mailbox::new(Some("Cordon".to_owned()), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(&message.subject)
        .message_id(Some(format!("<{}.{}@{me}>", message.id, fold(to.as_ref()))))
        .raw_header(header::HeaderValue::new(
            header::HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .singlepart(SinglePart::plain(message.text.clone()));
    let built = built.map_err(|error| unusable("the message", &error))?;
    let envelope =
        Envelope::new(Some(from), vec![to]).map_err(|error| unusable("the message", &error))?;
    let mut smtp = connect(mail, me)?;
    smtp.send(&envelope, &built.formatted())
        .map_err(|error| told(mail, &error))?;
    drop(smtp.quit()); // because the message was taken, whatever it says to a farewell
    Ok(())
}

/// Whether the server would take a message for `to`. Nothing is sent.
pub fn test(mail: &Mail, to: &str, me: &str) -> Result<(), TellError> {
    let (from, to) = (address(&mail.from)?, address(to)?);
    let mut smtp = connect(mail, me)?;
    let told = |error: smtp::Error| told(mail, &error);
    smtp.command(From::new(Some(from), Vec::new()))
        .map_err(told)?;
    smtp.command(Rcpt::new(to, Vec::new())).map_err(told)?;
    smtp.command(Rset).map_err(told)?;
    drop(smtp.quit()); // because the answer is there
    Ok(())
}

fn connect(mail: &Mail, me: &str) -> Result<SmtpConnection, TellError> {
    let told = |error: smtp::Error| told(mail, &error);
    let server = (mail.server.host.as_str(), mail.server.port);
    let hello = ClientId::Domain(me.to_owned());
    let default = if mail.server.is_here() {
        MailTls::None
    } else {
        MailTls::Starttls
    };
    let way = mail.tls.unwrap_or(default);
    let tls = match way {
        MailTls::None => None,
        MailTls::Starttls | MailTls::Tls => {
            Some(TlsParameters::new(mail.server.host.clone()).map_err(told)?)
        }
    };
    let wrapper = tls.as_ref().filter(|_| way == MailTls::Tls);
    let mut smtp =
        SmtpConnection::connect(server, Some(PATIENCE), &hello, wrapper, None).map_err(told)?;
    if let Some(tls) = tls.as_ref().filter(|_| way == MailTls::Starttls) {
        smtp.starttls(tls, &hello).map_err(told)?;
    }
    if let Some(user) = &mail.user {
        let password = match &mail.password_file {
            Some(file) => fs::read_to_string(file)
                .map_err(|error| unusable(&file.display().to_string(), &error))?,
            None => String::new(),
        };
        let credentials = Credentials::new(user.clone(), password.trim_end().to_owned());
        smtp.auth(DEFAULT_MECHANISMS, &credentials).map_err(told)?;
    }
    Ok(smtp)
}

fn address(text: &str) -> Result<Address, TellError> {
    text.parse().map_err(|error| unusable(text, &error))
}

fn unusable(what: &str, error: &dyn std::fmt::Display) -> TellError {
    TellError::Unusable {
        what: what.to_owned(),
        why: error.to_string(),
    }
}

fn told(mail: &Mail, error: &smtp::Error) -> TellError {
    use std::error::Error;
    let to = format!("{}:{}", mail.server.host, mail.server.port);
    let why = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_permanent() || error.is_transient() {
        TellError::Refused { to, why }
    } else {
        TellError::Unreachable { to, why }
    }
}

/// FNV-1a: a recipient's own part of a message's name, without the address itself.
fn fold(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
