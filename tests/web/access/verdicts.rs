//! Which web configurations are good: the same as exporter-toolkit says, whose `promtool check web-config` is asked, too.

use std::path::Path;
use std::process::Command;

use badgateway_harness::find_program;
use badgateway_harness::programs::badgateway;

use super::{HASH, Started, certificates, openssl, place};

/// What is expected of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// Good where the toolkit knows the key, which those of older Debians do not.
    GoodIfNew,
    /// Only a server that starts refuses it, `promtool` does not.
    BadAtStart,
    /// It is good for Go; rustls has nothing of what it wants.
    BadForUs,
}
use Verdict::{Bad, BadAtStart, BadForUs, Good, GoodIfNew};

/// Certificate and key, before what a case adds.
const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// Behind [`TLS`].
const WITH_TLS: &[(Verdict, &str)] = &[
    (Good, ""),
    (Good, "  client_auth_type: NoClientCert\n"),
    (Good, "  client_auth_type: ''\n"),
    (Good, "  client_auth_type: RequestClientCert\n"),
    (Good, "  client_auth_type: RequireAnyClientCert\n"),
    (Good, "  client_auth_type: RequireClientCert\n"),
    (Good, "  client_auth_type: VerifyClientCertIfGiven\n"),
    (Good, "  client_auth_type: RequireAndVerifyClientCert\n"),
    (Good, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"),
    (Good, "  client_auth_type: RequireAnyClientCert\n  client_ca_file: ca.crt\n"),
    (Good, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: /dev/null\n"),
    (
        GoodIfNew,
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: [a, b]\n",
    ),
    (Bad, "  client_auth_type: requireandverifyclientcert\n"),
    (Bad, "  client_auth_type: x\n"),
    (Bad, "  client_ca_file: ca.crt\n"),
    (Bad, "  client_ca_file: none.crt\n"),
    (Bad, "  client_auth_type: NoClientCert\n  client_ca_file: ca.crt\n"),
    (Bad, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.crt\n"),
    (Good, "  min_version: TLS12\n  max_version: TLS13\n"),
    (Good, "  min_version: TLS13\n"),
    (Good, "  max_version: TLS12\n"),
    (Good, "  min_version: TLS10\n"),
    (BadForUs, "  min_version: TLS10\n  max_version: TLS11\n"),
    (Bad, "  min_version: TLS111\n"),
    (Bad, "  min_version: tls12\n"),
    (Bad, "  min_version: 1.2\n"),
    (Bad, "  max_version: SSL30\n"),
    (
        Good,
        "  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n  \
         - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n  \
         - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\n  - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256\n  \
         - TLS_AES_128_GCM_SHA256\n  - TLS_AES_256_GCM_SHA384\n  - TLS_CHACHA20_POLY1305_SHA256\n  \
         - TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA\n  - TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA\n  \
         - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n  - TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA\n",
    ),
    (Good, "  cipher_suites: []\n"),
    (
        Good,
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n",
    ),
    (Bad, "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048]\n"),
    (Bad, "  cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]\n"),
    (BadAtStart, "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  max_version: TLS12\n"),
    (
        Good,
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  max_version: TLS12\nhttp_server_config:\n  http2: false\n",
    ),
    (
        BadForUs,
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n  max_version: TLS12\nhttp_server_config:\n  http2: false\n",
    ),
    (Good, "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n"),
    (Good, "  curve_preferences: []\n"),
    (Bad, "  curve_preferences: [CurveP257]\n"),
    (Bad, "  curve_preferences: [x25519]\n"),
    (BadForUs, "  min_version: TLS13\n  curve_preferences: [CurveP521]\n"),
    (Good, "  prefer_server_cipher_suites: yes\n"),
    (Bad, "  prefer_server_cipher_suites: perhaps\n"),
    (Bad, "  cert_filse: server.crt\n"),
    (Bad, "  key_file: server.key\n"),
    (Bad, " x: y\n"),
    (Good, "http_server_config:\n  http2: true\n"),
    (Good, "basic_auth_users: {}\n"),
];

const WITHOUT_TLS: &[(Verdict, &str)] = &[
    (Good, ""),
    (Good, "# nothing\n"),
    (Good, "tls_server_config:\n"),
    (Good, "tls_server_config: {}\n"),
    (Good, "tls_server_config:\n  cert_file: ''\n  key_file: ''\n"),
    (Bad, "tls_server_config:\n  cert_file: ''\n  key_file: server.key\n"),
    (Bad, "tls_server_config:\n  cert_file: server.crt\n  key_file: ''\n"),
    (Bad, "tls_server_config:\n  cert_file: server.crt\n"),
    (Bad, "tls_server_config:\n  key_file: server.key\n"),
    (Bad, "tls_server_config:\n  cert_file: ''\n  key_file: ''\n  client_auth_type: x\n"),
    (Bad, "tls_server_config:\n  cert_file: none.crt\n  key_file: server.key\n"),
    (Bad, "tls_server_config:\n  cert_file: server.crt\n  key_file: none.key\n"),
    (Bad, "tls_server_config:\n  cert_file: server.crt\n  key_file: ca.key\n"),
    (Bad, "tls_server_config:\n  cert_file: server.key\n  key_file: server.key\n"),
    (Bad, "tls_server_config:\n  cert_file: server.crt\n  key_file: server.crt\n"),
    (Bad, "tls_server_config:\n  cert_file: /dev/null\n  key_file: /dev/null\n"),
    (Bad, "tls_server_config: []\n"),
    (Bad, "tls_server_config: server.crt\n"),
    (Good, "http_server_config:\n  http2: false\n"),
    (
        Good,
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-Content-Type-Options: nosniff\n    \
         X-XSS-Protection: 1\n    Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
         Content-Security-Policy: \"default-src 'self' *.example.net\"\n",
    ),
    (Bad, "http_server_config:\n  headers:\n    X-Frame-Options: DENY\n"),
    (Bad, "http_server_config:\n  headers:\n    x-frame-options: deny\n"),
    (Bad, "http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n"),
    (Bad, "http_server_config:\n  headers:\n    Server: x\n"),
    (Bad, "http_server_config:\n  header:\n    X-Frame-Options: deny\n"),
    (Bad, "http_server_config:\n  http2: maybe\n"),
    (Bad, "basic_auth_users:\n  john: doe\n"),
    (Bad, "basic_auth_users:\n  john: ''\n"),
    (Bad, "basic_auth_users:\n  john:\n"),
    (Bad, "basic_auth_users: [john]\n"),
    (Good, "basic_auth_users:\n"),
    (GoodIfNew, "rate_limit:\n  interval: 1s\n  burst: 5\n"),
    (GoodIfNew, "rate_limit:\n  interval: 0s\n"),
    (GoodIfNew, "rate_limit:\n"),
    (Bad, "rate_limit:\n  interval: often\n"),
    (Bad, "rate_limit:\n  every: 1s\n"),
    (Bad, "junk\n"),
    (Bad, "- junk\n"),
    (Bad, "a: b\n"),
    (Bad, "tls_server_config: {\n"),
    (Bad, "basic_auth_users: {}\nbasic_auth_users: {}\n"),
];

fn ours(file: &Path) -> Result<(), String> {
    let program = Command::new(badgateway().unwrap());
    let args = ["--web.listen-address", "127.0.0.1:0", "--web.config.file", file.to_str().unwrap()];
    Started::try_new(place(), program, &args, 1).map(drop)
}

fn judge(dir: &Path, verdict: Verdict, text: &str) {
    let file = dir.join("web.yml");
    std::fs::write(&file, text).unwrap();
    let ours = ours(&file);
    assert_eq!(ours.is_ok(), matches!(verdict, Good | GoodIfNew), "{verdict:?}: {ours:?}\n{text}");
    if let Err(message) = &ours {
        // The file or one that it names, and in the file the line.
        let place = message.split("--web.config.file: ").nth(1).unwrap_or_else(|| panic!("{message}"));
        let line = place.strip_prefix(&format!("{}:", file.display()));
        let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        let is_placed = line.is_some_and(|line| (1..=text.lines().count()).contains(&line));
        assert!(is_placed || place.contains("cannot be read"), "{text}{message}");
    }
    let promtool = find_program(&["promtool"], "promtool or prometheus").unwrap();
    let output = Command::new(promtool).args(["check", "web-config"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if verdict == GoodIfNew && said.contains("not found in type") {
        return;
    }
    assert_eq!(output.status.success(), verdict != Bad, "{verdict:?}: promtool: {said}\n{text}");
}

#[test]
fn the_toolkit_has_the_same_opinion_of_every_file() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    for (verdict, more) in WITH_TLS {
        judge(dir.path(), *verdict, &format!("{TLS}{more}"));
    }
    for (verdict, text) in WITHOUT_TLS {
        judge(dir.path(), *verdict, text);
    }
    for prefix in ["2a", "2b", "2y"] {
        judge(dir.path(), Good, &format!("basic_auth_users:\n  a: {}\n", HASH.replacen("2b", prefix, 1)));
    }
    for cost in ["00", "03", "32", "xx"] {
        judge(dir.path(), Bad, &format!("basic_auth_users:\n  a: {}\n", HASH.replacen("05", cost, 1)));
    }
    let inline = |name: &str| {
        let pem = std::fs::read_to_string(dir.path().join(name)).unwrap();
        pem.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let (crt, key, ca) = (inline("server.crt"), inline("server.key"), inline("ca.crt"));
    for (verdict, text) in [
        (GoodIfNew, format!("tls_server_config:\n  cert: |\n{crt}  key: |\n{key}")),
        (GoodIfNew, format!("tls_server_config:\n  cert_file: server.crt\n  key: |\n{key}")),
        (GoodIfNew, format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca: |\n{ca}")),
        (Bad, format!("{TLS}  client_ca: |\n{ca}")),
        (Bad, format!("tls_server_config:\n  cert: ''\n  key: |\n{key}")),
        (Bad, format!("tls_server_config:\n  cert: |\n{crt}  key: |\n{ca}")),
    ] {
        judge(dir.path(), verdict, &text);
    }
}

#[test]
fn keys_of_all_usual_kinds_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let kinds: [(&str, Verdict, &[&str]); 6] = [
        ("rsa", Good, &["rsa:2048"]),
        ("p256", Good, &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]),
        ("p384", Good, &["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"]),
        ("p521", BadForUs, &["ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]),
        ("ed25519", Good, &["ed25519"]),
        ("encrypted", Bad, &["rsa:2048", "-passout", "pass:secret"]),
    ];
    for (name, verdict, kind) in kinds {
        let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
        let mut args = vec!["req", "-x509", "-days", "2", "-subj", "/CN=x", "-keyout", &key, "-out", &crt];
        if name != "encrypted" {
            args.push("-nodes");
        }
        args.push("-newkey");
        args.extend(kind);
        openssl(dir.path(), &args);
        judge(dir.path(), verdict, &format!("tls_server_config:\n  cert_file: {crt}\n  key_file: {key}\n"));
    }
    openssl(dir.path(), &["rsa", "-in", "rsa.key", "-traditional", "-out", "pkcs1.key"]);
    openssl(dir.path(), &["ec", "-in", "p256.key", "-out", "sec1.key"]);
    for (crt, key, head) in
        [("rsa", "pkcs1", "BEGIN RSA PRIVATE KEY"), ("p256", "sec1", "BEGIN EC PRIVATE KEY")]
    {
        assert!(std::fs::read_to_string(dir.path().join(format!("{key}.key"))).unwrap().contains(head));
        judge(
            dir.path(),
            Good,
            &format!("tls_server_config:\n  cert_file: {crt}.crt\n  key_file: {key}.key\n"),
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_no_start() {
    let dir = tempfile::tempdir().unwrap();
    let error = ours(&dir.path().join("none.yml")).unwrap_err();
    assert!(error.contains("none.yml: cannot be read: No such file"), "{error}");
}
