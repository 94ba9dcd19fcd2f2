//! Where programs are: those of the distribution, and the one under test.

use std::path::PathBuf;

use crate::Result;

/// Where distributions put servers and tools. An ordinary user's `$PATH` lacks those of root on Debian.
const DIRECTORIES: &[&str] = &["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// The first of `names` that is an executable of the usual system directories or of `$PATH`.
///
/// A name may be a pattern (Debian calls the program `php-fpm8.2`); of several that fit, the last one by name is taken.
pub fn find_program(names: &[&str], package: &str) -> Result<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories: Vec<&str> =
        DIRECTORIES.iter().copied().chain(path.split(':').filter(|part| !part.is_empty())).collect();
    for name in names {
        for directory in &directories {
            let found = glob::glob(&format!("{directory}/{name}"))?.flatten().filter(|path| path.is_file());
            if let Some(last) = found.last() {
                return Ok(last);
            }
        }
    }
    Err(format!("{} is not installed (package {package}): run `sh tests/setup.sh test`", names[0]).into())
}

/// PHP-FPM's program.
pub fn php_fpm() -> Result<PathBuf> {
    find_program(&["php-fpm", "php-fpm[0-9]*", "php[0-9]*-fpm"], "php-fpm")
}

/// The program under test, of the same build as the test or example that asks.
pub fn badgateway() -> Result<PathBuf> {
    // Cargo says where it is since 1.94. Before, both lie in one directory: `target/debug/badgateway` and
    // `target/debug/deps/NAME-HASH` or `target/debug/examples/NAME`.
    let told = std::env::var_os("CARGO_BIN_EXE_badgateway").map(PathBuf::from);
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("badgateway"));
    let found = told.or_else(beside).filter(|path| path.is_file());
    found.ok_or_else(|| "the program badgateway is not built: cargo build".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_too() {
        let shell = find_program(&["s[h]"], "dash").unwrap();
        assert!(shell.ends_with("sh"), "{shell:?}");
        assert_eq!(find_program(&["no-such-program", "sh"], "dash").unwrap(), shell);
    }

    #[test]
    fn what_is_missing_is_said_with_its_package() {
        let error = find_program(&["no-such-*"], "no-package").unwrap_err().to_string();
        assert!(error.starts_with("no-such-* is not installed (package no-package)"), "{error}");
    }
}
