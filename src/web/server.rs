//! Accepts connections and serves each on a task of its own, with deadlines for what the client has to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::auth::Peer;
use super::clients::{Client, Clients, Place};
use super::guard::{Guard, add_headers};
use super::listen::Listener;
use super::stream::Stream;
use super::watched::Watched;

/// A request's head is at most so long, in bytes; else the answer is 431.
const MAX_HEAD: usize = 16 * 1024;

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
        return http(io, peer, &client, served, stopped).await;
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
        Ok(io) => {
            client.has_shaken_hands(Instant::now());
            http(io, peer, &client, served, stopped).await;
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

/// HTTP over a connection that is ready for it.
async fn http(
    io: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    client: &Arc<Client>,
    served: Served,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        client.asks(!request.body().is_end_stream());
        let (client, served) = (client.clone(), served.clone());
        async move {
            let config = served.guard.config();
            let refused = served.guard.refuses(&config, request.headers(), peer).await;
            let answer = match refused {
                Some(refused) => Ok(refused),
                None => served.router.oneshot(request.map(Body::new)).await,
            };
            client.is_answered(Instant::now());
            answer.map(|mut answer| {
                add_headers(&config, &mut answer);
                answer
            })
        }
    });
    let connection = http1::Builder::new().max_buf_size(MAX_HEAD).serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        let deadline = client.deadline();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = client.is_to_leave() => return,
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
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
