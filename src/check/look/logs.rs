//! The logs that nginx and PHP-FPM write: sizes, who may read them, their ends, their disks, and who rotates them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::files::way;
use crate::check::machine::{LogFile, Machine, User};
use crate::check::site::Site;
use crate::topology::fpm_conf::ErrorLog;
use crate::topology::nginx_conf::LogTarget;

/// So much of a log's end is looked at.
const TAIL: u64 = 256 << 10;
/// Of so many logs, at most; the others' ends are not looked at.
const TAILS: usize = 32;
/// Of a hoster's thousands of logs.
const LOGS: usize = 4096;

/// Looks at each log. `reader`: who will follow them; `None`: we ourselves.
pub(super) fn look(site: &Site, reader: Option<&User>, machine: &mut Machine) {
    let mut tails = 0;
    for path in paths(site) {
        let Ok(meta) = fs::metadata(&path) else { continue };
        if !meta.is_file() || machine.logs.len() >= LOGS {
            continue;
        }
        let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path).ok();
        let readable = match reader {
            Some(user) => may_read(user, &path),
            None => opened.is_some(),
        };
        let mut tail = Vec::new();
        if let Some(mut file) = opened.filter(|_| tails < TAILS) {
            tails += 1;
            let begin = meta.len().saturating_sub(TAIL);
            let read = file.seek(SeekFrom::Start(begin)).and_then(|_| file.take(TAIL).read_to_end(&mut tail));
            if read.is_err() {
                tail.clear();
            }
        }
        let disk = rustix::fs::statvfs(&path).ok().map(|disk| {
            (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize))
        });
        machine.logs.insert(path, LogFile { size: meta.len(), readable, disk, tail });
    }
    machine.rotated = rotated(Path::new("/etc"));
}

fn paths(site: &Site) -> Vec<PathBuf> {
    let mut all = BTreeMap::new();
    for nginx in &site.nginx {
        for server in &nginx.config.http.servers {
            let access = server.access_logs().map(|log| (&log.target, log.place.is_some()));
            let levels = server.levels.iter();
            let errors = levels
                .flat_map(|level| level.error_logs.iter())
                .map(|log| (&log.target, log.place.is_some()));
            for (target, _) in access.chain(errors) {
                if let LogTarget::File(path) = target {
                    all.insert(path.clone(), ());
                }
            }
        }
    }
    for fpm in site.fpm.iter().filter(|fpm| fpm.shown) {
        if let ErrorLog::File(path) = &fpm.config.error_log {
            all.insert(path.clone(), ());
        }
    }
    all.into_keys().collect()
}

fn may_read(user: &User, path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let way = way(&path);
    match way.split_last() {
        Some((file, directories)) => {
            user.may(4, file) && directories.iter().all(|directory| user.may(1, directory))
        }
        None => false,
    }
}

/// The patterns of all files that logrotate has.
fn rotated(etc: &Path) -> Option<Vec<String>> {
    let main = fs::read_to_string(etc.join("logrotate.conf")).ok()?;
    let mut texts = vec![main];
    for entry in fs::read_dir(etc.join("logrotate.d")).ok()?.flatten() {
        if entry.path().is_file() {
            texts.push(fs::read_to_string(entry.path()).ok()?);
        }
    }
    Some(texts.iter().flat_map(|text| patterns(text)).collect())
}

/// The paths before each `{`, which may stand on lines of their own.
fn patterns(text: &str) -> Vec<String> {
    let (mut out, mut depth) = (Vec::new(), 0_usize);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if depth == 0 {
            let words = line.split('{').next().unwrap_or_default().split_whitespace();
            let paths =
                words.map(|word| word.trim_matches(['"', '\'', ','])).filter(|word| word.starts_with('/'));
            out.extend(paths.map(str::to_owned));
        }
        depth += usize::from(line.ends_with('{'));
        depth = depth.saturating_sub(usize::from(line == "}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_before_braces_are_rotated() {
        let text = "weekly\ninclude /etc/logrotate.d\n/var/log/nginx/*.log {\n  daily\n  postrotate\n    /bin/x /var/run/y\n  endscript\n}\n\
            # /var/log/not\n\"/var/log/a b.log\"\n/var/log/c.log\n{\n  su root\n}\n";
        let found = patterns(text);
        for wanted in ["/var/log/nginx/*.log", "/var/log/c.log"] {
            assert!(found.iter().any(|path| path == wanted), "{found:?}");
        }
        assert!(!found.iter().any(|path| path.contains("not") || path == "/var/run/y"), "{found:?}");
    }
}
