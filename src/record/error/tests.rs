use super::*;

const REFUSED: &[u8] = b"2026/11/20 15:03:27 [error] 28133#28133: *278 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: lab.test, request: \"GET /a\"b HTTP/1.1\", upstream: \"http://127.0.0.1:19391/a\"b\", host: \"lab.test\", referrer: \"q\", upstream: \"http://evil:9/\", host: \"h\"";

#[test]
fn fields_are_read_from_the_left() {
    let head = head(REFUSED).unwrap();
    assert_eq!((head.level, head.pid, head.connection), (Level::Error, 28133, Some(278)));
    let context = context(head.body, false);
    assert_eq!(context.message, b"connect() failed");
    assert_eq!(context.number, Some(111));
    assert_eq!(context.action, Action::Connecting);
    assert_eq!(context.client, Some(&b"127.0.0.1"[..]));
    assert_eq!(context.request.unwrap().line, b"GET /a\"b HTTP/1.1");
    assert_eq!(context.upstream.unwrap().address, b"127.0.0.1:19391");
    assert!(!context.subrequest);
}

#[test]
fn a_head_needs_every_part() {
    for bad in [
        &b"2026/11/20 15:03:27 [error] 28133: *278 x"[..],
        b"2026/11/20 15:03:27 [loud] 1#1: x",
        b"tail of the message\" while reading",
        b"",
        b"\xff\xfe\x00",
    ] {
        assert_eq!(head(bad), None);
    }
    assert_eq!(head(b"2026/11/20 15:03:27 [notice] 1#0: exit").unwrap().connection, None);
}

#[test]
fn the_unix_colon_trap() {
    let address = |text: &str| {
        let up = upstream(text.as_bytes(), false).unwrap();
        (String::from_utf8(up.address.to_vec()).unwrap(), up.guessed)
    };
    let sock = "unix:/run/php/x.sock".to_owned();
    assert_eq!(address("fastcgi://unix:/run/php/x.sock:\", host: \"h\""), (sock.clone(), false));
    assert_eq!(address("fastcgi://unix:/run/php/x.sock\", host: \"h\""), (sock.clone(), false));
    assert_eq!(address("http://unix:/run/php/x.sock:/uri:1\", host: \"h\""), (sock.clone(), false));
    assert_eq!(address("http://unix:/run/php/x.sock/uri\", host: \"h\""), (sock, true));
    assert_eq!(address("http://[::1]:8080/x\""), ("[::1]:8080".to_owned(), false));
    assert_eq!(address("fastcgi://mixed\""), ("mixed".to_owned(), false));
}

#[test]
fn cut_entries_keep_what_is_certain() {
    let body = b"connect() to unix:/x failed (2: No such file or directory) while connecting to upstream, client: ::1, server: , request: \"GET /long?q=uuu";
    let context = context(body, true);
    assert_eq!(context.server, Some(&b""[..]));
    assert_eq!(context.request, Some(Request { line: b"GET /long?q=uuu", cut: true }));
    assert_eq!(context.upstream, Some(Upstream { schema: b"", address: b"unix:/x", guessed: false }));
    assert_eq!(context.number, Some(2));
}

#[test]
fn http_09_and_subrequests() {
    let old =
        context(b"x, client: 1.1.1.1, server: s, request: \"GET /old\", upstream: \"fastcgi://a:1\"", false);
    assert_eq!(old.request.unwrap().line, b"GET /old");
    assert_eq!(old.upstream.unwrap().address, b"a:1");
    let sub = context(
        b"x while connecting to upstream, client: 1.1.1.1, server: s, request: \"GET / HTTP/1.1\", subrequest: \"/_a\"\nb c\", upstream: \"http://b:2/_a\", host: \"h\"",
        false,
    );
    assert!(sub.subrequest);
    assert_eq!(sub.upstream.unwrap().address, b"b:2");
}

#[test]
fn nothing_panics_on_any_prefix() {
    for end in 0..REFUSED.len() {
        if let Some(head) = head(&REFUSED[..end]) {
            context(head.body, true);
            context(head.body, false);
        }
    }
}
