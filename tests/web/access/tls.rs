//! TLS: certificates that change, clients' certificates, handshakes that do not end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Started, certificate, certificates, code, curl, place};

const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

#[test]
fn pages_are_served_over_tls_and_plain_http_is_told_so() {
    let dir = place();
    certificates(dir.path());
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=9\n    X-Frame-Options: deny\n";
    let serve = Started::configured(dir, &format!("{TLS}{headers}"));
    let ca = serve.path("server.crt");
    let ca = ca.to_str().unwrap();
    assert!(serve.places[0].starts_with("https://127.0.0.1:"), "{:?}", serve.places);
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"], &["--http1.1"], &["--http2"]] {
        let options = [&["--cacert", ca, "--include"], version].concat();
        let answer = curl(&serve.url("/metrics"), &options);
        let text = String::from_utf8_lossy(&answer.stdout).to_ascii_lowercase();
        assert_eq!(code(&answer), 200, "{version:?}: {text}");
        let protocol = if version == ["--http1.1"] { "http/1.1 200" } else { "http/2 200" };
        for wanted in [
            protocol,
            "strict-transport-security: max-age=9",
            "x-frame-options: deny",
            "badgateway_build_info",
        ] {
            assert!(text.contains(wanted), "{version:?}: {wanted}");
        }
    }
    assert_eq!(
        serve
            .code("/", &["--cacert", ca, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]),
        0
    );
    assert_eq!(serve.code("/", &[]), 0, "a CA that curl does not know");
    let plain = curl(&format!("http://{}/metrics", serve.address()), &[]);
    let text = String::from_utf8_lossy(&[&plain.stdout[..], &plain.stderr].concat()).into_owned();
    assert!(text.contains("Client sent an HTTP request to an HTTPS server."), "{text}");
    assert_eq!(code(&plain), 400);
}

#[test]
fn a_new_certificate_is_used_and_a_broken_one_is_not() {
    let dir = place();
    certificates(dir.path());
    let serve = Started::configured(dir, TLS);
    let (old, new) = (serve.path("server.crt"), serve.path("new.crt"));
    std::fs::copy(&old, serve.path("first.crt")).unwrap();
    let first = serve.path("first.crt");
    let with = |ca: &std::path::Path| serve.code("/-/healthy", &["--cacert", ca.to_str().unwrap()]);
    assert_eq!(with(&first), 200);
    certificate(serve.dir.path(), "new", "IP:127.0.0.1");
    // The certificate of another key: it is said, and what held holds.
    std::fs::copy(&new, &old).unwrap();
    serve.until(|serve| serve.log().contains("cannot be used; what was read last stays"));
    assert_eq!(with(&first), 200);
    std::fs::copy(serve.path("new.key"), serve.path("server.key")).unwrap();
    serve.until(|_| with(&new) == 200);
    assert_eq!(with(&first), 0);
    for broken in ["tls_server_config: {cert_filse: x}", "nonsense", "basic_auth_users: {a: b}"] {
        let before = serve.log().len();
        std::fs::write(serve.path("web.yml"), broken).unwrap();
        serve.until(|serve| serve.log()[before..].contains("what was read last stays"));
        assert_eq!(with(&new), 200, "{broken}");
    }
    std::fs::write(serve.path("web.yml"), TLS).unwrap();
    std::fs::remove_file(serve.path("server.key")).unwrap();
    serve.until(|serve| serve.log().contains("server.key: cannot be read"));
    assert_eq!(with(&new), 200);
    std::fs::write(serve.path("web.yml"), "").unwrap();
    serve.until(|serve| code(&curl(&format!("http://{}/", serve.address()), &[])) == 200);
}

#[test]
fn clients_certificates_are_judged_as_go_does() {
    let ca = "  client_ca_file: ca.crt\n";
    let of_scraper = "  client_allowed_sans: [nobody.test, scraper.test]\n";
    // Policy; what no certificate, one of the CA, another one of it and a stranger's get.
    let cases = [
        ("NoClientCert", "", [200, 200, 200, 200]),
        ("RequestClientCert", "", [200, 200, 200, 200]),
        ("RequireAnyClientCert", "", [0, 200, 200, 200]),
        ("RequireClientCert", "", [0, 200, 200, 200]),
        ("VerifyClientCertIfGiven", ca, [200, 200, 200, 0]),
        ("RequireAndVerifyClientCert", ca, [0, 200, 200, 0]),
        ("RequireAndVerifyClientCert", "", [0, 0, 0, 0]),
        ("RequireAndVerifyClientCert", "  client_ca_file: stranger.crt\n", [0, 0, 0, 200]),
        ("RequireAndVerifyClientCert", "  client_ca_file: ca.crt\n  client_allowed_sans: []\n", [0, 0, 0, 0]),
        ("RequireAndVerifyClientCert", &format!("{ca}{of_scraper}"), [0, 200, 0, 0]),
        (
            "RequireAndVerifyClientCert",
            &format!("{ca}  client_allowed_sans: [a@scraper.test]\n"),
            [0, 200, 0, 0],
        ),
        ("RequireAndVerifyClientCert", &format!("{ca}  client_allowed_sans: [192.0.2.1]\n"), [0, 200, 0, 0]),
        (
            "RequireAndVerifyClientCert",
            &format!("{ca}  client_allowed_sans: ['spiffe://x/y']\n"),
            [0, 200, 0, 0],
        ),
        ("VerifyClientCertIfGiven", &format!("{ca}{of_scraper}"), [0, 200, 0, 0]),
        ("RequireAnyClientCert", of_scraper, [0, 200, 0, 200]),
    ];
    let dir = place();
    certificates(dir.path());
    let serve = Started::configured(dir, TLS);
    let server = serve.path("server.crt");
    let server = server.to_str().unwrap().to_owned();
    for (at, (policy, more, expected)) in cases.into_iter().enumerate() {
        // A header tells which configuration holds, where an answer comes; the log where none does.
        let text = format!("{TLS}  client_auth_type: {policy}\n{more}# {at}\n");
        let before = serve.log().matches("the web configuration has changed and is used").count();
        std::fs::write(serve.path("web.yml"), text).unwrap();
        serve.until(|serve| {
            serve.log().matches("the web configuration has changed and is used").count() > before
        });
        let got = [None, Some("scraper"), Some("other"), Some("stranger")].map(|client| {
            let files =
                client.map(|name| (serve.path(&format!("{name}.crt")), serve.path(&format!("{name}.key"))));
            let mut options = vec!["--cacert", &server];
            if let Some((crt, key)) = &files {
                options.extend(["--cert", crt.to_str().unwrap(), "--key", key.to_str().unwrap()]);
            }
            serve.code("/-/healthy", &options)
        });
        assert_eq!(got, expected, "{policy} {more}");
    }
}

#[test]
fn a_handshake_that_does_not_end_is_ended_and_keeps_nobody_out() {
    let dir = place();
    certificates(dir.path());
    let serve = Started::configured(dir, TLS);
    let ca = serve.path("server.crt");
    // The begin of a record that never ends; more of them than there are places.
    let begin = Instant::now();
    let mut stuck: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(serve.address()).unwrap();
            stream.write_all(&[0x16, 3, 1, 1, 0, 1]).unwrap();
            stream
        })
        .collect();
    assert_eq!(serve.code("/metrics", &["--cacert", ca.to_str().unwrap()]), 200);
    println!("a scrape beside 100 handshakes that do not end took {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    for stream in &mut stuck {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let ended = stream.read(&mut [0; 64]);
        assert!(
            matches!(&ended, Ok(0))
                || ended.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset),
            "{ended:?}"
        );
    }
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn what_is_no_tls_harms_nobody() {
    let dir = place();
    certificates(dir.path());
    let serve = Started::configured(dir, TLS);
    let ca = serve.path("server.crt");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..200_u16 {
        let mut bytes = vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
        for _ in 0..300 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.push(seed.to_le_bytes()[0]);
        }
        bytes[0] = if round % 3 == 0 { bytes[20] } else { 0x16 };
        let mut stream = TcpStream::connect(serve.address()).unwrap();
        let _ = stream.write_all(&bytes[..usize::from(round) % bytes.len() + 1]);
    }
    assert_eq!(serve.code("/metrics", &["--cacert", ca.to_str().unwrap()]), 200);
}
