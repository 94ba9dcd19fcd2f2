//! What nginx's command line and its build say of files.

use std::path::{Path, PathBuf};

/// How nginx was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `-c`, or where nginx was built to look: the main file, absolute.
    pub conf: PathBuf,
    /// `-p`, or as nginx was built: what logs are relative to. `None`: not known.
    pub prefix: Option<PathBuf>,
    /// `-g`: directives that are read before the file.
    pub globals: String,
}

impl Command {
    /// As far as the main file's place tells: `X/conf/nginx.conf` is where nginx's own build puts it under its prefix `X`,
    /// and OpenResty's. Distributions have it below `/etc`, and prefixes that differ.
    pub fn guess(conf: &Path) -> Self {
        let built = conf.parent().filter(|dir| dir.file_name().is_some_and(|name| name == "conf"));
        let prefix = built.and_then(Path::parent).map(Path::to_path_buf);
        Self { conf: conf.to_path_buf(), prefix, globals: String::new() }
    }

    /// What a path of a log is relative to the prefix; `None`: that is not known.
    pub(super) fn full(&self, path: &str) -> Option<PathBuf> {
        if path.starts_with('/') {
            return Some(path.into());
        }
        self.prefix.as_ref().map(|prefix| prefix.join(path))
    }

    /// Where nginx logs when no directive tells: by its own build below the prefix, by distributions in a directory of
    /// /var/log that is named as that of the main file, /etc/nginx or /etc/angie.
    pub(super) fn built_in(&self, name: &str) -> PathBuf {
        let dir = self.conf.parent().unwrap_or(Path::new("/"));
        match (dir.file_name(), &self.prefix) {
            (Some(last), Some(prefix)) if last == "conf" => prefix.join("logs").join(name),
            (Some(last), _) if dir.starts_with("/etc") || dir.starts_with("/usr/local/etc") => {
                Path::new("/var/log").join(last).join(name)
            }
            _ => Path::new("/var/log/nginx").join(name),
        }
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
            assert_eq!(command.built_in("access.log"), Path::new(log), "{conf}");
            assert_eq!(
                command.full("logs/x"),
                prefix.map(|prefix| Path::new(prefix).join("logs/x")),
                "{conf}"
            );
            assert_eq!(command.full("/x"), Some("/x".into()));
        }
    }
}
