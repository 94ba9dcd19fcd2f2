//! A log read once.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use badgateway::source::{Buffer, Offline, OpenError, ReadError};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::LogDir;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_all(log: &mut Offline) -> Result<Vec<u8>, ReadError> {
    let (mut buffer, mut all) = (Buffer::new(), Vec::new());
    while let Some(block) = log.read_block(&mut buffer)? {
        assert!(block.ends_with(b"\n"));
        all.extend_from_slice(block);
    }
    Ok(all)
}

fn lines(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| format!("line {i} of a log\n").into_bytes()).collect()
}

#[test]
fn a_plain_file_and_its_unterminated_last_line() {
    let logs = LogDir::new();
    let mut bytes = lines(50_000);
    bytes.extend_from_slice(b"no newline");
    fs::write(logs.path("log"), &bytes).unwrap();
    let mut log = Offline::open(&logs.path("log")).unwrap();
    assert_eq!(log.total(), Some(bytes.len() as u64));
    let read = read_all(&mut log).unwrap();
    assert_eq!(log.position(), bytes.len() as u64);
    bytes.push(b'\n');
    assert_eq!(read, bytes);
    assert_eq!(log.path(), logs.path("log"));
}

#[test]
fn an_empty_file() {
    let logs = LogDir::new();
    fs::write(logs.path("log"), "").unwrap();
    assert_eq!(read_all(&mut Offline::open(&logs.path("log")).unwrap()).unwrap(), b"");
}

#[test]
fn a_gzip_whatever_its_name() {
    let logs = LogDir::new();
    let bytes = lines(100_000);
    let packed = gzip(&bytes);
    fs::write(logs.path("log.1"), &packed).unwrap();
    let mut log = Offline::open(&logs.path("log.1")).unwrap();
    assert_eq!(read_all(&mut log).unwrap(), bytes);
    assert_eq!(log.position(), packed.len() as u64);
    assert_eq!(log.total(), Some(packed.len() as u64));
}

#[test]
fn a_gzip_of_several_members_with_a_line_across_them() {
    let logs = LogDir::new();
    let packed = [gzip(b"one\ntw"), gzip(b"o\nthree\n"), gzip(b"four")].concat();
    fs::write(logs.path("log.gz"), packed).unwrap();
    let mut log = Offline::open(&logs.path("log.gz")).unwrap();
    assert_eq!(read_all(&mut log).unwrap(), b"one\ntwo\nthree\nfour\n");
}

#[test]
fn a_cut_gzip_yields_what_there_is_then_an_error_then_nothing() {
    let logs = LogDir::new();
    let packed = gzip(&lines(100_000));
    fs::write(logs.path("log.gz"), &packed[..packed.len() / 2]).unwrap();
    let mut log = Offline::open(&logs.path("log.gz")).unwrap();
    let mut buffer = Buffer::new();
    assert!(log.read_block(&mut buffer).unwrap().unwrap().starts_with(b"line 0 of"));
    let error = read_all(&mut log).unwrap_err();
    assert!(error.to_string().contains("gzip -t"), "{error}");
    assert_eq!(read_all(&mut log).unwrap(), b"");
}

#[test]
fn stdin_plain_and_compressed() {
    let bytes = lines(10);
    for input in [bytes.clone(), gzip(&bytes)] {
        let mut log = Offline::from_reader(Path::new("-"), Cursor::new(input)).unwrap();
        assert_eq!(log.total(), None);
        assert_eq!(read_all(&mut log).unwrap(), bytes);
    }
}

#[test]
fn what_is_no_log_is_refused_at_once() {
    let logs = LogDir::new();
    let open = |name: &str| Offline::open(&logs.path(name)).err().unwrap();
    assert!(matches!(open("missing"), OpenError::Missing { .. }));
    fs::create_dir(logs.path("dir")).unwrap();
    assert!(matches!(open("dir"), OpenError::Directory { .. }));
    std::os::unix::net::UnixListener::bind(logs.path("socket")).unwrap();
    assert!(matches!(open("socket"), OpenError::Special { kind: "socket", .. }));
    let device = Offline::open(Path::new("/dev/null")).err().unwrap();
    assert!(matches!(device, OpenError::Special { kind: "character device", .. }));
    crate::set::make_fifo(&logs.path("fifo"));
    let fifo = open("fifo");
    assert!(matches!(fifo, OpenError::Fifo { .. }));
    assert!(fifo.to_string().contains("Pipe them into `-`"), "{fifo}");
}

/// Root may read everything, so the text is tested on the value.
#[test]
fn denied_says_what_to_do() {
    let path = Path::new("/var/log/nginx/access.log").to_path_buf();
    let denied = OpenError::Denied { path, source: std::io::ErrorKind::PermissionDenied.into() };
    let text = denied.to_string();
    assert!(text.contains("/var/log/nginx/access.log") && text.contains("group adm"), "{text}");
}
