//! Guarded doors: a Kafka broker and a ClickHouse behind TLS and passwords that a test can change while events flow.
//!
//! In: an address of this machine, users and passwords. Out: a broker of the test's own with TLS and SCRAM ([`kafka`]), a door with
//! TLS and users before a ClickHouse ([`clickhouse`]), certificates of an authority that nobody else knows ([`Authority`]), and
//! folders that change as the kubelet changes a mounted Secret ([`mount`]).
//! All of it ends with the values. Not here: what is tried with them.

pub mod clickhouse;
pub mod kafka;
pub mod mount;
mod scram;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// Makes an authority.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?);
        issuer.context("making an authority").map(Self)
    }

    /// Its own certificate, which clients must know.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// Signs a server's certificate for a name or an address.
    pub fn identity(&self, name: &str) -> Result<Identity> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0).context("signing a certificate")?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
