//! The HTTP server: metrics, health, and pages for people.
//!
//! It owns no numbers. For each scrape it asks for a snapshot, which is taken after everything that was
//! written to the logs before has been read.

mod markdown;
mod page;
mod runbooks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::export::{encode, process};
use crate::ledger::Snapshot;

/// Asks the owner of the numbers for a snapshot.
pub type Ask = Box<dyn Fn() -> oneshot::Receiver<Snapshot> + Send + Sync>;

/// How long a scrape waits for its snapshot: below Prometheus' default timeout of 10 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the handlers share.
pub struct App {
    ask: Ask,
    telemetry_path: String,
    procfs: PathBuf,
    ready: AtomicBool,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is no address.
    #[error(
        "--web.listen-address {0:?} is no address: write HOST:PORT, :PORT for all interfaces, or 127.0.0.1:0 for any free port"
    )]
    Address(String),
    /// It cannot be bound.
    #[error(
        "cannot listen on {address}: {source}; is another badgateway running? Choose an address with --web.listen-address"
    )]
    Bind {
        /// What was tried.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("serving failed: {0}")]
    Serve(#[source] std::io::Error),
}

impl App {
    /// `ask` gives snapshots; `telemetry_path` is where they are served, a path with a slash that no other page has;
    /// `procfs` is where our own process is looked up.
    pub fn new(ask: Ask, telemetry_path: &str, procfs: PathBuf) -> Arc<App> {
        let telemetry_path = telemetry_path.to_owned();
        Arc::new(App { ask, telemetry_path, procfs, ready: AtomicBool::new(false) })
    }

    /// The logs have been read once: `/-/ready` says yes from now on.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// The path of the metrics.
    pub fn telemetry_path(&self) -> &str {
        &self.telemetry_path
    }

    async fn snapshot(&self) -> Option<Snapshot> {
        tokio::time::timeout(PATIENCE, (self.ask)()).await.ok()?.ok()
    }
}

/// Binds `HOST:PORT`; `:PORT` is all interfaces, IPv6 where there is such a thing.
///
/// # Errors
/// When the text is no address or it cannot be bound.
pub async fn bind(address: &str) -> Result<TcpListener, ServerError> {
    let candidates: Vec<String> = match address.strip_prefix(':') {
        Some(port) => vec![format!("[::]:{port}"), format!("0.0.0.0:{port}")],
        None => vec![address.replacen("localhost:", "127.0.0.1:", 1)],
    };
    let mut last = None;
    for candidate in candidates {
        let parsed: SocketAddr = candidate.parse().map_err(|_| ServerError::Address(address.to_owned()))?;
        match TcpListener::bind(parsed).await {
            Ok(listener) => return Ok(listener),
            Err(source) => last = last.or(Some(source)),
        }
    }
    let source = last.unwrap_or_else(|| std::io::ErrorKind::InvalidInput.into());
    Err(ServerError::Bind { address: address.to_owned(), source })
}

/// Serves until `stop` is done.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let router = Router::new()
        .route(&app.telemetry_path, get(metrics))
        .route("/-/healthy", get(|| async { "Badgateway is healthy.\n" }))
        .route("/-/ready", get(ready))
        .route("/", get(root))
        .route("/runbooks", get(runbooks::list))
        .route("/runbooks/", get(runbooks::list))
        .route("/runbooks/{name}", get(runbooks::one))
        .with_state(app);
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(ServerError::Serve)
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.ready.load(Ordering::Relaxed) {
        true => "Badgateway is ready.\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "Badgateway is still reading the logs.\n").into_response(),
    }
}

const BUSY: &str = "Badgateway did not read its logs in time. A disk may be stuck; see its own log.\n";

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(snapshot) = app.snapshot().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, BUSY).into_response();
    };
    let gzip = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(encode::wants_gzip);
    match encode::text(snapshot, process::families(&app.procfs), gzip) {
        Ok(body) => {
            let kind = (header::CONTENT_TYPE, prometheus::TEXT_FORMAT);
            match gzip {
                true => ([kind, (header::CONTENT_ENCODING, "gzip")], body).into_response(),
                false => ([kind], body).into_response(),
            }
        }
        Err(error) => {
            tracing::error!(%error, "cannot encode the metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot encode the metrics: {error}\n"))
                .into_response()
        }
    }
}

async fn root(State(app): State<Arc<App>>) -> Response {
    match app.snapshot().await {
        Some(snapshot) => Html(page::render(&snapshot, &app.telemetry_path)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, BUSY).into_response(),
    }
}
