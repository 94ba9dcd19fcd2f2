//! The page at `/` in a real browser, during real failures.
//!
//! A short form runs with `make test`, all of it with `make page`, which keeps pictures in `target/page/`.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests start programs and read lines; the exporter never does, which is what clippy.toml guards"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic with a message is how a test fails")]

mod browser;
mod failures;
mod history;
mod layout;
mod live;
mod picture;
mod site;

use std::{path::PathBuf, sync::Mutex};

use badgateway_harness::{self as harness, root::not_run};
use browser::Browser;

/// Whether everything is to be tried, which takes a few minutes.
fn all() -> bool {
    std::env::var_os("PAGE").is_some()
}

/// Where pictures are kept.
fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/page")
}

/// A browser; where there is none, that is said.
fn browser(test: &str) -> Option<Browser> {
    let Some(chromium) = browser::program() else {
        not_run(&format!("page: {test}"), "no Chromium is installed");
        return None;
    };
    Some(Browser::start(&chromium).expect("a browser"))
}

/// One at a time: an exporter sees every PHP-FPM of the machine, and would tell of the other's.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
