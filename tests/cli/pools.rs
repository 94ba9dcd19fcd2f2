//! `serve`: pools of a configuration that is named, whose PHP-FPM does not run.

use std::fs;
use std::path::Path;

use super::support::{Serve, text};

/// Those of our pools: this machine may run others.
fn rows(page: &str, family: &str) -> Vec<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{'));
    let is_ours = |line: &&str| {
        ["all", "one", "socket"]
            .iter()
            .any(|name| line.starts_with(&format!("fpm=\"shop\",pool=\"{name}\",")))
    };
    let mut rows: Vec<_> = lines.filter(is_ours).map(str::to_owned).collect();
    rows.sort();
    rows
}

fn refused(upstream: &str) -> String {
    format!(
        "2026/11/20 15:08:28 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: s, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://{upstream}\", host: \"h\"\n"
    )
}

fn append(path: &Path, bytes: &str) {
    use std::io::Write;
    fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes.as_bytes()).unwrap();
}

const POOLS: &str = "[global]\nerror_log = /nowhere/fpm.log\n\
    [all]\nuser = nobody\nlisten = 0.0.0.0:9000\npm = ondemand\npm.max_children = 3\n\
    [one]\nuser = nobody\nlisten = 127.0.0.1:9001\npm = dynamic\npm.max_children = 3\n\
    [socket]\nuser = nobody\nlisten = /nowhere/x.sock\npm = static\npm.max_children = 3\n";

/// A rule that joins pools with upstreams needs exactly one row for each pool, under the address that nginx uses.
#[test]
fn a_pool_bears_the_address_that_nginx_s_logs_name() {
    let dir = tempfile::tempdir().unwrap();
    let (log, config) = (dir.path().join("error.log"), dir.path().join("shop/php-fpm.conf"));
    append(&log, "");
    fs::create_dir(config.parent().unwrap()).unwrap();
    fs::write(&config, POOLS).unwrap();
    let serve = Serve::start(&["--error-log", text(&log), "--fpm-config", text(&config)]);
    serve.until(|serve| serve.scrape().contains("badgateway_fpm_pool_info"));
    let of_all = |upstream: &str| {
        vec![
            format!("fpm=\"shop\",pool=\"all\",upstream=\"{upstream}\",pm=\"ondemand\"}} 1"),
            "fpm=\"shop\",pool=\"one\",upstream=\"127.0.0.1:9001\",pm=\"dynamic\"} 1".to_owned(),
            "fpm=\"shop\",pool=\"socket\",upstream=\"unix:/nowhere/x.sock\",pm=\"static\"} 1".to_owned(),
        ]
    };
    let info = |serve: &Serve| rows(&serve.scrape(), "badgateway_fpm_pool_info");
    assert_eq!(info(&serve), of_all("127.0.0.1:9000"), "as nginx would have to write it");
    let exits = rows(&serve.scrape(), "badgateway_fpm_worker_exits_total");
    assert!(exits.len() == 3 * 6 && exits.iter().all(|row| row.ends_with("} 0")), "before any: {exits:?}");
    // The same port of another host is another one.
    append(&log, &refused("192.0.2.3:9000"));
    assert_eq!(info(&serve), of_all("127.0.0.1:9000"));
    // The very scrape that reads the line shows its address; a second spelling changes nothing.
    for upstream in ["127.0.0.9:9000", "127.0.0.1:9000", "127.0.0.1:9001"] {
        append(&log, &refused(upstream));
        assert_eq!(info(&serve), of_all("127.0.0.9:9000"));
    }
}

/// The log of one server, in a format that names none: successes and failures alike bear the name that the
/// configuration has for it.
#[test]
fn a_log_that_one_server_writes_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let [shop, both, config] = ["shop.log", "both.log", "nginx.conf"].map(|name| dir.path().join(name));
    fs::write(
        &config,
        format!(
            "http {{ server {{ server_name shop.test www.shop.test; access_log {shop}; }}\n\
             server {{ server_name a.test; access_log {both}; }} server {{ server_name b.test; access_log {both}; }} }}",
            shop = shop.display(),
            both = both.display(),
        ),
    )
    .unwrap();
    let line = |status| {
        format!("1.2.3.4 - - [20/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" {status} 157 \"-\" \"curl\"\n")
    };
    for log in [&shop, &both] {
        append(log, &(line(200) + &line(502)));
    }
    let serve = Serve::start(&[
        "--access-log",
        text(&shop),
        "--access-log",
        text(&both),
        "--read-from",
        "start",
        "--nginx-config",
        text(&config),
    ]);
    for code in ["200", "502"] {
        for server in ["shop.test", ""] {
            let labels = [format!("server=\"{server}\""), format!("code=\"{code}\"")];
            let labels = [labels[0].as_str(), labels[1].as_str()];
            serve.until(|serve| serve.sum("badgateway_http_responses_total", &labels) == 1.0);
            let failed = if code == "502" { 1.0 } else { 0.0 };
            assert_eq!(serve.sum("badgateway_http_errors_total", &labels), failed, "{server} {code}");
        }
    }
}
