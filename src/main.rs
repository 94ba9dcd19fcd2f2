//! The `badgateway` binary: everything of substance is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    badgateway::commands::main()
}
