//! What nginx's command line and its build say of files.

use std::path::{Path, PathBuf};

use crate::topology::nginx_build::NginxBuild;

/// How nginx was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `-c`, or where nginx was built to look: the main file, absolute.
    pub conf: PathBuf,
    /// `-p`, or as nginx was built: what logs are relative to. `None`: not known.
    pub prefix: Option<PathBuf>,
    /// `-g`: directives that are read before the file.
    pub globals: String,
    /// The access log where no directive tells, absolute.
    pub access_log: PathBuf,
    /// `-e`, or as nginx was built: the error log where no directive tells, absolute or `stderr`.
    pub error_log: PathBuf,
}

impl Command {
    /// As far as the main file's place tells: `X/conf/nginx.conf` is where nginx's own build puts it under its prefix `X`,
    /// and OpenResty's. Distributions have it below `/etc`, and prefixes that differ.
    pub fn guess(conf: &Path) -> Self {
        let built = conf.parent().filter(|dir| dir.file_name().is_some_and(|name| name == "conf"));
        let prefix = built.and_then(Path::parent).map(Path::to_path_buf);
        let logs = logs(conf, prefix.as_deref());
        Self {
            conf: conf.to_path_buf(),
            prefix,
            globals: String::new(),
            access_log: logs.join("access.log"),
            error_log: logs.join("error.log"),
        }
    }

    /// As a program with this build reads `conf`.
    pub fn built(conf: &Path, build: &NginxBuild) -> Self {
        let log = |path: &Option<PathBuf>, default: &str| {
            let path = path.as_deref().unwrap_or(Path::new(default));
            if path == Path::new(STDERR) { path.to_path_buf() } else { build.prefix.join(path) }
        };
        Self {
            conf: conf.to_path_buf(),
            prefix: Some(build.prefix.clone()),
            globals: String::new(),
            access_log: log(&build.access_log, "logs/access.log"),
            error_log: log(&build.error_log, "logs/error.log"),
        }
    }

    /// What a path of a log is relative to the prefix; `None`: that is not known.
    pub(super) fn full(&self, path: &str) -> Option<PathBuf> {
        if path.starts_with('/') {
            return Some(path.into());
        }
        self.prefix.as_ref().map(|prefix| prefix.join(path))
    }
}

/// An error log that is the standard error of nginx's master.
pub(super) const STDERR: &str = "stderr";

/// Where nginx logs when no directive tells: by its own build below the prefix, by distributions in a directory of
/// /var/log that is named as that of the main file, /etc/nginx or /etc/angie.
fn logs(conf: &Path, prefix: Option<&Path>) -> PathBuf {
    let dir = conf.parent().unwrap_or(Path::new("/"));
    match (dir.file_name(), prefix) {
        (Some(last), Some(prefix)) if last == "conf" => prefix.join("logs"),
        (Some(last), _) if dir.starts_with("/etc") || dir.starts_with("/usr/local/etc") => {
            Path::new("/var/log").join(last)
        }
        _ => "/var/log/nginx".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_file_s_place_tells_the_build() {
        for (conf, prefix, log) in [
            ("/etc/nginx/nginx.conf", None, "/var/log/nginx/access.log"),
            ("/etc/angie/angie.conf", None, "/var/log/angie/access.log"),
            ("/usr/local/etc/nginx/nginx.conf", None, "/var/log/nginx/access.log"),
            (
                "/usr/local/nginx/conf/nginx.conf",
                Some("/usr/local/nginx"),
                "/usr/local/nginx/logs/access.log",
            ),
            ("/srv/x.conf", None, "/var/log/nginx/access.log"),
        ] {
            let command = Command::guess(Path::new(conf));
            assert_eq!(command.prefix.as_deref(), prefix.map(Path::new), "{conf}");
            assert_eq!(command.access_log, Path::new(log), "{conf}");
            assert_eq!(
                command.full("logs/x"),
                prefix.map(|prefix| Path::new(prefix).join("logs/x")),
                "{conf}"
            );
            assert_eq!(command.full("/x"), Some("/x".into()));
        }
    }

    #[test]
    fn a_build_says_more_than_the_place() {
        let build = NginxBuild {
            prefix: "/usr/share/nginx".into(),
            error_log: Some("stderr".into()),
            access_log: Some("/var/log/nginx/access.log".into()),
            ..NginxBuild::default()
        };
        let command = Command::built(Path::new("/etc/nginx/nginx.conf"), &build);
        assert_eq!(command.full("logs/x"), Some("/usr/share/nginx/logs/x".into()));
        assert_eq!(command.error_log, Path::new("stderr"));
        let own = NginxBuild { prefix: "/opt/n".into(), ..NginxBuild::default() };
        let command = Command::built(Path::new("/opt/n/conf/nginx.conf"), &own);
        assert_eq!(
            (command.access_log, command.error_log),
            ("/opt/n/logs/access.log".into(), "/opt/n/logs/error.log".into())
        );
    }
}
