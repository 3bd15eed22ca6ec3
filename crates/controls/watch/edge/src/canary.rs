//! The canary: a harmless message that every mail scanner must call infected.
//!
//! A scanner that answers "clean" to everything, or whose definitions are gone, gives every message its
//! verdict: nothing is unaccounted. Only a message that it must refuse shows it.

use std::time::Duration;

use cordon_model::{Blindness, Fact, Host, Nonce, Sensed, Text, Watched};
use cordon_watch::{CANARY_MARK, CANARY_REFUSED, CANARY_SENT, Canary};
use lettre::{
    Message,
    message::{Attachment, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        self,
        client::SmtpConnection,
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};

/// Longest time that the mail server may take for a whole step.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the canary's channel is called among the watched.
const CHANNEL: &str = "canary";

/// The EICAR test file, which is no virus and which every scanner knows. Kept in another form here, lest a
/// scanner takes this program for it.
const TEST_FILE: [u8; 68] = {
    let mut kept = *b"y\x14n\x00q\x04a`qz\x15}q{y\x14\x15\x09q\x7f\x08\x16bb\x08\x16\x5c\x05dhb`s\x0cru`oe`se\x0c`ouhwhstr\x0cudru\x0cghmd\x00\x05i\x0ai\x0b";
    let mut at = 0;
    while at < kept.len() {
        kept[at] ^= KEPT_WITH;
        at += 1;
    }
    kept
};
const KEPT_WITH: u8 = 0x21;

/// Sends one and says what became of it. Blocks for as long as the mail server takes, at most a few
/// minutes. No answer, or none that is final, is [`Fact::Blind`]: nothing is proven then.
pub fn send(canary: &Canary, me: &Host, nonce: &Nonce) -> Vec<Sensed> {
    let of = Watched::Channel(CHANNEL.into());
    let says = |fact| Sensed {
        host: me.clone(),
        said: None,
        fact,
    };
    let passed = |stage: &'static str| {
        says(Fact::Passed {
            stage: stage.into(),
            key: Text::new(nonce.as_str()),
        })
    };
    let pulse = says(Fact::Pulse {
        of: of.clone(),
        seen: 1,
        errors: 0,
    });
    match offer(canary, me, nonce) {
        Ok(Answer::Accepted) => vec![passed(CANARY_SENT), pulse],
        Ok(Answer::Refused) => vec![passed(CANARY_SENT), passed(CANARY_REFUSED), pulse],
        Err(why) => {
            let mend = Some(Text::new("postqueue -p"));
            let why = Text::new(&format!("the canary could not be sent: {why}"));
            vec![says(Fact::Blind {
                of,
                why: Blindness { why, mend },
            })]
        }
    }
}

enum Answer {
    /// It goes its way: the scanner's log must say that it is infected.
    Accepted,
    /// It was refused when all of it had been read.
    Refused,
}

/// Step by step, because only a refusal at the end of the data is the scanner's: a sender, a recipient or a
/// host that is not wanted is refused before anybody saw what the message carries.
fn offer(canary: &Canary, me: &Host, nonce: &Nonce) -> Result<Answer, String> {
    let message = message(canary, me, nonce)?;
    let server = (canary.server.host.as_str(), canary.server.port);
    let hello = ClientId::Domain(me.to_string());
    let told = |error: smtp::Error| plain(&error);
    let mut smtp =
        SmtpConnection::connect(server, Some(PATIENCE), &hello, None, None).map_err(told)?;
    let envelope = message.envelope();
    let from = envelope.from().cloned();
    smtp.command(Mail::new(from, Vec::new())).map_err(told)?;
    for to in envelope.to() {
        smtp.command(Rcpt::new(to.clone(), Vec::new()))
            .map_err(told)?;
    }
    smtp.command(Data).map_err(told)?;
    let answer = match smtp.message(&message.formatted()) {
        Ok(_) => Ok(Answer::Accepted),
        Err(error) if error.is_permanent() => Ok(Answer::Refused),
        Err(error) => Err(plain(&error)),
    };
    drop(smtp.quit()); // because the answer is there, whatever it says to a farewell
    answer
}

fn plain(error: &smtp::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn message(canary: &Canary, me: &Host, nonce: &Nonce) -> Result<Message, String> {
    let address = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let text = SinglePart::plain(
        "This message carries the harmless EICAR test file. Cordon sent it to see whether the mail scanner \
         stops it. If you read this, it did not.\n"
            .to_owned(),
    );
    let file = Attachment::new("eicar.com".to_owned());
    let file = file.body(TEST_FILE.to_vec(), ContentType::TEXT_PLAIN);
    Message::builder()
        .from(address(&canary.from)?)
        .to(address(&canary.to)?)
        .subject("Cordon canary: a harmless test of the mail scanner")
        .message_id(Some(format!("<{CANARY_MARK}{nonce}@{me}>")))
        .multipart(MultiPart::mixed().singlepart(text).singlepart(file))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_file_is_the_one_that_scanners_know() {
        let text = String::from_utf8(TEST_FILE.to_vec()).unwrap();
        assert!(
            text.starts_with("X5O!P%@AP[4") && text.ends_with("FILE!$H+H*"),
            "{text}"
        );
        // As published by EICAR: its well-known length, and the sum of its bytes.
        assert_eq!(TEST_FILE.len(), 68);
        assert_eq!(
            TEST_FILE.iter().map(|byte| u32::from(*byte)).sum::<u32>(),
            4622
        );
    }
}
