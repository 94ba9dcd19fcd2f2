//! `serve` with nginx's configuration: failures on connections that were kept, and those that only look like it.

use std::fs;

use super::support::{Serve, text};

const CONFIG: &str = "events {}\nhttp {\n\
    upstream kept { server 10.0.0.1:80; keepalive 4; }\nupstream plain { server 10.0.0.2:80; }\n\
    proxy_http_version 1.1; proxy_set_header Connection '';\n\
    server { location /a { proxy_pass http://kept; } location /b { proxy_pass http://plain; } } }\n";

/// The access line of an attempt, and the error entry of one without a header. `number` is connection and second.
fn request(number: u32, method: &str, peer: &str, header: &str, response: &str) -> (String, String) {
    let status = if header == "-" { 502 } else { 200 };
    let bytes = if header == "-" { 0 } else { 120 };
    let access = format!(
        "1.2.3.4 - - [20/Nov/2026:12:00:{number:02} +0000] \"{method} / HTTP/1.1\" {status} 9 \"-\" \"c\" server=\"s\" pid=7 \
         connection={number} msec={}.900 request_time={response} upstream_addr=\"{peer}\" upstream_status=\"{status}\" \
         upstream_connect_time=\"0.000\" upstream_header_time=\"{header}\" upstream_response_time=\"{response}\" \
         upstream_bytes_received=\"{bytes}\" upstream_cache_status=\"-\"\n",
        1_795_176_000 + number,
    );
    if status == 200 {
        return (access, String::new());
    }
    let error = format!(
        "2026/11/20 12:00:{number:02} [error] 7#7: *{number} upstream prematurely closed connection while reading response \
         header from upstream, client: 1.2.3.4, server: s, request: \"{method} / HTTP/1.1\", \
         upstream: \"http://{peer}/\", host: \"h\"\n"
    );
    (access, error)
}

#[test]
fn only_what_must_have_been_a_kept_connection_is_called_one() {
    let dir = tempfile::tempdir().unwrap();
    let [access, error, config] = ["access.log", "error.log", "nginx.conf"].map(|name| dir.path().join(name));
    for (path, text) in [(&access, ""), (&error, ""), (&config, CONFIG)] {
        fs::write(path, text).unwrap();
    }
    let args = ["--access-log", text(&access), "--error-log", text(&error), "--nginx-config", text(&config)];
    let serve = Serve::start(&args);
    serve.until(|s| {
        s.scrape().contains("badgateway_collector_success{collector=\"nginx_configuration\"} 1\n")
    });
    let (kept, plain) = ("10.0.0.1:80", "10.0.0.2:80");
    let (mut lines, mut entries) = (String::new(), String::new());
    for (number, (method, peer, header, response)) in [
        ("GET", kept, "0.010", "0.010"),
        ("POST", kept, "-", "0.001"),
        // The same again: no answer came between.
        ("POST", kept, "-", "0.001"),
        ("GET", plain, "0.010", "0.010"),
        ("POST", plain, "-", "0.001"),
        ("GET", kept, "0.010", "0.010"),
        ("POST", kept, "-", "0.200"),
        ("GET", kept, "0.010", "0.010"),
        ("GET", kept, "-", "0.001"),
    ]
    .into_iter()
    .enumerate()
    {
        let (line, entry) = request(number as u32, method, peer, header, response);
        lines += &line;
        entries += &entry;
    }
    fs::write(&error, entries).unwrap();
    fs::write(&access, lines).unwrap();
    let roots = |serve: &Serve, label: &str| serve.sum("badgateway_http_root_causes_total", &[label]);
    serve.until(|s| roots(s, "code=\"502\"") == 5.0);
    assert_eq!(roots(&serve, "root_cause=\"stale_keepalive\""), 1.0, "{}", serve.scrape());
    assert_eq!(roots(&serve, "root_cause=\"unknown\""), 4.0);
}

#[test]
fn a_configuration_that_cannot_be_read_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (access, config) = (dir.path().join("access.log"), dir.path().join("nginx.conf"));
    fs::write(&access, "").unwrap();
    fs::write(&config, "http {\n").unwrap();
    let serve = Serve::start(&["--access-log", text(&access), "--nginx-config", text(&config)]);
    serve.until(|s| {
        s.scrape().contains("badgateway_collector_success{collector=\"nginx_configuration\"} 0\n")
    });
    serve.until(|s| s.log().contains("nginx.conf line 2: the file ends inside of a block"));
}
