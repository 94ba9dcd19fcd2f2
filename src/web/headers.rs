//! What every answer tells a browser: to run, load and frame nothing but what comes with the page, and to keep nothing.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Style sheet and script are files of ours; the icon is in the page. There is no inline style and no inline script.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALL: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds them.
pub(super) fn secure(response: &mut Response) {
    for (name, value) in ALL {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
