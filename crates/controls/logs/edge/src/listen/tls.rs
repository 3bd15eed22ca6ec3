//! The TLS of a listener: its certificate, and who may sign those of its clients.

use std::{fs, io, sync::Arc, time::SystemTime};

use cordon_logs::Listen;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoClientAuth, WebPkiClientVerifier},
};

/// Reads the files of `listen`; none where it has none.
pub(crate) fn config(listen: &Listen) -> Result<Option<Arc<ServerConfig>>, String> {
    let (Some(certificate), Some(key)) = (&listen.certificate, &listen.key) else {
        return Ok(None);
    };
    let chain = certificates(certificate)?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("key {key}: {error}"))?;
    let provider = Arc::new(ring::default_provider());
    let clients = match &listen.clients {
        None => Arc::new(NoClientAuth),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(file)? {
                roots
                    .add(root)
                    .map_err(|error| format!("clients {file}: {error}"))?;
            }
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| format!("clients {file}: {error}"))?
        }
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, private)
        .map_err(|error| format!("certificate {certificate}: {error}"))?;
    Ok(Some(Arc::new(config)))
}

/// When its files were written: a renewed certificate is one to begin anew with.
pub(crate) fn written(listen: &Listen) -> Vec<Option<SystemTime>> {
    let files = [&listen.certificate, &listen.key, &listen.clients];
    let written = |file: &String| -> io::Result<SystemTime> { fs::metadata(file)?.modified() };
    // ok: because a file that is not there is told when it is read
    files
        .iter()
        .map(|file| file.as_ref().and_then(|file| written(file).ok()))
        .collect()
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let refuse = |error: &dyn std::fmt::Display| format!("{file}: {error}");
    let all = CertificateDer::pem_file_iter(file).map_err(|error| refuse(&error))?;
    let all: Result<Vec<_>, _> = all.collect();
    let all = all.map_err(|error| refuse(&error))?;
    if all.is_empty() {
        return Err(refuse(&"expected a certificate, got none"));
    }
    Ok(all)
}
