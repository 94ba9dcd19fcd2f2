//! A crowd over TLS that does not behave: it asks again and again and never reads, drips its request, or stays idle. Honest scrapes are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Started, certificates};

async fn misbehave(
    kind: usize,
    connector: TlsConnector,
    address: String,
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
) {
    let name = ServerName::try_from("other.test").unwrap();
    while !stop.load(Ordering::Relaxed) {
        // A handshake costs a client as much as the server.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Ok(stream) = TcpStream::connect(&address).await else { continue };
        let Ok(mut stream) = connector.connect(name.clone(), stream).await else { continue };
        made.fetch_add(1, Ordering::Relaxed);
        match kind {
            // Asks for a large page, once or often, and reads nothing of it until it is dropped.
            0 | 3 => {
                let times = if kind == 3 { 200 } else { 1 };
                let requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(times);
                let _ = tokio::time::timeout(Duration::from_secs(5), stream.write_all(&requests)).await;
                let (socket, _) = stream.get_ref();
                let dropped = socket.ready(tokio::io::Interest::ERROR);
                let _ = tokio::time::timeout(Duration::from_secs(30), dropped).await;
            }
            1 => {
                for byte in b"GET /metrics HTTP/1.1\r\nHost: slow\r\n".iter().cycle().take(1000) {
                    if stop.load(Ordering::Relaxed) || stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            _ => {
                let _ = stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
                let _ =
                    tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut Vec::new())).await;
            }
        }
    }
}

#[test]
fn a_crowd_over_tls_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    crate::wide_log(&dir.path().join("access.log"), 2000);
    certificates(dir.path());
    let serve =
        Started::configured(dir, "tls_server_config:\n  cert_file: other.crt\n  key_file: other.key\n");
    let ca = serve.path("ca.crt");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // What scrapes take by themselves is not the crowd's.
    (0..10).for_each(|_| assert_eq!(serve.code("/metrics", &["--insecure"]), 200));
    let before = memory(&serve);
    for n in 0..200 {
        let address = serve.address().to_owned();
        // Of those that never read, fewer than there are places.
        let kind = [0, 1, 2, 1, 3, 2, 1, 2][n % 8];
        runtime.spawn(misbehave(kind, connector.clone(), address, stop.clone(), made.clone()));
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while made.load(Ordering::Relaxed) < 200 {
        assert!(Instant::now() < deadline, "{made:?} connections");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let times: Vec<_> = (0..20)
        .map(|_| {
            let start = Instant::now();
            (serve.code("/metrics", &["--insecure"]), start.elapsed())
        })
        .collect();
    let after = memory(&serve);
    stop.store(true, Ordering::Relaxed);
    runtime.shutdown_timeout(Duration::from_secs(1));
    let longest = times.iter().map(|(_, time)| *time).max().unwrap();
    println!(
        "beside {} connections over TLS 20 scrapes took at most {longest:?}; RSS {before} to {after} KiB",
        made.load(Ordering::Relaxed)
    );
    assert!(times.iter().all(|(code, _)| *code == 200), "{times:?}");
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    // 4 to 23 MiB were measured; it was 18 to 44 when whole answers were handed to those who never read.
    assert!(after < before + 32 * 1024, "{before} to {after} KiB");
}

/// Resident memory in KiB.
pub(super) fn memory(serve: &Started) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
