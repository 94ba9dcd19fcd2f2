use std::fs;

use super::*;

/// What a file with this text gives.
fn of(text: &str) -> Result<WebConfig, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.yml");
    fs::write(&path, text).unwrap();
    load(&path).1
}

fn error(text: &str) -> ConfigError {
    of(text).err().unwrap_or_else(|| panic!("accepted: {text}"))
}

const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

#[test]
fn nothing_is_plain_http_for_everybody() {
    for text in [
        "",
        "# only a comment\n",
        "---\n",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
        "{}",
    ] {
        let config = of(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(config.tls.is_none() && config.users.is_empty() && config.rate.is_none(), "{text:?}");
    }
}

#[test]
fn users_headers_and_rate_are_read() {
    let config = of(&format!(
        "basic_auth_users:\n  a: {HASH}\n  \"b c\": \"{HASH}\"\nhttp_server_config:\n  http2: no\n  headers:\n    X-XSS-Protection: 1\n    \
         X-Frame-Options: deny\nrate_limit:\n  interval: 1m30s\n  burst: 20\n"
    ))
    .unwrap();
    assert_eq!(config.users.keys().collect::<Vec<_>>(), ["a", "b c"]);
    assert_eq!(config.users["a"].cost, 5);
    let headers: Vec<_> = config.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-frame-options", "deny"), ("x-xss-protection", "1")]);
    assert_eq!(config.rate, Some(Rate { interval: Duration::from_secs(90), burst: 20 }));
    assert!(
        config.warnings.iter().any(|warning| warning.contains("over the network")),
        "{:?}",
        config.warnings
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        ("tls_server_config:\n  cert_filse: x\n", 2, "cert_filse"),
        ("unknown:\n  a: b\n", 1, "unknown"),
        ("basic_auth_users: {}\nbasic_auth_users: {}\n", 2, "uplicate"),
        ("http_server_config:\n  headers:\n    X-Frame-Options: foo\n", 3, "X-Frame-Options"),
        ("http_server_config:\n  headers:\n    Content-Type: foo\n", 3, "Content-Type"),
        ("http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n", 3, "nosniff"),
        ("\nbasic_auth_users:\n  john: doe\n", 3, "john"),
        ("tls_server_config:\n  min_version: TLS111\n", 2, "TLS111"),
        ("tls_server_config:\n  curve_preferences:\n  - X25519\n  - CurveP257\n", 4, "CurveP257"),
        ("tls_server_config:\n  cipher_suites:\n  - TLS_X\n", 3, "TLS_X"),
        ("rate_limit:\n  interval: soon\n", 2, "soon"),
        ("rate_limit:\n  burst: -1\n", 2, ""),
        ("http_server_config:\n  http2: maybe\n", 2, ""),
        ("just words\n", 1, ""),
    ];
    for (text, line, word) in cases {
        let error = error(text);
        let message = error.to_string();
        assert!(message.contains(word), "{text}: {message}");
        assert_eq!(error.place().map(|(line, _)| line), Some(line), "{text}: {message}");
    }
}

#[test]
fn a_secret_is_in_no_message() {
    let secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw";
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("k.pem"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----BEGIN X {secret}\n"),
    )
    .unwrap();
    for text in [
        format!("tls_server_config:\n  cert: x\n  key: {secret}\n  unknown: 1\n"),
        format!("tls_server_config:\n  cert: x\n  key: [{secret}]\n"),
        format!(
            "tls_server_config:\n  cert_file: k.pem\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    {secret}\n"
        ),
        "tls_server_config:\n  cert_file: k.pem\n  key_file: k.pem\n".to_owned(),
        format!("basic_auth_users:\n  a: {secret}\n"),
        format!("basic_auth_users:\n  a: [{secret}]\n"),
        format!("basic_auth_users:\n  a: {secret}\n  a: {secret}\n"),
    ] {
        let path = dir.path().join("web.yml");
        fs::write(&path, &text).unwrap();
        let error = load(&path).1.err().expect("refused").to_string();
        assert!(!error.contains(&secret[..8]), "{text}: {error}");
    }
}

#[test]
fn bcrypt_hashes_are_told_from_other_words() {
    for good in
        [HASH.to_owned(), HASH.replace("$2b", "$2y"), HASH.replace("$2b", "$2a"), HASH.replace("$05", "$31")]
    {
        of(&format!("basic_auth_users:\n  a: {good}\n")).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    let bad = ["", "secret", "$1$abc$def", &HASH[..59], "$5$rounds=5000$x$y"].map(str::to_owned);
    for bad in bad.into_iter().chain([
        HASH.replace("$05", "$03"),
        HASH.replace("$05", "$32"),
        HASH.replace("$2b", "$3b"),
    ]) {
        error(&format!("basic_auth_users:\n  a: \"{bad}\"\n"));
    }
}

#[test]
fn durations_are_go_s() {
    let of = |text: &str| words::GoDuration::try_from(text.to_owned()).ok().map(|duration| duration.0);
    for (text, milliseconds) in [
        ("1s", 1000),
        ("0", 0),
        ("1m30s", 90_000),
        ("0.5s", 500),
        ("250ms", 250),
        ("1000000", 1),
        ("2h", 7_200_000),
    ] {
        assert_eq!(of(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["s", "1", "1.s.", "-1s", "1d", "1s1", "1e9h", "9999999999999999999999h"] {
        let read = of(text);
        assert!(read.is_none() || text == "1", "{text}: {read:?}");
    }
}

#[test]
fn what_is_there_now_is_compared_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.yml");
    fs::write(&path, format!("basic_auth_users:\n  a: {HASH}\n")).unwrap();
    let (first, _) = load(&path);
    assert_eq!(load(&path).0, first);
    fs::write(&path, format!("basic_auth_users:\n  b: {HASH}\n")).unwrap();
    assert_ne!(load(&path).0, first, "same length, perhaps the same time");
    fs::remove_file(&path).unwrap();
    let (gone, loaded) = load(&path);
    assert!(loaded.is_err() && gone != first);
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load(dir.path()).1.is_err(), "a directory");
    assert!(load(&dir.path().join("none")).1.is_err());
    let fifo = dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    // Empty at once, since nobody writes to it: an empty file.
    assert!(load(&fifo).1.is_ok());
    let long = dir.path().join("long");
    fs::write(&long, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(load(&long).1.is_err());
}

const BYTES: &[u8] = b"\0\t\n &*!|>'\"%@`{}[]:,#?-\xff";

/// Files that are nearly right: pieces of right ones cut, doubled, swapped, with bytes changed.
#[test]
fn no_file_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.yml");
    let right = format!(
        "tls_server_config: &a\n  cert: |\n    -----BEGIN CERTIFICATE-----\n    TUlJ\n    -----END CERTIFICATE-----\n  key: \"x\\n\"\n  \
         client_auth_type: 'RequireAnyClientCert'\n  cipher_suites: [TLS_AES_128_GCM_SHA256, \"é\"]\n  <<: *a\nhttp_server_config:\n  \
         headers: {{X-Frame-Options: deny}}\n? basic_auth_users\n: a: {HASH}\n  b: !!str >-\n    c\n---\nrate_limit:\n  interval: 1m0.5s\n  \
         burst: 0x10\n...\n%YAML 1.2\n"
    );
    let right = right.as_bytes();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let (mut accepted, mut longest) = (0, Duration::ZERO);
    for _ in 0..20_000 {
        let mut text = right.to_vec();
        for _ in 0..=random(6) {
            let (from, to) = (random(text.len() + 1), random(text.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            match random(4) {
                0 => drop(text.drain(from..to)),
                1 => {
                    let piece = text[from..to.min(from + 200)].to_vec();
                    let at = random(text.len() + 1);
                    text.splice(at..at, piece);
                }
                2 if from < text.len() => text[from] = BYTES[random(BYTES.len())],
                _ => text.truncate(to.max(1)),
            }
        }
        let start = std::time::Instant::now();
        accepted += usize::from(file::parse(&path, &text).is_ok());
        longest = longest.max(start.elapsed());
    }
    println!("20000 files, {accepted} accepted, the longest took {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    // Many levels, and aliases of aliases.
    for open in ["[", "{a: ", "- ", "? ", "!!str ", "&a "] {
        assert!(file::parse(&path, open.repeat(100_000).as_bytes()).is_err(), "{open}");
    }
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{before}x]\n"));
    }
    assert!(file::parse(&path, bomb.as_bytes()).is_err());
    let users = format!("basic_auth_users:\n  a: &h [{}]\n  b: *h\n", "x, ".repeat(100_000));
    assert!(file::parse(&path, users.as_bytes()).is_err());
}

#[test]
fn no_file_panics() {
    const WORDS: &[&str] = &[
        "tls_server_config:\n",
        "  cert_file: ",
        "http_server_config:\n",
        "  headers:\n",
        "basic_auth_users:\n",
        "rate_limit:\n",
        "  interval: 1m30s\n",
        "  burst: ",
        "  min_version: TLS12\n",
        "  cipher_suites: [",
        "&a ",
        "*a",
        "<<: ",
        "- ",
        ": ",
        "!!binary ",
        "|\n",
        ">\n",
        "---\n",
        "...\n",
        "{",
        "}",
        "[",
        "]",
        "\t",
        "# ",
        "? ",
        "%YAML 1.2\n",
        "\"\\u0000\"",
        "~",
    ];
    let text = format!(
        "tls_server_config:\n  cert_file: c.pem\n  key_file: k.pem\n  client_auth_type: RequireAnyClientCert\n  \
         cipher_suites: [TLS_AES_128_GCM_SHA256]\n  min_version: TLS12\nbasic_auth_users:\n  a: {HASH}\n  \"b c\": \"{HASH}\"\n\
         http_server_config:\n  http2: no\n  headers:\n    X-Frame-Options: deny\nrate_limit:\n  interval: 1m30s\n  burst: 20\n"
    );
    let plain =
        format!("basic_auth_users: {{a: &h {HASH}, b: *h}}\nrate_limit: {{interval: 1s, burst: 1}}\n");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("web.yml");
    crate::fuzz::target("web_configuration", vec![text.into(), plain.into()], WORDS, |text| {
        if let Ok(file) = file::parse(&path, text) {
            let _ = (build(&file, &path, dir.path(), &mut Sources::default()), file.http2());
        }
    });
}
