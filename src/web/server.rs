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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::clients::{Clients, Place};
use super::watched::Watched;

/// A request's head is at most so long, in bytes; else the answer is 431.
const MAX_HEAD: usize = 16 * 1024;

/// A connection that sends nothing for so long is closed.
const FIRST_BYTE: Duration = Duration::from_secs(5);

/// Answers that are on their way at a stop are waited for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// After an error of accept(), such as no descriptor left.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves `router` to `clients`, until `stop` is done; then ends within
/// [`LAST_ANSWERS`], whatever the clients do.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    clients: Arc<Clients>,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut complained = false;
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let place = tokio::select! {
                    biased;
                    () = &mut stop => break,
                    place = enter(&clients) => place,
                };
                tasks.spawn(connection(stream, place, router.clone(), stopped.clone()));
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
    drop(listener);
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(LAST_ANSWERS, async { while tasks.join_next().await.is_some() {} }).await;
    // What is left has clients that do not read or do not finish their request.
    tasks.shutdown().await;
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
async fn connection(stream: TcpStream, place: Place, router: Router, mut stopped: watch::Receiver<bool>) {
    let client = place.client.clone();
    // A crowd of connections that send nothing costs a descriptor each, and no buffers.
    tokio::select! {
        _ = stream.readable() => {}
        () = client.is_to_leave() => return,
        _ = stopped.changed() => return,
        () = tokio::time::sleep_until((Instant::now() + FIRST_BYTE).into()) => return,
    }
    // Answers are written whole; waiting for more to send with them only delays the last segment.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        client.asks(!request.body().is_end_stream());
        let answer = router.clone().oneshot(request.map(Body::new));
        let client = client.clone();
        async move {
            let answer = answer.await;
            client.is_answered(Instant::now());
            answer
        }
    });
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&client)));
    let connection = http1::Builder::new().max_buf_size(MAX_HEAD).serve_connection(io, service);
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
