//! A flood of wrong passwords: honest scrapes are answered all the same.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use badgateway_harness::serve::get;

use super::users::base64;
use super::{Started, place};

#[test]
fn a_flood_of_wrong_passwords_does_not_stop_honest_scrapes() {
    // "right" at cost 10, what htpasswd -C 10 makes.
    let hash = bcrypt_of_right();
    let serve = Started::configured(place(), &format!("basic_auth_users:\n  prometheus: {hash}\n"));
    let header = format!("Authorization: Basic {}\r\n", base64(b"prometheus:right"));
    let scrape = || {
        let start = Instant::now();
        let (code, _, _) = get(serve.address(), "/metrics", &header).unwrap();
        (code, start.elapsed())
    };
    assert_eq!(scrape().0, 200);
    let (stop, tried) = (AtomicBool::new(false), AtomicU64::new(0));
    let times = std::thread::scope(|scope| {
        for client in 0..60 {
            let (stop, tried, serve) = (&stop, &tried, &serve);
            scope.spawn(move || {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let header = format!(
                        "Authorization: Basic {}\r\n",
                        base64(format!("prometheus:{client}-{n}").as_bytes())
                    );
                    if let Ok((code, _, _)) = get(serve.address(), "/metrics", &header) {
                        assert!([401, 429].contains(&code), "{code}");
                        tried.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        while tried.load(Ordering::Relaxed) < 100 {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        // Nothing here may panic before the others are told to stop.
        let times: Vec<_> = (0..20).map(|_| scrape()).collect();
        stop.store(true, Ordering::Relaxed);
        times
    });
    let longest = times.iter().map(|(_, time)| *time).max().unwrap();
    println!("beside {} wrong passwords 20 scrapes took at most {longest:?}", tried.load(Ordering::Relaxed));
    assert!(times.iter().all(|(code, _)| *code == 200), "{times:?}");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

/// "right", hashed by the command that the README gives: that of Perl, which is on every Debian.
fn bcrypt_of_right() -> String {
    let output = std::process::Command::new("perl")
        .args(["-e", r#"print crypt("right", "\$2b\$10\$abcdefghijklmnopqrstuu")"#])
        .output()
        .unwrap();
    let hash = String::from_utf8(output.stdout).unwrap();
    assert_eq!(hash.len(), 60, "{hash}");
    hash
}
