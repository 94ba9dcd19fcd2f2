//! The first fix for a header that is too big, typed as it is printed.

use std::process::Command;

use badgateway::vocabulary::{Cause, RootCause};

/// The directives about buffers in a text.
fn directives(text: &str) -> Vec<&str> {
    let begins = ["fastcgi_", "proxy_"].iter().flat_map(|family| text.match_indices(family));
    let whole = begins.filter_map(|(at, _)| Some(&text[at..=at + text[at..].find(';')?]));
    whole.filter(|text| text.split(' ').next().is_some_and(|name| name.contains("buffer"))).collect()
}

fn tests(directives: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("nginx.conf");
    std::fs::write(
        &config,
        format!(
            "error_log stderr; pid nginx.pid; events {{}} http {{ access_log off; {directives} server {{ listen 127.0.0.1:1; \
             location / {{ fastcgi_pass 127.0.0.1:2; }} location /p {{ proxy_pass http://127.0.0.1:2; }} }} }}"
        ),
    )
    .unwrap();
    let nginx = badgateway_harness::programs::find_program(&["nginx"], "nginx").unwrap();
    let output =
        Command::new(nginx).arg("-t").arg("-p").arg(dir.path()).arg("-c").arg(&config).output().unwrap();
    // Without root it may not open what it was built with, which has nothing to do with buffers.
    !String::from_utf8_lossy(&output.stderr).contains("buffer")
}

#[test]
fn nginx_takes_the_buffers_as_they_are_printed() {
    assert!(!tests("fastcgi_buffer_size 32k;"), "alone it is refused, or this test shows nothing");
    assert!(!tests("proxy_buffer_size 32k;"));
    let runbook = include_str!("../../alerts/runbooks/Nginx502InvalidResponse.md");
    for text in [Cause::HeaderTooBig.fix(), RootCause::BuffersTooSmall.fix(), runbook] {
        let directives = directives(text);
        assert_eq!(directives.len(), 6, "{directives:?}");
        assert!(tests(&directives.concat()), "{directives:?}");
        // A limit on busy buffers that a configuration has around it is no obstacle.
        assert!(tests(&format!(
            "fastcgi_busy_buffers_size 12k; proxy_busy_buffers_size 12k; server {{ listen 127.0.0.1:3; {} }}",
            directives.concat()
        )));
    }
}
