//! A request as bytes.

use super::decode::{BEGIN_REQUEST, ID, PARAMS, STDIN, VERSION};

/// FCGI_RESPONDER.
const RESPONDER: u8 = 1;
/// A record's content has a length of two bytes.
const MOST: usize = u16::MAX as usize;

/// A GET of `script` as a complete request: begin, parameters, their end, the end of an empty body.
///
/// PHP-FPM compares SCRIPT_NAME, not REQUEST_URI, with pm.status_path (`fpm_status_handle_request`), takes no request
/// without SCRIPT_FILENAME for a script, and answers an empty 200 to anything without REQUEST_METHOD (main/fpm_main.c:
/// `goto fastcgi_request_done`).
pub fn encode(script: &str, query: &str) -> Vec<u8> {
    let uri = if query.is_empty() { script.to_owned() } else { format!("{script}?{query}") };
    let parameters = [
        ("SCRIPT_NAME", script),
        ("SCRIPT_FILENAME", script),
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", query),
        ("REQUEST_URI", &uri),
        ("DOCUMENT_URI", script),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "badgateway"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("CONTENT_LENGTH", "0"),
    ];
    let mut pairs = Vec::new();
    for (name, value) in parameters {
        length(&mut pairs, name.len());
        length(&mut pairs, value.len());
        pairs.extend_from_slice(name.as_bytes());
        pairs.extend_from_slice(value.as_bytes());
    }
    let mut out = Vec::with_capacity(pairs.len() + 64);
    // Without FCGI_KEEP_CONN the other side closes, and the worker is free for others.
    record(&mut out, BEGIN_REQUEST, &[0, RESPONDER, 0, 0, 0, 0, 0, 0]);
    pairs.chunks(MOST).for_each(|chunk| record(&mut out, PARAMS, chunk));
    record(&mut out, PARAMS, &[]);
    record(&mut out, STDIN, &[]);
    out
}

/// A name's or value's length: one byte up to 127, else four with the top bit set.
fn length(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => out.extend_from_slice(&(length as u32 | 0x8000_0000).to_be_bytes()),
    }
}

fn record(out: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let [id_high, id_low] = ID.to_be_bytes();
    let [high, low] = (content.len() as u16).to_be_bytes();
    out.extend_from_slice(&[VERSION, kind, id_high, id_low, high, low, 0, 0]);
    out.extend_from_slice(content);
}
