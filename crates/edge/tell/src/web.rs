//! What webhook and ping share: one way to ask by HTTP.

use std::{sync::Arc, time::Duration};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::TellError;

/// Longest time that one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Certificates are checked against those that this host trusts.
pub(crate) fn agent() -> Agent {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<Certificate<'static>> = found
        .certs
        .iter()
        .map(|cert| Certificate::from_der(cert.as_ref()).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls);
    config.user_agent("cordon").build().into()
}

pub(crate) fn told(to: &str, error: &ureq::Error) -> TellError {
    // What follows the host is often the secret of a webhook or of a ping.
    let host = to.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let to = host
        .rsplit_once('@')
        .map_or(host.clone(), |(_, host)| host.to_owned());
    let why = match error {
        ureq::Error::BadUri(_) => "it is no address".to_owned(),
        other => other.to_string(),
    };
    match error {
        ureq::Error::StatusCode(_) => TellError::Refused { to, why },
        ureq::Error::BadUri(_) => TellError::Unusable { what: to, why },
        _ => TellError::Unreachable { to, why },
    }
}
