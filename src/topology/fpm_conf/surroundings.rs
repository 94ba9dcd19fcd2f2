//! What PHP-FPM knows from elsewhere: where it was built to live, and its environment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The surroundings in which a configuration is read.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Stands for `/`: `/proc/PID/root` shows what a process in another mount namespace sees.
    pub root: PathBuf,
    /// What relative paths are relative to: `php-fpm -p`, else `PHP_PREFIX` as compiled in.
    pub prefix: PathBuf,
    /// What a relative `error_log` and `pid` are relative to: `php-fpm -p`, else `PHP_LOCALSTATEDIR`.
    pub state: PathBuf,
    /// The environment of the master, for `${NAME}`.
    pub env: HashMap<Vec<u8>, Vec<u8>>,
}

impl Surroundings {
    /// Guesses the compiled-in directories from the main file's place: `X/etc/php-fpm.conf` is where PHP's own build
    /// puts it under its prefix `X` (the official images: `/usr/local`), with the state in `X/var`. Distributions put it
    /// below `/etc` and build with `/usr` and `/var`; their files spell paths out anyway.
    pub fn guess(path: &Path, root: &Path) -> Self {
        let built = path.parent().filter(|dir| dir.file_name().is_some_and(|name| name == "etc"));
        let prefix = built.and_then(Path::parent).filter(|prefix| *prefix != Path::new("/"));
        let (prefix, state) = match prefix {
            Some(prefix) if prefix.is_absolute() => (prefix.to_path_buf(), prefix.join("var")),
            _ => (PathBuf::from("/usr"), PathBuf::from("/var")),
        };
        Self { root: root.to_path_buf(), prefix, state, env: HashMap::new() }
    }

    /// `fpm_evaluate_full_path`, as text: PHP-FPM binds a socket under exactly this spelling, doubled slashes and all,
    /// and it is by its spelling that the kernel and nginx name a socket. An empty prefix is one: `/`.
    pub(super) fn under_prefix(&self, path: &str, pool: Option<&str>) -> String {
        match pool {
            _ if path.starts_with('/') => path.to_owned(),
            Some("") => format!("/{path}"),
            Some(pool) => format!("{}/{path}", self.under_prefix(pool, None)),
            None => format!("{}/{path}", self.prefix.display()),
        }
    }

    pub(super) fn under_state(&self, path: &str) -> PathBuf {
        self.state.join(path)
    }

    pub(super) fn lookup(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.env.get(name).cloned()
    }
}
