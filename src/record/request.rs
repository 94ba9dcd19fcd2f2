//! A request line taken apart: `METHOD URI PROTOCOL`.

/// What stands before a protocol.
const PROTOCOL: &[u8] = b" HTTP/";

/// The parts of a request line, as the client sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// `GET`
    pub method: &'a [u8],
    /// `/a?b`, without the scheme and host of a request to a proxy.
    pub uri: &'a [u8],
    /// `HTTP/1.1`; `None` when the line ends before it.
    pub protocol: Option<&'a [u8]>,
}

/// Takes a whole line apart.
pub fn split(line: &[u8]) -> RequestLine<'_> {
    let (method, rest) = line.split_at(memchr::memchr(b' ', line).unwrap_or(line.len()));
    let (uri, protocol) = match memchr::memmem::rfind(rest, PROTOCOL) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    RequestLine { method, uri: origin(uri.strip_prefix(b" ").unwrap_or(uri)), protocol }
}

/// Takes a line apart of which only the beginning is there. What may be the beginning of the protocol is left out.
pub fn split_cut(line: &[u8]) -> RequestLine<'_> {
    let lengths = (1..PROTOCOL.len()).rev();
    let partial = lengths.map(|length| &PROTOCOL[..length]).find(|partial| line.ends_with(partial));
    split(&line[..line.len() - partial.map_or(0, <[u8]>::len)])
}

/// The path of a URI: what stands before its arguments.
pub fn path(uri: &[u8]) -> &[u8] {
    &uri[..memchr::memchr(b'?', uri).unwrap_or(uri.len())]
}

/// `$request_uri` has no scheme and no host, whatever was sent.
fn origin(uri: &[u8]) -> &[u8] {
    if uri.starts_with(b"/") {
        return uri;
    }
    let Some(scheme) = memchr::memmem::find(path(uri), b"://") else { return uri };
    let host = &uri[scheme + 3..];
    host.iter().position(|byte| matches!(byte, b'/' | b'?')).map_or(b"/", |at| &host[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &RequestLine<'_>) -> (String, String, Option<String>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(line.method), text(line.uri), line.protocol.map(text))
    }

    #[test]
    fn lines_fall_into_their_parts() {
        for (line, method, uri, protocol) in [
            ("GET /a?b=c HTTP/1.1", "GET", "/a?b=c", Some("HTTP/1.1")),
            ("GET /a b HTTP/2.0", "GET", "/a b", Some("HTTP/2.0")),
            ("GET /x HTTP/9 HTTP/1.0", "GET", "/x HTTP/9", Some("HTTP/1.0")),
            ("GET /a", "GET", "/a", None),
            ("OPTIONS * HTTP/1.1", "OPTIONS", "*", Some("HTTP/1.1")),
            ("GET http://h:80/a?u=http://x HTTP/1.1", "GET", "/a?u=http://x", Some("HTTP/1.1")),
            ("GET http://h HTTP/1.1", "GET", "/", Some("HTTP/1.1")),
            ("GET /a?u=http://x HTTP/1.1", "GET", "/a?u=http://x", Some("HTTP/1.1")),
            ("\x16\x03", "\x16\x03", "", None),
            ("", "", "", None),
        ] {
            let expected = (method.to_owned(), uri.to_owned(), protocol.map(ToOwned::to_owned));
            assert_eq!(parts(&split(line.as_bytes())), expected, "{line}");
        }
    }

    #[test]
    fn wherever_a_line_is_cut_its_uri_is_a_beginning() {
        let line = b"POST /abc?d HTTP/1.1";
        for length in 6..line.len() {
            let cut = split_cut(&line[..length]);
            assert!(b"/abc?d".starts_with(cut.uri), "{length}: {cut:?}");
            assert_eq!(cut.uri.len(), (length - 5).min(6), "{length}");
        }
    }
}
