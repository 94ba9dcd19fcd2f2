//! What PHP-FPM answers when it is asked for its status.

use crate::fuzz::target;
use crate::sample::status::fastcgi::{Decoder, Reply};
use crate::sample::status::page;

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
}

const STATUS: &str = r#"{"pool":"www","process manager":"dynamic","start time":1795186800,"start since":9,"accepted conn":3,
"listen queue":0,"max listen queue":2,"listen queue len":511,"idle processes":1,"active processes":1,"total processes":2,
"max active processes":1,"max children reached":0,"slow requests":0,"memory peak":1,"processes":[]}"#;

#[test]
fn fastcgi_reply() {
    const WORDS: &[&str] = &[
        "\u{1}\u{6}\0\u{1}\0\u{1}\0\0x",
        "\u{1}\u{3}\0\u{1}\0\u{8}\0\0",
        "\u{1}\u{7}\0\u{1}\0\0\u{7f}\0",
        "\u{7f}",
    ];
    let out = record(6, format!("Content-type: application/json\r\n\r\n{STATUS}").as_bytes());
    let (said, end) = (record(7, b"Primary script unknown"), record(3, &[0; 8]));
    let replies = vec![[out.clone(), end.clone()].concat(), [said, out, end].concat()];
    target("fastcgi_reply", replies, WORDS, |bytes| {
        let mut whole = Decoder::default();
        let at_once = whole.feed(bytes);
        let mut decoder = Decoder::default();
        // Cut in pieces it says the same.
        let size = 1 + bytes.len() / 3;
        let in_pieces =
            bytes.chunks(size).map(|piece| decoder.feed(piece)).find(|said| !matches!(said, Ok(None)));
        match (&at_once, in_pieces) {
            (Ok(None), None) => _ = decoder.end(),
            (Ok(Some(_)), Some(Ok(other))) => assert_eq!(at_once.ok().flatten(), other),
            (Err(_), Some(Err(_))) | (Ok(None), _) => {}
            (first, second) => panic!("at once {first:?}, in pieces {second:?}"),
        }
    });
}

#[test]
fn status_page() {
    const WORDS: &[&str] = &[
        "\"pool\":",
        "\"listen queue\":",
        "\"processes\":[",
        "Status: 404 Not Found\r\n",
        "\r\n\r\n",
        "null",
        "true",
        "{\"a\":[[[[",
        "<html>",
        "\\ud800",
        ",",
    ];
    let pages = vec![
        format!("Content-type: application/json\r\n\r\n{STATUS}").into_bytes(),
        format!("Status: 200 OK\nX: y\n\n{STATUS}").into_bytes(),
        b"Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n".to_vec(),
    ];
    target("status_page", pages, WORDS, |stdout| {
        let stderr = stdout.iter().rev().take(60).copied().collect();
        let reply = Reply { stdout: stdout.to_vec(), stderr };
        if let Err(error) = page::parse("/status", &reply) {
            // It is one line of a log.
            assert!(error.to_string().len() < 2048);
        }
    });
}
