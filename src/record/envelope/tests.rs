use super::*;

#[test]
fn each_transport_gives_back_the_line() {
    let line = "2026/11/20 15:13:54 [crit] 10048#10048: *2 x";
    for (envelope, text) in [
        (Envelope::Plain, line.to_owned()),
        (Envelope::Syslog, format!("<170>Nov 20 15:13:54 vm labngx: {line}")),
        (Envelope::Syslog, format!("<190>Nov  2 15:13:54 nginx: {line}")),
        (Envelope::Syslog, format!("Nov 20 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("2026-11-20T15:13:54+0000 vm nginx[12]: {line}")),
        (Envelope::Cri, format!("2026-11-20T15:26:10.389870674+00:00 stderr F {line}")),
        (Envelope::DockerJson, format!("{{\"log\":\"{line}\\n\",\"stream\":\"stderr\",\"time\":\"x\"}}")),
        (Envelope::CrLf, format!("{line}\r")),
        (Envelope::CrLf, line.to_owned()),
        (Envelope::Syslog, format!("déc. 09 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("août 09 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("März 9 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("11月 20 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("Thu 2026-11-20 15:13:54 CET vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("2026-11-20T15:13:54.123456+01:00 vm nginx[12]: {line}")),
        (Envelope::Syslog5424, format!("<187>1 2026-11-20T15:13:54.003+00:00 web1 nginx 31 ERROR - {line}")),
        (Envelope::Syslog5424, format!("<187>1 2026-11-20T15:13:54Z - nginx - - - \u{feff}{line}")),
        (
            Envelope::Syslog5424,
            format!("123 <187>1 2026-11-20T15:13:54Z h nginx 1 - [a@1 b=\"]\\\"\"][c] {line}"),
        ),
        (Envelope::Compose, format!("nginx-1  | {line}")),
        (Envelope::Compose, format!("\u{1b}[36mnginx-1  |\u{1b}[0m {line}")),
        (Envelope::Compose, format!("  web.1.x7@node-1    | {line}")),
        (Envelope::Compose, format!("nginx-1  | 2026-11-20T15:13:54.123456789Z {line}")),
        (Envelope::Kubectl, format!("[pod/shop-7d9c/nginx] {line}")),
        (Envelope::Kubectl, format!("[pod/shop-7d9c/nginx] 2026-11-20T15:13:54.123456789Z {line}")),
        (Envelope::Stamped, format!("2026-11-20T15:13:54.123456789Z {line}")),
        (Envelope::Stamped, format!("2026-11-20T15:13:54+01:00 {line}")),
        (Envelope::Stamped, format!("2026-11-20 15:13:54.123456789  {line}")),
        (Envelope::Stamped, format!("[2026-11-20 15:13:54,123] {line}")),
        (Envelope::Syslog, format!("Thu Nov 20 15:13:54 2026 daemon.err nginx[31]: {line}")),
        (Envelope::Syslog, format!("Nov 20 15:13:54 router daemon.err nginx[31]: {line}")),
        (Envelope::Syslog, format!("Thg 11 20 15:13:54 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("Nov 20 15:13:54 fe80::1 docker/web[a1b2c3]: {line}")),
        (Envelope::Syslog, format!("1795187634.123456 vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("[ 1234.567890] vm nginx[12]: {line}")),
        (Envelope::Syslog, format!("2026-11-20T15:13:54.123456+00:00 app[web.1]: {line}")),
        (Envelope::Syslog5424, format!("83 <158>1 2026-11-20T15:13:54.123456+00:00 host app web.1 - {line}")),
        (Envelope::Compose, format!("15:13:54 nginx.1    | {line}")),
        (Envelope::Compose, format!("0|nginx    | {line}")),
        (Envelope::Compose, format!("0|nginx  | 2026-11-20T15:13:54: {line}")),
        (Envelope::Compose, format!("[nginx] | {line}")),
        (Envelope::Compose, format!("nginx stderr | {line}")),
        (Envelope::Fly, format!("2026-11-20T15:13:54Z app[3d8d9e] ams [info]{line}")),
        (Envelope::Railway, format!("2026-11-20T15:13:54.759276947Z [err]  {line}")),
        (Envelope::Tai64n, format!("@400000006560f2d0123456ab {line}")),
        (Envelope::CloudWatch, format!("2026-11-20T15:13:54.123000+00:00 web/nginx/0af5 {line}")),
        (Envelope::Stern, format!("shop-7d9c5b7f4-x2x7z nginx {line}")),
        (
            Envelope::Stern,
            format!("\u{1b}[38;5;1mshop-7d9c5b7f4-x2x7z\u{1b}[0m \u{1b}[38;5;2mnginx\u{1b}[0m {line}"),
        ),
        (
            Envelope::Json,
            format!("{{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"{line}\",\"_PID\":\"31\"}}"),
        ),
        (Envelope::Json, format!("{{\"insertId\":\"x\",\"textPayload\":\"{line}\\n\",\"timestamp\":\"x\"}}")),
        (
            Envelope::Json,
            format!("{{\"timestamp\":1795187634123,\"message\":\"{line}\",\"ingestionTime\":1}}"),
        ),
        (Envelope::Json, format!("{{\"jsonPayload\": {{\"message\": \"{line}\"}}, \"x\": [1]}}")),
    ] {
        assert_eq!(envelope.open(text.as_bytes()).as_deref(), Some(line.as_bytes()), "{envelope:?}: {text}");
    }
}

#[test]
fn another_dress_is_refused() {
    assert_eq!(Envelope::Syslog.open(b"2026/11/20 15:13:54 [crit] 1#1: x"), None);
    assert_eq!(Envelope::Cri.open(b"Nov 20 15:13:54 vm nginx: x"), None);
    assert_eq!(Envelope::DockerJson.open(b"{\"log\":"), None);
    for envelope in Envelope::ALL.iter().copied().filter(|envelope| envelope.reorders()) {
        assert_eq!(envelope.open(b"2026/11/20 15:13:54 [crit] 1#1: x"), None, "{envelope:?}");
        let line = b"1.2.3.4 - - [20/Nov/2026:15:13:54 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"c\"";
        assert_eq!(envelope.open(line), None, "{envelope:?}");
    }
}

#[test]
fn whose_line_it_is_is_told_where_several_are_mixed() {
    let stream = |envelope: Envelope, line: &str| {
        envelope.stream(line.as_bytes()).map(|stream| String::from_utf8_lossy(&stream).into_owned())
    };
    for (envelope, line, expected) in [
        (Envelope::Cri, "2026-11-20T15:26:10.3Z stderr F x", "stderr"),
        (Envelope::DockerJson, "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"\"}", "stdout"),
        (Envelope::Syslog, "Nov 20 15:13:54 vm nginx[12]: x", "nginx[12]"),
        (Envelope::Syslog5424, "<187>1 2026-11-20T15:13:54Z h nginx 31 - - x", "nginx 31"),
        (Envelope::Compose, "php-1    | x", "php-1"),
        (Envelope::Kubectl, "[pod/shop-7d9c/nginx] x", "shop-7d9c/nginx"),
    ] {
        assert_eq!(stream(envelope, line).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(stream(Envelope::Plain, "x"), None);
}

#[test]
fn the_mark_of_a_file_of_utf_8_is_skipped() {
    let opened = LogEnvelope::default().open(b"\xef\xbb\xbf2026/11/20 x").next();
    assert_eq!(opened, Some((Envelope::Plain, Cow::Borrowed(&b"2026/11/20 x"[..]))));
}

#[test]
fn line_ends_of_windows_are_only_found_where_they_are() {
    let found = |line: &[u8]| LogEnvelope::default().open(line).next().map(|(envelope, _)| envelope);
    assert_eq!(found(b"2026/11/20 x\r"), Some(Envelope::CrLf));
    assert_eq!(found(b"2026/11/20 x"), Some(Envelope::Plain));
}
