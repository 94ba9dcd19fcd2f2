//! The file as it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, Spanned};

use super::words::{Cipher, Curve, GoDuration, Version};
use super::{ConfigError, Hash, Rate};
use crate::config::read;

/// What was read, to be compared with what is there later: digests, since keys are among it. `None`: it could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(pub(super) BTreeMap<PathBuf, Option<Vec<u8>>>);

/// The whole file opened is the one at `path`.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) path: &'a Path,
}

impl At<'_> {
    pub(super) fn fail(self, place: Option<Location>, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.path, place.and_then(known), message)
    }
}

fn known(location: Location) -> Option<(u64, u64)> {
    (location.line() > 0).then(|| (location.line(), location.column()))
}

/// The contents of a regular file, of which its digest is noted.
pub(super) fn read(path: &Path, sources: &mut Sources) -> Result<Vec<u8>, ConfigError> {
    let contents = read::contents(path);
    let digest = |bytes: &Vec<u8>| ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec();
    sources.0.insert(path.to_owned(), contents.as_ref().ok().map(digest));
    contents.map_err(|error| ConfigError::new(path, None, format!("cannot be read: {error}")))
}

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) tls_server_config: Option<Spanned<Tls>>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Spanned<Option<String>>>>,
    rate_limit: Option<Limit>,
}

/// `tls_server_config`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    pub(super) cert: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) client_ca: Option<Spanned<String>>,
    pub(super) cert_file: Option<Spanned<String>>,
    pub(super) key_file: Option<Spanned<String>>,
    pub(super) client_ca_file: Option<Spanned<String>>,
    pub(super) client_auth_type: Option<Spanned<String>>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) cipher_suites: Option<Spanned<Vec<Cipher>>>,
    pub(super) curve_preferences: Option<Spanned<Vec<Curve>>>,
    pub(super) min_version: Option<Version>,
    pub(super) max_version: Option<Spanned<Version>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, Spanned<Option<String>>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limit {
    interval: Option<GoDuration>,
    burst: Option<u32>,
}

/// Reads what a file says.
pub(super) fn parse(path: &Path, text: &[u8]) -> Result<File, ConfigError> {
    let text = read::text(text).map_err(|problem| {
        let place = problem.place.map(|place| (place.line as u64, place.column as u64));
        ConfigError::new(path, place, problem.message)
    })?;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
    };
    let parsed = serde_saphyr::from_str_with_options::<Option<File>>(text, options);
    parsed.map(Option::unwrap_or_default).map_err(|error| {
        let place = error.location().and_then(known);
        ConfigError::new(path, place, without_place(&error.without_snippet().to_string()))
    })
}

/// The parser's message without its own "at line …", which stands before it already.
fn without_place(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

impl File {
    /// HTTP/2 is asked for: it is unless it is refused.
    pub(super) fn http2(&self) -> bool {
        self.http_server_config.as_ref().and_then(|http| http.http2).unwrap_or(true)
    }

    pub(super) fn rate(&self) -> Option<Rate> {
        let limit = self.rate_limit.as_ref()?;
        let interval = limit.interval.unwrap_or_default().0;
        (!interval.is_zero()).then(|| Rate { interval, burst: limit.burst.unwrap_or(0) })
    }

    pub(super) fn users(&self, at: At<'_>) -> Result<BTreeMap<String, Hash>, ConfigError> {
        let users = self.basic_auth_users.iter().flatten();
        users
            .map(|(name, hash)| {
                let text = hash.value.as_deref().unwrap_or_default();
                let parts: Option<bcrypt::HashParts> = text.parse().ok();
                let cost = parts.map(|parts| parts.get_cost()).filter(|cost| (4..=31).contains(cost));
                let cost = cost.ok_or_else(|| {
                    at.fail(
                        Some(hash.referenced),
                        format!("the password of {name:?} is no bcrypt hash ($2b$10$…, 60 characters)"),
                    )
                })?;
                Ok((name.clone(), Hash { text: text.to_owned(), cost }))
            })
            .collect()
    }

    pub(super) fn headers(&self, at: At<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
        let headers = self.http_server_config.iter().filter_map(|http| http.headers.as_ref()).flatten();
        headers
            .map(|(name, value)| {
                let text = value.value.as_deref().unwrap_or_default();
                let place = Some(value.referenced);
                let (known, values) = HEADERS
                    .iter()
                    .find(|(known, _)| known == name)
                    .ok_or_else(|| at.fail(place, format!("HTTP header {name:?} can not be configured")))?;
                if !values.is_empty() && !values.contains(&text) {
                    let message = format!("invalid value for {name}: write one of {}", values.join(", "));
                    return Err(at.fail(place, message));
                }
                let invalid = |_| at.fail(place, format!("invalid value for {name}"));
                let value = HeaderValue::from_str(text).map_err(invalid)?;
                let name = HeaderName::from_bytes(known.as_bytes());
                Ok((name.map_err(|_| at.fail(place, "invalid header"))?, value))
            })
            .collect()
    }
}

/// Headers that may be set, and to what; no value: to anything.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];
