//! Configurations as short texts, and what is found in them.

use std::path::{Path, PathBuf};

use badgateway::check::finding::Finding;
use badgateway::check::machine::Machine;
use badgateway::check::site::Site;
use badgateway::check::{findings, read};
use badgateway::topology::loader::ConfigLimits;

/// A directory with a configuration of nginx and one of PHP-FPM.
pub struct Fixture {
    pub dir: tempfile::TempDir,
}

impl Fixture {
    /// `@D@` in a text is the directory. `fpm`: sections; `[global]` is there.
    pub fn new(nginx: &str, fpm: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Self { dir };
        fixture.write("nginx.conf", nginx);
        if !fpm.is_empty() {
            fixture.write("php-fpm.conf", &format!("[global]\nerror_log = @D@/fpm.log\n{fpm}"));
        }
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), self.filled(text)).unwrap();
    }

    /// With the directory's path in it.
    pub fn filled(&self, text: &str) -> String {
        text.replace("@D@", &self.dir.path().display().to_string())
    }

    pub fn site(&self) -> Site {
        let fpm: Vec<_> = [self.path("php-fpm.conf")].into_iter().filter(|path| path.exists()).collect();
        read::files(&[self.path("nginx.conf")], &fpm, Path::new("/"), &ConfigLimits::default()).unwrap()
    }

    pub fn findings(&self, machine: Option<&Machine>) -> Vec<Finding> {
        findings(&self.site(), machine)
    }
}

/// The findings of a rule.
pub fn of<'a>(findings: &'a [Finding], rule: &str) -> Vec<&'a Finding> {
    findings.iter().filter(|finding| finding.rule == rule).collect()
}

/// `http { … server { … } }` around the lines of a location that PHP answers.
pub fn php(location: &str) -> String {
    site("", location)
}

/// The same with lines of `http`.
pub fn site(http: &str, location: &str) -> String {
    format!(
        "error_log @D@/error.log;\npid @D@/pid;\nevents {{ }}\nhttp {{\naccess_log @D@/access.log;\n{http}\n\
         server {{\nlisten 127.0.0.1:8099;\nlocation / {{\n{location}\n}}\n}}\n}}\n"
    )
}

/// The section of a pool.
pub fn pool(listen: &str, more: &str) -> String {
    format!("[www]\nlisten = {listen}\npm = static\npm.max_children = 5\n{more}\n")
}
