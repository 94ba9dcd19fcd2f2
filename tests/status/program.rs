//! Where PHP-FPM is. Its name has the version in it on Debian.

use std::path::PathBuf;

/// The path of PHP-FPM's program. Fails the test if there is none: what was not tried must not look tried.
pub(crate) fn php_fpm() -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]).filter(|dir| !dir.is_empty());
    for dir in dirs {
        for pattern in ["php-fpm", "php-fpm[0-9]*", "php[0-9]*-fpm"] {
            let found = glob::glob(&format!("{dir}/{pattern}")).ok().and_then(|paths| paths.flatten().last());
            if let Some(found) = found {
                return found;
            }
        }
    }
    panic!(
        "PHP-FPM is not installed, and this test compares with the real one: apt-get install php-fpm (or sh tests/setup.sh test)"
    )
}
