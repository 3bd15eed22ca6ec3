//! Signed webhooks: `POST` of JSON, with `Cordon-Signature: t=SECONDS,v1=HEX`, which is HMAC-SHA256 with the
//! shared secret over `SECONDS.BODY`. A receiver checks it, and that the time is not long ago.

use std::fs;

use cordon_model::Time;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Message, TellError, Webhook, web};

/// Posts `message`.
pub fn send(webhook: &Webhook, me: &str, message: &Message, now: Time) -> Result<(), TellError> {
    let body = serde_json::json!({
        "kind": "findings",
        "id": message.id,
        "hub": me,
        "subject": message.subject,
        "findings": message.letters,
    });
    post(webhook, &body.to_string(), now)
}

/// Posts `{"kind":"test"}`, which a receiver answers and nobody sees.
pub fn test(webhook: &Webhook, me: &str, now: Time) -> Result<(), TellError> {
    post(
        webhook,
        &serde_json::json!({ "kind": "test", "hub": me }).to_string(),
        now,
    )
}

fn post(webhook: &Webhook, body: &str, now: Time) -> Result<(), TellError> {
    let unusable = |error: &dyn std::fmt::Display| TellError::Unusable {
        what: webhook.secret_file.display().to_string(),
        why: error.to_string(),
    };
    let secret = fs::read_to_string(&webhook.secret_file).map_err(|error| unusable(&error))?;
    let secret = secret.trim_end();
    if secret.is_empty() {
        return Err(unusable(&"there is no secret in it"));
    }
    let signature =
        sign(secret, now.millis() / 1000, body).ok_or_else(|| unusable(&"it is no key"))?;
    let request = web::agent()
        .post(&webhook.url)
        .header("Content-Type", "application/json");
    let answer = request.header("Cordon-Signature", signature).send(body);
    answer
        .map(drop)
        .map_err(|error| web::told(&webhook.url, &error))
}

fn sign(secret: &str, seconds: u64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?; // ok: because the caller says so
    mac.update(format!("{seconds}.{body}").as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    Some(format!("t={seconds},v1={hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `printf '1.{}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        let expected = "t=1,v1=1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908";
        assert_eq!(sign("secret", 1, "{}").as_deref(), Some(expected));
    }
}
