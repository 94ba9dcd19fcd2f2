use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Line {
    format: String,
    line: String,
}

/// Written by a real nginx that had all formats at once: a 502 and a 200 for each.
const LINES: &str = include_str!("../../../../tests/formats/lines.jsonl");

fn lines() -> Vec<Line> {
    LINES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_name_compiles() {
    for known in TABLE {
        Format::new(known.name).unwrap_or_else(|error| panic!("{}: {error}", known.name));
        assert!(known.guess.is_none_or(|guess| Format::new(guess).is_ok()), "{}", known.name);
    }
    let json = TABLE.iter().filter(|known| known.text.starts_with("escape=json")).count();
    assert_eq!(detectable().len(), TABLE.len() - json + AND_MORE.len());
    let mut all: Vec<_> = names().collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), TABLE.len());
}

/// Named or found, a format reads the same of its line. What is not for certain the server is none when it was found.
#[test]
fn a_line_of_each_format_is_read_as_if_the_format_were_named() {
    for name in names() {
        let lines: Vec<_> = lines().into_iter().filter(|line| line.format == name).collect();
        assert_eq!(lines.len(), 2, "{name}");
        for (Line { line, .. }, status) in lines.iter().zip([502, 200]) {
            let (named, found) = (Format::new(name).unwrap(), Format::detect(line.as_bytes()).unwrap());
            let by_name = named.access(line.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let as_found = found.access(line.as_bytes()).unwrap();
            assert_eq!(by_name.status(), status, "{name}");
            let guessed = TABLE.iter().any(|known| known.name == name && known.guess.is_some());
            for (field, text, _) in Field::table() {
                let (a, b) = (by_name.field(*field), as_found.field(*field));
                assert!(
                    a == b || guessed && *field == Field::ServerName && b.is_none(),
                    "{name}: ${text}: {a:?}, {b:?}"
                );
            }
            let client = by_name.client();
            assert!(client.is_none_or(|client| client == b"127.0.0.1"), "{name}: {client:?}");
            let server = as_found.server();
            assert!(server.is_none_or(|server| *server == *b"shop.test"), "{name}");
            assert!(by_name.written().is_some(), "{name}");
            if status == 502 && by_name.knows_upstream() {
                assert_eq!(by_name.attempts(), Some(1), "{name}");
            }
        }
    }
}

/// A format that was found from one line fits the other one, so a log has one format.
#[test]
fn both_lines_of_a_format_are_of_the_same_one() {
    for name in names() {
        let lines: Vec<_> = lines().into_iter().filter(|line| line.format == name).collect();
        for (first, second) in [(0, 1), (1, 0)] {
            let found = Format::detect(lines[first].line.as_bytes()).unwrap();
            assert!(found.access(lines[second].line.as_bytes()).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_client_s_host_is_no_server() {
    for line in [
        "evil.test:80 1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"",
        "evil.test:80 1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157",
        "evil.test 1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"",
    ] {
        let access = Format::detect(line.as_bytes()).unwrap();
        let access = access.access(line.as_bytes()).unwrap();
        assert_eq!(
            (access.status(), access.server(), access.client()),
            (502, None, Some(&b"1.2.3.4"[..])),
            "{line}"
        );
    }
}

#[test]
fn what_a_transport_puts_in_front_is_no_host() {
    let line = "1.2.3.4 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"";
    for before in [
        "2026-11-20T12:00:00.123Z",
        "[pod/shop-7d9c/nginx]",
        "<187>1",
        "nginx[31]:",
        "a b",
        "x|",
        "@4000000065",
    ] {
        assert!(Format::detect(format!("{before} {line}").as_bytes()).is_err(), "{before}");
    }
    for host in ["shop.test", "shop.test:8080", "10.0.0.1", "[::1]", "[2001:db8::1]:80", "-", "a_b"] {
        assert!(Format::detect(format!("{host} {line}").as_bytes()).is_ok(), "{host}");
    }
}
