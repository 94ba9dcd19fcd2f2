//! Clients' certificates: Go's five policies, and the names that are allowed.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::words::ClientAuth;

/// Judges a client's certificate.
#[derive(Debug)]
pub(super) struct Peers {
    auth: ClientAuth,
    /// `None`: there is no CA that rustls can use.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    /// What the CA's file holds: a certificate that is there itself is trusted, as in Go.
    listed: Vec<CertificateDer<'static>>,
    /// One of these names must be in the certificate.
    sans: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Peers {
    pub(super) fn new(
        auth: ClientAuth,
        listed: Vec<CertificateDer<'static>>,
        sans: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(listed.iter().cloned());
        let chains =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok();
        Self { auth, chains, listed, sans, algorithms: provider.signature_verification_algorithms }
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.listed.iter().any(|listed| listed.as_ref() == certificate.as_ref()) {
            return is_valid_at(&parse(certificate)?, now);
        }
        let chains = self.chains.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        chains.verify_client_cert(certificate, intermediates, now).map(|_| ())
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn is_valid_at(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = &certificate.tbs_certificate.validity;
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// Whether a certificate has one of the names, written as Go writes them.
fn has_name(certificate: &CertificateDer<'_>, allowed: &[String]) -> Result<bool, Error> {
    let parsed = parse(certificate)?;
    let names = parsed.tbs_certificate.get::<SubjectAltName>();
    let Some((_, names)) = names.map_err(|_| CertificateError::BadEncoding)? else { return Ok(false) };
    let is_allowed = |name: &str| allowed.iter().any(|allowed| allowed == name);
    Ok(names.0.iter().any(|name| match name {
        GeneralName::DnsName(name) | GeneralName::Rfc822Name(name) => is_allowed(name.as_str()),
        GeneralName::UniformResourceIdentifier(name) => is_allowed(name.as_str()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).is_some_and(|name| is_allowed(&name)),
        _ => false,
    }))
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string())
}

impl ClientCertVerifier for Peers {
    fn offer_client_auth(&self) -> bool {
        self.auth.ask
    }

    fn client_auth_mandatory(&self) -> bool {
        // Who sends none has none of the names.
        self.auth.require || self.sans.is_some()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.chains {
            Some(chains) if self.auth.verify => chains.root_hint_subjects(),
            _ => &[],
        }
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.auth.verify {
            self.verify(certificate, intermediates, now)?;
        }
        if let Some(sans) = &self.sans
            && !has_name(certificate, sans)?
        {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
