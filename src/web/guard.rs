//! What every request passes before a page is made for it, as the web configuration says: a limit of requests, users.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth::{Auth, Credentials, Peer, Verdict};
use super::config::{Current, Rate, WebConfig};

/// A password that could not be checked within this time is answered as one too many: it is below Prometheus' time-out.
const PATIENCE: Duration = Duration::from_secs(8);

/// The guard of all connections.
pub(super) struct Guard {
    current: Current,
    auth: Auth,
    bucket: Mutex<Bucket>,
}

impl Guard {
    /// # Errors
    /// When the thread for passwords cannot be started.
    pub(super) fn new(current: Current) -> std::io::Result<Self> {
        Ok(Self { current, auth: Auth::start()?, bucket: Mutex::default() })
    }

    /// The configuration of now.
    pub(super) fn config(&self) -> Arc<WebConfig> {
        self.current.get()
    }

    /// `Some`: the answer to who may not come in.
    pub(super) async fn refuses(
        &self,
        config: &WebConfig,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Option<Response> {
        if let Some(rate) = config.rate
            && !self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, Instant::now())
        {
            return Some((StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n").into_response());
        }
        if config.users.is_empty() {
            return None;
        }
        let header = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some(credentials) = header.and_then(Credentials::parse) else { return Some(unauthorized()) };
        let check = self.auth.check(&config.users, credentials, peer);
        match tokio::time::timeout(PATIENCE, check).await {
            Ok(Verdict::Right) => None,
            Ok(Verdict::Wrong) => Some(unauthorized()),
            Ok(Verdict::Busy) | Err(_) => {
                let text = "Too many passwords wait to be checked.\n";
                Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], text).into_response())
            }
        }
    }
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Basic")];
    (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
}

/// Adds the headers that the configuration names.
pub(super) fn add_headers(config: &WebConfig, response: &mut Response) {
    for (name, value) in &config.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
}

/// A token bucket.
#[derive(Debug, Default)]
struct Bucket {
    /// Tokens at that time, under that rate; `None`: it is full.
    filled: Option<(f64, Instant, Rate)>,
}

impl Bucket {
    /// Takes one token; false: there is none.
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let full = f64::from(rate.burst);
        let tokens = match self.filled {
            Some((tokens, since, of)) if of == rate => {
                let more = now.saturating_duration_since(since).as_secs_f64() / rate.interval.as_secs_f64();
                full.min(tokens + more)
            }
            _ => full,
        };
        let taken = tokens >= 1.0;
        self.filled = Some((if taken { tokens - 1.0 } else { tokens }, now, rate));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_fills_with_time() {
        let rate = Rate { interval: Duration::from_secs(1), burst: 3 };
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let taken = (0..5).map(|_| bucket.take(rate, start)).collect::<Vec<_>>();
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(!bucket.take(rate, start + Duration::from_millis(900)));
        assert!(bucket.take(rate, start + Duration::from_millis(1100)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..5).filter(|_| bucket.take(rate, later)).count(), 3, "no more than the burst");
        let wider = Rate { burst: 5, ..rate };
        assert_eq!((0..9).filter(|_| bucket.take(wider, later)).count(), 5, "a new rate begins full");
        let none = Rate { burst: 0, ..rate };
        assert!(!bucket.take(none, later + Duration::from_secs(60)));
    }
}
