//! Who may ask, and what. Everything that is refused is refused here, before a route runs.
//!
//! A console on loopback is reached by every page in the administrator's browser and by every user of
//! the host. The link's token keeps out the users, the `Host` header keeps out names that were made to
//! point here (DNS rebinding), the cookie is `SameSite=Strict`, and only GET exists.

use std::{
    fs::File,
    hint::black_box,
    io::Read,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::{ConsoleError, answer, answer::Refusal, assets::ASSETS, crowd::Mark};

/// Longest path and query, in bytes.
const MAX_URI_BYTES: usize = 2048;

/// Largest body that a request may announce, in bytes. None is ever read.
const MAX_BODY_BYTES: u64 = 1024;

/// Bytes of chance in a token and in a session: 128 bits.
const SECRET_BYTES: usize = 16;

/// What a request has to match.
pub(crate) struct Gate {
    token: String,
    used: AtomicBool,
    session: String,
    cookie: String,
    hosts: Vec<String>,
}

impl Gate {
    /// A gate for `address`, with a fresh token and a fresh session.
    pub(crate) fn new(address: SocketAddr) -> Result<Self, ConsoleError> {
        let port = address.port();
        let mut hosts = vec![address.to_string()];
        for name in ["localhost", "127.0.0.1", "[::1]"] {
            hosts.push(format!("{name}:{port}"));
            if port == 80 {
                hosts.push(name.to_owned()); // browsers leave the usual port out
            }
        }
        Ok(Self {
            token: secret()?,
            used: AtomicBool::new(false),
            session: secret()?,
            // Browsers share cookies between ports of a host: two consoles must not log each other out.
            cookie: format!("cordon-{port}"),
            hosts,
        })
    }

    /// The link that works once.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        format!("http://{address}/?token={}", self.token)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|line| line.to_str().ok()) // because a cookie that is no text is not ours
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie && same(value, &self.session))
    }

    /// Whether the request was meant for us: exactly one `Host`, and one of our names.
    fn is_meant(&self, request: &Request) -> bool {
        let mut lines = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (lines.next(), lines.next()) else {
            return false;
        };
        let ours = |name: &str| {
            self.hosts
                .iter()
                .any(|host| host.eq_ignore_ascii_case(name))
        };
        let authority = request.uri().authority();
        host.to_str().is_ok_and(ours) && authority.is_none_or(|authority| ours(authority.as_str()))
    }

    /// Takes the token; true once.
    fn redeem(&self, token: &str) -> bool {
        same(token, &self.token) && !self.used.swap(true, Ordering::AcqRel)
    }

    fn judge(&self, request: &Request) -> Verdict {
        let (headers, uri) = (request.headers(), request.uri());
        if uri.path().len() + uri.query().map_or(0, str::len) > MAX_URI_BYTES {
            return Verdict::Refuse(Refusal::LongUri);
        }
        if !self.is_meant(request) {
            return Verdict::Refuse(Refusal::Host);
        }
        if !is_short(headers) {
            return Verdict::Refuse(Refusal::Body);
        }
        if request.method() != Method::GET {
            return Verdict::Refuse(Refusal::Method);
        }
        if ASSETS.find(uri.path()).is_some() {
            return Verdict::Stranger; // the same in every copy of Cordon: nothing of this host is in it
        }
        let known = self.knows(headers);
        let token = (uri.path() == "/").then(|| uri.query().and_then(token_of));
        match token.flatten() {
            Some(_) if known => Verdict::Enter, // the link again, from the history of the same browser
            Some(token) if self.redeem(token) => Verdict::Enter,
            Some(_) => Verdict::Refuse(Refusal::Token),
            None if !known => Verdict::Refuse(Refusal::Stranger),
            None if !is_own(headers) => Verdict::Refuse(Refusal::Stranger),
            None => Verdict::Known,
        }
    }
}

/// What the gate says.
enum Verdict {
    Refuse(Refusal),
    /// Sets the cookie.
    Enter,
    Known,
    /// May have what everybody may have.
    Stranger,
}

/// The gate, before every route.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let verdict = gate.judge(&request);
    if let (Verdict::Known | Verdict::Enter, Some(mark)) =
        (&verdict, request.extensions().get::<Mark>())
    {
        mark.set_known();
    }
    let answer = match verdict {
        Verdict::Refuse(refusal) => answer::refuse(refusal),
        Verdict::Enter => answer::enter(&gate.cookie, &gate.session),
        Verdict::Known | Verdict::Stranger => next.run(request).await,
    };
    answer::harden(answer)
}

fn token_of(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
}

/// A body that is announced without its length is none that we take.
fn is_short(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return false;
    }
    headers.get_all(header::CONTENT_LENGTH).iter().all(|line| {
        let bytes = line.to_str().ok().and_then(|text| text.parse::<u64>().ok()); // because no number is no length
        bytes.is_some_and(|bytes| bytes <= MAX_BODY_BYTES)
    })
}

/// Another port of this host is the same site to a cookie, so the browser's own word is asked too.
/// Absent where the asker is no browser.
fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none"))
}

/// Compares without telling by its duration where the first difference is.
fn same(given: &str, secret: &str) -> bool {
    let (given, secret) = (given.as_bytes(), secret.as_bytes());
    let differing = given
        .iter()
        .zip(secret)
        .fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    given.len() == secret.len() && differing == 0
}

fn secret() -> Result<String, ConsoleError> {
    let random = |error: std::io::Error| ConsoleError::Random(error.to_string());
    let mut bytes = [0; SECRET_BYTES];
    let mut source = File::open("/dev/urandom").map_err(random)?;
    source.read_exact(&mut bytes).map_err(random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The status of the refusals that say more than "no".
pub(crate) const fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::LongUri => StatusCode::URI_TOO_LONG,
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::Body => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::Token | Refusal::Stranger => StatusCode::FORBIDDEN,
        Refusal::Nowhere => StatusCode::NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_compare_as_a_whole() {
        let (a, b) = (secret().unwrap(), secret().unwrap());
        assert_eq!(a.len(), 2 * SECRET_BYTES);
        assert_ne!(a, b);
        assert!(same(&a, &a));
        for wrong in ["", "0", &"0".repeat(32), &b, &format!("{a}0")] {
            assert!(!same(wrong, &a), "{wrong}");
        }
    }
}
