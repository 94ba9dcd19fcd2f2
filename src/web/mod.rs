//! The HTTP server: metrics, health, and pages for people.
//!
//! It owns no numbers. For a scrape it asks for a snapshot, which is taken after everything that was written to the logs
//! before has been read.

mod auth;
mod clients;
mod config;
mod guard;
mod headers;
mod listen;
mod markdown;
mod page;
mod runbooks;
mod sent;
mod server;
mod shared;
mod stream;
mod streams;
mod times;
mod watched;

use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use memchr::memmem;
use siphasher::sip::SipHasher13;
use tokio::sync::oneshot;

use crate::diagnosis;
use crate::export::encode;
use crate::label::label;
use crate::view::View;
use clients::Clients;
use config::{ConfigError, Current};
use guard::Guard;
pub use listen::{Listener, ServerError, bind, handed_over};
use shared::{Answers, NoAnswer};

/// Has the configuration read again; the answer comes when what it says holds, or says why it cannot be used.
pub type Reload = Box<dyn Fn() -> oneshot::Receiver<Result<(), String>> + Send + Sync>;

/// Asks the engine for a snapshot.
pub type Ask = shared::Ask<Arc<View>>;

/// What is made of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    /// Prometheus' text format.
    Text,
    /// The same, compressed by gzip.
    Gzip,
    /// The page for people.
    Page,
    /// What is wrong now, as JSON.
    Diagnosis,
}

/// What the handlers share.
pub struct App {
    answers: Answers<Arc<View>, Made>,
    clients: Arc<Clients>,
    telemetry_path: String,
    ready: AtomicBool,
    reload: Option<Reload>,
}

impl App {
    /// `ask` gives snapshots; `telemetry_path` is where they are served, a path with a slash that no other page has;
    /// `procfs` is where our own process is looked up; at most so many `connections` are open at a time; `reload`, if whoever
    /// reaches the server may ask for that.
    pub fn new(
        ask: Ask,
        telemetry_path: &str,
        procfs: PathBuf,
        connections: usize,
        reload: Option<Reload>,
    ) -> Arc<App> {
        let clients = Clients::new(connections);
        let host = std::fs::read_to_string(procfs.join("sys/kernel/hostname")).unwrap_or_default();
        let host = label(host.trim().as_bytes()).into_owned();
        let site = page::Site { host, telemetry_path: telemetry_path.to_owned() };
        let render = move |view: &Arc<View>, made: Made| match made {
            Made::Diagnosis => {
                serde_json::to_vec(&diagnosis::of(view)).map(Bytes::from).map_err(|error| error.to_string())
            }
            Made::Page => Ok(page::render(view, &site).into()),
            Made::Text => encode::text(view, &procfs).map(Bytes::from).map_err(|error| error.to_string()),
            Made::Gzip => {
                let body = encode::text(view, &procfs).map_err(|error| error.to_string())?;
                encode::gzip(&body).map(Bytes::from).map_err(|error| error.to_string())
            }
        };
        let stuck = clients.clone();
        Arc::new(App {
            answers: Answers::new(ask, Box::new(render), Box::new(move || stuck.drop_stuck(Instant::now()))),
            clients,
            telemetry_path: telemetry_path.to_owned(),
            ready: AtomicBool::new(false),
            reload,
        })
    }

    /// The logs have been read once: `/-/ready` says yes from now on.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// The path of the metrics.
    pub fn telemetry_path(&self) -> &str {
        &self.telemetry_path
    }
}

/// What in a web configuration is accepted and may not be as it was meant.
///
/// # Errors
/// When it cannot be used.
pub fn check_config(file: &Path) -> Result<Vec<String>, ConfigError> {
    config::check(file)
}

/// The web configuration, and what it needs.
pub struct Access(Guard);

impl Access {
    /// Reads the web configuration; without a file everybody is answered, over plain HTTP.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(file: Option<&Path>) -> Result<Self, ServerError> {
        let current = file.map_or_else(|| Ok(Current::open()), Current::watch)?;
        Guard::new(current).map(Self).map_err(ServerError::Start)
    }

    /// `http`, or `https` where the configuration has a certificate.
    pub fn scheme(&self) -> &'static str {
        if self.0.config().tls.is_some() { "https" } else { "http" }
    }
}

/// Serves until `stop` is done and a few seconds longer at most.
pub async fn serve(listeners: Vec<Listener>, access: Access, app: Arc<App>, stop: impl Future<Output = ()>) {
    let clients = app.clients.clone();
    let router = Router::new()
        .route(&app.telemetry_path, get(metrics))
        .route("/-/healthy", get(|| async { "Badgateway is healthy.\n" }))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/", get(root))
        .route("/page.css", get(|| async { text("text/css; charset=utf-8", &page::STYLE) }))
        .route("/page.js", get(|| async { text("text/javascript; charset=utf-8", page::SCRIPT) }))
        .route("/diagnosis", get(diagnose))
        .route("/runbooks", get(runbooks::list))
        .route("/runbooks/", get(runbooks::list))
        .route("/runbooks/{name}", get(runbooks::one))
        .with_state(app);
    let served = server::Served { router, guard: Arc::new(access.0), clients };
    server::serve(listeners, served, stop).await;
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.ready.load(Ordering::Relaxed) {
        "Badgateway is ready.\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Badgateway is still reading the logs.\n").into_response()
    }
}

async fn reload(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let Some(reload) = &app.reload else {
        let text =
            "Reloading over HTTP is off: start Badgateway with --web.enable-lifecycle, or send it SIGHUP.\n";
        return (StatusCode::FORBIDDEN, text.to_owned());
    };
    match reload().await {
        Ok(Ok(())) => (StatusCode::OK, String::new()),
        Ok(Err(error)) => {
            let text = format!("the configuration cannot be used, and what was read last holds:\n{error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "Badgateway is stopping.\n".to_owned()),
    }
}

const LATE: &str = "Badgateway did not read its logs in time. A disk may be stuck; see its own log.\n";

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut accepted =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let made = if accepted.any(encode::wants_gzip) { Made::Gzip } else { Made::Text };
    let mut response = app.respond(made, prometheus::TEXT_FORMAT).await;
    if made == Made::Gzip && response.status().is_success() {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn text(content_type: &'static str, body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.answers.get(Made::Page).await {
        Ok(body) => unless_known(body, &headers),
        Err(no) => no.into_response(),
    }
}

/// The page, or 304 for who has it but for the time on it.
fn unless_known(body: Bytes, headers: &HeaderMap) -> Response {
    let (start, end) = (memmem::find(&body, b"<main"), memmem::rfind(&body, b"</main>"));
    let mut hasher = SipHasher13::new();
    hasher.write(&body[start.unwrap_or(0)..end.unwrap_or(body.len())]);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let mut known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.any(|list| list.split(',').any(|known| known.trim() == tag));
    let tag = [(header::ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    (tag, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

async fn diagnose(State(app): State<Arc<App>>) -> Response {
    app.respond(Made::Diagnosis, "application/json").await
}

impl App {
    async fn respond(&self, made: Made, content_type: &'static str) -> Response {
        match self.answers.get(made).await {
            Ok(body) => ([(header::CONTENT_TYPE, content_type)], body).into_response(),
            Err(no) => no.into_response(),
        }
    }
}

impl IntoResponse for NoAnswer {
    fn into_response(self) -> Response {
        match self {
            Self::Late => (StatusCode::SERVICE_UNAVAILABLE, LATE).into_response(),
            Self::Failed(error) => {
                tracing::error!(%error, "an answer could not be made");
                let text = format!("this answer could not be made: {error}\n");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }
}
