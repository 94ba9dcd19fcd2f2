//! A log_format of one's own, which nginx's configuration tells.

use std::fs;

use badgateway_harness::serve::Serve;

use super::support::text;

/// What no tool writes by default, over two strings, in two escapes, with a quote in front.
const CONFIG: &str = r#"
events { }
http {
    log_format odd '"$request"|$status|$request_time|' "$remote_addr|$upstream_addr|[$time_local]";
    log_format odd_json escape=json '{"who":"$remote_addr","what":"$request","how":"$status","on":"$upstream_addr","when":"$time_iso8601"}';
    log_format without_status '$remote_addr';
    server { server_name a; access_log DIR/odd.log odd; access_log DIR/odd.log without_status; }
    server { server_name b; access_log DIR/both.log odd; access_log DIR/both.log odd_json; access_log DIR/c.log combined; }
}
"#;

const ODD: &str = "\"GET /x HTTP/1.1\"|502|0.001|192.0.2.1|127.0.0.1:9000|[20/Nov/2026:15:00:00 +0000]\n";
const JSON: &str = "{\"who\":\"192.0.2.1\",\"what\":\"GET /x HTTP/1.1\",\"how\":\"502\",\"on\":\"127.0.0.1:9001\",\
    \"when\":\"2026-11-20T15:00:00+00:00\"}\n";
const COMBINED: &str = "192.0.2.1 - - [20/Nov/2026:15:00:00 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"-\"\n";

fn failed(serve: &Serve, labels: &[&str]) -> f64 {
    serve.sum("badgateway_http_errors_total", labels)
}

#[test]
fn the_formats_of_nginx_s_configuration_need_no_flag() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("nginx.conf"), CONFIG.replace("DIR", text(dir.path()))).unwrap();
    fs::write(at("odd.log"), ODD.repeat(3)).unwrap();
    // Two formats in one log, line by line.
    fs::write(at("both.log"), format!("{ODD}{JSON}").repeat(2)).unwrap();
    fs::write(at("c.log"), COMBINED).unwrap();
    let (config, logs) = (at("nginx.conf"), dir.path().join("*.log"));
    let args = ["--read-from", "start", "--access-log", text(&logs)];
    let serve = Serve::start(&[&args[..], &["--nginx-config", text(&config)]].concat());
    serve.until(|serve| failed(serve, &[]) == 8.0);
    assert_eq!(failed(&serve, &["upstream=\"127.0.0.1:9000\""]), 5.0);
    assert_eq!(failed(&serve, &["upstream=\"127.0.0.1:9001\""]), 2.0);
    assert_eq!(failed(&serve, &["server=\"a\""]), 3.0, "its log has the lines of one server");
    assert_eq!(serve.sum("badgateway_log_lines_total", &["result=\"unparsed\""]), 0.0);
    drop(serve);

    // Without it, and with a flag that names another format, these lines are none.
    let serve = Serve::start(&args);
    serve.until(|serve| serve.sum("badgateway_log_lines_total", &["result=\"unparsed\""]) > 3.0);
    drop(serve);
    let serve =
        Serve::start(&[&args[..], &["--nginx-config", text(&config), "--log-format", "combined"]].concat());
    serve.until(|serve| serve.sum("badgateway_log_lines_total", &["result=\"unparsed\""]) == 7.0);
    assert_eq!(failed(&serve, &[]), 1.0);
}
