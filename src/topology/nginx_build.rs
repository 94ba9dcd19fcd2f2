//! What an nginx was built with. `nginx -V` prints a text that stands in the program file (`NGX_CONFIGURE`, printed by
//! `ngx_show_version_info` in src/core/nginx.c): it is read from there, because nothing is ever executed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memchr::memmem;

/// In front of the arguments of `./configure`.
const MARK: &[u8] = b"configure arguments:";

/// Bytes of a program that are looked at; OpenResty's, which links LuaJIT, has 20 MB.
const MOST: u64 = 64 << 20;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// Longest text of arguments; Debian's has 2 KB.
const LONGEST: usize = 32 << 10;

/// Arguments of `./configure`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NginxBuild {
    /// `--prefix`: what paths are relative to. Without it, /usr/local/nginx.
    pub prefix: PathBuf,
    /// `--conf-path`: the main file.
    pub conf: Option<PathBuf>,
    /// `--http-log-path`: the access log where none is named.
    pub access_log: Option<PathBuf>,
    /// `--error-log-path`: the error log where none is named; may be `stderr`.
    pub error_log: Option<PathBuf>,
}

impl NginxBuild {
    /// Reads them from a program. `None`: it cannot be read, or is no nginx.
    pub fn read(program: &Path) -> Option<Self> {
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(program).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let at = find(&file).ok().flatten()?;
        let mut text = vec![0; LONGEST];
        let n = file.read_at(&mut text, at).ok()?;
        let text = text.get(..n)?.split(|byte| matches!(byte, 0 | b'\n')).next()?;
        Some(Self::of(&String::from_utf8_lossy(text)))
    }

    fn of(text: &str) -> Self {
        let mut build = Self { prefix: "/usr/local/nginx".into(), ..Self::default() };
        for word in words(text) {
            let Some((name, value)) = word.split_once('=') else { continue };
            let value = PathBuf::from(value);
            match name {
                "--prefix" => build.prefix = value,
                "--conf-path" => build.conf = Some(value),
                "--http-log-path" => build.access_log = Some(value),
                "--error-log-path" => build.error_log = Some(value),
                _ => {}
            }
        }
        build
    }
}

/// Where the arguments begin in the file.
fn find(file: &File) -> io::Result<Option<u64>> {
    let finder = memmem::Finder::new(MARK);
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    while at < MOST {
        let n = file.read_at(&mut chunk, at)?;
        let Some(bytes) = chunk.get(..n).filter(|bytes| bytes.len() >= MARK.len()) else { break };
        if let Some(found) = finder.find(bytes) {
            return Ok(Some(at + (found + MARK.len()) as u64));
        }
        // The mark may lie across the end of this chunk.
        at += (n - MARK.len() + 1) as u64;
    }
    Ok(None)
}

/// The words of a command line, in which a value in single quotes may hold blanks.
fn words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for char in text.chars() {
        match char {
            '\'' => quoted = !quoted,
            ' ' if !quoted => out.push(std::mem::take(&mut word)),
            _ => word.push(char),
        }
    }
    out.push(word);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_found_wherever_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx");
        let text = "configure arguments: --with-cc-opt='-g --prefix=/no -O2' --prefix=/usr/share/nginx \
            --conf-path=/etc/nginx/nginx.conf --http-log-path=/var/log/nginx/access.log --error-log-path=stderr\n\0x";
        for before in [0, 5, CHUNK - 7, CHUNK, 2 * CHUNK + 1] {
            let mut bytes = vec![b'x'; before];
            bytes.extend(text.as_bytes());
            bytes.extend([0; 99]);
            std::fs::write(&file, bytes).unwrap();
            let build = NginxBuild::read(&file).unwrap();
            assert_eq!(build.prefix, Path::new("/usr/share/nginx"), "{before}");
            assert_eq!(build.conf.as_deref(), Some(Path::new("/etc/nginx/nginx.conf")));
            assert_eq!(build.access_log.as_deref(), Some(Path::new("/var/log/nginx/access.log")));
            assert_eq!(build.error_log.as_deref(), Some(Path::new("stderr")));
        }
    }

    #[test]
    fn without_arguments_it_is_nginx_s_own_build_and_other_files_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx");
        std::fs::write(&file, "\0configure arguments:\0").unwrap();
        assert_eq!(NginxBuild::read(&file).unwrap().prefix, Path::new("/usr/local/nginx"));
        for other in ["", "configure", "#!/bin/sh\n"] {
            std::fs::write(&file, other).unwrap();
            assert_eq!(NginxBuild::read(&file), None);
        }
        assert_eq!(NginxBuild::read(dir.path()), None);
        assert_eq!(NginxBuild::read(&dir.path().join("none")), None);
    }
}
