//! The web server under clients that do not behave: they send nothing, half a request, or never read their answer.
//!
//! `make test` runs the short form; with `SOAK=1`, as `make soak` sets it, the crowd is a thousand of each kind.

#![allow(clippy::disallowed_methods, reason = "the real binary is started")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod crowd;
mod few_descriptors;
mod shutdown;

use badgateway_harness::serve as support;
use std::fmt::Write as _;
use std::path::Path;

/// The long form is wanted.
fn soak() -> bool {
    std::env::var_os("SOAK").is_some_and(|value| value != "0")
}

/// An access log of so many servers, each with an upstream of its own: its page of metrics does not fit into a socket's
/// buffers.
fn wide_log(path: &Path, servers: usize) {
    let mut text = String::new();
    for n in 0..servers {
        let _ = writeln!(
            text,
            "192.0.2.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" server=\"s{n}.test\" pid=1 \
             connection={n} msec=1795187308.000 request_time=0.001 upstream_addr=\"unix:/run/php/p{n}.sock\" \
             upstream_status=\"200\" upstream_connect_time=\"0.000\" upstream_header_time=\"0.001\" \
             upstream_response_time=\"0.001\" upstream_bytes_received=\"5\" upstream_cache_status=\"-\""
        );
    }
    std::fs::write(path, text).unwrap();
}
