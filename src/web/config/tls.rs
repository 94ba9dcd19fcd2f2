//! `tls_server_config` as rustls wants it.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use serde_saphyr::{Location, Spanned};

use super::file::{At, File, Sources, Tls, read};
use super::peer::Peers;
use super::words::{ClientAuth, Version};
use super::{ConfigError, HTTP_2};

/// Where a relative path leads to.
type Resolve<'a> = &'a dyn Fn(&str) -> PathBuf;

/// A text of the file that is not empty.
fn given(text: Option<&Spanned<String>>) -> Option<&Spanned<String>> {
    text.filter(|text| !text.value.is_empty())
}

/// The contents that a path or the file itself gives; the path has precedence.
fn material(
    file: Option<&Spanned<String>>,
    inline: Option<&Spanned<String>>,
    resolve: Resolve<'_>,
    sources: &mut Sources,
) -> Result<Option<(Vec<u8>, Location)>, ConfigError> {
    if let Some(name) = given(file) {
        return Ok(Some((read(&resolve(&name.value), sources)?, name.referenced)));
    }
    Ok(given(inline).map(|text| (text.value.clone().into_bytes(), text.referenced)))
}

/// The configuration of TLS; `None`: there is none.
pub(super) fn build(
    file: &File,
    at: At<'_>,
    resolve: Resolve<'_>,
    sources: &mut Sources,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
    let Some(section) = &file.tls_server_config else { return Ok(None) };
    let (tls, here) = (&section.value, Some(section.referenced));
    let texts = [&tls.cert_file, &tls.cert, &tls.key_file, &tls.key, &tls.client_ca_file, &tls.client_ca];
    let is_enabled =
        texts.into_iter().chain([&tls.client_auth_type]).any(|text| given(text.as_ref()).is_some());
    if !is_enabled {
        warnings.push("tls_server_config names no certificate: this is plain HTTP".to_owned());
        return Ok(None);
    }
    if given(tls.cert_file.as_ref()).is_none() && given(tls.cert.as_ref()).is_none() {
        return Err(at.fail(here, "missing one of cert or cert_file"));
    }
    if given(tls.key_file.as_ref()).is_none() && given(tls.key.as_ref()).is_none() {
        return Err(at.fail(here, "missing one of key or key_file"));
    }
    let Some((cert, cert_place)) = material(tls.cert_file.as_ref(), tls.cert.as_ref(), resolve, sources)?
    else {
        return Err(at.fail(here, "missing one of cert or cert_file"));
    };
    let Some((key, key_place)) = material(tls.key_file.as_ref(), tls.key.as_ref(), resolve, sources)? else {
        return Err(at.fail(here, "missing one of key or key_file"));
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&cert).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| at.fail(Some(cert_place), "holds no certificate in PEM"))?;
    // What is wrong in a key is not told: the message could quote it.
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
        at.fail(Some(key_place), "holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)")
    })?;
    let provider = Arc::new(provider(file, tls, at, warnings)?);
    let versions = versions(tls, at, warnings)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| at.fail(here, format!("nothing of it can be used together: {error}")))?;
    let builder = match peers(tls, at, resolve, sources, &provider, warnings)? {
        Some(peers) => builder.with_client_cert_verifier(Arc::new(peers)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| at.fail(Some(key_place), format!("certificate and key cannot be used: {error}")))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    // As the toolkit does: HTTP/2 over TLS alone, and unless it is refused.
    let second = file.http2().then_some(HTTP_2);
    config.alpn_protocols = second.into_iter().chain([&b"http/1.1"[..]]).map(<[u8]>::to_vec).collect();
    // A session that goes on later would not see that its client's CA is no longer trusted. Scrapes keep their connection.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Some(Arc::new(config)))
}

/// Cipher suites and curves.
fn provider(
    file: &File,
    tls: &Tls,
    at: At<'_>,
    warnings: &mut Vec<String>,
) -> Result<CryptoProvider, ConfigError> {
    let mut provider = ring::default_provider();
    if let Some(list) = tls.cipher_suites.as_ref().filter(|list| !list.value.is_empty()) {
        let (ciphers, place) = (&list.value, Some(list.referenced));
        if file.http2()
            && tls.min_version != Some(Version::Tls13)
            && !ciphers.iter().any(super::words::Cipher::is_required_by_http2)
        {
            let message = "cipher_suites is missing an HTTP/2-required one (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or \
                 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256): add one, or set http2 to false";
            return Err(at.fail(place, message));
        }
        let left_out: Vec<&str> =
            ciphers.iter().filter(|cipher| cipher.is_cbc()).map(|cipher| cipher.name.as_str()).collect();
        if !left_out.is_empty() {
            warnings.push(format!("not offered, since CBC is unsafe: {}", left_out.join(", ")));
        }
        let of_13 = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_some()).copied();
        provider.cipher_suites = of_13.chain(ciphers.iter().filter_map(|cipher| cipher.suite)).collect();
    }
    if let Some(list) = tls.curve_preferences.as_ref().filter(|list| !list.value.is_empty()) {
        provider.kx_groups = list.value.iter().filter_map(|curve| curve.0).collect();
        if provider.kx_groups.len() < list.value.len() {
            warnings.push("CurveP521 is not offered: rustls has not got it".to_owned());
        }
        if provider.kx_groups.is_empty() {
            return Err(
                at.fail(Some(list.referenced), "CurveP521 alone cannot be offered: add X25519 or CurveP256")
            );
        }
    }
    Ok(provider)
}

fn versions(
    tls: &Tls,
    at: At<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, ConfigError> {
    let least = tls.min_version.unwrap_or(Version::Tls12);
    let most = tls.max_version.as_ref().map_or(Version::Tls13, |version| version.value);
    let place = tls.max_version.as_ref().map(|version| version.referenced);
    if least < Version::Tls12 {
        warnings.push("TLS 1.0 and 1.1 are not offered: 1.2 is the least".to_owned());
    }
    let offered = [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)];
    let versions: Vec<_> =
        offered.into_iter().filter(|(version, _)| (least..=most).contains(version)).map(|(_, v)| v).collect();
    if versions.is_empty() {
        return Err(at.fail(place, "no TLS version is left: 1.2 and 1.3 can be offered"));
    }
    Ok(versions)
}

/// How clients' certificates are judged; `None`: none is asked for.
fn peers(
    tls: &Tls,
    at: At<'_>,
    resolve: Resolve<'_>,
    sources: &mut Sources,
    provider: &Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<Option<Peers>, ConfigError> {
    let (name, place) = match &tls.client_auth_type {
        Some(name) => (name.value.as_str(), Some(name.referenced)),
        None => ("", None),
    };
    let ca = material(tls.client_ca_file.as_ref(), tls.client_ca.as_ref(), resolve, sources)?;
    let auth = ClientAuth::parse(name)
        .ok_or_else(|| at.fail(place, format!("invalid client_auth_type: {name:?}")))?;
    if let Some((_, place)) = &ca
        && !auth.ask
    {
        return Err(at.fail(Some(*place), "a client CA has been configured without a client_auth_type"));
    }
    let sans = tls.client_allowed_sans.clone();
    if !auth.ask {
        if sans.is_some() {
            warnings.push("client_allowed_sans has no effect without client_auth_type".to_owned());
        }
        return Ok(None);
    }
    let ca: Vec<CertificateDer<'static>> = match &ca {
        Some((pem, _)) => CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect(),
        None => Vec::new(),
    };
    if !auth.verify {
        warnings.push(format!(
            "{name} lets in whoever has any certificate: RequireAndVerifyClientCert is the one that checks"
        ));
    } else if ca.is_empty() {
        warnings
            .push(format!("{name} without a CA in client_ca_file: no certificate of a client is accepted"));
    }
    Ok(Some(Peers::new(auth, ca, sans, provider)))
}
