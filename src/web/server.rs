//! Accepts connections and serves each on a task of its own, with deadlines for what the client has to do.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::auth::Peer;
use super::clients::{Client, Clients, Place};
use super::config::HTTP_2;
use super::guard::{Guard, add_headers};
use super::headers;
use super::listen::Listener;
use super::sent::Sent;
use super::stream::Stream;
use super::streams;
use super::watched::Watched;

/// A request's head is at most so long, in bytes; else the answer is 431.
const MAX_HEAD: usize = 16 * 1024;

/// Requests of HTTP/2 that their client takes back before they are answered, after which its connection ends.
const MAX_RESETS: usize = 16;

/// A connection that sends nothing for so long is closed.
const FIRST_BYTE: Duration = Duration::from_secs(5);

/// Answers that are on their way at a stop are waited for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// After an error of accept(), such as no descriptor left.
const PAUSE: Duration = Duration::from_millis(10);

/// What every connection shares.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) router: Router,
    pub(super) guard: Arc<Guard>,
    pub(super) clients: Arc<Clients>,
}

/// Serves a router to its clients, until `stop` is done; then ends within
/// [`LAST_ANSWERS`], whatever the clients do.
pub(super) async fn serve(listeners: Vec<Listener>, served: Served, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut complained = false;
    let mut turn = 0;
    let clients = served.clients.clone();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = accept(&listeners, &mut turn) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    biased;
                    () = &mut stop => break,
                    place = enter(&clients) => place,
                };
                tasks.spawn(connection(stream, peer, place, served.clone(), stopped.clone()));
                // The new one gets its turn before the next one may push it out.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(
                        %error,
                        "a connection to the web server could not be accepted; raise the limit of open files if this lasts"
                    );
                }
                clients.make_room(Instant::now());
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listeners);
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(LAST_ANSWERS, async { while tasks.join_next().await.is_some() {} }).await;
    // What is left has clients that do not read or do not finish their request.
    tasks.shutdown().await;
}

/// The next connection of any listener; each has its turn.
async fn accept(listeners: &[Listener], turn: &mut usize) -> std::io::Result<(Stream, Peer)> {
    std::future::poll_fn(|context| {
        for _ in 0..listeners.len() {
            *turn = (*turn + 1) % listeners.len();
            if let std::task::Poll::Ready(accepted) = listeners[*turn].poll_accept(context) {
                return std::task::Poll::Ready(accepted);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// A place, at once in nearly all cases: only where every connection is being answered it takes until one is done.
async fn enter(clients: &Arc<Clients>) -> Place {
    loop {
        match clients.enter(Instant::now()) {
            Some(place) => return place,
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves one connection to its end, or until it has to leave.
async fn connection(
    stream: Stream,
    peer: Peer,
    place: Place,
    served: Served,
    mut stopped: watch::Receiver<bool>,
) {
    let client = place.client.clone();
    // A crowd of connections that send nothing costs a descriptor each, and no buffers.
    let first = tokio::select! {
        first = stream.first_byte() => first,
        () = client.is_to_leave() => return,
        _ = stopped.changed() => return,
        () = tokio::time::sleep_until((Instant::now() + FIRST_BYTE).into()) => return,
    };
    let Ok(Some(first)) = first else { return };
    stream.set_nodelay();
    let Some(tls) = served.guard.config().tls.clone() else {
        let io = Watched::new(stream, Arc::clone(&client));
        return http1(io, peer, &client, served, stopped).await;
    };
    if first != HANDSHAKE {
        return refuse_plain(Watched::new(stream, Arc::clone(&client)), &client).await;
    }
    client.shakes_hands(Instant::now());
    let handshake = TlsAcceptor::from(tls).accept(Watched::new(stream, Arc::clone(&client)));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = client.is_to_leave() => return,
        _ = stopped.changed() => return,
        () = tokio::time::sleep_until(client.deadline().unwrap_or_else(Instant::now).into()) => return,
    };
    match accepted {
        Ok(mut io) => {
            client.has_shaken_hands(Instant::now());
            let (_, session) = io.get_mut();
            // What waits to be encrypted and sent is bounded by the connection above it.
            session.set_buffer_limit(Some(MAX_HEAD));
            if session.alpn_protocol() == Some(HTTP_2) {
                http2(io, peer, &client, served, stopped).await;
            } else {
                http1(io, peer, &client, served, stopped).await;
            }
        }
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

/// The first byte of a record of TLS that begins a connection.
const HANDSHAKE: u8 = 0x16;

/// Says to a client without TLS that there is TLS here, as Go does.
async fn refuse_plain(mut io: Watched, client: &Client) {
    let answer = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
                  Client sent an HTTP request to an HTTPS server.\n";
    let said = async {
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    };
    tokio::select! {
        _ = tokio::time::timeout(FIRST_BYTE, said) => {}
        () = client.is_to_leave() => {}
    }
}

/// HTTP/1.1 over a connection that is ready for it.
async fn http1(
    io: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    client: &Arc<Client>,
    served: Served,
    stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request| answer(request, peer, client.clone(), served.clone()));
    let connection = http1::Builder::new().max_buf_size(MAX_HEAD).serve_connection(TokioIo::new(io), service);
    until_the_end(connection, client, stopped, http1::Connection::graceful_shutdown).await;
}

/// HTTP/2 over a connection on which both sides agreed on it.
async fn http2(
    io: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    client: &Arc<Client>,
    served: Served,
    stopped: watch::Receiver<bool>,
) {
    client.has_streams(Instant::now());
    let service = service_fn(|request| answer(request, peer, client.clone(), served.clone()));
    let tasks = Tasks::default();
    let connection = http2::Builder::new(tasks.clone())
        .max_concurrent_streams(streams::MOST)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_HEAD)
        // Bodies of requests are not read.
        .initial_stream_window_size(MAX_HEAD as u32)
        .initial_connection_window_size(4 * MAX_HEAD as u32)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .serve_connection(TokioIo::new(io), service);
    until_the_end(connection, client, stopped, http2::Connection::graceful_shutdown).await;
    tasks.abort();
}

/// The streams of one connection, which end with it.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn set(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self) {
        self.set().abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut tasks = self.set();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// The answer to a request, from whoever it may be.
async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    client: Arc<Client>,
    served: Served,
) -> Result<Response<Sent>, Infallible> {
    client.asks(!request.body().is_end_stream(), Instant::now());
    let asked = Asked(client);
    let config = served.guard.config();
    let refused = served.guard.refuses(&config, request.headers(), peer).await;
    let mut answer = match refused {
        Some(refused) => refused,
        None => served.router.oneshot(request.map(Body::new)).await?,
    };
    headers::secure(&mut answer);
    // Those of the configuration win.
    add_headers(&config, &mut answer);
    let client = asked.0.clone();
    // Made first, then sent: there is no moment in which it is neither.
    drop(asked);
    Ok(answer.map(|body| Sent::new(body, client)))
}

/// A request whose answer is being made, until it is or nobody wants it any more.
struct Asked(Arc<Client>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.is_answered(Instant::now());
    }
}

/// Drives a connection to its end, until it has to leave or is too late.
async fn until_the_end<C: Future>(
    connection: C,
    client: &Client,
    mut stopped: watch::Receiver<bool>,
    shut_down: impl Fn(Pin<&mut C>),
) {
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        let deadline = client.deadline();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = client.is_to_leave() => return,
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                shut_down(connection.as_mut());
            }
            // The deadline moves with what the client does, so it is asked for again when it has come.
            () = until(deadline) => {
                if client.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                    return;
                }
            }
        }
    }
}

/// How often a connection that waits for us is looked at: it may have become one that waits for its client.
const LOOK: Duration = Duration::from_secs(1);

async fn until(deadline: Option<Instant>) {
    let limit = Instant::now() + LOOK;
    tokio::time::sleep_until(deadline.map_or(limit, |deadline| deadline.min(limit)).into()).await;
}
