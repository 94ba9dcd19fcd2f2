//! HTTP/2: over TLS alone, unless it is refused; and clients that use its ways not to take an answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::slow::memory;
use super::{Started, certificates, curl, place};

const TLS: &str = "tls_server_config:\n  cert_file: other.crt\n  key_file: other.key\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// HEADERS of `GET /metrics`, complete.
fn ask(stream: u32) -> Vec<u8> {
    frame(1, 0x5, stream, b"\x82\x87\x04\x08/metrics\x41\x01x")
}

/// Agreed on HTTP/2, with no room for any byte of a body.
fn connect(serve: &Started) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(serve.path("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("other.test").unwrap();
    let socket = TcpStream::connect(serve.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    tls.write_all(&[PREFACE, &frame(4, 0, 0, b"\0\x04\0\0\0\0")].concat()).unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"h2"[..]));
    tls
}

/// How long it is until the server closes the connection.
fn until_closed(tls: &mut Tls) -> Duration {
    let start = Instant::now();
    let mut room = [0; 4096];
    while matches!(tls.read(&mut room), Ok(1..)) {}
    start.elapsed()
}

fn serving(lines: usize) -> Started {
    let dir = tempfile::tempdir().unwrap();
    crate::wide_log(&dir.path().join("access.log"), lines);
    certificates(dir.path());
    Started::configured(dir, TLS)
}

#[test]
fn it_is_spoken_unless_the_file_refuses_it() {
    for (more, wanted) in [("", "HTTP/2 200"), ("http_server_config: {http2: false}\n", "HTTP/1.1 200")] {
        let dir = place();
        certificates(dir.path());
        let serve = Started::configured(dir, &format!("{TLS}{more}"));
        let answer = curl(&serve.url("/metrics"), &["--insecure", "--include", "--http2"]);
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(text.starts_with(wanted), "{more}: {text}");
        assert!(text.contains("badgateway_build_info"), "{text}");
    }
    // Without TLS it is neither upgraded to nor known beforehand.
    let plain = Started::configured(place(), "");
    let answer = curl(&plain.url("/metrics"), &["--include", "--http2"]);
    assert!(String::from_utf8_lossy(&answer.stdout).starts_with("HTTP/1.1 200"));
    assert_eq!(plain.code("/metrics", &["--http2-prior-knowledge"]), 0);
}

#[test]
fn answers_that_are_not_taken_end_the_connection_whatever_else_it_sends() {
    let serve = serving(2000);
    (0..5).for_each(|_| assert_eq!(serve.code("/metrics", &["--insecure"]), 200));
    let before = memory(&serve);
    let mut crowd: Vec<_> = (0..32).map(|_| connect(&serve)).collect();
    for tls in &mut crowd {
        let requests: Vec<u8> = (0..12).flat_map(|n| ask(2 * n + 1)).collect();
        tls.write_all(&requests).unwrap();
    }
    (0..5).for_each(|_| assert_eq!(serve.code("/metrics", &["--insecure"]), 200));
    let after = memory(&serve);
    println!("32 connections with 12 requests each that take nothing: RSS {before} to {after} KiB");
    assert!(after < before + 24 * 1024, "{before} to {after} KiB");
    let mut last = connect(&serve);
    last.write_all(&ask(1)).unwrap();
    // Pings are no progress.
    let start = Instant::now();
    while last.write_all(&frame(6, 0, 0, &[0; 8])).and_then(|()| last.flush()).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(12), "it lives as long as it pings");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn a_connection_without_a_request_ends_and_so_does_one_that_takes_back_what_it_asks() {
    let serve = serving(100);
    let mut silent = connect(&serve);
    let mut resets = connect(&serve);
    let flood: Vec<u8> = (0..5000)
        .flat_map(|n| [ask(2 * n + 1), frame(3, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat())
        .collect();
    // It may be closed while we still write.
    let _ = resets.write_all(&flood);
    assert!(until_closed(&mut resets) < Duration::from_secs(10));
    assert_eq!(serve.code("/metrics", &["--insecure"]), 200);
    assert!(until_closed(&mut silent) < Duration::from_secs(12));
}
