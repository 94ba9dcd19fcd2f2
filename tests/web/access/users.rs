//! Users and passwords, and the limit of requests, from outside.

use std::time::{Duration, Instant};

use badgateway_harness::serve::get;

use super::{HASH, Started, curl, place};

#[test]
fn only_who_is_listed_is_answered() {
    let serve = Started::configured(place(), &format!("basic_auth_users:\n  prometheus: {HASH}\n"));
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/runbooks", "/none"] {
        assert_eq!(serve.code(path, &[]), 401, "{path}");
        for wrong in ["prometheus:wrong", "nobody:right", "prometheus:", ":right", "prometheus:right "] {
            assert_eq!(serve.code(path, &["--user", wrong]), 401, "{path} {wrong}");
        }
    }
    for _ in 0..2 {
        serve.until(|serve| serve.code("/-/ready", &["--user", "prometheus:right"]) == 200);
        assert_eq!(serve.code("/metrics", &["--user", "prometheus:right"]), 200);
        assert_eq!(serve.code("/none", &["--user", "prometheus:right"]), 404);
    }
    let refused = curl(&serve.url("/metrics"), &["--include"]);
    let text = String::from_utf8_lossy(&refused.stdout).to_ascii_lowercase();
    assert!(text.contains("www-authenticate: basic") && !text.contains("badgateway_"), "{text}");
    for header in ["Authorization: Bearer x", "Authorization: Basic !!!", "Authorization: Basic"] {
        assert_eq!(serve.code("/metrics", &["--header", header]), 401, "{header}");
    }
    // A user who is taken out is out, with what was remembered of him.
    std::fs::write(serve.path("web.yml"), format!("basic_auth_users:\n  other: {HASH}\n")).unwrap();
    serve.until(|serve| serve.code("/metrics", &["--user", "prometheus:right"]) == 401);
    assert_eq!(serve.code("/metrics", &["--user", "other:right"]), 200);
    assert!(!serve.log().contains("$2b$") && !serve.log().contains("right"), "{}", serve.log());
}

#[test]
fn more_requests_than_the_limit_are_refused() {
    let serve = Started::configured(place(), "rate_limit:\n  interval: 1h\n  burst: 3\n");
    let codes: Vec<_> = (0..6).map(|_| serve.code("/-/healthy", &[])).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429, 429]);
}

#[test]
fn wrong_users_wrong_passwords_and_right_ones_take_the_same_time() {
    // Each right pair is asked once: later it is remembered. The costs differ, too.
    let names: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let users: String = names.iter().map(|name| format!("  {name}: {HASH}\n")).collect();
    let slowest = "$2b$10$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
    let serve = Started::configured(place(), &format!("basic_auth_users:\n{users}  slow: {slowest}\n"));
    let time = |pair: &str, code: u16| {
        let header = format!("Authorization: Basic {}\r\n", base64(pair.as_bytes()));
        let start = Instant::now();
        let (got, _, _) = get(serve.address(), "/-/healthy", &header).unwrap();
        assert_eq!(got, code, "{pair}");
        start.elapsed()
    };
    // The least of each: what the machine's other work adds is not ours, and goes with more rounds. A difference that is ours
    // stays however many there are.
    let mut least = [Duration::MAX; 4];
    let ratio = |least: &[Duration; 4]| {
        let (min, max) = (least.iter().min().unwrap(), least.iter().max().unwrap());
        max.as_secs_f64() / min.as_secs_f64()
    };
    for (n, name) in names.iter().enumerate() {
        let round = [
            time(&format!("{name}:right"), 200),
            time(&format!("{name}:wrong{n}"), 401),
            time(&format!("nobody{n}:right"), 401),
            time(&format!("slow:wrong{n}"), 401),
        ];
        least.iter_mut().zip(round).for_each(|(least, time)| *least = time.min(*least));
        if n >= 4 && ratio(&least) < 1.5 {
            break;
        }
    }
    println!("right, wrong, nobody, wrong of the highest cost: {least:?}, {:.2}", ratio(&least));
    assert!(
        least.iter().all(|least| *least > Duration::from_millis(5)),
        "{least:?}: a hash is always computed"
    );
    assert!(ratio(&least) < 1.5, "{least:?}");
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = usize::try_from(n >> (18 - 6 * at) & 63).unwrap();
            out.push(if at <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    out
}
