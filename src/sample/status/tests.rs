//! Encoder, decoder and page without a socket; tests/status has the sockets and the real PHP-FPM.

use super::compat;
use super::fastcgi::{Decoder, MAX_REPLY, Reply, ReplyError, encode};
use super::page::{PageError, parse};
use crate::address::Listener;

const JSON: &str = r#"{"pool":"www","process manager":"static","start time":1763700000,"start since":12,"accepted conn":7,"listen queue":1,"max listen queue":2,"listen queue len":4096,"idle processes":2,"active processes":1,"total processes":3,"max active processes":3,"max children reached":0,"slow requests":4}"#;

fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let mut out = vec![1, kind];
    out.extend(id.to_be_bytes());
    out.extend((content.len() as u16).to_be_bytes());
    out.extend([padding, 0]);
    out.extend_from_slice(content);
    out.extend(vec![0; usize::from(padding)]);
    out
}

fn end(status: u8) -> Vec<u8> {
    record(3, 1, &[0, 0, 0, 0, status, 0, 0, 0], 0)
}

fn answer(body: &str) -> Vec<u8> {
    format!("Content-Type: application/json\r\n\r\n{body}").into_bytes()
}

fn decode(bytes: &[u8]) -> Result<Reply, ReplyError> {
    let mut decoder = Decoder::default();
    match decoder.feed(bytes)? {
        Some(reply) => Ok(reply),
        None => decoder.end(),
    }
}

#[test]
fn a_request_is_what_the_specification_wants() {
    let bytes = encode("/status", "json");
    assert_eq!(bytes[..16], [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[16..20], [1, 4, 0, 1]);
    assert_eq!(bytes[bytes.len() - 16..], [1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]);
    let text = String::from_utf8_lossy(&bytes);
    for pair in
        ["\u{b}\u{7}SCRIPT_NAME/status", "\u{e}\u{3}REQUEST_METHODGET", "\u{b}\u{c}REQUEST_URI/status?json"]
    {
        assert!(text.contains(pair), "{pair:?}");
    }
    // Long values have four bytes of length, long parameters several records.
    let long = encode(&format!("/{}", "x".repeat(70_000)), "");
    assert!(long.windows(4).any(|bytes| bytes == (70_001_u32 | 1 << 31).to_be_bytes()));
    assert_eq!(u16::from_be_bytes([long[20], long[21]]), u16::MAX);
}

#[test]
fn a_reply_is_read_however_it_is_cut() {
    let mut bytes = record(6, 1, &answer(JSON)[..40], 7);
    bytes.extend(record(7, 1, b"PHP Warning", 3));
    bytes.extend(record(6, 1, &answer(JSON)[40..], 0));
    bytes.extend(record(6, 1, b"", 0));
    bytes.extend(end(0));
    for size in [1, 2, 7, 8, 9, 100, bytes.len()] {
        let mut decoder = Decoder::default();
        let replies: Vec<_> = bytes.chunks(size).filter_map(|chunk| decoder.feed(chunk).unwrap()).collect();
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].stderr, b"PHP Warning");
        let page = parse("/status", &replies[0]).unwrap();
        assert_eq!((page.pool.as_str(), page.accepted_conn, page.listen_queue_len), ("www", 7, 4096));
        assert_eq!(page.active_processes, 1);
        assert_eq!(page.memory_peak, None);
    }
}

#[test]
fn each_fault_of_a_reply_has_its_own_name() {
    let out = record(6, 1, b"x", 0);
    assert_eq!(decode(b""), Err(ReplyError::Nothing));
    assert_eq!(decode(&out), Err(ReplyError::NoEnd { stdout: 1 }));
    assert_eq!(decode(&out[..5]), Err(ReplyError::ShortRecord { length: 5 }));
    assert_eq!(
        decode(b"HTTP/1.1 200 OK").unwrap_err().to_string(),
        "the answer begins with byte 72 instead of FastCGI's version 1: \"HTTP/1.1 200 OK\". Something else than PHP-FPM listens there."
    );
    assert_eq!(decode(&record(6, 2, b"x", 0)), Err(ReplyError::Id { id: 2 }));
    assert_eq!(decode(&record(9, 1, b"x", 0)), Err(ReplyError::Kind { kind: 9 }));
    assert_eq!(decode(&end(2)), Err(ReplyError::Refused { status: 2 }));
    assert_eq!(decode(&record(3, 1, b"", 0)), Err(ReplyError::ShortEnd { length: 0 }));
    let mut decoder = Decoder::default();
    let piece = record(6, 1, &[b'x'; 60_000], 0);
    let fault = (0..=MAX_REPLY / 60_000).find_map(|_| decoder.feed(&piece).err());
    assert_eq!(fault, Some(ReplyError::TooLong));
}

#[test]
fn each_answer_that_is_no_status_page_says_what_to_do() {
    let page = |text: &str| {
        let reply = Reply { stdout: text.as_bytes().to_vec(), stderr: b"Primary script unknown\n".to_vec() };
        parse("/s", &reply).unwrap_err()
    };
    let not_found =
        page("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n").to_string();
    assert_eq!(
        not_found,
        "no status page at /s (404); set pm.status_path to it in the pool and reload. It also said \"Primary script unknown\"."
    );
    assert!(matches!(
        page("Content-type: x\r\nstatus: 403 Forbidden\r\n\r\nAccess denied."),
        PageError::Forbidden { .. }
    ));
    assert!(matches!(page("Status: 503 Service Unavailable\n\nbusy"), PageError::Status { .. }));
    assert!(matches!(page("X-Powered-By: PHP\r\n\r\n"), PageError::Empty { .. }));
    assert!(matches!(page(""), PageError::Empty { .. }));
    assert!(matches!(page("Content-type: text/html\r\n\r\n <!doctype html>"), PageError::Html { .. }));
    assert!(matches!(page("no headers"), PageError::NoHeaders { .. }));
    let broken = page(&format!("A: b\r\n\r\n{}", JSON.replace("www", "a\"b"))).to_string();
    assert!(
        broken.contains("did not answer with a status page in JSON") && broken.contains("It begins with"),
        "{broken}"
    );
    let with_peak = JSON.replace(r#""slow requests":4"#, r#""slow requests":4,"memory peak":2097152"#);
    let reply = Reply { stdout: answer(&with_peak), stderr: Vec::new() };
    assert_eq!(parse("/s", &reply).unwrap().memory_peak, Some(2_097_152));
}

#[test]
fn a_page_s_uri_is_spelled_as_by_the_original() {
    for (listen, uri) in [
        ("/run/x", "unix:///run/x;/s"),
        ("10.0.0.1:9", "tcp://10.0.0.1:9/s"),
        ("9000", "tcp://127.0.0.1:9000/s"),
        ("[::1]:9", "tcp://[::1]:9/s"),
    ] {
        assert_eq!(compat::scrape_uri(&Listener::from_fpm(listen).unwrap(), "/s"), uri);
    }
}

#[test]
fn compatible_families_are_named_once_and_explained() {
    let names: std::collections::BTreeSet<_> = compat::FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), compat::FAMILIES.len());
    assert!(
        compat::FAMILIES.iter().all(|family| family.name.starts_with("phpfpm_") && !family.help.is_empty())
    );
}
