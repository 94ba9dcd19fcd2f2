//! Our reading of PHP-FPM's configuration, compared with what PHP-FPM itself prints with `-tt`.

mod compare;
mod dump;
#[path = "../status/program.rs"]
mod program;
