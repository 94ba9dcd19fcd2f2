//! What is printed, to the letter. `BADGATEWAY_WRITE_DOCS=1` writes it anew.

use std::path::Path;

use crate::command::run;

fn golden(name: &str, root: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check");
    let output = run(&[
        "--path.rootfs",
        dir.join(root).to_str().unwrap(),
        "--nginx-config",
        "/etc/nginx/nginx.conf",
        "--fpm-config",
        "/etc/php/8.2/fpm/php-fpm.conf",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    let file = dir.join(name);
    if std::env::var_os("BADGATEWAY_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{name} is out of step: run with BADGATEWAY_WRITE_DOCS=1\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

/// Debian's packages as they are installed, with the lines of its site that run PHP uncommented: nothing is red, and it fits
/// on a screen.
#[test]
fn a_stock_debian() {
    golden("debian.txt", "debian");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check");
    let text = std::fs::read_to_string(dir.join("debian.txt")).unwrap();
    assert!(text.ends_with("0 errors, 0 warnings, 3 info\n") && text.lines().count() <= 50, "{text}");
}

/// The same after an upgrade to PHP 8.4 that left the site behind, with lines that were found in the wild.
#[test]
fn a_site_that_was_left_behind() {
    golden("upgraded.txt", "upgraded");
}
