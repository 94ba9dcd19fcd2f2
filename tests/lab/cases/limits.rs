//! nginx runs out of connections: needs an nginx of its own, because it fails for everybody.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use crate::{
    harness::{
        exporter::{Exporter, log_args},
        nginx::{Nginx, RICH_FORMAT, Setup},
        placeholders::Placeholders,
        proc::members,
        scratch_dir, wait_for,
    },
    say,
    upstream::http_faults,
};

/// Clients of which nginx can serve only some: each proxied request takes a second connection.
const CLIENTS: usize = 10;

#[test]
fn exhausted_worker_connections_are_nginx_resources() {
    let dir = scratch_dir().expect("a directory");
    let server = http_faults().expect("a peer");
    let mut names = Placeholders::default();
    names.set("http", &server.address);
    names.set("php", "/nowhere");
    let setup = Setup {
        server: "location / { proxy_pass http://@http@/stall; }",
        connections: 17,
        ..Setup::default()
    };
    let nginx = Nginx::start(dir.path(), &names, &setup).expect("nginx starts");
    let args = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &[]);
    let binary = Path::new(env!("CARGO_BIN_EXE_badgateway"));
    let exporter = Exporter::start(binary, &args, dir.path().join("stderr")).expect("the exporter starts");

    // All are accepted before the first request is complete: otherwise nginx would turn the last ones away at the
    // door, which is no response and in no log.
    let idle = descriptors(&nginx);
    let mut clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", nginx.port)).expect("nginx accepts");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: lab.test\r\nConnection: close\r\n").expect("it reads");
            stream
        })
        .collect();
    wait_for("nginx to accept all", Duration::from_secs(5), || {
        (descriptors(&nginx) >= idle + CLIENTS).then_some(())
    })
    .expect("nginx accepts all");
    for client in &mut clients {
        client.write_all(b"\r\n").expect("nginx reads");
    }
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        *seen.entry(answer.split(' ').nth(1).unwrap_or("000").to_owned()).or_default() += 1;
    }
    let count = |code: &str| seen.get(code).copied().unwrap_or(0);
    assert!(count("500") > 0 && count("504") > 0, "clients saw {seen:?}");

    let errors = |code: &str, cause: &str| {
        let page = exporter.scrape().expect("a page");
        let key = vec![code.to_owned(), cause.to_owned()];
        page.sums("badgateway_http_errors_total", &["code", "cause"]).get(&key).copied().unwrap_or(0)
    };
    let mut found = (0, 0);
    let agreed = wait_for("the page to agree", Duration::from_secs(8), || {
        found = (errors("500", "nginx_resources"), errors("504", "response_timeout"));
        (found == (count("500"), count("504"))).then_some(())
    });
    say(&format!(
        "{} worker_connections_exhausted   clients saw {seen:?}",
        if agreed.is_ok() { "ok  " } else { "FAIL" }
    ));
    assert!(
        agreed.is_ok(),
        "clients saw {seen:?}, /metrics has (500 nginx_resources, 504 response_timeout) {found:?}"
    );
}

/// How many descriptors nginx's worker has open.
fn descriptors(nginx: &Nginx) -> usize {
    let worker =
        members(nginx.pid()).into_iter().find(|pid| *pid != nginx.pid()).expect("nginx has a worker");
    fs::read_dir(format!("/proc/{worker}/fd")).expect("the worker's descriptors").count()
}
