//! What a real PHP-FPM answers.

use std::time::{Duration, Instant};

use badgateway::address::Listener;
use badgateway::sample::status::fastcgi::ask;
use badgateway::sample::status::page::{StatusPage, parse};
use badgateway::sample::status::poller::{Target, once};

use badgateway_harness::ports::free_port;

use crate::master::Master;

const DEADLINE: Duration = Duration::from_secs(5);

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn target(listen: &str, path: &str) -> Target {
    Target { address: Listener::from_fpm(listen).unwrap(), path: path.to_owned() }
}

async fn page(listen: &str, path: &str) -> StatusPage {
    once(&target(listen, path), DEADLINE).await.unwrap()
}

#[tokio::test]
async fn a_real_php_fpm_tells_the_right_numbers() {
    let (port, other) = (free_port().unwrap(), free_port().unwrap());
    let fpm = Master::start(&format!(
        "[sock]\n{{user}}listen = {{dir}}/sock\nlisten.mode = 0666\npm = static\npm.max_children = 3\npm.status_path = /status\n\
         ping.path = /ping\n\
         [tcp]\n{{user}}listen = 127.0.0.1:{port}\nlisten.backlog = 77\npm = static\npm.max_children = 2\n\
         pm.status_path = /s-$pool\npm.status_listen = tcp-status\nprefix = {{dir}}/sub\nlisten.mode = 0666\n\
         [none]\n{{user}}listen = {other}\npm = ondemand\npm.max_children = 1\n"
    ));
    let config = fpm.config();
    let [sock, tcp, none] = config.pools.as_slice() else { panic!("{config:?}") };
    assert_eq!(none.listen, other.to_string());

    // A master listens before all of its workers are there.
    let begun = Instant::now();
    let mut asked = 1;
    let mut first = page(&sock.listen, sock.status_path.as_deref().unwrap()).await;
    while (first.active_processes, first.idle_processes) != (1, 2) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
        first = page(&sock.listen, sock.status_path.as_deref().unwrap()).await;
        asked += 1;
    }
    assert_eq!((first.pool.as_str(), first.process_manager.as_str()), ("sock", "static"));
    assert_eq!((first.active_processes, first.idle_processes, first.total_processes), (1, 2, 3));
    assert_eq!((first.accepted_conn, first.listen_queue), (asked, 0));
    let second = page(&sock.listen, "/status").await;
    assert_eq!(second.accepted_conn, asked + 1);
    assert_eq!(
        (second.start_time, second.slow_requests, second.max_children_reached),
        (first.start_time, 0, 0)
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(first.start_time + first.start_since) <= 2);

    let by_port = page(&tcp.listen, "/s-tcp").await;
    assert_eq!((by_port.pool.as_str(), by_port.listen_queue_len), ("tcp", 77));
    // A worker has sent its answer a moment before it counts itself idle.
    let begun = Instant::now();
    while page(tcp.status_listen.as_deref().unwrap(), "/s-tcp").await.active_processes > 0
        && begun.elapsed() < PATIENCE
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let aside = page(tcp.status_listen.as_deref().unwrap(), "/s-tcp").await;
    assert_eq!((aside.pool.as_str(), aside.total_processes, aside.accepted_conn), ("tcp", 2, 1));
    assert_eq!(aside.active_processes, 0);

    // Both workers of the pool busy with connections that say nothing: it is silent, its status listener is not.
    let held = [(); 2].map(|()| std::net::TcpStream::connect(&tcp.listen).unwrap());
    let asleep = Instant::now();
    let error = once(&target(&tcp.listen, "/s-tcp"), Duration::from_millis(300)).await.unwrap_err();
    assert!(error.starts_with("no answer within 300ms (waiting for an answer)"), "{error}");
    assert!(asleep.elapsed() < PATIENCE);
    assert_eq!(page(tcp.status_listen.as_deref().unwrap(), "/s-tcp").await.total_processes, 2);
    drop(held);

    let missing = once(&target(&sock.listen, "/nothing.php"), DEADLINE).await.unwrap_err();
    assert!(missing.starts_with("no status page at /nothing.php (404); set pm.status_path"), "{missing}");
    let denied = once(&target(&sock.listen, "/nothing"), DEADLINE).await.unwrap_err();
    assert!(denied.contains("(403)") || denied.contains("(404)"), "{denied}");
    let script = fpm.dir().join("empty.php");
    std::fs::write(&script, "<?php error_log('a note'); echo '<p>hello';").unwrap();
    let script = script.display().to_string();
    let html = once(&target(&sock.listen, &script), DEADLINE).await.unwrap_err();
    assert!(html.contains("answered with a web page"), "{html}");
    let long = fpm.dir().join("long.php");
    std::fs::write(&long, "<?php for (;;) echo str_repeat('x', 60000);").unwrap();
    let long = once(&target(&sock.listen, &long.display().to_string()), DEADLINE).await.unwrap_err();
    assert!(long.contains("longer than 1 MiB"), "{long}");

    let ping = ask(&Listener::Unix(sock.listen.clone().into()), "/ping", "", DEADLINE).await.unwrap();
    assert!(ping.stdout.ends_with(b"\r\n\r\npong"), "{ping:?}");
    assert!(parse("/ping", &ping).is_err());
    let gone = once(&target(&format!("{}x", sock.listen), "/status"), DEADLINE).await.unwrap_err();
    assert!(gone.starts_with("cannot connect: no such socket"), "{gone}");
}

#[tokio::test]
async fn a_full_queue_is_told_from_a_dead_pool() {
    let fpm = Master::start(
        "[full]\n{user}listen = full.sock\nlisten.backlog = 1\nlisten.mode = 0666\npm = static\npm.max_children = 1\npm.status_path = /s\n",
    );
    let listen = fpm.config().pools[0].listen.clone();
    // One for the worker, and one more than the backlog fit into the queue.
    let mut held = Vec::new();
    for _ in 0..3 {
        // The third one waits until the worker has taken the first.
        held.push(std::os::unix::net::UnixStream::connect(&listen).unwrap());
    }
    let full = once(&target(&listen, "/s"), Duration::from_secs(1)).await.unwrap_err();
    assert!(full.starts_with("cannot connect: the pool's queue is full"), "{full}");
    drop(held);
    drop(fpm);
    let dead = once(&target(&listen, "/s"), Duration::from_secs(1)).await.unwrap_err();
    assert!(dead.starts_with("cannot connect: no"), "{dead}");
}
