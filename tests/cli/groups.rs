//! Two nginx of one machine have an upstream group of the same name.

use std::fs;
use std::path::Path;

use badgateway_harness::serve::Serve;

use super::support::text;

/// An nginx with a group `app` of one server, whose logs have a failure of it.
fn nginx(dir: &Path, name: &str, server: &str) -> Vec<String> {
    let own = dir.join(name);
    fs::create_dir(&own).unwrap();
    let at = |file: &str| text(&own.join(file)).to_owned();
    fs::write(
        at("nginx.conf"),
        format!(
            "error_log {};\nevents {{ }}\nhttp {{\n upstream app {{ server {server}; }}\n server {{ access_log {}; \
             location / {{ proxy_pass http://app; }} }}\n}}\n",
            at("error.log"),
            at("access.log")
        ),
    )
    .unwrap();
    fs::write(
        at("error.log"),
        format!("2026/11/20 15:00:00 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 192.0.2.1, server: s, \
         request: \"GET /{name} HTTP/1.1\", upstream: \"http://app/{name}\", host: \"h\"\n"),
    )
    .unwrap();
    fs::write(
        at("access.log"),
        format!("192.0.2.1 - - [20/Nov/2026:15:00:00 +0000] \"GET /{name} HTTP/1.1\" 502 157 \"-\" \"-\"\n"),
    )
    .unwrap();
    let flags = [("nginx-config", "nginx.conf"), ("access-log", "access.log"), ("error-log", "error.log")];
    flags.into_iter().flat_map(|(flag, file)| [format!("--{flag}"), at(file)]).collect()
}

fn upstreams(servers: [&str; 2]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["--read-from".to_owned(), "start".to_owned()];
    for (name, server) in ["shop", "blog"].into_iter().zip(servers) {
        args.extend(nginx(dir.path(), name, server));
    }
    let serve = Serve::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    serve.until(|serve| serve.sum("badgateway_http_errors_total", &["cause=\"no_live_upstreams\""]) == 2.0);
    let page = serve.scrape();
    let rows = page.lines().filter(|line| {
        line.starts_with("badgateway_http_errors_total{")
            && line.contains("no_live_upstreams")
            && !line.ends_with(" 0")
    });
    let upstream =
        |line: &str| line.split("upstream=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut upstreams: Vec<_> = rows.map(upstream).collect();
    upstreams.sort();
    upstreams
}

#[test]
fn groups_that_differ_are_told_apart_by_their_nginx() {
    assert_eq!(upstreams(["10.0.0.1", "10.0.0.2"]), ["app@blog", "app@shop"]);
    assert_eq!(upstreams(["10.0.0.1", "10.0.0.1"]), ["app"]);
}
