//! HTTP upstreams: `/<fault>` names the way in which the answer is broken.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

use super::{Server, wait_for_close};
use crate::{Result, wait_for};

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server whose faults are the paths of `fault`.
pub fn http_faults() -> Result<Server> {
    Server::tcp(fault)
}

/// A server that answers everything with 200, for as many requests as a connection brings.
pub fn http_good() -> Result<Server> {
    Server::tcp(|mut stream| while read_request(&mut stream).is_some() && stream.write_all(GOOD).is_ok() {})
}

/// Keeps a connection open after the first answer and closes it when the second request comes: what happens when the
/// upstream's keepalive timeout ends at the moment nginx uses the connection again.
pub fn http_stale_keepalive() -> Result<Server> {
    Server::tcp(|mut stream| {
        if read_request(&mut stream).is_some() && stream.write_all(GOOD).is_ok() {
            read_request(&mut stream);
        }
    })
}

/// Serves one request on `stream` in the way its path asks for.
fn fault(mut stream: TcpStream) {
    let Some(path) = peek_path(&stream) else { return };
    let name = path.trim_start_matches('/').split(['?', '/']).next().unwrap_or_default();
    // These close with the request unread, which makes the kernel send RST instead of FIN.
    match name {
        "reset" => return,
        "reset-in-status-line" => return send_then_reset(&mut stream, b"HTTP/1.1 200 O"),
        "reset-in-body" => {
            let mut half = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n".to_vec();
            half.resize(30_000, b'x');
            return send_then_reset(&mut stream, &half);
        }
        _ => {}
    }
    if read_request(&mut stream).is_none() {
        return;
    }
    let mut stall = false;
    let answer: Vec<u8> = match name {
        "close" => Vec::new(),
        "close-in-header" => b"HTTP/1.1 200 OK\r\nContent-Typ".to_vec(),
        "no-status-line" => b"hello, I speak no protocol at all\r\n\r\n".to_vec(),
        "http2" => b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x00\xff\xff\x00\x05\x00\x00\x40\x00".to_vec(),
        "space-in-header" => b"HTTP/1.1 200 OK\r\nFoo Bar: x\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        "no-colon" => b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        "big-header" => format!("HTTP/1.1 200 OK\r\nX-Big: {}\r\n\r\nok", "b".repeat(20_000)).into_bytes(),
        "short-body" => [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".as_slice(), &[b'x'; 100]].concat(),
        "bad-chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnope\r\n".to_vec(),
        "stall" => {
            stall = true;
            Vec::new()
        }
        "stall-in-header" => {
            stall = true;
            b"HTTP/1.1 200 OK\r\nContent-Typ".to_vec()
        }
        "stall-in-body" => {
            stall = true;
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".as_slice(), &[b'x'; 100]].concat()
        }
        "status" => {
            let code = path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or("502");
            format!("HTTP/1.1 {code} Own Words\r\nContent-Length: 6\r\n\r\nmy own").into_bytes()
        }
        _ => GOOD.to_vec(),
    };
    let _ = stream.write_all(&answer);
    if stall {
        wait_for_close(&mut stream);
    }
}

/// Sends `bytes`, lets nginx read them, and closes with the request still unread.
fn send_then_reset(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    // A reset overtakes bytes that nginx has not fetched yet.
    let _ = wait_for("nginx to read", Duration::from_secs(5), || {
        has_read_all(stream).unwrap_or(true).then_some(())
    });
}

/// Whether nothing that we sent waits in the peer's socket, which is on this machine; `None`: it is gone.
fn has_read_all(stream: &TcpStream) -> Option<bool> {
    let (SocketAddr::V4(ours), SocketAddr::V4(theirs)) =
        (stream.local_addr().ok()?, stream.peer_addr().ok()?)
    else {
        return None;
    };
    // proc_net_tcp: addresses in hexadecimal, of the byte order of the machine, then state and tx_queue:rx_queue.
    let hex = |address: SocketAddrV4| {
        format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
    };
    let connection = format!("{} {} ", hex(theirs), hex(ours));
    let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
    let line = sockets.lines().find_map(|line| line.split_once(&connection).map(|(_, rest)| rest))?;
    let queues = line.split_whitespace().nth(1)?;
    Some(queues.ends_with(":00000000"))
}

/// The path of the request, which stays unread in the socket.
fn peek_path(stream: &TcpStream) -> Option<String> {
    let mut bytes = [0; 2048];
    let count = stream.peek(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes[..count]);
    Some(text.split(' ').nth(1)?.to_owned())
}

/// Reads one whole request, body included; `None` when the connection ends instead.
fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0);
    let mut missing = (head + length).saturating_sub(bytes.len());
    while missing > 0 {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        missing = missing.saturating_sub(count);
    }
    Some(())
}
