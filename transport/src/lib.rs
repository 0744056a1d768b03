//! Transport: the HTTP client that speaks to ClickHouse, and whom it trusts.
//!
//! In: the certificates of the platform team's own authorities, where it has any. Out: a client that takes a server's certificate
//! from these and no others; without them, from the public ones. Another authority makes another client, as connections of the
//! old one were judged by the old authority.
//! Which authorities are the public ones is said by the features of `clickhouse` that a program chooses.
//! Not here: user and password, which go with each request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clickhouse::Client;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A server closes connections that rest for 3 s.
const IDLE: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The authorities cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "`clickhouse-ca.crt` of the connection Secret must hold certificates of authorities in PEM form, beginning with `-----BEGIN CERTIFICATE-----`{0}"
)]
pub struct AuthorityError(String);

/// The client in use, and the authorities that it trusts.
pub struct Transport {
    kept: Mutex<(Option<Arc<str>>, Client)>,
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport {
    /// Makes a transport that trusts public authorities until it is told otherwise.
    pub fn new() -> Self {
        Self { kept: Mutex::new((None, Client::default())) }
    }

    /// Returns the client that trusts these authorities, certificates in PEM form.
    ///
    /// # Errors
    ///
    /// Fails on what is no certificate, and on a text without any.
    pub fn client(&self, authorities: Option<&Arc<str>>) -> Result<Client, AuthorityError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.as_ref() != authorities {
            let client = authorities.map_or_else(|| Ok(Client::default()), |pem| trusting(pem))?;
            *kept = (authorities.cloned(), client);
        }
        Ok(kept.1.clone())
    }
}

fn trusting(pem: &str) -> Result<Client, AuthorityError> {
    let because = |error: &dyn std::fmt::Display| AuthorityError(format!(": {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| because(&error))?;
        roots.add(certificate).map_err(|error| because(&error))?;
    }
    if roots.is_empty() {
        return Err(AuthorityError(String::new()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| because(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connector = HttpConnector::new();
    connector.set_keepalive(Some(KEEPALIVE));
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    let client = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
    Ok(Client::with_http_client(client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told_with_the_name_of_the_file() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "password", "-----BEGIN CERTIFICATE-----", broken] {
            let error = Transport::new().client(Some(&pem.into())).expect_err(pem).to_string();
            assert!(error.contains("`clickhouse-ca.crt`"), "{error}");
        }
    }
}
