//! A FastCGI upstream on a unix socket: the parameter `FAULT` names the way in which the answer is broken.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use super::{Server, wait_for_close};
use crate::Result;

const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// A server whose faults are those of `answer`.
pub fn fastcgi_faults(path: &Path) -> Result<Server> {
    Server::unix(path, |mut stream: UnixStream| {
        let Some(params) = read_request(&mut stream) else { return };
        let fault = param(&params, b"FAULT").unwrap_or_default();
        let text = param(&params, b"TEXT").unwrap_or_default();
        let _ = stream.write_all(&answer(&fault, text.as_bytes()));
        if fault.starts_with("stall") {
            wait_for_close(&mut stream);
        }
    })
}

/// The bytes to send for a fault. `text` is what the request wants written into nginx's error log.
fn answer(fault: &str, text: &[u8]) -> Vec<u8> {
    let page = b"Content-Type: text/plain\r\n\r\nok".as_slice();
    let good = [record(STDOUT, page), record(STDOUT, b""), end()].concat();
    match fault {
        "close" | "stall" => Vec::new(),
        "half-record" => vec![1, STDOUT, 0, 1, 0],
        "half-header" => record(STDOUT, b"Content-Type: te"),
        "http" => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "bad-version" => [&[9], &good[1..]].concat(),
        "bad-type" => record(99, b"what is this"),
        "bad-request-id" => {
            let mut bytes = good;
            bytes[2] = 3;
            bytes
        }
        "early-end" => end(),
        "empty-stdout" => [record(STDOUT, b""), end()].concat(),
        "space-in-header" => [record(STDOUT, b"Foo Bar: x\r\n\r\nok"), record(STDOUT, b""), end()].concat(),
        "bad-status" => [record(STDOUT, b"Status: abc\r\n\r\nok"), record(STDOUT, b""), end()].concat(),
        "big-header" => {
            let header = [b"X-Big: ".as_slice(), &[b'b'; 20_000], b"\r\n\r\n"].concat();
            [record(STDOUT, &header), end()].concat()
        }
        "stall-in-body" => record(STDOUT, b"Content-Type: text/plain\r\n\r\nhalf a pa"),
        "short-body" => {
            let header = b"Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf";
            [record(STDOUT, header), record(STDOUT, b""), end()].concat()
        }
        "stderr-then-close" => record(STDERR, text),
        "stderr-then-end" => [record(STDERR, text), end()].concat(),
        "stderr-then-ok" => [record(STDERR, text), good].concat(),
        _ => good,
    }
}

/// One record for request 1, as long as it has to be.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[1, kind, 0, 1, length[0], length[1], 0, 0], content].concat()
}

fn end() -> Vec<u8> {
    record(END_REQUEST, &[0; 8])
}

/// Reads records up to the empty STDIN that ends a request; returns the PARAMS content.
fn read_request(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut params = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).ok()?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut content = vec![0; length + usize::from(header[6])];
        stream.read_exact(&mut content).ok()?;
        content.truncate(length);
        match header[1] {
            PARAMS => params.extend_from_slice(&content),
            STDIN if content.is_empty() => return Some(params),
            _ => {}
        }
    }
}

/// The value of one FastCGI parameter.
fn param(mut params: &[u8], wanted: &[u8]) -> Option<String> {
    while !params.is_empty() {
        let name = take_length(&mut params)?;
        let value = take_length(&mut params)?;
        let (pair, rest) = params.split_at_checked(name + value)?;
        if &pair[..name] == wanted {
            return Some(String::from_utf8_lossy(&pair[name..]).into_owned());
        }
        params = rest;
    }
    None
}

/// A length is one byte below 128, else four with the highest bit set.
fn take_length(params: &mut &[u8]) -> Option<usize> {
    let (first, rest) = params.split_first()?;
    if *first < 128 {
        *params = rest;
        return Some(usize::from(*first));
    }
    let (four, rest) = params.split_first_chunk::<4>()?;
    *params = rest;
    Some((u32::from_be_bytes(*four) & 0x7fff_ffff) as usize)
}
