use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Line {
    format: String,
    /// It has `$upstream_addr`.
    upstream: bool,
    line: String,
}

/// Written by a real nginx with each of these formats: a 502 whose upstream refused the connection, and a 200.
const LINES: &str = include_str!("../../../../tests/formats/json.jsonl");

#[test]
fn json_of_tools_and_guides_is_read() {
    let lines: Vec<Line> = LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 26);
    for pair in lines.chunks(2) {
        let [failed, good] = pair else { panic!("two of each") };
        let name = &failed.format;
        let format = derive(failed.line.as_bytes()).unwrap_or_else(|| panic!("{name}"));
        let access = format.access(failed.line.as_bytes()).unwrap();
        assert_eq!(access.status(), 502, "{name}");
        let client = access.client();
        assert!(client == Some(b"127.0.0.1") || client.is_none() && name == "logstash_fields_ip", "{name}");
        assert!(access.written().is_some(), "{name}");
        assert!(access.server().is_none_or(|server| *server == *b"shop.test"), "{name}");
        let upstream = access.field(Field::UpstreamAddr);
        assert_eq!(upstream, failed.upstream.then_some(&b"127.0.0.1:21334"[..]), "{name}");
        // One format for the log, whichever line it begins with.
        assert_eq!(format.access(good.line.as_bytes()).unwrap().status(), 200, "{name}");
        let format = derive(good.line.as_bytes()).unwrap();
        assert_eq!(format.access(failed.line.as_bytes()).unwrap().status(), 502, "{name}");
    }
}

#[test]
fn a_list_without_quotes_is_one_value() {
    for (value, next) in [("0.001", "1"), ("0.001, 0.002", "1"), ("0.001, - : 0.002", "1")] {
        let line = format!(
            "{{\"status\":502,\"upstream_response_time\":{value}, \"x\":{next},\"request\":\"GET / HTTP/1.1\"}}"
        );
        let format = derive(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let access = format.access(line.as_bytes()).unwrap();
        let times: Vec<_> =
            access.each_attempt().map(|attempt| attempt.response.map(<[u8]>::to_vec)).collect();
        assert_eq!((access.status(), times.len()), (502, value.split([',', ':']).count()), "{line}");
    }
}

#[test]
fn a_key_is_read_with_the_objects_around_it() {
    let line = br#" { "http": {"status": 502, "request": {"method": "POST", "uri": "/a"}}, "upstream": {"addr": "a:1, b:2", "status": "502, 504", "header_time": , "server": "x"}, "codes": [1, 2], "ssl": {"protocol": "TLSv1.3"}, "client": {"ip": "1.2.3.4"}, "timestamp": "2026-11-20T15:08:28+00:00",} "#;
    let format = derive(line).unwrap();
    let access = format.access(line).unwrap();
    assert_eq!((access.status(), access.client(), access.attempts()), (502, Some(&b"1.2.3.4"[..]), Some(2)));
    assert_eq!(access.each_attempt().last().unwrap().status, b"504");
    assert_eq!(access.field(Field::RequestMethod), Some(&b"POST"[..]));
    assert_eq!((access.field(Field::ServerProtocol), access.server()), (None, None));
    assert!(access.written().is_some());
    let other =
        String::from_utf8_lossy(line).replace("1, 2", "3, 4").replace("_time\": ,", "_time\": 0.001,");
    let access = format.access(other.as_bytes()).unwrap();
    assert_eq!(access.each_attempt().last().unwrap().header, Some(&b""[..]));
    let flat = br#"{"upstream.status": "502", "http.status": "200", "upstream.addr": "a:1"}"#;
    let access = derive(flat).unwrap();
    let access = access.access(flat).unwrap();
    assert_eq!((access.status(), access.field(Field::UpstreamStatus)), (200, Some(&b"502"[..])));
    assert!(derive(br#"{"upstream": {"status": 502}, "x": 1}"#).is_none(), "$upstream_status is not $status");
}

#[test]
fn a_variable_s_own_name_comes_before_others() {
    let line = br#"{"client_ip": "6.6.6.6", "remote_addr": "1.2.3.4", "status": "502", "time_local": "2026-11-20T15:08:28+00:00"}"#;
    let format = derive(line).unwrap();
    let access = format.access(line).unwrap();
    assert_eq!(access.client(), Some(&b"1.2.3.4"[..]));
    assert!(access.written().is_some());
}

#[test]
fn values_tell_what_a_key_cannot_be() {
    let line = br#"{"path":"/var/log/nginx/access.json","status":"info","http":{"status_code":502},"request":"/a?b","verb":"GET","time":"1795187308.227"}"#;
    let format = derive(line).unwrap();
    let access = format.access(line).unwrap();
    assert_eq!((access.status(), access.millis()), (502, Some(1_795_187_308_227)));
    assert_eq!(access.asked().uri.as_deref(), Some(&b"/a?b"[..]));
    assert_eq!(access.field(Field::Uri), None);
}

#[test]
fn what_is_wrong_with_the_json_is_told() {
    let wanted = |line: &str| complaint(line.as_bytes()).map(|mismatch| mismatch.wanted);
    assert!(wanted(r#"{"a": 1, "b"}"#).unwrap().contains("expected `:`"));
    assert!(wanted(r#"{"a": 1}"#).unwrap().contains("$status"));
    assert_eq!(wanted("1.2.3.4 - -"), None);
}

#[test]
fn keys_tell_the_fields() {
    let line = br#"{"time": "2026-11-20T15:08:28+00:00", "status": 502, "n":{"upstream_addr":"a:1, b:2"}, "request":"GET /\"x\" HTTP/1.1"}"#;
    let format = derive(line).unwrap();
    let access = format.access(line).unwrap();
    assert_eq!(access.status(), 502);
    assert_eq!(access.field(Field::UpstreamAddr), Some(&b"a:1, b:2"[..]));
    assert_eq!(access.asked().uri.as_deref(), Some(&b"/\"x\""[..]));
    assert!(format.has(Field::TimeIso8601));
    let other = br#"{"time": "2026-11-20T15:08:29+00:00", "status": 200, "n":{"upstream_addr":""}, "request":"\u0016"}"#;
    assert_eq!(format.access(other).unwrap().status(), 200);
}

#[test]
fn what_a_client_asked_for_is_no_server() {
    for line in [
        r#"{"status": 502, "vhost": "c.example", "request": "GET / HTTP/1.1"}"#,
        r#"{"status": 502, "ssl": {"v": "TLSv1.3", "server_name": "c.example"}, "request": "GET / HTTP/1.1"}"#,
        r#"{"status": 502, "tls": {"a": [{"server_name": "c.example"}]}, "host": "c.example"}"#,
    ] {
        assert_eq!(
            derive(line.as_bytes()).unwrap().access(line.as_bytes()).unwrap().server(),
            None,
            "{line}"
        );
    }
    let own = r#"{"ssl": {"server_name": "c.example"}, "server_name": "s.example", "status": 502}"#;
    let access = derive(own.as_bytes()).unwrap();
    assert_eq!(access.access(own.as_bytes()).unwrap().server().as_deref(), Some(&b"s.example"[..]));
}

#[test]
fn a_line_of_another_shape_does_not_match() {
    let short = derive(br#"{"status":"502","request":"GET /a HTTP/1.1"}"#).unwrap();
    assert!(
        short.access(br#"{"status":"502","request":"GET /b HTTP/1.1","upstream_status":"502"}"#).is_err()
    );
}

#[test]
fn what_is_no_log_line_is_none() {
    for bad in [&b"{"[..], b"{}", br#"{"a":"b"}"#, br#"{"status":"x"#, b"[1]", b"\xff{}"] {
        assert!(derive(bad).is_none());
    }
}
