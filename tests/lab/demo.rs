//! The demo: real nginx, real PHP-FPM and Badgateway on this machine's loopback address. PHP is broken in seven ways,
//! one after the other, while visitors come and go; each time you see what they got and what Badgateway says.
//!
//! `cargo run --example demo -- [PATH TO badgateway]`; `make demo` does everything. About a minute, ends by itself,
//! and its exit code is 0 only if Badgateway was right each time.

#![allow(
    clippy::disallowed_methods,
    reason = "the demo starts programs and reads lines; the exporter never does, which is what clippy.toml guards"
)]

mod show;

use badgateway_harness as harness;

use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let binary =
        std::env::args_os().nth(1).map(PathBuf::from).or_else(|| harness::programs::badgateway().ok());
    let Some(binary) = binary.filter(|path| path.is_file()) else {
        eprintln!(
            "demo: no badgateway binary. Build it (cargo build --release) and give its path as argument."
        );
        return ExitCode::from(2);
    };
    match show::run(&binary) {
        Ok(show::End::AllMatch) => ExitCode::SUCCESS,
        Ok(show::End::Mismatch) => ExitCode::FAILURE,
        Ok(show::End::Interrupted) => {
            eprintln!("\ndemo: stopped; nothing is left running");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\ndemo: {error}");
            ExitCode::from(2)
        }
    }
}
